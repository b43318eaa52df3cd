"""Finding customers by the ids that files give them, also after they were erased."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from refundctl.ledger.database.sql import any_rows, make_temporary, one_value

PSEUDONYM_HEX_DIGITS = 32
#: What a pseudonym looks like, as a pattern for SQL's GLOB.
PSEUDONYMS = f"erased-{'[0-9a-f]' * PSEUDONYM_HEX_DIGITS}"


def pseudonym(connection: sqlite3.Connection, customer_id: str) -> str:
    """What stands for a customer's id once the person is erased: the same for the same id in this ledger only.

    Found again by whoever knows the id, so that a file loaded again brings nothing back.
    """
    return pseudonym_in(one_value(connection, "SELECT ledger_id FROM ledger"), customer_id)


def pseudonym_in(ledger_id: str, customer_id: str) -> str:
    """The same, in the ledger of this name: for many ids."""
    digest = hashlib.sha256(f"refundctl erased customer\n{ledger_id}\n{customer_id}".encode()).hexdigest()
    return f"erased-{digest[:PSEUDONYM_HEX_DIGITS]}"


def customer_number(connection: sqlite3.Connection, customer_id: str) -> int | None:
    """The number of the customer with this id, erased or not; None where there is none.

    Whose id is their e-mail address, as for files without ids, is found in any case of letters: it is in lower case.
    """
    number = _of_id(connection, customer_id)
    if number is None and "@" in customer_id:
        number = _of_id(connection, customer_id.strip().lower())
    return number


def customers_at(connection: sqlite3.Connection, email: str) -> list[tuple[int, str]]:
    """The numbers and ids of all customers with an address, whatever the case of its letters."""
    found = "SELECT id, customer_id FROM customers WHERE email = ? COLLATE NOCASE ORDER BY id"
    return connection.execute(found, (email,)).fetchall()


def _of_id(connection: sqlite3.Connection, customer_id: str) -> int | None:
    row = connection.execute("SELECT id FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    if row is None and any_rows(connection, "erasures"):
        row = connection.execute(
            "SELECT id FROM customers WHERE customer_id = ?", (pseudonym(connection, customer_id),)
        ).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True)
class CustomersThere:
    """The door to `customers_there`: whose country is among those asked for."""

    connection: sqlite3.Connection

    def has(self, customer: int) -> bool:
        """Whether a customer is one of them."""
        return any_rows(self.connection, f"customers_there WHERE customer = {customer:d}")


def find_customers_in(connection: sqlite3.Connection, holds: Callable[[str], bool]) -> CustomersThere:
    """The customers whose country, by files of people or by their bookings, is one for which it `holds`."""
    make_temporary(connection, "CREATE TEMP TABLE customers_there (customer INTEGER PRIMARY KEY);")
    countries = connection.execute("SELECT DISTINCT country FROM customers WHERE country IS NOT NULL").fetchall()
    wanted = [row for row in countries if holds(row[0])]
    connection.executemany("INSERT INTO customers_there SELECT id FROM customers WHERE country = ?", wanted)
    segments = connection.execute("SELECT id, country FROM segments WHERE country IS NOT NULL").fetchall()
    there = [segment for segment, country in segments if holds(country)]
    if there:
        connection.execute(
            """
            INSERT OR IGNORE INTO customers_there
            -- Of most bookings no version was there at all, so that only few have to be looked at as they are now.
            SELECT customer FROM (
                SELECT DISTINCT booking FROM line_versions WHERE segment IN (SELECT value FROM json_each(?1))
            ) AS candidates
            CROSS JOIN refund_lines ON refund_lines.booking = candidates.booking
            WHERE segment IN (SELECT value FROM json_each(?1))
            """,
            (json.dumps(there),),
        )
    return CustomersThere(connection)
