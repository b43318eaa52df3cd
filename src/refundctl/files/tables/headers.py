"""The header of any table: its delimiter, its names, and where the column is that goes by a name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refundctl.domain.basics.definition_mistakes import folded, listed, nearest, shown
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.files.tables.csv_rows import DELIMITERS, first_row
from refundctl.files.tables.reject_columns import REJECT_COLUMNS

#: Headers that a message lists.
LISTED_MAX = 30


@dataclass(frozen=True, slots=True)
class TableHeader:
    """The header as found, its names trimmed; `lines` are the physical lines down to its end."""

    delimiter: str
    names: tuple[str, ...]
    lines: int

    @property
    def unnamed_tail(self) -> range:
        """The columns (from 0) behind the last name, whose cells must be blank."""
        return range(max(position for position, name in enumerate(self.names) if name) + 1, len(self.names))

    @property
    def rejects(self) -> dict[str, int]:
        """Where the columns of a rejects file are, from 0."""
        return {name: position for position, name in enumerate(self.names) if name in REJECT_COLUMNS}


def first_names(path: str, text: str, wanted: Iterable[str], delimiter: str | None = None) -> TableHeader:
    """The first row, split where most of the names wanted are found, if no delimiter is given. Raises BadInput."""
    delimiter = delimiter or likely_delimiter(text, wanted)
    found = first_row(text, delimiter)
    if found is None:
        message = f"{path}: a quote in the header is not closed, or something stands behind it; fix the header."
        raise BadInput(message, code="malformed_quote", path=path, line=1)
    fields, lines = found
    return TableHeader(delimiter, tuple(name.strip(WHITESPACE) for name in fields), lines)


def table_header(
    path: str, text: str, wanted: Iterable[str], what: str, *, delimiter: str | None = None
) -> TableHeader:
    """The header of a file of `what`, which has one name at least. Raises BadInput."""
    header = first_names(path, text, wanted, delimiter)
    if not any(header.names):
        message = f"{path} is empty; the first line of a file of {what} names its columns."
        raise BadInput(message, code="empty_file", path=path)
    return header


def likely_delimiter(text: str, headers: Iterable[str]) -> str:
    """The one by which the first row has most of these names, or else most columns."""
    wanted = set(map(folded, headers))

    def likelihood(delimiter: str) -> tuple[int, int]:
        # Where a quote is amiss, the first line still shows which delimiter it is about.
        fields, _ = first_row(text, delimiter) or (text.lstrip().split("\n")[0].split(delimiter), 1)
        return len(wanted.intersection(map(folded, fields))), len(fields)

    return max(DELIMITERS, key=likelihood)


def named_twice(names: Sequence[str], positions: Iterable[int]) -> list[str]:
    """Those of the columns at these positions whose names stand more than once in the header."""
    return list(dict.fromkeys(names[at] for at in positions if names.count(names[at]) > 1))


def refuse_twice(path: str, twice: Sequence[str], line: int) -> None:
    """Raises BadInput where there are names that stand twice in the header, which ends on that line."""
    if twice:
        message = f"{path}: the header has {listed(twice, LISTED_MAX)} more than once; rename or take out one of each."
        raise BadInput(message, code="duplicate_header", path=path, line=line)


class Match:
    """Finds columns by their names: as written, or else without regard to case."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        self.path = path
        self.names = [name for name in names if name]
        self._exact = {name: position for position, name in enumerate(names) if name}
        self._folded: dict[str, list[str]] = {}
        for name in self.names:
            self._folded.setdefault(folded(name), []).append(name)

    def positions(self, names: Iterable[str]) -> dict[str, int]:
        """Where those of the columns are that there are, from 0."""
        return {name: position for name in names if (position := self.position(name)) is not None}

    def position(self, name: str) -> int | None:
        """Where the column is; None where there is none. Raises BadInput where several could be meant."""
        name = name.strip(WHITESPACE)
        if name in self._exact:
            return self._exact[name]
        alike = self._folded.get(folded(name), [])
        if len(alike) > 1:
            message = (
                f"{self.path}: {listed(alike, LISTED_MAX)} could each be {shown(name)}; rename all but one of them."
            )
            raise BadInput(message, code="duplicate_header", path=self.path)
        return self._exact[alike[0]] if alike else None

    def nearest(self, name: str) -> str:
        """A question in brackets, if there is a column that may have been meant."""
        near = nearest(name, self.names)
        return "" if near is None else f" (did you mean `{near}`?)"
