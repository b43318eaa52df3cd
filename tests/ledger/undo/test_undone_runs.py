"""Past runs: found with what undid and reopened them, and their steps from the last to the first."""

import pytest

from refundctl.ledger.undo import undone_runs
from refundctl.ledger.undo.undone_credits import take_back
from support.desks.funded_desk import FundedDesk


def test_steps_are_undone_from_the_last_to_the_first(desk: FundedDesk) -> None:
    steps = undone_runs.steps_of(desk.connection, desk.step("run"))
    assert [step.command for step in steps] == ["topup", "publish", "load"]
    assert {step.parent_run_id for step in steps} == {desk.step("run")}


@pytest.mark.parametrize("number", [0, -1, 99, 2**63])
def test_there_is_no_such_run(desk: FundedDesk, number: int) -> None:
    assert undone_runs.past_run(desk.connection, number) is None


def test_a_run_knows_what_undid_and_reopened_it(desk: FundedDesk) -> None:
    topup = desk.step("topup")
    undone_runs.note_undoings(desk.connection, [topup], None, desk.run_id)
    again = desk.journal.begin().run_id
    undone_runs.reopen(desk.connection, [topup], again)
    found = undone_runs.past_run(desk.connection, topup)
    assert found is not None
    assert (found.undone_by, found.reopened_by) == (desk.run_id, again)
    assert undone_runs.undone_by(desk.connection, desk.run_id) == [found]


def test_a_reopening_counts_its_lines_and_those_that_another_undone_run_holds(desk: FundedDesk) -> None:
    load, topup = desk.step("load"), desk.step("topup")
    undone_runs.note_undoings(desk.connection, [load, topup], None, desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    desk.connection.execute(f"INSERT INTO undone_lines (line, undone_run, run_id) VALUES (1, {load}, {desk.run_id})")
    undone_runs.reopen(desk.connection, [topup], desk.run_id)
    assert undone_runs.reopened_lines(desk.connection, desk.run_id) == (3, 1)
    assert undone_runs.contradicting_booking(desk.connection, desk.run_id) is None
