"""Amounts: read exactly or refused with a code and a sentence; a column reads as its values do."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.basics.money import (
    AmountError,
    UnknownCurrency,
    exponent,
    format_amount,
    is_currency,
    parse_amount,
    parse_amounts,
    parse_total,
)

CURRENCIES = st.sampled_from(["JPY", "EUR", "USD", "KWD", "CLF"])
NOTATIONS = st.sampled_from([(".", None), (",", None), (".", ","), (",", "."), (",", "\u00a0"), (".", "'")])
#: Texts that are amounts, nearly amounts, or anything.
AMOUNT_LIKE = st.one_of(
    st.from_regex(r"-?[0-9]{1,16}([.,][0-9]{1,5})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,4}([.,' \u00a0][0-9]{2,4}){0,3}\n?", fullmatch=True),
    st.text(alphabet="0123456789.,-+eE_ \n１", max_size=8),
    st.text(max_size=5),
)

NOT_PLAIN_DIGITS = [
    "", " ", "1,50", "１００", "1_000", "1e3", "NaN", "inf", "+5", " 5", "5 ", "5\n", "\n5", "12.", ".5",
    "1.2.3", "--5", "-", "5-", "(5)", "1 000", "1,000.00", "0x10", "5 EUR", "€5",
    "٣", "1\x0050", "½", "5\u200b", "'5",
]  # fmt: skip


def refusal(text: str, currency: str, **notation: str) -> tuple[str, str]:
    with pytest.raises(AmountError) as caught:
        parse_amount(text, currency, **notation)  # type: ignore[arg-type]
    return caught.value.code, str(caught.value)


# Currencies


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("JPY", 0), ("ISK", 0), ("EUR", 2), ("MGA", 2), ("LBP", 2), ("KWD", 3), ("IQD", 3), ("CLF", 4)],
)
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals
    assert is_currency(currency)


@pytest.mark.parametrize("text", ["", "eur", "Eur", "EURO", "EU", "ABC", " EUR", "ＥUR", "XAU", "XXX", "XTS"])
def test_what_no_amount_can_be_kept_in_is_no_currency(text: str) -> None:
    assert not is_currency(text)
    with pytest.raises(UnknownCurrency) as caught:
        exponent(text)
    assert caught.value.code == "unknown_currency"


def test_the_sentence_tells_an_unknown_currency_from_one_without_a_minor_unit() -> None:
    assert refusal("5", "EUROS") == (
        "unknown_currency",
        "'EUROS' is not a currency of ISO 4217; write the three capital letters of a currency, such as EUR",
    )
    assert refusal("5", "XAU") == (
        "unknown_currency",
        (
            "'XAU' is a code of ISO 4217 without a minor unit, so no amount can be kept in it; "
            "write the three capital letters of a currency, such as EUR"
        ),
    )


def test_the_table_of_currencies_is_not_read_at_start_up() -> None:
    script = "import sys, refundctl.domain.basics.money; print('iso4217' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout == b"False\n"


# One amount


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12", "EUR", 1200),
        ("12.5", "EUR", 1250),
        ("12.50", "EUR", 1250),
        ("0.01", "EUR", 1),
        ("007.50", "EUR", 750),
        ("19.99", "EUR", 1999),
        ("12", "JPY", 12),
        ("1.005", "KWD", 1005),
        ("1.5", "KWD", 1500),
        ("0.0001", "CLF", 1),
        ("999999999999999.99", "EUR", 99999999999999999),
        ("99999999999999.9999", "CLF", 999999999999999999),
    ],
)
def test_an_amount_is_minor_units_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize("text", NOT_PLAIN_DIGITS)
def test_anything_but_plain_digits_is_malformed(text: str) -> None:
    assert refusal(text, "EUR")[0] == "malformed_amount"


@pytest.mark.parametrize("text", ["-5", "-0.01", "0", "0.00", "-0", "000"])
def test_an_amount_is_above_zero(text: str) -> None:
    assert refusal(text, "EUR") == (
        "amount_not_positive",
        f"'{text}' is not above zero; correct the amount or leave the row out",
    )


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.345", "EUR"),
        ("12.340", "EUR"),
        ("12.5", "JPY"),
        ("12.0", "JPY"),
        ("0.0000", "KWD"),
        ("-1.001", "USD"),
    ],
)
def test_more_decimals_than_the_currency_has_are_refused_even_zeros(text: str, currency: str) -> None:
    assert refusal(text, currency)[0] == "too_many_decimals"


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1000000000000000", "EUR"),
        ("0000000000000001", "JPY"),
        ("100000000000000", "CLF"),
        ("9" * 100_000, "EUR"),
    ],
)
def test_an_amount_has_at_most_15_digits_before_its_decimals_and_18_in_all(text: str, currency: str) -> None:
    assert refusal(text, currency)[0] == "malformed_amount"


@pytest.mark.parametrize(
    ("text", "minor"), [("-5", -500), ("-0.05", -5), ("0", 0), ("12.50", 1250), ("-1,234.50", -123450)]
)
def test_a_signed_amount_may_be_zero_or_below(text: str, minor: int) -> None:
    assert parse_amount(text, "EUR", thousands=",", signed=True) == minor


@pytest.mark.parametrize(
    ("text", "minor"),
    [("1.234.567,89", 123456789), ("1.234", 123400), ("1234,5", 123450), ("0,05", 5), ("001.000", 100000)],
)
def test_a_source_may_have_a_decimal_comma_and_thousands(text: str, minor: int) -> None:
    assert parse_amount(text, "EUR", decimal=",", thousands=".") == minor


@pytest.mark.parametrize("text", ["1.23,45", "1.2345", "1234.567", ".123", "1..234", "1.234.", "1.234,", "12.50"])
def test_thousands_stand_in_groups_of_three(text: str) -> None:
    assert refusal(text, "EUR", decimal=",", thousands=".")[0] == "malformed_amount"


@pytest.mark.parametrize(("decimal", "thousands"), [(".", "."), ("", None), ("5", None), (".", "-"), ("..", None)])
def test_a_notation_that_could_be_read_in_two_ways_is_a_mistake_of_the_caller(
    decimal: str, thousands: str | None
) -> None:
    with pytest.raises(ValueError, match="two different signs"):
        parse_amount("12.50", "EUR", decimal=decimal, thousands=thousands)
    with pytest.raises(ValueError, match="two different signs"):
        parse_amounts(["12.50"], "EUR", decimal=decimal, thousands=thousands)


@given(CURRENCIES, st.integers(min_value=1, max_value=10**18 - 1))
def test_what_is_written_is_read_back(currency: str, minor: int) -> None:
    text = format_amount(minor, currency)
    if len(text.partition(".")[0]) <= 15:
        assert parse_amount(text, currency) == minor
    assert Decimal(text).scaleb(exponent(currency)) == minor


@given(AMOUNT_LIKE, CURRENCIES, NOTATIONS)
def test_what_is_read_is_what_decimal_arithmetic_says_or_refused(
    text: str, currency: str, notation: tuple[str, str | None]
) -> None:
    decimal, thousands = notation
    try:
        minor = parse_amount(text, currency, decimal=decimal, thousands=thousands)
    except AmountError as error:
        refused = error
    else:
        plain = text.replace(thousands, "") if thousands else text
        assert minor == Decimal(plain.replace(decimal, ".")).scaleb(exponent(currency)) > 0
        return
    assert refused.code in {"malformed_amount", "amount_not_positive", "too_many_decimals"}
    assert str(refused).isprintable()


# The sentences


@pytest.mark.parametrize(
    ("text", "currency", "sentence"),
    [
        (
            "1,50",
            "EUR",
            (
                "'1,50' is not an amount in EUR; write it like 12.50, digits only, "
                "or in the source set `decimal: ','` if it means 1.50"
            ),
        ),
        (
            "1.234,56",
            "EUR",
            (
                "'1.234,56' is not an amount in EUR; write it like 12.50, digits only, "
                "or in the source set `decimal: ','` and `thousands: '.'` if it means 1234.56"
            ),
        ),
        (
            "1,234",
            "KWD",
            (
                "'1,234' is not an amount in KWD; write it like 12.500, digits only, or in the source set "
                "`decimal: ','` if it means 1.234, or `thousands: ','` if it means 1234.000"
            ),
        ),
        (
            "1\u00a0234,50",
            "EUR",
            (
                "'1\\xa0234,50' is not an amount in EUR; write it like 12.50, digits only, "
                "or in the source set `decimal: ','` and `thousands: \"\\xa0\"` if it means 1234.50"
            ),
        ),
        (
            " 5",
            "JPY",
            "' 5' is not an amount in JPY; write it like 12, digits only, without the spaces around it",
        ),
        ("", "EUR", "an empty text is not an amount in EUR; write it like 12.50, digits only"),
        ("12.5", "JPY", "'12.5' has 1 decimal, JPY has no decimals; correct it"),
        (
            "1.234",
            "EUR",
            (
                "'1.234' has 3 decimals, EUR has 2 decimals; correct it, "
                "or in the source set `decimal: ','` and `thousands: '.'` if it means 1234.00"
            ),
        ),
        (
            "1000000000000000",
            "EUR",
            (
                "a text of 16 characters (...'0000') is too long: "
                "an amount in EUR has at most 15 digits before its decimals; correct it"
            ),
        ),
    ],
)
def test_a_refusal_says_what_to_do(text: str, currency: str, sentence: str) -> None:
    assert refusal(text, currency)[1] == sentence


def test_a_refusal_proposes_the_decimal_point_where_the_source_says_comma() -> None:
    assert refusal("1.50", "EUR", decimal=",")[1] == (
        "'1.50' is not an amount in EUR; write it like 12,50, digits only, "
        "or in the source set `decimal: '.'` if it means 1.50"
    )


@pytest.mark.parametrize(
    "secret", ["RF-ABCD-EFGH-JKLM-NPQR", "4111111111111111", "4111 1111 1111 1111", "ABCDEFGHJKLM"]
)
def test_a_code_or_card_number_in_the_wrong_column_is_not_repeated(secret: str) -> None:
    sentence = refusal(secret, "EUR")[1]
    assert repr(secret[-4:]) in sentence
    assert secret[-5:] not in sentence
    assert secret[:4] not in sentence.replace(secret[-4:], "")


# A column


def test_a_column_with_the_currencys_decimals_is_read_at_once() -> None:
    assert parse_amounts(["12.50", "0.01", "007.00"], "EUR") == [1250, 1, 700]
    assert parse_amounts(["12,50"], "EUR", decimal=",", thousands=".") == [1250]
    assert parse_amounts(["12", "5"], "JPY") == [12, 5]
    assert parse_amounts(["1.0000"], "CLF") == [10000]
    assert parse_amounts([], "EUR") == []


@pytest.mark.parametrize(
    "texts",
    [
        ["12.50", "12.5"],
        ["12.50", "12"],
        ["12.50", ""],
        [""],
        ["12.50", "0.00"],
        ["12.50", "-1.00"],
        ["12.50\n1.00"],
        ["12.50\n"],
        ["1.0", "0\n1.00"],
        ["12.50", "1,234.00"],
        ["12.50", "12,50"],
        ["12.50", "12x50"],
        ["１.00"],
        ["1000000000000000.00"],
    ],
)
def test_any_other_column_goes_value_by_value(texts: list[str]) -> None:
    assert parse_amounts(texts, "EUR", thousands=",") is None


@given(
    st.lists(st.from_regex(r"[0-9]{1,15}\.[0-9]{2}", fullmatch=True) | AMOUNT_LIKE, max_size=5),
    CURRENCIES,
    NOTATIONS,
)
def test_a_column_says_what_its_values_say(texts: list[str], currency: str, notation: tuple[str, str | None]) -> None:
    decimal, thousands = notation
    column = parse_amounts(texts, currency, decimal=decimal, thousands=thousands)
    if column is not None:
        assert column == [parse_amount(t, currency, decimal=decimal, thousands=thousands) for t in texts]


@given(CURRENCIES, st.lists(st.integers(min_value=1, max_value=10**14)))
def test_a_column_as_refundctl_writes_it_is_read_at_once(currency: str, minors: list[int]) -> None:
    assert parse_amounts([format_amount(minor, currency) for minor in minors], currency) == minors


def test_a_column_in_an_unknown_currency_is_refused_as_one_value_is() -> None:
    with pytest.raises(UnknownCurrency):
        parse_amounts(["12.50"], "ABC")


# Writing


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1250, "EUR", "12.50"),
        (-5, "EUR", "-0.05"),
        (0, "EUR", "0.00"),
        (999, "JPY", "999"),
        (-1, "JPY", "-1"),
        (0, "JPY", "0"),
        (1005, "KWD", "1.005"),
        (12345, "CLF", "1.2345"),
        (-1, "CLF", "-0.0001"),
        (10**20, "EUR", "1000000000000000000.00"),
    ],
)
def test_an_amount_is_written_with_its_currencys_decimals(minor: int, currency: str, text: str) -> None:
    assert format_amount(minor, currency) == text


# Control totals


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("EUR 1234.50", ("EUR", 123450)),
        ("eur 1234.5", ("EUR", 123450)),
        ("  JPY  12 ", ("JPY", 12)),
        ("EUR 0", ("EUR", 0)),
        ("CLF 0.0001", ("CLF", 1)),
    ],
)
def test_a_control_total_is_a_currency_and_an_amount(text: str, total: tuple[str, int]) -> None:
    assert parse_total(text) == total


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1234.50 EUR", ""),
        ("EUR", "; EUR has 2 decimals"),
        ("EUR 1,50", "; EUR has 2 decimals"),
        ("JPY 1.5", "; JPY has no decimals"),
        ("EUR -1", "; a total is zero or more"),
        ("XAU 1", ""),
        ("uſd 1", ""),
    ],
)
def test_a_bad_control_total_is_wrong_usage(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_total(text)
    expected = f"--expect-total takes a currency and an amount, such as \"EUR 1234.50\", not '{text}'{why}"
    assert caught.value.message == expected
