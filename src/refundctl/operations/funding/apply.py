"""Doing just what a plan says, or nothing."""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import amount_for_people
from refundctl.files.campaigns.plan_file import Plan
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding import approvals, plan_warnings
from refundctl.ledger.funding.approvals import Approved
from refundctl.ledger.journal.run_journal import Operator
from refundctl.operations.bookings import input_files, load
from refundctl.operations.campaigns.create import Creation, CurrencyChanged, DefinitionChanged, creation_of
from refundctl.operations.funding import approval
from refundctl.operations.funding.plan import PlannedAmounts
from refundctl.operations.funding.run import Guard, Steps

if TYPE_CHECKING:
    from refundctl.domain.campaigns.campaign import Campaign


class StalePlan(Refused, code="stale_plan"):
    """What the plan says can't be done any more just so."""


def refuse_devices(plan: Plan, name: str) -> None:
    """Raise StalePlan where a planned file is now something that can't be read to its end, as a device or a pipe."""
    for planned in plan.files:
        path = Path(planned.path)
        if path.exists() and not path.is_file():
            raise _changed_file(planned.path, name)


def refuse_changed_files(inputs: Sequence[input_files.Input], plan: Plan, name: str) -> None:
    """Raise StalePlan where a file's bytes are not those planned for; the inputs stand at their start again."""
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
        """Raise AppliedAlready, PlanOfOtherLedger, StalePlan or ApprovalRefused where it can't be applied now."""
        applied = approvals.applied_run(ledger.connection, self.plan.digest)
        if applied is not None and applied.undone_by is not None:
            raise StalePlan(
                f"{self.name} was applied by run {applied.run_id}, which run {applied.undone_by} has undone",
                "make a new plan",
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

    def guard(self, ledger: Ledger) -> Guard:
        """What must hold of the run inside its transaction; it notes that the plan is applied."""

        def after(steps: Steps, run_id: int) -> None:
            given = plan_warnings.find_amounts(steps.settled, steps.last_before)
            found, planned = PlannedAmounts.of(steps, given), PlannedAmounts.planned(self.plan)
            if found != planned:
                raise self._stale(found, planned)
            approved = self._approval(ledger)
            if approved is None and steps.gives:
                advice = f"let another person type `refundctl approve {shlex.quote(self.name)}`, then apply it again"
                approval.refuse_unapproved(ledger, steps.terms, advice)
            approval_id = None if approved is None else approved.approval_id
            approvals.post_applied(ledger.connection, self.plan.digest, approval_id, run_id)

        return Guard(before=lambda: self.check_fit(ledger), after=after)

    def _approval(self, ledger: Ledger) -> Approved | None:
        return approval.approval_for(ledger, self.plan, self.name, self.applier)

    def _stale(self, found: PlannedAmounts, planned: PlannedAmounts) -> StalePlan:
        same = _in_short(found) == _in_short(planned)
        return StalePlan(
            f"{self.name} says {_in_short(planned)}, but now it would be {_in_short(found)}"
            f"{', of other lines or amounts' if same else ''}: nothing was changed; make a new plan."
        )


def _in_short(amounts: PlannedAmounts) -> str:
    totals = (amount_for_people(sums.total, currency) for currency, sums in amounts.totals.items())
    return f"{amounts.funded:,} {'refund' if amounts.funded == 1 else 'refunds'} of {', '.join(totals)}"
