"""refundctl approve"""

from pathlib import Path

from refundctl.cli.funding.shown_plan import PlanName, describe_amounts, plan_json, read_named, totals_json
from refundctl.cli.shell.common import Common, about_campaign, command, reading_ledger, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, reasons
from refundctl.domain.basics.errors import InputMissing, UsageError
from refundctl.files.campaigns.plan_file import Plan
from refundctl.ledger.funding.approvals import Approved
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.funding import approval as operation
from refundctl.operations.run_lifecycle import writing_run


@command("approve", writes=True, short="Agree to a plan that another person has made.")
def approve(common: Common, plan: PlanName) -> int:
    """Agree to a plan that another person has made, and show it. A third person, or the planner, applies it.

    Nothing else changes. The real user counts, and is recorded.
    """
    _refuse_pipes(plan)
    found, file, owned = read_named(plan)
    with about_campaign(found.campaign):
        _refuse_without_ledger(common)
    given = {"plan": plan, "digest": found.digest}
    totals = totals_json(found)
    with (
        writing_ledger(common, given, found.campaign) as (ledger, journal),
        writing_run(ledger, journal, keep=not common.dry_run, campaign=found.campaign) as run,
    ):
        earlier = operation.approve(ledger, found, plan, journal.operator, run.run_id)
        operation.refuse_own_file(owned, plan, journal.operator)
        counts = {"approved": int(earlier is None)}
        if earlier is None:
            run.outcome = Outcome(counts, totals, [file])
    return Report(
        human=lambda out: _describe(out, found, plan, earlier),
        run_id=run.kept_id,
        campaign=found.campaign,
        counts=counts,
        totals=totals,
        files=[file.as_json()],
        extra={"plan": plan_json(found)},
    ).tell(common)


def _refuse_pipes(name: str) -> None:
    """Raise UsageError for what doesn't show whose it is."""
    path = Path(name)
    if name == operation.STDIN or (path.exists() and not (path.is_file() or path.is_dir())):
        raise UsageError("A plan is approved in the planner's own file, not from stdin or a pipe: name that file.")


def _refuse_without_ledger(common: Common) -> None:
    """Raise InputMissing: a ledger that the approver made would be closed to the others."""
    with reading_ledger(common) as ledger:
        if ledger is None:
            raise InputMissing(
                f"{common.ledger} is missing: name the ledger with --ledger, or make one for several people with "
                "`refundctl init --group NAME`.",
                code="ledger_missing",
            )


def _describe(out: Screen, plan: Plan, name: str, earlier: Approved | None) -> None:
    out.print(f"{plan.campaign}: a plan by {plan.made_by.operator} of {plan.made_at}")
    rows = [
        ("rows read", number(plan.counts.rows)),
        ("new cards", number(plan.counts.published)),
        ("refunds to be funded", number(plan.counts.funded)),
        ("  funded before", number(plan.counts.already_funded)),
        ("  skipped", reasons(plan.counts.skipped_by_reason)),
    ]
    for currency, sums in plan.totals.items():
        minor = (
            ("to be paid", sums.paid),
            ("bonus on top", sums.bonus),
            ("on cards", sums.total),
            ("owed in cash", sums.cash),
            ("kept back as fees", sums.fee),
        )
        rows += [(word, amount(each, currency)) for word, each in minor if each]
    figures(out, rows)
    describe_amounts(out, plan)
    if earlier is None:
        out.print(f"Approved {name}. Somebody else applies it: `refundctl apply {name} --out DIR`")
    else:
        out.print(f"Approved already, by {earlier.operator} in run {earlier.run_id}. Nothing to do.")
