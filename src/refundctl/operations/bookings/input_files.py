"""Files that are loaded, whatever they hold: unpacked, read into the ledger's temporary tables, counted."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Generic, Protocol, TypeVar

from refundctl.files.bookings.rejects_csv import FileSettings
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.journal.run_journal import RunFile, Totals

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source
    from refundctl.files.tables.table_file import Block

Tick = Callable[[int, int], None]  # told how many bytes of the inputs, and how many rows, have been read so far


@dataclass(frozen=True, slots=True)
class Input:
    """A file to load: its name as given, and its bytes, which can be read more than once."""

    name: str
    stream: BinaryIO


# Decides by which source a file is read, by its name and its bytes: the source's name, and the source.
Choose = Callable[[str, BinaryIO], "tuple[str, Source]"]


@dataclass(frozen=True, slots=True)
class PlainFile:
    """An input as a plain CSV file, and how to read it; `sha256` is that of the file as given, where it was packed."""

    input: Input
    sha256: str | None
    source_name: str
    source: "Source"

    @property
    def size_bytes(self) -> int:
        """For progress."""
        return os.fstat(self.input.stream.fileno()).st_size


@contextmanager
def plain(inputs: Sequence[Input], choose: Choose) -> Iterator[list[PlainFile]]:
    """The inputs as plain CSV files, unpacked where they were packed, each with the source to read it by.

    Raises BadInput where a file is packed in a way that can't be taken.
    """
    with ExitStack() as stack:
        yield [_plain(given, choose, stack) for given in inputs]


def _plain(given: Input, choose: Choose, stack: ExitStack) -> PlainFile:
    from refundctl.files.tables.unpacking import unpack

    unpacked = unpack(given.stream, given.name)
    if unpacked.packed is not None:
        stack.enter_context(unpacked.stream)
    name, source = choose(given.name, unpacked.stream)
    if unpacked.packed == "xlsx" and source.has_notation:
        # Its numbers and dates are no texts: they are written in the notation that the source reads.
        given.stream.seek(0)
        unpacked = unpack(
            given.stream,
            given.name,
            decimal=source.decimal,
            date_format=source.date_format,
            delimiter=source.delimiter or ",",
        )
        stack.enter_context(unpacked.stream)
    return PlainFile(Input(given.name, unpacked.stream), unpacked.sha256, name, source)


def read_plainly(_: str, __: BinaryIO) -> "tuple[str, Source]":
    """For files whose columns no source renames: each is read by the default one."""
    from refundctl.domain.bookings.source import Source

    return "default", Source()


Rows = TypeVar("Rows", bound=StagedRows)
Rows_co = TypeVar("Rows_co", bound=StagedRows, covariant=True)


class OpenedFile(FileSettings, Protocol):
    """A file that is read from its header on."""

    @property
    def bytes_read(self) -> int:
        """How far, for progress."""

    @property
    def sha256(self) -> str:
        """Of its bytes, once it is read to its end."""

    def blocks(self) -> Iterable["Block"]:
        """Its rows."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that was read to its end; its good rows wait in the ledger's temporary tables."""

    number: int
    input: Input
    opened: FileSettings
    read: RunFile
    filtered: int
    source_name: str
    source: "Source"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of the rows: loaded + updated + unchanged + filtered + rejected = rows.

    `withdrawn` are known refund lines that the source leaves out now: their rows are among the filtered ones. `erased`
    rows are about people who were erased: they are loaded as any others, but for the person. `noted` is what was
    written for rows that are unchanged or rejected.
    """

    loaded: int
    updated: int
    unchanged: int
    filtered: int
    rejected: int
    rejected_by_code: Mapping[str, int]
    totals: Totals
    files: Sequence[RunFile]
    withdrawn: int = 0
    erased: int = 0
    noted: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON."""
        names = ("loaded", "updated", "unchanged", "filtered", "rejected")
        counts = {name: getattr(self, name) for name in names}
        return {"rows": sum(counts.values()), **counts}

    @property
    def changed(self) -> bool:
        """Whether the ledger now knows more than before."""
        return bool(self.loaded or self.updated or self.withdrawn or self.noted)


@dataclass(frozen=True, slots=True)
class StagedFiles(Generic[Rows_co]):
    """All files of one call, and their rows."""

    files: Sequence[StagedFile]
    rows: Rows_co

    @property
    def sources(self) -> dict[str, str]:
        """By which source each file was read."""
        return {file.input.name: file.source_name for file in self.files}

    def result(self, *, loaded: int, updated: int, unchanged: int) -> LoadResult:
        """What became of them, once those that stand are posted."""
        codes = self.rows.count_rejects()
        filtered = sum(file.filtered for file in self.files)
        files = [file.read for file in self.files]
        return LoadResult(loaded, updated, unchanged, filtered, sum(codes.values()), codes, {}, files)


def stage_files(
    inputs: Sequence[PlainFile],
    tick: Tick,
    rows: Rows,
    open_file: Callable[[PlainFile], OpenedFile],
    add: Callable[[int, "Block"], None],
) -> StagedFiles[Rows]:
    """Stage one input after another, by numbers from 1: `add` stages what a block accepts.

    Progress counts on from each to the next. Raises BadInput where a file as a whole can't be taken.
    """
    files: list[StagedFile] = []
    bytes_before = rows_before = 0
    for number, given in enumerate(inputs, start=1):
        opened = open_file(given)
        count = filtered = 0
        with rows.reading(number, given.source_name):
            for block in opened.blocks():
                add(number, block)
                rows.reject(number, [(row.line, row.field, row.code, row.reason) for row in block.rejected])
                count += block.rows
                filtered += block.filtered
                tick(bytes_before + opened.bytes_read, rows_before + count)
        read = RunFile(given.input.name, count, given.sha256 or opened.sha256)
        files.append(StagedFile(number, given.input, opened, read, filtered, given.source_name, given.source))
        bytes_before += given.size_bytes
        rows_before += count
    return StagedFiles(files, rows)


@contextmanager
def without_collector() -> Iterator[None]:
    """Rows hold no cycles: looking for some among them would cost a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
