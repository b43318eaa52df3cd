"""A workbook's sheet (xlsx) as CSV: a line for each of its rows, so that both number their rows alike."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

from refundctl.domain.basics.definition_mistakes import listed
from refundctl.domain.basics.errors import BadInput
from refundctl.files.tables.archives import LISTED_MAX, ZipArchive, temporary_file
from refundctl.files.tables.workbook_parts import corrupt_workbook, part_name, write_checked

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_WORKBOOK = re.compile(
    rb"spreadsheetml\.(?:sheet|template)\.main\+xml|ms-excel\.(?:sheet|template)\.macroEnabled\.main"
)
_BINARY_WORKBOOK = re.compile(rb"ms-excel\.sheet\.binary\.macroEnabled\.main")


@dataclass(frozen=True, slots=True)
class Notation:
    """How cells that are no texts are written, and what stands between two cells."""

    decimal: str = "."
    date_format: str | None = None
    delimiter: str = ","


def kind_of(archive: ZipArchive) -> str | None:
    """`xlsx`, another kind of spreadsheet that isn't read, or None where the archive is no spreadsheet.

    Raises BadInput where the archive is damaged or encrypted.
    """
    entries = {part_name(entry.filename).lower(): entry for entry in archive.entries()}
    if "index/document.iwa" in entries:
        return "Numbers"
    if types := entries.get("[content_types].xml"):
        text = next(archive.pieces(types), b"")
        if _BINARY_WORKBOOK.search(text):
            return "xlsb"
        if _WORKBOOK.search(text):
            return "xlsx"
    mimetype = entries.get("mimetype")
    if mimetype and b"opendocument.spreadsheet" in next(archive.pieces(mimetype), b""):
        return "ods"
    return "xlsx" if "xl/workbook.xml" in entries else None


def write_csv(archive: ZipArchive, out: BinaryIO, notation: Notation) -> None:
    """Write the only visible sheet that has cells as UTF-8, each row as a line, line 1 being row 1.

    Raises BadInput where there are none or several, or the workbook is damaged, too large, or was never calculated.
    """
    import python_calamine

    with temporary_file() as checked:
        write_checked(archive, checked)
    with checked:
        try:
            book = python_calamine.load_workbook(checked)
            rows = _only_sheet(book, archive.name).iter_rows()
            _write_rows(rows, out, notation)
        except python_calamine.CalamineError as error:
            raise corrupt_workbook(archive.name) from error


def _only_sheet(book: "CalamineWorkbook", name: str) -> "CalamineSheet":
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    visible = [
        index
        for index, sheet in enumerate(book.sheets_metadata)
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    ]
    filled = [sheet for sheet in map(book.get_sheet_by_index, visible) if _is_filled(sheet)]
    if not filled:
        message = f"{name} has no visible sheet with anything in it: show the sheet of the bookings, and save it."
        raise BadInput(message, code="spreadsheet_empty", path=name)
    if len(filled) > 1:
        names = listed([sheet.name for sheet in filled], LISTED_MAX)
        message = (
            f"{name} has {len(filled)} visible sheets with something in them ({names}): hide or delete all but that of "
            "the bookings, and save it."
        )
        raise BadInput(message, code="spreadsheet_several_sheets", path=name)
    return filled[0]


def _is_filled(sheet: "CalamineSheet") -> bool:
    return sheet.start is not None and any(
        cell.strip() if isinstance(cell, str) else True for row in sheet.iter_rows() for cell in row
    )


# --- Rows and cells ---


def _write_rows(rows: Iterator[Sequence[Any]], out: BinaryIO, notation: Notation) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    writer = csv.writer(text, delimiter=notation.delimiter, lineterminator="\n")
    writers = _writers(notation)
    for row in rows:
        cells = [writers[type(cell)](cell) for cell in row]
        if any(cells):
            writer.writerow(cells)
        else:
            text.write("\n")
    text.flush()
    text.detach()


def _writers(notation: Notation) -> Mapping[type, Callable[[Any], str]]:
    """For each type of value that calamine gives, what it says as a text."""
    # A format that begins with the year is the only one in which such a source takes dates (domain.bookings.read_date).
    given = notation.date_format if (notation.date_format or "").startswith("%Y") else None

    def day(value: date) -> str:
        return value.strftime(given) if given else value.isoformat()

    def moment(value: datetime) -> str:
        value = _nearest_second(value)
        if given:
            return value.strftime(given)
        return value.isoformat() if value.time() != time() else value.date().isoformat()

    return {
        str: _one_line,
        float: lambda value: number_text(value, notation.decimal),
        int: lambda value: number_text(value, notation.decimal),
        bool: lambda value: str(value).upper(),
        date: day,
        datetime: moment,
        time: lambda value: _hours(_since_midnight(value)),
        timedelta: _hours,
    }


def number_text(value: float, decimal: str = ".") -> str:
    """The number in digits, as exactly as a spreadsheet knows it: `19.99`, `0.3` for 0.1 + 0.2, `5` for 5.0.

    Spreadsheets keep and show 15 significant digits; what a float has behind them comes from reckoning in binary.
    Numbers from 1E+15 (whose last digits may be lost) or below 1E-15 get a form that no id and no amount has.
    """
    text = f"{value:.15g}"
    if "e" in text:
        tiny_or_huge = not 1e-15 <= abs(value) < 1e15
        text = text.upper() if tiny_or_huge else format(Decimal(text), "f")
    elif text == "-0":
        return "0"
    elif text[-1] in "fn":
        return "#NUM!"
    return text.replace(".", decimal)


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    # A NUL, which Office Open XML can write as _x0000_, would have the whole file refused: as another control
    # character it rejects its row.
    return _LINE_BREAKS.sub(" ", text).replace("\0", "\x1a")


_LINE_BREAKS = re.compile(r"[\r\n]+")


def _nearest_second(value: datetime) -> datetime:
    """A time of day is a fraction of a day, in binary: 14:30 may be a millisecond short of it."""
    later = value.microsecond >= 500_000 and value.year < MAXYEAR
    return value.replace(microsecond=0) + timedelta(seconds=later)


def _since_midnight(value: time) -> timedelta:
    return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)


def _hours(duration: timedelta) -> str:
    """`HH:MM:SS`, with more than 24 hours where there are."""
    seconds = round(duration.total_seconds())
    minutes, second = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else ''}{minutes // 60:02}:{minutes % 60:02}:{second:02}"
