"""What may be wrong with the books: findings, and checks, each a query that finds nothing while all is in order."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

MOST_OF_ONE_KIND = 100  # a damaged page may hit thousands of rows; the first ones tell enough


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the books."""

    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """As it stands in JSON output."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class BooksCheck:
    """Something that must be true of all rows: `sql` gives those of which it isn't, and `sentence` is told of each.

    `of` are the tables and contra accounts that it is about, with spaces between them: where none of them has a row,
    nothing is asked. About nothing in particular, it is always asked.
    """

    code: str
    sentence: str
    of: str
    sql: str


def broken(
    connection: sqlite3.Connection, checks: Sequence[BooksCheck], present: Collection[str] = ()
) -> Iterator[Finding]:
    """What the checks find; `present` are the tables and accounts that have any rows."""
    for check in checks:
        if check.of and not {*check.of.split()} & {*present}:
            continue
        for row in connection.execute(check.sql).fetchmany(MOST_OF_ONE_KIND):
            yield Finding(check.code, check.sentence.format(*row))
