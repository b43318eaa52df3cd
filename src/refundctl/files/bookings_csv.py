"""Files of bookings: the header found and matched with a source, and the rows below it as blocks of columns.

Every row of a block is accepted, filtered or rejected, and counted as exactly one of them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, BinaryIO

from refundctl.domain.booking_columns import BookingRules, Faults, find_card_numbers, metadata_texts
from refundctl.domain.bookings import WHITESPACE, Fault, RejectCode, RejectedRow
from refundctl.domain.card_numbers import may_hold_card_number
from refundctl.files.csv_rows import Columns, CsvRows, Rows, Span, first_row
from refundctl.files.headers import Header, find_header, fingerprint, own_positions, without_currency
from refundctl.files.text_bytes import TextBytes, find_encoding

if TYPE_CHECKING:
    from refundctl.domain.source import Source

__all__ = ["Block", "BookingsFile", "RejectedRow", "open_bookings"]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of the file: the accepted ones as columns, the rejected ones one by one, the filtered ones counted.

    `lines` are the physical lines of the accepted rows. `columns` has every canonical column and `metadata` (JSON
    texts); None where the file has no such column. Amounts are in minor units.
    """

    lines: Sequence[int]
    columns: Mapping[str, Sequence[Any] | None]
    rejected: Sequence[RejectedRow]
    filtered: int

    @property
    def rows(self) -> int:
        """Rows of the file in this block."""
        return len(self.lines) + len(self.rejected) + self.filtered


class BookingsFile:
    """A file whose header is matched with a source; its blocks can be read once."""

    def __init__(self, text: TextBytes, rows: CsvRows, header: Header, source: "Source") -> None:
        self.name = text.name
        self.encoding = text.encoding
        self.delimiter = header.delimiter
        self.header = header.names
        self._text = text
        self._rows = rows
        self._found = header
        self._kept = {*header.columns.values(), *header.metadata.values()}
        self._only = {header.only[name]: frozenset(texts) for name, texts in source.only.items()}
        self._rules = BookingRules(
            decimal=source.decimal,
            thousands=source.thousands,
            date_format=source.date_format,
            blanks=frozenset(source.null_values),
            constants=source.constants,
        )
        self._seeks_currency = "currency" not in header.columns and "currency" not in source.constants

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the raw bytes, whole once all blocks are read."""
        return self._text.sha256

    @property
    def bytes_read(self) -> int:
        """How far the file is read, in raw bytes."""
        return self._text.bytes_read

    def blocks(self) -> Iterator[Block]:
        """The rows in the order of the file. Raises BadInput where the file can't be taken as a whole."""
        for rows in self._rows:
            yield self._block(rows)
        if self._seeks_currency:
            raise without_currency(self.name)

    def _block(self, rows: Rows) -> Block:
        read = rows.columns()
        rejected = [_wrong_number(row.line, len(row.fields), len(self.header)) for row in read.others]
        twisted = self._twisted(read, rows.spans)
        rejected += twisted.values()
        selected = self._selected(read, twisted)
        lines, filtered = read.lines, 0
        columns = {position: read.columns[position] for position in self._kept}
        if selected is not None:
            lines = list(compress(lines, selected))
            columns = {position: tuple(compress(column, selected)) for position, column in columns.items()}
            filtered = len(selected) - len(lines) - len(twisted)
        faults = Faults()
        values = self._values(columns, len(lines), may_hold_card_number(rows.utf8), faults)
        if faults:
            rejected += [_rejected(lines[row], name, fault) for row, name, fault in faults]
            accepted = [row not in faults for row in range(len(lines))]
            lines = list(compress(lines, accepted))
            values = {name: column and list(compress(column, accepted)) for name, column in values.items()}
        return Block(lines, values, sorted(rejected, key=attrgetter("line")), filtered)

    def _values(
        self, columns: Mapping[int, Sequence[str]], count: int, has_long_numbers: bool, faults: Faults
    ) -> dict[str, Sequence[Any] | None]:
        texts = {name: columns[position] for name, position in self._found.columns.items()}
        metadata = {f"metadata.{name}": columns[position] for name, position in self._found.metadata.items()}
        if has_long_numbers:
            find_card_numbers(texts | metadata, faults)
        values = self._rules.read(texts, count, faults)
        if self._seeks_currency:
            self._seeks_currency = not any(values["currency"] or ())
        kept = {
            name: self._rules.read_column(f"metadata.{name}", metadata[f"metadata.{name}"], faults)
            for name in self._found.metadata
        }
        values["metadata"] = metadata_texts(kept)
        return values

    def _selected(self, read: Columns, twisted: Mapping[int, RejectedRow]) -> list[bool] | None:
        """Which rows are neither twisted nor filtered; None where all are."""
        if not twisted and not self._only:
            return None
        selected = [row not in twisted for row in range(len(read.lines))]
        for position, wanted in self._only.items():
            column = read.columns[position]
            right = {text for text in set(column) if text.strip(WHITESPACE) in wanted}
            selected = [so_far and text in right for so_far, text in zip(selected, column, strict=True)]
        return selected

    # --- Rows whose fields may stand in the wrong columns ---

    def _twisted(self, read: Columns, spans: Sequence[Span]) -> dict[int, RejectedRow]:
        """Rows of the right width that still can't be trusted to have each field in its column."""
        twisted: dict[int, RejectedRow] = {}
        for position in self._found.unnamed_tail:
            for row, text in enumerate(read.columns[position]):
                if text.strip(WHITESPACE):
                    twisted[row] = _wrong_number(read.lines[row], position + 1, self._found.unnamed_tail.start)
        if spans:
            rows = {line: row for row, line in enumerate(read.lines)}
            swallowers = [span.line for span in spans if span.line in rows and self._swallows(span)]
            twisted |= {rows[line]: _wrong_fields(line, _SWALLOWS) for line in swallowers}
        if "_code" in self._found.rejects and "_reason" in self._found.rejects:
            twisted |= self._unmended(read)
        return twisted

    def _swallows(self, span: Span) -> bool:
        """Whether a line within the row would be a row by itself, as behind a quote that is closed too late."""
        amount_position = self._found.columns.get("order_amount")
        if amount_position is None:
            return False
        for line in span.later_lines:
            if line.count('"') % 2 or line.count(self.delimiter) < len(self.header) - 1:
                # With an odd number of quotes, one of them ends what began above.
                continue
            fields, _ = first_row(line, self.delimiter) or ([], 0)
            if len(fields) == len(self.header) and _AMOUNT_LIKE.fullmatch(fields[amount_position].strip()):
                return True
        return False

    def _unmended(self, read: Columns) -> dict[int, RejectedRow]:
        """Rows of a rejects file that had a wrong number of fields, and still have the cells that we made up."""
        codes = read.columns[self._found.rejects["_code"]]
        reasons = read.columns[self._found.rejects["_reason"]]
        kept = own_positions(self.header)
        return {
            row: _wrong_fields(read.lines[row], _UNMENDED)
            for row, code in enumerate(codes)
            if code.strip() == RejectCode.WRONG_FIELD_COUNT
            and reasons[row].strip().endswith(fingerprint(read.columns[position][row] for position in kept))
        }


_AMOUNT_LIKE = re.compile("(?:[A-Za-z]{3} ?)?[0-9][0-9., ']*(?:[A-Za-z]{3})?")
_SWALLOWS = "a quoted field goes on over the line's end and holds what looks like another row; close its quote"
_UNMENDED = "the row had a wrong number of fields and is as it was; mend its cells, or empty its `_code`"


def open_bookings(stream: BinaryIO, name: str, source: "Source", *, encoding: str | None = None) -> BookingsFile:
    """A file of bookings, read up to its header; the stream is seekable, and `name` is what messages call it.

    `encoding` goes before the source's. Raises BadInput where it is no such file, UsageError for an unknown
    encoding.
    """
    text = TextBytes(stream, name, find_encoding(stream, encoding or source.encoding))
    rows = CsvRows(text)
    header = find_header(name, rows.beginning(), source)
    rows.begin(header.delimiter, len(header.names), after_lines=header.lines)
    return BookingsFile(text, rows, header, source)


def _wrong_number(line: int, given: int, wanted: int) -> RejectedRow:
    reason = f"the row has {given} field{'s' * (given != 1)}, the header has {wanted}"
    return _wrong_fields(line, f"{reason}; put each value under its header, and texts with delimiters in quotes")


def _wrong_fields(line: int, reason: str) -> RejectedRow:
    return RejectedRow(line, "", RejectCode.WRONG_FIELD_COUNT.value, reason)


def _rejected(line: int, name: str, fault: Fault) -> RejectedRow:
    return RejectedRow(line, name, fault.code.value, f"{name} {fault.reason}")
