"""Debts in cash: where each comes from, and what becomes of it from the request or booking to its end."""

import sqlite3

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cash import bank_files, cashouts, debts
from refundctl.ledger.cash.debts import Debt, DebtSource, DebtState
from refundctl.ledger.undo import undone_runs
from support.desks.funded_desk import FundedDesk
from support.desks.funding_desk import FundingDesk

#: What is owed to bo beside her card: 20.00 of B2.
OWED = 5


def state_of(desk: FundedDesk, debt: int = OWED) -> DebtState:
    return debts.debts_numbered(desk.connection, [debt])[debt].state


def order(desk: FundedDesk, debt: int = OWED) -> int:
    """Put it into a file for the bank; gives the number of the order."""
    bank_files.reserve(
        desk.connection, path=f"/out/{debt}.xml", format_="csv", debts=[debt], run_id=desk.run_id, now="2020-06-01"
    )
    return bank_files.orders_of(desk.connection, [debt])[debt][-1].number


def request(desk: FundedDesk) -> int:
    """Dee wants her 30.00 in cash, and loses the bonus of 5.00."""
    return cashouts.request(
        desk.connection, card=3, campaign=1, balance=Buckets(30_00, 5_00), reason="moved", run_id=desk.run_id
    )[0]


def test_what_is_owed_of_a_booking_and_what_a_customer_asked_for(desk: FundedDesk) -> None:
    asked = request(desk)
    [of_booking, of_card] = debts.debts(desk.connection, None, [DebtState.OPEN])
    assert of_booking == Debt(
        OWED,
        None,
        "B2",
        "B2",
        "bo",
        None,
        "flight-refunds",
        "EUR",
        20_00,
        DebtState.OPEN,
        DebtSource.CASH_AMOUNT,
        "2020-06-01T12:00:00Z",
        None,
    )
    assert (of_card.debt_id, of_card.card_id, of_card.booking_id, of_card.refund_id) == (asked, "c3", "B3", None)
    assert (of_card.customer_id, of_card.amount_minor, of_card.source) == ("dee", 30_00, DebtSource.REQUEST)
    assert (of_card.reason, of_booking.card_id) == ("moved", None)
    assert debts.count_open(desk.connection, 1) == 2
    assert debts.debts(desk.connection, "spring", list(DebtState)) == []
    assert debts.count_open(desk.connection, 2) == 0


def test_what_an_offer_pays_in_cash_is_owed_by_policy() -> None:
    desk = FundingDesk(refund={"offers": [{"when": {"tier": ["gold"]}, "offer": "cash"}]})
    desk.fund("booking_id,order_amount,cash_amount,tier\nB1,100,30,gold\nB2,100,30,\nB3,100,100,gold\n")
    found = debts.debts(desk.ledger.connection, "refunds", list(DebtState))
    assert [(debt.booking_id, debt.amount_minor, debt.source) for debt in found] == [
        ("B1", 100, "policy"),
        ("B2", 30, "cash_amount"),
        ("B3", 100, "cash_amount"),
    ]


def test_it_is_ordered_until_the_bank_rejects_it_and_then_open_for_the_next_file(desk: FundedDesk) -> None:
    first = order(desk)
    assert (state_of(desk), debts.count_open(desk.connection, 1)) == (DebtState.ORDERED, 0)
    bank_files.reject(desk.connection, first, "AC04", desk.run_id)
    assert state_of(desk) is DebtState.OPEN
    order(desk)
    assert state_of(desk) is DebtState.ORDERED
    debts.pay(desk.connection, OWED, None, desk.run_id)
    assert state_of(desk) is DebtState.PAID
    assert [debt.debt_id for debt in debts.debts(desk.connection, None, [DebtState.PAID])] == [OWED]


def test_it_ends_once(desk: FundedDesk) -> None:
    debts.pay(desk.connection, OWED, "by hand", desk.run_id)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        debts.pay(desk.connection, OWED, "again", desk.run_id)
    with pytest.raises(sqlite3.IntegrityError, match="only a debt in cash is paid"):
        debts.pay(desk.connection, 1, None, desk.run_id)


def test_a_cancelled_request_is_owed_no_more(desk: FundedDesk) -> None:
    asked = request(desk)
    assert [debts.lapsed_with(desk.connection, debt) for debt in (asked, OWED)] == [5_00, 0]
    cashouts.cancel(desk.connection, asked, None, desk.run_id)
    assert state_of(desk, asked) is DebtState.CANCELLED


def test_cash_of_an_undone_run_that_the_bank_had_is_not_paid_after_a_rejection(desk: FundedDesk) -> None:
    first, topup = order(desk), desk.step("topup")
    undone_runs.note_undoings(desk.connection, [topup], None, desk.run_id)
    assert state_of(desk) is DebtState.ORDERED
    bank_files.reject(desk.connection, first, None, desk.run_id)
    assert state_of(desk) is DebtState.CANCELLED
