"""Files for the bank: which debts each orders to be paid, whether it is in its place, and what the bank rejected."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.errors import Busy
from refundctl.ledger.cash.debts import Debt, debts_numbered
from refundctl.ledger.database.sql import any_rows, first_column


@dataclass(frozen=True, slots=True)
class CashFile:
    """A file for the bank as it was reserved: `path` is absolute, `reserved_at` RFC 3339 in UTC."""

    number: int
    path: str
    format: str
    run_id: int
    reserved_at: str


_FILES = """
    SELECT cash_files.id, path, format, run_id, started_at
    FROM cash_files JOIN runs ON runs.id = cash_files.run_id
"""


def open_file(connection: sqlite3.Connection) -> CashFile | None:
    """The file for the bank that was reserved and is not in its place yet."""
    row = connection.execute(f"{_FILES} WHERE cash_files.id NOT IN (SELECT cash_file FROM cash_deliveries)").fetchone()
    return None if row is None else CashFile(*row)


def is_delivered(connection: sqlite3.Connection, file: CashFile) -> bool:
    """Whether a file was marked as in place, perhaps by another process."""
    return any_rows(connection, "cash_deliveries WHERE cash_file = ?", (file.number,))


def debts_in(connection: sqlite3.Connection, cash_file: int) -> list[Debt]:
    """The debts that a file for the bank pays, in the order of their ids."""
    return list(debts_numbered(connection, debts_ordered_in(connection, cash_file)).values())


@dataclass(frozen=True, slots=True)
class DeliveredBankFile:
    """What was last put in a place: its run, and the SHA-256 of the file in hexadecimal."""

    run_id: int
    sha256: str


def last_delivered(connection: sqlite3.Connection, path: str) -> DeliveredBankFile | None:
    """The last file for the bank that was put in this place, None where none was."""
    row = connection.execute(
        """
        SELECT cash_files.run_id, cash_deliveries.files ->> '$[0].sha256'
        FROM cash_deliveries JOIN cash_files ON cash_files.id = cash_deliveries.cash_file
        WHERE path = ? ORDER BY cash_deliveries.id DESC LIMIT 1
        """,
        (path,),
    ).fetchone()
    return None if row is None else DeliveredBankFile(*row)


@dataclass(frozen=True, slots=True)
class CashOrder:
    """A debt's place in a file for the bank; `delivered` is whether the file is known to be in its place."""

    number: int
    debt: int
    cash_file: int
    path: str
    rejected: bool
    delivered: bool


_ORDERS = """
    SELECT
        cash_orders.id, debt, cash_file, path, EXISTS (SELECT 1 FROM cash_rejections WHERE cash_order = cash_orders.id),
        EXISTS (SELECT 1 FROM cash_deliveries WHERE cash_deliveries.cash_file = cash_orders.cash_file)
    FROM cash_orders JOIN cash_files ON cash_files.id = cash_file
"""


def orders_of(connection: sqlite3.Connection, numbers: Collection[int]) -> Mapping[int, Sequence[CashOrder]]:
    """Every order of these debts, under the debt's id, the oldest first."""
    found: dict[int, list[CashOrder]] = {}
    rows = connection.execute(
        f"{_ORDERS} WHERE debt IN (SELECT value FROM json_each(?)) ORDER BY cash_orders.id",
        (json.dumps(sorted(numbers)),),
    )
    for number, debt, cash_file, path, rejected, delivered in rows:
        found.setdefault(debt, []).append(CashOrder(number, debt, cash_file, path, bool(rejected), bool(delivered)))
    return found


def debts_ordered_in(connection: sqlite3.Connection, cash_file: int) -> list[int]:
    """The ids of the debts in a file for the bank, in order; none where there is no such file."""
    return first_column(connection, "SELECT debt FROM cash_orders WHERE cash_file = ? ORDER BY debt", (cash_file,))


def reserve(
    connection: sqlite3.Connection, *, path: str, format_: str, debts: Iterable[int], run_id: int, now: str
) -> CashFile:
    """Reserve debts for one file for the bank; the schema refuses any that is in another, or has ended."""
    number = connection.execute(
        "INSERT INTO cash_files (path, format, run_id) VALUES (?, ?, ?) RETURNING id", (path, format_, run_id)
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO cash_orders (cash_file, debt, run_id) VALUES (?, ?, ?)",
        ((number, debt, run_id) for debt in sorted(debts)),
    )
    return CashFile(number, path, format_, run_id, now)


def mark_delivered(
    connection: sqlite3.Connection, file: CashFile, files: Sequence[Mapping[str, Any]], run_id: int
) -> None:
    """The file for the bank is complete and in place. Raises Busy where that was noted meanwhile."""
    if is_delivered(connection, file):
        raise Busy(f"{file.path} was finished by another process meanwhile: there is nothing left to do.")
    connection.execute(
        "INSERT INTO cash_deliveries (cash_file, files, run_id) VALUES (?, ?, ?)",
        (file.number, json.dumps(files, separators=(",", ":"), sort_keys=True), run_id),
    )


def reject(connection: sqlite3.Connection, order: int, reference: str | None, run_id: int) -> None:
    """The bank has rejected an order: its debt is open again."""
    connection.execute(
        "INSERT INTO cash_rejections (cash_order, reference, run_id) VALUES (?, ?, ?)", (order, reference, run_id)
    )
