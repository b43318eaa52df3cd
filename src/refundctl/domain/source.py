"""Sources: how to read one kind of file, as `sources` in the campaigns file says it."""

import codecs
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from refundctl.domain.bookings import (
    FIELDS,
    NOT_AVAILABLE,
    Fault,
    read_country,
    read_currency,
    read_date,
    read_email,
    read_locale,
    read_text,
    read_tickets,
    read_yes_no,
)
from refundctl.domain.mistakes import Mistake, did_you_mean, placed, shown

#: Every column that a booking may have, in the order in which exports write them.
CANONICAL_COLUMNS = FIELDS
#: Columns that this version can't take yet.
LATER_COLUMNS = frozenset(NOT_AVAILABLE)
_COLUMNS_NOW = tuple(column for column in CANONICAL_COLUMNS if column not in LATER_COLUMNS)
#: A constant here would make all rows of a file the same line.
_IDS = frozenset({"booking_id", "refund_id"})

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

DELIMITERS = (",", ";", "\t", "|")
DECIMALS = (".", ",")
#: The last three are the no-break space, the narrow one, and the apostrophe that spreadsheets use.
THOUSANDS = (".", ",", " ", "'", "\u00a0", "\u202f", "\u2019")

#: Python calls these encodings, but they are notations of texts, not of files.
_NO_FILE_ENCODINGS = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"})
_WRITTEN_TAB = {"\\t": "\t", "tab": "\t"}
#: A day whose parts can't be taken for each other, at a time whose parts can't either.
_SAMPLE = datetime(2031, 12, 28, 23, 59, 58, tzinfo=UTC)
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_DATE_PARTS = {"year": {"Y", "y"}, "month": {"m", "b", "B"}, "day": {"d"}}


_CELL_RULES: Mapping[str, Callable[[str], object]] = {
    "currency": read_currency,
    "email": read_email,
    "locale": read_locale,
    "country": read_country,
    "tickets": read_tickets,
    "accepted": read_yes_no,
    "marketing_consent": read_yes_no,
}


def source_name(name: str) -> str:
    """The name itself. Raises ValueError where no source may be called so."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{shown(name)} can't be a source's name: write at most 63 small letters a-z, digits, - _ and .,"
            " a letter or digit first, such as hotel"
        )
    return name


def canonical_column(name: str) -> str:
    """The name itself. Raises ValueError where there is no such column, or not yet."""
    if name in LATER_COLUMNS:
        raise ValueError(f"the column `{name}` is not available in this version: leave it out")
    if name not in CANONICAL_COLUMNS:
        advice = did_you_mean(name, _COLUMNS_NOW) or f"; there are {', '.join(_COLUMNS_NOW)}"
        raise ValueError(f"there is no column {shown(name)}{advice}")
    return name


def _constant_column(name: str, info: ValidationInfo) -> str:
    canonical_column(name)
    if name in _IDS:
        raise ValueError(f"`{name}` can't be a constant, since each row has its own: map a column to it")
    if name in info.data.get("columns", {}):
        raise ValueError(f"`{name}` is both a column and a constant: leave one of them out")
    return name


def _cell_mistake(name: str, text: str, rule: Callable[[str], object]) -> Mistake | None:
    value = rule(text.strip())
    return Mistake((name,), value.reason) if isinstance(value, Fault) else None


def _not_blank(text: str) -> str:
    if not text.strip():
        sentence = "is blank: write the text as it stands in the file"
        raise ValueError(sentence)
    return text


def _one_of(text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        signs = " ".join(f'"{_sign_shown(sign)}"' for sign in allowed)
        raise ValueError(f"{shown(text)} is not allowed here: write one of {signs}, with the quotes")
    return text


def _sign_shown(text: str) -> str:
    """As it may be written between double quotes in YAML."""
    return text if text.isascii() and text != "\t" else text.encode("unicode_escape").decode()


def _delimiter(given: object) -> object:
    return _WRITTEN_TAB.get(given, given) if isinstance(given, str) else given


def _encoding(name: str) -> str:
    try:
        known = codecs.lookup(name).name
        "a".encode(known)
    except (LookupError, ValueError):
        known = ""
    if known in _NO_FILE_ENCODINGS or not known:
        raise ValueError(f"there is no encoding {shown(name)}: write one such as utf-8, cp1252 or latin-1")
    # A byte order mark is looked for anyway.
    return "utf-8" if known == "utf-8-sig" else known


def _date_format(text: str) -> str:
    used = set(_DIRECTIVE.findall(text))
    missing = [part for part, directives in _DATE_PARTS.items() if not used & directives]
    if missing:
        raise ValueError(f"{shown(text)} has no {' and no '.join(missing)}: write one such as %d.%m.%Y or %m/%d/%Y")
    try:
        # The file's zone is not known here: %z has its own, and without it there is none to read.
        read = datetime.strptime(_SAMPLE.strftime(text), text).date()  # noqa: DTZ007
    except (ValueError, re.error):
        read = None
    # Dates are read in ASCII only: strptime would take the digits of every script.
    if read != _SAMPLE.date() or not text.isascii():
        raise ValueError(f"no date can be read back by {shown(text)}: write one such as %d.%m.%Y or %m/%d/%Y")
    return text


def _sorted(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _trimmed(texts: tuple[str, ...]) -> tuple[str, ...]:
    """As cells are, before they are compared with these."""
    return _sorted(tuple(text.strip() for text in texts))


def _with_blank(texts: tuple[str, ...]) -> tuple[str, ...]:
    return _trimmed((*texts, ""))


def _something(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        sentence = 'an empty list would leave out every row: name a text, such as ["1"]'
        raise ValueError(sentence)
    return texts


Header = Annotated[str, AfterValidator(_not_blank)]
Wanted = Annotated[tuple[str, ...], AfterValidator(_something), AfterValidator(_trimmed)]


class Source(BaseModel):
    """How to read one kind of file. `Source()` is the built-in `default`: canonical headers, ISO 8601 dates.

    Raises pydantic's ValidationError with every mistake.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    #: Keys that a later version takes.
    LATER: ClassVar[frozenset[str]] = frozenset({"group_by", "id_prefix"})

    delimiter: Annotated[str | None, BeforeValidator(_delimiter)] = Field(default=None, examples=['";"'])
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(default="utf-8", examples=["cp1252"])
    #: The notation stands before `constants`, whose check reads it.
    decimal: str = Field(default=".", examples=['","'])
    thousands: str | None = Field(default=None, examples=['"."'])
    date_format: Annotated[str, AfterValidator(_date_format)] | None = Field(default=None, examples=['"%d.%m.%Y"'])
    columns: Mapping[Annotated[str, AfterValidator(canonical_column)], Header] = Field(
        default={}, examples=["{booking_id: Order no}"]
    )
    constants: Mapping[Annotated[str, AfterValidator(_constant_column)], Header] = Field(
        default={}, examples=["{currency: EUR}"]
    )
    only: Mapping[Header, Wanted] = Field(default={}, examples=['{is_canceled: ["1"]}'])
    null_values: Annotated[tuple[str, ...], AfterValidator(_with_blank)] = Field(
        default=("",), examples=['["", "NULL"]']
    )
    metadata: Annotated[tuple[Header, ...], AfterValidator(_sorted)] = Field(default=(), examples=["[hotel]"])

    @field_validator("delimiter")
    @classmethod
    def _known_delimiter(cls, delimiter: str | None) -> str | None:
        return None if delimiter is None else _one_of(delimiter, DELIMITERS)

    @field_validator("constants")
    @classmethod
    def _such_as_cells(cls, constants: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        """A constant that no cell may say would have every row rejected."""
        rules = _CELL_RULES
        if "date_format" in info.data:
            read_day = partial(read_date, date_format=info.data["date_format"])
            rules = {**rules, "booked_at": read_day, "cancelled_at": read_day}
        mistakes = [_cell_mistake(name, text, rules.get(name, read_text)) for name, text in constants.items()]
        found = [mistake for mistake in mistakes if mistake is not None]
        if found:
            raise placed(found)
        return constants

    @field_validator("decimal")
    @classmethod
    def _known_decimal(cls, decimal: str) -> str:
        return _one_of(decimal, DECIMALS)

    @field_validator("thousands")
    @classmethod
    def _known_thousands(cls, thousands: str | None, info: ValidationInfo) -> str | None:
        if thousands is None:
            return None
        if thousands == info.data.get("decimal"):
            raise ValueError(f"{shown(thousands)} is the decimal sign already: thousands need another one")
        return _one_of(thousands, THOUSANDS)

    def definition(self) -> str:
        """JSON with every key, sorted: the same text for every source of the same meaning."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
