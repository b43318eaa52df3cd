"""Staged bookings: which file a row is of and what that lacks, which values rows share, and every line of a reject."""

from collections.abc import Sequence
from typing import Any

import pytest

from refundctl.ledger.bookings import staged_bookings
from refundctl.ledger.bookings.staged_bookings import StagedBookings
from support.desks.staging_desk import StagingDesk


@pytest.fixture
def staged() -> StagedBookings:
    return StagedBookings(StagingDesk().ledger.connection)


def rows(ids: Sequence[str], **columns: Sequence[Any] | None) -> dict[str, Sequence[Any] | None]:
    count = len(ids)
    return {
        "booking_id": ids,
        "customer_id": ["ana"] * count,
        "order_amount": [10] * count,
        "refund_amount": [10] * count,
        "currency": ["EUR"] * count,
        **columns,
    }


def segments(staged: StagedBookings) -> list[tuple[str, str, str]]:
    return staged.connection.execute(
        "SELECT booking_id, source, tier FROM staged JOIN staged_segments ON staged_segments.id = staged.segment ORDER BY staged.id"
    ).fetchall()


def test_each_file_knows_its_rows_and_the_columns_that_it_lacks(staged: StagedBookings) -> None:
    with staged.reading(1, "default"):
        staged.add([2], rows(["B1"], tier=["gold"], phone=None, tickets=None))
        staged.add([3], rows(["B2"], tier=["gold"], phone=None, tickets=None))
    with staged.reading(2, "shop"):
        staged.add([2], rows(["B3"], tier=None, phone=["1"], tickets=[2]))
    assert staged.files() == [(range(1, 3), frozenset({"phone", "tickets"})), (range(3, 4), frozenset({"tier"}))]
    assert staged.rows == 3


@pytest.mark.parametrize("remembered", [1, staged_bookings.SEGMENTS_REMEMBERED])
def test_equal_values_of_one_source_are_one_segment_however_few_are_remembered(
    staged: StagedBookings, monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    monkeypatch.setattr(staged_bookings, "SEGMENTS_REMEMBERED", remembered)
    brought = [("default", ["gold"]), ("default", ["gold", "silver"]), ("shop", ["gold"])]
    for number, (source, tiers) in enumerate(brought, start=1):
        with staged.reading(number, source):
            staged.add(range(2, len(tiers) + 2), rows([f"B{number}"] * len(tiers), tier=tiers))
    expected = [
        ("B1", "default", "gold"),
        ("B2", "default", "gold"),
        ("B2", "default", "silver"),
        ("B3", "shop", "gold"),
    ]
    assert segments(staged) == expected
    assert staged.connection.execute("SELECT count(*) FROM staged_segments").fetchone() == (3,)


def test_a_row_that_was_put_together_is_rejected_with_each_of_its_lines(staged: StagedBookings) -> None:
    with staged.reading(1, "default"):
        staged.add([2, 3], rows(["B0", "B1"]), [[], []])
    with staged.reading(2, "default"):
        staged.add([2, 4], rows(["B2", "B3"]), [[3, 7], []])
        staged.reject(2, [(5, "email", "malformed_email", "why")])
    staged.connection.execute("INSERT INTO set_aside VALUES (3, 'booking_id', 'contradiction', 'why')")
    assert [(reject.line, reject.code) for reject in staged.rejects_of(2)] == [
        (2, "contradiction"),
        (3, "contradiction"),
        (5, "malformed_email"),
        (7, "contradiction"),
    ]
    assert list(staged.rejects_of(1)) == []
    assert staged.count_rejects() == {"contradiction": 3, "malformed_email": 1}


def test_what_a_source_leaves_out_is_noted_under_its_name(staged: StagedBookings) -> None:
    for number, source in enumerate(("default", "shop"), start=1):
        with staged.reading(number, source):
            staged.leave_out([(f"B{number}", "")])
    found = staged.connection.execute("SELECT * FROM filtered_lines ORDER BY 1").fetchall()
    assert found == [("B1", "", "default"), ("B2", "", "shop")]
