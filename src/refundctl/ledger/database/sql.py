"""SQL that every module here needs: a script inside the open transaction, temporary tables, whether a row is there."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run `script` statement by statement inside whatever transaction is open.

    Python's executescript() would commit it.
    """
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement.strip())
            statement = ""


Parameters = Sequence[Any] | Mapping[str, Any]


def any_rows(connection: sqlite3.Connection, rows: str, parameters: Parameters = ()) -> bool:
    """Whether there is any row of `rows`: SQL such as `cards`, or `cards WHERE printed`."""
    return bool(one_value(connection, f"SELECT EXISTS (SELECT 1 FROM {rows})", parameters))


def one_value(connection: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> Any:
    """The first value of the first row, which there is."""
    return connection.execute(sql, parameters).fetchone()[0]


def first_column(connection: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> list[Any]:
    """The first value of each row."""
    return [row[0] for row in connection.execute(sql, parameters)]


def make_temporary(connection: sqlite3.Connection, tables: str) -> None:
    """Make temporary tables, a `CREATE TEMP TABLE` each; what another call has left in one of the same name is gone."""
    for name in re.findall(r"CREATE TEMP TABLE (\w+)", tables):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    run_script(connection, tables)
