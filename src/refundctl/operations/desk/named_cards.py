"""The card, or the customer, that somebody has named."""

from refundctl.domain.cards.codes import is_card_id, mask
from refundctl.ledger.cards.finding_cards import card_number, lookalikes
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.people.finding_people import customer_number
from refundctl.operations.desk.refusals import CardUnknown, CustomerUnknown


def find_card(ledger: Ledger, named: str) -> Card:
    """The card of this card_id or code. Raises CardUnknown."""
    number = card_number(ledger.connection, named)
    if number is None:
        raise _unknown(ledger, named)
    return read_card(ledger.connection, number, ledger.clock.now)


def _unknown(ledger: Ledger, named: str) -> CardUnknown:
    if is_card_id(named):
        return CardUnknown(
            f"There is no card {named} in {ledger.path}: `refundctl card find` lists the cards of a customer or "
            "booking."
        )
    alike = lookalikes(ledger.connection, named)
    hint = "check each character, or find the card with `refundctl card find`"
    if alike:
        cards = "a card has" if alike == 1 else f"{alike} cards have"
        hint = f"{cards} one that looks like it, so check whether each 0 is an O, and each 1 an I or L"
    return CardUnknown(f"There is no card with the code {mask(named)} in {ledger.path}: {hint}.")


def customer_named(ledger: Ledger, customer_id: str) -> int:
    """The number of a customer. Raises CustomerUnknown, without the id, as it may be an e-mail address."""
    number = customer_number(ledger.connection, customer_id)
    if number is None:
        raise CustomerUnknown(
            f"{ledger.path} has no customer of this id: look at the customer_id in the bookings' file, or bring the "
            "person in with `refundctl load-customers`."
        )
    return number
