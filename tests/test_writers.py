"""Which folder of the ledger writes which table: each table has one home, and no SQL stands outside the ledger.

Read from the SQL in the source itself, so that a new writer has to be named here, where a reader looks for it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.books import tables_as_written
from support.repository import ROOT

LEDGER = ROOT / "src" / "refundctl" / "ledger"

# Each table stands in the folder that is its home.
WRITES = {
    "database": {"ledger"},
    "journal": {"runs", "run_outcomes", "seals", "attempts", "idempotency_keys"},
    "campaigns": {"campaigns", "definitions", "campaign_events"},
    "bookings": {"bookings", "line_versions", "line_metadata", "segments"},
    "people": {"customers", "customer_versions", "erasures"},
    "cards": {"cards", "codes", "pins"},
    "funding": {"assignments", "extensions", "transactions", "approvals", "applied_plans"},
    "delivery": {"batches", "batch_ranges", "deliveries"},
    "cash": {"cashouts", "cash_outcomes", "cash_files", "cash_orders", "cash_rejections", "cash_deliveries"},
    "desk": {"activations", "card_events", "redemptions", "refused_redemptions", "rollbacks", "transfers"},
    "undo": {"undoings", "undone_lines", "reopenings"},
    "reading": set(),
    "checks": set(),
}
# What a folder writes to a table whose home is another, and why.
ALSO_WRITES = {
    "bookings": {"customers": "a file of bookings names its customers", "customer_versions": "as it does that"},
    "cards": {"transactions": "one by one, as the desk and cash-outs do it; the schema has the rules"},
    "people": {"line_metadata": "what kept columns say of a person is erased with them"},
    "funding": {"cards": "publishing makes them"},
    "desk": {
        "assignments": "a card of the pool is given to somebody",
        "cards": "a goodwill card, or the successor of a lost one, is made at the desk",
        "extensions": "a card is made valid for longer",
        "transactions": "the balance of expired cards is booked as breakage",
    },
    "undo": {
        "card_events": "the cards of an undone run are deactivated",
        "line_metadata": "a line says again what it said before",
        "line_versions": "a line says again what it said before",
        "transactions": "what was given is taken back",
    },
}
# Where the name of a table is put in, it is a temporary one.
NAMES_PUT_IN = {"bookings", "funding"}

HOLE = "{}"  # where an f-string puts something in
_SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s.*INTO|REPLACE\s+INTO|DELETE\s+FROM|PRAGMA\s|SAVEPOINT\s|ROLLBACK\sTO\s|UPDATE\s+\S+\s+SET)\b",
    re.S,
)
_WRITE = re.compile(
    r"\b(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|DELETE\s+FROM|UPDATE(?:\s+OR\s+\w+)?)\s+(?P<table>[\w.]+|\{\})",
)


def texts_of(path: Path) -> Iterator[str]:
    """The string literals of a module, but for docstrings; an f-string whole, with a hole for what is put in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_text(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docstrings | parts):
            yield node.value


def _text(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else HOLE


def written_by(path: Path) -> set[str]:
    """The tables that the SQL of a module writes; a hole where the name is put in."""
    return {match["table"] for text in texts_of(path) for match in _WRITE.finditer(text)}


def _written() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {folder: set() for folder in WRITES}
    for path in sorted(LEDGER.rglob("*.py")):
        if path.parent != LEDGER:
            found[path.parent.name] |= written_by(path)
    return found


def test_each_table_has_one_home() -> None:
    homes = [table for tables in WRITES.values() for table in tables]
    assert sorted(homes) == tables_as_written()


def test_each_folder_writes_what_it_is_the_home_of_and_what_is_named_with_a_reason() -> None:
    facts = {*tables_as_written()}
    expected = {folder: tables | {*ALSO_WRITES.get(folder, ())} for folder, tables in WRITES.items()}
    assert {folder: tables & facts for folder, tables in _written().items()} == expected


def test_no_name_of_a_fact_table_is_put_in() -> None:
    assert {folder for folder, tables in _written().items() if HOLE in tables} == NAMES_PUT_IN


def test_no_sql_stands_outside_the_ledger() -> None:
    paths = [path for path in (ROOT / "src").rglob("*.py") if LEDGER not in path.parents]
    found = [
        f"{path.relative_to(ROOT)}: {text.strip()[:60]}"
        for path in paths
        for text in texts_of(path)
        if _SQL.search(text)
    ]
    assert found == []


def test_this_test_reads_every_way_of_writing(tmp_path: Path) -> None:
    """The rule is only as good as its reader of source code."""
    module = tmp_path / "imagined.py"
    module.write_text(
        '"""INSERT INTO doc (id)"""\n'
        'a = "INSERT OR IGNORE INTO one (id) " "VALUES (?)"\n'
        'b = f"""\n    DELETE FROM two WHERE {a} AND x = "INSERT INTO no"\n"""\n'
        'c = f"UPDATE {b} SET x = 1"\n'
        "d = [f'{a} REPLACE INTO temp.three SELECT 1', 'UPDATE four SET x = 1']\n",
        encoding="utf-8",
    )
    assert written_by(module) == {"one", "two", "no", HOLE, "temp.three", "four"}
    assert [bool(_SQL.search(text)) for text in texts_of(module)].count(True) == 5
