"""How the program opens the ledger and writes to it, as SQLite hears it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.books import LEDGER, everything
from support.command_line import CAMPAIGN, CommandLine
from support.sql_log import sql_log

BOOKINGS = "booking_id,customer_id,email,order_amount,currency,status\nN1,new,new@example.com,12.50,EUR,cancelled\n"
# Without them a foreign key isn't looked at, REPLACE walks past the triggers, and a power cut undoes a commit.
PROMISED = {"PRAGMA foreign_keys = ON", "PRAGMA recursive_triggers = ON", "PRAGMA synchronous = EXTRA"}
WRITING = [
    ("init",),
    ("load", "bookings.csv"),
    ("create", CAMPAIGN),
    ("publish", CAMPAIGN),
    ("topup", CAMPAIGN),
    ("export", "mail", CAMPAIGN, "-o", "mail.csv"),
    ("run", CAMPAIGN, "bookings.csv", "--out", "out", "--ledger", "other.db"),
]


@pytest.fixture
def bookings(tmp_path: Path) -> Path:
    path = tmp_path / "bookings.csv"
    path.write_text(BOOKINGS, encoding="utf-8")
    return path


@pytest.mark.usefixtures("bookings", "campaigns")
def test_every_connection_that_writes_keeps_what_the_schema_promises(run_in_process: CommandLine) -> None:
    for argv in WRITING:
        with sql_log() as connections:
            run_in_process(*argv).ok()
        writers = [said for said in connections if "BEGIN IMMEDIATE" in said]
        assert writers, argv
        for said in writers:
            assert set(said[: said.index("BEGIN IMMEDIATE")]) >= PROMISED, argv
            assert [pragma for pragma in said if "synchronous" in pragma] == ["PRAGMA synchronous = EXTRA"], argv


@pytest.mark.usefixtures("bookings", "campaigns")
def test_nothing_is_written_to_the_ledger_outside_a_transaction_that_was_begun_for_writing(
    run_in_process: CommandLine,
) -> None:
    for argv in WRITING:
        with sql_log() as connections:
            run_in_process(*argv).ok()
        for said in connections:
            assert _written_outside(said) == [], argv


def _written_outside(said: list[str]) -> list[str]:
    """The statements that write to the ledger's own tables and don't stand between BEGIN IMMEDIATE and its end."""
    inside, outside = False, []
    for statement in said:
        words = statement.split()
        if statement == "BEGIN IMMEDIATE":
            inside = True
        elif words[0] in {"COMMIT", "ROLLBACK"} and "TO" not in words[:2]:
            inside = False
        elif (
            not inside and words[:2] == ["INSERT", "INTO"] and words[2] in {"runs", "cards", "transactions", "bookings"}
        ):
            outside.append(statement)
    return outside


@pytest.mark.usefixtures("bookings", "campaigns")
def test_a_rehearsals_clock_is_refused_by_a_real_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("load", "bookings.csv").ok()
    before = everything(tmp_path / LEDGER)
    for argv in (*WRITING[:-1], ("status",), ("verify",)):
        result = run_in_process(*argv, now="2020-05-01T12:00:00Z")
        assert (result.exit, result.stderr.partition(" is set")[0]) == (2, "Error: REFUNDCTL_NOW"), argv
    assert everything(tmp_path / LEDGER) == before


@pytest.mark.usefixtures("bookings", "campaigns")
def test_a_rehearsal_says_so_and_may_go_on_by_the_systems_clock(run_in_process: CommandLine) -> None:
    run_in_process("load", "bookings.csv", now="2020-05-01T12:00:00Z").ok()
    assert run_in_process("status", "--json").ok().json()["ledger"] == {"clock": "rehearsal"}
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("argv", WRITING[1:])
def test_a_command_that_waits_in_vain_for_another_one_says_so(
    run_in_process: CommandLine, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    for ledger in (LEDGER, "other.db"):
        run_in_process("load", "bookings.csv", "--ledger", ledger).ok()
        run_in_process("create", CAMPAIGN, "--ledger", ledger).ok()
    with (
        closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as other,
        closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as another,
    ):
        other.execute("BEGIN IMMEDIATE")
        another.execute("BEGIN IMMEDIATE")
        result = run_in_process(*argv, "--wait", "0")
    assert result.exit == 75
    assert "is being written by another process: try again" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("bookings", "campaigns")
def test_reading_goes_on_while_another_one_writes(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    with closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for argv in (
            ["status"],
            ["runs"],
            ["verify"],
            ["backup", "copy.db"],
            ["export", "cards", CAMPAIGN, "-o", "c.csv"],
        ):
            run_in_process(*argv, "--wait", "0").ok()


def test_a_ledger_that_was_never_committed_to_is_not_left_behind(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("no such column\n1\n")
    assert run_in_process("load", "broken.csv").exit == 65
    assert [path.name for path in tmp_path.iterdir()] == ["broken.csv"]


@pytest.mark.usefixtures("bookings", "campaigns")
def test_a_first_write_that_was_cut_off_leaves_a_ledger_that_is_empty(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """What kill -9 leaves in the middle of the first commit: pages, and a journal that takes them back."""
    leave_half_a_first_commit(tmp_path / LEDGER)
    assert run_in_process("status", "--json").ok().json()["campaigns"] == []
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    run_in_process("verify").ok()


def leave_half_a_first_commit(path: Path) -> None:
    with closing(sqlite3.connect(path.with_name("other.db"), isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 5")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, filler BLOB)")
        # More than the cache holds: SQLite writes pages to the file before anything is committed.
        writer.executemany("INSERT INTO ledger VALUES (?, zeroblob(3000))", [(number,) for number in range(50)])
        for suffix in ("", "-journal"):
            content = path.with_name(f"other.db{suffix}").read_bytes()
            assert content
            path.with_name(f"{path.name}{suffix}").write_bytes(content)
        writer.execute("ROLLBACK")
