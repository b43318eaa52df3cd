"""Strict YAML: one document of texts, lists and keys, each with its place, and every fault at once.

Texts stay as they are written: whether `1`, `true` or `null` mean more is for the reader of the key to say. Refused is
what hides, repeats or explodes: duplicate keys, anchors, tags, further documents, control characters, nesting, size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import yaml

from refundctl.domain.basics.definition_mistakes import Place, shown

SIZE_BYTES_MAX = 1 << 20
DEPTH_MAX = 20

#: Line ends and tabs aside; a lone surrogate can be written as an escape, but not in UTF-8.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_LINE_END = re.compile("\r\n|[\r\n]")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file: line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is written; `plain` where it stands without quotes."""

    mark: Mark
    text: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value."""

    key: str
    mark: Mark
    value: "Node"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys with their values, in the order of the file; no key stands twice."""

    mark: Mark
    entries: tuple[Entry, ...]


Node = Text | Items | Keys


@dataclass(frozen=True, slots=True)
class YamlFault:
    """Something that isn't taken: its mark, the keys that lead to it, and a sentence."""

    mark: Mark
    place: Place
    sentence: str


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds (None where that can't be told, or there is nothing) and every fault found."""

    root: Node | None
    faults: tuple[YamlFault, ...]


def read_yaml(content: bytes) -> Document:
    """Read a file's bytes; never raises, whatever they are."""
    if len(content) > SIZE_BYTES_MAX:
        return _unreadable(Mark(1, 1), "the file has more than 1 MiB: split it, or remove what is not needed")
    if content.startswith(_UTF_16_MARKS):
        return _unreadable(Mark(1, 1), "the file is UTF-16: save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Its object is the content without a byte order mark.
        before = error.object[: error.start].decode("utf-8", errors="replace")
        return _unreadable(_mark_after(before), "this is not UTF-8: save the file as UTF-8")
    try:
        composer = _Composer(text)
    except yaml.reader.ReaderError as error:
        sign = f"U+{ord(text[error.position]):04X}"
        return _unreadable(_mark_after(text[: error.position]), f"{sign} is no character of a text: remove it")
    return composer.document()


def _unreadable(mark: Mark, sentence: str) -> Document:
    return Document(None, (YamlFault(mark, (), sentence),))


def _mark_after(text: str) -> Mark:
    lines = _LINE_END.split(text)
    return Mark(len(lines), len(lines[-1]) + 1)


class _YamlMark(Protocol):
    """A mark of PyYAML's, of which there are two types; both numbers begin at 0."""

    line: int
    column: int


class _Unreadable(Exception):
    """Nothing behind this place can be read."""


class _Composer:
    """Nodes from PyYAML's events. Its own composer would follow aliases, forget duplicates and recurse."""

    def __init__(self, text: str) -> None:
        self._loader = yaml.SafeLoader(text)
        self._faults: list[YamlFault] = []
        self._place: Place = ()

    def document(self) -> Document:
        root: Node | None = None
        try:
            root = self._root()
        except _Unreadable:
            pass
        except yaml.MarkedYAMLError as error:
            mark, sentence = _in_plain_words(error)
            self._fault(mark, sentence)
        except (ValueError, OverflowError):
            # PyYAML lets these through for escapes beyond Unicode, such as "\Uffffffff".
            self._fault(_mark(self._loader.get_mark()), "this escape stands for no character: remove it")
        return Document(root, tuple(self._faults))

    def _root(self) -> Node | None:
        self._event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return None
        start = self._event()
        if isinstance(start, yaml.DocumentStartEvent) and start.tags:
            self._fault(_mark(start.start_mark), "tags are not accepted: remove the line")
        root = self._node(self._event(), 1)
        self._event()
        if not self._loader.check_event(yaml.StreamEndEvent):
            second = _mark(self._event().start_mark)
            self._fault(second, "a second document begins here: keep one document in the file")
        return root

    def _event(self) -> yaml.Event:
        event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]
        return event

    def _node(self, event: yaml.Event, depth: int) -> Node:
        mark = _mark(event.start_mark)
        if depth > DEPTH_MAX:
            self._fault(mark, f"nested deeper than {DEPTH_MAX} levels: nothing needs that")
            raise _Unreadable
        if isinstance(event, yaml.ScalarEvent):
            self._check_name(event, event.tag, mark)
            return self._text(event, mark)
        if isinstance(event, yaml.CollectionStartEvent):
            self._check_name(event, event.tag, mark)
            if isinstance(event, yaml.SequenceStartEvent):
                return Items(mark, tuple(self._items(depth)))
            return Keys(mark, tuple(self._entries(depth)))
        self._fault(mark, "aliases (`*name`) are not accepted: write the value out")
        return Text(mark, "", plain=True)

    def _check_name(self, event: yaml.NodeEvent, tag: str | None, mark: Mark) -> None:
        if event.anchor is not None:
            self._fault(mark, "anchors (`&name`) are not accepted: remove it")
        if tag is not None:
            self._fault(mark, "tags (`!name`) are not accepted: remove it")

    def _text(self, event: yaml.ScalarEvent, mark: Mark) -> Text:
        if _CONTROL.search(event.value):
            self._fault(mark, "a control character in the text: remove it")
        return Text(mark, event.value, plain=event.style is None)

    def _items(self, depth: int) -> Iterator[Node]:
        above = self._place
        position = 0
        while not isinstance(event := self._event(), yaml.SequenceEndEvent):
            self._place = (*above, position)
            yield self._node(event, depth + 1)
            position += 1
        self._place = above

    def _entries(self, depth: int) -> Iterator[Entry]:
        above = self._place
        first_lines: dict[str, int] = {}
        while not isinstance(event := self._event(), yaml.MappingEndEvent):
            self._place = above
            key = self._node(event, depth + 1)
            if isinstance(key, Text):
                self._place = (*above, key.text)
            value = self._node(self._event(), depth + 1)
            if not isinstance(key, Text):
                self._fault(key.mark, "a key is a text, not a list or keys")
            elif key.text in first_lines:
                line = first_lines[key.text]
                self._fault(key.mark, f"{shown(key.text)} is here twice, first in line {line}: remove one")
            else:
                first_lines[key.text] = key.mark.line
                yield Entry(key.text, key.mark, value)
        self._place = above

    def _fault(self, mark: Mark, sentence: str) -> None:
        self._faults.append(YamlFault(mark, self._place, sentence))


def _mark(mark: _YamlMark | None) -> Mark:
    return Mark(1, 1) if mark is None else Mark(mark.line + 1, mark.column + 1)


#: The beginnings of PyYAML's words, and what a person can do about it.
_PLAIN_WORDS = (
    ("found character '\\t'", "a tab: YAML takes spaces only"),
    ("found character", "a text can't begin with this sign: put it in quotes"),
    ("mapping values are not allowed", "a second `:` in one line, or a wrong indentation: indent it or use quotes"),
    ("could not find expected ':'", "a key without a `:` behind it"),
    ("expected ',' or", "a list or keys in brackets are not closed, or lack a comma"),
    ("expected <block end>", "this is indented differently from the lines above, or stands behind a quote"),
    ("found unexpected end of stream", "a quote is opened here and never closed"),
    ("found unexpected document separator", "a quote is opened here and never closed"),
    ("expected '<document start>'", "this belongs to nothing above it: fix the indentation"),
    ("sequence entries are not allowed", "a list can't begin with `-` here: put it on lines of its own"),
    ("mapping keys are not allowed", "a text can't begin with `? `: put it in quotes"),
    ("expected alphabetic or numeric", "a text can't begin with `&` or `*`: put it in quotes"),
    ("expected chomping or indentation", "a text can't begin with `|` or `>`: put it in quotes"),
    ("expected a comment or a line break", "no text can stand behind `|` or `>`: put all of it in quotes"),
    ("found unknown escape", "a backslash between double quotes: write it twice, or use single quotes"),
    ("expected escape sequence", "a backslash between double quotes: write it twice, or use single quotes"),
    ("expected the node content", "a value is missing, or begins with a sign that needs quotes"),
)
#: Faults that PyYAML notices some lines later than they were made.
_NOTICED_LATE = ("could not find expected ':'", "found unexpected ")


def _in_plain_words(error: yaml.MarkedYAMLError) -> tuple[Mark, str]:
    problem = error.problem or ""
    found_at = error.problem_mark or error.context_mark
    if problem.startswith(_NOTICED_LATE):
        found_at = error.context_mark or found_at
    plain = (words for start, words in _PLAIN_WORDS if problem.startswith(start))
    return _mark(found_at), next(plain, f"this is no valid YAML ({problem})")
