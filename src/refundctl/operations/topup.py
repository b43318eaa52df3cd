"""Posting what each card is owed."""

from dataclasses import dataclass

from refundctl.ledger import scope
from refundctl.ledger.connection import Ledger
from refundctl.ledger.posting.credits import top_up as post_credits
from refundctl.operations.terms import Terms

NOT_PUBLISHED = "not_published"


@dataclass(frozen=True, slots=True)
class TopUpResult:
    """Counts of refund lines, and what was paid in minor units of the campaign's currency."""

    funded: int
    already_funded: int
    skipped_by_reason: dict[str, int]
    paid_minor: int
    currency: str

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
        """As they stand in JSON."""
        paid = self.paid_minor
        return {self.currency: {"paid": paid, "bonus": 0, "fee": 0, "cash": 0, "total": paid}}


def top_up(ledger: Ledger, terms: Terms, run_id: int) -> TopUpResult:
    """Fund the open lines considered (see ledger.scope) whose customer has a live card."""
    connection = ledger.connection
    states = dict(scope.counts(connection).lines_by_state)
    open_lines = states.pop(scope.OPEN, 0)
    already = states.pop(scope.FUNDED, 0) + states.pop(scope.FUNDED_NOT_ELIGIBLE, 0)
    if not open_lines:
        return TopUpResult(0, already, dict(sorted(states.items())), 0, terms.stored.currency)
    posted = post_credits(connection, terms.holding(ledger.clock.now), run_id)
    if open_lines > posted.funded:
        states[NOT_PUBLISHED] = open_lines - posted.funded
    return TopUpResult(posted.funded, already, dict(sorted(states.items())), posted.paid_minor, terms.stored.currency)
