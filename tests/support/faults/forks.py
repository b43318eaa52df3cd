"""Commands in processes of their own, many at once, without the start of an interpreter for each.

One interpreter, root's where root runs the tests, gets ready by doing once what commands do, and forks for each call. So two
processes start at the same moment, and a user who may not read the interpreter's files can still run what is imported already.
"""

import atexit
import ctypes
import gc
import grp
import json
import os
import resource
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.command_line import CAMPAIGN, PLAIN_ENVIRONMENT, CommandResult, ThisProcess, small_campaigns


@dataclass(frozen=True, slots=True)
class Call:
    """`refundctl WORDS` in `folder`, by `user` and their `group`, where no file may grow beyond `bytes_max`.

    With `modes_count`, what a file's mode forbids is refused to root too.
    """

    folder: Path
    words: Sequence[str]
    now: str | None = None
    user: int | None = None
    group: int = 0
    bytes_max: int | None = None
    modes_count: bool = False


def call(one: Call) -> CommandResult:
    return call_at_once([one])[0]


def call_at_once(calls: Sequence[Call]) -> list[CommandResult]:
    """Start them all, each in a process of its own, and wait for all of them."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{json.dumps([asdict(one) for one in calls], default=str)}\n")
    server.stdin.flush()
    return [
        CommandResult(tuple(one.words), *answer)
        for one, answer in zip(calls, json.loads(server.stdout.readline()), strict=True)
    ]


@cache
def _server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__],
        cwd="/",
        env={**PLAIN_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


# --- Inside the interpreter that forks ---


def get_ready() -> None:
    """Do what commands do, once: what they import, read and build is then there for all that are forked."""
    from refundctl.cli.shell.app import load
    from support.faults.at_once import bookings

    load(())
    with TemporaryDirectory() as name:
        cli = ThisProcess(Path(name))
        (cli.folder / "campaigns.yaml").write_text(small_campaigns(approval={"above": "100.00"}), encoding="utf-8")
        (cli.folder / "bookings.csv").write_text(bookings(2), encoding="utf-8")
        cli("init", "--group", grp.getgrgid(os.getgid()).gr_name).ok()
        cli("plan", CAMPAIGN, "bookings.csv", "-o", "plan.json").ok()
        assert cli("approve", "plan.json").exit == 4
        cli("apply", "plan.json", "--out", "out").ok()
        cli("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
        cli("runs").ok()
        cli("verify").ok()
    # Else every child copies the whole memory, to count what refers to what, when it looks for garbage.
    gc.collect()
    gc.freeze()


def leave_the_others_chance() -> None:
    """SQLite draws the same in all that one process has forked: go on from a point of one's own."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("SELECT randomblob(?)", (1 + secrets.randbelow(1 << 16),))


def _called(one: dict[str, Any]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a call, in this process."""
    leave_the_others_chance()
    if one["bytes_max"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (one["bytes_max"], one["bytes_max"]))
    if one["modes_count"]:
        _let_modes_count()
    if one["user"] is not None:
        os.setgroups([one["group"]])
        os.setgid(one["group"])
        os.setuid(one["user"])
        os.umask(0o007)
    result = ThisProcess(Path(one["folder"]))(*one["words"], now=one["now"])
    return result.exit, result.stdout, result.stderr


def _let_modes_count() -> None:
    """Give up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0, os.strerror(ctypes.get_errno())
    for effective_or_permitted in (0, 1):
        sets[effective_or_permitted] &= ~0b110
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())


def _start(one: dict[str, Any]) -> tuple[int, int]:
    """The process, and where it will answer."""
    answers, answer = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(answer, "w", encoding="utf-8") as stream:
                json.dump(_called(one), stream)
        finally:
            os._exit(0)
    os.close(answer)
    return child, answers


def _end(child: int, answers: int) -> tuple[int, str, str]:
    with os.fdopen(answers, encoding="utf-8") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    code, said, complained = json.loads(text)
    return code, said, complained


def _serve() -> None:
    get_ready()
    for line in sys.stdin:
        started = [_start(one) for one in json.loads(line)]
        print(json.dumps([_end(*process) for process in started]), flush=True)  # noqa: T201 - the answer to the tests


if __name__ == "__main__":
    _serve()
