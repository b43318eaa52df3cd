"""refundctl run"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, campaign_in_file, command, writing_ledger
from refundctl.cli.load import check_rejects_option, source_chooser, stage
from refundctl.cli.publish import not_eligible_rows, pool_advice, pool_errors
from refundctl.cli.rendering import Report, Screen, amount, figures, number, plural, progress, reasons, report
from refundctl.cli.topup import owed_otherwise
from refundctl.domain.errors import ExitCode
from refundctl.files.safe_write import Other, make_folder
from refundctl.ledger.connection import Ledger
from refundctl.ledger.journal import Journal, RunFile
from refundctl.ledger.queries import campaign_named
from refundctl.operations import batch as operation
from refundctl.operations import handover, load
from refundctl.operations.handover import HandedOver


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
        resumed = _resume(common, ledger, journal, campaign, place)
        finished = None if resumed is None else resumed.batch
        with stage(common, ledger, inputs, choose, encoding) as staged:
            plan = operation.RunPlan(definition, staged, place, wanted, strict, force, finished)
            result, handed = _run(common, ledger, journal, plan, rejects)
    return report(common, _report(common, campaign, result, handed or resumed, staged.sources))


def _resume(
    common: Common, ledger: Ledger, journal: Journal, campaign: str, place: handover.Place
) -> HandedOver | None:
    """Finish the hand-over of an earlier run that was cut off, if there is one."""
    if ledger.is_new:
        return None
    with ledger.reading():
        stored = campaign_named(ledger.connection, campaign)
        batch = None if stored is None else handover.find_open(ledger, stored.campaign_id, place)
    if batch is None:
        return None
    if common.dry_run:
        return handover.preview(ledger, batch)
    with progress(common, "Finishing the last hand-over") as bar:
        return handover.hand_over(ledger, journal, batch, lambda done, total: bar.of(done, total, done))


def _run(
    common: Common, ledger: Ledger, journal: Journal, plan: operation.RunPlan, rejects: str | None
) -> tuple[operation.RunResult, HandedOver | None]:
    paths = _rejects_paths(plan, rejects)

    def write_rejects(hands_over: bool) -> list[RunFile]:
        if common.dry_run:
            return []
        make_folder(plan.place.folder)
        # Without a hand-over of its own, this run leaves those of an earlier one as they are.
        alone = not hands_over and (plan.place.folder / handover.MANIFEST_FILE).exists()
        written = load.write_rejects_files(ledger, plan.staged, paths, other=Other.REFUSE if alone else Other.KEEP)
        return [replace(file, path=_short(Path(file.path), plan.place.folder)) for file in written]

    with progress(common, "Posting") as bar, ledger.writing(bulk=True) as writing:
        result = operation.run(ledger, journal, plan, bar.say, write_rejects)
        writing.keep = result.changed and not common.dry_run
        if common.dry_run and result.batch is not None:
            return result, handover.preview(ledger, result.batch)
    if result.batch is None:
        return result, None
    with progress(common, "Writing the mail file") as bar:
        return result, handover.hand_over(ledger, journal, result.batch, lambda done, total: bar.of(done, total, done))


def _short(path: Path, folder: Path) -> str:
    return path.name if path.parent == folder else str(path)


def _rejects_paths(plan: operation.RunPlan, rejects: str | None) -> dict[int, Path]:
    """`rejects.csv` in the folder, or one per input where there are several."""
    if rejects is not None:
        return {file.number: Path(rejects) for file in plan.staged.files}
    if len(plan.staged.files) == 1:
        return {1: plan.place.folder / "rejects.csv"}
    return {
        file.number: plan.place.folder / f"rejects-{file.number}-{Path(file.input.name).stem}.csv"
        for file in plan.staged.files
    }


def _report(
    common: Common,
    campaign: str,
    result: operation.RunResult,
    handed: HandedOver | None,
    sources: Mapping[str, str],
) -> Report:
    kept = result.changed and not common.dry_run
    files = [*result.load.files, *(handed.files if handed and handed.files else result.rejects)]
    return Report(
        human=lambda out: _describe(out, campaign, result, handed),
        run_id=result.run_id if kept else None,
        campaign=campaign,
        counts=result.counts,
        totals=result.topup.totals,
        files=[file.as_json() for file in files],
        extra={
            "steps": result.steps,
            "rejected_by_code": result.load.rejected_by_code,
            "withdrawn": result.load.withdrawn,
            "not_eligible": result.publish.not_eligible,
            "sources": sources,
            "mail": _mail(handed),
        },
        exit_code=ExitCode.PARTIAL if result.partial else ExitCode.OK,
        errors=pool_errors(campaign, result.publish.short),
    )


def _mail(handed: HandedOver | None) -> dict[str, Any] | None:
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
        funded = result.topup
        anything = funded.funded or result.publish.published or result.load.changed
        if handed is not None and handed.figures.rows and not anything:
            return "no new refunds; cards that had waited for an e-mail address are handed over"
        cards = plural(result.publish.published, "new card")
        return f"{plural(funded.funded, 'refund')} on {cards}, {amount(funded.on_cards_minor, funded.currency)}"
    if handed is not None:
        return f"nothing new; finished the files of run {handed.batch.run_id}, which was cut off"
    return "nothing new"


def _describe(out: Screen, campaign: str, result: operation.RunResult, handed: HandedOver | None) -> None:
    loaded, published, funded = result.load, result.publish, result.topup
    out.print(f"{campaign}: {_title(result, handed)}")
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
    if published.short:
        out.print(pool_advice(campaign, published.short))
    if loaded.rejected and handed is not None and handed.files:
        out.print("Mend the rejected rows in the rejects file, and run that into a new folder.")
