"""refundctl topup"""

from rich.console import Console

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, command, writing_ledger
from refundctl.cli.rendering import Report, amount, figures, number, reasons, report
from refundctl.ledger import scope
from refundctl.ledger.journal import Outcome
from refundctl.operations import topup as operation
from refundctl.operations.terms import terms_of


@command("topup", writes=True)
def topup(common: Common, campaign: take.Campaign) -> int:
    """Post what each card is owed; a refund line is funded at most once."""
    with writing_ledger(common, {"campaign": campaign}, campaign) as (ledger, journal), ledger.writing() as writing:
        terms = terms_of(ledger, campaign)
        run = journal.begin(campaign=campaign)
        scope.scope_all(ledger.connection)
        scope.consider(ledger.connection, terms.judge())
        result = operation.top_up(ledger, terms, run.run_id)
        writing.keep = bool(result.funded) and not common.dry_run
        if writing.keep:
            journal.finish(run, Outcome(result.counts, result.totals))
    return report(
        common,
        Report(
            human=lambda out: _describe(out, campaign, result),
            run_id=run.run_id if writing.keep else None,
            campaign=campaign,
            counts=result.counts,
            totals=result.totals,
        ),
    )


def _describe(out: Console, campaign: str, result: operation.TopUpResult) -> None:
    out.print(f"Funded {number(result.funded)} refund lines with {amount(result.paid_minor, result.currency)}.")
    figures(
        out,
        [
            ("funded already", number(result.already_funded)),
            ("skipped", reasons(result.skipped_by_reason)),
        ],
    )
    if operation.NOT_PUBLISHED in result.skipped_by_reason:
        out.print(f"Some have no card yet: `refundctl publish {campaign}` gives them one.")
