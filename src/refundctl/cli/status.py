"""refundctl status"""

from typing import Annotated

import typer

from refundctl.cli.common import Common, command, reading_ledger
from refundctl.cli.rendering import Report, Screen, amount, figures, number, report
from refundctl.operations import status as operation


@command("status", short="Show where each campaign stands.")
def status(
    common: Common,
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="Only this campaign.")] = None,
) -> int:
    """Show where each campaign stands: bookings, cards, money paid and outstanding, next expiry."""
    with reading_ledger(common) as ledger:
        found = operation.status(ledger, campaign)
    return report(
        common,
        Report(
            human=lambda out: _describe(out, common, found),
            campaign=campaign,
            extra={"ledger": found.as_json(), "campaigns": [standing.as_json() for standing in found.campaigns]},
        ),
    )


def _describe(out: Screen, common: Common, found: operation.Status) -> None:
    if found.rehearsal:
        out.print(f"{common.ledger} is a rehearsal: it was made under REFUNDCTL_NOW.")
    if not common.ledger.exists():
        out.print(f"There is no ledger {common.ledger} yet: `refundctl init` makes one.")
    elif not found.campaigns:
        out.print(
            f"No campaigns yet in {common.ledger}: describe one in {common.campaigns} and run `refundctl create`."
        )
    for standing in found.campaigns:
        _describe_campaign(out, standing)


BAR_WIDTH = 30
_TITLES = {"cash": "owed in cash"}


def _describe_campaign(out: Screen, standing: operation.Standing) -> None:
    counts, currency = standing.counts, standing.currency
    done, total = counts["funded"], counts["refund_lines"]
    filled = BAR_WIDTH * done // total if total else 0
    out.print(f"{standing.campaign} ({standing.state})")
    out.print(f"  {'█' * filled}{'░' * (BAR_WIDTH - filled)}  {number(done)} of {number(total)} refunds funded")
    rows = [("bookings", number(counts["bookings"])), ("published", number(counts["published"]))]
    rows += [
        (_TITLES.get(name, name.replace("_", " ")), amount(minor, currency))
        for name, minor in standing.totals.items()
        if minor or name != "cash"
    ]
    rows.append(("next expiry", standing.next_expiry or "none"))
    for name in ("unassigned", "unreachable", "not_handed_over", "funded_not_eligible"):
        if counts.get(name):
            rows.append((name.replace("_", " "), number(counts[name])))
    figures(out, rows)
    for folder in standing.open_batches:
        out.print(f"  The hand-over to {folder} was cut off: run the same command again to finish it.")
