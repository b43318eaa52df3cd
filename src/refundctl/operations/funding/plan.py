"""Plans: what a run would do, found out on a private copy of the ledger."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from refundctl.domain.basics.money import amount_for_people
from refundctl.files.campaigns import plan_file
from refundctl.files.campaigns.plan_file import BookingAmount, Caution, Counts, Plan, Share, Sums, Threshold
from refundctl.ledger.campaigns.definitions import pause_of, post_event
from refundctl.ledger.campaigns.stored_campaigns import campaign_named
from refundctl.ledger.database.connection import Clock, Ledger, closing_ledger, in_memory
from refundctl.ledger.funding import plan_warnings, plans
from refundctl.ledger.funding.plan_warnings import GivenAmounts
from refundctl.ledger.journal.run_journal import PROGRAM, Journal, Operator, Outcome, Run
from refundctl.ledger.journal.seals import Seal
from refundctl.operations.bookings import input_files
from refundctl.operations.funding import approval
from refundctl.operations.funding.run import Say, Steps, Task, WriteRejects, take_steps
from refundctl.operations.run_lifecycle import one_run


@dataclass(frozen=True, slots=True)
class Unsealed(Journal):
    """The journal of a rehearsal: its runs begin, as rows must name one, but end in no outcome and no seal."""

    def finish(self, run: Run, outcome: Outcome) -> Seal:  # noqa: D102
        return Seal("", 0, run.run_id, "")


@contextmanager
def rehearsal(ledger: Ledger | None, path: Path, clock: Clock) -> Iterator[Ledger]:
    """A private copy of the ledger to try things on, or an empty one where there is none; nobody has to wait for it."""
    if ledger is not None:
        with ledger.private_copy(to_try=True) as copy:
            # What is wrong with the copy is wrong with the ledger, so that is the name to be told.
            yield replace(copy, path=path)
        return
    with closing_ledger(in_memory(path, clock)) as empty:
        with empty.writing():
            pass
        with rehearsal(empty, path, clock) as copy:
            yield copy


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a run would do, by its steps; `amounts` are what a plan binds."""

    steps: Steps
    amounts: "PlannedAmounts"
    warnings: Sequence[Caution]
    threshold: Threshold | None

    @property
    def needs_approval(self) -> bool:
        """Whether another person must agree first."""
        found = self.threshold
        if found is None or not self.steps.gives:
            return False
        return any(found.together[currency] > above for currency, above in found.above.items())


@dataclass(frozen=True, slots=True)
class PlannedAmounts:
    """What a run gives, which must be the same when it is applied: the digest of all lines, and what people read."""

    lines: str
    funded: int
    totals: Mapping[str, Sums]
    rules: Sequence[Share]
    largest: Sequence[BookingAmount]

    @classmethod
    def of(cls, steps: Steps, given: GivenAmounts) -> "PlannedAmounts":
        """What was just posted."""
        currency = steps.terms.stored.currency
        shares = plans.rule_shares(given.connection, steps.last_before)
        return cls(
            plans.lines_digest(steps.settled),
            steps.topup.funded,
            {currency: Sums(**sums) for currency, sums in steps.topup.totals.items()},
            [Share(share.bucket, share.rule, share.lines, {currency: share.minor}) for share in shares],
            [BookingAmount(name, {currency: minor}) for name, minor in given.largest()],
        )

    @classmethod
    def planned(cls, plan: Plan) -> "PlannedAmounts":
        """What a plan says of it."""
        return cls(plan.lines, plan.counts.funded, plan.totals, list(plan.rules), list(plan.largest))


def rehearse(copy: Ledger, journal: Journal, task: Task, say: Say, write_rejects: WriteRejects) -> Rehearsed:
    """Do what a run would do, on a copy that is thrown away.

    Raises what a run would raise, except that want of an approval and a pause are only told of.
    """
    with copy.writing(bulk=True) as writing:
        writing.keep = False
        paused = _lift_pause(copy, journal, task.campaign.name)
        with one_run(journal, campaign=task.campaign.name) as run:
            steps = take_steps(copy, journal, task, run, say, write_rejects)
        if steps.load.rejected:
            write_rejects(False)
        say("Looking over it")
        given = plan_warnings.find_amounts(steps.settled, steps.last_before)
        amounts = PlannedAmounts.of(steps, given)
        found = (*_of_bookings(steps, given), *_of_campaign(steps, amounts))
        cautions = [*paused, *(caution for caution in found if caution.count)]
        return Rehearsed(steps, amounts, cautions, _threshold(copy, steps))


def _lift_pause(copy: Ledger, journal: Journal, name: str) -> list[Caution]:
    """Let a paused campaign go on, on the copy only; what is to be said of it."""
    stored = campaign_named(copy.connection, name)
    paused = None if stored is None else pause_of(copy.connection, stored.campaign_id)
    if stored is None or paused is None:
        return []
    post_event(copy.connection, stored.campaign_id, "resumed", None, journal.begin(campaign=name).run_id)
    message = f"{name} is paused {paused}: the plan can't be applied until `refundctl resume {name}`"
    return [Caution("campaign_paused", message, 1)]


def _threshold(ledger: Ledger, steps: Steps) -> Threshold | None:
    found = approval.unapproved(ledger, steps.terms)
    if found is None:
        return None
    return Threshold({found.currency: found.above_minor}, {found.currency: found.together_minor})


# What a person should look at before money moves


def _of_bookings(steps: Steps, given: GivenAmounts) -> Iterator[Caution]:
    settled = steps.settled
    far, limit = plan_warnings.far_off(given)
    beyond = amount_for_people(limit, steps.terms.stored.currency)
    for code, message, found in (
        ("same_email", "another customer has the same e-mail address", plan_warnings.sharing_an_email(given)),
        (
            "same_name_and_amount",
            "another customer has the same name and gets the same amount",
            plan_warnings.sharing_name_and_amount(given),
        ),
        ("far_off", f"more than {beyond}, far off the rest", far),
        ("funded_elsewhere", "another campaign has funded it", plan_warnings.funded_elsewhere(settled)),
        ("never_expires", "the card never expires, by the customer's country", plan_warnings.never_expiring(settled)),
        (
            "no_tickets",
            "no number of tickets, so that a fee per ticket takes nothing",
            plan_warnings.without_tickets(settled),
        ),
    ):
        yield Caution(code, message, found.count, list(found.booking_ids))


def _of_campaign(steps: Steps, amounts: PlannedAmounts) -> Iterator[Caution]:
    policy = steps.terms.policy
    effective = {(share.bucket, share.rule) for share in amounts.rules}
    for bucket, rules in (("fee", policy.fees), ("bonus", policy.bonuses)):
        idle = [rule.name for rule in rules if (bucket, rule.name) not in effective]
        if amounts.funded and idle:
            yield Caution("rule_without_effect", f"no refund is changed by {bucket} {', '.join(idle)}", len(idle))
    for limit in steps.nearly_used:
        yield Caution("budget", limit.what, 1)


# The file


@dataclass(frozen=True, slots=True)
class Made:
    """Who makes a plan, when, for which ledger (its id is None where there is none yet)."""

    operator: Operator
    clock: Clock
    ledger_id: str | None
    ledger_path: Path
    after_run: int
    encoding: str | None


def plan_of(task: Task, found: Rehearsed, made: Made) -> Plan:
    """The plan, as it is to be written."""
    definition = task.campaign.definition()
    return plan_file.sealed(
        Plan(
            refundctl_plan=plan_file.FORMAT,
            program=PROGRAM,
            ledger_id=made.ledger_id,
            ledger_path=str(made.ledger_path.resolve()) if made.ledger_id is None else None,
            after_run=made.after_run,
            rehearsal=made.clock.rehearsal,
            campaign=task.campaign.name,
            made_by=plan_file.Planner(made.operator.name, made.operator.user_id, made.operator.host),
            made_at=made.clock.stamp,
            counts=Counts(
                **found.steps.counts,
                already_funded=found.steps.topup.already_funded,
                skipped_by_reason=found.steps.topup.skipped_by_reason,
            ),
            totals=found.amounts.totals,
            rules=found.amounts.rules,
            largest=found.amounts.largest,
            warnings=found.warnings,
            needs_approval=found.needs_approval,
            threshold=found.threshold,
            files=[_planned_file(file) for file in task.staged.files],
            options=plan_file.Options(made.encoding, task.strict, task.expected.count, dict(task.expected.totals)),
            definition=json.loads(definition),
            definition_sha256=plan_file.sha256_of(definition),
            lines=found.amounts.lines,
        )
    )


def _planned_file(file: input_files.StagedFile) -> plan_file.PlannedFile:
    return plan_file.PlannedFile(
        str(Path(file.input.name).resolve()),
        file.read.rows,
        file.read.sha256,
        file.source_name,
        json.loads(file.source.definition()),
    )
