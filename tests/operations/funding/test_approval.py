"""Who may agree to a plan, who may apply it, and from when on somebody must."""

import pytest

from refundctl.operations.funding.approval import ApprovalRequired, by_plan, refuse_unapproved, unapproved
from support.desks.funding_desk import FundingDesk


def test_what_was_given_without_approval_may_come_to_the_limit_and_no_further() -> None:
    desk = FundingDesk(approval={"above": "10.00"})
    desk.fund("booking_id,order_amount\nB1,1000\n")
    found = unapproved(desk.ledger, desk.terms)
    assert found is not None
    assert (found.together_minor, found.above_minor, found.exceeded) == (1000, 1000, False)
    refuse_unapproved(desk.ledger, desk.terms, "ask")
    desk.fund("booking_id,order_amount\nB2,1\n")
    with pytest.raises(ApprovalRequired) as required:
        refuse_unapproved(desk.ledger, desk.terms, "ask")
    assert required.value.message == (
        "refunds would have given EUR 10.01 that nobody has approved, and needs approval above EUR 10.00: ask."
    )


def test_a_campaign_that_asks_for_no_approval_gives_what_it_likes() -> None:
    desk = FundingDesk()
    desk.fund("booking_id,order_amount\nB1,1000\n")
    assert unapproved(desk.ledger, desk.terms) is None


def test_files_are_named_in_the_advice_where_they_have_names() -> None:
    assert "`refundctl plan refunds 'my file.csv' -o PLAN`" in by_plan("refunds", ["my file.csv"])
    assert "`refundctl plan refunds FILE... -o PLAN`" in by_plan("refunds", ["-"])
