"""Handing over: credits are reserved for one batch per mail tool, and the batch is marked once its files are in place.

A batch holds ranges of transaction ids, not a row for each credit: a million credits of one run are one range.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.errors import Busy
from refundctl.ledger.cards.state import BEARERS, endings
from refundctl.ledger.file.sql import any_rows
from refundctl.ledger.funding.considered_lines import State

# Ranges never overlap, so the last one that begins before a credit tells whether the credit is in any.
HANDED = """
    transactions.id <= coalesce(
        (
            SELECT batch_ranges.last_transaction FROM batch_ranges
            WHERE batch_ranges.campaign = transactions.campaign AND batch_ranges.tool = :tool
                AND batch_ranges.first_transaction <= transactions.id
            ORDER BY batch_ranges.first_transaction DESC LIMIT 1
        ),
        0
    )
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was reserved. Balances in its file are as of `last_transaction`."""

    batch_id: int
    campaign: int
    tool: str
    directory: str
    file_name: str
    everyone: bool
    last_transaction: int
    run_id: int


def open_batch(connection: sqlite3.Connection, campaign: int, tool: str) -> Batch | None:
    """The batch whose files were not all written yet, if there is one."""
    return next(iter(open_batches(connection, "campaign = ? AND tool = ?", (campaign, tool))), None)


def open_batches(
    connection: sqlite3.Connection, condition: str = "TRUE", parameters: Sequence[Any] = ()
) -> list[Batch]:
    """The batches whose files were not all written yet, and for which `condition` (SQL) holds, oldest first."""
    rows = connection.execute(
        f"""
        SELECT id, campaign, tool, directory, file_name, everyone, last_transaction, run_id
        FROM batches WHERE {condition} AND id NOT IN (SELECT batch FROM deliveries)
        ORDER BY id
        """,
        parameters,
    )
    return [
        Batch(batch_id, campaign, tool, directory, file_name, bool(everyone), last_transaction, run_id)
        for batch_id, campaign, tool, directory, file_name, everyone, last_transaction, run_id in rows
    ]


def open_batch_in(connection: sqlite3.Connection, directory: str, file_names: Sequence[str]) -> Batch | None:
    """A batch of any campaign whose files are still to be written to this place."""
    condition = f"directory = ? AND file_name IN ({', '.join('?' * len(file_names))})"
    return next(iter(open_batches(connection, condition, (directory, *file_names))), None)


@dataclass(frozen=True, slots=True)
class DeliveredMailFile:
    """The last hand-over to a place: its run, and the SHA-256 of its mail file in hexadecimal."""

    run_id: int
    sha256: str


def last_delivered(connection: sqlite3.Connection, directory: str, file_name: str) -> DeliveredMailFile | None:
    """What was last written to this place, by any campaign; for a batch that an undo has closed, nothing was."""
    row = connection.execute(
        """
        SELECT batches.run_id, deliveries.files ->> '$[0].sha256'
        FROM deliveries JOIN batches ON batches.id = deliveries.batch
        WHERE directory = ? AND file_name = ? AND deliveries.files <> '[]'
        ORDER BY deliveries.id DESC LIMIT 1
        """,
        (directory, file_name),
    ).fetchone()
    return None if row is None else DeliveredMailFile(*row)


def last_handed(connection: sqlite3.Connection, campaign: int, tool: str) -> int:
    """The highest transaction id that this tool has been handed; 0 where there is none."""
    return int(
        connection.execute(
            "SELECT coalesce(max(last_transaction), 0) FROM batch_ranges WHERE campaign = ? AND tool = ?",
            (campaign, tool),
        ).fetchone()[0]
    )


def find_new_credits(
    connection: sqlite3.Connection, campaign: int, tool: str, *, fresh_after: int, considered_only: bool
) -> bool:
    """Collect the campaign's credits that this tool has not been handed yet, as ranges; tell whether there are any.

    Credits whose holder has no e-mail address wait until there is one; nobody is told of what was undone. All credits after
    `fresh_after` are known to be new; the others are looked at one by one, `considered_only` those of the cards that a
    considered line is on, or has moved to, or that have a new credit: a card is mailed with all that is on it, so nothing of
    it is left to be mailed again. What the desk has given is for no booking, so it goes out with whatever goes out next.
    """
    connection.execute("DROP TABLE IF EXISTS temp.new_ranges")
    connection.execute("CREATE TEMP TABLE new_ranges (first_transaction INTEGER, last_transaction INTEGER)")
    parameters = {"campaign": campaign, "tool": tool, "after": fresh_after}
    mailed = _mailed(connection, campaign)
    if mailed:
        _collect(connection, parameters, f"id > :after {mailed}")
    else:
        connection.execute(
            f"""
            INSERT INTO new_ranges
            SELECT min(id), max(id) FROM transactions WHERE id > :after AND {_CREDIT} HAVING count(*) > 0
            """,
            parameters,
        )
    if _any_left(connection, parameters):
        asked_for = f"AND card IN ({_asked_for(connection)})" if considered_only else ""
        _collect(connection, parameters, f"id <= :after AND NOT ({HANDED}) {asked_for} {mailed}")
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM new_ranges)").fetchone()[0])


def _mailed(connection: sqlite3.Connection, campaign: int) -> str:
    """SQL that leaves out the credits of which nobody is to be told, or not yet; nothing where there are none."""
    unreachable = find_unreachable(connection, campaign)
    clauses = ["card NOT IN (SELECT card FROM unreachable_cards)"] if unreachable else []
    clauses += [f"NOT {ending}" for ending in endings(connection, "transactions.card")]
    if any_rows(connection, "undoings"):
        # Of an undone credit nothing is left; where its card has more on it, that is some other credit's.
        clauses.append("run_id NOT IN (SELECT undone_run FROM undoings)")
        if any_rows(connection, "transfers"):
            # What has moved was some other run's, which may be undone by now.
            clauses.append(f"(contra_account <> 'transfers' OR NOT {_NOTHING_LEFT.format(card='transactions.card')})")
    if any_rows(connection, "activations"):
        clauses.append(f"NOT {BEARERS.format(card='transactions.card')}")
    return " ".join(f"AND {clause}" for clause in clauses)


# All credits of a card, and of those whose successor it is, were undone, and nothing is left on it.
_NOTHING_LEFT = """
    (
        NOT EXISTS (
            SELECT 1 FROM transactions AS own
            WHERE own.card = {card} AND own.type = 'CREDITS_ADDITION' AND own.contra_account <> 'transfers'
                AND own.run_id NOT IN (SELECT undone_run FROM undoings)
        )
        AND (SELECT coalesce(sum(amount_minor), 0) FROM transactions AS own WHERE own.card = {card}) = 0
        AND NOT EXISTS (
            WITH RECURSIVE replaced (card) AS (
                SELECT card FROM transfers WHERE successor = {card}
                UNION
                SELECT transfers.card FROM replaced CROSS JOIN transfers ON transfers.successor = replaced.card
            )
            SELECT 1 FROM replaced CROSS JOIN transactions AS own ON own.card = replaced.card
            WHERE own.type = 'CREDITS_ADDITION' AND own.contra_account <> 'transfers'
                AND own.run_id NOT IN (SELECT undone_run FROM undoings)
        )
    )
"""


def untold(connection: sqlite3.Connection, card: str) -> str | None:
    """SQL for whether nobody is told of a card, any more or yet; None where that is so of no card of this ledger.

    It has come to its end or waits for it, nothing is left of what was undone, or it belongs to whoever has it.
    """
    clauses = endings(connection, card)
    if any_rows(connection, "undoings"):
        clauses.append(_NOTHING_LEFT.format(card=card))
    if any_rows(connection, "activations"):
        clauses.append(BEARERS.format(card=card))
    return f"({' OR '.join(clauses)})" if clauses else None


def find_unreachable(connection: sqlite3.Connection, campaign: int) -> bool:
    """Collect the campaign's cards whose holder has no e-mail address, dead ones left out; tell whether there are any."""
    connection.execute("DROP TABLE IF EXISTS temp.unreachable_cards")
    connection.execute("CREATE TEMP TABLE unreachable_cards (card INTEGER PRIMARY KEY)")
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM customers WHERE email IS NULL)").fetchone()[0]:
        return False
    left_out = untold(connection, "held_cards.id")
    alive = f"AND NOT {left_out}" if left_out else ""
    return bool(
        connection.execute(
            f"""
            INSERT INTO unreachable_cards
            SELECT held_cards.id FROM held_cards CROSS JOIN customers ON customers.id = held_cards.customer
            WHERE campaign = ? AND email IS NULL {alive}
            """,
            (campaign,),
        ).rowcount
    )


_CREDIT = "campaign = :campaign AND type = 'CREDITS_ADDITION' AND card IS NOT NULL"


def _asked_for(connection: sqlite3.Connection) -> str:
    """SQL for the cards that a run mails: those of its refund lines, and those of which nobody was told by the desk."""
    heirs = _HEIRS if any_rows(connection, "transfers") else ""
    return f"""
        WITH RECURSIVE asked (card) AS ({_ASKED_FOR} {heirs})
        SELECT card FROM asked
    """


_ASKED_FOR = f"""
    SELECT card FROM transactions
    WHERE card IS NOT NULL AND line IN (
        SELECT line FROM considered WHERE state IN ({State.FUNDED:d}, {State.FUNDED_NOT_ELIGIBLE:d})
    )
    UNION
    SELECT card FROM transactions WHERE id > :after AND campaign = :campaign AND card IS NOT NULL
    UNION
    SELECT card FROM transactions WHERE entry IS NULL AND {_CREDIT} AND id <= :after AND NOT ({HANDED})
"""
_HEIRS = "UNION SELECT successor FROM asked CROSS JOIN transfers ON transfers.card = asked.card"


def _collect(connection: sqlite3.Connection, parameters: Mapping[str, Any], wanted: str) -> None:
    connection.execute(
        f"""
        INSERT INTO new_ranges
        SELECT min(id), max(id)
        FROM (SELECT id, id - row_number() OVER (ORDER BY id) AS island FROM transactions WHERE {_CREDIT} AND {wanted})
        GROUP BY island
        """,
        parameters,
    )


def _any_left(connection: sqlite3.Connection, parameters: Mapping[str, Any]) -> bool:
    """Whether a credit up to :after may not have been handed over; the usual case, one range for all, is seen at once."""
    bounds = f"SELECT min(id), max(id) FROM transactions WHERE id <= :after AND {_CREDIT}"
    lowest, highest = connection.execute(bounds, parameters).fetchone()
    if lowest is None:
        return False
    whole = """
        SELECT EXISTS (
            SELECT 1 FROM batch_ranges
            WHERE campaign = :campaign AND tool = :tool AND first_transaction <= :lowest AND last_transaction >= :highest
        )
    """
    found = {"campaign": parameters["campaign"], "tool": parameters["tool"], "lowest": lowest, "highest": highest}
    return not connection.execute(whole, found).fetchone()[0]


def reserve(
    connection: sqlite3.Connection,
    *,
    campaign: int,
    tool: str,
    directory: str,
    file_name: str,
    everyone: bool,
    run_id: int,
) -> Batch:
    """Make a batch of the credits that find_new_credits() collected."""
    batch_id, last_transaction = connection.execute(
        """
        INSERT INTO batches (campaign, tool, directory, file_name, everyone, last_transaction, run_id)
        SELECT ?, ?, ?, ?, ?, coalesce(max(id), 0), ? FROM transactions
        RETURNING id, last_transaction
        """,
        (campaign, tool, directory, file_name, everyone, run_id),
    ).fetchone()
    connection.execute(
        """
        INSERT INTO batch_ranges (batch, campaign, tool, first_transaction, last_transaction, run_id)
        SELECT ?, ?, ?, first_transaction, last_transaction, ? FROM new_ranges ORDER BY first_transaction
        """,
        (batch_id, campaign, tool, run_id),
    )
    return Batch(batch_id, campaign, tool, directory, file_name, everyone, last_transaction, run_id)


def is_delivered(connection: sqlite3.Connection, batch: Batch) -> bool:
    """Whether the batch's files were marked as in place, perhaps by another process."""
    found = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE batch = ?)"
    return bool(connection.execute(found, (batch.batch_id,)).fetchone()[0])


def mark_delivered(
    connection: sqlite3.Connection, batch: Batch, files: Sequence[Mapping[str, Any]], run_id: int
) -> None:
    """The batch's files are complete and in place; `files` is what its manifest says of them, empty where an undo closes it.

    Raises Busy where that was noted already: by the undo of its run, as commands that write files look before they begin.
    """
    if is_delivered(connection, batch):
        raise Busy(
            f"The run that {batch.directory}/{batch.file_name} was written for was undone meanwhile: mail nobody from there."
        )
    connection.execute(
        "INSERT INTO deliveries (batch, files, run_id) VALUES (?, ?, ?)",
        (batch.batch_id, json.dumps(files, separators=(",", ":"), sort_keys=True), run_id),
    )
