"""Conditions: which bookings a rule is for, as `eligible` and `when` say it in the campaigns file.

A condition names fields of a booking; all its tests must hold. A test is a list of texts (any of them, compared trimmed
and without case) or an inclusive range: `min`/`max` for amounts and tickets, `from`/`to` for dates.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, partial
from typing import Self, TypeVar

from refundctl.domain.basics.definition_mistakes import Mistake, MistakesFound, did_you_mean, folded, shown
from refundctl.domain.basics.money import exponent
from refundctl.domain.bookings.booking_cells import Fault, read_country, read_currency, read_locale, read_yes_no

#: Amounts reach a test as integers in minor units, but are written in major units.
AMOUNT_FIELDS = ("order_amount", "refund_amount", "cash_amount", "bonus_amount")
DATE_FIELDS = ("booked_at", "cancelled_at")
COUNT_FIELDS = ("tickets",)
#: Fields that a booking keeps in one form: a text in another form is brought into it, one in none is refused.
CODED_FIELDS: Mapping[str, Callable[[str], str | Fault]] = {
    "country": read_country,
    "locale": read_locale,
    "currency": read_currency,
    "accepted": read_yes_no,
    "marketing_consent": read_yes_no,
}
TEXT_FIELDS = ("status", "source", "channel", "category", "tier", *CODED_FIELDS)
#: Every field that a condition may name, besides `metadata.KEY`. No person's field is among them.
FIELDS = (*TEXT_FIELDS, *AMOUNT_FIELDS, *COUNT_FIELDS, *DATE_FIELDS)
METADATA_PREFIX = "metadata."
#: A rule may also look at what all bookings of the customer add up to, in the campaign's currency and in minor units.
CUSTOMER_TOTAL = "customer_total"
#: Every field that the `when` of a rule may name, besides `metadata.KEY`.
RULE_FIELDS = (*FIELDS, CUSTOMER_TOTAL)
#: What an operator may also ask for; no rule of a campaign is for single bookings or people.
ID_FIELDS = ("booking_id", "refund_id", "customer_id")

_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,4})?")
_COUNT = re.compile(r"[0-9]{1,9}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

FieldValue = str | int | None
Limit = TypeVar("Limit", Decimal, int, str)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Any of the texts, kept folded; a blank value only where the blank text is among them."""

    texts: frozenset[str]

    def holds(self, value: FieldValue, currency: str) -> bool:
        """Whether the value is one of the texts."""
        return folded("" if value is None else str(value)) in self.texts

    def written(self) -> list[str]:
        """As it stands in a definition."""
        return sorted(self.texts)


@dataclass(frozen=True, slots=True)
class AmountRange:
    """From one amount to another in major units, as text, both inclusive; a limit may be left out."""

    low: str | None
    high: str | None

    def holds(self, value: FieldValue, currency: str) -> bool:
        """Whether the amount in minor units of the currency lies within; no amount never does."""
        if not isinstance(value, int):
            return False
        low, high = self.limits_minor(currency)
        return low <= value and (high is None or value <= high)

    def limits_minor(self, currency: str) -> tuple[int, int | None]:
        """Both limits in minor units; the upper one is None where there is none."""
        return _limits_minor(self.low, self.high, currency)

    def written(self) -> dict[str, str]:
        """As it stands in a definition."""
        return {key: text for key, text in (("min", self.low), ("max", self.high)) if text is not None}


@dataclass(frozen=True, slots=True)
class CountRange:
    """From one whole number to another, both inclusive; a limit may be left out."""

    low: int | None
    high: int | None

    def holds(self, value: FieldValue, currency: str) -> bool:
        """Whether the number lies within; a blank or no number never does."""
        if isinstance(value, str):
            value = int(value) if _COUNT.fullmatch(value) else None
        if value is None:
            return False
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    def written(self) -> dict[str, int]:
        """As it stands in a definition."""
        return {key: count for key, count in (("min", self.low), ("max", self.high)) if count is not None}


@dataclass(frozen=True, slots=True)
class DateRange:
    """From one day to another as ISO text, both inclusive, so that the last one counts to its end."""

    low: str | None
    high: str | None

    def holds(self, value: FieldValue, currency: str) -> bool:
        """Whether the date part of the text lies within; a blank or a text that is no date never does."""
        day = value[:10] if isinstance(value, str) else ""
        if not _DAY.fullmatch(day):
            return False
        # ISO dates compare as text.
        return (self.low is None or self.low <= day) and (self.high is None or day <= self.high)

    def written(self) -> dict[str, str]:
        """As it stands in a definition."""
        return {key: day for key, day in (("from", self.low), ("to", self.high)) if day is not None}


Test = AnyOf | AmountRange | CountRange | DateRange


@dataclass(frozen=True, slots=True)
class Condition:
    """Tests on fields of a booking, sorted by field; all must hold. Without tests every booking matches."""

    tests: tuple[tuple[str, Test], ...] = ()

    @classmethod
    def parse(cls, given: object, fields: Collection[str] = RULE_FIELDS) -> Self:
        """Read `{field: list or range}` as the campaigns file has it. Raises MistakesFound with every mistake.

        `fields` are RULE_FIELDS for the `when` of a rule, FIELDS for what chooses bookings.
        """
        if not isinstance(given, Mapping):
            raise MistakesFound([Mistake((), f"takes fields and tests such as {_EXAMPLE}")])
        tests: list[tuple[str, Test]] = []
        mistakes: list[Mistake] = []
        for field, wanted in given.items():
            try:
                tests.append((str(field), _reader(str(field), fields)(wanted)))
            except MistakesFound as error:
                mistakes += [mistake.below(str(field)) for mistake in error.mistakes]
        if mistakes:
            raise MistakesFound(mistakes)
        return cls(tuple(sorted(tests, key=lambda test: test[0])))

    @classmethod
    def asked_for(cls, wanted: Mapping[str, str]) -> Self:
        """What an operator asks for by `KEY=VALUE`: ids too, and single amounts, numbers and dates.

        Raises MistakesFound with every mistake.
        """
        ids = tuple((field, AnyOf(frozenset({folded(wanted[field])}))) for field in ID_FIELDS if field in wanted)
        others = {field: _exactly(field, text) for field, text in wanted.items() if field not in ID_FIELDS}
        return cls(tuple(sorted((*ids, *cls.parse(others, FIELDS).tests), key=lambda test: test[0])))

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that the condition looks at."""
        return frozenset(field for field, _ in self.tests)

    def matches(self, values: Mapping[str, FieldValue], currency: str) -> bool:
        """Whether all tests hold.

        `values` has amounts in minor units of the currency, metadata under `metadata.KEY`, and under `source`
        the name of the source; what is missing counts as blank. Raises UnknownCurrency.
        """
        return all(test.holds(values.get(field), currency) for field, test in self.tests)

    def written(self) -> dict[str, object]:
        """The same for every condition of the same meaning; `parse` takes it back."""
        return {field: test.written() for field, test in self.tests}

    def too_fine_for(self, currency: str) -> tuple[Mistake, ...]:
        """The limits with more decimals than the currency has, which no amount could ever meet exactly."""
        decimals = exponent(currency)
        return tuple(
            Mistake((field, key), f"{shown(text)} has more decimals than {currency} has ({decimals})")
            for field, test in self.tests
            if isinstance(test, AmountRange)
            for key, text in test.written().items()
            if len(text.partition(".")[2]) > decimals
        )


_EXAMPLE = "{status: [cancelled]}"
_EXAMPLES = {
    "country": "US-ME", "locale": "pl-PL", "currency": "EUR", "accepted": "yes", "marketing_consent": "yes",
}  # fmt: skip


@cache
def _limits_minor(low: str | None, high: str | None, currency: str) -> tuple[int, int | None]:
    """The limits in minor units, finer ones drawn inwards: no amount lies between them and the next unit."""
    scale = 10 ** exponent(currency)
    low_minor = 0 if low is None else math.ceil(Decimal(low) * scale)
    return low_minor, None if high is None else math.floor(Decimal(high) * scale)


def _exactly(field: str, text: str) -> object:
    if field in AMOUNT_FIELDS or field in COUNT_FIELDS:
        return {"min": text, "max": text}
    return {"from": text, "to": text} if field in DATE_FIELDS else [text]


def _reader(field: str, fields: Collection[str]) -> Callable[[object], Test]:
    if field == CUSTOMER_TOTAL and field not in fields:
        sentence = (
            f"only the `when` of a rule can look at {shown(field)}, under `refund` or `validity`: leave it out here"
        )
        raise MistakesFound([Mistake((), sentence, at_key=True)])
    if field in AMOUNT_FIELDS or field == CUSTOMER_TOTAL:
        return _read_amounts
    if field in DATE_FIELDS:
        return _read_dates
    if field in COUNT_FIELDS:
        return _read_counts
    if field in CODED_FIELDS:
        return partial(_read_list, read=partial(_code, read=CODED_FIELDS[field]), example=_EXAMPLES[field])
    if field in TEXT_FIELDS or field.removeprefix(METADATA_PREFIX) not in ("", field):
        return _read_texts
    raise MistakesFound([Mistake((), _unknown_field(field, fields), at_key=True)])


def _unknown_field(field: str, fields: Collection[str]) -> str:
    if field in ("metadata", METADATA_PREFIX):
        return "write the column with it, such as `metadata.hotel: [City]`"
    near = did_you_mean(field, fields) or f"; there are {', '.join(fields)} and metadata.KEY"
    return f"a condition can't look at {shown(field)}{near}"


def _read_texts(given: object) -> AnyOf:
    return _read_list(given, _text, "cancelled")


def _read_list(given: object, read: Callable[[object], str], example: str) -> AnyOf:
    if not isinstance(given, list | tuple):
        example = given if isinstance(given, str) and given else example
        raise _mistake(f"takes a list in brackets, such as {shown(f'[{example}]')}")
    if not given:
        raise _mistake("an empty list never matches: name at least one text, or leave the test out")
    texts: set[str] = set()
    mistakes: list[Mistake] = []
    for at, item in enumerate(given):
        try:
            texts.add(read(item))
        except ValueError as error:
            mistakes.append(Mistake((at,), str(error)))
    if mistakes:
        raise MistakesFound(mistakes)
    return AnyOf(frozenset(texts))


def _read_amounts(given: object) -> AmountRange:
    low, high = _read_range(given, ("min", "max"), _amount, '{min: "10.00", max: "500.00"}')
    return AmountRange(_plain(low), _plain(high))


def _read_dates(given: object) -> DateRange:
    return DateRange(*_read_range(given, ("from", "to"), _day, "{from: 2020-04-01, to: 2020-04-30}"))


def _read_counts(given: object) -> AnyOf | CountRange:
    if isinstance(given, list | tuple):
        return _read_list(given, _count_text, "2")
    return CountRange(*_read_range(given, ("min", "max"), _count, "{min: 2, max: 9}"))


def _read_range(
    given: object, keys: tuple[str, str], read: Callable[[object], Limit], example: str
) -> tuple[Limit | None, Limit | None]:
    if not isinstance(given, Mapping):
        raise _mistake(f"takes a range such as {example}")
    mistakes = [
        Mistake((str(key),), f"a range has `{keys[0]}` and `{keys[1]}`, not {shown(key)}", at_key=True)
        for key in given
        if key not in keys
    ]
    (low, wrong_low), (high, wrong_high) = (_read_limit(given.get(key), key, read) for key in keys)
    mistakes += wrong_low + wrong_high
    if (low, high) == (None, None) and not mistakes:
        mistakes.append(Mistake((), f"an empty range says nothing: write one such as {example}"))
    if low is not None and high is not None and low > high:
        message = f"a range from {low} to {high} never matches: `{keys[0]}` is the smaller one"
        mistakes.append(Mistake((keys[1],), message))
    if mistakes:
        raise MistakesFound(mistakes)
    return low, high


def _read_limit(given: object, key: str, read: Callable[[object], Limit]) -> tuple[Limit | None, list[Mistake]]:
    if given is None:
        return None, []
    try:
        return read(given), []
    except ValueError as error:
        return None, [Mistake((key,), str(error))]


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise ValueError('takes texts; write "" for a blank, and quotes around a text such as "null"')
    return folded(given)


def _code(given: object, read: Callable[[str], str | Fault]) -> str:
    if not _text(given):
        return ""
    # The rules of a booking's cells take a trimmed text that is not blank.
    code = read(str(given).strip())
    if isinstance(code, Fault):
        raise ValueError(code.reason)
    return folded(code)


def _amount(given: object) -> Decimal:
    if not isinstance(given, str) or not _AMOUNT.fullmatch(given):
        raise ValueError(f'{shown(given)} is not an amount: write it like "25.00", without thousands signs')
    return Decimal(given)


def _count(given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    if isinstance(given, str) and _COUNT.fullmatch(given):
        return int(given)
    raise ValueError(f"{shown(given)} is not a whole number such as 2")


def _count_text(given: object) -> str:
    """`02` and `2` are the same number."""
    return "" if given == "" else str(_count(given))


def _day(given: object) -> str:
    if isinstance(given, str) and _DAY.fullmatch(given):
        try:
            return date.fromisoformat(given).isoformat()
        except ValueError:
            raise ValueError(f"there is no day {given}: correct it") from None
    raise ValueError(f"{shown(given)} is not a date: write it like 2020-04-30")


def _plain(amount: Decimal | None) -> str | None:
    """`5.50` and `5.5` are the same limit."""
    if amount is None:
        return None
    whole, _, fraction = f"{amount:f}".partition(".")
    fraction = fraction.rstrip("0")
    return f"{int(whole)}.{fraction}" if fraction else str(int(whole))


def _mistake(message: str) -> MistakesFound:
    return MistakesFound([Mistake((), message)])
