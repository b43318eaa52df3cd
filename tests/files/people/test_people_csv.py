"""Files of people as a CRM exports them: every row is accepted, filtered or rejected."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

import pytest

from refundctl.domain.basics.errors import BadInput, UsageError
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.domain.bookings.source import Source
from refundctl.files.people.people_csv import PeopleFile
from refundctl.files.tables import csv_rows
from refundctl.files.tables.reject_columns import fingerprint
from refundctl.files.tables.table_file import Block

HEADER = "customer_id,email,name,phone,locale,marketing_consent"
ANA = "C-1,ana@example.org,Ana Nowak,+48 600 100 200,pl-PL,yes"
JAN = "C-2,jan@example.org,Jan Kos,,,"
PEOPLE = f"{HEADER}\n{ANA}\n{JAN}\n"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a whole file says."""

    file: PeopleFile
    rows: int
    lines: list[int]
    columns: dict[str, list[str | None]]
    rejected: list[RejectedRow]
    filtered: int

    def rejects(self) -> list[tuple[int, str, str]]:
        return [(row.line, row.field, row.code) for row in self.rejected]


def read(content: str | bytes, source: Source | None = None, *, encoding: str | None = None) -> Reading:
    """The people in a file of this content, which messages call `crm.csv`."""
    raw = content.encode() if isinstance(content, str) else content
    file = PeopleFile(BytesIO(raw), "crm.csv", source or Source(), encoding=encoding)
    blocks = list(file.blocks())
    columns: dict[str, list[str | None]] = {}
    for block in blocks:
        for name, values in block.columns.items():
            assert len(values) == len(block.lines), name
            columns.setdefault(name, []).extend(values)
    return Reading(
        file,
        rows=sum(block.rows for block in blocks),
        lines=[line for block in blocks for line in block.lines],
        columns=columns,
        rejected=[row for block in blocks for row in block.rejected],
        filtered=sum(block.filtered for block in blocks),
    )


def refusal(content: str | bytes, source: Source | None = None, *, encoding: str | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(content, source, encoding=encoding)
    return caught.value


def reject(*rows: str, header: str = HEADER, source: Source | None = None) -> RejectedRow:
    """The one row of the file that is rejected."""
    [rejected] = read("\n".join([header, *rows, ""]), source).rejected
    return rejected


def test_a_small_file() -> None:
    found = read(PEOPLE)
    assert (found.rows, found.filtered, found.rejected) == (2, 0, [])
    assert found.lines == [2, 3]
    assert found.columns == {
        "customer_id": ["C-1", "C-2"],
        "email": ["ana@example.org", "jan@example.org"],
        "name": ["Ana Nowak", "Jan Kos"],
        "phone": ["+48 600 100 200", None],
        "locale": ["pl-PL", None],
        "marketing_consent": ["yes", None],
    }
    raw = PEOPLE.encode()
    assert (found.file.name, found.file.delimiter, found.file.encoding) == ("crm.csv", ",", "utf-8")
    assert (found.file.sha256, found.file.bytes_read) == (hashlib.sha256(raw).hexdigest(), len(raw))


def test_a_header_only_is_a_file_without_people() -> None:
    found = read(HEADER)
    assert (found.rows, found.lines, found.rejected) == (0, [], [])


def test_a_block_counts_its_rows() -> None:
    rejected = RejectedRow(7, "email", "malformed_email", "email is ...")
    assert Block(lines=[2, 3], columns={}, rejected=[rejected], filtered=4).rows == 7


@pytest.mark.parametrize(
    "raw",
    [
        PEOPLE.replace("\n", "\r\n").encode(),
        PEOPLE.replace("\n", "\r").encode(),
        PEOPLE.removesuffix("\n").encode(),
        b"\xef\xbb\xbf" + PEOPLE.encode(),
        PEOPLE.encode("utf-16"),
        PEOPLE.replace(",", ";").encode(),
        PEOPLE.replace(",", "\t").encode(),
        PEOPLE.replace(",", "|").encode(),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in PEOPLE.splitlines()).encode(),
        PEOPLE.replace(",", " , ").encode(),
        PEOPLE.replace(HEADER, HEADER.upper()).encode(),
        PEOPLE.replace("pl-PL,yes", "PL_pl,1").replace("@example", "@EXAMPLE").encode(),
    ],
    ids=["CRLF", "CR", "no last line end", "BOM", "UTF-16", "semicolons", "tabs", "bars", "quotes", "spaces",
         "capital headers", "values in other forms"],
)  # fmt: skip
def test_the_same_people_in_another_writing(raw: bytes) -> None:
    found, plain = read(raw), read(PEOPLE)
    assert (found.columns, found.lines, found.rejected) == (plain.columns, plain.lines, [])


# --- Who a row is about ---


def test_without_a_customer_id_the_email_in_lower_case_is_the_id() -> None:
    found = read("email,customer_id\nAna@Example.org,\nANA@example.org,C-1\n")
    assert found.columns == {
        "customer_id": ["ana@example.org", "C-1"],
        "email": ["Ana@example.org", "ANA@example.org"],
    }
    assert read("email\nAna@Example.org\n").columns["customer_id"] == ["ana@example.org"]


def test_an_id_alone_is_enough() -> None:
    assert read("Customer_ID,note\nC-1,x\n").columns == {"customer_id": ["C-1"]}


def test_the_prefix_of_a_source_goes_before_ids_that_are_the_shop_s_own() -> None:
    found = read("customer_id,email\n1,ana@example.org\n,jan@example.org\n", Source(id_prefix="shop1-"))
    assert found.columns["customer_id"] == ["shop1-1", "jan@example.org"]


def test_an_id_is_not_too_long_without_its_prefix_only() -> None:
    found = read(f"customer_id\n{'x' * 295}\n{'x' * 294}\n", Source(id_prefix="shop1-"))
    assert found.rejects() == [(2, "customer_id", "value_too_long")]
    assert found.columns["customer_id"] == ["shop1-" + "x" * 294]


# --- Sources ---


def test_a_source_names_the_columns_and_those_of_bookings_may_be_missing() -> None:
    source = Source(
        columns={"booking_id": "Order", "order_amount": "Total", "email": "E-mail", "name": ("First", "Last")},
        constants={"currency": "EUR", "locale": "de"},
        null_values=("-",),
        metadata=("hotel",),
    )
    found = read("E-mail,Last,First,Phone\nana@example.org,Nowak,Ana,-\njan@example.org,,Jan,12 34\n", source)
    assert found.columns == {
        "customer_id": ["ana@example.org", "jan@example.org"],
        "email": ["ana@example.org", "jan@example.org"],
        "name": ["Ana Nowak", "Jan"],
        "phone": [None, "12 34"],
        "locale": ["de", "de"],
    }


def test_half_a_name_is_none_where_the_source_says_that_it_may_be_missing() -> None:
    source = Source(columns={"name": ("First", "Last")}, optional=("name",))
    assert read("customer_id,First\nC-1,Ana\n", source).columns == {"customer_id": ["C-1"]}


def test_a_column_that_the_source_takes_away_is_not_looked_at() -> None:
    assert "name" not in read(PEOPLE, Source(columns={"name": None})).columns


def test_a_constant_stands_where_the_cell_is_blank() -> None:
    found = read("customer_id,locale\nC-1,pl\nC-2, \n", Source(constants={"locale": "de"}))
    assert found.columns["locale"] == ["pl", "de"]


def test_rows_that_only_leaves_out_are_filtered_whatever_they_hold() -> None:
    source = Source(only={"Kind": ("guest",)}, skip={"State": ("deleted",)})
    found = read(
        "customer_id,email,Kind,State\nC-1,a@example.org,Guest ,\nC-2,?,staff,\nC-3,?,guest,\nC-4,?,guest,Deleted\n",
        source,
    )
    assert (found.rows, found.lines, found.filtered) == (4, [2], 2)
    assert found.rejects() == [(4, "email", "malformed_email")]


# --- Rows that can't be taken ---


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("C-1,ana at home,,,,", "email", "malformed_email"),
        ("C-1,ana@example,,,,", "email", "malformed_email"),
        ("=C1,,,,,", "customer_id", "formula"),
        ("C-1,,@Ana,,,", "name", "formula"),
        ("C-1,,An\x07a,,,", "name", "control_characters"),
        ("C-1,,,12\x1b[2J,,", "phone", "control_characters"),
        ("1.2E+15,,,,,", "customer_id", "malformed_id"),
        (f"{'x' * 301},,,,,", "customer_id", "value_too_long"),
        (f"C-1,,{'x' * 1001},,,", "name", "value_too_long"),
        ("C-1,,,,polski,", "locale", "malformed_value"),
        ("C-1,,,,,perhaps", "marketing_consent", "malformed_value"),
        ("4111 1111 1111 1111,ana at home,,,,", "customer_id", "payment_card_number"),
        ("C-1,,,4111111111111111,,", "phone", "payment_card_number"),
        (",,Ana,,,", "customer_id", "no_customer"),
        ("C-1,ana@example.org,Ana,,", "", "wrong_field_count"),
        ("C-1,ana@example.org,Nowak, Ana,,,", "", "wrong_field_count"),
        ("C-1,ana at home,=Ana,,,perhaps", "email", "malformed_email"),
    ],
)
def test_a_row_that_cannot_be_taken(row: str, field: str, code: str) -> None:
    rejected = reject(JAN, row)
    assert (rejected.line, rejected.field, rejected.code) == (3, field, code)


def test_a_country_is_read_as_that_of_a_booking_is() -> None:
    found = read("customer_id,country\nC-1,pol\nC-2,us-me\nC-3,\nC-4,Poland\n")
    assert found.columns == {"customer_id": ["C-1", "C-2", "C-3"], "country": ["PL", "US-ME", None]}
    assert found.rejects() == [(5, "country", "malformed_value")]
    # Where names of countries stand in the column, a source can leave it out.
    assert read("customer_id,country\nC-4,Poland\n", Source(columns={"country": None})).rejected == []


def test_reasons_name_the_field_and_never_the_person() -> None:
    assert reject(JAN, "C-1,ana at home,,,,").reason == (
        "email is not an e-mail address that a mail tool would take; correct it or leave it blank"
    )
    assert reject(",,Ana,,,").reason == "customer_id is blank, and so is the e-mail; fill in one of them"


def test_a_column_that_is_ignored_may_hold_anything() -> None:
    found = read('customer_id,note,card\nC-1,"=1+1\nand more",4111111111111111\n')
    assert (found.columns, found.rejected) == ({"customer_id": ["C-1"]}, [])


def test_a_phone_number_with_its_calling_code_is_no_payment_card() -> None:
    assert read("customer_id,phone\nC-1,+4111 1111 1111 1111\n").rejected == []


def test_cells_beyond_the_last_header_must_be_blank() -> None:
    found = read("customer_id,email,,\nC-1,ana@example.org,,\nC-2,jan@example.org,,x\n")
    assert (found.lines, found.rejects()) == ([2], [(3, "", "wrong_field_count")])
    assert found.rejected[0].reason.startswith("the row has 4 fields, the header has 2; ")


@pytest.mark.parametrize(
    "header", ["customer_id,email,note", "customer_id,phone,note"], ids=["with an e-mail", "with an id only"]
)
def test_a_quote_that_is_closed_too_late_swallows_no_row_unseen(header: str) -> None:
    found = read(f'{header}\nC-1,a@example.org,"likes tea\nC-2,b@example.org,\nC-3,c@example.org,"\nC-4,,\n')
    assert (found.lines, found.rejects()) == ([5], [(2, "", "wrong_field_count")])


def test_a_note_of_several_lines_is_no_row() -> None:
    found = read('customer_id,email,note\nC-1,a@example.org,"likes tea,\nwith milk,\nand, sometimes, sugar"\n')
    assert (found.lines, found.rejected) == ([2], [])


@pytest.mark.parametrize("rows_wanted", [1, 2, 3, 1000])
def test_the_size_of_blocks_never_matters(rows_wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "ROWS_WANTED", rows_wanted)
    monkeypatch.setattr(csv_rows, "PIECE_BYTES", 64)
    monkeypatch.setattr(csv_rows, "PIECES_SPREAD", 1)
    rows = [f"C-{number},{'?' if number % 7 == 0 else ''},Person {number},,," for number in range(1, 50)]
    found = read("\n".join([HEADER, *rows]))
    assert [line for line, _, _ in found.rejects()] == [number + 1 for number in range(1, 50) if number % 7 == 0]
    assert found.columns["customer_id"] == [f"C-{number}" for number in range(1, 50) if number % 7]


# --- A rejects file, fixed ---


def test_what_was_not_mended_is_rejected_again() -> None:
    as_it_was = fingerprint(["C-1", "ana@example.org"])
    header = "customer_id,email,_line,_field,_code,_reason"
    found = read(
        f"{header}\n"
        f"C-1,ana@example.org,2,,wrong_field_count,the row has 3 fields {as_it_was}\n"
        f"C-9,ana@example.org,3,,wrong_field_count,the row has 3 fields {as_it_was}\n"
        "C-2,jan@example.org,4,email,malformed_email,email is ...\n"
    )
    assert (found.lines, found.rejects()) == ([3, 4], [(2, "", "wrong_field_count")])


# --- Files that are refused as a whole ---


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("", "empty_file", "crm.csv is empty; the first line of a file of people names its columns."),
        (
            "name,phone\nAna,12\n",
            "header_missing",
            (
                "crm.csv has no column `customer_id` and none `email`, so that nobody can be told apart. Rename a column, "
                "or name it under `columns` of a source."
            ),
        ),
        (
            "customer-id,E-mail address,note\n1,2,3\n",
            "header_missing",
            (
                "crm.csv has no column `customer_id` (did you mean `customer-id`?) and none `email`, so that nobody can be "
                "told apart. Rename a column, or name it under `columns` of a source."
            ),
        ),
        (
            f"{ANA}\n{JAN}\n",
            "header_missing",
            (
                "crm.csv has no header with `customer_id` or `email`; its first line looks like a row. Put a line with the "
                "names of the columns on top."
            ),
        ),
        (
            "email,customer_id,email\n,,\n",
            "duplicate_header",
            "crm.csv: the header has `email` more than once; rename or take out one of each.",
        ),
        (
            "customer_id,Email,EMAIL\n,,\n",
            "duplicate_header",
            "crm.csv: `Email`, `EMAIL` could each be `email`; rename all but one of them.",
        ),
        (
            'customer_id,"email\nC-1,\n',
            "malformed_quote",
            "crm.csv: a quote in the header is not closed, or something stands behind it; fix the header.",
        ),
    ],
    ids=["empty", "nobody", "near", "no header", "twice", "twice in another case", "quote"],
)
def test_a_header_that_is_none(content: str, code: str, message: str) -> None:
    error = refusal(content)
    assert (error.code, error.message) == (code, message)


def test_headers_that_nobody_looks_at_may_be_there_twice() -> None:
    assert read("tag,customer_id,tag\nvip,C-1,new\n").columns == {"customer_id": ["C-1"]}


def test_a_column_that_the_source_looks_for_must_be_there() -> None:
    source = Source(columns={"email": "Guest e-mail", "phone": "Tel"}, only={"Kind": ("guest",)})
    error = refusal("Guest e-mail,Tell\n", source)
    assert (error.code, error.message) == (
        "column_missing",
        (
            "crm.csv lacks `Tel` (did you mean `Tell`?), `Kind`, which the source looks for. Rename a column, or correct the "
            "source."
        ),
    )


def test_a_column_with_a_constant_or_that_is_optional_may_be_missing() -> None:
    source = Source(columns={"phone": "Tel", "name": "Guest"}, constants={}, optional=("phone", "name"))
    assert read("customer_id\nC-1\n", source).columns == {"customer_id": ["C-1"]}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (f'{HEADER}\n{ANA}\nC-2,"jan\n{JAN}\n'.encode(), "unterminated_quote"),
        (PEOPLE.replace("Ana", "An\0a").encode(), "nul_bytes"),
        (PEOPLE.replace("Kos", "Köß").encode("latin-1"), "undecodable_bytes"),
    ],
    ids=["quote", "NUL", "bytes"],
)
def test_a_file_that_is_broken(raw: bytes, code: str) -> None:
    assert refusal(raw).code == code


def test_an_encoding_on_the_command_line_goes_before_that_of_the_source() -> None:
    raw = PEOPLE.replace("Kos", "Łoś").encode("cp1250")
    assert read(raw, Source(encoding="cp1252"), encoding="cp1250").columns["name"] == ["Ana Nowak", "Jan Łoś"]
    with pytest.raises(UsageError, match="There is no encoding 'klingon'"):
        read(raw, encoding="klingon")
