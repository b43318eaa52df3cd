"""Who has agreed to what a run gives, and what was given without anybody's approval."""

from refundctl.ledger.funding.approvals import approval_of, post_approval, unapproved_minor
from support.desks.funding_desk import NAME, FundingDesk

PLAN = "7f" * 32
ROWS = "booking_id,order_amount\nB1,100\nB2,200\n"


def test_an_approval_is_of_one_plan_and_names_who_gave_it() -> None:
    desk = FundingDesk()
    connection = desk.ledger.connection
    assert approval_of(connection, PLAN) is None
    with desk.run() as run_id:
        post_approval(connection, PLAN, NAME, run_id)
    approved = approval_of(connection, PLAN)
    assert approved is not None
    operator, user_id = desk.read("SELECT operator, user_id FROM runs ORDER BY id DESC LIMIT 1")[0]
    assert (approved.run_id, approved.operator, approved.user_id) == (run_id, operator, user_id)
    assert approval_of(connection, PLAN[::-1]) is None


def test_what_nobody_has_approved_adds_up() -> None:
    desk = FundingDesk()
    desk.fund(ROWS)
    assert unapproved_minor(desk.ledger.connection, 1) == 300
    assert unapproved_minor(desk.ledger.connection, 2) == 0
