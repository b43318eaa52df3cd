"""Which refund lines a step looks at, and what stands in the way of each.

A temporary table, `considered`, is filled inside the transaction with what publishing and topping up need to know.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from refundctl.ledger.script import run_script
from refundctl.ledger.staging import SEGMENT_COLUMNS

SEGMENT_FIELDS = frozenset({"source", *SEGMENT_COLUMNS})
FieldValues = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """What a campaign says of all lines of a segment; `within` is whether the operator asked for them."""

    eligible: bool
    never_expires: bool
    within: bool = True


@dataclass(frozen=True, slots=True)
class Judge:
    """How a campaign judges lines: by their segment, and where that is not enough by `line` with all its fields.

    `line_within` likewise decides what was asked for, where the segment doesn't tell. `never_expires` says whether cards
    of a customer in this country never expire, whatever the segment says; None where that holds of no country.
    """

    campaign: int
    currency: str
    segment: Callable[[FieldValues], SegmentRule]
    line: Callable[[FieldValues], bool] | None = None
    line_within: Callable[[FieldValues], bool] | None = None
    never_expires: Callable[[str], bool] | None = None


class State(IntEnum):
    """What a refund line is to a campaign; a booking is what the lowest of its lines' states says.

    CASH_ONLY is open too, and FUNDED_IN_CASH funded, but nothing of the line goes onto a card.
    """

    OPEN = 0
    FUNDED = 1
    FUNDED_NOT_ELIGIBLE = 2
    CASH_ONLY = 3
    FUNDED_IN_CASH = 4
    FUNDED_ELSEWHERE = 5
    OTHER_CURRENCY = 6
    NOT_ELIGIBLE = 7

    @property
    def label(self) -> str:
        """As it stands in JSON and in exports."""
        return self.name.lower()

    @property
    def is_skipped(self) -> bool:
        """Whether the line is none of this campaign's business."""
        return self >= State.FUNDED_ELSEWHERE


ALL_LINES = "SELECT id AS line FROM line_versions WHERE version = 1"
# The lines of the files that were just posted: those known before, and those that came in after :lines_before.
STAGED_LINES = """
    SELECT line FROM known WHERE NOT EXISTS (SELECT 1 FROM set_aside WHERE set_aside.staged_id = known.staged_id)
    UNION ALL
    SELECT id FROM line_versions WHERE id > :lines_before AND version = 1
"""


def consider(connection: sqlite3.Connection, judge: Judge, *, lines_before: int | None = None) -> None:
    """Fill `considered`: every refund line of the ledger, or where `lines_before` is given those of the files just posted.

    `lines_before` is the highest id of line_versions before that. What was funded and is no longer eligible stays funded.
    """
    run_script(
        connection,
        """
        DROP TABLE IF EXISTS temp.considered;
        DROP TABLE IF EXISTS temp.segment_rules;
        CREATE TEMP TABLE segment_rules (
            segment INTEGER PRIMARY KEY, eligible INTEGER NOT NULL, never_expires INTEGER NOT NULL,
            within INTEGER NOT NULL
        );
        CREATE TEMP TABLE considered (
            booking INTEGER NOT NULL, line INTEGER NOT NULL, customer INTEGER NOT NULL,
            paid_minor INTEGER NOT NULL, bonus_minor INTEGER NOT NULL, cash_minor INTEGER NOT NULL,
            never_expires INTEGER NOT NULL, state INTEGER NOT NULL, PRIMARY KEY (booking, line)
        ) WITHOUT ROWID;
        """,
    )
    _judge_segments(connection, judge)
    eligible = "(segment_rules.eligible AND NOT now.withdrawn)"
    if judge.line is not None:
        _register_line_judge(connection, "line_eligible", judge.line)
        eligible = f"(NOT now.withdrawn AND line_eligible({_LINE_JSON}))"
    within = "segment_rules.within"
    if judge.line_within is not None:
        _register_line_judge(connection, "line_within", judge.line_within)
        within = f"line_within({_LINE_JSON})"
    never_expires = "segment_rules.never_expires"
    if judge.never_expires is not None and _find_without_expiry(connection, judge.never_expires):
        never_expires = f"({never_expires} OR now.customer IN (SELECT customer FROM without_expiry))"
    connection.execute(
        f"""
        INSERT INTO considered
        SELECT
            now.booking, first.id, now.customer,
            now.refund_amount_minor - now.cash_amount_minor, now.bonus_amount_minor, now.cash_amount_minor,
            {never_expires},
            CASE
                WHEN credit.campaign = :campaign AND NOT {eligible} THEN {State.FUNDED_NOT_ELIGIBLE:d}
                WHEN credit.campaign = :campaign
                    THEN iif({_ON_CARD}, {State.FUNDED:d}, {State.FUNDED_IN_CASH:d})
                WHEN credit.campaign IS NOT NULL THEN {State.FUNDED_ELSEWHERE:d}
                WHEN now.currency <> :currency THEN {State.OTHER_CURRENCY:d}
                WHEN NOT {eligible} THEN {State.NOT_ELIGIBLE:d}
                ELSE iif({_ON_CARD}, {State.OPEN:d}, {State.CASH_ONLY:d})
            END
        FROM ({ALL_LINES if lines_before is None else STAGED_LINES}) AS scope
        CROSS JOIN line_versions AS first ON first.id = scope.line
        CROSS JOIN line_versions AS now ON now.id = coalesce(
            (
                SELECT later.id FROM line_versions AS later
                WHERE later.booking = first.booking AND later.refund_id = first.refund_id AND later.version > 1
                ORDER BY later.version DESC LIMIT 1
            ),
            first.id
        )
        CROSS JOIN segment_rules ON segment_rules.segment = now.segment
        LEFT JOIN transactions AS credit
            ON credit.line = first.id AND credit.entry = 1
        WHERE {within}
        """,
        {"campaign": judge.campaign, "currency": judge.currency, "lines_before": lines_before},
    )


def count_lines(connection: sqlite3.Connection) -> dict[State, int]:
    """How many considered refund lines are in each state."""
    rows = connection.execute("SELECT state, count(*) FROM considered GROUP BY state ORDER BY state")
    return {State(state): count for state, count in rows}


def count_bookings(connection: sqlite3.Connection) -> dict[State, int]:
    """How many considered bookings are in each state; what was funded in cash never had a card, eligible or not."""
    rows = connection.execute(
        f"""
        SELECT state, count(*) FROM (
            SELECT min(iif(
                state = {State.FUNDED_NOT_ELIGIBLE:d} AND paid_minor + bonus_minor = 0, {State.FUNDED_IN_CASH:d}, state
            )) AS state
            FROM considered GROUP BY booking
        )
        GROUP BY state ORDER BY state
        """
    )
    return {State(state): count for state, count in rows}


def bookings_in_state(connection: sqlite3.Connection, state: State) -> list[str]:
    """The ids of bookings with a considered line in `state`."""
    rows = connection.execute(
        """
        SELECT DISTINCT bookings.booking_id FROM considered JOIN bookings ON bookings.id = considered.booking
        WHERE state = ? ORDER BY 1
        """,
        (state,),
    )
    return [row[0] for row in rows]


def not_eligible(connection: sqlite3.Connection) -> list[tuple[FieldValues, bool, int]]:
    """The bookings of which no considered line is eligible, by what they have in common.

    Each entry: the descriptive values, whether the source leaves them out now, and how many bookings.
    """
    names = ("source", *SEGMENT_COLUMNS)
    rows = connection.execute(
        f"""
        SELECT max(withdrawn), count(*), {", ".join(f"segments.{name}" for name in names)}
        FROM (
            SELECT booking, min(line) AS line FROM considered GROUP BY booking HAVING min(state) = {State.NOT_ELIGIBLE:d}
        ) AS skipped
        CROSS JOIN refund_lines ON refund_lines.line = skipped.line
        CROSS JOIN segments ON segments.id = refund_lines.segment
        GROUP BY segments.id, withdrawn
        """
    )
    return [(dict(zip(names, values, strict=True)), bool(withdrawn), count) for withdrawn, count, *values in rows]


def _judge_segments(connection: sqlite3.Connection, judge: Judge) -> None:
    names = ("source", *SEGMENT_COLUMNS)
    rows = connection.execute(f"SELECT id, {', '.join(names)} FROM segments")
    rules = ((row[0], judge.segment(dict(zip(names, row[1:], strict=True)))) for row in rows)
    connection.executemany(
        "INSERT INTO segment_rules VALUES (?, ?, ?, ?)",
        ((segment, rule.eligible, rule.never_expires, rule.within) for segment, rule in rules),
    )


def _find_without_expiry(connection: sqlite3.Connection, never_expires: Callable[[str], bool]) -> bool:
    """Collect the customers whose own country forbids expiry; whether there is any."""
    # Few customers or none have a country, and an index tells which countries there are.
    countries = connection.execute("SELECT DISTINCT country FROM customers WHERE country IS NOT NULL").fetchall()
    forbidding = [row for row in countries if never_expires(row[0])]
    if forbidding:
        connection.execute("DROP TABLE IF EXISTS temp.without_expiry")
        connection.execute("CREATE TEMP TABLE without_expiry (customer INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO without_expiry SELECT id FROM customers WHERE country = ?", forbidding)
    return bool(forbidding)


_ON_CARD = "now.refund_amount_minor > now.cash_amount_minor OR now.bonus_amount_minor > 0"
_LINE_FIELDS = {
    **{name: f"(SELECT {name} FROM segments WHERE segments.id = now.segment)" for name in sorted(SEGMENT_FIELDS)},
    "booking_id": "(SELECT booking_id FROM bookings WHERE bookings.id = now.booking)",
    "refund_id": "coalesce(nullif(now.refund_id, ''), (SELECT booking_id FROM bookings WHERE bookings.id = now.booking))",
    "customer_id": "(SELECT customer_id FROM customers WHERE customers.id = now.customer)",
    "order_amount": "now.order_amount_minor",
    "refund_amount": "now.refund_amount_minor",
    "cash_amount": "now.cash_amount_minor",
    "bonus_amount": "now.bonus_amount_minor",
    "currency": "now.currency",
    "booked_at": "now.booked_at",
    "cancelled_at": "now.cancelled_at",
    "tickets": "now.tickets",
    "locale": "(SELECT locale FROM customers WHERE customers.id = now.customer)",
    "marketing_consent": "(SELECT marketing_consent FROM customers WHERE customers.id = now.customer)",
    "metadata": "json((SELECT metadata FROM line_metadata WHERE line_metadata.line_version = now.id))",
}
_LINE_JSON = "json_object({})".format(", ".join(f"'{name}', {sql}" for name, sql in _LINE_FIELDS.items()))


def _register_line_judge(connection: sqlite3.Connection, name: str, line: Callable[[FieldValues], bool]) -> None:
    import json

    def judged(text: str) -> bool:
        values: dict[str, Any] = json.loads(text)
        metadata = values.pop("metadata") or {}
        return line({**values, **{f"metadata.{key}": value for key, value in metadata.items()}})

    connection.create_function(name, 1, judged)
