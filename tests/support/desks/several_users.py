"""One folder and several real user accounts: each command runs in a process that gives up root's rights for good.

Other users may not be allowed to read the interpreter's files. So one interpreter of root's imports all that the commands need, by
doing the same in a folder of its own, and forks for each command.
"""

import grp
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.command_line import CAMPAIGN, CommandResult, ThisProcess, plain_environment, small_campaigns
from support.desks.bookings_desk import booking, write_bookings

ANA, BO, CY = 65_533, 65_532, 65_531  # nobody's, most likely; what counts is that they differ


@dataclass(frozen=True, slots=True)
class Office:
    """A folder that a group of users shares, as docs/safety.md says how to make one."""

    folder: Path
    group: grp.struct_group
    root: "subprocess.Popen[str]"

    def __call__(self, user: int, *words: str) -> CommandResult:
        assert self.root.stdin is not None
        assert self.root.stdout is not None
        job = {"folder": str(self.folder), "user": user, "group": self.group.gr_gid, "words": words}
        self.root.stdin.write(f"{json.dumps(job)}\n")
        self.root.stdin.flush()
        return CommandResult(**json.loads(self.root.stdout.readline()))


@contextmanager
def root_who_forks() -> Iterator["subprocess.Popen[str]"]:
    """The interpreter that has all imported."""
    environment = plain_environment(Path("/"), None, None)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__],
        cwd="/",
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as root:
        yield root
        root.communicate()


# --- Inside that interpreter ---


def _import_all() -> None:
    from refundctl.cli.shell.app import load

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "campaigns.yaml").write_text(small_campaigns(approval={"above": "1000.00"}), encoding="utf-8")
        write_bookings(folder / "bookings.csv", booking("B1"), booking("B2"))
        for line in (
            "init",
            f"plan {CAMPAIGN} bookings.csv -o plan.json",
            "approve plan.json",
            "apply plan.json --out out",
            f"run {CAMPAIGN} bookings.csv --out out",
            "runs",
            "verify",
        ):
            ThisProcess(folder)(*line.split())
    load(())


def _become(user: int, group: int) -> None:
    os.setgroups([group])
    os.setgid(group)
    os.setuid(user)
    os.umask(0o007)


def _serve() -> None:
    _import_all()
    for line in sys.stdin:
        job = json.loads(line)
        if child := os.fork():
            os.waitpid(child, 0)
            continue
        try:
            _become(job["user"], job["group"])
            result = ThisProcess(Path(job["folder"]))(*job["words"])
            print(json.dumps(asdict(result)), flush=True)  # noqa: T201 - the answer to the test
        finally:
            os._exit(0)


if __name__ == "__main__":
    _serve()
