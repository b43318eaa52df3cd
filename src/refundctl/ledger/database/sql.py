"""SQL that every module here needs: a script inside the open transaction, temporary tables, whether a row is there."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


LARGEST_ID = 2**63 - 1  # of SQLite

Parameters = Sequence[Any] | Mapping[str, Any]


def any_rows(connection: sqlite3.Connection, rows: str, parameters: Parameters = ()) -> bool:
    """Whether there is any row of `rows`: SQL such as `cards`, or `cards WHERE printed`.

    Where it only saves work, the share of a command's instructions that it saves stands beside it: as counted by
    `valgrind --tool=callgrind`, over what a run of 10,000 bookings takes beyond one of two.
    """
    return bool(one_value(connection, f"SELECT EXISTS (SELECT 1 FROM {rows})", parameters))


def one_value(connection: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> Any:
    """The first value of the first row, which there is."""
    return connection.execute(sql, parameters).fetchone()[0]


def first_column(connection: sqlite3.Connection, sql: str, parameters: Parameters = ()) -> list[Any]:
    """The first value of each row."""
    return [row[0] for row in connection.execute(sql, parameters)]


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """Where the block raises, what it has written is taken back; the transaction around it goes on."""
    connection.execute("SAVEPOINT block")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it
            connection.execute("ROLLBACK TO block")
            connection.execute("RELEASE block")
        raise
    connection.execute("RELEASE block")


def make_temporary(connection: sqlite3.Connection, tables: str) -> None:
    """Make temporary tables, a `CREATE TEMP TABLE` each; what another call has left in one of the same name is gone."""
    for name in re.findall(r"CREATE TEMP TABLE (\w+)", tables):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    run_script(connection, tables)
