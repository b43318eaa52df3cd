"""Files that name cards: rows to be done, or why one can't be; and refusals of a file as a whole."""

import codecs
import hashlib
import io

import pytest

from refundctl.domain.basics.errors import BadInput, UsageError
from refundctl.files.desk.card_rows_csv import CardRows, read_card_rows

CODE = "GIFT-7KQ2-M9XD-4TRW-HB3N"
FILE = f"card_id,code,until\nc7,,2021-12-31\n,{CODE},2022-01-31\n"
ROWS = [(2, "c7", {"until": "2021-12-31"}), (3, CODE, {"until": "2022-01-31"})]


def read(content: str | bytes, *, optional: tuple[str, ...] = (), encoding: str | None = None) -> CardRows:
    raw = content.encode() if isinstance(content, str) else content
    return read_card_rows(io.BytesIO(raw), "cards.csv", required=("until",), optional=optional, encoding=encoding)


def rows(content: str | bytes, optional: tuple[str, ...] = ()) -> list[tuple[int, str, dict[str, str]]]:
    found = read(content, optional=optional)
    assert found.faults == []
    return [(row.line, row.named, dict(row.cells)) for row in found.rows]


def faults(content: str) -> list[tuple[int, str]]:
    found = read(content)
    told = [(fault.line, fault.code) for fault in found.faults]
    assert all(CODE[5:10] not in fault.message and fault.message.endswith(".") for fault in found.faults)
    return told


def refusal(content: str | bytes) -> tuple[str, str]:
    with pytest.raises(BadInput) as caught:
        read(content)
    return caught.value.code, caught.value.message


def test_each_row_names_a_card_and_what_is_to_be_done() -> None:
    assert rows(FILE) == ROWS


def test_what_is_known_of_a_file() -> None:
    raw = FILE.encode()
    found = read(raw)
    assert (found.count, found.sha256) == (2, hashlib.sha256(raw).hexdigest())


@pytest.mark.parametrize(
    "raw",
    [
        FILE.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + FILE.encode(),
        FILE.encode("utf-16"),
        FILE.replace(",", ";").encode(),
        FILE.replace(",", "\t").encode(),
        FILE.replace(",", "|").encode(),
        FILE.replace("card_id", " Card_ID ").replace("c7", " c7 ").encode(),
        FILE.replace("until", '"until"').encode(),
        # As a spreadsheet program leaves them, with columns that nobody has filled.
        FILE.replace("\n", ",,\n").encode(),
    ],
    ids=["CRLF", "BOM", "UTF-16", "semicolons", "tabs", "bars", "another case", "quotes", "unnamed columns"],
)
def test_the_same_rows_in_another_writing(raw: bytes) -> None:
    assert rows(raw) == ROWS


def test_another_encoding_is_named() -> None:
    with pytest.raises(UsageError):
        read(FILE, encoding="klingon")
    with pytest.raises(BadInput, match="not UTF-8"):
        read("card_id,until\nc7,\xe9\n".encode("latin-1"))
    [row] = read("card_id,until\nc7,\xe9\n".encode("latin-1"), encoding="latin-1").rows
    assert row.cells == {"until": "é"}


def test_one_column_that_names_the_card_is_enough_and_optional_ones_may_be_blank_or_missing() -> None:
    assert rows("until,card_id\n2021-12-31,c7\n") == [(2, "c7", {"until": "2021-12-31"})]
    assert rows(f"code,until,reason\n{CODE},x,\n{CODE},y,lost\n", optional=("reason",)) == [
        (2, CODE, {"until": "x", "reason": ""}),
        (3, CODE, {"until": "y", "reason": "lost"}),
    ]
    assert rows("card_id,until\nc7,x\n", optional=("reason",)) == [(2, "c7", {"until": "x", "reason": ""})]


def test_blank_lines_are_no_rows_and_a_header_alone_is_a_file_without_rows() -> None:
    assert rows("\ncard_id,until\n\nc7,x\n \nc8,y\n") == [(4, "c7", {"until": "x"}), (6, "c8", {"until": "y"})]
    assert rows("card_id,until\n") == []


def test_every_row_that_is_wrong_is_told_and_the_others_are_kept() -> None:
    content = (
        "card_id,code,until\n"
        f"c1,{CODE},x\n"
        ",,x\n"
        f"{CODE},,x\n"
        "c2,,\n"
        "c3,,x,more\n"
        "c4\n"
        "c5,,x\n"
        "7,,x\n"
    )  # fmt: skip
    assert faults(content) == [
        (2, "card_named_twice"),
        (3, "card_missing"),
        (4, "card_id_malformed"),
        (5, "value_missing"),
        (6, "wrong_field_count"),
        (7, "wrong_field_count"),
        (9, "card_id_malformed"),
    ]
    assert [row.named for row in read(content).rows] == ["c5"]
    assert read(content).count == 8


def test_a_value_under_no_name_is_wrong() -> None:
    assert faults("card_id,until,\nc1,x,\nc2,x,lost\n") == [(3, "wrong_field_count")]


def test_a_column_that_is_not_known_refuses_the_file_with_what_was_probably_meant() -> None:
    assert refusal("card_id,untill\nc1,x\n") == (
        "column_unknown",
        "cards.csv has a column that is not known here, `untill`; did you mean `until`?",
    )
    assert refusal("card_id,until,shoe size\nc1,x,44\n") == (
        "column_unknown",
        "cards.csv has a column that is not known here, `shoe size`; it may have `card_id`, `code`, `until`.",
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("card_id\nc1\n", "column_missing"),
        ("until\nx\n", "column_missing"),
        ("card_id,until,Until\nc1,x,y\n", "duplicate_header"),
        (f"{CODE},x\n", "header_missing"),
        ("c7,2021-12-31\n", "header_missing"),
        ("card_id,until\nc1,\0\n", "nul_bytes"),
        ('card_id,until\nc1,"x\n', "unterminated_quote"),
        ('"card_id,until\n', "malformed_quote"),
    ],
)
def test_no_such_file(content: str, code: str) -> None:
    told, message = refusal(content)
    assert told == code
    assert CODE not in message


def test_a_code_among_the_headers_is_not_shown() -> None:
    _, message = refusal(f"card_id,until,{CODE}\nc1,x,y\n")
    assert "`****HB3N`" in message
    assert CODE not in message
