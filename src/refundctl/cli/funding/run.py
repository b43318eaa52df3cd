"""refundctl run"""

from refundctl.cli.bookings.input_files import check_rejects_option, source_chooser, staged_bookings
from refundctl.cli.funding.whole_run import resume_hand_over, run_and_hand_over, run_report
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, campaign_in_file, command, writing_ledger
from refundctl.ledger.database.connection import Ledger
from refundctl.operations.delivery import hand_over as handover
from refundctl.operations.funding import run as operation
from refundctl.operations.funding.approval import by_plan, refuse_unapproved


@command("run", writes=True, short="Do all of these at once, and write the mail file.")
def run(
    common: Common,
    campaign: take.Campaign,
    files: take.Files,
    out: take.Out,
    tool: take.Tool = "generic",
    source: take.Source = None,
    rejects: take.Rejects = None,
    strict: take.Strict = False,
    encoding: take.Encoding = None,
    expect_count: take.ExpectCount = None,
    expect_total: take.ExpectTotal = None,
    force: take.Force = False,
) -> int:
    """Load, create, publish and top up in one transaction, then write the files for the mail tool and for finance.

    A run that was cut off is finished by the same command. Nothing is funded or mailed twice.
    """
    wanted = take.expected(expect_count, expect_total)
    if rejects is not None:
        check_rejects_option(files, rejects)
    definition = campaign_in_file(common, campaign)
    choose = source_chooser(common, source, encoding)
    place = handover.place_of_folder(out, tool)
    with writing_ledger(common, common.given, campaign) as (ledger, journal), take.opened(files) as inputs:
        resumed = resume_hand_over(common, ledger, journal, campaign, place)
        with staged_bookings(common, ledger, inputs, choose, encoding) as staged:
            task = operation.Task(definition, staged, wanted, strict)
            target = operation.Target(place, force, None if resumed is None else resumed.reserved)
            guard = _approval_guard(ledger, campaign, files)
            result, handed = run_and_hand_over(common, ledger, journal, task, target, guard, rejects=rejects)
    return run_report(common, campaign, result, handed or resumed, staged.sources).tell(common)


def _approval_guard(ledger: Ledger, campaign: str, files: list[str]) -> operation.Guard:
    def after(steps: operation.Steps, _: int) -> None:
        if steps.gives:
            refuse_unapproved(ledger, steps.terms, by_plan(campaign, files))

    return operation.Guard(before=lambda: None, after=after)
