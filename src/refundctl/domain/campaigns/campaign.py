"""Campaigns: which bookings become which cards, as `campaigns` in the campaigns file says it.

Voucherify's names for keys and values where it has one (https://docs.voucherify.io/api-reference/campaigns).
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from refundctl.domain.basics.countries import country_code
from refundctl.domain.basics.definition_mistakes import Mistake, did_you_mean, placed, shown
from refundctl.domain.basics.money import is_currency
from refundctl.domain.basics.validity import Duration, is_timezone
from refundctl.domain.campaigns.campaign_rules import (
    AmountAboveZero,
    Approval,
    BudgetKeys,
    DaysOfWeek,
    DurationText,
    Eligible,
    Refund,
    Strict,
    Validity,
    ValidityHours,
    amounts_in,
    checked_name,
    clashes,
)
from refundctl.domain.campaigns.conditions import Condition
from refundctl.domain.cards.codes import CODE_BITS_MIN, CodeConfigError, CodePattern

#: A pool beyond this is a slip of the pen: no campaign has so many cards.
VOUCHERS_COUNT_MAX = 10_000_000

_ZERO = re.compile(r"0+(?:\.0+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Names that mean another zone on another machine, or none.
_NO_TIMEZONES = frozenset({"Factory", "localtime", "posixrules"})


def campaign_name(name: str) -> str:
    """The name itself. Raises ValueError where no campaign may be called so."""
    return checked_name(name, "campaign", "flight-refunds")


def _text_or_none(given: object) -> object:
    return "" if given is None else given


def _pool_size(count: int) -> int:
    if not 1 <= count <= VOUCHERS_COUNT_MAX:
        raise ValueError(
            f"{shown(count)} is not from 1 to {VOUCHERS_COUNT_MAX:,}: write how many codes to make beforehand"
        )
    return count


def _zero(amount: str) -> str:
    if not _ZERO.fullmatch(amount):
        raise ValueError(f'{shown(amount)} is not zero: write "0.00", since cards get their money by topup')
    return "0.00"


def _currency(text: str) -> str:
    if not is_currency(text):
        near = f"; did you mean `{text.upper()}`?" if is_currency(text.upper()) else ""
        raise ValueError(f"{shown(text)} is no currency of ISO 4217{near or ': write three capitals such as EUR'}")
    return text


def _timezone(text: str) -> str:
    machines_own = text in _NO_TIMEZONES or text.startswith(("posix/", "right/"))
    if machines_own or not is_timezone(text):
        advice = _near_timezone(text) or ": write a name such as Europe/Warsaw or UTC"
        raise ValueError(f"{shown(text)} is no time zone of the IANA database{advice}")
    return text


def _near_timezone(text: str) -> str:
    from zoneinfo import available_timezones  # reads a folder tree, only for this sentence

    return did_you_mean(text, sorted(available_timezones() - _NO_TIMEZONES))


def _day(given: object) -> object:
    if not isinstance(given, str):
        return given
    if not _DATE.fullmatch(given):
        raise ValueError(f"{shown(given)} is not a date: write it like 2027-12-31")
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"there is no day {given}: correct it") from None


def _country(text: str) -> str:
    code = country_code(text.strip())
    if code is None:
        raise ValueError(f"{shown(text)} is no country or subdivision of ISO 3166: write it like US or US-ME")
    return code


def _sorted(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _times(count: int) -> int:
    if count < 1:
        raise ValueError(f"{shown(count)} is not above zero: write how often a card may be used, such as 1, or null")
    return count


Day = Annotated[date, BeforeValidator(_day)]


class Gift(Strict):
    """What a card is worth when it is made."""

    amount: Annotated[str, AfterValidator(_zero)] = Field(default="0.00", examples=['"0.00"'])


class Redemption(Strict):
    """How often a card may be used."""

    quantity: Annotated[int, AfterValidator(_times)] | None = Field(default=None, examples=["1"])


class CodeConfig(Strict):
    """How codes look; `pattern` between `prefix` and `postfix`, or `length` random signs of `charset`."""

    pattern: str | None = Field(default=None, examples=['"RF-####-####-####-####"'])
    charset: str | None = Field(default=None, examples=['"23456789ABCDEFGHJKMNPQRSTUVWXYZ"'])
    length: int | None = Field(default=None, examples=["16"])
    prefix: str | None = Field(default=None, examples=['"RF-"'])
    postfix: str | None = Field(default=None, examples=['"-EU"'])

    @model_validator(mode="after")
    def _makes_codes(self) -> Self:
        try:
            self.code_pattern()
        except CodeConfigError as error:
            raise placed([Mistake((error.key,), error.sentence)]) from None
        return self

    def code_pattern(self) -> CodePattern:
        """The pattern that these keys stand for."""
        return CodePattern.build(self.pattern, self.charset, self.length, self.prefix, self.postfix)

    def spelled_out(self) -> dict[str, str | int | None]:
        """The same for all keys that stand for the same codes; with the charset, lest its default change."""
        pattern = self.code_pattern()
        charset = "".join(sorted(pattern.charset))
        return {"pattern": pattern.text, "charset": charset, **dict.fromkeys(("length", "prefix", "postfix"))}


class Voucher(Strict):
    """What kind of card it is."""

    type: Literal["GIFT_VOUCHER"] = "GIFT_VOUCHER"
    gift: Gift = Gift()
    redemption: Redemption = Redemption()
    code_config: CodeConfig = CodeConfig()


class Campaign(Strict):
    """One campaign; `name` is its key in the file and no part of the definition.

    Raises pydantic's ValidationError with every mistake.
    """

    #: Keys that a later version takes.
    LATER: ClassVar[frozenset[str]] = frozenset({"mail", "reminders", "alerts"})

    name: Annotated[str, AfterValidator(campaign_name)] = Field(exclude=True)
    description: Annotated[str, BeforeValidator(_text_or_none)] = Field(
        default="", examples=["Flights cancelled in April 2020"]
    )
    campaign_type: Literal["GIFT_VOUCHERS"] = "GIFT_VOUCHERS"
    currency: Annotated[str, AfterValidator(_currency)] = Field(examples=["EUR"])
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(default="UTC", examples=["Europe/Warsaw"])
    card_per: Literal["booking", "customer"] = "booking"
    redeemable_by: Literal["holder", "anyone"] = "holder"
    #: STATIC: cards come from a pool only, of codes made beforehand or imported from printed cards.
    type: Literal["AUTO_UPDATE", "STATIC"] = "AUTO_UPDATE"
    #: Stands behind `type` and, like `weak_codes`, before `voucher`, as checks read the ones before them.
    vouchers_count: Annotated[int, AfterValidator(_pool_size)] | None = Field(default=None, examples=["1000"])
    weak_codes: bool = False
    voucher: Voucher = Voucher()
    activity_duration_after_publishing: DurationText | None = Field(default=None, examples=["P365D"])
    #: Stands before `expiration_date`, and the days before `validity_hours`, as checks read the ones before them.
    start_date: Day | None = Field(default=None, examples=["2020-06-01"])
    expiration_date: Day | None = Field(default=None, examples=["2027-12-31"])
    validity_day_of_week: DaysOfWeek | None = Field(default=None, examples=["[1, 2, 3, 4, 5]"])
    validity_hours: ValidityHours | None = Field(
        default=None, examples=['{daily: [{start_time: "09:00", expiration_time: "17:00"}]}']
    )
    validity: tuple[Validity, ...] = Field(default=(), examples=["[{when: {tier: [gold]}, duration: P2Y}]"])
    no_expiry_in: Annotated[tuple[Annotated[str, AfterValidator(_country)], ...], AfterValidator(_sorted)] = Field(
        default=(), examples=["[US-ME]"]
    )
    eligible: Eligible = Field(default=Condition(), examples=["{status: [cancelled]}"])
    refund: Refund = Field(default=Refund(), examples=["{requires_acceptance: true}"])
    budget: BudgetKeys | None = Field(default=None, examples=['{total: "250000.00"}'])
    approval: Approval | None = Field(default=None, examples=['{above: "10000.00"}'])
    invoice: Literal["required", "optional"] = "required"
    #: The least total of an order that cards are taken for.
    minimum_order: AmountAboveZero | None = Field(default=None, examples=['"50.00"'])
    metadata: Mapping[str, str] = Field(default={}, examples=["{department: Customer care}"])

    @field_validator("vouchers_count")
    @classmethod
    def _codes_beforehand(cls, vouchers_count: int | None, info: ValidationInfo) -> int | None:
        if vouchers_count is not None and info.data.get("type") == "AUTO_UPDATE":
            raise ValueError("makes codes beforehand, which takes `type: STATIC`: write that too, or null here")
        return vouchers_count

    @field_validator("voucher")
    @classmethod
    def _enough_codes(cls, voucher: Voucher, info: ValidationInfo) -> Voucher:
        pattern, count = voucher.code_config.code_pattern(), info.data.get("vouchers_count")
        if count is not None and count > pattern.space:
            sentence = (
                f"{shown(pattern.text)} makes only {pattern.space:,} codes, and vouchers_count is {count:,}: write"
                " more #, or a smaller number"
            )
            raise placed([Mistake(("code_config", "pattern"), sentence)])
        return voucher

    @field_validator("voucher")
    @classmethod
    def _strong_codes(cls, voucher: Voucher, info: ValidationInfo) -> Voucher:
        pattern = voucher.code_config.code_pattern()
        # Without a valid `weak_codes` that mistake comes first.
        if pattern.is_weak and info.data.get("weak_codes") is False:
            sentence = (
                f"{shown(pattern.text)} makes codes of {pattern.bits:.0f} bits, which can be guessed: write"
                f" more # for at least {CODE_BITS_MIN} bits, or `weak_codes: true` to take the risk"
            )
            raise placed([Mistake(("code_config", "pattern"), sentence)])
        return voucher

    @field_validator("expiration_date")
    @classmethod
    def _ends_after_it_starts(cls, expiration_date: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start_date")
        if start is not None and expiration_date is not None and expiration_date < start:
            raise ValueError(
                f"{expiration_date} is before the start_date, {start}, so that no card would ever be valid:"
                " correct one of them"
            )
        return expiration_date

    @field_validator("validity_hours")
    @classmethod
    def _open_on_valid_days(cls, hours: ValidityHours | None, info: ValidationInfo) -> ValidityHours | None:
        if hours is not None:
            hours.refuse_closed(info.data.get("validity_day_of_week"))
        return hours

    @field_validator("validity", "eligible", "refund", "budget", "approval", "minimum_order", mode="wrap")
    @classmethod
    def _amounts_of_the_currency(
        cls, given: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> object:
        with amounts_in(info.data.get("currency")):
            return check(given)

    @model_validator(mode="after")
    def _rules_go_together(self) -> Self:
        mistakes = clashes(self.model_dump(include={"currency", "refund", "validity"}))
        if mistakes:
            raise placed(mistakes)
        return self

    @property
    def code_pattern(self) -> CodePattern:
        """How this campaign's codes look."""
        return self.voucher.code_config.code_pattern()

    @property
    def duration(self) -> Duration | None:
        """How long a card is valid from the day of its publication; None where that sets no end."""
        text = self.activity_duration_after_publishing
        return None if text is None else Duration.parse(text)

    def definition(self) -> str:
        """JSON with every key but the name, sorted: the same text for every campaign of the same meaning.

        A later version has more keys: compare a stored text by `from_definition(...).definition()`, never as such.
        """
        keys = self.model_dump(mode="json")
        keys["voucher"]["code_config"] = self.voucher.code_config.spelled_out()
        if self.validity_hours is not None:
            keys["validity_hours"] = self.validity_hours.spelled_out()
        return json.dumps(keys, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_definition(cls, name: str, text: str) -> Self:
        """The campaign of a stored definition.

        Raises ValueError (pydantic's ValidationError) for a text that `definition` never made.
        """
        keys = json.loads(text)
        if not isinstance(keys, dict):
            raise ValueError(f"the definition of {name} in the ledger is no JSON object: restore a backup")
        return cls.model_validate({**{key: _with_tuples(given) for key, given in keys.items()}, "name": name})


def _with_tuples(given: object) -> object:
    """What JSON holds, with tuples for lists, as the file's reader gives them."""
    if isinstance(given, list):
        return tuple(map(_with_tuples, given))
    if isinstance(given, dict):
        return {key: _with_tuples(below) for key, below in given.items()}
    return given
