"""A CSV file as whole rows, read piece by piece, so that memory stays flat whatever its size.

Each row keeps the physical line on which it starts. `csv.reader(strict=True)` says what a row is; where all or
none of the cells are in quotes, they are split faster than it can, with the same result.
"""

import csv
import io
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from refundctl.domain.basics.errors import BadInput
from refundctl.files.tables.encoded_text import PIECE_BYTES, TextBytes, Undecodable

#: A row beyond this is no row: more likely a quote that was not closed.
ROW_BYTES_MAX = 16 * 1024 * 1024

#: How many rows are read at once, kept between PIECE_BYTES and a PIECES_SPREADth of it.
ROWS_WANTED = 5_000
PIECES_SPREAD = 16

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Row:
    """One row with its fields as they stand in the file; `line` is the physical line on which it starts."""

    line: int
    fields: Sequence[str]


@dataclass(frozen=True, slots=True)
class Span:
    """A row that runs over several physical lines: where it starts, and its lines after the first."""

    line: int
    later_lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows that have as many fields as the header, as columns; and the others."""

    lines: Sequence[int]
    columns: Sequence[Sequence[str]]
    others: Sequence[Row]

    def selected(self, left_out: Collection[int], wanted: Mapping[int, Container[str]]) -> list[bool]:
        """Which rows (from 0) are not left out, and have in each column (from 0) of `wanted` one of its texts."""
        selected = [row not in left_out for row in range(len(self.lines))]
        for position, texts in wanted.items():
            column = self.columns[position]
            right = {text for text in set(column) if text in texts}
            selected = [so_far and text in right for so_far, text in zip(selected, column, strict=True)]
        return selected


@dataclass(frozen=True, slots=True)
class Rows:
    """Some whole rows of a file, none of them blank; `utf8` are their bytes, and perhaps more."""

    utf8: bytes
    lines: Sequence[int]
    spans: Sequence[Span]
    _width: int
    #: All cells in a row, where each row has as many as the header.
    _cells: Sequence[str] | None
    _fields: Sequence[Sequence[str]]

    def columns(self) -> Columns:
        """The rows as columns."""
        width = self._width
        if self._cells is not None:
            return Columns(self.lines, [self._cells[first::width] for first in range(width)], ())
        if set(map(len, self._fields)) <= {width}:
            return Columns(self.lines, _transposed(self._fields, width), ())
        rows = list(self)
        right = [row for row in rows if len(row.fields) == width]
        others = [row for row in rows if len(row.fields) != width]
        return Columns([row.line for row in right], _transposed([row.fields for row in right], width), others)

    def __iter__(self) -> Iterator[Row]:
        if self._cells is None:
            return map(Row, self.lines, self._fields)
        cells, width = self._cells, self._width
        return (Row(line, cells[row * width : (row + 1) * width]) for row, line in enumerate(self.lines))


class CsvRows:
    """Reads a file's rows. First its beginning, to find the header; then, after `begin`, the rows below it.

    Raises BadInput for bytes that are not in the file's encoding, NUL bytes, quotes that leave open where a row
    ends, and a row of more than ROW_BYTES_MAX. `told_encoding` is whether the command takes --encoding.
    """

    def __init__(self, text: TextBytes, *, told_encoding: bool = True) -> None:
        # A field may be as long as a row; characters are never more than bytes.
        csv.field_size_limit(2 * ROW_BYTES_MAX)
        self._text = text
        self._told_encoding = told_encoding
        self._rest = b""
        self._line = 1
        self._piece_bytes = PIECE_BYTES // PIECES_SPREAD
        self._at_end = False
        self._delimiter = ","
        self._width = 0

    def beginning(self) -> str:
        """The first lines of the file, down to one that is not blank; reading still begins above them."""
        lines = b""
        while not lines.strip() and not self._at_end and len(lines) < ROW_BYTES_MAX:
            lines = self._next_lines()
            self._rest = lines + self._rest
        return self._decoded(lines)

    def begin(self, delimiter: str, width: int, *, after_lines: int) -> None:
        """Go below the header: rows start after so many lines, and should have `width` fields."""
        self._delimiter = delimiter
        self._width = width
        self._skip(after_lines)

    def __iter__(self) -> Iterator[Rows]:
        while lines := self._next_lines():
            rows = self._rows(lines)
            if rows.lines:
                # Short rows take more memory than their bytes, so there should not be too many of them.
                wanted = ROWS_WANTED * len(lines) // len(rows.lines)
                self._piece_bytes = min(max(wanted, PIECE_BYTES // PIECES_SPREAD), PIECE_BYTES)
                yield rows

    def _skip(self, count: int) -> None:
        lines = self._rest.splitlines(keepends=True)
        self._rest = b"".join(lines[count:])
        self._line += count

    # --- Lines ---

    def _next_lines(self) -> bytes:
        """The next whole lines, at least one; empty at the end of the file."""
        lines = self._rest
        while piece := self._read(lines):
            lines += piece
            whole = _length_of_whole_lines(lines)
            if whole:
                self._rest = lines[whole:]
                return lines[:whole]
            if len(lines) > ROW_BYTES_MAX:
                raise self._too_long()
        self._at_end = True
        self._rest = b""
        return lines if not lines or lines.endswith((b"\n", b"\r")) else lines + b"\n"

    def _read(self, before: bytes) -> bytes:
        # Twice as much each time, since an unfinished row is parsed anew with what is added to it.
        size = max(self._piece_bytes, 1, min(len(before), ROW_BYTES_MAX - len(before)))
        try:
            piece = self._text.read(size)
        except Undecodable as error:
            raise self._undecodable(before + error.before) from None
        if b"\0" in piece:
            raise self._nul(before + piece[: piece.index(b"\0")])
        return piece

    def _decoded(self, lines: bytes) -> str:
        try:
            return lines.decode()
        except UnicodeDecodeError as error:
            raise self._undecodable(lines[: error.start]) from None

    # --- Rows ---

    def _rows(self, lines: bytes) -> Rows:
        text = self._decoded(lines)
        cells = _plain_cells(lines, text, self._delimiter, self._width)
        if cells is not None:
            return self._taken(lines, len(cells) // self._width, cells, ())
        fields = _rows_by_line(text, self._delimiter)
        if fields is not None:
            return self._taken(lines, len(fields), None, fields)
        return self._rows_one_by_one(lines, text)

    def _taken(self, lines: bytes, count: int, cells: Sequence[str] | None, fields: Sequence[Sequence[str]]) -> Rows:
        first = self._line
        self._line += count
        return Rows(lines, range(first, first + count), (), self._width, cells, fields)

    def _rows_one_by_one(self, lines: bytes, text: str) -> Rows:
        """For rows over several lines, blank lines, and a last row that goes on in what is not read yet."""
        physical = list(io.StringIO(text, newline=""))
        reader = csv.reader(physical, delimiter=self._delimiter, strict=True)
        starts: list[int] = []
        fields: list[list[str]] = []
        spans: list[Span] = []
        done = 0
        try:
            for row in reader:
                if _is_row(row):
                    starts.append(self._line + done)
                    fields.append(row)
                if reader.line_num > done + 1:
                    spans.append(Span(self._line + done, physical[done + 1 : reader.line_num]))
                done = reader.line_num
        except csv.Error as error:
            self._put_back(lines, done, goes_on=reader.line_num == len(physical), error=error)
        self._line += done
        return Rows(lines, starts, spans, self._width, None, fields)

    def _put_back(self, lines: bytes, done: int, *, goes_on: bool, error: csv.Error) -> None:
        """What is behind the first `done` lines is read again with more, if that can help."""
        line = self._line + done
        if self._at_end or not goes_on:
            raise self._bad_quote(line, error)
        unfinished = b"".join(lines.splitlines(keepends=True)[done:])
        if len(unfinished) > ROW_BYTES_MAX:
            self._line = line
            raise self._too_long()
        self._rest = unfinished + self._rest

    # --- Refusals ---

    def _line_after(self, before: bytes) -> int:
        return self._line + len((before + b".").splitlines()) - 1

    def _undecodable(self, before: bytes) -> BadInput:
        name, encoding, line = self._text.name, self._text.encoding.upper(), self._line_after(before)
        message = f"{name}, line {line}: a byte here is not {encoding}"
        hint = "save the file as UTF-8"
        if self._told_encoding:
            hint = "name the encoding of the file, for example with `--encoding latin-1`"
        return BadInput(f"{message}; {hint}.", code="undecodable_bytes", path=name, line=line)

    def _nul(self, before: bytes) -> BadInput:
        name, line = self._text.name, self._line_after(before)
        message = f"{name}, line {line}: there is a NUL byte, which no CSV file has"
        hint = "save the file as UTF-8"
        if self._told_encoding:
            hint = "if the file is in UTF-16, add `--encoding utf-16-le`, otherwise export it again"
        return BadInput(f"{message}; {hint}.", code="nul_bytes", path=name, line=line)

    def _too_long(self) -> BadInput:
        name, line = self._text.name, self._line
        message = f"{name}: the row that starts at line {line} is longer than {ROW_BYTES_MAX >> 20} MiB"
        hint = "look for a quote that is not closed there"
        return BadInput(f"{message}; {hint}.", code="row_too_long", path=name, line=line)

    def _bad_quote(self, line: int, error: csv.Error) -> BadInput:
        name = self._text.name
        if "end of data" in str(error):
            code, what = "unterminated_quote", "opens a quote that is never closed"
        else:
            code, what = "malformed_quote", "has a quoted field with something behind its closing quote"
        message = f"{name}: the row that starts at line {line} {what}; close the quote, or double it"
        return BadInput(f"{message} where it belongs to the text.", code=code, path=name, line=line)


def first_row(text: str, delimiter: str) -> tuple[list[str], int] | None:
    """The first row that is not blank, and with how many lines it ends; None where quotes make it none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            if _is_row(fields):
                return fields, reader.line_num
    except csv.Error:
        return None
    return [], reader.line_num


def _is_row(fields: list[str]) -> bool:
    """A line of white space only is none."""
    return len(fields) > 1 or bool(fields and fields[0].strip())


def _rows_by_line(text: str, delimiter: str) -> list[list[str]] | None:
    """The rows where each is one line, read by a CSV reader only if it has a quote; None where some are not."""
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        return None
    lines = text.split("\n")[:-1]
    quoted = [line for line in lines if '"' in line]
    try:
        parsed = list(csv.reader(quoted, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    if len(parsed) < len(quoted):
        # Some row goes on over its line's end.
        return None
    following = iter(parsed)
    rows = [next(following) if '"' in line else line.split(delimiter) for line in lines]
    return rows if all(map(_is_row, rows)) else None


def _transposed(rows: Sequence[Sequence[str]], width: int) -> Sequence[Sequence[str]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _length_of_whole_lines(lines: bytes) -> int:
    # A CR at the very end may be the first half of a CRLF.
    return max(lines.rfind(b"\n"), lines.rfind(b"\r", 0, -1)) + 1


@cache
def _all_but_structure(delimiter: str) -> bytes:
    structure = b'"\r\n' + delimiter.encode()
    return bytes(byte for byte in range(256) if byte not in structure)


def _plain_cells(lines: bytes, text: str, delimiter: str, width: int) -> list[str] | None:
    """All cells, where each line is a row with `width` of them, and either all or none are in quotes.

    None where that is not so. First the delimiters, quotes and line ends alone are compared with those of such rows;
    then the text must fall into as many cells, which it does only where the signs between two cells stand together.
    """
    if width < 2 or not delimiter.isascii():
        return None
    structure = lines.translate(None, _all_but_structure(delimiter))
    for quote, line_end in (("", "\n"), ("", "\r\n"), ('"', "\n"), ('"', "\r\n")):
        row = delimiter.join([quote + quote] * width) + line_end
        count = len(structure) // len(row)
        if structure != row.encode() * count:
            continue
        inside = text.removeprefix(quote).removesuffix(quote + line_end)
        if len(text) - len(inside) != len(quote + quote + line_end):
            return None
        between = quote + delimiter + quote
        cells = inside.replace(quote + line_end + quote, between).split(between)
        return cells if len(cells) == count * width else None
    return None
