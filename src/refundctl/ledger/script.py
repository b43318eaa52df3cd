"""Running several statements without Python's executescript(), which would commit the transaction that is open."""

import sqlite3


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run `script` statement by statement inside whatever transaction is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement.strip())
            statement = ""
