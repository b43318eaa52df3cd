"""Files of people, as a CRM exports them: the columns that tell of a person, and the rows as blocks of columns.

Every row of a block is accepted, filtered or rejected, and counted as exactly one of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.mistakes import shown
from refundctl.domain.basics.payment_card_numbers import may_hold_card_number
from refundctl.domain.bookings.booking_cells import WHITESPACE, RejectedRow
from refundctl.domain.bookings.booking_columns import (
    PERSON_FIELDS,
    BookingRules,
    Faults,
    Texts,
    Values,
    find_card_numbers,
)
from refundctl.files.tables.csv_rows import Columns, CsvRows, Rows
from refundctl.files.tables.encoded_text import TextBytes, find_encoding
from refundctl.files.tables.headers import REJECT_COLUMNS, Match, likely_delimiter, names_in, wanted_texts
from refundctl.files.tables.misplaced_fields import Shape

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

#: A file must have one of them, and a row must say one of them.
WHO = ("customer_id", "email")


@dataclass(frozen=True, slots=True)
class PeopleBlock:
    """Some rows of the file: the accepted ones as columns, the rejected ones one by one, the filtered ones counted.

    `lines` are the physical lines of the accepted rows. `columns` has `customer_id`, which no row lacks, and those of
    PERSON_FIELDS that the file or the source's constants give; None stands for a blank.
    """

    lines: Sequence[int]
    columns: Mapping[str, Values]
    rejected: Sequence[RejectedRow]
    filtered: int

    @property
    def rows(self) -> int:
        """Rows of the file in this block."""
        return len(self.lines) + len(self.rejected) + self.filtered


@dataclass(frozen=True, slots=True)
class PeopleHeader:
    """The header as found: positions count from 0, `lines` are the physical lines down to its end.

    `columns` has the fields of a person that the file has; where there are several positions, they are put together.
    `only` (with `skip`) is what the source lists, `rejects` are the columns of a rejects file.
    """

    delimiter: str
    names: tuple[str, ...]
    lines: int
    columns: Mapping[str, tuple[int, ...]]
    only: Mapping[str, int]
    rejects: Mapping[str, int]


class PeopleFile:
    """A file whose header is matched with a source; its blocks can be read once."""

    def __init__(self, text: TextBytes, rows: CsvRows, header: PeopleHeader, source: "Source") -> None:
        self.name = text.name
        self.encoding = text.encoding
        self.delimiter = header.delimiter
        self._text = text
        self._rows = rows
        self._columns = header.columns
        self._shape = _shape(header)
        self._only = wanted_texts(source, header.only)
        self._rules = BookingRules(
            blanks=frozenset(source.null_values),
            constants={name: text for name, text in source.constants.items() if name in PERSON_FIELDS},
            id_prefix=source.id_prefix or "",
        )

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the raw bytes, whole once all blocks are read."""
        return self._text.sha256

    @property
    def bytes_read(self) -> int:
        """How far the file is read, in raw bytes."""
        return self._text.bytes_read

    def blocks(self) -> Iterator[PeopleBlock]:
        """The rows in the order of the file. Raises BadInput where the file can't be taken as a whole."""
        return map(self._block, self._rows)

    def _block(self, rows: Rows) -> PeopleBlock:
        read = rows.columns()
        twisted = self._shape.twisted(read, rows.spans)
        rejected = [*self._shape.of_wrong_width(read.others), *twisted.values()]
        lines, filtered = read.lines, 0
        texts = {name: self._texts(read, positions) for name, positions in self._columns.items()}
        if twisted or self._only:
            selected = read.selected(twisted, self._only)
            lines = list(compress(lines, selected))
            texts = {name: list(compress(column, selected)) for name, column in texts.items()}
            filtered = len(selected) - len(lines) - len(twisted)
        faults = Faults()
        if may_hold_card_number(rows.utf8):
            find_card_numbers(texts, faults)
        values = self._rules.read_people(texts, len(lines), faults)
        if faults:
            rejected += [RejectedRow.of(lines[row], name, fault) for row, name, fault in faults]
            accepted = [row not in faults for row in range(len(lines))]
            lines = list(compress(lines, accepted))
            values = {name: list(compress(column, accepted)) for name, column in values.items()}
        return PeopleBlock(lines, values, sorted(rejected, key=attrgetter("line")), filtered)

    def _texts(self, read: Columns, positions: Sequence[int]) -> Texts:
        columns = [read.columns[position] for position in positions]
        return columns[0] if len(columns) == 1 else self._rules.joined(columns)


def open_people(stream: BinaryIO, name: str, source: "Source", *, encoding: str | None = None) -> PeopleFile:
    """A file of people, read up to its header; the stream is seekable, and `name` is what messages call it.

    `encoding` goes before the source's. Raises BadInput where it is no such file, UsageError for an unknown
    encoding.
    """
    text = TextBytes(stream, name, find_encoding(stream, encoding or source.encoding))
    rows = CsvRows(text)
    header = find_people_header(name, rows.beginning(), source)
    rows.begin(header.delimiter, len(header.names), after_lines=header.lines)
    return PeopleFile(text, rows, header, source)


# --- The header ---


def find_people_header(path: str, text: str, source: "Source") -> PeopleHeader:
    """The header in the first lines of a file: other columns than a person's are ignored, whatever they are called.

    Raises BadInput where it names no customers, lacks a column that the source names for a person or in `only` or `skip`,
    or has one of those it needs twice.
    """
    headers = {name: source.headers_of(name) for name in PERSON_FIELDS}
    wanted = [*(header for several in headers.values() for header in several), *source.only, *source.skip]
    delimiter = source.delimiter or likely_delimiter(text, wanted)
    names, lines = names_in(path, text, delimiter, "people")
    match = Match(path, names)
    there = {header: position for header in wanted if (position := match.position(header)) is not None}
    _refuse_duplicates(path, names, there.values(), lines)
    # Half a name is none.
    columns = {
        name: tuple(there[one] for one in several) for name, several in headers.items() if there.keys() >= {*several}
    }
    columns = {name: positions for name, positions in columns.items() if positions}
    if columns.keys().isdisjoint(WHO):
        raise _without_customers(match, [header for name in WHO for header in headers[name]], lines)
    _refuse_missing(match, [header for header in _required(source) if header not in there])
    rejects = {name: match.exact[name] for name in REJECT_COLUMNS if name in match.exact}
    only = {name: there[name] for name in (*source.only, *source.skip)}
    return PeopleHeader(delimiter, names, lines, columns, only, rejects)


def _required(source: "Source") -> Iterator[str]:
    for name in PERSON_FIELDS:
        if name in source.columns and name not in source.optional and name not in source.constants:
            yield from source.headers_of(name)
    yield from (*source.only, *source.skip)


def _refuse_duplicates(path: str, names: Sequence[str], positions: Iterable[int], line: int) -> None:
    """Of columns that nobody looks at there may be several of one name."""
    twice = sorted({names[position] for position in positions if names.count(names[position]) > 1})
    if twice:
        message = (
            f"{path}: the header has {', '.join(map(shown, twice))} more than once; rename or take out one of each."
        )
        raise BadInput(message, code="duplicate_header", path=path, line=line)


def _without_customers(match: Match, headers: Sequence[str], line: int) -> BadInput:
    if any("@" in name or name[0].isdigit() for name in match.names):
        # What it says about a person doesn't belong in a message.
        message = (
            f"{match.path} has no header with {' or '.join(map(shown, headers))}; its first line looks like a row. "
            "Put a line with the names of the columns on top."
        )
    else:
        sought = " and none ".join(f"{shown(header)}{match.nearest(header)}" for header in headers)
        message = (
            f"{match.path} has no column {sought}, so that nobody can be told apart. Rename a column, or name it under "
            "`columns` of a source."
        )
    return BadInput(message, code="header_missing", path=match.path, line=line)


def _refuse_missing(match: Match, missing: Sequence[str]) -> None:
    if missing:
        sought = ", ".join(f"{shown(header)}{match.nearest(header)}" for header in missing)
        message = f"{match.path} lacks {sought}, which the source looks for. Rename a column, or correct the source."
        raise BadInput(message, code="column_missing", path=match.path)


def _shape(header: PeopleHeader) -> Shape:
    """A line within a row is like one if its e-mail is one or, in a file without, if it says who it is about."""
    emails, ids = header.columns.get("email", ()), header.columns.get("customer_id", ())

    def is_like_row(fields: Sequence[str]) -> bool:
        if emails:
            return "@" in fields[emails[0]]
        return bool(fields[ids[0]].strip(WHITESPACE))

    named = max(position for position, name in enumerate(header.names) if name) + 1
    return Shape(header.names, header.delimiter, range(named, len(header.names)), header.rejects, is_like_row)
