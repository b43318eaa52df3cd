"""All that the ledger knows of one booking: what files have said of it, and what was posted for it.

Nothing is computed anew here: amounts come from the posted transactions.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refundctl.domain.campaigns.conditions import CUSTOMER_TOTAL, METADATA_PREFIX
from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS
from refundctl.ledger.cards.state import live
from refundctl.ledger.funding.matching import FieldValues, customer_total
from refundctl.ledger.funding.owed import ENTRIES

_SEGMENT_NAMES = ("source", *SEGMENT_COLUMNS)
_AMOUNTS = ("order_amount", "refund_amount", "cash_amount", "bonus_amount")
_OTHERS = ("currency", "booked_at", "cancelled_at", "tickets")


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run as those who ask about it know it: number, when (RFC 3339), and by whom."""

    run_id: int
    at: str
    by: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {"run_id": self.run_id, "at": self.at, "by": self.by}

    def __str__(self) -> str:
        return f"run {self.run_id}, {self.at}, by {self.by}"


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking by its key; its customer as the newest of its lines names them."""

    key: int
    booking_id: str
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """What a file said of a refund line, and in which run; `values` has amounts in minor units.

    `customer` and `metadata_digest` are only there to tell that something has changed.
    """

    line: int
    key: int
    number: int
    refund_id: str
    customer: int
    withdrawn: bool
    metadata_digest: bytes | None
    run: RunSeen
    values: FieldValues


@dataclass(frozen=True, slots=True)
class LineCard:
    """A card that a line is, or would be, on; `run_id` is the run that published it."""

    key: int
    code: str
    run_id: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction for a refund line, in minor units; `funding` is None where it takes one back.

    `reason` is the name of the rule that made it; `undo_reason` the operator's reason for the undo.
    """

    run: RunSeen
    card: LineCard | None
    key: int
    campaign: int
    campaign_name: str
    bucket: str
    amount_minor: int
    funding: int | None
    reason: str | None
    related: int | None
    undo_reason: str | None


@dataclass(frozen=True, slots=True)
class Undone:
    """A line was taken back with the run that had funded it; `reopened` where it may be funded again."""

    undone_run: int
    run: RunSeen
    reason: str | None
    reopened: RunSeen | None


@dataclass(frozen=True, slots=True)
class DefinitionSeen:
    """A definition that a campaign has had: its number, from 1, the run that stored it, and its plain values."""

    number: int
    run_id: int
    terms: Mapping[str, Any]


def booking_named(connection: sqlite3.Connection, booking_id: str) -> Booking | None:
    """The booking with this id, or None."""
    row = connection.execute(
        """
        SELECT bookings.id, bookings.booking_id, customers.customer_id
        FROM bookings
        JOIN line_versions ON line_versions.booking = bookings.id
        JOIN customers ON customers.id = line_versions.customer
        WHERE bookings.booking_id = ?
        ORDER BY line_versions.id DESC LIMIT 1
        """,
        (booking_id,),
    ).fetchone()
    return None if row is None else Booking(*row)


def versions(connection: sqlite3.Connection, booking: Booking) -> list[Version]:
    """What files have said of a booking's refund lines: line by line, oldest first."""
    names = [*(f"now.{name}_minor" for name in _AMOUNTS), *(f"now.{name}" for name in _OTHERS)]
    names += [f"segments.{name}" for name in _SEGMENT_NAMES]
    rows = connection.execute(
        f"""
        SELECT
            first.id, now.id, now.version, coalesce(nullif(now.refund_id, ''), :booking_id), now.customer,
            now.withdrawn, now.metadata_digest, runs.id, runs.started_at, runs.operator || '@' || runs.host,
            {", ".join(names)}
        FROM line_versions AS first
        CROSS JOIN (
            SELECT * FROM line_versions WHERE booking = :booking AND version = 1
            UNION ALL
            SELECT * FROM line_versions WHERE booking = :booking AND version > 1
        ) AS now ON now.refund_id = first.refund_id
        CROSS JOIN runs ON runs.id = now.run_id
        CROSS JOIN segments ON segments.id = now.segment
        WHERE first.booking = :booking AND first.version = 1
        ORDER BY first.id, now.version
        """,
        {"booking": booking.key, "booking_id": booking.booking_id},
    )
    return [_version(row) for row in rows]


def _version(row: tuple[Any, ...]) -> Version:
    line, key, number, refund_id, customer, withdrawn, digest = row[:7]
    values = dict(zip((*_AMOUNTS, *_OTHERS, *_SEGMENT_NAMES), row[10:], strict=True))
    return Version(line, key, number, refund_id, customer, bool(withdrawn), digest, RunSeen(*row[7:10]), values)


def fields_of(connection: sqlite3.Connection, version: Version, *, with_total: bool) -> FieldValues:
    """All that a rule's condition may look at, of one version of a line.

    `with_total` adds up the customer's bookings, for which all lines of the ledger are read.
    """
    country, locale, consent = connection.execute(
        "SELECT country, locale, marketing_consent FROM customers WHERE id = ?", (version.customer,)
    ).fetchone()
    row = connection.execute("SELECT metadata FROM line_metadata WHERE line_version = ?", (version.key,)).fetchone()
    metadata: dict[str, str] = {} if row is None else json.loads(row[0])
    currency = str(version.values["currency"])
    total = {CUSTOMER_TOTAL: customer_total(connection, version.customer, currency)} if with_total else {}
    return {
        **version.values,
        # What a file of people says counts where the booking itself says nothing.
        "country": version.values["country"] or country,
        "locale": locale,
        "marketing_consent": consent,
        **{f"{METADATA_PREFIX}{key}": value for key, value in metadata.items()},
        **total,
    }


def posted(connection: sqlite3.Connection, line: int) -> list[Posted]:
    """Every transaction for a refund line, in order."""
    rows = connection.execute(
        f"""
        SELECT
            runs.id, runs.started_at, runs.operator || '@' || runs.host,
            held_cards.id, held_cards.code, held_cards.run_id, transactions.id, transactions.campaign, campaigns.name,
            bucket, amount_minor, funding, transactions.reason, related_transaction,
            (SELECT undoings.reason FROM undoings WHERE undoings.run_id = runs.id ORDER BY undoings.id LIMIT 1)
        FROM (
            {" UNION ALL ".join(f"SELECT id FROM transactions WHERE line = :line AND {entry}" for entry in ENTRIES)}
        ) AS found
        CROSS JOIN transactions ON transactions.id = found.id
        CROSS JOIN campaigns ON campaigns.id = transactions.campaign
        CROSS JOIN runs ON runs.id = transactions.run_id
        LEFT JOIN held_cards ON held_cards.id = transactions.card
        ORDER BY coalesce(transactions.funding, 0), transactions.entry, transactions.id
        """,
        {"line": line},
    )
    return [Posted(RunSeen(*row[:3]), None if row[3] is None else LineCard(*row[3:6]), *row[6:]) for row in rows]


def undone(connection: sqlite3.Connection, line: int) -> list[Undone]:
    """Each run with which the line was taken back, oldest first; of a run with steps, the run itself."""
    rows = connection.execute(
        """
        SELECT
            coalesce(whole.undone_run, undone_lines.undone_run) AS undone_run,
            runs.id, runs.started_at, runs.operator || '@' || runs.host, max(undoings.reason),
            again.id, again.started_at, again.operator || '@' || again.host,
            min(undone_lines.id) AS place, iif(count(again.id) = count(*), max(again.id), NULL) AS reopened
        FROM undone_lines
        JOIN undoings ON undoings.undone_run = undone_lines.undone_run
        JOIN runs ON runs.id = undoings.run_id
        JOIN runs AS step ON step.id = undone_lines.undone_run
        LEFT JOIN undoings AS whole ON whole.undone_run = step.parent_run_id
        LEFT JOIN reopenings ON reopenings.undone_run = undone_lines.undone_run
        LEFT JOIN runs AS again ON again.id = reopenings.run_id
        WHERE undone_lines.line = ?
        GROUP BY 1
        ORDER BY place
        """,
        (line,),
    )
    return [Undone(row[0], RunSeen(*row[1:4]), row[4], None if row[9] is None else RunSeen(*row[5:8])) for row in rows]


def definitions(connection: sqlite3.Connection, campaign: int) -> list[DefinitionSeen]:
    """The definitions that a campaign has had, oldest first."""
    rows = connection.execute(
        "SELECT run_id, definition FROM definitions WHERE campaign = ? ORDER BY id", (campaign,)
    ).fetchall()
    return [DefinitionSeen(number, run_id, json.loads(text)) for number, (run_id, text) in enumerate(rows, start=1)]


def card_for(
    connection: sqlite3.Connection, campaign: int, version: Version, booking: Booking, today: str, *, per_customer: bool
) -> LineCard | None:
    """The card on which a top-up on the day `today` would put the booking: its own, or where a campaign is
    `per_customer`, its customer's; None where none of them is live.
    """
    own = "booking IS NULL" if per_customer else "booking = :booking"
    row = connection.execute(
        f"""
        SELECT cards.id, cards.code, held.run_id
        FROM (
            SELECT id, ordinal, expires_on, run_id FROM cards
            WHERE campaign = :campaign AND {own} AND customer = :customer
            UNION ALL
            SELECT card, ordinal, expires_on, run_id FROM assignments
            WHERE campaign = :campaign AND {own} AND customer = :customer
        ) AS held
        JOIN cards ON cards.id = held.id
        WHERE {live(connection, "held")}
        ORDER BY held.ordinal DESC LIMIT 1
        """,
        {"campaign": campaign, "booking": booking.key, "customer": version.customer, "today": today},
    ).fetchone()
    return None if row is None else LineCard(*row)
