"""`refundctl runs`: who ran what, when, and with what outcome; what was refused, too."""

import os
import pwd
import re
import socket
from pathlib import Path

from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import LEDGER, booking, files_in, only, write_bookings

NOW = "2020-05-01T12:00:00Z"
FIELDS = {
    "run_id",
    "parent_run_id",
    "command",
    "campaign",
    "operator",
    "host",
    "started_at",
    "finished_at",
    "status",
    "counts",
    "totals",
    "files",
}


def test_every_entry_has_every_field(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv", "--expect-count", "9", now=NOW)
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    entries = run_in_process("runs", "--json", now=NOW).ok().json()["runs"]
    assert len(entries) == 7
    for entry in entries:
        assert set(entry) >= FIELDS
        assert (entry["operator"], entry["host"]) == (pwd.getpwuid(os.getuid()).pw_name, socket.gethostname())
        assert (entry["started_at"], entry["finished_at"]) == (NOW, NOW)


def test_who_by_the_real_user_id(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Not by the name in the environment, which anyone can set."""
    run_in_process("init", env={"USER": "somebody", "LOGNAME": "somebody", "SUDO_USER": "somebody"}).ok()
    entry = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert entry["user_id"] == os.getuid()
    assert entry["operator"] != "somebody"


def test_order_is_by_id_never_by_clock(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    run_in_process("init", now="2020-05-02T00:00:00Z").ok()
    run_in_process("create", CAMPAIGN, now="2020-05-01T00:00:00Z").ok()
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv", "--expect-count", "2", now="2020-04-30T00:00:00Z")
    run_in_process("load", "bookings.csv", now="2020-05-03T00:00:00Z").ok()
    entries = run_in_process("runs", "--json", now=NOW).ok().json()["runs"]
    assert [(entry["run_id"], entry["command"], entry["status"]) for entry in entries] == [
        (1, "init", "ok"),
        (2, "create", "ok"),
        (None, "load", "refused"),
        (3, "load", "ok"),
    ]


def test_one_run_with_its_steps(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    run_in_process("init").ok()
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    answer = run_in_process("runs", "2", "--json").ok().json()
    assert answer["run_id"] == 2
    assert [entry["command"] for entry in answer["runs"]] == ["run", "load", "create", "publish", "topup", "handover"]
    assert {entry["parent_run_id"] for entry in answer["runs"][1:]} == {2}
    step = only(run_in_process("runs", "3", "--json").ok().json()["runs"])
    assert (step["command"], step["counts"]["loaded"]) == ("load", 1)
    assert re.search(r"bookings\.csv: 1 rows?, SHA-256 [0-9a-f]{64}", run_in_process("runs", "2").ok().stdout)


def test_a_refused_attempt_says_why(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    refused = run_in_process("load", "bookings.csv", "--expect-count", "9", "--json").json()
    entry = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert (entry["status"], entry["campaign"], entry["counts"]) == ("refused", None, {})
    assert entry["error"]["code"] == "control_total_mismatch"
    assert entry["error"]["message"] == only(refused["errors"])["message"]
    assert "control_total_mismatch" in run_in_process("runs").ok().stdout


def test_what_is_wrong_usage_or_a_bad_file_is_no_attempt(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Only what a rule refused is kept: a typing error is nobody's business."""
    run_in_process("init").ok()
    (tmp_path / "bad.csv").write_text("booking_id,booking_id\n")
    assert run_in_process("load", "bad.csv").exit == 65
    assert run_in_process("load", "missing.csv").exit == 66
    assert run_in_process("load", "missing.csv", "--expect-count", "x").exit == 2
    assert len(run_in_process("runs", "--json").ok().json()["runs"]) == 1


def test_nothing_to_do_is_no_run(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    runs = run_in_process("runs", "--json").ok().json()["runs"]
    for argv in (
        ["init"],
        ["load", "bookings.csv"],
        ["create", CAMPAIGN],
        ["publish", CAMPAIGN],
        ["topup", CAMPAIGN],
        ["run", CAMPAIGN, "bookings.csv", "--out", "out"],
        ["export", "mail", CAMPAIGN, "-o", "m.csv"],
        ["export", "cards", CAMPAIGN, "-o", "c.csv"],
        ["status"],
        ["verify"],
        ["backup", "b.db"],
    ):
        assert run_in_process(*argv, "--json").ok().json()["run_id"] is None
    assert run_in_process("runs", "--json").ok().json()["runs"] == runs


def test_a_run_that_is_not_there(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init").ok()
    for run_id in ("99", "0", "99999999999999999999999"):
        result = run_in_process("runs", run_id, "--json")
        assert (result.exit, result.json()["status"]) == (4, "refused"), run_id
        assert only(result.json()["errors"])["code"] == "resource_not_found"
    for no_run_id in ("-1", "x"):
        result = run_in_process("runs", no_run_id)
        assert (result.exit, result.stdout) == (2, ""), no_run_id
        assert len(result.stderr.splitlines()) == 1


def test_without_a_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    assert run_in_process("runs", "--json").ok().json()["runs"] == []
    assert run_in_process("runs").ok().stdout.startswith("No runs yet")
    assert files_in(tmp_path) == {}


def test_arguments_are_kept_with_the_run(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv", "--strict").ok()
    arguments = only(run_in_process("runs", "--json").ok().json()["runs"])["arguments"]
    assert (arguments["files"], arguments["strict"]) == (["bookings.csv"], True)
    assert (tmp_path / LEDGER).exists()


def test_a_narrow_terminal_loses_nothing(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    said = run_in_process("runs", now=NOW, env={"COLUMNS": "40"}).ok().stdout
    assert said == run_in_process("runs", now=NOW).ok().stdout
    assert said.count(NOW) == 6
    assert "loaded 1" in said
