"""Rows given back in order, in memory or through a temporary file."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import WriteFailed
from refundctl.files.tables import sorted_rows
from refundctl.files.tables.sorted_rows import SortedRow, SortedRows

ROWS = st.lists(
    st.tuples(st.sampled_from(["", "R-1", "R-10", "é", "\ud800"]), st.integers(1, 10**6), st.text(max_size=3))
)


def in_order(rows: list[SortedRow], *, rows_at_once: int = 2, size_bytes: int = 100) -> list[SortedRow]:
    waiting = SortedRows()
    for first in range(0, len(rows), rows_at_once):
        waiting.add(iter(rows[first : first + rows_at_once]), size_bytes)
    return list(waiting)


def test_rows_come_back_in_order() -> None:
    assert in_order([("R-2", 2), ("R-10", 3), ("R-2", 1, "more"), ("R-1", 4)]) == [
        ("R-1", 4),
        ("R-10", 3),
        ("R-2", 1, "more"),
        ("R-2", 2),
    ]
    assert in_order([]) == []


@given(ROWS, st.integers(1, 7), st.integers(1, 5), st.sampled_from([1, 100, 100_000]))
def test_how_much_is_in_memory_never_matters(rows: list[SortedRow], chunk_rows: int, at_once: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_rows, "CHUNK_ROWS", chunk_rows)
        assert in_order(rows, rows_at_once=at_once, size_bytes=size) == sorted(rows)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "CHUNK_ROWS", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    waiting = SortedRows()
    waiting.add([("R-1", 1)], 10)
    assert list(tmp_path.iterdir()) == []
    waiting.close()


def test_a_folder_that_takes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "CHUNK_ROWS", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(WriteFailed) as caught:
        in_order([("R-1", 1)])
    assert caught.value.message == (
        "A large file's rows are sorted in a temporary file, which can't be written: No such file or directory. Make "
        "room in the folder for temporary files, or set TMPDIR to another."
    )
