"""A whole run with the files that it hands over, and what is told of it: for run and apply."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from refundctl.cli.bookings.loaded_rows import warn_erased
from refundctl.cli.funding.outcome_words import in_short, left_out_by, step_rows, steps_json
from refundctl.cli.shell.common import Common
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, number, progress
from refundctl.domain.basics.errors import ExitCode
from refundctl.files.safe_write import Other, make_folder
from refundctl.ledger.campaigns.stored_campaigns import campaign_named
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, RunFile
from refundctl.operations.bookings import load, rejects_files
from refundctl.operations.campaigns.pause import refuse_paused
from refundctl.operations.delivery import hand_over as handover
from refundctl.operations.delivery.hand_over import HandedOver
from refundctl.operations.funding import run as operation


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
    """One transaction for all steps, then the files; see operations.funding.run.run()."""
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
        if common.dry_run and result.reserved is not None:
            return result, handover.preview(ledger, result.reserved)
    if result.reserved is None:
        return result, None
    with progress(common, "Writing the mail file") as bar:
        return result, handover.hand_over(
            ledger, journal, result.reserved, lambda done, total: bar.of(done, total, done)
        )


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
    """What a run did, in JSON and for a person; rows about erased people are told on stderr at once."""
    steps = result.steps
    warn_erased(common, steps.load)
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
            "warnings": [limit.warning for limit in steps.nearly_used],
        },
        exit_code=ExitCode.PARTIAL if steps.partial else ExitCode.OK,
        errors=left_out_by(campaign, steps),
    )


def mail_json(handed: HandedOver | None) -> dict[str, Any] | None:
    """What was handed over, as it stands in JSON."""
    if handed is None:
        return None
    found = handed.figures
    return {
        "folder": handed.reserved.directory,
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
        return f"nothing new; finished the files of run {handed.reserved.run_id}, which was cut off"
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
        names = [*(Path(file.path).name for file in handed.files), "manifest.json"]
        out.print(f"Files in {handed.reserved.directory}: {', '.join(names)}")
        out.print(f"Seal: {handed.seal}")
    for told in left_out_by(campaign, steps):
        out.print(told["message"])
    if steps.load.rejected and handed is not None and handed.files:
        out.print("Fix the rejected rows in the rejects file, and run that into a new folder.")
