"""`refundctl backup`: a consistent copy while others write, as private as the ledger itself."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import LEDGER, booking, files_in, mode_of, only, write_bookings


@pytest.fixture
def ledger(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> Path:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    return tmp_path / LEDGER


def test_the_copy_is_a_whole_ledger(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    before = ledger.read_bytes()
    answer = run_in_process("backup", "copy.db", "--json").ok().json()
    copy = tmp_path / "copy.db"
    assert mode_of(copy) == "-rw-------"
    file = only(answer["files"])
    assert (file["path"], file["sha256"]) == ("copy.db", hashlib.sha256(copy.read_bytes()).hexdigest())
    assert run_in_process("verify", "--ledger", "copy.db").ok().stdout == run_in_process("verify").ok().stdout
    assert ledger.read_bytes() == before
    again = run_in_process("load", "bookings.csv", "--ledger", "copy.db", "--json").ok().json()
    assert again["counts"]["unchanged"] == 2


def test_umask_makes_it_no_more_open(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        run_in_process("backup", "copy.db").ok()
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "copy.db") == "-rw-------"


def test_while_another_process_writes(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    """What is not committed is not in it."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE half_done (x)")
        run_in_process("backup", "copy.db", "--wait", "0").ok()
        writer.execute("ROLLBACK")
    run_in_process("verify", "--ledger", "copy.db").ok()


def test_an_existing_file_needs_force(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("something else")
    before = files_in(tmp_path)
    result = run_in_process("backup", "copy.db")
    assert (result.exit, files_in(tmp_path)) == (2, before)
    assert "copy.db is there already" in result.stderr
    run_in_process("backup", "copy.db", "--force").ok()
    run_in_process("verify", "--ledger", "copy.db").ok()


def test_never_over_the_ledger_itself(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "hard-link.db").hardlink_to(ledger)
    before = files_in(tmp_path)
    for name in (LEDGER, f"./out/../{LEDGER}", "hard-link.db"):
        result = run_in_process("backup", name, "--force")
        assert result.exit == 2
        assert "is the ledger itself" in result.stderr
    assert files_in(tmp_path) == before


def test_never_through_a_symbolic_link(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me\n")
    (tmp_path / "copy.db").symlink_to("precious")
    before = files_in(tmp_path)
    result = run_in_process("backup", "copy.db", "--force")
    assert (result.exit, files_in(tmp_path)) == (2, before)
    assert "symbolic link" in result.stderr


def test_stdout(ledger: Path, cli: CommandLine, tmp_path: Path) -> None:
    """`refundctl backup - | gzip > copy.gz`; in a process, since a ledger is no text."""
    import subprocess
    import sys

    from support.command_line import plain_environment

    done = subprocess.run(
        [sys.executable, "-m", "refundctl", "backup", "-"],
        cwd=tmp_path,
        env=plain_environment(tmp_path, None, None),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    (tmp_path / "copy.db").write_bytes(done.stdout)
    assert cli("verify", "--ledger", "copy.db").ok().stdout == cli("verify").ok().stdout
    assert not (tmp_path / "-").exists()


def test_without_a_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("backup", "copy.db")
    assert result.exit == 66
    assert LEDGER in result.stderr
    assert files_in(tmp_path) == {}


def test_where_it_cannot_be_written(ledger: Path, run_in_process: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    result = run_in_process("backup", "nowhere/copy.db")
    assert (result.exit, result.stdout) == (74, "")
    assert "nowhere/copy.db" in only(result.stderr.splitlines())
    assert run_in_process("backup", "out").exit == 2  # a folder
    assert files_in(tmp_path) == before
