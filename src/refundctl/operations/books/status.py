"""Where each campaign stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.campaigns.refund_policy import Budget
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.campaigns import stored_campaigns
from refundctl.ledger.campaigns.definitions import Pause, pause_of
from refundctl.ledger.database import schema
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding import budgets
from refundctl.ledger.funding.line_state import LineState, count_capped
from refundctl.ledger.reading import campaign_figures
from refundctl.operations.campaigns.terms import Terms, consider, terms_of, with_earlier
from refundctl.operations.funding.budget import Limit, limits, warnings_of


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """What is used of a campaign's budget, net of undo; `limits` are those for all cards together, if there are any.

    `warnings` are sentences for people.
    """

    budget: Budget
    limits: Sequence[Limit]
    warnings: Sequence[str]

    @property
    def totals(self) -> dict[str, int]:
        """What stands among the campaign's totals, where the whole is limited."""
        whole = next((limit for limit in self.limits if limit.name == "total"), None)
        return {} if whole is None else {"budget_used": whole.used, "budget_left": whole.left}

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output: amounts in minor units."""
        found = {limit.name: {"limit": limit.limit, "used": limit.used, "left": limit.left} for limit in self.limits}
        return {
            **{name: found.get(name) for name in ("total", "bonus", "cards")},
            "per_card": self.budget.per_card_minor,
            "per_customer": self.budget.per_customer_minor,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class CampaignStanding:
    """One campaign in figures; totals in minor units of its currency."""

    campaign: str
    state: str
    currency: str
    counts: Mapping[str, int]
    totals: Mapping[str, int]
    next_expiry: str | None
    open_batches: Sequence[str]
    budget: BudgetStanding | None
    pause: Pause | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "campaign": self.campaign,
            "state": self.state,
            "counts": dict(self.counts),
            "totals": {self.currency: dict(self.totals)},
            "next_expiry": self.next_expiry,
            "open_batches": list(self.open_batches),
            "budget": None if self.budget is None else self.budget.as_json(),
            "pause": None if self.pause is None else self.pause.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Status:
    """The whole ledger."""

    rehearsal: bool
    campaigns: Sequence[CampaignStanding]

    def as_json(self) -> dict[str, Any]:
        """What is true of the file itself."""
        return {"clock": "rehearsal" if self.rehearsal else "system"}


def status(ledger: Ledger | None, campaign: str | None) -> Status:
    """Add up one campaign or all; a missing ledger is an empty one. Raises CampaignUnknown."""
    if ledger is None:
        return Status(rehearsal=False, campaigns=())
    with ledger.reading():
        rehearsal = schema.clock_of(ledger.connection) == "rehearsal"
        if campaign is not None:
            wanted = [terms_of(ledger, campaign)]
        else:
            wanted = [with_earlier(ledger, stored) for stored in stored_campaigns.campaigns(ledger.connection)]
        return Status(rehearsal, [_standing(ledger, terms) for terms in wanted])


def _standing(ledger: Ledger, terms: Terms) -> CampaignStanding:
    considered = consider(ledger, terms)
    lines, bookings = considered.count_lines(), considered.count_bookings()
    today = terms.today(ledger.clock.now).isoformat()
    figures = campaign_figures.campaign_figures(ledger.connection, terms.stored.campaign_id, today)
    budget, pause = _budget(ledger, terms), pause_of(ledger.connection, terms.stored.campaign_id)
    return CampaignStanding(
        campaign=terms.stored.name,
        state="paused" if pause is not None else _state(terms, today),
        currency=terms.stored.currency,
        counts={
            "bookings": sum(count for state, count in bookings.items() if not state.is_skipped or state.is_capped),
            "refund_lines": sum(count for state, count in lines.items() if not state.is_skipped or state.is_capped),
            "published": figures.published,
            "activated": figures.activated,
            "unassigned": figures.unassigned,
            "deactivated": figures.deactivated,
            **{state.value: figures.states.get(state, 0) for state in _COUNTED},
            "funded": figures.funded,
            "undone": lines.get(LineState.UNDONE, 0),
            "over_cap": count_capped(lines),
            "unreachable": figures.unreachable,
            "not_handed_over": figures.not_handed_over,
            "funded_not_eligible": lines.get(LineState.FUNDED_NOT_ELIGIBLE, 0),
            "cash_debts_open": figures.cash_debts_open,
            "till_overdrafts_open": figures.till_overdrafts_open,
        },
        totals={
            **{name: getattr(figures, f"{name}_minor") for name in _TOTALS},
            **({} if budget is None else budget.totals),
        },
        next_expiry=figures.next_expiry,
        open_batches=figures.open_batches,
        budget=budget,
        pause=pause,
    )


_TOTALS = ("paid", "bonus", "cash", "fee", "adjusted", "redeemed", "expired", "cashed_out", "lapsed", "outstanding")
_COUNTED = (CardState.DISABLED, CardState.FROZEN, CardState.TRANSFERRED)


def _state(terms: Terms, today: str) -> str:
    until = terms.stored.terms["expiration_date"]
    return "ended" if until is not None and until < today else "active"


def _budget(ledger: Ledger, terms: Terms) -> BudgetStanding | None:
    if terms.budget == Budget():
        return None
    used = budgets.used(ledger.connection, terms.stored.campaign_id)
    return BudgetStanding(terms.budget, list(limits(terms, used)), warnings_of(terms, used))
