"""`refundctl init`: an empty ledger and, where there is none, a commented campaigns file."""

import grp
import os
from pathlib import Path

import pytest

from support.command_line import CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, files_in, mode_of, only, write_bookings


def test_an_empty_ledger_and_a_campaigns_file(run_in_process: CommandLine, tmp_path: Path) -> None:
    answer = run_in_process("init", "--json").ok().json()
    assert (answer["counts"], answer["run_id"]) == ({"ledgers": 1, "campaigns_files": 1}, 1)
    assert sorted(files_in(tmp_path)) == ["campaigns.yaml", LEDGER]
    assert mode_of(tmp_path / LEDGER) == "-rw-------"
    assert run_in_process("status", "--json").ok().json()["campaigns"] == []
    run_in_process("verify").ok()


def test_the_campaigns_file_works_as_it_is(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Commented, and ready to be tried."""
    run_in_process("init").ok()
    text = (tmp_path / "campaigns.yaml").read_text()
    assert text.count("#") > 5
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", "flight-refunds", "bookings.csv", "--out", "out").ok()


def test_again_changes_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init").ok()
    before = files_in(tmp_path)
    answer = run_in_process("init", "--json").ok().json()
    assert (answer["counts"], answer["run_id"]) == ({"ledgers": 0, "campaigns_files": 0}, None)
    assert files_in(tmp_path) == before


def test_a_campaigns_file_of_ones_own_is_left_alone(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    run_in_process("init").ok()
    assert campaigns.read_text() == small_campaigns()
    campaigns.write_text("not even YAML: [")
    run_in_process("init", "--ledger", "other.db").ok()
    assert campaigns.read_text() == "not even YAML: ["


def test_other_commands_make_the_ledger_themselves(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    before = os.umask(0)
    try:
        run_in_process("load", "bookings.csv").ok()
        run_in_process("create", "flight-refunds", "--ledger", "other.db").ok()
    finally:
        os.umask(before)
    assert {mode_of(tmp_path / name) for name in (LEDGER, "other.db")} == {"-rw-------"}


def test_a_group_may_share_the_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Root may give files to any group, others to those they belong to."""
    group = grp.getgrgid(os.getgroups()[-1] if os.getgroups() else os.getgid())
    run_in_process("init", "--group", group.gr_name).ok()
    assert mode_of(tmp_path / LEDGER) == "-rw-rw----"
    assert (tmp_path / LEDGER).stat().st_gid == group.gr_gid
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv").ok()
    assert mode_of(tmp_path / LEDGER) == "-rw-rw----"


def test_a_group_that_does_not_exist(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("init", "--group", "no-such-group")
    assert result.exit == 2
    assert "no group no-such-group" in result.stderr
    assert files_in(tmp_path) == {}


def test_an_empty_file_becomes_a_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    """As `touch` or `mktemp` leave it."""
    (tmp_path / LEDGER).touch(mode=0o600)
    assert run_in_process("init", "--json").ok().json()["counts"]["ledgers"] == 1
    run_in_process("verify").ok()


@pytest.mark.parametrize("option", ["--ledger", "--campaigns"])
def test_where_a_file_cannot_be_made_neither_is(option: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("init", option, "nowhere/file")
    assert (result.exit, result.stdout) == (74, "")
    assert "nowhere/file" in only(result.stderr.splitlines())
    assert files_in(tmp_path) == {}


def test_a_link_in_place_of_the_campaigns_file_is_not_followed(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert run_in_process("init").exit == 2
    assert not (tmp_path / "elsewhere.yaml").exists()
    assert not (tmp_path / LEDGER).exists()
