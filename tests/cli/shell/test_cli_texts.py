"""What people read, letter by letter: the help of every command, every kind of error, and what success looks like.

The texts are in tests/golden. After a change on purpose: pytest --update-golden tests/cli, then read the diff.
"""

import gzip
import json
import os
import pwd
import re
import socket
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.data.packed_files import edited, fill, made, workbook, zipped
from support.desks.bookings_desk import LEDGER, booking, write_bookings
from support.golden_text import Golden
from support.repository import SAMPLE_DATA

NOW = "2020-05-01T12:00:00Z"
COMMANDS = [
    "init",
    "sources",
    "load",
    "load-customers",
    "create",
    "publish",
    "topup",
    "run",
    "plan",
    "approve",
    "apply",
    "undo",
    "pause",
    "resume",
    "explain",
    "card",
    "load-redemptions",
    "cashout",
    "expire",
    "customer",
    "export",
    "status",
    "runs",
    "verify",
    "backup",
]


#: Those that are groups, and what stands below them.
BELOW = {
    "sources": ["check"],
    "card": [
        "show",
        "validate",
        "find",
        "redeem",
        "rollback",
        "adjust",
        "issue",
        "transfer",
        "activate",
        "assign",
        "disable",
        "enable",
        "deactivate",
        "extend",
        "set-pin",
        "unlock",
    ],
    "cashout": ["request", "cancel", "list", "export", "settle"],
    "customer": ["show", "export", "erase"],
}


@pytest.mark.parametrize("command", ["", *COMMANDS, *(f"{of} {name}" for of in BELOW for name in BELOW[of])])
def test_help(command: str, run_in_process: CommandLine, golden: Golden) -> None:
    text = run_in_process(*command.split(), "--help").ok().stdout
    golden(f"help-{command.replace(' ', '-') or 'refundctl'}", text)


@pytest.mark.parametrize("group", ["", *BELOW])
def test_every_command_has_its_golden_help(group: str, run_in_process: CommandLine) -> None:
    listed = run_in_process(*group.split(), "--help").ok().stdout.partition("Commands:\n")[2]
    assert re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE) == (BELOW[group] if group else COMMANDS)


class Session:
    """A session at the terminal as one text: each command, what it says, and its exit code where it isn't 0."""

    def __init__(self, command_line: CommandLine, folder: Path) -> None:
        self._command_line = command_line
        self._folder = folder
        self.text = ""

    def __call__(self, *argv: str, stdin: str = "", now: str = NOW) -> None:
        result = self._command_line(*argv, stdin=stdin, now=now)
        shown = " ".join(f"'{word}'" if " " in word else word for word in argv)
        self.text += f"$ refundctl {shown}\n{self._timeless(result.stdout + result.stderr)}"
        self.text += f"[exit code {result.exit}]\n\n" if result.exit else "\n"

    def all(self, *commands: Sequence[str]) -> None:
        for argv in commands:
            self(*argv)

    def _timeless(self, text: str) -> str:
        """Without what differs from run to run and from machine to machine."""
        text = text.replace(str(self._folder), "/desk")
        who = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
        # The column of those who ran something is as wide as their names.
        text = text.replace("who".ljust(len(who)), "who          ").replace(who, "operator@host")
        text = re.sub(r"refundctl-seal [0-9a-f]{32} (\d+) (\d+) [0-9a-f]{64}", r"refundctl-seal ID \1 \2 DIGEST", text)
        return re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)


@pytest.fixture
def session(run_in_process: CommandLine, tmp_path: Path) -> Session:
    return Session(run_in_process, tmp_path)


def test_success(session: Session, tmp_path: Path, golden: Golden) -> None:
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "1234.50"),
        booking("B2", "99.00", email=""),
        booking("B3", status="flown"),
        booking("B4", "1,50"),
    )
    session("status")
    session("init")
    session.all(["init"], ["status"], ["create", CAMPAIGN], ["create", CAMPAIGN])
    session.all(["load", "bookings.csv", "-n"], ["load", "bookings.csv"], ["load", "bookings.csv"])
    session.all(["publish", CAMPAIGN, "--limit", "1"], ["topup", CAMPAIGN], ["status"])
    session.all(["publish", CAMPAIGN], ["topup", CAMPAIGN], ["topup", CAMPAIGN])
    session.all(*(["export", kind, CAMPAIGN, "-o", f"{kind}.csv"] for kind in ("mail", "cards", "transactions")))
    session.all(["export", "mail", CAMPAIGN, "-o", "again.csv"], ["status", CAMPAIGN])
    write_bookings(tmp_path / "more.csv", booking("B5"), booking("B6", "0"))
    session.all(["run", CAMPAIGN, "more.csv", "--out", "out"], ["run", CAMPAIGN, "more.csv", "--out", "out"])
    write_bookings(tmp_path / "changed.csv", booking("B1", "1234.50", status="flown"))
    session.all(
        ["verify"], ["backup", "copy.db"], ["load", "changed.csv"], ["verify"], ["status"], ["runs"], ["runs", "2"]
    )
    golden("success", session.text)


def test_sources(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    (tmp_path / "orders.csv").write_text("Order no;Total;E-mail\nF-1;1.250,00;ana@example.org\nF-2;89,5;jan@example\n")
    session.all(["sources"], ["sources", "check", "orders.csv"])
    orders = {"booking_id": "Order no", "order_amount": "Total", "email": "E-mail"}
    source = {
        "columns": orders,
        "constants": {"currency": "EUR"},
        "decimal": ",",
        "thousands": ".",
        "null_values": ["-"],
    }
    with campaigns.open("a") as file:
        file.write(f"sources: {{shop: {json.dumps(source)}}}\n")
    session.all(["sources"], ["sources", "check", "orders.csv", "--source", "shop"])
    golden("sources", session.text)


def test_cash_bonus_and_a_pool_that_runs_out(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    campaigns.write_text(small_campaigns(type="STATIC", vouchers_count=1))
    (tmp_path / "bookings.csv").write_text(
        "booking_id,customer_id,email,order_amount,cash_amount,bonus_amount,currency,status\n"
        "B1,C1,,100.00,40.00,10.00,EUR,cancelled\n"
        "B2,C2,jan@example.org,30.00,30.00,,EUR,cancelled\n"
        "B3,C3,kim@example.org,50.00,,,EUR,cancelled\n"
    )
    (tmp_path / "people.csv").write_text("customer_id,email\nC1,ana@example.org\n")
    (tmp_path / "codes.csv").write_text("code\nGIFT-7KQ2-M9XD-4TRW-HB3N\nGIFT-P5VC-8ZEJ-2YGA-WU6F\n")
    session.all(["load", "bookings.csv"], ["create", CAMPAIGN], ["publish", CAMPAIGN], ["topup", CAMPAIGN])
    session.all(["create", CAMPAIGN, "--codes", "codes.csv"], ["create", CAMPAIGN, "--codes", "codes.csv"])
    session("status", CAMPAIGN)
    session("run", CAMPAIGN, "bookings.csv", "--out", "out")
    session.all(["load-customers", "people.csv"], ["load-customers", "people.csv"])
    session("run", CAMPAIGN, "bookings.csv", "--out", "out")
    session("status", CAMPAIGN)
    golden("cash-bonus-and-pool", session.text)


def test_printed_codes_at_fault(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    good = "GIFT-7KQ2-M9XD-4TRW-HB3N\nGIFT-P5VC-8ZEJ-2YGA-WU6F\n"
    files = {
        "other.csv": "number\n" + good,
        "headless.csv": good,
        "two.csv": "code\nGIFT-7KQ2-M9XD-4TRW-HB3N\ngift 7kq2 m9xd 4trw hb3n\n",
        "many.csv": "code\n" + good + "C123456\n\nGIFT-7KQ2-M9XD-4TRW-HB3N-é\nGIFT-P5VC-8ZEJ-2YGA-WU6F\nGIFT-1\n",
        "series.csv": "code\n" + "".join(f"SHOP-2020-SPRING-{number:06}\n" for number in range(10)),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        session("create", CAMPAIGN, "--codes", name)
    golden("errors-65-printed-codes", session.text)


def two_sheets(book: Any) -> None:
    for name in ("April", "May"):
        fill(book, book.add_worksheet(name), [["booking_id"]])


def test_packed_files_that_are_refused(session: Session, tmp_path: Path, golden: Golden) -> None:
    csv = write_bookings(tmp_path / "bookings.csv", booking("B1")).read_bytes()
    sheet = workbook([["booking_id", "order_amount"], ["B1", 12.5]])
    files = {
        "cut.csv.gz": gzip.compress(csv)[:-9],
        "two.zip": zipped({"april.csv": csv, "may.csv": csv}),
        "none.zip": zipped({}),
        "twice.gz": gzip.compress(gzip.compress(csv)),
        "bookings.7z": b"7z\xbc\xaf\x27\x1c" + bytes(60),
        "old.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "locked.xlsx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "empty.xlsx": workbook([]),
        "sheets.xlsx": made(two_sheets),
        "damaged.xlsx": edited(sheet, "xl/workbook.xml", b"<sheets>", b"<sheets"),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        session("load", name)
    golden("errors-65-packed-files", session.text)


def test_wrong_usage(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "notes.csv").write_text("notes\n")
    (tmp_path / "link.csv").symlink_to("notes.csv")
    session.all(
        ["lod"],
        ["load"],
        ["load", "bookings.csv", "--expect-cuont", "1"],
        ["load", "bookings.csv", "--expect-count", "one"],
        ["load", "bookings.csv", "--expect-total", "1.00"],
        ["load", "bookings.csv", "--expect-total", "EUR 1,00"],
        ["load", "bookings.csv", "--expect-total", "EUR 1.00", "--expect-total", "EUR 1.00"],
        ["load", "bookings.csv", "--encoding", "klingon"],
        ["load", "bookings.csv", "--source", "hotel"],
        ["load", "bookings.csv", "notes.csv", "--rejects", "r.csv"],
        ["load", "-"],
        ["load", "bookings.csv", "--wait", "-1"],
        ["load", "bookings.csv", "--ledger", "-"],
        ["run", CAMPAIGN, "bookings.csv", "--out="],
        ["create"],
        ["create", "hotel-refunds"],
        ["run", CAMPAIGN, "bookings.csv"],
        ["init", "--group", "no-such-group"],
        ["init"],
        ["publish", CAMPAIGN, "--limit", "0"],
        ["runs", "last"],
        ["create", CAMPAIGN],
        ["export", "vouchers", CAMPAIGN, "-o", "x.csv"],
        ["export", "cards", CAMPAIGN],
        ["export", "cards", CAMPAIGN, "-o", "notes.csv"],
        ["export", "cards", CAMPAIGN, "-o", "link.csv", "--force"],
        ["export", "cards", CAMPAIGN, "-o", LEDGER, "--force"],
        ["export", "cards", CAMPAIGN, "-o", "x.csv", "--all"],
        ["export", "mail", CAMPAIGN, "-o", "-"],
        ["export", "mail", CAMPAIGN, "-o", "x.csv", "--tool", "pigeon"],
        ["backup", LEDGER, "--force"],
        ["backup", "notes.csv"],
    )
    session("status", now="noon")
    session("init", "--ledger", "real.db", now="")
    session("status", "--ledger", "real.db")
    golden("errors-2-wrong-usage", session.text)


def test_refused(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    session("load", "bookings.csv", "--expect-count", "3")
    session("load", "bookings.csv", "--expect-total", "EUR 199.99")
    session("run", CAMPAIGN, "bookings.csv", "--out", "out", "--expect-count", "3")
    session.all(["publish", CAMPAIGN], ["status", CAMPAIGN], ["runs", "99"])
    session("create", CAMPAIGN)
    session("export", "cards", "hotel-refunds", "-o", "x.csv")
    campaigns.write_text(small_campaigns(activity_duration_after_publishing="P1Y"))
    session("run", CAMPAIGN, "bookings.csv", "--out", "out")
    campaigns.write_text(small_campaigns(currency="USD"))
    session("create", CAMPAIGN)
    campaigns.write_text(small_campaigns(expiration_date="2020-04-30"))
    session("create", CAMPAIGN)
    session("load", "bookings.csv")
    session("publish", CAMPAIGN)
    campaigns.write_text(small_campaigns())
    session("create", CAMPAIGN)
    session("publish", CAMPAIGN)
    campaigns.write_text(small_campaigns(card_per="customer"))
    session("create", CAMPAIGN)
    golden("errors-4-refused", session.text)


def test_bad_input(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    good = write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", name="José")).read_bytes()
    files = {
        "empty.csv": b"",
        "headless.csv": good.split(b"\n", 1)[1],
        "other.csv": b"when,where\nnow,here\n",
        "twice.csv": good.replace(b"email", b"name", 1),
        "lacking.csv": good.replace(b"order_amount", b"price", 1),
        "moneyless.csv": good.replace(b"currency", b"coin", 1),
        "latin.csv": good.decode().encode("latin-1"),
        "nul.csv": good.replace(b"Guest", b"Gu\0st", 1),
        "quote.csv": good.replace(b"Guest", b'"Guest', 1),
        "sheet.csv": b"PK\x03\x04" + bytes(60),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        session("load", name)
    (tmp_path / "notes.db").write_text("my notes\n" * 200)
    session("status", "--ledger", "notes.db")
    with closing(sqlite3.connect(tmp_path / "recipes.db")) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    session("load", "bookings.csv", "--ledger", "recipes.db")
    session("init", "--ledger", "newer.db")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as newer:
        newer.execute("PRAGMA user_version = 9999")
    session("status", "--ledger", "newer.db")
    session("load", "bookings.csv", "--ledger", "newer.db")
    session("init", "--ledger", "altered.db")
    with closing(sqlite3.connect(tmp_path / "altered.db")) as altered:
        [name] = altered.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name").fetchone()
        altered.execute(f"DROP TRIGGER {name}")
    session("load", "bookings.csv", "--ledger", "altered.db")
    session("verify", "--ledger", "altered.db")
    session("verify", "--ledger", "altered.db", "--against", "bookings.csv")
    write_bookings(tmp_path / "strict.csv", booking("B1"), booking("B2", "?"))
    session("load", "strict.csv", "--strict")
    golden("errors-65-bad-input", session.text)


def test_missing_and_unwritable(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "folder").mkdir()
    session.all(
        ["load", "nowhere.csv"],
        ["load", "folder"],
        ["create", CAMPAIGN, "--campaigns", "nowhere.yaml"],
        ["verify"],
        ["export", "cards", CAMPAIGN, "-o", "cards.csv"],
        ["verify", "--against", "nowhere.txt"],
        ["init", "--ledger", "nowhere/refunds.db"],
        ["create", CAMPAIGN],
        ["export", "cards", CAMPAIGN, "-o", "nowhere/cards.csv"],
        ["backup", "nowhere/copy.db"],
        ["run", CAMPAIGN, "bookings.csv", "--out", "bookings.csv"],
    )
    with closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        session("load", "bookings.csv", "--wait", "0")
    golden("errors-66-74-75", session.text)


def test_wrong_campaigns_file(session: Session, tmp_path: Path, campaigns: Path, golden: Golden) -> None:
    campaigns.write_text(
        "version: 1\n"
        "campaigns:\n"
        "  flight-refunds:\n"
        "    currncy: EUR\n"
        "    timezone: Europe/Warszaw\n"
        "    card_per: bookings\n"
        "    eligible: {statsu: [cancelled]}\n"
        '    voucher: {gift: {amount: "25.00"}, code_config: {pattern: "RF-####"}}\n'
        "    activity_duration_after_publishing: 365\n"
        "    reminders: [30d]\n"
        "    invoice: never\n"
        "    validity_hours: {daily: [{start_time: 9:00, expiration_time: 17:00}]}\n"
    )
    session("create", CAMPAIGN)
    campaigns.write_text("version: 1\ncampaigns: {a: &b {}, c: *b}\n")
    session("create", CAMPAIGN)
    campaigns.write_text("version: 1\nversion: 1\n")
    session("create", CAMPAIGN)
    campaigns.write_text("version: 1\ncampaigns: [\n")
    session("create", CAMPAIGN)
    campaigns.write_text("")
    session("create", CAMPAIGN)
    golden("errors-78-campaigns", session.text)


def test_rejects(session: Session, tmp_path: Path, golden: Golden) -> None:
    """The reasons, as they stand in the file that a person fixes."""
    sample = SAMPLE_DATA / "bookings-with-mistakes.csv"
    (tmp_path / "bookings.csv").write_bytes(sample.read_bytes())
    session("load", "bookings.csv")
    golden("rejects", (tmp_path / "bookings.rejects.csv").read_text(encoding="utf-8"))
