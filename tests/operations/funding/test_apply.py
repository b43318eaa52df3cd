"""Doing just what a plan says: the same ledger, definition, files, lines and amounts, or nothing."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from refundctl.domain.basics.errors import Refused
from refundctl.files.campaigns.plan_file import Plan, sealed
from refundctl.ledger.funding import approvals
from refundctl.ledger.journal.run_journal import Operator, Outcome
from refundctl.ledger.undo.undone_runs import note_undoings
from refundctl.operations.bookings.input_files import Input
from refundctl.operations.funding.apply import (
    AppliedAlready,
    Applying,
    StalePlan,
    refuse_changed_files,
    refuse_devices,
)
from refundctl.operations.funding.approval import ApprovalRefused, ApprovalRequired, PlanOfOtherLedger
from refundctl.operations.funding.run import RunResult
from refundctl.operations.run_lifecycle import one_run
from support.desks.run_desk import ANN, BOB, NAME, RunDesk

HEADER = "booking_id,customer_id,order_amount,currency\n"
ROWS = HEADER + "B1,ana,100.00,EUR\nB2,ben,50.00,EUR\n"


#: Ledgers as opened() has made them: most tests begin with the same.
_OPENED: dict[str, bytes] = {}


def opened(**keys: object) -> RunDesk:
    """A desk at which the campaign was run before, for somebody else."""
    desk = RunDesk(**keys)
    if repr(keys) in _OPENED:
        desk.ledger.connection.deserialize(_OPENED[repr(keys)])
        return desk
    desk.run(HEADER + "B0,cy,1.00,EUR\n")
    _OPENED[repr(keys)] = desk.ledger.connection.serialize()
    return desk


def applying(desk: RunDesk, plan: Plan, who: Operator = ANN) -> Applying:
    return Applying(plan, desk.campaign, "plan.json", who)


def apply(desk: RunDesk, plan: Plan, who: Operator = ANN, text: str = ROWS) -> RunResult:
    return desk.run(text, guard=applying(desk, plan, who).guard(desk.ledger))


def approve(desk: RunDesk, plan: Plan, who: Operator) -> None:
    with desk.ledger.writing(), one_run(desk.journal("approve", who), campaign=NAME) as run:
        approvals.post_approval(desk.ledger.connection, plan.digest, NAME, run.run_id)
        run.outcome = Outcome({"approved": 1})


def stale(desk: RunDesk, plan: Plan) -> str:
    runs = desk.read("SELECT count(*) FROM runs")
    with pytest.raises(StalePlan) as refused:
        apply(desk, plan)
    assert (refused.value.code, desk.read("SELECT count(*) FROM runs")) == ("stale_plan", runs)
    return refused.value.message


def test_what_was_planned_is_done_once() -> None:
    desk = opened()
    plan = desk.plan(ROWS)
    result = apply(desk, plan)
    assert (result.steps.topup.paid_minor, plan.totals["EUR"].paid) == (150_00, 150_00)
    assert desk.read("SELECT plan, approval, run_id FROM applied_plans") == [(plan.digest, None, result.run_id)]
    with pytest.raises(AppliedAlready) as already:
        apply(desk, plan)
    assert (already.value.run_id, already.value.partial) == (result.run_id, False)


def test_a_plan_that_was_undone_is_not_applied_again() -> None:
    desk = opened()
    plan = desk.plan(ROWS)
    applied = apply(desk, plan).run_id
    with desk.ledger.writing(), one_run(desk.journal("undo")) as undoing:
        note_undoings(desk.ledger.connection, [applied], None, undoing.run_id)
        undoing.outcome = Outcome({"runs": 1})
    assert stale(desk, plan).startswith(
        f"plan.json was applied by run {applied}, which run {undoing.run_id} has undone"
    )


def test_other_amounts_or_lines_than_planned_are_refused() -> None:
    desk = opened()
    plan = desk.plan(ROWS)
    found = replace(plan, lines="0" * 64)
    assert stale(desk, found) == (
        "plan.json says 2 refunds of EUR 150.00, but now it would be 2 refunds of EUR 150.00, of other lines or "
        "amounts: nothing was changed; make a new plan."
    )
    desk.run(HEADER + "B2,ben,50.00,EUR\n")  # meanwhile one of them was funded by somebody else
    assert "but now it would be 1 refund of EUR 100.00: nothing" in stale(desk, plan)


def test_other_bookings_meanwhile_do_not_matter_but_the_definition_does() -> None:
    desk = opened()
    plan = desk.plan(ROWS)
    desk.run(HEADER + "B9,dee,9.00,EUR\n")
    before = desk.campaign
    desk.say(description="Flights of May")
    desk.store()
    desk.campaign = before
    assert "The definition of refunds has changed since plan.json was made" in stale(desk, plan)
    desk.store()
    assert apply(desk, plan).steps.topup.funded == 2


def test_a_plan_is_for_the_ledger_that_it_was_made_for() -> None:
    desk = opened()
    plan = desk.plan(ROWS)
    other = RunDesk()
    other.run(HEADER + "B0,cy,1.00,EUR\n")
    with pytest.raises(PlanOfOtherLedger):
        apply(other, plan)
    applying(desk, plan).check_fit(desk.ledger)


def test_where_two_people_are_needed_one_approves_and_another_applies() -> None:
    desk = opened(approval={"above": "150.99"})  # 1.00 was given before
    plan = desk.plan(ROWS)
    assert plan.needs_approval
    with pytest.raises(ApprovalRequired):
        apply(desk, plan)
    approve(desk, plan, BOB)
    with pytest.raises(ApprovalRefused):
        apply(desk, plan, BOB)
    assert apply(desk, plan).steps.topup.funded == 2
    assert desk.read("SELECT approval FROM applied_plans") == [(1,)]
    desk = opened(approval={"above": "151.00"})
    assert apply(desk, desk.plan(ROWS), BOB).steps.topup.funded == 2


def test_files_are_those_that_were_planned_for(tmp_path: Path) -> None:
    plan = opened().plan(ROWS)
    [planned] = plan.files
    same, other = (Input(planned.path, io.BytesIO(text.encode())) for text in (ROWS, ROWS.replace("50", "51")))
    refuse_changed_files([same], plan, "plan.json")
    assert same.stream.read() == ROWS.encode(), "it is still to be read"
    with pytest.raises(StalePlan, match="is not what it was when"):
        refuse_changed_files([other], plan, "plan.json")
    there = sealed(replace(plan, files=[replace(planned, path=str(tmp_path / "bookings.csv"))]))
    refuse_devices(there, "plan.json")  # that it is missing is told by who opens it
    (tmp_path / "bookings.csv").mkdir()
    with pytest.raises(Refused):
        refuse_devices(there, "plan.json")
