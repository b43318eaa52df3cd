"""A whole batch: every step for the lines of its files, reserved once, and nothing of it where anything is refused."""

import pytest

from refundctl.domain.basics.errors import Refused
from refundctl.operations.bookings.load import ControlTotalMismatch, Expected
from refundctl.operations.bookings.rejects_files import StrictReject
from refundctl.operations.campaigns.create import DefinitionChanged
from refundctl.operations.funding.run import Guard, Steps, refuse_changed_definition
from support.desks.run_desk import RunDesk

HEADER = "booking_id,customer_id,name,order_amount,cash_amount,currency\n"
ROWS = HEADER + "B1,ana,Ana,100.00,,EUR\nB2,ben,Ben,50.00,20.00,EUR\n"


def runs(desk: RunDesk) -> list[tuple[object, ...]]:
    return [] if desk.ledger.is_new else desk.read("SELECT id, parent_run_id, command FROM runs ORDER BY id")


def test_its_steps_are_runs_within_it_each_with_a_seal() -> None:
    desk = RunDesk()
    result = desk.run(ROWS)
    steps = ["load", "create", "publish", "topup", "handover"]
    assert runs(desk) == [(1, None, "run"), *((n, 1, step) for n, step in enumerate(steps, start=2))]
    assert desk.read("SELECT count(*) FROM seals") == [(6,)]
    counts = result.steps.counts
    assert [counts[name] for name in ("loaded", "created", "published", "funded")] == [2, 1, 2, 2]
    assert result.steps.topup.totals == {"EUR": {"paid": 130_00, "bonus": 0, "fee": 0, "cash": 20_00, "total": 130_00}}
    assert (result.steps.gives, result.steps.partial, result.changed) == (True, False, True)


def test_the_same_file_again_is_no_run_and_a_corrected_name_no_hand_over() -> None:
    desk = RunDesk()
    desk.run(ROWS)
    before = runs(desk)
    again = desk.run(ROWS)
    assert (again.changed, again.reserved, again.steps.posted) == (False, None, False)
    assert runs(desk) == before
    corrected = desk.run(ROWS.replace("Ana", "Anna"))
    assert (corrected.changed, corrected.reserved, corrected.steps.load.updated) == (True, None, 1)
    assert desk.read("SELECT count(*) FROM batches") == [(1,)]


def test_only_what_is_in_its_files_is_funded() -> None:
    desk = RunDesk()
    desk.load("booking_id,customer_id,order_amount\nB0,cy,700\n")
    assert desk.run(ROWS).steps.topup.funded == 2
    assert desk.run(HEADER + "B0,cy,,7.00,,EUR\n").steps.topup.paid_minor == 7_00


def test_a_row_that_was_rejected_or_a_limit_leaves_something_to_fix() -> None:
    result = RunDesk().run(ROWS + "B3,cy,,-1.00,,EUR\n")
    assert (result.steps.load.rejected, result.steps.partial) == (1, True)
    capped = RunDesk(budget={"per_card": "99.99"}).run(ROWS)
    assert (capped.steps.publish.published, capped.steps.partial) == (1, True)
    desk = RunDesk()
    with pytest.raises(StrictReject):
        desk.run(ROWS + "B3,cy,,-1.00,,EUR\n", strict=True)
    assert runs(desk) == []


def test_it_holds_what_was_expected_or_nothing_is_kept() -> None:
    desk = RunDesk()
    for expected in (Expected(3, {}), Expected(None, {"EUR": 149_99})):
        with pytest.raises(ControlTotalMismatch):
            desk.run(ROWS, expected=expected)
    assert runs(desk) == []
    assert desk.run(ROWS, expected=Expected(2, {"EUR": 150_00})).steps.topup.funded == 2


def test_a_changed_definition_is_to_be_stored_first() -> None:
    desk = RunDesk()
    with desk.ledger.writing():
        assert refuse_changed_definition(desk.ledger, desk.campaign)
    desk.run(ROWS)
    assert not refuse_changed_definition(desk.ledger, desk.campaign)
    desk.say(description="Flights of May")
    with pytest.raises(DefinitionChanged):
        desk.run(HEADER + "B3,cy,,7.00,,EUR\n")
    desk.store()
    assert desk.run(HEADER + "B3,cy,,7.00,,EUR\n").steps.topup.funded == 1


def test_what_must_hold_besides_is_asked_before_anything_and_told_of_all_that_was_posted() -> None:
    desk, told = RunDesk(), list[int]()

    def refuse() -> None:
        raise Refused("Not now.")

    def after(steps: Steps, run_id: int) -> None:
        assert desk.read("SELECT count(*) FROM transactions WHERE id > 0") == [(3,)]
        told.append(run_id)
        raise Refused("Not so.")

    with pytest.raises(Refused, match="Not now"):
        desk.run(ROWS, guard=Guard(before=refuse, after=after))
    assert told == []
    with pytest.raises(Refused, match="Not so"):
        desk.run(ROWS, guard=Guard(before=lambda: None, after=after))
    assert (told, runs(desk)) == ([1], [])
