"""refundctl topup"""

from collections.abc import Mapping, Sequence

from refundctl.cli.funding.outcome_words import left_out, owed_otherwise
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, plural, reasons
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.campaigns.terms import consider, terms_of
from refundctl.operations.funding import topup as operation
from refundctl.operations.funding.approval import by_plan, refuse_unapproved
from refundctl.operations.run_lifecycle import writing_run


@command("topup", writes=True, short="Post what each card is owed, once.")
def topup(common: Common, campaign: take.Campaign, where: take.Where = None) -> int:
    """Post what each card is owed; a refund line is funded at most once."""
    wanted = take.where_condition(where)
    given = {"campaign": campaign, "where": take.where_kept(where)}
    with (
        writing_ledger(common, given, campaign) as (ledger, journal),
        writing_run(ledger, journal, keep=not common.dry_run, campaign=campaign, bulk=True) as run,
    ):
        terms = terms_of(ledger, campaign)
        lines = consider(ledger, terms, wanted)
        result = operation.top_up(ledger, terms, lines, run.run_id)
        if result.on_cards_minor or result.cash_minor:
            refuse_unapproved(ledger, terms, by_plan(campaign))
        if result.posted:
            run.outcome = Outcome(result.counts, result.totals, partial=bool(result.short or result.capped))
    left = left_out(campaign, result.short, result.capped, result.skipped_by_reason, "refund line")
    return Report(
        human=lambda out: _describe(out, campaign, result, left),
        run_id=run.kept_id,
        campaign=campaign,
        counts=result.counts,
        totals=result.totals,
        extra={"warnings": [limit.warning for limit in result.nearly_used]},
        exit_code=ExitCode.PARTIAL if left else ExitCode.OK,
        errors=left,
    ).tell(common)


def _describe(out: Screen, campaign: str, result: operation.TopUpResult, left: Sequence[Mapping[str, str]]) -> None:
    out.print(f"Funded {plural(result.funded, 'refund line')} with {amount(result.on_cards_minor, result.currency)}.")
    figures(
        out,
        [
            *owed_otherwise(result),
            ("funded already", number(result.already_funded)),
            ("skipped", reasons(result.skipped_by_reason)),
        ],
    )
    for told in left:
        out.print(told["message"])
    if operation.NOT_PUBLISHED in result.skipped_by_reason:
        out.print(f"Some have no card yet: `refundctl publish {campaign}` gives them one.")
