"""Files of bookings: the header found and matched with a source, and the rows below it as blocks of columns.

Every row of a block is accepted, filtered or rejected, and counted as exactly one of them.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, compress
from typing import TYPE_CHECKING, Any, BinaryIO

from refundctl.domain.basics.payment_card_numbers import may_hold_card_number
from refundctl.domain.bookings.booking_cells import FIELDS, RejectedRow
from refundctl.domain.bookings.booking_columns import BookingRules, metadata_texts
from refundctl.domain.bookings.column_faults import Faults, Texts, find_card_numbers
from refundctl.domain.bookings.line_items import METADATA, LineItemRules
from refundctl.files.bookings.bookings_header import BookingsHeader, find_bookings_header, without_currency
from refundctl.files.bookings.grouped_rows import Bookings, GroupedRows, all_texts, rejected_rows
from refundctl.files.tables.csv_rows import Columns, Rows
from refundctl.files.tables.misplaced_fields import Shape
from refundctl.files.tables.only_and_skip import wanted_texts
from refundctl.files.tables.reject_columns import left_over
from refundctl.files.tables.table_file import Block, TableFile, by_line, rejected_at, without

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source


_AMOUNT_LIKE = re.compile(
    r"-?(?:[^\W\d_]{1,3}|[^\w\s])?[ \u00a0]?[0-9][0-9., '\u00a0\u202f]*(?:[^\W\d_]{1,3}|[^\w\s])?"
)


class BookingsFile(TableFile[BookingsHeader]):
    """A file whose header is matched with a source; its blocks can be read once. `encoding` goes before its own."""

    def __init__(self, stream: BinaryIO, name: str, source: "Source", *, encoding: str | None = None) -> None:
        find = partial(find_bookings_header, source=source)
        super().__init__(stream, name, find, encoding=encoding or source.encoding)
        header = self.found
        self.header = header.names
        self._shape = Shape(header, self._is_like_row)
        self._kept = {*header.columns.values(), *header.metadata.values(), *chain(*header.joined.values())}
        self._only = wanted_texts(source, header.only)
        self._rules = BookingRules(
            decimal=source.decimal,
            thousands=source.thousands,
            date_format=source.date_format,
            blanks=frozenset(source.null_values),
            constants=source.constants,
            id_prefix=source.id_prefix or "",
            preset=source.preset,
        )
        self._source = source
        self._line_items = LineItemRules(self._rules) if source.group_by else None
        self._seeks_currency = "currency" not in header.columns and "currency" not in source.constants
        self._has_judged = self._has_unjudged = False

    @property
    def headers_used(self) -> dict[str, tuple[str, ...]]:
        """The canonical columns that the file has, each with its headers, in the order of FIELDS."""
        positions = {name: (position,) for name, position in self.found.columns.items()} | dict(self.found.joined)
        found = {name: positions[name] for name in FIELDS if name in positions}
        return {name: tuple(self.header[at] for at in places) for name, places in found.items()}

    def blocks(self) -> Iterator[Block]:
        """The rows in the order of the file. Raises BadInput where the file can't be taken as a whole."""
        if self._line_items is None:
            yield from map(self._block, self._rows)
        else:
            yield from self._blocks_of_bookings(self._line_items)
        # Where every row is filtered, or rejected before its currency is looked for, none has lacked it. And the rows
        # of a rejects file are rejected again.
        has_others = self._only or self._has_unjudged
        if self._seeks_currency and not self.found.rejects and (self._has_judged or not has_others):
            raise without_currency(self.name, self._source)

    def _block(self, rows: Rows) -> Block:
        read, misplaced, rejected = self._shape.told_apart(rows)
        return self._judged(read, misplaced, rejected, has_long_numbers=may_hold_card_number(rows.utf8))

    def _judged(
        self, read: Columns, left_out: Collection[int], rejected: list[RejectedRow], *, has_long_numbers: bool
    ) -> Block:
        """All rows but those that are left out, of which some are rejected already."""
        self._has_unjudged |= bool(rejected)
        lines, columns, filtered_ids = self._selected(read, left_out)
        filtered = len(read.lines) - len(left_out) - len(lines)
        faults = Faults()
        texts, metadata = self._texts(columns)
        if has_long_numbers:
            find_card_numbers(texts | metadata, faults)
        values = self._values(texts, metadata, len(lines), faults)
        rejected += rejected_at(lines, faults)
        lines, values = without(faults, lines, values)
        return Block(lines, values, by_line(rejected), filtered, filtered_ids=filtered_ids)

    def _selected(
        self, read: Columns, left_out: Collection[int]
    ) -> tuple[Sequence[int], dict[int, Texts], Sequence[tuple[str, str]]]:
        """Lines and kept columns of the rows that are judged, and what those that are filtered are about."""
        columns: dict[int, Texts] = {position: read.columns[position] for position in self._kept}
        if not left_out and not self._only:
            return read.lines, columns, ()
        selected = read.selected(left_out, self._only)
        columns = {position: tuple(compress(column, selected)) for position, column in columns.items()}
        is_filtered = [not taken and row not in left_out for row, taken in enumerate(selected)]
        return list(compress(read.lines, selected)), columns, self._line_ids(read, is_filtered)

    def _line_ids(self, read: Columns, is_filtered: Sequence[bool]) -> list[tuple[str, str]]:
        if not any(is_filtered):
            return []
        found = {name: self.found.columns[name] for name in ("booking_id", "refund_id") if name in self.found.columns}
        return self._rules.line_ids(
            {name: list(compress(read.columns[position], is_filtered)) for name, position in found.items()}
        )

    def _texts(self, columns: Mapping[int, Texts]) -> tuple[dict[str, Texts], dict[str, Texts]]:
        """The cells that are kept: canonical columns, and metadata, whose names say so."""
        texts: dict[str, Texts] = {name: columns[position] for name, position in self.found.columns.items()}
        for name, positions in self.found.joined.items():
            texts[name] = self._rules.joined([columns[position] for position in positions])
        metadata = {f"{METADATA}{name}": columns[position] for name, position in self.found.metadata.items()}
        return texts, metadata

    def _values(
        self, texts: Mapping[str, Texts], metadata: Mapping[str, Texts], count: int, faults: Faults
    ) -> dict[str, Sequence[Any] | None]:
        self._has_unjudged |= len(faults) > 0
        self._has_judged |= len(faults) < count
        values = self._rules.read(texts, count, faults)
        if self._seeks_currency:
            self._seeks_currency = not any(values["currency"] or ())
        kept = {name: self._rules.read_column(name, cells, faults) for name, cells in metadata.items()}
        values["metadata"] = metadata_texts({name.removeprefix(METADATA): column for name, column in kept.items()})
        return values

    # --- Rows that are put together ---

    def _blocks_of_bookings(self, line_items: LineItemRules) -> Iterator[Block]:
        wanted = {f"only.{position}": texts for position, texts in self._only.items()}
        with GroupedRows(line_items, wanted) as grouped:
            for rows in self._rows:
                yield self._put_by(rows, grouped)
            yield from map(self._block_of_bookings, grouped.bookings())

    def _put_by(self, rows: Rows, grouped: GroupedRows) -> Block:
        """Keep the rows that belong to a booking until all of it is read. The others are judged now."""
        read, misplaced, rejected = self._shape.told_apart(rows)
        for row in read.others:
            grouped.add_broken(self._possible_ids(row.fields), row.line)
        for number in misplaced:
            grouped.add_broken(self._all_texts([column[number] for column in read.columns]), read.lines[number])
        texts, metadata = self._texts(dict(enumerate(read.columns)))
        texts |= metadata | {f"only.{position}": read.columns[position] for position in self._only}
        texts["booking_id"] = keys = grouped.keys(texts["booking_id"])
        not_put_by = {row for row, key in enumerate(keys) if not key or row in misplaced}
        lines, columns = without(not_put_by, read.lines, texts)
        grouped.add(columns.pop("booking_id"), lines, columns, len(rows.utf8))
        left_out = misplaced.keys() | (set(range(len(keys))) - not_put_by)
        judged = self._judged(read, left_out, rejected, has_long_numbers=may_hold_card_number(rows.utf8))
        return replace(judged, further_lines=[])

    def _block_of_bookings(self, bookings: Bookings) -> Block:
        faults, lines = bookings.faults, bookings.lines
        metadata = {name: texts for name, texts in bookings.texts.items() if name.startswith(METADATA)}
        texts = {name: texts for name, texts in bookings.texts.items() if name not in metadata}
        values = self._values(texts, metadata, len(lines), faults)
        rejected = list(bookings.rejected)
        for row, name, fault in faults:
            rejected += rejected_rows(lines[row], name, fault)
        lines, values = without(faults, lines, values)
        further = [of_booking[1:] for of_booking in lines]
        ids = self._rules.line_ids({"booking_id": bookings.filtered_keys})
        first = [of_booking[0] for of_booking in lines]
        return Block(first, values, by_line(rejected), bookings.filtered, further, ids)

    def _is_like_row(self, fields: Sequence[str]) -> bool:
        """Below a quote that is closed too late, a row shows by its amount."""
        amount = self.found.columns.get("order_amount")
        return amount is not None and _AMOUNT_LIKE.fullmatch(fields[amount].strip()) is not None

    def _all_texts(self, cells: Sequence[str]) -> Sequence[str]:
        """Of a row of a rejects file, also those that had no room under the header."""
        place = self.found.rejects.get("_reason")
        return all_texts(cells if place is None else [*cells, *left_over(cells[place])])

    def _possible_ids(self, fields: Sequence[str]) -> Sequence[str]:
        """Where the booking_id of a row of the wrong width may have come to stand."""
        if any("\n" in field or "\r" in field for field in fields):
            return all_texts(fields)
        place = self.found.columns["booking_id"]
        moved = len(fields) - len(self.header)
        return fields[max(0, min(place, place + moved)) : max(place, place + moved) + 1]
