"""Who is measured: refundctl and its commands, and the two that show what its time is worth.

Each takes a folder that holds bookings.csv, does the same job in it, and is asked afterwards whether it did it right: a
wrong answer is not a fast one.
"""

import csv
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from made_bookings import CURRENCY, Bookings
from measuring import BenchError, Timing, time_program

HERE = Path(__file__).resolve().parent
CAMPAIGN, CAMPAIGN_WITH_RULES = "flight-refunds", "flight-refunds-by-rules"
BOOKINGS_FILE, LEDGER_FILE, PLAN_FILE = "bookings.csv", "refunds.db", "plan.json"
REFUNDCTL = (sys.executable, "-m", "refundctl")
PANDAS_SCRIPT = HERE / "plain_pandas.py"
BARE_COMMITS, REDEEM_IN_TURN = HERE / "bare_commits.py", HERE / "redeem_in_turn.py"
HOLDERS_FILE, HOLDERS = "holders.csv", 5_000
# A rule's name stands in its entries; what is owed in cash is so by an offer, as none of the made bookings asks for it.
POSTED = """
    SELECT count(*),
           count(DISTINCT line) FILTER (WHERE reason IS NOT NULL OR bucket = 'cash'),
           count(DISTINCT reason),
           count(*) FILTER (WHERE bucket = 'cash')
      FROM transactions
"""
# Spread over the whole ledger, so that its pages are no more at hand than in real life.
HOLDERS_OF = """
    SELECT 'c' || cards.id, customer_id FROM cards JOIN customers ON customers.id = cards.customer
    WHERE cards.id % max(1, (SELECT count(*) FROM cards) / :some) = 0
    ORDER BY cards.id * 7919 % 104729 LIMIT :some
"""
REDEEMED = "SELECT count(*), -coalesce(sum(amount_minor), 0) FROM transactions WHERE type = 'CREDITS_REDEMPTION'"
SHELL_OPTIONS = ("-batch", "-bail", "-init", os.devnull)


class WrongAnswer(BenchError):
    """A contestant has not done what was asked of it, so what it took means nothing."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What a top-up has written; `touched` are the refund lines that a rule made differ from the plain refund.

    `rules` are the fees and bonuses that have entries, and `in_cash` the lines that an offer of cash has made.
    """

    transactions: int
    touched: int
    rules: int
    in_cash: int


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder for one contestant, new and with nothing in it but the bookings; refundctl does one campaign in it."""

    folder: Path
    bookings: Bookings
    campaign: str = CAMPAIGN

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

    def script(self, path: Path, *words: str) -> Timing:
        """Measure a script of the bench."""
        return self._time(sys.executable, str(path), *words)

    def find_holders(self) -> list[tuple[str, str]]:
        """Some cards and who holds them; written to a file, too."""
        with closing(sqlite3.connect(self.folder / LEDGER_FILE)) as ledger:
            found = ledger.execute(HOLDERS_OF, {"some": HOLDERS}).fetchall()
        lines = "".join(f"{card},{customer_id}\n" for card, customer_id in found)
        (self.folder / HOLDERS_FILE).write_text(lines, encoding="utf-8")
        return found

    def check_redeemed(self, count: int, sum_minor: int) -> None:
        """Raises WrongAnswer unless so many redemptions took so much."""
        with closing(sqlite3.connect(self.folder / LEDGER_FILE)) as ledger:
            found = ledger.execute(REDEEMED).fetchone()
        if found != (count, sum_minor):
            raise WrongAnswer(
                f"{found[0]:,} redemptions took {found[1]:,} cents, not {count:,} and {sum_minor:,}: find the mistake first."
            )

    def init(self) -> None:
        """Make the ledger, which is not measured."""
        self.refundctl("init", "-q")

    def take_ledger(self, other: "Desk") -> None:
        """Go on from where another desk stands, which keeps its own ledger."""
        shutil.copyfile(other.folder / LEDGER_FILE, self.folder / LEDGER_FILE)

    def check_status(self, *buckets: str) -> None:
        """Raises WrongAnswer unless every booking is funded, and these buckets are the bookings' whole amount."""
        standing = self._standing()
        sum_minor = sum(standing["totals"][CURRENCY][bucket] for bucket in buckets)
        self._compare("the status of the campaign", standing["counts"]["funded"], sum_minor)

    def check_undone(self) -> None:
        """Raises WrongAnswer unless every booking's refund is taken back, and no card has a balance."""
        standing = self._standing()
        counts, outstanding_minor = standing["counts"], standing["totals"][CURRENCY]["outstanding"]
        if (counts["funded"], counts["undone"], outstanding_minor) != (0, self.bookings.rows, 0):
            raise WrongAnswer(
                f"After the undo {counts['funded']:,} refunds stand, {counts['undone']:,} of {self.bookings.rows:,} are "
                f"undone, and {outstanding_minor:,} cents are on cards: find the mistake first."
            )

    def check_plan(self, name: str) -> None:
        """Raises WrongAnswer unless the plan is to fund every booking, with its whole amount."""
        plan = json.loads((self.folder / name).read_bytes())
        self._compare(name, plan["counts"]["funded"], plan["totals"][CURRENCY]["paid"])

    def posted(self) -> Posted:
        """Count what stands in the ledger."""
        with closing(sqlite3.connect(self.folder / LEDGER_FILE)) as ledger:
            return Posted(*ledger.execute(POSTED).fetchone())

    def last_run(self) -> int:
        """The number of the last `run`, which an undo asks for."""
        runs = self._ask("runs")["runs"]
        return max(int(run["run_id"]) for run in runs if run["command"] == "run")

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

    def _standing(self) -> dict[str, Any]:
        [standing] = self._ask("status", self.campaign)["campaigns"]
        return dict(standing)

    def _ask(self, *words: str) -> dict[str, Any]:
        """What a command says as JSON, which is not measured."""
        argv = (*REFUNDCTL, *words, "--json")
        said = subprocess.run(argv, cwd=self.folder, env=self._environment, capture_output=True, check=False)
        if said.returncode != 0:
            raise BenchError(f"`refundctl {words[0]}` ended with {said.returncode}: {said.stdout.decode()}")
        return dict(json.loads(said.stdout))

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
    desk.check_status("paid")
    desk.check_mail("out/mail.csv")
    return timing


def refundctl_again(desk: Desk) -> Timing:
    """The same command once more, in a folder where it has been run: there is nothing new."""
    mail = desk.folder / "out" / "mail.csv"
    before = mail.stat()
    timing = _run(desk)
    desk.check_status("paid")
    after = mail.stat()
    if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
        raise WrongAnswer("The same file again has written mail.csv again: find the mistake first.")
    return timing


def _run(desk: Desk) -> Timing:
    return desk.refundctl("run", desk.campaign, BOOKINGS_FILE, "--out", "out", "-q")


def refundctl_plan(desk: Desk) -> Timing:
    """The plan of the whole way: all of it is tried, and the ledger is left as it was."""
    desk.init()
    ledger = desk.folder / LEDGER_FILE
    before = ledger.read_bytes()
    timing = desk.refundctl("plan", desk.campaign, BOOKINGS_FILE, "-o", PLAN_FILE, "-q")
    desk.check_plan(PLAN_FILE)
    if ledger.read_bytes() != before:
        raise WrongAnswer("A plan has changed the ledger: find the mistake first.")
    return timing


def refundctl_undo(desk: Desk) -> Timing:
    """The whole way back, in a folder where `run` has been."""
    timing = desk.refundctl("undo", str(desk.last_run()), "-q")
    desk.check_undone()
    return timing


def publish(desk: Desk) -> None:
    """All that comes before a top-up, which is not measured."""
    desk.init()
    for words in (("load", BOOKINGS_FILE), ("create", desk.campaign), ("publish", desk.campaign)):
        desk.refundctl(*words, "-q")


def topup(desk: Desk) -> Timing:
    """The top-up of all cards, which are there and empty."""
    return desk.refundctl("topup", desk.campaign, "-q")


def topup_without_rules(desk: Desk) -> Timing:
    """Each card gets its booking's amount."""
    timing = topup(desk)
    desk.check_status("paid")
    return timing


def topup_with_rules(desk: Desk) -> Timing:
    """Fees are kept, bonuses given, and some are owed cash; nothing else becomes of a booking's amount."""
    timing = topup(desk)
    desk.check_status("paid", "fee", "cash")
    return timing


def bare_commits(desk: Desk, count: int) -> Timing:
    """So many commits of a bare row."""
    return desk.script(BARE_COMMITS, str(count))


def redeem_in_turn(desk: Desk, count: int) -> Timing:
    """So many redemptions of a cent by one process, where nothing was redeemed yet."""
    desk.find_holders()
    timing = desk.script(REDEEM_IN_TURN, LEDGER_FILE, str(count), HOLDERS_FILE)
    desk.check_redeemed(count, count)
    return timing


def redeem_once(desk: Desk, before: int) -> Timing:
    """One `card redeem` of a cent, after so many others."""
    card, customer_id = desk.find_holders()[0]
    words = ("--amount", "0.01", "--invoice", "INV-ONE", "--customer", customer_id)
    timing = desk.refundctl("card", "redeem", card, *words, "-q")
    desk.check_redeemed(before + 1, before + 1)
    return timing


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
