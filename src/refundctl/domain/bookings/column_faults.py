"""What is wrong with the rows of columns, and payment cards' numbers, which no column may hold."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from refundctl.domain.basics.payment_card_numbers import holds_card_number, may_hold_card_number
from refundctl.domain.bookings.booking_cells import FIELDS, REFUNDED, WHITESPACE, Fault, RejectCode

Texts = Sequence[str]
Values = Sequence[Any]

MISSING = Fault(RejectCode.MISSING_VALUE, "is blank; fill it in")
CARD_NUMBER = Fault(
    RejectCode.PAYMENT_CARD_NUMBER, "holds the number of a payment card, which may not be kept; take it out"
)
_RANKS = {name: rank for rank, name in enumerate(FIELDS)}


class Faults:
    """What is wrong with which row (from 0): of several faults in a row, the first in the order of FIELDS.

    Only a payment card's number goes before all others, since its row needs more care than fixing.
    """

    def __init__(self) -> None:
        self._first: dict[int, tuple[int, str, Fault]] = {}

    def add(self, row: int, name: str, fault: Fault) -> None:
        """Note a fault in the field `name` of a row."""
        last = len(FIELDS)
        rank = -1 if fault.code is RejectCode.PAYMENT_CARD_NUMBER else _RANKS.get(name, last)
        if row not in self._first or rank < self._first[row][0]:
            self._first[row] = (rank, name, fault)

    def __contains__(self, row: int) -> bool:
        return row in self._first

    def __len__(self) -> int:
        return len(self._first)

    def __iter__(self) -> Iterator[tuple[int, str, Fault]]:
        """Row, field and fault, by row."""
        for row in sorted(self._first):
            _, name, fault = self._first[row]
            yield row, name, fault


def take_out_faults(name: str, values: list[Any], rows: Iterable[int], faults: Faults) -> None:
    """Move the Faults among the values of these rows to where they are collected, and leave None."""
    for row in rows:
        value = values[row]
        if isinstance(value, Fault):
            faults.add(row, name, value)
            values[row] = None


def find_card_numbers(columns: Mapping[str, Texts], faults: Faults) -> None:
    """Add the rows in which a field holds a payment card's number; the reason never repeats it.

    A phone number that starts with + is none: calling codes begin with the same digits as card numbers.
    """
    for name, texts in columns.items():
        # What was refunded before is taken off, but never kept.
        if name == REFUNDED or not may_hold_card_number("\n".join(texts).encode()):
            continue
        for row, text in enumerate(texts):
            international = name == "phone" and text.strip(WHITESPACE).startswith("+")
            if not international and holds_card_number(text):
                faults.add(row, name, CARD_NUMBER)
