"""The journal: a run with its steps and outcome, and what was refused after it, as `runs` reads them."""

from refundctl.domain.basics.errors import Refused
from refundctl.ledger.journal.journal_entries import journal
from refundctl.ledger.journal.run_journal import Outcome, RunFile
from support.desks.funded_desk import FundedDesk


def test_a_run_is_read_as_it_was_written(desk: FundedDesk) -> None:
    run = desk.journal.begin(campaign="flight-refunds")
    files = [RunFile("in.csv", 3, "00"), RunFile("out.csv", 1, "11", output=True)]
    seal = desk.journal.finish(run, Outcome({"cards": 2}, {"EUR": {"paid": 12_50}}, files, partial=True))
    [entry] = journal(desk.connection, run.run_id)
    assert (entry["command"], entry["campaign"], entry["status"]) == ("undo", "flight-refunds", "partial")
    assert (entry["counts"], entry["totals"]) == ({"cards": 2}, {"EUR": {"paid": 12_50}})
    assert entry["files"] == [file.as_json() for file in files]
    assert seal.run_id == run.run_id


def test_a_step_belongs_to_its_run_and_repeats_no_arguments(desk: FundedDesk) -> None:
    [run, *steps] = journal(desk.connection, desk.step("run"))
    assert [step["command"] for step in steps] == ["load", "create", "publish", "topup", "handover"]
    assert {step["parent_run_id"] for step in steps} == {run["run_id"]}
    assert run["arguments"] != {}
    assert [step["arguments"] for step in steps] == [{}] * 5


def test_what_was_refused_stands_after_the_run_before_it(desk: FundedDesk) -> None:
    desk.journal.post_attempt(Refused("The card is dead", "issue another"), "flight-refunds", card=1)
    last = journal(desk.connection)[-1]
    assert (last["run_id"], last["status"]) == (None, "refused")
    assert last["error"] == {"code": "refused", "message": "The card is dead: issue another."}


def test_a_run_without_an_outcome_is_open(desk: FundedDesk) -> None:
    assert [entry["status"] for entry in journal(desk.connection, desk.run_id)] == ["open"]
