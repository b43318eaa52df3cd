"""The four eyes: what a campaign may fund without approval, and another person's agreement to a plan."""

import os
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import amount_for_people
from refundctl.domain.campaigns.refund_policy import approval_above_minor
from refundctl.files.campaigns.plan_file import Plan, PlanEdited
from refundctl.ledger.campaigns.stored_campaigns import campaign_named
from refundctl.ledger.database.connection import Clock, Ledger
from refundctl.ledger.database.schema import clock_of
from refundctl.ledger.funding import approvals
from refundctl.ledger.funding.approvals import Approved
from refundctl.ledger.journal.run_journal import Operator
from refundctl.ledger.journal.seals import ledger_id
from refundctl.operations.campaigns.terms import Terms

STDIN = "-"
_NEW = "make a new plan"
_OTHER_OR_NEW = f"name that one with --ledger, or {_NEW}"


class ApprovalRequired(Refused, code="approval_required"):
    """The campaign's top-ups that nobody has approved come to more than its definition allows."""


class ApprovalRefused(Refused, code="approval_refused"):
    """This person, or this plan, is none for an approval."""


class PlanOfOtherLedger(Refused, code="plan_other_ledger"):
    """The plan was made for another ledger, or for another state of it."""


@dataclass(frozen=True, slots=True)
class Unapproved:
    """What a campaign has given without approval, and how much it may, in minor units of its currency."""

    together_minor: int
    above_minor: int
    currency: str

    @property
    def exceeded(self) -> bool:
        """Whether somebody must approve."""
        return self.together_minor > self.above_minor


def unapproved(ledger: Ledger, terms: Terms) -> Unapproved | None:
    """How a campaign stands; None where its newest definition asks for no approval."""
    stored = terms.stored
    above = approval_above_minor(stored.terms, stored.currency)
    if above is None:
        return None
    return Unapproved(approvals.unapproved_minor(ledger.connection, stored.campaign_id), above, stored.currency)


def refuse_unapproved(ledger: Ledger, terms: Terms, advice: str) -> None:
    """Raise ApprovalRequired where what was just posted needs approval; `advice` says how to come by one."""
    found = unapproved(ledger, terms)
    if found is not None and found.exceeded:
        together, above = (
            amount_for_people(minor, found.currency) for minor in (found.together_minor, found.above_minor)
        )
        raise ApprovalRequired(
            f"{terms.stored.name} would have given {together} that nobody has approved, "
            f"and needs approval above {above}",
            advice,
        )


def by_plan(campaign: str, files: Sequence[str] = ()) -> str:
    """How to come by an approval: with a plan over these files, where they can be named."""
    named = "FILE..." if not files or STDIN in files else shlex.join(files)
    return f"make a plan with `refundctl plan {campaign} {named} -o PLAN`, and let another person approve it"


def refuse_edited(plan: Plan, name: str) -> None:
    """Raise PlanEdited where the plan no longer says what it said when it was made."""
    if plan.is_edited:
        raise PlanEdited(f"{name} was changed after it was made", _NEW)


def refuse_other_ledger(ledger: Ledger, plan: Plan, name: str) -> None:
    """Raise PlanOfOtherLedger where the plan isn't for this ledger.

    One made before there was a ledger is for the one that was then made in that place, by the same kind of clock.
    """
    if plan.ledger_id is not None and plan.ledger_id != ledger_id(ledger.connection):
        raise PlanOfOtherLedger(f"{name} was made for another ledger than {ledger.path}", _OTHER_OR_NEW)
    if plan.ledger_id is not None:
        return
    _refuse_other_place(ledger.path, plan, name, rehearsal=clock_of(ledger.connection) != "system")
    if campaign_named(ledger.connection, plan.campaign) is not None:
        raise PlanOfOtherLedger(
            f"{name} was made where there was no ledger yet, "
            f"but {ledger.path} has the campaign {plan.campaign} already",
            _NEW,
        )


def refuse_no_ledger(path: Path, clock: Clock, plan: Plan, name: str) -> None:
    """Raise PlanOfOtherLedger where the plan isn't for a ledger that is still to be made at `path`."""
    if plan.ledger_id is not None:
        raise PlanOfOtherLedger(f"{name} was made for a ledger, but there is none at {path}", _OTHER_OR_NEW)
    _refuse_other_place(path, plan, name, rehearsal=clock.rehearsal)


def _refuse_other_place(path: Path, plan: Plan, name: str, *, rehearsal: bool) -> None:
    if plan.ledger_path != str(path.resolve()):
        raise PlanOfOtherLedger(f"{name} was made for the ledger {plan.ledger_path}, not for {path}", _OTHER_OR_NEW)
    if plan.rehearsal and not rehearsal:
        raise PlanOfOtherLedger(
            f"{name} was made under REFUNDCTL_NOW, but {path} is a ledger of the real time",
            "make a new plan for it, or go on rehearsing with another one, named with --ledger",
        )
    if rehearsal and not plan.rehearsal:
        raise PlanOfOtherLedger(
            f"{name} was made without REFUNDCTL_NOW, but {path} is a ledger of a rehearsal",
            "make a new plan, and rehearse with a ledger of its own, named with --ledger",
        )


def approve(ledger: Ledger, plan: Plan, name: str, operator: Operator, run_id: int) -> Approved | None:
    """Agree to a plan, in the run `run_id`; gives the earlier approval where there is one, and None where it is new.

    Raises ApprovalRefused for the planner, and for a plan that was applied already.
    """
    refuse_edited(plan, name)
    connection = ledger.connection
    applied = approvals.applied_run(connection, plan.digest)
    if applied is not None:
        raise ApprovalRefused(
            f"{name} was applied already, by run {applied.run_id}", "there is nothing left to approve"
        )
    earlier = approvals.approval_of(connection, plan.digest)
    if earlier is None:
        refuse_other_ledger(ledger, plan, name)
    if operator.user_id == plan.made_by.user_id:
        raise ApprovalRefused(
            f"{name} was made by {plan.made_by.operator} (user {operator.user_id}), which is you",
            "let another person approve it",
        )
    if earlier is None:
        approvals.post_approval(connection, plan.digest, plan.campaign, run_id)
    return earlier


def refuse_own_file(file: os.stat_result, name: str, operator: Operator) -> None:
    """Raise ApprovalRefused where the approver may have written the plan: `file` is what was read, links followed.

    A plan says who has made it, but whoever writes the file could make it say another, and reckon its digest anew.
    """
    if file.st_uid == operator.user_id:
        raise ApprovalRefused(
            f"{name} is a file of your own (user {operator.user_id}), so it doesn't show who has made it",
            "approve the planner's own file, not a copy",
        )
    if file.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ApprovalRefused(
            f"{name} may be written to by others than the user it belongs to, so it doesn't show who has made it",
            f"let the planner type `chmod go-w {shlex.quote(name)}` and look at it once more",
        )


def approval_for(ledger: Ledger, plan: Plan, name: str, applier: Operator) -> Approved | None:
    """Who has approved a plan that is to be applied, or None. Raises ApprovalRefused where the applier has."""
    approved = approvals.approval_of(ledger.connection, plan.digest)
    if approved is not None and approved.user_id == applier.user_id:
        raise ApprovalRefused(
            f"{name} was approved by {approved.operator} (user {approved.user_id}), which is you",
            "let another person apply it",
        )
    return approved
