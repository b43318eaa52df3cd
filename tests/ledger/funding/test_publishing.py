"""Who gets a card as a campaign publishes: each holder of an open line once, in order, as long as there are any."""

from refundctl.ledger.desk import card_events
from refundctl.ledger.funding.holders import Holding
from refundctl.ledger.funding.publishing import Published, bookings_without_cards, publish
from support.desks.funding_desk import FundingDesk

ROWS = "booking_id,customer_id,order_amount\nB1,ana,10\nB2,bo,10\nB3,ana,10\nB4,cy,10\n"
HELD = "SELECT id, customer, booking, ordinal FROM held_cards ORDER BY id"


def holding(*, per_customer: bool = False, makes_codes: bool = True) -> Holding:
    return Holding(1, per_customer, "2020-05-01", {0: None}, {0: None}, makes_codes)


def give(desk: FundingDesk, held: Holding, limit: int | None = None) -> tuple[Published, int]:
    """What came of it, and how many bookings are still without a card."""
    [(last,)] = desk.read("SELECT coalesce(max(id), 0) FROM cards")
    settled = desk.settled()
    with desk.run() as run_id:
        codes = [f"CODE{last + number}" for number in range(1, 9)]
        done = publish(settled, held, run_id, lambda _: codes, limit)
    return done, bookings_without_cards(settled, held)


def test_each_booking_gets_a_card_and_a_limit_leaves_the_last_ones() -> None:
    desk = FundingDesk()
    desk.load(ROWS)
    assert give(desk, holding(), limit=3) == (Published(3), 1)
    assert desk.read(HELD) == [(1, 1, 1, 1), (2, 2, 2, 1), (3, 1, 3, 1)]
    assert give(desk, holding()) == (Published(1), 0)
    assert give(desk, holding()) == (Published(0), 0)


def test_each_customer_gets_a_card_for_all_of_their_bookings() -> None:
    desk = FundingDesk(card_per="customer")
    desk.load(ROWS)
    assert give(desk, holding(per_customer=True), limit=0) == (Published(0), 4)
    assert give(desk, holding(per_customer=True)) == (Published(3), 0)
    assert [(customer, booking) for _, customer, booking, _ in desk.read(HELD)] == [(1, None), (2, None), (4, None)]


def test_the_pool_goes_first_and_then_cards_are_made_unless_the_campaign_makes_none() -> None:
    for makes_codes, done, without in ((True, Published(4), 0), (False, Published(2, 2), 2)):
        desk = FundingDesk(type="STATIC", vouchers_count=3)
        with desk.run() as run_id:
            card_events.post_event(desk.ledger.connection, 1, "disabled", None, run_id)
        desk.load(ROWS)
        assert give(desk, holding(makes_codes=makes_codes)) == (done, without)
        assert [(card, booking) for card, _, booking, _ in desk.read(HELD)][:2] == [(2, 1), (3, 2)]


def test_a_holder_whose_card_is_dead_gets_the_next_one() -> None:
    desk = FundingDesk()
    desk.load(ROWS)
    give(desk, holding())
    with desk.run() as run_id:
        card_events.post_event(desk.ledger.connection, 2, "deactivated", None, run_id)
        card_events.post_event(desk.ledger.connection, 3, "disabled", None, run_id)
    assert give(desk, holding()) == (Published(1), 0)
    assert desk.read(f"{HELD} DESC LIMIT 1") == [(5, 2, 2, 2)]


def test_a_line_that_is_not_open_gets_no_card() -> None:
    desk = FundingDesk(eligible={"tier": ["gold"]})
    desk.load("booking_id,order_amount,cash_amount,tier\nB1,10,0,gold\nB2,10,0,\nB3,10,10,gold\nB4,10,9,gold\n")
    assert give(desk, holding()) == (Published(2), 0)
    assert [booking for _, _, booking, _ in desk.read(HELD)] == [1, 4]
