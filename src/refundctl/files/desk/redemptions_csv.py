"""Files of redemptions from a till that works on its own: a purchase a row, as blocks of columns.

Every row of a block is accepted or rejected. No message shows a cell of the header, which may be a code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.domain.cards.redemption_columns import CARD_COLUMNS, COLUMNS, REQUIRED, read_columns
from refundctl.files.tables.csv_rows import Rows
from refundctl.files.tables.headers import Match, TableHeader, named_twice, refuse_twice, table_header
from refundctl.files.tables.misplaced_fields import Shape
from refundctl.files.tables.table_file import Block, TableFile, by_line, rejected_at, without


@dataclass(frozen=True, slots=True)
class RedemptionsHeader(TableHeader):
    """With those of COLUMNS that the file has, each with its position from 0; others are ignored."""

    columns: Mapping[str, int]


class RedemptionsFile(TableFile[RedemptionsHeader]):
    """A file whose header was found; its blocks can be read once."""

    def __init__(self, stream: BinaryIO, name: str, *, encoding: str | None = None) -> None:
        super().__init__(stream, name, find_redemptions_header, encoding=encoding)
        self._shape = Shape(self.found, self._is_like_row)

    def blocks(self) -> Iterator[Block]:
        """The rows in the order of the file, as read_columns() gives them. Raises BadInput where it can't be taken."""
        return map(self._block, self._rows)

    def _block(self, rows: Rows) -> Block:
        read, misplaced, rejected = self._shape.told_apart(rows)
        texts = {name: read.columns[position] for name, position in self.found.columns.items()}
        lines, texts = without(misplaced, read.lines, texts)
        columns, faults = read_columns(texts, len(lines))
        rejected += rejected_at(lines, ((row, *fault) for row, fault in faults.items()))
        lines, columns = without(faults, lines, columns)
        return Block(lines, columns, by_line(rejected))

    def _is_like_row(self, fields: Sequence[str]) -> bool:
        """A line within a row is like one if it has what each redemption has: an amount and an invoice."""
        return all(fields[self.found.columns[name]].strip(WHITESPACE) for name in REQUIRED)


def find_redemptions_header(path: str, text: str) -> RedemptionsHeader:
    """The header in the first lines of a file, without regard to case; columns that are not known are ignored.

    Raises BadInput where it names no cards, or lacks another column that it needs, or has one of them twice.
    """
    header = table_header(path, text, COLUMNS, "redemptions")
    names, lines = header.names, header.lines
    match = Match(path, names)
    columns = match.positions(COLUMNS)
    refuse_twice(path, named_twice(names, columns.values()), lines)
    _refuse_missing(match, columns, lines)
    return RedemptionsHeader(header.delimiter, names, lines, columns)


def _refuse_missing(match: Match, columns: Mapping[str, int], line: int) -> None:
    missing = [f"`{name}`{match.nearest(name)}" for name in REQUIRED if name not in columns]
    if not {*CARD_COLUMNS} & {*columns}:
        missing = ["`code` or `card_id`", *missing]
    if not missing:
        return
    if {*CARD_COLUMNS, *REQUIRED}.isdisjoint(columns):
        message = (
            f"{match.path} has no header with {', '.join(missing)}. Put a line with the names of the columns on top."
        )
        raise BadInput(message, code="header_missing", path=match.path, line=line)
    message = f"{match.path} lacks {', '.join(missing)}, which each redemption needs. Add it, or rename a column."
    raise BadInput(message, code="column_missing", path=match.path, line=line)
