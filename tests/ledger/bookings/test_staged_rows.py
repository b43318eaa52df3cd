"""What all stagings share: rejects in the order of their lines, columns by their names, and all of a file or nothing."""

import pytest

from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.people.staged_people import StagedPeople
from support.desks.staging_desk import StagingDesk


def test_rejects_are_those_of_their_file_in_the_order_of_their_lines() -> None:
    rows = StagedRows(StagingDesk().ledger.connection)
    rows.reject(1, [(10, "email", "malformed_email", "an address"), (9, "name", "formula", "a formula")])
    rows.reject(2, [(2, "email", "malformed_email", "an address")])
    assert list(rows.rejects_of(1)) == [
        RejectedRow(9, "name", "formula", "a formula"),
        RejectedRow(10, "email", "malformed_email", "an address"),
    ]
    assert list(rows.rejects_of(3)) == []
    assert rows.count_rejects() == {"formula": 1, "malformed_email": 2}


def test_texts_are_staged_by_the_names_of_their_columns_and_unknown_ones_are_left() -> None:
    rows = StagedPeople(StagingDesk().ledger.connection)
    rows.add(1, [2, 5], {"name": ["Ana", None], "seat": ["12A", "12B"], "customer_id": ["ana", "bo"]})
    found = rows.connection.execute(
        "SELECT file, physical_line, customer_id, name, email FROM staged_people"
    ).fetchall()
    assert found == [(1, 2, "ana", "Ana", None), (1, 5, "bo", None, None)]


def test_a_file_of_which_reading_fails_leaves_nothing() -> None:
    ledger = StagingDesk().ledger
    rows = StagedRows(ledger.connection)
    with rows.reading(1, "default"):
        rows.reject(1, [(2, "name", "formula", "kept")])
    with pytest.raises(TypeError), ledger.unlocked(), rows.reading(2, "default"):
        rows.reject(2, [(2, "name", "formula", "gone"), None])  # type: ignore[list-item]
    assert [reject.reason for file in (1, 2) for reject in rows.rejects_of(file)] == ["kept"]


def test_the_next_call_begins_with_nothing() -> None:
    connection = StagingDesk().ledger.connection
    StagedRows(connection).reject(1, [(2, "name", "formula", "why")])
    assert StagedRows(connection).count_rejects() == {}
