"""Making a zero-balance campaign from its definition, or taking in a changed one."""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from refundctl.domain.errors import Refused
from refundctl.ledger.connection import Ledger
from refundctl.ledger.posting.campaigns import post_campaign, post_definition
from refundctl.ledger.queries import StoredCampaign, campaign_named, has_cards

if TYPE_CHECKING:
    from refundctl.domain.campaign import Campaign


class CurrencyChanged(Refused):
    """A campaign keeps its currency for life."""

    code = "currency_mismatch"


class DefinitionChanged(Refused):
    """The file's definition is not the ledger's, or changes what can't be changed any more."""

    code = "definition_changed"


class Creation(Enum):
    """What became of a campaign."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class CreateResult:
    """What became of the campaign: `counts` as they stand in JSON."""

    creation: Creation

    @property
    def counts(self) -> dict[str, int]:
        """One of created, changed and unchanged is 1."""
        return {creation.value: int(creation is self.creation) for creation in Creation}


def creation_of(ledger: Ledger, campaign: "Campaign") -> Creation:
    """What `create` would do. Raises CurrencyChanged and DefinitionChanged for what may not change."""
    stored = campaign_named(ledger.connection, campaign.name)
    if stored is None:
        return Creation.CREATED
    if same_definition(stored, campaign):
        return Creation.UNCHANGED
    if stored.currency != campaign.currency:
        raise CurrencyChanged(
            f"{campaign.name} is in {stored.currency}; a campaign can't change its currency to {campaign.currency}: "
            "make another campaign."
        )
    if stored.terms["card_per"] != campaign.card_per and has_cards(ledger.connection, stored.campaign_id):
        raise DefinitionChanged(
            f"{campaign.name} has cards per {stored.terms['card_per']} already: card_per can't change; "
            "make another campaign."
        )
    return Creation.CHANGED


def same_definition(stored: StoredCampaign, campaign: "Campaign") -> bool:
    """Whether the file says what the ledger has; keys that a newer version added count as their defaults."""
    from refundctl.domain.campaign import Campaign

    return Campaign.from_definition(campaign.name, stored.definition).definition() == campaign.definition()


def create(ledger: Ledger, campaign: "Campaign", run_id: int) -> CreateResult:
    """Make `campaign`, or take in its changed definition, which applies to cards not yet published."""
    creation = creation_of(ledger, campaign)
    if creation is Creation.UNCHANGED:
        return CreateResult(creation)
    stored = campaign_named(ledger.connection, campaign.name)
    campaign_id = (
        post_campaign(ledger.connection, campaign.name, campaign.currency, run_id)
        if stored is None
        else stored.campaign_id
    )
    post_definition(ledger.connection, campaign_id, campaign.definition(), run_id)
    return CreateResult(creation)
