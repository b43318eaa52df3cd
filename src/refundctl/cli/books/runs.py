"""refundctl runs"""

from typing import Annotated, Any

import typer

from refundctl.cli.shell.common import Common, command, reading_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, number, table
from refundctl.domain.basics.errors import Refused
from refundctl.ledger.database.sql import LARGEST_ID
from refundctl.ledger.journal.journal_entries import journal


@command("runs", short="Show who ran what, when, with what outcome.")
def runs(
    common: Common,
    run_id: Annotated[int | None, typer.Argument(metavar="RUN_ID", help="Only this run, with its steps.")] = None,
) -> int:
    """Show who ran what, when, and with what outcome; refused attempts too."""
    entries: list[dict[str, Any]] = []
    with reading_ledger(common) as ledger:
        if ledger is not None and (run_id is None or run_id <= LARGEST_ID):
            with ledger.reading():
                entries = journal(ledger.connection, run_id)
    if run_id is not None and not entries:
        raise Refused(f"{common.ledger} has no run {run_id}: `refundctl runs` lists them.", code="resource_not_found")
    return Report(lambda out: _describe(out, entries, run_id), run_id=run_id, extra={"runs": entries}).tell(common)


COLUMNS = ("run", "of", "when", "who", "command", "campaign", "status", "outcome")


def _describe(out: Screen, entries: list[dict[str, Any]], run_id: int | None) -> None:
    if not entries:
        out.print("No runs yet.")
        return
    table(out, [COLUMNS, *map(_row, entries)])
    if run_id is not None:
        for file in entries[0]["files"]:
            out.print(f"  {file['path']}: {number(file['rows'])} rows, SHA-256 {file['sha256']}")


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        _text(entry["run_id"]),
        _text(entry["parent_run_id"]),
        entry["started_at"],
        f"{entry['operator']}@{entry['host']}",
        entry["command"],
        _text(entry["campaign"]),
        entry["status"],
        _outcome(entry),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


#: Of the totals of a run, the one that says most: each run has one of them, or none.
_SUMS = ("total", "redeemed", "refunded", "adjusted", "issued", "moved", "breakage", "cash")


def _outcome(entry: dict[str, Any]) -> str:
    if "error" in entry:
        return f"{entry['error']['code']}: {entry['error']['message']}"
    counts = ", ".join(
        f"{name} {number(count)}" for name, count in entry["counts"].items() if isinstance(count, int) and count
    )
    sums = ", ".join(
        amount(totals[name], currency)
        for currency, totals in entry["totals"].items()
        for name in [name for name in _SUMS if name in totals][:1]
    )
    return "; ".join(part for part in (counts, sums) if part)
