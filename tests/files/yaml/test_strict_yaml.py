"""YAML in which nothing is hidden, repeated or guessed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundctl.files.yaml.strict_yaml import (
    DEPTH_MAX,
    SIZE_BYTES_MAX,
    Document,
    Entry,
    Items,
    Keys,
    Mark,
    Text,
    read_yaml,
)


def faults(content: str | bytes) -> list[tuple[int, int, tuple[str | int, ...], str]]:
    """Line, column, keys and sentence of each fault."""
    document = read_yaml(content.encode() if isinstance(content, str) else content)
    return [(fault.mark.line, fault.mark.column, fault.place, fault.sentence) for fault in document.faults]


def test_texts_stay_as_they_are_written_and_know_their_place() -> None:
    document = read_yaml(b"country: NO\nzip: [0123, '12.10']\n")

    assert document == Document(
        Keys(
            Mark(1, 1),
            (
                Entry("country", Mark(1, 1), Text(Mark(1, 10), "NO", plain=True)),
                Entry(
                    "zip",
                    Mark(2, 1),
                    Items(
                        Mark(2, 6),
                        (Text(Mark(2, 7), "0123", plain=True), Text(Mark(2, 13), "12.10", plain=False)),
                    ),
                ),
            ),
        ),
        (),
    )


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# a comment\n", b"\xef\xbb\xbf"])
def test_an_empty_file_holds_nothing(content: bytes) -> None:
    assert read_yaml(content) == Document(None, ())


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(line_end: str, mark: str) -> None:
    plain = read_yaml(b"a: 1\nb:\n  - 2\n")

    assert read_yaml((mark + f"a: 1{line_end}b:{line_end}  - 2{line_end}").encode()) == plain


def test_a_key_stands_once() -> None:
    assert faults("a: 1\nb: {c: 1, c: 2, c: 3}\na: 2\n") == [
        (2, 11, ("b", "c"), "`c` is here twice, first in line 2: remove one"),
        (2, 17, ("b", "c"), "`c` is here twice, first in line 2: remove one"),
        (3, 1, ("a",), "`a` is here twice, first in line 1: remove one"),
    ]


def test_values_are_written_out() -> None:
    assert faults("a: &x [1]\nb: *x\nc: !!int 1\n") == [
        (1, 4, ("a",), "anchors (`&name`) are not accepted: remove it"),
        (2, 4, ("b",), "aliases (`*name`) are not accepted: write the value out"),
        (3, 4, ("c",), "tags (`!name`) are not accepted: remove it"),
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("a: 1\n---\nb: 2\n", (2, 1, (), "a second document begins here: keep one document in the file")),
        ("%TAG ! tag:example.com,2020:\n---\na: 1\n", (1, 1, (), "tags are not accepted: remove the line")),
        ("a:\n\tb: 1\n", (2, 1, ("a",), "a tab: YAML takes spaces only")),
        ("a: b\tc\n", (1, 5, ("a",), "a tab: YAML takes spaces only")),
        ("a:\n  b: 'x\n", (2, 6, ("a", "b"), "a quote is opened here and never closed")),
        ("a: 'x\n---\n", (1, 4, ("a",), "a quote is opened here and never closed")),
        ("a: 1\nb\nc: 2\n", (2, 1, ("a",), "a key without a `:` behind it")),
        ("a: [1, 2\nb: 3\n", (2, 2, ("a", 1), "a list or keys in brackets are not closed, or lack a comma")),
        ("a: @x\n", (1, 4, ("a",), "a text can't begin with this sign: put it in quotes")),
        ("a: b: c\n", (1, 5, ("a",), "a second `:` in one line, or a wrong indentation: indent it or use quotes")),
        (
            "a:\n  b: 1\n c: 2\n",
            (3, 2, ("a",), "this is indented differently from the lines above, or stands behind a quote"),
        ),
        ("  a: 1\nb: 2\n", (2, 1, (), "this belongs to nothing above it: fix the indentation")),
        ('a: "\\d"\n', (1, 6, ("a",), "a backslash between double quotes: write it twice, or use single quotes")),
        ('a: "\\Uffffffff"\n', (1, 7, ("a",), "this escape stands for no character: remove it")),
        ('a: "\\0"\n', (1, 4, ("a",), "a control character in the text: remove it")),
        ('a: "\\ud800"\n', (1, 4, ("a",), "a control character in the text: remove it")),
        ("? [a]\n: b\n", (1, 3, (), "a key is a text, not a list or keys")),
        ("a: ]\n", (1, 4, ("a",), "a value is missing, or begins with a sign that needs quotes")),
        (
            "%YAML 2.0\n---\na: 1\n",
            (1, 1, (), "this is no valid YAML (found incompatible YAML document (version 1.* is required))"),
        ),
    ],
)
def test_what_is_no_yaml_is_said_in_plain_words(content: str, fault: tuple[int, int, tuple[str, ...], str]) -> None:
    assert faults(content) == [fault]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a: 1\nb: caf\xe9\n", (2, 7, (), "this is not UTF-8: save the file as UTF-8")),
        (b"\xef\xbb\xbfa: \xff\n", (1, 4, (), "this is not UTF-8: save the file as UTF-8")),
        ("a: 1".encode("utf-16"), (1, 1, (), "the file is UTF-16: save it as UTF-8")),
        (b"a: 1\r\nb: \0\r\n", (2, 4, (), "U+0000 is no character of a text: remove it")),
        (b"a: \x1b[31m\n", (1, 4, (), "U+001B is no character of a text: remove it")),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    content: bytes, fault: tuple[int, int, tuple[str, ...], str]
) -> None:
    assert faults(content) == [fault]


def test_nesting_has_an_end() -> None:
    assert faults("[" * DEPTH_MAX + "]" * DEPTH_MAX) == []
    assert faults("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1)) == [
        (1, DEPTH_MAX + 1, (0,) * DEPTH_MAX, f"nested deeper than {DEPTH_MAX} levels: nothing needs that")
    ]
    assert len(faults("{a: " * 10_000)) == 1


def test_a_large_file_is_not_read() -> None:
    assert faults(b"#" * SIZE_BYTES_MAX) == []
    assert faults(b"#" * (SIZE_BYTES_MAX + 1)) == [
        (1, 1, (), "the file has more than 1 MiB: split it, or remove what is not needed")
    ]


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text("ab:-?[]{}&*!|>'\"%@`#,\\ \t\n0", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_faults(content: bytes) -> None:
    document = read_yaml(content)

    assert all(fault.mark >= Mark(1, 1) and fault.sentence for fault in document.faults)
