"""Loading files of bookings: read and stage them before the transaction, then post what is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import format_amount
from refundctl.files.bookings.second_process import open_ahead
from refundctl.files.tables.table_file import Block
from refundctl.ledger.bookings import comparing, line_totals, posting_bookings, withdrawing
from refundctl.ledger.bookings.contradictions import find_contradictions
from refundctl.ledger.bookings.staged_bookings import StagedBookings
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Run
from refundctl.ledger.people import erasing
from refundctl.operations.bookings.input_files import (
    LoadResult,
    PlainFile,
    StagedFiles,
    Tick,
    stage_files,
    without_collector,
)

Staged = StagedFiles[StagedBookings]


class ControlTotalMismatch(Refused, code="control_total_mismatch"):
    """The files don't hold what the operator expected."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Control totals: a number of rows, and sums in minor units per currency; None and empty where not asked for."""

    count: int | None
    totals: Mapping[str, int]


def stage(ledger: Ledger, inputs: Sequence[PlainFile], encoding: str | None, tick: Tick) -> Staged:
    """Read `inputs` into the ledger's temporary tables. Raises BadInput where a file as a whole can't be taken."""
    rows = StagedBookings(ledger.connection)

    def add(_: int, block: Block) -> None:
        rows.add(block.lines, block.columns, block.further_lines)
        rows.leave_out(block.filtered_ids)

    with ledger.unlocked(), without_collector():
        staged = stage_files(
            inputs,
            tick,
            rows,
            lambda given: open_ahead(given.input.stream, given.input.name, given.source, encoding=encoding),
            add,
        )
        find_contradictions(rows)
    return staged


def load(ledger: Ledger, staged: Staged, run: Run) -> LoadResult:
    """Post the staged rows that stand; the caller holds the transaction."""
    erased = erasing.blank_bookings(staged.rows)
    posted = posting_bookings.post(comparing.compare(staged.rows), run.run_id)
    withdrawn = withdrawing.post(staged.rows, run.run_id)
    totals = line_totals.new_line_totals(ledger.connection, run.since["line_versions"]) if posted.loaded else {}
    counts = staged.result(loaded=posted.loaded, updated=posted.updated, unchanged=posted.unchanged)
    return replace(counts, totals=totals, withdrawn=withdrawn, erased=erased)


def check_expected(staged: Staged, result: LoadResult, expected: Expected) -> None:
    """Compare with what the files say, loaded or known already. Raises ControlTotalMismatch."""
    said = result.loaded + result.updated + result.unchanged
    if expected.count is not None and said != expected.count:
        raise ControlTotalMismatch(
            f"Expected {expected.count} rows, but the files hold {said} (and {result.rejected} rejected, "
            f"{result.filtered} filtered): nothing was loaded; check the export, or the number you expected."
        )
    if not expected.totals:
        return
    found = {currency: sums["total"] for currency, sums in line_totals.staged_totals(staged.rows).items()}
    for currency, wanted in expected.totals.items():
        if found.get(currency, 0) != wanted:
            raise ControlTotalMismatch(
                f"Expected {currency} {format_amount(wanted, currency)}, but the files hold {currency} "
                f"{format_amount(found.get(currency, 0), currency)}: nothing was loaded; check the export, or the "
                "number you expected."
            )
