"""Booking the balance of cards that have expired as breakage, as a nightly job does."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from refundctl.ledger.campaigns.stored_campaigns import campaigns
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.database.sql import savepoint
from refundctl.ledger.desk.expiring import PostedBreakage, post_breakage
from refundctl.ledger.journal.run_journal import Journal, Outcome
from refundctl.operations.campaigns.terms import Terms, terms_of, with_earlier
from refundctl.operations.desk.amounts import summed_by_currency
from refundctl.operations.run_lifecycle import one_run


@dataclass(frozen=True, slots=True)
class CampaignExpiry:
    """What was booked in one campaign, in minor units of its currency, by a run of its own."""

    campaign: str
    currency: str
    run_id: int
    posted: PostedBreakage

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON: the number of cards."""
        return {"expired": self.posted.cards}

    @property
    def breakage_minor(self) -> int:
        """Both buckets."""
        return self.posted.paid_minor + self.posted.bonus_minor

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """As they stand in JSON."""
        figures = {"breakage": self.breakage_minor, "paid": self.posted.paid_minor, "bonus": self.posted.bonus_minor}
        return {self.currency: figures}


def expire(ledger: Ledger, journal: Journal, campaign: str | None, reason: str | None) -> list[CampaignExpiry]:
    """Book what is left on cards whose last valid day is over where their campaign is; of all where none is named.

    Each campaign with anything to book gets a run of its own, a paused one too: days go by. Raises CampaignUnknown.
    """
    if campaign is not None:
        wanted = [terms_of(ledger, campaign)]
    else:
        wanted = [with_earlier(ledger, stored) for stored in campaigns(ledger.connection)]
    return [found for terms in wanted if (found := _expire(ledger, journal, terms, reason)) is not None]


def _expire(ledger: Ledger, journal: Journal, terms: Terms, reason: str | None) -> CampaignExpiry | None:
    connection, stored = ledger.connection, terms.stored
    today = terms.today(ledger.clock.now).isoformat()
    with suppress(_NothingExpired), savepoint(connection), one_run(journal, campaign=stored.name) as run:
        posted = post_breakage(connection, stored.campaign_id, today, reason, run.run_id)
        if not posted.cards:
            raise _NothingExpired
        found = CampaignExpiry(stored.name, stored.currency, run.run_id, posted)
        run.outcome = Outcome(found.counts, found.totals)
        return found
    return None


class _NothingExpired(Exception):
    """There is nothing to book, so there was no run."""


def summed(found: Sequence[CampaignExpiry]) -> tuple[dict[str, int], Mapping[str, Mapping[str, int]]]:
    """Counts and totals of all campaigns together."""
    return {"expired": sum(one.posted.cards for one in found)}, summed_by_currency(one.totals for one in found)
