"""A later last valid day for a card, which revives one whose balance was not booked as expired."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from refundctl.domain.basics.definition_mistakes import shown
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import looks_like_code, mask
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import card_events
from refundctl.operations.desk.deeds import done, nothing
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.refusals import CardExpired, NotActive, refuse_dead, refuse_frozen, state_in_words

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")  # date.fromisoformat() takes weeks and other digits too


@dataclass(frozen=True, slots=True)
class Extend:
    """The deed of `card extend`: a later last valid day; it revives a card whose balance was not booked as expired."""

    until: date

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"until": self.until.isoformat()}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed. Raises UsageError where the card never expires, is valid for longer, or the day is past."""
        refuse_dead(card)
        refuse_frozen(card)
        if card.handed_out_by is None:
            raise NotActive(
                f"Card {card.card_id} {state_in_words(card, CardState.UNASSIGNED)}, so that it has no last "
                "valid day yet: `refundctl card activate` or `refundctl card assign` gives it one."
            )
        until = self.until.isoformat()
        if until == card.expires_on:
            return nothing(card, "extended")
        _check_day(card, until, card.today(desk.now))
        if card_events.breakage_of(desk.ledger.connection, card.number):
            raise CardExpired(
                f"Card {card.card_id} expired on {card.expires_on} and its balance was booked as expired, so that it "
                "can't be revived: `refundctl card issue` makes a goodwill card."
            )
        card_events.extend(desk.ledger.connection, card.number, until, desk.run_id)
        return done(desk, card, "extended")


def _check_day(card: Card, until: str, today: str) -> None:
    if card.expires_on is None:
        raise UsageError(f"Card {card.card_id} never expires: there is nothing to extend.", code="card_never_expires")
    if until < card.expires_on:
        raise UsageError(
            f"Card {card.card_id} is valid through {card.expires_on}: --until takes a later day, not {until}.",
            code="date_too_early",
        )
    if until < today:
        raise UsageError(f"{until} is over: --until takes a day from today on.", code="date_past")


def day_named(text: str) -> date:
    """The day that was typed, such as 2021-12-31. Raises UsageError, which doesn't show what may be a code."""
    typed = text.strip()
    try:
        if not _DAY.fullmatch(typed):
            raise ValueError(typed)
        return date.fromisoformat(typed)
    except ValueError:
        given = shown(mask(typed) if looks_like_code(typed) else typed)
        raise UsageError(
            f"--until takes a day of the calendar such as 2021-12-31, not {given}.", code="date_malformed"
        ) from None
