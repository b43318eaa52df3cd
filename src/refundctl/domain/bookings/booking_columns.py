"""Whole columns of bookings read by the rules of one value, at the speed of a column.

A column is taken as it is where one regular expression shows that each of its texts is right as it stands,
and read text by text otherwise, each distinct text once. Both ways give the same.
"""

import json
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from refundctl.domain.basics.currency_signs import currencies_of, is_sign
from refundctl.domain.basics.money import AmountError, is_currency, parse_amount, parse_amounts
from refundctl.domain.basics.payment_card_numbers import holds_card_number, may_hold_card_number
from refundctl.domain.bookings.booking_cells import (
    FIELDS,
    REFUNDED,
    REQUIRED,
    USUAL_EMAIL,
    WHITESPACE,
    ZERO_OR_MORE,
    Fault,
    RejectCode,
    quoted,
    read_country,
    read_currency,
    read_date,
    read_email,
    read_id,
    read_line_id,
    read_locale,
    read_name,
    read_text,
    read_tickets,
    read_yes_no,
    refund_items,
    split_currency,
)

#: The columns of a person, in the order in which they are checked.
PERSON_FIELDS = ("customer_id", "email", "name", "phone", "locale", "country", "marketing_consent")
#: Texts whose outcome a column keeps in mind.
REMEMBERED_MAX = 20_000
#: Amounts tried at once where some of their column are odd: about one in a hundred of them often is.
SLICE = 32

_PLAIN_ID = r"(?:#(?=[0-9]))?+[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,99}+"
#: Texts that their rule returns as they are, for columns whose texts rarely repeat. Each can be read in one
#: way only, so the possessive signs (`++`) never lose a match; all letters from U+00C0 to U+02BF are in NFC.
_PLAIN = {
    "booking_id": _PLAIN_ID,
    "refund_id": _PLAIN_ID,
    "customer_id": _PLAIN_ID,
    "email": USUAL_EMAIL,
    "name": r"[A-Za-z\u00c0-\u02bf][A-Za-z\u00c0-\u02bf .'\u2019-]{0,98}+(?<! )",
    "phone": r"\+?+[0-9][0-9 ()./-]{0,48}+(?<! )",
}
_PLAIN_VALUES = {name: re.compile(value) for name, value in _PLAIN.items()}
_PLAIN_COLUMNS = {name: re.compile(f"(?:(?:{value})?+\n)*+") for name, value in _PLAIN.items()}

_RULES: dict[str, Callable[[str], Any]] = {
    "booking_id": read_line_id,
    "refund_id": read_line_id,
    "currency": read_currency,
    "customer_id": read_id,
    "email": read_email,
    "name": read_name,
    "locale": read_locale,
    "country": read_country,
    "tickets": read_tickets,
    "accepted": read_yes_no,
    "marketing_consent": read_yes_no,
}

Texts = Sequence[str]
Values = Sequence[Any]

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


@dataclass(slots=True)
class BookingRules:
    """The rules of a source's columns. It remembers texts that it has read, since most of them repeat.

    `blanks` are texts that count as blank, besides the empty one; `constants` stand where a column is absent,
    and in its blank cells. `id_prefix` is put before the ids of bookings and customers. Where a reason says what to set in
    the source, it says how for one that begins with the `preset`.
    """

    decimal: str = "."
    thousands: str | None = None
    date_format: str | None = None
    blanks: frozenset[str] = frozenset()
    constants: Mapping[str, str] = field(default_factory=dict)
    id_prefix: str = ""
    preset: str | None = None
    _remembered: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blanks -= {""}

    def read(self, texts: Mapping[str, Texts], count: int, faults: Faults) -> dict[str, Values | None]:
        """The values of `count` rows, given as columns of texts; what is wrong with a row goes to `faults`.

        Besides canonical columns there may be one called `refunded`. Each canonical column has an entry, None where
        there is neither column nor constant. Amounts are in minor units: `refund_amount` is what is still owed, less
        what was refunded before; `cash_amount` and `bonus_amount` are 0 where blank. The values of a row at fault mean
        nothing.
        """
        given = self._with_constants(texts, count)
        columns: dict[str, Values | None] = dict.fromkeys(FIELDS)
        columns |= self._read_money(given, faults)
        for name in given:
            if name != REFUNDED and columns[name] is None:
                columns[name] = self.read_column(name, given[name], faults)
        _require(columns["booking_id"] or (), "booking_id", faults)
        columns |= self._ids(columns, faults)
        ids = columns["customer_id"]
        if ids is None or None in ids:
            columns["customer_id"] = ids = _customer_ids(ids, columns["email"], count)
            self._require_customers(given, ids, faults)
        return columns

    def read_people(self, texts: Mapping[str, Texts], count: int, faults: Faults) -> dict[str, Values]:
        """What `count` rows say of people, given as columns of texts; what is wrong with a row goes to `faults`.

        There is an entry for `customer_id`, and for each of PERSON_FIELDS that is a column or a constant. The values of a
        row at fault mean nothing.
        """
        given = self._with_constants(texts, count)
        columns = {name: self.read_column(name, given[name], faults) for name in PERSON_FIELDS if name in given}
        ids = columns.get("customer_id")
        if ids is not None and self.id_prefix:
            ids = self._prefixed("customer_id", ids, faults)
        if ids is None or None in ids:
            ids = _customer_ids(ids, columns.get("email"), count)
            self._require_customers(given, ids, faults)
        return {**columns, "customer_id": ids}

    def joined(self, parts: Sequence[Texts]) -> list[str]:
        """One column of texts from several, with a space between two of them; blank ones are left out."""
        return [" ".join(text for text in map(self.trimmed, row) if text) for row in zip(*parts, strict=True)]

    def read_column(self, name: str, texts: Texts, faults: Faults) -> Values:
        """The values of one column; None where a text is blank, and where it is at fault."""
        plain = _PLAIN_COLUMNS.get(name)
        if plain is None:
            return self._read_by_text(name, texts, faults)
        if not self._has_null(texts):
            joined = "\n".join((*texts, ""))
            # A text with a line break in it looks like two.
            if plain.fullmatch(joined) and joined.count("\n") == len(texts):
                return [text or None for text in texts] if "" in texts else texts
        return self._read_but_plain(name, texts, faults)

    def _has_null(self, texts: Texts) -> bool:
        return bool(self.blanks) and not self.blanks.isdisjoint(texts)

    def _read_but_plain(self, name: str, texts: Texts, faults: Faults) -> Values:
        is_plain = _PLAIN_VALUES[name].fullmatch
        others = [row for row, text in enumerate(texts) if not is_plain(text) or text in self.blanks]
        outcomes = self._outcomes(name, {texts[row] for row in others})
        values: list[Any] = list(texts)
        for row in others:
            values[row] = outcomes[texts[row]]
        _take_out_faults(name, values, others, faults)
        return values

    def _read_by_text(self, name: str, texts: Texts, faults: Faults) -> Values:
        distinct = set(texts)
        outcomes = self._outcomes(name, distinct)
        if all(outcomes[text] == text for text in distinct):
            return texts
        values = [outcomes[text] for text in texts]
        if any(isinstance(outcomes[text], Fault) for text in distinct):
            _take_out_faults(name, values, range(len(values)), faults)
        return values

    def _outcomes(self, name: str, distinct: set[str]) -> dict[str, Any]:
        """At least for these texts, the value or the Fault of each."""
        known = self._remembered.setdefault(name, {})
        unread = distinct.difference(known)
        if len(known) + len(unread) > REMEMBERED_MAX:
            known.clear()
            unread = distinct
        rule = self._rule(name)
        for text in unread:
            known[text] = self._outcome(rule, text)
        return known

    def _rule(self, name: str) -> Callable[[str], Any]:
        if name in ("booked_at", "cancelled_at"):
            return partial(read_date, date_format=self.date_format, preset=self.preset)
        return _RULES.get(name, read_text)

    def _outcome(self, rule: Callable[[str], Any], text: str) -> Any:
        text = self.trimmed(text)
        return rule(text) if text else None

    def trimmed(self, text: str) -> str:
        """The text without the white space around it; empty where it counts as blank."""
        text = text.strip(WHITESPACE)
        return "" if text in self.blanks else text

    def _with_constants(self, texts: Mapping[str, Texts], count: int) -> dict[str, Texts]:
        given = dict(texts)
        for name, constant in self.constants.items():
            column = texts.get(name)
            if column is None:
                given[name] = [constant] * count
            else:
                given[name] = [text if self.trimmed(text) else constant for text in column]
        return given

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
            booking_ids = self._prefixed("booking_id", booking_ids, faults)
            customer_ids = customer_ids and self._prefixed("customer_id", customer_ids, faults)
            refund_ids = _own_ids(refund_ids, booking_ids)
        return {"booking_id": booking_ids, "refund_id": refund_ids, "customer_id": customer_ids}

    def _prefixed(self, name: str, ids: Values, faults: Faults) -> Values:
        """The ids behind the prefix, by the rule of ids: two letters may become one, or the whole too long."""
        is_plain, rule = _PLAIN_VALUES[name].fullmatch, self._rule(name)
        whole = [None if given is None else f"{self.id_prefix}{given}" for given in ids]
        values: list[Any] = [text if text is None or is_plain(text) else rule(text) for text in whole]
        _take_out_faults(name, values, range(len(values)), faults)
        return values

    def _require_customers(self, given: Mapping[str, Texts], ids: Values, faults: Faults) -> None:
        columns = [given[name] for name in ("customer_id", "email") if name in given]
        fault = Fault(RejectCode.NO_CUSTOMER, _NOBODY["customer_id" in given, "email" in given])
        for row, customer_id in enumerate(ids):
            # An id or e-mail at fault is missing here too, but has been named already.
            if customer_id is None and not any(self.trimmed(column[row]) for column in columns):
                faults.add(row, "customer_id", fault)

    # --- Money ---

    def _read_money(self, given: Mapping[str, Texts], faults: Faults) -> dict[str, Values | None]:
        orders = given["order_amount"]
        currencies = self._currencies(given.get("currency"), orders, faults)
        order_amounts = self._amounts("order_amount", orders, currencies, faults)
        refund_amounts: Sequence[int | None] = order_amounts
        if "refund_amount" in given:
            refunds = self._amounts("refund_amount", given["refund_amount"], currencies, faults)
            refund_amounts = _filled(refunds, order_amounts)
            _require_within("refund_amount", refund_amounts, order_amounts, _ABOVE_ORDER, faults)
        others = {name: self._zero_or_more(name, given, currencies, faults) for name in ZERO_OR_MORE}
        refunded, cash = others.pop(REFUNDED), others["cash_amount"]
        if refunded is not None:
            refund_amounts = _less(refund_amounts, refunded, faults)
        if cash is not None:
            _require_within("cash_amount", cash, refund_amounts, _ABOVE_REFUND, faults)
        return {"currency": currencies, "order_amount": order_amounts, "refund_amount": refund_amounts, **others}

    def _currencies(self, texts: Texts | None, orders: Texts, faults: Faults) -> Values:
        """The currency of each row: from its own column, or else from its order amount."""
        if texts is None:
            currencies: list[str | None] = [None] * len(orders)
        else:
            currencies = self._agreed(list(self.read_column("currency", texts, faults)), faults)
        if None in currencies:
            for row, currency in enumerate(currencies):
                if currency is None and row not in faults:
                    currencies[row] = self._currency_of(row, orders[row], faults)
        return currencies

    def _agreed(self, currencies: list[str | None], faults: Faults) -> list[str | None]:
        """What a row says of its currency may not differ from what the source says of all rows."""
        constant = self._constant_currency()
        if not constant or set(currencies) <= {constant, None}:
            return currencies
        for row, currency in enumerate(currencies):
            if currency not in {constant, None}:
                reason = (
                    f"is {currency}, but the source says {constant} for all rows; correct the cell, or take `currency` "
                    "out of the source's `constants`"
                )
                faults.add(row, "currency", Fault(RejectCode.CURRENCY_MISMATCH, reason))
                currencies[row] = None
        return currencies

    def _constant_currency(self) -> str | None:
        constant = self.constants.get("currency", "").strip()
        read = read_currency(constant) if constant else None
        return None if isinstance(read, Fault) else read

    def _currency_of(self, row: int, order: str, faults: Faults) -> str | None:
        order = self.trimmed(order)
        glued, _ = split_currency(order)
        if not order:
            faults.add(row, "order_amount", _MISSING)
            return None
        currency = _NO_CURRENCY if glued is None else _several(glued) or read_currency(glued)
        if isinstance(currency, Fault):
            faults.add(row, "currency", currency)
            return None
        return currency

    def _amounts(self, name: str, texts: Texts, currencies: Values, faults: Faults) -> Sequence[int | None]:
        """Minor units in each row's currency; None where the text is blank, the row or the text at fault."""
        groups = set(currencies)
        if len(groups) == 1:
            return self._amounts_in(currencies[0], name, texts, range(len(texts)), faults)
        values: list[int | None] = [None] * len(texts)
        for currency in groups:
            rows = [row for row, of_row in enumerate(currencies) if of_row == currency]
            amounts = self._amounts_in(currency, name, [texts[row] for row in rows], rows, faults)
            for row, amount in zip(rows, amounts, strict=True):
                values[row] = amount
        return values

    def _amounts_in(
        self, currency: str | None, name: str, texts: Texts, rows: Sequence[int], faults: Faults
    ) -> Sequence[int | None]:
        if currency is None:
            return [None] * len(texts)
        found = self._plain_amounts(texts, currency)
        if found is not None:
            return found
        values: list[int | None] = []
        for first in range(0, len(texts), SLICE):
            some, of_rows = texts[first : first + SLICE], rows[first : first + SLICE]
            values += self._plain_amounts(some, currency) or self._each_amount(currency, name, some, of_rows, faults)
        return values

    def _plain_amounts(self, texts: Texts, currency: str) -> list[int] | None:
        if self._has_null(texts):
            return None
        return parse_amounts(texts, currency, decimal=self.decimal, thousands=self.thousands)

    def _each_amount(
        self, currency: str, name: str, texts: Texts, rows: Sequence[int], faults: Faults
    ) -> Iterator[int | None]:
        for row, text in zip(rows, texts, strict=True):
            amount = self.read_amount(name, text, currency)
            if isinstance(amount, Fault):
                faults.add(row, name, amount)
                amount = None
            yield amount

    def read_amount(self, name: str, text: str, currency: str) -> int | Fault | None:
        """Minor units of an amount, which may name its currency; None where it may be blank and is.

        Faults: missing_value, malformed_amount, too_many_decimals, amount_not_positive, currency_mismatch.
        """
        text = self.trimmed(text)
        if not text:
            return _MISSING if name in REQUIRED else None
        glued, amount = split_currency(text)
        if glued == currency or (glued is not None and currency in currencies_of(glued)):
            text = amount
        elif glued is not None and is_sign(glued):
            reason = f"has the sign {glued}, but the currency of its row is {currency}; correct one of them"
            return Fault(RejectCode.CURRENCY_MISMATCH, reason)
        elif glued is not None and is_currency(glued):
            reason = f"is in {glued}, but the currency of its row is {currency}; correct one of them"
            return Fault(RejectCode.CURRENCY_MISMATCH, reason)
        signed = name in ZERO_OR_MORE
        try:
            return parse_amount(
                text,
                currency,
                decimal=self.decimal,
                thousands=self.thousands,
                signed=signed,
                preset=self.preset,
            )
        except AmountError as error:
            return Fault(RejectCode(error.code), error.sentence)

    def _zero_or_more(
        self, name: str, given: Mapping[str, Texts], currencies: Values, faults: Faults
    ) -> Sequence[int] | None:
        """Minor units in each row's currency, 0 where the text is blank or at fault; None where there is no column."""
        if name not in given:
            return None
        pairs = list(zip(given[name], currencies, strict=True))
        outcomes = {pair: self._zero_or_more_of(name, *pair) for pair in set(pairs)}
        values: list[Any] = list(map(outcomes.__getitem__, pairs))
        if any(isinstance(outcome, Fault) for outcome in outcomes.values()):
            _take_out_faults(name, values, range(len(values)), faults)
            return [value or 0 for value in values]
        return values

    def _zero_or_more_of(self, name: str, text: str, currency: str | None) -> int | Fault:
        text = self.trimmed(text)
        if currency is None or not text:
            return 0
        total = 0
        for item in refund_items(text) if name == REFUNDED else (text,):
            amount = self.read_amount(name, item, currency)
            if isinstance(amount, Fault):
                return amount
            if amount is not None and amount < 0:
                reason = f"{quoted(item)} is below zero; correct it, or leave it blank for nothing"
                return Fault(RejectCode.AMOUNT_NOT_POSITIVE, reason)
            total += amount or 0
        return total


#: By whether there is a column of customers' ids, and one of e-mails.
_NOBODY = {
    (True, True): "is blank, and so is the e-mail; fill in one of them",
    (True, False): "is blank, and no column is an e-mail; fill it in",
    (False, True): "has no column, and the e-mail is blank; fill in the e-mail, or add a column customer_id",
    (
        False,
        False,
    ): "has no column, nor has an e-mail; add one of them, or name it under `columns` of a source",
}

_MISSING = Fault(RejectCode.MISSING_VALUE, "is blank; fill it in")
_NO_CURRENCY = Fault(RejectCode.MISSING_VALUE, "is blank, and the amount names none; fill it in")


def _several(sign: str) -> Fault | None:
    """Where a sign says no single currency; the signs that do have been read as its code."""
    if not is_sign(sign):
        return None
    reason = f"is blank, and the sign {sign} in the amount stands for several; fill it in"
    return Fault(RejectCode.MISSING_VALUE, reason)


_ABOVE_ORDER = Fault(RejectCode.REFUND_EXCEEDS_ORDER, "is above the order amount; correct one of them")
_ABOVE_REFUND = Fault(RejectCode.CASH_EXCEEDS_REFUND, "is above what is refunded; correct one of them")
_NOTHING_LEFT = Fault(
    RejectCode.AMOUNT_NOT_POSITIVE, "is zero, since the order has been refunded in full already; leave the order out"
)


def _take_out_faults(name: str, values: list[Any], rows: Iterable[int], faults: Faults) -> None:
    for row in rows:
        value = values[row]
        if isinstance(value, Fault):
            faults.add(row, name, value)
            values[row] = None


def _require(values: Values, name: str, faults: Faults) -> None:
    if None in values:
        for row, value in enumerate(values):
            if value is None:
                faults.add(row, name, _MISSING)


def _filled(values: Sequence[int | None], others: Sequence[int | None]) -> Sequence[int | None]:
    if None not in values:
        return values
    return [other if value is None else value for value, other in zip(values, others, strict=True)]


def _require_within(name: str, amounts: Values, limits: Values, fault: Fault, faults: Faults) -> None:
    if None not in amounts and None not in limits and not any(map(operator.gt, amounts, limits)):
        return
    for row, (amount, limit) in enumerate(zip(amounts, limits, strict=True)):
        if amount is not None and limit is not None and amount > limit:
            faults.add(row, name, fault)


def _less(amounts: Sequence[int | None], refunded: Sequence[int], faults: Faults) -> Sequence[int | None]:
    """What is left to refund; None where there is nothing."""
    if not any(refunded):
        return amounts
    left: list[int | None] = []
    for row, (amount, back) in enumerate(zip(amounts, refunded, strict=True)):
        if amount is None or amount > back:
            left.append(amount and amount - back)
        else:
            faults.add(row, "refund_amount", _NOTHING_LEFT)
            left.append(None)
    return left


def _own_ids(refund_ids: Values | None, booking_ids: Values) -> Values | None:
    """A refund line that has the id of its booking needs none of its own."""
    if refund_ids is None:
        return None
    return [
        None if refund_id == booking_id else refund_id
        for refund_id, booking_id in zip(refund_ids, booking_ids, strict=True)
    ]


def _customer_ids(ids: Values | None, emails: Values | None, count: int) -> Values:
    """The customer's id, or else the e-mail in lower case."""
    nobody = [None] * count
    return [
        customer_id or (email and unicodedata.normalize("NFC", email.lower()))
        for customer_id, email in zip(ids or nobody, emails or nobody, strict=True)
    ]


# --- Metadata and card numbers ---

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


def find_card_numbers(columns: Mapping[str, Texts], faults: Faults) -> None:
    """Add the rows in which a field holds a payment card's number; the reason never repeats it.

    A phone number that starts with + is none: calling codes begin with the same digits as card numbers.
    """
    reason = "holds the number of a payment card, which may not be kept; take it out"
    for name, texts in columns.items():
        # What was refunded before is taken off, but never kept.
        if name == REFUNDED or not may_hold_card_number("\n".join(texts).encode()):
            continue
        for row, text in enumerate(texts):
            international = name == "phone" and text.strip(WHITESPACE).startswith("+")
            if not international and holds_card_number(text):
                faults.add(row, name, Fault(RejectCode.PAYMENT_CARD_NUMBER, reason))
