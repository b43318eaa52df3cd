"""refundctl card: the commands of the desk, a module for each kind of deed."""

from collections.abc import Sequence
from importlib import import_module

from refundctl.cli.shell.common import Common, command_group
from refundctl.cli.shell.rendering import Report

#: The modules of the commands, in the order in which help lists them.
COMMANDS = {
    "show": "show",
    "validate": "validate",
    "find": "find",
    "redeem": "redeem",
    "rollback": "rollback",
    "adjust": "adjust",
    "issue": "issue",
    "transfer": "transfer",
    "activate": "activate",
    "assign": "activate",
    "disable": "disable",
    "enable": "disable",
    "deactivate": "disable",
    "extend": "extend",
    "set-pin": "pins",
    "unlock": "pins",
}


@command_group("card", short="Look at, redeem, block, move or correct single cards.", order=tuple(COMMANDS))
def card(common: Common) -> int:
    """Look at, redeem, block, move or correct single cards: `refundctl card COMMAND --help` tells about each."""
    return Report(human=lambda out: out.print("`refundctl card --help` lists the commands.")).tell(common)


def load_below(words: Sequence[str]) -> None:
    """Import the module of the command that these words begin with, or else all: see refundctl.cli.shell.app.load()."""
    meant = words[0] if words else ""
    for name in [COMMANDS[meant]] if meant in COMMANDS else dict.fromkeys(COMMANDS.values()):
        import_module(f"refundctl.cli.desk.{name}")
