"""A payment's id leads back to its ledger, its debt and its file; nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.cash.payment_ids import (
    OtherLedger,
    PaymentId,
    message_id,
    parse_message_id,
    parse_payment_id,
    payment_id,
)

OURS = "4e6e7b1a71f03efa841b98a04f99cbe8"
THEIRS = "00000000" + OURS[8:]


def test_an_id_names_ledger_debt_and_file() -> None:
    assert payment_id(OURS, 12, 3) == "REFUNDCTL-4e6e7b1a-12-3"
    assert message_id(OURS, 3) == "REFUNDCTL-4e6e7b1a-3"


@given(st.integers(1, 9_999_999_999), st.integers(1, 99_999))
def test_what_was_written_is_read_again_and_is_never_too_long(debt: int, cash_file: int) -> None:
    text = payment_id(OURS, debt, cash_file)
    assert len(text) <= 35, "Max35Text of ISO 20022"
    assert parse_payment_id(text, OURS) == PaymentId(debt, cash_file)
    assert parse_payment_id(text, THEIRS) == OtherLedger()
    assert parse_message_id(text, OURS) is None
    assert parse_message_id(message_id(OURS, cash_file), OURS) == cash_file
    assert parse_message_id(message_id(OURS, cash_file), THEIRS) == OtherLedger()


def test_a_number_names_a_debt_alone() -> None:
    assert parse_payment_id("12", OURS) == PaymentId(12, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c12",
        "-12",
        "１２",
        "1" * 19,
        "NOTPROVIDED",
        "REFUNDCTL-4e6e7b1a-3",
        "refundctl-4e6e7b1a-12-3",
        "REFUNDCTL-4e6e7b1a-12-3-1",
    ],
)
def test_nothing_else_names_a_payment(text: str) -> None:
    assert parse_payment_id(text, OURS) is None
