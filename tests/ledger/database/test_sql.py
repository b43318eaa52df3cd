"""What every statement of the ledger goes through: what a block has written is taken back, older tables are gone."""

import sqlite3

import pytest

from refundctl.ledger.database.sql import any_rows, first_column, make_temporary, run_script, savepoint


@pytest.fixture
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.execute("CREATE TABLE paid (minor INTEGER)")
    made.execute("BEGIN")
    made.execute("INSERT INTO paid VALUES (1)")
    return made


def _fail_after(connection: sqlite3.Connection, statement: str) -> None:
    with savepoint(connection):
        connection.execute(statement)
        raise LookupError


def test_a_block_that_raises_leaves_what_was_written_before_it(connection: sqlite3.Connection) -> None:
    with pytest.raises(LookupError):
        _fail_after(connection, "INSERT INTO paid VALUES (2)")
    with savepoint(connection):
        connection.execute("INSERT INTO paid VALUES (3)")
    connection.execute("COMMIT")
    assert first_column(connection, "SELECT minor FROM paid ORDER BY minor") == [1, 3]


def test_where_the_transaction_has_ended_the_first_error_is_told(connection: sqlite3.Connection) -> None:
    """As a full disk ends it, there is nothing to go back to."""
    with pytest.raises(LookupError):
        _fail_after(connection, "ROLLBACK")
    assert first_column(connection, "SELECT minor FROM paid") == []


def test_a_script_runs_inside_the_open_transaction(connection: sqlite3.Connection) -> None:
    run_script(connection, "CREATE TABLE owed (minor INTEGER);\nINSERT INTO owed\nVALUES (7);\n")
    assert connection.in_transaction
    assert any_rows(connection, "owed WHERE minor = ?", (7,))
    assert not any_rows(connection, "owed WHERE minor = ?", (8,))


def test_an_older_temporary_table_of_the_name_is_gone(connection: sqlite3.Connection) -> None:
    make_temporary(connection, "CREATE TEMP TABLE found (card INTEGER);\nINSERT INTO found VALUES (1);")
    make_temporary(connection, "CREATE TEMP TABLE found (card INTEGER, minor INTEGER);")
    assert not any_rows(connection, "found WHERE minor IS NULL")
