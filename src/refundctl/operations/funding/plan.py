"""Plans: what a run would do, found out on a private copy of the ledger; and doing just that later, or nothing."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import amount_for_people
from refundctl.files.campaigns import plan_file
from refundctl.files.campaigns.plan_file import BookingAmount, Caution, Counts, Plan, Share, Sums, Threshold
from refundctl.ledger.campaigns.definitions import pause_of, post_event
from refundctl.ledger.campaigns.stored_campaigns import campaign_named
from refundctl.ledger.file.connection import Clock, Ledger, closing_ledger, in_memory
from refundctl.ledger.funding import plans
from refundctl.ledger.funding.plans import Approved
from refundctl.ledger.journal.run_journal import PROGRAM, Journal, Operator, Outcome, Run
from refundctl.ledger.journal.seals import Seal
from refundctl.operations.bookings import input_files, load
from refundctl.operations.campaigns.create import Creation, CurrencyChanged, DefinitionChanged, creation_of
from refundctl.operations.funding import approve as approval
from refundctl.operations.funding import run as batch

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source
    from refundctl.domain.campaigns.campaign import Campaign


class StalePlan(Refused, code="stale_plan"):
    """What the plan says can't be done any more just so."""


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
    """What a run would do, by its steps; `account` is what a plan binds."""

    steps: batch.Steps
    account: "Account"
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
class Account:
    """What a run gives: the digest of all lines, and what people read of it, which must be the same when it is applied."""

    lines: str
    funded: int
    totals: Mapping[str, Sums]
    rules: Sequence[Share]
    largest: Sequence[BookingAmount]

    @classmethod
    def of(cls, ledger: Ledger, steps: batch.Steps) -> "Account":
        """The account of what was just posted."""
        connection, currency = ledger.connection, steps.terms.stored.currency
        plans.find_amounts(connection, steps.last_before)
        shares = plans.rule_shares(connection, steps.last_before)
        return cls(
            plans.lines_digest(connection),
            steps.topup.funded,
            {currency: Sums(**sums) for currency, sums in steps.topup.totals.items()},
            [Share(share.bucket, share.rule, share.lines, {currency: share.minor}) for share in shares],
            [BookingAmount(name, {currency: minor}) for name, minor in plans.largest_amounts(connection)],
        )

    @classmethod
    def planned(cls, plan: Plan) -> "Account":
        """What a plan says of it."""
        return cls(plan.lines, plan.counts.funded, plan.totals, list(plan.rules), list(plan.largest))


def rehearse(
    copy: Ledger, journal: Journal, task: batch.Task, say: batch.Say, write_rejects: batch.WriteRejects
) -> Rehearsed:
    """Do what a run would do, on a copy that is thrown away.

    Raises what a run would raise, except that want of an approval and a pause are only told of.
    """
    with copy.writing(bulk=True) as writing:
        writing.keep = False
        paused = _lift_pause(copy, journal, task.campaign.name)
        steps = batch.take_steps(copy, journal, task, say, write_rejects)
        if steps.load.rejected:
            write_rejects(False)
        say("Looking over it")
        account = Account.of(copy, steps)
        return Rehearsed(steps, account, [*paused, *_cautions(copy, steps, account)], _threshold(copy, steps))


def _lift_pause(copy: Ledger, journal: Journal, name: str) -> list[Caution]:
    """Let a paused campaign go on, on the copy only; what is to be said of it."""
    stored = campaign_named(copy.connection, name)
    paused = None if stored is None else pause_of(copy.connection, stored.campaign_id)
    if stored is None or paused is None:
        return []
    post_event(copy.connection, stored.campaign_id, "resumed", None, journal.begin(campaign=name).run_id)
    message = f"{name} is paused {paused}: the plan can't be applied until `refundctl resume {name}`"
    return [Caution("campaign_paused", message, 1)]


def _threshold(ledger: Ledger, steps: batch.Steps) -> Threshold | None:
    found = approval.unapproved(ledger, steps.terms)
    if found is None:
        return None
    return Threshold({found.currency: found.above_minor}, {found.currency: found.together_minor})


# Warnings


def _cautions(ledger: Ledger, steps: batch.Steps, account: Account) -> list[Caution]:
    """What a person should look at before money moves; what doesn't occur is left out."""
    found = (*_of_bookings(ledger, steps), *_of_campaign(steps, account))
    return [caution for caution in found if caution.count]


def _of_bookings(ledger: Ledger, steps: batch.Steps) -> Iterator[Caution]:
    connection, stored = ledger.connection, steps.terms.stored
    far, limit = plans.far_off(connection)
    beyond = amount_for_people(limit, stored.currency)
    for code, message, found in (
        ("same_email", "another customer has the same e-mail address", plans.sharing_an_email(connection)),
        (
            "same_name_and_amount",
            "another customer has the same name and gets the same amount",
            plans.sharing_name_and_amount(connection),
        ),
        ("far_off", f"more than {beyond}, far off the rest", far),
        ("funded_elsewhere", "another campaign has funded it", plans.funded_elsewhere(connection)),
        ("never_expires", "the card never expires, by the customer's country", plans.never_expiring(connection)),
        (
            "no_tickets",
            "no number of tickets, so that a fee per ticket takes nothing",
            plans.without_tickets(connection, steps.terms.policy),
        ),
    ):
        yield Caution(code, message, found.count, list(found.booking_ids))


def _of_campaign(steps: batch.Steps, account: Account) -> Iterator[Caution]:
    policy = steps.terms.policy
    effective = {(share.bucket, share.rule) for share in account.rules}
    for bucket, rules in (("fee", policy.fees), ("bonus", policy.bonuses)):
        idle = [rule.name for rule in rules if (bucket, rule.name) not in effective]
        if account.funded and idle:
            yield Caution("rule_without_effect", f"no refund is changed by {bucket} {', '.join(idle)}", len(idle))
    for warning in steps.warnings:
        yield Caution("budget", warning.removesuffix("."), 1)


# The file


@dataclass(frozen=True, slots=True)
class Made:
    """Who makes a plan, when, for which ledger (its id is None where there is none yet), and by which source each file was read."""

    operator: Operator
    clock: Clock
    ledger_id: str | None
    ledger_path: Path
    after_run: int
    sources: Mapping[str, "Source"]
    encoding: str | None


def plan_of(task: batch.Task, found: Rehearsed, made: Made) -> Plan:
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
            totals=found.account.totals,
            rules=found.account.rules,
            largest=found.account.largest,
            warnings=found.warnings,
            needs_approval=found.needs_approval,
            threshold=found.threshold,
            files=[_planned_file(file, made.sources[file.input.name]) for file in task.staged.files],
            options=plan_file.Options(made.encoding, task.strict, task.expected.count, dict(task.expected.totals)),
            definition=json.loads(definition),
            definition_sha256=plan_file.sha256_of(definition),
            lines=found.account.lines,
        )
    )


def _planned_file(file: input_files.StagedFile, source: "Source") -> plan_file.PlannedFile:
    return plan_file.PlannedFile(
        str(Path(file.input.name).resolve()),
        file.read.rows,
        file.read.sha256,
        file.source,
        json.loads(source.definition()),
    )


# Applying


def refuse_devices(plan: Plan, name: str) -> None:
    """Raise StalePlan where a planned file has become something that can't be read to its end, such as a device or a pipe."""
    for planned in plan.files:
        path = Path(planned.path)
        if path.exists() and not path.is_file():
            raise _changed_file(planned.path, name)


def refuse_changed_files(inputs: Sequence[input_files.Input], plan: Plan, name: str) -> None:
    """Raise StalePlan where a file's bytes are not those that were planned for; the inputs stand at their start again."""
    for given, planned in zip(inputs, plan.files, strict=True):
        digest = hashlib.sha256()
        while piece := given.stream.read(1 << 20):
            digest.update(piece)
        given.stream.seek(0)
        if digest.hexdigest() != planned.sha256:
            raise _changed_file(planned.path, name)


def refuse_changed_reading(staged: load.Staged, plan: Plan, name: str) -> None:
    """The same for what was read indeed: a file may change between two looks at it."""
    for file, planned in zip(staged.files, plan.files, strict=True):
        if file.read.sha256 != planned.sha256:
            raise _changed_file(planned.path, name)


def _changed_file(path: str, name: str) -> StalePlan:
    return StalePlan(f"{path} is not what it was when {name} was made: nothing was changed; make a new plan.")


class AppliedAlready(Exception):  # not an error: nothing is left to do
    """A run has done what the plan says; `partial` where it left a person something to fix."""

    def __init__(self, run_id: int, *, partial: bool) -> None:
        super().__init__(run_id)
        self.run_id = run_id
        self.partial = partial


@dataclass(frozen=True, slots=True)
class Applying:
    """A plan that is being applied: `name` is its file's."""

    plan: Plan
    campaign: "Campaign"
    name: str
    applier: Operator

    def check_fit(self, ledger: Ledger) -> None:
        """Raise where the plan can't be applied here and now: AppliedAlready, OtherLedger, StalePlan, ApprovalRefused."""
        applied = plans.applied_run(ledger.connection, self.plan.digest)
        if applied is not None and applied.undone_by is not None:
            raise StalePlan(
                f"{self.name} was applied by run {applied.run_id}, which run {applied.undone_by} has undone: make a new plan."
            )
        if applied is not None:
            raise AppliedAlready(applied.run_id, partial=applied.partial)
        approval.refuse_other_ledger(ledger, self.plan, self.name)
        self._approval(ledger)
        try:
            creation = creation_of(ledger, self.campaign)
        except (CurrencyChanged, DefinitionChanged):
            creation = Creation.CHANGED
        if creation is Creation.CHANGED:
            raise StalePlan(
                f"The definition of {self.campaign.name} has changed since {self.name} was made: nothing was changed; "
                "make a new plan."
            )

    def guard(self, ledger: Ledger) -> batch.Guard:
        """What must hold of the run inside its transaction; it notes that the plan is applied."""

        def after(steps: batch.Steps, own: Run) -> None:
            found, planned = Account.of(ledger, steps), Account.planned(self.plan)
            if found != planned:
                raise self._stale(found, planned)
            approved = self._approval(ledger)
            if approved is None and steps.gives:
                advice = f"let another person type `refundctl approve {shlex.quote(self.name)}`, then apply it again"
                approval.refuse_unapproved(ledger, steps.terms, advice)
            approval_id = None if approved is None else approved.approval_id
            plans.post_applied(ledger.connection, self.plan.digest, approval_id, own.run_id)

        return batch.Guard(before=lambda: self.check_fit(ledger), after=after)

    def _approval(self, ledger: Ledger) -> Approved | None:
        return approval.approval_for(ledger, self.plan, self.name, self.applier)

    def _stale(self, found: Account, planned: Account) -> StalePlan:
        same = _in_short(found) == _in_short(planned)
        return StalePlan(
            f"{self.name} says {_in_short(planned)}, but now it would be {_in_short(found)}"
            f"{', of other lines or amounts' if same else ''}: nothing was changed; make a new plan."
        )


def _in_short(account: Account) -> str:
    totals = (amount_for_people(sums.total, currency) for currency, sums in account.totals.items())
    return f"{account.funded:,} {'refund' if account.funded == 1 else 'refunds'} of {', '.join(totals)}"
