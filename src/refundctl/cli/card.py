"""refundctl card: the commands of the desk, a module for each kind of deed."""

from importlib import import_module

from refundctl.cli.common import Common, command_group
from refundctl.cli.rendering import Report, report

#: In the order in which help lists them.
DEEDS = ("card_look", "card_money", "card_rollback", "card_balance", "card_states", "card_pins")


@command_group("card", short="Look at, redeem, block, move or correct single cards.")
def card(common: Common) -> int:
    """Look at, redeem, block, move or correct single cards: `refundctl card COMMAND --help` tells about each."""
    return report(common, Report(human=lambda out: out.print("`refundctl card --help` lists the commands.")))


for _deeds in DEEDS:
    import_module(f"refundctl.cli.{_deeds}")
