"""Exit codes by their real causes: a full disk, a read-only file, another writer, Ctrl-C. Nothing half-done is left."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, ThisProcess, plain_environment
from support.desks.bookings_desk import (
    LEDGER,
    booking,
    column,
    csv_text,
    files_in,
    give_to_another,
    lay_out,
    only,
    write_bookings,
)
from support.faults.forks import Call, call

MANY = 60_000  # rows that take some seconds to load
WRITING = {
    "init": ["init", "--campaigns", "new.yaml"],
    "load": ["load", "new.csv"],
    "load-customers": ["load-customers", "people.csv"],
    "create": ["create", "goodwill"],
    "create --codes": ["create", CAMPAIGN, "--codes", "codes.csv"],
    "publish": ["publish", CAMPAIGN],
    "topup": ["topup", CAMPAIGN],
    "run": ["run", CAMPAIGN, "new.csv", "--out", "new"],
    "approve": ["approve", "theirs.json"],
    "apply": ["apply", "plan.json", "--out", "planned"],
    "export mail": ["export", "mail", CAMPAIGN, "-o", "mail.csv"],
}
if os.getuid() != 0:
    del WRITING["approve"]  # a plan is approved in another user's file, and only root can give one away
each_writing_command = pytest.mark.parametrize("argv", WRITING.values(), ids=WRITING)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, and copied for each test."""
    folder = tmp_path_factory.mktemp("desk")
    lay_out(ThisProcess(folder), folder)
    return folder


@pytest.fixture
def desk(laid_out: Path, tmp_path: Path) -> Path:
    """A folder with something to do for every command that writes."""
    shutil.copytree(laid_out, tmp_path, dirs_exist_ok=True)
    if "approve" in WRITING:
        give_to_another(tmp_path / "theirs.json")
    return tmp_path


def start(folder: Path, *argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "refundctl", *argv],
        cwd=folder,
        env=plain_environment(folder, None, None),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def end_of(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    said, complained = process.communicate(timeout=60)
    return process.returncode, said.decode(), complained.decode()


def ended(folder: Path, *argv: str, bytes_max: int | None = None, modes_count: bool = False) -> tuple[int, str, str]:
    """The same of a process where no file may grow beyond `bytes_max`, or where modes count for root too."""
    result = call(Call(folder, argv, bytes_max=bytes_max, modes_count=modes_count))
    return result.exit, result.stdout, result.stderr


def one_plain_line(text: str) -> str:
    line: str = only(text.splitlines())
    assert line.startswith("Error: ")
    assert "bug" not in line
    return line


# --- 75: another process is writing ---


HOLD_FOR_WRITING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def held(ledger: Path) -> Iterator[None]:
    """Another process has the ledger for writing. (In this one, reading the file would drop SQLite's lock.)"""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_FOR_WRITING, ledger], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield
        other.communicate()


@pytest.fixture
def busy(desk: Path) -> Iterator[Path]:
    """The same, while somebody else holds the ledger for writing."""
    with held(desk / LEDGER):
        yield desk


@each_writing_command
def test_a_ledger_that_is_being_written(argv: list[str], run_in_process: CommandLine, busy: Path) -> None:
    before = files_in(busy)
    began = time.monotonic()
    result = run_in_process(*argv, "--wait", "0.1")
    assert result.exit == 75
    assert time.monotonic() - began < 10
    assert "--wait" in one_plain_line(result.stderr)
    assert files_in(busy) == before


def test_busy_as_json(run_in_process: CommandLine, busy: Path) -> None:
    answer = run_in_process("load", "new.csv", "--wait", "0", "--json").json()
    assert (answer["status"], only(answer["errors"])["code"]) == ("error", "busy")


def test_waiting_pays(desk: Path) -> None:
    """A command waits for its turn, and then does its work."""
    with held(desk / LEDGER):
        waiting = start(desk, "load", "new.csv", "--wait", "30")
        time.sleep(1.5)
        assert waiting.poll() is None
    assert end_of(waiting)[0] == 0


# --- 74: writing failed ---


NO_MORE_ROOM = 300_000  # bytes that a file may have, as on a full disk


def test_a_full_disk_while_loading(desk: Path, run_in_process: CommandLine) -> None:
    write_bookings(desk / "many.csv", *(booking(f"M{number}") for number in range(5_000)))
    before = files_in(desk)
    code, said, complained = ended(desk, "load", "many.csv", bytes_max=NO_MORE_ROOM)
    assert (code, said) == (74, "")
    assert one_plain_line(complained)
    assert files_in(desk) == before
    run_in_process("verify").ok()
    run_in_process("load", "many.csv").ok()


def test_a_full_disk_while_running_for_the_first_time(tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "many.csv", *(booking(f"M{number}") for number in range(5_000)))
    before = files_in(tmp_path)
    code, said, complained = ended(tmp_path, "run", CAMPAIGN, "many.csv", "--out", "out", bytes_max=NO_MORE_ROOM)
    assert (code, said) == (74, "")
    assert one_plain_line(complained)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    "argv",
    [
        *WRITING.values(),
        ["plan", CAMPAIGN, "new.csv", "-o", "new.json"],
        ["backup", "copy.db"],
        ["export", "cards", CAMPAIGN, "-o", "cards.csv"],
        ["export", "bookings", CAMPAIGN, "-o", "b.csv"],
    ],
    ids=" ".join,
)
def test_no_room_for_anything(argv: list[str], desk: Path) -> None:
    before = files_in(desk)
    # Read once before, so that nothing but the command itself has something to write.
    code, said, complained = ended(desk, *argv, bytes_max=0)
    assert (code, said) == (74, "")
    assert one_plain_line(complained)
    assert files_in(desk) == before


def test_rejects_that_find_no_room_load_nothing(desk: Path) -> None:
    """The ledger has room, its rejects don't: all or nothing."""
    wide = {"note": "x" * 999}
    rows = [booking("G1", **wide), *(booking(f"R{number}", "?", **wide) for number in range(400))]
    write_bookings(desk / "many.csv", *rows)
    before = files_in(desk)
    code, _, complained = ended(desk, "load", "many.csv", bytes_max=NO_MORE_ROOM)
    assert code == 74
    assert "many.rejects.csv" in one_plain_line(complained)
    assert files_in(desk) == before


def without_privileges() -> None:
    """Let a program that is started be refused, too, what a file's mode forbids, though root starts it."""
    drop_from_bounding_set = 24
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def modes_count(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where even without privileges root may do what it likes, as in some containers."""
    locked = tmp_path_factory.mktemp("locked") / "locked"
    locked.touch(mode=0o000)
    tried = subprocess.run(["cat", locked], preexec_fn=without_privileges, capture_output=True, check=False)
    if tried.returncode == 0:
        pytest.skip("modes mean nothing here")


@pytest.mark.usefixtures("modes_count")
@each_writing_command
def test_a_read_only_ledger(argv: list[str], desk: Path) -> None:
    (desk / LEDGER).chmod(0o400)
    before = files_in(desk)
    code, said, complained = ended(desk, *argv, modes_count=True)
    assert (code, said) == (74, "")
    assert LEDGER in one_plain_line(complained)
    assert files_in(desk) == before


@pytest.mark.usefixtures("modes_count")
@pytest.mark.parametrize("argv", [["status"], ["runs"], ["verify"], ["card", "show", "c1"]], ids=" ".join)
def test_a_read_only_ledger_can_be_read(argv: list[str], desk: Path) -> None:
    (desk / LEDGER).chmod(0o400)
    assert ended(desk, *argv, modes_count=True)[0] == 0


@pytest.mark.usefixtures("modes_count")
@pytest.mark.parametrize("argv", [["card", "show", "c99"], ["card", "validate", "c1", "--amount", "999"]], ids=" ".join)
def test_what_is_refused_over_a_read_only_ledger_is_told_though_not_recorded(argv: list[str], desk: Path) -> None:
    (desk / LEDGER).chmod(0o400)
    before = files_in(desk)
    assert ended(desk, *argv, modes_count=True)[0] == 4
    assert files_in(desk) == before


@pytest.mark.usefixtures("modes_count")
@each_writing_command
def test_a_read_only_folder(argv: list[str], desk: Path) -> None:
    before = files_in(desk)
    desk.chmod(0o500)
    code, said, complained = ended(desk, *argv, modes_count=True)
    desk.chmod(0o700)
    assert (code, said) == (74, "")
    assert one_plain_line(complained)
    assert files_in(desk) == before


@pytest.mark.usefixtures("modes_count")
def test_a_folder_for_the_files_that_may_not_be_written_funds_nothing(desk: Path) -> None:
    (desk / "new").mkdir(mode=0o500)
    before = files_in(desk)
    code, _, complained = ended(desk, *WRITING["run"], modes_count=True)
    assert code == 74
    assert "new" in one_plain_line(complained)
    assert files_in(desk) == before


# --- 66, 78 ---


@pytest.mark.usefixtures("modes_count")
@pytest.mark.parametrize(
    ("unreadable", "argv"),
    [
        ("new.csv", ["load", "new.csv"]),
        ("new.csv", ["run", CAMPAIGN, "new.csv", "--out", "new"]),
        ("campaigns.yaml", ["create", CAMPAIGN]),
        ("seal.txt", ["verify", "--against", "seal.txt"]),
    ],
    ids=" ".join,
)
def test_a_file_that_may_not_be_read(unreadable: str, argv: list[str], desk: Path) -> None:
    (desk / unreadable).touch()
    (desk / unreadable).chmod(0o000)
    code, said, complained = ended(desk, *argv, modes_count=True)
    assert (code, said) == (66, "")
    assert unreadable in one_plain_line(complained)


@pytest.mark.parametrize(
    "argv",
    [["create", CAMPAIGN], ["run", CAMPAIGN, "new.csv", "--out", "new"], ["load", "new.csv", "--source", "hotel"]],
)
def test_a_wrong_campaigns_file(argv: list[str], run_in_process: CommandLine, desk: Path) -> None:
    (desk / "campaigns.yaml").write_text("version: 1\ncampaigns: [a, b\n")
    before = files_in(desk)
    result = run_in_process(*argv)
    assert (result.exit, result.stdout) == (78, "")
    headline, mistake = result.stderr.splitlines()
    assert headline.startswith("campaigns.yaml has 1 mistake")
    assert mistake.startswith("campaigns.yaml:3:1: ")
    assert files_in(desk) == before


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (["run", CAMPAIGN, "nowhere.csv", "--out", "o", "--campaigns", "wrong.yaml"], 78),
        (["load", "header-twice.csv", "nowhere.csv"], 66),
        (["load", "header-twice.csv", "--expect-count", "9"], 65),
        (["load", "rejects.csv", "--expect-count", "9"], 4),
        (["load", "rejects.csv", "--strict", "--expect-count", "9"], 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_where_several_apply(argv: list[str], exit_code: int, run_in_process: CommandLine, desk: Path) -> None:
    """1, 130, 75, 74, 78, 66, 65, 4, 5, 3: the first of these."""
    (desk / "wrong.yaml").write_text("version: 2\n")
    (desk / "header-twice.csv").write_text("booking_id,booking_id\n")
    write_bookings(desk / "rejects.csv", booking("B7"), booking("B8", "?"))
    if "--strict" in argv:
        exit_code = 65
    assert run_in_process(*argv).exit == exit_code


# --- 130: interrupted ---


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not condition():
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.002)


def has_open(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Whether the process has come so far as to open the file."""
    for file in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            if file.readlink() == path:
                return True
    return False


@SIGNALS
def test_interrupted_in_the_middle_of_a_big_load(number: signal.Signals, desk: Path, cli: CommandLine) -> None:
    """In the middle of its transaction, when the rollback journal is there."""
    text = csv_text(*(booking(f"M{number}") for number in range(MANY)), booking("X", "?"))
    (desk / "many.csv").write_text(text)
    before = files_in(desk)
    loading = start(desk, "load", "many.csv")
    wait_until((desk / f"{LEDGER}-journal").exists, loading)
    loading.send_signal(number)
    code, said, complained = end_of(loading)
    assert (code, said) == (130, "")
    assert "nterrupted" in only(complained.splitlines())
    assert files_in(desk) == before
    cli("verify").ok()


@SIGNALS
def test_interrupted_while_it_reads(number: signal.Signals, tmp_path: Path) -> None:
    """Where no ledger was before, none is afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "refundctl", "load", "-", "--rejects", "r.csv", "--json"],
        cwd=tmp_path,
        env=plain_environment(tmp_path, None, None),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as loading:
        assert loading.stdin is not None
        loading.stdin.write(csv_text(booking("B1")).encode())
        loading.stdin.flush()
        wait_until((tmp_path / LEDGER).exists, loading)
        time.sleep(0.3)
        loading.send_signal(number)
        assert loading.stdout is not None
        answer = json.loads(loading.stdout.read())
        assert loading.wait(timeout=60) == 130
    assert only(answer["errors"])["code"] == "interrupted"
    assert files_in(tmp_path) == {}


def test_interrupted_while_it_waits_for_another(busy: Path) -> None:
    """Nobody wants to wait for the end of --wait after Ctrl-C."""
    before = files_in(busy)
    waiting = start(busy, "load", "new.csv", "--wait", "6")
    wait_until(lambda: has_open(waiting, busy / LEDGER), waiting)
    time.sleep(0.3)
    began = time.monotonic()
    waiting.send_signal(signal.SIGINT)
    assert end_of(waiting)[0] == 130
    assert time.monotonic() - began < 3
    assert files_in(busy) == before


def test_interrupted_between_commit_and_files(desk: Path, run_in_process: CommandLine) -> None:
    """What is committed stays; the same command finishes it."""
    interrupted = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_BEFORE_FIRST_FILE, "run", CAMPAIGN, "new.csv", "--out", "new"],
        cwd=desk,
        env=plain_environment(desk, None, None),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert interrupted.returncode == 130
    assert b"run the same command again" in interrupted.stderr
    assert not list((desk / "new").iterdir())
    run_in_process("run", CAMPAIGN, "new.csv", "--out", "new").ok()
    assert column(desk / "new" / "mail.csv", "booking_id") == ["B4"]


INTERRUPTED_BEFORE_FIRST_FILE = """
import os, signal, sys
sys.dont_write_bytecode = True  # that would move a file too
from refundctl.cli.shell.main import main
sys.addaudithook(lambda event, args: os.kill(os.getpid(), signal.SIGINT) if event in {"os.rename", "os.link"} else None)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (["status"], 0),
        (["sources", "check", "no-such.csv"], 66),
        (["topup", "no-such-campaign"], 4),
        (["no-such-command"], 2),
        (["load", "new.csv", "--wait", "0.01", "--ledger", "."], 65),
    ],
)
def test_whoever_calls_main_has_their_own_signal_handlers_afterwards(
    argv: list[str], exit_code: int, desk: Path, run_in_process: CommandLine
) -> None:
    asked = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handler) for number, handler in zip(asked, OWN_HANDLERS, strict=True)]
    try:
        assert run_in_process(*argv).exit == exit_code
        assert [signal.getsignal(number) for number in asked] == OWN_HANDLERS
    finally:
        for number, handler in zip(asked, before, strict=True):
            signal.signal(number, handler)


def test_after_a_signal_too(desk: Path) -> None:
    interrupted = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WITH_OWN_HANDLER, "run", CAMPAIGN, "new.csv", "--out", "new"],
        cwd=desk,
        env=plain_environment(desk, None, None),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (interrupted.returncode, interrupted.stdout) == (0, b"130, our own handler\n"), interrupted.stderr


OWN_HANDLERS: list[Callable[[int, object], None]] = [lambda _number, _frame: None, lambda _number, _frame: None]
INTERRUPTED_WITH_OWN_HANDLER = """
import os, signal, sys
sys.dont_write_bytecode = True  # that would move a file too
from refundctl.cli.shell.main import main
interrupts, MOVES = iter([signal.SIGTERM]), {"os.rename", "os.link"}
sys.addaudithook(lambda event, args: [os.kill(os.getpid(), one) for one in interrupts] if event in MOVES else None)
signal.signal(signal.SIGTERM, lambda number, frame: print(f"{code}, our own handler"))
code = main(sys.argv[1:])
os.kill(os.getpid(), signal.SIGTERM)
"""
