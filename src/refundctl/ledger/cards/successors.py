"""Who comes after a card: the one that its balance has moved to, for a single card and for all of them."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.database.sql import any_rows, make_temporary


def with_replaced(cards: str) -> str:
    """SQL for a table `lineage` (card): the cards of the query `cards`, and those whose balance has moved to them."""
    return f"""
        WITH RECURSIVE lineage (card) AS (
            {cards} UNION SELECT transfers.card FROM lineage CROSS JOIN transfers ON transfers.successor = lineage.card
        )
    """


def with_successors(cards: str) -> str:
    """SQL for a table `moved_to` (card): the cards of the query `cards`, and those to which their balance has moved."""
    return f"""
        WITH RECURSIVE moved_to (card) AS (
            {cards} UNION SELECT successor FROM moved_to CROSS JOIN transfers ON transfers.card = moved_to.card
        )
    """


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
class LastSuccessors:
    """To which card the balance of each transferred one has moved in the end, in temp.last_successors.

    Made by find_last_successors(), and read by the SQL of `of`.
    """

    any: bool

    def of(self, card: str) -> str:
        """SQL for the card where the balance of `card` is now."""
        return (
            f"coalesce((SELECT last FROM last_successors WHERE last_successors.card = {card}), {card})"
            if self.any
            else card
        )


def find_last_successors(connection: sqlite3.Connection) -> LastSuccessors:
    """Collect them; where nothing was ever transferred, there is nothing to look up."""
    if not any_rows(connection, "transfers"):  # else 1.5% of an undo
        return LastSuccessors(any=False)
    make_temporary(connection, "CREATE TEMP TABLE last_successors (card INTEGER PRIMARY KEY, last INTEGER NOT NULL);")
    connection.execute(
        """
        INSERT INTO last_successors
        WITH RECURSIVE moved (card, last) AS (
            SELECT card, successor FROM transfers
            UNION
            SELECT moved.card, successor FROM moved CROSS JOIN transfers ON transfers.card = moved.last
        )
        SELECT card, last FROM moved WHERE NOT EXISTS (SELECT 1 FROM transfers WHERE transfers.card = moved.last)
        """
    )
    return LastSuccessors(any=True)
