"""Where each campaign stands: its state by its own clock, and figures that add up to what is owed."""

import pytest

from refundctl.operations.books.status import CampaignStanding, status
from refundctl.operations.campaigns.terms import CampaignUnknown
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.adjust import Adjust
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.transfer import Transfer
from support.desks.clerk_desk import WITH_CASH, ClerkDesk


def standing(desk: ClerkDesk, campaign: str = "refunds") -> CampaignStanding:
    [found] = status(desk.ledger, campaign).campaigns
    return found


def test_what_is_left_is_what_was_given_less_all_that_went() -> None:
    desk = ClerkDesk(WITH_CASH + "B3,cy,3000,0\n", activity_duration_after_publishing="P365D")
    desk.do(Redeem("10", "INV-1", "ana"), "c1")
    desk.do(Adjust("5", "why"), "c2")
    desk.do(Request("cash"), "c3")
    found = standing(desk).totals
    assert found == {
        "paid": 160_00,
        "bonus": 6_40,  # 4 % of 100.00, 30.00 and 30.00
        "cash": 20_00,
        "fee": 0,
        "adjusted": 5_00,
        "redeemed": 10_00,
        "expired": 0,
        "cashed_out": 30_00,
        "lapsed": 1_20,
        "outstanding": 130_20,
    }
    assert standing(desk).next_expiry == "2021-05-01"
    desk.at("2021-05-02T00:00:00Z")
    later = standing(desk)
    assert (later.totals["expired"], later.totals["outstanding"], later.next_expiry) == (130_20, 0, None)


def test_lines_and_bookings_are_counted_as_what_they_are_to_the_campaign() -> None:
    rows = "booking_id,refund_id,customer_id,order_amount,refund_amount,status\n"
    rows += "B1,r1,ana,3000,1000,cancelled\nB1,r2,ana,3000,2000,cancelled\nB2,,ben,9000,9000,cancelled\n"
    rows += "B3,,cy,500,500,flown\n"
    desk = ClerkDesk(rows, eligible={"status": ["cancelled"]}, budget={"per_card": "60.00", "total": "100.00"})
    counts = standing(desk).counts
    names = ("bookings", "refund_lines", "published", "funded", "over_cap", "undone")
    # B2 is over the cap for one card, and still one of those that are looked at; B3 is none of them.
    assert [counts[name] for name in names] == [2, 3, 1, 2, 1, 0]
    desk.load("booking_id,refund_id,customer_id,order_amount,refund_amount,status\nB1,r1,ana,3000,1000,flown\n")
    assert standing(desk).counts["funded_not_eligible"] == 1


def test_what_was_done_at_the_desk_is_counted() -> None:
    desk = ClerkDesk(WITH_CASH + "B3,cy,3000,0\nB4,dee,3000,0\n")
    for deed, card in ((Disable(), "c1"), (Request("cash"), "c2"), (Transfer(), "c3"), (Deactivate(), "c4")):
        desk.do(deed, card)
    counts = standing(desk).counts
    names = ("disabled", "frozen", "transferred", "deactivated", "cash_debts_open")
    assert [counts[name] for name in names] == [1, 1, 1, 1, 2]


def test_a_campaign_is_paused_before_it_is_ended_and_ended_the_day_after_its_last() -> None:
    desk = ClerkDesk(expiration_date="2020-06-30", timezone="Europe/Warsaw")
    desk.at("2020-06-30T21:59:59Z")
    assert standing(desk).state == "active"
    desk.at("2020-06-30T22:00:00Z")
    assert standing(desk).state == "ended"
    desk.pause("wrong amounts")
    found = standing(desk)
    assert found.state == "paused"
    assert found.pause is not None


def test_a_budget_is_told_with_what_is_left_of_it() -> None:
    assert standing(ClerkDesk()).budget is None
    budget = {"total": "160.00", "cards": 2, "per_card": "104.00", "warn_at": "97.5"}
    found = standing(ClerkDesk(budget=budget))
    assert (found.totals["budget_used"], found.totals["budget_left"]) == (156_00, 4_00)
    assert found.as_json()["budget"] == {
        "total": {"limit": 160_00, "used": 156_00, "left": 4_00},
        "bonus": None,
        "cards": {"limit": 2, "used": 2, "left": 0},
        "per_card": 104_00,
        "per_customer": None,
        "warnings": [
            "refunds has used EUR 156.00 of its budget.total, EUR 160.00: EUR 4.00 left.",
            "refunds has used 2 cards of its budget.cards, 2 cards: 0 cards left.",
        ],
    }


def test_all_campaigns_or_one_or_none() -> None:
    assert status(None, None).campaigns == ()
    desk = ClerkDesk()
    desk.also("flights", currency="USD")
    assert [found.campaign for found in status(desk.ledger, None).campaigns] == ["refunds", "flights"]
    assert standing(desk, "flights").as_json()["totals"]["USD"]["paid"] == 0
    assert (status(desk.ledger, None).as_json(), status(None, None).rehearsal) == ({"clock": "system"}, False)
    with pytest.raises(CampaignUnknown):
        status(desk.ledger, "hotels")
