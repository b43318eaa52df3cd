"""How a kind of file is read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from refundctl.domain.source import CANONICAL_COLUMNS, LATER_COLUMNS, Source, canonical_column, source_name


def mistakes(**keys: object) -> list[tuple[tuple[str | int, ...], str]]:
    """Place and sentence of each mistake."""
    with pytest.raises(ValidationError) as found:
        Source.model_validate(keys)
    return [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in found.value.errors()]


def test_the_built_in_source_takes_canonical_headers_and_iso_dates() -> None:
    assert json.loads(Source().definition()) == {
        "delimiter": None,
        "encoding": "utf-8",
        "decimal": ".",
        "thousands": None,
        "date_format": None,
        "columns": {},
        "constants": {},
        "only": {},
        "null_values": [""],
        "metadata": [],
    }


def test_a_source_with_everything() -> None:
    source = Source.model_validate(
        {
            "delimiter": ";",
            "encoding": "Windows-1252",
            "columns": {"booking_id": "Booking no", "order_amount": "Total", "email": "Guest e-mail"},
            "constants": {"currency": "EUR", "tickets": "2", "booked_at": "31.12.2020"},
            "decimal": ",",
            "thousands": ".",
            "date_format": "%d.%m.%Y",
            "only": {"is_canceled": (" 1 ", "1")},
            "null_values": ("NULL",),
            "metadata": ("market_segment", "hotel"),
        }
    )

    assert source.encoding == "cp1252"
    assert source.null_values == ("", "NULL")
    assert source.metadata == ("hotel", "market_segment")
    assert source.only == {"is_canceled": ("1",)}


@pytest.mark.parametrize(
    ("written", "sign"),
    [(",", ","), (";", ";"), ("|", "|"), ("\t", "\t"), ("\\t", "\t"), ("tab", "\t"), (None, None)],
)
def test_delimiters(written: str | None, sign: str | None) -> None:
    assert Source(delimiter=written).delimiter == sign


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("latin1", "iso8859-1"),
        ("ISO-8859-2", "iso8859-2"),
        ("utf-16", "utf-16"),
        ("shift_jis", "shift_jis"),
    ],
)
def test_encodings_have_one_name(written: str, encoding: str) -> None:
    assert Source(encoding=written).encoding == encoding


@pytest.mark.parametrize("name", ["", "utf-9", "hex", "rot13", "punycode", "unicode_escape", "a\0b", "../x"])
def test_what_is_no_encoding_of_files_is_refused(name: str) -> None:
    ((place, sentence),) = mistakes(encoding=name)

    assert place == ("encoding",)
    assert sentence.startswith("there is no encoding `")
    assert sentence.endswith("`: write one such as utf-8, cp1252 or latin-1")


@pytest.mark.parametrize(
    "date_format",
    ["%d.%m.%Y", "%m/%d/%Y", "%d %b %y", "%B %d, %Y", "%Y%m%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"],
)
def test_date_formats(date_format: str) -> None:
    assert Source(date_format=date_format).date_format == date_format


@pytest.mark.parametrize(
    ("date_format", "sentence"),
    [
        ("%d.%m.", "`%d.%m.` has no year: write one such as %d.%m.%Y or %m/%d/%Y"),
        ("DD.MM.YYYY", "`DD.MM.YYYY` has no year and no month and no day: write one such as %d.%m.%Y or %m/%d/%Y"),
        ("%Y%m%d%Q", "no date can be read back by `%Y%m%d%Q`: write one such as %d.%m.%Y or %m/%d/%Y"),
        ("%Y年%m月%d日", "no date can be read back by `%Y年%m月%d日`: write one such as %d.%m.%Y or %m/%d/%Y"),
    ],
)
def test_a_format_that_could_read_no_date_is_refused(date_format: str, sentence: str) -> None:
    assert mistakes(date_format=date_format) == [(("date_format",), sentence)]


@pytest.mark.parametrize("sign", [".", ",", " ", "'", "\u00a0", "\u202f", "\u2019"])
def test_thousands_differ_from_the_decimal_sign(sign: str) -> None:
    other = "," if sign == "." else "."

    assert Source(decimal=other, thousands=sign).thousands == sign
    if sign in ".,":
        sentence = f"`{sign}` is the decimal sign already: thousands need another one"
        assert mistakes(decimal=sign, thousands=sign) == [(("thousands",), sentence)]


@pytest.mark.parametrize(
    ("keys", "place", "sentence"),
    [
        (
            {"delimiter": "::"},
            ("delimiter",),
            r'`::` is not allowed here: write one of "," ";" "\t" "|", with the quotes',
        ),
        ({"decimal": "'"}, ("decimal",), '`\'` is not allowed here: write one of "." ",", with the quotes'),
        (
            {"thousands": "_"},
            ("thousands",),
            '`_` is not allowed here: write one of "." "," " " "\'" "\\xa0" "\\u202f" "\\u2019", with the quotes',
        ),
        ({"columns": {"email": " "}}, ("columns", "email"), "is blank: write the text as it stands in the file"),
        (
            {"columns": {"bookng_id": "No"}},
            ("columns", "bookng_id", "[key]"),
            "there is no column `bookng_id`; did you mean `booking_id`?",
        ),
        (
            {"columns": {"cash_amount": "Cash"}},
            ("columns", "cash_amount", "[key]"),
            "the column `cash_amount` is not available in this version: leave it out",
        ),
        (
            {"columns": {"email": "E-mail"}, "constants": {"email": "a@b.example"}},
            ("constants", "email", "[key]"),
            "`email` is both a column and a constant: leave one of them out",
        ),
        (
            {"constants": {"booking_id": "1"}},
            ("constants", "booking_id", "[key]"),
            "`booking_id` can't be a constant, since each row has its own: map a column to it",
        ),
        (
            {"only": {"is_canceled": ()}},
            ("only", "is_canceled"),
            'an empty list would leave out every row: name a text, such as ["1"]',
        ),
        ({"group_by": None}, ("group_by",), "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(
    keys: dict[str, object], place: tuple[str | int, ...], sentence: str
) -> None:
    assert mistakes(**keys) == [(place, sentence)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("currency", "euro"),
        ("country", "Germany"),
        ("tickets", "two"),
        ("accepted", "perhaps"),
        ("locale", "german"),
        ("email", "nobody"),
        ("booked_at", "2020-02-30"),
        ("channel", "a\x07b"),
    ],
)
def test_a_constant_is_what_a_cell_may_say(name: str, text: str) -> None:
    assert [place for place, _ in mistakes(constants={name: text})] == [("constants", name)]


def test_all_mistakes_are_found_at_once() -> None:
    found = mistakes(
        delimiter="x", encoding="hex", columns={"a": "A", "b": "B"}, constants={"c": "C"}, decimal=";", date_format="%d"
    )

    assert [place for place, _ in found] == [
        ("delimiter",),
        ("encoding",),
        ("decimal",),
        ("date_format",),
        ("columns", "a", "[key]"),
        ("columns", "b", "[key]"),
        ("constants", "c", "[key]"),
    ]


def test_the_canonical_columns_are_those_of_a_booking() -> None:
    assert len(CANONICAL_COLUMNS) == len(set(CANONICAL_COLUMNS)) == 22
    assert set(LATER_COLUMNS) == {"cash_amount", "bonus_amount"}
    for name in CANONICAL_COLUMNS:
        if name not in LATER_COLUMNS:
            assert canonical_column(name) == name


@pytest.mark.parametrize("name", ["default", "booking.com", "hotel-2", "a" * 63])
def test_names_of_sources(name: str) -> None:
    assert source_name(name) == name


@pytest.mark.parametrize("name", ["", "Hotel", "-a", ".a", "a b", "a" * 64, "a\n", "é"])
def test_what_no_source_can_be_called(name: str) -> None:
    with pytest.raises(ValueError, match="can't be a source's name"):
        source_name(name)


@settings(deadline=None)
@given(
    st.permutations(["", "NULL", "n/a"]),
    st.permutations([("email", "E-mail"), ("booking_id", "No")]),
    st.permutations(["hotel", "agent"]),
)
def test_the_same_meaning_has_the_same_definition(
    nulls: list[str], columns: list[tuple[str, str]], metadata: list[str]
) -> None:
    one = Source(null_values=tuple(nulls), columns=dict(columns), metadata=tuple(metadata), delimiter="tab")
    other = Source.model_validate(
        {
            "metadata": ("agent", "hotel"),
            "null_values": ("n/a", " NULL ", "NULL"),
            "columns": {"booking_id": "No", "email": "E-mail"},
            "delimiter": "\t",
            "encoding": "UTF8",
        }
    )

    assert one.definition() == other.definition()
