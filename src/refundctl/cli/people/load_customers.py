"""refundctl load-customers"""

from functools import partial
from typing import Any

from refundctl.cli.bookings.input_files import check_rejects_option, source_chooser, stage_with_bar
from refundctl.cli.bookings.loaded_rows import describe_load, erased_rows, load_staged
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.operations.bookings.input_files import LoadResult, plain
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
        found = stage_with_bar(
            common, "Reading people", unpacked, lambda tick: operation.stage(ledger, unpacked, encoding, tick)
        )

        def told(result: LoadResult) -> dict[str, Any]:
            return {**erased_rows(result), "sources": found.staged.sources}

        load = partial(operation.load, found)
        done = load_staged(
            common, ledger, journal, found.staged, load, describe_load, told, rejects=rejects, strict=strict
        )
    return done.tell(common)
