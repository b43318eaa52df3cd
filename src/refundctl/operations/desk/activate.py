"""Bringing a card of the pool to life, for whoever has it or for a customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.desk.publishing_one_card import Recipient, hand_out_card
from refundctl.ledger.file.connection import Ledger
from refundctl.operations.desk.assign import Handout, give, handed_out
from refundctl.operations.desk.card_deeds import nothing
from refundctl.operations.desk.deeds import Answer, Desk
from refundctl.operations.desk.named import customer_named
from refundctl.operations.desk.refusals import refuse_blocked, refuse_dead, refuse_paused


@dataclass(frozen=True, slots=True)
class Activate:
    """The deed of `card activate`: a card of the pool comes alive, for whoever has it or for a customer.

    `together` is what a file's cards share, which the caller closes; one card closes its own.
    """

    customer_id: str | None = None
    together: Handout | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"customer": None if self.customer_id is None else customer_named(ledger, self.customer_id)}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        if self.customer_id is not None:
            return give(desk, card, self.customer_id, self.together, "activated")
        refuse_dead(card)
        refuse_blocked(card)
        if card.handed_out_by is not None:
            return nothing(card, "activated")
        refuse_paused(card)
        handout = self.together or Handout()
        to = Recipient(card.campaign, None, None, handout.last_day(desk, card, None))
        hand_out_card(desk.ledger.connection, card.number, to, desk.run_id)
        return handed_out(desk, card, handout, self.together, "activated")
