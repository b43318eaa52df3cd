"""Giving each eligible booking's customer a card."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refundctl.domain.cards.codes import make_codes
from refundctl.ledger.cards import pool
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding import publishing
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.line_state import LineState, count_capped, count_skipped
from refundctl.operations.campaigns.pause import refuse_paused
from refundctl.operations.campaigns.terms import Terms
from refundctl.operations.funding.budget import Limit, check_cards

CASH_ONLY = "cash_only"


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Counts of bookings: eligible = published + already_published + remaining + short + left_out.

    In a campaign with one card per customer, `published` counts the cards, and a customer's further bookings count as
    already published. `remaining` are those that --limit left; `short` those for whom the pool of cards had none left,
    which are among the skipped ones too, as are the `capped` ones, of which a refund would bring its card or customer
    over the budget's cap; `left_out` of these have no other refund. `not_eligible` has reasons with their counts.
    """

    eligible: int
    published: int
    remaining: int
    short: int
    skipped_by_reason: dict[str, int]
    not_eligible: Mapping[str, int]
    capped: int = 0
    left_out: int = 0
    nearly_used: Sequence[Limit] = ()

    @property
    def already_published(self) -> int:
        """Bookings whose customer had a card already."""
        return self.eligible - self.published - self.remaining - self.short - self.left_out

    @property
    def counts(self) -> dict[str, object]:
        """As they stand in JSON."""
        return {
            "eligible": self.eligible,
            "published": self.published,
            "already_published": self.already_published,
            "remaining": self.remaining,
            "skipped": sum(self.skipped_by_reason.values()),
            "skipped_by_reason": self.skipped_by_reason,
        }


def publish(
    ledger: Ledger, terms: Terms, considered: Considered, run_id: int, *, limit: int | None = None
) -> PublishResult:
    """Publish cards for the lines considered (see operations.campaigns.terms); `limit` is a number of cards.

    Raises CampaignPaused, and BudgetExceeded where the campaign would have more cards than its budget.
    """
    refuse_paused(ledger, terms.stored)
    found = considered.count_bookings()
    skipped = count_skipped(found)
    if in_cash := found.get(LineState.CASH_ONLY, 0) + found.get(LineState.FUNDED_IN_CASH, 0):
        skipped[CASH_ONLY] = in_cash
    capped = considered.count_capped_bookings()
    left_out = count_capped(found)
    eligible = sum(found.values()) - sum(skipped.values()) + left_out
    why = _why_not(considered, terms) if found.get(LineState.NOT_ELIGIBLE) else {}
    if not found.get(LineState.OPEN):
        return PublishResult(eligible, 0, 0, 0, skipped, why, capped, left_out)
    holding = terms.holding(ledger.clock.now)
    pattern = terms.code_pattern
    posted = publishing.publish(
        considered, holding, run_id, lambda count: make_codes(pattern, count, os.urandom), limit
    )
    nearly_used = check_cards(ledger, terms) if posted.published else []
    without = 0
    if posted.short or limit is not None:  # else everyone who is eligible has a card now
        without = publishing.bookings_without_cards(considered, holding)
    short = without if posted.short else 0
    if short:
        skipped[pool.NO_CARD_LEFT] = short
    return PublishResult(
        eligible, posted.published, without - short, short, skipped, why, capped, left_out, nearly_used
    )


def _why_not(considered: Considered, terms: Terms) -> dict[str, int]:
    """Reasons with how many bookings each, most first."""
    reasons: Counter[str] = Counter()
    for values, withdrawn, count in considered.not_eligible():
        reasons["left out by its source now" if withdrawn else terms.why_not(values)] += count
    return dict(sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0])))
