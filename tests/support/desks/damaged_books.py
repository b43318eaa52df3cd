"""Damage to a ledger in memory, past all that the schema guards, and what the checks find then."""

import sqlite3

from refundctl.ledger.checks.all_checks import check_books

# Any damage breaks a seal and takes a trigger; tests of single rules look at what else is found.
_FOUND_OF_ANY = {"schema_altered", "seal_broken", "run_unsealed", "row_unsealed"}


def damage(connection: sqlite3.Connection, *statements: str) -> None:
    """Do what the schema refuses; each statement must change something."""
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{trigger}"')
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        assert connection.execute(statement).rowcount > 0, statement


def codes_found(connection: sqlite3.Connection) -> list[str]:
    """The codes of all that the checks find in the whole ledger, each as often as it is found; but for broken seals."""
    return sorted(found.code for found in check_books(connection) if found.code not in _FOUND_OF_ANY)
