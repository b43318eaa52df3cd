"""kill -9 before every single step that a command takes, hundreds of times at random, and while it picks up the pieces."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.books import BEFORE_RELEASE, LEDGER, number
from support.command_line import CAMPAIGN, OwnProcess, plain_environment, small_campaigns
from support.data.flights import CANCELLED_FLIGHTS, write_flight_bookings
from support.faults.crash_points import KILLED
from support.faults.interrupted import (
    BOOKINGS,
    OTHER_BOOKINGS,
    RUN,
    STEPS,
    Left,
    Place,
    assert_a_kill_never_shows,
    what_is_left,
)

pytestmark = pytest.mark.slow


CASES = {
    "run": ((("init",),), RUN),
    "very first run": ((), RUN),
    "second run": ((("init",), RUN), RUN),
    **{step[0]: ((("init",), *STEPS[:position]), step) for position, step in enumerate(STEPS)},
}


@pytest.mark.parametrize(("before", "argv"), CASES.values(), ids=CASES)
def test_killed_before_every_step(tmp_path: Path, before: Sequence[Sequence[str]], argv: Sequence[str]) -> None:
    place = Place.made(tmp_path, *before, bookings=OTHER_BOOKINGS if RUN in before else BOOKINGS)
    ended, _ = place.undisturbed(argv)
    assert_a_kill_never_shows(place, argv, range(len(ended.steps)))


@pytest.mark.parametrize("seed", range(150))
def test_killed_again_and_again_while_it_finishes(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    before = (("init",), RUN) if seed % 2 else ()
    place = Place.made(tmp_path, *before, bookings=OTHER_BOOKINGS)
    ended, expected = place.undisturbed(RUN)
    place.restore()
    for _ in range(6):
        assert place.run(RUN, chance.randrange(len(ended.steps))).exit in {KILLED, ended.exit}
    assert place.run(RUN).exit == ended.exit
    assert what_is_left(place.folder) == expected


FLIGHTS = ("run", CAMPAIGN, "flights.csv", "--out", "out")


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Left, float]:
    prepared = tmp_path_factory.mktemp("flights")
    write_flight_bookings(prepared / "flights.csv")
    (prepared / "campaigns.yaml").write_text(small_campaigns(currency="USD"), encoding="utf-8")
    folder = tmp_path_factory.mktemp("whole") / "work"
    shutil.copytree(prepared, folder)
    began = time.monotonic()
    OwnProcess(folder)(*FLIGHTS, now=BEFORE_RELEASE).ok()
    return prepared, what_is_left(folder), time.monotonic() - began


@pytest.mark.parametrize("seed", range(100))
def test_all_flights_killed_at_four_random_moments(
    tmp_path: Path, flights: tuple[Path, Left, float], seed: int
) -> None:
    """Only the process itself is killed: what it may have started lives on for a moment."""
    prepared, expected, seconds = flights
    folder = tmp_path / "work"
    shutil.copytree(prepared, folder)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-m", "refundctl", *FLIGHTS],
            cwd=folder,
            env=plain_environment(folder, BEFORE_RELEASE, None),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=seconds * chance.uniform(0.2, 1.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    OwnProcess(folder)(*FLIGHTS, now=BEFORE_RELEASE).ok()
    left = what_is_left(folder)
    assert left.facts == expected.facts
    assert left.files == expected.files
    assert number(folder / LEDGER, "SELECT count(DISTINCT line) FROM transactions") == CANCELLED_FLIGHTS
    OwnProcess(folder)("verify", "--against", "out/manifest.json").ok()
