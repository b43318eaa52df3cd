"""What a campaign has given, on all its cards and to one customer, net of what was taken back."""

from refundctl.ledger.funding import budgets
from support.desks.funding_desk import FundingDesk


def test_what_counts_against_a_budget() -> None:
    desk = FundingDesk(refund={"bonuses": [{"name": "gold", "percentage": "10"}]})
    desk.fund("booking_id,customer_id,order_amount,cash_amount\nB1,ana,1000,300\nB2,ben,500,500\n")
    # 7.00 on a card and 0.70 on top of it; what is owed in cash counts for no card.
    assert budgets.used(desk.ledger.connection, 1) == budgets.Used(total_minor=770, bonus_minor=70, cards=1)
    assert [budgets.given_to(desk.ledger.connection, 1, customer) for customer in (1, 2)] == [770, 0]
