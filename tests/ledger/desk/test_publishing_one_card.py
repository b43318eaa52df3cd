"""Handing out a single card: of the pool first, else a new one, each with its place among its holder's cards."""

import sqlite3
from collections.abc import Sequence

import pytest

from refundctl.ledger.cards.codes import CodesExhausted
from refundctl.ledger.desk import card_events
from refundctl.ledger.desk.publishing_one_card import Recipient, hand_out, hand_out_card
from support.desks.funding_desk import FundingDesk

HELD = "SELECT id, customer, booking, ordinal, expires_on FROM held_cards ORDER BY id"
ANA, BEARER = Recipient(1, 1, None, "2020-12-31"), Recipient(1, None, None, None)


def with_ana(**keys: object) -> FundingDesk:
    desk = FundingDesk(**keys)
    desk.load("booking_id,customer_id,order_amount\nB1,ana,100\n")
    return desk


def give(desk: FundingDesk, to: Recipient, *codes: Sequence[str]) -> int | None:
    draws = iter(codes)
    with desk.run() as run_id:
        return hand_out(desk.ledger.connection, to, run_id, (lambda _: list(next(draws))) if codes else None)


def test_cards_of_the_pool_go_first_and_those_that_are_blocked_stay() -> None:
    desk = with_ana(type="STATIC", vouchers_count=3)
    with desk.run() as run_id:
        card_events.post_event(desk.ledger.connection, 1, "disabled", None, run_id)
    assert [give(desk, to) for to in (ANA, BEARER, ANA)] == [2, 3, None]
    assert desk.read(HELD) == [(2, 1, None, 1, "2020-12-31")]
    assert desk.read("SELECT card, expires_on FROM activations") == [(3, None)]


def test_a_new_card_is_its_holders_from_the_start_and_numbered_among_their_own() -> None:
    desk = with_ana()
    of_booking = Recipient(1, 1, 1, None)
    given = [(ANA, "A-1"), (of_booking, "B-2"), (of_booking, "C-3"), (ANA, "D-4")]
    assert [give(desk, to, [code]) for to, code in given] == [1, 2, 3, 4]
    assert desk.read(HELD) == [
        (1, 1, None, 1, "2020-12-31"),
        (2, 1, 1, 1, None),
        (3, 1, 1, 2, None),
        (4, 1, None, 2, "2020-12-31"),
    ]
    assert desk.read("SELECT code_key FROM codes ORDER BY card") == [("A1",), ("B2",), ("C3",), ("D4",)]


def test_a_new_card_of_a_bearer_is_nobodys_and_alive() -> None:
    desk = with_ana()
    assert give(desk, Recipient(1, None, None, "2020-12-31"), ["A1"]) == 1
    assert desk.read("SELECT customer, ordinal, expires_on FROM cards") == [(None, None, None)]
    assert desk.read("SELECT card, expires_on FROM activations") == [(1, "2020-12-31")]


def test_a_code_that_is_there_already_is_drawn_anew_until_the_pattern_is_used_up() -> None:
    desk = with_ana()
    give(desk, ANA, ["A-1"])
    assert give(desk, ANA, ["a1"], ["a 1", "B2", "C3"]) == 2
    assert desk.read("SELECT code FROM cards ORDER BY id") == [("A-1",), ("B2",)]
    with pytest.raises(CodesExhausted):
        give(desk, ANA, *[["a1"]] * 11)


def test_a_card_that_has_a_holder_is_not_handed_out_again() -> None:
    desk = with_ana(type="STATIC", vouchers_count=1)
    give(desk, ANA)
    with desk.run() as run_id, pytest.raises(sqlite3.IntegrityError):
        hand_out_card(desk.ledger.connection, 1, ANA, run_id)
    assert desk.read("SELECT count(*) FROM assignments") == [(1,)]
