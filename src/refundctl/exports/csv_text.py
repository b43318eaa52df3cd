"""Rows of texts as CSV: UTF-8 without BOM, commas, LF, quotes only where they are needed (RFC 4180)."""

import re
from collections.abc import Sequence

Row = Sequence[str]

_SPECIAL = re.compile(r'[",\r\n]')
# What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection"), also in full-width form. A sign before
# a number, as in a phone number, is harmless.
_FORMULA = re.compile(r"(?:[=@\t\r＝＠]|[+\-＋－](?![0-9][0-9 ().\-]*\Z))")


def encode(rows: Sequence[Row]) -> bytes:
    """The rows as bytes, each ending in a line feed."""
    if not rows:
        return b""
    text = "\n".join(map(",".join, rows))
    plain = '"' not in text and "\r" not in text
    if plain and text.count(",") == (len(rows[0]) - 1) * len(rows) and text.count("\n") == len(rows) - 1:
        return f"{text}\n".encode()
    # Not csv.writer, which before Python 3.13 leaves a lone CR without quotes.
    return "".join(f"{','.join(map(_quoted, row))}\n" for row in rows).encode()


def _quoted(cell: str) -> str:
    return '"{}"'.format(cell.replace('"', '""')) if _SPECIAL.search(cell) else cell


def safe_cell(text: str | None) -> str:
    """A text that a spreadsheet shows as it is: what would be a formula gets an apostrophe before it."""
    if not text:
        return ""
    return f"'{text}" if _FORMULA.match(text) else text
