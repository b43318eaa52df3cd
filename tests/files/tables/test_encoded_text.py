"""What a file is written in: its byte order mark says, else it is UTF-8, else what was named; never a guess."""

import codecs
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput, UsageError
from refundctl.files.tables.encoded_text import TextBytes, Undecodable, find_encoding, known_encoding


def read_all(raw: bytes, fallback: str | None = None, size: int = 1 << 16) -> tuple[str, str]:
    """The encoding that was found, and the text."""
    stream = io.BytesIO(raw)
    text = TextBytes(stream, "file.csv", find_encoding(stream, fallback))
    pieces = []
    while piece := text.read(size):
        pieces.append(piece)
    assert text.sha256 == hashlib.sha256(raw).hexdigest()
    assert text.bytes_read == len(raw)
    return text.encoding, b"".join(pieces).decode()


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"id,name\n1,Jos\xc3\xa9\n", "utf-8"),
        (codecs.BOM_UTF8 + b"id,name\n1,Jos\xc3\xa9\n", "utf-8"),
        ("id,name\n1,José\n".encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + "id,name\n1,José\n".encode("utf-16-be"), "utf-16"),
        ("id,name\n1,José\n".encode("utf-32"), "utf-32"),
        (codecs.BOM_UTF32_BE + "id,name\n1,José\n".encode("utf-32-be"), "utf-32"),
    ],
)
def test_what_needs_no_naming(raw: bytes, encoding: str) -> None:
    assert read_all(raw) == (encoding, "id,name\n1,José\n")
    assert read_all(raw, "cp1252") == (encoding, "id,name\n1,José\n")


def test_what_is_not_utf8_is_read_in_the_encoding_that_was_named() -> None:
    assert read_all(b"1,Jos\xe9\n", "latin-1") == ("iso8859-1", "1,José\n")
    assert read_all("1,Łukasz\n".encode("cp1250"), "cp1250") == ("cp1250", "1,Łukasz\n")


def test_utf16_without_a_mark_is_read_where_it_is_named() -> None:
    assert read_all("1,Ana\n".encode("utf-16-le"), "utf-16-le") == ("utf-16-le", "1,Ana\n")


@given(
    st.text(max_size=40),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"]),
    st.integers(1, 9),
)
def test_the_text_does_not_depend_on_the_size_of_pieces(text: str, encoding: str, size: int) -> None:
    text = text.replace("\0", "")
    # Nothing at the start that looks like another kind of file, or like a mark.
    raw = f"id{text}".encode(encoding)
    assert read_all(raw, encoding, size)[1] == f"id{text}"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_undecodable_bytes_come_with_all_that_stands_before_them(size: int) -> None:
    raw = codecs.BOM_UTF16_LE + "a\nbé".encode("utf-16-le") + b"\x00\xd8" + "c".encode("utf-16-le")
    stream = io.BytesIO(raw)
    text = TextBytes(stream, "file.csv", find_encoding(stream, None))
    before = b""
    with pytest.raises(Undecodable) as caught:  # noqa: PT012 - the pieces before it count too
        while True:
            before += text.read(size)
    assert (before + caught.value.before).decode() == "a\nbé"


@pytest.mark.parametrize(
    ("name", "known"),
    [("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("Latin-1", "iso8859-1"), ("windows-1252", "cp1252")],
)
def test_encodings_by_their_many_names(name: str, known: str) -> None:
    assert known_encoding(name) == known


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "idna", "", "a\0b"])
def test_what_is_no_encoding_of_a_text(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        known_encoding(name)
    assert caught.value.message == (f"There is no encoding {name!r}; name one such as utf-8, cp1252 or latin-1.")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"PK\x03\x04", "a spreadsheet or a ZIP archive; save the sheet as CSV, or unpack it"),
        (b"\x1f\x8b\x08", "a file packed with gzip; unpack it"),
        (b"SQLite format 3\0", "an SQLite database; export a table of it as CSV"),
        (b"%PDF-1.7", "a PDF document; get the bookings as CSV"),
    ],
)
def test_other_kinds_of_files_are_named(start: bytes, kind: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_all(start + b"\0\1\2")
    assert caught.value.message == f"file.csv is no CSV file but looks like {kind}."
    assert caught.value.code == "no_csv"
