"""refundctl undo"""

from typing import Annotated

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, plural, progress
from refundctl.domain.basics.errors import ExitCode, UsageError
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal
from refundctl.ledger.undo.undone_credits import Spent
from refundctl.ledger.undo.undone_runs import GOODWILL, PastRun
from refundctl.operations.undo import undo as operation

CARDS_SHOWN = 20


@command("undo", writes=True, short="Take back what of a run is unspent.")
def undo(
    common: Common,
    run_id: Annotated[int, typer.Argument(metavar="RUN_ID", help="The run's number, as `refundctl runs` shows it.")],
    reason: take.Reason = None,
    reopen: Annotated[
        bool, typer.Option("--reopen", help="Let the refund lines of an undone run be funded again.")
    ] = False,
) -> int:
    """Take back what a load, publish, topup, whole run or card issue did, except for what is spent; -n shows it first.

    Its refund lines stay withdrawn, also when loaded again, until they are reopened.
    """
    if reopen and reason is not None:
        raise UsageError("--reason goes with an undo, not with --reopen: leave one of them out.")
    reason = take.reason_given(reason)
    with writing_ledger(common, {"run_id": run_id, "reason": reason, "reopen": reopen}) as (ledger, journal):
        if reopen:
            return _reopen(common, ledger, journal, run_id).tell(common)
        return _undo(common, ledger, journal, run_id, reason).tell(common)


def _undo(common: Common, ledger: Ledger, journal: Journal, run_id: int, reason: str | None) -> Report:
    with operation.quiet_folders(ledger, run_id), progress(common, "Taking back"), ledger.writing(bulk=True) as writing:
        result = operation.undo(ledger, journal, run_id, reason)
        writing.keep = result.run_id is not None and not common.dry_run
    return Report(
        human=lambda out: _describe(out, result),
        run_id=result.run_id,
        campaign=result.target.campaign,
        counts=result.counts,
        totals=result.totals,
        extra={
            "undone": list(result.undone),
            **result.listed(),
            "closed": [batch.directory for batch in result.closed],
        },
        exit_code=ExitCode.PARTIAL if result.run_id is not None and result.partial else ExitCode.OK,
    )


def _describe(out: Screen, result: operation.UndoResult) -> None:
    target = result.target
    if result.run_id is None:
        out.print(_nothing(result))
    else:
        out.print(f"Undone: run {target.run_id}, {_name(target)}.")
        figures(out, _figures(result))
        _describe_spent(out, result)
    for sentence in result.stays:
        out.print(sentence)
    for batch in result.closed:
        out.print(f"The hand-over to {batch.directory} was cut off and is closed now: mail nobody from there.")
    if result.run_id is not None and target.command != GOODWILL:
        out.print(f"Its refund lines are not funded again until `refundctl undo --reopen {target.run_id}`.")


def _name(target: PastRun) -> str:
    article = "an" if target.command == "apply" else "a"
    return f"{article} {target.command} of {target.campaign}" if target.campaign else f"{article} {target.command}"


def _nothing(result: operation.UndoResult) -> str:
    target = result.target
    if target.reopened_by is not None:
        return (
            f"Run {target.run_id} was undone by run {target.undone_by} and reopened by run {target.reopened_by}: to "
            "take back what was funded since, undo the run that did it."
        )
    if target.undone_by is not None:
        return f"Run {target.run_id} was undone already, by run {target.undone_by}. Nothing to do."
    return f"Of run {target.run_id}, {_name(target)}, there is nothing that can be undone."


def _figures(result: operation.UndoResult) -> list[tuple[str, str]]:
    rows = []
    if taken := result.taken:
        on_cards = taken.paid_minor + taken.bonus_minor
        if result.target.command == GOODWILL:
            rows.append(("goodwill taken back", amount(on_cards, taken.currency)))
        else:
            rows.append(("refunds taken back", f"{number(taken.refunds)}  {amount(on_cards, taken.currency)}"))
        others = (
            ("  of it bonus", taken.bonus_minor),
            ("  owed in cash", taken.cash_minor),
            ("  kept as fees", taken.fee_minor),
        )
        rows += [(name, amount(minor, taken.currency)) for name, minor in others if minor]
    counted = (
        ("cards deactivated", result.cards.undone),
        ("refund lines withdrawn", result.lines.undone),
        ("refund lines as before", result.lines.restored),
        ("changed by a later file", result.lines.overwritten),
    )
    return [*rows, *((name, number(count)) for name, count in counted if count)]


def _describe_spent(out: Screen, result: operation.UndoResult) -> None:
    taken = result.taken
    if taken is None or not taken.spent_minor:
        return
    on_cards = [f"on {plural(taken.spent_cards, 'card')}"] if taken.spent_cards else []
    in_cash = [f"in cash ({plural(taken.spent_debts, 'debt')} paid or with the bank)"] if taken.spent_debts else []
    where = " and ".join([*on_cards, *in_cash])
    out.print(f"Spent already, and not taken back: {amount(taken.spent_minor, taken.currency)} {where}")
    shown = taken.spent[:CARDS_SHOWN]
    figures(out, [(_spent_name(one), amount(one.amount_minor, taken.currency)) for one in shown])
    more = taken.spent_cards + taken.spent_debts - len(shown)
    if more:
        what = "more" if taken.spent_debts else f"more card{'' if more == 1 else 's'}"
        out.print(f"  and {number(more)} {what}; --json lists the first 1,000")


def _spent_name(spent: Spent) -> str:
    return f"debt {spent.debt}" if spent.card is None else f"c{spent.card}"


def _reopen(common: Common, ledger: Ledger, journal: Journal, run_id: int) -> Report:
    with ledger.writing(bulk=True) as writing:
        result = operation.reopen(ledger, journal, run_id)
        writing.keep = result.run_id is not None and not common.dry_run
    return Report(
        human=lambda out: _describe_reopened(out, result),
        run_id=result.run_id,
        campaign=result.target.campaign,
        counts=result.counts,
        extra={"reopened": list(result.reopened)},
    )


def _describe_reopened(out: Screen, result: operation.ReopenResult) -> None:
    target = result.target
    if result.run_id is None:
        out.print(f"Run {target.run_id} was reopened already. Nothing to do.")
        return
    free = result.lines - result.lines_held
    out.print(f"Reopened run {target.run_id}: {plural(free, 'refund line')} may be funded again.")
    if result.lines_held:
        out.print(f"{plural(result.lines_held, 'refund line')} more are held back by another run that was undone.")
