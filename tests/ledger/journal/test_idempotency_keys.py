"""What was answered under a key is answered again, word by word, and a key is used once."""

import sqlite3

import pytest

from refundctl.ledger.journal import idempotency_keys
from support.desks.funded_desk import FundedDesk

ASKED = "a" * 64


def test_an_answer_is_found_under_its_key_only(desk: FundedDesk) -> None:
    idempotency_keys.keep(desk.connection, "key-1", ASKED, '{"facts":{}}', desk.run_id)
    found = idempotency_keys.answer_under(desk.connection, "key-1")
    assert found is not None
    assert (found.arguments, found.answer, found.run_id) == (ASKED, '{"facts":{}}', desk.run_id)
    assert idempotency_keys.answer_under(desk.connection, "KEY-1") is None


def test_a_key_is_used_once(desk: FundedDesk) -> None:
    idempotency_keys.keep(desk.connection, "key-1", ASKED, "{}", desk.run_id)
    with pytest.raises(sqlite3.IntegrityError, match="idempotency_keys is append-only"):
        idempotency_keys.keep(desk.connection, "key-1", ASKED, "{}", desk.run_id)
