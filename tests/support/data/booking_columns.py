"""Columns of bookings, read by the rules of a source."""

from collections.abc import Mapping, Sequence
from typing import Any

from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults

Columns = Mapping[str, Sequence[str]]


def read(texts: Columns, rules: BookingRules | None = None) -> tuple[dict[str, Any], list[tuple[int, str, str]]]:
    """The columns that are there, and row, field and code of each fault."""
    faults = Faults()
    count = len(next(iter(texts.values())))
    columns = (rules or BookingRules()).read(texts, count, faults)
    there = {name: list(values) for name, values in columns.items() if values is not None}
    return there, [(row, name, fault.code) for row, name, fault in faults]


ONE = {"booking_id": ["R1"], "order_amount": ["12.50"], "currency": ["EUR"], "email": ["ana@example.org"]}
