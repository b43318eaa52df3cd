"""Who is measured: refundctl, and the two that show what its time is worth.

Each takes a folder that holds bookings.csv, does the same job in it, and is asked afterwards whether it did it right: a
wrong answer is not a fast one.
"""

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from made_bookings import CURRENCY, Bookings
from measuring import BenchError, Timing, time_program

HERE = Path(__file__).resolve().parent
CAMPAIGN = "flight-refunds"
BOOKINGS_FILE = "bookings.csv"
REFUNDCTL = (sys.executable, "-m", "refundctl")
PANDAS_SCRIPT = HERE / "plain_pandas.py"
SHELL_OPTIONS = ("-batch", "-bail", "-init", os.devnull)


class WrongAnswer(BenchError):
    """A contestant has not done what was asked of it, so what it took means nothing."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder for one contestant, new and with nothing in it but the bookings."""

    folder: Path
    bookings: Bookings

    def refundctl(self, *words: str) -> Timing:
        """Measure one command of refundctl."""
        return self._time(*REFUNDCTL, *words)

    def shell(self, sql: str) -> Timing:
        """Measure the sqlite3 shell at these statements."""
        shell = sqlite3_shell()
        if shell is None:
            raise BenchError("The sqlite3 shell is not installed: install it, or leave it out by --without floor.")
        script = self.folder / "statements.sql"
        script.write_text(sql, encoding="utf-8")
        return self._time(shell, *SHELL_OPTIONS, "floor.db", stdin=script)

    def pandas(self) -> Timing:
        """Measure the plain script."""
        return self._time(sys.executable, str(PANDAS_SCRIPT))

    def init(self) -> None:
        """Make the ledger, which is not measured."""
        self.refundctl("init", "-q")

    def check_status(self) -> None:
        """Raises WrongAnswer unless the ledger says that every booking is funded, with its whole amount."""
        words = (*REFUNDCTL, "status", CAMPAIGN, "--json")
        said = subprocess.run(words, cwd=self.folder, env=self._environment, capture_output=True, check=False)
        if said.returncode != 0:
            raise BenchError(f"`refundctl status` ended with {said.returncode}: {said.stdout.decode()}")
        [standing] = json.loads(said.stdout)["campaigns"]
        funded, paid_minor = standing["counts"]["funded"], standing["totals"][CURRENCY]["paid"]
        self._compare("the status of the campaign", funded, paid_minor)

    def check_mail(self, name: str) -> None:
        """Raises WrongAnswer unless the mail file has a line for every booking, and their whole sum."""
        rows = sum_minor = 0
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            column = next(lines).index("balance")
            for line in lines:
                rows += 1
                sum_minor += int(line[column].replace(".", ""))
        self._compare(name, rows, sum_minor)

    def _compare(self, where: str, rows: int, sum_minor: int) -> None:
        wanted = self.bookings
        if (rows, sum_minor) != (wanted.rows, wanted.total_minor):
            raise WrongAnswer(
                f"{where} has {rows:,} of {wanted.rows:,} bookings, and {sum_minor:,} of {wanted.total_minor:,} cents: "
                "find the mistake first, there is nothing to measure."
            )

    def _time(self, *argv: str, stdin: Path | None = None) -> Timing:
        return time_program(argv, self.folder, self._environment, stdin)

    @property
    def _environment(self) -> Mapping[str, str]:
        """Nothing of the caller's settings for refundctl; temporary files go to the same disk as all the others."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REFUNDCTL_")}
        temporary = str(self.folder)
        return {
            **kept,
            "REFUNDCTL_CAMPAIGNS": str(HERE / "campaigns.yaml"),
            "TMPDIR": temporary,
            "SQLITE_TMPDIR": temporary,
        }


def refundctl_run(desk: Desk) -> Timing:
    """The whole way from a file of bookings to a mail file, by one command."""
    desk.init()
    timing = _run(desk)
    desk.check_status()
    desk.check_mail("out/mail.csv")
    return timing


def refundctl_again(desk: Desk) -> Timing:
    """The same command once more, in a folder where it has been run: there is nothing new."""
    mail = desk.folder / "out" / "mail.csv"
    before = mail.stat()
    timing = _run(desk)
    desk.check_status()
    after = mail.stat()
    if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
        raise WrongAnswer("The same file again has written mail.csv again: find the mistake first.")
    return timing


def _run(desk: Desk) -> Timing:
    return desk.refundctl("run", CAMPAIGN, BOOKINGS_FILE, "--out", "out", "-q")


def floor(desk: Desk) -> Timing:
    """The same by the sqlite3 shell alone."""
    timing = desk.shell((HERE / "floor.sql").read_text(encoding="utf-8"))
    desk.check_mail("mail.csv")
    return timing


def plain_pandas(desk: Desk) -> Timing:
    """The same by a script without a ledger."""
    timing = desk.pandas()
    desk.check_mail("mail.csv")
    return timing


def floor_steps() -> dict[str, str]:
    """The statements of floor.sql, step by step, each with the settings that stand above the first."""
    settings, *parts = re.split(r"^-- step: (\w+)\n", (HERE / "floor.sql").read_text(encoding="utf-8"), flags=re.M)
    return {name: settings + sql for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def sqlite3_shell() -> str | None:
    """The sqlite3 shell, where there is one."""
    return shutil.which("sqlite3")


RIVALS: Mapping[str, Callable[[Desk], Timing]] = {"floor": floor, "pandas": plain_pandas}


def left_out(without: list[str]) -> dict[str, str]:
    """The rivals that don't take part, and why."""
    reasons = dict.fromkeys(without, "left out by --without")
    if sqlite3_shell() is None:
        reasons.setdefault("floor", "the sqlite3 shell is not installed")
    if importlib.util.find_spec("pandas") is None:
        reasons.setdefault("pandas", "pandas is not installed")
    return reasons
