"""refundctl resume"""

from refundctl.cli.campaigns.pause import switch
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen
from refundctl.operations.campaigns import pause as operation


@command("resume", writes=True, short="Let a paused campaign go on.")
def resume(common: Common, campaign: take.Campaign, reason: take.Reason = None) -> int:
    """Let a campaign go on that `refundctl pause` has stopped."""
    return switch(common, campaign, reason, "resumed", _describe)


def _describe(out: Screen, campaign: str, result: operation.Switched) -> None:
    if result.changed:
        out.print(f"Resumed {campaign}: it had been paused {result.pause}.")
    else:
        out.print(f"{campaign} is not paused. Nothing to do.")
