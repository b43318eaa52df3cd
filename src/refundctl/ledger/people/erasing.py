"""Erasing people: the person goes, the facts stay; and what files say of somebody who was erased is not loaded again.

A customer's row keeps its number, which the facts name, and a pseudonym instead of the id.
"""

import json
import mmap
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from refundctl.ledger.bookings.staged_bookings import PERSON_COLUMNS, StagedBookings
from refundctl.ledger.database.sql import any_rows
from refundctl.ledger.people.finding_people import pseudonym, pseudonym_in
from refundctl.ledger.people.staged_people import PEOPLE_COLUMNS, StagedPeople

TELLING_LENGTH = 8  # of a text in characters: what is shorter may stand in any file by chance
_TELLING = ("customer_id", "email", "name", "phone")


@dataclass(frozen=True, slots=True)
class Erased:
    """What was taken out: how many fields of the person, and how many versions of refund lines lost their metadata.

    `bytes_gone` are texts that nobody else has: none of them should stand in the file any more.
    """

    fields: int
    metadata: int
    bytes_gone: Collection[bytes]


def held(connection: sqlite3.Connection, customer: int) -> Erased:
    """The same as erase() gives, while it is all still there."""
    person = _person(connection, customer)
    columns = "held.line_version, held.metadata"
    metadata = [row[1] for row in connection.execute(_METADATA.format(columns=columns), {"customer": customer})]
    telling = {text for name, text in person.items() if name in _TELLING}
    telling |= {str(value) for text in metadata for value in json.loads(text).values()}
    gone = {text for text in telling if len(text) >= TELLING_LENGTH and not _others_have(connection, text, customer)}
    return Erased(len(person), len(metadata), {text.encode() for text in gone})


def erase(connection: sqlite3.Connection, customer: int, run_id: int) -> Erased:
    """Take a person out of the ledger. Where they were erased before, the schema refuses it."""
    found = held(connection, customer)
    connection.execute(
        f"DELETE FROM line_metadata WHERE line_version IN ({_METADATA.format(columns='held.line_version')})",
        {"customer": customer},
    )
    connection.execute(
        f"""
        UPDATE customers
        SET customer_id = ?, {", ".join(f"{name} = NULL" for name in PEOPLE_COLUMNS)}, from_people_file = 0, salt = NULL
        WHERE id = ?
        """,
        (pseudonym(connection, _customer_id(connection, customer)), customer),
    )
    connection.execute("INSERT INTO erasures (customer, run_id) VALUES (?, ?)", (customer, run_id))
    return found


def _customer_id(connection: sqlite3.Connection, customer: int) -> str:
    row = connection.execute("SELECT customer_id FROM customers WHERE id = ?", (customer,)).fetchone()
    return str(row[0])


def _person(connection: sqlite3.Connection, customer: int) -> dict[str, str]:
    names = ("customer_id", *PEOPLE_COLUMNS)
    row = connection.execute(f"SELECT {', '.join(names)} FROM customers WHERE id = ?", (customer,)).fetchone()
    return {name: text for name, text in zip(names, row, strict=True) if text is not None}


# What is kept of their refund lines, also where another version is somebody else's and has only carried it on.
_METADATA = " UNION ".join(
    f"""
    SELECT {{columns}}
    FROM line_versions AS own
    CROSS JOIN line_metadata AS theirs ON theirs.line_version = own.id
    CROSS JOIN line_versions AS same
        ON same.booking = own.booking AND same.refund_id = own.refund_id AND same.{versions}
    CROSS JOIN line_metadata AS held ON held.line_version = same.id AND held.metadata = theirs.metadata
    WHERE own.customer = :customer
    """
    for versions in ("version = 1", "version > 1")  # a partial index finds each
)


def _others_have(connection: sqlite3.Connection, text: str, customer: int) -> bool:
    """Whether somebody or something else has this text too, if only as a part of a longer one."""
    columns = " OR ".join(f"instr({column}, :text)" for column in _TELLING)
    sql = f"""
        SELECT
            EXISTS (SELECT 1 FROM customers WHERE id <> :customer AND ({columns}))
            OR EXISTS (SELECT 1 FROM bookings WHERE instr(booking_id, :text))
            OR EXISTS (
                SELECT 1 FROM line_metadata
                WHERE instr(metadata, :text)
                    AND line_version NOT IN ({_METADATA.format(columns="held.line_version")})
            )
    """
    return bool(connection.execute(sql, {"customer": customer, "text": text}).fetchone()[0])


def remains(path: Path, gone: Collection[bytes]) -> bool:
    """Whether the ledger's file still has any of these bytes, in a part of a page that is not used any more.

    SQLite overwrites what it deletes, but not what it has moved within a page before. Only while no connection of this
    process has the file open: closing it would drop SQLite's locks.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(text) >= 0 for text in gone)


def rewrite(connection: sqlite3.Connection) -> None:
    """Write the whole file anew, with nothing in it but what is there; outside of any transaction."""
    connection.execute("VACUUM")


def blank_bookings(staged: StagedBookings) -> int:
    """Make staged rows of people who were erased say nothing of the person; give their number.

    They are found by the id that the file gives, or by what stands for it where it gives none.
    """
    if not _register(staged.connection):
        return 0
    return staged.connection.execute(
        f"""
        UPDATE staged
        SET
            customer_id = erased_as(customer_id), metadata = NULL,
            {", ".join(f"{name} = NULL" for name in PERSON_COLUMNS)}
        WHERE {_ERASED.format(table="staged")}
        """
    ).rowcount


def blank_people(staged: StagedPeople) -> int:
    """The same for the people that files of people speak of; gives the number of rows about them."""
    if not _register(staged.connection):
        return 0
    blank = ", ".join(f"{name} = NULL" for name in PEOPLE_COLUMNS)
    rows = staged.connection.execute(
        f"""
        UPDATE found_people SET customer_id = erased_as(customer_id), {blank}
        WHERE {_ERASED.format(table="found_people")} RETURNING rows
        """
    )
    return sum(row[0] for row in rows.fetchall())


# Most ids are known, which an index tells at once; those of erased people never are.
_ERASED = """
    (
        NOT EXISTS (SELECT 1 FROM customers WHERE customers.customer_id = {table}.customer_id)
        OR EXISTS (
            SELECT 1 FROM customers CROSS JOIN erasures ON erasures.customer = customers.id
            WHERE customers.customer_id = {table}.customer_id
        )
    )
    AND erased_as({table}.customer_id) IS NOT NULL
"""


def _register(connection: sqlite3.Connection) -> bool:
    """Give the connection erased_as(ID): an erased person's pseudonym, else NULL; False where nobody was erased."""
    if not any_rows(connection, "erasures"):  # else 5% of a run
        return False
    ledger_id = connection.execute("SELECT ledger_id FROM ledger").fetchone()[0]
    known = {
        row[0]
        for row in connection.execute(
            "SELECT customer_id FROM erasures CROSS JOIN customers ON customers.id = erasures.customer"
        )
    }

    def erased_as(customer_id: str) -> str | None:
        found = customer_id if customer_id in known else pseudonym_in(ledger_id, customer_id)
        return found if found in known else None

    connection.create_function("erased_as", 1, erased_as, deterministic=True)
    return True
