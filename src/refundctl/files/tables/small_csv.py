"""Small CSV files of which some columns are read by their names, whole: accounts, and answers that are told to a debt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.mistakes import did_you_mean, folded
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.files.tables.csv_rows import CsvRows
from refundctl.files.tables.encoded_text import TextBytes, find_encoding
from refundctl.files.tables.headers import likely_delimiter, names_in


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A row with its physical line and its cells by column, trimmed; `width` is how many fields it has."""

    line: int
    cells: Mapping[str, str]
    width: int


@dataclass(frozen=True, slots=True)
class NamedRows:
    """The rows of a file that are not blank, in its order; `sha256` is the hexadecimal digest of its raw bytes."""

    name: str
    rows: Sequence[NamedRow]
    width: int
    delimiter: str
    encoding: str
    sha256: str


def read_named_rows(
    stream: BinaryIO, name: str, what: str, *, required: Collection[str], optional: Collection[str] = ()
) -> NamedRows:
    """Read a file of `what`, which messages call `name`; the stream is seekable. Other columns are not looked at.

    Raises BadInput where it is no CSV file, or a required column is missing or there twice.
    """
    text = TextBytes(stream, name, find_encoding(stream, None))
    rows = CsvRows(text, told_encoding=False)
    known = (*required, *optional)
    beginning = rows.beginning()
    delimiter = likely_delimiter(beginning, known)
    names, lines = names_in(name, beginning, delimiter, what)
    positions = _positions(name, names, lines, required, known)
    rows.begin(delimiter, len(names), after_lines=lines)
    found = [
        NamedRow(row.line, _cells(row.fields, positions), len(row.fields))
        for several in rows
        for row in several
        if any(field.strip(WHITESPACE) for field in row.fields)
    ]
    return NamedRows(name, found, len(names), delimiter, text.encoding, text.sha256)


def _positions(
    path: str, names: Sequence[str], line: int, required: Collection[str], known: Collection[str]
) -> dict[str, int]:
    columns = {folded(column): column for column in known}
    found: dict[str, int] = {}
    for position, name in enumerate(names):
        column = columns.get(folded(name))
        if column is None:
            continue
        if column in found:
            message = f"{path} has the column `{column}` more than once; leave one of them."
            raise BadInput(message, code="duplicate_header", path=path, line=line)
        found[column] = position
    for column in required:
        if column not in found:
            others = [name for name in names if folded(name) not in columns]
            question = did_you_mean(column, others).replace("did you mean", "is that")
            message = f"{path} has no column `{column}`{question or ': name it so in the first line'}."
            raise BadInput(message, code="column_missing", path=path, line=line)
    return found


def _cells(fields: Sequence[str], positions: Mapping[str, int]) -> dict[str, str]:
    return {
        column: fields[position].strip(WHITESPACE) if position < len(fields) else ""
        for column, position in positions.items()
    }
