"""Posting cards' PINs, of which the ledger keeps slow salted hashes."""

import sqlite3


def post_pin(connection: sqlite3.Connection, card: int, method: str, salt: bytes, digest: bytes, run_id: int) -> None:
    """Give a card a PIN, in the place of one that it had; `method` says how the digest was made of salt and PIN."""
    connection.execute(
        "INSERT INTO pins (card, method, salt, hash, run_id) VALUES (?, ?, ?, ?, ?)",
        (card, method, salt, digest, run_id),
    )
