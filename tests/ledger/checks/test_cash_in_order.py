"""What `verify` says of cash: nothing of what the desk and the bank do, else what is wrong, by its code."""

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cash import bank_files, cashouts, debts
from support.desks.damaged_books import codes_found, damage
from support.desks.funded_desk import FundedDesk

OWED = 5  # 20.00 beside bo's card
ASKED = 7  # dee's 30.00, with which the bonus of 5.00 lapses (8); by run 9, put into file 1 by run 10


def begin(desk: FundedDesk, command: str) -> int:
    return desk.journal.begin(step=command).run_id


def request(desk: FundedDesk) -> None:
    run, balance = begin(desk, "cashout request"), Buckets(30_00, 5_00)
    posted = cashouts.request(desk.connection, card=3, campaign=1, balance=balance, reason="why", run_id=run)
    assert (run, posted) == (9, [ASKED, 8])


def export(desk: FundedDesk, *of: int) -> None:
    run = begin(desk, "cashout export")
    file = bank_files.reserve(desk.connection, path="/may.csv", format_="csv", debts=of, run_id=run, now="")
    bank_files.mark_delivered(desk.connection, file, [], run)


def settle(desk: FundedDesk, *, paid: int, rejected: int) -> None:
    """Pay a debt, and reject an order."""
    run = begin(desk, "cashout settle")
    bank_files.reject(desk.connection, rejected, None, run)
    debts.pay(desk.connection, paid, None, run)


def test_what_is_requested_ordered_rejected_paid_and_cancelled_is_in_order(desk: FundedDesk) -> None:
    request(desk)
    export(desk, OWED, ASKED)
    settle(desk, paid=OWED, rejected=2)
    assert codes_found(desk.connection) == []
    cashouts.cancel(desk.connection, ASKED, None, begin(desk, "cashout cancel"))
    assert codes_found(desk.connection) == []
    request_again = begin(desk, "cashout request")
    balance = Buckets(30_00, 5_00)
    cashouts.request(desk.connection, card=3, campaign=1, balance=balance, reason="why", run_id=request_again)
    assert codes_found(desk.connection) == []


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE transactions SET reason = 'other' WHERE id = 7", []),
        # Each of the two was taken from the bucket of the other.
        (
            "UPDATE transactions SET bucket = iif(bucket = 'paid', 'bonus', 'paid') WHERE id IN (7, 8)",
            ["balance_negative"] + ["cashout_wrong"] * 2,
        ),
        ("UPDATE transactions SET related_transaction = NULL WHERE id = 8", ["cashout_wrong"]),
        ("UPDATE cashouts SET run_id = 8", ["cashout_wrong"] * 2 + ["frozen_with_balance"]),
        ("UPDATE cashouts SET card = 2", ["cashout_wrong"] * 3 + ["frozen_with_balance"]),
        ("UPDATE transactions SET contra_account = 'adjustments', reason = 'why' WHERE id = 8", ["adjustment_wrong"]),
        ("UPDATE transactions SET amount_minor = -2999 WHERE id = 7", ["frozen_with_balance"]),
        ("UPDATE runs SET command = 'card adjust' WHERE id = 9", ["cashout_wrong"] * 2),
        ("INSERT INTO cash_outcomes (debt, outcome, run_id) VALUES (7, 'paid', 8)", ["cash_outcome_wrong"]),
    ],
)
def test_a_request_takes_all_off_its_card_at_once(desk: FundedDesk, done: str, found: list[str]) -> None:
    request(desk)
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 9", ["cashout_wrong"]),
        ("UPDATE transactions SET related_transaction = 8 WHERE id = 9", ["cashout_wrong"] * 3),
        ("DELETE FROM transactions WHERE id = 10", ["cashout_wrong"]),
        ("UPDATE cash_outcomes SET run_id = 9", ["cash_outcome_wrong"] + ["cashout_wrong"] * 2),
        ("DELETE FROM cash_outcomes", ["cashout_wrong"] * 4 + ["frozen_with_balance"]),
    ],
)
def test_cancelling_gives_back_what_was_taken_and_by_that_very_run(
    desk: FundedDesk, done: str, found: list[str]
) -> None:
    """Transactions 9 and 10 give it back."""
    request(desk)
    cashouts.cancel(desk.connection, ASKED, None, begin(desk, "cashout cancel"))
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE cash_orders SET debt = 1 WHERE id = 2", ["cash_order_wrong"]),
        ("UPDATE cash_orders SET run_id = 9 WHERE id = 2", ["cash_order_wrong"]),
        ("UPDATE cash_outcomes SET run_id = 10", ["cash_order_wrong", "cash_outcome_wrong"]),
        ("UPDATE cash_outcomes SET outcome = 'cancelled'", ["cash_outcome_wrong"]),
        ("UPDATE cash_outcomes SET debt = 6", ["cash_outcome_wrong"]),
        ("UPDATE cash_rejections SET run_id = 10", ["cash_order_wrong"]),
        ("INSERT INTO cash_orders (cash_file, debt, run_id) VALUES (1, 5, 10)", ["cash_order_wrong"]),
        ("INSERT INTO cash_files (path, format, run_id) VALUES ('/b.csv', 'csv', 10)", ["cash_order_wrong"]),
        ("UPDATE runs SET command = 'card adjust' WHERE id = 10", ["cash_order_wrong"]),
        ("UPDATE cash_deliveries SET run_id = 9", ["cash_order_wrong"]),
    ],
)
def test_a_debt_is_in_one_file_at_a_time_and_ends_after_it(desk: FundedDesk, done: str, found: list[str]) -> None:
    """Order 1 was paid, and order 2 rejected, by run 11."""
    request(desk)
    export(desk, OWED, ASKED)
    settle(desk, paid=OWED, rejected=2)
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


def test_what_the_bank_rejects_only_later_was_not_to_be_cancelled(desk: FundedDesk) -> None:
    request(desk)
    export(desk, ASKED)
    bank_files.reject(desk.connection, 1, None, begin(desk, "cashout settle"))
    cashouts.cancel(desk.connection, ASKED, None, begin(desk, "cashout cancel"))
    assert codes_found(desk.connection) == []
    damage(desk.connection, f"UPDATE cash_rejections SET run_id = {begin(desk, 'cashout settle')}")
    assert codes_found(desk.connection) == ["cash_outcome_wrong"]
