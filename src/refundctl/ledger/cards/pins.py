"""Cards' PINs, of which the ledger keeps slow salted hashes."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredPin:
    """A card's PIN as it is kept: `method` says how `digest` was made of the salt and the PIN."""

    pin_id: int
    method: str
    salt: bytes
    digest: bytes


def pin_of(connection: sqlite3.Connection, number: int) -> StoredPin | None:
    """A card's PIN, None where it has none."""
    row = connection.execute(
        "SELECT id, method, salt, hash FROM pins WHERE card = ? ORDER BY id DESC LIMIT 1", (number,)
    ).fetchone()
    return None if row is None else StoredPin(*row)


def pin_set_by(connection: sqlite3.Connection, run_id: int) -> StoredPin | None:
    """The PIN that a run has set, None where it has set none."""
    row = connection.execute("SELECT id, method, salt, hash FROM pins WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else StoredPin(*row)


def post_pin(connection: sqlite3.Connection, card: int, method: str, salt: bytes, digest: bytes, run_id: int) -> None:
    """Give a card a PIN, in the place of one that it had; `method` says how the digest was made of salt and PIN."""
    connection.execute(
        "INSERT INTO pins (card, method, salt, hash, run_id) VALUES (?, ?, ?, ?, ?)",
        (card, method, salt, digest, run_id),
    )
