"""What the desk gives for no booking: held against the campaign's budget, and against what needs approval."""

from collections.abc import Sequence

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.operations.campaigns.terms import Terms, terms_of
from refundctl.operations.desk.kept_answers import Desk
from refundctl.operations.funding.budget import check_amounts

PAID, BONUS = "paid", "bonus"
BY_BOOKING = (
    "put the case into a file of bookings and make a plan of it with `refundctl plan`, which another person approves, "
    "or raise approval.above"
)


class Giving:
    """What several cards are given together: each campaign's budget is held once, when all is given."""

    def __init__(self) -> None:
        self._campaigns: set[str] = set()

    def note(self, card: Card) -> None:
        """Remember that a card was given something."""
        self._campaigns.add(card.campaign_name)

    def close(self, desk: Desk) -> Sequence[str]:
        """Hold the campaigns' budgets; gives warnings. Raises BudgetExceeded and ApprovalRequired."""
        return [
            warning
            for name in sorted(self._campaigns)
            for warning in hold_given(desk.ledger, terms_of(desk.ledger, name))
        ]


def hold_given(ledger: Ledger, terms: Terms) -> list[str]:
    """Hold what was given against a campaign's budget; gives warnings. Raises BudgetExceeded and ApprovalRequired."""
    # Reading plans is left out of the path of a single card's redemption, which loads this module with its neighbours.
    from refundctl.operations.funding.approval import refuse_unapproved

    warnings = [limit.warning for limit in check_amounts(ledger, terms)]
    refuse_unapproved(ledger, terms, BY_BOOKING)
    return warnings


def in_bucket(minor: int, bucket: str) -> Buckets:
    """An amount in minor units in one bucket: PAID or BONUS."""
    return Buckets(bonus=minor) if bucket == BONUS else Buckets(paid=minor)
