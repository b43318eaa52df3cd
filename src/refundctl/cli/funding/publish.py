"""refundctl publish"""

from collections.abc import Mapping
from typing import Annotated

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, figures, number, plural, reasons, report, warn
from refundctl.domain.basics.errors import ExitCode
from refundctl.ledger.cards import pool
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.campaigns.terms import consider, terms_of
from refundctl.operations.funding import publish as operation
from refundctl.operations.one_run import writing_run

MOST_CARDS = 2**63 - 1  # that SQLite can count


@command("publish", writes=True, short="Give each eligible booking's customer a card.")
def publish(
    common: Common,
    campaign: take.Campaign,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Publish at most N cards.")] = None,
    where: take.Where = None,
) -> int:
    """Give each eligible booking's customer a card. Cards are empty until `topup`."""
    limit = None if limit is None else min(limit, MOST_CARDS)
    wanted = take.where_condition(where)
    given = {"campaign": campaign, "limit": limit, "where": take.where_kept(where)}
    with (
        writing_ledger(common, given, campaign) as (ledger, journal),
        writing_run(ledger, journal, keep=not common.dry_run, campaign=campaign, bulk=True) as run,
    ):
        terms = terms_of(ledger, campaign)
        consider(ledger, terms, wanted)
        result = operation.publish(ledger, terms, run.run_id, limit=limit)
        if result.published:
            run.outcome = Outcome(result.counts, partial=bool(result.short or result.capped))
    for warning in result.warnings:
        warn(common, warning)
    return report(
        common,
        Report(
            human=lambda out: _describe(out, campaign, result),
            run_id=run.kept_id,
            campaign=campaign,
            counts=result.counts,
            extra={"not_eligible": result.not_eligible, "warnings": result.warnings},
            exit_code=ExitCode.PARTIAL if result.short or result.capped else ExitCode.OK,
            errors=[
                *pool_errors(campaign, result.short),
                *cap_errors(campaign, result.capped, result.skipped_by_reason),
            ],
        ),
    )


def pool_errors(campaign: str, short: int, what: str = "eligible booking") -> list[dict[str, str]]:
    """What JSON says where the pool of cards had none left for so many."""
    return [{"code": pool.EMPTY, "message": pool_advice(campaign, short, what)}] if short else []


def pool_advice(campaign: str, short: int, what: str = "eligible booking") -> str:
    """The same for a person."""
    return (
        f"{campaign} has no cards left for {plural(short, what)}: raise vouchers_count and run "
        f"`refundctl create {campaign}`, or import printed cards with `refundctl create {campaign} --codes FILE`; then "
        "publish again."
    )


def cap_errors(
    campaign: str, capped: int, skipped: Mapping[str, int], what: str = "eligible booking"
) -> list[dict[str, str]]:
    """What JSON says where the budget left so many out; `skipped` says by which of its caps."""
    return [{"code": "budget_exceeded", "message": cap_advice(campaign, capped, skipped, what)}] if capped else []


_CAPS = {"per_card": "a card", "per_customer": "a customer"}


def cap_advice(campaign: str, capped: int, skipped: Mapping[str, int], what: str = "eligible booking") -> str:
    """The same for a person."""
    over = [f"{holder} over budget.{cap}" for cap, holder in _CAPS.items() if cap in skipped] or ["its card over a cap"]
    return (
        f"{plural(capped, what)} of {campaign} would bring {' or '.join(over)}: raise that and run "
        f"`refundctl create {campaign}`, or look for a wrong amount with `refundctl explain BOOKING`."
    )


REASONS_SHOWN = 5


def not_eligible_rows(campaign: str, result: operation.PublishResult) -> list[tuple[str, str]]:
    """Why bookings are not eligible, the commonest reasons, where that shows from what the campaign takes."""
    if not result.not_eligible:
        return []
    shown = list(result.not_eligible.items())[:REASONS_SHOWN]
    more = len(result.not_eligible) - len(shown)
    text = "; ".join(f"{number(count)}: {reason}" for reason, count in shown) + f"; and {more} more" * (more > 0)
    return [("  not eligible", f"{text} (see `eligible` of {campaign})")]


def _describe(out: Screen, campaign: str, result: operation.PublishResult) -> None:
    out.print(f"Published {plural(result.published, 'card')}.")
    rows = [("eligible bookings", number(result.eligible)), ("with a card already", number(result.already_published))]
    if result.remaining:
        rows.append(("left by --limit", number(result.remaining)))
    figures(out, [*rows, ("skipped", reasons(result.skipped_by_reason)), *not_eligible_rows(campaign, result)])
    if result.short:
        out.print(pool_advice(campaign, result.short))
    if result.capped:
        out.print(cap_advice(campaign, result.capped, result.skipped_by_reason))
