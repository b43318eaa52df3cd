"""What a booking's cells may say: the rules of one value, and the codes under which a row is rejected.

A rule takes a trimmed text that is not blank and returns the value to keep, or a Fault. Faults are returned, not
raised: a million rows may have one, and an exception that is kept keeps the frames that it went through.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Self

from refundctl.domain.basics.countries import country_code
from refundctl.domain.basics.currency_signs import currencies_of, currency_of, is_sign, split_sign
from refundctl.domain.basics.money import is_currency, on_preset
from refundctl.domain.basics.payment_card_numbers import holds_card_number

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

#: The columns of a booking in the order in which they are checked: the first fault of a row names it.
FIELDS = (
    "booking_id", "order_amount", "currency", "refund_id", "refund_amount", "cash_amount", "bonus_amount",
    "customer_id", "email", "name", "phone", "locale", "country", "status", "booked_at", "cancelled_at",
    "channel", "category", "tier", "tickets", "accepted", "marketing_consent",
)  # fmt: skip
REQUIRED = ("booking_id", "order_amount", "currency")
#: A file without them has no bookings; a currency may come from elsewhere.
NEEDED = ("booking_id", "order_amount")
#: What was paid back already: no column of a booking, but taken off what is owed.
REFUNDED = "refunded"
#: Amounts that may be zero, and are where the cell is blank.
ZERO_OR_MORE = ("cash_amount", "bonus_amount", REFUNDED)

#: Unicode characters.
ID_LENGTH_MAX = 300
TEXT_LENGTH_MAX = 1000
#: RFC 5321, 4.5.3.1.3, as corrected by erratum 1690 of RFC 3696.
EMAIL_LENGTH_MAX = 254
#: A value up to this length may be quoted in a reason; a longer one may be a code or a card's number,
#: unless it is made of words, and of no more digits than a time has.
QUOTED_LENGTH_MAX = 11
WORDS_QUOTED_MAX = 30
_DIGITS_QUOTED_MAX = 18

#: Not the separators U+001C to U+001F and U+0085, which Python would strip, but which are control characters.
WHITESPACE = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
#: What a spreadsheet takes for the start of a formula (OWASP, CSV Injection), full-width forms too.
FORMULA_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


class RejectCode(StrEnum):
    """Why a row is not loaded; `meaning` is the line that the documentation has about it."""

    meaning: str

    def __new__(cls, code: str, meaning: str = "") -> "RejectCode":
        """A member is its code; the meaning is given where the member is defined."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    WRONG_FIELD_COUNT = "wrong_field_count", "the row has more or fewer fields than the header"
    PAYMENT_CARD_NUMBER = "payment_card_number", "a field that is kept holds the number of a payment card"
    MISSING_VALUE = "missing_value", "a required field is blank"
    VALUE_TOO_LONG = "value_too_long", "an id has more than 300 characters, or another field more than 1,000"
    CONTROL_CHARACTERS = "control_characters", "a field holds control characters, such as a line break"
    FORMULA = "formula", "an id, a name or an e-mail starts like a spreadsheet formula"
    MALFORMED_ID = ("malformed_id", "an id that can't be one, such as 1.2E+15, which a spreadsheet has shortened")
    UNKNOWN_CURRENCY = "unknown_currency", "no currency of ISO 4217 in which amounts can be kept"
    CURRENCY_MISMATCH = (
        "currency_mismatch",
        "an amount names another currency than its row, or a row another one than the source's constant",
    )
    MALFORMED_AMOUNT = "malformed_amount", "an amount that is none in the source's notation"
    TOO_MANY_DECIMALS = "too_many_decimals", "an amount has more decimals than its currency"
    AMOUNT_NOT_POSITIVE = "amount_not_positive", "an amount of zero or below"
    REFUND_EXCEEDS_ORDER = "refund_exceeds_order", "the refund amount is above the order amount"
    CASH_EXCEEDS_REFUND = "cash_exceeds_refund", "the part owed in cash is above what is refunded"
    NO_CUSTOMER = "no_customer", "neither a customer id nor an e-mail"
    MALFORMED_EMAIL = "malformed_email", "an e-mail address that no mail tool would take"
    MALFORMED_DATE = "malformed_date", "a date that doesn't exist or is not in the source's format"
    MALFORMED_VALUE = "malformed_value", "a country, locale, number of tickets or yes/no that is none"
    EXCEEDS_ORDER_AMOUNT = ("exceeds_order_amount", "the refund lines of a booking exceed its order amount together")
    CONTRADICTION = "contradiction", "rows of one call contradict each other about a booking"
    BOOKING_CONFLICT = ("booking_conflict", "a line that was funded now says another amount, currency or customer")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one value can't be taken; the reason is a phrase that follows the field's name."""

    code: RejectCode
    reason: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not loaded: `line` is the physical line (from 1) on which it starts."""

    line: int
    field: str
    code: str
    reason: str

    @classmethod
    def of(cls, line: int, name: str, fault: Fault) -> Self:
        """The row on `line`, for what is wrong with its field `name`."""
        return cls(line, name, fault.code.value, f"{name} {fault.reason}")


# --- Rules of one value ---

_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SPREADSHEET = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]+|#(?:N/A|REF!|VALUE!|NAME\?|NUM!|NULL!|DIV/0!)")
_ISO_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r" ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_WORD = re.compile(r"[^\W_]+")
_PART_OF_TIME = re.compile(r"[0-9]{1,8}|[0-9]{1,2}(?:T[0-9]{1,2}|Z|st|nd|rd|th)|[0-9]{1,8}[Ee]", re.ASCII)
_TIMED = re.compile("%[HIMScXfzp]")
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?")
_TICKETS = re.compile(r"([0-9]{1,9})(?:\.0+)?")
_YES_NO = {
    "yes": "yes", "y": "yes", "true": "yes", "1": "yes", "no": "no", "n": "no", "false": "no", "0": "no",
}  # fmt: skip
#: One of the refunds that WebToffee's order exporter for WooCommerce writes into the cell `refund_items`.
_REFUND_ITEM = re.compile(
    r"amount:([^|;\s]+)\|reason:.*?\|date:[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:;(?=amount:)|\Z)", re.DOTALL
)
_GLUED = re.compile(
    r"([A-Za-z]{3})[ \u00a0\u202f]?([^A-Za-z \u00a0\u202f].*)"
    r"|(.*[^A-Za-z \u00a0\u202f])[ \u00a0\u202f]?([A-Za-z]{3})"
)


#: What nearly all addresses look like, within the lengths of RFC 5321; others are left to email_validator.
USUAL_EMAIL = (
    r"[A-Za-z0-9_]{1,20}+(?:[.+_-][A-Za-z0-9_]{1,20}+){0,2}+"
    r"@(?:[a-z0-9]{1,15}+(?:-[a-z0-9]{1,15}+){0,2}+\.){1,3}+"
    r"(?!(?:arpa|local|localhost|onion)(?![a-z]))[a-z]{2,20}+"
)
_USUAL_EMAIL = re.compile(USUAL_EMAIL)


def quoted(text: str) -> str:
    """A value as a reason may show it; of a long one that may be a secret only its length."""
    is_shown = len(text) <= QUOTED_LENGTH_MAX or (len(text) <= WORDS_QUOTED_MAX and not _may_be_secret(text))
    return repr(text) if is_shown else f"a text of {len(text)} characters"


def _may_be_secret(text: str) -> bool:
    """Whether it may be a code of 60 bits or a payment card's number: not where its parts are words, or of a time."""
    if sum(map(str.isdecimal, text)) > _DIGITS_QUOTED_MAX or holds_card_number(text):
        return True
    return not all(map(_is_harmless, _WORD.findall(text)))


def _is_harmless(part: str) -> bool:
    if part.isalpha():
        return len(part) <= 2 or part[1:].islower()
    return _PART_OF_TIME.fullmatch(part) is not None


def read_text(text: str, length_max: int = TEXT_LENGTH_MAX) -> str | Fault:
    """Any text on one line, in Unicode's form NFC. Faults: value_too_long, control_characters."""
    if len(text) > length_max:
        reason = f"has {len(text)} characters, at most {length_max} are kept; shorten it"
        return Fault(RejectCode.VALUE_TOO_LONG, reason)
    if found := _CONTROL.search(text):
        reason = f"holds the control character U+{ord(found[0]):04X}; take it out"
        return Fault(RejectCode.CONTROL_CHARACTERS, reason)
    return unicodedata.normalize("NFC", text)


def read_name(text: str, length_max: int = TEXT_LENGTH_MAX) -> str | Fault:
    """A text that a spreadsheet would not run. Faults: those of `read_text`, formula."""
    if text[0] in FORMULA_SIGNS:
        reason = f"starts with {text[0]}, which a spreadsheet takes for a formula; take that sign away"
        return Fault(RejectCode.FORMULA, reason)
    return read_text(text, length_max)


def read_id(text: str) -> str | Fault:
    """An id of any shape that a person could copy. Faults: those of `read_name`, malformed_id."""
    read = read_name(text, ID_LENGTH_MAX)
    if isinstance(read, Fault):
        return read
    if not read.isprintable():
        return Fault(RejectCode.MALFORMED_ID, "holds an invisible character; take it out")
    if _SPREADSHEET.fullmatch(read):
        reason = f"{quoted(read)} was written by a spreadsheet in place of the id; take the id from its origin"
        return Fault(RejectCode.MALFORMED_ID, reason)
    return read


def read_line_id(text: str) -> str | Fault:
    """The id of a booking or refund line: mail files join several with a semicolon, so none may hold one."""
    read = read_id(text)
    if isinstance(read, str) and ";" in read:
        return Fault(RejectCode.MALFORMED_ID, "holds a semicolon, which separates ids; write it without")
    return read


def read_email(text: str) -> str | Fault:
    """The address with its domain in lower case (RFC 5321, 2.4: only that part has no case).

    Faults: those of `read_name`, malformed_email.
    """
    read = read_name(text)
    if isinstance(read, Fault):
        return read
    local, _, domain = read.rpartition("@")
    usual = f"{local}@{domain.lower()}"
    return usual if _USUAL_EMAIL.fullmatch(usual) else _read_unusual_email(read)


def _read_unusual_email(text: str) -> str | Fault:
    reason = "is not an e-mail address that a mail tool would take; correct it or leave it blank"
    fault = Fault(RejectCode.MALFORMED_EMAIL, reason)
    if "@" not in text or len(text) > EMAIL_LENGTH_MAX:
        return fault
    try:
        address = _email_validator()(text).normalized
    except ValueError:
        return fault
    # What is left to check is what normalizing may have brought in.
    return fault if isinstance(read_name(address), Fault) else address


@cache
def _email_validator() -> Callable[[str], "ValidatedEmail"]:
    # Imported late: it brings the tables of international domain names with it.
    import email_validator

    # Rehearsals use addresses below these domains of RFC 6761. The list is part of the library's interface.
    for name in ("test", "invalid"):
        if name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
            email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(name)
    return partial(email_validator.validate_email, check_deliverability=False)


def read_currency(text: str) -> str | Fault:
    """A code of ISO 4217 in capitals, also for a sign such as `€` that stands for one. Faults: unknown_currency."""
    # Some letters outside ASCII have an ASCII capital.
    code = text.upper() if text.isascii() else currency_of(text) or text
    if not is_currency(code):
        if only := currency_of(text):
            return only
        if is_sign(text):
            example = currencies_of(text)[0]
            reason = f"{quoted(text)} stands for several currencies; write the code of one, such as {example}"
            return Fault(RejectCode.UNKNOWN_CURRENCY, reason)
        reason = f"{quoted(text)} is not a currency of ISO 4217 that has amounts; write one such as EUR"
        return Fault(RejectCode.UNKNOWN_CURRENCY, reason)
    return code


def read_country(text: str) -> str | Fault:
    """`PL`, or `US-ME` with a part of the country (ISO 3166), also from `POL`. Faults: malformed_value."""
    code = country_code(text)
    if code is None:
        reason = f"{quoted(text)} is not a code of ISO 3166; write one such as PL or US-ME"
        return Fault(RejectCode.MALFORMED_VALUE, reason)
    return code


def read_locale(text: str) -> str | Fault:
    """`pl`, `pl-PL` or `zh-Hant-TW` (BCP 47). Faults: malformed_value."""
    found = _LOCALE.fullmatch(text)
    if found is None:
        return Fault(RejectCode.MALFORMED_VALUE, f"{quoted(text)} is not a locale; write one such as pl-PL")
    language, script, region = found.groups(default="")
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


def read_yes_no(text: str) -> str | Fault:
    """`yes` or `no`. Faults: malformed_value."""
    answer = _YES_NO.get(text.lower())
    if answer is None:
        return Fault(RejectCode.MALFORMED_VALUE, f"{quoted(text)} is neither yes nor no; write one of them")
    return answer


def read_tickets(text: str) -> int | Fault:
    """A whole number, zero or more. Faults: malformed_value."""
    found = _TICKETS.fullmatch(text)
    if found is None:
        return Fault(RejectCode.MALFORMED_VALUE, f"{quoted(text)} is not a whole number; write digits only")
    return int(found[1])


def read_date(text: str, date_format: str | None = None, *, preset: str | None = None) -> str | Fault:
    """`YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM:SS` with the offset where one is given. Faults: malformed_date.

    ISO 8601, or the source's format. No text can be read as both: a format that begins with the year stands alone.
    """
    value = _date_in_format(text, date_format) if date_format else None
    if value is None and not (date_format or "").startswith("%Y"):
        value = _iso_date(text)
    if value is None:
        how = f"as {date_format}" if date_format else f"as YYYY-MM-DD, or name {_its_format(preset)}"
        return Fault(RejectCode.MALFORMED_DATE, f"{quoted(text)} is not a date; write it {how}")
    return value


def _its_format(preset: str | None) -> str:
    if preset is None:
        return "the source's `date_format`"
    example = on_preset(preset, "date_format: '%d.%m.%Y'")
    return f"its format in a source of yours, such as `{example}`"


def _iso_date(text: str) -> str | None:
    found = _ISO_DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, zone = found.groups(default="")
    try:
        # The zone follows, where there is one.
        read = datetime(  # noqa: DTZ001
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
        if zone:
            read = read.replace(tzinfo=_time_zone(zone))
    except ValueError:
        return None
    return read.isoformat() if hour else read.date().isoformat()


def _time_zone(zone: str) -> timezone:
    """`Z`, `+02`, `+0200` or `+02:00`."""
    if zone in "Zz":
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[3:].removeprefix(":") or 0)
    if minutes > 59:
        raise ValueError("an hour has 60 minutes")
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(ahead if zone[0] == "+" else -ahead)


def _date_in_format(text: str, date_format: str) -> str | None:
    if not text.isascii():
        # strptime would take digits of every script.
        return None
    try:
        # The zone is the format's business.
        read = datetime.strptime(text, date_format)  # noqa: DTZ007
    except ValueError:
        return None
    return read.isoformat(timespec="seconds") if _TIMED.search(date_format) else read.date().isoformat()


def split_currency(text: str) -> tuple[str | None, str]:
    """The currency before or behind an amount, and the amount: `300 USD`, `USD300`, `€300`.

    In capitals, and as a code also where a sign stands for one currency only; any other sign is given as it is.
    """
    if text[:1].isdecimal() and text[-1:].isdecimal():
        return None, text
    found = _GLUED.fullmatch(text)
    if found is not None:
        before, after_it, before_it, behind = found.groups()
        named, amount = (before, after_it) if before else (behind, before_it)
        if not is_sign(named):
            return named.upper(), amount
    signed = split_sign(text)
    if signed is None:
        return None, text
    sign, amount = signed
    return currency_of(sign) or sign.lower(), amount


def refund_items(text: str) -> list[str]:
    """The amounts in a list of refunds, `amount:5.00|reason:Late|date:2020-04-01 09:30:00;amount:...`.

    Any other text is a single amount itself, or what is then found to be none.
    """
    amounts: list[str] = []
    end = 0
    while found := _REFUND_ITEM.match(text, end):
        amounts.append(found[1])
        end = found.end()
    return amounts if amounts and end == len(text) else [text]
