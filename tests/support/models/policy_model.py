"""The refund policy in plain Python, as docs/policy.md tells it: the program must come to the same, line by line.

Amounts are Decimals in major units and rows are texts, both as people write them. Nothing here is fast, and nothing is
shared with the program.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = Mapping[str, str]
LineId = tuple[str, str]  # booking_id and refund_id
Amounts = Mapping[str, Decimal]

ZERO = Decimal(0)
NOT_PUBLISHED = "not_published"
AMOUNTS = ("order_amount", "refund_amount", "cash_amount", "bonus_amount", "customer_total")
DAYS = ("booked_at", "cancelled_at")


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of one refund line, by bucket and by rule; `reason` says why nothing is paid out.

    `given_back` are bonuses spent on the order, which come back as a bonus without a rule.
    """

    paid: Decimal = ZERO
    given_back: Decimal = ZERO
    cash: Decimal = ZERO
    bonuses: Amounts = field(default_factory=dict)
    fees: Amounts = field(default_factory=dict)
    reason: str = ""

    @property
    def is_booked(self) -> bool:
        """Whether anything stands in the books for it, if only a fee."""
        return self.reason != NOT_PUBLISHED and any((self.paid, self.given_back, self.cash, *self.fees.values()))

    @property
    def needs_card(self) -> bool:
        return bool(self.paid or self.given_back)

    @property
    def bonus(self) -> Decimal:
        return self.given_back + sum(self.bonuses.values(), ZERO)

    @property
    def fee(self) -> Decimal:
        return sum(self.fees.values(), ZERO)


@dataclass(slots=True)
class PolicyModel:
    """One campaign with its `terms`, as the campaigns file has them, in a currency of so many `decimals`."""

    terms: Mapping[str, Any]
    decimals: int
    known: dict[LineId, Row] = field(default_factory=dict)
    settled: dict[LineId, Settled] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)  # the bookings, or with card_per customer the customers
    waiting: dict[LineId, Settled] = field(default_factory=dict)  # lines of this top-up that have no card

    def load(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.known[line_of(row)] = row

    def publish(self, lines: Iterable[LineId] | None = None) -> None:
        """A card for each holder of lines of which anything would go onto one."""
        rehearsal = copy.deepcopy(self)
        rehearsal.holders = {self._holder(line) for line in self.known}
        for line, one in rehearsal.top_up(lines).items():
            if one.needs_card:
                self.holders.add(self._holder(line))

    def top_up(self, lines: Iterable[LineId] | None = None) -> dict[LineId, Settled]:
        """Settle those of the lines that are still open, in the order of their ids; what each came to.

        One that needs a card and has none waits, with its part of the booking's fees, but takes nothing off a total.
        """
        wanted = set(self.known if lines is None else lines)
        found = {}
        self.waiting.clear()
        for line in sorted(wanted - self.settled.keys()):
            one = found[line] = self._settle(self.known[line])
            if one.needs_card and self._holder(line) not in self.holders:
                self.waiting[line] = found[line] = replace(one, reason=NOT_PUBLISHED)
            elif one.is_booked:
                self.settled[line] = one
        return found

    def _holder(self, line: LineId) -> str:
        return line[0] if self.terms.get("card_per") != "customer" else self.known[line]["customer_id"]

    def _settle(self, row: Row) -> Settled:
        refund = self.terms.get("refund", {})
        if row["currency"] != self.terms["currency"]:
            return Settled(reason="other_currency")
        if not self._holds(self.terms.get("eligible", {}), row):
            return Settled(reason="not_eligible")
        offer = next((one["offer"] for one in refund.get("offers", ()) if self._matches(one, row)), "gift_card")
        if offer == "none":
            return Settled(reason="offer_none")
        accepted = row.get("accepted", "").strip().casefold() == "yes"
        on_card = _refund(row) > _amount(row, "cash_amount") or _amount(row, "bonus_amount") > 0
        if offer == "gift_card" and refund.get("requires_acceptance") and not accepted and on_card:
            return Settled(reason="not_accepted")
        return self._amounts(row, in_cash=offer == "cash")

    def _amounts(self, row: Row, *, in_cash: bool) -> Settled:
        refundable = _refund(row) - _amount(row, "cash_amount")
        fees = self._fees(row, refundable)
        rest = refundable - sum(fees.values(), ZERO)
        cash, given_back = _amount(row, "cash_amount"), _amount(row, "bonus_amount")
        if in_cash:
            settled = Settled(ZERO, given_back, cash + rest, fees=fees)
        else:
            settled = Settled(rest, given_back, cash, self._bonuses(row, rest), fees)
        if settled.paid or settled.given_back or settled.cash:
            return settled
        return Settled(fees=fees, reason="nothing_left")

    def _fees(self, row: Row, refundable: Decimal) -> Amounts:
        """By rule: what is due of the whole booking, less what its other lines gave, up to what this line has."""
        taken: dict[str, Decimal] = {}
        left = refundable
        for rule in self._rules("fees", row):
            due = (
                Decimal(rule.get("fixed", 0))
                + self._percent(rule, _amount(row, "order_amount"))
                + Decimal(rule.get("per_ticket", 0)) * int(row.get("tickets", "") or 0)
            )
            before = sum((other.fees.get(rule["name"], ZERO) for other in self._lines_beside(row)), ZERO)
            kept = min(max(due - before, ZERO), left)
            if kept:
                taken[rule["name"]] = kept
            left -= kept
        return taken

    def _bonuses(self, row: Row, paid: Decimal) -> Amounts:
        """By rule, once stacked."""
        if not paid:
            return {}
        given = {rule["name"]: self._bonus(rule, paid) for rule in self._rules("bonuses", row)}
        given = {name: bonus for name, bonus in given.items() if bonus}
        stacking = self.terms["refund"].get("bonus_stacking", "best")
        if stacking == "sum" or not given:
            return given
        # Of equal ones max() takes the first.
        chosen = next(iter(given)) if stacking == "first" else max(given, key=given.__getitem__)
        return {chosen: given[chosen]}

    def _bonus(self, rule: Mapping[str, Any], paid: Decimal) -> Decimal:
        bonus = Decimal(rule.get("fixed", 0)) + self._percent(rule, paid)
        if rule.get("at_most") is not None:
            bonus = min(bonus, Decimal(rule["at_most"]))
        if rule.get("total") is not None:
            given = sum((one.bonuses.get(rule["name"], ZERO) for one in self.settled.values()), ZERO)
            bonus = min(bonus, Decimal(rule["total"]) - given)
        return bonus

    def _percent(self, rule: Mapping[str, Any], amount: Decimal) -> Decimal:
        share = amount * Decimal(rule.get("percentage", 0)) / 100
        return share.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

    def _lines_beside(self, row: Row) -> list[Settled]:
        lines = {**self.settled, **self.waiting}
        return [one for (booking_id, _), one in lines.items() if booking_id == row["booking_id"]]

    # --- conditions ---

    def _rules(self, kind: str, row: Row) -> list[Mapping[str, Any]]:
        return [rule for rule in self.terms.get("refund", {}).get(kind, ()) if self._matches(rule, row)]

    def _matches(self, rule: Mapping[str, Any], row: Row) -> bool:
        return self._holds(rule.get("when", {}), row)

    def _holds(self, tests: Mapping[str, Any], row: Row) -> bool:
        return all(self._test(name, test, row) for name, test in tests.items())

    def _test(self, name: str, test: Any, row: Row) -> bool:
        value = row.get(name.removeprefix("metadata."), "").strip()
        if isinstance(test, list):
            return value.casefold() in {str(text).strip().casefold() for text in test}
        if name in AMOUNTS:
            return _within(self._amount_named(name, row), test)
        if name in DAYS:
            return value != "" and test.get("from", "") <= value[:10] <= test.get("to", "9999")
        return value != "" and _within(Decimal(value), test)

    def _amount_named(self, name: str, row: Row) -> Decimal:
        read = {"customer_total": self._customer_total, "refund_amount": _refund}
        return read[name](row) if name in read else _amount(row, name)

    def _customer_total(self, row: Row) -> Decimal:
        """What the customer's bookings in the campaign's currency were worth, each counted once, eligible or not."""
        worth = {
            other["booking_id"]: _amount(other, "order_amount")
            for other in self.known.values()
            if other["customer_id"] == row["customer_id"] and other["currency"] == self.terms["currency"]
        }
        return sum(worth.values(), ZERO)


def line_of(row: Row) -> LineId:
    """A row without a refund_id is the whole booking, and goes by the booking's id."""
    return row["booking_id"], row.get("refund_id") or row["booking_id"]


def _refund(row: Row) -> Decimal:
    return _amount(row, "refund_amount") or _amount(row, "order_amount")


def _amount(row: Row, name: str) -> Decimal:
    return Decimal(row.get(name) or 0)


def _within(value: Decimal, limits: Mapping[str, Any]) -> bool:
    low, high = limits.get("min"), limits.get("max")
    return (low is None or Decimal(low) <= value) and (high is None or value <= Decimal(high))
