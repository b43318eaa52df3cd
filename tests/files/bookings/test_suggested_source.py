"""A source guessed from a header and some rows: it always parses, and where it is complete, it reads the file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refundctl.domain.bookings.booking_cells import FIELDS
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings.bookings_csv import BookingsFile
from refundctl.files.bookings.presets import presets
from refundctl.files.bookings.suggested_source import (
    FIRST_NAMES,
    LAST_NAMES,
    REFUNDED_NAMES,
    SYNONYMS,
    as_yaml,
    from_preset,
    suggest,
)
from refundctl.files.campaigns.campaigns_yaml import parse_campaigns


def suggested(names: Sequence[str], *rows: Sequence[str]) -> Source:
    """The source as it is after somebody has put the block into a campaigns file."""
    return parsed(as_yaml("my-source", suggest(names, rows)))


def parsed(yaml: str) -> Source:
    found = parse_campaigns(f"version: 1\n{yaml}".encode(), Path("campaigns.yaml")).sources
    return found["my-source"]


def read(source: Source, names: Sequence[str], *rows: Sequence[str]) -> list[dict[str, Any]]:
    """What is loaded by it, having made sure that no row is rejected."""
    text = io.StringIO()
    csv.writer(text, delimiter=source.delimiter or ";").writerows([names, *rows])
    [block] = BookingsFile(io.BytesIO(text.getvalue().encode()), "orders.csv", source).blocks()
    assert list(block.rejected) == []
    columns = {name: values for name, values in block.columns.items() if values is not None}
    return [{name: values[row] for name, values in columns.items()} for row in range(len(block.lines))]


# --- What a person sees ---


def test_a_hotel_in_the_south() -> None:
    names = ["Buchungsnummer", "Kunde", "E-Mail-Adresse", "Gesamtbetrag", "Buchungsdatum", "Zimmer"]
    rows = [
        ["H-1", "Ana Díaz", "ana@example.com", "1.234,50", "31.03.2020", "12"],
        ["H-2", "Jan Nowak", "jan@example.org", "99,00", "01.04.2020", "7"],
    ]
    suggestion = suggest(names, rows)
    assert suggestion.is_complete
    assert as_yaml("hotel", suggestion).splitlines()[:12] == [
        "sources:",
        "  hotel:",
        "    columns:",
        "      booking_id: Buchungsnummer",
        "      order_amount: Gesamtbetrag",
        '      email: "E-Mail-Adresse"',
        "      name: Kunde",
        "      booked_at: Buchungsdatum",
        "    constants: {currency: EUR}   # the file doesn't say it: write the right one",
        '    decimal: ","',
        '    thousands: "."',
        '    date_format: "%d.%m.%Y"',
    ]
    [first, second] = read(suggested(names, *rows), names, *rows)
    assert (first["order_amount"], first["booked_at"], first["name"]) == (1234_50, "2020-03-31", "Ana Díaz")
    assert (second["order_amount"], second["currency"]) == (99_00, "EUR")


def test_first_and_last_names_are_put_together() -> None:
    names = ["Order", "Total", "Last name", "First name", "Email"]
    row = ["1", "5.00", "Nowak", "Ana", "ana@example.com"]
    source = suggested(names, row)
    assert source.columns["name"] == ("First name", "Last name")
    assert read(source, names, row)[0]["name"] == "Ana Nowak"
    assert suggested(["Order", "Total", "Surname"]).columns["name"] == "Surname"
    # A whole name goes before its parts.
    assert suggested(["Order", "Total", "Surname", "Guest name"]).columns["name"] == "Guest name"


def test_what_is_not_found_is_left_to_a_person() -> None:
    suggestion = suggest(["Wann", "Wer"], [["2020-04-01", "Ana"]])
    assert not suggestion.is_complete
    yaml = as_yaml("my-source", suggestion)
    assert '      booking_id: "..."   # write the header of this column\n' in yaml
    assert "    # no column looks like `order_amount`: name it under `columns`\n" in yaml
    assert parsed(yaml).columns == {"booking_id": "...", "order_amount": "..."}


def test_a_header_with_nothing_below_it() -> None:
    assert suggested(["Booking no", "Total"]) == Source(
        columns={"booking_id": "Booking no", "order_amount": "Total"}, constants={"currency": "EUR"}
    )


@pytest.mark.parametrize("text", ["300 USD", "USD300", "usd 12.50"])
def test_an_amount_that_names_its_currency_needs_no_constant(text: str) -> None:
    source = suggested(["Order", "Total", "Email"], ["1", text, "ana@example.com"])
    assert source.constants == {}
    assert read(source, ["Order", "Total", "Email"], ["1", text, "ana@example.com"])[0]["currency"] == "USD"


@pytest.mark.parametrize(
    ("amounts", "decimal", "thousands"),
    [
        (["12.50", "1250.00"], ".", None),
        (["12,50", "1250,00"], ",", None),
        (["1.250,00"], ",", "."),
        (["1,250.00"], ".", ","),
        (["1 250,00"], ",", " "),
        (["1'250.00"], ".", "'"),
        (["1\u00a0250,5"], ",", "\u00a0"),
        (["1\u202f250,50"], ",", "\u202f"),
        (["1,234,567.00", "5"], ".", ","),
        (["€ 1.250,00", "12,00 €"], ",", "."),
        (["100", "2000"], ".", None),
        ([], ".", None),
    ],
)
def test_the_notation_shows_in_the_amounts(amounts: list[str], decimal: str, thousands: str | None) -> None:
    source = suggested(["Order", "Total"], *(["1", amount] for amount in amounts))
    assert (source.decimal, source.thousands) == (decimal, thousands)


@pytest.mark.parametrize(
    ("dates", "date_format"),
    [
        (["2020-03-31", "2020-04-01T10:00:00Z"], None),
        (["31.03.2020"], "%d.%m.%Y"),
        (["31/03/2020", "01/04/2020"], "%d/%m/%Y"),
        (["03/31/2020", "04/01/2020"], "%m/%d/%Y"),
        (["31.03.2020 18:30"], "%d.%m.%Y %H:%M"),
        (["31 Mar 2020"], "%d %b %Y"),
        (["20200331"], "%Y%m%d"),
        (["soon"], None),
        ([""], None),
    ],
)
def test_the_format_shows_in_the_dates(dates: list[str], date_format: str | None) -> None:
    source = suggested(["Order", "Total", "Booking date"], *(["1", "5.00", date] for date in dates))
    assert source.date_format == date_format


def test_dates_that_may_be_read_in_two_ways_are_asked_about() -> None:
    suggestion = suggest(["Order", "Total", "Email", "Booked on"], [["1", "5.00", "", "03/04/2020"]])
    assert list(suggestion.doubts) == ["dates could be %d/%m/%Y or %m/%d/%Y: keep the right one"]
    assert suggestion.date_format == "%d/%m/%Y"
    assert "    # dates could be" in as_yaml("my-source", suggestion)


def test_without_anything_to_tell_customers_by_one_is_told_so() -> None:
    """Each booking needs a customer id or an e-mail, so such a source would have every row rejected."""
    suggestion = suggest(["Order", "Total", "Currency"], [["1", "5.00", "EUR"]])
    [doubt] = suggestion.doubts
    assert (
        doubt
        == "no column looks like `email` or `customer_id`, and each booking needs one of them: name it under `columns`"
    )
    assert not suggest(["Order", "Total", "Currency", "Kundennummer"], []).doubts


@pytest.mark.parametrize(
    "header", ["Refunded", "Amount refunded", "refunded_amount", "Already refunded", "Bereits erstattet", "Zwrócono", "Remboursé", "Refunded (EUR)"]
)  # fmt: skip
def test_what_was_paid_back_already_is_taken_off(header: str) -> None:
    names, row = ["Order", "Total", header, "Email"], ["1", "12.50", "2.00", "ana@example.com"]
    source = suggested(names, row)
    assert source.refunded == header
    assert read(source, names, row)[0]["refund_amount"] == 10_50


def test_a_yes_is_no_amount_that_was_paid_back() -> None:
    suggestion = suggest(["Order", "Total", "Refunded", "Email"], [["1", "5.00", "yes", ""], ["2", "5.00", "", ""]])
    assert suggestion.refunded is None
    assert list(suggestion.doubts) == [
        "Refunded may say what was paid back already: such rows can be left out by `skip`"
    ]


def test_an_amount_that_is_due_may_be_one_that_was_paid_back() -> None:
    yaml = as_yaml("my-source", suggest(["Order", "Total", "Refund amount"], []))
    due = (
        "      refund_amount: Refund amount   # what is due; if it was paid back already, name it as `refunded` instead"
    )
    assert due in yaml.splitlines()


@pytest.mark.parametrize(
    ("header", "currency"),
    [
        ("Amount (EUR)", "EUR"),
        ("Total [PLN]", "PLN"),
        ("Total (€)", "EUR"),
        ("Betrag in €", "EUR"),
        ("Total USD", "USD"),
        ("Preis in zł", None),
        ("Price (incl. VAT)", None),
        ("Total (all)", None),
        ("Total ($)", None),
        ("Total (EUR or USD)", None),
    ],
)
def test_what_stands_in_brackets_or_behind_is_no_name_but_may_be_the_currency(
    header: str, currency: str | None
) -> None:
    names, row = ["Order", header, "Email"], ["1", "12.50", "ana@example.com"]
    suggestion = suggest(names, [row])
    assert suggestion.currency == currency
    why = "as the header says" if currency else "the file doesn't say it: write the right one"
    assert f"    constants: {{currency: {currency or 'EUR'}}}   # {why}" in as_yaml("x", suggestion).splitlines()
    if "Preis" not in header:
        assert read(suggested(names, row), names, row)[0]["order_amount"] == 12_50


def test_a_column_called_nothing_else_goes_before_one_with_brackets() -> None:
    assert suggested(["Order", "Total (net)", "Amount"]).columns["order_amount"] == "Amount"


def test_a_sign_beside_the_amounts_says_what_the_currency_may_be() -> None:
    names = ["Order", "Total", "Email"]
    assert suggested(names, ["1", "$1,200.50", "ana@example.com"]).constants == {"currency": "USD"}
    row = ["1", "12,50 zł", "ana@example.com"]
    source = suggested(names, row)
    assert (source.constants, source.decimal) == ({}, ",")
    assert read(source, names, row)[0]["currency"] == "PLN"


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Buchungsnr", "booking_id"),
        ("Buchungs-Nr.", "booking_id"),
        ("Ref", "booking_id"),
        ("Order value", "order_amount"),
        ("Rechnungsbetrag", "order_amount"),
        ("Anzahl", "tickets"),
        ("Courriel", "email"),
        ("User email", "email"),
        ("Customer e-mail", "email"),
        ("Mailadresse", "email"),
    ],
)
def test_other_words_for_a_column(header: str, column: str) -> None:
    assert suggest([header], []).columns == {column: header}


def test_the_exports_of_square_and_airbnb() -> None:
    square = suggest(
        ["Date", "Time", "Gross Sales", "Net Sales", "Partial Refunds", "Total Collected", "Source", "Transaction ID",
         "Event Type", "Customer ID", "Customer Name", "Customer Reference ID"], [],
    )  # fmt: skip
    assert square.columns == {
        "booking_id": "Transaction ID",
        "order_amount": "Total Collected",
        "customer_id": "Customer ID",
        "name": "Customer Name",
        "channel": "Source",
    }
    assert square.refunded == "Partial Refunds"
    assert list(square.doubts) == ["Event Type may say which rows are bookings: name the right ones under `only`"]
    airbnb = suggest(
        ["Date", "Type", "Confirmation code", "Booking date", "Guest", "Reference code", "Currency", "Amount", "Paid out"], [],
    )  # fmt: skip
    assert airbnb.columns == {
        "booking_id": "Confirmation code",
        "order_amount": "Amount",
        "currency": "Currency",
        "name": "Guest",
        "booked_at": "Booking date",
    }
    assert list(airbnb.doubts)[1:] == ["Type may say which rows are bookings: name the right ones under `only`"]


def test_the_encoding_that_was_asked_for_goes_into_the_source() -> None:
    suggestion = suggest(["Order", "Total"], [])
    assert parsed(as_yaml("my-source", suggestion, encoding="cp1252")).encoding == "cp1252"
    assert parsed(as_yaml("my-source", suggestion, encoding="utf-16")).encoding == "utf-16"
    preset = presets()["pretix"]
    yaml = from_preset("my-source", preset, list(preset.required()), suggestion, encoding="cp1252")
    assert parsed(yaml).encoding == "cp1252"


# --- What always holds ---


def test_no_name_stands_for_two_columns() -> None:
    names = [{_plain(name) for name in (column, *synonyms)} for column, synonyms in SYNONYMS.items()]
    names += [set(map(_plain, FIRST_NAMES)), set(map(_plain, LAST_NAMES)), set(map(_plain, REFUNDED_NAMES))]
    assert len(set().union(*names)) == sum(map(len, names))
    assert set(SYNONYMS) <= set(FIELDS)


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "()" else " " for sign in name.casefold()).strip()


signs = st.characters(codec="utf-8", exclude_characters="\0")
odd_names = st.one_of(
    st.text(signs, max_size=20),
    st.sampled_from(
        ["a\x85b", "\u2028", "\x7f", "a\nb", '"', "'", "#", "- a", "yes", "{", "%", "0x1", "\U000e0041", "\ufeff", "*a"]
    ),
    st.sampled_from(sorted(set(chain.from_iterable(SYNONYMS.values())))),
)


@given(st.lists(odd_names.map(lambda name: name.strip()), min_size=1, max_size=6, unique_by=str.casefold), st.data())
@example(["Order\x85no", "Total"], None)
@example(["Total", "\u2028"], None)
def test_whatever_the_header_says_it_parses(names: list[str], data: st.DataObject | None) -> None:
    cells = st.lists(st.text(signs, max_size=12), min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(cells, max_size=3)) if data is not None else []
    suggestion = suggest(names, rows)
    source = parsed(as_yaml("my-source", suggestion))
    assert {column: source.columns[column] for column in suggestion.columns} == dict(suggestion.columns)
    assert (source.decimal, source.thousands) == (suggestion.decimal, suggestion.thousands)
    assert source.date_format == suggestion.date_format


@dataclass(frozen=True, slots=True)
class Export:
    """A file of a system that nobody knows, and what its bookings say."""

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    bookings: Sequence[dict[str, Any]]


DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y %H:%M", "%d %b %Y", "%Y%m%d", "%B %d, %Y")
NOTATIONS = ((".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", "'"), (",", "\u00a0"), (",", "\u202f"))


@st.composite
def exports(draw: st.DrawFn) -> Export:
    columns = ["booking_id", "order_amount", draw(st.sampled_from(["email", "customer_id"]))]
    more = [
        "currency",
        "refund_id",
        "refund_amount",
        "name",
        "phone",
        "country",
        "status",
        "booked_at",
        "channel",
        "tickets",
    ]
    columns += draw(st.lists(st.sampled_from(more), unique=True, max_size=5))
    columns = draw(st.permutations(columns))
    names = [draw(header_of(column)) for column in columns]
    decimal, thousands = draw(st.sampled_from(NOTATIONS))
    date_format = draw(st.sampled_from(DATE_FORMATS))
    bookings = [draw(booking(number, date_format)) for number in range(draw(st.integers(1, 4)))]
    # One day that can't be a month, and one amount that shows its sign for thousands.
    bookings[0] |= {"booked_at": datetime(2020, 5, 31), "order_amount": 1_234_567_89}  # noqa: DTZ001
    rows = [[written(column, said[column], decimal, thousands, date_format) for column in columns] for said in bookings]
    return Export(names, rows, bookings)


@st.composite
def header_of(draw: st.DrawFn, column: str) -> str:
    name = draw(st.sampled_from((column, *SYNONYMS[column])))
    between = draw(st.sampled_from([" ", "_", "-", " - ", "."]))
    case = draw(st.sampled_from([str.lower, str.upper, str.title, str.capitalize]))
    changed = case(name.replace("_", between).replace(" ", between))
    return changed if changed.casefold() == case(name).casefold().replace("_", between).replace(" ", between) else name


@st.composite
def booking(draw: st.DrawFn, number: int, date_format: str) -> dict[str, Any]:
    day = datetime(2020, draw(st.integers(1, 12)), draw(st.integers(1, 28)), 18, 30)  # noqa: DTZ001
    amount = draw(st.integers(100, 10**9))
    return {
        "booking_id": f"N-{number}",
        "refund_id": f"R-{number}",
        "order_amount": amount,
        "refund_amount": draw(st.integers(1, amount)),
        "currency": draw(st.sampled_from(["EUR", "USD"])),
        "email": f"guest{number}@example.com",
        "customer_id": f"C-{number}",
        "name": "Ana Nowak",
        "phone": "+48 600 000 000",
        "country": "PL",
        "status": "cancelled",
        "booked_at": day,
        "channel": "web",
        "tickets": draw(st.integers(1, 9)),
    }


def written(column: str, value: Any, decimal: str, thousands: str, date_format: str) -> str:
    if column == "booked_at":
        return str(value.strftime(date_format))
    if column in {"order_amount", "refund_amount"}:
        return f"{value // 100:,}".replace(",", thousands) + f"{decimal}{value % 100:02}"
    return str(value)


@given(exports())
def test_a_source_guessed_from_any_words_for_columns_reads_every_row(export: Export) -> None:
    suggestion = suggest(export.names, export.rows)
    assert (suggestion.is_complete, list(suggestion.doubts)) == (True, [])
    loaded = read(suggested(export.names, *export.rows), export.names, *export.rows)
    assert len(loaded) == len(export.bookings)
    for found, said in zip(loaded, export.bookings, strict=True):
        assert (found["booking_id"], found["order_amount"]) == (said["booking_id"], said["order_amount"])
        has_currency = "currency" in suggestion.columns
        assert found["currency"] == (said["currency"] if has_currency else "EUR")
        for column in ("refund_amount", "email", "name", "status", "tickets"):
            if column in suggestion.columns:
                assert found[column] == said[column], column
        if "booked_at" in suggestion.columns:
            assert found["booked_at"][:10] == f"{said['booked_at']:%Y-%m-%d}"
