"""Files of bookings as operators have them, good and bad: every row is accepted, filtered or rejected."""

import codecs
import hashlib
import io
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput, UsageError
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings.bookings_csv import BookingsFile
from refundctl.files.tables import csv_rows
from refundctl.files.tables.reject_columns import fingerprint
from refundctl.files.tables.table_file import Block
from support.data.booking_files import Reading, read_file

HEADER = "booking_id,email,order_amount,currency"
GOOD = (
    "R-1001,ana@example.org,12.50,EUR\n"
    "R-1002,jan@example.org,100.00,EUR\n"
)  # fmt: skip
ROWS = f"{HEADER}\n{GOOD}"


def refusal(content: str | bytes, source: Source | None = None, *, encoding: str | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read_file(content, source, encoding=encoding)
    return caught.value


def test_a_small_file() -> None:
    found = read_file(ROWS)
    assert (found.rows, found.filtered, found.rejected) == (2, 0, [])
    assert found.lines == [2, 3]
    assert found.columns == {
        "booking_id": ["R-1001", "R-1002"],
        "order_amount": [1250, 10000],
        "currency": ["EUR", "EUR"],
        "refund_amount": [1250, 10000],
        "customer_id": ["ana@example.org", "jan@example.org"],
        "email": ["ana@example.org", "jan@example.org"],
    }


def test_what_is_known_of_a_file() -> None:
    raw = ROWS.encode()
    file = BookingsFile(io.BytesIO(raw), "bookings.csv", Source())
    assert file.header == ("booking_id", "email", "order_amount", "currency")
    assert (file.name, file.delimiter, file.encoding) == ("bookings.csv", ",", "utf-8")
    assert sum(block.rows for block in file.blocks()) == 2
    assert (file.sha256, file.bytes_read) == (hashlib.sha256(raw).hexdigest(), len(raw))


def test_a_header_only_is_a_file_without_rows() -> None:
    found = read_file(f"{HEADER}\n")
    assert (found.rows, found.lines, found.rejected) == (0, [], [])
    assert read_file(HEADER).rows == 0


def test_a_block_counts_its_rows() -> None:
    reject = RejectedRow(7, "email", "malformed_email", "email is ...")
    assert Block(lines=[2, 3], columns={}, rejected=[reject], filtered=4).rows == 7


# --- The same bookings in other clothes ---


@pytest.mark.parametrize(
    "raw",
    [
        ROWS.replace("\n", "\r\n").encode(),
        ROWS.replace("\n", "\r").encode(),
        ROWS.removesuffix("\n").encode(),
        codecs.BOM_UTF8 + ROWS.encode(),
        ROWS.encode("utf-16"),
        ROWS.encode("utf-32"),
        ROWS.replace(",", ";").encode(),
        ROWS.replace(",", "\t").encode(),
        ROWS.replace(",", "|").encode(),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in ROWS.splitlines()).encode(),
        ROWS.replace(",", " , ").encode(),
        ROWS.upper().replace("ANA@EXAMPLE", "ana@EXAMPLE").replace("JAN@", "jan@").encode(),
    ],
    ids=["CRLF", "CR", "no last line end", "BOM", "UTF-16", "UTF-32", "semicolons", "tabs", "bars", "quotes",
         "spaces", "capitals"],
)  # fmt: skip
def test_the_same_bookings_in_another_writing(raw: bytes) -> None:
    found, plain = read_file(raw), read_file(ROWS)
    assert (found.columns, found.lines, found.rejected) == (plain.columns, plain.lines, [])


def test_latin_1_is_read_where_it_is_named_and_refused_otherwise() -> None:
    raw = f"{HEADER},name\nR-1,jose@example.org,1.00,EUR,José\n".encode("latin-1")
    assert read_file(raw, encoding="latin-1").column("name") == ["José"]
    assert read_file(raw, Source(encoding="cp1252")).column("name") == ["José"]
    error = refusal(raw)
    assert (error.code, error.details) == ("undecodable_bytes", {"path": "bookings.csv", "line": 2})
    assert error.message == (
        "bookings.csv, line 2: a byte here is not UTF-8; name the encoding of the file, for example with "
        "`--encoding latin-1`."
    )


def test_an_encoding_on_the_command_line_goes_before_that_of_the_source() -> None:
    raw = f"{HEADER},name\nR-1,l@example.org,1.00,EUR,Łukasz\n".encode("cp1250")
    assert read_file(raw, Source(encoding="cp1252"), encoding="cp1250").column("name") == ["Łukasz"]


def test_utf8_is_read_as_such_whatever_was_named() -> None:
    raw = f"{HEADER},name\nR-1,jose@example.org,1.00,EUR,José\n".encode()
    assert read_file(raw, encoding="latin-1").column("name") == ["José"]


def test_utf16_without_a_byte_order_mark() -> None:
    raw = ROWS.encode("utf-16-le")
    assert refusal(raw).code == "nul_bytes"
    assert read_file(raw, encoding="utf-16-le").columns == read_file(ROWS).columns


def test_an_encoding_that_does_not_exist() -> None:
    with pytest.raises(UsageError):
        read_file(ROWS, encoding="klingon")


# --- Refused as a whole ---


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("\n\n", "empty_file"),
        (codecs.BOM_UTF8, "empty_file"),
        (GOOD, "header_missing"),
        ("booking_id,email,booking_id,order_amount\n", "duplicate_header"),
        ("booking_id,email\nR-1,ana@example.org\n", "column_missing"),
        (f'{HEADER}\n{GOOD}R-1003,"ana@example.org,1.00,EUR\n', "unterminated_quote"),
        (f'{HEADER}\nR-1,"ana"x,1.00,EUR\n', "malformed_quote"),
        (f"{HEADER}\nR-1,ana\0@example.org,1.00,EUR\n", "nul_bytes"),
        (f"{HEADER}\nR-1,jos\udce9@example.org,1.00,EUR\n".encode(errors="surrogateescape"), "undecodable_bytes"),
        (b"PK\x03\x04\x14\x00\x06\x00", "no_csv"),
    ],
)
def test_a_file_that_can_not_be_taken(content: str | bytes, code: str) -> None:
    error = refusal(content)
    assert (error.exit_code, error.code, error.details["path"]) == (65, code, "bookings.csv")
    assert error.message.startswith("bookings.csv")
    assert "\n" not in error.message


def test_a_currency_must_come_from_somewhere() -> None:
    text = "booking_id,email,order_amount\nR-1,ana@example.org,1.00\n"
    error = refusal(text)
    assert (error.code, error.message) == (
        "column_missing",
        (
            "bookings.csv has no column `currency`, and its amounts name none; add the column, or set one for all rows "
            "with `constants: {currency: EUR}` in a source."
        ),
    )
    assert read_file(text, Source(constants={"currency": "PLN"})).column("currency") == ["PLN"]
    assert read_file(text.replace("1.00", "1.00 USD")).column("currency") == ["USD"]


def test_where_some_amounts_name_their_currency_the_others_are_rejected() -> None:
    found = read_file("booking_id,email,order_amount\nR-1,a@b.org,1.00\nR-2,a@b.org,USD 2.00\n")
    assert found.rejects() == [(2, "currency", "missing_value")]
    assert found.column("order_amount") == [200]


# --- Rejected row by row ---


def rejects_of(row: str, header: str = HEADER) -> list[tuple[int, str, str]]:
    """What becomes of a row between two good ones, which must not suffer."""
    more = "," * (header.count(",") - HEADER.count(","))
    first, second = (f"{line}{more}" for line in GOOD.splitlines())
    found = read_file(f"{header}\n{first}\n{row}\n{second}\n")
    assert found.column("booking_id") == ["R-1001", "R-1002"]
    assert (found.rows, found.lines[0]) == (3, 2)
    return found.rejects()


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("R-1,ana@example.org,12.50", "", "wrong_field_count"),
        ("R-1,ana@example.org,12.50,EUR,x", "", "wrong_field_count"),
        ("R-1", "", "wrong_field_count"),
        (",,,", "booking_id", "missing_value"),
        ("R-1,ana@example.org,,EUR", "order_amount", "missing_value"),
        ("R-1,,12.50,EUR", "customer_id", "no_customer"),
        ('R-1,ana@example.org,"1,50",EUR', "order_amount", "malformed_amount"),
        ("R-1,ana@example.org,１００,EUR", "order_amount", "malformed_amount"),
        ("R-1,ana@example.org,1e3,EUR", "order_amount", "malformed_amount"),
        ("R-1,ana@example.org,NaN,EUR", "order_amount", "malformed_amount"),
        ("R-1,ana@example.org,-5,EUR", "order_amount", "amount_not_positive"),
        ("R-1,ana@example.org,0,EUR", "order_amount", "amount_not_positive"),
        ("R-1,ana@example.org,12.345,EUR", "order_amount", "too_many_decimals"),
        ("R-1,ana@example.org,1200.50,JPY", "order_amount", "too_many_decimals"),
        ("R-1,ana@example.org,12.50,XYZ", "currency", "unknown_currency"),
        ("R-1,ana@example,12.50,EUR", "email", "malformed_email"),
        ("=HYPERLINK(1),ana@example.org,12.50,EUR", "booking_id", "formula"),
        ("R\x1b-1,ana@example.org,12.50,EUR", "booking_id", "control_characters"),
        ('"R-\n1",ana@example.org,12.50,EUR', "booking_id", "control_characters"),
        ("4111 1111 1111 1111,ana@example.org,12.50,EUR", "booking_id", "payment_card_number"),
        ("R-1,ana@example.org,4111111111111111,EUR", "order_amount", "payment_card_number"),
    ],
)
def test_a_bad_row_is_rejected_and_its_neighbours_are_not(row: str, field: str, code: str) -> None:
    assert rejects_of(row) == [(3, field, code)]


@pytest.mark.parametrize(
    ("column", "text", "code"),
    [
        ("name", "=HYPERLINK(1)", "formula"),
        ("name", "paid with 4111-1111-1111-1111", "payment_card_number"),
        ("cancelled_at", "2020-02-30", "malformed_date"),
        ("country", "Poland", "malformed_value"),
        ("cash_amount", "12.51", "cash_exceeds_refund"),
        ("bonus_amount", "-1.00", "amount_not_positive"),
        ("status", "x" * 1_000_000, "value_too_long"),
    ],
)
def test_a_bad_value_in_an_optional_column(column: str, text: str, code: str) -> None:
    row = f"R-1,ana@example.org,12.50,EUR,{text}"
    assert rejects_of(row, f"{HEADER},{column}") == [(3, column, code)]


def test_a_reason_names_the_field_what_is_wrong_and_what_to_do() -> None:
    found = read_file(f"{HEADER}\n,ana@example.org,1.00,EUR\nR-1,a@b.org,1.00\n\nR-2,a@b.org,x,EUR\n")
    assert found.rejected == [
        RejectedRow(2, "booking_id", "missing_value", "booking_id is blank; fill it in"),
        RejectedRow(
            3,
            "",
            "wrong_field_count",
            "the row has 3 fields, the header has 4; put each value under its header, and texts with delimiters in "
            "quotes",
        ),
        RejectedRow(
            5,
            "order_amount",
            "malformed_amount",
            "order_amount 'x' is not an amount in EUR; write it like 12.50, digits only",
        ),
    ]


def test_a_reason_never_repeats_a_card_number() -> None:
    number = "4111111111111111"
    for row in (f"{number},a@b.org,1.00,EUR", f"R-1,a@b.org,{number},EUR", f"R-1,a@b.org,1.00,{number}"):
        (reject,) = read_file(f"{HEADER}\n{row}\n").rejected
        assert reject.code == "payment_card_number"
        assert number not in reject.reason


def test_ignored_columns_may_hold_anything() -> None:
    note = f'"line one\nline two, {"x" * 1_000_000} 4111111111111111 =1"'
    found = read_file(f"{HEADER},note\nR-1,a@b.org,1.00,EUR,{note}\nR-2,a@b.org,2.00,EUR,\n")
    assert (found.column("booking_id"), found.lines, found.rejected) == (["R-1", "R-2"], [2, 4], [])


def test_a_row_that_swallows_the_next_one_is_rejected() -> None:
    """The quote of the first note is closed by the next one, and the field count is right by accident."""
    text = f'{HEADER},note\nR-1,a@b.org,1.00,EUR,"note\nR-2,a@b.org,2.00,EUR,""\nR-3,a@b.org,3.00,EUR,"\n'
    found = read_file(text)
    assert (found.rejects(), found.lines) == ([(2, "", "wrong_field_count")], [])
    assert "holds what looks like another row; close its quote" in found.rejected[0].reason


def test_blank_cells_under_no_header_are_no_matter_and_others_are() -> None:
    found = read_file(f"{HEADER},,\nR-1,a@b.org,1.00,EUR,, \nR-2,a@b.org,1,50,EUR,\n")
    assert (found.column("booking_id"), found.rejects()) == (["R-1"], [(3, "", "wrong_field_count")])


# --- Sources ---


def test_a_hotel_as_it_writes() -> None:
    source = Source(
        columns={"booking_id": "Booking no", "order_amount": "Total", "email": "Guest e-mail", "booked_at": "Day"},
        constants={"currency": "EUR"},
        decimal=",",
        thousands=".",
        date_format="%m/%d/%Y",
        only={"is_canceled": ("1",)},
        null_values=("", "NULL"),
        metadata=("hotel", "market_segment"),
    )
    found = read_file(
        "hotel;is_canceled;market_segment;country;Day;Booking no;Total;Guest e-mail\n"
        "Resort;1;NULL;PRT;7/1/2015;1;1.200,50;guest1@example.com\n"
        "City;0;Online;GBR;7/1/2015;2;x;guest2@example.com\n"
        "City; 1 ;Online;NULL;31/12/2015;3;5,00;guest3@example.com\n"
        "NULL;1;NULL;NULL;NULL;4;5,00;guest4@example.com\n",
        source,
    )
    assert (found.rows, found.filtered, found.lines) == (4, 1, [2, 5])
    assert found.rejects() == [(4, "booked_at", "malformed_date")]
    assert found.columns == {
        "booking_id": ["1", "4"],
        "order_amount": [120050, 500],
        "refund_amount": [120050, 500],
        "currency": ["EUR", "EUR"],
        "customer_id": ["guest1@example.com", "guest4@example.com"],
        "email": ["guest1@example.com", "guest4@example.com"],
        "country": ["PT", None],
        "booked_at": ["2015-07-01", None],
        "metadata": ['{"hotel":"Resort"}', None],
    }


def test_rows_that_a_source_leaves_out_are_not_looked_at() -> None:
    source = Source(only={"state": ("cancelled", "refunded")})
    found = read_file(f"{HEADER},state\nx,y,z,w,open\nR-1,a@b.org,1.00,EUR,refunded\nR-2,a@b.org\n,,,,\n", source)
    assert (found.rows, found.filtered, found.lines) == (4, 2, [3])
    assert found.rejects() == [(4, "", "wrong_field_count")]


def test_metadata_is_checked_like_any_kept_text() -> None:
    source = Source(metadata=("note",))
    found = read_file(f'{HEADER},note\nR-1,a@b.org,1.00,EUR,"a\nb"\nR-2,a@b.org,1.00,EUR,378282246310005\n', source)
    assert found.rejects() == [
        (2, "metadata.note", "control_characters"),
        (4, "metadata.note", "payment_card_number"),
    ]


# --- A rejects file that comes back ---

SHORT = (
    "booking_id,email,order_amount,currency,refund_amount,_line,_field,_code,_reason\n"
    "R-1,a@b.org,10.00,EUR,,2,,wrong_field_count,the row has 4 fields (cells e9d9c3c7)\n"
)


def test_a_filled_up_row_that_nobody_mended_is_rejected_again() -> None:
    """Its blank refund amount would count as the whole order amount, though nobody said so."""
    mark = fingerprint(["R-1", "a@b.org", "10.00", "EUR", ""])
    unmended = SHORT.replace("(cells e9d9c3c7)", mark)
    assert read_file(unmended).rejects() == [(2, "", "wrong_field_count")]
    fixed = unmended.replace("10.00,EUR,,", "10.00,EUR,4.00,")
    assert read_file(fixed).column("refund_amount") == [400]
    approved = unmended.replace("wrong_field_count", "")
    assert read_file(approved).column("refund_amount") == [1000]


# --- Any file at all ---

CELL = st.sampled_from(
    ["R1", "R2", "ana@example.org", "1.00", "2.5", "EUR", "JPY", "", " ", "0", "-5", "=1", "x\x1b", "4111111111111111",
     '"', '"a\nb"', '"1,50"', "é", "2020-01-01", "\ufeff", "a;b", "\t"]
)  # fmt: skip
LINE = st.lists(CELL, max_size=6).map(",".join)
FILES = st.tuples(
    st.sampled_from([HEADER, f"{HEADER},name,tickets", f"{HEADER},,", "booking_id,order_amount", "", "x,y"]),
    st.lists(LINE | st.sampled_from(GOOD.split()), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
).map(lambda parts: parts[2].join([parts[0], *parts[1]]))


def read_or_refused(content: bytes, source: Source | None, encoding: str | None) -> Reading | BadInput:
    try:
        return read_file(content, source, encoding=encoding)
    except BadInput as error:
        return error


def adds_up(content: bytes, source: Source | None = None, encoding: str | None = None) -> None:
    """A file is refused as a whole, or each of its rows is one thing."""
    found = read_or_refused(content, source, encoding)
    if isinstance(found, BadInput):
        assert found.details["path"] == "bookings.csv"
        return
    assert found.rows == len(found.lines) + len(found.rejected) + found.filtered
    seen = [*found.lines, *(row.line for row in found.rejected)]
    assert len(set(seen)) == len(seen)
    assert all(isinstance(amount, int) and amount > 0 for amount in found.columns.get("order_amount", []))


@given(FILES)
@example(f"{HEADER}\n")
def test_rows_always_add_up(text: str) -> None:
    adds_up(text.encode())


@given(st.binary(max_size=200), st.sampled_from([None, "latin-1", "utf-16-le", "utf-7", "cp1252", "gb18030"]))
@example(b"booking_id,order_amount\n\xff", "utf-7")
def test_any_bytes_are_read_or_refused(raw: bytes, encoding: str | None) -> None:
    adds_up(raw, encoding=encoding)
    adds_up(f"{HEADER}\n".encode() + raw, encoding=encoding)


@given(st.text(max_size=200), st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-8-sig"]))
def test_any_text_is_read_or_refused(text: str, encoding: str) -> None:
    source = Source(only={"currency": ("EUR",)}, metadata=("email",), null_values=("-",), decimal=",")
    adds_up(f"{HEADER},name\n{GOOD}{text}".encode(encoding), source)


# Only the header must end within the first piece, which is far longer than any.
@given(FILES.filter(lambda text: text.startswith(("booking_id", "x"))), st.sampled_from([5, 16, 64]))
@settings(max_examples=60)
def test_what_a_file_says_does_not_depend_on_the_size_of_pieces(text: str, size: int) -> None:
    def said() -> Any:
        found = read_or_refused(text.encode(), None, None)
        if isinstance(found, BadInput):
            return found.code, found.details
        return found.columns, found.lines, found.rejected

    expected = said()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "PIECE_BYTES", size)
        assert said() == expected


GOOD_ROW = st.tuples(
    st.integers(1, 999).map("R-{}".format),
    st.sampled_from(["ana@example.org", "Jan@Example.ORG", "łucja@example.org", ""]),
    st.integers(1, 10**6).map(lambda minor: f"{minor // 100}.{minor % 100:02d}"),
    st.sampled_from(["EUR", "pln", "USD", "JPY", "XYZ"]),
)


@given(st.lists(GOOD_ROW, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(rows: list[tuple[str, ...]], random: Any) -> None:
    def said(some: list[tuple[str, ...]]) -> tuple[list[Any], list[Any]]:
        found = read_file("\n".join([HEADER, *map(",".join, some)]))
        accepted = sorted(zip(*found.columns.values(), strict=True))
        return accepted, sorted((row.field, row.code, row.reason) for row in found.rejected)

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert said(shuffled) == said(rows)
