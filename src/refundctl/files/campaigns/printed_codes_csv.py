"""Files of printed cards' codes: a CSV with a column `code`. No message shows what stands in the file."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from refundctl.domain.basics.definition_mistakes import folded
from refundctl.domain.basics.errors import BadInput
from refundctl.domain.cards.codes import code_key, looks_like_code
from refundctl.files.tables.headers import TableHeader, first_names
from refundctl.files.tables.table_file import TableFile, wrong_width

#: The one column that is read.
CODE_COLUMN = "code"

_DIGIT = re.compile("[0-9]")


class CodesFile(TableFile[TableHeader]):
    """A file of printed codes, whose header is read; going through it gives line and code of each row, once."""

    def __init__(self, stream: BinaryIO, name: str, *, encoding: str | None = None) -> None:
        find = partial(first_names, wanted=(CODE_COLUMN,))
        super().__init__(stream, name, find, encoding=encoding, told_encoding=False)
        self._position = _code_position(name, self.found.names, self.found.lines)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Raises BadInput where the file can't be taken as a whole."""
        for rows in self._rows:
            read = rows.columns()
            if read.others:
                row = read.others[0]
                raise wrong_width(self.name, row.line, len(row.fields), len(self.found.names))
            yield from zip(read.lines, read.columns[self._position], strict=True)


def _code_position(path: str, fields: Sequence[str], line: int) -> int:
    positions = [position for position, name in enumerate(fields) if folded(name) == CODE_COLUMN]
    if len(positions) == 1:
        return positions[0]
    if positions:
        message = f"{path}: the header has the column `code` more than once; rename or take out all but one."
        raise BadInput(message, code="duplicate_header", path=path, line=line)
    if not any(fields):
        message = f"{path} is empty; a file of printed codes has the column `code`, named in its first line."
        raise BadInput(message, code="empty_file", path=path)
    if any(map(_may_be_code, fields)):
        message = f"{path} has no header: its first line looks like a code; put a line with `code` on top."
        raise BadInput(message, code="header_missing", path=path, line=line)
    message = f"{path} has no column `code`; name the column with the printed codes so, in the first line."
    raise BadInput(message, code="column_missing", path=path, line=line)


def _may_be_code(text: str) -> bool:
    key = code_key(text)
    return looks_like_code(text) or (len(key) >= 8 and _DIGIT.search(key) is not None)
