"""Every seal, computed again from the rows; and a seal that was kept elsewhere."""

import sqlite3
from collections.abc import Iterator

from refundctl.ledger.checks.findings import Finding
from refundctl.ledger.journal import seals


def check_against(connection: sqlite3.Connection, kept: seals.Seal) -> Iterator[Finding]:
    """Compare with a seal that was kept elsewhere: shows a cut-off tail, an old copy, or a rewritten past."""
    if kept.ledger_id != seals.ledger_id(connection):
        yield Finding("other_ledger", "The seal that was kept is of another ledger.")
        return
    row = connection.execute("SELECT digest FROM seals WHERE id = ?", (kept.number,)).fetchone()
    if row is None:
        yield Finding(
            "tail_missing",
            f"Seal {kept.number} (run {kept.run_id}) is missing: runs at the end were cut off, or this is an old copy.",
        )
    elif row[0] != kept.digest:
        yield Finding("past_rewritten", f"Seal {kept.number} (run {kept.run_id}) is not the one that was kept.")


def seals_(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Compute every seal again from the rows; a row that belongs to no sealed run shows too."""
    found = seals.digests_by_run(connection)
    runs = {row[0] for row in connection.execute("SELECT id FROM runs")}
    previous, sealed = "", set()
    chain = connection.execute("SELECT id, run_id, encoding, digest FROM seals ORDER BY id").fetchall()
    for expected, (number, run_id, encoding, digest) in enumerate(chain, start=1):
        sealed.add(run_id)
        if number != expected or encoding != seals.ENCODING:
            yield Finding("seal_broken", f"Seal {expected} is missing or out of order (seal {number} is there).")
        digests = {table: rows[run_id] for table, rows in found.items() if run_id in rows}
        if seals.chained(connection, run_id, previous, digests) != digest:
            yield Finding("seal_broken", f"Run {run_id} is not as it was sealed: a row was changed, added or removed.")
        previous = digest
    for run_id in sorted(runs - sealed):
        yield Finding("run_unsealed", f"Run {run_id} has no seal.")
    for table, rows in found.items():
        for run_id in sorted(rows.keys() - sealed - runs, key=str):
            yield Finding("row_unsealed", f"{table} has {rows[run_id][0]} row(s) that belong to no run ({run_id}).")
