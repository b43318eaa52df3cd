"""Files of printed cards' codes: a CSV with a column `code`. No message shows what stands in the file."""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.mistakes import folded
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.domain.cards.codes import code_key, looks_like_code
from refundctl.files.tables.csv_rows import DELIMITERS, CsvRows, first_row
from refundctl.files.tables.encoded_text import TextBytes, find_encoding

#: The one column that is read.
CODE_COLUMN = "code"

_DIGIT = re.compile("[0-9]")


class CodesFile:
    """A file of printed codes, whose header is read; going through it gives line and code of each row, once."""

    def __init__(self, text: TextBytes, rows: CsvRows, position: int, width: int) -> None:
        self.name = text.name
        self.encoding = text.encoding
        self._text = text
        self._rows = rows
        self._position = position
        self._width = width

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the raw bytes, whole once all codes are read."""
        return self._text.sha256

    @property
    def bytes_read(self) -> int:
        """How far the file is read, in raw bytes."""
        return self._text.bytes_read

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Raises BadInput where the file can't be taken as a whole."""
        for rows in self._rows:
            read = rows.columns()
            if read.others:
                row = read.others[0]
                raise self._wrong_number(row.line, len(row.fields))
            yield from zip(read.lines, read.columns[self._position], strict=True)

    def _wrong_number(self, line: int, given: int) -> BadInput:
        message = (
            f"{self.name}, line {line}: the row has {given} field{'s' * (given != 1)}, the header has {self._width}; "
            "put each value under its header."
        )
        return BadInput(message, code="wrong_field_count", path=self.name, line=line)


def read_codes(stream: BinaryIO, name: str, *, encoding: str | None = None) -> CodesFile:
    """A file of printed codes, read up to its header; the stream is seekable, and `name` is what messages call it.

    Raises BadInput where it is no such file, UsageError for an unknown encoding.
    """
    text = TextBytes(stream, name, find_encoding(stream, encoding))
    rows = CsvRows(text, told_encoding=False)
    beginning = rows.beginning()
    delimiter = max(DELIMITERS, key=lambda sign: _likelihood(beginning, sign))
    found = first_row(beginning, delimiter)
    if found is None:
        message = f"{name}: a quote in the header is not closed, or something stands behind it; fix the header."
        raise BadInput(message, code="malformed_quote", path=name, line=1)
    fields, lines = found
    position = _code_position(name, fields, lines)
    rows.begin(delimiter, len(fields), after_lines=lines)
    return CodesFile(text, rows, position, len(fields))


def _likelihood(beginning: str, delimiter: str) -> tuple[bool, int]:
    fields, _ = first_row(beginning, delimiter) or ([], 0)
    return CODE_COLUMN in map(folded, fields), len(fields)


def _code_position(path: str, fields: Sequence[str], line: int) -> int:
    positions = [position for position, name in enumerate(fields) if folded(name) == CODE_COLUMN]
    if len(positions) == 1:
        return positions[0]
    if positions:
        message = f"{path}: the header has the column `code` more than once; rename or take out all but one."
        raise BadInput(message, code="duplicate_header", path=path, line=line)
    if not any(name.strip(WHITESPACE) for name in fields):
        message = f"{path} is empty; a file of printed codes has the column `code`, named in its first line."
        raise BadInput(message, code="empty_file", path=path)
    if any(map(_may_be_code, fields)):
        message = f"{path} has no header: its first line looks like a code; put a line with `code` on top."
        raise BadInput(message, code="header_missing", path=path, line=line)
    message = f"{path} has no column `code`; name the column with the printed codes so, in the first line."
    raise BadInput(message, code="column_missing", path=path, line=line)


def _may_be_code(text: str) -> bool:
    key = code_key(text)
    return looks_like_code(text) or (len(key) >= 8 and _DIGIT.search(key) is not None)
