"""Files with a row per line item: what the rows of one booking say together.

Everything here is on texts, so that the rules of a booking's cells then judge the row that comes out like any other.
Which row comes first never matters. A cell that would be refused by itself is handed on, for its own rule to refuse.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, pairwise
from operator import itemgetter, ne

from refundctl.domain.basics.currency_signs import currencies_of, is_sign
from refundctl.domain.basics.money import DIGITS_MAX, INTEGER_DIGITS_MAX, is_currency
from refundctl.domain.bookings.booking_cells import (
    REFUNDED,
    TEXT_LENGTH_MAX,
    WHITESPACE,
    ZERO_OR_MORE,
    Fault,
    RejectCode,
    refund_items,
    split_currency,
)
from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults, Texts

#: Columns whose cells are added up, besides `tickets`.
SUMMED = ("order_amount", "refund_amount", REFUNDED, "cash_amount", "bonus_amount")
#: Columns in which the rows of a group may not differ, blanks aside; in other columns a difference leaves a blank.
AGREED = ("customer_id", "email", "currency", "refund_id", "accepted")
#: Metadata of several rows are joined by this.
JOINT = "; "
METADATA = "metadata."

#: Where each group of rows begins in columns in which they stand next to each other, and where the last one ends.
Starts = Sequence[int]
#: The first row of a group, and the first behind it.
Group = tuple[int, int]
#: A minus or nothing, digits before and behind the decimal sign, and the currency, where the amount names one.
Item = tuple[str, str, str, str]
#: Amounts with more decimals than any currency has are read one by one.
PLAIN_DECIMALS_MAX = 4


@dataclass(slots=True)
class LineItemRules:
    """How the rows of a group become one, in the notation that `rules` has."""

    rules: BookingRules
    _notation: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        thousands = self.rules.thousands
        grouped = "" if thousands is None else f"|[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+"
        self._notation = re.compile(f"(-)?([0-9]+{grouped})(?:{re.escape(self.rules.decimal)}([0-9]+))?")

    def key(self, text: str) -> str:
        """The booking_id by which rows are grouped; empty where the cell is blank."""
        text = self.rules.trimmed(text)
        return text if text.isascii() else unicodedata.normalize("NFC", text)

    # --- Which rows are wanted ---

    def wanted(self, texts: Texts, starts: Starts, wanted: Container[str], unsure: Container[int] = ()) -> list[bool]:
        """Which rows stay, where only those with one of the `wanted` texts in this column do.

        A blank cell takes over what the others of its group say: it is wanted if one of them is. Where all are
        blank, the blank itself is judged. In groups that are `unsure`, since a row of theirs can't be read, it stays.
        """
        judged = {text: self._judged(text, wanted) for text in set(texts)}
        verdicts = [judged[text] for text in texts]
        if None not in judged.values():
            return list(map(bool, verdicts))
        kept: list[bool] = []
        for group, (first, end) in enumerate(pairwise(starts)):
            of_group = verdicts[first:end]
            of_blanks = True if group in unsure else _any_said(of_group)
            if of_blanks is None:
                kept += [text.strip(WHITESPACE) in wanted for text in texts[first:end]]
            else:
                kept += [of_blanks if verdict is None else verdict for verdict in of_group]
        return kept

    def _judged(self, text: str, wanted: Container[str]) -> bool | None:
        """None where the cell is blank."""
        return text.strip(WHITESPACE) in wanted if self.rules.trimmed(text) else None

    # --- What they say together ---

    def merged(self, columns: Mapping[str, Texts], starts: Starts, faults: Faults) -> dict[str, Texts]:
        """One row for each group, as columns. Where its rows contradict each other, that goes to `faults`."""
        groups = list(pairwise(starts))
        if columns and len(groups) == starts[-1]:
            return dict(columns)
        first_rows = [first for first, end in groups for _ in range(first, end)]
        merged = {
            name: self._merged(name, texts, groups, first_rows, faults)
            for name, texts in columns.items()
            if name not in SUMMED
        }
        for name in SUMMED:
            if name in columns:
                merged[name] = self._sums(name, columns[name], groups, merged.get("currency"), faults)
        return merged

    def _merged(
        self, name: str, texts: Texts, groups: Sequence[Group], first_rows: Sequence[int], faults: Faults
    ) -> Texts:
        if name == "tickets":
            return [self._number(texts[first:end]) for first, end in groups]
        merged = list(map(texts.__getitem__, map(itemgetter(0), groups)))
        # What the first row of each row's group says: most rows say the same.
        of_first = map(texts.__getitem__, first_rows)
        others = compress(first_rows, map(ne, of_first, texts))
        for first in dict.fromkeys(others):
            group = bisect_left(groups, (first, first))
            merged[group] = self._together(name, texts[slice(*groups[group])], group, faults)
        return merged

    def _said(self, texts: Texts) -> list[str]:
        return list(filter(None, map(self.rules.trimmed, texts)))

    def _together(self, name: str, texts: Texts, group: int, faults: Faults) -> str:
        said = sorted(set(self._said(texts)))
        if len(said) < 2:
            return said[0] if said else ""
        read = Faults()
        values = self.rules.read_column(name, said, read)
        for row, _, _ in read:
            return said[row]
        if name.startswith(METADATA):
            return _joined(values)
        if len({_compared(name, value) for value in values}) == 1:
            return said[0]
        if name not in AGREED:
            return ""
        faults.add(group, name, _DIFFERS)
        # Any of them keeps the rules from finding a blank; but no amount should be judged in the wrong currency.
        return "" if name == "currency" else said[0]

    # --- Numbers ---

    def _number(self, texts: Texts) -> str:
        said = self._said(texts)
        if len(said) < 2:
            return said[0] if said else ""
        read = Faults()
        numbers = self.rules.read_column("tickets", said, read)
        return min(said[row] for row, _, _ in read) if read else str(sum(numbers))

    def _sums(
        self, name: str, texts: Texts, groups: Sequence[Group], currencies: Texts | None, faults: Faults
    ) -> Texts:
        plain = self._plain_sums(name, texts, groups, faults)
        if plain is not None:
            return plain
        has_currency = name != "order_amount" or "currency" in self.rules.constants
        sums: list[str] = []
        for group, (first, end) in enumerate(groups):
            total: str | Fault = texts[first]
            if end - first > 1:
                named = has_currency or bool(currencies and self.rules.trimmed(currencies[group]))
                total = self._sum(name, texts[first:end], has_currency=named)
            if isinstance(total, Fault):
                faults.add(group, "currency" if total is _DIFFERS else name, total)
                total = texts[first]
            sums.append(total)
        return sums

    def _plain_sums(self, name: str, texts: Texts, groups: Sequence[Group], faults: Faults) -> list[str] | None:
        """The sums where all amounts are plain numbers with the same number of decimals; None otherwise."""
        decimals = len("".join(texts[:1]).partition(self.rules.decimal)[2])
        units = self._plain_units(name, texts, decimals)
        if units is None:
            return None
        up_to = [0, *accumulate(units)]
        totals = [up_to[end] - up_to[first] for first, end in groups]
        sums = [self._in_major_units(total, decimals) for total in totals]
        # Nearly always there is nothing to look for.
        least = 0 if name in ZERO_OR_MORE else 1
        for group, (first, end) in enumerate(groups) if min(totals, default=least) < least else ():
            if end - first > 1 and (fault := _too_low(name, totals[group], sums[group])):
                faults.add(group, name, fault)
        return sums

    def _plain_units(self, name: str, texts: Texts, decimals: int) -> list[int] | None:
        joined = "\n".join(texts)
        if decimals > PLAIN_DECIMALS_MAX or not self._plain_column(decimals, name).fullmatch(joined):
            return None
        units = list(map(int, joined.replace(self.rules.decimal, "").split("\n")))
        return units if len(units) == len(texts) else None

    def _plain_column(self, decimals: int, name: str) -> re.Pattern[str]:
        whole = f"{'' if name == REFUNDED else '-?'}(?:0|[1-9][0-9]{{0,{INTEGER_DIGITS_MAX - 1}}}+)"
        value = f"{whole}{re.escape(self.rules.decimal)}[0-9]{{{decimals}}}" if decimals else whole
        return re.compile(f"(?:{value}\n)*+{value}")

    def _sum(self, name: str, texts: Texts, *, has_currency: bool) -> str | Fault:
        """As many decimals as the longest item has, and the currency that the items name.

        Where no column says the currency, each item must. Items below zero, such as a discount, are taken off; but what
        was refunded before has none, since it isn't known whether that is a payment or how a system writes a refund.
        """
        said = self._said(texts)
        if name == REFUNDED and len(said) > 1:
            said = list(chain.from_iterable(map(refund_items, said)))
        items = list(map(self._item, said))
        read = list(filter(None, items))
        currencies = _named({item[3] for item in read if item[3]})
        must_name = bool(currencies) and not has_currency
        if refused := [text for text, item in zip(said, items, strict=True) if not _is_taken(name, item, must_name)]:
            return min(refused)
        if len(currencies) > 1:
            return _DIFFERS
        return self._total(name, said, read, *currencies) if read else ""

    def _total(self, name: str, said: Texts, items: Sequence[Item], *currency: str) -> str | Fault:
        decimals = max(len(fraction) for _, _, fraction, _ in items)
        units = sum(int(minus + whole + fraction.ljust(decimals, "0")) for minus, whole, fraction, _ in items)
        total = " ".join((self._in_major_units(units, decimals), *currency))
        return _too_low(name, units, total) or (total if len(said) > 1 else said[0])

    def _item(self, text: str) -> Item | None:
        """Minus, digits, decimals and currency of an amount; None where there is none that can be added."""
        currency = ""
        found = self._notation.fullmatch(text)
        if found is None:
            glued, text = split_currency(text)
            found = self._notation.fullmatch(text) if glued and (is_currency(glued) or is_sign(glued)) else None
            if found is None:
                return None
            currency = glued or ""
        minus, whole, fraction = found.groups(default="")
        if self.rules.thousands is not None:
            whole = whole.replace(self.rules.thousands, "")
        is_short = len(whole) <= INTEGER_DIGITS_MAX and len(fraction) <= DIGITS_MAX
        return (minus, whole, fraction, currency) if is_short else None

    def _in_major_units(self, units: int, decimals: int) -> str:
        if not decimals:
            return str(units)
        digits = f"{abs(units):0{decimals + 1}}"
        return f"{'-' if units < 0 else ''}{digits[:-decimals]}{self.rules.decimal}{digits[-decimals:]}"


def _any_said(verdicts: Sequence[bool | None]) -> bool | None:
    """Whether one of the verdicts is that the row stays; None where there are only blanks."""
    said = [verdict for verdict in verdicts if verdict is not None]
    return any(said) if said else None


def _is_taken(name: str, item: Item | None, must_name: bool) -> bool:
    if item is None or (must_name and not item[3]):
        return False
    return name != REFUNDED or not item[0]


def _named(currencies: set[str]) -> set[str]:
    """Without the signs of the one currency that others name: `$5` and `5 USD` are in one."""
    codes = {currency for currency in currencies if not is_sign(currency)}
    if len(codes) == 1:
        return codes | {sign for sign in currencies - codes if codes.isdisjoint(currencies_of(sign))}
    return currencies


def _too_low(name: str, units: int, total: str) -> Fault | None:
    """The fault of several rows that come to less than their column may say; leaving one out would heal nothing."""
    if units > 0 or (units == 0 and name in ZERO_OR_MORE):
        return None
    limit = "is below zero" if name in ZERO_OR_MORE else "is not above zero"
    return Fault(RejectCode.AMOUNT_NOT_POSITIVE, f"{limit}: the rows of the booking add up to {total}; check them")


_DIFFERS = Fault(RejectCode.CONTRADICTION, "is not the same in all rows of the booking; keep the right one")


def _compared(name: str, value: str) -> str:
    """E-mails that differ in case reach the same person, and conditions don't look at the case of a status."""
    return value.casefold() if name in {"email", "status"} else value


def _joined(values: Sequence[str]) -> str:
    """Distinct texts in their order, as many as one value may hold."""
    joined = ""
    for value in sorted(set(values)):
        longer = f"{joined}{JOINT}{value}" if joined else value
        if len(longer) > TEXT_LENGTH_MAX:
            break
        joined = longer
    return joined
