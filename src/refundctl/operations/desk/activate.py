"""Bringing a card of the pool to life, for whoever has it, and giving one without a holder to a customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.validity import expiry_forbidden
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import card_events
from refundctl.ledger.desk.publishing_one_card import Recipient, hand_out_card
from refundctl.ledger.people.finding_people import CustomersThere, find_customers_in
from refundctl.operations.campaigns.terms import Terms, terms_of
from refundctl.operations.desk.deeds import done, nothing
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.named_cards import customer_named
from refundctl.operations.desk.refusals import CardExpired, WrongCustomer, refuse_blocked, refuse_dead, refuse_paused
from refundctl.operations.funding.budget import check_cards


class Handout:
    """What the cards that are handed out together share: each campaign's terms are read, and its budget held, once."""

    def __init__(self) -> None:
        self._terms: dict[str, Terms] = {}
        self._last_days: dict[str, str | None] = {}
        self._searched: str | None = None
        self._there: CustomersThere
        self._given: dict[str, Terms] = {}

    def last_day(self, desk: Desk, card: Card, customer: int | None) -> str | None:
        """The last valid day of a card that is handed out now, as if published; None for none. Raises CampaignOver."""
        if card.campaign_name not in self._last_days:
            self._last_days[card.campaign_name] = self._terms_of(desk, card).holding(desk.now).expires_on[0]
        return None if self._never_expires(desk, card, customer) else self._last_days[card.campaign_name]

    def _never_expires(self, desk: Desk, card: Card, customer: int | None) -> bool:
        """Whether a customer is somewhere where the campaign's cards may not expire."""
        places = self._terms_of(desk, card).stored.terms["no_expiry_in"]
        if customer is None or not places:
            return False
        if self._searched != card.campaign_name:
            self._there = find_customers_in(desk.ledger.connection, lambda country: expiry_forbidden(country, places))
            self._searched = card.campaign_name
        return self._there.has(customer)

    def note(self, desk: Desk, card: Card) -> None:
        """Remember that a card was handed out, for the budget."""
        self._given[card.campaign_name] = self._terms_of(desk, card)

    def close(self, desk: Desk) -> Sequence[str]:
        """Hold the campaigns' budgets once all cards are handed out; gives warnings. Raises BudgetExceeded."""
        return [limit.warning for terms in self._given.values() for limit in check_cards(desk.ledger, terms)]

    def _terms_of(self, desk: Desk, card: Card) -> Terms:
        if card.campaign_name not in self._terms:
            self._terms[card.campaign_name] = terms_of(desk.ledger, card.campaign_name)
        return self._terms[card.campaign_name]


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
            return _give(desk, card, self.customer_id, self.together, "activated")
        refuse_dead(card)
        refuse_blocked(card)
        if card.handed_out_by is not None:
            return nothing(card, "activated")
        refuse_paused(card)
        handout = self.together or Handout()
        to = Recipient(card.campaign, None, None, handout.last_day(desk, card, None))
        hand_out_card(desk.ledger.connection, card.number, to, desk.run_id)
        return _handed_out(desk, card, handout, self.together, "activated")


@dataclass(frozen=True, slots=True)
class Assign:
    """The deed of `card assign`: a card of the pool, or one that was activated for a bearer, gets a holder."""

    customer_id: str
    together: Handout | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"customer": customer_named(ledger, self.customer_id)}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        return _give(desk, card, self.customer_id, self.together, "assigned")


def _give(desk: Desk, card: Card, customer_id: str, together: Handout | None, count: str) -> Answer:
    """Give a card without a holder to a customer; `count` names what is counted then."""
    customer = customer_named(desk.ledger, customer_id)
    refuse_dead(card)
    if card.customer is not None and card.customer != customer:
        raise WrongCustomer(
            f"Card {card.card_id} belongs to another customer: `refundctl card transfer` moves a balance, but only to "
            "a card of the same customer."
        )
    refuse_blocked(card)
    if card.customer == customer:
        return nothing(card, count)
    refuse_paused(card)
    if card.state is CardState.EXPIRED:
        raise CardExpired(
            f"Card {card.card_id} expired on {card.expires_on}: extend it with `refundctl card extend` first."
        )
    handout = together or Handout()
    # What was activated before keeps its last day from then.
    if card.handed_out_by is None:
        last_day = handout.last_day(desk, card, customer)
    else:
        last_day = card_events.activated_until(desk.ledger.connection, card.number)
    to = Recipient(card.campaign, customer, None, last_day)
    hand_out_card(desk.ledger.connection, card.number, to, desk.run_id)
    return _handed_out(desk, card, handout, together, count)


def _handed_out(desk: Desk, card: Card, handout: Handout, together: Handout | None, count: str) -> Answer:
    """Note it for the budget, which one card of its own is held against at once."""
    handout.note(desk, card)
    return done(desk, card, count, warnings=handout.close(desk) if together is None else ())
