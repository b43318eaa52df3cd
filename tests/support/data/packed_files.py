"""Packed files of bookings in tests: workbooks written by a real writer, and what comes out of any of them."""

import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import xlsxwriter

from refundctl.domain.basics.errors import BadInput
from refundctl.files.tables.unpacking import Packed, unpack

#: Names of number formats that a test's `Cell` can have.
DAY, MOMENT, HOUR, HOURS = "yyyy-mm-dd", "dd/mm/yyyy hh:mm:ss", "hh:mm:ss", "[h]:mm:ss"


def made(write: Callable[[Any], None], **options: Any) -> bytes:
    """An xlsx with what `write` does to the workbook."""
    raw = io.BytesIO()
    book = xlsxwriter.Workbook(raw, {"in_memory": True, **options})
    write(book)
    book.close()
    return raw.getvalue()


def workbook(rows: Sequence[Any], **options: Any) -> bytes:
    """An xlsx with one sheet of these cells; None leaves one blank."""
    return made(lambda book: fill(book, book.add_worksheet("Bookings"), rows), **options)


def fill(book: Any, sheet: Any, rows: Sequence[Any]) -> None:
    formats = {code: book.add_format({"num_format": code}) for code in (DAY, MOMENT, HOUR, HOURS)}
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.write_string(row, column, cell)
            elif isinstance(cell, datetime):
                sheet.write_datetime(row, column, cell, formats[MOMENT])
            elif isinstance(cell, date):
                sheet.write_datetime(row, column, cell, formats[DAY])
            elif isinstance(cell, time | timedelta):
                sheet.write_datetime(row, column, cell, formats[HOUR if isinstance(cell, time) else HOURS])
            elif cell is not None:
                sheet.write(row, column, cell)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of these files."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return raw.getvalue()


def edited(raw: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The workbook with something else in one of its parts."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part], parts[part]
    parts[part] = parts[part].replace(old, new)
    return zipped(parts)


def taken_out(raw: bytes, name: str = "bookings", **notation: Any) -> tuple[Packed | None, bytes]:
    """What a file of these bytes was packed as, and its CSV."""
    with tempfile.TemporaryFile() as given:
        given.write(raw)
        given.seek(0)
        unpacked = unpack(given, name, **notation)
        with unpacked.stream as stream:
            return unpacked.packed, stream.read()


def csv_of(raw: bytes, **notation: Any) -> bytes:
    """The CSV in a file of these bytes."""
    return taken_out(raw, **notation)[1]


def refusal(raw: bytes, name: str) -> tuple[str, str]:
    """The code and the sentence with which a file is refused."""
    with pytest.raises(BadInput) as caught:
        taken_out(raw, name)
    assert caught.value.details["path"] == name
    return caught.value.code, caught.value.message
