"""What a load says that refund lines are owed together, for each currency: what came in new, and what its files tell."""

from typing import Any

from refundctl.ledger.bookings.contradictions import find_contradictions
from refundctl.ledger.bookings.line_totals import new_line_totals, staged_totals
from refundctl.ledger.bookings.staged_bookings import StagedBookings
from support.desks.staging_desk import StagingDesk

HEADER = "booking_id,refund_id,order_amount,refund_amount,currency\n"


def test_only_lines_that_came_in_since_count_and_no_later_version() -> None:
    desk = StagingDesk()
    desk.load(f"{HEADER}B1,,1000,400,EUR\n")
    desk.load(f"{HEADER}B1,,1000,500,EUR\nB2,,300,300,EUR\nB3,,70,20,JPY\n")
    connection = desk.ledger.connection
    both = {"EUR": {"total": 300, "order_amount": 300}, "JPY": {"total": 20, "order_amount": 70}}
    assert new_line_totals(connection, 1) == both
    assert new_line_totals(connection, 0) == {**both, "EUR": {"total": 700, "order_amount": 1300}}
    assert new_line_totals(connection, 4) == {}


def test_files_tell_of_all_rows_that_stand_also_of_one_that_is_there_twice() -> None:
    staged = StagedBookings(StagingDesk().ledger.connection)
    rows: dict[str, Any] = {
        "booking_id": ["B1", "B1", "B2", "B2", "B3"],
        "customer_id": ["ana", "ana", "bo", "cy", "ana"],
        "order_amount": [100, 100, 40, 40, 7],
        "refund_amount": [60, 60, 40, 40, 7],
        "currency": ["EUR", "EUR", "EUR", "EUR", "JPY"],
        "refund_id": [None] * 5,
    }
    with staged.reading(1, "default"):
        staged.add(range(2, 7), rows)
    find_contradictions(staged)
    assert staged_totals(staged) == {
        "EUR": {"total": 120, "order_amount": 200},  # B2 is of two customers, and so set aside
        "JPY": {"total": 7, "order_amount": 7},
    }
