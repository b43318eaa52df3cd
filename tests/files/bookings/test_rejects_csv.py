"""The rejects file: each rejected row as it stood, why, and the way back once it is fixed."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings.rejects_csv import write_rejects
from refundctl.files.tables.reject_columns import fingerprint
from support.data.booking_files import Reading, read_file

HEADER = "booking_id,email,order_amount,currency"


def rejects_file(content: str | bytes, found: Reading) -> str:
    raw = content.encode() if isinstance(content, str) else content
    out = io.StringIO()
    assert write_rejects(io.BytesIO(raw), found.file, found.rejected, out) == len(found.rejected)
    return out.getvalue()


def rejects_of(content: str | bytes, source: Source | None = None) -> str:
    return rejects_file(content, read_file(content, source))


def test_the_original_columns_and_then_the_reason() -> None:
    assert rejects_of(
        f"{HEADER},note\n"
        "R-1,ana@example.org,1.00,EUR,fine\n"
        'R-2, ana@example.org ,"1,50",EUR,"two ""words"""\n'
        "R-3,ana@example.org,-5,EUR,\n"
    ) == (
        f"{HEADER},note,_line,_field,_code,_reason\n"
        'R-2, ana@example.org ,"1,50",EUR,"two ""words""",3,order_amount,malformed_amount,'
        "\"order_amount '1,50' is not an amount in EUR; write it like 12.50, digits only, or in the source set "
        "`decimal: ','` if it means 1.50\"\n"
        "R-3,ana@example.org,-5,EUR,,4,order_amount,amount_not_positive,"
        "order_amount '-5' is not above zero; correct the amount or leave the row out\n"
    )


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_of_the_input_is_kept(delimiter: str) -> None:
    content = f"{HEADER}\n,ana@example.org,1.00,EUR\n".replace(",", delimiter)
    header, row = rejects_of(content).splitlines()
    assert header.split(delimiter)[-5:] == ["currency", "_line", "_field", "_code", "_reason"]
    assert row.split(delimiter)[:7] == ["", "ana@example.org", "1.00", "EUR", "2", "booking_id", "missing_value"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_it_is_in_utf8_whatever_the_input_is_in(encoding: str) -> None:
    raw = f"{HEADER},name\nR-1,x,1.00,EUR,Łukasz\n".encode(encoding)
    assert rejects_of(raw).splitlines()[1].startswith("R-1,x,1.00,EUR,Łukasz,2,email,malformed_email,")


def test_a_named_encoding_is_taken_again() -> None:
    raw = f"{HEADER},name\nR-1,x,1.00,EUR,Łukasz\n".encode("cp1250")
    assert "Łukasz" in rejects_of(raw, Source(encoding="cp1250"))


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


def test_a_short_row_is_filled_up() -> None:
    (row,) = rows_of(rejects_of(f"{HEADER}\nR-1,ana@example.org\n"))
    assert row[:7] == ["R-1", "ana@example.org", "", "", "2", "", "wrong_field_count"]


def test_nothing_of_a_long_row_is_lost() -> None:
    (row,) = rows_of(rejects_of(f"{HEADER}\nR-1,ana@example.org,1,50,EUR,,x\n"))
    assert row[:7] == ["R-1", "ana@example.org", "1", "50", "2", "", "wrong_field_count"]
    mark = fingerprint(["R-1", "ana@example.org", "1", "50"])
    assert row[7].endswith(f"; left over: EUR | x {mark}")


def test_line_breaks_within_cells_survive() -> None:
    content = f'{HEADER},note\n,ana@example.org,1.00,EUR,"a\r\nb\rc\nd"\n'
    (row,) = rows_of(rejects_of(content))
    assert row[4:6] == ["a\r\nb\rc\nd", "2"]


def test_rows_without_a_quote_and_rows_of_later_pieces_are_found_too() -> None:
    good = "".join(f"R-{number},ana@example.org,1.00,EUR\n" for number in range(30_000))
    text = rejects_of(f"{HEADER}\n{good},ana@example.org,1.00,EUR\n{good}R-1,ana@example.org,0,EUR\n")
    assert [row[4:7] for row in rows_of(text)] == [
        ["30002", "booking_id", "missing_value"],
        ["60003", "order_amount", "amount_not_positive"],
    ]


def test_a_reason_never_starts_like_a_formula() -> None:
    content = f"{HEADER}\nR-1,ana@example.org,1.00,EUR\n"
    out = io.StringIO()
    reject = RejectedRow(2, "booking_id", "contradiction", "=1+1")
    assert write_rejects(io.BytesIO(content.encode()), read_file(content).file, [reject], out) == 1
    assert out.getvalue().splitlines()[1] == "R-1,ana@example.org,1.00,EUR,2,booking_id,contradiction,'=1+1"


def test_a_file_that_has_changed_meanwhile() -> None:
    content = f"{HEADER}\n,ana@example.org,1.00,EUR\n"
    found = read_file(content)
    with pytest.raises(BadInput) as caught:
        write_rejects(io.BytesIO(f"{HEADER}\n".encode()), found.file, found.rejected, io.StringIO())
    assert caught.value.message == "bookings.csv has changed while it was read; leave it alone and load it again."


# --- Back again ---


def test_mended_it_can_be_loaded_as_it_is() -> None:
    content = f"{HEADER}\nR-1,ana@example.org,1.00,EUR\nR-2,ana@example,2.00,EUR\nR-3,ana@example.org,3,00,EUR\n"
    text = rejects_of(content)
    fixed = text.replace("R-2,ana@example,", "R-2,ana@example.org,").replace(
        "R-3,ana@example.org,3,00,", "R-3,ana@example.org,3.00,EUR,"
    )
    found = read_file(fixed)
    assert (found.rejected, found.column("booking_id")) == ([], ["R-2", "R-3"])
    assert found.column("order_amount") == [200, 300]


def test_not_mended_it_is_rejected_again_with_new_reasons_in_place_of_the_old_ones() -> None:
    first = rejects_of(f"{HEADER}\nR-0,a@b.org,1.00,EUR\nR-2,ana@example,2.00,EUR\nR-3,ana@example.org,3,00,EUR\n")
    second = rejects_of(first)
    assert second.splitlines()[0] == f"{HEADER},_line,_field,_code,_reason"
    assert [row[:7] for row in rows_of(second)] == [
        ["R-2", "ana@example", "2.00", "EUR", "2", "email", "malformed_email"],
        ["R-3", "ana@example.org", "3", "00", "3", "", "wrong_field_count"],
    ]
    assert [row[6] for row in rows_of(rejects_of(second))] == ["malformed_email", "wrong_field_count"]


def test_a_long_row_of_a_rejects_file_loses_nothing_either() -> None:
    text = f"{HEADER},_line,_field,_code,_reason\nR-1,a@b.org,1,50,EUR,7,email,malformed_email,why\n"
    (row,) = rows_of(rejects_of(text))
    assert row[:5] == ["R-1", "a@b.org", "1", "50", "2"]
    assert "; left over: EUR | 7 | email | malformed_email | why (cells " in row[7]


CELL = st.sampled_from(["R1", "", "ana@example.org", "1.00", "0", "EUR", "x", '"a\nb"', '"1,5"', "é", " y "])


@given(st.lists(st.lists(CELL, min_size=1, max_size=6).map(",".join), max_size=8))
def test_every_rejected_row_is_written_and_stays_rejected(rows: list[str]) -> None:
    content = "\n".join([HEADER, *rows]) + "\n"
    found = read_file(content)
    text = rejects_file(content, found)
    again = read_file(text)
    assert [(row.field, row.code) for row in again.rejected] == [(row.field, row.code) for row in found.rejected]
    assert again.lines == []
