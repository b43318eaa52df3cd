"""The signs that systems write beside an amount in place of a currency's code: `€25.00`, `12,00 zł`, `-$3.00`.

Most stand for several currencies, and then say nothing by themselves; but they can contradict.
"""

import re
from collections.abc import Mapping

#: Each sign in small letters, with the currencies that are written with it.
_SIGNS: Mapping[str, str] = {
    "€": "EUR",
    "£": "GBP EGP FKP GIP LBP SDG SHP SSP SYP",
    "$": "USD CAD AUD NZD MXN SGD HKD TWD ARS BBD BMD BND BSD BZD CLP COP CUP DOP FJD GYD JMD KYD LRD NAD SBD SRD TTD"
    " UYU XCD",
    "us$": "USD",
    "a$": "AUD",
    "au$": "AUD",
    "c$": "CAD NIO",
    "ca$": "CAD",
    "nz$": "NZD",
    "hk$": "HKD",
    "nt$": "TWD",
    "s$": "SGD",
    "mx$": "MXN",
    "r$": "BRL",
    "¥": "JPY CNY",
    "￥": "JPY CNY",
    "zł": "PLN",
    "kr": "SEK NOK DKK ISK",
    "kr.": "SEK NOK DKK ISK",
    "kč": "CZK",
    "ft": "HUF",
    "fr": "CHF BIF CDF DJF GNF KMF RWF XAF XOF XPF",
    "fr.": "CHF BIF CDF DJF GNF KMF RWF XAF XOF XPF",
    "lei": "RON MDL",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "₴": "UAH",
    "₫": "VND",
    "฿": "THB",
    "₱": "PHP CUP",
    "₦": "NGN",
}
_CURRENCIES = {sign: tuple(currencies.split()) for sign, currencies in _SIGNS.items()}

_ANY = "|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True)))
_SPACE = "[ \u00a0\u202f]?"
_BESIDE = re.compile(f"(-?)(?:({_ANY}){_SPACE}(-?[0-9].*)|([0-9].*[0-9]|[0-9]){_SPACE}({_ANY}))", re.IGNORECASE)


def is_sign(text: str) -> bool:
    """Whether this is a currency's sign, in any case."""
    return text.lower() in _CURRENCIES


def currencies_of(sign: str) -> tuple[str, ...]:
    """The currencies that are written with a sign; none where it is no sign."""
    return _CURRENCIES.get(sign.lower(), ())


def currency_of(sign: str) -> str | None:
    """The one currency that a sign stands for; None where it stands for several, or is none."""
    currencies = currencies_of(sign)
    return currencies[0] if len(currencies) == 1 else None


def split_sign(text: str) -> tuple[str, str] | None:
    """The sign beside an amount, and the amount, with its minus; None where there is no sign."""
    found = _BESIDE.fullmatch(text)
    if found is None:
        return None
    minus, before, after_it, before_it, behind = found.groups()
    if before is not None:
        return (before, minus + after_it) if not (minus and after_it[0] == "-") else None
    return behind, minus + before_it
