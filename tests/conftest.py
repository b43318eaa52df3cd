"""Fixtures of every test: the command line, a small campaigns file, golden texts."""

import gc
import hashlib
import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from support.command_line import PLAIN_ENVIRONMENT, CommandLine, OwnProcess, ThisProcess, small_campaigns
from support.golden_text import Golden

MEMORY, MEMORY_BYTES_MIN = Path("/dev/shm"), 4 << 30  # noqa: S108 - pytest makes a folder of its own there


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden anew instead of comparing with it"
    )


def pytest_configure() -> None:
    """Typer and rich look at the terminal when they are imported: show all of them the same one."""
    os.environ["COLUMNS"] = PLAIN_ENVIRONMENT["COLUMNS"]
    loud = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TERMINAL_WIDTH")
    for name in (*loud, *(name for name in os.environ if name.startswith("REFUNDCTL_"))):
        os.environ.pop(name, None)
    # How long an example takes is the machine's affair.
    settings.register_profile("refundctl", deadline=None)
    settings.load_profile("refundctl")
    # A PIN's hash takes a third of a second on purpose: that of the same PIN and salt is reckoned once.
    hashlib.scrypt = cache(hashlib.scrypt)  # type: ignore[assignment]
    _use_memory()


def pytest_collection_finish() -> None:
    """What was collected lives until the end: whoever looks for garbage need not look there, which took a tenth of all time."""
    gc.collect()
    gc.freeze()


def _use_memory() -> None:
    """Ledgers of tests lie in memory where there is room: thousands of them wait for a disk longer than for anything else."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """`cli("load", "bookings.csv", "--json")`: the real command, in its own process, in `tmp_path`."""
    return OwnProcess(tmp_path)


@pytest.fixture
def run_in_process(tmp_path: Path) -> CommandLine:
    """The same as `cli` without a new interpreter, for tests that make many calls."""
    return ThisProcess(tmp_path)


@pytest.fixture
def campaigns(tmp_path: Path) -> Path:
    """`campaigns.yaml` in `tmp_path`, holding `small_campaigns()`; a test may write it anew."""
    path = tmp_path / "campaigns.yaml"
    path.write_text(small_campaigns(), encoding="utf-8")
    return path


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden("help-load", text)` compares with tests/golden/help-load.txt."""
    return Golden(update=bool(request.config.getoption("--update-golden")))
