"""What a person is told to look at before money moves."""

from refundctl.ledger.funding import plan_warnings
from refundctl.ledger.funding.plan_warnings import GivenAmounts, NotedBookings
from support.desks.funding_desk import FundingDesk

ROWS = "B1,ana,Ana Nowak,ana@example.org,100\nB2,ben,ana nowak,ANA@example.org,100\nB3,cat,Cat,cat@example.org,100\n"
HEADER = "booking_id,customer_id,name,email,order_amount\n"


def given_by(rows: str) -> GivenAmounts:
    """What one step gave for these bookings."""
    return plan_warnings.find_amounts(FundingDesk().fund_considered(HEADER + rows), 0)


def test_bookings_of_people_who_look_like_one() -> None:
    given = given_by(ROWS)
    assert plan_warnings.sharing_an_email(given) == NotedBookings(2, ["B1", "B2"])
    assert plan_warnings.sharing_name_and_amount(given) == NotedBookings(2, ["B1", "B2"])
    given = given_by(ROWS.replace("ANA@example.org,100", "ben@example.org,99"))
    assert plan_warnings.sharing_an_email(given) == plan_warnings.sharing_name_and_amount(given) == NotedBookings(0)


def test_amounts_far_off_the_rest() -> None:
    rows = "".join(f"A{number},ana,,,{100 + number}\n" for number in range(19))
    given = given_by(rows + "B1,ana,,,10000\n")
    assert plan_warnings.far_off(given) == (NotedBookings(1, ["B1"]), 228)  # the third quartile is 1.14
    assert given.largest()[:2] == [("B1", 10000), ("A18", 118)]
    given = given_by(rows)
    assert plan_warnings.far_off(given) == (NotedBookings(0), 0)  # of fewer than 20 there is no rest


def test_only_what_was_just_funded_is_given() -> None:
    desk = FundingDesk()
    desk.fund(HEADER + "B1,ana,,,100\n")
    before = desk.read("SELECT max(id) FROM transactions")[0][0]
    settled = desk.fund_considered(HEADER + "B2,ana,,,50\n")
    assert plan_warnings.find_amounts(settled, before).largest() == [("B2", 50)]


def test_bookings_without_a_number_of_tickets_where_a_fee_is_per_ticket() -> None:
    desk = FundingDesk(refund={"fees": [{"name": "late", "when": {"tier": ["gold"]}, "per_ticket": "0.10"}]})
    desk.load("booking_id,order_amount,tickets,tier\nB1,100,,gold\nB2,100,1,gold\nB3,100,,\n")
    assert plan_warnings.without_tickets(desk.settled()) == NotedBookings(1, ["B1"])
