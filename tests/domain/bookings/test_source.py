"""How a kind of file is read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from refundctl.domain.bookings.source import CANONICAL_COLUMNS, JOINABLE, Source, canonical_column, on_top, source_name


def mistakes(**keys: object) -> list[tuple[tuple[str | int, ...], str]]:
    """Place and sentence of each mistake."""
    with pytest.raises(ValidationError) as found:
        Source.model_validate(keys)
    return [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in found.value.errors()]


def test_the_built_in_source_takes_canonical_headers_and_iso_dates() -> None:
    assert json.loads(Source().definition()) == {
        "preset": None,
        "delimiter": None,
        "encoding": "utf-8",
        "decimal": ".",
        "thousands": None,
        "date_format": None,
        "columns": {},
        "optional": [],
        "refunded": None,
        "constants": {},
        "only": {},
        "skip": {},
        "null_values": [""],
        "group_by": None,
        "id_prefix": None,
        "metadata": [],
    }


EVERYTHING = Source.model_validate(
    {
        "preset": "shopify",
        "delimiter": ";",
        "encoding": "Windows-1252",
        "columns": {
            "booking_id": "Booking no",
            "order_amount": "Total",
            "customer_id": None,
            "name": ("First", "Last"),
            "phone": ("Phone",),
        },
        "optional": ("phone", "name"),
        "refunded": "Paid back",
        "constants": {"currency": "EUR", "tickets": "2", "booked_at": "31.12.2020"},
        "decimal": ",",
        "thousands": ".",
        "date_format": "%d.%m.%Y",
        "only": {"state": ("Paid", " paid ", "Straße")},
        "null_values": ("NULL",),
        "group_by": "booking_id",
        "id_prefix": "shop1-",
        "metadata": ("market_segment", "hotel"),
    }
)


def test_its_definition_says_the_same_again() -> None:
    assert Source.model_validate_json(EVERYTHING.definition()) == EVERYTHING
    assert Source.model_validate_json(Source().definition()) == Source()


def test_where_a_source_finds_its_columns() -> None:
    assert EVERYTHING.headers_of("name") == ("First", "Last")
    assert EVERYTHING.headers_of("phone") == ("Phone",)
    assert EVERYTHING.headers_of("customer_id") == ()
    assert EVERYTHING.headers_of("email") == ("email",)
    assert EVERYTHING.required() == {
        "Booking no": "booking_id",
        "Total": "order_amount",
        "Paid back": "refunded",
        "state": "state",
        "hotel": "hotel",
        "market_segment": "market_segment",
    }
    assert {"First", "Last", "Phone", "email", "Paid back", "state", "hotel"} < set(EVERYTHING.all_headers())
    assert "customer_id" not in set(EVERYTHING.all_headers())


def test_a_header_that_two_columns_stand_under_is_required_for_the_first() -> None:
    source = Source(columns={"booking_id": "id", "customer_id": "id"}, only={"id": ("1",)})
    assert source.required() == {"id": "booking_id", "order_amount": "order_amount"}


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
            "only": {"is_canceled": (" Yes ", "yes")},
            "null_values": ("NULL",),
            "metadata": ("market_segment", "hotel"),
        }
    )

    assert source.encoding == "cp1252"
    assert source.null_values == ("", "NULL")
    assert source.metadata == ("hotel", "market_segment")
    assert source.only == {"is_canceled": ("yes",)}


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
            {"columns": {"booking_id": None}},
            ("columns", "booking_id"),
            "is needed in every row: name its header, or leave this out",
        ),
        (
            {"columns": {"name": ()}},
            ("columns", "name"),
            "is an empty list: name the headers in it, or write null to read no such column",
        ),
        (
            {"columns": {"name": ("First", " ")}},
            ("columns", "name", 1),
            "is blank: write the text as it stands in the file",
        ),
        ({"columns": {"name": ("First", ("x",))}}, ("columns", "name", 1), "takes text in this list"),
        (
            {"columns": {"order_amount": ("Net", "Tax")}},
            ("columns", "order_amount"),
            (
                "takes one header: only name, phone, status, booked_at, cancelled_at, channel, category, tier are put "
                "together"
            ),
        ),
        (
            {"columns": {"phone": "Phone"}, "optional": ("phone", "phon")},
            ("optional", 1),
            "`phon` is not among `columns`; did you mean `phone`?",
        ),
        (
            {"optional": ("email",)},
            ("optional", 0),
            "`email` is not among `columns`: name its header there, or leave it out here",
        ),
        (
            {"columns": {"booking_id": "No"}, "optional": ("booking_id",)},
            ("optional", 0),
            "`booking_id` can't be missing, since no row goes without it: leave it out here",
        ),
        ({"refunded": ""}, ("refunded",), "is blank: write the text as it stands in the file"),
        ({"group_by": "email"}, ("group_by",), "Input should be 'booking_id'"),
        (
            {"preset": "shopify", "columns": {"email": "E-mail"}, "constants": {"email": "a@b.example"}},
            ("constants", "email", "[key]"),
            (
                "`email` is both a column and a constant: leave one of them out, such as the preset's with "
                "`columns: {email: null}`"
            ),
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
    assert set(JOINABLE) < set(CANONICAL_COLUMNS)
    for name in CANONICAL_COLUMNS:
        assert canonical_column(name) == name


@pytest.mark.parametrize("prefix", ["shop1-", "#", "A", "north ", "Łódź/", "a" * 50])
def test_what_ids_may_begin_with(prefix: str) -> None:
    assert Source(id_prefix=prefix).id_prefix == prefix


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("", "is blank or begins with a space: write what ids are to begin with, such as shop1-"),
        (" ", "is blank or begins with a space: write what ids are to begin with, such as shop1-"),
        (" shop-", "is blank or begins with a space: write what ids are to begin with, such as shop1-"),
        ("a" * 51, "has 51 characters, at most 50 are taken: shorten it"),
        ("=", "starts with =, which a spreadsheet takes for a formula; take that sign away"),
        ("＠", "starts with ＠, which a spreadsheet takes for a formula; take that sign away"),
        ("a;", "holds a semicolon, which separates ids; write it without"),
        ("a\n", "holds the control character U+000A; take it out"),
        ("a\u200b", "holds an invisible character; take it out"),
        ("2e+", "'2e+1' was written by a spreadsheet in place of the id; take the id from its origin"),
        ("e\u0301", "has an accent as a sign of its own: write it as one with its letter"),
    ],
)
def test_what_no_id_may_begin_with(prefix: str, sentence: str) -> None:
    assert mistakes(id_prefix=prefix) == [(("id_prefix",), sentence)]


# --- On top of a preset ---

PRESET = Source(
    preset="shop",
    columns={"booking_id": "Name", "email": "Email", "phone": "Phone"},
    optional=("phone",),
    constants={"currency": "EUR", "channel": "web"},
    only={"Financial Status": ("paid",), "Kind": ("sale",)},
    refunded="Refunded Amount",
)


def written(**own: object) -> Source:
    return Source.model_validate(on_top(PRESET, {"preset": "shop", **own}))


def test_a_source_that_adds_nothing_is_its_preset() -> None:
    assert written() == PRESET


def test_columns_constants_and_only_are_merged_by_key() -> None:
    source = written(columns={"email": "Mail", "name": "Who"}, constants={"channel": "app"}, only={"Tags": ("x",)})
    assert source.columns == {"booking_id": "Name", "email": "Mail", "phone": "Phone", "name": "Who"}
    assert source.constants == {"currency": "EUR", "channel": "app"}
    assert source.only == {"Financial Status": ("paid",), "Kind": ("sale",), "Tags": ("x",)}
    assert (source.optional, source.refunded) == (("phone",), "Refunded Amount")


def test_other_keys_stand_in_place_of_the_preset_s() -> None:
    source = written(optional=(), refunded=None, id_prefix="b-")
    assert (source.optional, source.refunded, source.id_prefix) == ((), None, "b-")


def test_null_takes_away_what_the_preset_says() -> None:
    source = written(
        columns={"phone": None}, constants={"channel": None}, only={"financial STATUS": None, "Kind": ("gift",)}
    )
    assert source.headers_of("phone") == ()
    assert source.constants == {"currency": "EUR"}
    assert source.only == {"Kind": ("gift",)}


def test_null_for_what_the_preset_does_not_say_is_a_mistake() -> None:
    with pytest.raises(ValidationError) as found:
        written(constants={"tier": None}, only={"Tags": None})
    assert [error["loc"] for error in found.value.errors()] == [("constants", "tier"), ("only", "Tags")]


def test_a_mistake_of_ones_own_is_left_to_be_found() -> None:
    with pytest.raises(ValidationError) as found:
        written(columns="Mail")
    assert [error["loc"] for error in found.value.errors()] == [("columns",)]


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
