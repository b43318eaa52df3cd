"""Finding customers by the ids that files give them, also after they were erased."""

import hashlib
import sqlite3

PSEUDONYM_HEX_DIGITS = 32


def pseudonym(connection: sqlite3.Connection, customer_id: str) -> str:
    """What stands for a customer's id once the person is erased: the same for the same id in this ledger only.

    Found again by whoever knows the id, so that a file loaded again brings nothing back.
    """
    ledger_id = connection.execute("SELECT ledger_id FROM ledger").fetchone()[0]
    digest = hashlib.sha256(f"refundctl erased customer\n{ledger_id}\n{customer_id}".encode()).hexdigest()
    return f"erased-{digest[:PSEUDONYM_HEX_DIGITS]}"


def customer_number(connection: sqlite3.Connection, customer_id: str) -> int | None:
    """The number of the customer with this id, erased or not; None where there is none."""
    row = connection.execute("SELECT id FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    if row is None and connection.execute("SELECT EXISTS (SELECT 1 FROM erasures)").fetchone()[0]:
        row = connection.execute(
            "SELECT id FROM customers WHERE customer_id = ?", (pseudonym(connection, customer_id),)
        ).fetchone()
    return None if row is None else int(row[0])
