"""The rejects file: the rows that were not loaded, as they stood in their file, each with the reason.

Fixed, it can be loaded as it is: the columns that it adds are no columns of a booking.
"""

import csv
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Protocol, TextIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import FORMULA_SIGNS, WHITESPACE, RejectCode, RejectedRow
from refundctl.files.tables.csv_rows import CsvRows, first_row
from refundctl.files.tables.encoded_text import TextBytes
from refundctl.files.tables.reject_columns import REJECT_COLUMNS, fingerprint, left_over, own_positions, with_left_over


class FileSettings(Protocol):
    """How the input was read; a BookingsFile has it."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def delimiter(self) -> str:
        """What stands between two cells."""

    @property
    def encoding(self) -> str:
        """What it is written in."""


def write_rejects(stream: BinaryIO, file: FileSettings, rejected: Iterable[RejectedRow], out: TextIO) -> int:
    """Write the rejected rows, sorted by line, with the input's header and delimiter; return how many.

    `stream` is the input anew, from its start. Raises BadInput where it no longer has one of the rows.
    """
    text = TextBytes(stream, file.name, file.encoding)
    rows = CsvRows(text)
    names, lines = first_row(rows.beginning(), file.delimiter) or ([], 0)
    rows.begin(file.delimiter, len(names), after_lines=lines)
    sheet = _Sheet(names, file.delimiter, out)
    waiting = iter(rejected)
    reject = next(waiting, None)
    for block in rows:
        if reject is None:
            break
        if reject.line > block.lines[-1]:
            continue
        for row in block:
            if reject is not None and row.line == reject.line:
                sheet.write(row.fields, reject)
                reject = next(waiting, None)
    if reject is not None:
        message = f"{file.name} has changed while it was read; leave it alone and load it again."
        raise BadInput(message, code="file_changed", path=file.name, line=reject.line)
    return sheet.written


class _Sheet:
    """The rejects file itself."""

    def __init__(self, names: Sequence[str], delimiter: str, out: TextIO) -> None:
        self.written = 0
        self._width = len(names)
        self._own = own_positions(names)
        self._reason = next((place for place, name in enumerate(names) if name.strip(WHITESPACE) == "_reason"), None)
        self._usual = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        self._quoting = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._write([*(names[position] for position in self._own), *REJECT_COLUMNS])

    def write(self, fields: Sequence[str], reject: RejectedRow) -> None:
        """One row: short ones are filled up with blanks; what is left over of long ones goes into the reason."""
        cells = [fields[position] if position < len(fields) else "" for position in self._own]
        reason = reject.reason
        # Rows that only belong to the same booking as such a row have a field, and nothing to fix.
        if reject.code == RejectCode.WRONG_FIELD_COUNT and not reject.field:
            reason = f"{with_left_over(reason, self._left_over(fields))} {fingerprint(cells)}"
        if reason.startswith(tuple(FORMULA_SIGNS)):
            reason = f"'{reason}"
        self._write([*cells, str(reject.line), reject.field, reject.code, reason])
        self.written += 1

    def _left_over(self, fields: Sequence[str]) -> list[str]:
        if len(fields) == self._width:
            # Of a row that was rejected before for having more, they stand where they were named then.
            return [] if self._reason is None else left_over(fields[self._reason])
        written = set(self._own)
        return [field for position, field in enumerate(fields) if position not in written and field.strip(WHITESPACE)]

    def _write(self, cells: Sequence[str]) -> None:
        # The csv module leaves a CR unquoted where lines end with LF.
        writer = self._quoting if any("\r" in cell for cell in cells) else self._usual
        writer.writerow(cells)
