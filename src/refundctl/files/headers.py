"""The header of a file of bookings: its delimiter, its names, and which column is which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from refundctl.domain.bookings import FIELDS, REQUIRED, WHITESPACE
from refundctl.domain.errors import BadInput
from refundctl.domain.mistakes import did_you_mean, folded, shown
from refundctl.files.csv_rows import DELIMITERS, first_row

if TYPE_CHECKING:
    from refundctl.domain.source import Source

#: What a rejects file has behind the columns of its input.
REJECT_COLUMNS = ("_line", "_field", "_code", "_reason")
#: Headers that a message lists.
LISTED_MAX = 30


@dataclass(frozen=True, slots=True)
class Header:
    """The header as found: positions count from 0, `lines` are the physical lines down to its end.

    `columns` has the canonical columns, `metadata` and `only` what the source lists, `rejects` those of a rejects
    file. `unnamed_tail` are columns behind the last name, whose cells must be blank.
    """

    delimiter: str
    names: tuple[str, ...]
    lines: int
    columns: Mapping[str, int]
    metadata: Mapping[str, int]
    only: Mapping[str, int]
    rejects: Mapping[str, int]
    unnamed_tail: range


def find_header(path: str, text: str, source: "Source") -> Header:
    """The header in the first lines of a file. Raises BadInput where it is not one for this source."""
    delimiter = source.delimiter or _delimiter(text, source)
    found = first_row(text, delimiter)
    if found is None:
        message = f"{path}: a quote in the header is not closed, or something stands behind it; mend the header."
        raise BadInput(message, code="malformed_quote", path=path, line=1)
    fields, lines = found
    names = tuple(name.strip(WHITESPACE) for name in fields)
    if not any(names):
        message = f"{path} is empty; the first line of a file of bookings names its columns."
        raise BadInput(message, code="empty_file", path=path)
    _refuse_duplicates(path, names, lines)
    return _matched(path, delimiter, names, lines, source)


def own_positions(names: Sequence[str]) -> list[int]:
    """Where the columns of a file are that are not those of a rejects file."""
    return [position for position, name in enumerate(names) if name.strip(WHITESPACE) not in REJECT_COLUMNS]


def fingerprint(cells: Iterable[str]) -> str:
    """A mark of the cells of a row, which stays the same as long as nobody changes one."""
    trimmed = "\x1f".join(cell.strip(WHITESPACE) for cell in cells)
    return f"(cells {sha256(trimmed.encode()).hexdigest()[:8]})"


def without_currency(path: str) -> BadInput:
    """The refusal of a file that nowhere says its currency."""
    message = (
        f"{path} has no column `currency`, and its amounts name none; add the column, or set one for all rows "
        "with `constants: {currency: EUR}` in a source."
    )
    return BadInput(message, code="column_missing", path=path)


def _delimiter(text: str, source: "Source") -> str:
    """The one by which the header has most of the names that are looked for, or else most columns."""
    wanted = {folded(name) for name in (*FIELDS, *source.columns.values(), *source.only, *source.metadata)}

    def likelihood(delimiter: str) -> tuple[int, int]:
        # Where a quote is amiss, the first line still shows which delimiter it is about.
        fields, _ = first_row(text, delimiter) or (text.lstrip().split("\n")[0].split(delimiter), 1)
        return len(wanted.intersection(map(folded, fields))), len(fields)

    return max(DELIMITERS, key=likelihood)


def _refuse_duplicates(path: str, names: Sequence[str], line: int) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        message = f"{path}: the header has {_listed(twice)} more than once; rename or take out one of each."
        raise BadInput(message, code="duplicate_header", path=path, line=line)


def _matched(path: str, delimiter: str, names: tuple[str, ...], lines: int, source: "Source") -> Header:
    match = _Match(path, names)
    columns = {name: match.position(source.columns.get(name, name)) for name in FIELDS}
    metadata = {name: match.position(name) for name in source.metadata}
    only = {name: match.position(name) for name in source.only}
    _refuse_missing(match, columns, source)
    named = max(position for position, name in enumerate(names) if name) + 1
    return Header(
        delimiter,
        names,
        lines,
        columns=_present(columns),
        metadata=_present(metadata),
        only=_present(only),
        rejects=_present({name: match.exact.get(name) for name in REJECT_COLUMNS}),
        unnamed_tail=range(named, len(names)),
    )


def _present(positions: Mapping[str, int | None]) -> dict[str, int]:
    return {name: position for name, position in positions.items() if position is not None}


class _Match:
    """Finds columns by their names: as written, or else without regard to case."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        self.path = path
        self.names = [name for name in names if name]
        self.exact = {name: position for position, name in enumerate(names) if name}
        self._folded: dict[str, list[str]] = {}
        for name in self.names:
            self._folded.setdefault(folded(name), []).append(name)

    def position(self, name: str) -> int | None:
        """Where the column is; None where there is none."""
        name = name.strip(WHITESPACE)
        if name in self.exact:
            return self.exact[name]
        alike = self._folded.get(folded(name), [])
        if len(alike) > 1:
            message = f"{self.path}: {_listed(alike)} could each be {shown(name)}; rename all but one of them."
            raise BadInput(message, code="duplicate_header", path=self.path)
        return self.exact[alike[0]] if alike else None

    def nearest(self, name: str) -> str:
        """A question in brackets, if there is a column that may have been meant."""
        question = did_you_mean(name, self.names).removeprefix("; ")
        return f" ({question})" if question else ""


def _refuse_missing(match: _Match, columns: Mapping[str, int | None], source: "Source") -> None:
    wanted = {name: source.columns.get(name, name) for name in FIELDS if _is_wanted(name, source)}
    missing = [
        f"{shown(header)}{'' if header == name else f' for {name}'}{match.nearest(header)}"
        for name, header in wanted.items()
        if columns[name] is None
    ]
    listed = (*source.only, *source.metadata)
    missing += [f"{shown(name)}{match.nearest(name)}" for name in listed if match.position(name) is None]
    if not missing:
        return
    if all(columns[name] is None for name in REQUIRED):
        raise _without_header(match, missing)
    message = (
        f"{match.path} lacks {', '.join(missing)}; its columns are {_listed(match.names)}. "
        "Rename a column, or name it under `columns` of a source."
    )
    raise BadInput(message, code="column_missing", path=match.path)


def _is_wanted(name: str, source: "Source") -> bool:
    # A currency may also stand in the amounts, which shows only when the rows are read.
    required = name in REQUIRED and name != "currency" and name not in source.constants
    return required or name in source.columns


def _without_header(match: _Match, missing: Sequence[str]) -> BadInput:
    message = f"{match.path} has no header with {', '.join(missing)}"
    if any("@" in name or name[0].isdigit() for name in match.names):
        # A row of bookings: what it says about people doesn't belong in a message.
        message += "; its first line looks like a row. Put a line with the names of the columns on top."
    else:
        message += f"; its columns are {_listed(match.names)}. Name them under `columns` of a source."
    return BadInput(message, code="header_missing", path=match.path, line=1)


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:LISTED_MAX]))
    return listed if len(names) <= LISTED_MAX else f"{listed} and {len(names) - LISTED_MAX} more"
