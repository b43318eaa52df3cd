"""refundctl publish"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from refundctl.cli.funding.outcome_words import left_out, not_eligible_rows
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, figures, number, plural, reasons
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.database.sql import LARGEST_ID
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.campaigns.terms import consider, terms_of
from refundctl.operations.funding import publish as operation
from refundctl.operations.run_lifecycle import writing_run


@command("publish", writes=True, short="Give each eligible booking's customer a card.")
def publish(
    common: Common,
    campaign: take.Campaign,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Publish at most N cards.")] = None,
    where: take.Where = None,
) -> int:
    """Give each eligible booking's customer a card. Cards are empty until `topup`."""
    limit = None if limit is None else min(limit, LARGEST_ID)
    wanted = take.where_condition(where)
    given = {"campaign": campaign, "limit": limit, "where": take.where_kept(where)}
    with (
        writing_ledger(common, given, campaign) as (ledger, journal),
        writing_run(ledger, journal, keep=not common.dry_run, campaign=campaign, bulk=True) as run,
    ):
        terms = terms_of(ledger, campaign)
        lines = consider(ledger, terms, wanted)
        result = operation.publish(ledger, terms, lines, run.run_id, limit=limit)
        if result.published:
            run.outcome = Outcome(result.counts, partial=bool(result.short or result.capped))
    left = left_out(campaign, result.short, result.capped, result.skipped_by_reason)
    return Report(
        human=lambda out: _describe(out, campaign, result, left),
        run_id=run.kept_id,
        campaign=campaign,
        counts=result.counts,
        extra={"not_eligible": result.not_eligible, "warnings": [limit.warning for limit in result.nearly_used]},
        exit_code=ExitCode.PARTIAL if left else ExitCode.OK,
        errors=left,
    ).tell(common)


def _describe(out: Screen, campaign: str, result: operation.PublishResult, left: Sequence[Mapping[str, str]]) -> None:
    out.print(f"Published {plural(result.published, 'card')}.")
    rows = [("eligible bookings", number(result.eligible)), ("with a card already", number(result.already_published))]
    if result.remaining:
        rows.append(("left by --limit", number(result.remaining)))
    figures(out, [*rows, ("skipped", reasons(result.skipped_by_reason)), *not_eligible_rows(campaign, result)])
    for told in left:
        out.print(told["message"])
