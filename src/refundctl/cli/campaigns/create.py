"""refundctl create"""

from typing import Annotated

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, campaign_in_file, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, figures, number
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.campaigns import create as operation
from refundctl.operations.run_lifecycle import writing_run

_SAID = {
    operation.Creation.CREATED: "Made the campaign {}: its cards start at zero.",
    operation.Creation.CHANGED: "Stored the changed definition of {}: amounts and validity count for cards not yet "
    "published, all else from now on.",
    operation.Creation.UNCHANGED: "{} is as the ledger has it.",
}


@command("create", writes=True, short="Make a campaign, or store its changed definition.")
def create(
    common: Common,
    campaign: take.Campaign,
    codes: Annotated[
        str | None,
        typer.Option(
            "--codes", metavar="FILE", help="Import printed cards: a CSV with their codes in a column `code`."
        ),
    ] = None,
) -> int:
    """Make a zero-balance campaign from the campaigns file, or store its changed definition.

    Cards that the definition wants beforehand are made too, and printed ones imported: all of a file, or none. They
    wait for their holders until `publish`.
    """
    definition = campaign_in_file(common, campaign)
    with (
        writing_ledger(common, common.given, campaign) as (ledger, journal),
        take.opened([] if codes is None else [codes]) as inputs,
    ):
        printed = [operation.read_printed(file.stream, file.name, definition) for file in inputs]
        with writing_run(ledger, journal, keep=not common.dry_run, campaign=campaign, bulk=True) as run:
            result = operation.create(ledger, definition, run.run_id, printed[0] if printed else None)
            if result.changed:
                run.outcome = Outcome(result.counts, files=[file.file for file in printed])
    return Report(
        human=lambda out: _describe(out, campaign, result),
        run_id=run.kept_id,
        campaign=campaign,
        counts=result.counts,
        files=[file.file.as_json() for file in printed],
    ).tell(common)


def _describe(out: Screen, campaign: str, result: operation.CreateResult) -> None:
    nothing = "" if result.changed else " Nothing to do."
    out.print(f"{_SAID[result.creation].format(campaign)}{nothing}")
    rows = [
        ("cards made beforehand", result.made),
        ("printed cards imported", result.printed),
        ("printed cards known", result.printed_before),
    ]
    figures(out, [(title, number(count)) for title, count in rows if count])
