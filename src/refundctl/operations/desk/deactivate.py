"""Blocking a card for good: its balance stays on it, and in the books."""

from dataclasses import dataclass

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.desk.card_events import post_event
from refundctl.operations.desk.card_deeds import WithReason, done, nothing
from refundctl.operations.desk.deeds import Answer, Desk
from refundctl.operations.desk.refusals import refuse_dead, refuse_frozen


@dataclass(frozen=True, slots=True)
class Deactivate(WithReason):
    """The deed of `card deactivate`: nothing is ever bought with it again; its balance stays on it, and in the books."""

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        if card.state is CardState.DEACTIVATED:
            return nothing(card, "deactivated")
        refuse_dead(card)
        refuse_frozen(card)
        post_event(desk.ledger.connection, card.number, "deactivated", self.reason, desk.run_id)
        return done(desk, card, "deactivated", state=CardState.DEACTIVATED)
