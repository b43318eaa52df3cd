"""Customers that bookings speak of: new ones are made, and what rows say differently of one is settled."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from refundctl.ledger.bookings.comparing import NEW_OR_CHANGED, SAYS_OTHERWISE, TAKEN, ComparedBookings
from refundctl.ledger.bookings.staged_bookings import PERSON_COLUMNS
from refundctl.ledger.database.sql import any_rows, make_temporary
from refundctl.ledger.journal.salted_digests import PERSON_TEXT, register_sha256

_TABLES = """
    -- new or changed rows for which no customer of their own was made; differs where they say something else of theirs
    CREATE TEMP TABLE whose_customer (
        staged_id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, differs INTEGER NOT NULL
    );
    -- customers of whom a row says something else than the ledger or another row; and those whose row was changed so
    CREATE TEMP TABLE differing_customers (customer INTEGER PRIMARY KEY);
    CREATE TEMP TABLE changed_customers (customer INTEGER PRIMARY KEY);
"""


@dataclass(frozen=True, slots=True)
class BookingCustomers:
    """The door to `whose_customer` and `changed_customers`; a new one's number is `base` and that of its staged row."""

    base: int

    @property
    def of_row(self) -> str:
        """SQL for the customer that a new or changed row names: made for this very row, or found by name."""
        return f"coalesce(whose_customer.customer, {self.base} + staged.id)"


def post_customers(compared: ComparedBookings, run_id: int) -> BookingCustomers:
    """Write the customers that are new, and what is said otherwise of the others.

    Rows that were set aside leave nothing behind: neither a customer, nor what they alone say of one.
    """
    connection = compared.connection
    make_temporary(connection, _TABLES)
    register_sha256(connection)
    base = compared.count("SELECT coalesce(max(id), 0) FROM customers")
    connection.execute(
        f"""
        INSERT INTO customers (id, customer_id, {", ".join(PERSON_COLUMNS)}, salt)
        SELECT :customer + staged.id, customer_id, {", ".join(PERSON_COLUMNS)}, randomblob(16)
        FROM staged WHERE {compared.standing(NEW_OR_CHANGED)} ORDER BY staged.id
        ON CONFLICT (customer_id) DO NOTHING
        """,
        {"customer": base},
    )
    _merge_people(compared, base)
    connection.execute(
        f"""
        INSERT INTO customer_versions (customer, digest, run_id)
        SELECT id, sha256({PERSON_TEXT}), :run FROM customers
        WHERE id > :base OR id IN (SELECT customer FROM changed_customers)
        ORDER BY id
        """,
        {"base": base, "run": run_id},
    )
    return BookingCustomers(base)


def _merge_people(compared: ComparedBookings, base: int) -> None:
    """Settle what rows say differently of one person: for each field, the last non-blank value in order of the ids.

    By booking_id and refund_id, so that a file's order never matters; blanks only, where a file of people has spoken.
    """
    connection = compared.connection
    connection.execute(
        f"""
        INSERT INTO whose_customer
        SELECT staged.id, customers.id, {SAYS_OTHERWISE}
        FROM (
            -- LIMIT keeps this a step of its own: most rows have made their customer, which is seen at once.
            SELECT id, customer_id, {", ".join(PERSON_COLUMNS)} FROM staged
            WHERE {compared.standing(NEW_OR_CHANGED)}
                AND NOT EXISTS (SELECT 1 FROM customers AS own WHERE own.id = :customer + staged.id)
            ORDER BY id LIMIT -1
        ) AS staged
        CROSS JOIN customers ON customers.customer_id = staged.customer_id
        """,
        {"customer": base},
    )
    connection.execute(
        f"""
        INSERT OR IGNORE INTO differing_customers
        SELECT customer FROM whose_customer WHERE differs
        UNION
        SELECT customer FROM known CROSS JOIN staged ON staged.id = known.staged_id WHERE person_differs AND {TAKEN}
        """
    )
    if not any_rows(connection, "differing_customers"):  # else 1.6% of a run
        return
    said = connection.execute(
        f"""
        SELECT customers.id, {", ".join(f"staged.{n}" for n in PERSON_COLUMNS)}
        FROM staged
        CROSS JOIN customers ON customers.customer_id = staged.customer_id
        CROSS JOIN differing_customers ON differing_customers.customer = customers.id
        WHERE {TAKEN}
        ORDER BY customers.id, staged.booking_id, staged.refund_id
        """
    )
    for customer, rows in groupby(said, itemgetter(0)):
        _merge_person(connection, customer, (row[1:] for row in rows))


def _merge_person(connection: sqlite3.Connection, customer: int, rows: Iterable[tuple[str | None, ...]]) -> None:
    columns = ", ".join(PERSON_COLUMNS)
    from_people_file, *known = connection.execute(
        f"SELECT from_people_file, {columns} FROM customers WHERE id = ?", (customer,)
    ).fetchone()
    said: Sequence[str | None] = [None] * len(known)
    for values in rows:
        said = _filled(values, said)
    merged = _filled(known, said) if from_people_file else _filled(said, known)
    if merged != known:
        settings = ", ".join(f"{name} = ?" for name in PERSON_COLUMNS)
        connection.execute(f"UPDATE customers SET {settings} WHERE id = ?", (*merged, customer))
        connection.execute("INSERT INTO changed_customers VALUES (?)", (customer,))


def _filled(first: Sequence[str | None], second: Sequence[str | None]) -> list[str | None]:
    """The first values, and the second where those are blank."""
    return [other if value is None else value for value, other in zip(first, second, strict=True)]
