"""Rows, the lines they start on, and the quotes, line ends and sizes that make reading them hard."""

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput
from refundctl.files.tables import csv_rows
from refundctl.files.tables.csv_rows import Columns, CsvRows, Row, Rows, Span, first_row
from refundctl.files.tables.encoded_text import TextBytes


@dataclass(frozen=True, slots=True)
class Read:
    """All rows of a text below its header."""

    rows: list[tuple[int, list[str]]]
    blocks: list[Rows]


def read(content: str | bytes, delimiter: str = ",", width: int = 2, header_lines: int = 1) -> Read:
    raw = content.encode() if isinstance(content, str) else content
    rows = CsvRows(TextBytes(io.BytesIO(raw), "rows.csv", "utf-8"))
    rows.beginning()
    rows.begin(delimiter, width, after_lines=header_lines)
    blocks = list(rows)
    return Read([(row.line, list(row.fields)) for block in blocks for row in block], blocks)


def refusal(content: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(content)
    return caught.value


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(end: str) -> None:
    text = end.join(["a,b", "1,x", '2,"y"', "3,z"])
    assert read(text).rows == [(2, ["1", "x"]), (3, ["2", "y"]), (4, ["3", "z"])]
    assert read(text + end).rows == read(text).rows


def test_mixed_line_ends() -> None:
    assert read("a,b\r\n1,x\n2,y\r3,z\r\n").rows == [(2, ["1", "x"]), (3, ["2", "y"]), (4, ["3", "z"])]


def test_a_field_may_hold_line_ends_and_the_lines_still_count() -> None:
    text = 'a,b\n1,"x\ny\r\nz"\n2,y\n'
    found = read(text)
    assert found.rows == [(2, ["1", "x\ny\r\nz"]), (5, ["2", "y"])]
    assert found.blocks[0].spans == [Span(2, ["y\r\n", 'z"\n'])]


def test_blank_lines_are_no_rows_but_count_as_lines() -> None:
    assert read("a,b\n\n1,x\n \t\n2,y\n\n").rows == [(3, ["1", "x"]), (5, ["2", "y"])]


def test_a_row_of_delimiters_only_is_a_row() -> None:
    assert read("a,b\n,\n").rows == [(2, ["", ""])]


def test_other_signs_that_unicode_calls_line_ends_are_none() -> None:
    assert read("a,b\n1,x\x0by\x1cz\u2028\x85w\n").rows == [(2, ["1", "x\x0by\x1cz\u2028\x85w"])]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_cell_in_quotes(end: str) -> None:
    text = end.join(['"a","b"', '"1",""', '"","y"', ""])
    assert read(text).rows == [(2, ["1", ""]), (3, ["", "y"])]


def test_quotes_within_a_field_that_does_not_start_with_one_are_text() -> None:
    assert read('a,b\n1,5" pipe\n2,"say ""hi"""\n').rows == [(2, ["1", '5" pipe']), (3, ["2", 'say "hi"'])]


def test_columns_of_the_rows_with_the_right_width() -> None:
    found = read('a,b\n1,x\n2\n3,y,z\n4,"w"\n')
    assert found.blocks[0].columns() == Columns(
        [2, 5], [("1", "4"), ("x", "w")], [Row(3, ["2"]), Row(4, ["3", "y", "z"])]
    )


# --- Refusals ---


def test_an_unterminated_quote_is_named_with_the_line_where_it_starts() -> None:
    error = refusal('a,b\n1,x\n2,"y\n3,z\n')
    assert (error.code, error.details) == ("unterminated_quote", {"path": "rows.csv", "line": 3})
    assert error.message == (
        "rows.csv: the row that starts at line 3 opens a quote that is never closed; close the quote, or double it "
        "where it belongs to the text."
    )


def test_a_quote_that_is_closed_by_the_next_quoted_field() -> None:
    """What stands between would be lost in one long field."""
    error = refusal('a,b\n1,x\n2,"y\n3,z\n4,"w"\n')
    assert (error.code, error.details["line"]) == ("malformed_quote", 3)


def test_nul_bytes() -> None:
    error = refusal(b"a,b\n1,x\n2,\0\n")
    assert (error.code, error.details["line"]) == ("nul_bytes", 3)
    assert error.message == (
        "rows.csv, line 3: there is a NUL byte, which no CSV file has; if the file is in UTF-16, add "
        "`--encoding utf-16-le`, otherwise export it again."
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_undecodable_bytes(end: bytes) -> None:
    error = refusal(end.join([b"a,b", b"1,x", b"2,Jos\xe9", b"3,z"]))
    assert (error.code, error.details["line"]) == ("undecodable_bytes", 3)
    assert error.message == (
        "rows.csv, line 3: a byte here is not UTF-8; name the encoding of the file, for example with "
        "`--encoding latin-1`."
    )


@pytest.mark.parametrize(
    ("raw", "what"), [(b"a\n\xe9\n", "a byte here is not UTF-8"), (b"a\n\0\n", "there is a NUL byte")]
)
def test_where_a_command_takes_no_encoding_none_is_advised(raw: bytes, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        list(CsvRows(TextBytes(io.BytesIO(raw), "cards.csv", "utf-8"), told_encoding=False))
    assert caught.value.message.startswith(f"cards.csv, line 2: {what}")
    assert caught.value.message.endswith("; save the file as UTF-8.")


def test_a_character_that_is_cut_off_at_the_end() -> None:
    assert refusal("a,b\n1,é".encode()[:-1]).code == "undecodable_bytes"


# --- Sizes ---


def test_a_field_of_a_megabyte() -> None:
    long = "x" * 1_000_000
    assert read(f"a,b\n1,{long}\n2,y\n").rows == [(2, ["1", long]), (3, ["2", "y"])]
    assert read(f'a,b\n1,"{long}"\n2,y\n').rows == [(2, ["1", long]), (3, ["2", "y"])]


def test_a_row_beyond_16_mib_is_refused() -> None:
    error = refusal("a,b\n1,x\n2," + "y" * (17 * 2**20) + "\n")
    assert (error.code, error.details["line"]) == ("row_too_long", 3)
    assert "longer than 16 MiB; look for a quote that is not closed there" in error.message


def test_a_quote_that_is_never_closed_is_not_followed_to_the_end_of_a_large_file() -> None:
    error = refusal('a,b\n1,x\n2,"y\n' + "3,some text that is no quote\n" * 800_000)
    assert (error.code, error.details["line"]) == ("row_too_long", 3)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces end in the middle of rows, quotes and line ends."""
    monkeypatch.setattr(csv_rows, "PIECE_BYTES", 7)


def by_the_csv_module(text: str) -> list[tuple[int, list[str]]] | None:
    """What Python's own reader makes of a whole text; None where it refuses it."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, line = [], 1
    try:
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                rows.append((line, fields))
            line = reader.line_num + 1
    except csv.Error:
        return None
    return rows


@st.composite
def nearly_regular(draw: st.DrawFn) -> str:
    """Rows of two cells, all or none of them in quotes, with one sign put in or taken out somewhere."""
    quote = draw(st.sampled_from(["", '"']))
    cells = draw(st.lists(st.sampled_from(["", "a", "é", "5 6", "\t"]), min_size=2, max_size=8))
    signs = [quote + cell + quote for cell in cells]
    text = "".join(
        sign + ("," if number % 2 == 0 else draw(st.sampled_from(["\n", "\r\n"]))) for number, sign in enumerate(signs)
    )
    position = draw(st.integers(0, len(text)))
    inserted = draw(st.sampled_from(["", "", '"', ",", "\n", "\r", "x"]))
    return text[:position] + inserted + text[position + draw(st.integers(0, 1)) :]


CSV_TEXT = nearly_regular() | st.lists(
    st.sampled_from(["a", "b,c", ",", '"', '""', "\n", "\r\n", "\r", " ", "é", "1,2\n", '"x\ny",z\n', '"p","q"\r\n'])
).map("".join)


@given(CSV_TEXT)
@example("b,c\ra")
def test_rows_are_what_the_csv_module_makes_of_the_whole_text(text: str) -> None:
    expected = by_the_csv_module(text)
    if expected is None:
        with pytest.raises(BadInput):
            read(text, header_lines=0)
    else:
        assert read(text, header_lines=0).rows == expected


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("width", [1, 2, 3])
def test_rows_do_not_depend_on_where_a_piece_ends(width: int) -> None:
    @given(CSV_TEXT)
    def holds(text: str) -> None:
        expected = by_the_csv_module(text)
        if expected is None:
            with pytest.raises(BadInput):
                read(text, header_lines=0, width=width)
        else:
            found = read(text, header_lines=0, width=width)
            assert found.rows == expected
            right = [fields for _, fields in expected if len(fields) == width]
            columns = [block.columns() for block in found.blocks]
            assert [list(row) for part in columns for row in zip(*part.columns, strict=True)] == right

    holds()


def test_the_first_row() -> None:
    assert first_row("\n \na;b\n1;2\n", ";") == (["a", "b"], 3)
    assert first_row('"a\nb",c\n1,2\n', ",") == (["a\nb", "c"], 2)
    assert first_row('"a;b\n', ",") is None
    assert first_row('"a";"b"\n', ",") is None
    assert first_row("", ",") == ([], 0)
