"""The rules of a campaign as the campaigns file has them: fees, bonuses, offers, validity; budget, approval and hours.

They are checked here and brought into one form; refund_policy says what they come to.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from refundctl.domain.basics.definition_mistakes import Mistake, MistakesFound, Place, folded, placed, shown
from refundctl.domain.basics.money import exponent
from refundctl.domain.basics.validity import Duration, ValidityError
from refundctl.domain.campaigns.conditions import FIELDS, RULE_FIELDS, AnyOf, Condition
from refundctl.domain.campaigns.refund_policy import PERCENTAGE_DECIMALS_MAX
from refundctl.domain.cards.redemption_rules import DAYS, MIDNIGHT

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

#: Fees, bonuses, offers and rules of validity of a campaign in all: the ledger keeps which of them match as the bits of
#: one integer, and SQLite's have 63.
RULES_MAX = 60

#: A fee keeps no more than there is.
FEE_PERCENTAGE_MAX = 100
#: A bonus of more than ten times the refund is a slip of the pen.
BONUS_PERCENTAGE_MAX = 1000
#: Digits before the decimal sign. An amount of more is a slip of the pen, and many of them together still fit an
#: integer.
AMOUNT_DIGITS_MAX = 12

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
#: A duration that leaves the calendar from here is a slip of the pen.
_FAR_DAY = date(2199, 12, 31)

_currency: ContextVar[str | None] = ContextVar("currency", default=None)


class Strict(BaseModel):
    """Keys of the campaigns file: none but these, and each with its own type of value."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


@contextmanager
def amounts_in(currency: str | None) -> Iterator[None]:
    """Within this, amounts must not be finer than the currency, and are written with its decimals.

    A validator of a nested model sees nothing of what stands around it. None: the campaign's currency is a mistake.
    """
    token = _currency.set(currency)
    try:
        yield
    finally:
        _currency.reset(token)


def duration_text(text: str) -> str:
    """A duration in the form that all of the same meaning have. Raises ValueError."""
    try:
        duration = Duration.parse(text)
        duration.after(_FAR_DAY)
    except ValidityError as error:
        raise ValueError(str(error)) from None
    # P12M and P1Y end on the same day, whatever the day they begin on.
    years, months = divmod(duration.years * 12 + duration.months, 12)
    return str(Duration(years, months, duration.days))


def _condition(given: object, fields: Collection[str]) -> Condition:
    try:
        condition = given if isinstance(given, Condition) else Condition.parse(given, fields)
    except MistakesFound as error:
        raise placed(error.mistakes) from None
    currency = _currency.get()
    too_fine = condition.too_fine_for(currency) if currency is not None else ()
    if too_fine:
        raise placed(too_fine)
    return condition


def checked_name(name: str, whose: str, example: str) -> str:
    """The name itself. Raises ValueError where nothing may be called so."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{shown(name)} can't be a {whose}'s name: write at most 63 small letters a-z, digits, - and _,"
            f" a letter or digit first, such as {example}"
        )
    return name


def _amount(text: str) -> str:
    if text.startswith("-"):
        raise ValueError(f'{shown(text)} is negative: write an amount of zero or more, such as "25.00"')
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f'{shown(text)} is not an amount: write it like "25.00", without thousands signs')
    whole, fraction = _plain(found)
    currency = _currency.get()
    decimals = len(fraction) if currency is None else exponent(currency)
    if len(fraction) > decimals:
        raise ValueError(f"{shown(text)} has more decimals than {currency} has ({decimals})")
    if len(whole) > AMOUNT_DIGITS_MAX:
        raise ValueError(f"{shown(text)} is too large: write at most {AMOUNT_DIGITS_MAX} digits before the decimals")
    return f"{whole}.{fraction.ljust(decimals, '0')}" if decimals else whole


def _percentage(text: str, at_most: int, why: str) -> str:
    if text.startswith("-"):
        raise ValueError(f'{shown(text)} is negative: write a percentage of zero or more, such as "7.5"')
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f'{shown(text)} is not a percentage: write it like "7.5", without a percent sign')
    whole, fraction = _plain(found)
    if len(fraction) > PERCENTAGE_DECIMALS_MAX:
        raise ValueError(f"{shown(text)} has more than {PERCENTAGE_DECIMALS_MAX} decimals: round it")
    plain = f"{whole}.{fraction}" if fraction else whole
    if Decimal(plain) > at_most:
        raise ValueError(f"{shown(text)} is over {at_most}: {why}")
    return plain


def _plain(number: re.Match[str]) -> tuple[str, str]:
    """The digits before and behind the decimal sign, without those that say nothing."""
    whole, fraction = number.groups(default="")
    return whole.lstrip("0") or "0", fraction.rstrip("0")


def _above_zero(number: str) -> str:
    if not number.strip("0."):
        raise ValueError(f"{shown(number)} is not above zero: write more, or leave the key out")
    return number


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError(f'{shown(text)} is not a time of day: write it like "09:00", from "00:00" to "23:59"')
    return text


def _end_time(text: str) -> str:
    if text != MIDNIGHT and not _TIME.fullmatch(text):
        raise ValueError(f'{shown(text)} is not a time of day: write it like "17:00", or "{MIDNIGHT}" for midnight')
    return text


def _day_of_week(day: object) -> object:
    # A number in quotes has its own sentence; a day's name is no such slip.
    named = isinstance(day, str) and not day.isdecimal()
    if named or (isinstance(day, int) and not 0 <= day < len(DAYS)):
        raise ValueError(f"{shown(day)} is no day of the week: write 0 for Sunday, 1 for Monday ... 6 for Saturday")
    return day


def _days_of_week(days: tuple[int, ...]) -> tuple[int, ...]:
    if not days:
        raise ValueError("names no day: write days from 0 (Sunday) to 6 (Saturday), or null for each day")
    repeated = [Mistake((at,), f"{day} is here twice: remove one") for at, day in enumerate(days) if day in days[:at]]
    if repeated:
        raise placed(repeated)
    return tuple(sorted(days))


def _whole_above_zero(count: int) -> int:
    if count < 1:
        raise ValueError(f"{shown(count)} is not above zero: write a whole number such as 1000, or leave the key out")
    return count


DurationText = Annotated[str, AfterValidator(duration_text)]
#: Which bookings a campaign is for.
Eligible = Annotated[Condition, PlainValidator(partial(_condition, fields=FIELDS)), PlainSerializer(Condition.written)]
#: Which bookings a rule is for.
When = Annotated[Condition, PlainValidator(partial(_condition, fields=RULE_FIELDS)), PlainSerializer(Condition.written)]
Name = Annotated[str, AfterValidator(partial(checked_name, whose="rule", example="late-fee"))]
Amount = Annotated[str, AfterValidator(_amount)]
AmountAboveZero = Annotated[Amount, AfterValidator(_above_zero)]
FeePercentage = Annotated[
    str,
    AfterValidator(partial(_percentage, at_most=FEE_PERCENTAGE_MAX, why="a fee keeps at most the whole of a refund")),
]
BonusPercentage = Annotated[
    str,
    AfterValidator(partial(_percentage, at_most=BONUS_PERCENTAGE_MAX, why="write what comes on top, such as 20")),
]
WarnAt = Annotated[
    str,
    AfterValidator(partial(_percentage, at_most=100, why="write how much of a limit is used when to warn, such as 80")),
    AfterValidator(_above_zero),
]
#: Numbers of days, 0 is Sunday, in their order.
DaysOfWeek = Annotated[tuple[Annotated[int, BeforeValidator(_day_of_week)], ...], AfterValidator(_days_of_week)]


class _AmountRule(Strict):
    #: At least one of these makes the amount; null is the same as leaving it out.
    PARTS: ClassVar[tuple[str, ...]]

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        return {key: part for key, part in given.items() if part is not None or key not in cls.PARTS}

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        if self.model_fields_set.isdisjoint(self.PARTS):
            *others, last = self.PARTS
            raise ValueError(f"says no amount: write at least one of {', '.join(others)} and {last}")
        return self


class Fee(_AmountRule):
    """What is kept back of a booking's refund: its parts add up."""

    PARTS: ClassVar[tuple[str, ...]] = ("fixed", "percentage", "per_ticket")

    name: Name = Field(examples=["late-fee"])
    when: When = Field(default=Condition(), examples=["{channel: [agency]}"])
    fixed: Amount = Field(default="0", validate_default=True, examples=['"5.00"'])
    percentage: FeePercentage = Field(default="0", validate_default=True, examples=['"7.5"'])
    per_ticket: Amount = Field(default="0", validate_default=True, examples=['"2.00"'])


class Bonus(_AmountRule):
    """What comes on top of a refund: its parts add up, to no more than `at_most`; `total` is for all together."""

    PARTS: ClassVar[tuple[str, ...]] = ("fixed", "percentage")

    name: Name = Field(examples=["gold"])
    when: When = Field(default=Condition(), examples=["{tier: [gold]}"])
    fixed: Amount = Field(default="0", validate_default=True, examples=['"15.00"'])
    percentage: BonusPercentage = Field(default="0", validate_default=True, examples=['"20"'])
    at_most: AmountAboveZero | None = Field(default=None, examples=['"100.00"'])
    total: AmountAboveZero | None = Field(default=None, examples=['"50000.00"'])


class OfferKeys(Strict):
    """What the bookings that match get."""

    when: When = Field(default=Condition(), examples=["{country: [US-ME]}"])
    offer: Literal["gift_card", "cash", "none"] = Field(examples=["cash"])


class Refund(Strict):
    """How much of what is owed goes onto cards, and what comes on top."""

    fees: tuple[Fee, ...] = Field(default=(), examples=['[{name: late-fee, percentage: "10"}]'])
    requires_acceptance: bool = False
    bonus_stacking: Literal["first", "best", "sum"] = "best"
    bonuses: tuple[Bonus, ...] = Field(default=(), examples=['[{name: gold, percentage: "20"}]'])
    offers: tuple[OfferKeys, ...] = Field(default=(), examples=["[{when: {country: [US-ME]}, offer: cash}]"])
    redeem_order: Literal["bonus_first", "paid_first"] = "bonus_first"


class BudgetKeys(Strict):
    """What a campaign may give in all; `per_card` and `per_customer` are caps of one card and one customer."""

    total: AmountAboveZero | None = Field(default=None, examples=['"250000.00"'])
    bonus: AmountAboveZero | None = Field(default=None, examples=['"20000.00"'])
    cards: Annotated[int, AfterValidator(_whole_above_zero)] | None = Field(default=None, examples=["10000"])
    per_card: AmountAboveZero | None = Field(default=None, examples=['"2000.00"'])
    per_customer: AmountAboveZero | None = Field(default=None, examples=['"5000.00"'])
    warn_at: WarnAt | None = Field(default=None, examples=['"80"'])

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        in_all = (self.total, self.bonus, self.cards)
        if all(limit is None for limit in (*in_all, self.per_card, self.per_customer)):
            raise ValueError("sets no limit: write at least one of total, bonus, cards, per_card and per_customer")
        if self.warn_at is not None and all(limit is None for limit in in_all):
            sentence = "warns of the use of total, bonus and cards: write one of them too, or leave this out"
            raise placed([Mistake(("warn_at",), sentence)])
        return self


class Approval(Strict):
    """When another person must approve."""

    above: Amount = Field(examples=['"10000.00"'])


class Validity(Strict):
    """How long the cards of bookings that match are valid."""

    when: When = Field(default=Condition(), examples=["{tier: [gold]}"])
    duration: DurationText = Field(examples=["P2Y"])
    until_end_of: Literal["month", "quarter", "year"] | None = Field(default=None, examples=["quarter"])


class DailyHours(Strict):
    """A time of day at which cards are valid; an end that is not after the start is on the day after."""

    start_time: Annotated[str, AfterValidator(_time)] = Field(examples=['"09:00"'])
    expiration_time: Annotated[str, AfterValidator(_end_time)] = Field(examples=['"17:00"'])
    days_of_week: DaysOfWeek | None = Field(default=None, examples=["[1, 2, 3, 4, 5]"])

    @field_validator("expiration_time")
    @classmethod
    def _lasts(cls, expiration_time: str, info: ValidationInfo) -> str:
        if expiration_time == info.data.get("start_time"):
            raise ValueError(
                f'{shown(expiration_time)} is the start_time too: write "00:00" and "{MIDNIGHT}" for the whole day'
            )
        return expiration_time

    def days_reached(self) -> frozenset[int]:
        """The days of the week on which it holds at any time."""
        begun = self.days_of_week or tuple(range(len(DAYS)))
        goes_on = "00:00" < self.expiration_time < self.start_time
        return frozenset(begun) | frozenset((day + 1) % len(DAYS) for day in begun if goes_on)

    def spelled_out(self) -> dict[str, str | list[int] | None]:
        """The same for all that hold at the same times."""
        days = None if self.days_of_week is None else list(self.days_of_week)
        end = MIDNIGHT if self.expiration_time == "00:00" else self.expiration_time
        return {"start_time": self.start_time, "expiration_time": end, "days_of_week": days}


class ValidityHours(Strict):
    """When cards are valid, in Voucherify's shape (docs.voucherify.io/api-reference/campaigns): within any of these."""

    daily: tuple[DailyHours, ...] = Field(examples=['[{start_time: "09:00", expiration_time: "17:00"}]'])

    @field_validator("daily")
    @classmethod
    def _names_hours(cls, daily: tuple[DailyHours, ...]) -> tuple[DailyHours, ...]:
        if not daily:
            raise ValueError(
                'names no hours: write [{start_time: "09:00", expiration_time: "17:00"}], or null for validity_hours'
            )
        return daily

    def refuse_closed(self, days: Collection[int] | None) -> None:
        """Raise pydantic's ValidationError where hours hold on none of the days on which cards are valid."""
        closed = [at for at, one in enumerate(self.daily) if days is not None and one.days_reached().isdisjoint(days)]
        if closed:
            sentence = "never holds: validity_day_of_week has none of these days; change one of the two"
            raise placed(Mistake(("daily", at, "days_of_week"), sentence) for at in closed)

    def spelled_out(self) -> dict[str, list[dict[str, str | list[int] | None]]]:
        """The same for all that hold at the same times, whatever their order."""
        each = {json.dumps(hours): hours for hours in (one.spelled_out() for one in self.daily)}
        return {"daily": [each[text] for text in sorted(each)]}


_FEES, _BONUSES, _OFFERS, _VALIDITY = ("refund", "fees"), ("refund", "bonuses"), ("refund", "offers"), ("validity",)


def rules_of(keys: object) -> Iterator[tuple[Place, Mapping[str, object]]]:
    """Each rule of a campaign and its place, of its keys as they are written: right or not, with tuples for lists."""
    for place in (_FEES, _BONUSES, _OFFERS, _VALIDITY):
        yield from _listed(keys, place)


def clashes(keys: Mapping[str, object]) -> list[Mistake]:
    """What is wrong with rules beside each other, and beside the campaign's currency.

    Looked for in the keys as they are written, right or not, so that a mistake within a rule hides none of these.
    """
    return [*_too_many(keys), *_same_names(keys), *_never_reached(keys), *_of_other_currencies(keys)]


def _too_many(keys: object) -> Iterable[Mistake]:
    places = [place for place, _ in rules_of(keys)]
    if len(places) > RULES_MAX:
        sentence = (
            f"is one too many: a campaign has at most {RULES_MAX} fees, bonuses, offers and rules of validity in all,"
            f" and this one has {len(places)}; leave some out"
        )
        yield Mistake(places[RULES_MAX], sentence)


def _same_names(keys: object) -> Iterable[Mistake]:
    first: dict[str, Place] = {}
    for place, rule in (*_listed(keys, _FEES), *_listed(keys, _BONUSES)):
        name = rule.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            sentence = f"{shown(name)} is the name of {_called(first[name])} too: give one of them another name"
            yield Mistake((*place, "name"), sentence)
        first.setdefault(name, place)


def _never_reached(keys: object) -> Iterable[Mistake]:
    """Rules that stand behind one that is always taken instead."""
    stacking = _below(keys, ("refund", "bonus_stacking"))
    for rules in (*([_BONUSES] if stacking == "first" else []), _OFFERS, _VALIDITY):
        before: dict[Condition, Place] = {}
        for place, rule in _listed(keys, rules):
            condition = _read_when(rule)
            if condition is None:
                continue
            if Condition() in before:
                sentence = (
                    f"never matches: {_called(before[Condition()])} before it takes every booking; put this rule before"
                    " that one, or give that one a `when`"
                )
                yield Mistake((*place, "when") if "when" in rule else place, sentence)
            elif condition in before:
                sentence = (
                    f"is the same as that of {_called(before[condition])}, which is looked at first, so that this rule"
                    " never matches: change or remove one of them"
                )
                yield Mistake((*place, "when"), sentence)
            # A bonus whose total is used up, or that gives nothing, leaves bookings to those behind it.
            elif rule.get("total") is None and _gives(rule):
                before[condition] = place


def _gives(rule: Mapping[str, object]) -> bool:
    """Whether a bonus gives anything; an offer always does."""
    parts = [str(rule[name]) for name in ("fixed", "percentage") if name in rule]
    return not parts or any(part.strip("0.") for part in parts)


def _of_other_currencies(keys: Mapping[str, object]) -> Iterable[Mistake]:
    currency = keys.get("currency")
    if not isinstance(currency, str):
        return
    for place, rule in rules_of(keys):
        condition = _read_when(rule)
        for field, test in condition.tests if condition is not None else ():
            if field == "currency" and isinstance(test, AnyOf) and folded(currency) not in test.texts:
                sentence = f"never matches: only bookings in {shown(currency)}, the campaign's, are funded"
                yield Mistake((*place, "when", "currency"), f"{sentence}; leave it out")


def _read_when(rule: Mapping[str, object]) -> Condition | None:
    """None where it is a mistake itself."""
    try:
        return Condition.parse(rule.get("when", {}))
    except MistakesFound:
        return None


def _listed(keys: object, place: Place) -> Iterator[tuple[Place, Mapping[str, object]]]:
    rules = _below(keys, place)
    for at, rule in enumerate(rules if isinstance(rules, tuple) else ()):
        # What is no rule at all is passed over like one whose `when` is a mistake.
        yield (*place, at), rule if isinstance(rule, Mapping) else {"when": None}


def _below(keys: object, place: Place) -> object:
    for key in place:
        keys = keys.get(key) if isinstance(keys, Mapping) else None
    return keys


def _called(place: Place) -> str:
    """`refund.offers[0]`, as errors name a key."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
