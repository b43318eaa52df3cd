"""The rules of a campaign as the campaigns file has them: fees, bonuses, offers, validity; its budget and approval.

They are checked here and brought into one form; domain.policy says what they come to.
"""

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
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from refundctl.domain.conditions import FIELDS, RULE_FIELDS, AnyOf, Condition
from refundctl.domain.mistakes import Mistake, MistakesFound, Place, folded, placed, shown
from refundctl.domain.money import exponent
from refundctl.domain.policy import PERCENTAGE_DECIMALS_MAX
from refundctl.domain.validity import Duration, ValidityError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

#: Fees, bonuses, offers and rules of validity of a campaign in all: the ledger keeps which of them match as the bits of
#: one integer, and SQLite's have 63.
RULES_MAX = 60

#: A fee keeps no more than there is.
FEE_PERCENTAGE_MAX = 100
#: A bonus of more than ten times the refund is a slip of the pen.
BONUS_PERCENTAGE_MAX = 1000
#: Digits before the decimal sign. An amount of more is a slip of the pen, and many of them together still fit an integer.
AMOUNT_DIGITS_MAX = 12

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

    A validator of a nested model sees nothing of what stands around it. None is for a campaign whose currency
    is a mistake itself.
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


def _rule_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{shown(name)} can't be a rule's name: write at most 63 small letters a-z, digits, - and _,"
            " a letter or digit first, such as late-fee"
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


def _whole_above_zero(count: int) -> int:
    if count < 1:
        raise ValueError(f"{shown(count)} is not above zero: write a whole number such as 1000, or leave the key out")
    return count


DurationText = Annotated[str, AfterValidator(duration_text)]
#: Which bookings a campaign is for.
Eligible = Annotated[Condition, PlainValidator(partial(_condition, fields=FIELDS)), PlainSerializer(Condition.written)]
#: Which bookings a rule is for.
When = Annotated[Condition, PlainValidator(partial(_condition, fields=RULE_FIELDS)), PlainSerializer(Condition.written)]
Name = Annotated[str, AfterValidator(_rule_name)]
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


class _Rule(Strict):
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


class Fee(_Rule):
    """What is kept back of a booking's refund: its parts add up."""

    PARTS: ClassVar[tuple[str, ...]] = ("fixed", "percentage", "per_ticket")

    name: Name = Field(examples=["late-fee"])
    when: When = Field(default=Condition(), examples=["{channel: [agency]}"])
    fixed: Amount = Field(default="0", validate_default=True, examples=['"5.00"'])
    percentage: FeePercentage = Field(default="0", validate_default=True, examples=['"7.5"'])
    per_ticket: Amount = Field(default="0", validate_default=True, examples=['"2.00"'])


class Bonus(_Rule):
    """What comes on top of a refund: its parts add up, to no more than `at_most`; `total` is for all refunds together."""

    PARTS: ClassVar[tuple[str, ...]] = ("fixed", "percentage")

    name: Name = Field(examples=["gold"])
    when: When = Field(default=Condition(), examples=["{tier: [gold]}"])
    fixed: Amount = Field(default="0", validate_default=True, examples=['"15.00"'])
    percentage: BonusPercentage = Field(default="0", validate_default=True, examples=['"20"'])
    at_most: AmountAboveZero | None = Field(default=None, examples=['"100.00"'])
    total: AmountAboveZero | None = Field(default=None, examples=['"50000.00"'])


class Offer(Strict):
    """What the bookings that match get."""

    when: When = Field(default=Condition(), examples=["{country: [US-ME]}"])
    offer: Literal["gift_card", "cash", "none"] = Field(examples=["cash"])


class Refund(Strict):
    """How much of what is owed goes onto cards, and what comes on top."""

    fees: tuple[Fee, ...] = Field(default=(), examples=['[{name: late-fee, percentage: "10"}]'])
    requires_acceptance: bool = False
    bonus_stacking: Literal["first", "best", "sum"] = "best"
    bonuses: tuple[Bonus, ...] = Field(default=(), examples=['[{name: gold, percentage: "20"}]'])
    offers: tuple[Offer, ...] = Field(default=(), examples=["[{when: {country: [US-ME]}, offer: cash}]"])
    redeem_order: Literal["bonus_first", "paid_first"] = "bonus_first"


class Budget(Strict):
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
            sentence = "sets no limit: write at least one of total, bonus, cards, per_card and per_customer"
            raise ValueError(sentence)
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


_FEES, _BONUSES, _OFFERS, _VALIDITY = ("refund", "fees"), ("refund", "bonuses"), ("refund", "offers"), ("validity",)


def rules_of(keys: object) -> Iterator[tuple[Place, Mapping[str, object]]]:
    """Each rule of a campaign and its place, of the campaign's keys as they are written: right or not, with tuples for
    lists.
    """
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
