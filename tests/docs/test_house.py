"""docs/house.md, the map of the house, says what is there: each folder, file and temporary table has its row.

The tables of files and of temporary tables are made from the source: `pytest --update-golden tests/docs/test_house.py`
writes them into the page. The rest is written by hand, and may name only what there is.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from support.golden_text import Golden
from support.pages.markdown_pages import page, read_markdown
from support.repository import ROOT

NAME = "docs/house.md"
PROGRAM = ROOT / "src" / "refundctl"
#: What can't say itself what it is: an empty file, and a folder that is no package.
SAYS_NOTHING = {
    "py.typed": "Tells type checkers that the package is typed (PEP 561).",
    "schema_sql": "The ledger's tables, views, indexes and triggers, as SQL.",
}


# --- Folders and files ---


@cache
def first_words(path: Path) -> str:
    """What a file or folder says of itself: the first paragraph of its docstring, or of the comment on top."""
    if path.name in SAYS_NOTHING:
        return SAYS_NOTHING[path.name]
    source = path / "__init__.py" if path.is_dir() else path
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        lines = (re.fullmatch(r"(?:#|--) ?(.*)", line) for line in text.splitlines())
        said = "\n".join(line[1] for line in iter(lambda: next(lines, None), None))
    return " ".join(said.split("\n\n")[0].split()).replace("|", "\\|")


def is_told(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.name != "__init__.py"


def in_reading_order(folder: Path) -> Iterator[Path]:
    """The files of a folder, then each folder with what is in it."""
    inside = sorted(path for path in folder.iterdir() if is_told(path))
    yield from (path for path in inside if path.is_file())
    for below in inside:
        if below.is_dir():
            yield below
            yield from in_reading_order(below)


def files_told() -> str:
    """A table for each room. A folder's row is in bold."""
    rooms = sorted(path for path in PROGRAM.iterdir() if path.is_dir() and is_told(path))
    text = table(PROGRAM, (path for path in sorted(PROGRAM.iterdir()) if path.is_file() and is_told(path)))
    for room in rooms:
        text += f"\n### {room.name}/\n\n{first_words(room)}\n\n{table(room, in_reading_order(room))}"
    return text


def table(room: Path, paths: Iterator[Path]) -> str:
    rows = []
    for path in paths:
        name = path.relative_to(room).as_posix()
        rows.append(f"| {f'**`{name}/`**' if path.is_dir() else f'`{name}`'} | {first_words(path)} |\n")
    return "".join(["| file | what it is |\n", "|---|---|\n", *rows])


# --- Temporary tables ---

MAKES = re.compile(r"CREATE TEMP(?:ORARY)? (?:TABLE|VIEW) (?:IF NOT EXISTS )?(?:temp\.)?(\w+|\{.*?\})")
#: Where a table's name stands in a statement; a text that begins with one is what an EXISTS asks for.
USES = re.compile(
    r"(?:\b(?:FROM|JOIN|INTO|UPDATE|IN)\s+(?:temp\.)?|\btemp\.|^\s*(?=\w+\s+(?:WHERE|CROSS|JOIN|LEFT|AS)\b))(\w+|\{[^{}]*\})"
)


@dataclass(frozen=True, slots=True)
class TemporaryTable:
    """Who makes it, and who else reads or fills it: files below the program's folder."""

    name: str
    makers: tuple[str, ...]
    users: tuple[str, ...]


def statements_in(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings; what a format fills in stands in braces."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said | within:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"  # type: ignore[attr-defined]
                for part in node.values
            )


def known_as(name: str) -> str:
    """A name that an object holds, such as `{group.table}`, is known by its field, whatever the object is called."""
    return re.sub(r"^\{(?!self\.)\w+(?=\.\w+\}$)", "{*", name)


@cache
def temporary_tables() -> list[TemporaryTable]:
    makers: dict[str, list[str]] = {}
    users: dict[str, list[str]] = {}
    for path in sorted(PROGRAM.rglob("*.py")):
        where = path.relative_to(PROGRAM).as_posix()
        statements = list(statements_in(path))
        made = {known_as(name) for text in statements for name in MAKES.findall(text)}
        # All SQL is in the ledger; elsewhere such words are prose.
        asked = statements if where.startswith("ledger/") else []
        used = {known_as(name) for text in asked for name in USES.findall(text)}
        for name in made:
            makers.setdefault(name, []).append(where)
        for name in used:
            users.setdefault(name, []).append(where)
    return [
        TemporaryTable(name, tuple(where), tuple(user for user in users.get(name, ()) if user not in where))
        for name, where in sorted(makers.items(), key=lambda item: (item[1], item[0]))
    ]


def tables_told() -> str:
    rows = [
        f"| `{each.name}` | {listed(each.makers)} | {listed(each.users) or 'nowhere else'} |\n"
        for each in temporary_tables()
    ]
    return "".join(["| table | made in | read or filled in |\n", "|---|---|---|\n", *rows])


def listed(paths: tuple[str, ...]) -> str:
    return ", ".join(f"`{path}`" for path in paths)


# --- The page ---


def with_part(text: str, part: str, told: str) -> str:
    """The page with this between the two comments that mark the part."""
    begin, end = f"<!-- {part}: made by tests/docs/test_house.py -->\n", f"<!-- {part}: end -->\n"
    before, _, rest = text.partition(begin)
    _, _, behind = rest.partition(end)
    return f"{before}{begin}\n{told}\n{end}{behind}"


def test_each_folder_file_and_temporary_table_has_its_row(golden: Golden) -> None:
    text = page(NAME)
    made = with_part(with_part(text, "files", files_told()), "temporary tables", tables_told())
    if golden.update:
        (ROOT / NAME).write_text(made, encoding="utf-8")
    else:
        assert made.splitlines() == text.splitlines(), "pytest --update-golden tests/docs/test_house.py writes the rows"


def test_every_file_says_what_it_is() -> None:
    silent = [str(path.relative_to(ROOT)) for path in in_reading_order(PROGRAM) if not first_words(path)]
    assert silent == []


@pytest.mark.parametrize("name", [NAME, "docs/contributing.md", "sample_data/README.md"])
def test_pages_about_the_source_name_only_what_is_there(name: str) -> None:
    """A path in backticks is one below a room's folder, the program's, the tests' or the repository's."""
    paths = set(re.findall(r"`((?!/)[\w./-]*/[\w./-]*)`", page(name)))
    assert any(path.startswith("tests/") for path in paths)
    folders = [PROGRAM, ROOT, *(path for path in PROGRAM.iterdir() if path.is_dir())]
    assert sorted(path for path in paths if not any((folder / path).exists() for folder in folders)) == []


def test_each_temporary_table_has_one_maker() -> None:
    tables = temporary_tables()
    assert {"considered", "staged"} <= {each.name for each in tables}
    assert [each.name for each in tables if len(each.makers) > 1] == []


def test_the_page_says_what_each_room_may_import() -> None:
    """As the table in tests/test_imports.py has it."""
    from test_imports import ROOMS_BELOW

    [section] = [found for found in read_markdown(page(NAME)).sections if found.heading == "The rooms"]
    rows = re.findall(r"^\| \d \| `(\w+)/` \|.*\| ([^|]*) \|$", section.text, re.MULTILINE)
    told = {room: set(re.findall(r"`(\w+)/`", below)) for room, below in rows}
    assert told == {room: below for room, below in ROOMS_BELOW.items() if room}
