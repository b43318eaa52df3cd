"""Seals: a digest over the rows of each run and the seal before it, so that no row of the past changes unseen.

How rows become bytes is fixed by ENCODING; columns that are added later don't break old seals. The chain shows
tampering only against a seal that was kept elsewhere, such as the one in manifest.json.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from refundctl.domain.basics.errors import BadInput

ENCODING = 1
ROWS_PER_READ = 5_000
WORTHWHILE_BYTES = 64 * 1024  # below this, handing a text to another thread takes longer than digesting it
BEFORE_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table of facts, with the columns that are sealed, as SQL. Every row has an id, and names its run in run_id."""

    name: str
    columns: str


# Encoding 1: each row as SQLite's json_array() of these columns, in order of the key, one a line.
TABLES = (
    SealedTable("campaigns", "id, name, currency"),
    SealedTable("definitions", "id, campaign, definition"),
    SealedTable("segments", "id, source, status, channel, category, tier, country, accepted"),
    SealedTable("bookings", "id, booking_id"),
    SealedTable("customer_versions", "id, customer, hex(digest)"),
    SealedTable(
        "line_versions",
        "id, booking, refund_id, version, customer, order_amount_minor, refund_amount_minor, cash_amount_minor, "
        "bonus_amount_minor, currency, booked_at, cancelled_at, tickets, segment, hex(metadata_digest), withdrawn",
    ),
    SealedTable("cards", "id, campaign, code, customer, booking, ordinal, expires_on, printed"),
    SealedTable("assignments", "id, card, campaign, customer, booking, ordinal, expires_on"),
    SealedTable("extensions", "id, card, expires_on"),
    SealedTable(
        "transactions",
        "id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, reason, "
        "related_transaction",
    ),
    SealedTable("batches", "id, campaign, tool, directory, file_name, everyone, last_transaction"),
    SealedTable("batch_ranges", "id, batch, campaign, tool, first_transaction, last_transaction"),
    SealedTable("deliveries", "id, batch, files"),
    SealedTable("undoings", "id, undone_run, reason"),
    SealedTable("undone_lines", "id, line, undone_run"),
    SealedTable("reopenings", "id, undone_run"),
    SealedTable("card_events", "id, card, event, reason"),
    SealedTable("campaign_events", "id, campaign, event, reason"),
    SealedTable("approvals", "id, plan, campaign"),
    SealedTable("applied_plans", "id, plan, approval"),
    SealedTable("activations", "id, card, expires_on"),
    SealedTable("transfers", "id, card, successor, reason"),
    SealedTable("pins", "id, card, method, hex(salt), hex(hash)"),
    SealedTable("redemptions", "id, card, customer, invoice, order_total_minor, pin, redeemed_at"),
    SealedTable("rollbacks", "id, redemption, reason"),
    SealedTable("refused_redemptions", "id, card, invoice, amount_minor, error_code"),
    SealedTable("cashouts", "id, card, reason"),
    SealedTable("cash_outcomes", "id, debt, outcome, reference"),
    SealedTable("cash_files", "id, path, format"),
    SealedTable("cash_orders", "id, cash_file, debt"),
    SealedTable("cash_rejections", "id, cash_order, reference"),
    SealedTable("cash_deliveries", "id, cash_file, files"),
    SealedTable("idempotency_keys", "id, idempotency_key, arguments, answer"),
    SealedTable("erasures", "id, customer"),
)

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor
    from hashlib import _Hash as Hash

Marks = Mapping[str, int]  # the highest key of each table before a run wrote to it
RunRows = dict[int, tuple[int, str]]  # run -> how many rows it wrote to a table, and their digest


@dataclass(frozen=True, slots=True)
class Seal:
    """The state of the books after a run, in a line that can be kept elsewhere."""

    ledger_id: str
    number: int
    run_id: int
    digest: str

    def __str__(self) -> str:
        return f"refundctl-seal {self.ledger_id} {self.number} {self.run_id} {self.digest}"


_SEAL_LINE = re.compile(r"refundctl-seal ([0-9a-f]{32}) ([0-9]{1,18}) ([0-9]{1,18}) ([0-9a-f]{64})")


def parse_seal(text: str, name: str) -> Seal:
    """Find the seal in `text`: the line that verify prints, or a manifest.json. Raises BadInput where there is none."""
    found = _SEAL_LINE.search(text)
    if found is None:
        raise BadInput(
            f"{name} holds no seal: name a file with the line that `refundctl verify` printed, or a manifest.json.",
            code="no_seal",
        )
    return Seal(found[1], int(found[2]), int(found[3]), found[4])


def marks(connection: sqlite3.Connection) -> Marks:
    """The highest key of each sealed table now: what comes after belongs to the run that is about to write."""
    names = [table.name for table in TABLES]
    return dict(zip(names, connection.execute(_HIGHEST).fetchone(), strict=True))


# In one statement, as a single redemption asks for it twice.
_HIGHEST = f"SELECT {', '.join(f'(SELECT coalesce(max(id), 0) FROM {table.name})' for table in TABLES)}"


def seal_run(connection: sqlite3.Connection, run_id: int, since: Marks) -> Seal:
    """Seal what `run_id` wrote after `since`; the caller holds the transaction and writes nothing more for this run."""
    digests = {}
    now = marks(connection)
    for table in TABLES:
        if now[table.name] == since[table.name]:
            continue
        found = _digests(connection, table, after=since[table.name], only_run=run_id)
        if run_id in found:
            digests[table.name] = found[run_id]
    number, previous = _last(connection)
    digest = chained(connection, run_id, previous, digests)
    connection.execute(
        "INSERT INTO seals (id, run_id, encoding, digest) VALUES (?, ?, ?, ?)",
        (number + 1, run_id, ENCODING, digest),
    )
    return Seal(ledger_id(connection), number + 1, run_id, digest)


def last_seal(connection: sqlite3.Connection) -> Seal | None:
    """The newest seal, or None in a ledger without runs."""
    row = connection.execute("SELECT id, run_id, digest FROM seals ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else Seal(ledger_id(connection), *row)


def seal_of_run(connection: sqlite3.Connection, run_id: int) -> Seal | None:
    """The seal that closed a run."""
    row = connection.execute("SELECT id, run_id, digest FROM seals WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else Seal(ledger_id(connection), *row)


def ledger_id(connection: sqlite3.Connection) -> str:
    """The random name that a ledger gets when it is made: 32 hexadecimal digits."""
    row = connection.execute("SELECT ledger_id FROM ledger").fetchone()
    return "" if row is None else str(row[0])


def digests_by_run(connection: sqlite3.Connection) -> dict[str, RunRows]:
    """For each sealed table, the digest of each run's rows, as they now stand in the file."""
    return {table.name: _digests(connection, table) for table in TABLES}


def chained(connection: sqlite3.Connection, run_id: int, previous: str, digests: Mapping[str, tuple[int, str]]) -> str:
    """The digest of a run: what the ledger is, the run's row and outcome, its rows in each table, the seal before."""
    head = connection.execute(
        """
        SELECT json_array(
            runs.id, parent_run_id, command, campaign, operator, user_id, host, program, arguments, started_at,
            status, counts, totals, files, finished_at
        )
        FROM runs LEFT JOIN run_outcomes ON run_outcomes.run_id = runs.id
        WHERE runs.id = ?
        """,
        (run_id,),
    ).fetchone()
    rows = [[table.name, *digests[table.name]] for table in TABLES if table.name in digests]
    ledger = connection.execute("SELECT json_array(ledger_id, clock, created_at, made_by) FROM ledger").fetchone()
    text = json.dumps([ENCODING, ledger and ledger[0], previous, head and head[0], rows], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _last(connection: sqlite3.Connection) -> tuple[int, str]:
    row = connection.execute("SELECT id, digest FROM seals ORDER BY id DESC LIMIT 1").fetchone()
    return (0, "") if row is None else (row[0], row[1])


def _digests(
    connection: sqlite3.Connection, table: SealedTable, *, after: int = BEFORE_ALL, only_run: int | None = None
) -> RunRows:
    """Digest a table's rows per run, reading a few thousand at a time so that memory stays flat."""
    counts: Counter[int] = Counter()
    hashes: defaultdict[int, Hash] = defaultdict(hashlib.sha256)
    with _Digesting() as digesting:
        for run_id, count, text in _texts(connection, table, after, only_run):
            counts[run_id] += count
            digesting.update(hashes[run_id], text + b"\n")
    return {run_id: (counts[run_id], found.hexdigest()) for run_id, found in hashes.items()}


class _Digesting:
    """Digests a page of rows while SQLite puts the next one together: neither needs Python meanwhile."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._before: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def update(self, digest: "Hash", text: bytes) -> None:
        """Add to a digest, in order."""
        if self._before is not None:
            self._before.result()
            self._before = None
        if len(text) < WORTHWHILE_BYTES:
            digest.update(text)
            return
        if self._thread is None:  # only for much: importing it alone takes longer than a single card's redemption
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1)
        self._before = self._thread.submit(digest.update, text)


def _texts(
    connection: sqlite3.Connection, table: SealedTable, after: int, only_run: int | None
) -> Iterator[tuple[int, int, bytes]]:
    """Yield (run, number of rows, their text); most pages hold one run and are put together by SQLite."""
    page = f"""
        SELECT id AS key, run_id AS run, json_array({table.columns}) AS row
        FROM {table.name}
        WHERE id >= coalesce(:lowest, :after + 1) AND (:run IS NULL OR run_id = :run)
        ORDER BY id LIMIT {ROWS_PER_READ}
    """
    whole = f"""
        SELECT count(*), max(key), min(run), max(run), CAST(group_concat(row, char(10)) AS BLOB) FROM ({page})
    """
    first = True
    while True:
        # Nothing is below the lowest id that SQLite knows, so the first page of all rows begins with it.
        bounds = {"after": after, "run": only_run, "lowest": after if first and after == BEFORE_ALL else None}
        first = False
        count, after, lowest_run, highest_run, text = connection.execute(whole, bounds).fetchone()
        if not count:
            return
        if lowest_run == highest_run:
            yield lowest_run, count, text
        else:
            yield from ((run_id, 1, row.encode()) for _, run_id, row in connection.execute(page, bounds))
