"""People who were read and found well-formed, waiting in a temporary table before the write transaction begins.

Their rejects wait where those of bookings do, so that `staging.count_rejects` and `staging.rejects_of` tell of both.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

from refundctl.ledger.bookings.staged_bookings import PERSON_COLUMNS, Staging
from refundctl.ledger.file.sql import run_script

# What files of people say, in the order of `customers`; a booking keeps its country itself.
PEOPLE_COLUMNS = (*PERSON_COLUMNS, "country")
_STAGED = ("customer_id", *PEOPLE_COLUMNS)
_TABLES = f"""
    DROP TABLE IF EXISTS temp.staged_people;
    DROP TABLE IF EXISTS temp.found_people;
    DROP TABLE IF EXISTS temp.contradicted_people;
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
class PeopleStaging:
    """Collects the people of one call, which may read several files."""

    connection: sqlite3.Connection
    _rejects: Staging = field(init=False)

    def __post_init__(self) -> None:
        self._rejects = Staging(self.connection)
        run_script(self.connection, _TABLES)

    def begin_file(self) -> None:
        """What is added next comes from one file."""
        self.connection.execute("BEGIN")

    def end_file(self) -> None:
        """The file is read to its end."""
        self.connection.execute("COMMIT")

    def add(self, file: int, lines: Sequence[int], columns: Mapping[str, Sequence[str | None]]) -> None:
        """Stage rows of input number `file`, given as columns under their canonical names."""
        names = [name for name in _STAGED if name in columns]
        self.connection.executemany(
            f"INSERT INTO staged_people (file, physical_line, {', '.join(names)}) VALUES (?, ?{', ?' * len(names)})",
            zip(repeat(file, len(lines)), lines, *(columns[name] for name in names), strict=True),
        )

    def reject(self, file: int, rejected: Sequence[tuple[int, str, str, str]]) -> None:
        """Note rows that the file alone shows to be wrong: (physical line, field, code, reason)."""
        self._rejects.reject(file, rejected)


def find_people(connection: sqlite3.Connection) -> int:
    """Put the rows about each customer together; give how many went into another one.

    Where rows say different things of a customer, all of them become rejects. Which row comes first never matters: what
    rows say is either the same, or said by some of them only.
    """
    differs = " ".join(f"WHEN min({name}) <> max({name}) THEN '{name}'" for name in PEOPLE_COLUMNS)
    connection.execute(
        f"""
        INSERT INTO found_people (customer_id, {", ".join(PEOPLE_COLUMNS)}, rows, differs)
        SELECT customer_id, {", ".join(f"max({name})" for name in PEOPLE_COLUMNS)}, count(*), CASE {differs} END
        FROM staged_people GROUP BY customer_id ORDER BY customer_id
        """
    )
    if connection.execute("SELECT EXISTS (SELECT 1 FROM found_people WHERE differs IS NOT NULL)").fetchone()[0]:
        _reject_contradictions(connection)
    return int(connection.execute("SELECT coalesce(sum(rows - 1), 0) FROM found_people").fetchone()[0])


def _reject_contradictions(connection: sqlite3.Connection) -> None:
    # An id that was made of an e-mail is one, and stays out of every message.
    run_script(
        connection,
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
