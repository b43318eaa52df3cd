"""Breakage: what is left on cards whose last valid day is over where their campaign is, booked once."""

from refundctl.operations.campaigns.terms import CampaignUnknown
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.expire import CampaignExpiry, expire, summed
from support.desks.clerk_desk import ClerkDesk

A_YEAR = {"activity_duration_after_publishing": "P365D"}  # through 1 May 2021


def expire_at(desk: ClerkDesk, moment: str, campaign: str | None = None) -> list[CampaignExpiry]:
    desk.at(moment)
    with desk.ledger.writing():
        return expire(desk.ledger, desk.journal("expire"), campaign, None)


def test_cards_are_valid_through_the_end_of_their_last_day_where_the_campaign_is() -> None:
    desk = ClerkDesk(**A_YEAR, timezone="America/New_York")
    runs = desk.read("SELECT count(*) FROM runs")
    assert expire_at(desk, "2021-05-02T03:59:59Z") == []  # still 1 May in New York
    assert desk.read("SELECT count(*) FROM runs") == runs
    [found] = expire_at(desk, "2021-05-02T04:00:00Z")
    assert (found.campaign, found.counts) == ("refunds", {"expired": 2})
    assert found.totals == {"EUR": {"breakage": 156_00, "paid": 150_00, "bonus": 6_00}}
    assert (desk.balance(1), desk.balance(2)) == ((0, 0), (0, 0))


def test_what_was_booked_is_not_booked_again() -> None:
    desk = ClerkDesk(**A_YEAR)
    assert len(expire_at(desk, "2021-05-02T00:00:00Z", "refunds")) == 1
    assert expire_at(desk, "2021-05-03T00:00:00Z", "refunds") == []
    assert summed([]) == ({"expired": 0}, {})


def test_days_go_by_for_a_card_that_is_blocked_and_in_a_campaign_that_is_paused() -> None:
    desk = ClerkDesk(**A_YEAR)
    desk.do(Disable(), "c1")
    desk.do(Deactivate(), "c2")
    desk.pause()
    [found] = expire_at(desk, "2021-05-02T00:00:00Z")
    assert found.breakage_minor == 156_00


def test_nothing_is_left_to_book_on_a_card_that_is_to_be_paid_out() -> None:
    desk = ClerkDesk(**A_YEAR)
    desk.do(Request("wants cash"), "c1")
    [found] = expire_at(desk, "2021-05-02T00:00:00Z")
    assert (found.counts, found.breakage_minor) == ({"expired": 1}, 52_00)


def test_a_campaign_that_there_is_not_is_refused() -> None:
    desk = ClerkDesk(**A_YEAR)
    desk.refuses_to(CampaignUnknown, "resource_not_found", lambda: expire_at(desk, "2021-05-02T00:00:00Z", "flights"))
