"""What a plan binds, and what a person is told to look at before money moves."""

from refundctl.ledger.funding import plans
from refundctl.ledger.funding.plans import NotedBookings
from refundctl.ledger.funding.settled_lines import Settled
from refundctl.operations.funding.publish import publish
from refundctl.operations.funding.topup import top_up
from support.desks.funding_desk import FundingDesk

ROWS = "B1,ana,Ana Nowak,ana@example.org,100\nB2,ben,ana nowak,ANA@example.org,100\nB3,cat,Cat,cat@example.org,100\n"
HEADER = "booking_id,customer_id,name,email,order_amount\n"


def funded(rows: str, desk: FundingDesk | None = None) -> tuple[Settled, plans.GivenAmounts]:
    """The lines that one step gave cards and money."""
    desk = desk or FundingDesk()
    desk.load(HEADER + rows)
    settled = desk.settled()
    with desk.run() as run_id:
        publish(desk.ledger, desk.terms, settled, run_id)
        top_up(desk.ledger, desk.terms, settled, run_id)
    return settled, plans.find_amounts(settled, 0)


def test_the_digest_is_of_what_lines_are_given_not_of_their_numbers() -> None:
    digest = plans.lines_digest(funded(ROWS)[0])
    assert plans.lines_digest(funded("".join(reversed(ROWS.splitlines(keepends=True))))[0]) == digest
    assert plans.lines_digest(funded(ROWS.replace("cat@example.org,100", "cat@example.org,101"))[0]) != digest


def test_bookings_of_people_who_look_like_one() -> None:
    _, given = funded(ROWS)
    assert plans.sharing_an_email(given) == NotedBookings(2, ["B1", "B2"])
    assert plans.sharing_name_and_amount(given) == NotedBookings(2, ["B1", "B2"])
    _, given = funded(ROWS.replace("ANA@example.org,100", "ben@example.org,99"))
    assert plans.sharing_an_email(given) == plans.sharing_name_and_amount(given) == NotedBookings(0)


def test_amounts_far_off_the_rest() -> None:
    rows = "".join(f"A{number},ana,,,{100 + number}\n" for number in range(19))
    _, given = funded(rows + "B1,ana,,,10000\n")
    assert plans.far_off(given) == (NotedBookings(1, ["B1"]), 228)  # the third quartile is 1.14
    assert given.largest()[:2] == [("B1", 10000), ("A18", 118)]
    _, given = funded(rows)
    assert plans.far_off(given) == (NotedBookings(0), 0)  # of fewer than 20 there is no rest


def test_only_what_was_just_funded_is_given() -> None:
    desk = FundingDesk()
    funded("B1,ana,,,100\n", desk)
    before = desk.read("SELECT max(id) FROM transactions")[0][0]
    settled, _ = funded("B2,ana,,,50\n", desk)
    assert plans.find_amounts(settled, before).largest() == [("B2", 50)]


def test_bookings_without_a_number_of_tickets_where_a_fee_is_per_ticket() -> None:
    desk = FundingDesk(refund={"fees": [{"name": "late", "when": {"tier": ["gold"]}, "per_ticket": "0.10"}]})
    desk.load("booking_id,order_amount,tickets,tier\nB1,100,,gold\nB2,100,1,gold\nB3,100,,\n")
    assert plans.without_tickets(desk.settled()) == NotedBookings(1, ["B1"])


def test_what_nobody_has_approved_adds_up() -> None:
    desk = FundingDesk()
    funded(ROWS, desk)
    assert plans.unapproved_minor(desk.ledger.connection, 1) == 300
