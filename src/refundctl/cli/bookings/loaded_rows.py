"""What became of the rows of files: for the journal, as JSON, and in words."""

from collections.abc import Callable, Sequence
from typing import Any

from refundctl.cli.shell.common import Common
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, reasons, warn
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.journal.run_journal import Outcome, RunFile
from refundctl.operations.bookings.input_files import LoadResult
from refundctl.operations.run_lifecycle import OpenRun

Describe = Callable[[Screen, LoadResult, Sequence[RunFile]], None]


def load_outcome(result: LoadResult, rejects: Sequence[RunFile]) -> Outcome:
    """What the journal keeps of a load."""
    return Outcome(result.counts, result.totals, [*result.files, *rejects], bool(result.rejected))


def load_report(
    describe: Describe, result: LoadResult, run: OpenRun, rejects: Sequence[RunFile], **extra: Any
) -> Report:
    """What is told of a load; `extra` are fields of JSON that only some loads have."""
    return Report(
        human=lambda out: describe(out, result, rejects),
        run_id=run.kept_id,
        counts=result.counts,
        totals=result.totals,
        files=[file.as_json() for file in (*result.files, *rejects)],
        extra={"rejected_by_code": result.rejected_by_code, **extra},
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
