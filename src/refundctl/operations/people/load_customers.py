"""Loading files of people: read and stage them before the transaction, then post who is new or changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refundctl.files.people.people_csv import PeopleFile
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Run
from refundctl.ledger.people import erasing, posting_people
from refundctl.ledger.people.staged_people import StagedPeople, find_people
from refundctl.operations.bookings.input_files import (
    LoadResult,
    PlainFile,
    StagedFiles,
    Tick,
    stage_files,
    without_collector,
)


@dataclass(frozen=True, slots=True)
class FoundPeople:
    """All files of one call; `merged` rows say nothing that another row about their customer doesn't say now."""

    staged: StagedFiles[StagedPeople]
    merged: int


def stage(ledger: Ledger, inputs: Sequence[PlainFile], encoding: str | None, tick: Tick) -> FoundPeople:
    """Read `inputs` into the ledger's temporary tables. Raises BadInput where a file as a whole can't be taken."""
    rows = StagedPeople(ledger.connection)
    with ledger.unlocked(), without_collector():
        staged = stage_files(
            inputs,
            tick,
            rows,
            lambda given: PeopleFile(given.input.stream, given.input.name, given.source, encoding=encoding),
            lambda file, block: rows.add(file, block.lines, block.columns),
        )
        return FoundPeople(staged, find_people(rows))


def load(found: FoundPeople, run: Run) -> LoadResult:
    """Post the staged people; the caller holds the transaction.

    A customer counts once: further rows are unchanged. Noted is who is unchanged, but was known from bookings only.
    """
    erased = erasing.blank_people(found.staged.rows)
    posted = posting_people.post(found.staged.rows, run.run_id)
    unchanged = posted.unchanged + found.merged
    counts = found.staged.result(loaded=posted.loaded, updated=posted.updated, unchanged=unchanged)
    return replace(counts, erased=erased, noted=posted.confirmed)
