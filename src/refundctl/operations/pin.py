"""A card's PIN: given, and let be tried again once wrong ones have locked it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from refundctl.domain.pins import METHOD, SALT_BYTES, hashed
from refundctl.ledger.connection import Ledger
from refundctl.ledger.one_card import Card
from refundctl.ledger.posting.card_events import post_event
from refundctl.ledger.posting.pins import post_pin
from refundctl.operations.card_facts import card_facts
from refundctl.operations.card_states import refuse_dead
from refundctl.operations.desk import Answer, Desk


@dataclass(frozen=True, slots=True)
class SetPin:
    """The deed of `card set-pin`: a PIN in the place of an earlier one, to be tried from the start.

    Holds the hash only: it is made before the ledger is locked, as it takes long.
    """

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, pin: str) -> Self:
        """The deed for a PIN as domain.pins.parse_pin() gives it, under a salt of the operating system's randomness."""
        salt = os.urandom(SALT_BYTES)
        return cls(salt, hashed(pin, salt))

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed: nothing of the PIN, so that a key which was used before gets its answer whatever the PIN is."""
        return {}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        post_pin(desk.ledger.connection, card.number, METHOD, self.salt, self.digest, desk.run_id)
        return Answer(card.campaign_name, {"pins_set": 1}, facts={"card": card_facts(desk.card(card.number))})


@dataclass(frozen=True, slots=True)
class Unlock:
    """The deed of `card unlock`: wrong PINs are forgotten; where there were none, nothing."""

    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"reason": self.reason}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        if not card.wrong_pins:
            return Answer(card.campaign_name, {"unlocked": 0}, facts={"card": card_facts(card)}, changed=False)
        post_event(desk.ledger.connection, card.number, "unlocked", self.reason, desk.run_id)
        return Answer(card.campaign_name, {"unlocked": 1}, facts={"card": card_facts(desk.card(card.number))})
