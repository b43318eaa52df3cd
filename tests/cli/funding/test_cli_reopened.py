"""What a refund that was undone and reopened is given again: what is owed, less what was spent of the first time."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN
from support.desks.bookings_desk import booking
from support.desks.policy_desk import PolicyDesk
from support.desks.spending import spend

GOLD = {"name": "gold", "percentage": "20", "when": {"currency": ["EUR"]}}
LOYAL = {"name": "loyal", "percentage": "15"}


@pytest.fixture
def desk(tmp_path: Path) -> PolicyDesk:
    # The clock of the machine: what is spent is noted by it.
    return PolicyDesk(tmp_path, now="")


def wrong_run(desk: PolicyDesk, bucket: str, minor: int, **keys: Any) -> str:
    """B1 is run, something of it is spent, and the run is undone; gives the run's number."""
    desk.say(**keys)
    run = str(desk.run(booking("B1"))["run_id"])
    spend(desk.folder, "c1", minor, bucket)
    desk.call("undo", run).ok()
    return run


def right_run(desk: PolicyDesk, run: str, amount: str = "100.00") -> dict[str, int]:
    """The run is reopened and done again, with the file as it is now; gives what went onto cards."""
    desk.call("undo", "--reopen", run).ok()
    totals: dict[str, int] = desk.run(booking("B1", amount), out="again")["totals"]["EUR"]
    desk.call("verify").ok()
    return {name: totals[name] for name in ("paid", "bonus")}


@pytest.mark.parametrize("stacking", ["best", "first"])
def test_a_bonus_that_was_spent_is_not_made_good_by_another_rule(desk: PolicyDesk, stacking: str) -> None:
    run = wrong_run(desk, "bonus", 2_000, refund={"bonuses": [GOLD, LOYAL], "bonus_stacking": stacking})
    assert right_run(desk, run) == {"paid": 10_000, "bonus": 0}


def test_a_bonus_that_was_partly_spent_is_made_up_to_what_all_rules_give(desk: PolicyDesk) -> None:
    run = wrong_run(desk, "bonus", 500, refund={"bonuses": [GOLD, LOYAL], "bonus_stacking": "sum"})
    assert right_run(desk, run) == {"paid": 10_000, "bonus": 3_000}


def test_a_bonus_that_was_spent_counts_for_the_rule_under_its_new_name(desk: PolicyDesk) -> None:
    run = wrong_run(desk, "bonus", 2_000, refund={"bonuses": [GOLD]})
    desk.say(refund={"bonuses": [{"name": "golden", "percentage": "10"}]})
    desk.create()
    assert right_run(desk, run) == {"paid": 10_000, "bonus": 0}


def test_a_bonus_is_on_what_is_owed_now_not_on_what_was_spent_too_much(desk: PolicyDesk) -> None:
    run = wrong_run(desk, "paid", 9_000, refund={"bonuses": [GOLD]})
    desk.load(booking("B1", "60.00"))
    assert right_run(desk, run, "60.00") == {"paid": 0, "bonus": 1_200}


def test_a_total_counts_what_was_spent_of_it(desk: PolicyDesk) -> None:
    run = wrong_run(desk, "bonus", 500, refund={"bonuses": [{**GOLD, "total": "15.00"}]})
    assert right_run(desk, run) == {"paid": 10_000, "bonus": 1_000}


def test_bookings_of_an_undone_load_don_t_count_as_a_customers(desk: PolicyDesk) -> None:
    desk.say(
        refund={"bonuses": [{"name": "loyal", "percentage": "10", "when": {"customer_total": {"min": "5000.00"}}}]}
    )
    desk.load(booking("B0", "6000.00", customer_id="ana"))
    desk.call("undo", "1").ok()
    assert desk.run(booking("B1", customer_id="ana"))["totals"]["EUR"]["bonus"] == 0
    desk.call("undo", "--reopen", "1").ok()
    assert desk.run(booking("B2", customer_id="ana"), out="more")["totals"]["EUR"]["bonus"] == 1_000


def test_a_total_is_shared_with_a_definition_that_has_none(desk: PolicyDesk) -> None:
    """B1's card is of a definition by which gold has no total: what it is given counts all the same, in any order."""
    given = []
    for at_once in (True, False):
        folder = desk.folder / str(at_once)
        folder.mkdir()
        other = PolicyDesk(folder)
        other.say(refund={"bonuses": [GOLD]})
        other.load(booking("B1"))
        other.create()
        other.publish()
        other.say(refund={"bonuses": [{**GOLD, "total": "20.00"}]})
        other.create()
        other.load(booking("B2"))
        other.publish()
        for options in [()] if at_once else [("--where", "booking_id=B1"), ("--where", "booking_id=B2")]:
            other.top_up(*options)
        given.append({line: settled.bonus for line, settled in other.settled().items()})
    assert given == 2 * [{("B1", "B1"): Decimal("20.00"), ("B2", "B2"): Decimal(0)}]


def test_a_campaign_may_have_had_many_definitions(desk: PolicyDesk) -> None:
    """SQLite takes no more than 500 parts in one view, and 64 tables in one join."""
    for number in range(70):
        names = [f"b{at}" for at in range(9)]
        desk.say(refund={"bonuses": [{"name": name, "fixed": f"{number + 1}.00"} for name in names]})
        desk.create()
        if number == 0:
            desk.load(booking("B1"))
            desk.publish()
    desk.load(booking("B2"))
    desk.publish()
    desk.top_up()
    assert {line[0]: settled.bonus for line, settled in desk.settled().items()} == {"B1": Decimal(1), "B2": Decimal(70)}
    assert desk.call("explain", "B1").exit == 0
    assert CAMPAIGN in desk.call("status").ok().stdout


def test_a_fee_of_many_refund_lines_is_taken_once(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [{"name": "service", "fixed": "5.00"}]})
    lines = [
        booking("B1", "2.00", order_amount="60.00", refund_amount="2.00", refund_id=f"r{at:02d}") for at in range(30)
    ]
    desk.load(*lines, *(booking(f"C{at}", "9.00") for at in range(3)))
    desk.create()
    desk.publish()
    assert desk.top_up()["totals"]["EUR"] == {
        "paid": 5_500 + 1_200,
        "bonus": 0,
        "fee": 2_000,
        "cash": 0,
        "total": 6_700,
    }
