"""Reading files of bookings in tests: all blocks of a file put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings.bookings_csv import BookingsFile


@dataclass(frozen=True, slots=True)
class Reading:
    """What a whole file says. `columns` has only those that the file has."""

    file: BookingsFile
    rows: int
    lines: list[int]
    columns: dict[str, list[Any]]
    rejected: list[RejectedRow]
    filtered: int

    def column(self, name: str) -> list[Any]:
        return self.columns[name]

    def rejects(self) -> list[tuple[int, str, str]]:
        """Line, field and code of each rejected row."""
        return [(row.line, row.field, row.code) for row in self.rejected]


def read_file(content: str | bytes, source: Source | None = None, *, encoding: str | None = None) -> Reading:
    """The bookings in a file of this content, which messages call `bookings.csv`."""
    raw = content.encode() if isinstance(content, str) else content
    file = BookingsFile(BytesIO(raw), "bookings.csv", source or Source(), encoding=encoding)
    blocks = list(file.blocks())
    columns: dict[str, list[Any]] = {}
    for block in blocks:
        for name, values in block.columns.items():
            if values is not None:
                assert len(values) == len(block.lines), name
                columns.setdefault(name, []).extend(values)
    return Reading(
        file,
        rows=sum(block.rows for block in blocks),
        lines=_together([block.lines for block in blocks]),
        columns=columns,
        rejected=_together([block.rejected for block in blocks]),
        filtered=sum(block.filtered for block in blocks),
    )


def _together(parts: Sequence[Sequence[Any]]) -> list[Any]:
    return [one for part in parts for one in part]
