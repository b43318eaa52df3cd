"""refundctl resume"""

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, command, writing_ledger
from refundctl.cli.rendering import Report, Screen, report
from refundctl.ledger.journal import Outcome
from refundctl.operations import pause as operation
from refundctl.operations.terms import terms_of


@command("resume", writes=True, short="Let a paused campaign go on.")
def resume(common: Common, campaign: take.Campaign, reason: take.Reason = None) -> int:
    """Let a campaign go on that `refundctl pause` has stopped."""
    reason = take.reason_given(reason)
    given = {"campaign": campaign, "reason": reason}
    with writing_ledger(common, given, campaign) as (ledger, journal), ledger.writing() as writing:
        run = journal.begin(campaign=campaign)
        result = operation.resume(ledger, terms_of(ledger, campaign), reason, run.run_id)
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
        out.print(f"Resumed {campaign}: it had been paused {result.pause}.")
    else:
        out.print(f"{campaign} is not paused. Nothing to do.")
