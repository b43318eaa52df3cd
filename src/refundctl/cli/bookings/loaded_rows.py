"""What becomes of the rows of files: loaded in a run, for the journal, as JSON, and in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from refundctl.cli.bookings.input_files import places_of_rejects
from refundctl.cli.shell.common import Common
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, reasons, warn
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, Outcome, Run, RunFile
from refundctl.operations.bookings.input_files import LoadResult, StagedFiles
from refundctl.operations.bookings.rejects_files import check_strict, write_rejects_files
from refundctl.operations.run_lifecycle import writing_run

Describe = Callable[[Screen, LoadResult, Sequence[RunFile]], None]


def load_staged(
    common: Common,
    ledger: Ledger,
    journal: Journal,
    staged: StagedFiles[StagedRows],
    load: Callable[[Run], LoadResult],
    describe: Describe,
    told: Callable[[LoadResult], Mapping[str, Any]],
    *,
    rejects: str | None,
    strict: bool,
) -> Report:
    """Load staged rows in a run of their own, and write those that can't be taken where they can be fixed.

    `told` are fields of JSON that only some loads have. Raises UsageError where two rejects files would be one, and
    StrictReject for any reject of a strict load.
    """
    paths = places_of_rejects(staged, rejects)
    with writing_run(ledger, journal, keep=not common.dry_run, bulk=True) as run:
        result = load(run.begun)
        written = [] if common.dry_run else write_rejects_files(staged, paths)
        if strict:
            check_strict(result, [file.path for file in written])
        files = [*result.files, *written]
        if result.changed:
            run.outcome = Outcome(result.counts, result.totals, files, bool(result.rejected))
    warn_erased(common, result)
    return Report(
        human=lambda out: describe(out, result, written),
        run_id=run.kept_id,
        counts=result.counts,
        totals=result.totals,
        files=[file.as_json() for file in files],
        extra={"rejected_by_code": result.rejected_by_code, **told(result)},
        exit_code=ExitCode.PARTIAL if result.rejected else ExitCode.OK,
    )


def erased_rows(result: LoadResult) -> dict[str, int]:
    """How many rows are about people who were erased, as it stands in JSON: only where there are any."""
    return {"erased": result.erased} if result.erased else {}


def warn_erased(common: Common, result: LoadResult) -> None:
    """Say that files speak of people who were erased."""
    if result.erased:
        about = "1 row is" if result.erased == 1 else f"{number(result.erased)} rows are"
        warn(common, f"{about} about people who were erased: of the person, nothing was loaded.")


def describe_load(out: Screen, result: LoadResult, rejects: Sequence[RunFile]) -> None:
    """What became of the rows, for a person."""
    out.print(f"Loaded {number(result.loaded)} of {number(result.counts['rows'])} rows.")
    rows = [
        (name, number(count)) for name, count in result.counts.items() if name not in {"rows", "rejected"} and count
    ]
    if result.rejected:
        rows.append(("rejected", reasons(result.rejected_by_code)))
    if result.withdrawn:
        rows.append(("no longer owed", f"{number(result.withdrawn)}, as the source leaves them out now"))
    rows += [("owed", amount(sums["total"], currency)) for currency, sums in result.totals.items()]
    figures(out, rows)
    for file in rejects:
        out.print(f"Fix the rejected rows in {file.path} and load that file.")
