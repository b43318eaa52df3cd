"""What loading, publishing and topping up mean, in plain Python: the real ledger must come to the same.

Nothing here is fast, and nothing here is SQL. Rows are well-formed one by one; what a row may not say beside others is
what the model is about.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

CONTRADICTION, CONFLICT, EXCESS = "contradiction", "booking_conflict", "exceeds_order_amount"
POOL_EMPTY = "no_voucher_suitable_for_publication"
# The states of a refund line, the best first: a booking is what the best of its lines is.
STATES = (
    "open", "funded", "funded_not_eligible", "cash_only", "funded_in_cash", "funded_elsewhere", "other_currency",
    "not_eligible",
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """A row of a file: what it says of a refund line. Amounts in minor units; refund_id is "" for the whole booking."""

    booking_id: str
    refund_id: str
    customer_id: str
    order_minor: int
    refund_minor: int
    currency: str
    status: str
    cash_minor: int = 0
    bonus_minor: int = 0

    @property
    def line(self) -> tuple[str, str]:
        return self.booking_id, self.refund_id

    @property
    def booking_terms(self) -> tuple[str, str, int]:
        """What all lines of a booking must agree on."""
        return self.customer_id, self.currency, self.order_minor

    @property
    def money(self) -> tuple[str, str, int, int, int, int]:
        return (*self.booking_terms, self.refund_minor, self.cash_minor, self.bonus_minor)

    @property
    def parts(self) -> dict[str, int]:
        """What is owed, by bucket."""
        parts = {"paid": self.refund_minor - self.cash_minor, "bonus": self.bonus_minor, "cash": self.cash_minor}
        return {bucket: minor for bucket, minor in parts.items() if minor}

    @property
    def is_on_a_card(self) -> bool:
        """Whether anything of it goes onto a card."""
        return bool(self.parts.keys() - {"cash"})

    def blanked(self, absent: Collection[str]) -> "Said":
        """What is left of the row in a file without these columns."""
        blanks: dict[str, Any] = {name: 0 if name.endswith("_minor") else "" for name in absent}
        return replace(self, **blanks)

    def filled(self, known: "Said | None", absent: Collection[str]) -> "Said":
        """With what is known where the file says nothing; cash is a part of the refund, and never more."""
        if known is None:
            return self
        kept = {name: getattr(known, name) for name in absent}
        if "cash_minor" in kept:
            kept["cash_minor"] = min(kept["cash_minor"], self.refund_minor)
        return replace(self, **kept)


@dataclass(frozen=True, slots=True)
class Terms:
    """A campaign: its currency, who holds a card, which status is eligible; and how many cards it has, None for any."""

    name: str
    currency: str
    card_per: str
    eligible: frozenset[str]
    pool: int | None = None


@dataclass(slots=True)
class Loaded:
    """What became of the rows of one call."""

    counts: dict[str, int]
    rejected_by_code: dict[str, int]
    totals: dict[str, int]
    lines: set[tuple[str, str]]  # that the call spoke of and that stand


@dataclass(slots=True)
class Model:
    """The whole ledger: what is known of each line, who funded it, and which cards there are."""

    known: dict[tuple[str, str], Said] = field(default_factory=dict)
    funded_by: dict[tuple[str, str], str] = field(default_factory=dict)
    cards: set[tuple[str, str, str]] = field(default_factory=set)  # campaign, holder (booking or ""), customer
    bookings: list[str] = field(default_factory=list)  # in the order in which they came in

    # --- load ---

    def load(self, rows: Sequence[Said], absent: Collection[str] = ()) -> Loaded:
        """One file, which lacks the columns of these fields."""
        rows = [row.blanked(absent) for row in rows]
        rejected = self._contradictions(rows)
        whole = {row: row.filled(self.known.get(row.line), absent) for row in rows if row not in rejected}
        against = self._against_the_ledger(set(whole.values()))
        rejected |= {row: against[full] for row, full in whole.items() if full in against}
        standing = {full: None for full in whole.values() if full not in against}
        new = {row for row in standing if row.line not in self.known}
        changed = {row for row in standing if row.line in self.known and row != self.known[row.line]}
        for row in standing:
            if row.line not in self.known and row.booking_id not in self.bookings:
                self.bookings.append(row.booking_id)
            self.known[row.line] = row
        codes = Counter(rejected[row] for row in rows if row in rejected)
        totals: Counter[str] = Counter()
        for row in new:
            totals[row.currency] += row.refund_minor
        done = {"loaded": len(new), "updated": len(changed), "filtered": 0, "rejected": sum(codes.values())}
        unchanged = len(rows) - sum(done.values())
        return Loaded(
            {"rows": len(rows), **done, "unchanged": unchanged},
            dict(codes),
            dict(totals),
            {row.line for row in standing},
        )

    def _contradictions(self, rows: Sequence[Said]) -> dict[Said, str]:
        """The rows that may not stand beside each other, and why; equal rows share their fate."""
        rejected: dict[Said, str] = {}
        for one_booking in _grouped(rows, lambda row: row.booking_id):
            if len({row.booking_terms for row in one_booking}) > 1:
                rejected |= dict.fromkeys(one_booking, CONTRADICTION)
        for one_line in _grouped(rows, lambda row: row.line):
            if len(set(one_line)) > 1:
                rejected |= dict.fromkeys(one_line, CONTRADICTION)
        return rejected

    def _against_the_ledger(self, rows: set[Said]) -> dict[Said, str]:
        """The rows that may not stand beside what is known, and why."""
        rejected = {
            row: CONFLICT for row in rows if row.line in self.funded_by and row.money != self.known[row.line].money
        }
        for one_booking in _grouped(rows - rejected.keys(), lambda row: row.booking_id):
            rejected |= self._against_the_booking(one_booking)
        return rejected

    def _against_the_booking(self, rows: list[Said]) -> dict[Said, str]:
        """`rows` of one booking that agree with each other, beside the lines that they don't speak of."""
        moving = [row for row in rows if row.line not in self.known or row.money != self.known[row.line].money]
        spoken_of = {row.line for row in rows}
        others = [
            known
            for known in self.known.values()
            if known.booking_id == rows[0].booking_id and known.line not in spoken_of
        ]
        if any(other.booking_terms != row.booking_terms for other in others for row in moving):
            return dict.fromkeys(moving, CONFLICT)
        if sum(row.refund_minor for row in [*rows, *others]) > rows[0].order_minor:
            return dict.fromkeys(moving, EXCESS)
        return {}

    # --- publish and top up ---

    def state(self, line: tuple[str, str], terms: Terms) -> str:
        known, eligible = self.known[line], self.known[line].status in terms.eligible
        if self.funded_by.get(line) == terms.name:
            funded = "funded" if known.is_on_a_card else "funded_in_cash"
            return funded if eligible else "funded_not_eligible"
        if line in self.funded_by:
            return "funded_elsewhere"
        if known.currency != terms.currency:
            return "other_currency"
        still_open = "open" if known.is_on_a_card else "cash_only"
        return still_open if eligible else "not_eligible"

    def card_for(self, line: tuple[str, str], terms: Terms) -> tuple[str, str, str]:
        holder = self.known[line].booking_id if terms.card_per == "booking" else ""
        return terms.name, holder, self.known[line].customer_id

    def publish(self, terms: Terms, lines: Iterable[tuple[str, str]] | None = None) -> dict[str, object]:
        """Counts of bookings; a booking counts as its best line."""
        lines = self.known.keys() if lines is None else lines
        states: defaultdict[str, set[str]] = defaultdict(set)
        for line in lines:
            states[line[0]].add(self._state_of_card(line, terms))
        best = Counter(min(found, key=STATES.index) for found in states.values())
        open_lines = [line for line in lines if self.state(line, terms) == "open"]
        published = self._hand_out(open_lines, terms)
        short = len({line[0] for line in open_lines if self.card_for(line, terms) not in self.cards})
        eligible = sum(best.pop(state, 0) for state in ("open", "funded", "funded_not_eligible"))
        in_cash = best.pop("cash_only", 0) + best.pop("funded_in_cash", 0)
        skipped = {**best, "cash_only": in_cash, POOL_EMPTY: short}
        return {
            "eligible": eligible,
            "published": published,
            "already_published": eligible - published - short,
            "skipped": sum(skipped.values()),
            "skipped_by_reason": {reason: count for reason, count in skipped.items() if count},
        }

    def _state_of_card(self, line: tuple[str, str], terms: Terms) -> str:
        """The line's state; what was funded in cash never had a card, eligible or not."""
        state = self.state(line, terms)
        in_cash = state == "funded_not_eligible" and not self.known[line].is_on_a_card
        return "funded_in_cash" if in_cash else state

    def _hand_out(self, lines: Iterable[tuple[str, str]], terms: Terms) -> int:
        """Give a card to each holder of `lines` who has none, in order of the bookings, if there are any."""
        wanting = {self.card_for(line, terms) for line in lines} - self.cards
        if terms.pool is not None:
            in_order = sorted(wanting, key=lambda card: self.bookings.index(card[1]))
            wanting = set(in_order[: self._left(terms.pool, terms)])
        self.cards |= wanting
        return len(wanting)

    def _left(self, pool: int, terms: Terms) -> int:
        return pool - sum(campaign == terms.name for campaign, *_ in self.cards)

    def top_up(
        self, terms: Terms, lines: Iterable[tuple[str, str]] | None = None
    ) -> tuple[dict[str, object], dict[str, int]]:
        """Counts of lines, and what was posted to each bucket in minor units."""
        lines = set(self.known if lines is None else lines)
        states = Counter(self.state(line, terms) for line in lines)
        ready = {
            line
            for line in lines
            if self.state(line, terms) == "cash_only"
            or (self.state(line, terms) == "open" and self.card_for(line, terms) in self.cards)
        }
        self.funded_by |= dict.fromkeys(ready, terms.name)
        already = sum(states.pop(state, 0) for state in ("funded", "funded_not_eligible", "funded_in_cash"))
        without_card = states.pop("open", 0) + states.pop("cash_only", 0) - len(ready)
        why = POOL_EMPTY if terms.pool is not None and not self._left(terms.pool, terms) else "not_published"
        skipped = dict(states) | ({why: without_card} if without_card else {})
        counts: dict[str, object] = {
            "funded": len(ready),
            "already_funded": already,
            "skipped": sum(skipped.values()),
            "skipped_by_reason": skipped,
        }
        posted = Counter({"paid": 0, "bonus": 0, "cash": 0})
        for line in ready:
            posted.update(self.known[line].parts)
        return counts, dict(posted)


def _grouped(rows: Iterable[Said], key: Callable[[Said], object]) -> list[list[Said]]:
    groups: defaultdict[object, list[Said]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return list(groups.values())
