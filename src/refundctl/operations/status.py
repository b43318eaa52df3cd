"""Where each campaign stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.ledger import queries, scope
from refundctl.ledger.connection import Ledger
from refundctl.ledger.scope import State
from refundctl.operations.terms import Terms, terms_of


@dataclass(frozen=True, slots=True)
class Standing:
    """One campaign in figures; totals in minor units of its currency."""

    campaign: str
    state: str
    currency: str
    counts: Mapping[str, int]
    totals: Mapping[str, int]
    next_expiry: str | None
    open_batches: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "campaign": self.campaign,
            "state": self.state,
            "counts": dict(self.counts),
            "totals": {self.currency: dict(self.totals)},
            "next_expiry": self.next_expiry,
            "open_batches": list(self.open_batches),
        }


@dataclass(frozen=True, slots=True)
class Status:
    """The whole ledger."""

    rehearsal: bool
    campaigns: Sequence[Standing]

    def as_json(self) -> dict[str, Any]:
        """What is true of the file itself."""
        return {"clock": "rehearsal" if self.rehearsal else "system"}


def status(ledger: Ledger | None, campaign: str | None) -> Status:
    """Add up one campaign or all; a missing ledger is an empty one. Raises CampaignUnknown."""
    if ledger is None:
        return Status(rehearsal=False, campaigns=())
    with ledger.reading():
        rehearsal = queries.clock_kind(ledger.connection) == "rehearsal"
        if campaign is not None:
            wanted = [terms_of(ledger, campaign)]
        else:
            wanted = [Terms(stored) for stored in queries.campaigns(ledger.connection)]
        return Status(rehearsal, [_standing(ledger, terms) for terms in wanted])


def _standing(ledger: Ledger, terms: Terms) -> Standing:
    scope.consider(ledger.connection, terms.judge())
    lines, bookings = scope.count_lines(ledger.connection), scope.count_bookings(ledger.connection)
    today = terms.today(ledger.clock.now).isoformat()
    figures = queries.campaign_figures(ledger.connection, terms.stored.campaign_id, today)
    until = terms.stored.terms["expiration_date"]
    return Standing(
        campaign=terms.stored.name,
        state="ended" if until is not None and until < today else "active",
        currency=terms.stored.currency,
        counts={
            "bookings": sum(count for state, count in bookings.items() if not state.is_skipped),
            "refund_lines": sum(count for state, count in lines.items() if not state.is_skipped),
            "published": figures.published,
            "unassigned": figures.unassigned,
            "funded": figures.funded,
            "unreachable": figures.unreachable,
            "not_handed_over": figures.not_handed_over,
            "funded_not_eligible": lines.get(State.FUNDED_NOT_ELIGIBLE, 0),
        },
        totals={
            "paid": figures.paid_minor,
            "bonus": figures.bonus_minor,
            "cash": figures.cash_minor,
            "redeemed": 0,
            "expired": figures.expired_minor,
            "cashed_out": 0,
            "outstanding": figures.balance_minor - figures.expired_minor,
        },
        next_expiry=figures.next_expiry,
        open_batches=figures.open_batches,
    )
