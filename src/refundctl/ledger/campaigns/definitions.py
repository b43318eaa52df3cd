"""Campaigns, the definitions they have had, and whether they are paused."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from refundctl.ledger.database.sql import one_value

Event = Literal["paused", "resumed"]


def post_campaign(connection: sqlite3.Connection, name: str, currency: str, run_id: int) -> int:
    """Make a campaign; give its id."""
    made = "INSERT INTO campaigns (name, currency, run_id) VALUES (?, ?, ?) RETURNING id"
    return int(one_value(connection, made, (name, currency, run_id)))


def post_definition(connection: sqlite3.Connection, campaign: int, definition: str, run_id: int) -> None:
    """Make `definition` (canonical JSON) the one that counts from now on."""
    connection.execute(
        "INSERT INTO definitions (campaign, definition, run_id) VALUES (?, ?, ?)",
        (campaign, definition, run_id),
    )


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a campaign in which run, and when (RFC 3339); `reason` in the operator's words, or None."""

    run_id: int
    since: str
    operator: str
    host: str
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {"run_id": self.run_id, "since": self.since, "by": f"{self.operator}@{self.host}", "reason": self.reason}

    def __str__(self) -> str:
        reason = "" if self.reason is None else f" ({self.reason})"
        return f"since {self.since} by {self.operator}@{self.host}{reason}"


def post_event(connection: sqlite3.Connection, campaign: int, event: Event, reason: str | None, run_id: int) -> None:
    """Throw the kill switch of a campaign, one way or the other."""
    connection.execute(
        "INSERT INTO campaign_events (campaign, event, reason, run_id) VALUES (?, ?, ?, ?)",
        (campaign, event, reason, run_id),
    )


def pause_of(connection: sqlite3.Connection, campaign: int) -> Pause | None:
    """How a campaign was paused, or None where it is not: the last event says."""
    row = connection.execute(
        """
        SELECT event, runs.id, started_at, operator, host, reason
        FROM campaign_events JOIN runs ON runs.id = campaign_events.run_id
        WHERE campaign_events.campaign = ?
        ORDER BY campaign_events.id DESC LIMIT 1
        """,
        (campaign,),
    ).fetchone()
    return None if row is None or row[0] != "paused" else Pause(*row[1:])
