"""What must hold of plans whatever is planned: they say what a run does, in no order, and see the smallest change."""

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import BEFORE_RELEASE
from support.command_line import CAMPAIGN, CommandResult, ThisProcess
from support.desks.empty_desks import empty_desks
from support.desks.plan_desk import PlanDesk
from support.properties import FEW, MANY

POLICY: dict[str, Any] = {
    "fees": [
        {"name": "service", "fixed": "1.50"},
        {"name": "late", "when": {"channel": ["agency"]}, "percentage": "10"},
    ],
    "bonuses": [
        {"name": "gold", "when": {"tier": ["gold"]}, "percentage": "7.5", "total": "9.00"},
        {"name": "thanks", "fixed": "0.50"},
    ],
    "offers": [{"when": {"country": ["US-ME"]}, "offer": "cash"}],
}

Row = dict[str, str]


def row(number: int, part: str, amount_minor: int, customer: str, tier: str, channel: str, country: str) -> Row:
    """A refund line of EUR 0.01 and more; a booking's lines agree in all but the amount and their refund_id."""
    return {
        "booking_id": f"B{number}",
        "refund_id": part,
        "customer_id": customer,
        "name": f"Guest {customer[-1]}",
        "email": f"{customer[-1]}@example.org",
        "order_amount": "1000.00",
        "refund_amount": f"{amount_minor // 100}.{amount_minor % 100:02}",
        "currency": "EUR",
        "status": "cancelled",
        "tier": tier,
        "channel": channel,
        "country": country,
    }


def bookings(numbers: Sequence[int]) -> st.SearchStrategy[list[Row]]:
    """Refund lines of these bookings, each booking's customer known from its number."""

    def line(number: int, part: str) -> st.SearchStrategy[Row]:
        return st.builds(
            row,
            st.just(number),
            st.just(part),
            st.integers(1, 20_000),
            st.just(f"customer-{number % 5}{number % 3}"),
            st.sampled_from(["gold", ""]),
            st.sampled_from(["agency", "web"]),
            st.sampled_from(["US-ME", "PL"]),
        )

    every = [line(number, part) for number in numbers for part in ("a", "b")]
    return (
        st.lists(st.sampled_from(every), min_size=1, max_size=12, unique_by=id)
        .flatmap(lambda few: st.tuples(*few))
        .map(list)
    )


def desk_in(folder: Path) -> PlanDesk:
    made = PlanDesk(At(folder), folder)
    made.campaign(refund=POLICY)
    return made


class At:
    """The command line at a fixed moment, so that plans differ in what they say only."""

    def __init__(self, folder: Path) -> None:
        self._here = ThisProcess(folder)

    def __call__(self, *argv: Any, **others: Any) -> CommandResult:
        return self._here(*argv, **{"now": BEFORE_RELEASE, **others})


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager[PlanDesk]]:
    return empty_desks(tmp_path_factory.mktemp("empty"), desk_in)


def said(desk: PlanDesk, *words: str, files: str = "bookings.csv") -> dict[str, Any]:
    """A plan without what names its files."""
    assert desk(*words, files=files).exit == 0
    plan = desk.file()
    return {name: plan[name] for name in plan if name not in {"files", "digest"}}


@pytest.mark.slow
@MANY
@given(earlier=bookings(range(1, 5)), now=bookings(range(1, 8)), chance=st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_that_of_files_matters(
    new_desk: Callable[[], AbstractContextManager[PlanDesk]], earlier: list[Row], now: list[Row], chance: random.Random
) -> None:
    shuffled = chance.sample(now, len(now))
    part = chance.randrange(len(now) + 1)
    with new_desk() as desk:
        desk.bookings(*earlier, name="earlier.csv")
        desk.command_line("run", CAMPAIGN, "earlier.csv", "--out", "earlier").ok()
        desk.bookings(*now)
        result = desk()
        if result.exit != 0:  # a funded line that says another amount is rejected, in whatever order
            desk.bookings(*shuffled)
            assert desk().exit == result.exit == 3
            return
        plan = said(desk)
        desk.bookings(*shuffled)
        assert said(desk) == plan
        if 0 < part < len(now):
            desk.bookings(*shuffled[:part], name="one.csv")
            desk.bookings(*shuffled[part:], name="two.csv")
            assert said(desk, files="two.csv one.csv") == plan


@FEW
@given(earlier=bookings(range(1, 5)), now=bookings(range(3, 8)))
def test_a_plan_says_what_a_run_does_and_apply_does_it(
    new_desk: Callable[[], AbstractContextManager[PlanDesk]], earlier: list[Row], now: list[Row]
) -> None:
    with new_desk() as desk:
        desk.bookings(*earlier, name="earlier.csv")
        desk.command_line("run", CAMPAIGN, "earlier.csv", "--out", "earlier").ok()
        desk.bookings(*now)
        planned = desk("--json")
        dry = desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out", "-n", "--json")
        applied = desk.apply("--json")
        assert planned.exit == dry.exit == applied.exit
        for name in ("counts", "totals", "steps", "rejected_by_code"):
            assert planned.json()[name] == dry.json()[name] == applied.json()[name]
        totals = planned.json()["totals"]["EUR"]
        shares = planned.json()["plan"]["rules"]
        for bucket in ("fee", "bonus"):
            assert sum(share["total"]["EUR"] for share in shares if share["bucket"] == bucket) == totals[bucket]
        amounts = [each["amount"]["EUR"] for each in planned.json()["plan"]["largest"]]
        assert sum(amounts) == totals["total"] + totals["cash"]
        assert amounts == sorted(amounts, reverse=True)
        desk.command_line("verify").ok()


@pytest.mark.slow
@MANY
@given(now=bookings(range(1, 6)), data=st.data())
def test_the_smallest_change_of_a_line_shows_in_the_digest(
    new_desk: Callable[[], AbstractContextManager[PlanDesk]], now: list[Row], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(now) - 1))
    change = data.draw(st.sampled_from(["a cent", "left out", "another part", "flown"]))
    changed = [dict(one) for one in now]
    if change == "a cent":
        cents = round(float(changed[at]["refund_amount"]) * 100) + 1
        changed[at]["refund_amount"] = f"{cents // 100}.{cents % 100:02}"
    elif change == "another part":
        changed[at]["refund_id"] = "c"
    elif change == "flown":
        changed[at]["status"] = "flown"
    else:
        del changed[at]
    with new_desk() as desk:
        desk.bookings(*now)
        before = said(desk)["lines"]
        if changed:
            desk.bookings(*changed)
        else:
            write_header_only(desk, now[0])
        assert said(desk)["lines"] != before
        desk.bookings(*now)
        assert said(desk)["lines"] == before


def write_header_only(desk: PlanDesk, one: Row) -> None:
    (desk.folder / "bookings.csv").write_text(",".join(one) + "\n", encoding="utf-8")


@FEW
@given(
    above=st.integers(0, 300),
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["run", "apply", "topup"]), st.integers(1, 200)),
            st.tuples(st.just("undo"), st.integers(0, 5)),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_no_order_of_commands_gives_more_than_may_be_given_without_approval(
    new_desk: Callable[[], AbstractContextManager[PlanDesk]], above: int, steps: list[tuple[str, int]]
) -> None:
    """A model of it: the sum of what was given, less what was undone."""
    given_by: dict[int, int] = {}
    with new_desk() as desk:
        desk.campaign(approval={"above": f"{above}.00"})
        desk.command_line("create", CAMPAIGN).ok()
        for at, (what, amount) in enumerate(steps):
            if what == "undo":
                runs = list(given_by)
                if runs:
                    desk.command_line("undo", str(runs[amount % len(runs)])).ok()
                    given_by[runs[amount % len(runs)]] = 0
                continue
            desk.bookings({**row(at, "a", amount * 100, f"customer-{at}", "", "", ""), "order_amount": f"{amount}.00"})
            result = give(desk, what, f"out-{at}")
            allowed = sum(given_by.values()) + amount <= above
            assert (result.exit, [error["code"] for error in result.json()["errors"]]) == (
                (0, []) if allowed else (4, ["approval_required"])
            )
            if allowed:
                given_by[result.json()["run_id"]] = amount
            elif what == "topup":
                return  # its refund waits, and would be given with the next one
        desk.command_line("verify").ok()


def give(desk: PlanDesk, what: str, out: str) -> CommandResult:
    if what == "topup":
        desk.command_line("load", "bookings.csv").ok()
        desk.command_line("publish", CAMPAIGN).ok()
        return desk.command_line("topup", CAMPAIGN, "--json")
    if what == "apply":
        desk().ok()
        return desk.apply("--json", out=out)
    return desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", out, "--json")
