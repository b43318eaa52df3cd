"""Looking at a card without changing anything: what is refused is kept as an attempt all the same."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from refundctl.domain.basics.errors import RefundctlError, Refused
from refundctl.domain.cards.codes import is_card_id
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal
from refundctl.operations.desk.named_cards import find_card

Seen = TypeVar("Seen")


def look(ledger: Ledger, journal: Journal, named: str, see: Callable[["Look"], Seen]) -> Seen:
    """What `see` makes of the card named by its card_id or code, in one view of the ledger, which stays as it is.

    A refusal, CardUnknown or one of `see`, is kept as an attempt with what was asked, if the ledger can be written.
    """
    seen = None
    try:
        with ledger.reading():
            card = find_card(ledger, named)
            seen = Look(ledger, card, {"card": card.card_id})
            return see(seen)
    except Refused as error:
        asked = {"card": named if is_card_id(named) else None} if seen is None else seen.asked
        if seen is not None:
            error.campaign = seen.card.campaign_name
            error.details = {**error.details, "card_id": seen.card.card_id}
        # That the attempt can't be written down must not hide why it was refused.
        with suppress(RefundctlError), ledger.writing():
            number = None if seen is None else seen.card.number
            replace(journal, arguments=asked).post_attempt(error, error.campaign, number)
        raise


@dataclass(frozen=True, slots=True)
class Look:
    """A card that is being looked at; `asked` is what the journal keeps of it where it is refused."""

    ledger: Ledger
    card: Card
    asked: dict[str, Any]
