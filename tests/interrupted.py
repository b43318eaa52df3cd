"""Commands that are killed and typed again: what must be left is what an uninterrupted command leaves."""

import csv
import hashlib
import io
import json
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from books import BEFORE_RELEASE, LEDGER, Row, facts, read
from command_line import CAMPAIGN, small_campaigns
from crash_points import KILLED, Ended, Job, run_jobs

HEADER = "booking_id,refund_id,customer_id,email,order_amount,refund_amount,currency,status\n"
BOOKINGS = HEADER + (
    "B1,,ana,ana@example.com,10.00,10.00,EUR,cancelled\n"
    "B2,one,bo,bo@example.com,90.00,30.00,EUR,cancelled\n"
    "B2,two,bo,bo@example.com,90.00,60.00,EUR,cancelled\n"
    "B3,,cy,,55.50,55.50,EUR,cancelled\n"
    "B4,,dee,dee@example.com,10.00,10.00,EUR,confirmed\n"
    "B5,,eve,no address,10.00,10.00,EUR,cancelled\n"
)
RUN = ("run", CAMPAIGN, "bookings.csv", "--out", "out")
STEPS = (
    ("load", "bookings.csv"),
    ("create", CAMPAIGN),
    ("publish", CAMPAIGN),
    ("topup", CAMPAIGN),
    ("export", "mail", CAMPAIGN, "-o", "mail.csv"),
)
INPUTS = {"campaigns.yaml", "bookings.csv", LEDGER}


@dataclass(frozen=True, slots=True)
class Left:
    """What is left when all is done: the ledger's facts, and every file beside it by name, mode and content."""

    facts: dict[str, list[Row]]
    files: dict[str, tuple[str, str]]


def write_inputs(folder: Path, bookings: str = BOOKINGS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaigns.yaml").write_text(small_campaigns(), encoding="utf-8")
    (folder / "bookings.csv").write_text(bookings, encoding="utf-8")


def what_is_left(folder: Path) -> Left:
    """With what is drawn by chance put into words: codes, digests and seals are checked here, and then named."""
    ledger = folder / LEDGER
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Left(
        facts(ledger),
        {
            str(path.relative_to(folder)): (stat.filemode(path.stat().st_mode), _said(path, ledger))
            for path in paths
            if path.name not in INPUTS
        },
    )


def _said(path: Path, ledger: Path) -> str:
    text = path.read_text(encoding="utf-8").replace(str(ledger.parent), "FOLDER")
    if path.name == "manifest.json":
        return json.dumps(_manifest_said(json.loads(text), path.parent, ledger), indent=1)
    return _codes_named(text, ledger) if path.suffix == ".csv" else text


def _codes_named(text: str, ledger: Path) -> str:
    """A mail file with `c3` for the code of card 3: two files are the same where each holder has the same card."""
    cards: dict[str, int] = dict(read(ledger, "SELECT code, id FROM cards"))
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or "code" not in rows[0]:
        return text
    at = rows[0].index("code")
    return "\n".join(",".join([*row[:at], f"c{cards[row[at]]}", *row[at + 1 :]]) for row in rows[1:])


def _manifest_said(manifest: dict[str, Any], folder: Path, ledger: Path) -> dict[str, Any]:
    for file in manifest["files"]:
        path = folder / Path(file["path"]).name
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest(), file["path"]
        file["sha256"] = "true"
    [(seal,)] = read(
        ledger,
        "SELECT 'refundctl-seal ' || ledger_id || ' ' || seals.id || ' ' || run_id || ' ' || digest "
        "FROM seals, ledger WHERE run_id = ?",
        manifest["run_id"],
    )
    assert manifest["seal"] == seal
    return {**manifest, "seal": "true"}


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A command that was killed before a step, and the same command typed again."""

    step: str
    killed: Ended
    again: Ended
    folder: Path


def killed_at(
    place: Path, argv: Sequence[str], points: Iterable[int], steps: Sequence[str], prepared: Path
) -> list[Interrupted]:
    """Kill `argv` at each of `points`, in a copy of the folder `prepared` each, and type it again."""
    found = []
    for point in points:
        folder = place / f"killed-at-{point}" / "work"
        shutil.copytree(prepared, folder)
        killed, again = run_jobs([Job(str(folder), tuple(argv), at, BEFORE_RELEASE) for at in (point, None)])
        found.append(Interrupted(steps[point], killed, again, folder))
    return found


def assert_nothing_shows(cases: Iterable[Interrupted], expected: Left, exit_code: int) -> None:
    """Each case left what the uninterrupted command left, and ended as it did."""
    for case in cases:
        where = f"killed before: {case.step}"
        assert (case.killed.exit, case.again.exit) == (KILLED, exit_code), f"{where}: {case.again.said}"
        left = what_is_left(case.folder)
        assert left.facts == expected.facts, where
        assert whole(left.files) == expected.files, where


def whole(files: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Without what was being written when the process died."""
    return {name: said for name, said in files.items() if not name.endswith(".part")}


def half_written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.part"))


def writing_of(steps: Sequence[str], name: str) -> int:
    """The step at which the file that will be called `name` is made."""
    return max(number for number in range(steps.index(f"put in place {name}")) if steps[number].startswith("write"))


def around_commits_and_files(steps: Sequence[str]) -> list[int]:
    """The steps before and after which the world has changed: begin, commit, files made and renamed, the answer."""
    changes = ("SQL BEGIN IMMEDIATE", "SQL COMMIT", "put in place", "write", "mkdir", "end")
    found = {number for number, step in enumerate(steps) if step.startswith(changes)}
    found |= {number + 1 for number in found}
    found.add(steps.index("answer"))
    return sorted(number for number in found if number < len(steps))
