"""What all tables have in common: a file read up to its header, and rows below it that are taken or rejected."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from operator import attrgetter
from typing import Any, BinaryIO, Generic, TypeVar

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import Fault, RejectedRow
from refundctl.domain.bookings.column_faults import Faults
from refundctl.files.tables.csv_rows import CsvRows, Row
from refundctl.files.tables.encoded_text import TextBytes, find_encoding
from refundctl.files.tables.headers import TableHeader

FoundHeader = TypeVar("FoundHeader", bound=TableHeader)
Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of the file: the accepted ones as columns, the rejected ones one by one, the filtered ones counted.

    `lines` are the physical lines of the accepted rows. A column that the file doesn't have may be None. Of bookings,
    `columns` has every canonical column and `metadata` (JSON texts), amounts in minor units. Where the source groups
    rows, an accepted row is a booking, its line the lowest of its rows, and `further_lines` has the others of each.
    `filtered_ids` are the booking_ids and refund_ids ('' for the whole booking) of which no row was taken.
    """

    lines: Sequence[int]
    columns: Mapping[str, Any]
    rejected: Sequence[RejectedRow]
    filtered: int = 0
    further_lines: Sequence[Sequence[int]] | None = None
    filtered_ids: Sequence[tuple[str, str]] = ()

    @property
    def rows(self) -> int:
        """Rows of the file in this block."""
        further = sum(map(len, self.further_lines or ()))
        return len(self.lines) + further + len(self.rejected) + self.filtered


class TableFile(Generic[FoundHeader]):
    """A file whose header was found; its rows can be read once.

    The stream is seekable, and `name` is what messages call it. `find` is given that and the first lines, and raises
    BadInput where they have no such header. Raises it too, and UsageError for an unknown encoding.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        find: Callable[[str, str], FoundHeader],
        *,
        encoding: str | None = None,
        told_encoding: bool = True,
    ) -> None:
        self._text = TextBytes(stream, name, find_encoding(stream, encoding))
        self._rows = CsvRows(self._text, told_encoding=told_encoding)
        self.found = find(name, self._rows.beginning())
        self._rows.begin(self.found.delimiter, len(self.found.names), after_lines=self.found.lines)
        self.name = name
        self.encoding = self._text.encoding
        self.delimiter = self.found.delimiter

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the raw bytes, whole once all rows are read."""
        return self._text.sha256

    @property
    def bytes_read(self) -> int:
        """How far the file is read, in raw bytes."""
        return self._text.bytes_read

    def rows(self) -> Iterator[Row]:
        """The rows one by one. Raises BadInput where the file can't be taken as a whole."""
        return chain.from_iterable(self._rows)


def without(
    rows: Collection[int] | Faults, lines: Sequence[Line], columns: Mapping[str, Sequence[Any] | None]
) -> tuple[Sequence[Line], dict[str, Any]]:
    """The lines and the columns without these rows (from 0); a column that is not there stays so."""
    if not rows:
        return lines, dict(columns)
    kept = [row not in rows for row in range(len(lines))]
    of_kept = {name: column and list(compress(column, kept)) for name, column in columns.items()}
    return list(compress(lines, kept)), of_kept


def rejected_at(lines: Sequence[int], faults: Iterable[tuple[int, str, Fault]]) -> list[RejectedRow]:
    """The rows at fault, each with its physical line."""
    return [RejectedRow.of(lines[row], name, fault) for row, name, fault in faults]


def wrong_width(path: str, line: int, given: int, width: int) -> BadInput:
    """The refusal of a file for a row that has not as many fields as the header."""
    fields = f"{given} field{'s' * (given != 1)}, the header has {width}"
    message = f"{path}, line {line}: the row has {fields}; put each value under its header."
    return BadInput(message, code="wrong_field_count", path=path, line=line)


def by_line(rejected: Iterable[RejectedRow]) -> list[RejectedRow]:
    """In the order of the file."""
    return sorted(rejected, key=attrgetter("line"))
