"""Taking what is bought off a card: every rule is looked at, and the money taken, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.basics.payment_card_numbers import holds_card_number
from refundctl.domain.cards.buckets import Buckets, taken
from refundctl.domain.cards.redemption_rules import INVOICE_LENGTH_MAX
from refundctl.ledger.cards.finding_cards import is_a_code
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.people.finding_people import customer_number
from refundctl.operations.desk.amounts import amount_of
from refundctl.operations.desk.deeds import moved
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.pins import PinTyped
from refundctl.operations.desk.redemption_refusals import SOMEBODY_ELSE, Purchase, refuse_redeeming


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
        amount, posted = post(desk.ledger, card, bought, desk.run_id)
        redemption = {
            "id": posted[0],
            "card_id": card.card_id,
            "amount": amount.total,
            "paid": amount.paid,
            "bonus": amount.bonus,
            "currency": card.currency,
            "invoice": bought.invoice,
            "order_total": bought.order_total_minor,
        }
        return moved(desk, _after(card, amount), "redemptions", "redeemed", amount, posted, redemption=redemption)


def post(
    ledger: Ledger, card: Card, bought: Purchase, run_id: int, redeemed_at: str | None = None, *, by_till: bool = False
) -> tuple[Buckets, list[int]]:
    """Take off what refuse_redeeming() lets pass; gives what was taken, and the transactions."""
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
    return amount, redeeming.redeem(ledger.connection, new, run_id)


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
        raise UsageError("--invoice has a character that can't be printed: type it again.", code="invoice_malformed")
    if holds_card_number(invoice):
        raise UsageError(
            "--invoice holds the number of a payment card, which must not be kept: give the number of the invoice.",
            code="invoice_malformed",
        )
    if is_a_code(ledger.connection, invoice):
        raise UsageError("--invoice is a card's code: give the number of the invoice.", code="invoice_malformed")
    return invoice
