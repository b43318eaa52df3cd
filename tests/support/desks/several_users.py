"""One folder and several real user accounts: each command runs in a process that has given up root's rights for good."""

import grp
from dataclasses import dataclass
from pathlib import Path

from support.command_line import CommandResult
from support.faults.forks import Call, call

ANA, BO, CY = 65_533, 65_532, 65_531  # nobody's, most likely; what counts is that they differ


@dataclass(frozen=True, slots=True)
class Office:
    """A folder that a group of users shares, as docs/safety.md says how to make one."""

    folder: Path
    group: grp.struct_group

    def __call__(self, user: int, *words: str) -> CommandResult:
        return call(Call(self.folder, words, user=user, group=self.group.gr_gid))
