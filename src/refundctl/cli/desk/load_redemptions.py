"""refundctl load-redemptions"""

from pathlib import Path

from refundctl.cli.bookings.load import check_rejects_option, refuse_shared
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, existing_ledger, operator
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, progress, reasons, report
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.operations.bookings.input_files import LoadResult, PlainFile, plain, read_plainly
from refundctl.operations.bookings.rejects_files import check_strict, rejects_paths, write_rejects_files
from refundctl.operations.desk import load_redemptions as operation


@command("load-redemptions", writes=True, short="Load files of what a till has redeemed.")
def load_redemptions(
    common: Common,
    files: take.RedemptionFiles,
    rejects: take.Rejects = None,
    strict: take.Strict = False,
    encoding: take.Encoding = None,
) -> int:
    """Load what a till that works on its own has redeemed: `code` or `card_id`, `amount` and `invoice` in each row.

    Safe to repeat: known redemptions change nothing. Rows that can't be taken go to a file where they can be fixed; what a
    card did not allow stays visible.
    """
    check_rejects_option(files, rejects)
    given = {"files": list(files), "strict": strict, "encoding": encoding}
    with (
        existing_ledger(common) as ledger,
        take.opened(files) as inputs,
        plain(inputs, read_plainly) as unpacked,
    ):
        journal = Journal(ledger, operator(), common.command, given)
        staged = _stage(common, ledger, unpacked, encoding)
        paths = rejects_paths(staged, rejects)
        refuse_shared(staged, paths)
        with ledger.writing(bulk=True) as writing:
            run = journal.begin()
            result = operation.load(ledger, staged, run)
            rejected = [] if common.dry_run else write_rejects_files(staged, paths)
            if strict:
                check_strict(result, [file.path for file in rejected])
            writing.keep = result.changed and not common.dry_run
            if writing.keep:
                outcome = Outcome(result.counts, result.totals, [*result.files, *rejected], bool(result.rejected))
                journal.finish(run, outcome)
    return report(common, _report(result, run.run_id if writing.keep else None, rejected))


def _stage(common: Common, ledger: Ledger, inputs: list[PlainFile], encoding: str | None) -> operation.Staged:
    """Read the inputs into temporary tables, with a bar."""
    size = sum(given.size_bytes for given in inputs)
    with progress(common, "Reading redemptions") as bar:
        return operation.stage(ledger, inputs, encoding, lambda done, rows: bar.of(done, size, rows))


def _report(result: LoadResult, run_id: int | None, rejected: list[RunFile]) -> Report:
    return Report(
        human=lambda out: _describe(out, result, [Path(file.path) for file in rejected]),
        run_id=run_id,
        counts=result.counts,
        totals=result.totals,
        files=[file.as_json() for file in (*result.files, *rejected)],
        extra={"rejected_by_code": result.rejected_by_code},
        exit_code=ExitCode.PARTIAL if result.rejected else ExitCode.OK,
    )


def _describe(out: Screen, result: LoadResult, rejects: list[Path]) -> None:
    out.print(f"Loaded {number(result.loaded)} of {number(result.counts['rows'])} redemptions.")
    rows = [
        (name, number(count)) for name, count in (("loaded", result.loaded), ("unchanged", result.unchanged)) if count
    ]
    if result.rejected:
        rows.append(("rejected", reasons(result.rejected_by_code)))
    for currency, sums in result.totals.items():
        bonus = f", of it {amount(sums['bonus'], currency)} bonus" if sums["bonus"] else ""
        rows.append(("redeemed", f"{amount(sums['redeemed'], currency)}{bonus}"))
    figures(out, rows)
    for path in rejects:
        out.print(f"Look into the rejected rows in {path}; once they are fixed, load that file.")
