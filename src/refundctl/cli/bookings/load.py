"""refundctl load"""

from refundctl.cli.bookings.input_files import (
    check_rejects_option,
    places_of_rejects,
    source_chooser,
    staged_bookings,
    write_rejects,
)
from refundctl.cli.bookings.loaded_rows import describe_load, erased_rows, load_outcome, load_report, warn_erased
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.operations.bookings import load as operation
from refundctl.operations.run_lifecycle import writing_run


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
    with (
        writing_ledger(common, common.given) as (ledger, journal),
        take.opened(files) as inputs,
        staged_bookings(common, ledger, inputs, choose, encoding) as staged,
    ):
        paths = places_of_rejects(staged, rejects)
        with writing_run(ledger, journal, keep=not common.dry_run, bulk=True) as run:
            result = operation.load(ledger, staged, run.begun)
            if not (strict and result.rejected):
                operation.check_expected(staged, result, wanted)
            written = write_rejects(common, staged, paths, result, strict=strict)
            if result.changed:
                run.outcome = load_outcome(result, written)
    warn_erased(common, result)
    told = {"withdrawn": result.withdrawn, **erased_rows(result), "sources": staged.sources}
    return load_report(describe_load, result, run, written, **told).tell(common)
