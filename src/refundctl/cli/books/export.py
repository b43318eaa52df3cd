"""refundctl export"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, existing_ledger, refuse_ledger, writing_ledger
from refundctl.cli.shell.rendering import Report, amount, number, plural, progress
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.campaigns.conditions import Condition
from refundctl.exports.books.finance import COLUMNS
from refundctl.exports.csv_text import encode
from refundctl.files.safe_write import STDOUT, refuse_existing, refuse_links
from refundctl.ledger.cards.card_transactions import last_transaction
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.delivery.hand_overs import HandOver, last_handed
from refundctl.ledger.journal.run_journal import Journal, Outcome
from refundctl.operations.books import export as operation
from refundctl.operations.campaigns.terms import consider, terms_of
from refundctl.operations.delivery import hand_over as handover
from refundctl.operations.run_lifecycle import writing_run

Kind = Annotated[
    Literal["mail", "cards", "transactions", "publications", "bookings", "redemptions"],
    typer.Argument(metavar="KIND", help="mail, cards, transactions, publications, bookings or redemptions."),
]


@command("export", writes=True, short="Write a CSV file for mailing, finance or the desk.")
def export(
    common: Common,
    kind: Kind,
    campaign: take.Campaign,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is stdout.")],
    tool: take.Tool = "generic",
    everyone: Annotated[
        bool, typer.Option("--all", help="mail: write every card, also those that were handed over before.")
    ] = False,
    where: take.Where = None,
    force: take.Force = False,
) -> int:
    """Write a CSV file: for the mail tool, or for finance and the desk.

    `mail` hands over: each credit goes into one file only, and what is handed over is remembered. Files with codes are
    readable by you alone.
    """
    if output != STDOUT:
        refuse_links(Path(output))
        refuse_ledger(common, Path(output))
    condition = take.where_condition(where)
    if kind == "mail":
        if everyone and where:
            raise UsageError("--all writes every card, so it can't go with --where.")
        place = handover.place_of_file(output, tool)
        return _export_mail(common, campaign, place, condition, everyone=everyone, force=force)
    if everyone:
        raise UsageError("--all is for `export mail` only.")
    _refuse_output(common, kind, output, force=force)
    return _export_rows(common, kind, campaign, output, condition)


def _refuse_output(common: Common, kind: str, output: str, *, force: bool) -> None:
    """Raises UsageError for codes on a terminal, or two outputs on stdout, and FileExists."""
    if output != STDOUT:
        refuse_existing(Path(output), force=force, own=encode([COLUMNS[kind]]))
    elif kind == "cards" and sys.stdout.isatty():
        raise UsageError(
            "Codes are not shown on a terminal: name a file with -o, or send the output to another program."
        )
    elif common.json:
        raise UsageError("--json and `-o -` would both write to stdout: name a file with -o.")


def _export_rows(common: Common, kind: str, campaign: str, output: str, where: Condition) -> int:
    with existing_ledger(common) as ledger:
        with ledger.reading():
            terms_of(ledger, campaign)  # an unknown name is told before the ledger is copied
        written = operation.export(ledger, kind, campaign, None if common.dry_run else output, where)
    found = Report(
        human=lambda out: out.print(f"Wrote {number(written.rows)} {kind} to {output}."),
        campaign=campaign,
        counts={"rows": written.rows},
        files=[] if output == STDOUT else [written.as_json()],
    )
    # With the CSV itself on stdout there is no room for a report.
    return 0 if output == STDOUT and not common.dry_run else found.tell(common)


def _export_mail(
    common: Common, campaign: str, place: handover.Place, where: Condition, *, everyone: bool, force: bool
) -> int:
    given: dict[str, Any] = {
        "kind": "mail",
        "campaign": campaign,
        "output": str(place.folder / place.file_name),
        "all": everyone,
        "where": take.condition_kept(where),
    }
    with writing_ledger(common, given, campaign) as (ledger, journal):
        handed = _finish(common, ledger, journal, campaign, place)
        with writing_run(ledger, journal, keep=not common.dry_run, campaign=campaign) as run:
            terms = terms_of(ledger, campaign)
            considered = None
            fresh_after = last_handed(ledger.connection, terms.stored.campaign_id, place.tool)
            if where.tests:
                considered = consider(ledger, terms, where)
                fresh_after = last_transaction(ledger.connection)
            wanted = handover.HandOverWanted(
                terms.stored.campaign_id,
                place,
                fresh_after=fresh_after,
                considered=considered,
                everyone=everyone,
                force=force,
                finished=None if handed is None else handed.reserved,
            )
            reserved = handover.reserve(ledger, wanted, run.run_id)
            if reserved is not None:
                run.outcome = Outcome({"batches": 1})
            if reserved is not None and common.dry_run:
                handed = handover.preview(ledger, reserved)
        if reserved is not None and not common.dry_run:
            handed = _hand_over(common, ledger, journal, reserved)
    if handed is None:
        nothing = Report(
            human=lambda out: out.print("Nothing new to hand over."), campaign=campaign, counts={"rows": 0}
        )
        return nothing.tell(common)
    return _mail_report(campaign, handed).tell(common)


def _finish(
    common: Common, ledger: Ledger, journal: Journal, campaign: str, place: handover.Place
) -> handover.HandedOver | None:
    """Finish the hand-over of an earlier command that was cut off, if there is one; in a dry run show it."""
    if ledger.is_new:
        return None
    with ledger.reading():
        batch = handover.find_open(ledger, terms_of(ledger, campaign).stored.campaign_id, place)
    if batch is None:
        return None
    return handover.preview(ledger, batch) if common.dry_run else _hand_over(common, ledger, journal, batch)


def _hand_over(common: Common, ledger: Ledger, journal: Journal, reserved: HandOver) -> handover.HandedOver:
    with progress(common, "Writing the mail file") as bar:
        return handover.hand_over(ledger, journal, reserved, lambda done, total: bar.of(done, total, done))


def _mail_report(campaign: str, handed: handover.HandedOver) -> Report:
    found = handed.figures
    return Report(
        human=lambda out: out.print(
            f"Wrote {plural(found.rows, 'card')} with {amount(found.total_minor, handed.currency)} to "
            f"{handed.reserved.directory}/{handed.reserved.file_name}; left out, without an e-mail address: "
            f"{number(found.unreachable)}."
        ),
        run_id=handed.reserved.run_id,
        campaign=campaign,
        counts={"rows": found.rows, "unreachable": found.unreachable},
        totals={handed.currency: {"balance": found.total_minor, "unreachable": found.unreachable_minor}},
        files=[file.as_json() for file in handed.files],
    )
