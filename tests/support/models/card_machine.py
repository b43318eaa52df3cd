"""The same random commands to the model of cards and to a real ledger, which are compared after each of them."""

import copy
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.desks.card_desk import DONE, MALFORMED, NOTHING, REFUSED, CardDesk, Said, amount_text, as_facts, as_row
from support.models.card_model import Model
from support.models.card_values import Booking, Budget, Card, Malformed, Purchase, Refusal, Run, Terms

BEGIN = datetime(2020, 5, 1, 12, 0, tzinfo=UTC)  # a Friday
FLIGHTS = Terms("flights", "EUR", "Europe/Warsaw", "booking", 60, approval_above=100_000)
HOTELS = Terms(
    "hotels", "PLN", "America/New_York", "customer", 90, bonus_first=False, quantity=3, invoice_required=False,
    minimum_order=2_000,
    budget=Budget(total=250_000, bonus=20_000, cards=12, per_card=60_000, per_customer=90_000),
)  # fmt: skip
SPA = Terms(
    "spa", "JPY", "Asia/Tokyo", "booking", 30, holder_only=False, invoice_required=False, pool=14,
    start_date=date(2020, 5, 2), weekdays=frozenset({1, 2, 3, 4, 5, 6}),
)  # fmt: skip
CAMPAIGNS = (FLIGHTS, HOTELS, SPA)
TERMS = {terms.name: terms for terms in CAMPAIGNS}
CAMPAIGN_NAMES = tuple(TERMS)
CUSTOMERS = ("ana", "bo", "cy")
FIRST_BOOKINGS = (
    Booking("F1", "ana", "flights", 10_000, bonus=2_000),
    Booking("F2", "bo", "flights", 8_000),
    Booking("F3", "cy", "flights", 6_000, bonus=500),
    Booking("F4", "ana", "flights", 4_000, cash=1_000),
    Booking("F5", "bo", "flights", 0, cash=5_000),
    Booking("H1", "ana", "hotels", 20_000, bonus=3_000),
    Booking("H2", "ana", "hotels", 15_000),
    Booking("H3", "bo", "hotels", 12_000, bonus=1_000, cash=2_000),
    Booking("H4", "cy", "hotels", 9_000, bonus=1_500),
    Booking("H5", "bo", "hotels", 30_000),
    Booking("S1", "ana", "spa", 5_000),
    Booking("S2", "bo", "spa", 3_000, bonus=500),
    Booking("S3", "cy", "spa", 8_000),
    Booking("S4", "ana", "spa", 2_000, bonus=300),
)
# And as many again, twice: so that there is always something left to be loaded.
BOOKINGS = tuple(
    replace(booking, booking_id=f"{booking.booking_id}{again}")
    for again in ("", "b", "c")
    for booking in FIRST_BOOKINGS
)
PINS = ("2468", "1357")

places = st.integers(0, 89)  # of a card, a redemption, a debt or a run among those that there are
sizes = st.sampled_from(["some", "half", "all", "one", "more"])
campaigns = st.sampled_from(CAMPAIGN_NAMES)
booking_ids = st.sampled_from([booking.booking_id for booking in BOOKINGS])
customers = st.sampled_from([*CUSTOMERS, "zoe"])  # of whom nothing is known
buyers = st.sampled_from(["holder", "holder", "holder", "bo", "zoe", None])
# What may be odd about a purchase.
ODD: dict[str, dict[str, object]] = {
    "an old invoice": {},
    "no invoice": {"invoice": None},
    "nobody": {"customer": None},
    "a customer": {"customer": "bo"},
    "a stranger": {"customer": "zoe"},
    "no total": {"order_total": None},
    "a small order": {"order_total": 1_000},
    "a smaller order": {"order_total": 5},
    "euros": {"currency": "EUR"},
    "a PIN": {"pin": PINS[0]},
    "another PIN": {"pin": PINS[1]},
    "no PIN": {"pin": None},
}
oddities = st.sampled_from(["nothing", "an old invoice", *ODD])
buckets = st.sampled_from([None, None, "paid", "bonus"])
ways = st.sampled_from([*["plainly"] * 7, "keyed", "with an old key", "dry"])

# What one command does, to the model and to the desk: by numbers, as the model may be a copy.
OnModel = Callable[[Model, str | None], Run | None]
OnDesk = Callable[[CardDesk, str | None, bool], Said]


class CardMachine(RuleBasedStateMachine):
    """One desk and its model. `outcomes` counts what all of them came to, by command."""

    outcomes: ClassVar[Counter[tuple[str, str]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(BEGIN, CAMPAIGNS, CUSTOMERS, frozenset({"cy"}), BOOKINGS)
        self.model.make_pool()
        self.desk = CardDesk(self.model)
        self.keyed: dict[str, tuple[str, OnModel, OnDesk]] = {}
        self.invoices = 0

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # else what has failed is told, and not what comes of it
                self.check_all()
        finally:
            self.desk.close()

    def check_all(self) -> None:
        """What takes too long to be looked at after each command."""
        for card in self.model.cards:
            found = self.desk.card(card.number)
            del found["code"]
            assert found == as_facts(self.model, card)
        assert self.desk.findings() == []
        for terms in CAMPAIGNS:
            self.check_totals(terms)

    def check_totals(self, terms: Terms) -> None:
        """Every cent is somewhere, and as much of it as the model says."""
        found = self.desk.status(terms)
        spent = found["redeemed"] + found["expired"] + found["cashed_out"] + found["lapsed"]
        assert found["outstanding"] == found["paid"] + found["bonus"] + found["adjusted"] - spent
        found["given"] = found["paid"] + found["bonus"]
        expected = self.model.totals(terms)
        assert {name: found[name] for name in expected} == expected

    @invariant()
    def the_cards_are_the_same(self) -> None:
        assert self.desk.cards(self.model) == [as_row(self.model, card) for card in self.model.cards]

    # --- Doing the same to both ---

    def both(self, command: str, on_model: OnModel, on_desk: OnDesk, way: str = "plainly") -> None:
        key = self._key(way)
        before = copy.deepcopy(self.model) if way == "dry" else None
        is_retry = key in self.model.keys
        expected, run = self._expected(on_model, key)
        said = on_desk(self.desk, key, before is None)
        self.count(command, said)
        assert said.in_short == expected
        if before is not None:
            # A wrong PIN counts in a dry run too, else one could be found by trying.
            self.model = self.model if said.code == "pin_wrong" else before
            return
        assert said.repeated == (is_retry and said.kind in {DONE, NOTHING})
        if run is not None and said.answer is not None:
            self._learn(run, said)
            if key is not None and not said.repeated:
                self.keyed[key] = command, on_model, on_desk

    def _key(self, way: str) -> str | None:
        if way == "keyed":
            return f"key {len(self.keyed) + 1}"
        return next(iter(self.keyed), None) if way == "with an old key" else None

    def _expected(self, on_model: OnModel, key: str | None) -> tuple[tuple[str, str | None], Run | None]:
        try:
            run = on_model(self.model, key)
        except Refusal as refusal:
            return (REFUSED, refusal.code), None
        except Malformed:
            return (MALFORMED, None), None
        return (NOTHING if run is None or run.nothing else DONE, None), run

    def _learn(self, run: Run, said: Said) -> None:
        """The numbers that only the ledger gives; and the card is what the model says."""
        answer = said.answer or {}
        assert run.number in {None, answer["run_id"]}
        run.number = answer["run_id"]
        if run.made is not None:
            number = answer["redemption" if "redemption" in answer else "cashout"]["id"]
            assert run.made.number in {None, number}
            run.made.number = number
        if "card" in answer and not said.repeated:
            found = dict(answer["card"])
            del found["code"]
            card = self.model.find(int(found["card_id"][1:]))
            assert card is not None
            assert found == as_facts(self.model, card)

    def both_call(self, command: str, on_model: Callable[[Model], Run | None], *words: str) -> Run | None:
        """The same for commands that are typed; their counts and totals are compared where the model has them."""
        expected, run = self._expected(lambda model, _: on_model(model), None)
        said = self.desk.call(*words)
        self.count(command, said)
        assert said.in_short == expected
        if run is None or said.answer is None:
            return None
        run.number = said.answer["run_id"] if "campaigns" not in said.answer else said.answer["campaigns"][0]["run_id"]
        assert {name: said.answer["counts"][name] for name in run.counts} == run.counts
        [totals] = said.answer["totals"].values() or [{}]
        assert {name: totals[name] for name in run.totals} == run.totals
        return run

    def count(self, command: str, said: Said) -> None:
        self.outcomes[command, said.code or said.kind] += 1

    # --- Choosing ---

    def card(self, place: int) -> Card:
        """Any card; three times of four, one that holds something and is not dead."""
        found = self.model.cards
        if place % 4:
            found = [card for card in found if card.money.total and not card.is_dead] or found
        return found[place // 4 % len(found)]

    def good_card(self, place: int) -> Card:
        """One that something can be bought with, if there is any."""
        good = [card for card in self.model.cards if self.model.state(card) == "active" and card.money.total]
        return good[place % len(good)] if good else self.card(place)

    def amount(self, card: Card, size: str) -> int:
        """Around what it holds."""
        held = card.money.total
        return {"some": 700, "half": held // 2, "all": held, "one": 1, "more": held + 1}[size] or 1

    # --- Bookings ---

    @initialize(left_out=st.sets(campaigns, max_size=2))
    def begin(self, left_out: set[str]) -> None:
        self._load({booking.booking_id for booking in FIRST_BOOKINGS})
        for name in CAMPAIGN_NAMES:
            if name not in left_out:
                self.fund(name, "both")

    @rule(wanted=st.sets(booking_ids, min_size=1, max_size=4), funded=st.booleans())
    def load(self, wanted: set[str], funded: bool) -> None:
        self._load(wanted)
        if funded:
            for name in sorted({booking.campaign for booking in BOOKINGS if booking.booking_id in wanted}):
                self.fund(name, "both")

    def _load(self, wanted: set[str]) -> None:
        in_order = [booking for booking in BOOKINGS if booking.booking_id in wanted]
        new = self.model.load(in_order)
        said = self.desk.load(in_order)
        self.count("load", said)
        assert said.kind == (DONE if new else NOTHING)

    @rule(name=campaigns, what=st.sampled_from(["publish", "top up", "both"]))
    def fund(self, name: str, what: str) -> None:
        if what != "top up":
            self.both_call("publish", lambda model: model.publish(TERMS[name]), "publish", name)
        if what != "publish":
            self._top_up(name)

    def _top_up(self, name: str) -> None:
        run = self.both_call("topup", lambda model: model.top_up(TERMS[name]), "topup", name)
        if run is not None and run.number is not None:
            numbers = self.desk.cash_of(run.number)
            for credit in run.credits:
                if credit.debt is not None and credit.line is not None:
                    credit.debt.number = numbers[credit.line.booking.booking_id]

    # --- Buying ---

    @rule(place=places, size=sizes, odd=oddities, way=ways)
    def buy(self, place: int, size: str, odd: str, way: str) -> None:
        """With a card that is good, and perhaps something is odd."""
        self._buy(self.good_card(place), size, [odd], way)

    @rule(place=places, size=sizes, odd=oddities, odder=oddities)
    def try_to_buy(self, place: int, size: str, odd: str, odder: str) -> None:
        """With any card."""
        self._buy(self.card(place), size, [odd, odder], "plainly")

    @rule(place=places, first=st.sampled_from(["one", "some", "half"]), second=sizes)
    def buy_twice(self, place: int, first: str, second: str) -> None:
        for size in (first, second):
            self._buy(self.good_card(place), size, [], "plainly")

    def _buy(self, card: Card, size: str, odd: list[str], way: str) -> None:
        """As it should be, but for what is odd."""
        self.invoices += 1
        used = [one.invoice for older in card.lineage for one in older.redemptions]
        invoice = used[self.invoices % len(used)] if used and "an old invoice" in odd else f"N{self.invoices}"
        bought = Purchase(self.amount(card, size), invoice, card.customer, order_total=90_000, pin=card.pin)
        changes: dict[str, Any] = {name: value for each in odd for name, value in ODD.get(each, {}).items()}
        bought = replace(bought, **changes)
        if odd:
            self._validate(card, bought)
        self._redeem(card.number, bought, way)

    def _validate(self, card: Card, bought: Purchase) -> None:
        """What it says before comes true where it is asked."""
        for known in (bought, Purchase(bought.amount), replace(bought, invoice=None, order_total=None)):
            expected: tuple[str, str | None] = (NOTHING, None)
            try:
                self.model.validate(card, known)
            except Refusal as refusal:
                expected = (REFUSED, refusal.code)
            assert self.desk.validate(card.number, known).in_short == expected

    def _redeem(self, number: int, bought: Purchase, way: str) -> None:
        self.both(
            "redeem",
            lambda model, key: model.redeem(_card(model, number), bought, key),
            lambda desk, key, keep: desk.redeem(number, bought, key, keep),
            way,
        )

    @precondition(lambda self: self.model.redemptions)
    @rule(place=places, size=st.sampled_from(["whole", "part", "one", "more"]), way=ways)
    def roll_back(self, place: int, size: str, way: str) -> None:
        at = len(self.model.redemptions) - 1 - place % len(self.model.redemptions)
        redemption = self.model.redemptions[at]
        number, taken = redemption.number, redemption.taken.total
        minor = {"whole": None, "part": taken // 2 or 1, "one": 1, "more": taken + 1}[size]
        text = None if minor is None else amount_text(minor, redemption.card.terms.currency)
        assert number is not None
        self.both(
            "rollback",
            lambda model, key: model.roll_back(model.redemptions[at], minor, key),
            lambda desk, key, keep: desk.roll_back(number, text, key, keep),
            way,
        )

    @rule(
        rows=st.lists(
            st.tuples(
                places, sizes, st.sampled_from(["I1", "I2", "T1", "T2"]), buyers, st.sampled_from([0, 0, 1, 9, 40])
            ),
            min_size=1,
            max_size=3,
        )
    )
    def load_redemptions(self, rows: list[tuple[int, str, str, str | None, int]]) -> None:
        written = []
        for place, size, invoice, buyer, days_ago in rows:
            card = self.card(place)
            on = None if not days_ago else self.model.today(card.terms) - timedelta(days=days_ago)
            customer = card.customer if buyer == "holder" else buyer
            written.append((card.number, Purchase(self.amount(card, size), invoice, customer, 90_000, on=on)))
        before = len(self.model.redemptions)
        expected = self.model.load_redemptions(written)
        said = self.desk.load_redemptions(written, lambda number: _card(self.model, number).terms)
        self.count("load-redemptions", said)
        answer = said.answer or {}
        found = {**answer["counts"], "codes": answer["rejected_by_code"]}
        assert {name: found[name] for name in expected} == expected
        self._learn_redemptions(before, answer["run_id"])

    def _learn_redemptions(self, before: int, run_id: int | None) -> None:
        found = self.desk.ledger.connection.execute(
            "SELECT id FROM redemptions WHERE run_id = ? ORDER BY id", (run_id,)
        ).fetchall()
        for redemption, (number,) in zip(self.model.redemptions[before:], found, strict=True):
            redemption.number = number

    # --- Correcting and giving ---

    @rule(place=places, minor=st.sampled_from([500, 1, -1, -500, 30_000, -30_000]), bucket=buckets, way=ways)
    def adjust(self, place: int, minor: int, bucket: str | None, way: str) -> None:
        number = self.card(place).number
        self.both(
            "adjust",
            lambda model, key: model.adjust(_card(model, number), minor, bucket, key),
            lambda desk, key, keep: desk.adjust(number, minor, bucket, key, keep),
            way,
        )

    @rule(
        name=campaigns,
        customer=customers,
        minor=st.sampled_from([1_000, 2_500, 40_000, 61_000]),
        bucket=buckets,
        way=ways,
    )
    def issue(self, name: str, customer: str, minor: int, bucket: str | None, way: str) -> None:
        self.both(
            "issue",
            lambda model, key: model.issue(TERMS[name], customer, minor, bucket, key),
            lambda desk, key, keep: desk.issue(TERMS[name], customer, minor, bucket, key, keep),
            way,
        )

    # --- States ---

    @rule(place=places, customer=st.sampled_from([None, None, *CUSTOMERS, "zoe"]), way=ways)
    def activate(self, place: int, customer: str | None, way: str) -> None:
        number = self._waiting(place).number
        self.both(
            "activate",
            lambda model, key: model.activate(_card(model, number), customer, key),
            lambda desk, key, keep: desk.activate(number, customer, key, keep),
            way,
        )

    @rule(place=places, customer=customers, way=ways)
    def assign(self, place: int, customer: str, way: str) -> None:
        number = self._waiting(place).number
        self.both(
            "assign",
            lambda model, key: model.assign(_card(model, number), customer, key),
            lambda desk, key, keep: desk.assign(number, customer, key, keep),
            way,
        )

    def _waiting(self, place: int) -> Card:
        """Two times of three, a card without a holder."""
        waiting = [card for card in self.model.cards if card.customer is None]
        return waiting[place // 3 % len(waiting)] if place % 3 and waiting else self.card(place)

    @rule(
        place=places,
        what=st.sampled_from(["disable", "disable", "disable", "enable", "enable", "deactivate"]),
        way=ways,
    )
    def block(self, place: int, what: str, way: str) -> None:
        blocked = [card for card in self.model.cards if card.disabled]
        card = blocked[place % len(blocked)] if what == "enable" and place % 3 and blocked else self.card(place)
        number = card.number
        self.both(
            what,
            lambda model, key: getattr(model, what)(_card(model, number), key),
            lambda desk, key, keep: getattr(desk, what)(number, key, keep),
            way,
        )

    @rule(
        chosen=st.lists(places, min_size=1, max_size=3),
        what=st.sampled_from(["disable", "enable", "deactivate", "extend", "adjust", "activate", "assign"]),
        customer=customers,
        some=st.integers(-3, 30),
    )
    def in_bulk(self, chosen: list[int], what: str, customer: str, some: int) -> None:
        """A file of cards: all or nothing."""
        cards = [self._waiting(place) if what in {"activate", "assign"} else self.card(place) for place in chosen]
        deed, words = self._of_each(what, customer, some)
        expected: tuple[str, str | None] = (DONE, None)
        before = len(self.model.runs)
        try:
            after = self.model.in_bulk([(card.number, deed) for card in cards])
        except Refusal as refusal:
            expected = (REFUSED, refusal.code)
        except Malformed:
            expected = (MALFORMED, None)
        else:
            self.model, expected = after, (DONE if len(after.runs) > before else NOTHING, None)
        said = self.desk.in_bulk(what, [card.number for card in cards], words)
        self.count(f"bulk {what}", said)
        assert said.in_short == expected

    def _of_each(
        self, what: str, customer: str, some: int
    ) -> tuple[Callable[[Model, Card], Run | None], dict[str, str]]:
        if what == "extend":
            until = self.model.now.date() + timedelta(days=3 * some)
            return lambda model, card: model.extend(card, until), {"until": until.isoformat()}
        if what == "adjust":
            minor = 100 * (some or 1)  # whole units of any currency
            return lambda model, card: model.adjust(card, minor * _unit(card), "bonus"), {
                "amount": str(minor), "reason": "a reason", "bucket": "bonus",
            }  # fmt: skip
        if what == "assign":
            return lambda model, card: model.assign(card, customer), {"customer_id": customer}
        if what == "activate":
            return lambda model, card: model.activate(card, None), {}
        return lambda model, card: getattr(model, what)(card), {}

    @rule(place=places, days=st.sampled_from([-1, 0, 1, 30, 100]), way=ways)
    def extend(self, place: int, days: int, way: str) -> None:
        """By days after its last one; where it has none, after today."""
        card = self.card(place)
        until = (card.last_day or self.model.today(card.terms)) + timedelta(days=days)
        self.both(
            "extend",
            lambda model, key: model.extend(_card(model, card.number), until, key),
            lambda desk, key, keep: desk.extend(card.number, until, key, keep),
            way,
        )

    @rule(place=places, pin=st.sampled_from([*PINS, None]), way=ways)
    def set_pin(self, place: int, pin: str | None, way: str) -> None:
        """Or, without one, unlock a card."""
        locked = [card for card in self.model.cards if card.wrong_pins]
        card = locked[place % len(locked)] if pin is None and place % 3 and locked else self.card(place)
        number = card.number
        if pin is None:
            self.both(
                "unlock",
                lambda model, key: model.unlock(_card(model, number), key),
                lambda desk, key, keep: desk.unlock(number, key, keep),
                way,
            )
        else:
            self.both(
                "set-pin",
                lambda model, key: model.set_pin(_card(model, number), pin, key),
                lambda desk, key, keep: desk.set_pin(number, pin, key, keep),
                way,
            )

    @precondition(lambda self: any(card.pin for card in self.model.cards))
    @rule(place=places, tries=st.integers(1, 5))
    def guess(self, place: int, tries: int) -> None:
        """Somebody tries PINs."""
        with_pin = [card for card in self.model.cards if card.pin is not None]
        card = with_pin[place % len(with_pin)]
        wrong = PINS[PINS[0] == card.pin]
        for _ in range(tries):
            bought = Purchase(1, "guess", card.customer, 90_000, wrong)
            self._redeem(card.number, bought, "dry" if tries == 1 else "plainly")

    @rule(place=places, to=st.sampled_from(["new", "pool", "own", "any"]), other=places, way=ways)
    def transfer(self, place: int, to: str, other: int, way: str) -> None:
        card = self.card(place)
        target = self._successor(card, to, other)
        number, successor = card.number, None if target is None else target.number
        self.both(
            "transfer",
            lambda model, key: model.transfer(
                _card(model, number), None if successor is None else _card(model, successor), key
            ),
            lambda desk, key, keep: desk.transfer(number, successor, key, keep),
            way,
        )

    def _successor(self, card: Card, to: str, other: int) -> Card | None:
        if to == "new":
            return None
        found = self.model.cards
        if to == "pool":
            found = [one for one in found if one.terms.name == card.terms.name and not one.is_handed_out] or found
        elif to == "own":
            found = [
                one for one in found if one.terms.name == card.terms.name and one.customer == card.customer
            ] or found
        return found[other % len(found)]

    # --- Cash ---

    @rule(place=places, way=ways)
    def request_cash(self, place: int, way: str) -> None:
        number = self.card(place).number
        self.both(
            "cashout request",
            lambda model, key: model.request_cash(_card(model, number), key),
            lambda desk, key, keep: desk.request_cash(number, key, keep),
            way,
        )

    @precondition(lambda self: self.model.debts)
    @rule(place=places, dry=st.sampled_from([False, False, False, True]))
    def cancel_cash(self, place: int, dry: bool) -> None:
        """Most times of something that was asked for."""
        debts = [debt for debt in self.model.debts if debt.card is not None and place % 8] or self.model.debts
        debt = debts[-1 - place // 8 % len(debts)]
        at, number = self.model.debts.index(debt), debt.number
        assert number is not None
        self.both(
            "cashout cancel",
            lambda model, _: model.cancel_cash(model.debts[at]),
            lambda desk, _, keep: desk.cancel_cash(number, keep),
            "dry" if dry else "plainly",
        )

    @precondition(lambda self: any(debt.state in {"open", "ordered"} for debt in self.model.debts))
    @rule(said=st.lists(st.tuples(places, st.sampled_from(["paid", "rejected"])), max_size=3))
    def bank(self, said: list[tuple[int, str]]) -> None:
        """Files go there, and answers come back."""
        states = {debt.state for debt in self.model.debts}
        if "open" in states and (not said or "ordered" not in states):
            self._order_cash()
        else:
            self._settle(said or [(0, "paid")])

    def _order_cash(self) -> None:
        ordered = self.model.order_cash()
        said = self.desk.call("cashout", "export", "--format", "csv", "-o", self.desk.new_name())
        self.count("cashout export", said)
        assert (said.kind, (said.answer or {})["counts"]["rows"]) == (DONE, ordered)

    def _settle(self, said: list[tuple[int, str]]) -> None:
        debts = self.model.debts
        words = {debts[-1 - place % len(debts)].number or 0: word for place, word in said}
        expected = self.model.settle(words)
        found = self.desk.settle(words)
        self.count("cashout settle", found)
        counts = (found.answer or {})["counts"]
        names = ("paid", "reopened", "unchanged", "rejected")
        assert {name: counts[name] for name in names} == {name: expected[name] for name in names}

    # --- Campaigns and days ---

    @rule(name=campaigns, on=st.sampled_from([True, False]))
    def switch(self, name: str, on: bool) -> None:
        """Where one is paused, it goes on: else little would happen."""
        if on and not self.model.paused:
            self.both_call("pause", lambda model: model.pause(TERMS[name]), "pause", name)
        else:
            wanted = min(self.model.paused, default=name)
            self.both_call("resume", lambda model: model.resume(TERMS[wanted]), "resume", wanted)

    @rule(
        hours=st.sampled_from([1, 5, 13, 24, 24, 48, 24 * 7, 24 * 20]), expire=st.sampled_from([*CAMPAIGN_NAMES, None])
    )
    def wait(self, hours: int, expire: str | None) -> None:
        """Time goes by; perhaps the nightly job runs."""
        self.model.now += timedelta(hours=hours)
        self.desk.now = self.model.now
        self.outcomes["wait", DONE] += 1
        if expire:
            self._expire()

    def _expire(self) -> None:
        """Where there is anything to book, and in one campaign in any case."""
        over = {card.terms.name for card in self.model.cards if card.money.total and self.model.is_over(card)}
        for name in over or {FLIGHTS.name}:
            self.both_call("expire", partial(_expire, name), "expire", name)

    # --- Undoing, and doing again ---

    @rule(place=places)
    def undo(self, place: int) -> None:
        run = self._run(place)
        if run is not None:
            at = self.model.runs.index(run)
            self.both_call("undo", lambda model: model.undo(model.runs[at]), "undo", str(run.number))

    @rule(place=places)
    def reopen(self, place: int) -> None:
        undone = [run for run in self.model.runs if run.undone is not None or run.command == "undo"]
        run = undone[place % len(undone)] if place % 4 and undone else self._run(place)
        if run is not None:
            at = self.model.runs.index(run)
            self.both_call("reopen", lambda model: model.reopen(model.runs[at]), "undo", "--reopen", str(run.number))

    def _run(self, place: int) -> Run | None:
        """Any run; three times of four, one that can be undone."""
        runs = [run for run in self.model.runs if run.number is not None]
        if place % 4:
            runs = [run for run in runs if run.command in {"topup", "publish", "card issue"}] or runs
        return runs[-1 - place // 4 % len(runs)] if runs else None

    @precondition(lambda self: self.keyed)
    @rule(place=places)
    def retry(self, place: int) -> None:
        """The same under the same key: it gets the first answer."""
        key = [*self.keyed][place % len(self.keyed)]
        command, on_model, on_desk = self.keyed[key]
        expected, run = self._expected(on_model, key)
        said = on_desk(self.desk, key, True)
        self.count("retry", said)
        assert (said.in_short, said.repeated) == (expected, True), command
        assert run is not None
        assert run.number == (said.answer or {})["run_id"]


def _expire(name: str, model: Model) -> Run | None:
    return model.expire(TERMS[name])


def _unit(card: Card) -> int:
    """Minor units of one euro, zloty or yen."""
    return int(amount_text(10**4, card.terms.currency).partition(".")[0] == "100") * 99 + 1


def _card(model: Model, number: int) -> Card:
    card = model.find(number)
    assert card is not None
    return card
