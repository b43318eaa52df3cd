"""Giving each eligible booking's customer a card."""

import os
from dataclasses import dataclass

from refundctl.domain.codes import make_codes
from refundctl.ledger import scope
from refundctl.ledger.connection import Ledger
from refundctl.ledger.posting import cards
from refundctl.ledger.scope import State
from refundctl.operations.terms import Terms


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Counts of bookings: eligible = published + already_published + remaining.

    In a campaign with one card per customer, `published` counts the cards, and a customer's further bookings count as
    already published. `remaining` are those that --limit left.
    """

    eligible: int
    published: int
    remaining: int
    skipped_by_reason: dict[str, int]

    @property
    def already_published(self) -> int:
        """Bookings whose customer had a card already."""
        return self.eligible - self.published - self.remaining

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


def publish(ledger: Ledger, terms: Terms, run_id: int, *, limit: int | None = None) -> PublishResult:
    """Publish cards for the lines considered (see ledger.scope); `limit` is a number of cards."""
    connection = ledger.connection
    found = scope.count_bookings(connection)
    skipped = {state.label: count for state, count in found.items() if state.is_skipped}
    eligible = sum(found.values()) - sum(skipped.values())
    if not found.get(State.OPEN):
        return PublishResult(eligible, 0, 0, skipped)
    holding = terms.holding(ledger.clock.now)
    pattern = terms.code_pattern
    published = cards.publish(connection, holding, run_id, lambda count: make_codes(pattern, count, os.urandom), limit)
    # Without a limit everyone who is eligible has a card now.
    remaining = 0 if limit is None else eligible - cards.bookings_with_cards(connection, holding)
    return PublishResult(eligible, published, remaining, skipped)
