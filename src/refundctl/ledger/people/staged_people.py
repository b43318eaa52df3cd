"""People who were read and found well-formed, waiting in temporary tables: StagedPeople is the door to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from refundctl.ledger.bookings.staged_bookings import PERSON_COLUMNS
from refundctl.ledger.bookings.staged_rows import StagedTexts
from refundctl.ledger.database.sql import any_rows, run_script

# What files of people say, in the order of `customers`; a booking keeps its country itself.
PEOPLE_COLUMNS = (*PERSON_COLUMNS, "country")
_TABLES = f"""
    CREATE TEMP TABLE staged_people (
        file INTEGER NOT NULL, physical_line INTEGER NOT NULL, customer_id TEXT NOT NULL,
        {", ".join(f"{name} TEXT" for name in PEOPLE_COLUMNS)}
    );
    -- each customer once, in order of their ids, with what all rows about them say
    CREATE TEMP TABLE found_people (
        id INTEGER PRIMARY KEY, customer_id TEXT NOT NULL, {", ".join(f"{name} TEXT" for name in PEOPLE_COLUMNS)},
        rows INTEGER NOT NULL, differs TEXT
    );
    -- customers whose rows contradict each other, and the first field in which they do
    CREATE TEMP TABLE contradicted_people (customer_id TEXT PRIMARY KEY, differs TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(slots=True)
class StagedPeople(StagedTexts):
    """The people of one call; find_people() fills `found_people`, which who erases and who posts read."""

    tables: ClassVar[str] = _TABLES
    table: ClassVar[str] = "staged_people"
    columns: ClassVar[Sequence[str]] = ("customer_id", *PEOPLE_COLUMNS)


def find_people(staged: StagedPeople) -> int:
    """Put the rows about each customer together; give how many went into another one.

    Where rows say different things of a customer, all of them become rejects; which row comes first never matters.
    """
    connection = staged.connection
    differs = " ".join(f"WHEN min({name}) <> max({name}) THEN '{name}'" for name in PEOPLE_COLUMNS)
    connection.execute(
        f"""
        INSERT INTO found_people (customer_id, {", ".join(PEOPLE_COLUMNS)}, rows, differs)
        SELECT customer_id, {", ".join(f"max({name})" for name in PEOPLE_COLUMNS)}, count(*), CASE {differs} END
        FROM staged_people GROUP BY customer_id ORDER BY customer_id
        """
    )
    if any_rows(connection, "found_people WHERE differs IS NOT NULL"):
        _reject_contradictions(staged)
    return int(connection.execute("SELECT coalesce(sum(rows - 1), 0) FROM found_people").fetchone()[0])


def _reject_contradictions(staged: StagedPeople) -> None:
    # An id that was made of an e-mail is one, and stays out of every message.
    run_script(
        staged.connection,
        """
        INSERT INTO contradicted_people SELECT customer_id, differs FROM found_people WHERE differs IS NOT NULL;
        INSERT INTO rejected (file, physical_line, field, code, reason)
        SELECT
            file, physical_line, differs, 'contradiction',
            'the rows about ' || iif(instr(customer_id, '@'), 'this customer', 'customer ' || customer_id)
                || ' name more than one ' || differs || '; keep the right one'
        FROM staged_people CROSS JOIN contradicted_people USING (customer_id);
        DELETE FROM found_people WHERE differs IS NOT NULL;
        """,
    )
