"""The facts of a machine without which no figure means anything."""

import os
import platform
import re
import sqlite3
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contestants import sqlite3_shell


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured on, and with; None where it can't be found out."""

    processor: str
    cores: int
    memory_bytes: int | None
    system: str
    filesystem: str | None
    refundctl: str
    python: str
    python_sqlite: str
    sqlite3_shell: str | None
    pandas: str | None
    load_average: float

    @property
    def is_busy(self) -> bool:
        """Whether others use more than half of the machine, so that figures mean little."""
        return self.load_average > self.cores / 2


def look_around(folder: Path) -> Machine:
    """Find out what there is to know; `folder` is where the contestants write."""
    return Machine(
        processor=_line_of("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        cores=_cores(),
        memory_bytes=_memory_bytes(),
        system=f"{platform.system()} {platform.release()}",
        filesystem=filesystem_of(folder),
        refundctl=version("refundctl"),
        python=platform.python_version(),
        python_sqlite=sqlite3.sqlite_version,
        sqlite3_shell=_shell_version(),
        pandas=_version("pandas"),
        load_average=os.getloadavg()[0],
    )


def filesystem_of(folder: Path) -> str | None:
    """`ext4`, `tmpfs` and the like, from the innermost mount that holds the folder."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found = {Path(place): kind for _, place, kind, *_ in map(str.split, mounts)}
    return next((found[place] for place in (folder, *folder.parents) if place in found), None)


def _cores() -> int:
    """Those that this process may use, which a container may have made fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int | None:
    total = re.match(r"\d+", _line_of("/proc/meminfo", "MemTotal") or "")
    return int(total[0]) * 1024 if total else None


def _line_of(path: str, name: str) -> str | None:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        return None
    line = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return line[1] if line else None


def _shell_version() -> str | None:
    shell = sqlite3_shell()
    if shell is None:
        return None
    said = subprocess.run([shell, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[0]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
