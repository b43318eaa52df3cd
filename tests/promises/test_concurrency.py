"""Several people, or a cron job and a person, at the same time: every line is funded once and mailed once."""

import json
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from support.books import LEDGER, minor, number, read, rows_of
from support.command_line import CAMPAIGN, CommandLine
from support.faults.at_once import all_at_once, bookings, error_code, held, start
from support.faults.crash_points import KILLED, Job, let_go_on, run_job, standing_still

ROWS = 1_000
PROCESSES = 8
TOTAL_MINOR = 100 * ROWS * (ROWS + 1) // 2


@pytest.fixture(autouse=True)
def bookings_file(tmp_path: Path, campaigns: Path) -> Path:
    assert campaigns.exists()
    path = tmp_path / "bookings.csv"
    path.write_text(bookings(ROWS), encoding="utf-8")
    return path


def assert_funded_and_mailed_once(folder: Path, mail_files: list[Path]) -> None:
    ledger = folder / LEDGER
    assert number(ledger, "SELECT count(*) FROM bookings") == ROWS
    assert number(ledger, "SELECT count(*) FROM cards") == ROWS
    assert number(ledger, "SELECT count(*) FROM transactions") == ROWS
    assert number(ledger, "SELECT count(DISTINCT line) FROM transactions") == ROWS
    assert number(ledger, "SELECT sum(amount_minor) FROM transactions") == TOTAL_MINOR
    assert number(ledger, "SELECT count(*) FROM batches") == number(ledger, "SELECT count(*) FROM deliveries")
    rows = [row for path in mail_files for row in rows_of(path)]
    assert Counter(row["code"] for row in rows) == Counter(code for (code,) in read(ledger, "SELECT code FROM cards"))
    assert sum(minor(row["balance"]) for row in rows) == TOTAL_MINOR


def test_the_same_run_eight_times_at_once(run_in_process: CommandLine, tmp_path: Path) -> None:
    """On a ledger that none of them finds there. Each does it, or finds it done."""
    results = all_at_once(tmp_path, [["run", CAMPAIGN, "bookings.csv", "--out", "out", "--json"]] * PROCESSES)
    assert {result.exit for result in results} <= {0, 75}, [(one.stdout, one.stderr) for one in results if one.exit]
    done = [result.json() for result in results if result.exit == 0]
    assert sorted(answer["counts"]["funded"] for answer in done) == [0] * (len(done) - 1) + [ROWS]
    assert_funded_and_mailed_once(tmp_path, [tmp_path / "out" / "mail.csv"])
    run_in_process("verify", "--against", "out/manifest.json").ok()


def test_the_same_run_into_eight_folders_at_once(run_in_process: CommandLine, tmp_path: Path) -> None:
    """While one is handing over, another folder is refused (batch_open)."""
    results = all_at_once(
        tmp_path,
        [["run", CAMPAIGN, "bookings.csv", "--out", f"out{n}", "--json"] for n in range(PROCESSES)],
    )
    refused = [result for result in results if result.exit == 4]
    assert {result.exit for result in results} <= {0, 4, 75}
    assert {error_code(result) for result in refused} <= {"batch_open"}
    mail_files = list(tmp_path.glob("out*/mail.csv"))
    assert len(mail_files) == 1
    assert_funded_and_mailed_once(tmp_path, mail_files)
    run_in_process("verify").ok()


def test_a_hand_over_that_was_cut_off_is_finished_by_several_at_once(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run = ("run", CAMPAIGN, "bookings.csv", "--out", "out")
    run_in_process("init").ok()
    assert run_job(Job(str(tmp_path), run, at="put in place mail.csv")).exit == KILLED
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM batches") == 1

    results = all_at_once(tmp_path, [[*run, "--json"]] * 4)
    assert {result.exit for result in results} <= {0, 75}, [(one.stdout, one.stderr) for one in results if one.exit]
    assert_funded_and_mailed_once(tmp_path, [tmp_path / "out" / "mail.csv"])
    run_in_process("verify").ok()


def test_a_hand_over_that_is_under_way_is_waited_for(run_in_process: CommandLine, tmp_path: Path) -> None:
    """The first process stands still while it writes the files; the second finds its batch open."""
    run = ("run", CAMPAIGN, "bookings.csv", "--out", "out")
    run_in_process("init").ok()
    with standing_still(tmp_path, run, "put in place mail.csv") as first:
        second = run_in_process(*run, "--wait", "0.3")
        assert (second.exit, second.stderr.count("\n")) == (75, 1)
        ended = let_go_on(first)
    assert ended.exit == 0, ended.stderr
    run_in_process(*run).ok()
    assert_funded_and_mailed_once(tmp_path, [tmp_path / "out" / "mail.csv"])
    run_in_process("verify", "--against", "out/manifest.json").ok()


def test_a_later_batch_is_not_written_into_a_hand_over_that_is_under_way(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """Else the one that wakes late would write over the other: customers never mailed, or mailed twice."""
    header, *rows = bookings(ROWS).splitlines(keepends=True)
    (tmp_path / "bookings.csv").write_text(header + "".join(rows[1:]), encoding="utf-8")
    (tmp_path / "later.csv").write_text(header + rows[0], encoding="utf-8")
    later = ("run", CAMPAIGN, "later.csv", "--out", "out", "--force")
    run_in_process("init").ok()
    with standing_still(
        tmp_path, ("run", CAMPAIGN, "bookings.csv", "--out", "out"), "put in place manifest.json"
    ) as first:
        assert run_in_process(*later, "--wait", "0.3").exit in {4, 75}
        ended = let_go_on(first)
    assert ended.exit == 0, ended.stderr
    run_in_process(*later).ok()
    assert_funded_and_mailed_once(tmp_path, sorted((tmp_path / "out").glob("mail*.csv")))
    run_in_process("verify", "--against", "out/manifest.json").ok()


def test_every_step_five_times_at_once(run_in_process: CommandLine, tmp_path: Path) -> None:
    steps = (["load", "bookings.csv"], ["create", CAMPAIGN], ["publish", CAMPAIGN], ["topup", CAMPAIGN])
    names = {"load": "loaded", "create": "created", "publish": "published", "topup": "funded"}
    for step in steps:
        results = all_at_once(tmp_path, [[*step, "--json"]] * 5)
        assert [result.exit for result in results] == [0] * 5, [(one.stdout, one.stderr) for one in results]
        done = [result.json()["counts"][names[step[0]]] for result in results]
        assert sorted(done) == [0] * 4 + [1 if step[0] == "create" else ROWS]
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    assert_funded_and_mailed_once(tmp_path, [tmp_path / "mail.csv"])
    run_in_process("verify").ok()


def test_different_files_at_once_are_all_loaded(run_in_process: CommandLine, tmp_path: Path) -> None:
    header, *rows = bookings(40).splitlines(keepends=True)
    for n in range(4):
        (tmp_path / f"part{n}.csv").write_text(header + "".join(rows[n::4]), encoding="utf-8")
    results = all_at_once(tmp_path, [["load", f"part{n}.csv"] for n in range(4)])
    assert [result.exit for result in results] == [0] * 4, [result.stderr for result in results]
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM bookings") == 40
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM customers") == 40
    run_in_process("verify").ok()


def test_the_second_command_waits_for_the_first(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init").ok()
    with held(tmp_path / LEDGER) as first:
        began = time.monotonic()
        assert run_in_process("load", "bookings.csv", "--wait", "0.3").exit == 75
        assert time.monotonic() - began >= 0.3

        second = start(tmp_path, ["load", "bookings.csv", "--wait", "60", "--json"])
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=1.5)
        first.execute("ROLLBACK")
    out, _ = second.communicate(timeout=60)
    assert (second.returncode, json.loads(out)["counts"]["loaded"]) == (0, ROWS)
