"""The rules of one value, each with what it takes, what it makes of it, and what it refuses."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.bookings.booking_cells import (
    FIELDS,
    Fault,
    RejectCode,
    quoted,
    read_country,
    read_currency,
    read_date,
    read_email,
    read_id,
    read_line_id,
    read_locale,
    read_name,
    read_text,
    read_tickets,
    read_yes_no,
    refund_items,
    split_currency,
)
from refundctl.domain.bookings.source import CANONICAL_COLUMNS
from support.repository import ROOT


def code_of(read: object) -> RejectCode:
    """The code of a fault, which a test expects."""
    assert isinstance(read, Fault), read
    return read.code


# --- Reject codes ---


def test_every_reject_code_has_a_meaning_and_a_row_in_the_documentation() -> None:
    page = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", page, re.MULTILINE))
    assert {code.value: code.meaning for code in RejectCode}.items() <= rows.items()


def test_a_reject_code_is_its_text() -> None:
    assert RejectCode("booking_conflict") is RejectCode.BOOKING_CONFLICT
    assert f"{RejectCode.BOOKING_CONFLICT}" == "booking_conflict"


def test_the_fields_are_those_of_a_source() -> None:
    assert FIELDS == CANONICAL_COLUMNS


# --- Texts, names, ids ---


def test_a_text_is_kept_in_form_nfc() -> None:
    assert read_text("Jose\u0301") == "José"
    assert read_text("שלום") == "שלום"


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\t", "\n", "\r", "\x7f", "\x9b", "\u2028", "\u202e"])
def test_a_text_holds_no_control_character(sign: str) -> None:
    assert code_of(read_text(f"Ana{sign}Diaz")) == RejectCode.CONTROL_CHARACTERS


def test_an_ansi_escape_is_named_without_being_repeated() -> None:
    assert read_text("\x1b[31mAna") == Fault(
        RejectCode.CONTROL_CHARACTERS, "holds the control character U+001B; take it out"
    )


def test_a_text_is_kept_up_to_1000_characters() -> None:
    assert read_text("x" * 1000) == "x" * 1000
    assert read_text("x" * 1001) == Fault(
        RejectCode.VALUE_TOO_LONG, "has 1001 characters, at most 1000 are kept; shorten it"
    )


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠x"])
def test_no_name_id_or_email_starts_like_a_formula(text: str) -> None:
    assert code_of(read_name(text)) == RejectCode.FORMULA
    assert code_of(read_id(text)) == RejectCode.FORMULA
    assert code_of(read_email(text)) == RejectCode.FORMULA


@pytest.mark.parametrize("text", ["R-1001", "#1001", "1001 B", "00042", "ana@example.org", "Бронь-7", "a;b"])
def test_ids_of_many_shapes(text: str) -> None:
    assert read_id(text) == text


@pytest.mark.parametrize("text", ["1.23457E+15", "4E+11", "#N/A", "#REF!", "R\u200b1"])
def test_ids_that_can_not_be_one(text: str) -> None:
    assert code_of(read_id(text)) == RejectCode.MALFORMED_ID


def test_ids_end_at_300_characters() -> None:
    assert read_id("7" * 300) == "7" * 300
    assert code_of(read_id("7" * 301)) == RejectCode.VALUE_TOO_LONG


@pytest.mark.parametrize("text", ["R1;R2", "R1\u037eR2"])
def test_the_id_of_a_line_holds_no_semicolon(text: str) -> None:
    """Not even the Greek question mark, which is one in form NFC."""
    assert code_of(read_line_id(text)) == RejectCode.MALFORMED_ID


# --- E-mails ---


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ana@example.org", "ana@example.org"),
        ("Ana.Diaz+trip@Example.ORG", "Ana.Diaz+trip@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("user339563@example.com", "user339563@example.com"),
        ("guest@shop.test", "guest@shop.test"),
        ("guest@mail.shop.invalid", "guest@mail.shop.invalid"),
        ("jose\u0301@example.org", "josé@example.org"),
        ("ana@bücher.example", "ana@bücher.example"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example"),
    ],
)
def test_an_email_is_kept_as_written_but_for_its_domain(text: str, kept: str) -> None:
    assert read_email(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "ana",
        "ana@",
        "@",
        "ana@example",
        "ana@@example.org",
        "ana@example..org",
        ".ana@example.org",
        "ana.@example.org",
        "ana b@example.org",
        "Ana <ana@example.org>",
        "ana@example.org, jan@example.org",
        "ana@-example.org",
        "ana@localhost",
        "ana@printer.local",
        "ana@[127.0.0.1]",
        '"ana"@example.org',
        "ana@example.org;",
        f"{'a' * 250}@example.org",
    ],
)
def test_what_no_mail_tool_would_take(text: str) -> None:
    assert code_of(read_email(text)) in {RejectCode.MALFORMED_EMAIL, RejectCode.FORMULA}


@given(st.text(min_size=1, max_size=60) | st.emails())
def test_an_email_is_read_or_refused_and_read_again_the_same(text: str) -> None:
    read = read_email(text)
    if isinstance(read, str):
        assert read_email(read) == read


# --- Dates ---


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2020-04-01", "2020-04-01"),
        ("2020-02-29", "2020-02-29"),
        ("2020-04-01T10:11", "2020-04-01T10:11:00"),
        ("2020-04-01 10:11:12", "2020-04-01T10:11:12"),
        ("2020-04-01T10:11:12.345Z", "2020-04-01T10:11:12+00:00"),
        ("2020-04-01 10:11:12 +0200", "2020-04-01T10:11:12+02:00"),
        ("2020-04-01T10:11:12-03:30", "2020-04-01T10:11:12-03:30"),
        ("2020-04-01t10:11:12z", "2020-04-01T10:11:12+00:00"),
        ("2020-04-01T10:11:12+02", "2020-04-01T10:11:12+02:00"),
    ],
)
def test_dates_of_iso_8601(text: str, kept: str) -> None:
    assert read_date(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-30",
        "2021-02-29",
        "2020-13-01",
        "0000-01-01",
        "01.04.2020",
        "04/01/2020",
        "2020-4-1",
        "20200401",
        "２０２０-04-01",
        "2020-04-01T25:00",
        "2020-04-01T10:11:12+25:00",
        "2020-04-01T10:11:12+02:60",
        "43922",
        "tomorrow",
    ],
)
def test_a_date_is_never_guessed(text: str) -> None:
    assert code_of(read_date(text)) == RejectCode.MALFORMED_DATE


@pytest.mark.parametrize(
    ("text", "date_format", "kept"),
    [
        ("4/1/2020", "%m/%d/%Y", "2020-04-01"),
        ("01.04.2020", "%d.%m.%Y", "2020-04-01"),
        ("01.04.2020 10:11", "%d.%m.%Y %H:%M", "2020-04-01T10:11:00"),
        ("1 Apr 2020", "%d %b %Y", "2020-04-01"),
        ("01.04.2020 10:11 +0200", "%d.%m.%Y %H:%M %z", "2020-04-01T10:11:00+02:00"),
        # A file may have both, where they can't be taken for each other.
        ("2020-04-01", "%m/%d/%Y", "2020-04-01"),
        ("2020-01-04", "%Y-%d-%m", "2020-04-01"),
    ],
)
def test_dates_in_the_format_of_the_source(text: str, date_format: str, kept: str) -> None:
    assert read_date(text, date_format) == kept


def test_a_format_that_begins_with_the_year_stands_alone() -> None:
    """As ISO 8601 this would be a day of April, but the fourth day of a month 13 it is not."""
    assert read_date("2020-04-13", "%Y-%d-%m") == Fault(
        RejectCode.MALFORMED_DATE, "'2020-04-13' is not a date; write it as %Y-%d-%m"
    )


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Z -]{0,16}\Z"))
def test_a_date_that_was_read_is_read_again_the_same(text: str) -> None:
    read = read_date(text) if text else None
    if isinstance(read, str):
        assert read_date(read) == read


# --- Other values ---


@pytest.mark.parametrize(
    ("text", "kept"),
    [("EUR", "EUR"), ("eur", "EUR"), ("jpy", "JPY"), ("€", "EUR"), ("ZŁ", "PLN"), ("R$", "BRL"), ("Ft", "HUF")],
)
def test_currencies(text: str, kept: str) -> None:
    assert read_currency(text) == kept


@pytest.mark.parametrize("text", ["XYZ", "$", "£", "¥", "kr", "Fr.", "EURO", "XAU", "u\u017fd"])
def test_what_is_no_currency(text: str) -> None:
    assert code_of(read_currency(text)) == RejectCode.UNKNOWN_CURRENCY


def test_a_sign_of_several_currencies_is_none() -> None:
    assert read_currency("$") == Fault(
        RejectCode.UNKNOWN_CURRENCY, "'$' stands for several currencies; write the code of one, such as USD"
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("300 USD", ("USD", "300")),
        ("USD 300", ("USD", "300")),
        ("usd300", ("USD", "300")),
        ("300.50\u00a0EUR", ("EUR", "300.50")),
        ("1 234,50 EUR", ("EUR", "1 234,50")),
        ("USD -5", ("USD", "-5")),
        ("300", (None, "300")),
        ("$300", ("$", "300")),
        ("€25.00", ("EUR", "25.00")),
        ("1 234,50 €", ("EUR", "1 234,50")),
        ("12,00\u00a0zł", ("PLN", "12,00")),
        ("-$3.00", ("$", "-3.00")),
        ("$-3.00", ("$", "-3.00")),
        ("-$-3.00", (None, "-$-3.00")),
        ("Kr. 5", ("kr.", "5")),
        ("5 lei", ("lei", "5")),
        ("R$ 10", ("BRL", "10")),
        ("CHF 5.-", ("CHF", "5.-")),
        ("€ 5 €", ("EUR", "5 €")),
        ("$ x", (None, "$ x")),
        ("€", (None, "€")),
        ("-5", (None, "-5")),
        ("USD", (None, "USD")),
        ("NaN", (None, "NaN")),
        ("1e3", (None, "1e3")),
        ("USD300EUR", ("USD", "300EUR")),
    ],
)
def test_a_currency_glued_to_an_amount(text: str, parts: tuple[str | None, str]) -> None:
    assert split_currency(text) == parts


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("pl", "pl"),
        ("PL", "pl"),
        ("pl-PL", "pl-PL"),
        ("pl_pl", "pl-PL"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
    ],
)
def test_locales(text: str, kept: str) -> None:
    assert read_locale(text) == kept


@pytest.mark.parametrize("text", ["polski", "p", "pl-POL-1", "pl PL", "12"])
def test_what_is_no_locale(text: str) -> None:
    assert code_of(read_locale(text)) == RejectCode.MALFORMED_VALUE


@pytest.mark.parametrize("text", ["yes", "YES", "y", "true", "1"])
def test_a_yes(text: str) -> None:
    assert read_yes_no(text) == "yes"


@pytest.mark.parametrize("text", ["no", "No", "n", "FALSE", "0"])
def test_a_no(text: str) -> None:
    assert read_yes_no(text) == "no"


@pytest.mark.parametrize("text", ["maybe", "2", "tak", "-"])
def test_neither_yes_nor_no(text: str) -> None:
    assert code_of(read_yes_no(text)) == RejectCode.MALFORMED_VALUE


@pytest.mark.parametrize(("text", "kept"), [("0", 0), ("2", 2), ("007", 7), ("2.0", 2)])
def test_tickets(text: str, kept: int) -> None:
    assert read_tickets(text) == kept


@pytest.mark.parametrize("text", ["-1", "2.5", "two", "２", "1_0", "1e2", "1" * 10])
def test_what_is_no_number_of_tickets(text: str) -> None:
    assert code_of(read_tickets(text)) == RejectCode.MALFORMED_VALUE


def test_countries() -> None:
    assert read_country("prt") == "PT"
    assert read_country("Poland") == Fault(
        RejectCode.MALFORMED_VALUE, "'Poland' is not a code of ISO 3166; write one such as PL or US-ME"
    )


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("amount:5.00|reason:Late|date:2020-04-01 09:30:00", ["5.00"]),
        ("amount:5|reason:|date:2020-04-01 09:30:00;amount:7.25|reason:a;b|c|date:2020-04-02 10:00:00", ["5", "7.25"]),
        ("amount:5.00|reason:two\nlines|date:2020-04-01 09:30:00", ["5.00"]),
        ("12.50", ["12.50"]),
    ],
)
def test_refunds_may_stand_in_a_list(text: str, amounts: list[str]) -> None:
    assert refund_items(text) == amounts


@pytest.mark.parametrize(
    "text",
    [
        "amount:5.00",
        "amount:|reason:|date:2020-04-01 09:30:00",
        "amount:5.00|reason:Late|date:2020-04-01 09:30:00;",
        "amount:5.00|reason:Late|date:2020-04-01 09:30:00;amount:7.25",
        "5.00;amount:5.00|reason:Late|date:2020-04-01 09:30:00",
        "amount:5.00|reason:Late|date:soon",
    ],
)
def test_a_list_of_refunds_that_is_not_understood_whole_is_handed_on_to_be_refused(text: str) -> None:
    assert refund_items(text) == [text]


@pytest.mark.parametrize(
    "text", ["2020-02-30", "2020-02-30T09:30:00+02:00", "Sat, 14 Mar 2020 10:00", "14th of March 2020 12:30 PM",
             "1.234567E+15", "United Kingdom", "Bosnia & Herzegovina"],
)  # fmt: skip
def test_a_reason_quotes_short_values_and_those_of_words_and_times(text: str) -> None:
    assert quoted(text) == repr(text)


@pytest.mark.parametrize(
    "text", ["RF-ABCD-EFGH", "ABC-DEF-GHJ-KLM", "A1B2C3D4E5F6", "a1b2-c3d4-e5f6", "4111 1111 1111 1111", "4.11111111111111E+15",
             "123456789012", "1234-5678-9012-3456-789", "Ana from the United Kingdom and so on"],
)  # fmt: skip
def test_what_may_be_a_secret_is_not_quoted(text: str) -> None:
    """A value may stand in the wrong column."""
    assert quoted(text) == f"a text of {len(text)} characters"


def test_what_is_quoted_is_on_one_line() -> None:
    assert quoted("a\x1bb") == r"'a\x1bb'"
