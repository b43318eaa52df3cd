"""A whole batch in one transaction: load, create, publish, top up, and the reservation of what is to be mailed.

The steps don't call each other; this is the one place that strings them together. A run is there whole or not at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from refundctl.ledger import scope
from refundctl.ledger.connection import Ledger
from refundctl.ledger.journal import Journal, Outcome, Run, RunFile
from refundctl.ledger.posting.batches import Batch
from refundctl.ledger.queries import last_transaction
from refundctl.operations import create, handover, load, publish, topup
from refundctl.operations.terms import terms_of

if TYPE_CHECKING:
    from refundctl.domain.campaign import Campaign

Say = Callable[[str], None]  # told which step begins


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is to do."""

    campaign: "Campaign"
    staged: load.Staged
    place: handover.Place
    expected: load.Expected
    strict: bool
    force: bool
    finished: Batch | None = None  # the hand-over of an earlier run that this command has just finished


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did. `batch` is what is now to be handed over, None where nothing is new; `run_id` likewise."""

    run_id: int | None
    created: bool
    load: load.LoadResult
    publish: publish.PublishResult
    topup: topup.TopUpResult
    batch: Batch | None
    rejects: Sequence[RunFile]

    @property
    def changed(self) -> bool:
        """Whether anything is to be kept."""
        posted = self.publish.published or self.topup.funded
        return bool(self.load.changed or self.created or posted or self.batch)

    @property
    def partial(self) -> bool:
        """Whether a person has something to mend."""
        return bool(self.load.rejected or self.publish.short)

    @property
    def counts(self) -> dict[str, Any]:
        """As they stand in JSON: the rows, and what became of the bookings."""
        return {
            **self.load.counts,
            "created": int(self.created),
            "published": self.publish.published,
            "funded": self.topup.funded,
        }

    @property
    def steps(self) -> Mapping[str, Any]:
        """As they stand in JSON."""
        return {
            "load": {"counts": self.load.counts, "totals": self.load.totals},
            "publish": {"counts": self.publish.counts, "totals": {}},
            "topup": {"counts": self.topup.counts, "totals": self.topup.totals},
        }


def refuse_changed_definition(ledger: Ledger, campaign: "Campaign") -> bool:
    """Tell whether the campaign is still to be made. Raises DefinitionChanged where `create` must first take it in."""
    creation = create.creation_of(ledger, campaign)
    if creation is create.Creation.CHANGED:
        raise create.DefinitionChanged(
            f"The definition of {campaign.name} has changed: take it in with `refundctl create {campaign.name}`, "
            "then run this again."
        )
    return creation is create.Creation.CREATED


def run(
    ledger: Ledger, journal: Journal, plan: RunPlan, say: Say, write_rejects: Callable[[bool], list[RunFile]]
) -> RunResult:
    """Do all steps for the refund lines in the staged files; the caller holds the transaction and decides on keeping it.

    `write_rejects` makes the folder, so that a full disk shows before the commit, and writes the rejects files there; it
    is told whether anything else will be written.
    """
    is_new = refuse_changed_definition(ledger, plan.campaign)
    parent = journal.begin(campaign=plan.campaign.name)
    say("Posting bookings")
    loading = journal.begin(campaign=plan.campaign.name, step="load", parent_id=parent.run_id)
    loaded = load.load(ledger, plan.staged, loading)
    if not (plan.strict and loaded.rejected):  # that is refused below, whatever the totals
        load.check_expected(ledger, loaded, plan.expected)
    journal.finish(loading, _load_outcome(loaded))
    if is_new:
        creating = journal.begin(campaign=plan.campaign.name, step="create", parent_id=parent.run_id)
        journal.finish(creating, Outcome(create.create(ledger, plan.campaign, creating.run_id).counts))
    before = last_transaction(ledger.connection)
    published, topped_up = _fund(ledger, journal, plan, parent, loading, say)
    own = journal.continued(parent)
    say("Reserving the batch")
    # A corrected name or status is no reason to replace the files of the last hand-over.
    new = bool(loaded.loaded or is_new or published.published or topped_up.funded)
    wanted = handover.Wanted(
        terms_of(ledger, plan.campaign.name).stored.campaign_id,
        plan.place,
        fresh_after=before,
        considered_only=True,
        empty=new,
        force=plan.force,
        finished=plan.finished,
    )
    batch = handover.reserve(ledger, wanted, own.run_id)
    rejects = write_rejects(batch is not None) if loaded.rejected or batch else []
    if plan.strict:
        load.check_strict(loaded, [file.path for file in rejects])
    result = RunResult(parent.run_id, is_new, loaded, published, topped_up, batch, rejects)
    if result.changed:
        journal.finish(own, Outcome(result.counts, topped_up.totals, [*loaded.files, *rejects], result.partial))
    return result


def _fund(
    ledger: Ledger, journal: Journal, plan: RunPlan, parent: Run, loading: Run, say: Say
) -> tuple[publish.PublishResult, topup.TopUpResult]:
    terms = terms_of(ledger, plan.campaign.name)
    scope.consider(ledger.connection, terms.judge(), lines_before=loading.since["line_versions"])
    say("Publishing cards")
    publishing = journal.begin(campaign=plan.campaign.name, step="publish", parent_id=parent.run_id)
    published = publish.publish(ledger, terms, publishing.run_id)
    journal.finish(publishing, Outcome(published.counts, partial=bool(published.short)))
    say("Topping up")
    topping = journal.begin(campaign=plan.campaign.name, step="topup", parent_id=parent.run_id)
    topped_up = topup.top_up(ledger, terms, topping.run_id)
    journal.finish(topping, Outcome(topped_up.counts, topped_up.totals))
    return published, topped_up


def _load_outcome(loaded: load.LoadResult) -> Outcome:
    return Outcome(loaded.counts, loaded.totals, loaded.files, partial=bool(loaded.rejected))
