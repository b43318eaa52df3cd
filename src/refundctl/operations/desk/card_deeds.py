"""What the deeds that change no balance share: what came of them, and the reason that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.deeds import Answer, Desk


@dataclass(frozen=True, slots=True)
class WithReason:
    """A deed of which nothing but the reason is asked; it holds no code."""

    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"reason": self.reason}


def done(desk: Desk, card: Card, count: str, *, state: CardState | None = None, warnings: Sequence[str] = ()) -> Answer:
    """What came of it; the card is read again unless its `state` is known."""
    now = desk.card(card.number) if state is None else replace(card, state=state)
    return Answer(card.campaign_name, {count: 1}, facts={"card": card_facts(now)}, warnings=tuple(warnings))


def nothing(card: Card, count: str) -> Answer:
    """There was nothing to do."""
    return Answer(card.campaign_name, {count: 0}, facts={"card": card_facts(card)}, changed=False)
