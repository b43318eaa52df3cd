"""refundctl pause"""

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, command, writing_ledger
from refundctl.cli.rendering import Report, Screen, report
from refundctl.ledger.journal import Outcome
from refundctl.operations import pause as operation
from refundctl.operations.terms import terms_of


@command("pause", writes=True, short="Stop a campaign: no cards, no money, until it is resumed.")
def pause(common: Common, campaign: take.Campaign, reason: take.Reason = None) -> int:
    """Stop a campaign: nothing is published, topped up or redeemed until `refundctl resume`."""
    reason = take.reason_given(reason)
    given = {"campaign": campaign, "reason": reason}
    with writing_ledger(common, given, campaign) as (ledger, journal), ledger.writing() as writing:
        run = journal.begin(campaign=campaign)
        result = operation.pause(ledger, terms_of(ledger, campaign), reason, run.run_id)
        writing.keep = result.changed and not common.dry_run
        if writing.keep:
            journal.finish(run, Outcome(result.counts))
    return report(
        common,
        Report(
            human=lambda out: _describe(out, campaign, result),
            run_id=run.run_id if writing.keep else None,
            campaign=campaign,
            counts=result.counts,
            extra={"pause": None if result.pause is None else result.pause.as_json()},
        ),
    )


def _describe(out: Screen, campaign: str, result: operation.Switched) -> None:
    if result.changed:
        out.print(f"Paused {campaign}: nothing is published, topped up or redeemed until it is resumed.")
    else:
        out.print(f"{campaign} is paused already, {result.pause}. Nothing to do.")
    out.print(f"`refundctl resume {campaign}` lets it go on.")
