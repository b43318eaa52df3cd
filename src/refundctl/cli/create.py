"""refundctl create"""

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, campaign_in_file, command, writing_ledger
from refundctl.cli.rendering import Report, report
from refundctl.ledger.journal import Outcome
from refundctl.operations import create as operation

_SAID = {
    operation.Creation.CREATED: "Made the campaign {}: its cards start at zero.",
    operation.Creation.CHANGED: "Took in the changed definition of {}: it counts for cards not yet published.",
    operation.Creation.UNCHANGED: "{} is as the ledger has it: nothing to do.",
}


@command("create", writes=True, short="Make a campaign, or take in its changed definition.")
def create(common: Common, campaign: take.Campaign) -> int:
    """Make a zero-balance campaign from the campaigns file, or take in its changed definition."""
    definition = campaign_in_file(common, campaign)
    with writing_ledger(common, {"campaign": campaign}, campaign) as (ledger, journal), ledger.writing() as writing:
        run = journal.begin(campaign=campaign)
        result = operation.create(ledger, definition, run.run_id)
        writing.keep = result.creation is not operation.Creation.UNCHANGED and not common.dry_run
        if writing.keep:
            journal.finish(run, Outcome(result.counts))
    return report(
        common,
        Report(
            human=lambda out: out.print(_SAID[result.creation].format(campaign)),
            run_id=run.run_id if writing.keep else None,
            campaign=campaign,
            counts=result.counts,
        ),
    )
