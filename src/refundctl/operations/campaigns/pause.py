"""The kill switch: while a campaign is paused, no card is published, topped up or redeemed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from refundctl.domain.basics.errors import Refused
from refundctl.ledger.campaigns.definitions import Event, Pause, pause_of, post_event
from refundctl.ledger.database.connection import Ledger

if TYPE_CHECKING:  # a single card's redemption must not wait for what funding needs
    from refundctl.ledger.campaigns.stored_campaigns import StoredCampaign
    from refundctl.operations.campaigns.terms import Terms


class CampaignPaused(Refused, code="campaign_paused"):
    """Somebody has paused the campaign."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What became of the switch. `pause` is that which holds now, or has just ended; None where there was none."""

    event: Event
    changed: bool
    pause: Pause | None

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON: `paused` or `resumed`, 1 where that is new."""
        return {self.event: int(self.changed)}


def switch(ledger: Ledger, terms: "Terms", event: Event, reason: str | None, run_id: int) -> Switched:
    """Stop a campaign (`paused`), or let it go on (`resumed`); where it is so already, nothing."""
    campaign = terms.stored.campaign_id
    held = pause_of(ledger.connection, campaign)
    changed = (held is None) == (event == "paused")
    if changed:
        post_event(ledger.connection, campaign, event, reason, run_id)
    return Switched(event, changed, held or pause_of(ledger.connection, campaign))


def refuse_paused(ledger: Ledger, stored: "StoredCampaign") -> None:
    """Raise CampaignPaused where the campaign is paused; called inside the transaction that would post."""
    held = pause_of(ledger.connection, stored.campaign_id)
    if held is not None:
        raise CampaignPaused(
            f"{stored.name} is paused {held}: nothing is published, topped up or redeemed until "
            f"`refundctl resume {stored.name}`."
        )
