"""Posting what becomes of single cards: activated, blocked, let go, extended."""

import sqlite3
from typing import Literal

Event = Literal["deactivated", "disabled", "enabled", "unlocked"]


def post_event(connection: sqlite3.Connection, card: int, event: Event, reason: str | None, run_id: int) -> None:
    """Block a card, let it go, end it for good, or let it try its PIN again."""
    connection.execute(
        "INSERT INTO card_events (card, event, reason, run_id) VALUES (?, ?, ?, ?)", (card, event, reason, run_id)
    )


def activate(connection: sqlite3.Connection, card: int, expires_on: str | None, run_id: int) -> None:
    """Bring a card of the pool to life for whoever has it; `expires_on` is its last valid day, None for none."""
    connection.execute(
        "INSERT INTO activations (card, expires_on, run_id) VALUES (?, ?, ?)", (card, expires_on, run_id)
    )


def activated_until(connection: sqlite3.Connection, card: int) -> str | None:
    """The last valid day with which a card was activated; None for none."""
    row = connection.execute("SELECT expires_on FROM activations WHERE card = ?", (card,)).fetchone()
    return None if row is None else row[0]


def extend(connection: sqlite3.Connection, card: int, expires_on: str, run_id: int) -> None:
    """Move a card's last valid day to a later one."""
    connection.execute("INSERT INTO extensions (card, expires_on, run_id) VALUES (?, ?, ?)", (card, expires_on, run_id))


def breakage_of(connection: sqlite3.Connection, card: int) -> int:
    """Minor units of a card's balance that were booked as expired, net of undo."""
    booked = "SELECT coalesce(-sum(amount_minor), 0) FROM transactions WHERE card = ? AND contra_account = 'breakage'"
    return int(connection.execute(booked, (card,)).fetchone()[0])
