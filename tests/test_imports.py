"""The rooms of the house: imports point down only, and what is slow to import is imported late."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, plain_environment
from support.desks.bookings_desk import booking, write_bookings
from support.repository import ROOT

SOURCE = ROOT / "src"
PACKAGE = "refundctl"
MODULES = sorted((SOURCE / PACKAGE).rglob("*.py"))

# What each room may import: the rooms below it, and the libraries that do its work. Everybody may import the
# standard library, its own room, and the program's version. "" is the package itself: `python -m refundctl`.
ROOMS_BELOW = {
    "": {"cli"},
    "domain": set(),
    "files": {"domain"},
    "ledger": {"domain"},
    "exports": {"ledger", "files", "domain"},
    "operations": {"exports", "ledger", "files", "domain"},
    "cli": {"operations", "exports", "ledger", "files", "domain"},
}
LIBRARIES = {
    "": set(),
    "domain": {"pydantic", "pydantic_core", "iso4217", "email_validator"},
    "files": {"yaml", "pydantic", "pydantic_core", "python_calamine", "stdnum"},
    "ledger": {"sqlite_utils"},
    "exports": {"sepaxml", "text_unidecode"},
    "operations": set(),
    "cli": {"typer", "rich"},
}

# The folders inside a room, from the bottom up: each may import those before it, so that none go round in a circle.
FOLDERS = {
    "domain": ("basics", "bookings", "cards", "campaigns", "cash"),
    "files": ("yaml", "tables", "bookings", "campaigns", "people", "desk", "cash"),
    "ledger": (
        "database",
        "journal",
        "campaigns",
        "bookings",
        "people",
        "cards",
        "funding",
        "delivery",
        "cash",
        "desk",
        "undo",
        "reading",
        "checks",
    ),
    "exports": ("delivery", "cash", "books"),
    "operations": ("bookings", "campaigns", "delivery", "funding", "desk", "cash", "people", "undo", "books"),
    "cli": ("shell", "bookings", "campaigns", "funding", "desk", "cash", "people", "undo", "books"),
}

# Slow to import, so only inside the function that needs it: a command that doesn't, never waits for it.
IMPORTED_LATE = {
    "email_validator",
    "iso4217",
    "python_calamine",
    "numpy",
    "pandas",
    "pydantic",
    "pydantic_core",
    "sepaxml",
    "sqlite_utils",
    "stdnum",
    "text_unidecode",
    "yaml",
}
# Except where the whole module is about it, and is itself imported late.
ABOUT_A_SLOW_LIBRARY = {
    "domain/campaigns/campaign.py": {"pydantic"},
    "domain/campaigns/campaign_rules.py": {"pydantic"},
    "domain/bookings/source.py": {"pydantic"},
    "files/bookings/sources_yaml.py": {"pydantic"},
    "files/campaigns/campaigns_yaml.py": {"pydantic"},
    "files/yaml/yaml_models.py": {"pydantic", "pydantic_core"},
    "files/yaml/strict_yaml.py": {"yaml"},
}
VERSION = f"{PACKAGE}.__version__"
NEVER_FOR_A_QUICK_COMMAND = {"pandas", "numpy", "sqlite_utils", "pydantic", "pydantic_core"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module by its full name; `at_start` where importing the importer runs it."""

    module: str
    line: int
    at_start: bool


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return tuple(_walk(tree, _package_of(path), at_start=True))


def _walk(node: ast.AST, package: str, *, at_start: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(name.name, node.lineno, at_start) for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (Import(name, node.lineno, at_start) for name in _imported_from(node, package))
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, package, at_start=at_start and not _runs_later(node, child))


def _imported_from(node: ast.ImportFrom, package: str) -> list[str]:
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    origin = ".".join([*above, *([node.module] if node.module else [])])
    # `from refundctl import ledger` names a room by what is imported, not by where it is imported from.
    return [f"{origin}.{name.name}" for name in node.names] if origin == PACKAGE else [origin]


def _runs_later(node: ast.AST, child: ast.AST) -> bool:
    """Whether `child` is code that does not run while its module is being imported."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return child is node.body or (isinstance(node.body, list) and child in node.body)
    return isinstance(node, ast.If) and child in node.body and "TYPE_CHECKING" in ast.unparse(node.test)


def _package_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).parent.parts)


def room_of(path: Path) -> str:
    """`domain` for src/refundctl/domain/basics/money.py; "" for src/refundctl/__main__.py."""
    parts = path.relative_to(SOURCE / PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def _room_named(module: str) -> str:
    first = module.removeprefix(PACKAGE).strip(".").split(".")[0]
    return first if (SOURCE / PACKAGE / first).is_dir() else ""


def _refusal(room: str, module: str) -> str | None:
    """Why code of this room may not import that module; None where it may."""
    top = module.partition(".")[0]
    if top == PACKAGE:
        other = _room_named(module)
        allowed, what = module == VERSION or other in {room, *ROOMS_BELOW[room]}, other or PACKAGE
    else:
        allowed, what = top in sys.stdlib_module_names or top in LIBRARIES[room], f"the library {top}"
    return None if allowed else f"{room or PACKAGE} may not import {what}"


def _relative(path: Path) -> str:
    return path.relative_to(SOURCE / PACKAGE).as_posix()


def test_every_room_has_its_line_in_the_table() -> None:
    rooms = {room_of(path) for path in MODULES}
    assert rooms == set(ROOMS_BELOW) == set(LIBRARIES)


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_imports_point_down_only(path: Path) -> None:
    wrong = [
        f"{_relative(path)}:{found.line}: {refusal}"
        for found in imports_of(path)
        if (refusal := _refusal(room_of(path), found.module))
    ]
    assert wrong == []


def test_every_folder_has_its_place_in_the_table() -> None:
    folders = {path.relative_to(SOURCE / PACKAGE).parts[:2] for path in MODULES if path.parent.parent != SOURCE}
    named = {(room, folder) for room, order in FOLDERS.items() for folder in order}
    assert {(room, folder) for room, folder in folders if not folder.endswith(".py")} <= named


def test_folders_import_those_below_them_only() -> None:
    upwards = set()
    for path in MODULES:
        room, *folders = path.relative_to(SOURCE / PACKAGE).parts[:-1] or ("",)
        for found in imports_of(path) if folders else ():
            target = found.module.removeprefix(f"{PACKAGE}.").split(".")
            below = FOLDERS[room][: FOLDERS[room].index(folders[0]) + 1]
            if target[0] == room and len(target) > 2 and target[1] not in below:
                upwards.add(f"{room}/{folders[0]} imports {target[1]}")
    assert upwards == set()


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_slow_libraries_are_imported_late(path: Path) -> None:
    late = IMPORTED_LATE - ABOUT_A_SLOW_LIBRARY.get(_relative(path), set())
    early = [
        f"{_relative(path)}:{found.line}: import {found.module} inside the function that needs it"
        for found in imports_of(path)
        if found.at_start and found.module.partition(".")[0] in late
    ]
    assert early == []


def test_this_test_sees_every_way_of_importing() -> None:
    """The rule is only as good as its reader of source code."""
    module = SOURCE / PACKAGE / "files" / "imagined.py"
    tree = ast.parse(
        "import pandas.api, json\n"
        "from . import bookings_csv\n"
        "from ..ledger import posting\n"
        "from refundctl import cli\n"
        "if TYPE_CHECKING:\n    import yaml\n"
        "def f():\n    import typer\n"
        "class C:\n    import rich\n"
        "try:\n    import numpy\nexcept ImportError: pass\n"
    )
    found = list(_walk(tree, _package_of(module), at_start=True))
    assert [(one.module, one.at_start) for one in found] == [
        ("pandas.api", True),
        ("json", True),
        ("refundctl.files", True),
        ("refundctl.ledger", True),
        ("refundctl.cli", True),
        ("yaml", False),
        ("typer", False),
        ("rich", True),
        ("numpy", True),
    ]
    assert _refusal("files", "refundctl.ledger") == "files may not import ledger"
    assert _refusal("ledger", "refundctl.files.bookings_csv") == "ledger may not import files"
    assert _refusal("domain", "typer") == "domain may not import the library typer"
    assert _refusal("operations", "refundctl.ledger.posting") is None


# Files that work inside a library, where it has no public way: what they rest on may change with any version of it.
WORKS_INSIDE = {"cli/shell/quick_options.py": "typer"}


def private_names_of_libraries(path: Path) -> set[str]:
    """What a file imports of libraries that is theirs alone: `typer._click.core`, `typer.core._TyperParameter`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return {
        name for name in found if "._" in name and name.partition(".")[0] not in {PACKAGE, *sys.stdlib_module_names}
    }


def test_nothing_private_of_a_library_is_imported() -> None:
    assert {_relative(path): found for path in MODULES if (found := private_names_of_libraries(path))} == {}


def test_what_works_inside_a_library_caps_its_version() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for path, library in WORKS_INSIDE.items():
        assert any(found.module.startswith(f"{library}.") for found in imports_of(SOURCE / PACKAGE / path)), path
        asked_for = next(text for text in dependencies if text.startswith(library))
        assert "<" in asked_for, f"{path} works inside {library}: cap its version"


def test_what_is_private_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "imagined.py"
    module.write_text("import typer._click.core\nfrom typer.core import TyperGroup, _TyperParameter\n")
    assert private_names_of_libraries(module) == {"typer._click.core", "typer.core._TyperParameter"}


def modules_loaded_by(folder: Path, *argv: str) -> set[str]:
    """The modules that are loaded after `refundctl ARGV` in an interpreter of its own, by their full names."""
    program = (
        "import json, sys; from refundctl.cli.shell.main import main; code = main(sys.argv[1:]); "
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *argv],
        cwd=folder,
        env=plain_environment(folder, None, None),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert "typer" in names
    return set(names)


def own_modules(loaded: set[str]) -> set[str]:
    return {name for name in loaded if name.startswith(f"{PACKAGE}.")}


def test_version_loads_nothing_slow_and_no_command(tmp_path: Path) -> None:
    loaded = modules_loaded_by(tmp_path, "--version")
    assert loaded & NEVER_FOR_A_QUICK_COMMAND == set()
    own = own_modules(loaded)
    operations = {name for name in own if name.startswith(f"{PACKAGE}.operations.")}
    assert operations == {f"{PACKAGE}.operations.run_lifecycle"}  # whose refusals the shell records
    rooms_of_cli = {name.split(".")[2] for name in own if name.startswith(f"{PACKAGE}.cli.")}
    assert rooms_of_cli == {"shell"}
    assert len(own) <= MODULES_FOR_THE_VERSION_MAX, sorted(own)


MODULES_FOR_THE_VERSION_MAX = 30  # of ours; each command's own come on top of these


def test_a_new_ledger_does_not_wait_for_what_only_data_frames_need(tmp_path: Path) -> None:
    """sqlite-utils would import them, and `sqlite_utils` itself is what makes the tables."""
    loaded = modules_loaded_by(tmp_path, "init")
    assert (loaded & {"pandas", "numpy"}, "sqlite_utils" in loaded) == (set(), True)


def test_a_single_card_loads_nothing_about_funding(cli: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    cli("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    purchase = ["--amount", "1", "--invoice", "I-1", "--customer", "C-B1"]
    loaded = own_modules(modules_loaded_by(tmp_path, "card", "redeem", "c1", *purchase))
    about_funding = {name for name in loaded if ".funding" in name or ".bookings" in name or ".campaigns.terms" in name}
    assert about_funding == set()


def test_what_is_asked_all_day_loads_nothing_slow(cli: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    (tmp_path / "bookings.csv").write_text(
        "booking_id,email,order_amount,currency,status\n"
        "R-1001,ana@example.org,12.50,EUR,cancelled\n"
        "R-1002,jan@example.org,99.00,EUR,cancelled\n"
    )
    cli("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert modules_loaded_by(tmp_path, "status") & NEVER_FOR_A_QUICK_COMMAND == set()
    assert modules_loaded_by(tmp_path, "status", CAMPAIGN) & NEVER_FOR_A_QUICK_COMMAND == set()
    purchase = ["--amount", "1", "--invoice", "I-1", "--customer", "ana@example.org"]
    for words in (["show", "c1"], ["validate", "c1"], ["redeem", "c1", *purchase]):
        assert modules_loaded_by(tmp_path, "card", *words) & NEVER_FOR_A_QUICK_COMMAND == set()
