"""What must hold of refunds by any policy and for any bookings: the program comes to what a plain model comes to."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import everything, facts
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import booking
from support.desks.empty_desks import empty_desks
from support.desks.policy_desk import PolicyDesk, totals_of
from support.models.policy_model import LineId, PolicyModel, Row, Settled, line_of
from support.properties import FEW, MANY

DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}

NewDesk = Callable[[], AbstractContextManager[PolicyDesk]]
Terms = dict[str, Any]


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    return empty_desks(tmp_path_factory.mktemp("empty"), PolicyDesk)


# --- Policies and bookings ---


def written(minor: int, decimals: int) -> str:
    return f"{Decimal(minor).scaleb(-decimals):f}"


def amounts(decimals: int, most: int = 3_000) -> st.SearchStrategy[str]:
    return st.integers(1, most).map(lambda minor: written(minor, decimals))


percentages = st.sampled_from(["0", "0.5", "7.5", "10", "12.5", "20", "33.3333", "50", "100"])


@st.composite
def conditions(draw: st.DrawFn, decimals: int, least: int = 0) -> Terms:
    """Up to two tests, each of which some bookings pass and some don't."""
    tests = {
        "tier": st.sampled_from([["gold"], ["Gold ", "silver"], ["", "gold"]]),
        "channel": st.just(["agency"]),
        "category": st.just(["flight", "hotel"]),
        "status": st.just(["late"]),
        "country": st.sampled_from([["US-ME"], ["US", "PL"]]),
        "accepted": st.just(["yes"]),
        "metadata.hotel": st.just(["city"]),
        "tickets": st.sampled_from([{"min": 2}, {"max": 2}, [1, 3]]),
        "cancelled_at": st.just({"from": "2020-04-02", "to": "2020-04-03"}),
        "order_amount": amounts(decimals).map(lambda amount: {"min": amount}),
        "refund_amount": amounts(decimals).map(lambda amount: {"max": amount}),
        "customer_total": amounts(decimals, 6_000).map(lambda amount: {"min": amount}),
    }
    names = draw(st.lists(st.sampled_from(sorted(tests)), min_size=least, max_size=2, unique=True))
    return {name: draw(tests[name]) for name in names}


@st.composite
def rules(draw: st.DrawFn, name: str, decimals: int, optional: Sequence[str]) -> Terms:
    """A fee or a bonus by that name; an amount that is left out is zero, or no limit."""
    rule: Terms = {"name": name}
    if when := draw(conditions(decimals)):
        rule["when"] = when
    if draw(st.booleans()):
        rule["percentage"] = draw(percentages)
    for key in optional:
        if draw(st.booleans()):
            rule[key] = draw(amounts(decimals, 400))
    if not rule.keys() & {"percentage", "fixed", "per_ticket"}:
        rule["fixed"] = draw(amounts(decimals, 400))
    return rule


@st.composite
def policies(draw: st.DrawFn, decimals: int, *, totals: bool = True) -> Terms:
    limits = ("fixed", "at_most", "total") if totals else ("fixed", "at_most")
    stacking = draw(st.sampled_from([None, "first", "best", "sum", "sum"]))
    fees = [draw(rules(f"fee-{at}", decimals, ("fixed", "per_ticket"))) for at in range(draw(st.integers(0, 3)))]
    bonuses = [draw(rules(f"bonus-{at}", decimals, limits)) for at in range(draw(st.integers(0, 4)))]
    offers = [
        {"when": draw(conditions(decimals, least=1)), "offer": draw(st.sampled_from(["cash", "none", "gift_card"]))}
        for _ in range(draw(st.sampled_from([0, 0, 1, 2])))
    ]
    refund: Terms = {"fees": fees, "bonuses": reached(bonuses) if stacking == "first" else bonuses}
    refund |= {"offers": reached(offers)} | ({"bonus_stacking": stacking} if stacking else {})
    return refund | draw(st.sampled_from([{}, {"requires_acceptance": False}, {"requires_acceptance": True}]))


def reached(rules: Sequence[Terms]) -> list[Terms]:
    """Without those that never match, as one before them always does: these are refused."""
    found: list[Terms] = []
    for rule in rules:
        endless = [before.get("when", {}) for before in found if "total" not in before]
        if {} not in endless and rule.get("when", {}) not in endless:
            found.append(rule)
    return found


@st.composite
def campaigns(draw: st.DrawFn, *, totals: bool = True) -> Terms:
    currency = draw(st.sampled_from(sorted(DECIMALS)))
    return {
        "currency": currency,
        "card_per": draw(st.sampled_from(["booking", "customer"])),
        "eligible": {"status": ["cancelled", "late"]},
        "refund": draw(policies(DECIMALS[currency], totals=totals)),
    }


DESCRIBED = {
    "status": st.sampled_from(["cancelled", "cancelled", "cancelled", "Late", "flown"]),
    "tier": st.sampled_from(["", "gold", "Gold", "silver"]),
    "channel": st.sampled_from(["", "agency", "web"]),
    "category": st.sampled_from(["flight", "hotel", "car"]),
    "country": st.sampled_from(["", "PL", "US", "US-ME"]),
    "tickets": st.sampled_from(["", "1", "2", "3"]),
    "cancelled_at": st.sampled_from(["", "2020-04-01", "2020-04-02", "2020-04-03T23:59:59", "2020-04-04"]),
    "accepted": st.sampled_from(["yes", "yes", "no", ""]),
    "hotel": st.sampled_from(["", "City", "Resort"]),
}


@st.composite
def bookings(draw: st.DrawFn, currency: str) -> list[Row]:
    """Up to six bookings of three customers, each refunded in up to three parts, of which some is cash."""
    return [row for at in range(draw(st.integers(1, 6))) for row in draw(lines_of_booking(f"B{at}", currency))]


@st.composite
def lines_of_booking(draw: st.DrawFn, booking_id: str, currency: str) -> list[Row]:
    """The lines of one booking; they agree on the order and the customer, and mostly on the rest."""
    currency = draw(st.sampled_from([currency] * 9 + ["USD"]))
    customer = draw(st.sampled_from(["ana", "bo", "cy"]))
    count = draw(st.sampled_from([1, 1, 2, 3]))
    order = draw(st.one_of(st.integers(count, 300), st.integers(count, 5_000), st.just(10_000)))
    described = {name: draw(values) for name, values in DESCRIBED.items()}
    left = order
    rows: list[Row] = []
    for at in range(count):
        most = left - (count - at - 1)
        refund = draw(st.one_of(st.just(most), st.integers(1, most)))
        left -= refund
        minors = {
            "order_amount": order,
            "refund_amount": refund,
            "cash_amount": draw(st.one_of(st.just(0), st.just(0), st.integers(0, refund))),
            "bonus_amount": draw(st.sampled_from([0, 0, 0, 7])),
        }
        other = draw(st.sampled_from(["", "", "", *DESCRIBED]))
        row = booking(
            booking_id,
            customer_id=customer,
            email=f"{customer}@example.org",
            name=customer,
            currency=currency,
            refund_id=f"{booking_id}-{at}" if count > 1 else "",
            **{name: written(minor, (DECIMALS | {"USD": 2})[currency]) for name, minor in minors.items()},
            **described | ({other: draw(DESCRIBED[other])} if other else {}),
        )
        rows.append(row)
    return rows


# --- The program beside the model ---


@dataclass(slots=True)
class Both:
    """The program and the model, side by side."""

    desk: PolicyDesk
    terms: Terms
    model: PolicyModel = field(init=False)
    nights: int = 0

    def __post_init__(self) -> None:
        self.model = PolicyModel(self.terms, self.decimals)
        self.desk.say(**self.terms)
        self.desk.create()

    @property
    def decimals(self) -> int:
        return DECIMALS[self.terms["currency"]]

    def load(self, rows: Sequence[Row]) -> None:
        self.desk.load(*rows)
        self.model.load(rows)

    def top_up(self, booking_id: str | None) -> None:
        """With a card for everyone first, or for one booking only."""
        where = [] if booking_id is None else ["--where", f"booking_id={booking_id}"]
        self.desk.publish(*where)
        self.model.publish([line for line in self.model.known if booking_id in (None, line[0])])
        before = dict(self.model.settled)
        self.check(self.desk.top_up(), before, self.model.top_up())

    def run(self, rows: Sequence[Row]) -> None:
        self.nights += 1
        self.model.load(rows)
        lines = {line_of(row) for row in rows}
        before = {line: one for line, one in self.model.settled.items() if line in lines}
        self.model.publish(lines)
        answer = self.desk.run(*rows, out=f"out{self.nights}")
        self.check({**answer, **answer["steps"]["topup"]}, before, self.model.top_up(lines))

    def check(self, answer: Mapping[str, Any], before: Mapping[LineId, Settled], found: dict[LineId, Settled]) -> None:
        """What a top-up says of the lines it looked at; where fees took all, a line is skipped ever after."""
        booked = [one for one in found.values() if one.is_booked]
        assert answer["totals"] == {self.terms["currency"]: totals_of(booked, self.decimals)}
        assert answer["counts"] == {
            "funded": len([one for one in found.values() if not one.reason]),
            "already_funded": len([one for one in before.values() if not one.reason]),
            "skipped": len([one for one in (*before.values(), *found.values()) if one.reason]),
            "skipped_by_reason": Counter(one.reason for one in (*before.values(), *found.values()) if one.reason),
        }

    def agree(self) -> None:
        """Line by line and rule by rule, and that the books are in order."""
        booked = {line: replace(one, reason="") for line, one in self.model.settled.items()}
        assert self.desk.settled() == booked
        for row in self.desk.export("bookings"):
            one = booked.get(line_of(row), Settled())
            assert [Decimal(row[name]) for name in ("paid", "bonus", "fee")] == [one.paid, one.bonus, one.fee]
        self.desk.call("verify").ok()


@st.composite
def nights(draw: st.DrawFn, currency: str) -> list[list[Row]]:
    """Bookings in one file or several, in any order; a booking's lines may be in different ones."""
    rows = draw(bookings(currency))
    files: list[list[Row]] = [[] for _ in range(draw(st.integers(1, 3)))]
    for row in draw(st.permutations(rows)):
        draw(st.sampled_from(files)).append(row)
    return [file for file in files if file]


@st.composite
def batches(draw: st.DrawFn) -> tuple[Terms, list[list[Row]]]:
    """A campaign, and files of bookings for it."""
    terms = draw(campaigns())
    return terms, draw(nights(terms["currency"]))


ways = st.sampled_from(["run", "run", "steps", "steps", "a card for one"])


def comes_to_the_same(new_desk: NewDesk, batch: tuple[Terms, list[list[Row]]], how: list[str]) -> None:
    """Each file on a night of its own: `run`, or step by step, perhaps with a card for the file's first booking only."""
    terms, files = batch
    with new_desk() as desk:
        both = Both(desk, terms)
        for file, steps in zip(files, how, strict=False):
            if steps == "run":
                both.run(file)
            else:
                both.load(file)
                both.top_up(file[0]["booking_id"] if steps == "a card for one" else None)
        both.agree()
        assert_sound(desk, {line_of(row): row for file in files for row in file})


def assert_sound(desk: PolicyDesk, rows: Mapping[LineId, Row]) -> None:
    """Whatever the policy: nothing is below zero, and what was refundable is all there, in one bucket or another."""
    for line, settled in desk.settled().items():
        amounts = [settled.paid, settled.cash, settled.given_back, *settled.fees.values(), *settled.bonuses.values()]
        assert min(amounts) >= 0
        assert settled.cash + settled.paid + settled.fee == Decimal(rows[line]["refund_amount"])
        assert settled.cash >= Decimal(rows[line]["cash_amount"])


@FEW
@given(batches(), st.lists(ways, min_size=3, max_size=3))
def test_the_program_comes_to_what_the_model_comes_to(
    new_desk: NewDesk, batch: tuple[Terms, list[list[Row]]], how: list[str]
) -> None:
    comes_to_the_same(new_desk, batch, how)


@pytest.mark.slow
@MANY
@given(batches(), st.lists(ways, min_size=3, max_size=3))
def test_the_program_comes_to_what_the_model_comes_to_at_length(
    new_desk: NewDesk, batch: tuple[Terms, list[list[Row]]], how: list[str]
) -> None:
    comes_to_the_same(new_desk, batch, how)


# --- What holds whatever the model says ---


@st.composite
def one_file(draw: st.DrawFn, *, totals: bool = True) -> tuple[Terms, list[Row]]:
    terms = draw(campaigns(totals=totals))
    return terms, draw(bookings(terms["currency"]))


def settled_at_once(desk: PolicyDesk, terms: Terms, rows: Sequence[Row]) -> dict[LineId, Settled]:
    desk.say(**terms)
    desk.run(*rows)
    return desk.settled()


def bulk_and_single_agree(new_desk: NewDesk, terms: Terms, rows: Sequence[Row]) -> None:
    with new_desk() as bulk, new_desk() as single:
        at_once = settled_at_once(bulk, terms, rows)
        single.say(**terms)
        single.load(*rows)
        single.create()
        for booking_id in sorted({row["booking_id"] for row in rows}):
            single.publish("--where", f"booking_id={booking_id}")
            single.top_up("--where", f"booking_id={booking_id}")
        assert single.settled() == at_once


@pytest.mark.slow
@MANY
@given(one_file())
def test_bulk_and_single_agree(new_desk: NewDesk, batch: tuple[Terms, list[Row]]) -> None:
    bulk_and_single_agree(new_desk, *batch)


@pytest.mark.slow
@MANY
@given(one_file(), st.randoms(use_true_random=False))
def test_again_or_in_another_order_gives_nothing_else(
    new_desk: NewDesk, batch: tuple[Terms, list[Row]], chance: random.Random
) -> None:
    terms, rows = batch
    shuffled = list(rows)
    chance.shuffle(shuffled)
    with new_desk() as desk, new_desk() as other:
        at_once = settled_at_once(desk, terms, rows)
        assert settled_at_once(other, terms, shuffled) == at_once
        before = everything(desk.ledger)
        again = desk.run(*shuffled, out="again")
        assert (again["run_id"], set(again["totals"][terms["currency"]].values())) == (None, {0})
        assert everything(desk.ledger) == before


@pytest.mark.slow
@MANY
@given(one_file(totals=False))
def test_the_best_of_the_rules_is_the_best(new_desk: NewDesk, batch: tuple[Terms, list[Row]]) -> None:
    """Each rule tried alone, and then all of them: the best is no less than any, the sum is all of them."""
    terms, rows = batch
    bonuses = reached(terms["refund"]["bonuses"])

    def bonus_of_each_line(**refund: Any) -> dict[LineId, Decimal]:
        with new_desk() as desk:
            found = settled_at_once(desk, {**terms, "refund": {**terms["refund"], **refund}}, rows)
        return {line: sum(settled.bonuses.values(), Decimal(0)) for line, settled in found.items()}

    alone = [bonus_of_each_line(bonuses=[rule]) for rule in bonuses]
    best, first, total = (
        bonus_of_each_line(bonuses=bonuses, bonus_stacking=stacking) for stacking in ("best", "first", "sum")
    )
    for line in best:
        given_alone = [bonus[line] for bonus in alone]
        assert best[line] == max(given_alone, default=0)
        assert first[line] == next(filter(None, given_alone), 0)
        assert total[line] == sum(given_alone)


# --- Budgets ---

BUDGETS = ("total", "bonus", "per_card", "per_customer")


@st.composite
def budgets(draw: st.DrawFn, decimals: int) -> Terms:
    names = draw(st.lists(st.sampled_from([*BUDGETS, "cards"]), min_size=1, max_size=3, unique=True))
    return {name: draw(st.integers(1, 4) if name == "cards" else amounts(decimals, 9_000)) for name in names}


Command = tuple[str, ...] | tuple[str, list[Row]]


@st.composite
def budgeted(draw: st.DrawFn) -> tuple[Terms, list[Command]]:
    """A campaign with a budget, and what an operator types, in whatever order."""
    terms, files = draw(batches())
    steps: list[Command] = [(draw(st.sampled_from(["load", "load", "run"])), file) for file in files]
    other = st.sampled_from(
        [("publish", "--limit", "1"), ("publish",), ("publish",), ("topup", "--where", "booking_id=B0"), ("topup",)]
    )
    steps += draw(st.lists(other, min_size=2, max_size=6))
    decimals = DECIMALS[terms["currency"]]
    return {**terms, "budget": draw(budgets(decimals))}, draw(st.permutations(steps))


def keeps_its_budget(new_desk: NewDesk, terms: Terms, commands: Sequence[Command]) -> None:
    decimals = DECIMALS[terms["currency"]]
    limits = {name: int(Decimal(limit).scaleb(decimals)) for name, limit in terms["budget"].items() if name in BUDGETS}
    limits |= {name: limit for name, limit in terms["budget"].items() if name == "cards"}
    with new_desk() as desk:
        desk.say(**terms)
        desk.create()
        for number, (name, *said) in enumerate(commands):
            before = facts(desk.ledger)
            result = typed(desk, number, name, *said)
            assert result.exit in {0, 3, 4}, result.stdout
            if result.exit == 4:
                assert [error["code"] for error in result.json()["errors"]] == ["budget_exceeded"]
                assert facts(desk.ledger) == before
            given_now = desk.sold()
            assert {name for name, limit in limits.items() if given_now[name] > limit} == set()


def typed(desk: PolicyDesk, number: int, name: str, *said: Any) -> CommandResult:
    """One command as the operator types it; those that take a file have its rows."""
    if name == "load":
        return desk.call("load", desk.write(said[0]), "--json")
    if name == "run":
        return desk.call("run", CAMPAIGN, desk.write(said[0]), "--out", f"out{number}", "--json")
    return desk.call(name, CAMPAIGN, *said, "--json")


@FEW
@given(budgeted())
def test_no_order_of_commands_passes_a_budget(new_desk: NewDesk, case: tuple[Terms, list[Command]]) -> None:
    keeps_its_budget(new_desk, *case)


@pytest.mark.slow
@MANY
@given(budgeted())
def test_no_order_of_commands_passes_a_budget_at_length(new_desk: NewDesk, case: tuple[Terms, list[Command]]) -> None:
    keeps_its_budget(new_desk, *case)
