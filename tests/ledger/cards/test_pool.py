"""Cards that wait for a holder: in which order they are taken, and which printed codes clash with a card."""

import pytest

from refundctl.domain.cards.printed_codes import lookalike_key
from refundctl.ledger.cards import pool
from refundctl.ledger.cards.codes import CodesExhausted
from support.desks.funding_desk import FundingDesk

STATIC = {"type": "STATIC", "vouchers_count": 2}


def test_cards_of_the_pool_are_taken_in_their_order_until_there_are_none() -> None:
    desk = FundingDesk(**STATIC)
    desk.load("booking_id,order_amount\nB1,100\nB2,100\nB3,100\n")
    connection = desk.ledger.connection
    assert (pool.made_beforehand(connection, 1), pool.free_cards(connection, 1)) == (2, 2)
    found = desk.publish()
    assert (found.published, found.short, found.skipped_by_reason) == (2, 1, {pool.NO_CARD_LEFT: 1})
    assert desk.read("SELECT card, booking FROM assignments ORDER BY card") == [(1, 1), (2, 2)]
    assert (pool.made_beforehand(connection, 1), pool.free_cards(connection, 1)) == (2, 0)
    desk.say(**{**STATIC, "vouchers_count": 3})
    assert desk.publish().published == 1


def test_printed_codes_are_told_from_known_ones_and_from_those_that_look_like_them() -> None:
    desk = FundingDesk()
    connection = desk.ledger.connection
    with desk.run() as run_id:
        assert pool.compare_printed(connection, 1, [(2, "K7QD-2MXW"), (3, "Z3FG-8VJ0")], lookalike_key) == []
        assert pool.import_printed(connection, 1, run_id) == 2
        again = [(2, "k7qd2mxw"), (3, "Z3FG-8VJO"), (4, "M9HX-4CRT")]
        [clash] = pool.compare_printed(connection, 1, again, lookalike_key)
        assert (clash.line, clash.card, clash.same) == (3, 2, False)
    assert (pool.made_beforehand(connection, 1), pool.free_cards(connection, 1)) == (0, 2)


def test_a_pattern_that_is_used_up_is_refused_and_nothing_is_made() -> None:
    desk = FundingDesk()
    with desk.run() as run_id:
        pool.make_cards(desk.ledger.connection, 1, run_id, lambda _: ["A1", "A2", "a-1"], 2)
        with pytest.raises(CodesExhausted, match="only 1 of 2 new codes"):
            pool.make_cards(desk.ledger.connection, 1, run_id, lambda _: ["A1", "A2", "A3"], 2)
    assert desk.read("SELECT code FROM cards") == [("A1",), ("A2",)]
    assert desk.read("SELECT code_key, card FROM codes ORDER BY card") == [("A1", 1), ("A2", 2)]
