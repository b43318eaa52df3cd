"""Files of what a till has sold: every row is accepted or rejected, and no message shows a code."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput, UsageError
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.files.desk.redemptions_csv import RedemptionsFile
from refundctl.files.tables import csv_rows

HEADER = "code,amount,invoice,customer_id,order_total,redeemed_at,currency"
FIRST = "RF-2345-6789,12.50,T-1,ana,30.00,2020-05-01T14:30:00+02:00,eur"
SECOND = "c7,EUR 3,T-2,,,,"
SALES = f"{HEADER}\n{FIRST}\n{SECOND}\n"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a whole file says."""

    file: RedemptionsFile
    rows: int
    lines: list[int]
    columns: dict[str, list[str | None]]
    rejected: list[RejectedRow]


def read(content: str | bytes, *, encoding: str | None = None) -> Reading:
    """The redemptions in a file of this content, which messages call `till.csv`."""
    raw = content.encode() if isinstance(content, str) else content
    file = RedemptionsFile(BytesIO(raw), "till.csv", encoding=encoding)
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
    )


def refusal(content: str | bytes, *, encoding: str | None = None) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(content, encoding=encoding)
    return caught.value


def reject(row: str, header: str = HEADER) -> tuple[str, str, str]:
    """Field, code and reason of the one row of the file."""
    [rejected] = read(f"{header}\n{row}\n").rejected
    return rejected.field, rejected.code, rejected.reason


def test_a_small_file() -> None:
    found = read(SALES)
    assert (found.rows, found.lines, found.rejected) == (2, [2, 3], [])
    assert found.columns == {
        "code": ["RF-2345-6789", "c7"],
        "amount": ["12.50", "EUR 3"],
        "invoice": ["T-1", "T-2"],
        "currency": ["EUR", None],
        "customer_id": ["ana", None],
        "order_total": ["30.00", None],
        "redeemed_at": ["2020-05-01T14:30:00+02:00", None],
    }
    raw = SALES.encode()
    assert (found.file.name, found.file.delimiter, found.file.encoding) == ("till.csv", ",", "utf-8")
    assert (found.file.sha256, found.file.bytes_read) == (hashlib.sha256(raw).hexdigest(), len(raw))


def test_a_header_alone_is_a_file_without_sales() -> None:
    found = read(HEADER)
    assert (found.rows, found.lines, found.rejected) == (0, [], [])


def test_other_columns_and_their_order_are_nobodys_business() -> None:
    """Also where two of them have one name, or none; names are matched without case, or as they are written."""
    found = read("Till;INVOICE; Amount ;Till;Card_ID;;\n1;T-1; 5 ;2; C7 ;;\n")
    assert found.columns == {"card_id": ["c7"], "amount": ["5"], "invoice": ["T-1"]}
    assert read("card_id,amount,invoice,Amount\nc7,5,T-1,9\n").columns["amount"] == ["5"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert read(SALES.replace(",", delimiter)).columns == read(SALES).columns


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding: str) -> None:
    assert read(SALES.encode(encoding)).columns == read(SALES).columns


def test_an_encoding_can_be_named() -> None:
    raw = f"{HEADER}\nc7,5,Süd-1,,,,\n".encode("cp1252")
    assert read(raw, encoding="cp1252").columns["invoice"] == ["Süd-1"]
    assert refusal(raw).code == "undecodable_bytes"
    with pytest.raises(UsageError):
        read(raw, encoding="klingon")


def test_rows_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "PIECE_BYTES", 256)
    rows = "".join(f"c{number},5,T-{number},,,,\n" for number in range(1, 301))
    found = read(f"{HEADER}\n{rows}")
    assert (found.rows, found.lines) == (300, list(range(2, 302)))
    assert found.columns["invoice"] == [f"T-{number}" for number in range(1, 301)]


# --- Rows ---


@pytest.mark.parametrize(
    ("row", "field", "code", "reason"),
    [
        (",5,T-1,,,,", "code", "missing_value", "code is blank, so that the row names no card; fill it in"),
        ("c7, ,T-1,,,,", "amount", "missing_value", "amount is blank; fill it in"),
        ("c7,5,,,,,", "invoice", "missing_value", "invoice is blank; fill it in"),
        (
            "c7,5,+T,,,,",
            "invoice",
            "formula",
            "invoice starts with +, which a spreadsheet takes for a formula; take that sign away",
        ),
        (
            f"c7,5,{'x' * 101},,,,",
            "invoice",
            "value_too_long",
            "invoice has 101 characters, an invoice's number has at most 100; correct it",
        ),
        (
            "c7,5,5500 0000 0000 0004,,,,",
            "invoice",
            "payment_card_number",
            "invoice holds the number of a payment card, which may not be kept; take it out",
        ),
        (
            "c7,5,T-1,,,,Euro",
            "currency",
            "unknown_currency",
            "currency 'Euro' is not a currency of ISO 4217 that has amounts; write one such as EUR",
        ),
        (
            "c7,5,T-1,,,1.5.2020,",
            "redeemed_at",
            "malformed_date",
            "redeemed_at '1.5.2020' is not a time in this century; write it like 2020-05-01T14:30:00+02:00, or 2020-05-01",
        ),
        (
            "c7,5",
            "",
            "wrong_field_count",
            "the row has 2 fields, the header has 7; put each value under its header, and texts with delimiters in quotes",
        ),
    ],
)
def test_what_is_wrong_with_a_row(row: str, field: str, code: str, reason: str) -> None:
    assert reject(row) == (field, code, reason)


def test_of_several_faults_the_first_column_is_named() -> None:
    assert reject(",,=1,=2,,x,y")[:2] == ("amount", "missing_value")


def test_amounts_wait_for_the_currency_of_their_card() -> None:
    assert read(f"{HEADER}\nc7,ten,T-1,,none,,\n").columns["amount"] == ["ten"]


@pytest.mark.parametrize("card_id", ["7", "RF-2345-6789", "cx"])
def test_a_card_id_is_c_and_digits(card_id: str) -> None:
    field, code, reason = reject(f"{card_id},5,T-1", "card_id,amount,invoice")
    assert (field, code) == ("card_id", "malformed_id")
    assert card_id not in reason


def test_a_quote_that_is_closed_too_late_swallows_no_row() -> None:
    found = read('code,amount,invoice\nc1,5,"T-1\nc2,6,T-2\nc3,7,T-3"\nc4,8,T-4\n')
    assert [(row.line, row.code) for row in found.rejected] == [(2, "wrong_field_count")]
    assert found.columns["invoice"] == ["T-4"]


def test_cells_behind_the_last_header_are_too_many() -> None:
    found = read("code,amount,invoice,\nc1,5,T-1,\nc2,5,T-2,5\n")
    assert [(row.line, row.code) for row in found.rejected] == [(3, "wrong_field_count")]


# --- Files as a whole ---


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("", "empty_file", "till.csv is empty; the first line of a file of redemptions names its columns."),
        (
            "RF-2345-6789,12.50,T-1\n",
            "header_missing",
            (
                "till.csv has no header with `code` or `card_id`, `amount`, `invoice`. Put a line with the names of the "
                "columns on top."
            ),
        ),
        (
            "code,ammount,receipt\n",
            "column_missing",
            (
                "till.csv lacks `amount` (did you mean `ammount`?), `invoice`, which each redemption needs. Add it, or "
                "rename a column."
            ),
        ),
        (
            "amount,invoice\n",
            "column_missing",
            "till.csv lacks `code` or `card_id`, which each redemption needs. Add it, or rename a column.",
        ),
        (
            "code,amount,invoice,amount\n",
            "duplicate_header",
            "till.csv: the header has `amount` more than once; rename or take out one of each.",
        ),
        (
            "code,AMOUNT,invoice,Amount\n",
            "duplicate_header",
            "till.csv: `AMOUNT`, `Amount` could each be `amount`; rename all but one of them.",
        ),
    ],
)
def test_a_header_that_is_none(content: str, code: str, message: str) -> None:
    error = refusal(content)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('code,amount,invoice\nc1,5,"T-1\n', "unterminated_quote"),
        ('code,amount,invoice\nc1,5,"T"1\n', "malformed_quote"),
        (b"code,amount,invoice\nc1,5,\xfc\n", "undecodable_bytes"),
        (b"code,amount,invoice\nc1,5,\0\n", "nul_bytes"),
        (b"%PDF-1.7\n", "no_csv"),
    ],
)
def test_a_file_that_is_refused_as_a_whole(content: str | bytes, code: str) -> None:
    assert refusal(content).code == code


cells = st.sampled_from(
    ["", "c1", "RF-2345-6789", "5", "T-1", "EUR", "=1", "2020-05-01", "a\x07", "4111111111111111", '"', "é"]
)


@given(st.lists(st.lists(cells, min_size=6, max_size=8), max_size=8))
def test_every_row_is_accepted_or_rejected(rows: list[list[str]]) -> None:
    lines = [",".join(row).replace('"', '""""') for row in rows]
    found = read("\n".join([HEADER, *lines, ""]))
    assert found.rows == len(found.lines) + len(found.rejected) == len(rows)
    assert sorted([*found.lines, *(row.line for row in found.rejected)]) == list(range(2, len(rows) + 2))
    assert all(None not in found.columns.get(name, []) for name in ("amount", "invoice", "code"))
