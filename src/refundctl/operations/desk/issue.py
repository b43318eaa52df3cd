"""A goodwill card: a new card for a customer without a booking, within the campaign's budget and approval."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.validity import expiry_forbidden
from refundctl.domain.cards.codes import looks_like_code, make_codes, mask
from refundctl.ledger.campaigns.stored_campaigns import campaign_named
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import adjusting as posting
from refundctl.ledger.desk.publishing_one_card import Recipient, hand_out
from refundctl.ledger.funding import budgets
from refundctl.ledger.journal.run_journal import Journal
from refundctl.ledger.people.finding_people import find_customers_in
from refundctl.operations.campaigns.pause import refuse_paused
from refundctl.operations.campaigns.terms import Terms, terms_of
from refundctl.operations.desk.amounts import amount_of, money
from refundctl.operations.desk.deeds import moved, without_card
from refundctl.operations.desk.goodwill_limits import BONUS, hold_given, in_bucket
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.named_cards import customer_named
from refundctl.operations.desk.refusals import PoolEmpty
from refundctl.operations.funding.budget import BudgetExceeded, check_cards


@dataclass(frozen=True, slots=True)
class Goodwill:
    """What is asked for; texts as they were typed, but for the reason, which holds no code."""

    campaign: str
    customer_id: str
    amount: str
    reason: str
    bucket: str | None = None


def issue(ledger: Ledger, journal: Journal, goodwill: Goodwill, *, key: str | None = None, keep: bool = True) -> Answer:
    """Make a goodwill card, once per `key`: of bonus unless `bucket` says paid, so that it is never paid out in cash.

    Raises CampaignUnknown, CustomerUnknown, UsageError, OtherCurrency, CampaignPaused, CampaignOver, PoolEmpty,
    CodesExhausted, BudgetExceeded, ApprovalRequired and KeyConflict.
    """
    with ledger.reading():
        known = not ledger.is_new and campaign_named(ledger.connection, goodwill.campaign) is not None
    # A code that was typed where a campaign's name was wanted.
    name = goodwill.campaign if known or not looks_like_code(goodwill.campaign) else mask(goodwill.campaign)
    return without_card(
        ledger,
        journal,
        name,
        lambda desk: _issue(desk, goodwill),
        key=key,
        keep=keep,
        asked=lambda: _arguments(ledger, goodwill, name),
    )


def _arguments(ledger: Ledger, goodwill: Goodwill, name: str) -> Mapping[str, Any]:
    """What is asked for, as the journal keeps it: the customer by number."""
    terms = terms_of(ledger, name)
    return {
        "campaign": name,
        "customer": customer_named(ledger, goodwill.customer_id),
        "amount_minor": amount_of(goodwill.amount, terms.stored.currency),
        "bucket": goodwill.bucket or BONUS,
        "reason": goodwill.reason,
    }


def _issue(desk: Desk, goodwill: Goodwill) -> Answer:
    ledger = desk.ledger
    terms = terms_of(ledger, goodwill.campaign)
    refuse_paused(ledger, terms.stored)
    currency, campaign = terms.stored.currency, terms.stored.campaign_id
    customer = customer_named(ledger, goodwill.customer_id)
    amount = in_bucket(amount_of(goodwill.amount, currency), goodwill.bucket or BONUS)
    card = new_card(desk, terms, Recipient(campaign, customer, None, _last_day(desk, terms, customer)))
    posted = posting.post(
        ledger.connection,
        "goodwill",
        card=card,
        campaign=campaign,
        amount=amount,
        reason=goodwill.reason,
        run_id=desk.run_id,
    )
    _refuse_capped(ledger, terms, customer, amount.total)
    warnings = [*(limit.warning for limit in check_cards(ledger, terms)), *hold_given(ledger, terms)]
    return moved(desk, desk.card(card), "issued", "issued", amount, posted, warnings=warnings)


def new_card(desk: Desk, terms: Terms, to: Recipient) -> int:
    """Hand out a card as publication would; gives its number. Raises PoolEmpty and CodesExhausted."""
    pattern = terms.code_pattern
    makes = (lambda count: make_codes(pattern, count, os.urandom)) if terms.makes_codes else None
    card = hand_out(desk.ledger.connection, to, desk.run_id, makes)
    if card is None:
        name = terms.stored.name
        raise PoolEmpty(
            f"The pool of {name} has no card left: raise vouchers_count and store it with `refundctl create {name}`, "
            f"or import printed cards with `refundctl create {name} --codes FILE`."
        )
    return card


def _last_day(desk: Desk, terms: Terms, customer: int) -> str | None:
    """The last valid day of a card that is published now for no booking; None for none. Raises CampaignOver."""
    last_day = terms.holding(desk.now).expires_on[0]
    places = terms.stored.terms["no_expiry_in"]
    if places:
        there = find_customers_in(desk.ledger.connection, lambda country: expiry_forbidden(country, places))
        return None if there.has(customer) else last_day
    return last_day


def _refuse_capped(ledger: Ledger, terms: Terms, customer: int, amount_minor: int) -> None:
    """Raise BudgetExceeded where the card, or its holder, has got more than the budget allows one."""
    budget, stored = terms.budget, terms.stored
    if budget.per_card_minor is not None and amount_minor > budget.per_card_minor:
        raise _capped(terms, "per_card", budget.per_card_minor, amount_minor)
    if budget.per_customer_minor is not None:
        given = budgets.given_to(ledger.connection, stored.campaign_id, customer)
        if given > budget.per_customer_minor:
            raise _capped(terms, "per_customer", budget.per_customer_minor, given)


def _capped(terms: Terms, name: str, limit_minor: int, would_be_minor: int) -> BudgetExceeded:
    who = "The card" if name == "per_card" else "This customer"
    would_be, limit = (money(minor, terms.stored.currency) for minor in (would_be_minor, limit_minor))
    return BudgetExceeded(
        f"{who} would reach {would_be} and budget.{name} of {terms.stored.name} is {limit}: give less, or raise the "
        f"budget and store it with `refundctl create {terms.stored.name}`.",
        limit=limit_minor,
        would_be=would_be_minor,
        budget=name,
    )
