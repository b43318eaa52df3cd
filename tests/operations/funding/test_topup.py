"""Why open refund lines were not funded, and what is noted without a card."""

from refundctl.ledger.cards import pool
from refundctl.operations.funding.topup import NOT_PUBLISHED
from support.desks.funding_desk import FundingDesk

ROWS = "booking_id,order_amount,cash_amount\nB1,1000,0\nB2,1000,1000\nB3,1000,200\n"


def test_without_a_card_only_what_is_owed_in_cash_is_noted() -> None:
    desk = FundingDesk()
    desk.load(ROWS)
    found = desk.top_up()
    assert (found.funded, found.paid_minor, found.cash_minor) == (1, 0, 1000)
    assert (found.skipped_by_reason, found.short) == ({NOT_PUBLISHED: 2}, 0)
    desk.publish()
    found = desk.top_up()
    assert (found.funded, found.paid_minor, found.cash_minor, found.already_funded) == (2, 1800, 200, 1)


def test_a_pool_that_has_none_left_is_told_as_such() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=1)
    found = desk.fund(ROWS)
    assert (found.funded, found.short, found.skipped_by_reason) == (2, 1, {pool.NO_CARD_LEFT: 1})


def test_where_fees_take_all_nothing_is_funded_and_the_fee_is_noted_once() -> None:
    desk = FundingDesk(refund={"fees": [{"name": "late", "percentage": "100"}]})
    found = desk.fund("booking_id,order_amount\nB1,1000\n")
    assert (found.funded, found.kept, found.fee_minor, found.posted) == (0, 1, 1000, True)
    assert desk.top_up().posted is False
