"""What loading, publishing and topping up mean, in plain Python: the real ledger must come to the same.

Nothing here is fast, and nothing here is SQL. Rows are well-formed one by one; what a row may not say beside others is
what the model is about.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

CONTRADICTION, CONFLICT, EXCESS = "contradiction", "booking_conflict", "exceeds_order_amount"


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

    @property
    def line(self) -> tuple[str, str]:
        return self.booking_id, self.refund_id

    @property
    def booking_terms(self) -> tuple[str, str, int]:
        """What all lines of a booking must agree on."""
        return self.customer_id, self.currency, self.order_minor

    @property
    def money(self) -> tuple[str, str, int, int]:
        return (*self.booking_terms, self.refund_minor)


@dataclass(frozen=True, slots=True)
class Terms:
    """A campaign: its currency, who holds a card, and which status is eligible."""

    name: str
    currency: str
    card_per: str
    eligible: frozenset[str]


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

    # --- load ---

    def load(self, rows: Sequence[Said]) -> Loaded:
        rejected = self._rejected(rows)
        standing = {row for row in rows if row not in rejected}
        new = {row for row in standing if row.line not in self.known}
        changed = {row for row in standing if row.line in self.known and row != self.known[row.line]}
        for row in standing:
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

    def _rejected(self, rows: Sequence[Said]) -> dict[Said, str]:
        """The rows that may not stand, and why; equal rows share their fate."""
        rejected: dict[Said, str] = {}
        for one_booking in _grouped(rows, lambda row: row.booking_id):
            if len({row.booking_terms for row in one_booking}) > 1:
                rejected |= dict.fromkeys(one_booking, CONTRADICTION)
        for one_line in _grouped(rows, lambda row: row.line):
            if len(set(one_line)) > 1:
                rejected |= dict.fromkeys(one_line, CONTRADICTION)
        for row in set(rows) - rejected.keys():
            if row.line in self.funded_by and row.money != self.known[row.line].money:
                rejected[row] = CONFLICT
        for one_booking in _grouped(set(rows) - rejected.keys(), lambda row: row.booking_id):
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
            return "funded" if eligible else "funded_not_eligible"
        if line in self.funded_by:
            return "funded_elsewhere"
        if known.currency != terms.currency:
            return "other_currency"
        return "open" if eligible else "not_eligible"

    def card_for(self, line: tuple[str, str], terms: Terms) -> tuple[str, str, str]:
        holder = self.known[line].booking_id if terms.card_per == "booking" else ""
        return terms.name, holder, self.known[line].customer_id

    def publish(self, terms: Terms, lines: Iterable[tuple[str, str]] | None = None) -> dict[str, object]:
        """Counts of bookings; a booking counts as its best line."""
        lines = self.known.keys() if lines is None else lines
        states: defaultdict[str, set[str]] = defaultdict(set)
        for line in lines:
            states[line[0]].add(self.state(line, terms))
        best = Counter(map(_best, states.values()))
        before = len(self.cards)
        self.cards |= {self.card_for(line, terms) for line in lines if self.state(line, terms) == "open"}
        eligible, published = best.pop("open", 0) + best.pop("funded", 0), len(self.cards) - before
        return {
            "eligible": eligible,
            "published": published,
            "already_published": eligible - published,
            "skipped": sum(best.values()),
            "skipped_by_reason": dict(best),
        }

    def top_up(self, terms: Terms, lines: Iterable[tuple[str, str]] | None = None) -> tuple[dict[str, object], int]:
        """Counts of lines, and what was paid in minor units."""
        lines = set(self.known if lines is None else lines)
        states = Counter(self.state(line, terms) for line in lines)
        ready = {
            line for line in lines if self.state(line, terms) == "open" and self.card_for(line, terms) in self.cards
        }
        self.funded_by |= dict.fromkeys(ready, terms.name)
        already = states.pop("funded", 0) + states.pop("funded_not_eligible", 0)
        without_card = states.pop("open", 0) - len(ready)
        skipped = dict(states) | ({"not_published": without_card} if without_card else {})
        counts: dict[str, object] = {
            "funded": len(ready),
            "already_funded": already,
            "skipped": sum(skipped.values()),
            "skipped_by_reason": skipped,
        }
        return counts, sum(self.known[line].refund_minor for line in ready)


def _best(states: set[str]) -> str:
    if "open" in states:
        return "open"
    if states & {"funded", "funded_not_eligible"}:
        return "funded"
    return min(states)


def _grouped(rows: Iterable[Said], key: Callable[[Said], object]) -> list[list[Said]]:
    groups: defaultdict[object, list[Said]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return list(groups.values())
