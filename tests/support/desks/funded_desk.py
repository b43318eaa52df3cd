"""One run of three bookings, made once; each test gets a copy of its ledger in memory, with a transaction open on it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect
from typing import Any

from refundctl.ledger.database.connection import Clock, Ledger, closing_ledger, in_memory
from refundctl.ledger.journal.run_journal import Journal, Operator
from support.books import LEDGER
from support.command_line import CAMPAIGN, ThisProcess, small_campaigns
from support.desks.spending import spend

NOON = datetime(2020, 6, 1, 12, tzinfo=UTC)
# ana's card c1 gets 100.00; bo's c2 30.00, and 20.00 are owed in cash; dee has no address, her c3 gets 30.00 and a bonus.
BOOKINGS = """\
booking_id,customer_id,email,order_amount,cash_amount,bonus_amount,currency,status
B1,ana,ana@example.com,100.00,,,EUR,cancelled
B2,bo,bo@example.com,50.00,20.00,,EUR,cancelled
B3,dee,,30.00,,5.00,EUR,cancelled
"""


def make_funded_ledger(folder: Path) -> Path:
    """`run` the three bookings into a ledger in `folder`, and spend 25.00 of what ana has; gives its path."""
    (folder / "campaigns.yaml").write_text(small_campaigns(), encoding="utf-8")
    (folder / "bookings.csv").write_text(BOOKINGS, encoding="utf-8")
    ThisProcess(folder)("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOON.isoformat()).ok()
    spend(folder, "c1", 25_00)
    return folder / LEDGER


class FundedDesk:
    """A copy of those books; `run_id` is a run that has begun there."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.connection = ledger, ledger.connection
        self.journal = Journal(ledger, Operator("ann", 1, "desk"), "undo", {})
        self.run_id = self.journal.begin().run_id

    def step(self, command: str) -> int:
        """The number of the last run of a command."""
        [[number]] = self.read(f"SELECT max(id) FROM runs WHERE command = '{command}'")
        return int(number)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return self.connection.execute(sql).fetchall()

    def written(self, columns: str, table: str) -> list[tuple[Any, ...]]:
        """What the run that has begun has written to a table."""
        return self.read(f"SELECT {columns} FROM {table} WHERE run_id = {self.run_id} ORDER BY id")


@contextmanager
def at_funded_desk(made: Path) -> Iterator[FundedDesk]:
    with closing_ledger(in_memory(made, Clock(NOON, rehearsal=True))) as ledger:
        with closing(connect(made)) as source:
            source.backup(ledger.connection)
        with ledger.writing():
            yield FundedDesk(ledger)
