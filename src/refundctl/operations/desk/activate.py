"""What becomes of a card besides its money: handed out, given to a holder, blocked, let go, ended, extended."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.basics.mistakes import shown
from refundctl.domain.basics.validity import expiry_forbidden
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import looks_like_code, mask
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.desk import card_events
from refundctl.ledger.desk.publishing_one_card import Recipient, hand_out_card
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.people.finding_people import find_customers_in, is_among_found
from refundctl.operations.campaigns.pause import CampaignPaused
from refundctl.operations.campaigns.terms import Terms, terms_of
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.deeds import Answer, Desk, customer_named, state_in_words
from refundctl.operations.desk.redeem import Disabled, Expired, NotActive, WrongCustomer
from refundctl.operations.funding.budget import check_cards

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")  # date.fromisoformat() takes weeks and other digits too


class Handout:
    """What the cards that are handed out together share: each campaign's terms are read, and its budget held, once."""

    def __init__(self) -> None:
        self._terms: dict[str, Terms] = {}
        self._last_days: dict[str, str | None] = {}
        self._searched: str | None = None
        self._handed_out: dict[str, Terms] = {}

    def last_day(self, desk: Desk, card: Card, customer: int | None) -> str | None:
        """The last valid day of a card that is handed out now, as if it were published; None for none. Raises CampaignOver."""
        if card.campaign_name not in self._last_days:
            self._last_days[card.campaign_name] = self._terms_of(desk, card).holding(desk.now).expires_on[0]
        return None if self._never_expires(desk, card, customer) else self._last_days[card.campaign_name]

    def _never_expires(self, desk: Desk, card: Card, customer: int | None) -> bool:
        """Whether a customer is somewhere where the campaign's cards may not expire."""
        places = self._terms_of(desk, card).stored.terms["no_expiry_in"]
        if customer is None or not places:
            return False
        if self._searched != card.campaign_name:
            find_customers_in(desk.ledger.connection, lambda country: expiry_forbidden(country, places))
            self._searched = card.campaign_name
        return is_among_found(desk.ledger.connection, customer)

    def note(self, desk: Desk, card: Card) -> None:
        """Remember that a card was handed out, for the budget."""
        self._handed_out[card.campaign_name] = self._terms_of(desk, card)

    def close(self, desk: Desk) -> Sequence[str]:
        """Hold the campaigns' budgets once all cards are handed out; gives warnings. Raises BudgetExceeded."""
        return [warning for terms in self._handed_out.values() for warning in check_cards(desk.ledger, terms)]

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
        _refuse_blocked(card)
        if card.handed_out_by is not None:
            return _nothing(card, "activated")
        _refuse_paused(card)
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


def _give(desk: Desk, card: Card, customer_id: str, together: Handout | None, done: str) -> Answer:
    """Give a card without a holder to a customer."""
    customer = customer_named(desk.ledger, customer_id)
    refuse_dead(card)
    if card.customer is not None and card.customer != customer:
        raise WrongCustomer(
            f"Card {card.card_id} belongs to another customer: `refundctl card transfer` moves a balance, but only to a card "
            "of the same customer."
        )
    _refuse_blocked(card)
    if card.customer == customer:
        return _nothing(card, done)
    _refuse_paused(card)
    if card.state is CardState.EXPIRED:
        raise Expired(
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
    return _handed_out(desk, card, handout, together, done)


def _handed_out(desk: Desk, card: Card, handout: Handout, together: Handout | None, done: str) -> Answer:
    handout.note(desk, card)
    return _done(desk, card, done, warnings=handout.close(desk) if together is None else ())


@dataclass(frozen=True, slots=True)
class Disable:
    """The deed of `card disable`: nothing can be bought with it for now."""

    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"reason": self.reason}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        _refuse_frozen(card)
        if card.state is CardState.DISABLED:
            return _nothing(card, "disabled")
        card_events.post_event(desk.ledger.connection, card.number, "disabled", self.reason, desk.run_id)
        return _done(desk, card, "disabled", state=CardState.DISABLED)


@dataclass(frozen=True, slots=True)
class Enable:
    """The deed of `card enable`: a disabled card can be used again, unless something else is in the way."""

    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"reason": self.reason}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        _refuse_frozen(card)
        if card.state is not CardState.DISABLED:
            return _nothing(card, "enabled")
        card_events.post_event(desk.ledger.connection, card.number, "enabled", self.reason, desk.run_id)
        return _done(desk, card, "enabled")


@dataclass(frozen=True, slots=True)
class Deactivate:
    """The deed of `card deactivate`: nothing is ever bought with it again; its balance stays on it, and in the books."""

    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"reason": self.reason}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        if card.state is CardState.DEACTIVATED:
            return _nothing(card, "deactivated")
        refuse_dead(card)
        _refuse_frozen(card)
        card_events.post_event(desk.ledger.connection, card.number, "deactivated", self.reason, desk.run_id)
        return _done(desk, card, "deactivated", state=CardState.DEACTIVATED)


@dataclass(frozen=True, slots=True)
class Extend:
    """The deed of `card extend`: a later last valid day, `until`; it revives a card whose balance was not booked as expired."""

    until: date

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"until": self.until.isoformat()}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed. Raises UsageError where the card never expires, is valid for longer, or the day is past."""
        refuse_dead(card)
        _refuse_frozen(card)
        if card.handed_out_by is None:
            raise NotActive(
                f"Card {card.card_id} {state_in_words(replace(card, state=CardState.UNASSIGNED))}, so that it has no last "
                "valid day yet: `refundctl card activate` or `refundctl card assign` gives it one."
            )
        until = self.until.isoformat()
        if until == card.expires_on:
            return _nothing(card, "extended")
        _check_day(card, until, card.today(desk.now))
        if card_events.breakage_of(desk.ledger.connection, card.number):
            raise Expired(
                f"Card {card.card_id} expired on {card.expires_on} and its balance was booked as expired, so that it can't be "
                "revived: `refundctl card issue` makes a goodwill card."
            )
        card_events.extend(desk.ledger.connection, card.number, until, desk.run_id)
        return _done(desk, card, "extended")


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


def _done(
    desk: Desk, card: Card, count: str, *, state: CardState | None = None, warnings: Sequence[str] = ()
) -> Answer:
    """What came of it; the card is read again unless its `state` is known."""
    now = desk.card(card.number) if state is None else replace(card, state=state)
    return Answer(card.campaign_name, {count: 1}, facts={"card": card_facts(now)}, warnings=tuple(warnings))


def _nothing(card: Card, count: str) -> Answer:
    return Answer(card.campaign_name, {count: 0}, facts={"card": card_facts(card)}, changed=False)


def _refuse_paused(card: Card) -> None:
    if card.pause is not None:
        raise CampaignPaused(
            f"{card.campaign_name} is paused {card.pause}: no card is handed out until "
            f"`refundctl resume {card.campaign_name}`."
        )


def refuse_dead(card: Card) -> None:
    """Raise NotActive where nothing will ever be bought with the card again."""
    if card.state.is_dead:
        raise NotActive(f"Card {card.card_id} {state_in_words(card)}: take another one.")


def _refuse_frozen(card: Card) -> None:
    if card.state is CardState.FROZEN:
        raise Disabled(f"Card {card.card_id} {state_in_words(card)}: `refundctl cashout cancel` gives it back first.")


def _refuse_blocked(card: Card) -> None:
    _refuse_frozen(card)
    if card.state is CardState.DISABLED:
        raise Disabled(f"Card {card.card_id} is disabled: `refundctl card enable` comes first.")
