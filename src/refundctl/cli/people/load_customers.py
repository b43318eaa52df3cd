"""refundctl load-customers"""

from collections.abc import Mapping
from pathlib import Path

from refundctl.cli.bookings.load import (
    check_rejects_option,
    describe_load,
    erased_rows,
    refuse_shared,
    source_chooser,
    warn_erased,
)
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, progress, report
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Outcome, RunFile
from refundctl.operations.bookings.input_files import LoadResult, PlainFile, plain
from refundctl.operations.bookings.rejects_files import check_strict, rejects_paths, write_rejects_files
from refundctl.operations.people import load_customers as operation


@command("load-customers", writes=True, short="Load files of people, as from a CRM.")
def load_customers(
    common: Common,
    files: take.PeopleFiles,
    source: take.Source = None,
    rejects: take.Rejects = None,
    strict: take.Strict = False,
    encoding: take.Encoding = None,
) -> int:
    """Load files of people, as from a CRM: new ones, and what has changed about those who are known.

    A blank never overwrites what is known. Rows that can't be taken go to a file where they can be fixed. The same
    content again changes nothing.
    """
    check_rejects_option(files, rejects)
    choose = source_chooser(common, source, encoding, of_people=True)
    given = {"files": list(files), "source": source, "strict": strict, "encoding": encoding}
    with (
        writing_ledger(common, given) as (ledger, journal),
        take.opened(files) as inputs,
        plain(inputs, choose) as unpacked,
    ):
        found = _stage(common, ledger, unpacked, encoding)
        paths = rejects_paths(found.staged, rejects)
        refuse_shared(found.staged, paths)
        with ledger.writing(bulk=True) as writing:
            run = journal.begin()
            result = operation.load(found, run)
            rejected = [] if common.dry_run else write_rejects_files(found.staged, paths)
            if strict:
                check_strict(result, [file.path for file in rejected])
            writing.keep = result.changed and not common.dry_run
            if writing.keep:
                outcome = Outcome(result.counts, {}, [*result.files, *rejected], bool(result.rejected))
                journal.finish(run, outcome)
    warn_erased(common, result)
    return report(common, _report(result, found.staged.sources, run.run_id if writing.keep else None, rejected))


def _stage(common: Common, ledger: Ledger, inputs: list[PlainFile], encoding: str | None) -> operation.FoundPeople:
    """Read the inputs into temporary tables, with a bar."""
    size = sum(given.size_bytes for given in inputs)
    with progress(common, "Reading people") as bar:
        return operation.stage(ledger, inputs, encoding, lambda done, rows: bar.of(done, size, rows))


def _report(result: LoadResult, sources: Mapping[str, str], run_id: int | None, rejected: list[RunFile]) -> Report:
    return Report(
        human=lambda out: describe_load(out, result, [Path(file.path) for file in rejected]),
        run_id=run_id,
        counts=result.counts,
        files=[file.as_json() for file in (*result.files, *rejected)],
        extra={"rejected_by_code": result.rejected_by_code, **erased_rows(result), "sources": sources},
        exit_code=ExitCode.PARTIAL if result.rejected else ExitCode.OK,
    )
