"""Amounts as they are typed at the desk."""

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.buckets import Buckets
from refundctl.operations.desk.amounts import amount_of, balance_by_bucket, summed, summed_by_currency
from refundctl.operations.desk.refusals import OtherCurrency


@pytest.mark.parametrize(
    ("typed", "minor"), [("12.5", 1_250), ("EUR 12.50", 1_250), ("12.50 eur", 1_250), (" 7 ", None), ("0.01", 1)]
)
def test_with_and_without_a_currency(typed: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(UsageError):
            amount_of(typed, "EUR")
    else:
        assert amount_of(typed, "EUR") == minor


@pytest.mark.parametrize(("typed", "minor"), [("-12.50", -1_250), ("+3", 300), ("3", 300), ("EUR -1", -100)])
def test_signed(typed: str, minor: int) -> None:
    assert amount_of(typed, "EUR", signed=True) == minor


@pytest.mark.parametrize(
    ("typed", "code", "sentence"),
    [
        ("1,50", "malformed_amount", "--amount '1,50' is not an amount in EUR: write it like 12.50."),
        ("1.505", "too_many_decimals", "--amount '1.505' has 3 decimals, EUR has 2 decimals: write it like 12.50."),
        ("a;b", "malformed_amount", "--amount 'a;b' is not an amount in EUR: write it like 12.50."),
        ("+-1", "amount_not_positive", None),
        ("0", "amount_not_positive", "--amount is zero: give an amount."),
    ],
)
def test_no_amount(typed: str, code: str, sentence: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        amount_of(typed, "EUR", signed=True)
    assert caught.value.code == code
    assert sentence in {None, caught.value.message}


def test_another_currency_than_the_cards() -> None:
    with pytest.raises(OtherCurrency, match="--amount is in USD, but this card is in EUR: give the amount in EUR"):
        amount_of("USD 5", "EUR")


def test_a_balance_says_what_of_it_is_bonus() -> None:
    assert balance_by_bucket(Buckets(1_000, 250), "EUR") == "EUR 12.50, of it EUR 2.50 bonus"
    assert balance_by_bucket(Buckets(1_000), "JPY") == "JPY 1,000"


def test_sums_keep_the_order_in_which_figures_come_first() -> None:
    assert list(summed([{"adjusted": 1}, {"issued": 2, "adjusted": 3}]).items()) == [("adjusted", 4), ("issued", 2)]
    assert summed([]) == {}


def test_currencies_are_never_added_up() -> None:
    found = summed_by_currency([{"EUR": {"paid": 5}}, {"USD": {"paid": 7}}, {"EUR": {"paid": 1, "bonus": 2}}])
    assert found == {"EUR": {"paid": 6, "bonus": 2}, "USD": {"paid": 7}}
