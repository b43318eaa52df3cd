"""What becomes transactions as cards are topped up: each open line once, onto its holder's newest live card."""

from refundctl.ledger.desk import card_events
from refundctl.ledger.funding.settled_lines import BONUS_SLOT, FEE_SLOT
from refundctl.ledger.funding.topping_up import BACK_SLOT, CASH_SLOT, PostedCredits, top_up
from support.desks.funding_desk import FundingDesk

POSTED = "SELECT card, line, bucket, amount_minor, entry, funding, reason FROM transactions ORDER BY line, entry"
NOTHING = PostedCredits(0, 0, 0, 0, 0, 0)
REFUND = {
    "fees": [{"name": "late", "fixed": "1.00"}],
    "bonuses": [{"name": "gold", "percentage": "10", "when": {"tier": ["gold"]}}],
}


def post(desk: FundingDesk) -> PostedCredits:
    settled, holding = desk.settled(), desk.terms.holding(desk.ledger.clock.now)
    with desk.run() as run_id:
        return top_up(settled, holding, run_id)


def test_each_part_and_each_rules_share_is_an_entry_of_its_own_and_posted_once() -> None:
    desk = FundingDesk(refund=REFUND)
    desk.load(
        "booking_id,order_amount,cash_amount,bonus_amount,tier\n"
        "B1,1000,200,50,gold\nB2,80,0,0,\nB3,300,300,0,gold\nB4,100,0,20,\nB5,60,60,30,\n"
    )
    desk.publish()
    # B1: 10.00, less 2.00 in cash and a fee of 1.00. Of B2 and B4 the fee takes all, but B4 gets its bonus back.
    assert post(desk) == PostedCredits(4, 1, 7_00, 70 + 50 + 20 + 30, 1_00 + 80 + 1_00, 2_00 + 3_00 + 60)
    assert desk.read(POSTED) == [
        (1, 1, "paid", 7_00, 1, 1, None),
        (1, 1, "bonus", 50, BACK_SLOT, 1, None),
        (None, 1, "cash", 2_00, CASH_SLOT, 1, None),
        (1, 1, "bonus", 70, BONUS_SLOT, 1, "gold"),
        (None, 1, "fee", 1_00, FEE_SLOT, 1, "late"),
        (None, 2, "fee", 80, 1, 1, "late"),
        (None, 3, "cash", 3_00, 1, 1, None),
        (2, 4, "bonus", 20, 1, 1, None),
        (None, 4, "fee", 1_00, FEE_SLOT, 1, "late"),
        (3, 5, "bonus", 30, 1, 1, None),
        (None, 5, "cash", 60, CASH_SLOT, 1, None),
    ]
    assert post(desk) == NOTHING


def test_a_line_without_a_live_card_waits_with_all_that_it_is_owed() -> None:
    desk = FundingDesk(refund=REFUND)
    desk.load("booking_id,order_amount,cash_amount\nB1,1000,200\nB2,1000,0\n")
    assert post(desk) == NOTHING
    desk.publish()
    with desk.run() as run_id:
        card_events.post_event(desk.ledger.connection, 1, "deactivated", None, run_id)
        card_events.post_event(desk.ledger.connection, 2, "disabled", None, run_id)
    assert post(desk) == PostedCredits(1, 0, 9_00, 0, 1_00, 0)
    assert desk.read("SELECT DISTINCT line FROM transactions") == [(2,)]


def test_the_newest_of_a_holders_live_cards_is_topped_up() -> None:
    desk = FundingDesk(card_per="customer")
    desk.fund("booking_id,order_amount\nB1,100\n")
    with desk.run() as run_id:
        made = "INSERT INTO cards (campaign, code, customer, ordinal, run_id) VALUES (1, ?, 1, ?, ?)"
        desk.ledger.connection.executemany(made, [("SECOND", 2, run_id), ("THIRD", 3, run_id)])
        card_events.post_event(desk.ledger.connection, 3, "deactivated", None, run_id)
    desk.load("booking_id,order_amount\nB2,200\n")
    assert post(desk).paid_minor == 200
    assert desk.read("SELECT card, balance_minor FROM card_balances") == [(1, 100), (2, 200)]


def test_a_later_top_up_gives_a_card_more_time_and_never_less() -> None:
    validity = [{"when": {"tier": ["gold"]}, "duration": "P2Y"}, {"when": {"tier": ["short"]}, "duration": "P1D"}]
    desk = FundingDesk(card_per="customer", validity=validity, activity_duration_after_publishing="P1Y")
    last_day = "SELECT expires_on FROM card_expiries"
    for booking, tier, day in (("B1", "", "2021-05-01"), ("B2", "short", "2021-05-01"), ("B3", "gold", "2022-05-01")):
        desk.fund(f"booking_id,order_amount,tier\n{booking},100,{tier}\n")
        assert desk.read(last_day) == [(day,)]
    assert desk.read("SELECT card, expires_on FROM extensions") == [(1, "2022-05-01")]


def test_where_nothing_goes_onto_a_card_cash_and_fees_are_noted_all_the_same() -> None:
    desk = FundingDesk(refund={"fees": [{"name": "late", "fixed": "1.00"}], "offers": [{"offer": "cash"}]})
    desk.load("booking_id,order_amount\nB1,1000\nB2,100\n")
    settled = desk.settled()
    with desk.run() as run_id:
        assert top_up(settled, None, run_id) == PostedCredits(1, 1, 0, 0, 2_00, 9_00)
