"""Posting what files say of people: new customers, changed ones, or nothing where nothing is new.

All of it is set-based and depends on the set of rows only, never on their order.
"""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.journal.salted_digests import PERSON_TEXT, register_sha256
from refundctl.ledger.people.staged_people import PEOPLE_COLUMNS, StagedPeople

_KNOWN = """
    -- people of the files whom the ledger has; differs where the files say something else of them, confirms where they
    -- say what only bookings have said so far
    CREATE TEMP TABLE known_customers (
        found INTEGER PRIMARY KEY, customer INTEGER NOT NULL, differs INTEGER NOT NULL, confirms INTEGER NOT NULL
    );
"""
# Whether a row says anything besides an id: from then on bookings only fill in what is blank.
_SPEAKS = f"coalesce({', '.join(f'found_people.{name}' for name in PEOPLE_COLUMNS)}) IS NOT NULL"


@dataclass(frozen=True, slots=True)
class PostedPeople:
    """How many people are new, changed, or known as they are; of these `confirmed` were known from bookings only."""

    loaded: int
    updated: int
    unchanged: int
    confirmed: int


def post(staged: StagedPeople, run_id: int) -> PostedPeople:
    """Write the people that were found, and say what became of them; who is known as they are writes nothing."""
    connection = staged.connection
    register_sha256(connection)
    known = _find_known(connection)
    highest = connection.execute("SELECT coalesce(max(id), 0) FROM customers").fetchone()[0]
    loaded = _post_new(connection)
    written = _post_changed(connection)
    if loaded or written:
        _post_versions(connection, run_id, after=highest)
    updated = connection.execute("SELECT count(*) FROM known_customers WHERE differs").fetchone()[0]
    return PostedPeople(loaded, updated, known - updated, confirmed=written - updated)


def _find_known(connection: sqlite3.Connection) -> int:
    make_temporary(connection, _KNOWN)
    # A blank never overwrites what is known, so it is no difference.
    differs = " OR ".join(
        f"(found_people.{n} IS NOT NULL AND found_people.{n} IS NOT customers.{n})" for n in PEOPLE_COLUMNS
    )
    return connection.execute(
        f"""
        INSERT INTO known_customers
        SELECT found_people.id, customers.id, {differs}, {_SPEAKS} AND NOT customers.from_people_file
        FROM found_people CROSS JOIN customers ON customers.customer_id = found_people.customer_id
        """
    ).rowcount


def _post_new(connection: sqlite3.Connection) -> int:
    # In order of their ids: so the index grows at its end, and the order of the files leaves no trace.
    columns = ", ".join(("customer_id", *PEOPLE_COLUMNS))
    return connection.execute(
        f"""
        INSERT INTO customers ({columns}, from_people_file, salt)
        SELECT {columns}, {_SPEAKS}, randomblob(16) FROM found_people
        WHERE NOT EXISTS (SELECT 1 FROM known_customers WHERE found = found_people.id)
        ORDER BY id
        """
    ).rowcount


def _post_changed(connection: sqlite3.Connection) -> int:
    settings = ", ".join(f"{name} = coalesce(found_people.{name}, customers.{name})" for name in PEOPLE_COLUMNS)
    return connection.execute(
        f"""
        UPDATE customers SET {settings}, from_people_file = 1
        FROM known_customers AS known CROSS JOIN found_people ON found_people.id = known.found
        WHERE customers.id = known.customer AND (known.differs OR known.confirms)
        """
    ).rowcount


def _post_versions(connection: sqlite3.Connection, run_id: int, *, after: int) -> None:
    connection.execute(
        f"""
        INSERT INTO customer_versions (customer, digest, run_id)
        SELECT id, sha256({PERSON_TEXT}), :run FROM customers
        WHERE id > :after OR id IN (SELECT customer FROM known_customers WHERE differs OR confirms)
        ORDER BY id
        """,
        {"after": after, "run": run_id},
    )
