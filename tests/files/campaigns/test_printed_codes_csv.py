"""Files of printed codes: line and code of each row, or a refusal that shows none of them."""

import codecs
import hashlib
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput, UsageError
from refundctl.files.campaigns.printed_codes_csv import CodesFile

ANA, BO = "GIFT-7KQ2-M9XD-4TRW-HB3N", "GIFT-P5VC-8ZEJ-2YGA-WU6F"
FILE = f"code,box\n{ANA},1\n{BO},2\n"


def read(content: str | bytes, *, encoding: str | None = None) -> list[tuple[int, str]]:
    raw = content.encode() if isinstance(content, str) else content
    return list(CodesFile(io.BytesIO(raw), "codes.csv", encoding=encoding))


def refusal(content: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(content)
    return caught.value


def test_the_column_of_codes_with_the_line_of_each() -> None:
    assert read(FILE) == [(2, ANA), (3, BO)]


def test_what_is_known_of_a_file() -> None:
    raw = FILE.encode()
    file = CodesFile(io.BytesIO(raw), "codes.csv")

    assert len(list(file)) == 2
    assert (file.name, file.encoding) == ("codes.csv", "utf-8")
    assert (file.sha256, file.bytes_read) == (hashlib.sha256(raw).hexdigest(), len(raw))


def test_a_header_only_is_a_file_without_codes() -> None:
    assert read("code\n") == read("code,box") == []


@pytest.mark.parametrize(
    "raw",
    [
        FILE.replace("\n", "\r\n").encode(),
        FILE.replace("\n", "\r").encode(),
        FILE.removesuffix("\n").encode(),
        codecs.BOM_UTF8 + FILE.encode(),
        FILE.encode("utf-16"),
        FILE.replace(",", ";").encode(),
        FILE.replace(",", "\t").encode(),
        FILE.replace("code", " Code ").encode(),
        FILE.replace("code", '"CODE"').encode(),
        "\n".join(",".join(reversed(line.split(","))) for line in FILE.splitlines()).encode(),
        f"code\n{ANA}\n{BO}\n".encode(),
        f"shop;code;note, if any\nweb;{ANA};\nweb;{BO};a,b\n".encode(),
        f'code\n"{ANA}"\n"{BO}"\n'.encode(),
    ],
    ids=["CRLF", "CR", "no last line end", "BOM", "UTF-16", "semicolons", "tabs", "another case", "quotes",
         "code behind", "one column", "commas in a header", "quoted codes"],
)  # fmt: skip
def test_the_same_codes_in_another_writing(raw: bytes) -> None:
    assert read(raw) == [(2, ANA), (3, BO)]


def test_blank_lines_are_no_rows_and_a_row_keeps_its_line() -> None:
    assert read(f"\ncode\n\n{ANA}\n \n{BO}\n") == [(4, ANA), (6, BO)]


def test_a_blank_code_in_a_row_is_handed_on_to_be_judged() -> None:
    assert read("code,box\n,1\n") == [(2, "")]


def test_a_quote_that_swallows_codes_does_not_hide_them() -> None:
    assert read(f'code\n"{ANA}\n{BO}"\n') == [(2, f"{ANA}\n{BO}")]


def test_an_encoding_may_be_named() -> None:
    raw = f"code,note\n{ANA},café\n".encode("latin-1")

    assert read(raw, encoding="latin-1") == [(2, ANA)]
    assert refusal(raw).code == "undecodable_bytes"
    with pytest.raises(UsageError, match="There is no encoding 'latin-99'"):
        read(raw, encoding="latin-99")


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("", "empty_file", "codes.csv is empty; a file of printed codes has the column `code`, named in its first line."),
        ("\n \n", "empty_file", "codes.csv is empty; a file of printed codes has the column `code`, named in its first line."),
        (
            f"Card number,box\n{ANA},1\n",
            "column_missing",
            "codes.csv has no column `code`; name the column with the printed codes so, in the first line.",
        ),
        *(
            (
                first,
                "header_missing",
                "codes.csv has no header: its first line looks like a code; put a line with `code` on top.",
            )
            for first in (
                f"{ANA}\n{BO}\n",
                f"1,{ANA.lower()}\n",
                "9306 2157 4481 0639\n",
                "QWERTYUIOPASDFGH\n",
                f'"{ANA}\n{BO}"\n',
            )
        ),
        (
            f"code,Code\n{ANA},{BO}\n",
            "duplicate_header",
            "codes.csv: the header has the column `code` more than once; rename or take out all but one.",
        ),
        (
            f"code\n{ANA}\n{BO},1\n",
            "wrong_field_count",
            "codes.csv, line 3: the row has 2 fields, the header has 1; put each value under its header.",
        ),
        (
            f"code,box\n{ANA}\n",
            "wrong_field_count",
            "codes.csv, line 2: the row has 1 field, the header has 2; put each value under its header.",
        ),
        (
            f'code\n"{ANA}\n{BO}\n',
            "unterminated_quote",
            (
                "codes.csv: the row that starts at line 2 opens a quote that is never closed; close the quote, or "
                "double it where it belongs to the text."
            ),
        ),
        (
            f'"code"x\n{ANA}\n',
            "malformed_quote",
            "codes.csv: a quote in the header is not closed, or something stands behind it; fix the header.",
        ),
        (
            f"code\n{ANA}\0\n",
            "nul_bytes",
            "codes.csv, line 2: there is a NUL byte, which no CSV file has; save the file as UTF-8.",
        ),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_taken(content: str, code: str, message: str) -> None:
    error = refusal(content)

    assert (error.code, error.exit_code, error.message) == (code, 65, message)


@given(st.lists(st.text(alphabet="ABC234-,;\"\n'é ", max_size=30), max_size=6), st.sampled_from(["code\n", ""]))
@example(['"', "A"], "code\n")
@example(["ABCABCABCABC"], "")
@example(['2""'], "code\n")
def test_whatever_a_file_says_it_is_read_or_refused_and_never_quoted(lines: list[str], header: str) -> None:
    content = header + "\n".join(lines)
    words = {word for line in lines for word in line.split() if len(word) > 4}

    found, said = read_or_refused(content)

    assert not any(word in said for word in words)
    # A quote may be part of a code, stand for the other one of a pair, or hold a code together.
    assert all(line > 1 and code.replace('"', "") in content.replace('"', "") for line, code in found)


def read_or_refused(content: str) -> tuple[list[tuple[int, str]], str]:
    try:
        return read(content), ""
    except BadInput as error:
        return [], error.message
