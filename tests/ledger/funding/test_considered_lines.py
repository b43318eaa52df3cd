"""What stands in the way of each refund line, and which lines a step looks at."""

from refundctl.domain.campaigns.conditions import Condition
from refundctl.ledger.funding.considered_lines import consider
from refundctl.ledger.funding.line_state import LineState, count_capped, count_skipped
from support.desks.funding_desk import FundingDesk

ROWS = """booking_id,order_amount,cash_amount,currency,status
B1,100,0,EUR,cancelled
B2,100,100,EUR,cancelled
B3,100,0,PLN,cancelled
B4,100,0,EUR,flown
"""
CANCELLED = {"eligible": {"status": ["cancelled"]}}


def test_before_and_after_funding() -> None:
    desk = FundingDesk(**CANCELLED)
    desk.load(ROWS)
    assert desk.states() == {
        "B1": LineState.OPEN,
        "B2": LineState.CASH_ONLY,
        "B3": LineState.OTHER_CURRENCY,
        "B4": LineState.NOT_ELIGIBLE,
    }
    desk.publish()
    desk.top_up()
    assert desk.states() == {
        "B1": LineState.FUNDED,
        "B2": LineState.FUNDED_IN_CASH,
        "B3": LineState.OTHER_CURRENCY,
        "B4": LineState.NOT_ELIGIBLE,
    }


def test_what_was_funded_stays_so_when_it_is_no_longer_eligible_or_withdrawn() -> None:
    desk = FundingDesk(**CANCELLED)
    desk.fund(ROWS)
    desk.load(ROWS.replace("B1,100,0,EUR,cancelled", "B1,100,0,EUR,flown"), left_out=[("B2", "")])
    states = desk.states()
    assert (states["B1"], states["B2"]) == (LineState.FUNDED_NOT_ELIGIBLE, LineState.FUNDED_IN_CASH)
    considered = consider(desk.ledger.connection, desk.terms.judge())
    assert considered.bookings_in_state(LineState.FUNDED_NOT_ELIGIBLE) == ["B1"]


def test_a_booking_is_what_the_lowest_of_its_lines_says() -> None:
    desk = FundingDesk(refund={"offers": [{"when": {"tickets": [2]}, "offer": "none"}]})
    desk.load(
        "booking_id,refund_id,order_amount,refund_amount,tickets\nB1,r1,100,50,2\nB1,r2,100,50,1\nB2,r1,100,50,2\n"
    )
    settled = desk.settled()
    assert settled.count_lines() == {LineState.OPEN: 1, LineState.OFFER_NONE: 2}
    assert settled.count_bookings() == {LineState.OPEN: 1, LineState.OFFER_NONE: 1}
    assert count_skipped(settled.count_lines()) == {"offer_none": 2}


def test_only_those_are_looked_at_that_are_asked_for() -> None:
    desk = FundingDesk()
    desk.load("booking_id,customer_id,order_amount,tier\nB1,ana,100,gold\nB2,ana,100,\nB3,ben,100,gold\n")
    judge, connection = desk.terms.judge(), desk.ledger.connection
    assert list(consider(connection, judge, booking=2).states()) == [2]
    assert list(consider(connection, judge, customer=1).states()) == [1, 2]
    assert list(consider(connection, desk.terms.judge(Condition.parse({"tier": ["gold"]}))).states()) == [
        1,
        3,
    ]


def test_why_bookings_are_not_eligible_is_told_by_what_they_have_in_common() -> None:
    desk = FundingDesk(**CANCELLED)
    desk.load("booking_id,order_amount,status\nB1,100,flown\nB2,100,flown\nB3,100,\nB4,100,cancelled\n")
    reasons = {values["status"]: (withdrawn, count) for values, withdrawn, count in desk.settled().not_eligible()}
    assert reasons == {"flown": (False, 2), None: (False, 1)}
    assert desk.publish().not_eligible == {"status is flown": 2, "status is blank": 1}


def test_all_lines_of_a_card_over_its_cap_are_left_out() -> None:
    desk = FundingDesk(card_per="customer", budget={"per_card": "2.00"})
    desk.load("booking_id,customer_id,order_amount\nB1,ana,150\nB2,ana,51\nB3,ben,200\n")
    assert desk.states() == {"B1": LineState.OVER_CARD_CAP, "B2": LineState.OVER_CARD_CAP, "B3": LineState.OPEN}
    settled = desk.settled()
    assert (count_capped(settled.count_lines()), settled.count_capped_bookings()) == (2, 2)
    assert desk.publish().skipped_by_reason == {"per_card": 2}


def test_cards_never_expire_by_the_country_of_the_booking_or_of_the_person() -> None:
    desk = FundingDesk(no_expiry_in=["US-ME"], activity_duration_after_publishing="P1Y")
    desk.load("booking_id,customer_id,order_amount,country\nB1,ana,100,US-ME\nB2,ben,100,PL\nB3,cat,100,\n")
    desk.load_people("customer_id,country\ncat,US-ME\n")
    desk.publish()
    cards = "SELECT booking_id, expires_on FROM cards JOIN bookings ON bookings.id = booking ORDER BY 1"
    assert desk.read(cards) == [("B1", None), ("B2", "2021-05-01"), ("B3", None)]
