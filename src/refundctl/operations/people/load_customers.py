"""Loading files of people: read and stage them before the transaction, then post who is new or changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from refundctl.files.people.people_csv import open_people
from refundctl.ledger.bookings import staged_bookings
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Run, RunFile
from refundctl.ledger.people import erasing, posting_people, staged_people
from refundctl.operations.bookings.load import (
    LoadResult,
    Plain,
    Staged,
    StagedFile,
    Tick,
    stage_files,
    without_collector,
)


@dataclass(frozen=True, slots=True)
class StagedPeople:
    """All files of one call; `merged` rows say nothing that another row about their customer doesn't say now."""

    staged: Staged
    merged: int


@dataclass(frozen=True, slots=True)
class LoadedPeople:
    """What became of the rows. `confirmed` customers are unchanged, but had been known from bookings only: that is noted."""

    result: LoadResult
    confirmed: int

    @property
    def changed(self) -> bool:
        """Whether the ledger now knows more than before."""
        return self.result.changed or bool(self.confirmed)


def stage(ledger: Ledger, inputs: Sequence[Plain], encoding: str | None, tick: Tick) -> StagedPeople:
    """Read `inputs` into the ledger's temporary tables. Raises BadInput where a file as a whole can't be taken."""
    with ledger.unlocked(), without_collector():
        waiting = staged_people.PeopleStaging(ledger.connection)
        staged = stage_files(inputs, tick, partial(_stage_file, waiting, encoding))
        merged = staged_people.find_people(ledger.connection)
    return StagedPeople(staged, merged)


def _stage_file(
    waiting: staged_people.PeopleStaging, encoding: str | None, number: int, given: Plain, tick: Tick
) -> StagedFile:
    opened = open_people(given.input.stream, given.input.name, given.source, encoding=encoding)
    rows = filtered = rejected = 0
    waiting.begin_file()
    for block in opened.blocks():
        waiting.add(number, block.lines, block.columns)
        waiting.reject(number, [(row.line, row.field, row.code, row.reason) for row in block.rejected])
        rows += block.rows
        filtered += block.filtered
        rejected += len(block.rejected)
        tick(opened.bytes_read, rows)
    waiting.end_file()
    read = RunFile(given.input.name, rows, given.sha256 or opened.sha256)
    return StagedFile(number, given.input, opened, read, filtered, rejected, given.source_name)


def load(ledger: Ledger, found: StagedPeople, run: Run) -> LoadedPeople:
    """Post the staged people; the caller holds the transaction.

    A customer counts once: of several rows about one, all but one are unchanged.
    """
    erased = erasing.blank_people(ledger.connection)
    posted = posting_people.post(ledger.connection, run.run_id)
    codes = staged_bookings.count_rejects(ledger.connection)
    result = LoadResult(
        loaded=posted.loaded,
        updated=posted.updated,
        unchanged=posted.unchanged + found.merged,
        filtered=sum(file.filtered for file in found.staged.files),
        rejected=sum(codes.values()),
        rejected_by_code=codes,
        totals={},
        files=[file.read for file in found.staged.files],
        erased=erased,
    )
    return LoadedPeople(result, posted.confirmed)
