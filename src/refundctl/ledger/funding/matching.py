"""Conditions as SQL: which of them a refund line meets, as a whole number with a bit for each.

Most conditions look at descriptive values only, which a few segments share: these are decided once for each segment.
Ranges of amounts, dates and tickets become SQL. What is left (metadata, a person's own values) is asked in Python, line
by line, with JSON in between.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.campaigns.conditions import (
    CUSTOMER_TOTAL,
    AmountRange,
    AnyOf,
    Condition,
    CountRange,
    DateRange,
    Test,
)
from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS
from refundctl.ledger.database.sql import any_rows, make_temporary

SEGMENT_FIELDS = frozenset({"source", *SEGMENT_COLUMNS})
FieldValues = Mapping[str, str | int | None]

#: SQL for each field, of `now`, the line's newest row of line_versions.
_LINE_FIELDS = {
    **{name: f"(SELECT {name} FROM segments WHERE segments.id = now.segment)" for name in sorted(SEGMENT_FIELDS)},
    # What a file of people says counts where the booking itself says nothing.
    "country": (
        "coalesce((SELECT country FROM segments WHERE segments.id = now.segment), "
        "(SELECT country FROM customers WHERE customers.id = now.customer))"
    ),
    "booking_id": "(SELECT booking_id FROM bookings WHERE bookings.id = now.booking)",
    "refund_id": (
        "coalesce(nullif(now.refund_id, ''), (SELECT booking_id FROM bookings WHERE bookings.id = now.booking))"
    ),
    "customer_id": "(SELECT customer_id FROM customers WHERE customers.id = now.customer)",
    "order_amount": "now.order_amount_minor",
    "refund_amount": "now.refund_amount_minor",
    "cash_amount": "now.cash_amount_minor",
    "bonus_amount": "now.bonus_amount_minor",
    CUSTOMER_TOTAL: "(SELECT total_minor FROM customer_totals WHERE customer_totals.customer = now.customer)",
    "currency": "now.currency",
    "booked_at": "now.booked_at",
    "cancelled_at": "now.cancelled_at",
    "tickets": "now.tickets",
    "locale": "(SELECT locale FROM customers WHERE customers.id = now.customer)",
    "marketing_consent": "(SELECT marketing_consent FROM customers WHERE customers.id = now.customer)",
}
_METADATA = "json((SELECT metadata FROM line_metadata WHERE line_metadata.line_version = now.id))"
_METADATA_PREFIX = "metadata."


@dataclass(frozen=True, slots=True)
class Matcher:
    """Conditions by their bits: the first is bit 0. `segment_fields` are those that a segment decides alone.

    `segments` is the temporary table that matcher() made for it: (segment, rules, never_expires), with the bits that
    lines of each segment may have, and whether cards never expire in the segment's country.
    """

    conditions: Sequence[Condition]
    currency: str
    segments: str
    segment_fields: frozenset[str] = SEGMENT_FIELDS

    def segment_bits(self, values: FieldValues) -> int:
        """The conditions that lines with these values may meet: those of which no test on them fails."""
        bits = 0
        for at, condition in enumerate(self.conditions):
            tests = (test.holds(values[name], self.currency) for name, test in self._tests(condition, decided=True))
            bits |= all(tests) << at
        return bits

    def decides(self, condition: Condition) -> bool:
        """Whether the segments alone decide a condition."""
        return condition.fields <= self.segment_fields

    @property
    def sql(self) -> str:
        """The bits of `now` as SQL, where the row of `segments` for its segment is joined."""
        segment_bits = f"{self.segments}.rules"
        failing = {
            1 << at: f"iif({' AND '.join(tests)}, 0, {1 << at})"
            for at, condition in enumerate(self.conditions)
            if (
                tests := [
                    _sql(*each, self.currency)
                    for each in self._tests(condition, decided=False)
                    if not isinstance(each[1], AnyOf)
                ]
            )
        }
        # Lines of most segments need no look at the values that only conditions for other segments ask for.
        everywhere = [bit for bit in failing if not self._tests(self.conditions[bit.bit_length() - 1], decided=True)]
        bits = _without(segment_bits, [failing[bit] for bit in everywhere])
        if elsewhere := sum(failing.keys() - set(everywhere)):
            bits = f"iif({segment_bits} & {elsewhere}, {_without(segment_bits, list(failing.values()))}, {bits})"
        asked = self._asked()
        if not asked:
            return bits
        mask = sum(1 << at for at, _ in asked)
        return f"iif({segment_bits} & {mask}, {self._function}({bits}, {self._json(asked)}), {bits})"

    @property
    def _function(self) -> str:
        return f"met_{self.segments}"

    def make_function(self, connection: sqlite3.Connection) -> None:
        """Give the connection the function that `sql` calls, where it calls one."""
        asked = self._asked()
        if not asked:
            return

        def met(bits: int, text: str) -> int:
            values: dict[str, Any] = json.loads(text)
            metadata = values.pop("metadata", None) or {}
            values |= {f"{_METADATA_PREFIX}{key}": value for key, value in metadata.items()}
            for at, tests in asked:
                if bits >> at & 1 and not all(test.holds(values.get(key), self.currency) for key, test in tests):
                    bits &= ~(1 << at)
            return bits

        connection.create_function(self._function, 2, met)

    def _tests(self, condition: Condition, *, decided: bool) -> list[tuple[str, Test]]:
        return [(name, test) for name, test in condition.tests if (name in self.segment_fields) is decided]

    def _asked(self) -> list[tuple[int, list[tuple[str, Test]]]]:
        """Which conditions have tests that only Python can make, and those."""
        found: list[tuple[int, list[tuple[str, Test]]]] = []
        for at, condition in enumerate(self.conditions):
            tests = [each for each in self._tests(condition, decided=False) if isinstance(each[1], AnyOf)]
            if tests:
                found.append((at, tests))
        return found

    def _json(self, asked: Sequence[tuple[int, Sequence[tuple[str, Test]]]]) -> str:
        names = {name for _, tests in asked for name, _ in tests}
        fields = [f"'{name}', {_LINE_FIELDS[name]}" for name in sorted(names) if name in _LINE_FIELDS]
        if any(name.startswith(_METADATA_PREFIX) for name in names):
            fields.append(f"'metadata', {_METADATA}")
        return f"json_object({', '.join(fields)})"


def matcher(
    connection: sqlite3.Connection,
    conditions: Sequence[Condition],
    currency: str,
    segments: str,
    never_expires: Callable[[str], bool] | None = None,
) -> Matcher:
    """A matcher with all that its SQL reads: the temporary table `segments`, and where they are asked for
    `customer_totals`.

    Whether cards never expire in a country says `never_expires`. Where files of people gave a country, a segment alone
    doesn't decide that one.
    """
    by_person = any_rows(connection, "customers WHERE country IS NOT NULL")
    fields = SEGMENT_FIELDS - {"country"} if by_person else SEGMENT_FIELDS
    matches = Matcher(conditions, currency, segments, fields)
    if any(CUSTOMER_TOTAL in condition.fields for condition in conditions):
        _find_customer_totals(connection, currency)
    columns = "segment INTEGER PRIMARY KEY, rules INTEGER NOT NULL, never_expires INTEGER NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE {segments} ({columns});")
    names = ("source", *SEGMENT_COLUMNS)
    for segment, *row in connection.execute(f"SELECT id, {', '.join(names)} FROM segments").fetchall():
        values = dict(zip(names, row, strict=True))
        country = values["country"]
        never = never_expires is not None and country is not None and never_expires(country)
        connection.execute(f"INSERT INTO {segments} VALUES (?, ?, ?)", (segment, matches.segment_bits(values), never))
    matches.make_function(connection)
    return matches


def _find_customer_totals(connection: sqlite3.Connection, currency: str) -> None:
    """Collect what each customer's bookings in a currency add up to: their order amounts, each booking once.

    Bookings that an undone load has brought in don't count, nor do those that their source leaves out now.
    """
    columns = "customer INTEGER PRIMARY KEY, total_minor INTEGER NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE customer_totals ({columns});")
    # Where each booking is one row, as is usual, nothing needs to be put together.
    plain = connection.execute(
        """
        SELECT (SELECT count(*) FROM bookings) = (SELECT count(*) FROM line_versions)
            AND NOT EXISTS (SELECT 1 FROM undone_lines)
        """
    ).fetchone()[0]
    if plain:
        bookings = "SELECT customer, order_amount_minor FROM line_versions WHERE currency = ?"
    else:
        bookings = _BOOKINGS.format(condition="currency = ?")
    connection.execute(
        f"INSERT INTO customer_totals SELECT customer, sum(order_amount_minor) FROM ({bookings}) GROUP BY customer",
        (currency,),
    )


def customer_total(connection: sqlite3.Connection, customer: int, currency: str) -> int:
    """The same of one customer."""
    bookings = _BOOKINGS.format(condition="customer = ? AND currency = ?")
    total = f"SELECT coalesce(sum(order_amount_minor), 0) FROM ({bookings})"
    return int(connection.execute(total, (customer, currency)).fetchone()[0])


# The bookings that count for what a customer's come to, each once.
_BOOKINGS = """
    SELECT customer, max(order_amount_minor) AS order_amount_minor FROM refund_lines
    WHERE {condition} AND NOT withdrawn AND line NOT IN (
        SELECT line FROM undone_lines CROSS JOIN runs ON runs.id = undone_run
        WHERE command = 'load' AND undone_run NOT IN (SELECT undone_run FROM reopenings)
    )
    GROUP BY booking
"""


def _without(bits: str, failing: Sequence[str]) -> str:
    return f"({bits} & ~({' | '.join(failing)}))" if failing else bits


def _sql(name: str, test: Test, currency: str) -> str:
    column = _LINE_FIELDS[name]
    match test:
        case AmountRange():
            low, high = test.limits_minor(currency)
            limits = [f"{column} >= {low}", *([] if high is None else [f"{column} <= {high}"])]
        case CountRange(low=low, high=high):
            limits = [f"{column} {sign} {limit}" for sign, limit in ((">=", low), ("<=", high)) if limit is not None]
        case DateRange(low=first, high=last):
            # ISO dates compare as text. Behind a day may stand a time, whose signs all come before a tilde.
            limits = [f"{column} >= '{first}'"] if first is not None else []
            limits += [f"{column} <= '{last}~'"] if last is not None else []
        case _:
            raise TypeError(name)
    return " AND ".join(limits)
