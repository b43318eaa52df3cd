"""The parts of a workbook (xlsx), checked before they are read.

calamine doesn't say all: it gives an error, and a formula that was never calculated, as blank, and a blank refund
amount would mean the whole order; it takes a part that is cut off for a whole one; it makes room for every cell of the
rectangle that a sheet fills; and it gives the number 123 for a cell that shows 00123, which is another booking.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, partial
from operator import itemgetter
from typing import BinaryIO
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZipFile

from refundctl.domain.basics.errors import BadInput
from refundctl.files.tables.archives import ZipArchive

#: Of the rectangle that a sheet fills, from its first row and column to its last. calamine takes 32 bytes for one
#: that is blank, so 1.5 GiB for so many. All rows that a sheet can have, 1,048,576, by 47 columns stay below it.
CELLS_MAX = 50_000_000
#: A formula has 8,192 characters at most, and its cell little more.
CELL_BYTES_MAX = 1 << 16
#: A tag, or a text between two, that is longer than this is none: a cell holds 32,767 characters at most.
TAG_BYTES_MAX = 4 << 20

#: Parts that are XML but hold no cells of a sheet.
_NOT_NEEDED = re.compile(
    r"(?i)(?:^|/)(?:docProps|customXml|theme|drawings|charts|pivotCache|pivotTables|externalLinks)/"
)


def write_checked(archive: ZipArchive, out: BinaryIO) -> None:
    """The parts that calamine needs as a new workbook, so that nothing is read that was not counted and checked."""
    names = set()
    widths = _padded_styles(archive)
    with ZipFile(out, "w", ZIP_DEFLATED, compresslevel=1) as checked:
        for entry in archive.entries():
            name = part_name(entry.filename)
            if not name.lower().endswith((".xml", ".rels")) or _NOT_NEEDED.search(name):
                continue
            if name.lower() in names:
                raise corrupt_workbook(archive.name)
            names.add(name.lower())
            with checked.open(name, "w", force_zip64=True) as part:
                for piece in _checked(archive.pieces(entry), archive.name, widths):
                    part.write(piece)


def part_name(name: str) -> str:
    """Some programs write the separators of Windows."""
    return name.replace("\\", "/")


def _padded_styles(archive: ZipArchive) -> dict[bytes, int]:
    """The numbers of cell styles that show whole numbers with zeros in front, each with the digits it shows."""
    entry = next((entry for entry in archive.entries() if part_name(entry.filename).lower() == _STYLES), None)
    if entry is None:
        return {}
    xml = b"".join(archive.pieces(entry))
    if len(xml) > STYLES_BYTES_MAX:
        raise corrupt_workbook(archive.name)
    formats = {number: code for tag in _NUMBER_FORMAT.findall(xml) for number, code in _format_of(tag)}
    cell_formats = _CELL_FORMATS.search(xml)
    if cell_formats is None or not formats:
        return {}
    numbers = _FORMAT_OF_STYLE.findall(cell_formats[1])
    return {str(style).encode(): len(formats[number]) for style, number in enumerate(numbers) if number in formats}


def _format_of(tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    number, code = _FORMAT_ID.search(tag), _ZEROS.search(tag)
    if number and code:
        yield number[1], code[1]


def _checked(pieces: Iterator[bytes], name: str, widths: Mapping[bytes, int]) -> Iterator[bytes]:
    """The part, errors and padded numbers as texts. Raises BadInput where it is cut off, too large, not calculated."""
    parser = expat.ParserCreate("utf-8")  # calamine reads nothing else, whatever the part says
    parser.StartDoctypeDeclHandler = partial(_refuse_doctype, name)
    extent = _Extent(name)
    rest = b""
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            whole, rest = _cut(rest + piece)
            if len(rest) > TAG_BYTES_MAX:
                raise corrupt_workbook(name)
            yield _checked_cells(whole, extent, widths)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise corrupt_workbook(name) from error
    yield _checked_cells(rest, extent, widths)


def _refuse_doctype(name: str, *_declared: object) -> None:
    # No spreadsheet program writes one, and it can make much out of little.
    raise corrupt_workbook(name)


def _cut(xml: bytes) -> tuple[bytes, bytes]:
    """What stands before the last cell or tag, and the rest: so no cell is looked at in halves."""
    cells = [found.start() for found in _CELL_BEGINS.finditer(xml, max(0, len(xml) - CELL_BYTES_MAX))]
    at = cells[-1] if cells else max(0, xml.rfind(b"<"))
    return xml[:at], xml[at:]


# ECMA-376-1, 18.3.1.4 (a cell, `c`), 18.3.1.40 (its formula, `f`) and 18.3.1.73 (a row).
_CELL = re.compile(
    rb"""<(?:[\w.-]+:)?c(?=[\s/>])(?:[^<>]*?\sr\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["'])?[^<>]*?(/?)>"""
)
_CELL_BEGINS = re.compile(rb"<(?:[\w.-]+:)?c(?=[\s/>])")
_UNPLACED_CELL = re.compile(rb"""<(?:[\w.-]+:)?c(?=[\s/>])(?![^<>]*\sr\s*=)""")
_ROW = re.compile(rb"""<(?:[\w.-]+:)?row(?=[\s/>])(?:[^<>]*?\sr\s*=\s*["']([0-9]{1,7})["'])?""")
#: 18.18.11: a cell of the type `e` holds an error, one of the type `str` the text of a formula.
_ERROR_CELL = re.compile(rb"""(<(?:[\w.-]+:)?c(?=\s)[^<>]*?\st\s*=\s*)(?:"e"|'e')""")
_FORMULA_WITHOUT_VALUE = re.compile(
    rb"<(?:[\w.-]+:)?c(?=[\s>])([^<>]*)>\s*<(?:[\w.-]+:)?f(?=[\s/>])[^<>]*(?:/>|>[^<]*</(?:[\w.-]+:)?f>)\s*"
    rb"(<(?:[\w.-]+:)?v\s*(?:/>|></(?:[\w.-]+:)?v>))?\s*</(?:[\w.-]+:)?c>"
)
_TYPE_TEXT = re.compile(rb"""\st\s*=\s*["']str["']""")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3}[0-9]{1,7})["']""")


# 18.8.30 (number formats), 18.8.10 (the formats of cells), 18.8.45 (one of them, `xf`, by the style numbers).
_STYLES = "xl/styles.xml"
#: 64,000 styles of some 200 bytes are what a workbook may have.
STYLES_BYTES_MAX = 64 << 20
_NUMBER_FORMAT = re.compile(rb"<(?:[\w.-]+:)?numFmt(?=\s)[^<>]*>")
_FORMAT_ID = re.compile(rb"""\snumFmtId\s*=\s*["']([0-9]{1,9})["']""")
_ZEROS = re.compile(rb"""\sformatCode\s*=\s*["'](0{2,50})(?:;[^"']*)?["']""")
_CELL_FORMATS = re.compile(rb"(?s)<(?:[\w.-]+:)?cellXfs(?=[\s>])[^<>]*>(.*?)</(?:[\w.-]+:)?cellXfs>")
_FORMAT_OF_STYLE = re.compile(rb"""<(?:[\w.-]+:)?xf(?=\s)[^<>]*?\snumFmtId\s*=\s*["']([0-9]{1,9})["']""")
_WHOLE_NUMBER_CELL = re.compile(
    rb"(<(?:[\w.-]+:)?c(?=\s))([^<>]*)(>\s*(?:<(?:[\w.-]+:)?f(?=[\s/>])[^<>]*(?:/>|>[^<]*</(?:[\w.-]+:)?f>)\s*)?"
    rb"<(?:[\w.-]+:)?v>\s*)([0-9]{1,50})(?=\s*<)"
)
_STYLE = re.compile(rb"""\ss\s*=\s*["']([0-9]{1,9})["']""")
_TYPE = re.compile(rb"""\st\s*=\s*["']([^"']*)["']""")


def _padded(xml: bytes, widths: Mapping[bytes, int]) -> bytes:
    """Whole numbers that are shown with zeros in front, as the texts that are shown."""

    def as_shown(found: re.Match[bytes]) -> bytes:
        begin, attributes, between, digits = found.groups()
        style, kind = _STYLE.search(attributes), _TYPE.search(attributes)
        width = widths.get(style[1], 0) if style else 0
        if len(digits) >= width or (kind and kind[1] != b"n"):
            return found[0]
        return begin + b' t="str"' + _TYPE.sub(b"", attributes) + between + digits.zfill(width)

    return _WHOLE_NUMBER_CELL.sub(as_shown, xml)


def _checked_cells(xml: bytes, extent: "_Extent", widths: Mapping[bytes, int]) -> bytes:
    if widths:
        xml = _padded(xml, widths)
    if b"<f" in xml or b":f" in xml:
        _refuse_not_calculated(xml, extent.name)
    extent.add(xml)
    return _ERROR_CELL.sub(rb'\1"str"', xml) if b'"e"' in xml or b"'e'" in xml else xml


def _refuse_not_calculated(xml: bytes, name: str) -> None:
    for found in _FORMULA_WITHOUT_VALUE.finditer(xml):
        attributes, blank = found.groups()
        if blank and _TYPE_TEXT.search(attributes):
            continue  # a text without a letter is what it came to
        reference = _REFERENCE.search(attributes)
        place = f", such as that in cell {reference[1].decode()}" if reference else ""
        message = (
            f"{name} has formulas that were never calculated{place}: open it in a spreadsheet program, and save it."
        )
        raise BadInput(message, code="spreadsheet_not_calculated", path=name)


class _Extent:
    """How far at most the cells of a sheet reach that are not blank."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rows = self._columns = 0
        self._unplaced = self._unplaced_in_last_row = 0
        self._before = b""

    def add(self, xml: bytes) -> None:
        """Look at more cells. Raises BadInput where there is no room for what they fill."""
        filled = [found for found in _CELL.findall(xml) if not found[2]]
        columns, rows = set(map(itemgetter(0), filled)), set(map(itemgetter(1), filled))
        self._columns = max(self._columns, *map(_column_number, columns), 0)
        self._rows = max(self._rows, *map(int, rows - {b""}), 0)
        if b"" in columns:
            self._add_unplaced(xml)
        self._before = xml[-CELL_BYTES_MAX:]
        if self._rows * (self._columns + self._unplaced) > CELLS_MAX:
            raise self._too_large()

    def _add_unplaced(self, xml: bytes) -> None:
        """Cells and rows that don't say where they are stand beside the one before."""
        numbers = _ROW.findall(self._before + xml)  # some rows twice: it need not be exact
        self._rows = max(self._rows + numbers.count(b""), *map(int, filter(None, numbers)), 0)
        before, *rows = [len(_UNPLACED_CELL.findall(row)) for row in _ROW.split(xml)[::2]]
        counts = [self._unplaced_in_last_row + before, *rows]
        self._unplaced = max(self._unplaced, *counts)
        self._unplaced_in_last_row = counts[-1]

    def _too_large(self) -> BadInput:
        message = (
            f"{self.name} has a sheet of {self._rows:,} rows and {self._columns + self._unplaced:,} columns, for which "
            "there is no room: delete what stands far away from the table, or save the sheet as CSV."
        )
        return BadInput(message, code="spreadsheet_too_large", path=self.name)


@cache
def _column_number(letters: bytes) -> int:
    """`A` is 1, `Z` 26, `AA` 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def corrupt_workbook(name: str) -> BadInput:
    """The refusal of a workbook that can't be read, or not safely."""
    message = f"{name} is a damaged workbook: open it in a spreadsheet program, and save it again."
    return BadInput(message, code="spreadsheet_corrupt", path=name)
