"""refundctl pause"""

from collections.abc import Callable

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.campaigns.definitions import Event
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.campaigns import pause as operation
from refundctl.operations.campaigns.terms import terms_of
from refundctl.operations.run_lifecycle import writing_run

Describe = Callable[[Screen, str, operation.Switched], None]


@command("pause", writes=True, short="Stop a campaign: no cards, no money, until it is resumed.")
def pause(common: Common, campaign: take.Campaign, reason: take.Reason = None) -> int:
    """Stop a campaign: nothing is published, topped up or redeemed until `refundctl resume`."""
    return switch(common, campaign, reason, "paused", _describe)


def switch(common: Common, campaign: str, reason: str | None, event: Event, describe: Describe) -> ExitCode:
    """Turn a campaign's kill switch one way or the other, as a run of its own where that is new."""
    reason = take.reason_given(reason)
    given = {"campaign": campaign, "reason": reason}
    with (
        writing_ledger(common, given, campaign) as (ledger, journal),
        writing_run(ledger, journal, keep=not common.dry_run, campaign=campaign) as run,
    ):
        result = operation.switch(ledger, terms_of(ledger, campaign), event, reason, run.run_id)
        if result.changed:
            run.outcome = Outcome(result.counts)
    return Report(
        human=lambda out: describe(out, campaign, result),
        run_id=run.kept_id,
        campaign=campaign,
        counts=result.counts,
        extra={"pause": None if result.pause is None else result.pause.as_json()},
    ).tell(common)


def _describe(out: Screen, campaign: str, result: operation.Switched) -> None:
    if result.changed:
        out.print(f"Paused {campaign}: nothing is published, topped up or redeemed until it is resumed.")
    else:
        out.print(f"{campaign} is paused already, {result.pause}. Nothing to do.")
    out.print(f"`refundctl resume {campaign}` lets it go on.")
