"""A workbook's sheet as CSV: line by row, each cell as the spreadsheet knows it, and only one sheet to choose from."""

import csv
import io
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.bookings.source import Source
from refundctl.files.tables.spreadsheet import number_text
from support.data.booking_files import read_file
from support.data.packed_files import csv_of, edited, fill, made, refusal, workbook

HEADER = ["booking_id", "email", "order_amount", "currency", "cancelled_at"]
APRIL = datetime(2020, 4, 1)  # noqa: DTZ001 - a spreadsheet knows no zones


# --- Rows ---


def test_a_line_of_the_file_is_a_row_of_the_sheet() -> None:
    rows = [[], [None, "id", "name"], [], [None, "1", "a\nb"], [None, "2", None], [], [None, None, "c"]]
    assert csv_of(workbook(rows)) == b"\nid,name\n\n1,a b\n2,\n\n,c\n"


def test_cells_are_in_quotes_where_they_need_it() -> None:
    rows = [["id", "name"], ['say "hi"', "a, b"], ["a;b", "Łódź"]]
    assert csv_of(workbook(rows)).decode() == 'id,name\n"say ""hi""","a, b"\na;b,Łódź\n'
    assert csv_of(workbook(rows), delimiter=";").decode() == 'id;name\n"say ""hi""";a, b\n"a;b";Łódź\n'


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\rb", "a\n\n\r\nb"])
def test_line_breaks_in_a_cell_become_one_space(text: str) -> None:
    assert csv_of(workbook([["id", text]])) == b"id,a b\n"


def test_a_nul_in_a_cell_rejects_its_row_only() -> None:
    raw = workbook([HEADER, ["R-1", "a_x0000_b", 12.5, "EUR"], ["R-2", "ana@example.org", 12.5, "EUR"]])
    raw = edited(raw, "xl/sharedStrings.xml", b"_x005F_x0000_", b"_x0000_")
    reading = read_file(csv_of(raw))
    assert reading.column("booking_id") == ["R-2"]
    assert reading.rejects() == [(2, "email", "control_characters")]


# --- Cells ---


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("007", "007"),
        (" x ", " x "),
        ("_x0041_", "_x0041_"),
        (19.99, "19.99"),
        (5, "5"),
        (-5.50, "-5.5"),
        (0, "0"),
        (1_234_567.891, "1234567.891"),
        (999_999_999_999_999, "999999999999999"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(2020, 4, 1), "2020-04-01"),
        (APRIL, "2020-04-01"),
        (APRIL.replace(hour=14, minute=30), "2020-04-01T14:30:00"),
        (APRIL.replace(hour=23, minute=59, second=59), "2020-04-01T23:59:59"),
        (time(7, 5), "07:05:00"),
        (timedelta(hours=30, minutes=5, seconds=1), "30:05:01"),
        (date(9999, 12, 31), "9999-12-31"),
    ],
)
def test_what_a_cell_says(cell: Any, text: str) -> None:
    assert csv_of(workbook([["id", cell]])).decode() == f"id,{text}\n"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1.1 * 3, "3.3"),
        (19.989999999999998, "19.99"),
        (-0.0, "0"),
        (0.00001, "0.00001"),
        (1e-15, "0.000000000000001"),
        (5.55111512312578e-17, "5.55111512312578E-17"),
        (123456789012345.6, "123456789012346"),
        (1e15, "1E+15"),
        (1234567890123450, "1.23456789012345E+15"),
        (float("inf"), "#NUM!"),
        (float("nan"), "#NUM!"),
    ],
)
def test_numbers_have_the_15_digits_that_a_spreadsheet_knows(number: float, text: str) -> None:
    assert number_text(number) == text
    assert number_text(number, ",") == text.replace(".", ",")


def test_number_formats_don_t_change_what_is_in_a_cell() -> None:
    codes = ["0.00%", "#,##0.00", "[$€-2] #,##0.00;[Red]-[$€-2] #,##0.00", '#,##0.00 "zł"', "0", "0.00E+00", "@"]

    def write(book: Any) -> None:
        sheet = book.add_worksheet()
        for column, code in enumerate(codes):
            sheet.write_number(0, column, 1234.5, book.add_format({"num_format": code}))

    assert csv_of(made(write)).decode() == ",".join(["1234.5"] * len(codes)) + "\n"


@pytest.mark.parametrize("code", ["d.m.yyyy", "mm/dd/yyyy", "[$-409]d-mmm-yy;@", 'yyyy"年"m"月"d"日"', "mmm yy"])
def test_days_are_days_however_they_are_shown(code: str) -> None:
    def write(book: Any) -> None:
        book.add_worksheet().write_datetime(0, 0, APRIL, book.add_format({"num_format": code}))

    assert csv_of(made(write)) == b"2020-04-01\n"


def test_a_time_of_day_is_rounded_to_its_second() -> None:
    raw = workbook([["id", APRIL.replace(hour=1)]])
    for fraction, text in ((b"43922.9999999", b"2020-04-02"), (b"43922.60416666", b"2020-04-01T14:30:00")):
        assert csv_of(edited(raw, "xl/worksheets/sheet1.xml", b"43922.04166666666", fraction)) == b"id,%s\n" % text


def test_workbooks_that_count_their_days_from_1904() -> None:
    rows = [["id", date(2020, 4, 1), APRIL.replace(hour=7)]]
    assert csv_of(workbook(rows, date_1904=True)) == b"id,2020-04-01,2020-04-01T07:00:00\n"
    assert csv_of(workbook(rows)) == b"id,2020-04-01,2020-04-01T07:00:00\n"


@pytest.mark.parametrize(
    ("date_format", "day", "moment"),
    [
        (None, "2020-04-01", "2020-04-01T07:30:00"),
        ("%d.%m.%Y", "2020-04-01", "2020-04-01T07:30:00"),
        ("%Y/%m/%d", "2020/04/01", "2020/04/01"),
        ("%Y%m%d %H:%M", "20200401 00:00", "20200401 07:30"),
    ],
)
def test_days_are_written_so_that_the_source_can_read_them(date_format: str | None, day: str, moment: str) -> None:
    rows = [["id", date(2020, 4, 1), APRIL.replace(hour=7, minute=30)]]
    assert csv_of(workbook(rows), date_format=date_format).decode() == f"id,{day},{moment}\n"


def test_formulas_say_what_they_came_to() -> None:
    def write(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_formula("A1", "=0.1+0.2", None, 0.1 + 0.2)
        sheet.write_formula("B1", '="a"&"b"', None, "ab")
        sheet.write_formula("C1", "=1=1", None, True)

    assert csv_of(made(write)) == b"0.3,ab,TRUE\n"


printable = st.characters(exclude_categories=["Cs", "Cc", "Cn"])
decimals = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 6)
)
days = st.dates(date(1901, 1, 1))
moments = st.datetimes(datetime(1901, 1, 1)).map(lambda moment: moment.replace(microsecond=0))  # noqa: DTZ001
cells = st.one_of(st.text(printable, max_size=20), st.booleans(), decimals, days, moments)


def said(cell: Any) -> str:
    """What a cell of the table says in a CSV file."""
    match cell:
        case bool():
            return str(cell).upper()
        case Decimal():
            text = format(cell, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text == "-0" else text
        case datetime() | date():
            return cell.isoformat().removesuffix("T00:00:00")
        case _:
            return str(cell)


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6)))
def test_any_table_comes_back_as_the_texts_that_it_shows(table: list[list[Any]]) -> None:
    rows = [[f"column {number}" for number in range(5)], *([f"row {n}", *row] for n, row in enumerate(table))]
    given_rows = [[float(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in rows]
    text = csv_of(workbook(given_rows)).decode()
    width = max(map(len, rows))
    expected = [[*map(said, row), *([""] * (width - len(row)))] for row in rows]
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == expected


# --- Which sheet ---


def test_hidden_sheets_empty_ones_and_charts_are_passed_over() -> None:
    def write(book: Any) -> None:
        book.add_worksheet("Empty")
        fill(book, hidden := book.add_worksheet("Hidden"), [["x"]])
        fill(book, very_hidden := book.add_worksheet("Very hidden"), [["y"]])
        fill(book, book.add_worksheet("Blanks"), [[" "]])
        fill(book, book.add_worksheet("Bookings"), [["id"], [1]])
        hidden.hide()
        very_hidden.very_hidden()
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Bookings!$A$1:$A$2"})
        book.add_chartsheet("Chart").set_chart(chart)

    assert csv_of(made(write)) == b"id\n1\n"


def test_several_sheets_with_something_in_them_are_refused() -> None:
    def write(book: Any) -> None:
        for name in ("April", "May", "June", "July"):
            fill(book, book.add_worksheet(name), [["id"], [1]])

    assert refusal(made(write), "2020.xlsx") == (
        "spreadsheet_several_sheets",
        (
            "2020.xlsx has 4 visible sheets with something in them (`April`, `May`, `June` and 1 more): hide or delete all "
            "but that of the bookings, and save it."
        ),
    )


def test_a_workbook_with_nothing_to_see_in_it() -> None:
    def hidden(book: Any) -> None:
        book.add_worksheet("Empty")
        fill(book, sheet := book.add_worksheet("Hidden"), [["id"]])
        sheet.hide()

    sentence = "a.xlsx has no visible sheet with anything in it: show the sheet of the bookings, and save it."
    for raw in (workbook([]), workbook([[" "]]), made(hidden)):
        assert refusal(raw, "a.xlsx") == ("spreadsheet_empty", sentence)


# --- From a workbook to bookings ---

TABLE = [
    HEADER,
    ["R-1001", "ana@example.org", 19.99, "EUR", date(2020, 4, 1)],
    ["R-1002", "jan@example.org", 1234.5, "EUR", APRIL.replace(hour=7)],
    [2003, "eva@example.org", 0.1 + 0.2, "EUR", None],
]


@pytest.mark.parametrize(
    "notation",
    [
        {},
        {"thousands": ","},
        {"decimal": ",", "thousands": "."},
        {"decimal": ",", "thousands": " "},
        {"date_format": "%d.%m.%Y"},
        {"date_format": "%Y/%m/%dT%H.%M"},
        {"delimiter": ";", "decimal": ","},
    ],
    ids=str,
)
def test_bookings_are_the_same_in_the_notation_of_any_source(notation: dict[str, str]) -> None:
    source = Source.model_validate(notation)
    csv_text = csv_of(
        workbook(TABLE),
        decimal=source.decimal,
        date_format=source.date_format,
        delimiter=source.delimiter or ",",
    )
    reading = read_file(csv_text, source)
    assert reading.rejected == []
    assert reading.lines == [2, 3, 4]
    assert reading.column("booking_id") == ["R-1001", "R-1002", "2003"]
    assert reading.column("order_amount") == [1999, 123450, 30]
    assert [text and text[:10] for text in reading.column("cancelled_at")] == ["2020-04-01", "2020-04-01", None]


def test_ids_whose_digits_a_spreadsheet_has_lost_are_rejected() -> None:
    rows = [HEADER, [1234567890123456, "ana@example.org", 12.5, "EUR"], [123456789012345, "a@example.org", 1, "EUR"]]
    for decimal in (".", ","):
        reading = read_file(csv_of(workbook(rows), decimal=decimal), Source(decimal=decimal))
        assert reading.column("booking_id") == ["123456789012345"]
        assert reading.rejects() == [(2, "booking_id", "malformed_id")]


def test_errors_in_cells_reject_their_rows_and_never_pass_for_blanks() -> None:
    """A blank refund amount would mean that the whole order is refunded."""

    def write(book: Any) -> None:
        sheet = book.add_worksheet()
        fill(book, sheet, [[*HEADER[:4], "refund_amount"]])
        for row, error in enumerate(["#N/A", "#REF!", "#DIV/0!"], start=1):
            fill_row = [f"R-{row}", "ana@example.org", 100, "EUR"]
            sheet.write_row(row, 0, fill_row)
            sheet.write_formula(row, 4, "=B1", None, error)
        sheet.write_formula(4, 0, "=B1", None, "#N/A")
        sheet.write_row(4, 1, ["ana@example.org", 100, "EUR", 50])

    reading = read_file(csv_of(made(write)))
    assert reading.column("booking_id") == []
    assert reading.rejects() == [
        (2, "refund_amount", "malformed_amount"),
        (3, "refund_amount", "malformed_amount"),
        (4, "refund_amount", "malformed_amount"),
        (5, "booking_id", "malformed_id"),
    ]
