"""What a campaign may give in all: refused beyond it, and warned of on the way there."""

import pytest

from refundctl.operations.funding.budget import BudgetExceeded
from support.desks.funding_desk import FundingDesk

ROWS = "booking_id,order_amount\nB1,4000\nB2,4000\n"


def test_a_step_that_would_give_more_is_refused_whole() -> None:
    desk = FundingDesk(budget={"total": "79.99"})
    desk.load(ROWS)
    desk.publish()
    with pytest.raises(BudgetExceeded) as refused:
        desk.top_up()
    assert refused.value.details == {"limit": 7999, "would_be": 8000, "budget": "total"}
    assert desk.read("SELECT count(*) FROM transactions") == [(0,)]


def test_what_is_nearly_used_up_is_told_by_the_step_that_uses_it() -> None:
    desk = FundingDesk(budget={"total": "100.00", "cards": 2, "warn_at": "80"})
    desk.load(ROWS)
    assert [limit.warning for limit in desk.publish().nearly_used] == [
        "refunds has used 2 cards of its budget.cards, 2 cards: 0 cards left."
    ]
    assert [limit.what for limit in desk.top_up().nearly_used] == [
        "refunds has used EUR 80.00 of its budget.total, EUR 100.00: EUR 20.00 left"
    ]


def test_no_warning_below_the_percentage_that_was_asked_for() -> None:
    desk = FundingDesk(budget={"total": "100.00", "warn_at": "80.0001"})
    assert desk.fund(ROWS).nearly_used == []
