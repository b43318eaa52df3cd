"""What was answered under idempotency keys, so that a retry gets the first answer and does nothing again."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as JSON, the SHA-256 of what was asked, and the run that gave it."""

    arguments: str
    answer: str
    run_id: int


def answer_under(connection: sqlite3.Connection, key: str) -> Kept | None:
    """What was answered under a key, None where it is new."""
    row = connection.execute(
        "SELECT arguments, answer, run_id FROM idempotency_keys WHERE idempotency_key = ?", (key,)
    ).fetchone()
    return None if row is None else Kept(*row)


def keep(connection: sqlite3.Connection, key: str, arguments: str, answer: str, run_id: int) -> None:
    """Remember an answer."""
    connection.execute(
        "INSERT INTO idempotency_keys (idempotency_key, arguments, answer, run_id) VALUES (?, ?, ?, ?)",
        (key, arguments, answer, run_id),
    )
