"""Money: integers in minor units of an ISO 4217 currency, and the only way between them and text.

Reading is exact: ASCII digits, one decimal sign, thousands in groups of three. What Python itself would take
(`１００`, `1_000`, `1e3`, `NaN`, ` 5`) is refused, and nothing is ever rounded.
"""

import re
from collections.abc import Sequence
from functools import cache

from refundctl.domain.basics.errors import UsageError

#: SQLite's integers end below 9.3e18: digits of an amount in minor units, and those before the decimal sign.
DIGITS_MAX = 18
INTEGER_DIGITS_MAX = 15

#: The shortest text that may be a code of 60 bits (36 signs) or a payment card's number. Error sentences show
#: no such text but its last four characters, since a value may stand in the wrong column.
SECRET_LENGTH_MIN = 12

#: Decimal and thousands sign of the notations that an error sentence may propose.
_NOTATIONS = (
    (".", None), (",", None), (".", ","), (",", "."), (".", "'"), (".", " "), (",", " "), (",", "\u00a0"),
    (",", "\u202f"), (".", "\u2019"),
)  # fmt: skip


class AmountError(ValueError):
    """A text that is no amount: `code` is stable, `what` says what is wrong, `advice` what to do in a file of rows."""

    def __init__(self, code: str, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}")
        self.code, self.what = code, what


class UnknownCurrency(AmountError):
    """Not a currency of ISO 4217, or one in which no amount can be kept, such as gold (XAU)."""

    def __init__(self, currency: str) -> None:
        if currency in _exponents():
            why = "is a code of ISO 4217 without a minor unit, so no amount can be kept in it"
        else:
            why = "is not a currency of ISO 4217"
        super().__init__(
            "unknown_currency",
            f"{_shown(currency)} {why}",
            "write the three capital letters of a currency, such as EUR",
        )


@cache
def _exponents() -> dict[str, int | None]:
    # Imported late: reading the table takes 40 ms, which a command that names no currency need not wait for.
    from iso4217 import Currency

    return {currency.code: currency.exponent for currency in Currency}


@cache
def exponent(currency: str) -> int:
    """How many decimals the currency has (JPY 0, EUR 2, KWD 3, CLF 4), by ISO 4217 list one.

    Capitals only. Raises UnknownCurrency.
    """
    digits = _exponents().get(currency)
    if digits is None:
        raise UnknownCurrency(currency)
    return digits


def is_currency(text: str) -> bool:
    """Whether amounts can be kept in the currency of this code (capitals only)."""
    return _exponents().get(text) is not None


def parse_amount(
    text: str,
    currency: str,
    *,
    decimal: str = ".",
    thousands: str | None = None,
    signed: bool = False,
    preset: str | None = None,
    by_source: bool = True,
) -> int:
    """Minor units of an amount in major units: `12.5` EUR is 1250.

    Above zero, or with `signed` any amount, with an optional leading minus. Raises AmountError with the code
    `malformed_amount`, `too_many_decimals` (trailing zeros count too), `amount_not_positive` or `unknown_currency`;
    where another notation is proposed (not for what is read `by_source` False), for one that begins with the `preset`.
    """
    decimals = exponent(currency)
    found = _notation(decimal, thousands).fullmatch(text)
    if found is None:
        raise _malformed(text, currency, decimal, _proposal(text, currency, decimal, preset) if by_source else "")
    minus, whole, fraction = found.groups(default="")
    if len(fraction) > decimals:
        proposal = _proposal(text, currency, decimal, preset) if by_source else ""
        raise _too_many_decimals(text, currency, len(fraction), proposal)
    if thousands is not None:
        whole = whole.replace(thousands, "")
    if len(whole) > _integer_digits_max(decimals):
        raise _too_long(text, currency, decimals)
    minor = int(minus + whole + fraction.ljust(decimals, "0"))
    if minor <= 0 and not signed:
        raise _not_positive(text)
    return minor


def minor_or_none(text: str | None, currency: str) -> int | None:
    """Minor units of an amount as a stored definition has it, with at most the currency's decimals."""
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(exponent(currency), "0"))


def parse_amounts(
    texts: Sequence[str], currency: str, *, decimal: str = ".", thousands: str | None = None
) -> list[int] | None:
    """The same as `parse_amount` for each text, at the speed of a column.

    None where it doesn't apply and the caller must go value by value: it takes positive amounts without
    thousands signs and with exactly the currency's decimals. Raises UnknownCurrency.
    """
    pattern = _column(exponent(currency), decimal, thousands)
    if not texts:
        return []
    joined = "\n".join(texts)
    if pattern.fullmatch(joined) is None:
        return None
    minors = list(map(int, joined.replace(decimal, "").split("\n")))
    # A text with a line break in it looks like two in the joined column.
    return minors if len(minors) == len(texts) and min(minors) > 0 else None


def format_amount(minor: int, currency: str) -> str:
    """The amount in major units with exactly the currency's decimals: -5 EUR is `-0.05`.

    Raises UnknownCurrency.
    """
    decimals = exponent(currency)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor))
    if decimals == 0:
        return sign + digits
    digits = digits.zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def example_amount(currency: str) -> str:
    """Twelve and a half of the currency, as one types it. Raises UnknownCurrency."""
    return format_amount(125 * 10 ** exponent(currency) // 10, currency)


def amount_for_people(minor: int, currency: str) -> str:
    """The amount with its currency and thousands apart: `EUR 21,967.91`. Raises UnknownCurrency."""
    whole, point, rest = format_amount(minor, currency).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{currency} {sign}{int(whole.lstrip('-')):,}{point}{rest}"


def parse_total(text: str) -> tuple[str, int]:
    """Currency and minor units of a control total such as `EUR 1234.50`; zero is one too.

    Raises UsageError.
    """
    # Capitals only of ASCII: some letters outside it have an ASCII capital, `uſd`.upper() is USD.
    currency, _, amount = text.strip().partition(" ")
    currency = currency.upper() if currency.isascii() else currency
    try:
        minor = parse_amount(amount.lstrip(" "), currency, signed=True)
    except UnknownCurrency:
        raise _bad_total(text) from None
    except AmountError:
        raise _bad_total(text, f"; {currency} has {_decimals(exponent(currency))}") from None
    if minor < 0:
        raise _bad_total(text, "; a total is zero or more")
    return currency, minor


def _bad_total(text: str, why: str = "") -> UsageError:
    example = '"EUR 1234.50"'
    return UsageError(f"--expect-total takes a currency and an amount, such as {example}, not {_shown(text)}{why}")


@cache
def _notation(decimal: str, thousands: str | None) -> re.Pattern[str]:
    _check_signs(decimal, thousands)
    whole = "[0-9]+"
    if thousands is not None:
        whole += f"|[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+"
    return re.compile(f"(-)?({whole})(?:{re.escape(decimal)}([0-9]+))?")


@cache
def _column(decimals: int, decimal: str, thousands: str | None) -> re.Pattern[str]:
    _check_signs(decimal, thousands)
    value = f"[0-9]{{1,{_integer_digits_max(decimals)}}}+"
    if decimals:
        value += f"{re.escape(decimal)}[0-9]{{{decimals}}}"
    # Possessive: a value has one reading only, so there is nothing to go back to.
    return re.compile(f"(?:{value}\n)*+{value}")


def _check_signs(decimal: str, thousands: str | None) -> None:
    signs = [decimal] if thousands is None else [decimal, thousands]
    if any(len(sign) != 1 or sign.isalnum() or sign in "-+\n" for sign in signs) or decimal == thousands:
        raise ValueError(f"decimal and thousands are two different signs, no digits or letters, not {signs}")


def _integer_digits_max(decimals: int) -> int:
    return min(INTEGER_DIGITS_MAX, DIGITS_MAX - decimals)


def _malformed(text: str, currency: str, decimal: str, proposal: str) -> AmountError:
    advice = f"write it like {example_amount(currency).replace('.', decimal)}, digits only"
    return AmountError("malformed_amount", f"{_shown(text)} is not an amount in {currency}", advice + proposal)


def _too_many_decimals(text: str, currency: str, decimals: int, proposal: str) -> AmountError:
    what = f"{_shown(text)} has {_decimals(decimals)}, {currency} has {_decimals(exponent(currency))}"
    return AmountError("too_many_decimals", what, f"correct it{proposal}")


def _too_long(text: str, currency: str, decimals: int) -> AmountError:
    limit = f"an amount in {currency} has at most {_integer_digits_max(decimals)} digits before its decimals"
    return AmountError("malformed_amount", f"{_shown(text)} is too long: {limit}", "correct it")


def _not_positive(text: str) -> AmountError:
    what = f"{_shown(text)} is not above zero"
    return AmountError("amount_not_positive", what, "correct the amount or leave the row out")


def _proposal(text: str, currency: str, decimal: str, preset: str | None) -> str:
    """The settings of a source under which the text would be an amount, each with the amount it would be."""
    if text != text.strip():
        return ", without the spaces around it"
    ways: dict[int, Sequence[str]] = {}
    for other_decimal, other_thousands in _NOTATIONS:
        minor = _reading(text, currency, other_decimal, other_thousands)
        if minor is not None:
            ways.setdefault(minor, _settings(decimal, other_decimal, other_thousands))
    meanings = [f"{_set(way, preset)} if it means {format_amount(minor, currency)}" for minor, way in ways.items()]
    if not meanings:
        return ""
    where = "in the source set" if preset is None else "load it by a source of yours:"
    return f", or {where} {', or '.join(meanings)}"


def _set(settings: Sequence[str], preset: str | None) -> str:
    if preset is None:
        return " and ".join(f"`{setting}`" for setting in settings)
    return f"`{on_preset(preset, *settings)}`"


def on_preset(preset: str, *settings: str) -> str:
    """A source in the campaigns file that begins with a preset and says something else, on one line."""
    return f"sources: {{my-source: {{preset: {', '.join((preset, *settings))}}}}}"


def _reading(text: str, currency: str, decimal: str, thousands: str | None) -> int | None:
    """Minor units of a text in another notation; None where it is no amount in that either."""
    found = _notation(decimal, thousands).fullmatch(text) if len(text) <= DIGITS_MAX else None
    if found is None or len(found[3] or "") > exponent(currency):
        return None
    digits = found[2] if thousands is None else found[2].replace(thousands, "")
    if len(digits) > _integer_digits_max(exponent(currency)):
        return None
    return parse_amount(text, currency, decimal=decimal, thousands=thousands, signed=True)


def _settings(decimal: str, other_decimal: str, other_thousands: str | None) -> Sequence[str]:
    settings = [] if other_decimal == decimal else [f"decimal: {_as_yaml(other_decimal)}"]
    if other_thousands is not None:
        settings.append(f"thousands: {_as_yaml(other_thousands)}")
    return settings


def _as_yaml(sign: str) -> str:
    if sign.isascii() and sign != "'":
        return f"'{sign}'"
    return '"' + sign.encode("unicode_escape").decode() + '"'


def _decimals(count: int) -> str:
    return {0: "no decimals", 1: "1 decimal"}.get(count, f"{count} decimals")


def _shown(text: str) -> str:
    """The text as an error sentence may quote it: escaped, of a long one only its last four characters."""
    if not text:
        return "an empty text"
    if len(text) < SECRET_LENGTH_MIN:
        return repr(text)
    return f"a text of {len(text)} characters (...{text[-4:]!r})"
