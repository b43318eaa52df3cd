"""Handing over: credits are reserved for one batch per mail tool, and the batch is marked once its files are in place."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
    return _one(
        connection,
        "campaign = ? AND tool = ? AND id NOT IN (SELECT batch FROM deliveries) ORDER BY id",
        (campaign, tool),
    )


def latest_batch_in(connection: sqlite3.Connection, directory: str, file_name: str) -> Batch | None:
    """The last batch that was written to this place, by any campaign."""
    return _one(connection, "directory = ? AND file_name = ? ORDER BY id DESC", (directory, file_name))


def _one(connection: sqlite3.Connection, condition: str, parameters: Sequence[Any]) -> Batch | None:
    row = connection.execute(
        "SELECT id, campaign, tool, directory, file_name, everyone, last_transaction, run_id "
        f"FROM batches WHERE {condition} LIMIT 1",
        parameters,
    ).fetchone()
    if row is None:
        return None
    batch_id, campaign_id, tool, directory, file_name, everyone, last_transaction, run_id = row
    return Batch(batch_id, campaign_id, tool, directory, file_name, bool(everyone), last_transaction, run_id)


def find_new_credits(connection: sqlite3.Connection, campaign: int, tool: str, *, in_scope: bool) -> int:
    """Collect the campaign's credits that this tool has not been handed yet; `in_scope`: of the lines in scope only."""
    connection.execute("DROP TABLE IF EXISTS temp.new_credits")
    connection.execute('CREATE TEMP TABLE new_credits ("transaction" INTEGER PRIMARY KEY)')
    tables = "scope CROSS JOIN transactions ON transactions.line = scope.line" if in_scope else "transactions"
    return connection.execute(
        f"""
        INSERT INTO new_credits
        SELECT transactions.id
        FROM {tables}
        WHERE transactions.campaign = ? AND type = 'CREDITS_ADDITION' AND NOT EXISTS (
            SELECT 1 FROM batch_credits
            WHERE batch_credits."transaction" = transactions.id AND batch_credits.tool = ?
        )
        """,
        (campaign, tool),
    ).rowcount


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
    batch_id = connection.execute(
        """
        INSERT INTO batches (
            campaign, tool, directory, file_name, everyone, first_transaction, last_transaction, run_id
        )
        SELECT
            ?, ?, ?, ?, ?, coalesce((SELECT min("transaction") FROM new_credits), 0),
            coalesce((SELECT max(id) FROM transactions), 0), ?
        RETURNING id
        """,
        (campaign, tool, directory, file_name, everyone, run_id),
    ).fetchone()[0]
    connection.execute(
        """
        INSERT INTO batch_credits ("transaction", tool, batch)
        SELECT "transaction", ?, ? FROM new_credits ORDER BY "transaction"
        """,
        (tool, batch_id),
    )
    last_transaction = connection.execute("SELECT last_transaction FROM batches WHERE id = ?", (batch_id,)).fetchone()[
        0
    ]
    return Batch(batch_id, campaign, tool, directory, file_name, everyone, last_transaction, run_id)


def mark_delivered(
    connection: sqlite3.Connection, batch: Batch, files: Sequence[Mapping[str, Any]], run_id: int
) -> None:
    """The batch's files are complete and in place; `files` is what its manifest says of them."""
    connection.execute(
        "INSERT INTO deliveries (batch, files, run_id) VALUES (?, ?, ?)",
        (batch.batch_id, json.dumps(files, separators=(",", ":"), sort_keys=True), run_id),
    )
