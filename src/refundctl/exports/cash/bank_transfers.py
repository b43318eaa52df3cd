"""Files for the bank: credit transfers as pain.001 (ISO 20022, as SEPA takes it), or a CSV for paying by hand.

The same payments give the same bytes: ids and dates come from the file's own row in the ledger, not from the clock.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refundctl.domain.basics.money import format_amount
from refundctl.exports.csv_text import encode, safe_cell
from refundctl.ledger.cash.debts import Debt

#: The columns of the CSV; with a column `status` filled in it is what `cashout settle` takes.
CASH_COLUMNS = (
    "id", "end_to_end_id", "customer_id", "name", "iban", "bic", "amount", "currency", "campaign", "card_id",
    "booking_id", "refund_id", "source", "created_at",
)  # fmt: skip
#: The version of pain.001 that the SEPA rulebooks name since November 2023.
SCHEMA = "pain.001.001.09"
SEPA_CURRENCY = "EUR"
SEPA_MINOR_MAX = 99_999_999_999  # EPC132-08: amounts are 999,999,999.99 or less
NAME_LENGTH_MAX, PURPOSE_LENGTH_MAX = 70, 140  # EPC132-08
_NAMESPACE = f"urn:iso:std:iso:20022:tech:xsd:{SCHEMA}"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with a bank account: an IBAN that was checked, and a BIC, or blank."""

    name: str
    iban: str
    bic: str


@dataclass(frozen=True, slots=True)
class Payment:
    """What pays one debt: the bank answers under `payment_id`, and in a CSV `to` may be without an account."""

    payment_id: str
    debt: Debt
    to: Party


@dataclass(frozen=True, slots=True)
class Message:
    """A pain.001 as a whole: its id, and when it was reserved (RFC 3339 in UTC), which is also the day to pay on."""

    message_id: str
    reserved_at: str


def as_csv(payments: Sequence[Payment]) -> bytes:
    """The payments as CSV, amounts in major units."""
    return encode([CASH_COLUMNS, *map(_row, payments)])


def _row(payment: Payment) -> Sequence[str]:
    debt, to = payment.debt, payment.to
    texts = (debt.campaign, debt.card_id, debt.booking_id, debt.refund_id, debt.source, debt.created_at)
    return (
        str(debt.debt_id), payment.payment_id, safe_cell(debt.customer_id),
        safe_cell("".join(filter(str.isprintable, to.name))), to.iban, to.bic,
        format_amount(debt.amount_minor, debt.currency), debt.currency, *(safe_cell(text) for text in texts),
    )  # fmt: skip


def as_credit_transfer(message: Message, debtor: Party, payments: Sequence[Payment]) -> bytes:
    """A pain.001 that pays all of these, in EUR, at once; it holds against the standard's own XSD."""
    from sepaxml import SepaTransfer
    from sepaxml.validation import try_valid_xml

    transfer = SepaTransfer({**_party(debtor), "batch": True, "currency": SEPA_CURRENCY}, schema=SCHEMA, clean=False)
    for payment in payments:
        transfer.add_payment(_transfer(payment, message))
    text = _made_repeatable(transfer.export(validate=False), message)
    try_valid_xml(text, SCHEMA)
    return text


def _transfer(payment: Payment, message: Message) -> dict[str, object]:
    from datetime import date

    return {
        **_party(payment.to),
        "amount": payment.debt.amount_minor,
        "execution_date": date.fromisoformat(message.reserved_at[:10]),
        "description": _purpose(payment.debt),
        "endtoend_id": payment.payment_id,
    }


def _party(party: Party) -> dict[str, object]:
    found: dict[str, object] = {"name": sepa_text(party.name, NAME_LENGTH_MAX), "IBAN": party.iban}
    return {**found, "BIC": party.bic} if party.bic else found


def _purpose(debt: Debt) -> str:
    """What the customer reads on the statement of their account."""
    about = debt.refund_id or debt.booking_id or debt.card_id or ""
    return sepa_text(f"Refund {about} ({debt.campaign})", PURPOSE_LENGTH_MAX)


def _made_repeatable(text: bytes, message: Message) -> bytes:
    """Our ids and moment for those that sepaxml has drawn; and what banks want where a BIC is unknown."""
    from xml.etree import ElementTree

    root = ElementTree.fromstring(text)  # noqa: S314 - made by sepaxml just now
    own = {"MsgId": message.message_id, "PmtInfId": message.message_id, "CreDtTm": message.reserved_at}
    for name, value in own.items():
        for element in root.iter(f"{{{_NAMESPACE}}}{name}"):
            element.text = value
    for bank in root.iter(f"{{{_NAMESPACE}}}FinInstnId"):
        if not len(bank):
            other = ElementTree.SubElement(bank, f"{{{_NAMESPACE}}}Othr")
            ElementTree.SubElement(other, f"{{{_NAMESPACE}}}Id").text = "NOTPROVIDED"
    ElementTree.register_namespace("", _NAMESPACE)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


# What SEPA takes (EPC217-08); the signs below are ASCII's others, by what they are best replaced with.
_NOT_SEPA = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")
_REPLACED = {
    ord(sign): other for sign, other in {"&": "+", "_": "-", "@": "(at)", '"': "'", ";": ",", "`": "'"}.items()
}


def sepa_text(text: str, length_max: int) -> str:
    """A text in the signs that every bank takes: `José Müller & Søn` is `Jose Muller + Son`. It may come out blank."""
    from text_unidecode import unidecode

    plain = _NOT_SEPA.sub(" ", unidecode(text).translate(_REPLACED))
    # A slash at an end, or two in a row, mean something of their own in interbank messages.
    words = re.sub("/{2,}", "/", plain).split()
    return " ".join(words)[:length_max].strip("/ ")


def first_sepa_text(texts: Iterable[str | None]) -> str:
    """The first of these that is not blank in SEPA's signs, as it was written; NOTPROVIDED where all are."""
    return next((text for text in texts if text and sepa_text(text, NAME_LENGTH_MAX)), "NOTPROVIDED")
