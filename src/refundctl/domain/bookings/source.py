"""Sources: how to read one kind of file, as `sources` in the campaigns file says it."""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from refundctl.domain.basics.definition_mistakes import Mistake, did_you_mean, folded, placed, shown
from refundctl.domain.bookings.booking_cells import FIELDS, NEEDED, REFUNDED, WHITESPACE, Fault, read_date, read_text
from refundctl.domain.bookings.column_rules import RULES

#: Every column that a booking may have, in the order in which exports write them.
CANONICAL_COLUMNS = FIELDS
#: A constant here would make all rows of a file the same line.
_IDS = frozenset({"booking_id", "refund_id"})
#: Columns that may be put together from several; an id or an amount is one cell.
JOINABLE = ("name", "phone", "status", "booked_at", "cancelled_at", "channel", "category", "tier")
PREFIX_LENGTH_MAX = 50

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
    name: RULES[name] for name in ("currency", "email", "locale", "country", "tickets", "accepted", "marketing_consent")
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
    """The name itself. Raises ValueError where there is no such column."""
    if name not in CANONICAL_COLUMNS:
        advice = did_you_mean(name, CANONICAL_COLUMNS) or f"; there are {', '.join(CANONICAL_COLUMNS)}"
        raise ValueError(f"there is no column {shown(name)}{advice}")
    return name


def _constant_column(name: str, info: ValidationInfo) -> str:
    canonical_column(name)
    if name in _IDS:
        raise ValueError(f"`{name}` can't be a constant, since each row has its own: map a column to it")
    if info.data.get("columns", {}).get(name) is not None:
        advice = f", such as the preset's with `columns: {{{name}: null}}`" if info.data.get("preset") else ""
        raise ValueError(f"`{name}` is both a column and a constant: leave one of them out{advice}")
    return name


def _cell_mistake(name: str, text: str, rule: Callable[[str], object]) -> Mistake | None:
    value = rule(text.strip())
    return Mistake((name,), value.reason) if isinstance(value, Fault) else None


_BLANK_HEADER = "is blank: write the text as it stands in the file"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(_BLANK_HEADER)
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


def _headers(given: object) -> object:
    """A single header in a list is that header. Mistakes are told here: of a union, pydantic tells them per part."""
    if isinstance(given, str):
        return _not_blank(given)
    if not isinstance(given, list | tuple):
        return given
    if not given:
        sentence = "is an empty list: name the headers in it, or write null to read no such column"
        raise ValueError(sentence)
    wrong = [
        Mistake((at,), "takes text in this list" if not isinstance(header, str) else _BLANK_HEADER)
        for at, header in enumerate(given)
        if not isinstance(header, str) or not header.strip()
    ]
    if wrong:
        raise placed(wrong)
    return given[0] if len(given) == 1 else tuple(given)


def _prefix(prefix: str) -> str:
    if not prefix.strip() or prefix[0] in WHITESPACE:
        sentence = "is blank or begins with a space: write what ids are to begin with, such as shop1-"
        raise ValueError(sentence)
    if len(prefix) > PREFIX_LENGTH_MAX:
        raise ValueError(f"has {len(prefix)} characters, at most {PREFIX_LENGTH_MAX} are taken: shorten it")
    whole = RULES["booking_id"](f"{prefix}1")
    if isinstance(whole, Fault):
        raise ValueError(whole.reason)
    if whole != f"{prefix}1":
        sentence = "has an accent as a sign of its own: write it as one with its letter"
        raise ValueError(sentence)
    return prefix


def _sorted(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _folded(texts: tuple[str, ...]) -> tuple[str, ...]:
    """As cells are, before they are compared with these."""
    return _sorted(tuple(map(folded, texts)))


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
Headers = Annotated[str | tuple[str, ...] | None, BeforeValidator(_headers)]
Wanted = Annotated[tuple[str, ...], AfterValidator(_something), AfterValidator(_folded)]


class Source(BaseModel):
    """How to read one kind of file. `Source()` is the built-in `default`: canonical headers, ISO 8601 dates.

    Under `columns`, several headers make one column, with a space between two cells, and null takes a column away even
    where a file has it. Those in `optional` may be missing in a file. `refunded` is the header of what was paid back
    already. `only` and `skip` compare trimmed and without case: rows that the first doesn't name, and those that the
    second does, are filtered. `id_prefix` goes before the ids of bookings and of those customers that have one of their
    own. `preset` only tells where the other values come from: `on_top` puts them together.

    Raises pydantic's ValidationError with every mistake.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    preset: str | None = Field(default=None, examples=["shopify"])
    delimiter: Annotated[str | None, BeforeValidator(_delimiter)] = Field(default=None, examples=['";"'])
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(default="utf-8", examples=["cp1252"])
    #: The notation stands before `constants`, whose check reads it.
    decimal: str = Field(default=".", examples=['","'])
    thousands: str | None = Field(default=None, examples=['"."'])
    date_format: Annotated[str, AfterValidator(_date_format)] | None = Field(default=None, examples=['"%d.%m.%Y"'])
    columns: Mapping[Annotated[str, AfterValidator(canonical_column)], Headers] = Field(
        default={}, examples=["{booking_id: Order no}"]
    )
    optional: Annotated[tuple[str, ...], AfterValidator(_sorted)] = Field(default=(), examples=["[phone]"])
    refunded: Header | None = Field(default=None, examples=["Refunded Amount"])
    constants: Mapping[Annotated[str, AfterValidator(_constant_column)], Header] = Field(
        default={}, examples=["{currency: EUR}"]
    )
    only: Mapping[Header, Wanted] = Field(default={}, examples=['{is_canceled: ["1"]}'])
    skip: Mapping[Header, Wanted] = Field(default={}, examples=['{Mode: ["Test"]}'])
    null_values: Annotated[tuple[str, ...], AfterValidator(_with_blank)] = Field(
        default=("",), examples=['["", "NULL"]']
    )
    group_by: Literal["booking_id"] | None = Field(default=None, examples=["booking_id"])
    id_prefix: Annotated[str, AfterValidator(_prefix)] | None = Field(default=None, examples=["shop1-"])
    metadata: Annotated[tuple[Header, ...], AfterValidator(_sorted)] = Field(default=(), examples=["[hotel]"])

    @field_validator("delimiter")
    @classmethod
    def _known_delimiter(cls, delimiter: str | None) -> str | None:
        return None if delimiter is None else _one_of(delimiter, DELIMITERS)

    @field_validator("columns")
    @classmethod
    def _right_for_their_kind(cls, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        mistakes = []
        for name, headers in columns.items():
            if headers is None and name in NEEDED:
                sentence = "is needed in every row: name its header, or leave this out"
                mistakes.append(Mistake((name,), sentence))
            if isinstance(headers, tuple) and name not in JOINABLE:
                mistakes.append(Mistake((name,), f"takes one header: only {', '.join(JOINABLE)} are put together"))
        if mistakes:
            raise placed(mistakes)
        return columns

    @field_validator("optional", mode="before")
    @classmethod
    def _among_columns(cls, optional: object, info: ValidationInfo) -> object:
        """Before they are sorted, so that each mistake has its place."""
        columns = info.data.get("columns")
        if columns is None or not isinstance(optional, list | tuple):
            return optional
        given = [(at, name) for at, name in enumerate(optional) if isinstance(name, str)]
        wrong = [(at, name) for at, name in given if name not in columns or name in NEEDED]
        if wrong:
            raise placed(Mistake((at,), _not_optional(name, columns)) for at, name in wrong)
        return tuple(optional)

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

    @property
    def has_notation(self) -> bool:
        """Whether amounts, dates or cells are written in another way than by default."""
        return (self.decimal, self.date_format, self.delimiter) != (".", None, None)

    def headers_of(self, column: str) -> tuple[str, ...]:
        """Under which headers a canonical column stands: its own name, where the source doesn't say."""
        headers = self.columns.get(column, column)
        if headers is None:
            return ()
        return (headers,) if isinstance(headers, str) else headers

    def required(self) -> dict[str, str]:
        """Each header that a file must have, and the canonical column it is for; of others, the header itself."""
        wanted = [name for name in CANONICAL_COLUMNS if name in self.columns or name in NEEDED]
        pairs = [(header, name) for name in wanted if self._is_required(name) for header in self.headers_of(name)]
        if self.refunded is not None:
            pairs.append((self.refunded, REFUNDED))
        pairs += [(header, header) for header in (*self.only, *self.skip, *self.metadata)]
        # The first column that a header is for names it.
        first = dict(reversed(pairs))
        return {header: first[header] for header, _ in pairs}

    def _is_required(self, name: str) -> bool:
        return name not in self.optional and name not in self.constants

    def all_headers(self) -> Iterator[str]:
        """Every header that is looked for in a file."""
        for name in CANONICAL_COLUMNS:
            yield from self.headers_of(name)
        yield from (*self.only, *self.skip, *self.metadata)
        if self.refunded is not None:
            yield self.refunded

    def definition(self) -> str:
        """JSON with every key, sorted: the same text for every source of the same meaning."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


#: Keys whose entries go on top one by one; the others stand in place of the preset's.
_MERGED = ("columns", "constants", "only", "skip")


def on_top(preset: Source, own: Mapping[str, object]) -> dict[str, object]:
    """The keys of a source that begins with a preset: its own go on top. Nothing is checked yet.

    Where its own say null for a constant or for a header under `only` or `skip`, the preset's is gone.
    """
    keys: dict[str, object] = {**preset.model_dump(exclude_unset=True), **own}
    for key in _MERGED:
        above = own.get(key)
        if isinstance(above, Mapping):
            keys[key] = _merged(getattr(preset, key), above, keeps_null=key == "columns")
    return keys


def _merged(below: Mapping[str, object], above: Mapping[str, object], *, keeps_null: bool) -> dict[str, object]:
    # Headers are found without regard to case, so one that differs in case only is the same.
    known, replaced = _names(below), _names(above)
    kept = {name: value for name, value in below.items() if folded(name) not in replaced}
    taken_away = set() if keeps_null else {name for name in above if above[name] is None and folded(name) in known}
    return kept | {name: value for name, value in above.items() if name not in taken_away}


def _names(keys: Iterable[str]) -> set[str]:
    return {folded(name) for name in keys}


def _not_optional(name: str, columns: Mapping[str, object]) -> str:
    if name in NEEDED:
        return f"`{name}` can't be missing, since no row goes without it: leave it out here"
    advice = did_you_mean(name, columns) or ": name its header there, or leave it out here"
    return f"{shown(name)} is not among `columns`{advice}"
