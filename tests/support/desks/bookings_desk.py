"""What lies on an operator's desk: files of bookings to be loaded, and the files that come out of them."""

import csv
import io
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refundctl.files.campaigns.plan_file import as_json, read_plan, sealed
from support.command_line import CAMPAIGN, CommandLine, small_campaigns

LEDGER = "refunds.db"

Row = Mapping[str, str]

# Codes as a printer's machine might draw them: nothing of one can be told from the others.
PRINTED = (
    "K7QD-2MXW-9RTB-4HCN-P",
    "Z3FG-8VJY-5TKA-6WQE-R",
    "M9HX-4CRT-7NPD-2VKB-S",
    "B6YW-3QJE-8GZF-5XHM-T",
    "T2NV-6KDA-4RWC-9QPJ-U",
    "E8XB-5ZGH-2MYT-7FSK-V",
)

ENVELOPE = (
    "schema_version",
    "command",
    "status",
    "run_id",
    "campaign",
    "counts",
    "totals",
    "files",
    "errors",
)


def booking(booking_id: str, amount: str = "100.00", **cells: str) -> dict[str, str]:
    """A cancelled booking in EUR of a customer of its own; `cells` are written over these, or behind them.

    >>> booking("B1", "12.50", tier="gold")["email"]
    'b1@example.org'
    """
    return {
        "booking_id": booking_id,
        "customer_id": f"C-{booking_id}",
        "email": f"{booking_id.lower()}@example.org",
        "name": f"Guest {booking_id}",
        "order_amount": amount,
        "currency": "EUR",
        "status": "cancelled",
        **cells,
    }


def csv_text(*rows: Row) -> str:
    """The rows as a CSV file. Its columns are all those that any row has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_bookings(path: Path, *rows: Row) -> Path:
    path.write_text(csv_text(*rows), encoding="utf-8")
    return path


def rows_of(source: Path | str) -> list[dict[str, str]]:
    """The rows of a CSV file, or of its text."""
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    return list(csv.DictReader(io.StringIO(text, newline="")))


def header_of(source: Path | str) -> list[str]:
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    return next(csv.reader(io.StringIO(text, newline="")))


def column(source: Path | str, name: str) -> list[str]:
    return [row[name] for row in rows_of(source)]


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below the folder with its bytes: equal before and after where nothing may have changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def mode_of(path: Path) -> str:
    """Who may read and write, as `ls` has it: `-rw-------`."""
    return stat.filemode(path.lstat().st_mode)


def give_to_another(path: Path) -> None:
    """Let a file belong to another user, who alone may write to it. Skips the test where that is not allowed."""
    if os.getuid() != 0:
        pytest.skip("only root can give a file to another user")
    os.chown(path, os.getuid() + 1, -1)
    path.chmod(0o644)


def only(items: Iterable[Any]) -> Any:
    """The one item that there is."""
    [item] = items
    return item


def lay_out(command_line: CommandLine, folder: Path) -> None:
    """Something to do for every command: B1 is funded and not yet mailed, B2 has a card without money, B3 none.

    `new.csv`, `people.csv` and the printed `codes.csv` are not loaded, and the campaign `goodwill` not made. `plan.json` is
    not applied, and `theirs.json`, the same plan as if another user had made it, not approved: see give_to_another().
    """
    both = small_campaigns() + small_campaigns("goodwill").partition("campaigns:\n")[2]
    (folder / "campaigns.yaml").write_text(both, encoding="utf-8")
    write_bookings(folder / "bookings.csv", booking("B1"))
    write_bookings(folder / "more.csv", booking("B2"), booking("B3"))
    write_bookings(folder / "new.csv", booking("B4"))
    write_bookings(folder / "people.csv", {"customer_id": "C-B3", "email": "new@example.org"})
    (folder / "codes.csv").write_text(csv_text(*({"code": code} for code in PRINTED)), encoding="utf-8")
    command_line("load", "bookings.csv").ok()
    for command in ("create", "publish", "topup"):
        command_line(command, CAMPAIGN).ok()
    command_line("load", "more.csv").ok()
    command_line("publish", CAMPAIGN, "--limit", "1").ok()
    write_bookings(folder / "planned.csv", booking("B9"))
    command_line("plan", CAMPAIGN, "planned.csv", "-o", "plan.json").ok()
    plan = read_plan((folder / "plan.json").read_bytes(), "plan.json")
    theirs = replace(plan, made_by=replace(plan.made_by, user_id=plan.made_by.user_id + 1))
    (folder / "theirs.json").write_bytes(as_json(sealed(theirs)))


def counts(
    *, loaded: int = 0, updated: int = 0, unchanged: int = 0, filtered: int = 0, rejected: int = 0
) -> dict[str, int]:
    """The counts of a load, which add up to its rows."""
    named = {
        "loaded": loaded,
        "updated": updated,
        "unchanged": unchanged,
        "filtered": filtered,
        "rejected": rejected,
    }
    return {"rows": sum(named.values()), **named}
