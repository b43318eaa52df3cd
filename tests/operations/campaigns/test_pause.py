"""While a campaign is paused, nothing is published or topped up."""

import pytest

from refundctl.operations.campaigns.pause import CampaignPaused, switch
from support.desks.funding_desk import FundingDesk


def test_a_switch_is_thrown_once_each_way() -> None:
    desk = FundingDesk()
    desk.load("booking_id,order_amount\nB1,100\n")
    with desk.run() as run_id:
        switched = switch(desk.ledger, desk.terms, "paused", "wrong amounts", run_id)
        again = switch(desk.ledger, desk.terms, "paused", "really", run_id)
    assert (switched.counts, again.counts) == ({"paused": 1}, {"paused": 0})
    assert again.pause == switched.pause
    for step in (desk.publish, desk.top_up):
        with pytest.raises(CampaignPaused, match="wrong amounts"):
            step()
    with desk.run() as run_id:
        assert switch(desk.ledger, desk.terms, "resumed", None, run_id).counts == {"resumed": 1}
        assert switch(desk.ledger, desk.terms, "resumed", None, run_id).counts == {"resumed": 0}
    assert (desk.publish().published, desk.top_up().funded) == (1, 1)
