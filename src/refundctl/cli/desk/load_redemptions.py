"""refundctl load-redemptions"""

from collections.abc import Sequence
from functools import partial

from refundctl.cli.bookings.input_files import check_rejects_option, stage_with_bar
from refundctl.cli.bookings.loaded_rows import load_staged
from refundctl.cli.desk.deeds import desk_ledger
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount, figures, number, reasons
from refundctl.ledger.journal.run_journal import RunFile
from refundctl.operations.bookings.input_files import LoadResult, plain, read_plainly
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

    Safe to repeat: known redemptions change nothing. Rows that can't be taken go to a file where they can be fixed;
    what a card did not allow stays visible.
    """
    check_rejects_option(files, rejects)
    given = {"files": list(files), "strict": strict, "encoding": encoding}
    with (
        desk_ledger(common, given) as (ledger, journal),
        take.opened(files) as inputs,
        plain(inputs, read_plainly) as unpacked,
    ):
        staged = stage_with_bar(
            common, "Reading redemptions", unpacked, lambda tick: operation.stage(ledger, unpacked, encoding, tick)
        )
        load = partial(operation.load, ledger, staged)
        found = load_staged(
            common, ledger, journal, staged, load, _describe, lambda _: {}, rejects=rejects, strict=strict
        )
    return found.tell(common)


def _describe(out: Screen, result: LoadResult, rejects: Sequence[RunFile]) -> None:
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
    for file in rejects:
        out.print(f"Look into the rejected rows in {file.path}; once they are fixed, load that file.")
