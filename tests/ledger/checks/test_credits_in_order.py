"""What `verify` says of credits, what was taken back of them, and undone runs: what is wrong by its code, else nothing."""

import pytest

from refundctl.ledger.cash import bank_files
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings, reopen
from support.desks.damaged_books import codes_found, damage
from support.desks.funded_desk import FundedDesk

# Run 5, the top-up, made the credits 1 to 5: 100.00 for ana's line 1; 30.00 for bo's line 2 beside 20.00 in cash (5); for
# dee's line 3 30.00 and a bonus of 5.00 that comes back (4). 25.00 of the first are spent.
TOP_UP = 5
OWED = "UPDATE transactions SET amount_minor = amount_minor {} WHERE id = {}"


def undo_top_up(desk: FundedDesk) -> None:
    """Removal 7 is of credit 1, 8 of 2, 9 of 3, 10 of 4 and 11 of 5."""
    note_undoings(desk.connection, [TOP_UP], None, desk.run_id)
    take_back(desk.connection, TOP_UP, None, desk.run_id)
    taken = "SELECT id, related_transaction, amount_minor FROM transactions WHERE id > 6"
    assert desk.read(taken) == [(7, 1, -75_00), (8, 2, -30_00), (9, 3, -30_00), (10, 4, -5_00), (11, 5, -20_00)]


def test_what_was_funded_undone_and_reopened_is_in_order(desk: FundedDesk) -> None:
    assert codes_found(desk.connection) == []
    undo_top_up(desk)
    assert codes_found(desk.connection) == []
    reopen(desk.connection, [TOP_UP], desk.journal.begin().run_id)
    assert codes_found(desk.connection) == []


@pytest.mark.parametrize(
    "done",
    [
        OWED.format("+ 1", 1),
        OWED.format("- 1", 1),
        OWED.format("- 1", 4),  # the bonus that comes back
        "UPDATE line_versions SET cash_amount_minor = 1999 WHERE id = 2",
        "UPDATE line_versions SET currency = 'USD' WHERE id = 3",
        "UPDATE line_versions SET customer = 1 WHERE id = 3",
        "UPDATE transactions SET funding = 2 WHERE line = 3",  # nothing was reopened
        "UPDATE transactions SET entry = 3 WHERE id = 4",  # where cash belongs
        "UPDATE transactions SET run_id = 4 WHERE id = 4",  # the others are of run 5
        "UPDATE transactions SET card = 2 WHERE id = 4",
        "UPDATE transactions SET contra_account = 'refunds_owed' WHERE id = 4",
    ],
)
def test_a_credit_that_is_not_what_its_line_is_owed_is_found_once(desk: FundedDesk, done: str) -> None:
    damage(desk.connection, done)
    assert codes_found(desk.connection) == ["credit_wrong"]


def test_money_that_changes_its_part_is_wrong_for_the_line_and_in_its_place(desk: FundedDesk) -> None:
    damage(desk.connection, "UPDATE transactions SET bucket = 'fee' WHERE id = 5")
    assert codes_found(desk.connection) == ["credit_wrong", "credit_wrong"]


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE transactions SET contra_account = 'bonuses_owed' WHERE id = 8", ["removal_wrong"]),
        ("UPDATE transactions SET line = 3 WHERE id = 8", ["removal_wrong"]),
        ("UPDATE transactions SET related_transaction = 3, line = 3 WHERE id = 10", ["removal_wrong"] * 2),
        (OWED.format("+ 1", 11), ["undoing_wrong"]),
        (OWED.format("- 1", 11), ["removal_wrong", "undoing_wrong"]),
        (OWED.format("- 1", 8), ["balance_negative", "removal_wrong"]),
        ("DELETE FROM undone_lines WHERE line = 2", ["undoing_wrong"]),
        ("UPDATE undoings SET run_id = 7", ["removal_wrong"] * 5 + ["undoing_wrong"]),  # a redemption
    ],
)
def test_what_an_undo_took_back_is_what_was_given(desk: FundedDesk, done: str, found: list[str]) -> None:
    undo_top_up(desk)
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("INSERT INTO undoings (undone_run, run_id) VALUES (7, 8)", ["undoing_wrong"]),  # a redemption
        ("INSERT INTO undoings (undone_run, run_id) VALUES (2, 7)", ["undoing_wrong"]),  # by a redemption
        ("INSERT INTO undoings (undone_run, run_id) VALUES (2, 8)", []),
        # Three lines were not set aside, and the cash was not taken back.
        ("INSERT INTO undoings (undone_run, run_id) VALUES (5, 8)", ["undoing_wrong"] * 4),
    ],
)
def test_only_what_can_be_undone_is_and_all_of_it(desk: FundedDesk, done: str, found: list[str]) -> None:
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


def test_only_what_was_undone_is_reopened_and_after_that(desk: FundedDesk) -> None:
    note_undoings(desk.connection, [2], None, desk.run_id)
    damage(desk.connection, f"INSERT INTO reopenings (undone_run, run_id) VALUES (2, {desk.run_id})")
    assert codes_found(desk.connection) == ["undoing_wrong"]


@pytest.mark.parametrize(("rejected_by", "found"), [(None, []), (10, []), (7, ["undoing_wrong"])])
def test_cash_that_is_with_the_bank_when_its_run_is_undone_stays(
    desk: FundedDesk, rejected_by: int | None, found: list[str]
) -> None:
    """Where the bank had rejected it before, it would have been taken back."""
    export, undo, settle = 8, desk.journal.begin().run_id, desk.journal.begin(step="cashout settle").run_id
    damage(desk.connection, f"UPDATE runs SET command = 'cashout export' WHERE id = {export}")
    bank_files.reserve(desk.connection, path="/may.xml", format_="csv", debts=[5], run_id=export, now="")
    note_undoings(desk.connection, [TOP_UP], None, undo)
    take_back(desk.connection, TOP_UP, None, undo)
    assert desk.read("SELECT max(related_transaction) FROM transactions") == [(4,)]
    if rejected_by is not None:
        bank_files.reject(desk.connection, 1, None, settle)
        damage(desk.connection, f"UPDATE cash_rejections SET run_id = {rejected_by}")
    assert [code for code in codes_found(desk.connection) if code != "cash_order_wrong"] == found
