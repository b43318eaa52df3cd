"""Posting what each card is owed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from refundctl.ledger.cards import pool
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding.line_state import LineState, count_capped, count_skipped
from refundctl.ledger.funding.settled_lines import Settled
from refundctl.ledger.funding.topping_up import PostedCredits
from refundctl.ledger.funding.topping_up import top_up as post_credits
from refundctl.operations.campaigns.pause import refuse_paused
from refundctl.operations.campaigns.terms import Terms
from refundctl.operations.funding.budget import Limit, check_amounts

NOT_PUBLISHED = "not_published"


@dataclass(frozen=True, slots=True)
class TopUpResult(PostedCredits):
    """Counts of refund lines, and what was paid in minor units of the campaign's currency.

    `short` are those without a card for whose customers the pool of cards has none left, `capped` those whose card or
    customer would get more than the budget allows one, `kept` those of which fees take all, noted now; all are skipped.
    """

    currency: str
    already_funded: int
    skipped_by_reason: dict[str, int]
    short: int
    capped: int
    nearly_used: Sequence[Limit]

    @property
    def posted(self) -> bool:
        """Whether anything was written."""
        return bool(self.funded or self.kept)

    @property
    def counts(self) -> dict[str, object]:
        """As they stand in JSON."""
        return {
            "funded": self.funded,
            "already_funded": self.already_funded,
            "skipped": sum(self.skipped_by_reason.values()),
            "skipped_by_reason": self.skipped_by_reason,
        }

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """As they stand in JSON: `total` is what went onto cards; what is owed in cash stands beside it."""
        return {
            self.currency: {
                "paid": self.paid_minor,
                "bonus": self.bonus_minor,
                "fee": self.fee_minor,
                "cash": self.cash_minor,
                "total": self.on_cards_minor,
            }
        }

    @property
    def on_cards_minor(self) -> int:
        """What went onto cards."""
        return self.paid_minor + self.bonus_minor


def top_up(ledger: Ledger, terms: Terms, settled: Settled, run_id: int) -> TopUpResult:
    """Fund the open lines considered (see operations.campaigns.terms) whose customer has a live card.

    Raises CampaignPaused, and BudgetExceeded where the campaign would give more than its budget.
    """
    refuse_paused(ledger, terms.stored)
    found = settled.count_lines()
    skipped, capped = count_skipped(found), count_capped(found)
    open_lines = found.get(LineState.OPEN, 0) + found.get(LineState.CASH_ONLY, 0)
    already = sum(found.values()) - sum(skipped.values()) - open_lines
    posted = post_credits(settled, terms.holding(ledger.clock.now) if found.get(LineState.OPEN) else None, run_id)
    without = open_lines - posted.funded
    short = without and not terms.makes_codes and not pool.free_cards(ledger.connection, terms.stored.campaign_id)
    if without:
        skipped[pool.NO_CARD_LEFT if short else NOT_PUBLISHED] = without
    return TopUpResult(
        **asdict(posted),
        currency=terms.stored.currency,
        already_funded=already,
        skipped_by_reason=skipped,
        short=without if short else 0,
        capped=capped,
        nearly_used=check_amounts(ledger, terms) if posted.paid_minor or posted.bonus_minor else (),
    )
