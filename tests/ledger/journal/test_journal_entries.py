"""The journal as `runs` tells it: in order, what was refused behind the run before it, and a run by its number with its steps."""

from refundctl.domain.basics.errors import Refused
from refundctl.ledger.journal.journal_entries import journal
from refundctl.ledger.journal.run_journal import Outcome
from support.desks.funded_desk import FundedDesk


def test_runs_stand_in_their_order_and_what_was_refused_behind_the_one_before_it(desk: FundedDesk) -> None:
    desk.journal.post_attempt(Refused("First", "ask"), "flight-refunds")
    later = desk.journal.begin().run_id
    for name in ("Second", "Third"):
        desk.journal.post_attempt(Refused(name, "ask"), None, card=1)
    told = [entry["run_id"] or entry["error"]["message"] for entry in journal(desk.connection)]
    assert told == [*range(1, 8), desk.run_id, "First: ask.", later, "Second: ask.", "Third: ask."]


def test_what_was_refused_has_neither_figures_nor_a_number(desk: FundedDesk) -> None:
    desk.journal.post_attempt(Refused("No", "ask"), "flight-refunds")
    last = journal(desk.connection)[-1]
    assert (last["run_id"], last["parent_run_id"], last["counts"], last["totals"], last["files"]) == (
        None,
        None,
        {},
        {},
        [],
    )
    assert (last["operator"], last["user_id"], last["host"], last["campaign"]) == ("ann", 1, "desk", "flight-refunds")


def test_one_run_is_told_with_its_own_steps_and_without_refusals(desk: FundedDesk) -> None:
    desk.journal.post_attempt(Refused("No", "ask"), None)
    assert [entry["run_id"] for entry in journal(desk.connection, 1)] == [1, 2, 3, 4, 5, 6]
    [step] = journal(desk.connection, desk.step("topup"))
    assert (step["command"], step["parent_run_id"]) == ("topup", 1)
    assert journal(desk.connection, 99) == []


def test_a_run_is_open_until_it_has_an_outcome_and_only_a_refusal_has_an_error(desk: FundedDesk) -> None:
    run = desk.journal.begin()
    [entry] = journal(desk.connection, run.run_id)
    assert (entry["status"], entry["finished_at"], entry["counts"], entry["files"]) == ("open", None, {}, [])
    desk.journal.finish(run, Outcome({"cards": 1}))
    [entry] = journal(desk.connection, run.run_id)
    assert (entry["status"], entry["counts"], "error" in entry) == ("ok", {"cards": 1}, False)
