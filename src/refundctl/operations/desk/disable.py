"""Blocking a card, for now or for good, and letting it be used again."""

from dataclasses import dataclass

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.desk.card_events import post_event
from refundctl.operations.desk.deeds import WithReason, done, nothing
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.refusals import refuse_dead, refuse_frozen


@dataclass(frozen=True, slots=True)
class Disable(WithReason):
    """The deed of `card disable`: nothing can be bought with it for now."""

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        refuse_frozen(card)
        if card.state is CardState.DISABLED:
            return nothing(card, "disabled")
        post_event(desk.ledger.connection, card.number, "disabled", self.reason, desk.run_id)
        return done(desk, card, "disabled", state=CardState.DISABLED)


@dataclass(frozen=True, slots=True)
class Enable(WithReason):
    """The deed of `card enable`: a disabled card can be used again, unless something else is in the way."""

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        refuse_frozen(card)
        if card.state is not CardState.DISABLED:
            return nothing(card, "enabled")
        post_event(desk.ledger.connection, card.number, "enabled", self.reason, desk.run_id)
        return done(desk, card, "enabled")


@dataclass(frozen=True, slots=True)
class Deactivate(WithReason):
    """The deed of `card deactivate`: nothing is ever bought with it again; its balance stays, and in the books."""

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        if card.state is CardState.DEACTIVATED:
            return nothing(card, "deactivated")
        refuse_dead(card)
        refuse_frozen(card)
        post_event(desk.ledger.connection, card.number, "deactivated", self.reason, desk.run_id)
        return done(desk, card, "deactivated", state=CardState.DEACTIVATED)
