"""refundctl load"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, campaigns_file, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, progress, reasons, report, warn
from refundctl.domain.basics.errors import ExitCode, UsageError
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Outcome, RunFile
from refundctl.operations.bookings import input_files, rejects_files
from refundctl.operations.bookings import load as operation

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source


@command("load", writes=True, short="Load files of bookings.")
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
    """Load files of cancelled bookings.

    Good rows are loaded, all files in one transaction; rows that can't be taken go to a file where they can be fixed.
    The same content again changes nothing.
    """
    wanted = take.expected(expect_count, expect_total)
    check_rejects_option(files, rejects)
    choose = source_chooser(common, source, encoding)
    given = {
        "files": list(files),
        "source": source,
        "rejects": rejects,
        "strict": strict,
        "encoding": encoding,
        "expect_count": expect_count,
        "expect_total": expect_total,
    }
    with (
        writing_ledger(common, given) as (ledger, journal),
        take.opened(files) as inputs,
        stage(common, ledger, inputs, choose, encoding) as staged,
    ):
        paths = rejects_files.rejects_paths(staged, rejects)
        refuse_shared(staged, paths)
        with ledger.writing(bulk=True) as writing:
            run = journal.begin()
            result = operation.load(ledger, staged, run)
            if not (strict and result.rejected):
                operation.check_expected(staged, result, wanted)
            rejected = [] if common.dry_run else rejects_files.write_rejects_files(staged, paths)
            if strict:
                rejects_files.check_strict(result, [file.path for file in rejected])
            writing.keep = result.changed and not common.dry_run
            if writing.keep:
                outcome = Outcome(result.counts, result.totals, [*result.files, *rejected], bool(result.rejected))
                journal.finish(run, outcome)
    warn_erased(common, result)
    return report(common, _report(result, staged.sources, run.run_id if writing.keep else None, rejected))


def known_sources(common: Common, name: str | None) -> "dict[str, Source]":
    """The presets and the campaigns file's own sources, which go before a preset of the same name.

    The file is looked at where it is there, or where `name` is no preset. Raises UsageError for a name that is unknown.
    """
    from refundctl.domain.bookings.source import Source
    from refundctl.files.bookings.presets import DEFAULT_SOURCE, presets

    found: dict[str, Source] = {DEFAULT_SOURCE: Source(), **presets()}
    # Also where a preset is named, as the file may have a source of that name, which goes before it.
    if common.campaigns.exists() or (name is not None and name not in found):
        found |= campaigns_file(common).sources
    if name is not None and name not in found:
        raise UsageError(
            f"There is no source {name}, neither in {common.campaigns} nor built in (there are: {', '.join(found)}): "
            "check the name, or describe the source there.",
            code="source_unknown",
        )
    return found


def find_source(common: Common, name: str | None) -> "tuple[str, Source]":
    """The source named, or the default one. Raises UsageError for an unknown one."""
    wanted = DEFAULT if name is None else name
    return wanted, known_sources(common, name)[wanted]


def source_chooser(
    common: Common, name: str | None, encoding: str | None, *, of_people: bool = False
) -> input_files.Choose:
    """By which source to read each file: the one named, or else the one that its header shows, which is said on stderr.

    Files `of_people` need less than those of bookings: none is refused for what it lacks. Raises UsageError for an unknown
    source.
    """
    sources = known_sources(common, name)

    def choose(path: str, stream: BinaryIO) -> "tuple[str, Source]":
        if name is not None:
            return name, sources[name]
        found = recognised_source(path, stream, sources, encoding, of_people=of_people)
        if found != DEFAULT:
            warn(common, f"{path}: read as {found}, which its header shows.")
        return found, sources[found]

    return choose


DEFAULT = "default"


def recognised_source(
    path: str,
    stream: BinaryIO,
    sources: "Mapping[str, Source]",
    encoding: str | None,
    *,
    of_people: bool = False,
) -> str:
    """The source that the header of a file shows, or else the default one.

    Raises BadInput where a file of bookings nearly fits another one.
    """
    from refundctl.files.bookings.presets import header_names, near_miss, recognise

    names = header_names(stream, path, sources[DEFAULT], encoding=encoding)
    found = recognise(names, sources[DEFAULT])
    if found is None and not of_people and (refusal := near_miss(path, names, sources[DEFAULT])) is not None:
        raise refusal
    return found or DEFAULT


def check_rejects_option(files: list[str], rejects: str | None) -> None:
    """One rejects file per input. Raises UsageError."""
    if rejects == "-":
        raise UsageError("Rejected rows need a file where they can be fixed: name it with --rejects FILE.")
    if rejects is not None and len(files) > 1:
        raise UsageError(
            "--rejects names one file, but there are several inputs: leave it out, or load them one by one."
        )
    if rejects is None and "-" in files:
        raise UsageError("Rows from stdin need a place for those that can't be taken: name it with --rejects FILE.")


def refuse_shared(staged: input_files.StagedFiles[StagedRows], paths: Mapping[int, Path]) -> None:
    """Two inputs that differ in their endings only would overwrite each other's rejects. Raises UsageError."""
    whose: dict[Path, str] = {}
    for file in staged.files:
        other = whose.setdefault(paths[file.number], file.input.name)
        if other != file.input.name:
            raise UsageError(
                f"{other} and {file.input.name} would share the rejects file {paths[file.number]}: "
                "load them one by one."
            )


@contextmanager
def stage(
    common: Common,
    ledger: Ledger,
    inputs: list[input_files.Input],
    choose: input_files.Choose,
    encoding: str | None,
) -> Iterator[operation.Staged]:
    """The inputs read into temporary tables, with a bar; they stay open for their rejects to be read again."""
    with input_files.plain(inputs, choose) as plain:
        size = sum(given.size_bytes for given in plain)
        with progress(common, "Reading bookings") as bar:
            staged = operation.stage(ledger, plain, encoding, lambda done, rows: bar.of(done, size, rows))
        yield staged


def _report(
    result: input_files.LoadResult, sources: Mapping[str, str], run_id: int | None, rejected: list[RunFile]
) -> Report:
    return Report(
        human=lambda out: describe_load(out, result, [Path(file.path) for file in rejected]),
        run_id=run_id,
        counts=result.counts,
        totals=result.totals,
        files=[file.as_json() for file in (*result.files, *rejected)],
        extra={
            "rejected_by_code": result.rejected_by_code,
            "withdrawn": result.withdrawn,
            **erased_rows(result),
            "sources": sources,
        },
        exit_code=ExitCode.PARTIAL if result.rejected else ExitCode.OK,
    )


def erased_rows(result: input_files.LoadResult) -> dict[str, int]:
    """How many rows are about people who were erased, as it stands in JSON: only where there are any."""
    return {"erased": result.erased} if result.erased else {}


def warn_erased(common: Common, result: input_files.LoadResult) -> None:
    """Say that files speak of people who were erased."""
    if result.erased:
        about = "1 row is" if result.erased == 1 else f"{number(result.erased)} rows are"
        warn(common, f"{about} about people who were erased: of the person, nothing was loaded.")


def describe_load(out: Screen, result: input_files.LoadResult, rejects: list[Path]) -> None:
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
    for path in rejects:
        out.print(f"Fix the rejected rows in {path} and load that file.")
