"""refundctl expire"""

from collections.abc import Sequence
from typing import Annotated

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, existing_ledger, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, plural
from refundctl.operations.desk import expire as operation


@command("expire", writes=True, short="Book the balance of expired cards as breakage.")
def expire(
    common: Common,
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", show_default=False, help="Only this campaign's cards.")
    ] = None,
    reason: take.Reason = None,
) -> int:
    """Book what is left on cards whose last valid day is over as breakage: for every night, by cron with --quiet.

    Cards that never expire are left alone. Paused campaigns are not: a pause stops no calendar. `refundctl card extend`
    revives a card only before its balance is booked.
    """
    reason = take.reason_given(reason)
    given = {"campaign": campaign, "reason": reason}
    with existing_ledger(common):
        pass  # a nightly job that names the wrong file should be told so
    with writing_ledger(common, given, campaign) as (ledger, journal), ledger.writing(bulk=True) as writing:
        found = operation.expire(ledger, journal, campaign, reason)
        writing.keep = bool(found) and not common.dry_run
    counts, totals = operation.summed(found)
    return Report(
        human=lambda out: _describe(out, found),
        run_id=found[0].run_id if len(found) == 1 else None,
        campaign=found[0].campaign if len(found) == 1 else campaign,
        counts=counts,
        totals=totals,
        extra={"campaigns": [_as_json(common, one) for one in found]},
    ).tell(common)


def _as_json(common: Common, one: operation.CampaignExpiry) -> dict[str, object]:
    run_id = None if common.dry_run else one.run_id
    return {"campaign": one.campaign, "run_id": run_id, "counts": one.counts, "totals": one.totals}


def _describe(out: Screen, found: Sequence[operation.CampaignExpiry]) -> None:
    if not found:
        out.print("No expired card has a balance that is not booked yet. Nothing to do.")
        return
    for one in found:
        out.print(
            f"{one.campaign}: booked {amount(one.breakage_minor, one.currency)} of "
            f"{plural(one.posted.cards, 'expired card')} as breakage."
        )
        if one.posted.bonus_minor:
            figures(out, [("of it bonus", amount(one.posted.bonus_minor, one.currency))])
