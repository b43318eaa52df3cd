"""A plan as commands name it, read it and show it: for plan, approve and apply."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.rendering import Screen, amount, figures, plural
from refundctl.files.campaigns.plan_file import BYTES_MAX, Plan, read_plan, sha256_of
from refundctl.ledger.journal.run_journal import RunFile

PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="The file that `refundctl plan` has written.")]


def read_named(name: str) -> tuple[Plan, RunFile, os.stat_result]:
    """The plan in the file named, that file for the journal, and whose it is. Raises InputMissing and BadPlan."""
    with take.opened([name]) as [given]:
        owned = os.fstat(given.stream.fileno())  # of what is read, wherever links lead
        content = given.stream.read(BYTES_MAX + 1)
    plan = read_plan(content, given.name)
    return plan, RunFile(given.name, 1, sha256_of(content.decode())), owned


def totals_json(plan: Plan) -> dict[str, dict[str, int]]:
    """The totals, as they stand in JSON output."""
    return {currency: asdict(sums) for currency, sums in plan.totals.items()}


def plan_json(plan: Plan) -> dict[str, Any]:
    """What a plan is about, as it stands in JSON output."""
    names = ("digest", "made_by", "made_at", "needs_approval", "threshold", "rules", "largest", "warnings")
    found = asdict(plan)
    return {name: found[name] for name in names}


def describe_amounts(out: Screen, plan: Plan) -> None:
    """What the rules give and keep, the largest amounts, and what to look at before money moves."""
    if plan.rules:
        out.print("By rule:")
        sums = _aligned([amounts(share.total) for share in plan.rules])
        figures(
            out,
            [
                (f"{share.bucket} {share.rule or '(given back)'}", f"{sum_}  of {plural(share.refunds, 'refund')}")
                for share, sum_ in zip(plan.rules, sums, strict=True)
            ],
        )
    if plan.largest:
        out.print("Largest:")
        sums = _aligned([amounts(each.amount) for each in plan.largest])
        figures(out, [(each.booking_id, sum_) for each, sum_ in zip(plan.largest, sums, strict=True)])
    _describe_warnings(out, plan)


def _describe_warnings(out: Screen, plan: Plan) -> None:
    if plan.warnings:
        out.print("Look at this first:")
    for caution in plan.warnings:
        if caution.bookings:
            more = ", ..." if caution.count > len(caution.bookings) else ""
            out.print(f"  {plural(caution.count, 'booking')}: {caution.message} ({', '.join(caution.bookings)}{more})")
        else:
            out.print(f"  {caution.message}")


def _aligned(texts: list[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def amounts(minor: Mapping[str, int]) -> str:
    """Amounts of several currencies for people."""
    return ", ".join(amount(each, currency) for currency, each in minor.items())
