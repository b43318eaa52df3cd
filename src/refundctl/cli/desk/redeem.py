"""refundctl card redeem: taking money off cards."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import bonus_of_it
from refundctl.cli.desk.typed_secrets import pin_given
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.operations.desk.deeds import on_card
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.pins import PinTyped, prepare_pin
from refundctl.operations.desk.redeem import Redeem

Amount = Annotated[str, typer.Option("--amount", metavar="A", help='How much, such as 12.50 or "EUR 12.50".')]
Invoice = Annotated[
    str | None, typer.Option("--invoice", metavar="N", help="The invoice's number; each is used once per card.")
]


@command("card redeem", writes=True, short="Take a purchase off a card.")
def redeem(
    common: Common,
    card: take.CardName,
    amount: Amount,
    invoice: Invoice = None,
    customer: take.Customer = None,
    order_total: take.OrderTotal = None,
    pin_file: take.PinFile = None,
    key: take.Key = None,
) -> int:
    """Take a purchase off a card: all rules are looked at and the money taken at once, or nothing is.

    An invoice number is used once per card, also after a rollback.
    """
    text = pin_given(pin_file, card)
    pin = None if text is None else PinTyped(text)
    deed = Redeem(amount, invoice, customer, order_total, pin)
    named = take.card_named(card)
    with take.desk_ledger(common) as (ledger, journal):
        prepare_pin(ledger, named, pin)
        answer = on_card(ledger, journal, named, deed, key=take.key_given(ledger, key), keep=not common.dry_run)
    return take.tell_answer(common, answer, _tell_redemption)


def _tell_redemption(out: Screen, answer: Answer) -> None:
    redemption, card = answer.facts["redemption"], answer.facts["card"]
    currency = redemption["currency"]
    bonus = bonus_of_it(redemption["bonus"], currency)
    invoice = f" for invoice {redemption['invoice']}" if redemption["invoice"] else ""
    out.print(
        f"Redeemed {amount(redemption['amount'], currency)}{bonus} from card {card['card_id']}{invoice}; "
        f"{amount(card['balance'], currency)} left."
    )
    out.print(f"Transaction {redemption['id']}: `refundctl card rollback {redemption['id']}` gives it back.")
