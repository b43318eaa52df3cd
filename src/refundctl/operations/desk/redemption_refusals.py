"""Why a redemption is refused: each rule that a purchase must keep, in the order in which they are looked at.

The schema's guards refuse an overdraft and an invoice's second use once more (0001_first.sql).
"""

from dataclasses import dataclass
from datetime import datetime

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.cards.state import WRONG_PINS_MAX
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import redeeming
from refundctl.operations.campaigns.pause import CampaignPaused
from refundctl.operations.desk import refusals
from refundctl.operations.desk.amounts import money
from refundctl.operations.desk.pins import PinTyped
from refundctl.operations.desk.refusals import state_in_words

SOMEBODY_ELSE = 0  # no customer's number


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be taken, in minor units; for `validate`, what is known of it.

    `customer` is the number of who buys: SOMEBODY_ELSE where the ledger doesn't know the id that was given.
    """

    amount_minor: int | None
    invoice: str | None
    order_total_minor: int | None
    customer: int | None


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
    Without `check_pin` none is asked for: a till on its own has done so, and `validate` only says that there is one.
    """
    if card.pause is not None:
        raise CampaignPaused(
            f"{card.campaign_name} is paused {card.pause}: nothing is redeemed until "
            f"`refundctl resume {card.campaign_name}`."
        )
    _refuse_unusable(card, now)
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
    CardState.UNASSIGNED: (refusals.NotActive, "`refundctl card activate` or `refundctl card assign` activates it"),
    CardState.EXPIRED: (
        refusals.CardExpired,
        "`refundctl card extend` revives it as long as its balance is not booked as expired",
    ),
    CardState.LOCKED: (refusals.Locked, "`refundctl card unlock` lets it be tried again"),
}


def _refuse_unusable(card: Card, now: datetime) -> None:
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
