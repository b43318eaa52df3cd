"""A transfer moves all that a card holds, bucket by bucket, and leaves the card dead."""

import sqlite3

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.desk.transferring import transfer
from support.desks.funded_desk import FundedDesk

MOVED = "id, card, type, bucket, amount_minor, contra_account, reason, related_transaction"


def move(desk: FundedDesk, card: int, successor: int, balance: Buckets) -> list[int]:
    return transfer(
        desk.connection,
        card=card,
        successor=successor,
        campaign=1,
        balance=balance,
        reason="lost",
        run_id=desk.run_id,
    )


def test_bonus_stays_bonus_and_each_addition_names_its_removal(desk: FundedDesk) -> None:
    assert move(desk, 3, 2, Buckets(30_00, 5_00)) == [7, 8, 9, 10]
    assert desk.written(MOVED, "transactions") == [
        (7, 3, "CREDITS_REMOVAL", "paid", -30_00, "transfers", "lost", None),
        (8, 2, "CREDITS_ADDITION", "paid", 30_00, "transfers", "lost", 7),
        (9, 3, "CREDITS_REMOVAL", "bonus", -5_00, "transfers", "lost", None),
        (10, 2, "CREDITS_ADDITION", "bonus", 5_00, "transfers", "lost", 9),
    ]
    assert desk.read("SELECT card, paid_minor, bonus_minor FROM card_balances WHERE card > 1") == [
        (2, 60_00, 5_00),
        (3, 0, 0),
    ]
    assert desk.written("card, successor, reason", "transfers") == [(3, 2, "lost")]


def test_a_card_that_holds_nothing_is_dead_all_the_same(desk: FundedDesk) -> None:
    assert move(desk, 3, 2, Buckets()) == []
    assert desk.written("card, successor", "transfers") == [(3, 2)]


def test_a_card_moves_once_and_not_to_itself(desk: FundedDesk) -> None:
    move(desk, 3, 2, Buckets())
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        move(desk, 3, 1, Buckets())
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        move(desk, 1, 1, Buckets())


def test_more_than_it_holds_does_not_move(desk: FundedDesk) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="below zero"):
        move(desk, 1, 2, Buckets(75_01))
