"""refundctl runs"""

from typing import Annotated, Any

import typer
from rich.console import Console

from refundctl.cli.common import Common, command, reading_ledger
from refundctl.cli.rendering import Report, amount, number, report
from refundctl.domain.errors import UsageError
from refundctl.ledger.queries import journal


@command("runs")
def runs(
    common: Common,
    run_id: Annotated[int | None, typer.Argument(metavar="[RUN_ID]", help="Only this run, with its steps.")] = None,
) -> int:
    """Show who ran what, when, and with what outcome; refused attempts too."""
    entries: list[dict[str, Any]] = []
    with reading_ledger(common) as ledger:
        if ledger is not None:
            with ledger.reading():
                entries = journal(ledger.connection, run_id)
    if run_id is not None and not entries:
        raise UsageError(
            f"{common.ledger} has no run {run_id}: `refundctl runs` lists them.", code="resource_not_found"
        )
    return report(
        common, Report(human=lambda out: _describe(out, entries, run_id), run_id=run_id, extra={"runs": entries})
    )


def _describe(out: Console, entries: list[dict[str, Any]], run_id: int | None) -> None:
    from rich import box
    from rich.table import Table

    if not entries:
        out.print("No runs yet.")
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("run", "of", "when", "who", "command", "campaign", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("outcome", overflow="fold")
    for entry in entries:
        table.add_row(
            _text(entry["run_id"]),
            _text(entry["parent_run_id"]),
            entry["started_at"],
            f"{entry['operator']}@{entry['host']}",
            entry["command"],
            _text(entry["campaign"]),
            entry["status"],
            _outcome(entry),
        )
    out.print(table, soft_wrap=False)
    if run_id is not None:
        for file in entries[0]["files"]:
            out.print(f"  {file['path']}: {number(file['rows'])} rows, SHA-256 {file['sha256']}")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _outcome(entry: dict[str, Any]) -> str:
    if "error" in entry:
        return f"{entry['error']['code']}: {entry['error']['message']}"
    counts = ", ".join(
        f"{name} {number(count)}" for name, count in entry["counts"].items() if isinstance(count, int) and count
    )
    sums = ", ".join(
        amount(names["total"], currency) for currency, names in entry["totals"].items() if "total" in names
    )
    return "; ".join(part for part in (counts, sums) if part)
