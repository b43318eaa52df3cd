"""The header of a file of bookings: its delimiter, its names, and which column is which."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.mistakes import did_you_mean, folded, shown
from refundctl.domain.bookings.booking_cells import FIELDS, REFUNDED, REQUIRED, WHITESPACE
from refundctl.files.tables.csv_rows import DELIMITERS, first_row

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

#: What a rejects file has behind the columns of its input.
REJECT_COLUMNS = ("_line", "_field", "_code", "_reason")
#: Headers that a message lists.
LISTED_MAX = 30
_LEFT_OVER = "; left over: "
_BETWEEN = " | "
#: Where a person finds out more.
CHECK = "`refundctl sources check FILE` shows how"


@dataclass(frozen=True, slots=True)
class Header:
    """The header as found: positions count from 0, `lines` are the physical lines down to its end.

    `columns` has the canonical columns that are one column of the file, and `refunded`; `joined` those that are put
    together from several. `metadata` and `only` (with `skip`) are what the source lists, `rejects` the columns of a rejects file.
    `unnamed_tail` are columns behind the last name, whose cells must be blank.
    """

    delimiter: str
    names: tuple[str, ...]
    lines: int
    columns: Mapping[str, int]
    joined: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, int]
    only: Mapping[str, int]
    rejects: Mapping[str, int]
    unnamed_tail: range


class AnyCase:
    """The texts that a cell may have to be taken, trimmed and without case: `text in AnyCase(...)`.

    Where a blank is among them, so are those of `blanks`, which count as one.
    """

    def __init__(self, texts: Iterable[str], blanks: Iterable[str] = ()) -> None:
        self._folded = frozenset(map(folded, texts))
        self._blanks = frozenset(blanks) if "" in self._folded else frozenset()

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        text = text.strip(WHITESPACE)
        return text in self._blanks or folded(text) in self._folded


class NoneOf(AnyCase):
    """The texts that a cell may not have."""

    def __contains__(self, text: object) -> bool:
        return not super().__contains__(text)


class AllOf:
    """The texts that each of several tests takes."""

    def __init__(self, tests: Sequence[Container[str]]) -> None:
        self._tests = tests

    def __contains__(self, text: object) -> bool:
        return all(text in test for test in self._tests)


def wanted_texts(source: "Source", positions: Mapping[str, int]) -> dict[int, Container[str]]:
    """For each column that `only` or `skip` names, what its cells may be; positions count from 0."""
    tests: dict[int, list[Container[str]]] = {}
    for name, texts in source.only.items():
        tests.setdefault(positions[name], []).append(AnyCase(texts, source.null_values))
    for name, texts in source.skip.items():
        tests.setdefault(positions[name], []).append(NoneOf(texts, source.null_values))
    return {position: found[0] if len(found) == 1 else AllOf(found) for position, found in tests.items()}


def without_advice(refusal: BadInput) -> BadInput:
    """The same refusal where `sources check` itself says it, which need not advise to use it."""
    refusal.what = refusal.message.replace(f": {CHECK}.", ".")
    return refusal


def find_header(path: str, text: str, source: "Source") -> Header:
    """The header in the first lines of a file. Raises BadInput where it is not one for this source."""
    delimiter = source.delimiter or likely_delimiter(text, source.all_headers())
    names, lines = names_in(path, text, delimiter, "bookings")
    _refuse_duplicates(path, names, lines)
    return _matched(path, delimiter, names, lines, source)


def names_in(path: str, text: str, delimiter: str, what: str) -> tuple[tuple[str, ...], int]:
    """The names in the first row of a file of `what`, trimmed, and with how many lines it ends. Raises BadInput."""
    found = first_row(text, delimiter)
    if found is None:
        message = f"{path}: a quote in the header is not closed, or something stands behind it; fix the header."
        raise BadInput(message, code="malformed_quote", path=path, line=1)
    fields, lines = found
    names = tuple(name.strip(WHITESPACE) for name in fields)
    if not any(names):
        message = f"{path} is empty; the first line of a file of {what} names its columns."
        raise BadInput(message, code="empty_file", path=path)
    return names, lines


def own_positions(names: Sequence[str]) -> list[int]:
    """Where the columns of a file are that are not those of a rejects file."""
    return [position for position, name in enumerate(names) if name.strip(WHITESPACE) not in REJECT_COLUMNS]


def fingerprint(cells: Iterable[str]) -> str:
    """A mark of the cells of a row, which stays the same as long as nobody changes one."""
    trimmed = "\x1f".join(cell.strip(WHITESPACE) for cell in cells)
    return f"(cells {sha256(trimmed.encode()).hexdigest()[:8]})"


def with_left_over(reason: str, cells: Sequence[str]) -> str:
    """The reason of a row that may have more cells than fit under the header: it names the others."""
    return f"{reason}{_LEFT_OVER}{_BETWEEN.join(cells)}" if cells else reason


def left_over(reason: str) -> list[str]:
    """The cells that a reason names, which has a fingerprint behind them."""
    _, _, named = reason.rpartition("(")[0].partition(_LEFT_OVER)
    return named.rstrip(" ").split(_BETWEEN) if named else []


def without_currency(path: str, source: "Source") -> BadInput:
    """The refusal of a file that nowhere says its currency."""
    message = f"{path} has no column `currency`, and its amounts name none; "
    if source.preset is None:
        message += "add the column, or set one for all rows with `constants: {currency: EUR}` in a source."
    else:
        own = f"{{our-{source.preset}: {{preset: {source.preset}, constants: {{currency: EUR}}}}}}"
        message += (
            f"write `sources: {own}` into the campaigns file, with your currency, and load the file with "
            f"`--source our-{source.preset}`."
        )
    return BadInput(message, code="column_missing", path=path)


def lacking(path: str, names: Sequence[str], source: "Source") -> BadInput | None:
    """The refusal of a header without all columns of the source; None where it has them. Raises BadInput."""
    match = Match(path, names)
    return _refusal_of_missing(match, {name: match.position(name) for name in source.required()}, source)


def likely_delimiter(text: str, headers: Iterable[str]) -> str:
    """The one by which the first row has most of these names, or else most columns."""
    wanted = set(map(folded, headers))

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
    match = Match(path, names)
    found = {header: match.position(header) for header in source.all_headers()}
    refusal = _refusal_of_missing(match, found, source)
    if refusal is not None:
        raise refusal
    there = _present(found)
    columns = {name: _all_of(source.headers_of(name), there) for name in FIELDS}
    columns[REFUNDED] = _all_of(() if source.refunded is None else (source.refunded,), there)
    named = max(position for position, name in enumerate(names) if name) + 1
    return Header(
        delimiter,
        names,
        lines,
        columns={name: positions[0] for name, positions in columns.items() if len(positions) == 1},
        joined={name: positions for name, positions in columns.items() if len(positions) > 1},
        metadata={name: there[name] for name in source.metadata},
        only={name: there[name] for name in (*source.only, *source.skip)},
        rejects=_present({name: match.exact.get(name) for name in REJECT_COLUMNS}),
        unnamed_tail=range(named, len(names)),
    )


def _all_of(headers: Sequence[str], positions: Mapping[str, int]) -> tuple[int, ...]:
    """Where the headers are, or nothing: half a name or half a date is none."""
    return tuple(positions[header] for header in headers) if positions.keys() >= set(headers) else ()


def _present(positions: Mapping[str, int | None]) -> dict[str, int]:
    return {name: position for name, position in positions.items() if position is not None}


class Match:
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


def _refusal_of_missing(match: Match, found: Mapping[str, int | None], source: "Source") -> BadInput | None:
    lacked = {header: name for header, name in source.required().items() if found[header] is None}
    if not lacked:
        return None
    keys = {header: _keys_of(header, name, source) for header, name in lacked.items()}
    missing = [
        f"{shown(header)}{'' if header == name else f' for {name}'}{_guess(match, header, keys[header])}"
        for header, name in lacked.items()
    ]
    where = _where(key for of_header in keys.values() for key in of_header)
    listed = f"its columns are {_listed(match.names)}"
    if source.preset is not None:
        message = (
            f"{match.path} lacks {', '.join(missing)}, which the preset {source.preset} looks for; {listed}. Rename a "
            f"column, or name it {where} of a source with `preset: {source.preset}`: {CHECK}."
        )
    elif all(found.get(header) is None for name in REQUIRED for header in source.headers_of(name)):
        return _without_header(match, missing)
    else:
        message = f"{match.path} lacks {', '.join(missing)}; {listed}. Rename a column, or name it {where} of a source."
    return BadInput(message, code="column_missing", path=match.path, preset=source.preset)


def _keys_of(header: str, name: str, source: "Source") -> list[str]:
    """Under which keys of the source a header stands that its file lacks."""
    keys = ["columns"] if name in FIELDS else []
    keys += ["refunded"] if header == source.refunded else []
    tests = {"only": source.only, "skip": source.skip, "metadata": source.metadata}
    return keys + [key for key, headers in tests.items() if header in headers]


def _guess(match: "Match", header: str, keys: Sequence[str]) -> str:
    # What decides whether a row is paid at all, or how much, is not to be guessed.
    return match.nearest(header) if keys == ["columns"] else ""


def _where(keys: Iterable[str]) -> str:
    found = [f"as `{key}`" if key == "refunded" else f"under `{key}`" for key in dict.fromkeys(keys)]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


#: What a spreadsheet program writes above the header, so that it finds the columns itself.
_SEPARATOR = re.compile("sep=.?", re.IGNORECASE)


def _without_header(match: Match, missing: Sequence[str]) -> BadInput:
    message = f"{match.path} has no header with {', '.join(missing)}"
    if any("@" in name or name[0].isdigit() for name in match.names):
        # A row of bookings: what it says about people doesn't belong in a message.
        message += "; its first line looks like a row. Put a line with the names of the columns on top."
    elif _SEPARATOR.fullmatch(match.names[0]):
        message += f"; its first line is {shown(match.names[0])}. Take out the lines above the header."
    elif len(match.names) == 1:
        message += (
            f"; its first line is {shown(match.names[0])} alone. If the names of the columns stand further down, take out "
            f"the lines above the header; if not, name it under `columns` of a source: {CHECK}."
        )
    else:
        message += f"; its columns are {_listed(match.names)}. Name them under `columns` of a source: {CHECK}."
    return BadInput(message, code="header_missing", path=match.path, line=1)


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:LISTED_MAX]))
    return listed if len(names) <= LISTED_MAX else f"{listed} and {len(names) - LISTED_MAX} more"
