"""SQL that every module here needs: a script inside the open transaction, temporary tables, whether a row is there."""

import re
import sqlite3


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


def any_rows(connection: sqlite3.Connection, rows: str) -> bool:
    """Whether there is any row of `rows`: SQL such as `cards`, or `cards WHERE printed`."""
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {rows})").fetchone()[0])


def make_temporary(connection: sqlite3.Connection, tables: str) -> None:
    """Make temporary tables, a `CREATE TEMP TABLE` each; what another call has left in one of the same name is gone."""
    for name in re.findall(r"CREATE TEMP TABLE (\w+)", tables):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    run_script(connection, tables)
