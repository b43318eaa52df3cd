"""What lines were given, added up net of what was taken back, whichever entry of their funding it was."""

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.desk import adjusting
from refundctl.ledger.funding.owed import FUNDED, GIVEN, add_up_given
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk

# Ana got 100.00 and has spent 25.00, bo 30.00 and 20.00 in cash, dee 30.00 and a bonus of 5.00.
LINES = "line_versions AS first"


def added_up(desk: FundedDesk, condition: str = "TRUE", lines: str = LINES) -> list[tuple[int, str, int]]:
    desk.connection.execute("DROP TABLE IF EXISTS temp.added")
    desk.connection.execute(
        "CREATE TEMP TABLE added (line INTEGER, bucket TEXT, minor INTEGER NOT NULL, PRIMARY KEY (line, bucket))"
    )
    add_up_given(desk.connection, "added", ("first.id", "transactions.bucket"), lines, "first.id", condition)
    return desk.read("SELECT * FROM added ORDER BY line, bucket")


def test_each_line_with_all_its_entries(desk: FundedDesk) -> None:
    given = [(1, "paid", 100_00), (2, "cash", 20_00), (2, "paid", 30_00), (3, "bonus", 5_00), (3, "paid", 30_00)]
    assert added_up(desk) == given
    assert added_up(desk, "transactions.bucket = 'bonus'") == [(3, "bonus", 5_00)]
    assert added_up(desk, lines="(SELECT 2 AS id) AS first") == given[1:3]


def test_what_was_taken_back_is_no_longer_given_and_counts_as_part_of_its_credit(desk: FundedDesk) -> None:
    topup = desk.step("topup")
    note_undoings(desk.connection, [topup], None, desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    left = [(1, "paid", 25_00), (2, "cash", 0), (2, "paid", 0), (3, "bonus", 0), (3, "paid", 0)]
    assert added_up(desk) == left
    assert added_up(desk, "credit.entry = 1") == [left[0], *left[2:3], left[4]]


@pytest.mark.parametrize(("condition", "minor"), [(FUNDED, 185_00 + 7_00), (GIVEN, 185_00 + 7_00 - 3_00)])
def test_corrections_are_given_and_not_funded_and_what_is_spent_is_neither(
    desk: FundedDesk, condition: str, minor: int
) -> None:
    for account, amount in (("goodwill", Buckets(0, 7_00)), ("adjustments", Buckets(-3_00))):
        adjusting.post(
            desk.connection,
            "goodwill" if account == "goodwill" else "adjustments",
            card=1,
            campaign=1,
            amount=amount,
            reason="why",
            run_id=desk.run_id,
        )
    assert desk.read(f"SELECT sum(amount_minor) FROM transactions WHERE {condition}") == [(minor,)]
