"""refundctl load"""

from typing import Any

from refundctl.cli.bookings.input_files import check_rejects_option, source_chooser, staged_bookings
from refundctl.cli.bookings.loaded_rows import describe_load, erased_rows, load_staged
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.ledger.journal.run_journal import Run
from refundctl.operations.bookings import load as operation
from refundctl.operations.bookings.input_files import LoadResult


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

        def post(run: Run) -> LoadResult:
            result = operation.load(ledger, staged, run)
            if not (strict and result.rejected):
                operation.check_expected(staged, result, wanted)
            return result

        def told(result: LoadResult) -> dict[str, Any]:
            return {"withdrawn": result.withdrawn, **erased_rows(result), "sources": staged.sources}

        found = load_staged(common, ledger, journal, staged, post, describe_load, told, rejects=rejects, strict=strict)
    return found.tell(common)
