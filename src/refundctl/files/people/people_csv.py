"""Files of people, as a CRM exports them: the columns that tell of a person, and the rows as blocks of columns.

Every row of a block is accepted, filtered or rejected, and counted as exactly one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from refundctl.domain.basics.definition_mistakes import shown
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.payment_card_numbers import may_hold_card_number
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults, Texts, find_card_numbers
from refundctl.domain.bookings.person_columns import PERSON_FIELDS
from refundctl.files.tables.csv_rows import Columns, Rows
from refundctl.files.tables.headers import Match, TableHeader, named_twice, refuse_twice, table_header
from refundctl.files.tables.misplaced_fields import Shape
from refundctl.files.tables.only_and_skip import wanted_texts
from refundctl.files.tables.table_file import Block, TableFile, by_line, rejected_at, without

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

#: A file must have one of them, and a row must say one of them.
WHO = ("customer_id", "email")


@dataclass(frozen=True, slots=True)
class PeopleHeader(TableHeader):
    """The header matched with a source: positions count from 0.

    `columns` has the fields of a person, of several positions put together; `only` (with `skip`) what the source lists.
    """

    columns: Mapping[str, tuple[int, ...]]
    only: Mapping[str, int]


class PeopleFile(TableFile[PeopleHeader]):
    """A file whose header is matched with a source; its blocks can be read once. `encoding` goes before its own."""

    def __init__(self, stream: BinaryIO, name: str, source: "Source", *, encoding: str | None = None) -> None:
        find = partial(find_people_header, source=source)
        super().__init__(stream, name, find, encoding=encoding or source.encoding)
        self._shape = Shape(self.found, self._is_like_row)
        self._only = wanted_texts(source, self.found.only)
        self._rules = BookingRules(
            blanks=frozenset(source.null_values),
            constants={name: text for name, text in source.constants.items() if name in PERSON_FIELDS},
            id_prefix=source.id_prefix or "",
        )

    def blocks(self) -> Iterator[Block]:
        """The rows in the order of the file, None for a blank. Raises BadInput where it can't be taken as a whole.

        The columns are `customer_id`, which no row lacks, and those of PERSON_FIELDS that file or constants give.
        """
        return map(self._block, self._rows)

    def _block(self, rows: Rows) -> Block:
        read, misplaced, rejected = self._shape.told_apart(rows)
        texts = {name: self._texts(read, positions) for name, positions in self.found.columns.items()}
        selected = read.selected(misplaced, self._only) if misplaced or self._only else ()
        lines, texts = without({row for row, taken in enumerate(selected) if not taken}, read.lines, texts)
        filtered = len(read.lines) - len(lines) - len(misplaced)
        faults = Faults()
        if may_hold_card_number(rows.utf8):
            find_card_numbers(texts, faults)
        values = self._rules.read_people(texts, len(lines), faults)
        rejected += rejected_at(lines, faults)
        lines, values = without(faults, lines, values)
        return Block(lines, values, by_line(rejected), filtered)

    def _is_like_row(self, fields: Sequence[str]) -> bool:
        """A line within a row is like one if its e-mail is one or, in a file without, if it says who it is about."""
        columns = self.found.columns
        if "email" in columns:
            return "@" in fields[columns["email"][0]]
        return bool(fields[columns["customer_id"][0]].strip(WHITESPACE))

    def _texts(self, read: Columns, positions: Sequence[int]) -> Texts:
        columns = [read.columns[position] for position in positions]
        return columns[0] if len(columns) == 1 else self._rules.joined(columns)


# --- The header ---


def find_people_header(path: str, text: str, source: "Source") -> PeopleHeader:
    """The header in the first lines of a file: other columns than a person's are ignored, whatever they are called.

    Raises BadInput where it names no customers, or lacks a column that the source names, or has it twice.
    """
    headers = {name: source.headers_of(name) for name in PERSON_FIELDS}
    wanted = [*chain(*headers.values()), *source.only, *source.skip]
    header = table_header(path, text, wanted, "people", delimiter=source.delimiter)
    names, lines = header.names, header.lines
    match = Match(path, names)
    there = match.positions(wanted)
    # Of columns that nobody looks at there may be several of one name.
    refuse_twice(path, sorted(named_twice(names, there.values())), lines)
    # Half a name is none.
    complete = {name: several for name, several in headers.items() if several and there.keys() >= {*several}}
    if complete.keys().isdisjoint(WHO):
        raise _without_customers(match, [*chain(*map(headers.__getitem__, WHO))], lines)
    _refuse_missing(match, [header for header in _required(source) if header not in there])
    columns = {name: tuple(there[one] for one in several) for name, several in complete.items()}
    only = {name: there[name] for name in (*source.only, *source.skip)}
    return PeopleHeader(header.delimiter, names, lines, columns, only)


def _required(source: "Source") -> Iterator[str]:
    for name in PERSON_FIELDS:
        if name in source.columns and name not in source.optional and name not in source.constants:
            yield from source.headers_of(name)
    yield from (*source.only, *source.skip)


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
