"""Whole columns of bookings: amounts, people and ids together, each column read as column_rules says."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from refundctl.domain.bookings.amount_columns import AmountColumns
from refundctl.domain.bookings.booking_cells import FIELDS, REFUNDED
from refundctl.domain.bookings.column_faults import MISSING, Faults, Texts, Values
from refundctl.domain.bookings.person_columns import PersonColumns


@dataclass(slots=True)
class BookingRules(AmountColumns, PersonColumns):
    """The rules of all of a source's columns."""

    def read(self, texts: Mapping[str, Texts], count: int, faults: Faults) -> dict[str, Values | None]:
        """The values of `count` rows, given as columns of texts; what is wrong with a row goes to `faults`.

        Besides canonical columns there may be one called `refunded`. Each canonical column has an entry, None where
        there is neither column nor constant. Amounts are in minor units: `refund_amount` is less what was refunded
        before; `cash_amount` and `bonus_amount` are 0 where blank. The values of a row at fault mean nothing.
        """
        given = self.with_constants(texts, count)
        columns: dict[str, Values | None] = dict.fromkeys(FIELDS)
        columns |= self.read_money(given, faults)
        for name in given:
            if name != REFUNDED and columns[name] is None:
                columns[name] = self.read_column(name, given[name], faults)
        booking_ids = columns["booking_id"] or ()
        for row, booking_id in enumerate(booking_ids) if None in booking_ids else ():
            if booking_id is None:
                faults.add(row, "booking_id", MISSING)
        columns |= self._ids(columns, faults)
        ids, emails = columns["customer_id"], columns["email"]
        columns["customer_id"] = self.customer_ids(ids, emails, given, count, faults)
        return columns

    def line_ids(self, texts: Mapping[str, Texts]) -> list[tuple[str, str]]:
        """Which refund lines these rows are about, where they say so: booking_id and refund_id, '' for the whole."""
        faults = Faults()
        names = [name for name in ("booking_id", "refund_id") if name in texts]
        columns = dict.fromkeys(("booking_id", "refund_id", "customer_id")) | {
            name: self.read_column(name, texts[name], faults) for name in names
        }
        ids = self._ids(columns, faults)
        booking_ids = ids["booking_id"] or ()
        refund_ids = ids["refund_id"] or [None] * len(booking_ids)
        return [
            (booking_id, refund_id or "")
            for row, (booking_id, refund_id) in enumerate(zip(booking_ids, refund_ids, strict=True))
            if booking_id is not None and row not in faults
        ]

    def _ids(self, columns: Mapping[str, Values | None], faults: Faults) -> dict[str, Values | None]:
        """The three kinds of ids, with the prefix where there is one; no e-mail stands for a customer yet."""
        booking_ids, customer_ids = columns["booking_id"] or (), columns["customer_id"]
        refund_ids = _own_ids(columns["refund_id"], booking_ids)
        if self.id_prefix:
            booking_ids = self.prefixed("booking_id", booking_ids, faults)
            customer_ids = customer_ids and self.prefixed("customer_id", customer_ids, faults)
            refund_ids = _own_ids(refund_ids, booking_ids)
        return {"booking_id": booking_ids, "refund_id": refund_ids, "customer_id": customer_ids}


def _own_ids(refund_ids: Values | None, booking_ids: Values) -> Values | None:
    """A refund line that has the id of its booking needs none of its own."""
    if refund_ids is None:
        return None
    return [
        None if refund_id == booking_id else refund_id
        for refund_id, booking_id in zip(refund_ids, booking_ids, strict=True)
    ]


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def metadata_texts(columns: Mapping[str, Values]) -> Values | None:
    """One JSON object per row with sorted keys and without blank values; None where a row has no value."""
    if not columns:
        return None
    names = sorted(columns)
    return [_metadata_text(names, row) for row in zip(*(columns[name] for name in names), strict=True)]


def _metadata_text(names: Sequence[str], row: Iterable[str | None]) -> str | None:
    said = {name: text for name, text in zip(names, row, strict=True) if text is not None}
    return _encode(said) if said else None
