"""The rooms of the house: imports point down only, and what is slow to import is imported late."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, plain_environment
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
    "domain/campaigns/conditions.py": {"pydantic"},
    "files/campaigns/campaigns_yaml.py": {"pydantic", "pydantic_core", "yaml"},
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


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return _walk(tree, _package_of(path), at_start=True)


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
    """`domain` for src/refundctl/domain/money.py; "" for src/refundctl/__main__.py."""
    return "/".join(path.relative_to(SOURCE / PACKAGE).parts[:-1][:1])


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


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_slow_libraries_are_imported_late(path: Path) -> None:
    late = IMPORTED_LATE - ABOUT_A_SLOW_LIBRARY.get(_relative(path), set())
    early = [
        f"{_relative(path)}:{found.line}: import {found.module} inside the function that needs it"
        for found in imports_of(path)
        if found.at_start and found.module.partition(".")[0] in late
    ]
    assert early == []


def test_this_test_sees_every_way_of_importing(tmp_path: Path) -> None:
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


def modules_loaded_by(folder: Path, *argv: str) -> set[str]:
    """The top-level modules that are loaded after `refundctl ARGV` in an interpreter of its own."""
    program = (
        "import json, sys; from refundctl.cli.shell.main import main; code = main(sys.argv[1:]); "
        "names = sorted({name.partition('.')[0] for name in sys.modules}); "
        "print(json.dumps([code, names]), file=sys.stderr)"
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


def test_version_loads_nothing_slow(tmp_path: Path) -> None:
    assert modules_loaded_by(tmp_path, "--version") & NEVER_FOR_A_QUICK_COMMAND == set()


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
