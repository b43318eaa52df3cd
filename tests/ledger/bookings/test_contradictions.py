"""Rows of one call that contradict or repeat each other, whichever comes first."""

import pytest

from support.desks.staging_desk import StagingDesk


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ("B1,a,ana,100,50,EUR\nB1,b,bo,100,50,EUR\n", "customer_id"),
        ("B1,a,ana,100,50,EUR\nB1,b,ana,100,50,USD\n", "currency"),
        ("B1,a,ana,100,50,EUR\nB1,b,ana,101,50,EUR\n", "order_amount"),
        ("B1,a,ana,100,50,EUR\nB1,a,ana,100,51,EUR\n", "refund_id"),
    ],
)
def test_all_rows_of_a_contradiction_are_set_aside(rows: str, field: str) -> None:
    header = "booking_id,refund_id,customer_id,order_amount,refund_amount,currency\n"
    expected = [(2, field, "contradiction"), (3, field, "contradiction")]
    for some in (rows, "".join(reversed(rows.splitlines(keepends=True)))):
        desk = StagingDesk()
        done = desk.load(f"{header}{some}B2,,ana,7,7,EUR\n")
        assert (done.rejects, done.counts) == (expected, (1, 0, 0))


def test_a_repeat_counts_as_unchanged_and_shares_the_fate_of_its_like() -> None:
    desk = StagingDesk()
    header = "booking_id,refund_id,order_amount,refund_amount\n"
    assert desk.load(f"{header}B1,a,100,60\nB1,a,100,60\n").counts == (1, 0, 1)
    again = desk.load(f"{header}B1,b,100,41\nB1,b,100,41\n")
    assert [line for line, *_ in again.rejects] == [2, 3]
