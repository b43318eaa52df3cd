"""`refundctl verify`: silent or one line where the books are in order, one line per finding where they are not."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import LEDGER, booking, files_in, only, write_bookings

SEAL = re.compile(r"refundctl-seal [0-9a-f]{32} \d+ \d+ [0-9a-f]{64}\n")


@pytest.fixture
def funded(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> Path:
    """A ledger after one run."""
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    return tmp_path / LEDGER


def test_sound_books_are_one_line(funded: Path, run_in_process: CommandLine) -> None:
    result = run_in_process("verify").ok()
    assert SEAL.fullmatch(result.stdout)
    assert result.stderr == ""
    answer = run_in_process("verify", "--json").ok().json()
    assert (answer["status"], answer["findings"]) == ("ok", [])
    assert f"{answer['seal']}\n" == result.stdout


def test_quiet_is_silent_where_the_books_are_sound(funded: Path, run_in_process: CommandLine) -> None:
    result = run_in_process("verify", "--quiet").ok()
    assert (result.stdout, result.stderr) == ("", "")


def test_it_changes_nothing(funded: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    run_in_process("verify").ok()
    assert files_in(tmp_path) == before


def tamper(ledger: Path, sql: str) -> None:
    """Change a row as a clever person would, with all triggers put back."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
        for _, text in triggers:
            connection.execute(text)


def test_findings_end_with_5_one_a_line(funded: Path, run_in_process: CommandLine) -> None:
    tamper(funded, "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 1")
    result = run_in_process("verify")
    assert (result.exit, result.stderr) == (5, "")
    lines = result.stdout.splitlines()
    assert lines
    assert all(re.match(r"[a-z_]+: .+", line) for line in lines)
    assert not SEAL.search(result.stdout)
    quiet = run_in_process("verify", "-q")  # not a success, so not silent
    assert (quiet.exit, quiet.stdout) == (5, result.stdout)
    answer = run_in_process("verify", "--json")
    assert (answer.exit, answer.json()["status"], answer.json()["seal"]) == (5, "findings", None)
    assert [f"{finding['code']}: {finding['message']}" for finding in answer.json()["findings"]] == lines


def test_a_dropped_trigger_is_found(funded: Path, run_in_process: CommandLine) -> None:
    with closing(sqlite3.connect(funded)) as connection:
        [name] = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' LIMIT 1").fetchone()
        connection.execute(f"DROP TRIGGER {name}")
    result = run_in_process("verify", "--json")
    assert result.exit == 5
    assert name in only(result.json()["findings"])["message"]


def test_a_page_that_sqlite_calls_corrupt_is_found(funded: Path, run_in_process: CommandLine) -> None:
    content = bytearray(funded.read_bytes())
    content[4096 * 8 : 4096 * 9] = b"\xff" * 4096
    funded.write_bytes(content)
    result = run_in_process("verify")
    assert result.exit in {5, 65}
    assert (result.stdout + result.stderr).splitlines()
    assert "bug" not in result.stderr


# --- A seal that was kept elsewhere ---


def kept_seal(command_line: CommandLine, folder: Path) -> Path:
    path = folder / "seal.txt"
    path.write_text(command_line("verify").ok().stdout)
    return path


def test_against_a_seal_that_was_kept(funded: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    seal = kept_seal(run_in_process, tmp_path)
    run_in_process("verify", "--against", seal).ok()
    run_in_process("verify", "--against", "out/manifest.json").ok()
    write_bookings(tmp_path / "later.csv", booking("B3"))
    run_in_process("load", "later.csv").ok()
    run_in_process("verify", "--against", seal).ok()  # what came later doesn't matter


def test_a_cut_off_tail_shows_against_a_kept_seal(funded: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    """An old copy put back is in order by itself."""
    old = funded.read_bytes()
    write_bookings(tmp_path / "later.csv", booking("B3"))
    run_in_process("load", "later.csv").ok()
    seal = kept_seal(run_in_process, tmp_path)
    funded.write_bytes(old)
    run_in_process("verify").ok()
    result = run_in_process("verify", "--against", seal, "--json")
    assert (result.exit, only(result.json()["findings"])["code"]) == (5, "tail_missing")


def test_another_ledger_shows_against_a_kept_seal(funded: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init", "--ledger", "other.db").ok()
    seal = kept_seal(run_in_process, tmp_path)
    result = run_in_process("verify", "--ledger", "other.db", "--against", seal, "--json")
    assert (result.exit, only(result.json()["findings"])["code"]) == (5, "other_ledger")


def test_a_seal_may_come_from_stdin(funded: Path, run_in_process: CommandLine) -> None:
    seal = run_in_process("verify").ok().stdout
    run_in_process("verify", "--against", "-", stdin=seal).ok()
    assert run_in_process("verify", "--against", "-", stdin="nothing").exit == 65


@pytest.mark.parametrize(
    ("name", "content", "exit_code"),
    [
        ("nowhere.txt", None, 66),
        ("notes.txt", b"no seal in here\n", 65),
        ("empty.txt", b"", 65),
        ("short.txt", b"refundctl-seal abc 1 1 def\n", 65),
        ("random.bin", bytes(range(256)), 65),
    ],
)
def test_a_file_without_a_seal(
    name: str, content: bytes | None, exit_code: int, funded: Path, run_in_process: CommandLine, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run_in_process("verify", "--against", name)
    assert (result.exit, result.stdout) == (exit_code, "")
    assert name in only(result.stderr.splitlines())


def test_a_folder_as_a_seal(funded: Path, run_in_process: CommandLine) -> None:
    assert run_in_process("verify", "--against", "out").exit == 66


def test_without_a_ledger_there_is_nothing_to_verify(run_in_process: CommandLine, tmp_path: Path) -> None:
    """A name that is mistyped must not look like books in order."""
    result = run_in_process("verify", "--json")
    assert result.exit == 66
    assert only(result.json()["errors"])["code"] == "ledger_missing"
    assert files_in(tmp_path) == {}


def test_a_ledger_without_runs(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Only an attempt is in it."""
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    assert run_in_process("load", "bookings.csv", "--expect-count", "9").exit == 4
    result = run_in_process("verify").ok()
    assert len(result.stdout.splitlines()) == 1
    assert run_in_process("verify", "--json").ok().json()["seal"] is None
