"""Rows that can't be trusted to have each field in its column: such a row is rejected before any field is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from refundctl.domain.bookings.booking_cells import WHITESPACE, RejectCode, RejectedRow
from refundctl.files.tables.csv_rows import Columns, Rows, Span, first_row
from refundctl.files.tables.headers import TableHeader
from refundctl.files.tables.reject_columns import fingerprint, own_positions

_SWALLOWS = "a quoted field goes on over the line's end and holds what looks like another row; close its quote"
_UNFIXED = "the row had a wrong number of fields and is as it was; fix its cells, or empty its `_code`"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the header says about the rows below it.

    `is_like_row` tells of fields, as many as the header's, whether they look like a row of such a file.
    """

    header: TableHeader
    is_like_row: Callable[[Sequence[str]], bool]

    def told_apart(self, rows: Rows) -> tuple[Columns, dict[int, RejectedRow], list[RejectedRow]]:
        """Rows as columns, those among them that are misplaced by their number (from 0), and all that are rejected."""
        read = rows.columns()
        misplaced = self._misplaced(read, rows.spans)
        wrong = [_wrong_number(row.line, len(row.fields), len(self.header.names)) for row in read.others]
        return read, misplaced, [*wrong, *misplaced.values()]

    def _misplaced(self, read: Columns, spans: Sequence[Span]) -> dict[int, RejectedRow]:
        """Rows of the right width that are none of their file's, by their number in `read`."""
        found = dict(self._spilt(read))
        if spans:
            rows = {line: row for row, line in enumerate(read.lines)}
            swallowers = [span.line for span in spans if span.line in rows and self._swallows(span)]
            found |= {rows[line]: _wrong_fields(line, _SWALLOWS) for line in swallowers}
        if {"_code", "_reason"} <= self.header.rejects.keys():
            found |= self._unfixed(read)
        return found

    def _spilt(self, read: Columns) -> Iterator[tuple[int, RejectedRow]]:
        tail = self.header.unnamed_tail
        for position in tail:
            for row, text in enumerate(read.columns[position]):
                if text.strip(WHITESPACE):
                    yield row, _wrong_number(read.lines[row], position + 1, tail.start)

    def _swallows(self, span: Span) -> bool:
        """Whether a line within the row would be a row by itself, as behind a quote that is closed too late."""
        for line in span.later_lines:
            if line.count('"') % 2 or line.count(self.header.delimiter) < len(self.header.names) - 1:
                # With an odd number of quotes, one of them ends what began above.
                continue
            fields, _ = first_row(line, self.header.delimiter) or ([], 0)
            if len(fields) == len(self.header.names) and self.is_like_row(fields):
                return True
        return False

    def _unfixed(self, read: Columns) -> dict[int, RejectedRow]:
        """Rows of a rejects file that had a wrong number of fields, and still have the cells that we made up."""
        codes = read.columns[self.header.rejects["_code"]]
        reasons = read.columns[self.header.rejects["_reason"]]
        kept = own_positions(self.header.names)
        return {
            row: _wrong_fields(read.lines[row], _UNFIXED)
            for row, code in enumerate(codes)
            if code.strip() == RejectCode.WRONG_FIELD_COUNT
            and reasons[row].strip().endswith(fingerprint(read.columns[position][row] for position in kept))
        }


def _wrong_number(line: int, given: int, wanted: int) -> RejectedRow:
    reason = f"the row has {given} field{'s' * (given != 1)}, the header has {wanted}"
    return _wrong_fields(line, f"{reason}; put each value under its header, and texts with delimiters in quotes")


def _wrong_fields(line: int, reason: str) -> RejectedRow:
    return RejectedRow(line, "", RejectCode.WRONG_FIELD_COUNT.value, reason)
