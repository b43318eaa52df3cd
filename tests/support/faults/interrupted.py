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

from support.books import BEFORE_RELEASE, LEDGER, Row, facts, read
from support.command_line import CAMPAIGN, small_campaigns
from support.faults.crash_points import KILLED, Ended, Job, run_job

HEADER = "booking_id,refund_id,customer_id,email,order_amount,refund_amount,currency,status\n"
BOOKINGS = HEADER + (
    "B1,,ana,ana@example.com,10.00,10.00,EUR,cancelled\n"
    "B2,one,bo,bo@example.com,90.00,30.00,EUR,cancelled\n"
    "B2,two,bo,bo@example.com,90.00,60.00,EUR,cancelled\n"
    "B3,,cy,,55.50,55.50,EUR,cancelled\n"
    "B4,,dee,dee@example.com,10.00,10.00,EUR,confirmed\n"
    "B5,,eve,no address,10.00,10.00,EUR,cancelled\n"
)
OTHER_BOOKINGS = BOOKINGS.replace("\nB", "\nZ")
# Three of four need a card; of B3 nothing does.
PARTS = (
    "booking_id,customer_id,email,order_amount,cash_amount,bonus_amount,currency,status\n"
    "B1,ana,ana@example.com,10.00,4.00,1.00,EUR,cancelled\n"
    "B2,bo,,90.00,,,EUR,cancelled\n"
    "B3,cy,cy@example.com,55.50,55.50,,EUR,cancelled\n"
    "B4,dee,dee@example.com,10.00,,2.00,EUR,cancelled\n"
)
CODES = "code\nK7QD-2MXW-9RTB-4HCN-P\nZ3FG-8VJY-5TKA-6WQE-R\n"
RUN = ("run", CAMPAIGN, "bookings.csv", "--out", "out")
STEPS = (
    ("load", "bookings.csv"),
    ("create", CAMPAIGN),
    ("publish", CAMPAIGN),
    ("topup", CAMPAIGN),
    ("export", "mail", CAMPAIGN, "-o", "mail.csv"),
)
INPUTS = {"campaigns.yaml", "bookings.csv", "codes.csv", LEDGER}


@dataclass(frozen=True, slots=True)
class Left:
    """What is left when all is done: the ledger's facts, and every file beside it by name, mode and content."""

    facts: dict[str, list[Row]]
    files: dict[str, tuple[str, str]]


def write_inputs(folder: Path, **campaign: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaigns.yaml").write_text(small_campaigns(**campaign), encoding="utf-8")
    (folder / "bookings.csv").write_text(BOOKINGS, encoding="utf-8")
    (folder / "codes.csv").write_text(CODES, encoding="utf-8")


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
class Place:
    """The folder in which a command is tried again and again, and how it stood before: the ledger knows it by name."""

    folder: Path
    before: Path

    @classmethod
    def made(cls, at: Path, *commands: Sequence[str], bookings: str = BOOKINGS, **campaign: Any) -> "Place":
        """A folder with the inputs, in which `commands` have run; `campaign` are further keys of its definition."""
        place = cls(at / "work", at / "before")
        write_inputs(place.folder, **campaign)
        for argv in commands:
            ended = place.run(argv)
            assert ended.exit in {0, 3}, ended.said
        (place.folder / "bookings.csv").write_text(bookings, encoding="utf-8")
        shutil.copytree(place.folder, place.before)
        return place

    def restore(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.before, self.folder)

    def run(self, argv: Sequence[str], at: int | str | None = None, bytes_max: int | None = None) -> Ended:
        return run_job(Job(str(self.folder), tuple(argv), at, BEFORE_RELEASE, bytes_max=bytes_max))

    def undisturbed(self, argv: Sequence[str]) -> tuple[Ended, Left]:
        """How the command ends where nothing happens to it, and what it leaves."""
        self.restore()
        ended = self.run(argv)
        return ended, what_is_left(self.folder)


def assert_a_kill_never_shows(place: Place, argv: Sequence[str], points: Iterable[int] | None = None) -> None:
    """Kill `argv` before each of its steps, or those chosen, and type it again: all is as if nobody had killed it."""
    ended, expected = place.undisturbed(argv)
    for point in around_commits_and_files(ended.steps) if points is None else points:
        place.restore()
        killed, again = place.run(argv, point), place.run(argv)
        where = f"killed before: {ended.steps[point]}: {again.said}"
        assert (killed.exit, again.exit) == (KILLED, ended.exit), where
        left = what_is_left(place.folder)
        assert left.facts == expected.facts, where
        assert left.files == expected.files, where


def writing_of(steps: Sequence[str], name: str) -> int:
    """The step at which the file that will be called `name` is made."""
    return max(number for number in range(steps.index(f"put in place {name}")) if steps[number].startswith("write"))


def around_commits_and_files(steps: Sequence[str]) -> list[int]:
    """The steps before and after which the world has changed: commits, files put in place, the answer."""
    changes = ("SQL COMMIT", "put in place", "mkdir")
    changing = [number for number, step in enumerate(steps) if step.startswith(changes)]
    found = {0, *changing, *(number + 1 for number in changing), steps.index("answer"), len(steps) - 1}
    return sorted(found)


def cut_off_run(folder: Path) -> None:
    """A run of bookings.csv whose transaction is committed, and whose first file is about to be put in its place."""
    killed = run_job(Job(str(folder), RUN, "put in place mail.csv"))
    assert killed.exit == KILLED, killed.said
