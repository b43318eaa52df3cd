"""refundctl card find: the cards of a customer, a booking, an address, or in a state."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import Facts
from refundctl.cli.shell.arguments import Where, where_condition
from refundctl.cli.shell.common import Common, command, existing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, plural, table
from refundctl.cli.shell.wording import in_words
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.card_state import CardState
from refundctl.operations.desk import find as operation

CARDS_LISTED = 100


@command("card find", short="List the cards of a customer, a booking, an address ...")
def find(
    common: Common,
    customer: take.Customer = None,
    booking: Annotated[str | None, typer.Option("--booking", metavar="ID", help="The booking's number.")] = None,
    email: Annotated[
        str | None, typer.Option("--email", metavar="E", help="The holder's e-mail address, in any case of letters.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="S", help=f"Only cards in this state: {', '.join(CardState)}.")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="Only cards of this campaign.")
    ] = None,
    where: Where = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="How many cards to list at most.")
    ] = CARDS_LISTED,
) -> int:
    """List the cards of a customer, a booking, an address, or in a state: all that is named must hold.

    --where finds the cards for such bookings, and their customers' cards that are for no single booking.
    """
    search = operation.Search(customer, booking, email, state, campaign, where_condition(where) if where else None)
    if search == operation.Search():
        raise UsageError("Say which cards: name --customer, --booking, --email, --state, --campaign or --where.")
    with existing_ledger(common) as ledger, ledger.reading():
        found = operation.find(ledger, search, limit)
    return Report(
        human=lambda out: _list(out, found),
        campaign=campaign,
        counts={"cards": len(found.cards)},
        extra={"cards": found.cards, "more": found.more},
    ).tell(common)


_CARD_COLUMNS = ("card", "code", "campaign", "state", "balance", "last day", "customer", "booking")


def _list(out: Screen, found: operation.FoundCards) -> None:
    if not found.cards:
        out.print("No card is like that.")
        return
    table(out, [_CARD_COLUMNS, *map(_card, found.cards)])
    if found.more:
        out.print(f"These are the first {plural(len(found.cards), 'card')}: --limit shows more.")


def _card(facts: Facts) -> tuple[str, ...]:
    return (
        facts["card_id"],
        facts["code"],
        facts["campaign"],
        in_words(facts["state"]),
        amount(facts["balance"], facts["currency"]),
        facts["expires_on"] or "",
        facts["customer_id"] or "",
        ", ".join(facts["booking_ids"]),
    )
