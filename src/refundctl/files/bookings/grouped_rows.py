"""The rows of a file with a row per line item, brought together by booking, whatever their order in the file."""

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, groupby, islice, pairwise
from operator import and_, itemgetter
from typing import Self

from refundctl.domain.bookings.booking_cells import Fault, RejectCode, RejectedRow
from refundctl.domain.bookings.column_faults import Faults, Texts, find_card_numbers
from refundctl.domain.bookings.line_items import LineItemRules
from refundctl.files.tables.csv_rows import ROWS_WANTED
from refundctl.files.tables.sorted_rows import SortedRow, SortedRows

#: Rows that one booking may have: more are held in memory for no id, but for a column that is none.
GROUP_ROWS_MAX = 100_000
#: Lines that a reason lists.
LISTED_MAX = 5


@dataclass(frozen=True, slots=True)
class Bookings:
    """Some bookings as texts, one row each. `lines` are the physical lines of its rows, ascending.

    `faults` are those of a booking (from 0), `rejected` and `filtered` rows in none; `filtered_keys` have no others.
    """

    lines: Sequence[Sequence[int]]
    texts: Mapping[str, Texts]
    faults: Faults
    rejected: Sequence[RejectedRow]
    filtered: int
    filtered_keys: Sequence[str] = ()


class GroupedRows:
    """Collects the rows of a file, and gives them back booking by booking.

    `wanted` says for some columns which texts a row must have there to stay.
    """

    def __init__(self, rules: LineItemRules, wanted: Mapping[str, Container[str]]) -> None:
        self._rules = rules
        self._wanted = wanted
        self._names: tuple[str, ...] = ()
        self._rows = SortedRows()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def keys(self, texts: Texts) -> list[str]:
        """What rows with these booking_ids are grouped by; empty where the cell is blank."""
        return list(map(self._rules.key, texts))

    def add(self, keys: Iterable[str], lines: Iterable[int], columns: Mapping[str, Texts], size_bytes: int) -> None:
        """Take rows, given as columns, each under a key that is not blank. Raises WriteFailed."""
        self._names = tuple(columns)
        self._rows.add(zip(keys, lines, *columns.values(), strict=True), size_bytes)

    def add_broken(self, texts: Texts, line: int) -> None:
        """Note a row that can't be read, but may belong to a booking with one of these ids."""
        self._rows.add([(key, line) for key in set(self.keys(texts)) if key], 0)

    def bookings(self) -> Iterator[Bookings]:
        """All bookings by their ids, some at a time."""
        groups = _Groups()
        for _, found in groupby(self._rows, itemgetter(0)):
            of_group = iter(found)
            rows = list(islice(of_group, GROUP_ROWS_MAX + 1))
            if len(rows) > GROUP_ROWS_MAX:
                yield from self._refused(chain(rows, of_group))
                continue
            groups.add(rows)
            if len(groups.rows) >= ROWS_WANTED:
                yield self._together(groups)
                groups = _Groups()
        if groups.rows:
            yield self._together(groups)

    def _together(self, groups: "_Groups") -> Bookings:
        kept = self._kept(groups)
        filtered = kept.count(False)
        filtered_keys = [
            groups.rows[first][0]
            for group, (first, end) in enumerate(pairwise(groups.starts))
            if group not in groups.broken and not any(kept[first:end])
        ]
        rejected: list[RejectedRow] = []
        for group, broken_line in groups.broken.items():
            for row in range(*groups.starts[group : group + 2]):
                if kept[row]:
                    rejected.append(_partner(groups.rows[row][1], broken_line))
                    kept[row] = False
        if not all(kept):
            groups = groups.only(kept)
        columns = self._texts(groups.rows)
        keys = [groups.rows[first][0] for first in groups.starts[:-1]]
        faults = Faults()
        find_card_numbers({"booking_id": keys}, faults)
        _find_card_numbers(columns, groups.starts, faults)
        texts = {"booking_id": keys, **self._rules.merged(columns, groups.starts, faults)}
        lines = list(map(itemgetter(1), groups.rows))
        of_groups = [lines[first:end] for first, end in pairwise(groups.starts)]
        return Bookings(of_groups, texts, faults, rejected, filtered, filtered_keys)

    def _kept(self, groups: "_Groups") -> list[bool]:
        """Which rows are not filtered."""
        kept = [True] * len(groups.rows)
        columns = self._columns(groups.rows) if self._wanted else {}
        for name, wanted in self._wanted.items():
            of_column = self._rules.wanted(columns[name], groups.starts, wanted, unsure=groups.broken)
            kept = list(map(and_, kept, of_column))
        return kept

    def _texts(self, rows: Sequence[SortedRow]) -> dict[str, Texts]:
        return {name: texts for name, texts in self._columns(rows).items() if name not in self._wanted}

    def _columns(self, rows: Sequence[SortedRow]) -> dict[str, Texts]:
        columns = list(zip(*rows, strict=True))[2:] if rows else [()] * len(self._names)
        return dict(zip(self._names, columns, strict=True))

    def _refused(self, found: Iterable[SortedRow]) -> Iterator[Bookings]:
        """A group of too many rows, which is never in memory as a whole."""
        rows = (row for row in found if len(row) > 2)
        nothing = {"booking_id": (), **self._texts([])}
        while some := list(islice(rows, ROWS_WANTED)):
            # No row is filtered but for what stands in it, as in a group that is not known as a whole.
            kept = self._kept(_Groups(some, [0, len(some)], broken={0: 0}))
            rejected = [RejectedRow.of(row[1], "booking_id", _NO_ID) for row in compress(some, kept)]
            yield Bookings([], nothing, Faults(), rejected, kept.count(False))


@dataclass(slots=True)
class _Groups:
    """Rows in the order of their keys; `starts` says where each group begins, and where the last one ends.

    `broken` has the lowest line of a row that can't be read for the groups that it may belong to.
    """

    rows: list[SortedRow] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    broken: dict[int, int] = field(default_factory=dict)

    def add(self, found: Sequence[SortedRow]) -> None:
        """Take the rows of a group, among which stand the notes of broken ones."""
        rows = [row for row in found if len(row) > 2]
        if not rows:
            return
        if len(rows) < len(found):
            self.broken[len(self.starts) - 1] = min(row[1] for row in found if len(row) == 2)
        self.rows += rows
        self.starts.append(len(self.rows))

    def only(self, kept: Sequence[bool]) -> "_Groups":
        """The same without the other rows, and without the groups that have none left."""
        before = [0, *accumulate(kept)]
        return _Groups(list(compress(self.rows, kept)), list(dict.fromkeys(before[first] for first in self.starts)))


def _find_card_numbers(columns: Mapping[str, Texts], starts: Sequence[int], faults: Faults) -> None:
    """In the rows themselves: a sum no longer shows what it was made of."""
    for name, texts in columns.items():
        found = Faults()
        find_card_numbers({name: texts}, found)
        for row, _, fault in found:
            faults.add(bisect_right(starts, row) - 1, name, fault)


def all_texts(fields: Iterable[str]) -> list[str]:
    """Fields, and what within them may be fields of other rows, which a quote has swallowed."""
    return [text for field in fields for text in (field, *_BETWEEN_FIELDS.split(field))]


def rejected_rows(lines: Sequence[int], name: str, fault: Fault) -> list[RejectedRow]:
    """All rows of a booking, which share their fate."""
    reason = fault.reason
    if len(lines) > 1:
        reason += f"; {_listed(lines)} are one booking, and stand or fall together"
    return [RejectedRow(line, name, fault.code.value, f"{name} {reason}") for line in lines]


def _listed(lines: Sequence[int]) -> str:
    more = f"{len(lines) - LISTED_MAX} more" if len(lines) > LISTED_MAX else str(lines[-1])
    return f"lines {', '.join(map(str, lines[:LISTED_MAX][: len(lines) - 1]))} and {more}"


_BETWEEN_FIELDS = re.compile(r'["\r\n,;\t|]+')


def _partner(line: int, broken_line: int) -> RejectedRow:
    reason = f"may be that of line {broken_line}, whose fields stand in wrong columns; fix that row, and load both"
    return RejectedRow.of(line, "booking_id", Fault(RejectCode.WRONG_FIELD_COUNT, reason))


_NO_ID = Fault(
    RejectCode.MALFORMED_ID,
    f"stands in more than {GROUP_ROWS_MAX:,} rows, as no booking does; look whether it is the right column",
)
