"""Small CSV files, read whole, of which some columns are looked for by their names: accounts, a bank's answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from refundctl.domain.basics.definition_mistakes import folded, nearest
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.files.tables.headers import TableHeader, table_header
from refundctl.files.tables.table_file import TableFile


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A row with its physical line and its cells by column, trimmed; `width` is how many fields it has."""

    line: int
    cells: Mapping[str, str]
    width: int


class NamedRows(TableFile[TableHeader]):
    """A file of `what`, read whole: `named` are its rows that are not blank. Other columns are not looked at.

    Raises BadInput where a required column is missing or there twice.
    """

    def __init__(
        self, stream: BinaryIO, name: str, what: str, *, required: Collection[str], optional: Collection[str]
    ) -> None:
        known = (*required, *optional)
        super().__init__(stream, name, partial(table_header, wanted=known, what=what), told_encoding=False)
        positions = _positions(name, self.found.names, self.found.lines, required, known)
        self.width = len(self.found.names)
        self.named = [
            NamedRow(row.line, _cells(row.fields, positions), len(row.fields))
            for row in self.rows()
            if any(field.strip(WHITESPACE) for field in row.fields)
        ]


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
            near = nearest(column, others)
            what_to_do = ": name it so in the first line" if near is None else f"; is that `{near}`?"
            message = f"{path} has no column `{column}`{what_to_do}."
            raise BadInput(message, code="column_missing", path=path, line=line)
    return found


def _cells(fields: Sequence[str], positions: Mapping[str, int]) -> dict[str, str]:
    return {
        column: fields[position].strip(WHITESPACE) if position < len(fields) else ""
        for column, position in positions.items()
    }
