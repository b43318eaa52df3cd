"""Who comes after a card: the one that its balance has moved to, for a single card and for all of them."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.file.sql import any_rows


def replaced_by(connection: sqlite3.Connection, number: int) -> list[int]:
    """The cards whose balance has moved to this one, the nearest first."""
    rows = connection.execute(
        """
        WITH RECURSIVE before (card, distance) AS (
            SELECT card, 1 FROM transfers WHERE successor = ?
            UNION ALL
            SELECT transfers.card, distance + 1 FROM before CROSS JOIN transfers ON transfers.successor = before.card
        )
        SELECT card FROM before ORDER BY distance, card
        """,
        (number,),
    )
    return [row[0] for row in rows]


def last_successor(connection: sqlite3.Connection, number: int) -> int:
    """The card that a card's balance has moved to in the end; itself where it has not."""
    row = connection.execute(
        """
        WITH RECURSIVE after (card, distance) AS (
            SELECT ?, 0
            UNION ALL
            SELECT successor, distance + 1 FROM after CROSS JOIN transfers ON transfers.card = after.card
        )
        SELECT card FROM after ORDER BY distance DESC LIMIT 1
        """,
        (number,),
    ).fetchone()
    return int(row[0])


@dataclass(frozen=True, slots=True)
class Heirs:
    """To which card the balance of each transferred one has moved in the end, in temp.heirs (card, heir).

    Made by find_heirs(), and read by the SQL of `of`.
    """

    any: bool

    def of(self, card: str) -> str:
        """SQL for the card where the balance of `card` is now."""
        return f"coalesce((SELECT heir FROM heirs WHERE heirs.card = {card}), {card})" if self.any else card


def find_heirs(connection: sqlite3.Connection) -> Heirs:
    """Collect the heirs; where nothing was ever transferred, there is nothing to look up."""
    if not any_rows(connection, "transfers"):
        return Heirs(any=False)
    connection.execute("DROP TABLE IF EXISTS temp.heirs")
    connection.execute("CREATE TEMP TABLE heirs (card INTEGER PRIMARY KEY, heir INTEGER NOT NULL)")
    connection.execute(
        """
        INSERT INTO heirs
        WITH RECURSIVE moved (card, heir) AS (
            SELECT card, successor FROM transfers
            UNION
            SELECT moved.card, successor FROM moved CROSS JOIN transfers ON transfers.card = moved.heir
        )
        SELECT card, heir FROM moved WHERE NOT EXISTS (SELECT 1 FROM transfers WHERE transfers.card = moved.heir)
        """
    )
    return Heirs(any=True)
