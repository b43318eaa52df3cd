"""kill -9 at every moment that matters: typed again, a command leaves what it would have left at once."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from books import BEFORE_RELEASE, LEDGER, number
from command_line import CAMPAIGN, OwnProcess, plain_environment, small_campaigns
from crash_points import KILLED, Ended, Job, run_job, run_jobs
from flights import write_flight_bookings
from interrupted import (
    RUN,
    STEPS,
    Left,
    around_commits_and_files,
    assert_nothing_shows,
    half_written,
    killed_at,
    what_is_left,
    whole,
    write_inputs,
)


def made(folder: Path, *commands: tuple[str, ...]) -> Path:
    """A folder with the inputs, in which `commands` have run."""
    write_inputs(folder)
    for ended in run_jobs([Job(str(folder), argv, now=BEFORE_RELEASE) for argv in commands]):
        assert ended.exit in {0, 3}, ended.said
    return folder


def undisturbed(place: Path, argv: tuple[str, ...], prepared: Path) -> tuple[Ended, Left]:
    """How the command ends where nobody kills it, and what it leaves."""
    folder = place / "undisturbed" / "work"
    shutil.copytree(prepared, folder)
    ended = run_job(Job(str(folder), argv, now=BEFORE_RELEASE))
    return ended, what_is_left(folder)


def test_a_run_that_was_killed_is_finished_by_the_same_command(tmp_path: Path) -> None:
    prepared = made(tmp_path / "prepared", ("init",))
    ended, expected = undisturbed(tmp_path, RUN, prepared)
    assert sorted(expected.files) == ["out/mail.csv", "out/manifest.json", "out/rejects.csv", "out/summary.json"]
    assert (ended.exit, len(expected.facts["transactions"])) == (3, 4)

    points = around_commits_and_files(ended.steps)
    assert sum(ended.steps[point] == "SQL COMMIT" for point in points) >= 2
    assert_nothing_shows(killed_at(tmp_path, RUN, points, ended.steps, prepared), expected, 3)


def test_the_very_first_run_may_be_killed_too(tmp_path: Path) -> None:
    """While the ledger itself is made."""
    prepared = made(tmp_path / "prepared")
    ended, expected = undisturbed(tmp_path, RUN, prepared)
    points = [point for point in around_commits_and_files(ended.steps) if point <= ended.steps.index("SQL COMMIT") + 1]
    assert_nothing_shows(killed_at(tmp_path, RUN, points, ended.steps, prepared), expected, 3)


@pytest.mark.parametrize("position", range(len(STEPS)), ids=[step[0] for step in STEPS])
def test_each_single_command_that_was_killed_is_finished_by_itself(tmp_path: Path, position: int) -> None:
    argv = STEPS[position]
    prepared = made(tmp_path / "prepared", ("init",), *STEPS[:position])
    ended, expected = undisturbed(tmp_path, argv, prepared)
    points = around_commits_and_files(ended.steps)
    assert_nothing_shows(killed_at(tmp_path, argv, points, ended.steps, prepared), expected, ended.exit)


def test_a_half_written_file_is_gone_when_the_command_was_typed_again(tmp_path: Path) -> None:
    """It may hold codes, which are as good as money."""
    prepared = made(tmp_path / "prepared", ("init",))
    ended, _ = undisturbed(tmp_path, RUN, prepared)
    points = [number for number, step in enumerate(ended.steps) if step.startswith("put in place")]
    assert len(points) == 4
    cases = killed_at(tmp_path, RUN, points, ended.steps, prepared)
    assert {case.step: half_written(case.folder) for case in cases if half_written(case.folder)} == {}


def test_what_was_done_before_the_kill_is_not_done_again(tmp_path: Path) -> None:
    prepared = made(tmp_path / "prepared", ("init",))
    ended, expected = undisturbed(tmp_path, RUN, prepared)
    [case] = killed_at(tmp_path, RUN, [len(ended.steps) - 1], ended.steps, prepared)
    for _ in range(2):
        again = run_job(Job(str(case.folder), (*RUN, "--json"), now=BEFORE_RELEASE))
        assert (again.exit, json.loads(again.said)["run_id"]) == (3, None)
    assert what_is_left(case.folder) == expected


def test_a_hand_over_that_was_cut_off_shows_in_status_and_is_not_taken_elsewhere(tmp_path: Path) -> None:
    prepared = made(tmp_path / "work", ("init",))
    assert run_job(Job(str(prepared), RUN, at="put in place mail.csv", now=BEFORE_RELEASE)).exit == KILLED

    cli = OwnProcess(prepared)
    [standing] = cli("status", "--json").ok().json()["campaigns"]
    assert standing["open_batches"] == [str(prepared / "out")]
    assert (standing["counts"]["funded"], standing["counts"]["not_handed_over"]) == (4, 4)

    elsewhere = cli("run", CAMPAIGN, "bookings.csv", "--out", "elsewhere", "--json", now=BEFORE_RELEASE)
    assert elsewhere.exit == 4
    [error] = elsewhere.json()["errors"]
    assert error["code"] == "batch_open"
    assert str(prepared / "out") in error["message"]
    assert not (prepared / "elsewhere").exists()
    for other in ("mail.csv", "out/other.csv"):
        assert cli("export", "mail", CAMPAIGN, "-o", other, now=BEFORE_RELEASE).exit == 4
        assert not (prepared / other).exists()

    assert cli(*RUN, now=BEFORE_RELEASE).exit == 3
    assert number(prepared / LEDGER, "SELECT count(*) FROM batches") == 1
    assert number(prepared / LEDGER, "SELECT count(*) FROM deliveries") == 1
    assert cli("run", CAMPAIGN, "bookings.csv", "--out", "elsewhere", now=BEFORE_RELEASE).exit == 3
    assert not (prepared / "elsewhere" / "mail.csv").exists()


# --- At random moments, among thousands of rows, with the processes that it may have started ---


def killed_after(folder: Path, argv: tuple[str, ...], seconds: float) -> int:
    """`refundctl ARGV`, killed after `seconds`; its exit code, which is negative where the signal found it alive."""
    process = subprocess.Popen(
        [sys.executable, "-m", "refundctl", *argv],
        cwd=folder,
        env=plain_environment(folder, BEFORE_RELEASE, None),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


FLIGHTS = ("run", CAMPAIGN, "flights.csv", "--out", "out")


KILLS = 3
ROWS = 3_000


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Left, float]:
    """A folder with some of the flights, what a run of them leaves, and how long it took."""
    prepared = tmp_path_factory.mktemp("flights")
    write_flight_bookings(prepared / "all.csv")
    rows = (prepared / "all.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (prepared / "all.csv").unlink()
    (prepared / "flights.csv").write_text("".join(rows[: ROWS + 1]), encoding="utf-8")
    (prepared / "campaigns.yaml").write_text(small_campaigns(currency="USD"), encoding="utf-8")
    OwnProcess(prepared)("init", now=BEFORE_RELEASE).ok()
    folder = tmp_path_factory.mktemp("whole") / "work"
    shutil.copytree(prepared, folder)
    began = time.monotonic()
    OwnProcess(folder)(*FLIGHTS, now=BEFORE_RELEASE).ok()
    return prepared, what_is_left(folder), time.monotonic() - began


@pytest.mark.parametrize("seed", range(4))
def test_a_run_of_thousands_that_was_killed_three_times_is_finished_by_the_same_command(
    tmp_path: Path, flights: tuple[Path, Left, float], seed: int
) -> None:
    prepared, expected, seconds = flights
    folder = tmp_path / "work"
    shutil.copytree(prepared, folder)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        # Nearly half of the time passes before anything is written.
        killed_after(folder, FLIGHTS, seconds * chance.uniform(0.4, 1.05))
    OwnProcess(folder)(*FLIGHTS, now=BEFORE_RELEASE).ok()
    left = what_is_left(folder)
    assert left.facts == expected.facts
    assert whole(left.files) == expected.files
    assert number(folder / LEDGER, "SELECT count(DISTINCT line) FROM transactions") == ROWS
    assert len(left.facts["transactions"]) == ROWS
