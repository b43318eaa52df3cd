"""kill -9 at every moment that matters: typed again, a command leaves what it would have left at once."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.books import BEFORE_RELEASE, LEDGER, number
from support.command_line import CAMPAIGN, OwnProcess, ThisProcess, plain_environment, small_campaigns
from support.data.flights import write_flight_bookings
from support.faults.crash_points import KILLED
from support.faults.interrupted import (
    OTHER_BOOKINGS,
    PARTS,
    RUN,
    STEPS,
    Left,
    Place,
    around_commits_and_files,
    assert_a_kill_never_shows,
    what_is_left,
)

APPLY = ("apply", "plan.json", "--out", "out")


def test_a_run_that_was_killed_is_finished_by_the_same_command(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    ended, expected = place.undisturbed(RUN)
    assert sorted(expected.files) == ["out/mail.csv", "out/manifest.json", "out/rejects.csv", "out/summary.json"]
    assert (ended.exit, len(expected.facts["transactions"])) == (3, 4)
    assert len(around_commits_and_files(ended.steps)) >= 15
    assert_a_kill_never_shows(place, RUN)


def test_the_very_first_run_may_be_killed_too(tmp_path: Path) -> None:
    """While the ledger itself is made."""
    place = Place.made(tmp_path)
    ended, _ = place.undisturbed(RUN)
    first_commit = ended.steps.index("SQL COMMIT", ended.steps.index("SQL BEGIN IMMEDIATE"))
    points = [point for point in around_commits_and_files(ended.steps) if point <= first_commit + 1]
    assert_a_kill_never_shows(place, RUN, points)


@pytest.mark.parametrize("position", range(len(STEPS)), ids=[step[0] for step in STEPS])
def test_each_single_command_that_was_killed_is_finished_by_itself(tmp_path: Path, position: int) -> None:
    assert_a_kill_never_shows(Place.made(tmp_path, ("init",), *STEPS[:position]), STEPS[position])


def test_a_second_run_into_the_same_folder_keeps_the_first_ones_files_wherever_it_was_killed(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",), RUN, bookings=OTHER_BOOKINGS)
    _, expected = place.undisturbed(RUN)
    assert len(expected.files) == 8
    assert_a_kill_never_shows(place, RUN)


def test_a_plan_that_was_being_applied_when_it_was_killed_is_applied_once(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    place.run(("plan", CAMPAIGN, "bookings.csv", "-o", "plan.json"))
    shutil.copy(place.folder / "plan.json", place.before)
    ended, expected = place.undisturbed(APPLY)
    assert (ended.exit, len(expected.facts["applied_plans"])) == (3, 1)
    assert_a_kill_never_shows(place, APPLY)


POOL: dict[str, Any] = {"type": "STATIC", "vouchers_count": 2}
TAKE_IN = ("create", CAMPAIGN, "--codes", "codes.csv")


def test_a_pool_that_was_being_made_when_it_was_killed_is_made_once(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",), **POOL)
    ended, expected = place.undisturbed(TAKE_IN)
    assert (ended.exit, len(expected.facts["cards"])) == (0, 4)
    assert_a_kill_never_shows(place, TAKE_IN)


def test_a_run_from_a_pool_that_was_killed_gives_each_card_once(tmp_path: Path) -> None:
    """Its two cards go to B1 and B2; B4 has none, B3 needs none, and nobody can reach B2's customer."""
    place = Place.made(tmp_path, ("init",), ("create", CAMPAIGN), bookings=PARTS, **POOL)
    ended, expected = place.undisturbed(RUN)
    assert (ended.exit, len(expected.facts["assignments"]), len(expected.facts["transactions"])) == (3, 2, 5)
    assert expected.files["out/mail.csv"][1].count("\n") == 0, "B1's card alone is mailed"
    assert_a_kill_never_shows(place, RUN)


def test_a_half_written_file_is_gone_when_the_command_was_typed_again(tmp_path: Path) -> None:
    """It may hold codes, which are as good as money."""
    place = Place.made(tmp_path, ("init",))
    names = ("rejects.csv", "mail.csv", "summary.json", "manifest.json")
    left = {}
    for name in names:
        place.restore()
        assert place.run(RUN, f"put in place {name}").exit == KILLED
        (place.folder / "out" / f".{name}.0123456789abcdef.part").write_text("half a file of an older system")
        place.run(RUN)
        left[name] = sorted(path.name for path in (place.folder / "out").iterdir())
    assert left == dict.fromkeys(names, sorted(names))


def test_what_was_done_before_the_kill_is_not_done_again(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    _, expected = place.undisturbed(RUN)
    place.restore()
    assert place.run(RUN, "end").exit == KILLED
    for _ in range(2):
        again = place.run((*RUN, "--json"))
        assert (again.exit, json.loads(again.said)["run_id"]) == (3, None)
    assert what_is_left(place.folder) == expected


def test_a_hand_over_that_was_cut_off_shows_in_status_and_is_not_taken_elsewhere(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    assert place.run(RUN, "put in place mail.csv").exit == KILLED

    cli, folder = ThisProcess(place.folder), place.folder
    [standing] = cli("status", "--json").ok().json()["campaigns"]
    assert [Path(batch).parts[-2:] for batch in standing["open_batches"]] in ([("work", "out")], [("out", "mail.csv")])
    assert (standing["counts"]["funded"], standing["counts"]["not_handed_over"]) == (4, 4)

    elsewhere = cli("run", CAMPAIGN, "bookings.csv", "--out", "elsewhere", "--json", now=BEFORE_RELEASE)
    assert elsewhere.exit == 4
    [error] = elsewhere.json()["errors"]
    assert error["code"] == "batch_open"
    assert str(folder / "out") in error["message"]
    assert not (folder / "elsewhere").exists()
    for other in ("mail.csv", "out/other.csv"):
        assert cli("export", "mail", CAMPAIGN, "-o", other, now=BEFORE_RELEASE).exit == 4
        assert not (folder / other).exists()

    assert cli(*RUN, now=BEFORE_RELEASE).exit == 3
    assert number(folder / LEDGER, "SELECT count(*) FROM batches") == 1
    assert number(folder / LEDGER, "SELECT count(*) FROM deliveries") == 1
    assert cli("run", CAMPAIGN, "bookings.csv", "--out", "elsewhere", now=BEFORE_RELEASE).exit == 3
    assert not (folder / "elsewhere" / "mail.csv").exists()


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


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
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
    assert left.files == expected.files
    assert number(folder / LEDGER, "SELECT count(DISTINCT line) FROM transactions") == ROWS
    assert len(left.facts["transactions"]) == ROWS
