"""Files that name cards: a CSV with a column `card_id` or `code`, and columns for what is to be done with each card.

Read whole, since all of its rows are done or none, and every row that is wrong is told. No message shows a code.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from refundctl.domain.basics.definition_mistakes import did_you_mean, folded, shown
from refundctl.domain.basics.errors import BadInput, RowProblem
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.domain.cards.codes import code_key, is_card_id, looks_like_code, mask
from refundctl.domain.cards.redemption_columns import CARD_COLUMNS
from refundctl.files.tables.csv_rows import Row
from refundctl.files.tables.headers import TableHeader, table_header
from refundctl.files.tables.table_file import TableFile


@dataclass(frozen=True, slots=True)
class CardRow:
    """A row: its physical line, the card's id or code, and its cells by column, trimmed; optional ones may be blank."""

    line: int
    named: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CardRows:
    """All rows of a file, in its order; `sha256` is the hexadecimal digest of its raw bytes."""

    rows: Sequence[CardRow]
    faults: Sequence[RowProblem]
    sha256: str

    @property
    def count(self) -> int:
        """How many rows the file has."""
        return len(self.rows) + len(self.faults)


def read_card_rows(
    stream: BinaryIO,
    name: str,
    *,
    required: Collection[str] = (),
    optional: Collection[str] = (),
    encoding: str | None = None,
) -> CardRows:
    """The rows of a file with these columns beside the card's. Messages call it `name`; the stream is seekable.

    A cell of a `required` column is never blank. Raises BadInput where the file as a whole is none of this kind, such
    as for a column that is not known, and UsageError for an unknown encoding.
    """
    known = (*CARD_COLUMNS, *required, *optional)
    file = TableFile(
        stream, name, partial(table_header, wanted=known, what="cards"), encoding=encoding, told_encoding=False
    )
    columns = _CardColumns(name, file.found, known)
    columns.check(required)
    read = [columns.read(row, required) for row in file.rows()]
    rows = [row for row in read if isinstance(row, CardRow)]
    return CardRows(rows, [fault for fault in read if isinstance(fault, RowProblem)], file.sha256)


class _CardColumns:
    """Which column of the file is which."""

    def __init__(self, path: str, header: TableHeader, known: Sequence[str]) -> None:
        self._path, self._names, self._line, self._known = path, header.names, header.lines, known
        columns = {folded(column): column for column in known}
        self._columns = [columns.get(folded(name)) for name in self._names]

    def check(self, required: Collection[str]) -> None:
        """Raises BadInput where a column is missing, stands there twice, or is not known."""
        there = [column for column in self._columns if column is not None]
        self._refuse_unknown(there)
        twice = sorted({column for column in there if there.count(column) > 1})
        if twice:
            raise self._wrong("duplicate_header", f"has the column `{twice[0]}` more than once; leave one of them.")
        if not {*CARD_COLUMNS} & {*there}:
            raise self._wrong("column_missing", "has no column `card_id` or `code`, so that no card is named; add one.")
        missing = ", ".join(f"`{column}`" for column in required if column not in there)
        if missing:
            raise self._wrong("column_missing", f"has no column {missing}; add it, and fill it in each row.")

    def _refuse_unknown(self, there: Sequence[str]) -> None:
        if not there and any(map(_may_be_code, self._names)):
            raise self._wrong("header_missing", "has no header: put a line with the names of its columns on top.")
        unknown = [name for name, column in zip(self._names, self._columns, strict=True) if name and column is None]
        if unknown:
            told = ", ".join(map(_shown_name, unknown))
            guess = did_you_mean(unknown[0], [column for column in self._known if column not in there])
            hint = guess or f"; it may have {', '.join(f'`{column}`' for column in self._known)}."
            raise self._wrong("column_unknown", f"has a column that is not known here, {told}{hint}")

    def read(self, row: Row, required: Collection[str]) -> CardRow | RowProblem:
        """What a row says, or why it can't be taken."""
        cells = dict.fromkeys(self._known, "")
        unnamed = False
        for column, cell in zip(self._columns, row.fields, strict=False):
            text = cell.strip(WHITESPACE)
            if column is None:
                unnamed = unnamed or bool(text)
            else:
                cells[column] = text
        if len(row.fields) != len(self._names) or unnamed:
            return RowProblem(row.line, "wrong_field_count", self._wrong_width(len(row.fields)))
        card_id, code = (cells.pop(column) for column in CARD_COLUMNS)
        fault = _fault_of_card(card_id, code) or _fault_of_blanks(cells, required)
        return CardRow(row.line, card_id or code, cells) if fault is None else RowProblem(row.line, *fault)

    def _wrong_width(self, given: int) -> str:
        if given == len(self._names):
            return "A value stands under no name: put each value under its header."
        return (
            f"The row has {given} field{'s' * (given != 1)}, the header has {len(self._names)}: "
            "put each value under its header."
        )

    def _wrong(self, code: str, what: str) -> BadInput:
        return BadInput(f"{self._path} {what}", code=code, path=self._path, line=self._line)


def _fault_of_card(card_id: str, code: str) -> tuple[str, str] | None:
    if card_id and code:
        return "card_named_twice", "The row has both a card_id and a code: name the card by one of them."
    if not card_id and not code:
        return "card_missing", "The row names no card: give its card_id or its code."
    if card_id and not is_card_id(card_id):
        return "card_id_malformed", "Its card_id is not c and digits: give the card's id, or its code under `code`."
    return None


def _fault_of_blanks(cells: Mapping[str, str], required: Collection[str]) -> tuple[str, str] | None:
    blank = next((column for column in required if not cells[column]), None)
    return None if blank is None else ("value_missing", f"Its {blank} is blank: fill it in.")


def _shown_name(name: str) -> str:
    return shown(mask(name) if _may_be_code(name) else name)


def _may_be_code(text: str) -> bool:
    """Whether a header may be a code, or a card's id: a name of ours has neither digits nor twelve capitals."""
    return looks_like_code(text) or is_card_id(text) or (len(code_key(text)) >= 8 and any(map(str.isdigit, text)))
