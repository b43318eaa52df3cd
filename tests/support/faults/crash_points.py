"""What can happen to a command at a chosen point: kill -9, standing still for a while, a disk that is full from then on.

A step is a statement that SQLite is about to run, a file in the working folder that is about to be made, renamed or
removed, or a word that is about to be printed. The same command on the same files always takes the same steps, so a
first run, to which nothing happens, tells which points there are.

It is the real command in a process of its own. One interpreter that has everything imported forks for each job: several
thousand deaths a minute.
"""

import atexit
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from support.command_line import PLAIN_ENVIRONMENT, CommandResult
from support.faults.forks import get_ready, leave_the_others_chance

KILLED = -signal.SIGKILL
WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LOG_BYTES = 1 << 23


@dataclass(frozen=True, slots=True)
class Job:
    """`refundctl ARGV` in `folder`, to which something happens before step number `at` (from 0), or the first called so.

    It dies; or it stands still; or, where `bytes_max` is given, no file can grow beyond that many bytes from then on.
    Where `at` is None, nothing happens.
    """

    folder: str
    argv: tuple[str, ...]
    at: int | str | None = None
    now: str | None = None
    stands_still: bool = False
    bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: its exit code (KILLED where it died), the steps that it took, and what it said."""

    exit: int
    steps: tuple[str, ...]
    said: str


def run_jobs(jobs: Sequence[Job]) -> list[Ended]:
    """Run the jobs one after the other."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    ended = []
    for job in jobs:
        server.stdin.write(f"{json.dumps(asdict(job))}\n")
        server.stdin.flush()
        one = json.loads(server.stdout.readline())
        ended.append(Ended(one["exit"], tuple(one["steps"]), one["said"]))
    return ended


def run_job(job: Job) -> Ended:
    return run_jobs([job])[0]


@contextmanager
def standing_still(folder: Path, argv: Sequence[str], at: int | str) -> Iterator["subprocess.Popen[str]"]:
    """The command in a process that stands still before a step, until the block lets it go on."""
    job = Job(str(folder), tuple(argv), at, stands_still=True)
    process = _interpreter(json.dumps(asdict(job)), stderr=subprocess.PIPE)
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"{argv} never came to the step {at}"
        yield process
    finally:
        process.kill()
        process.communicate()


def let_go_on(process: "subprocess.Popen[str]") -> CommandResult:
    """Wake a process that stands still, and wait for its end."""
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    return CommandResult((), process.returncode, out, err)


@cache
def _server() -> "subprocess.Popen[str]":
    server = _interpreter()
    atexit.register(_stop, server)
    return server


def _interpreter(*arguments: str, stderr: int | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, *arguments],
        env={**PLAIN_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def _stop(server: "subprocess.Popen[str]") -> None:
    server.communicate()


# --- Inside the interpreter that forks ---


class _Steps:
    """Counts what the process does, writes it down, and does at the chosen step what is to happen."""

    def __init__(self, job: dict[str, Any], log: mmap.mmap) -> None:
        self._job = job
        self._log = log
        self._process = os.getpid()
        self._taken = 0

    def take(self, what: str) -> None:
        if os.getpid() != self._process:
            return  # a process that the command has started itself
        step = " ".join(what.split())[:120]
        if self._job["at"] in (self._taken, step):
            self._job["at"] = None
            self._happen()
        self._taken += 1
        # Memory, as a file might be cut short by what happens.
        self._log.write(f"{step}\n".encode())

    def statement(self, sql: str) -> None:
        self.take(f"SQL {sql}")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"os.rename", "os.link"}:
            self._file("put in place", arguments[1])
        elif event in {"os.remove", "os.mkdir"}:
            self._file(event[3:], arguments[0])
        elif event == "open" and isinstance(arguments[0], str) and arguments[2] & WRITING_FLAGS:
            self._file("write", arguments[0])

    def _file(self, what: str, path: Any) -> None:
        if not isinstance(path, int) and Path.cwd().joinpath(os.fspath(path)).is_relative_to(self._job["folder"]):
            # A temporary file's name is drawn by chance.
            name = Path(os.fspath(path)).name
            self.take(f"{what} {'a part' if name.endswith('.part') else name}")

    def _happen(self) -> None:
        if self._job["bytes_max"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._job["bytes_max"], resource.RLIM_INFINITY))
        else:
            os.kill(self._process, signal.SIGSTOP if self._job["stands_still"] else signal.SIGKILL)


class _Answer:
    """Standard output and error, each of whose words is a step."""

    def __init__(self, stream: TextIO, steps: _Steps) -> None:
        self._stream = stream
        self._steps = steps

    def write(self, text: str) -> int:
        self._steps.take("answer")
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _command(job: dict[str, Any], log: mmap.mmap) -> int:
    """The job itself, in this process."""
    from refundctl.cli.shell.main import main
    from support.sql_log import listening

    os.environ.clear()
    os.environ.update({**PLAIN_ENVIRONMENT, "HOME": job["folder"]})
    if job["now"]:
        os.environ["REFUNDCTL_NOW"] = job["now"]
    os.chdir(job["folder"])
    steps = _Steps(job, log)
    sys.stdout, sys.stderr = _Answer(sys.__stdout__, steps), _Answer(sys.__stderr__, steps)  # type: ignore[arg-type]
    sys.addaudithook(steps.audit)
    with listening(lambda: steps.statement):
        code = int(main(job["argv"]))
    sys.stdout.flush()
    sys.stderr.flush()
    steps.take("end")
    return code


def _child(job: dict[str, Any], log: mmap.mmap, said: int) -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.close(said)
    leave_the_others_chance()
    return _command(job, log)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    log = mmap.mmap(-1, LOG_BYTES)
    heard, said = os.pipe()
    child = os.fork()
    if not child:
        code = 70
        try:
            code = _child(job, log, said)
        finally:
            os._exit(code)
    os.close(said)
    with os.fdopen(heard, encoding="utf-8") as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    steps = log[: log.find(b"\0")].decode().splitlines()
    log.close()
    return {"exit": os.waitstatus_to_exitcode(status), "steps": steps, "said": text}


def _serve() -> None:
    get_ready()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)  # noqa: T201 - the answer to the tests


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(_command(json.loads(sys.argv[1]), mmap.mmap(-1, LOG_BYTES)))
    _serve()
