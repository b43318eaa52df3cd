"""Posting what each card is owed."""

from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.cards import pool
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.funding import considered_lines
from refundctl.ledger.funding.considered_lines import State
from refundctl.ledger.funding.topping_up import note_others
from refundctl.ledger.funding.topping_up import top_up as post_credits
from refundctl.operations.campaigns.pause import refuse_paused
from refundctl.operations.campaigns.terms import Terms
from refundctl.operations.funding.budget import check_amounts

NOT_PUBLISHED = "not_published"


@dataclass(frozen=True, slots=True)
class TopUpResult:
    """Counts of refund lines, and what was paid in minor units of the campaign's currency.

    `short` are those without a card for whose customers the pool of cards has none left, `capped` those whose card or
    customer would get more than the budget allows one, `kept` those of which fees take all, noted now; all are skipped.
    """

    funded: int
    already_funded: int
    skipped_by_reason: dict[str, int]
    short: int
    paid_minor: int
    bonus_minor: int
    cash_minor: int
    currency: str
    fee_minor: int = 0
    kept: int = 0
    capped: int = 0
    warnings: Sequence[str] = ()

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


def top_up(ledger: Ledger, terms: Terms, run_id: int) -> TopUpResult:
    """Fund the open lines considered (see operations.terms) whose customer has a live card.

    Raises CampaignPaused, and BudgetExceeded where the campaign would give more than its budget.
    """
    refuse_paused(ledger, terms.stored)
    connection = ledger.connection
    found = considered_lines.count_lines(connection)
    skipped = considered_lines.count_skipped(found)
    capped = considered_lines.count_capped(found)
    open_lines = found.get(State.OPEN, 0) + found.get(State.CASH_ONLY, 0)
    already = sum(found.values()) - sum(skipped.values()) - open_lines
    if not open_lines and not found.get(State.NOTHING_LEFT):
        return TopUpResult(0, already, skipped, 0, 0, 0, 0, terms.stored.currency, capped=capped)
    campaign = terms.stored.campaign_id
    if found.get(State.OPEN):
        posted = post_credits(connection, terms.holding(ledger.clock.now), run_id)
    else:
        posted = note_others(connection, campaign, run_id)
    warnings = check_amounts(ledger, terms) if posted.paid_minor or posted.bonus_minor else []
    without = open_lines - posted.funded
    short = without if without and not terms.makes_codes and not pool.free_cards(connection, campaign) else 0
    if without:
        skipped[pool.EMPTY if short else NOT_PUBLISHED] = without
    return TopUpResult(
        posted.funded,
        already,
        skipped,
        short,
        posted.paid_minor,
        posted.bonus_minor,
        posted.cash_minor,
        terms.stored.currency,
        posted.fee_minor,
        posted.kept,
        capped,
        warnings,
    )
