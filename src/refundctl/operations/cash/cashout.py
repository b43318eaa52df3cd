"""Cash instead of a card: what a customer asks for freezes the card at once, so that it can't be spent meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.buckets import Buckets
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.cash import cashouts, debts
from refundctl.ledger.cash.bank_files import orders_of
from refundctl.ledger.cash.debts import Debt, DebtSource, DebtState
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import card_details
from refundctl.ledger.journal.run_journal import Journal
from refundctl.operations.campaigns.terms import terms_of
from refundctl.operations.desk import refusals
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.deeds import WithReason, on_card_found
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.refusals import state_in_words


class DebtUnknown(Refused, code="resource_not_found"):
    """There is no such debt in cash."""


class NotCancellable(Refused, code="not_cancellable"):
    """The debt was paid, is with the bank, or was made by no request."""


# Requests


@dataclass(frozen=True, slots=True)
class Request(WithReason):
    """The deed of `cashout request`: the card is frozen, `paid` is owed in cash, and the bonus lapses."""

    reason: str

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed. A paused campaign is no hindrance."""
        _refuse_request(desk, card)
        balance = card.balance
        posted = cashouts.request(
            desk.ledger.connection,
            card=card.number,
            campaign=card.campaign,
            balance=balance,
            reason=self.reason,
            run_id=desk.run_id,
        )
        return Answer(
            campaign=card.campaign_name,
            counts={"requested": 1},
            totals={card.currency: {"cash": balance.paid, "lapsed": balance.bonus}},
            facts=_facts(desk, card, posted, balance, DebtState.OPEN),
        )


def _facts(desk: Desk, card: Card, posted: Sequence[int], amount: Buckets, state: DebtState) -> dict[str, Any]:
    return {
        "cashout": {
            "id": posted[0],
            "card_id": card.card_id,
            "amount": amount.paid,
            "lapsed": amount.bonus,
            "currency": card.currency,
            "state": str(state),
        },
        "card": card_facts(desk.card(card.number)),
        "transactions": card_details.transactions(desk.ledger.connection, posted),
    }


def _refuse_request(desk: Desk, card: Card) -> None:
    _refuse_state(desk, card)
    if card.customer is None:
        raise refusals.WrongCustomer(
            f"Card {card.card_id} has no holder, so there is nobody to pay: give it one with `refundctl card assign`."
        )
    if not card.balance.paid:
        rest = "it holds a bonus only, which is not paid out" if card.balance.bonus else "nothing is left on it"
        raise refusals.BalanceTooLow(f"Of card {card.card_id} nothing is owed in cash: {rest}.")


def _refuse_state(desk: Desk, card: Card) -> None:
    said = f"Card {card.card_id} {state_in_words(card)}"
    if card.state is CardState.FROZEN:
        raise refusals.Disabled(f"{said}: `refundctl cashout list {card.campaign_name}` shows how that stands.")
    if card.state.is_dead or card.state is CardState.UNASSIGNED:
        raise refusals.NotActive(
            f"{said}: there is nothing on it that could be paid out; ask for the holder's other cards."
        )
    if card.has_expired(desk.now):
        raise refusals.CardExpired(
            f"Card {card.card_id} expired on {card.expires_on}: `refundctl card extend` revives it as long as its "
            "balance is not booked as expired."
        )


# Cancellations


def cancel(ledger: Ledger, journal: Journal, number: int, *, reason: str | None, keep: bool = True) -> Answer:
    """Give a request's card back with all that was on it; one that was cancelled before stays so.

    Raises DebtUnknown and NotCancellable.
    """
    return on_card_found(
        ledger,
        journal,
        partial(_card_of, ledger, number),
        _Cancel(number, reason),
        keep=keep,
        asked={"cashout": number, "reason": reason},
    )


def _card_of(ledger: Ledger, number: int) -> Card:
    """The card that a request was for. Raises DebtUnknown, and NotCancellable for debts of other kinds."""
    debt = _found(ledger, number)
    if debt.card is None:
        raise NotCancellable(
            f"Debt {number} was made by a top-up, not by a request: `refundctl undo` takes back the run that made it."
        )
    return read_card(ledger.connection, debt.card, ledger.clock.now)


def _found(ledger: Ledger, number: int) -> Debt:
    debt = debts.debts_numbered(ledger.connection, [number]).get(number)
    if debt is None:
        raise DebtUnknown(
            f"There is no debt in cash {number} in {ledger.path}: `refundctl cashout list` shows them all."
        )
    return debt


@dataclass(frozen=True, slots=True)
class _Cancel:
    """The deed of `cashout cancel`."""

    number: int
    reason: str | None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"cashout": self.number, "reason": self.reason}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        debt = _found(desk.ledger, self.number)
        _refuse_cancelling(desk.ledger, debt)
        amount = Buckets(debt.amount_minor, debts.lapsed_with(desk.ledger.connection, debt.debt_id))
        changed = debt.state is DebtState.OPEN
        given = cashouts.cancel(desk.ledger.connection, debt.debt_id, self.reason, desk.run_id) if changed else []
        return Answer(
            campaign=card.campaign_name,
            counts={"cancelled": int(changed)},
            totals={card.currency: {"cash": amount.paid, "lapsed": amount.bonus}} if changed else {},
            facts={
                **_facts(desk, card, [debt.debt_id], amount, DebtState.CANCELLED),
                "transactions": card_details.transactions(desk.ledger.connection, given),
            },
            changed=changed,
        )


def _refuse_cancelling(ledger: Ledger, debt: Debt) -> None:
    if debt.state is DebtState.PAID:
        raise NotCancellable(
            f"Cash-out {debt.debt_id} was paid: the card stays dead, and nothing can be given back onto it."
        )
    if debt.state is DebtState.ORDERED:
        path = orders_of(ledger.connection, [debt.debt_id])[debt.debt_id][-1].path
        raise NotCancellable(
            f"Cash-out {debt.debt_id} is in {path} for the bank: wait for its answer, or tell of a rejection with "
            "`refundctl cashout settle` first."
        )


# Lists


@dataclass(frozen=True, slots=True)
class CashoutList:
    """Debts in cash, the oldest first, and what they come to by currency, in minor units."""

    debts: Sequence[Debt]

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """As they stand in JSON."""
        found: dict[str, dict[str, int]] = {}
        for debt in self.debts:
            of_currency = found.setdefault(debt.currency, {"cash": 0})
            of_currency["cash"] += debt.amount_minor
        return dict(sorted(found.items()))

    @property
    def counts(self) -> dict[str, int]:
        """All of them, and by why they are owed."""
        by_source = {str(source): sum(debt.source is source for debt in self.debts) for source in DebtSource}
        return {"cashouts": len(self.debts), **by_source}

    def as_json(self) -> list[dict[str, Any]]:
        """The list as it stands in JSON."""
        return [_as_json(debt) for debt in self.debts]


def _as_json(debt: Debt) -> dict[str, Any]:
    return {
        "id": debt.debt_id,
        "card_id": debt.card_id,
        "booking_id": debt.booking_id,
        "refund_id": debt.refund_id,
        "customer_id": debt.customer_id,
        "campaign": debt.campaign,
        "amount": debt.amount_minor,
        "currency": debt.currency,
        "state": str(debt.state),
        "source": str(debt.source),
        "created_at": debt.created_at,
        "reason": debt.reason,
    }


def listed(ledger: Ledger, campaign: str | None, states: Collection[DebtState]) -> CashoutList:
    """The debts in these states; the caller reads or writes. Raises CampaignUnknown."""
    refuse_unknown_campaign(ledger, campaign)
    return CashoutList(debts.debts(ledger.connection, campaign, states))


def refuse_unknown_campaign(ledger: Ledger, campaign: str | None) -> None:
    """Raise CampaignUnknown where a campaign is named that the ledger doesn't have."""
    if campaign is not None:
        terms_of(ledger, campaign)
