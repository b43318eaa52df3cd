"""The journal as `runs` shows it: each run with its outcome, and what was refused between them."""

import json
import sqlite3
from typing import Any

_NAMES = (
    "run_id", "parent_run_id", "command", "campaign", "operator", "user_id", "host", "started_at", "finished_at",
    "status",
)  # fmt: skip


def journal(connection: sqlite3.Connection, run_id: int | None = None) -> list[dict[str, Any]]:
    """The runs in order, each refused attempt after the run before it; or one run with its steps."""
    condition = "" if run_id is None else "WHERE ?1 IN (runs.id, runs.parent_run_id)"
    rows = connection.execute(
        f"""
        SELECT
            runs.id, parent_run_id, command, campaign, operator, user_id, host, started_at, finished_at,
            coalesce(status, 'open'), counts, totals, files, arguments, NULL AS error_code, NULL AS message,
            runs.id AS place, 0 AS attempt
        FROM runs LEFT JOIN run_outcomes ON run_outcomes.run_id = runs.id {condition}
        UNION ALL
        SELECT
            NULL, NULL, command, campaign, operator, user_id, host, started_at, finished_at, status,
            '{{}}', '{{}}', '[]', arguments, error_code, message, after_run_id, id
        FROM attempts WHERE ?1 IS NULL
        ORDER BY place, attempt
        """,
        (run_id,),
    )
    return [_journal_entry(row) for row in rows]


def _journal_entry(row: tuple[Any, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = dict(zip(_NAMES, row, strict=False))
    entry |= {name: json.loads(text or "{}") for name, text in zip(("counts", "totals"), row[10:12], strict=True)}
    entry |= {"files": json.loads(row[12] or "[]"), "arguments": json.loads(row[13])}
    if row[14] is not None:
        entry |= {"error": {"code": row[14], "message": row[15]}}
    return entry
