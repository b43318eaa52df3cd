"""Taking what is bought off a card: every rule is looked at, and the money taken, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.basics.payment_card_numbers import holds_card_number
from refundctl.domain.cards.buckets import Buckets, taken
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import code_key
from refundctl.domain.cards.pins import hashed, same
from refundctl.domain.cards.redemption_rules import INVOICE_LENGTH_MAX
from refundctl.ledger.cards.finding_cards import card_number
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.cards.pins import StoredPin, pin_of
from refundctl.ledger.cards.state import WRONG_PINS_MAX
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.people.finding_people import customer_number
from refundctl.operations.campaigns.pause import CampaignPaused
from refundctl.operations.desk import refusals
from refundctl.operations.desk.amounts import amount_of, money
from refundctl.operations.desk.card_facts import card_facts, transaction_facts
from refundctl.operations.desk.deeds import Answer, Desk
from refundctl.operations.desk.refusals import state_in_words

SOMEBODY_ELSE = 0  # no customer's number


class PinTyped:
    """A PIN as it was typed. It is hashed once for each salt, as that takes long: before the ledger is locked."""

    def __init__(self, pin: str) -> None:
        self._pin = pin
        self._hashes: dict[tuple[str, bytes], bytes] = {}

    def matches(self, stored: StoredPin) -> bool:
        """Whether it is the card's."""
        way = (stored.method, stored.salt)
        if way not in self._hashes:
            self._hashes[way] = hashed(self._pin, stored.salt, stored.method)
        return same(self._hashes[way], stored.digest)


def prepare_pin(ledger: Ledger, named: str, pin: PinTyped | None) -> None:
    """Hash a PIN for the card of this card_id or code, if there is one, without keeping anyone from writing."""
    if pin is None:
        return
    with ledger.reading():
        number = card_number(ledger.connection, named)
        stored = None if number is None else pin_of(ledger.connection, number)
    if stored is not None:
        pin.matches(stored)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be taken, in minor units; for `validate`, what is known of it.

    `customer` is the number of who buys: SOMEBODY_ELSE where the ledger doesn't know the id that was given.
    """

    amount_minor: int | None
    invoice: str | None
    order_total_minor: int | None
    customer: int | None


@dataclass(frozen=True, slots=True)
class Redeem:
    """The deed of `card redeem`, or what `card validate` knows of it by now; texts as they were typed."""

    amount: str | None = None
    invoice: str | None = None
    customer_id: str | None = None
    order_total: str | None = None
    pin: PinTyped | None = None
    _read: dict[int, Purchase] = field(default_factory=dict, init=False, repr=False, compare=False)

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        bought = self.purchase(ledger, card)
        return {name: getattr(bought, name) for name in Purchase.__slots__}

    def purchase(self, ledger: Ledger, card: Card) -> Purchase:
        """What was typed, read once. Raises UsageError and OtherCurrency."""
        if card.number not in self._read:
            self._read[card.number] = Purchase(
                None if self.amount is None else amount_of(self.amount, card.currency),
                invoice_given(ledger, self.invoice),
                None if self.order_total is None else amount_of(self.order_total, card.currency, "--order-total"),
                buyer(ledger, self.customer_id),
            )
        return self._read[card.number]

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        bought = self.purchase(desk.ledger, card)
        refuse_redeeming(desk.ledger, card, bought, desk.now, pin=self.pin)
        return post(desk, card, bought)


def post(desk: Desk, card: Card, bought: Purchase, redeemed_at: str | None = None, *, by_till: bool = False) -> Answer:
    """Take off what refuse_redeeming() lets pass."""
    amount = taken(bought.amount_minor or 0, card.balance, bonus_first=card.rules.bonus_first)
    new = NewRedemption(
        card=card.number,
        campaign=card.campaign,
        amount=amount,
        customer=bought.customer or None,
        invoice=bought.invoice,
        order_total_minor=bought.order_total_minor,
        pin=None if card.pin is None or by_till else card.pin.pin_id,
        redeemed_at=redeemed_at,
    )
    posted = redeeming.redeem(desk.ledger.connection, new, desk.run_id)
    return Answer(
        campaign=card.campaign_name,
        counts={"redemptions": 1},
        totals={card.currency: {"redeemed": amount.total, "paid": amount.paid, "bonus": amount.bonus}},
        facts={
            "redemption": {
                "id": posted[0],
                "card_id": card.card_id,
                "amount": amount.total,
                "paid": amount.paid,
                "bonus": amount.bonus,
                "currency": card.currency,
                "invoice": bought.invoice,
                "order_total": bought.order_total_minor,
            },
            "card": card_facts(_after(card, amount)),
            "transactions": transaction_facts(desk.ledger, posted),
        },
    )


def _after(card: Card, amount: Buckets) -> Card:
    """The card as it stands once this was taken, without reading it again."""
    balance = Buckets(card.balance.paid - amount.paid, card.balance.bonus - amount.bonus)
    return replace(card, balance=balance, redemptions=card.redemptions + 1)


def buyer(ledger: Ledger, customer_id: str | None) -> int | None:
    """The number of who was named as buying: SOMEBODY_ELSE where the ledger has no such customer."""
    if customer_id is None:
        return None
    return customer_number(ledger.connection, customer_id) or SOMEBODY_ELSE


def invoice_given(ledger: Ledger, text: str | None) -> str | None:
    """An invoice number, spaces around it left out. Raises UsageError for one that can't be kept."""
    if text is None:
        return None
    invoice = text.strip()
    if not 1 <= len(invoice) <= INVOICE_LENGTH_MAX:
        raise UsageError(
            f"--invoice takes a number of 1 to {INVOICE_LENGTH_MAX} characters, this one has {len(invoice)}: check it.",
            code="invoice_malformed",
        )
    if not invoice.isprintable():
        raise UsageError("--invoice has a character that can't be printed: type it anew.", code="invoice_malformed")
    if holds_card_number(invoice):
        raise UsageError(
            "--invoice holds the number of a payment card, which must not be kept: give the number of the invoice.",
            code="invoice_malformed",
        )
    if redeeming.is_a_code(ledger.connection, code_key(invoice)):
        raise UsageError("--invoice is a card's code: give the number of the invoice.", code="invoice_malformed")
    return invoice


def refuse_redeeming(
    ledger: Ledger,
    card: Card,
    bought: Purchase,
    now: datetime,
    *,
    pin: PinTyped | None = None,
    check_pin: bool = True,
    whole: bool = True,
) -> None:
    """Raise Refused with the first reason why this can't be bought with the card at this moment.

    What is None in `bought` is not known and not looked at, but where the campaign requires it of a `whole` purchase.
    Without `check_pin` a PIN is not asked for: a till that works on its own has done so, and `validate` only says that
    there is one.
    """
    if card.pause is not None:
        raise CampaignPaused(
            f"{card.campaign_name} is paused {card.pause}: nothing is redeemed until "
            f"`refundctl resume {card.campaign_name}`."
        )
    refuse_unusable(card, now)
    _refuse_hour(card, now)
    if whole or bought.customer is not None or card.customer is None:
        _refuse_customer(card, bought.customer)
    if check_pin:
        _refuse_pin(card, pin)
    if whole or bought.invoice is not None:
        _refuse_invoice(ledger, card, bought.invoice)
    if whole or bought.order_total_minor is not None:
        _refuse_order(card, bought)
    _refuse_balance(card, bought.amount_minor)


_WHAT_NEXT = {
    CardState.TRANSFERRED: (refusals.NotActive, "redeem that one"),
    CardState.FROZEN: (refusals.Disabled, "`refundctl cashout cancel` gives it back"),
    CardState.DISABLED: (refusals.Disabled, "`refundctl card enable` lets it be used again"),
    CardState.UNASSIGNED: (
        refusals.NotActive,
        "`refundctl card activate` or `refundctl card assign` brings it to life",
    ),
    CardState.EXPIRED: (
        refusals.CardExpired,
        "`refundctl card extend` revives it as long as its balance is not booked as expired",
    ),
    CardState.LOCKED: (refusals.Locked, "`refundctl card unlock` lets it be tried again"),
}


def refuse_unusable(card: Card, now: datetime) -> None:
    """Raise NotActive, Disabled, CardExpired or Locked where the card can't be used on this day."""
    expired_then = card.has_expired(now)
    if card.state is not CardState.ACTIVE and not (card.state is CardState.EXPIRED and not expired_then):
        refusal, advice = _WHAT_NEXT.get(card.state, (refusals.NotActive, "ask for the holder's other cards"))
        raise refusal(f"Card {card.card_id} {state_in_words(card)}: {advice}.")
    if expired_then:
        raise refusals.CardExpired(
            f"Card {card.card_id} expired on {card.expires_on}: nothing can be redeemed after that."
        )
    start = card.rules.start_date
    if start is not None and card.today(now) < start.isoformat():
        raise refusals.NotActive(f"Card {card.card_id} is valid from {start} on: redeem it then.")


def _refuse_hour(card: Card, now: datetime) -> None:
    if not card.rules.open_at(card.local(now)):
        raise refusals.OutsideHours(
            f"Card {card.card_id} can be redeemed only {card.rules.opening}, by the clocks of {card.timezone}, where "
            f"it is {card.local(now):%A %H:%M} now: try again then."
        )


def _refuse_customer(card: Card, customer: int | None) -> None:
    if not card.rules.holder_only or (customer is not None and customer == card.customer):
        return
    if card.customer is None:
        raise refusals.WrongCustomer(
            f"Card {card.card_id} has no holder, and {card.campaign_name} lets only holders redeem: give it one with "
            "`refundctl card assign`."
        )
    if customer is None:
        raise refusals.CustomerMissing(
            f"Only the holder of card {card.card_id} may redeem it", "name who buys with --customer"
        )
    raise refusals.WrongCustomer(f"Card {card.card_id} belongs to another customer: only its holder may redeem it.")


def _refuse_pin(card: Card, pin: PinTyped | None) -> None:
    if card.pin is None:
        return
    if pin is None:
        raise refusals.PinRequired(
            f"Card {card.card_id} has a PIN: give it with --pin-file FILE, or --pin-file - for stdin."
        )
    if not pin.matches(card.pin):
        left = WRONG_PINS_MAX - card.wrong_pins - 1
        then = (
            f"{left} more and it is locked"
            if left
            else "it is locked now; `refundctl card unlock` lets it be tried again"
        )
        raise refusals.PinWrong(f"That is not the PIN of card {card.card_id}: {then}.")


def _refuse_invoice(ledger: Ledger, card: Card, invoice: str | None) -> None:
    if invoice is None:
        if card.rules.invoice_required:
            raise refusals.InvoiceRequired(f"{card.campaign_name} asks for an invoice number: give it with --invoice.")
        return
    used_by = redeeming.invoice_used_by(ledger.connection, [card.number, *card.replaced], invoice)
    if used_by is not None:
        raise refusals.InvoiceUsed(
            f"Invoice {invoice} was paid with card {card.card_id} before, by transaction {used_by}: a number is used "
            "once, also after a rollback."
        )


def _refuse_order(card: Card, bought: Purchase) -> None:
    minimum, total = card.rules.minimum_order_minor, bought.order_total_minor
    if minimum is not None and (total is None or total < minimum):
        what = f"{card.campaign_name} takes its cards for orders of {money(minimum, card.currency)} and above"
        if total is None:
            raise refusals.OrderTotalMissing(what, "name the order's total with --order-total")
        raise refusals.OrderRefused(f"{what}: this one is {money(total, card.currency)}.")
    if total is not None and bought.amount_minor is not None and bought.amount_minor > total:
        raise refusals.OrderRefused(
            f"{money(bought.amount_minor, card.currency)} is more than the order's total of "
            f"{money(total, card.currency)}: take at most that."
        )


def _refuse_balance(card: Card, amount_minor: int | None) -> None:
    quantity = card.rules.quantity
    if quantity is not None and card.redemptions >= quantity:
        times = "once" if quantity == 1 else f"{quantity} times"
        raise refusals.QuantityExceeded(
            f"Card {card.card_id} may be redeemed {times}, and was: nothing more can be bought with it."
        )
    balance = card.balance.total
    if balance < (amount_minor or 1):
        raise refusals.BalanceTooLow(
            f"Card {card.card_id} holds {money(balance, card.currency)}: "
            + (
                "nothing is left on it."
                if not balance
                else f"take at most that, not {money(amount_minor or 0, card.currency)}."
            )
        )
