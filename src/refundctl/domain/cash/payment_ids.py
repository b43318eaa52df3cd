"""The ids under which payments stand in files for the bank, so that the bank's answer finds what was owed.

A payment's id names the ledger, the debt and the file: a debt that the bank has rejected is in another file under
another id, so that an old answer never speaks of the new payment. At most 35 signs, as ISO 20022 has it (Max35Text).
"""

import re
from dataclasses import dataclass

LEDGER_SIGNS = 8  # of a ledger's id of 32
_FORM = re.compile(r"REFUNDCTL-([0-9a-f]{8})-([0-9]{1,10})(?:-([0-9]{1,5}))?")
_PLAIN = re.compile(r"[0-9]{1,18}")  # what SQLite takes for a whole number


@dataclass(frozen=True, slots=True)
class PaymentId:
    """What an id names: a debt, and the file for the bank that it is in; None where only the debt was named."""

    debt: int
    cash_file: int | None


@dataclass(frozen=True, slots=True)
class OtherLedger:
    """An id that another ledger has made."""


def payment_id(ledger_id: str, debt: int, cash_file: int) -> str:
    """The id of the payment of a debt in a file (EndToEndId)."""
    return f"{message_id(ledger_id, debt)}-{cash_file}"


def message_id(ledger_id: str, cash_file: int) -> str:
    """The id of a file for the bank (MsgId)."""
    return f"REFUNDCTL-{ledger_id[:LEDGER_SIGNS]}-{cash_file}"


def parse_payment_id(text: str, ledger_id: str) -> PaymentId | OtherLedger | None:
    """The payment that a text names, which may be a debt's plain number; None where it is no such id."""
    if _PLAIN.fullmatch(text):
        return PaymentId(int(text), None)
    found = _FORM.fullmatch(text)
    if found is None or found[3] is None:
        return None
    if found[1] != ledger_id[:LEDGER_SIGNS]:
        return OtherLedger()
    return PaymentId(int(found[2]), int(found[3]))


def parse_message_id(text: str, ledger_id: str) -> int | OtherLedger | None:
    """The number of the file for the bank that a text names; None where it is no such id."""
    found = _FORM.fullmatch(text)
    if found is None or found[3] is not None:
        return None
    return int(found[2]) if found[1] == ledger_id[:LEDGER_SIGNS] else OtherLedger()
