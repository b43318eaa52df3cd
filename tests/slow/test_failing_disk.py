"""A disk that fails: every nth write, sync, truncation, rename or removal, once and for ever, and a disk without room."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from support.books import BEFORE_RELEASE, LEDGER
from support.command_line import CommandResult, plain_environment
from support.faults.crash_points import Job, run_job
from support.faults.interrupted import RUN, STEPS, Left, Place, what_is_left, write_inputs

pytestmark = pytest.mark.slow

# What SQLite asks of the ledger and its journal; and what is asked for whole files and folders, wherever they are.
LEDGER_CALLS = "pwrite64,fdatasync,ftruncate,unlink"
FILE_CALLS = "fsync,rename,mkdir"
EVERY_WRITE = 4  # of which there are a hundred and more


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not strace_works(), reason="strace is missing, or may not trace here")


def traced(folder: Path, log: Path, calls: str, *options: str) -> CommandResult:
    """`refundctl run ...` with what strace does to its system calls."""
    places = (LEDGER, f"{LEDGER}-journal") if calls == LEDGER_CALLS else ()
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}"),
            *(word for name in places for word in ("-P", str(folder / name))),
            *(*options, sys.executable, "-m", "refundctl", *RUN),
        ],
        cwd=folder,
        env=plain_environment(folder, BEFORE_RELEASE, None),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return CommandResult(RUN, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    write_inputs(folder)
    assert run_job(Job(str(folder), ("init",), now=BEFORE_RELEASE)).exit == 0
    return folder


@pytest.fixture(scope="module")
def expected(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Left:
    folder = tmp_path_factory.mktemp("undisturbed") / "work"
    shutil.copytree(prepared, folder)
    assert run_job(Job(str(folder), RUN, now=BEFORE_RELEASE)).exit == 3
    return what_is_left(folder)


def calls_of(folder: Path, log: Path, calls: str) -> dict[str, int]:
    """How often an undisturbed run makes each of `calls`."""
    assert traced(folder, log, calls).exit == 3
    return Counter(re.findall(r"^[0-9]+ +([a-z0-9_]+)\(", log.read_text(encoding="utf-8"), re.MULTILINE))


@needs_strace
@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("calls", [LEDGER_CALLS, FILE_CALLS], ids=["ledger", "files"])
def test_every_call_to_the_disk_may_fail(
    tmp_path: Path, prepared: Path, expected: Left, calls: str, error: str, for_ever: bool
) -> None:
    shutil.copytree(prepared, tmp_path / "counted")
    counts = calls_of(tmp_path / "counted", tmp_path / "log", calls)
    assert sum(counts.values()) > 5, counts
    exits = set()
    for name, nth in [(name, nth) for name, count in sorted(counts.items()) for nth in range(1, count + 1)]:
        if name == "pwrite64" and nth % EVERY_WRITE:
            continue
        folder = tmp_path / f"{name}-{nth}" / "work"
        shutil.copytree(prepared, folder)
        when = f"{nth}+" if for_ever else str(nth)
        failed = traced(folder, tmp_path / "log", calls, "-e", f"inject={name}:error={error}:when={when}")
        where = f"{error} from {name} number {when}: {failed.stdout}{failed.stderr}"
        assert failed.exit in {3, 74}, where
        again = run_job(Job(str(folder), RUN, now=BEFORE_RELEASE))
        assert again.exit == 3, f"{where}, and then {again.said}"
        left = what_is_left(folder)
        assert left.facts == expected.facts, where
        assert left.files == expected.files, where
        shutil.rmtree(folder.parent)
        exits.add(failed.exit)
    assert 74 in exits


# --- A disk without room, from every step on ---


@pytest.mark.parametrize("room", ["nothing", "what is there"])
@pytest.mark.parametrize("position", range(len(STEPS) + 1), ids=[*(step[0] for step in STEPS), "run"])
def test_no_room_from_any_step_on(tmp_path: Path, position: int, room: str) -> None:
    before, argv = (("init",), *STEPS[:position]), (*STEPS, RUN)[position]
    place = Place.made(tmp_path, *(before if argv != RUN else before[:1]))
    undisturbed, expected = place.undisturbed(argv)
    bytes_max = 1 if room == "nothing" else (place.before / LEDGER).stat().st_size
    for point in range(len(undisturbed.steps)):
        place.restore()
        full, again = place.run(argv, point, bytes_max), place.run(argv)
        where = f"full before {undisturbed.steps[point]}: {full.said}{again.said}"
        assert full.exit in {74, undisturbed.exit}, where
        assert again.exit == undisturbed.exit, where
        assert what_is_left(place.folder) == expected, where


# --- A real file system that is full ---

SCRIPT = """
set -e
mount -t tmpfs -o size={size}k tmpfs disk
cp -r prepared disk/work
cd disk/work
set +e
{python} -m refundctl {run} >../../said 2>&1
echo $? >../../exit
set -e
mount -o remount,size=100m ../
set +e
{python} -m refundctl {run} >../../said-again 2>&1
echo $? >../../exit-again
set -e
cp -r ../work ../../saved
"""


@pytest.fixture
def namespaces() -> None:
    trial = subprocess.run(
        ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False
    )
    if trial.returncode:
        pytest.skip("no file system may be mounted here")


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("size", [*range(190, 300, 10), 320, 340, 380, 420, 460])
def test_a_file_system_that_is_full(tmp_path: Path, prepared: Path, expected: Left, size: int) -> None:
    shutil.copytree(prepared, tmp_path / "prepared")
    (tmp_path / "disk").mkdir()
    script = SCRIPT.format(size=size, python=sys.executable, run=" ".join(RUN))
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=tmp_path,
        env=plain_environment(tmp_path, BEFORE_RELEASE, None),
        capture_output=True,
        check=False,
    )
    if not (tmp_path / "exit").exists():
        pytest.skip(f"the empty ledger itself does not fit: {done.stderr.decode()}")
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert int((tmp_path / "exit").read_text()) in {3, 74}, said
    assert int((tmp_path / "exit-again").read_text()) == 3, (tmp_path / "said-again").read_text(encoding="utf-8")
    left = what_is_left(tmp_path / "saved")
    assert left.facts["transactions"] == expected.facts["transactions"]
    assert set(left.files) == set(expected.files)
    assert left.files["out/mail.csv"] == expected.files["out/mail.csv"]
