"""The one owner of a run's life: it begins in the transaction that does its work, and ends with outcome and seal.

What a rule refuses leaves no run, but an attempt.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from refundctl.domain.basics.errors import RefundctlError, Refused
from refundctl.domain.cards.codes import looks_like_code, without_typed_codes
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, Outcome, Run
from refundctl.ledger.journal.seals import Seal


@dataclass(slots=True)
class OpenRun:
    """A run that has begun. Whoever works for it sets `outcome`, or leaves it: then nothing is to be kept.

    `seal` is there once it has ended.
    """

    begun: Run
    outcome: Outcome | None = None
    seal: Seal | None = None

    @property
    def run_id(self) -> int:
        """Its number, which its rows carry."""
        return self.begun.run_id

    @property
    def kept_id(self) -> int | None:
        """Its number for who asks afterwards; None where nothing was to be kept."""
        return None if self.seal is None else self.run_id

    def after_steps(self, journal: Journal) -> None:
        """Its steps have ended, so that only what is written from now on is its own."""
        self.begun = journal.continued(self.begun)

    def end(self, journal: Journal) -> None:
        """Write its outcome and seal it; nothing more may be written for it."""
        if self.outcome is not None:
            self.seal = journal.finish(self.begun, self.outcome)


@contextmanager
def one_run(
    journal: Journal, *, campaign: str | None = None, step: str | None = None, parent: OpenRun | int | None = None
) -> Iterator[OpenRun]:
    """A run inside the open transaction, sealed behind the block; a `step` belongs to its `parent`, or its number."""
    parent_id = parent.run_id if isinstance(parent, OpenRun) else parent
    run = OpenRun(journal.begin(campaign=campaign, step=step, parent_id=parent_id))
    yield run
    run.end(journal)


@contextmanager
def writing_run(
    ledger: Ledger, journal: Journal, *, keep: bool, campaign: str | None = None, bulk: bool = False
) -> Iterator[OpenRun]:
    """A run with a transaction of its own: committed with its outcome and seal, or gone.

    It is gone where the block raises, sets no outcome, or `keep` is False, as in a dry run. `bulk`: see Ledger.writing.
    """
    with ledger.writing(bulk=bulk) as writing:
        run = OpenRun(journal.begin(campaign=campaign))
        yield run
        writing.keep = keep and run.outcome is not None
        if writing.keep:
            run.end(journal)


@contextmanager
def recording_refusals(journal: Journal, campaign: str | None = None, *, keep: bool) -> Iterator[None]:
    """What a rule refuses in the block is recorded as an attempt before it is raised on, unless `keep` is False.

    That the attempt can't be written down doesn't hide why it was refused.
    """
    try:
        yield
    except Refused as error:
        if keep:
            with suppress(RefundctlError):
                _record(journal, error, campaign)
        raise


def _record(journal: Journal, error: Refused, campaign: str | None) -> None:
    if campaign is not None and error.code == "resource_not_found" and looks_like_code(campaign):
        # A code that was typed where a campaign's name was wanted: the journal never holds one.
        error = Refused(without_typed_codes(error.message, [campaign]), code=error.code)
        campaign = without_typed_codes(campaign, [campaign])
        journal = replace(journal, arguments={**journal.arguments, "campaign": campaign})
    journal.record_attempt(error, campaign)
