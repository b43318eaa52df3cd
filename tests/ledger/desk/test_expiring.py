"""What is left on expired cards becomes breakage, once, and on the day after the last valid one."""

from refundctl.ledger.desk import card_events
from refundctl.ledger.desk.expiring import PostedBreakage, post_breakage
from support.desks.funded_desk import FundedDesk
from support.desks.funding_desk import FundingDesk

LAST_DAY, DAY_AFTER = "2021-06-01", "2021-06-02"
NOTHING = PostedBreakage(0, 0, 0)


def expire(desk: FundedDesk, today: str, campaign: int = 1) -> PostedBreakage:
    return post_breakage(desk.connection, campaign, today, "year's end", desk.run_id)


def test_the_last_valid_day_is_over_before_anything_is_booked_and_then_once(desk: FundedDesk) -> None:
    assert expire(desk, LAST_DAY) == NOTHING
    assert expire(desk, DAY_AFTER, campaign=2) == NOTHING
    # 75.00 of 100.00 are left, 30.00, and 30.00 with a bonus of 5.00.
    assert expire(desk, DAY_AFTER) == PostedBreakage(3, 135_00, 5_00)
    assert expire(desk, DAY_AFTER) == NOTHING
    assert desk.written("card, type, bucket, amount_minor, contra_account, reason", "transactions") == [
        (1, "CREDITS_REMOVAL", "paid", -75_00, "breakage", "year's end"),
        (2, "CREDITS_REMOVAL", "paid", -30_00, "breakage", "year's end"),
        (3, "CREDITS_REMOVAL", "paid", -30_00, "breakage", "year's end"),
        (3, "CREDITS_REMOVAL", "bonus", -5_00, "breakage", "year's end"),
    ]


def test_an_extended_card_lives_on_and_a_deactivated_one_expires_too(desk: FundedDesk) -> None:
    card_events.extend(desk.connection, 1, DAY_AFTER, desk.run_id)
    card_events.post_event(desk.connection, 3, "deactivated", None, desk.run_id)
    assert expire(desk, DAY_AFTER) == PostedBreakage(2, 60_00, 5_00)
    assert expire(desk, "2021-06-03") == PostedBreakage(1, 75_00, 0)


def test_a_card_without_a_last_day_never_expires() -> None:
    desk = FundingDesk()
    desk.fund("booking_id,order_amount\nB1,1000\n")
    with desk.run() as run_id:
        assert post_breakage(desk.ledger.connection, 1, "9999-12-31", None, run_id) == NOTHING
