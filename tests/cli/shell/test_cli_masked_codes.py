"""A full code is as good as money: only the files that are made to carry codes ever hold one."""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import LEDGER, PRINTED, booking, column, write_bookings

# Files that are made to carry codes; a copy of the ledger is one, too.
CARRIERS = re.compile(rf"mail(-run\d+)?\.csv|cards\.csv|printed\.csv|{re.escape(LEDGER)}|backup\.db")


class Canary:
    """Keeps all that was said, and looks for codes in it, however they are written."""

    def __init__(self, codes: list[str]) -> None:
        self._keys = {self._key(code) for code in codes}
        self.checked = 0

    @staticmethod
    def _key(text: str) -> str:
        return "".join(character for character in text.upper() if character.isalnum())

    def __contains__(self, text: str) -> bool:
        self.checked += 1
        key = self._key(text)
        return any(code in key for code in self._keys)


@dataclass(frozen=True, slots=True)
class Said:
    """A folder, and all that was said in it."""

    folder: Path
    results: list[CommandResult]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What every command says, for people and as JSON, when it works and when it fails, while codes are about."""
    folder = tmp_path_factory.mktemp("said")
    run = ThisProcess(folder)
    pool = small_campaigns("pool", type="STATIC", vouchers_count=2, currency="PLN").partition("campaigns:\n")[2]
    (folder / "campaigns.yaml").write_text(small_campaigns(card_per="customer") + pool)
    write_bookings(folder / "bookings.csv", booking("B1"), booking("B2"), booking("B3", email=""), booking("B4", "?"))
    write_bookings(folder / "later.csv", booking("B5", customer_id="C-B1", email="b1@example.org"))
    write_bookings(folder / "polish.csv", *(booking(f"P{n}", currency="PLN") for n in range(4)))
    write_bookings(folder / "people.csv", {"customer_id": "C-B3", "email": "b3@example.org"}, {"customer_id": ""})
    write_bookings(folder / "printed.csv", *({"code": one} for one in PRINTED[:1]))
    results = [
        run("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json"),
        run("export", "cards", CAMPAIGN, "-o", "cards.csv", "--json"),
    ]
    code = column(folder / "cards.csv", "code")[0]
    for argv in (
        ["init"],
        ["load", "bookings.csv"],
        ["load", "later.csv", "--expect-count", "7"],
        ["load", "later.csv"],
        ["create", CAMPAIGN],
        ["publish", CAMPAIGN],
        ["topup", CAMPAIGN],
        ["load-customers", "people.csv"],
        ["sources"],
        ["sources", "check", "bookings.csv"],
        ["create", "pool", "--codes", "printed.csv"],
        ["run", "pool", "polish.csv", "--out", "pool"],
        ["export", "cards", "pool", "-o", "pool/cards.csv"],
        ["export", "mail", CAMPAIGN, "-o", "more/mail.csv"],
        ["export", "mail", CAMPAIGN, "-o", "all/mail.csv", "--all"],
        ["export", "cards", CAMPAIGN, "-o", "cards.csv"],
        ["export", "cards", CAMPAIGN, "-o", "cards.csv", "--force"],
        ["export", "cards", CAMPAIGN, "-o", "-", "-n"],
        ["export", "transactions", CAMPAIGN, "-o", "-"],
        ["export", "publications", CAMPAIGN, "-o", "publications.csv"],
        ["export", "bookings", CAMPAIGN, "-o", "b.csv"],
        ["run", CAMPAIGN, "bookings.csv", "--out", "out"],
        ["run", CAMPAIGN, "bookings.csv", "--out", "out", "-n"],
        ["status"],
        ["runs"],
        ["runs", "1"],
        ["verify"],
        ["verify", "--against", "out/manifest.json"],
        ["backup", "backup.db"],
        # Files with codes in the place of others:
        ["load", "out/mail.csv"],
        ["load", "cards.csv", "--rejects", "r.csv"],
        ["run", CAMPAIGN, "out/mail.csv", "--out", "out2"],
        ["create", CAMPAIGN, "--campaigns", "out/mail.csv"],
        ["create", CAMPAIGN, "--campaigns", "cards.csv"],
        ["create", CAMPAIGN, "--codes", "cards.csv"],
        ["create", "pool", "--codes", "pool/cards.csv"],
        ["load-customers", "pool/cards.csv"],
        ["sources", "check", "out/mail.csv"],
        ["sources", "check", "cards.csv"],
        ["verify", "--against", "out/mail.csv"],
        ["status", "--ledger", "out/mail.csv"],
        ["load", "bookings.csv", "--ledger", "cards.csv"],
        # Codes in the place of something else:
        ["load", "bookings.csv", "--source", code],
        ["load", "bookings.csv", "--expect-total", code],
        ["publish", CAMPAIGN, "--limit", code],
        ["runs", code],
        ["explain", "B1"],
        ["explain", code],
        ["pause", CAMPAIGN, "--reason", f"stolen {code}"],
        ["pause", code],
        ["resume", CAMPAIGN, "--reason", code],
        ["undo", code],
        ["undo", "2", "--reason", code],
        ["undo", "2", "--reopen"],
        ["create", CAMPAIGN, "--codes", code],
        ["load-customers", code],
        ["sources", "check", code],
    ):
        results += [run(*argv), run(*argv, "--json")]
    return Said(folder, results)


def every_code(folder: Path) -> list[str]:
    """The codes of the ledger's cards, as the files that are made to carry them have them."""
    return [*column(folder / "cards.csv", "code"), *column(folder / "pool" / "cards.csv", "code")]


def test_nothing_that_is_said_holds_a_code(said: Said) -> None:
    canary = Canary(every_code(said.folder))
    assert {result.exit for result in said.results} >= {0, 2, 3, 4, 65, 78}
    for result in said.results:
        assert result.stdout not in canary, result.argv
        assert result.stderr not in canary, result.argv


def test_no_file_but_the_carriers_holds_a_code(said: Said) -> None:
    canary = Canary(every_code(said.folder))
    files = [path for path in said.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        holds = path.read_bytes().decode("latin-1") in canary
        carries = bool(CARRIERS.fullmatch(path.name))
        assert holds == carries, path


def test_the_journal_holds_no_code(said: Said) -> None:
    canary = Canary(every_code(said.folder))
    journal = ThisProcess(said.folder)("runs", "--json").ok().json()["runs"]
    assert len(journal) > 8
    assert json.dumps(journal) not in canary


def test_in_the_ledger_only_cards_and_their_index_hold_codes(said: Said) -> None:
    canary = Canary(every_code(said.folder))
    holding = set()
    with closing(sqlite3.connect(said.folder / LEDGER)) as ledger:
        for (table,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if repr(ledger.execute(f"SELECT * FROM {table}").fetchall()) in canary:
                holding.add(table)
    assert holding == {"cards", "codes"}


def test_the_canary_sings(said: Said) -> None:
    """A search that finds nothing is only worth something if it would find it."""
    codes = every_code(said.folder)
    assert (len(codes), PRINTED[0] in codes) == (6, True)
    canary = Canary(codes)
    assert codes[0].lower().replace("-", " ") in canary
    assert f"x{codes[1].replace('-', '')}y" in canary
    assert "RF-2345-6789" not in canary
    assert (said.folder / "out" / "mail.csv").read_text() in canary


def test_temporary_files_are_gone(said: Said) -> None:
    assert not [path for path in said.folder.rglob("*") if path.name.startswith(".") or "refundctl-" in path.name]
