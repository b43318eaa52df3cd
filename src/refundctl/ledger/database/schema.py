"""The ledger's tables: numbered migrations, and the check that the file's schema is still the program's own."""

import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

from refundctl import __version__
from refundctl.domain.basics.errors import BadInput
from refundctl.ledger.database.sql import run_script

APPLICATION_ID = 0x52464E44  # "RFND", at byte 68 of the file, so that file(1) and we know it
MIGRATIONS = ("0001_first",)  # in order; never edited once released, only added to
SCHEMA_VERSION = 3
OLDEST_SCHEMA_VERSION = 3  # those before were never released, and nothing brings them up to date

SchemaRow = tuple[str, str, str]


class SchemaAltered(BadInput, code="ledger_altered"):
    """A table, trigger, index or view is missing, added or changed."""


class LedgerNewer(BadInput, code="ledger_newer"):
    """The ledger was written by a newer program."""


class LedgerOlder(BadInput, code="ledger_older"):
    """The ledger was written by a program that was never released."""


class LedgerForeign(BadInput, code="ledger_foreign"):
    """The file is no ledger: some other program's database, or none at all."""


def check_identity(connection: sqlite3.Connection, path: Path) -> None:
    """Raise LedgerForeign, LedgerNewer or LedgerOlder where this file is not for this program."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise LedgerForeign(
            f"{path} is no refundctl ledger but another program's database: name another with --ledger."
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise LedgerNewer(
            f"{path} was written by a newer refundctl (schema {version}, this one knows {SCHEMA_VERSION}): "
            "install the newer program."
        )
    if version < OLDEST_SCHEMA_VERSION:
        raise LedgerOlder(
            f"{path} was written by a refundctl from before its first release, and this one can't read it: keep it, "
            "and name a new one with --ledger."
        )


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever committed to the file, and no other program has marked it as its own."""
    return not (
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        or connection.execute("PRAGMA application_id").fetchone()[0]
        or connection.execute("PRAGMA user_version").fetchone()[0]
    )


def ensure(connection: sqlite3.Connection, path: Path, now: str, *, rehearsal: bool, checked: int | None = None) -> int:
    """Make the tables in an empty file, bring an older ledger up to date, and refuse an altered schema.

    The caller holds the write transaction, so that a new ledger and its first run are one commit. Gives the number of
    the schema that SQLite counts up whenever it is changed: where it still is `checked`, nothing is compared.
    """
    if checked is not None and checked == _cookie(connection):
        return checked
    if is_new(connection):
        _migrate(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(
            "INSERT INTO ledger (id, ledger_id, clock, created_at, made_by) VALUES (1, ?, ?, ?, ?)",
            (secrets.token_hex(16), "rehearsal" if rehearsal else "system", now, f"refundctl {__version__}"),
        )
    check_identity(connection, path)
    if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
        _migrate(connection)
    for difference in differences(connection):
        raise SchemaAltered(
            f"{path}: {difference}. The ledger was altered by hand; go back to the last backup (`refundctl verify` "
            "lists everything)."
        )
    return _cookie(connection)


def _cookie(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def clock_of(connection: sqlite3.Connection) -> str:
    """'system' or 'rehearsal'."""
    row = connection.execute("SELECT clock FROM ledger").fetchone()
    return "" if row is None else str(row[0])


def differences(connection: sqlite3.Connection) -> list[str]:
    """One plain sentence for each table, index, trigger or view that is not what the program made."""
    expected = {(kind, name): sql for kind, name, sql in expected_schema()}
    actual = {(kind, name): sql for kind, name, sql in _schema_of(connection)}
    return [
        *(f"the {kind} {name} is missing" for kind, name in expected.keys() - actual.keys()),
        *(f"the {kind} {name} is not refundctl's" for kind, name in actual.keys() - expected.keys()),
        *(
            f"the {kind} {name} was changed"
            for kind, name in expected.keys() & actual.keys()
            if expected[kind, name] != actual[kind, name]
        ),
    ]


@cache
def expected_schema() -> tuple[SchemaRow, ...]:
    """The schema as the migrations make it, built in memory."""
    connection = sqlite3.connect(":memory:")
    try:
        for name in MIGRATIONS:
            run_script(connection, _sql(name))
        return _schema_of(connection)
    finally:
        connection.close()


def _schema_of(connection: sqlite3.Connection) -> tuple[SchemaRow, ...]:
    # sqlite-utils keeps its own account of applied migrations beside ours.
    return tuple(
        connection.execute(
            """
            SELECT type, name, sql FROM sqlite_master
            WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'
                AND tbl_name NOT LIKE '!_sqlite!_migrations%' ESCAPE '!'
            ORDER BY type, name
            """
        )
    )


@cache
def _sql(name: str) -> str:
    return (
        resources.files("refundctl.ledger.database").joinpath("schema_sql", f"{name}.sql").read_text(encoding="utf-8")
    )


def _migrate(connection: sqlite3.Connection) -> None:
    with _nothing_found_of("pandas", "numpy"):
        from sqlite_utils import Database, Migrations

    migrations = Migrations("refundctl")
    for name in MIGRATIONS:
        migrations(name=name)(lambda database, name=name: run_script(database.conn, _sql(name)))
    # Inside the caller's transaction each migration is a savepoint of its own.
    migrations.apply(Database(connection, recursive_triggers=True, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def _nothing_found_of(*names: str) -> Iterator[None]:
    """Keep what is imported in the block from finding these libraries, unless they are there already.

    sqlite-utils imports pandas wherever it is installed, for data frames that nobody gives it here. That takes half a
    second, which is most of the time of a new ledger's first command.
    """
    kept_back = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(kept_back))  # type: ignore[arg-type] # None says that there is no such module
    try:
        yield
    finally:
        for name in kept_back:
            del sys.modules[name]
