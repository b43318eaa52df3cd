"""Looking at cards: what one is and holds, whether it could be redeemed now, and which there are."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from refundctl.domain.basics.errors import RefundctlError, Refused, UsageError
from refundctl.domain.basics.mistakes import did_you_mean, shown
from refundctl.domain.basics.validity import local_day
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import is_card_id
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.desk import card_details as card_lists
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.deeds import find_card
from refundctl.operations.desk.redeem import Purchase, read_purchase, refuse_redeeming

if TYPE_CHECKING:
    from refundctl.domain.campaigns.conditions import Condition

ATTEMPTS_DAYS = 30  # how far back refused attempts are counted
UNKNOWN_PURCHASE = Purchase(None, None, None, None)

Seen = TypeVar("Seen")


def look(ledger: Ledger, journal: Journal, named: str, see: Callable[["Look"], Seen]) -> Seen:
    """What `see` makes of the card that is named by its card_id or code, in one view of the ledger, which stays as it is.

    What is refused is kept as an attempt, with its card and what was asked, if the ledger can be written at all. Raises
    CardUnknown, and what `see` refuses.
    """
    seen = None
    try:
        with ledger.reading():
            card = find_card(ledger, named)
            seen = Look(ledger, card, {"card": card.card_id})
            return see(seen)
    except Refused as error:
        asked = {"card": named if is_card_id(named) else None} if seen is None else seen.asked
        if seen is not None:
            error.campaign = seen.card.campaign_name
            error.details = {**error.details, "card_id": seen.card.card_id}
        # That the attempt can't be written down must not hide why it was refused.
        with suppress(RefundctlError), ledger.writing():
            number = None if seen is None else seen.card.number
            replace(journal, arguments=asked).post_attempt(error, error.campaign, number)
        raise


@dataclass(frozen=True, slots=True)
class Look:
    """A card that is being looked at; `asked` is what the journal keeps of it where it is refused."""

    ledger: Ledger
    card: Card
    asked: dict[str, Any]


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
    refusal = why_not(ledger, card)
    facts = {
        **card_facts(card),
        **({"code": card.code} if reveal else {}),
        **_holder(ledger, card),
        "booking_ids": card_lists.bookings_of(connection, card),
        **_step("published", card_lists.publication_of(connection, card)),
        **_step("activated", card_lists.activation_of(connection, card)),
        "redeemable": refusal is None,
        "refusal": None if refusal is None else {"code": refusal.code, "message": refusal.message},
        "wrong_pins": card.wrong_pins,
        "replaces": [f"c{number}" for number in card.replaced],
        "cashout_id": card_lists.cashout_of(connection, card),
        "failed_attempts": _failed_attempts(ledger, card),
        "refused_redemptions": card_lists.refused_redemptions_open(connection, card=card.number),
    }
    return Shown(card, facts, _transactions(ledger, card), refusal)


def _transactions(ledger: Ledger, card: Card) -> list[dict[str, Any]]:
    """Every transaction, with the account at its other side: what tells an expiry from a transfer."""
    rows = card_lists.transactions_of(ledger.connection, card.number)
    accounts = card_lists.contra_accounts_of(ledger.connection, card.number)
    return [{**row, "contra_account": account} for row, account in zip(rows, accounts, strict=True)]


def _holder(ledger: Ledger, card: Card) -> dict[str, str | None]:
    holder = card_lists.holder_of(ledger.connection, card)
    if holder is None:
        return {"customer_id": None, "name": None, "email": None}
    return {"customer_id": holder.customer_id, "name": holder.name, "email": holder.email}


def _step(name: str, step: card_lists.Step | None) -> dict[str, str | int | None]:
    return {f"{name}_at": None if step is None else step.at, f"{name}_by": None if step is None else step.run_id}


def _failed_attempts(ledger: Ledger, card: Card) -> dict[str, Any]:
    since = replace(ledger.clock, now=ledger.clock.now - timedelta(days=ATTEMPTS_DAYS)).stamp
    found = card_lists.failed_attempts(ledger.connection, card, since)
    return {"count": found.count, "days": ATTEMPTS_DAYS, "last_code": found.last_code, "last_at": found.last_at}


def why_not(ledger: Ledger, card: Card) -> Refused | None:
    """Why nothing at all can be bought with a card now, None where something can."""
    try:
        refuse_redeeming(ledger, card, UNKNOWN_PURCHASE, ledger.clock.now, check_pin=False, whole=False)
    except Refused as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class Intended:
    """What is known of a purchase, as it was typed."""

    amount: str | None = None
    invoice: str | None = None
    customer_id: str | None = None
    order_total: str | None = None


@dataclass(frozen=True, slots=True)
class Valid:
    """A card that can be redeemed; `needs` is what `card redeem` will ask for besides."""

    card: Card
    needs: Sequence[str]

    @property
    def facts(self) -> dict[str, Any]:
        """The card as it stands in JSON."""
        return card_facts(self.card)


def validate(seen: Look, intended: Intended) -> Valid:
    """Raise what `card redeem` would refuse first, by what is known by now; also UsageError and OtherCurrency.

    What it will ask for besides is of `invoice`, `customer`, `order_total` and `pin`.
    """
    card, ledger = seen.card, seen.ledger
    bought = read_purchase(ledger, card, intended.amount, intended.invoice, intended.customer_id, intended.order_total)
    seen.asked.update(asdict(bought))
    refuse_redeeming(ledger, card, bought, ledger.clock.now, check_pin=False, whole=False)
    rules = card.rules
    asked = {
        "invoice": rules.invoice_required and bought.invoice is None,
        "customer": rules.holder_only and bought.customer is None,
        "order_total": rules.minimum_order_minor is not None and bought.order_total_minor is None,
        "pin": card.pin is not None,
    }
    return Valid(card, [name for name, needed in asked.items() if needed])


@dataclass(frozen=True, slots=True)
class Search:
    """Which cards are looked for, as it was typed: all that is not None must hold."""

    customer_id: str | None = None
    booking_id: str | None = None
    email: str | None = None
    state: str | None = None
    campaign: str | None = None
    where: "Condition | None" = None


@dataclass(frozen=True, slots=True)
class Found:
    """The first cards that were found, as they stand in JSON; `more` where there are others."""

    cards: Sequence[Mapping[str, Any]]
    more: bool


def find(ledger: Ledger, search: Search, limit: int) -> Found:
    """The first `limit` cards for which all holds, inside a reading block. Raises UsageError and CampaignUnknown."""
    from refundctl.ledger.desk import card_search
    from refundctl.ledger.reading.queries import campaigns
    from refundctl.operations.campaigns.terms import terms_of

    wanted = card_search.Wanted(
        customer_id=search.customer_id,
        booking_id=search.booking_id,
        email=None if search.email is None else _address(search.email),
        state=None if search.state is None else state_named(search.state),
        campaign=None if search.campaign is None else terms_of(ledger, search.campaign).stored.campaign_id,
        where=search.where,
    )
    today = {
        stored.campaign_id: local_day(ledger.clock.now, stored.terms["timezone"]).isoformat()
        for stored in campaigns(ledger.connection)
    }
    numbers = card_search.find(ledger.connection, wanted, today, limit + 1)
    return Found([_found(ledger, number) for number in numbers[:limit]], more=len(numbers) > limit)


def state_named(text: str) -> CardState:
    """The state of this name. Raises UsageError."""
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    if word not in set(CardState):
        raise UsageError(
            f"--state takes one of {', '.join(CardState)}, not {shown(text)}"
            + (did_you_mean(word, CardState) or ": choose one.")
        )
    return CardState(word)


def _address(text: str) -> str:
    """An e-mail address in the form in which files' are kept."""
    from refundctl.domain.bookings.booking_values import read_email

    read = read_email(text)
    return read if isinstance(read, str) else text.strip()


def _found(ledger: Ledger, number: int) -> dict[str, Any]:
    card = read_card(ledger.connection, number, ledger.clock.now)
    holder = card_lists.holder_of(ledger.connection, card)
    return {
        **card_facts(card),
        "customer_id": None if holder is None else holder.customer_id,
        "booking_ids": card_lists.bookings_of(ledger.connection, card),
    }
