"""What was funded and what was left out, in words and as JSON: shared by publish, topup, run and plan."""

from collections.abc import Mapping
from typing import Any

from refundctl.cli.bookings.loaded_rows import erased_rows
from refundctl.cli.shell.rendering import amount, number, plural, reasons
from refundctl.ledger.cards import pool
from refundctl.operations.funding.publish import PublishResult
from refundctl.operations.funding.run import Steps
from refundctl.operations.funding.topup import TopUpResult

_CAPS = {"per_card": "a card", "per_customer": "a customer"}


def left_out(
    campaign: str, short: int, capped: int, skipped: Mapping[str, int], what: str = "eligible booking"
) -> list[dict[str, str]]:
    """What JSON says of eligible bookings or lines that got nothing, and people in its `message`.

    For `short` of them the pool of cards had none left; `capped` are over a cap of the budget, `skipped` says which.
    """
    found = []
    if short:
        advice = (
            f"{campaign} has no cards left for {plural(short, what)}: raise vouchers_count and run "
            f"`refundctl create {campaign}`, or import printed cards with `refundctl create {campaign} --codes FILE`; "
            "then publish again."
        )
        found.append({"code": pool.NO_CARD_LEFT, "message": advice})
    if capped:
        over = [f"{holder} over budget.{cap}" for cap, holder in _CAPS.items() if cap in skipped]
        advice = (
            f"{plural(capped, what)} of {campaign} would bring {' or '.join(over or ['its card over a cap'])}: raise "
            f"that and run `refundctl create {campaign}`, or look for a wrong amount with `refundctl explain BOOKING`."
        )
        found.append({"code": "budget_exceeded", "message": advice})
    return found


def left_out_by(campaign: str, steps: Steps) -> list[dict[str, str]]:
    """The same of a whole run."""
    return left_out(campaign, steps.publish.short, steps.publish.capped, steps.topup.skipped_by_reason)


REASONS_SHOWN = 5


def not_eligible_rows(campaign: str, result: PublishResult) -> list[tuple[str, str]]:
    """Why bookings are not eligible, the commonest reasons, where that shows from what the campaign takes."""
    if not result.not_eligible:
        return []
    shown = list(result.not_eligible.items())[:REASONS_SHOWN]
    more = len(result.not_eligible) - len(shown)
    text = "; ".join(f"{number(count)}: {reason}" for reason, count in shown) + f"; and {more} more" * (more > 0)
    return [("  not eligible", f"{text} (see `eligible` of {campaign})")]


def owed_otherwise(result: TopUpResult) -> list[tuple[str, str]]:
    """What of it is bonus, what is owed in cash and what is kept back as fees, where there is any."""
    return [
        (name, amount(minor, result.currency))
        for name, minor in (
            ("of it bonus", result.bonus_minor),
            ("owed in cash", result.cash_minor),
            ("kept back as fees", result.fee_minor),
        )
        if minor
    ]


def steps_json(steps: Steps) -> dict[str, Any]:
    """What the steps did, as it stands in JSON."""
    return {
        "steps": steps.as_json(),
        "rejected_by_code": steps.load.rejected_by_code,
        "withdrawn": steps.load.withdrawn,
        **erased_rows(steps.load),
        "not_eligible": steps.publish.not_eligible,
    }


def in_short(steps: Steps) -> str:
    """`58 refunds on 57 new cards, EUR 21,967.91`."""
    funded = steps.topup
    cards = plural(steps.publish.published, "new card")
    return f"{plural(funded.funded, 'refund')} on {cards}, {amount(funded.on_cards_minor, funded.currency)}"


def step_rows(campaign: str, steps: Steps) -> list[tuple[str, str]]:
    """What became of rows, bookings and refunds."""
    loaded, published, funded = steps.load, steps.publish, steps.topup
    rows = [("rows read", number(loaded.counts["rows"]))]
    rows += [
        (f"  {name}", number(count))
        for name, count in loaded.counts.items()
        if count and name not in {"rows", "rejected"}
    ]
    if loaded.rejected:
        rows.append(("  rejected", reasons(loaded.rejected_by_code)))
    if loaded.withdrawn:
        rows.append(("  no longer owed", f"{number(loaded.withdrawn)}, as the source leaves them out now"))
    rows += [
        ("eligible bookings", number(published.eligible)),
        ("  new cards", number(published.published)),
        ("  had a card", number(published.already_published)),
        ("skipped bookings", reasons(published.skipped_by_reason)),
        *not_eligible_rows(campaign, published),
        ("refunds funded", f"{number(funded.funded)}  {amount(funded.on_cards_minor, funded.currency)}"),
        *((f"  {name}", sum_) for name, sum_ in owed_otherwise(funded)),
        ("  funded before", number(funded.already_funded)),
    ]
    return rows
