"""One name for one thing: what a stranger looks for by its name is found once."""

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from support.repository import ROOT

PACKAGE = ROOT / "src" / "refundctl"
TESTS = ROOT / "tests"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if not path.name.startswith("__")]

# A PIN is a value of a card in `domain`, which has no desk.
SAME_OF_SEVERAL_CAPABILITIES = {"pins"}

# Modules of the rooms with rules that have none of their own: what uses them is tested.
WITHOUT_RULES = {
    "ledger/cards/card_transactions",  # one INSERT for all that the desk posts
    "ledger/checks/findings",  # what a check is
    "ledger/funding/line_state",  # names of states
    "operations/desk/card_facts",  # names of fields
}


def floor_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def capability_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[1]


def _several(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """The names that stand for more than one thing."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, thing in pairs:
        found[name].add(thing)
    return {name for name, things in found.items() if len(things) > 1}


def test_no_two_files_of_a_floor_have_one_name() -> None:
    assert _several((f"{floor_of(path)} {path.stem}", str(path)) for path in MODULES) == set()


def test_files_of_one_name_on_several_floors_are_of_one_capability() -> None:
    assert _several((path.stem, capability_of(path)) for path in MODULES) == SAME_OF_SEVERAL_CAPABILITIES


def test_no_two_classes_have_one_name() -> None:
    classes = (
        (node.name.lstrip("_"), str(path))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert _several(classes) == set()


def test_each_module_with_rules_has_its_tests_beside_it() -> None:
    """Named for it, perhaps with more behind its name, so that a failure points somewhere."""
    names = {
        str(path.relative_to(PACKAGE).with_suffix("")) for path in MODULES if floor_of(path) in {"ledger", "operations"}
    }
    tested = [str(path.relative_to(TESTS).with_suffix("")).replace("/test_", "/") for path in TESTS.rglob("test_*.py")]
    assert {name for name in names if not any(f"{test}_".startswith(f"{name}_") for test in tested)} == WITHOUT_RULES
