"""A whole batch in one transaction: load, create, publish, top up, and the reservation of what is to be mailed.

The steps don't call each other; this is the one place that strings them together. A run is there whole or not at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from refundctl.ledger.cards.card_transactions import last_transaction
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.delivery.hand_overs import HandOver
from refundctl.ledger.funding.settled_lines import Settled
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.operations.bookings import input_files, load, rejects_files
from refundctl.operations.campaigns import create
from refundctl.operations.campaigns.terms import Terms, consider, terms_of
from refundctl.operations.delivery import hand_over
from refundctl.operations.funding import publish, topup
from refundctl.operations.funding.budget import Limit
from refundctl.operations.run_lifecycle import OpenRun, one_run

if TYPE_CHECKING:
    from refundctl.domain.campaigns.campaign import Campaign

Say = Callable[[str], None]  # told which step begins


@dataclass(frozen=True, slots=True)
class Task:
    """What the steps of a run are to do."""

    campaign: "Campaign"
    staged: load.Staged
    expected: load.Expected
    strict: bool


@dataclass(frozen=True, slots=True)
class Target:
    """Where the files of a run go. `finished` is the hand-over of an earlier run that this command just finished."""

    place: hand_over.Place
    force: bool
    finished: HandOver | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """What the steps have posted: all transactions after `last_before`; `terms` the campaign's, `settled` its lines."""

    terms: Terms
    settled: Settled
    last_before: int
    created: bool
    load: input_files.LoadResult
    publish: publish.PublishResult
    topup: topup.TopUpResult

    @property
    def posted(self) -> bool:
        """Whether anything is new but what the files say of people."""
        return bool(self.load.loaded or self.created or self.publish.published or self.topup.posted)

    @property
    def gives(self) -> bool:
        """Whether money was given, on cards or in cash."""
        return bool(self.topup.on_cards_minor or self.topup.cash_minor)

    @property
    def partial(self) -> bool:
        """Whether a person has something to fix."""
        return bool(self.load.rejected or self.publish.short or self.publish.capped)

    @property
    def nearly_used(self) -> list[Limit]:
        """What of the budget is nearly used up."""
        return [*self.publish.nearly_used, *self.topup.nearly_used]

    @property
    def counts(self) -> dict[str, Any]:
        """As they stand in JSON: the rows, and what became of the bookings."""
        return {
            **self.load.counts,
            "created": int(self.created),
            "published": self.publish.published,
            "funded": self.topup.funded,
        }

    def as_json(self) -> Mapping[str, Any]:
        """Each step's counts and totals."""
        return {
            "load": {"counts": self.load.counts, "totals": self.load.totals},
            "publish": {"counts": self.publish.counts, "totals": {}},
            "topup": {"counts": self.topup.counts, "totals": self.topup.totals},
        }


@dataclass(frozen=True, slots=True)
class RunResult:
    """What the run `run_id` did, which is kept where anything is changed.

    `batch` is what is now to be handed over, None where nothing is new.
    """

    run_id: int
    steps: Steps
    reserved: HandOver | None
    rejects: Sequence[RunFile]

    @property
    def changed(self) -> bool:
        """Whether anything is to be kept."""
        return bool(self.steps.posted or self.steps.load.changed or self.reserved)


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold of a run besides: each raises Refused where it doesn't.

    `before` is asked first in the transaction; `after` is told what was posted and by which run, and may write for it.
    """

    before: Callable[[], None]
    after: Callable[[Steps, int], None]


# Writes the rejects files, and gives what it wrote; it is told whether anything else will be written.
WriteRejects = Callable[[bool], list[RunFile]]


def refuse_changed_definition(ledger: Ledger, campaign: "Campaign") -> bool:
    """Tell whether the campaign is still to be made. Raises DefinitionChanged where `create` must first store it."""
    creation = create.creation_of(ledger, campaign)
    if creation is create.Creation.CHANGED:
        raise create.DefinitionChanged(
            f"The definition of {campaign.name} has changed: store it with `refundctl create {campaign.name}`, "
            "then run this again."
        )
    return creation is create.Creation.CREATED


def run(
    ledger: Ledger,
    journal: Journal,
    task: Task,
    target: Target,
    say: Say,
    write_rejects: WriteRejects,
    guard: Guard,
) -> RunResult:
    """Do all steps for the refund lines in the staged files; the caller holds the transaction, and keeps it or not.

    `write_rejects` makes the folder, so that a full disk shows before the commit.
    """
    guard.before()
    with one_run(journal, campaign=task.campaign.name) as own:
        steps = take_steps(ledger, journal, task, own, say, write_rejects)
        own.after_steps(journal)
        guard.after(steps, own.run_id)
        say("Reserving the batch")
        # A corrected name or status is no reason to replace the files of the last hand-over.
        wanted = hand_over.HandOverWanted(
            steps.terms.stored.campaign_id,
            target.place,
            fresh_after=steps.last_before,
            considered=steps.settled,
            empty=steps.posted,
            force=target.force,
            finished=target.finished,
        )
        batch = hand_over.reserve(ledger, wanted, own.run_id)
        rejects = write_rejects(batch is not None) if steps.load.rejected or batch else []
        result = RunResult(own.run_id, steps, batch, rejects)
        if result.changed:
            own.outcome = Outcome(steps.counts, steps.topup.totals, [*steps.load.files, *rejects], steps.partial)
    return result


def take_steps(
    ledger: Ledger, journal: Journal, task: Task, own: OpenRun, say: Say, write_rejects: WriteRejects
) -> Steps:
    """Load, create, publish and top up, each a run of its own within `own`.

    Raises what any of these raises, StrictReject and ControlTotalMismatch.
    """
    name = task.campaign.name
    step = partial(one_run, journal, campaign=name, parent=own)
    is_new = refuse_changed_definition(ledger, task.campaign)
    say("Posting bookings")
    with step(step="load") as loading:
        loaded = load.load(ledger, task.staged, loading.begun)
        if task.strict and loaded.rejected:
            rejects_files.check_strict(loaded, [file.path for file in write_rejects(False)])
        load.check_expected(task.staged, loaded, task.expected)
        loading.outcome = Outcome(loaded.counts, loaded.totals, loaded.files, partial=bool(loaded.rejected))
    if is_new:
        with step(step="create") as creating:
            creating.outcome = Outcome(create.create(ledger, task.campaign, creating.run_id).counts)
    terms = terms_of(ledger, name)
    before = last_transaction(ledger.connection)
    settled = consider(ledger, terms, lines_before=loading.begun.since["line_versions"])
    say("Publishing cards")
    with step(step="publish") as publishing:
        published = publish.publish(ledger, terms, settled, publishing.run_id)
        publishing.outcome = Outcome(published.counts, partial=bool(published.short or published.capped))
    say("Topping up")
    with step(step="topup") as topping:
        funded = topup.top_up(ledger, terms, settled, topping.run_id)
        topping.outcome = Outcome(funded.counts, funded.totals, partial=bool(funded.short or funded.capped))
    return Steps(terms, settled, before, is_new, loaded, published, funded)
