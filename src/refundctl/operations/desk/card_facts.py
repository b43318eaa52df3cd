"""What is told of a card: nothing of a person, and of the code its last four signs."""

from typing import Any

from refundctl.ledger.cards.one_card import Card


def card_facts(card: Card) -> dict[str, Any]:
    """A card as it stands in JSON: amounts in minor units of its currency."""
    return {
        "card_id": card.card_id,
        "code": card.masked,
        "campaign": card.campaign_name,
        "state": str(card.state),
        "balance": card.balance.total,
        "paid": card.balance.paid,
        "bonus": card.balance.bonus,
        "currency": card.currency,
        "expires_on": card.expires_on,
        "redemption_count": card.redemptions,
        "has_pin": card.pin is not None,
        "successor": None if card.successor is None else f"c{card.successor}",
    }
