"""docs/policy.md holds what it says: every line of its tables goes through the real command line.

A table whose first heading is a key of a campaign has a ledger per line, with that key as the line has it. A table of
bookings has one ledger, for the campaign in the block above it; its columns are those of a file, up to the first that
says what comes out.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

import pytest

from support.command_line import small_campaigns
from support.desks.bookings_desk import booking
from support.desks.policy_desk import PolicyDesk
from support.models.policy_model import LineId, line_of
from support.pages.markdown_pages import page, read_markdown

NAME = "docs/policy.md"
COMES_OUT = ("paid", "bonus", "fee", "cash", "skipped_reason", "expires_on")
PUBLISHED_ON, FILE = "published on", "file"
CUT = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Case:
    """A ledger to be tried: keys of a campaign, bookings, and what comes out of each by the names of COMES_OUT."""

    line: int
    campaign: str
    bookings: list[dict[str, str]]
    comes_out: list[dict[str, str]]


@dataclass(slots=True)
class Table:
    """A table of the page; `line` is its heading's, from 1, and `above` the block of YAML before it."""

    line: int
    headings: list[str]
    above: str
    rows: list[list[str]] = field(default_factory=list)


def every_table(text: str) -> list[Table]:
    """The tables in which anything comes out."""
    found: list[Table] = []
    above, table = "", None
    blocks = {block.line + block.text.count("\n") + 1: block.text for block in read_markdown(text).blocks}
    for number, line in enumerate(text.splitlines(), start=1):
        above = blocks.get(number, "" if line.startswith("#") else above)
        if not line.startswith("|"):
            table = None
        elif table is None:
            table = Table(number, cells_of(line), above)
            found.append(table)
        elif not line.startswith("|--"):
            table.rows.append(cells_of(line))
    return [table for table in found if set(table.headings) & set(COMES_OUT)]


def cells_of(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in CUT.split(line.strip().strip("|"))]


def cases_of(table: Table) -> list[Case]:
    first = table.headings[0]
    lines = [dict(zip(table.headings, row, strict=True)) for row in table.rows]
    if "booking" in table.headings:
        return [
            Case(
                table.line + 2 + at,
                f"{first}: {in_brackets(line[first])}",
                [booking_said(line["booking"]) | {PUBLISHED_ON: line.get(PUBLISHED_ON, "")}],
                [outcome(line)],
            )
            for at, line in enumerate(lines)
        ]
    bookings = [{name: cell for name, cell in line.items() if name not in COMES_OUT} for line in lines]
    return [Case(table.line, table.above, bookings, [outcome(line) for line in lines])]


def in_brackets(text: str) -> str:
    return text if text[0] in "{[" else f"{{{text}}}"


def booking_said(text: str) -> dict[str, str]:
    """`order_amount: 46.00, tickets: 2` as cells of a file."""
    return dict(part.split(": ") for part in text.split(", "))


def outcome(line: dict[str, str]) -> dict[str, str]:
    return {name: cell for name, cell in line.items() if name in COMES_OUT}


CASES = [case for table in every_table(page(NAME)) for case in cases_of(table)]


def test_the_page_has_its_tables() -> None:
    assert len(CASES) > 40
    assert {name for case in CASES for line in case.comes_out for name in line} == set(COMES_OUT)


@pytest.mark.parametrize("case", CASES, ids=[f"line {case.line}" for case in CASES])
def test_every_line_comes_to_what_it_says(case: Case, tmp_path: Path) -> None:
    day = case.bookings[0].get(PUBLISHED_ON) or "2020-05-01"
    desk = PolicyDesk(tmp_path, now=f"{day}T12:00:00Z")
    rows = [written(said) for said in case.bookings]
    campaign = small_campaigns(currency=rows[0]["currency"]) + indent(case.campaign, "    ") + "\n"
    (tmp_path / "campaigns.yaml").write_text(campaign, encoding="utf-8")
    files = [said.get(FILE, "") for said in case.bookings]
    skipped = any(line.get("skipped_reason", "").startswith("per_") for line in case.comes_out)
    for name in dict.fromkeys(files):
        chosen = [row for row, file in zip(rows, files, strict=True) if file == name]
        desk.run(*chosen, out=f"out-{name}", exits=3 if skipped else 0)
    found = everything_said(desk)
    wanted = case.comes_out
    assert [shown(found[line_of(row)], line) for row, line in zip(rows, wanted, strict=True)] == wanted


def written(said: dict[str, str]) -> dict[str, str]:
    """The cells as a whole row of a file, of a customer of its own unless it says whose it is."""
    cells = {"booking_id": "R-1"} | {name: cell for name, cell in said.items() if name not in (PUBLISHED_ON, FILE)}
    row = booking(cells.pop("booking_id"), **cells)
    return {"refund_id": row["booking_id"], **row, "email": f"{row['customer_id'].lower()}@example.org"}


def everything_said(desk: PolicyDesk) -> dict[LineId, dict[str, str]]:
    """What the program says of each refund line by the names of COMES_OUT, and more."""
    expires_on = {row["booking_id"]: row["expires_on"] for row in desk.export("cards")}
    settled = desk.settled()
    return {
        line_of(row): {
            **row,
            "cash": str(settled[line_of(row)].cash) if line_of(row) in settled else "",
            "expires_on": expires_on.get(row["booking_id"], ""),
        }
        for row in desk.export("bookings")
    }


def shown(found: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    """What the page has of it; nothing is a blank."""
    return {name: "" if found[name].strip("0.") == "" else found[name] for name in wanted}
