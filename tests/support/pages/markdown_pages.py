"""The pages of the documentation, taken apart for the tests."""

import re
from dataclasses import dataclass, field

from support.repository import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "sample_data").glob("*.md")])
SHELL = {"sh", "shell", "bash", "console"}


def page(name: str) -> str:
    """The text of a page, named from the root of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


@dataclass(slots=True)
class Section:
    """A heading with all that stands below it, deeper headings included; `line` counts from 1."""

    heading: str
    level: int
    line: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: `title` is what its fence says behind the language; `line` counts from 1, below the fence."""

    language: str
    title: str
    text: str
    line: int


@dataclass(slots=True)
class Markdown:
    """One page: its sections, its fenced blocks, and the prose outside of these."""

    sections: list[Section] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    prose: str = ""


def read_markdown(text: str) -> Markdown:
    """Take a page apart. A `#` within a fenced block is no heading."""
    result = Markdown()
    fenced: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        fence = re.match(r"\s*```\s*(\w*)\s*(.*)", line)
        if fence and fenced is None:
            fenced, language, title = [], fence[1], fence[2].strip()
        elif fence and fenced is not None:
            result.blocks.append(Block(language, title, "\n".join(fenced), number - len(fenced)))
            fenced = None
        elif fenced is not None:
            fenced.append(line)
        else:
            _take_prose(result, line, number)
        _add_to_sections(result.sections, line)
    return result


def _take_prose(result: Markdown, line: str, number: int) -> None:
    result.prose += line + "\n"
    if heading := re.match(r"(#+)\s+(.*)", line):
        result.sections.append(Section(heading[2].strip(), len(heading[1]), number))


def _add_to_sections(sections: list[Section], line: str) -> None:
    """Add the line to each section that it stands in: the last one, and those around it."""
    level = 99
    for section in reversed(sections):
        if section.level < level:
            section.text += line + "\n"
            level = section.level


def names(text: str) -> set[str]:
    """All that the text has in backticks, and each name within: `campaign,balance` names two columns."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return {word for words in quoted for word in (words, *re.split(r"[,;:=|\s]+", words))}


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")
