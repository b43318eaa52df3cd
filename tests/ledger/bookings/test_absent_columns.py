"""What a file says nothing about stays as the ledger knows it; a blank cell does say something."""

import pytest

from support.desks.staging_desk import StagingDesk

LINES = "SELECT booking_id, cancelled_at, tickets, cash_amount_minor, bonus_amount_minor FROM refund_lines ORDER BY 1"
SEGMENTS = """
    SELECT booking_id, source, status, channel, tier
    FROM refund_lines JOIN segments ON segments.id = segment ORDER BY booking_id
"""


@pytest.fixture
def desk() -> StagingDesk:
    return StagingDesk()


def test_a_column_that_is_not_there_takes_nothing_away_and_a_blank_cell_does(desk: StagingDesk) -> None:
    desk.load("booking_id,order_amount,cancelled_at,tickets,bonus_amount\nB1,1000,2020-04-01,2,50\n")
    assert desk.load("booking_id,order_amount\nB1,1000\n").counts == (0, 0, 1)
    assert desk.load("booking_id,order_amount\nB1,900\n").counts == (0, 1, 0)
    assert desk.read(LINES) == [("B1", "2020-04-01", 2, 0, 50)]
    assert desk.load("booking_id,order_amount,tickets,bonus_amount\nB1,900,,\n").counts == (0, 1, 0)
    assert desk.read(LINES) == [("B1", "2020-04-01", None, 0, 0)]


def test_what_stays_owed_in_cash_is_never_more_than_is_owed_now(desk: StagingDesk) -> None:
    desk.load("booking_id,order_amount,cash_amount\nB1,1000,600\n")
    for order, cash in ((700, 600), (500, 500), (1000, 500)):
        desk.load(f"booking_id,order_amount\nB1,{order}\n")
        assert desk.read("SELECT cash_amount_minor FROM refund_lines") == [(cash,)]


def test_each_line_keeps_its_own_descriptive_values(desk: StagingDesk) -> None:
    desk.load("booking_id,order_amount,status,channel,tier\nB1,10,booked,web,gold\nB2,10,booked,,silver\n")
    desk.load("booking_id,order_amount,status,channel\nB1,10,cancelled,\nB2,10,cancelled,\nB3,10,cancelled,\n")
    assert desk.read(SEGMENTS) == [
        ("B1", "default", "cancelled", None, "gold"),
        ("B2", "default", "cancelled", None, "silver"),
        ("B3", "default", "cancelled", None, None),
    ]


def test_the_source_is_the_one_that_brought_the_row_last(desk: StagingDesk) -> None:
    desk.load("booking_id,order_amount,tier\nB1,10,gold\n")
    desk.load("booking_id,order_amount\nB1,9\n", source="shop")
    assert desk.read(SEGMENTS) == [("B1", "shop", None, None, "gold")]
