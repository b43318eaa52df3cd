"""refundctl load"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, campaigns_file, command, writing_ledger
from refundctl.cli.rendering import Report, Screen, amount, figures, number, progress, reasons, report
from refundctl.domain.errors import ExitCode, UsageError
from refundctl.ledger.connection import Ledger
from refundctl.ledger.journal import Outcome, RunFile
from refundctl.operations import load as operation

if TYPE_CHECKING:
    from refundctl.domain.source import Source


@command("load", writes=True, short="Take in files of bookings.")
def load(
    common: Common,
    files: take.Files,
    source: take.Source = None,
    rejects: take.Rejects = None,
    strict: take.Strict = False,
    encoding: take.Encoding = None,
    expect_count: take.ExpectCount = None,
    expect_total: take.ExpectTotal = None,
) -> int:
    """Take in files of cancelled bookings.

    Good rows are loaded, all files in one transaction; rows that can't be taken go to a file where they can be mended.
    The same content again changes nothing.
    """
    wanted = take.expected(expect_count, expect_total)
    check_rejects_option(files, rejects)
    source_name, how = find_source(common, source)
    given = {"files": list(files), "source": source_name, "strict": strict, "encoding": encoding}
    with writing_ledger(common, given) as (ledger, journal), take.opened(files) as inputs:
        staged = stage(common, ledger, inputs, source_name, how, encoding)
        paths = operation.rejects_paths(staged, rejects)
        _refuse_shared(staged, paths)
        with ledger.writing(bulk=True) as writing:
            run = journal.begin()
            result = operation.load(ledger, staged, run)
            if not (strict and result.rejected):
                operation.check_expected(ledger, result, wanted)
            rejected = [] if common.dry_run else operation.write_rejects_files(ledger, staged, paths)
            if strict:
                operation.check_strict(result, [file.path for file in rejected])
            writing.keep = result.changed and not common.dry_run
            if writing.keep:
                outcome = Outcome(result.counts, result.totals, [*result.files, *rejected], bool(result.rejected))
                journal.finish(run, outcome)
    return report(common, _report(result, run.run_id if writing.keep else None, rejected))


def find_source(common: Common, name: str | None) -> "tuple[str, Source]":
    """The source to read files by; the campaigns file is looked at where it is there, or one of its sources is named."""
    from refundctl.domain.source import Source

    wanted = "default" if name is None else name
    if name in {None, "default"} and not common.campaigns.exists():
        return wanted, Source()
    sources = campaigns_file(common).sources
    if wanted in sources or wanted == "default":
        return wanted, sources.get(wanted, Source())
    raise UsageError(
        f"{common.campaigns} has no source {wanted} (there are: {', '.join({'default': 0, **sources})}): "
        "check the name, or describe the source there.",
        code="source_unknown",
    )


def check_rejects_option(files: list[str], rejects: str | None) -> None:
    """One rejects file per input. Raises UsageError."""
    if rejects == "-":
        raise UsageError("Rejected rows need a file where they can be mended: name it with --rejects FILE.")
    if rejects is not None and len(files) > 1:
        raise UsageError(
            "--rejects names one file, but there are several inputs: leave it out, or load them one by one."
        )
    if rejects is None and "-" in files:
        raise UsageError("Rows from stdin need a place for those that can't be taken: name it with --rejects FILE.")


def _refuse_shared(staged: operation.Staged, paths: Mapping[int, Path]) -> None:
    """Two inputs that differ in their endings only would overwrite each other's rejects. Raises UsageError."""
    whose: dict[Path, str] = {}
    for file in staged.files:
        other = whose.setdefault(paths[file.number], file.input.name)
        if other != file.input.name:
            raise UsageError(
                f"{other} and {file.input.name} would share the rejects file {paths[file.number]}: "
                "load them one by one."
            )


def stage(
    common: Common, ledger: Ledger, inputs: list[operation.Input], name: str, source: "Source", encoding: str | None
) -> operation.Staged:
    """Read the inputs into temporary tables, with a bar."""
    size = take.size_of(inputs)
    with progress(common, "Reading bookings") as bar:
        return operation.stage(ledger, inputs, name, source, encoding, lambda done, rows: bar.of(done, size, rows))


def _report(result: operation.LoadResult, run_id: int | None, rejected: list[RunFile]) -> Report:
    return Report(
        human=lambda out: describe_load(out, result, [Path(file.path) for file in rejected]),
        run_id=run_id,
        counts=result.counts,
        totals=result.totals,
        files=[file.as_json() for file in (*result.files, *rejected)],
        extra={"rejected_by_code": result.rejected_by_code},
        exit_code=ExitCode.PARTIAL if result.rejected else ExitCode.OK,
    )


def describe_load(out: Screen, result: operation.LoadResult, rejects: list[Path]) -> None:
    """What became of the rows, for a person."""
    out.print(f"Loaded {number(result.loaded)} of {number(result.counts['rows'])} rows.")
    rows = [
        (name, number(count)) for name, count in result.counts.items() if name not in {"rows", "rejected"} and count
    ]
    if result.rejected:
        rows.append(("rejected", reasons(result.rejected_by_code)))
    rows += [("owed", amount(sums["total"], currency)) for currency, sums in result.totals.items()]
    figures(out, rows)
    for path in rejects:
        out.print(f"Mend the rejected rows in {path} and load that file.")
