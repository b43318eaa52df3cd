"""Files of rejected rows: written beside what was loaded, to be fixed and loaded in their turn."""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.files.bookings.rejects_csv import write_rejects
from refundctl.files.safe_write import FileExists, HashingFile, Other, refuse_links, remove_parts, replacing
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.journal.run_journal import RunFile
from refundctl.operations.bookings.input_files import LoadResult, StagedFile, StagedFiles

NOTHING_LOADED = "nothing was loaded"


class StrictReject(BadInput, code="rows_rejected"):
    """--strict, and a row was rejected: nothing is loaded."""


def check_strict(result: LoadResult, places: Sequence[str]) -> None:
    """With --strict, one reject refuses all. Raises StrictReject."""
    if result.rejected:
        where = f"; see {', '.join(places)}" if places else ""
        raise StrictReject(f"{result.rejected} row(s) were rejected and --strict was given", f"{NOTHING_LOADED}{where}")


def rejects_paths(staged: StagedFiles[StagedRows], named: str | None) -> dict[int, Path]:
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
    staged: StagedFiles[StagedRows], paths: Mapping[int, Path], *, other: Other = Other.KEEP
) -> list[RunFile]:
    """Write the rejected rows of each input that has any, whole and atomically; give what was written.

    What stands there is left alone where it says the same; else `other` says what becomes of it, since someone may be
    fixing it. Raises FileExists where a file is in the way that no load has written.
    """
    written = []
    for file in staged.files:
        rows = staged.rows.rejects_of(file.number)
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


def _write_rejects(file: StagedFile, rejected: Iterator[RejectedRow], out: HashingFile) -> int:
    buffered = io.BufferedWriter(out)
    text = io.TextIOWrapper(buffered, encoding="utf-8", newline="")
    with _anew(file.input.stream) as stream:
        count = write_rejects(stream, file.opened, rejected, text)
    text.detach()
    buffered.detach()
    return count


def _anew(stream: BinaryIO) -> BinaryIO:
    """The same file from its start.

    A second process that has read it has moved the place that both share, of which the stream's buffer knows nothing.
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
