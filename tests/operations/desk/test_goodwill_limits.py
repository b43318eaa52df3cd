"""What is given out of hand is held against each campaign's budget once, and against what needs approval."""

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.operations.desk.adjust import Adjust
from refundctl.operations.desk.goodwill_limits import BONUS, PAID, Giving, in_bucket
from refundctl.operations.desk.kept_answers import Desk
from refundctl.operations.funding.approval import ApprovalRequired
from refundctl.operations.funding.budget import BudgetExceeded
from support.desks.clerk_desk import ClerkDesk


def give(desk: ClerkDesk, together: Giving, *amounts: str) -> None:
    for amount in amounts:
        assert desk.do(Adjust(amount, "sorry", "bonus", together)).warnings == ()


def test_several_cards_are_held_against_the_budget_together() -> None:
    desk, together = ClerkDesk(budget={"bonus": "20.00", "warn_at": "100"}), Giving()
    give(desk, together, "7", "7")
    with desk.run() as run_id:
        assert together.close(Desk(desk.ledger, run_id)) == [
            "refunds has used EUR 20.00 of its budget.bonus, EUR 20.00: EUR 0.00 left."
        ]
    give(desk, together, "0.01")
    with pytest.raises(BudgetExceeded) as refused, desk.run() as run_id:
        together.close(Desk(desk.ledger, run_id))
    assert refused.value.details == {"limit": 20_00, "would_be": 20_01, "budget": "bonus"}


def test_what_nobody_has_approved_is_refused_above_the_threshold() -> None:
    desk = ClerkDesk(approval={"above": "160.00"})  # 156.00 are given
    desk.do(Adjust("4.00", "sorry"))
    message = desk.refuses(ApprovalRequired, "approval_required", Adjust("0.01", "sorry"))
    assert message.startswith("refunds would have given EUR 160.01 that nobody has approved")


def test_where_nothing_was_given_nothing_is_held() -> None:
    desk = ClerkDesk(budget={"total": "156.00", "warn_at": "1"})
    with desk.run() as run_id:
        assert Giving().close(Desk(desk.ledger, run_id)) == []


def test_an_amount_lies_in_one_bucket() -> None:
    assert (in_bucket(5, PAID), in_bucket(5, BONUS)) == (Buckets(5, 0), Buckets(0, 5))
