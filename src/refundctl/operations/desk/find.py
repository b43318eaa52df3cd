"""Finding cards by what is known of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from refundctl.domain.basics.definition_mistakes import did_you_mean, shown
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.basics.validity import local_day
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.campaigns.stored_campaigns import campaigns
from refundctl.ledger.cards.one_card import read_card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.database.sql import LARGEST_ID
from refundctl.ledger.desk import card_details, card_search
from refundctl.operations.campaigns.terms import terms_of
from refundctl.operations.desk.card_facts import card_facts

if TYPE_CHECKING:
    from refundctl.domain.campaigns.conditions import Condition


@dataclass(frozen=True, slots=True)
class Search:
    """Which cards are looked for, as it was typed: all that is not None must hold."""

    customer_id: str | None = None
    booking_id: str | None = None
    email: str | None = None
    state: str | None = None
    campaign: str | None = None
    where: "Condition | None" = None


@dataclass(frozen=True, slots=True)
class FoundCards:
    """The first cards that were found, as they stand in JSON; `more` where there are others."""

    cards: Sequence[Mapping[str, Any]]
    more: bool


def find(ledger: Ledger, search: Search, limit: int) -> FoundCards:
    """The first `limit` cards for which all holds, inside a reading block. Raises UsageError and CampaignUnknown."""
    wanted = card_search.AskedFor(
        customer_id=search.customer_id,
        booking_id=search.booking_id,
        email=None if search.email is None else _address(search.email),
        state=None if search.state is None else state_named(search.state),
        campaign=None if search.campaign is None else terms_of(ledger, search.campaign).stored.campaign_id,
        where=search.where,
    )
    today = {
        stored.campaign_id: local_day(ledger.clock.now, stored.terms["timezone"]).isoformat()
        for stored in campaigns(ledger.connection)
    }
    limit = min(limit, LARGEST_ID - 1)  # one more is asked for
    numbers = card_search.find(ledger.connection, wanted, today, limit + 1)
    return FoundCards([_found(ledger, number) for number in numbers[:limit]], more=len(numbers) > limit)


def state_named(text: str) -> CardState:
    """The state of this name. Raises UsageError."""
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    if word not in set(CardState):
        raise UsageError(
            f"--state takes one of {', '.join(CardState)}, not {shown(text)}"
            + (did_you_mean(word, CardState) or ": choose one.")
        )
    return CardState(word)


def _address(text: str) -> str:
    """An e-mail address in the form in which files' are kept."""
    from refundctl.domain.bookings.booking_cells import read_email

    read = read_email(text)
    return read if isinstance(read, str) else text.strip()


def _found(ledger: Ledger, number: int) -> dict[str, Any]:
    card = read_card(ledger.connection, number, ledger.clock.now)
    holder = card_details.holder_of(ledger.connection, card)
    return {
        **card_facts(card),
        "customer_id": None if holder is None else holder.customer_id,
        "booking_ids": card_details.bookings_of(ledger.connection, card),
    }
