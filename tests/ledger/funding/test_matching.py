"""Which conditions a refund line meets: by its segment, by ranges, and by what only the line itself has."""

from collections.abc import Mapping

import pytest

from refundctl.domain.campaigns.conditions import Condition
from refundctl.ledger.funding.matching import customer_total, matcher
from support.desks.staging_desk import StagingDesk

ROWS = """booking_id,customer_id,order_amount,refund_amount,tickets,booked_at,tier,country,locale,email,metadata
B1,ana,10000,9000,2,2020-03-01,gold,PL,pl-PL,ana@example.org,"{""hotel"":""sea""}"
B2,ana,5000,5000,,2020-04-30T23:59,silver,,pl-PL,ana@example.org,
B3,ben,20000,20000,9,,gold,DE,de-DE,ben@example.org,"{""hotel"":""hill""}"
"""


def met(desk: StagingDesk, *conditions: Mapping[str, object]) -> list[tuple[str, int]]:
    """Each booking with the bits of the conditions it meets, the first being bit 0."""
    connection = desk.ledger.connection
    matches = matcher(connection, [Condition.parse(each) for each in conditions], "EUR", "asked")
    return desk.read(
        f"""
        SELECT booking_id, {matches.sql} FROM line_versions AS now
        JOIN asked ON asked.segment = now.segment JOIN bookings ON bookings.id = now.booking ORDER BY 1
        """
    )


@pytest.fixture(scope="module")
def desk() -> StagingDesk:
    desk = StagingDesk()
    desk.load(ROWS)
    return desk


@pytest.mark.parametrize(
    ("condition", "bookings"),
    [
        ({}, "B1 B2 B3"),
        ({"tier": ["GOLD"]}, "B1 B3"),
        ({"country": [""]}, "B2"),
        ({"refund_amount": {"min": "50.00", "max": "90.00"}}, "B1 B2"),
        ({"refund_amount": {"min": "90.01"}}, "B3"),
        ({"tickets": {"min": 2, "max": 8}}, "B1"),
        ({"tickets": [9, ""]}, "B2 B3"),
        ({"booked_at": {"from": "2020-03-01", "to": "2020-04-30"}}, "B1 B2"),  # all of the last day
        ({"booked_at": {"to": "2020-03-01"}}, "B1"),
        ({"metadata.hotel": ["sea", "lake"]}, "B1"),
        ({"locale": ["de-DE"], "tier": ["gold"]}, "B3"),
        ({"customer_total": {"min": "150.00", "max": "150.00"}}, "B1 B2"),
        ({"locale": ["pl-PL"], "metadata.hotel": ["sea"]}, "B1"),
    ],
)
def test_a_condition(desk: StagingDesk, condition: Mapping[str, object], bookings: str) -> None:
    assert " ".join(booking for booking, bits in met(desk, condition) if bits) == bookings


def test_each_condition_has_its_bit(desk: StagingDesk) -> None:
    found = met(desk, {"tier": ["gold"]}, {"tickets": {"min": 3}}, {"metadata.hotel": ["sea"]})
    assert found == [("B1", 0b101), ("B2", 0), ("B3", 0b011)]


def test_the_country_of_a_person_counts_where_the_booking_has_none() -> None:
    desk = StagingDesk()
    desk.load(ROWS)
    desk.load_people("customer_id,country\nana,FR\nben,FR\n")
    assert met(desk, {"country": ["FR"]}) == [("B1", 0), ("B2", 1), ("B3", 0)]


def test_a_customers_total_counts_each_booking_once_and_what_is_withdrawn_not_at_all() -> None:
    desk = StagingDesk()
    desk.load("booking_id,refund_id,order_amount,refund_amount\nB1,r1,100,50\nB1,r2,100,50\nB2,,50,50\nB3,,7,7\n")
    desk.load("booking_id,order_amount\n", left_out=[("B3", "")])
    assert customer_total(desk.ledger.connection, 1, "EUR") == 150
    assert met(desk, {"customer_total": {"min": "1.50", "max": "1.50"}})[0] == ("B1", 1)
