"""Rows given back in order, however many there are: what memory should not hold waits in a temporary file."""

import heapq
import marshal
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, Any

from refundctl.domain.basics.errors import WriteFailed

#: How much is sorted in memory, whichever is reached first.
CHUNK_ROWS = 50_000
CHUNK_BYTES = 32 * 1024 * 1024
#: What is read back at once from each sorted chunk.
SLICE_BYTES = 16 * 1024

SortedRow = tuple[Any, ...]


class SortedRows:
    """Takes tuples of texts and integers, and gives them back sorted, once.

    The temporary file has no name and is readable by its owner only; it goes with this object.
    """

    def __init__(self) -> None:
        self._chunk: list[SortedRow] = []
        self._chunk_bytes = 0
        self._file: IO[bytes] | None = None
        self._size = 0
        self._spilled: list[list[tuple[int, int]]] = []

    def add(self, rows: Iterable[SortedRow], size_bytes: int) -> None:
        """Take some more, of about that size. Raises WriteFailed where the temporary file can't be written."""
        self._chunk.extend(rows)
        self._chunk_bytes += size_bytes
        if len(self._chunk) >= CHUNK_ROWS or self._chunk_bytes >= CHUNK_BYTES:
            self._spill()

    def __iter__(self) -> Iterator[SortedRow]:
        """All rows in order; their memory is free as they go."""
        if self._spilled:
            self._spill()
            yield from heapq.merge(*map(self._read, self._spilled))
        else:
            self._chunk.sort()
            yield from self._chunk
        self.close()

    def close(self) -> None:
        """Give memory and disk back."""
        self._chunk = []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        """Write the chunk, sorted, in slices that can be read one by one."""
        if not self._chunk:
            return
        self._chunk.sort()
        rows_at_once = max(1, len(self._chunk) * SLICE_BYTES // max(self._chunk_bytes, 1))
        slices = []
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - close() does
            for first in range(0, len(self._chunk), rows_at_once):
                written = marshal.dumps(self._chunk[first : first + rows_at_once], 2)
                _write_all(self._file, written)
                slices.append((self._size, len(written)))
                self._size += len(written)
        except OSError as error:
            raise _not_written(error) from error
        self._spilled.append(slices)
        self._chunk = []
        self._chunk_bytes = 0

    def _read(self, slices: Iterable[tuple[int, int]]) -> Iterator[SortedRow]:
        return chain.from_iterable(self._slice(offset, size) for offset, size in slices)

    def _slice(self, offset: int, size: int) -> list[SortedRow]:
        assert self._file is not None  # noqa: S101 - it is closed only when all is read
        rows: list[SortedRow] = marshal.loads(os.pread(self._file.fileno(), size, offset))  # noqa: S302 - written above
        return rows


def _write_all(file: IO[bytes], content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _not_written(error: OSError) -> WriteFailed:
    message = (
        f"A large file's rows are sorted in a temporary file, which can't be written: {error.strerror}. Make room in"
        " the folder for temporary files, or set TMPDIR to another."
    )
    return WriteFailed(message)
