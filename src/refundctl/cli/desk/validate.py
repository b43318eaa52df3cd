"""refundctl card validate: whether a card could be redeemed now."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import balance, totals
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Report, Screen
from refundctl.operations.desk import validate as operation
from refundctl.operations.desk.looking_at_cards import look
from refundctl.operations.desk.redeem import Redeem


@command("card validate", short="Say whether a card could be redeemed now, and why not.")
def validate(
    common: Common,
    card: take.CardName,
    customer: take.Customer = None,
    value: Annotated[
        str | None, typer.Option("--amount", metavar="A", help='How much is to be taken, such as 12.50 or "EUR 12.50".')
    ] = None,
    invoice: Annotated[str | None, typer.Option("--invoice", metavar="N", help="The invoice's number.")] = None,
    order_total: take.OrderTotal = None,
) -> int:
    """Say whether a card could be redeemed now, and why not; what is not known yet is not looked at.

    Nothing is changed; a refusal is recorded.
    """
    named = take.card_named(card)
    intended = Redeem(value, invoice, customer, order_total)
    with take.desk_ledger(common) as (ledger, journal):
        found = look(ledger, journal, named, lambda seen: operation.validate(seen, intended))
    return Report(
        human=lambda out: _tell_valid(out, found),
        campaign=found.facts["campaign"],
        totals=totals(found.facts),
        extra={"valid": True, "needs": list(found.needs), "card": found.facts},
    ).tell(common)


_NEEDS = {
    "invoice": "the invoice's number (--invoice)",
    "customer": "who buys (--customer)",
    "order_total": "the order's total (--order-total)",
    "pin": "the PIN (--pin-file)",
}


def _tell_valid(out: Screen, found: operation.Valid) -> None:
    facts = found.facts
    until = f"through {facts['expires_on']}" if facts["expires_on"] else "and never expires"
    out.print(f"Card {facts['card_id']} can be redeemed now: it holds {balance(facts)}, and is valid {until}.")
    if found.needs:
        out.print(f"`refundctl card redeem` will ask for {', '.join(_NEEDS[name] for name in found.needs)}.")
