"""How a file of bookings would be read: which columns were found, what they mean, and its first rows as loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from refundctl.domain.basics.definition_mistakes import folded
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.money import format_amount
from refundctl.domain.bookings.booking_cells import FIELDS, WHITESPACE, RejectedRow
from refundctl.files.bookings.bookings_csv import BookingsFile
from refundctl.files.bookings.presets import header_names, presets
from refundctl.files.bookings.suggested_source import as_yaml, from_preset, suggest
from refundctl.files.tables.csv_rows import DELIMITERS, CsvRows, first_row
from refundctl.files.tables.encoded_text import TextBytes, find_encoding
from refundctl.files.tables.table_file import Block

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

FIRST_ROWS = 5
ROWS_LOOKED_AT = 200
_AMOUNTS = ("order_amount", "refund_amount", "cash_amount", "bonus_amount")


@dataclass(frozen=True, slots=True)
class SourceReading:
    """How a file would be read by a source: `columns` are canonical names with the headers they come from.

    `bookings` are the first accepted ones, amounts as text in major units; `rejected` the first rejected rows. The
    counts are of all rows, each judged by itself: what rows say together, and what the ledger knows, is not looked at.
    `sha256` is the digest of the bytes that were read.
    """

    source: str
    encoding: str
    delimiter: str
    columns: Mapping[str, Sequence[str]]
    constants: Mapping[str, str]
    unused: Sequence[str]
    bookings: Sequence[Mapping[str, str]]
    rejected: Sequence[RejectedRow]
    counts: Mapping[str, int]
    sha256: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A file that no source is for: why, and a source to start from, as YAML."""

    refusal: BadInput
    header: Sequence[str]
    yaml: str


def check(path: str, stream: BinaryIO, name: str, source: "Source", *, encoding: str | None) -> SourceReading | Unknown:
    """Read a file by a source. Raises BadInput where it is no CSV file at all."""
    try:
        return _read(path, stream, name, source, encoding)
    except BadInput as error:
        if error.code not in {"column_missing", "header_missing"}:
            raise
        return unknown(path, stream, source, error, encoding=encoding)


def unknown(path: str, stream: BinaryIO, source: "Source", refusal: BadInput, *, encoding: str | None) -> Unknown:
    """A source to start from, guessed from the header and the first rows."""
    stream.seek(0)
    names = header_names(stream, path, source, encoding=encoding)
    rows = _first_rows(path, stream, source, names, encoding)
    suggestion = suggest(names, rows)
    preset = refusal.details.get("preset") or source.preset
    if preset in presets():
        yaml = from_preset("my-source", presets()[str(preset)], names, suggestion, encoding=encoding)
    else:
        yaml = as_yaml("my-source", suggestion, encoding=encoding)
    return Unknown(refusal.without_advice(), names, yaml)


def _read(path: str, stream: BinaryIO, name: str, source: "Source", encoding: str | None) -> SourceReading:
    stream.seek(0)
    opened = BookingsFile(stream, path, source, encoding=encoding)
    counts = dict.fromkeys(("rows", "accepted", "filtered", "rejected"), 0)
    bookings: list[dict[str, str]] = []
    rejected: list[RejectedRow] = []
    for block in opened.blocks():
        counts["rows"] += block.rows
        counts["accepted"] += block.rows - len(block.rejected) - block.filtered
        counts["filtered"] += block.filtered
        counts["rejected"] += len(block.rejected)
        bookings += [_booking(block, row) for row in range(min(FIRST_ROWS - len(bookings), len(block.lines)))]
        rejected += block.rejected[: FIRST_ROWS - len(rejected)]
    used = {header for headers in opened.headers_used.values() for header in headers}
    # Found without regard to case.
    listed = {folded(header) for header in (*source.only, *source.skip, *source.metadata, source.refunded or "")}
    return SourceReading(
        source=name,
        encoding=opened.encoding,
        delimiter=opened.delimiter,
        columns=opened.headers_used,
        constants=source.constants,
        unused=[header for header in opened.header if header and header not in used and folded(header) not in listed],
        bookings=bookings,
        rejected=rejected,
        counts=counts,
        sha256=opened.sha256,
    )


def _booking(block: Block, row: int) -> dict[str, str]:
    values: dict[str, Any] = {name: column[row] for name, column in block.columns.items() if column is not None}
    for name in _AMOUNTS:
        if values.get(name) is not None:
            values[name] = format_amount(values[name], values["currency"])
    values["refund_id"] = values.get("refund_id") or values["booking_id"]
    ordered = [name for name in (*FIELDS, "metadata") if values.get(name) not in {None, ""}]
    return {name: str(values[name]) for name in ordered}


def _first_rows(
    path: str, stream: BinaryIO, source: "Source", names: Sequence[str], encoding: str | None
) -> list[Sequence[str]]:
    stream.seek(0)
    rows = CsvRows(TextBytes(stream, path, find_encoding(stream, encoding or source.encoding)))
    beginning = rows.beginning()
    delimiter, lines = _delimiter_of(beginning, names)
    rows.begin(delimiter, len(names), after_lines=lines)
    try:
        some = list(islice((row.fields for block in rows for row in block), ROWS_LOOKED_AT))
    except BadInput:  # further down; the header is what counts here
        return []
    return [fields for fields in some if len(fields) == len(names)]


def _delimiter_of(beginning: str, names: Sequence[str]) -> tuple[str, int]:
    """The delimiter by which the header has the names that were found, and the lines down to its end."""
    for delimiter in DELIMITERS:
        fields, lines = first_row(beginning, delimiter) or ([], 0)
        if [field.strip(WHITESPACE) for field in fields] == list(names):
            return delimiter, lines
    return ",", 1
