"""Files of redemptions from a till that works on its own: a purchase a row, as blocks of columns.

Every row of a block is accepted or rejected. No message shows a cell of the header, which may be a code where it is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter
from typing import BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.mistakes import shown
from refundctl.domain.bookings.booking_cells import WHITESPACE, RejectedRow
from refundctl.domain.cards.redemption_columns import CARD_COLUMNS, COLUMNS, REQUIRED, Cells, read_columns
from refundctl.files.tables.csv_rows import CsvRows, Rows
from refundctl.files.tables.encoded_text import TextBytes, find_encoding
from refundctl.files.tables.headers import REJECT_COLUMNS, Match, likely_delimiter, names_in
from refundctl.files.tables.misplaced_fields import Shape


@dataclass(frozen=True, slots=True)
class RedemptionsBlock:
    """Some rows of the file: the accepted ones as columns, the rejected ones one by one.

    `lines` are the physical lines of the accepted rows. `columns` has those of COLUMNS that the file has, as read_columns()
    gives them.
    """

    lines: Sequence[int]
    columns: Mapping[str, Cells]
    rejected: Sequence[RejectedRow]
    filtered: int = 0

    @property
    def rows(self) -> int:
        """Rows of the file in this block."""
        return len(self.lines) + len(self.rejected)


@dataclass(frozen=True, slots=True)
class RedemptionsHeader:
    """The header as found: positions count from 0, `lines` are the physical lines down to its end.

    `columns` has those of COLUMNS that the file has, `rejects` those of a rejects file; others are ignored.
    """

    delimiter: str
    names: tuple[str, ...]
    lines: int
    columns: Mapping[str, int]
    rejects: Mapping[str, int]


class RedemptionsFile:
    """A file whose header was found; its blocks can be read once."""

    def __init__(self, text: TextBytes, rows: CsvRows, header: RedemptionsHeader) -> None:
        self.name = text.name
        self.encoding = text.encoding
        self.delimiter = header.delimiter
        self._text = text
        self._rows = rows
        self._columns = header.columns
        self._shape = _shape(header)

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the raw bytes, whole once all blocks are read."""
        return self._text.sha256

    @property
    def bytes_read(self) -> int:
        """How far the file is read, in raw bytes."""
        return self._text.bytes_read

    def blocks(self) -> Iterator[RedemptionsBlock]:
        """The rows in the order of the file. Raises BadInput where the file can't be taken as a whole."""
        return map(self._block, self._rows)

    def _block(self, rows: Rows) -> RedemptionsBlock:
        read = rows.columns()
        twisted = self._shape.twisted(read, rows.spans)
        rejected = [*self._shape.of_wrong_width(read.others), *twisted.values()]
        lines = read.lines
        texts = {name: read.columns[position] for name, position in self._columns.items()}
        if twisted:
            selected = read.selected(twisted, {})
            lines = list(compress(lines, selected))
            texts = {name: list(compress(column, selected)) for name, column in texts.items()}
        columns, faults = read_columns(texts, len(lines))
        if faults:
            rejected += [RejectedRow.of(lines[row], name, fault) for row, (name, fault) in faults.items()]
            accepted = [row not in faults for row in range(len(lines))]
            lines = list(compress(lines, accepted))
            columns = {name: list(compress(values, accepted)) for name, values in columns.items()}
        return RedemptionsBlock(lines, columns, sorted(rejected, key=attrgetter("line")))


def open_redemptions(stream: BinaryIO, name: str, *, encoding: str | None = None) -> RedemptionsFile:
    """A file of redemptions, read up to its header; the stream is seekable, and `name` is what messages call it.

    Raises BadInput where it is no such file, UsageError for an unknown encoding.
    """
    text = TextBytes(stream, name, find_encoding(stream, encoding))
    rows = CsvRows(text)
    header = find_redemptions_header(name, rows.beginning())
    rows.begin(header.delimiter, len(header.names), after_lines=header.lines)
    return RedemptionsFile(text, rows, header)


def find_redemptions_header(path: str, text: str) -> RedemptionsHeader:
    """The header in the first lines of a file, without regard to case; columns that are not known are ignored.

    Raises BadInput where it names no cards, or lacks another column that it needs, or has one of them twice.
    """
    delimiter = likely_delimiter(text, COLUMNS)
    names, lines = names_in(path, text, delimiter, "redemptions")
    match = Match(path, names)
    columns = {name: position for name in COLUMNS if (position := match.position(name)) is not None}
    twice = [names[position] for position in columns.values() if names.count(names[position]) > 1]
    if twice:
        message = (
            f"{path}: the header has {', '.join(map(shown, twice))} more than once; rename or take out one of each."
        )
        raise BadInput(message, code="duplicate_header", path=path, line=lines)
    _refuse_missing(match, columns, lines)
    rejects = {name: match.exact[name] for name in REJECT_COLUMNS if name in match.exact}
    return RedemptionsHeader(delimiter, names, lines, columns, rejects)


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


def _shape(header: RedemptionsHeader) -> Shape:
    """A line within a row is like one if it has what each redemption has: an amount and an invoice."""
    positions = [header.columns[name] for name in REQUIRED]

    def is_like_row(fields: Sequence[str]) -> bool:
        return all(fields[position].strip(WHITESPACE) for position in positions)

    named = max(position for position, name in enumerate(header.names) if name) + 1
    return Shape(header.names, header.delimiter, range(named, len(header.names)), header.rejects, is_like_row)
