"""Campaigns as the ledger has them, with the definition that counts now and those before it."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refundctl.ledger.database.sql import any_rows


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign and the definition that counts now (canonical JSON)."""

    campaign_id: int
    name: str
    currency: str
    definition: str
    definition_id: int

    @property
    def terms(self) -> Mapping[str, Any]:
        """The definition as plain values."""
        terms: dict[str, Any] = json.loads(self.definition)
        return terms


def campaign_named(connection: sqlite3.Connection, name: str) -> StoredCampaign | None:
    """The campaign called `name`, or None."""
    return next((campaign for campaign in campaigns(connection) if campaign.name == name), None)


def campaign_numbered(connection: sqlite3.Connection, campaign_id: int) -> StoredCampaign:
    """The campaign with this id, which there is."""
    return next(campaign for campaign in campaigns(connection) if campaign.campaign_id == campaign_id)


def campaigns(connection: sqlite3.Connection) -> list[StoredCampaign]:
    """All campaigns, oldest first."""
    rows = connection.execute(
        """
        SELECT campaigns.id, name, currency, definition, definitions.id
        FROM campaigns JOIN definitions ON definitions.id = (
            SELECT max(id) FROM definitions WHERE definitions.campaign = campaigns.id
        )
        ORDER BY campaigns.id
        """
    )
    return [StoredCampaign(*row) for row in rows]


def earlier_definitions(connection: sqlite3.Connection, campaign: StoredCampaign) -> list[tuple[int, str]]:
    """The ids and texts of the definitions that a campaign had before this one, the last one first."""
    return connection.execute(
        "SELECT id, definition FROM definitions WHERE campaign = ? AND id < ? ORDER BY id DESC",
        (campaign.campaign_id, campaign.definition_id),
    ).fetchall()


def has_cards(connection: sqlite3.Connection, campaign: int) -> bool:
    """Whether the campaign has published a card."""
    return any_rows(connection, "held_cards WHERE campaign = ?", (campaign,))
