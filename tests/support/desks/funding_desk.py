"""A ledger in memory with one campaign: bookings are loaded, settled, published and topped up, without any file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from refundctl.domain.campaigns.campaign import Campaign
from refundctl.domain.campaigns.conditions import Condition
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.settled_lines import Settled, SettledLine
from refundctl.operations.campaigns import create
from refundctl.operations.campaigns.terms import EVERYTHING, Terms, consider, terms_of
from refundctl.operations.funding.publish import PublishResult, publish
from refundctl.operations.funding.topup import TopUpResult, top_up
from support.desks.staging_desk import StagingDesk

NAME = "refunds"


class FundingDesk(StagingDesk):
    """The campaign `refunds`, in euros; where nothing else is said it takes every booking. Amounts are in minor units."""

    def __init__(self, **keys: object) -> None:
        super().__init__()
        self.say(**keys)

    def say(self, **keys: object) -> create.CreateResult:
        """Store the campaign's definition: these keys over its defaults."""
        campaign = Campaign.from_definition(NAME, json.dumps({"currency": "EUR", **keys}))
        with self.run() as run_id:
            return create.create(self.ledger, campaign, run_id)

    @property
    def terms(self) -> Terms:
        return terms_of(self.ledger, NAME)

    def settled(self, where: Condition = EVERYTHING) -> Settled:
        """The lines as a step finds them."""
        return consider(self.ledger, self.terms, where)

    def lines(self) -> dict[str, SettledLine]:
        """What each line would be given, by its booking, and its refund id where it has one: `B1`, `B2/r1`."""
        names = dict(
            self.read("SELECT line, iif(refund_id = booking_id, '', booking_id || '/') || refund_id FROM refund_lines")
        )
        return {names[line.line]: line for line in self.settled().lines()}

    def states(self) -> dict[str, LineState]:
        """What each line is to the campaign."""
        return {name: line.state for name, line in self.lines().items()}

    def publish(self, limit: int | None = None) -> PublishResult:
        with self.run() as run_id:
            return publish(self.ledger, self.terms, self.settled(), run_id, limit=limit)

    def top_up(self) -> TopUpResult:
        with self.run() as run_id:
            return top_up(self.ledger, self.terms, self.settled(), run_id)

    def fund(self, text: str) -> TopUpResult:
        """Load these bookings, give them cards and put onto them what they are owed."""
        self.load(text)
        self.publish()
        return self.top_up()

    def fund_considered(self, text: str) -> Settled:
        """The same in one step; gives the lines as that step has considered them."""
        self.load(text)
        settled = self.settled()
        with self.run() as run_id:
            publish(self.ledger, self.terms, settled, run_id)
            top_up(self.ledger, self.terms, settled, run_id)
        return settled

    @contextmanager
    def run(self) -> Iterator[int]:
        """The number of a run, in a transaction of its own."""
        with self.ledger.writing():
            yield self._journal.begin().run_id
