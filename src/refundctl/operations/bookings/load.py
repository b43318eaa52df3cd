"""Loading files of bookings: read and stage them before the transaction, then post what is new."""

import gc
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from refundctl.domain.basics.errors import BadInput, Refused
from refundctl.domain.basics.money import format_amount
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.files.bookings.second_process import open_ahead
from refundctl.files.bookings.rejects_csv import FileSettings, write_rejects
from refundctl.files.safe_write import FileExists, HashingFile, Other, refuse_links, remove_parts, replacing
from refundctl.ledger.bookings import line_totals, posting_bookings, staged_bookings, withdrawing
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Run, RunFile, Totals
from refundctl.ledger.people import erasing

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

Tick = Callable[[int, int], None]  # told how many bytes of the inputs, and how many rows, have been read so far


class ControlTotalMismatch(Refused, code="control_total_mismatch"):
    """The files don't hold what the operator expected."""


class StrictReject(BadInput, code="rows_rejected"):
    """--strict, and a row was rejected: nothing is loaded."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file to load: its name as given, and its bytes, which can be read more than once."""

    name: str
    stream: BinaryIO


# Decides by which source a file is read, by its name and its bytes: the source's name, and the source.
Choose = Callable[[str, BinaryIO], "tuple[str, Source]"]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that was read to its end; its good rows wait in the ledger's temporary tables."""

    number: int
    input: Input
    opened: FileSettings
    read: RunFile
    filtered: int
    rejected: int
    source: str


@dataclass(frozen=True, slots=True)
class Staged:
    """All files of one call."""

    files: Sequence[StagedFile]

    @property
    def sources(self) -> dict[str, str]:
        """By which source each file was read."""
        return {file.input.name: file.source for file in self.files}


@dataclass(frozen=True, slots=True)
class Expected:
    """Control totals: a number of rows, and sums in minor units per currency; None and empty where not asked for."""

    count: int | None
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of the rows: loaded + updated + unchanged + filtered + rejected = rows.

    `withdrawn` are known refund lines that the source leaves out now: their rows are among the filtered ones. `erased` rows
    are about people who were erased: they are loaded as any others, but for the person.
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

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON."""
        names = ("loaded", "updated", "unchanged", "filtered", "rejected")
        counts = {name: getattr(self, name) for name in names}
        return {"rows": sum(counts.values()), **counts}

    @property
    def changed(self) -> bool:
        """Whether the ledger now knows more than before."""
        return bool(self.loaded or self.updated or self.withdrawn)


@dataclass(frozen=True, slots=True)
class Plain:
    """An input as a plain CSV file, and how to read it; `sha256` is the digest of the file as given, where it was packed."""

    input: Input
    sha256: str | None
    source_name: str
    source: "Source"

    @property
    def size_bytes(self) -> int:
        """For progress."""
        return os.fstat(self.input.stream.fileno()).st_size


@contextmanager
def plain(inputs: Sequence[Input], choose: Choose) -> Iterator[list[Plain]]:
    """The inputs as plain CSV files, unpacked where they were packed, each with the source to read it by.

    Raises BadInput where a file is packed in a way that can't be taken.
    """
    with ExitStack() as stack:
        yield [_plain(given, choose, stack) for given in inputs]


def _plain(given: Input, choose: Choose, stack: ExitStack) -> Plain:
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
    return Plain(Input(given.name, unpacked.stream), unpacked.sha256, name, source)


def read_plainly(_: str, __: BinaryIO) -> "tuple[str, Source]":
    """For files whose columns no source renames: each is read by the default one."""
    from refundctl.domain.bookings.source import Source

    return "default", Source()


def stage(ledger: Ledger, inputs: Sequence[Plain], encoding: str | None, tick: Tick) -> Staged:
    """Read `inputs` into the ledger's temporary tables. Raises BadInput where a file as a whole can't be taken."""
    with ledger.unlocked(), without_collector():
        staged = stage_files(inputs, tick, partial(_stage_file, staged_bookings.Staging(ledger.connection), encoding))
        staged_bookings.find_contradictions(ledger.connection)
    return staged


def stage_files(inputs: Sequence[Plain], tick: Tick, stage_file: Callable[[int, Plain, Tick], StagedFile]) -> Staged:
    """Stage one input after another, by numbers from 1; progress counts on from each to the next."""
    files: list[StagedFile] = []
    bytes_before = rows_before = 0
    for number, given in enumerate(inputs, start=1):

        def ticked(read: int, rows: int, bytes_before: int = bytes_before, rows_before: int = rows_before) -> None:
            tick(bytes_before + read, rows_before + rows)

        files.append(stage_file(number, given, ticked))
        bytes_before += given.size_bytes
        rows_before += files[-1].read.rows
    return Staged(files)


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


def _stage_file(
    waiting: staged_bookings.Staging, encoding: str | None, number: int, given: Plain, tick: Tick
) -> StagedFile:
    opened = open_ahead(given.input.stream, given.input.name, given.source, encoding=encoding)
    rows = filtered = rejected = 0
    waiting.begin_file(number, given.source_name)
    for block in opened.blocks():
        waiting.add(block.lines, block.columns, block.further_lines)
        waiting.leave_out(block.filtered_ids)
        waiting.reject(number, [(row.line, row.field, row.code, row.reason) for row in block.rejected])
        rows += block.rows
        filtered += block.filtered
        rejected += len(block.rejected)
        tick(opened.bytes_read, rows)
    waiting.end_file(number)
    read = RunFile(given.input.name, rows, given.sha256 or opened.sha256)
    return StagedFile(number, given.input, opened, read, filtered, rejected, given.source_name)


def load(ledger: Ledger, staged: Staged, run: Run) -> LoadResult:
    """Post the staged rows that stand; the caller holds the transaction."""
    connection = ledger.connection
    erased = erasing.blank_staged(connection)
    posting_bookings.compare(connection)
    posted = posting_bookings.post(connection, run.run_id)
    withdrawn = withdrawing.post(connection, run.run_id)
    codes = staged_bookings.count_rejects(connection)
    return LoadResult(
        loaded=posted.loaded,
        updated=posted.updated,
        unchanged=posted.unchanged,
        filtered=sum(file.filtered for file in staged.files),
        rejected=sum(codes.values()),
        rejected_by_code=codes,
        totals=line_totals.new_line_totals(connection, run.since["line_versions"]) if posted.loaded else {},
        files=[file.read for file in staged.files],
        withdrawn=withdrawn,
        erased=erased,
    )


def check_expected(ledger: Ledger, result: LoadResult, expected: Expected) -> None:
    """Compare with what the files say, loaded or known already. Raises ControlTotalMismatch."""
    said = result.loaded + result.updated + result.unchanged
    if expected.count is not None and said != expected.count:
        raise ControlTotalMismatch(
            f"Expected {expected.count} rows, but the files hold {said} (and {result.rejected} rejected, "
            f"{result.filtered} filtered): nothing was loaded; check the export, or the expectation."
        )
    if not expected.totals:
        return
    found = {currency: sums["total"] for currency, sums in line_totals.staged_totals(ledger.connection).items()}
    for currency, wanted in expected.totals.items():
        if found.get(currency, 0) != wanted:
            raise ControlTotalMismatch(
                f"Expected {currency} {format_amount(wanted, currency)}, but the files hold {currency} "
                f"{format_amount(found.get(currency, 0), currency)}: nothing was loaded; check the export, or the "
                "expectation."
            )


def check_strict(result: LoadResult, places: Sequence[str]) -> None:
    """With --strict, one reject refuses all. Raises StrictReject."""
    if result.rejected:
        where = f"; see {', '.join(places)}" if places else ""
        raise StrictReject(f"{result.rejected} row(s) were rejected and --strict was given: nothing was loaded{where}.")


def rejects_paths(staged: Staged, named: str | None) -> dict[int, Path]:
    """Where each input's rejects go: `named`, or beside the input with `.rejects.csv`."""
    return {file.number: Path(named) if named is not None else rejects_beside(file.input.name) for file in staged.files}


def rejects_beside(name: str) -> Path:
    """Where the rejects of a file go that nobody has named: beside it."""
    path = Path(name)
    # Only an ending that says what kind of file it is: bookings.2020-04 and bookings.2020-05 are two files.
    if path.suffix.lower() in {".gz", ".zip"}:
        path = path.with_suffix("")
    stem = path.stem if path.suffix.lower() in {".csv", ".tsv", ".txt", ".xlsx"} else path.name
    return path.with_name(f"{stem}.rejects.csv")


def write_rejects_files(
    ledger: Ledger, staged: Staged, paths: Mapping[int, Path], *, other: Other = Other.KEEP
) -> list[RunFile]:
    """Write the rejected rows of each input that has any, whole and atomically; give what was written.

    What stands there is left alone where it says the same; else `other` says what becomes of it, since someone may be
    fixing it. Raises FileExists where a file is in the way that no load has written.
    """
    written = []
    for file in staged.files:
        rows = staged_bookings.rejects_of(ledger.connection, file.number)
        first = next(rows, None)
        if first is None:
            continue
        path = paths[file.number]
        refuse_foreign(path)
        remove_parts(path)
        with replacing(path, other=other) as out:
            count = _write_rejects(file, chain([first], rows), out)
        written.append(RunFile(str(path), count, out.sha256, output=True))
    return written


def _write_rejects(file: StagedFile, rows: Iterator[staged_bookings.Reject], out: HashingFile) -> int:
    rejected = (RejectedRow(row.line, row.field, row.code, row.reason) for row in rows)
    buffered = io.BufferedWriter(out)
    text = io.TextIOWrapper(buffered, encoding="utf-8", newline="")
    with _anew(file.input.stream) as stream:
        count = write_rejects(stream, file.opened, rejected, text)
    text.detach()
    buffered.detach()
    return count


def _anew(stream: BinaryIO) -> BinaryIO:
    """The same file from its start.

    A second process that has read it has moved the place that both share, which the stream's own buffer knows nothing of.
    """
    fresh = open(os.dup(stream.fileno()), "rb")  # noqa: PTH123, SIM115 - it may have no path; the caller closes it
    fresh.seek(0)
    return fresh


def refuse_foreign(path: Path) -> None:
    """Raise FileExists where what stands at `path` is no rejects file."""
    refuse_links(path)
    if not path.exists():
        return
    with path.open("rb") as stream:
        header = stream.readline(1 << 20)
    if b"_reason" not in header or b"_line" not in header:
        raise FileExists(
            f"{path} is there already and is no rejects file: move it away, or name another with --rejects."
        )
