"""The header of a file of bookings: which column is which by its source, or what to do about one that lacks some."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from refundctl.domain.basics.definition_mistakes import listed, shown
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import FIELDS, REFUNDED, REQUIRED
from refundctl.files.tables.headers import LISTED_MAX, Match, TableHeader, refuse_twice, table_header

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

#: Where a person finds out more.
CHECK = "`refundctl sources check FILE` shows how"
#: What a spreadsheet program writes above the header, so that it finds the columns itself.
_SEPARATOR = re.compile("sep=.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BookingsHeader(TableHeader):
    """The header matched with a source: positions count from 0.

    `columns` has the canonical columns that are one column of the file, and `refunded`; `joined` those that are put
    together from several. `metadata` and `only` (with `skip`) are what the source lists.
    """

    columns: Mapping[str, int]
    joined: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, int]
    only: Mapping[str, int]


def find_bookings_header(path: str, text: str, source: "Source") -> BookingsHeader:
    """The header in the first lines of a file. Raises BadInput where it is not one for this source."""
    found = table_header(path, text, source.all_headers(), "bookings", delimiter=source.delimiter)
    names = found.names
    refuse_twice(path, sorted({name for name in names if name and names.count(name) > 1}), found.lines)
    match = Match(path, names)
    there = match.positions(source.all_headers())
    refusal = _refusal_of_missing(match, there, source)
    if refusal is not None:
        raise refusal
    columns = {name: _all_of(source.headers_of(name), there) for name in FIELDS}
    columns[REFUNDED] = _all_of(() if source.refunded is None else (source.refunded,), there)
    return BookingsHeader(
        found.delimiter,
        names,
        found.lines,
        columns={name: positions[0] for name, positions in columns.items() if len(positions) == 1},
        joined={name: positions for name, positions in columns.items() if len(positions) > 1},
        metadata={name: there[name] for name in source.metadata},
        only={name: there[name] for name in (*source.only, *source.skip)},
    )


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
    return _refusal_of_missing(match, match.positions(source.required()), source)


def _all_of(headers: Sequence[str], positions: Mapping[str, int]) -> tuple[int, ...]:
    """Where the headers are, or nothing: half a name or half a date is none."""
    return tuple(positions[header] for header in headers) if positions.keys() >= set(headers) else ()


def _refusal_of_missing(match: Match, there: Mapping[str, int], source: "Source") -> BadInput | None:
    lacked = {header: name for header, name in source.required().items() if header not in there}
    if not lacked:
        return None
    keys = {header: _keys_of(header, name, source) for header, name in lacked.items()}
    missing = ", ".join(_sought(match, header, name, keys[header]) for header, name in lacked.items())
    needed = {header for name in REQUIRED for header in source.headers_of(name)}
    if source.preset is None and needed.isdisjoint(there):
        return _without_header(match, missing)
    where = _where(chain(*keys.values()))
    columns = f"its columns are {listed(match.names, LISTED_MAX)}"
    if source.preset is None:
        what = f"{match.path} lacks {missing}; {columns}. Rename a column, or name it {where} of a source."
        return BadInput(what, code="column_missing", path=match.path)
    what = (
        f"{match.path} lacks {missing}, which the preset {source.preset} looks for; {columns}. Rename a column, or "
        f"name it {where} of a source with `preset: {source.preset}`"
    )
    return BadInput(what, CHECK, code="column_missing", path=match.path, preset=source.preset)


def _keys_of(header: str, name: str, source: "Source") -> list[str]:
    """Under which keys of the source a header stands that its file lacks."""
    keys = ["columns"] if name in FIELDS else []
    keys += ["refunded"] if header == source.refunded else []
    tests = {"only": source.only, "skip": source.skip, "metadata": source.metadata}
    return keys + [key for key, headers in tests.items() if header in headers]


def _sought(match: Match, header: str, name: str, keys: Sequence[str]) -> str:
    # What decides whether a row is paid at all, or how much, is not to be guessed.
    guess = match.nearest(header) if keys == ["columns"] else ""
    return f"{shown(header)}{'' if header == name else f' for {name}'}{guess}"


def _where(keys: Iterable[str]) -> str:
    found = [f"as `{key}`" if key == "refunded" else f"under `{key}`" for key in dict.fromkeys(keys)]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def _without_header(match: Match, missing: str) -> BadInput:
    lacks = f"{match.path} has no header with {missing}"
    first = shown(match.names[0])
    advice = ""
    if any("@" in name or name[0].isdigit() for name in match.names):
        # A row of bookings: what it says about people doesn't belong in a message.
        what = "its first line looks like a row. Put a line with the names of the columns on top."
    elif _SEPARATOR.fullmatch(match.names[0]):
        what = f"its first line is {first}. Take out the lines above the header."
    elif len(match.names) == 1:
        what = (
            f"its first line is {first} alone. If the names of the columns stand further down, take out the lines "
            "above the header; if not, name it under `columns` of a source"
        )
        advice = CHECK
    else:
        columns = listed(match.names, LISTED_MAX)
        what, advice = f"its columns are {columns}. Name them under `columns` of a source", CHECK
    return BadInput(f"{lacks}; {what}", advice, code="header_missing", path=match.path, line=1)
