"""The books as anyone can look at them: through plain sqlite3 on the ledger's file, never through the program."""

import csv
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from support.command_line import CommandLine, small_campaigns

LEDGER = "refunds.db"
BEFORE_RELEASE = "2020-05-01T12:00:00Z"
LATER = "2020-06-10T12:00:00Z"

# Drawn by chance, or a digest of what is: two ledgers that say the same differ in these and in nothing else.
DRAWN = {
    "ledger": {"ledger_id"},
    "seals": {"digest"},
    "customers": {"salt"},
    "customer_versions": {"digest"},
    "line_versions": {"metadata_digest"},
    "line_metadata": {"salt"},
    "cards": {"code"},
    "codes": {"code_key"},
}
# Hold the mail file's digest, which depends on the codes.
NAMES_FILES = {"run_outcomes", "deliveries"}
# The account of what was tried, and sqlite-utils' own account of migrations with its times.
NO_FACTS = {"attempts", "_sqlite_migrations"}

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")

Row = tuple[Any, ...]


def schema_as_written() -> sqlite3.Connection:
    """An empty ledger in memory, made from the program's own SQL by sqlite3 alone."""
    connection = sqlite3.connect(":memory:")
    for file in schema_files():
        connection.executescript(file.read_text(encoding="utf-8"))
    return connection


def schema_files() -> list[Traversable]:
    folder = resources.files("refundctl.ledger.database").joinpath("schema_sql")
    return sorted(folder.iterdir(), key=lambda file: file.name)


def tables_as_written() -> list[str]:
    with closing(schema_as_written()) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]


def columns_as_written() -> list[tuple[str, str]]:
    """Every column of every table."""
    with closing(schema_as_written()) as connection:
        return [
            (table, row[1])
            for table in tables_as_written()
            for row in connection.execute(f'PRAGMA table_info("{table}")')
        ]


def foreign_keys_as_written() -> list[tuple[str, str]]:
    """Every column that names a row of a table."""
    with closing(schema_as_written()) as connection:
        return [
            (table, row[3])
            for table in tables_as_written()
            for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')
        ]


def look_into(path: Path) -> "closing[sqlite3.Connection]":
    """The ledger, to be read as any SQLite tool would: once for many questions, as each opening reads the whole schema."""
    return closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))


def read(path: Path, sql: str, *parameters: object) -> list[Row]:
    """What any SQLite tool would see."""
    with look_into(path) as books:
        return books.execute(sql, parameters).fetchall()


def number(path: Path, sql: str, *parameters: object) -> int:
    """The one whole number that a query gives."""
    [(value,)] = read(path, sql, *parameters)
    assert isinstance(value, int), f"{sql} gave {value!r}"
    return value


def tables(path: Path) -> list[str]:
    with look_into(path) as books:
        return _tables(books)


def _tables(books: sqlite3.Connection) -> list[str]:
    return [name for (name,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def facts(path: Path) -> dict[str, list[Row]]:
    """Every row of every table, but for what is drawn by chance and for what was only tried."""
    with look_into(path) as books:
        return {name: _rows_said(books, path.parent, name) for name in _tables(books) if name not in NO_FACTS}


def _rows_said(books: sqlite3.Connection, folder: Path, table: str) -> list[Row]:
    columns = [name for _, name, *_ in books.execute(f'PRAGMA table_info("{table}")')]
    kept = ", ".join(f'"{name}"' for name in columns if name not in DRAWN.get(table, set()))
    rows = books.execute(f'SELECT {kept} FROM "{table}"')
    return sorted((tuple(_said(value, str(folder), table) for value in row) for row in rows), key=repr)


def _said(value: object, folder: str, table: str) -> object:
    """A value without what names the folder of this test, or a mail file's digest."""
    if not isinstance(value, str):
        return value
    text = value.replace(folder, "FOLDER")
    return _SHA256.sub("...", text) if table in NAMES_FILES else text


def everything(path: Path, but: Collection[str] = ()) -> dict[str, list[Row]]:
    """Every value in the file, secrets too, but for some tables: equal before and after where nothing may have changed."""
    with look_into(path) as books:
        names = [name for name in _tables(books) if name not in but]
        return {name: sorted(books.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


# The same by the names that people use, for ledgers in which the same was said in another order.
BY_NAME = {
    "customers": """
        SELECT customer_id, email, name, phone, locale, marketing_consent, country, from_people_file FROM customers
    """,
    "lines": """
        SELECT
            booking_id, refund_id, version, customer_id, order_amount_minor, refund_amount_minor, currency,
            cash_amount_minor, bonus_amount_minor, booked_at, cancelled_at, tickets, source, status, channel, category,
            tier, segments.country, accepted
        FROM refund_lines
        JOIN customers ON customers.id = refund_lines.customer
        JOIN segments ON segments.id = refund_lines.segment
    """,
    "cards": """
        SELECT campaign, customer_id, booking_id, published_at, expires_on
        FROM publications JOIN card_expiries ON 'c' || card_expiries.card = card_id
    """,
    "credits": """
        SELECT
            statement.campaign, lines.booking_id, lines.refund_id, publications.customer_id, publications.booking_id,
            statement.type, statement.bucket, statement.amount_minor, statement.currency, statement.contra_account,
            transactions.entry
        FROM statement
        JOIN transactions ON transactions.id = statement.id
        JOIN refund_lines AS lines ON lines.line = transactions.line
        LEFT JOIN publications ON publications.card_id = statement.card_id
    """,
    "runs": """
        SELECT command, campaign, status, counts, totals FROM runs JOIN run_outcomes ON run_outcomes.run_id = runs.id
    """,
}


def said(path: Path) -> dict[str, list[Row]]:
    """What the ledger says of people, refund lines, cards and money, whatever numbers its rows have."""
    with look_into(path) as books:
        return {name: sorted(books.execute(sql), key=repr) for name, sql in BY_NAME.items()}


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """Change the ledger as a clever person would: without constraints, every trigger put back as it was."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("BEGIN IMMEDIATE")
        # All at once: to drop and to make each of them takes longer than all else that a test does to the books.
        triggers = connection.execute("SELECT * FROM sqlite_master WHERE type = 'trigger'").fetchall()
        connection.execute("DELETE FROM sqlite_master WHERE type = 'trigger'")
        connection.execute("PRAGMA writable_schema = RESET")
        yield connection
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", triggers)
        connection.execute("COMMIT")


def copy_to(path: Path, target: Path) -> Path:
    target.write_bytes(path.read_bytes())
    return target


HEADER = "booking_id,refund_id,customer_id,email,name,order_amount,refund_amount,currency,status,tickets,hotel\n"
FIRST_FILE = HEADER + (
    "B1,,ana,ana@example.com,Ana Nowak,100.00,100.00,EUR,cancelled,1,City\n"
    "B2,one,bo,bo@example.com,Bo Silva,90.00,30.00,EUR,cancelled,2,Resort\n"
    "B2,two,bo,bo@example.com,Bo Silva,90.00,60.00,EUR,cancelled,2,Resort\n"
    "B3,,cy,,Cy Öberg,55.50,55.50,EUR,confirmed,3,City\n"
    "B4,,dee,dee@example.com,Dee García,10.00,10.00,EUR,confirmed,4,Resort\n"
)
SECOND_FILE = HEADER + (
    "B3,,cy,,Cy Öberg,55.50,55.50,EUR,cancelled,3,City\n"
    "B4,,dee,dee@example.org,Dee García,10.00,10.00,EUR,confirmed,5,Resort\n"
    "B5,,ana,ana@example.com,Ana Nowak,20.00,20.00,EUR,cancelled,1,City\n"
    "B6,,bo,bo@example.com,Bo Silva,7.25,7.25,EUR,cancelled,1,City\n"
)
# Polish zloty: on cards of a pool, with parts owed in cash and as bonus; P2 wholly in cash.
THIRD_FILE = (
    "booking_id,customer_id,email,order_amount,cash_amount,bonus_amount,currency,status,hotel\n"
    "P1,ana,ana@example.com,80.00,30.00,5.00,PLN,cancelled,City\n"
    "P2,bo,bo@example.com,40.00,40.00,,PLN,cancelled,City\n"
    "P3,dee,dee@example.org,60.00,,2.50,PLN,cancelled,City\n"
    "P4,eve,eve@example.com,25.00,10.00,,PLN,cancelled,City\n"
)
PRINTED_CODES = "code\nK7QD-2MXW-9RTB-4HCN-P\nZ3FG-8VJY-5TKA-6WQE-R\n"
_SOURCE = "sources:\n  default: {metadata: [hotel]}\n"


def make_full_books(cli: CommandLine, folder: Path) -> Path:
    """A ledger with at least two rows in each table (but `ledger`): months of work in a few commands."""
    campaigns = folder / "campaigns.yaml"
    (folder / "first.csv").write_text(FIRST_FILE, encoding="utf-8")
    (folder / "second.csv").write_text(SECOND_FILE, encoding="utf-8")
    (folder / "third.csv").write_text(THIRD_FILE, encoding="utf-8")
    (folder / "printed.csv").write_text(PRINTED_CODES, encoding="utf-8")
    campaigns.write_text(_SOURCE + small_campaigns(card_per="customer"), encoding="utf-8")
    run = ("run", "flight-refunds")
    cli(*run, "first.csv", "--out", "out/may", now=BEFORE_RELEASE).ok()
    assert cli("load", "first.csv", "--expect-count", "99", now=BEFORE_RELEASE).exit == 4
    assert cli("load", "first.csv", "--expect-total", "EUR 1.00", now=BEFORE_RELEASE).exit == 4
    cli(*run, "second.csv", "--out", "out/june", now=LATER).ok()
    pool = {"type": "STATIC", "vouchers_count": 2}
    other = small_campaigns("goodwill", currency="PLN", card_per="booking", **pool).partition("campaigns:\n")[2]
    changed = small_campaigns(card_per="customer", description="Flights of April")
    campaigns.write_text(_SOURCE + changed + other, encoding="utf-8")
    cli("create", "flight-refunds", now=LATER).ok()
    cli("create", "goodwill", "--codes", "printed.csv", now=LATER).ok()
    cli("run", "goodwill", "third.csv", "--out", "out/goodwill", now=LATER).ok()
    cli("export", "mail", "flight-refunds", "-o", "again.csv", "--all", now=LATER).ok()
    return folder / LEDGER


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by their headers."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def minor(text: str) -> int:
    """`12.50` in cents, for amounts of two decimals."""
    whole, _, cents = text.partition(".")
    assert len(cents) == 2, f"{text} has no two decimals"
    return int(whole) * 100 + int(cents)


def cents(amount_minor: int) -> str:
    """1250 as `12.50`."""
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"
