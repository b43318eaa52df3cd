"""Rows as CSV: what any reader reads back, and what a spreadsheet does not run."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.exports.csv_text import encode, safe_cell

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", ",", '"', "\n", "\r", "\r\n", 'say "yes", please', " padded ", "a\rb", "'", ";", "\ufeff"]
)
tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width).map(tuple), max_size=6)
)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], ""),
        ([("id", "name")], "id,name\n"),
        ([("1", "Ana Nowak"), ("2", "Müge")], "1,Ana Nowak\n2,Müge\n"),
        ([("1", "")], "1,\n"),
        ([("1", "Nowak, Ana")], '1,"Nowak, Ana"\n'),
        ([("1", 'The "Grand"')], '1,"The ""Grand"""\n'),
        ([("1", "two\nlines"), ("2", "plain")], '1,"two\nlines"\n2,plain\n'),
        ([("1", "old\rMac")], '1,"old\rMac"\n'),
        ([("1,2", "3"), ("4", "5")], '"1,2",3\n4,5\n'),
    ],
)
def test_quotes_stand_only_where_they_are_needed(rows: list[tuple[str, ...]], text: str) -> None:
    assert encode(rows).decode() == text


def test_files_are_utf_8_without_a_bom() -> None:
    assert encode([("Łukasz", "美咲")]) == b"\xc5\x81ukasz,\xe7\xbe\x8e\xe5\x92\xb2\n"


@given(tables)
def test_every_text_is_read_back_as_it_was(rows: list[tuple[str, ...]]) -> None:
    read = csv.reader(io.StringIO(encode(rows).decode(), newline=""), strict=True)
    assert list(map(tuple, read)) == rows


@given(tables, tables)
def test_blocks_put_one_after_the_other_are_one_file(
    first: list[tuple[str, ...]], second: list[tuple[str, ...]]
) -> None:
    assert encode([*first, *second]) == encode(first) + encode(second)


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_is_an_empty_cell(text: str | None) -> None:
    assert safe_cell(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "＝1",
        "＋a",
        "－a",
        "＠a",
        "+48 600 100 200=1",
        "-1\n=2",
    ],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["Ana", "R-1001", "a=b", "+48 600 100 200", "+1 (555) 010-0100", "-12.50", "1e3", "'quoted", " =1"]
)
def test_other_texts_are_left_alone(text: str) -> None:
    assert safe_cell(text) == text


@given(st.text())
def test_no_cell_begins_a_formula(text: str) -> None:
    made = safe_cell(text)
    assert made.removeprefix("'") == text.removeprefix("'")
    assert made[:1] not in set("=@\t\r＝＠")
    assert made[:1] not in set("+-＋－") or set(made[1:]) <= set("0123456789 ().-")
