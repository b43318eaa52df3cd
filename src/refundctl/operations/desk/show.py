"""A card with all that the desk asks about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from refundctl.domain.basics.errors import Refused
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import card_details
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.looking_at_cards import Look
from refundctl.operations.desk.redemption_refusals import Purchase, refuse_redeeming

ATTEMPTS_DAYS = 30  # how far back refused attempts are counted
UNKNOWN_PURCHASE = Purchase(None, None, None, None)


@dataclass(frozen=True, slots=True)
class Shown:
    """A card with all that the desk asks about it: `facts` and `transactions` as they stand in JSON.

    `refusal` is why it could not be redeemed now, whatever was bought; None where it could.
    """

    card: Card
    facts: Mapping[str, Any]
    transactions: Sequence[Mapping[str, Any]]
    refusal: Refused | None


def show(seen: Look, *, reveal: bool = False) -> Shown:
    """All there is to tell of a card; its whole code only where it is to be revealed."""
    card, ledger = seen.card, seen.ledger
    connection = ledger.connection
    refusal = _why_not(ledger, card)
    facts = {
        **card_facts(card),
        **({"code": card.code} if reveal else {}),
        **_holder(ledger, card),
        "booking_ids": card_details.bookings_of(connection, card),
        **_step("published", card_details.publication_of(connection, card)),
        **_step("activated", card_details.activation_of(connection, card)),
        "redeemable": refusal is None,
        "refusal": None if refusal is None else {"code": refusal.code, "message": refusal.message},
        "wrong_pins": card.wrong_pins,
        "replaces": [f"c{number}" for number in card.replaced],
        "cashout_id": card_details.cashout_of(connection, card),
        "failed_attempts": _failed_attempts(ledger, card),
        "refused_redemptions": card_details.refused_redemptions_open(connection, card=card.number),
    }
    return Shown(card, facts, _transactions(ledger, card), refusal)


def _transactions(ledger: Ledger, card: Card) -> list[dict[str, Any]]:
    """Every transaction, with the account at its other side: what tells an expiry from a transfer."""
    rows = card_details.transactions_of(ledger.connection, card.number)
    accounts = card_details.contra_accounts_of(ledger.connection, card.number)
    return [{**row, "contra_account": account} for row, account in zip(rows, accounts, strict=True)]


def _holder(ledger: Ledger, card: Card) -> dict[str, str | None]:
    holder = card_details.holder_of(ledger.connection, card)
    if holder is None:
        return {"customer_id": None, "name": None, "email": None}
    return {"customer_id": holder.customer_id, "name": holder.name, "email": holder.email}


def _step(name: str, step: card_details.Step | None) -> dict[str, str | int | None]:
    return {f"{name}_at": None if step is None else step.at, f"{name}_by": None if step is None else step.run_id}


def _failed_attempts(ledger: Ledger, card: Card) -> dict[str, Any]:
    since = replace(ledger.clock, now=ledger.clock.now - timedelta(days=ATTEMPTS_DAYS)).stamp
    found = card_details.failed_attempts(ledger.connection, card, since)
    return {"count": found.count, "days": ATTEMPTS_DAYS, "last_code": found.last_code, "last_at": found.last_at}


def _why_not(ledger: Ledger, card: Card) -> Refused | None:
    """Why nothing at all can be bought with a card now, None where something can."""
    try:
        refuse_redeeming(ledger, card, UNKNOWN_PURCHASE, ledger.clock.now, check_pin=False, whole=False)
    except Refused as error:
        return error
    return None
