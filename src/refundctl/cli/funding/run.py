"""refundctl run"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from refundctl.cli.bookings.load import check_rejects_option, erased_rows, source_chooser, stage, warn_erased
from refundctl.cli.funding.publish import cap_advice, cap_errors, not_eligible_rows, pool_advice, pool_errors
from refundctl.cli.funding.topup import owed_otherwise
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, campaign_in_file, command, writing_ledger
from refundctl.cli.shell.rendering import (
    Report,
    Screen,
    amount,
    figures,
    number,
    plural,
    progress,
    reasons,
    report,
    warn,
)
from refundctl.domain.basics.errors import ExitCode
from refundctl.files.safe_write import Other, make_folder
from refundctl.ledger.campaigns.stored_campaigns import campaign_named
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, Run, RunFile
from refundctl.operations.bookings import load, rejects_files
from refundctl.operations.campaigns.pause import refuse_paused
from refundctl.operations.delivery import hand_over as handover
from refundctl.operations.delivery.hand_over import HandedOver
from refundctl.operations.funding import run as operation
from refundctl.operations.funding.approve import by_plan, refuse_unapproved


@command("run", writes=True, short="Do all of these at once, and write the mail file.")
def run(
    common: Common,
    campaign: take.Campaign,
    files: take.Files,
    out: Annotated[
        str, typer.Option("--out", metavar="DIR", help="Where mail.csv, summary.json and manifest.json go.")
    ],
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
    given = {
        "campaign": campaign,
        "files": list(files),
        "out": out,
        "tool": tool,
        "source": source,
        "rejects": rejects,
        "strict": strict,
        "encoding": encoding,
        "expect_count": expect_count,
        "expect_total": expect_total,
        "force": force,
    }
    with writing_ledger(common, given, campaign) as (ledger, journal), take.opened(files) as inputs:
        resumed = resume_hand_over(common, ledger, journal, campaign, place)
        with stage(common, ledger, inputs, choose, encoding) as staged:
            task = operation.Task(definition, staged, wanted, strict)
            target = operation.Target(place, force, None if resumed is None else resumed.batch)
            guard = _approval_guard(ledger, campaign, files)
            result, handed = run_and_hand_over(common, ledger, journal, task, target, guard, rejects=rejects)
    warn_erased(common, result.steps.load)
    for warning in result.steps.warnings:
        warn(common, warning)
    return report(common, run_report(common, campaign, result, handed or resumed, staged.sources))


def _approval_guard(ledger: Ledger, campaign: str, files: list[str]) -> operation.Guard:
    def after(steps: operation.Steps, _: Run) -> None:
        if steps.gives:
            refuse_unapproved(ledger, steps.terms, by_plan(campaign, files))

    return operation.Guard(before=lambda: None, after=after)


def resume_hand_over(
    common: Common, ledger: Ledger, journal: Journal, campaign: str, place: handover.Place
) -> HandedOver | None:
    """Finish the hand-over of an earlier run that was cut off, if there is one."""
    if ledger.is_new:
        return None
    with ledger.reading():
        stored = campaign_named(ledger.connection, campaign)
        if stored is None:
            return None
        refuse_paused(ledger, stored)
        batch = handover.find_open(ledger, stored.campaign_id, place)
    if batch is None:
        return None
    if common.dry_run:
        return handover.preview(ledger, batch)
    with progress(common, "Finishing the last hand-over") as bar:
        return handover.hand_over(ledger, journal, batch, lambda done, total: bar.of(done, total, done))


def run_and_hand_over(
    common: Common,
    ledger: Ledger,
    journal: Journal,
    task: operation.Task,
    target: operation.Target,
    guard: operation.Guard,
    *,
    rejects: str | None = None,
) -> tuple[operation.RunResult, HandedOver | None]:
    """One transaction for all steps, then the files; see batch.run()."""
    folder = target.place.folder
    paths = _rejects_paths(task.staged, folder, rejects)

    def write_rejects(hands_over: bool) -> list[RunFile]:
        if common.dry_run:
            return []
        make_folder(folder)
        # Without a hand-over of its own, this run leaves those of an earlier one as they are.
        alone = not hands_over and (folder / handover.MANIFEST_FILE).exists()
        written = rejects_files.write_rejects_files(task.staged, paths, other=Other.REFUSE if alone else Other.KEEP)
        return [replace(file, path=_short(Path(file.path), folder)) for file in written]

    with progress(common, "Posting") as bar, ledger.writing(bulk=True) as writing:
        result = operation.run(ledger, journal, task, target, bar.say, write_rejects, guard)
        writing.keep = result.changed and not common.dry_run
        if common.dry_run and result.batch is not None:
            return result, handover.preview(ledger, result.batch)
    if result.batch is None:
        return result, None
    with progress(common, "Writing the mail file") as bar:
        return result, handover.hand_over(ledger, journal, result.batch, lambda done, total: bar.of(done, total, done))


def _short(path: Path, folder: Path) -> str:
    return path.name if path.parent == folder else str(path)


def _rejects_paths(staged: load.Staged, folder: Path, rejects: str | None) -> dict[int, Path]:
    """`rejects.csv` in the folder, or one per input where there are several."""
    if rejects is not None:
        return {file.number: Path(rejects) for file in staged.files}
    if len(staged.files) == 1:
        return {1: folder / "rejects.csv"}
    return {file.number: folder / f"rejects-{file.number}-{Path(file.input.name).stem}.csv" for file in staged.files}


def run_report(
    common: Common,
    campaign: str,
    result: operation.RunResult,
    handed: HandedOver | None,
    sources: Mapping[str, str],
) -> Report:
    """What a run did, in JSON and for a person."""
    steps = result.steps
    kept = result.changed and not common.dry_run
    files = [*steps.load.files, *(handed.files if handed and handed.files else result.rejects)]
    return Report(
        human=lambda out: _describe(out, campaign, result, handed),
        run_id=result.run_id if kept else None,
        campaign=campaign,
        counts=steps.counts,
        totals=steps.topup.totals,
        files=[file.as_json() for file in files],
        extra={
            **steps_json(steps),
            "sources": sources,
            "mail": mail_json(handed),
            "warnings": steps.warnings,
        },
        exit_code=ExitCode.PARTIAL if steps.partial else ExitCode.OK,
        errors=step_errors(campaign, steps),
    )


def steps_json(steps: operation.Steps) -> dict[str, Any]:
    """What the steps did, as it stands in JSON."""
    return {
        "steps": steps.as_json(),
        "rejected_by_code": steps.load.rejected_by_code,
        "withdrawn": steps.load.withdrawn,
        **erased_rows(steps.load),
        "not_eligible": steps.publish.not_eligible,
    }


def step_errors(campaign: str, steps: operation.Steps) -> list[dict[str, str]]:
    """What JSON says of eligible bookings that were left out."""
    return [
        *pool_errors(campaign, steps.publish.short),
        *cap_errors(campaign, steps.publish.capped, steps.topup.skipped_by_reason),
    ]


def mail_json(handed: HandedOver | None) -> dict[str, Any] | None:
    """What was handed over, as it stands in JSON."""
    if handed is None:
        return None
    found = handed.figures
    return {
        "folder": handed.batch.directory,
        "rows": found.rows,
        "unreachable": found.unreachable,
        "totals": {handed.currency: {"balance": found.total_minor, "unreachable": found.unreachable_minor}},
        "seal": handed.seal,
    }


def _title(result: operation.RunResult, handed: HandedOver | None) -> str:
    if result.changed:
        steps = result.steps
        anything = steps.topup.funded or steps.publish.published or steps.load.changed
        if handed is not None and handed.figures.rows and not anything:
            return "no new refunds; cards that had waited are handed over"
        return in_short(steps)
    if handed is not None:
        return f"nothing new; finished the files of run {handed.batch.run_id}, which was cut off"
    return "nothing new"


def _describe(out: Screen, campaign: str, result: operation.RunResult, handed: HandedOver | None) -> None:
    steps = result.steps
    out.print(f"{campaign}: {_title(result, handed)}")
    rows = step_rows(campaign, steps)
    if handed is not None:
        rows += [
            ("to be mailed", f"{number(handed.figures.rows)}  {amount(handed.figures.total_minor, handed.currency)}"),
            (
                "  without e-mail",
                f"{number(handed.figures.unreachable)}  {amount(handed.figures.unreachable_minor, handed.currency)}",
            ),
        ]
    figures(out, rows)
    if handed is not None and handed.files:
        out.print(
            f"Files in {handed.batch.directory}: {', '.join([*(Path(f.path).name for f in handed.files), 'manifest.json'])}"
        )
        out.print(f"Seal: {handed.seal}")
    describe_left_out(out, campaign, steps)
    if steps.load.rejected and handed is not None and handed.files:
        out.print("Fix the rejected rows in the rejects file, and run that into a new folder.")


def describe_left_out(out: Screen, campaign: str, steps: operation.Steps) -> None:
    """What to do about eligible bookings that were left out."""
    if steps.publish.short:
        out.print(pool_advice(campaign, steps.publish.short))
    if steps.publish.capped:
        out.print(cap_advice(campaign, steps.publish.capped, steps.topup.skipped_by_reason))


def in_short(steps: operation.Steps) -> str:
    """`58 refunds on 57 new cards, EUR 21,967.91`."""
    funded = steps.topup
    cards = plural(steps.publish.published, "new card")
    return f"{plural(funded.funded, 'refund')} on {cards}, {amount(funded.on_cards_minor, funded.currency)}"


def step_rows(campaign: str, steps: operation.Steps) -> list[tuple[str, str]]:
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
