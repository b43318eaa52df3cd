"""A request for cash takes all off the card, and cancelling it gives all back, as long as no file for the bank has it."""

import sqlite3

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cash import bank_files, cashouts, debts
from support.desks.funded_desk import FundedDesk

MOVED = "id, card, type, bucket, amount_minor, contra_account, reason, related_transaction"


def request(desk: FundedDesk, card: int, paid: int, bonus: int = 0) -> list[int]:
    balance = Buckets(paid, bonus)
    return cashouts.request(desk.connection, card=card, campaign=1, balance=balance, reason="moved", run_id=desk.run_id)


def test_paid_is_owed_and_the_bonus_lapses_with_it(desk: FundedDesk) -> None:
    assert request(desk, 3, 30_00, 5_00) == [7, 8]
    assert desk.written(MOVED, "transactions") == [
        (7, 3, "CREDITS_REMOVAL", "paid", -30_00, "cash_owed", "moved", None),
        (8, 3, "CREDITS_REMOVAL", "bonus", -5_00, "lapsed", "moved", 7),
    ]
    assert desk.written("id, card, reason", "cashouts") == [(7, 3, "moved")]


def test_a_card_without_a_bonus_is_one_transaction(desk: FundedDesk) -> None:
    assert request(desk, 1, 75_00) == [7]
    assert desk.read("SELECT balance_minor FROM card_balances WHERE card = 1") == [(0,)]


def test_more_than_a_card_holds_is_not_owed(desk: FundedDesk) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="below zero"):
        request(desk, 1, 75_01)


def test_cancelling_gives_back_what_was_taken_to_the_buckets_that_it_was_in(desk: FundedDesk) -> None:
    debt = request(desk, 3, 30_00, 5_00)[0]
    request(desk, 2, 30_00)
    assert cashouts.cancel(desk.connection, debt, "stays", desk.run_id) == [10, 11]
    assert desk.written(MOVED, "transactions")[3:] == [
        (10, 3, "CREDITS_ADDITION", "paid", 30_00, "cash_owed", "stays", 7),
        (11, 3, "CREDITS_ADDITION", "bonus", 5_00, "lapsed", "stays", 8),
    ]
    assert desk.read("SELECT card, paid_minor, bonus_minor FROM card_balances WHERE card > 1") == [
        (2, 0, None),
        (3, 30_00, 5_00),
    ]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        cashouts.cancel(desk.connection, debt, None, desk.run_id)


def test_what_the_bank_has_or_has_paid_is_not_cancelled(desk: FundedDesk) -> None:
    debt = request(desk, 3, 30_00, 5_00)[0]
    bank_files.reserve(desk.connection, path="/a.csv", format_="csv", debts=[debt], run_id=desk.run_id, now="")
    with pytest.raises(sqlite3.IntegrityError, match="in a file for the bank"):
        cashouts.cancel(desk.connection, debt, None, desk.run_id)
    [order] = bank_files.orders_of(desk.connection, [debt])[debt]
    bank_files.reject(desk.connection, order.number, None, desk.run_id)
    debts.pay(desk.connection, debt, None, desk.run_id)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        cashouts.cancel(desk.connection, debt, None, desk.run_id)


def test_cash_that_nobody_asked_for_is_not_cancelled(desk: FundedDesk) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only a cash-out cancelled"):
        cashouts.cancel(desk.connection, 5, None, desk.run_id)
