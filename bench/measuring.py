"""One program measured from outside, from its start to its end, with all the processes that it starts."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.02
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
LAST_WORDS = 2_000  # of a program that failed, in characters


class BenchError(Exception):
    """The bench can't go on; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What one program took.

    User and system time are those of all its processes. `peak_process_bytes` is the kernel's own figure for the
    largest of them; it is never less than the bench's own size, from which each program is started.
    `peak_tree_bytes` is the largest sum over all of them that was seen in samples; what they share is counted for each.
    None where the system has no /proc to look into.
    """

    wall_seconds: float
    user_seconds: float
    system_seconds: float
    peak_process_bytes: int
    peak_tree_bytes: int | None

    @property
    def cpu_seconds(self) -> float:
        """User and system time together."""
        return self.user_seconds + self.system_seconds


def time_program(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: Path | None = None
) -> Timing:
    """Run a program in a folder and wait for its end. Raises BenchError when it fails.

    What it says goes to a file, said.txt: a pipe would have to be read while time is taken.
    """
    said = folder / "said.txt"
    # Nobody pays for writing down what the one before has left to be written.
    os.sync()
    with said.open("wb") as out, Path(stdin or os.devnull).open("rb") as source:
        start = time.perf_counter()
        program = subprocess.Popen(argv, cwd=folder, env=environment, stdin=source, stdout=out, stderr=out)
        with _Sampler(program.pid) as sampler:
            status, usage = _wait(program)
            wall_seconds = time.perf_counter() - start
    if status != 0:
        raise BenchError(f"`{' '.join(argv)}` ended with {status}. It said: {_last_words(said)}")
    return Timing(
        wall_seconds, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * MAXRSS_BYTES, sampler.peak_bytes or None
    )


def _wait(program: "subprocess.Popen[bytes]") -> tuple[int, resource.struct_rusage]:
    """Wait as the kernel's accounting asks for: the usage of this child alone, with those that it has waited for."""
    try:
        _, status, usage = os.wait4(program.pid, 0)
    except BaseException:
        program.kill()
        program.wait()
        raise
    program.returncode = os.waitstatus_to_exitcode(status)
    return program.returncode, usage


def _last_words(said: Path) -> str:
    return said.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:].strip() or "nothing"


class _Sampler:
    """Looks at the memory of a process and its descendants now and then, for as long as the block lasts."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Sampler":
        if can_see_processes():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, tree_bytes(self._pid))
            if self._ended.wait(SAMPLE_SECONDS):
                break


def can_see_processes() -> bool:
    """Whether the system shows which processes a process has started, and what they hold."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def tree_bytes(pid: int) -> int:
    """What a process and all its descendants hold in memory at this moment; a process that has ended holds nothing."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
        children = [
            int(child)
            for thread in Path(f"/proc/{pid}/task").iterdir()
            for child in (thread / "children").read_bytes().split()
        ]
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(tree_bytes, children))
