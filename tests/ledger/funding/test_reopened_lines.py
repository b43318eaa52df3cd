"""What was spent of a funding that was undone counts when its line is reopened and funded again: nothing is given twice."""

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cash import bank_files
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings, reopen
from support.desks.funding_desk import FundingDesk

HEADER = "booking_id,order_amount,cash_amount,bonus_amount\n"
BONUS = {"refund": {"bonuses": [{"name": "gold", "percentage": "10"}]}}


def spend(desk: FundingDesk, paid: int, bonus: int = 0) -> None:
    with desk.run() as run_id:
        bought = NewRedemption(1, 1, Buckets(paid, bonus), 1, f"INV-{run_id}", None)
        redeeming.redeem(desk.ledger.connection, bought, run_id)


def undo_and_reopen(desk: FundingDesk) -> None:
    """The last top-up."""
    [(topup,)] = desk.read("SELECT max(run_id) FROM transactions WHERE entry = 1")
    with desk.run() as run_id:
        note_undoings(desk.ledger.connection, [topup], None, run_id)
        take_back(desk.ledger.connection, topup, None, run_id)
    with desk.run() as run_id:
        reopen(desk.ledger.connection, [topup], run_id)


def again(desk: FundingDesk) -> tuple[int, int, int, int]:
    """What the line would be given now: paid, bonus, cash and fee."""
    [line] = desk.lines().values()
    return line.paid_minor, line.bonus_minor, line.cash_minor, line.fee_minor


def test_only_what_was_not_spent_is_given_again() -> None:
    desk = FundingDesk()
    desk.fund(f"{HEADER}B1,1000,200,50\n")
    spend(desk, 300, 20)
    undo_and_reopen(desk)
    assert again(desk) == (500, 30, 200, 0)
    assert desk.settled().reopened.any
    desk.top_up()
    assert desk.read("SELECT paid_minor, bonus_minor FROM card_balances") == [(500, 30)]
    spend(desk, 100)
    undo_and_reopen(desk)
    assert again(desk) == (400, 30, 200, 0)


@pytest.mark.parametrize(("order", "left"), [(1001, 701), (301, 1), (300, 0), (299, 0)])
def test_a_corrected_line_is_given_the_difference_and_never_less_than_nothing(order: int, left: int) -> None:
    desk = FundingDesk()
    desk.fund("booking_id,order_amount\nB1,1000\n")
    spend(desk, 300)
    undo_and_reopen(desk)
    desk.load(f"booking_id,order_amount\nB1,{order}\n")
    assert again(desk) == (left, 0, 0, 0)


def test_what_is_spent_of_a_rules_bonus_is_told_by_rule_and_counts() -> None:
    desk = FundingDesk(**BONUS)
    desk.fund("booking_id,order_amount\nB1,1000\n")
    spend(desk, 0, 60)
    undo_and_reopen(desk)
    assert desk.settled().reopened.rule_bonuses() == {1: {"gold": 60}}
    assert again(desk) == (1000, 40, 0, 0)


def test_a_bonus_that_comes_back_and_one_of_a_rule_are_told_apart() -> None:
    desk = FundingDesk(**BONUS)
    desk.fund(f"{HEADER}B1,1000,0,50\n")
    spend(desk, 0, 120)
    undo_and_reopen(desk)
    # The 30 that were left were taken back of the bonus that comes back, as it was credited first.
    assert desk.settled().reopened.rule_bonuses() == {1: {"gold": 100}}
    assert again(desk) == (1000, 30, 0, 0)


def test_a_fee_was_taken_back_whole_and_is_due_again() -> None:
    desk = FundingDesk(refund={"fees": [{"name": "late", "fixed": "1.00"}]})
    desk.fund("booking_id,order_amount\nB1,1000\n")
    spend(desk, 300)
    undo_and_reopen(desk)
    assert again(desk) == (600, 0, 0, 100)


def test_cash_that_the_bank_has_is_not_owed_again() -> None:
    desk = FundingDesk()
    desk.fund(f"{HEADER}B1,1000,200,0\n")
    [(debt,)] = desk.read("SELECT id FROM transactions WHERE bucket = 'cash'")
    with desk.run() as run_id:
        bank_files.reserve(desk.ledger.connection, path="/a", format_="csv", debts=[debt], run_id=run_id, now="")
    undo_and_reopen(desk)
    assert again(desk) == (800, 0, 0, 0)


def test_where_nothing_was_reopened_nothing_is_kept() -> None:
    desk = FundingDesk()
    desk.fund("booking_id,order_amount\nB1,1000\n")
    settled = desk.settled()
    assert (settled.reopened.any, settled.reopened.rule_bonuses()) == (False, {})
