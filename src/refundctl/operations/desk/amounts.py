"""Amounts as they are typed at the desk, as people read them, and added up."""

from collections.abc import Iterable, Mapping

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.basics.money import AmountError, amount_for_people, example_amount, is_currency, parse_amount
from refundctl.domain.cards.buckets import Buckets
from refundctl.operations.desk.refusals import OtherCurrency

money = amount_for_people


def amount_of(text: str, currency: str, option: str = "--amount", *, signed: bool = False) -> int:
    """Minor units of `12.50`, `EUR 12.50` or `12.50 EUR`; with `signed` also `-12.50` and `+12.50`, but never zero.

    Raises UsageError, and OtherCurrency where another currency is named.
    """
    text = _without_currency(text, currency, option)
    plus = signed and text.startswith("+")
    try:
        minor = parse_amount(text[1:] if plus else text, currency, signed=signed and not plus, by_source=False)
    except AmountError as error:
        advice = f"write it like {example_amount(currency)}"
        raise UsageError(f"{option} {error.what}", advice, code=error.code) from error
    if not minor:
        raise UsageError(f"{option} is zero: give an amount.", code="amount_not_positive")
    return minor


def _without_currency(text: str, currency: str, option: str) -> str:
    words = text.split()
    named = [word for word in words if is_currency(word.upper())]
    if len(words) != 2 or len(named) != 1:
        return text
    if named[0].upper() != currency:
        raise OtherCurrency(
            f"{option} is in {named[0].upper()}, but this card is in {currency}: give the amount in {currency}."
        )
    return next(word for word in words if word is not named[0])


def balance_by_bucket(balance: Buckets, currency: str) -> str:
    """A balance in words: what of it is bonus."""
    return money(balance.total, currency) + (f", of it {money(balance.bonus, currency)} bonus" if balance.bonus else "")


def summed(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of each figure, in the order in which they come first."""
    sums: dict[str, int] = {}
    for figures in found:
        for name, figure in figures.items():
            sums[name] = sums.get(name, 0) + figure
    return sums


def summed_by_currency(found: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """The sum of each figure in each currency."""
    sums: dict[str, dict[str, int]] = {}
    for totals in found:
        for currency, figures in totals.items():
            sums[currency] = summed((sums.get(currency, {}), figures))
    return sums
