"""refundctl status"""

from typing import Annotated

import typer

from refundctl.cli.shell.common import Common, command, reading_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number
from refundctl.cli.shell.wording import in_words
from refundctl.operations.books import status as operation
from refundctl.operations.funding.budget import Limit


@command("status", short="Show the state of each campaign.")
def status(
    common: Common,
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="Only this campaign.")] = None,
) -> int:
    """Show the state of each campaign: bookings, cards, money paid and outstanding, next expiry."""
    with reading_ledger(common) as ledger:
        found = operation.status(ledger, campaign)
    return Report(
        human=lambda out: _describe(out, common, found),
        campaign=campaign,
        extra={"ledger": found.as_json(), "campaigns": [standing.as_json() for standing in found.campaigns]},
    ).tell(common)


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
_TITLES = {"cash": "owed in cash", "fee": "kept as fees"}
_UNUSUAL = {*_TITLES, "adjusted", "lapsed"}  # totals that are shown where there are any
_NOTED = (
    "activated",
    "unassigned",
    "deactivated",
    "disabled",
    "frozen",
    "transferred",
    "unreachable",
    "not_handed_over",
    "funded_not_eligible",
    "undone",
    "over_cap",
    "cash_debts_open",
    "till_overdrafts_open",
)


def _describe_campaign(out: Screen, standing: operation.CampaignStanding) -> None:
    counts, currency = standing.counts, standing.currency
    done, total = counts["funded"], counts["refund_lines"]
    filled = BAR_WIDTH * done // total if total else 0
    out.print(f"{standing.campaign} ({standing.state})")
    out.print(f"  {'█' * filled}{'░' * (BAR_WIDTH - filled)}  {number(done)} of {number(total)} refunds funded")
    rows = [("bookings", number(counts["bookings"])), ("published", number(counts["published"]))]
    rows += [
        (_TITLES.get(name, in_words(name)), amount(minor, currency))
        for name, minor in standing.totals.items()
        if (minor or name not in _UNUSUAL) and not name.startswith("budget_")
    ]
    rows += _budget_rows(standing)
    rows.append(("next expiry", standing.next_expiry or "none"))
    for name in _NOTED:
        if counts.get(name):
            rows.append((in_words(name), number(counts[name])))
    figures(out, rows)
    if standing.pause is not None:
        out.print(f"  Paused {standing.pause}: `refundctl resume {standing.campaign}` lets it go on.")
    for warning in standing.budget.warnings if standing.budget is not None else ():
        out.print(f"  Warning: {warning}")
    for folder in standing.open_batches:
        out.print(f"  The hand-over to {folder} was cut off: run the same command again to finish it.")


def _budget_rows(standing: operation.CampaignStanding) -> list[tuple[str, str]]:
    def shown(limit: Limit, figure: int) -> str:
        return number(figure) if limit.currency is None else amount(figure, limit.currency)

    if standing.budget is None:
        return []
    return [
        (
            _LIMITS[limit.name],
            f"{shown(limit, limit.used)} of {shown(limit, limit.limit)}, left {shown(limit, limit.left)}",
        )
        for limit in standing.budget.limits
    ]


_LIMITS = {"total": "budget used", "bonus": "of it bonus", "cards": "cards used"}
