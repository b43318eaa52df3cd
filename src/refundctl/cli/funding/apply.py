"""refundctl apply"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from refundctl.cli.bookings.input_files import staged_bookings
from refundctl.cli.funding.shown_plan import PlanName, plan_json, read_named
from refundctl.cli.funding.whole_run import mail_json, resume_hand_over, run_and_hand_over, run_report
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, about_campaign, clock, command, operator, reading_ledger, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen
from refundctl.domain.basics.errors import ExitCode
from refundctl.files.campaigns.plan_file import Plan, campaign_of, source_of
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal
from refundctl.operations.bookings import input_files
from refundctl.operations.bookings import load as loading
from refundctl.operations.delivery import hand_over
from refundctl.operations.delivery.hand_over import HandedOver
from refundctl.operations.funding import apply as operation
from refundctl.operations.funding import approval
from refundctl.operations.funding.run import Target, Task

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source


@command("apply", writes=True, short="Do what a plan says, or refuse.")
def apply(
    common: Common,
    plan: PlanName,
    out: take.Out,
    tool: take.Tool = "generic",
    force: take.Force = False,
) -> int:
    """Run exactly what a plan says, in one transaction, and write the files; refuse where anything would differ.

    Of a plan that was applied already, only files that were cut off are finished.
    """
    found, *_ = read_named(plan)
    applying = operation.Applying(found, campaign_of(found, plan), plan, operator())
    place = hand_over.place_of_folder(out, tool)
    given = {"plan": plan, "digest": found.digest, "out": out, "tool": tool, "force": force}
    _refuse_wrong_place(common, found, plan)
    with writing_ledger(common, given, found.campaign) as (ledger, journal):
        approval.refuse_edited(found, plan)
        try:
            done = _apply(common, ledger, journal, applying, place, force=force)
        except operation.AppliedAlready as already:
            handed = resume_hand_over(common, ledger, journal, found.campaign, place)
            done = _nothing(applying, already, handed)
    return done.tell(common)


def _refuse_wrong_place(common: Common, plan: Plan, name: str) -> None:
    """Where there is no ledger yet, refuse before one is made: it would be in the way of the right one."""
    with about_campaign(plan.campaign), reading_ledger(common) as ledger:
        if ledger is None:
            approval.refuse_edited(plan, name)
            approval.refuse_no_ledger(common.ledger, clock(), plan, name)


def _apply(
    common: Common,
    ledger: Ledger,
    journal: Journal,
    applying: operation.Applying,
    place: hand_over.Place,
    *,
    force: bool,
) -> Report:
    plan, name = applying.plan, applying.name
    if not ledger.is_new:
        with ledger.reading():
            applying.check_fit(ledger)  # what can't be applied is told before the files are read
    operation.refuse_devices(plan, name)
    with take.opened([file.path for file in plan.files]) as inputs:
        operation.refuse_changed_files(inputs, plan, name)
        resumed = resume_hand_over(common, ledger, journal, plan.campaign, place)
        with staged_bookings(common, ledger, inputs, _chooser(applying), plan.options.encoding) as staged:
            operation.refuse_changed_reading(staged, plan, name)
            wanted = loading.Expected(plan.options.expect_count, plan.options.expect_total)
            task = Task(applying.campaign, staged, wanted, plan.options.strict)
            target = Target(place, force, None if resumed is None else resumed.reserved)
            result, handed = run_and_hand_over(common, ledger, journal, task, target, applying.guard(ledger))
    found = run_report(common, plan.campaign, result, handed or resumed, staged.sources)
    applied = {"plan": plan_json(plan), "applied_by": found.run_id}
    return replace(found, extra={**found.extra, **applied})


def _chooser(applying: operation.Applying) -> input_files.Choose:
    """By which source each file is read: as it was planned."""
    chosen = {file.path: (file.source, source_of(file, applying.name)) for file in applying.plan.files}

    def choose(path: str, _: BinaryIO) -> "tuple[str, Source]":
        return chosen[path]

    return choose


def _nothing(applying: operation.Applying, already: operation.AppliedAlready, handed: HandedOver | None) -> Report:
    """What is said of a plan that was applied already; `handed` are files that were just finished."""
    extra: dict[str, Any] = {
        "steps": {},
        "mail": mail_json(handed),
        "plan": plan_json(applying.plan),
        "applied_by": already.run_id,
    }

    def describe(out: Screen) -> None:
        out.print(f"{applying.name} was applied already, by run {already.run_id}.")
        if handed is None:
            out.print("Nothing to do.")
        else:
            out.print(
                f"Finished the files of run {handed.reserved.run_id}, which was cut off: {handed.reserved.directory}"
            )
            out.print(f"Seal: {handed.seal}")
        if already.partial:
            out.print(f"Something was left for a person to fix: `refundctl runs {already.run_id}` shows it.")

    return Report(
        human=describe,
        campaign=applying.plan.campaign,
        counts=dict.fromkeys(("created", "published", "funded"), 0),
        files=[file.as_json() for file in handed.files] if handed is not None else [],
        extra=extra,
        exit_code=ExitCode.PARTIAL if already.partial else ExitCode.OK,
    )
