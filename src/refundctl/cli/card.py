"""refundctl card: the commands of the desk, a module for each kind of deed."""

from collections.abc import Sequence
from importlib import import_module

from refundctl.cli.common import Common, command_group
from refundctl.cli.rendering import Report, report

#: The modules of the commands, in the order in which help lists them.
COMMANDS = {
    "show": "card_look",
    "validate": "card_look",
    "find": "card_look",
    "redeem": "card_money",
    "rollback": "card_rollback",
    "adjust": "card_balance",
    "issue": "card_balance",
    "transfer": "card_balance",
    "activate": "card_states",
    "assign": "card_states",
    "disable": "card_states",
    "enable": "card_states",
    "deactivate": "card_states",
    "extend": "card_states",
    "set-pin": "card_pins",
    "unlock": "card_pins",
}


@command_group("card", short="Look at, redeem, block, move or correct single cards.", order=tuple(COMMANDS))
def card(common: Common) -> int:
    """Look at, redeem, block, move or correct single cards: `refundctl card COMMAND --help` tells about each."""
    return report(common, Report(human=lambda out: out.print("`refundctl card --help` lists the commands.")))


def load_below(words: Sequence[str]) -> None:
    """Import the module of the command that comes first in these words, or else all: see refundctl.cli.app.load()."""
    meant = words[0] if words else ""
    for name in [COMMANDS[meant]] if meant in COMMANDS else dict.fromkeys(COMMANDS.values()):
        import_module(f"refundctl.cli.{name}")
