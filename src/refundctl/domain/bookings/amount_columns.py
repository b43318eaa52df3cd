"""The columns of amounts, in minor units of the currency of each row, and the currency itself."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.currency_signs import currencies_of, is_sign
from refundctl.domain.basics.money import AmountError, is_currency, parse_amount, parse_amounts
from refundctl.domain.bookings.booking_cells import (
    REFUNDED,
    REQUIRED,
    ZERO_OR_MORE,
    Fault,
    RejectCode,
    quoted,
    read_currency,
    refund_items,
    split_currency,
)
from refundctl.domain.bookings.column_faults import MISSING, Faults, Texts, Values, take_out_faults
from refundctl.domain.bookings.column_rules import ColumnRules

#: Amounts tried at once where some of their column are odd: about one in a hundred of them often is.
SLICE = 32


@dataclass(slots=True)
class AmountColumns(ColumnRules):
    """The rules of a source's columns that are money."""

    def read_money(self, given: Mapping[str, Texts], faults: Faults) -> dict[str, Values | None]:
        """The currency and all columns of amounts, as BookingRules.read() tells of them; None where there is none."""
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
            faults.add(row, "order_amount", MISSING)
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
        if self.has_null(texts):
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
            return MISSING if name in REQUIRED else None
        glued, amount = split_currency(text)
        if glued is not None and (glued == currency or currency in currencies_of(glued)):
            text = amount
        elif glued is not None and (is_sign(glued) or is_currency(glued)):
            named = f"has the sign {glued}" if is_sign(glued) else f"is in {glued}"
            reason = f"{named}, but the currency of its row is {currency}; correct one of them"
            return Fault(RejectCode.CURRENCY_MISMATCH, reason)
        signed = name in ZERO_OR_MORE
        try:
            return parse_amount(
                text, currency, decimal=self.decimal, thousands=self.thousands, signed=signed, preset=self.preset
            )
        except AmountError as error:
            return Fault(RejectCode(error.code), str(error))

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
            take_out_faults(name, values, range(len(values)), faults)
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
