"""The schema itself: what it refuses, whoever writes; and which files are refused by the program."""

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from refundctl.ledger.database import schema
from support.books import (
    BEFORE_RELEASE,
    LEDGER,
    everything,
    foreign_keys_as_written,
    read,
    schema_as_written,
    schema_files,
    tables,
    tables_as_written,
)
from support.command_line import CAMPAIGN, CommandLine

ERASABLE = {"customers", "line_metadata"}  # people, and what may describe them
NOT_OURS = {"_sqlite_migrations"}  # sqlite-utils' own account
OBJECTS = """
    SELECT type, name, tbl_name, sql FROM sqlite_master
    WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' AND tbl_name <> '_sqlite_migrations' ORDER BY type, name
"""


TABLES = tables_as_written()
FACTS = [table for table in TABLES if table not in ERASABLE]


@pytest.fixture
def connection(books: Path) -> Iterator[sqlite3.Connection]:
    """A connection to full books with the settings of the program's own ones."""
    with closing(sqlite3.connect(books, isolation_level=None)) as opened:
        opened.execute("PRAGMA foreign_keys = ON")
        opened.execute("PRAGMA recursive_triggers = ON")
        yield opened


# --- What a ledger is ---


def test_a_ledger_built_from_nothing_is_the_schema_as_written(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init").ok()
    with closing(schema_as_written()) as written:
        assert read(tmp_path / LEDGER, OBJECTS) == written.execute(OBJECTS).fetchall()
    assert set(tables(tmp_path / LEDGER)) == {*TABLES, *NOT_OURS}


def test_each_migration_is_a_file_of_the_schema_folder() -> None:
    assert [f"{name}.sql" for name in schema.MIGRATIONS] == [file.name for file in schema_files()]


def test_the_books_of_these_tests_have_rows_in_every_table(books: Path) -> None:
    assert {name for name, rows in everything(books).items() if not rows} == set()


def test_a_ledger_names_itself_in_its_header(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init").ok()
    assert read(tmp_path / LEDGER, "PRAGMA application_id") == [(0x52464E44,)]
    assert (tmp_path / LEDGER).read_bytes()[68:72] == b"RFND"
    assert read(tmp_path / LEDGER, "PRAGMA user_version") == [(schema.SCHEMA_VERSION,)]


def test_a_ledger_is_one_file_in_journal_mode_delete(books: Path) -> None:
    assert read(books, "PRAGMA journal_mode") == [("delete",)]
    assert books.read_bytes()[18:20] == b"\x01\x01", "the header says that this is a write-ahead log's file"


def test_a_ledger_is_for_its_owner_alone_whatever_the_umask(run_in_process: CommandLine, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        run_in_process("init").ok()
    finally:
        os.umask(before)
    assert stat.filemode((tmp_path / LEDGER).stat().st_mode) == "-rw-------"


def test_no_journal_is_left_beside_a_ledger(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    assert sorted(path.name for path in tmp_path.iterdir()) == [campaigns.name, LEDGER]


def test_every_table_is_strict(books: Path) -> None:
    kinds = {name: strict for _, name, kind, _, _, strict in read(books, "PRAGMA table_list") if kind == "table"}
    assert {name for name in TABLES if not kinds[name]} == set()


# --- What the schema refuses ---


@pytest.mark.parametrize("table", FACTS)
def test_a_fact_can_not_be_changed(connection: sqlite3.Connection, table: str) -> None:
    column = connection.execute(f'PRAGMA table_info("{table}")').fetchall()[-1][1]
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        connection.execute(f'UPDATE "{table}" SET "{column}" = "{column}"')


@pytest.mark.parametrize("table", FACTS)
def test_a_fact_can_not_be_deleted(connection: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        connection.execute(f'DELETE FROM "{table}"')


@pytest.mark.parametrize("table", FACTS)
def test_a_fact_can_not_be_replaced(connection: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only|{REFUSED_ANYWAY.get(table, 'x')}"):
        connection.execute(f'INSERT OR REPLACE INTO "{table}" SELECT * FROM "{table}"')


SECOND_THOUGHTS = [
    "undoings",
    "undone_lines",
    "reopenings",
    "card_events",
    "campaign_events",
    "approvals",
    "applied_plans",
]
# What the desk writes: where something has a row once, and where it may have several.
ONCE_AT_THE_DESK = [
    "activations",
    "transfers",
    "redemptions",
    "rollbacks",
    "refused_redemptions",
    "cash_outcomes",
    "cash_rejections",
    "cash_deliveries",
    "idempotency_keys",
    "erasures",
]
AT_THE_DESK = [*ONCE_AT_THE_DESK, "pins", "cashouts", "cash_files", "cash_orders"]
# Another trigger may come first.
REFUSED_ANYWAY = {
    "batch_ranges": "in one batch of a mail tool only",
    "redemptions": "this card can't be redeemed",
    "cash_orders": "a debt in cash is paid once",
}


@pytest.mark.parametrize(
    "table",
    [
        *("runs", "run_outcomes", "seals", "ledger", "batches", "deliveries", "assignments", "campaigns"),
        *SECOND_THOUGHTS,
        *AT_THE_DESK,
    ],
)
def test_runs_and_seals_can_not_be_replaced_by_a_connection_that_asks_no_delete_trigger(
    books: Path, table: str
) -> None:
    with (
        closing(sqlite3.connect(books)) as connection,
        pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only|{REFUSED_ANYWAY.get(table, 'x')}"),
    ):
        connection.execute(f'INSERT OR REPLACE INTO "{table}" SELECT * FROM "{table}"')


@pytest.mark.parametrize(
    "table",
    [
        *("seals", "campaigns", "assignments", "deliveries"),
        *sorted({*SECOND_THOUGHTS} - {"campaign_events"}),
        *ONCE_AT_THE_DESK,
    ],
)
def test_they_can_not_be_replaced_by_a_row_of_another_number_either(books: Path, table: str) -> None:
    """SQLite would take the old row away for whatever key has to be unique."""
    with closing(sqlite3.connect(books)) as connection:
        columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != "id"]
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only|{REFUSED_ANYWAY.get(table, 'x')}"):
            connection.execute(
                f"INSERT OR REPLACE INTO {table} (id, {', '.join(columns)}) SELECT id + 1000, {', '.join(columns)} FROM {table}"
            )


@pytest.mark.parametrize(("table", "column"), foreign_keys_as_written())
def test_a_row_names_only_what_is_there(connection: sqlite3.Connection, table: str, column: str) -> None:
    key = connection.execute(f'SELECT name FROM pragma_table_info("{table}") WHERE pk = 1').fetchone()[0]
    connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_update")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute(
            f'UPDATE "{table}" SET "{column}" = 987654 WHERE "{key}" = (SELECT min("{key}") FROM "{table}")'
        )


LINE = {
    "booking": 1,
    "refund_id": "'another'",
    "version": 1,
    "customer": 1,
    "order_amount_minor": 500,
    "refund_amount_minor": 500,
    "cash_amount_minor": 100,
    "bonus_amount_minor": 50,
    "currency": "'EUR'",
    "segment": 1,
    "run_id": 1,
}


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
    connection.execute(f'INSERT INTO "{table}" ({", ".join(row)}) VALUES ({", ".join(map(str, row.values()))})')


def test_a_line_of_these_tests_would_be_taken(connection: sqlite3.Connection) -> None:
    insert(connection, "line_versions", LINE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_amount_minor": 0, "refund_amount_minor": 0},
        {"refund_amount_minor": 0},
        {"refund_amount_minor": -1},
        {"order_amount_minor": -5, "refund_amount_minor": -5},
        {"refund_amount_minor": 501},
        {"cash_amount_minor": -1},
        {"cash_amount_minor": 501},
        {"bonus_amount_minor": -1},
        {"currency": "'EU'"},
        {"currency": "'EURO'"},
        {"version": 0},
        {"tickets": -1},
        {"metadata_digest": "x'00'"},
    ],
)
def test_an_amount_that_can_not_be_owed_is_refused(connection: sqlite3.Connection, wrong: dict[str, object]) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(connection, "line_versions", {**LINE, **wrong})


@pytest.mark.parametrize("amount", ["12.5", "'12.50'", "'a lot'", "x'0c'", "1e30"])
def test_an_amount_is_a_whole_number(connection: sqlite3.Connection, amount: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
        insert(connection, "line_versions", {**LINE, "refund_amount_minor": amount})


@pytest.mark.parametrize(
    "again",
    [
        {"refund_id": "'one'", "booking": 2},
        {"refund_id": "''", "booking": 4, "version": 2},
    ],
    ids=["its first version", "a later version"],
)
def test_a_version_of_a_refund_line_stands_once(connection: sqlite3.Connection, again: dict[str, object]) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(connection, "line_versions", {**LINE, **again})


CREDIT = {
    "campaign": 1,
    "card": 1,
    "line": 5,  # of booking B4, which nobody has funded
    "type": "'CREDITS_ADDITION'",
    "bucket": "'paid'",
    "amount_minor": 1000,
    "contra_account": "'refunds_owed'",
    "entry": 1,
    "funding": 1,
    "run_id": 1,
}
CARD = {"id": 99, "campaign": 1, "code": "'RF-X'", "customer": 1, "booking": "NULL", "ordinal": 7, "run_id": 1}
NOT_FUNDED = {"entry": "NULL", "funding": "NULL"}
DEBIT = {
    **CREDIT,
    **NOT_FUNDED,
    "line": "NULL",
    "type": "'CREDITS_REDEMPTION'",
    "contra_account": "'sales'",
    "amount_minor": -1000,
}
CASH = {"card": "NULL", "bucket": "'cash'"}
FEE = {"card": "NULL", "bucket": "'fee'", "reason": "'service'"}
BONUS = {"bucket": "'bonus'", "contra_account": "'bonuses_owed'"}


def test_a_credit_of_these_tests_would_be_taken(connection: sqlite3.Connection) -> None:
    insert(connection, "transactions", CREDIT)


def test_a_line_may_be_funded_in_parts_the_first_of_which_stands_once(connection: sqlite3.Connection) -> None:
    insert(connection, "transactions", {**CREDIT, "amount_minor": 500})
    insert(connection, "transactions", {**CREDIT, **BONUS, "amount_minor": 100, "entry": 2})
    insert(connection, "transactions", {**CREDIT, **CASH, "amount_minor": 300, "entry": 3})
    insert(connection, "transactions", {**CREDIT, **BONUS, "amount_minor": 50, "entry": 10, "reason": "'gold'"})
    insert(connection, "transactions", {**CREDIT, **FEE, "amount_minor": 200, "entry": 100})
    for entry in (1, 2, 3, 10, 100):
        with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: transactions\.line"):
            insert(connection, "transactions", {**CREDIT, **CASH, "amount_minor": 500, "entry": entry})


@pytest.mark.parametrize("first", [CASH, FEE, BONUS], ids=["cash", "a fee", "a bonus"])
def test_a_line_may_be_funded_without_anything_paid(connection: sqlite3.Connection, first: dict[str, object]) -> None:
    insert(connection, "transactions", {**CREDIT, **first})


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"type": "'CREDITS_REDEMPTION'"},
        {"type": "'CREDITS_REMOVAL'"},
        {"type": "'GIFT'"},
        {"bucket": "'tips'"},
        {"contra_account": "'my_pocket'"},
        {"card": "NULL", "line": "NULL", **NOT_FUNDED},
        {"card": "NULL"},
        {"card": "NULL", **BONUS},
        {"bucket": "'cash'"},
        {"bucket": "'fee'"},
        {**CASH, "line": "NULL", **NOT_FUNDED},
        {**FEE, "line": "NULL", **NOT_FUNDED},
        NOT_FUNDED,
        {"entry": "NULL"},
        {"entry": 0},
        {"funding": "NULL"},
        {"funding": 0},
        {"line": "NULL"},
        {**DEBIT, "funding": 1},
    ],
)
def test_a_movement_that_makes_no_sense_is_refused(connection: sqlite3.Connection, wrong: dict[str, object]) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(connection, "transactions", {**CREDIT, **wrong})


@pytest.mark.parametrize("onto", [{"card": 1}, {"card": 2}, CASH, FEE], ids=["card 1", "card 2", "cash", "a fee"])
@pytest.mark.parametrize("campaign", [1, 2])
def test_a_refund_line_is_funded_once_whatever_card_or_campaign(
    connection: sqlite3.Connection, onto: dict[str, object], campaign: int
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: transactions\.line"):
        insert(connection, "transactions", {**CREDIT, **onto, "line": 1, "campaign": campaign})


# --- Taken back, and again ---

AGAIN = "a refund line is funded again only after its funding was undone and reopened"


@pytest.mark.parametrize("onto", [{}, CASH, FEE], ids=["on a card", "in cash", "a fee"])
def test_a_refund_line_is_funded_again_only_after_its_run_was_undone_and_reopened(
    connection: sqlite3.Connection, onto: dict[str, object]
) -> None:
    """Line 1 was funded by run 5."""
    again = {**CREDIT, **onto, "line": 1, "funding": 2}
    with pytest.raises(sqlite3.IntegrityError, match=AGAIN):
        insert(connection, "transactions", again)
    insert(connection, "undoings", {"undone_run": 5, "run_id": 28})
    with pytest.raises(sqlite3.IntegrityError, match=AGAIN):
        insert(connection, "transactions", again)
    insert(connection, "reopenings", {"undone_run": 5, "run_id": 29})
    insert(connection, "transactions", again)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(connection, "transactions", again)


@pytest.mark.parametrize("funding", [3, 4, 9])
def test_no_time_is_left_out(connection: sqlite3.Connection, funding: int) -> None:
    """Line 14 was funded by run 25, which was undone and reopened, and again by run 35, which stands."""
    with pytest.raises(sqlite3.IntegrityError, match=AGAIN):
        insert(connection, "transactions", {**CREDIT, "line": 14, "funding": funding})
    insert(connection, "undoings", {"undone_run": 35, "run_id": 28})
    insert(connection, "reopenings", {"undone_run": 35, "run_id": 29})
    if funding == 3:
        insert(connection, "transactions", {**CREDIT, "line": 14, "funding": funding})
        return
    with pytest.raises(sqlite3.IntegrityError, match=AGAIN):
        insert(connection, "transactions", {**CREDIT, "line": 14, "funding": funding})


ANOTHER_PLAN, PLAN_1 = f"'{'a' * 64}'", "(SELECT plan FROM approvals WHERE id = 1)"
# What is there once, with a row that would be taken; run 28 has undone run 21, of which card 8 is; run 38 applied plan 1.
ONCE: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "a run is undone": ("undoings", {"undone_run": 7, "run_id": 28}, {"undone_run": 21}),
    "a run is reopened": ("reopenings", {"undone_run": 7, "run_id": 29}, {"undone_run": 21}),
    "a line of it is set aside": ("undone_lines", {"line": 1, "undone_run": 25, "run_id": 28}, {"line": 14}),
    "a card is deactivated": ("card_events", {"card": 1, "event": "'deactivated'", "run_id": 28}, {"card": 8}),
    "a plan is approved": (
        "approvals",
        {"plan": ANOTHER_PLAN, "campaign": "'hotel-refunds'", "run_id": 37},
        {"plan": PLAN_1},
    ),
    "a plan is applied": ("applied_plans", {"plan": ANOTHER_PLAN, "run_id": 32}, {"plan": PLAN_1}),
    "a run applies a plan": ("applied_plans", {"plan": ANOTHER_PLAN, "run_id": 32}, {"run_id": 38}),
}


@pytest.mark.parametrize(("table", "row", "again"), ONCE.values(), ids=ONCE)
def test_what_happens_once_stands_once(
    connection: sqlite3.Connection, table: str, row: dict[str, object], again: dict[str, object]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE|append-only"):
        insert(connection, table, {**row, **again})
    if table == "reopenings":
        insert(connection, "undoings", {"undone_run": row["undone_run"], "run_id": 28})
    insert(connection, table, row)


def test_nothing_is_reopened_that_was_not_undone(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        insert(connection, "reopenings", {"undone_run": 7, "run_id": 29})
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        insert(connection, "undone_lines", {"line": 1, "undone_run": 7, "run_id": 28})


def test_a_plan_is_applied_with_another_persons_approval_of_it(connection: sqlite3.Connection) -> None:
    """Run 37 is the approval of plan 2 by another person than all other runs' operator."""
    insert(connection, "approvals", {"plan": ANOTHER_PLAN, "campaign": "'hotel-refunds'", "run_id": 32})
    own = "(SELECT id FROM approvals WHERE run_id = 32)"
    for approval in (own, "(SELECT min(id) FROM approvals)"):
        with pytest.raises(sqlite3.IntegrityError, match="another person"):
            insert(connection, "applied_plans", {"plan": ANOTHER_PLAN, "approval": approval, "run_id": 32})


def test_a_campaign_is_paused_and_resumed_in_turn(connection: sqlite3.Connection) -> None:
    events = {"campaign": 1, "run_id": 30}
    with pytest.raises(sqlite3.IntegrityError, match="in turn"):
        insert(connection, "campaign_events", {**events, "event": "'resumed'"})
    insert(connection, "campaign_events", {**events, "event": "'paused'"})
    with pytest.raises(sqlite3.IntegrityError, match="in turn"):
        insert(connection, "campaign_events", {**events, "event": "'paused'"})


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("card_events", {"card": 1, "event": "'lost'", "run_id": 28}),
        ("campaign_events", {"campaign": 1, "event": "'stopped'", "run_id": 30}),
        ("approvals", {"plan": "'abc'", "campaign": "'hotel-refunds'", "run_id": 37}),
        ("applied_plans", {"plan": "'abc'", "run_id": 32}),
    ],
    ids=["an unknown event of a card", "an unknown event of a campaign", "no digest", "no digest of what is applied"],
)
def test_what_nobody_can_mean_is_refused(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(connection, table, row)


# --- Balances ---


def test_a_bucket_never_goes_below_zero(connection: sqlite3.Connection) -> None:
    """Card 1 holds 100.00 of B1 and 20.00 of B5, all of it paid."""
    insert(connection, "transactions", {**DEBIT, "amount_minor": -12_000})
    with pytest.raises(sqlite3.IntegrityError, match="can't go below zero"):
        insert(connection, "transactions", {**DEBIT, "amount_minor": -1})


def test_a_bucket_is_not_paid_for_by_the_other_one(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="can't go below zero"):
        insert(connection, "transactions", {**DEBIT, "bucket": "'bonus'", "amount_minor": -1})


def test_a_card_without_any_money_can_not_be_debited(connection: sqlite3.Connection) -> None:
    insert(connection, "cards", CARD)
    with pytest.raises(sqlite3.IntegrityError, match="can't go below zero"):
        insert(connection, "transactions", {**DEBIT, "card": 99, "amount_minor": -1})


def test_a_code_belongs_to_one_card(connection: sqlite3.Connection) -> None:
    [(key,)] = connection.execute("SELECT code_key FROM codes WHERE card = 1")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(connection, "codes", {"code_key": f"'{key}'", "card": 2})


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer": "NULL"},
        {"ordinal": "NULL"},
        {"ordinal": 0},
        {"customer": "NULL", "ordinal": "NULL", "booking": 1},
        {"customer": "NULL", "ordinal": "NULL", "expires_on": "'2021-05-01'"},
        {"printed": 2},
    ],
)
def test_a_card_has_a_holder_or_waits_in_the_pool_for_one(
    connection: sqlite3.Connection, wrong: dict[str, object]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(connection, "cards", {**CARD, **wrong})
    insert(connection, "cards", {**CARD, "customer": "NULL", "ordinal": "NULL", "printed": 1})


# Card 7 of the pool waits; cards 4 to 6 are for bookings 10, 12 and 13.
ASSIGNMENT: dict[str, object] = {"card": 7, "campaign": 2, "customer": 1, "booking": 11, "ordinal": 1, "run_id": 1}


@pytest.mark.parametrize(
    ("again", "refused"),
    [
        ({"card": 6}, r"UNIQUE|append-only"),
        ({"card": 1}, "only a card of the campaign's pool"),
        ({"campaign": 1}, "only a card of the campaign's pool"),
        ({"card": 999}, "only a card of the campaign's pool"),
        ({"booking": 10}, "UNIQUE"),
        ({"ordinal": 0}, "CHECK"),
    ],
    ids=[
        "a card that has a holder",
        "a card that had one from the start",
        "another campaign's card",
        "no card",
        "a booking that has a card",
        "counted from 1",
    ],
)
def test_a_card_of_the_pool_gets_one_holder_and_a_holder_each_card_once(
    connection: sqlite3.Connection, again: dict[str, object], refused: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=refused):
        insert(connection, "assignments", {**ASSIGNMENT, **again})
    insert(connection, "assignments", ASSIGNMENT)


def test_a_customers_card_of_the_pool_is_counted_by_customer(connection: sqlite3.Connection) -> None:
    for_customer = {**ASSIGNMENT, "booking": "NULL"}
    insert(connection, "assignments", for_customer)
    insert(connection, "cards", {**CARD, "campaign": 2, "customer": "NULL", "ordinal": "NULL"})
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(connection, "assignments", {**for_customer, "card": 99})
    insert(connection, "assignments", {**for_customer, "card": 99, "ordinal": 2})


def test_a_holder_has_each_card_once(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(connection, "cards", {**CARD, "ordinal": 1})
    insert(connection, "cards", CARD)


@pytest.mark.parametrize(("first", "last"), [(1, 3), (1, 1), (3, 3), (2, 9), (0, 9), (4, 5), (6, 6), (-5, 1)])
def test_a_credit_is_handed_to_a_tool_once(connection: sqlite3.Connection, first: int, last: int) -> None:
    """The first batch holds transactions 1 to 3, the second one 5 and 6; 4 waits, as its holder has no address."""
    handed = {"batch": 2, "campaign": 1, "tool": "'generic'", "run_id": 1}
    with pytest.raises(sqlite3.IntegrityError, match=r"in one batch of a mail tool only|UNIQUE"):
        insert(connection, "batch_ranges", {**handed, "first_transaction": first, "last_transaction": last})
    for free_first, free_last in ((7, 9), (4, 4)):
        insert(connection, "batch_ranges", {**handed, "first_transaction": free_first, "last_transaction": free_last})


# --- The life of a card ---

# Of campaign 4: card 24 holds 72.00 paid and 9.98 bonus. It has replaced card 18, from which run 59 took transactions 66 (5.00
# paid) and 67 (10.00 bonus), of which run 75 has given back 5.00 and 9.98. Redemption 71 (card 16, 7.00 of its bonus) stands.
BACK = {
    **DEBIT,
    "campaign": 4,
    "card": 16,
    "type": "'CREDITS_REFUND'",
    "bucket": "'bonus'",
    "related_transaction": 71,
}
TOO_MUCH = "no more is given back than was taken"


@pytest.mark.parametrize(
    ("wrong", "refused"),
    [
        ({"amount_minor": 701}, TOO_MUCH),
        ({"amount_minor": 1, "bucket": "'paid'"}, TOO_MUCH),
        ({"amount_minor": 1, "related_transaction": "NULL"}, TOO_MUCH),
        ({"amount_minor": 1, "related_transaction": 50}, TOO_MUCH),
        ({"amount_minor": 1, "related_transaction": 96}, TOO_MUCH),
        ({"card": 24, "amount_minor": 1, "related_transaction": 66, "bucket": "'paid'"}, TOO_MUCH),
        ({"card": 24, "amount_minor": 1, "related_transaction": 66}, TOO_MUCH),
        ({"card": 24, "amount_minor": 3, "related_transaction": 67}, TOO_MUCH),
        ({"amount_minor": -1}, "CHECK"),
    ],
    ids=[
        "more than was taken",
        "to the other bucket",
        "of nothing",
        "of an addition",
        "of a removal",
        "more than is left",
        "of the other bucket's part, in the name of the first",
        "more than is left of the other bucket",
        "less than nothing",
    ],
)
def test_no_more_is_given_back_than_was_taken(
    connection: sqlite3.Connection, wrong: dict[str, object], refused: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=refused):
        insert(connection, "transactions", {**BACK, **wrong})
    insert(connection, "transactions", {**BACK, "amount_minor": 500})
    insert(connection, "transactions", {**BACK, "amount_minor": 200})


@pytest.mark.parametrize("card", [8, 18, 19, 20, 28], ids=["undone", "replaced", "paid out", "frozen", "taken back"])
def test_a_card_that_is_dead_or_frozen_can_not_be_redeemed(connection: sqlite3.Connection, card: int) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="this card can't be redeemed"):
        insert(connection, "redemptions", {"id": 50, "card": card, "run_id": 57})


def test_a_card_that_is_disabled_can_not_be_redeemed_until_it_is_enabled(connection: sqlite3.Connection) -> None:
    redemption = {"id": 50, "card": 24, "invoice": "'N1'", "run_id": 57}
    insert(connection, "card_events", {"card": 24, "event": "'disabled'", "run_id": 65})
    with pytest.raises(sqlite3.IntegrityError, match="this card can't be redeemed"):
        insert(connection, "redemptions", redemption)
    insert(connection, "card_events", {"card": 24, "event": "'enabled'", "run_id": 66})
    insert(connection, "redemptions", redemption)


@pytest.mark.parametrize("alive", ["activations", "assignments"])
def test_a_card_of_the_pool_can_not_be_redeemed_until_it_is_handed_out(
    connection: sqlite3.Connection, alive: str
) -> None:
    redemption = {"id": 50, "card": 7, "run_id": 57}
    with pytest.raises(sqlite3.IntegrityError, match="this card can't be redeemed"):
        insert(connection, "redemptions", redemption)
    handed_out = {"card": 7, "run_id": 68} if alive == "activations" else ASSIGNMENT
    insert(connection, alive, handed_out)
    insert(connection, "redemptions", redemption)


@pytest.mark.parametrize("card", [1, 15, 999], ids=["a customer's", "a booking's", "no card"])
def test_only_a_card_of_a_pool_is_handed_out(connection: sqlite3.Connection, card: int) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only a card of a pool can be activated"):
        insert(connection, "activations", {"card": card, "run_id": 68})


def test_an_invoice_is_paid_once_with_a_card(connection: sqlite3.Connection) -> None:
    redemption = {"id": 50, "card": 24, "invoice": "'N1'", "run_id": 57}
    insert(connection, "redemptions", redemption)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|UNIQUE"):
        insert(connection, "redemptions", {**redemption, "id": 51})
    insert(connection, "redemptions", {**redemption, "id": 51, "card": 21})
    insert(connection, "redemptions", {**redemption, "id": 52, "invoice": "NULL"})
    insert(connection, "redemptions", {**redemption, "id": 53, "invoice": "NULL"})


def test_a_card_is_disabled_and_enabled_in_turn(connection: sqlite3.Connection) -> None:
    """Unlocking has nothing to do with it."""
    events = {"card": 24, "run_id": 65}
    for event, other in (("enabled", "disabled"), ("disabled", "enabled"), ("enabled", "disabled")):
        with pytest.raises(sqlite3.IntegrityError, match="a card is disabled and enabled in turn"):
            insert(connection, "card_events", {**events, "event": f"'{event}'"})
        insert(connection, "card_events", {**events, "event": "'unlocked'"})
        insert(connection, "card_events", {**events, "event": f"'{other}'"})


# Debts: 92 (card 20) is open; 86 (card 19) was paid; 88 (card 21) was cancelled. Of those by policy, 60 was paid, and 61 and 62
# are in file 2, after they were rejected in file 1.
@pytest.mark.parametrize("debt", [60, 61, 62, 86, 88])
def test_a_debt_is_in_one_file_for_the_bank_and_in_none_once_it_has_ended(
    connection: sqlite3.Connection, debt: int
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="a debt in cash is paid once"):
        insert(connection, "cash_orders", {"cash_file": 2, "debt": debt, "run_id": 87})
    insert(connection, "cash_orders", {"cash_file": 2, "debt": 92, "run_id": 87})
    with pytest.raises(sqlite3.IntegrityError, match="a debt in cash is paid once"):
        insert(connection, "cash_orders", {"cash_file": 2, "debt": 92, "run_id": 87})


def test_a_debt_that_the_bank_has_rejected_is_ordered_again(connection: sqlite3.Connection) -> None:
    insert(connection, "cash_rejections", {"cash_order": 5, "run_id": 89})
    insert(connection, "cash_orders", {"cash_file": 2, "debt": 61, "run_id": 89})


def test_what_is_in_a_file_for_the_bank_can_not_be_cancelled(connection: sqlite3.Connection) -> None:
    cancelled = {"debt": 92, "outcome": "'cancelled'", "run_id": 83}
    insert(connection, "cash_orders", {"cash_file": 2, "debt": 92, "run_id": 87})
    with pytest.raises(sqlite3.IntegrityError, match="what is in a file for the bank can't be cancelled"):
        insert(connection, "cash_outcomes", cancelled)
    insert(connection, "cash_rejections", {"cash_order": "(SELECT max(id) FROM cash_orders)", "run_id": 89})
    insert(connection, "cash_outcomes", cancelled)


@pytest.mark.parametrize(
    ("debt", "outcome"),
    [(50, "paid"), (63, "paid"), (89, "paid"), (49, "paid"), (61, "cancelled"), (50, "cancelled")],
    ids=["a credit", "a redemption", "a bonus that lapsed", "a fee", "cash by policy", "a credit, cancelled"],
)
def test_only_a_debt_in_cash_ends_and_only_a_cash_out_is_cancelled(
    connection: sqlite3.Connection, debt: int, outcome: str
) -> None:
    with pytest.raises(
        sqlite3.IntegrityError, match=r"only a debt in cash is paid, and only a cash-out cancelled|bank"
    ):
        insert(connection, "cash_outcomes", {"debt": debt, "outcome": f"'{outcome}'", "run_id": 86})
    insert(connection, "cash_outcomes", {"debt": 61, "outcome": "'paid'", "run_id": 86})


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("transfers", {"card": 21, "successor": 21}),
        ("pins", {"card": 24, "method": "'x'", "salt": "zeroblob(15)", "hash": "zeroblob(32)"}),
        ("pins", {"card": 24, "method": "'x'", "salt": "zeroblob(16)", "hash": "zeroblob(31)"}),
        ("redemptions", {"id": 50, "card": 24, "invoice": "''"}),
        ("redemptions", {"id": 50, "card": 24, "invoice": f"'{'9' * 101}'"}),
        ("redemptions", {"id": 50, "card": 24, "order_total_minor": 0}),
        ("refused_redemptions", {"card": 24, "invoice": "'N1'", "amount_minor": 0, "error_code": "'x'"}),
        ("cash_outcomes", {"debt": 92, "outcome": "'lost'"}),
        ("cash_deliveries", {"cash_file": 9, "files": "'none'"}),
        ("idempotency_keys", {"idempotency_key": "''", "arguments": ANOTHER_PLAN, "answer": "'{}'"}),
        ("idempotency_keys", {"idempotency_key": f"'{'k' * 201}'", "arguments": ANOTHER_PLAN, "answer": "'{}'"}),
        ("idempotency_keys", {"idempotency_key": "'k'", "arguments": "'short'", "answer": "'{}'"}),
        ("idempotency_keys", {"idempotency_key": "'k'", "arguments": ANOTHER_PLAN, "answer": "'yes'"}),
    ],
)
def test_what_the_desk_can_not_mean_is_refused(
    connection: sqlite3.Connection, table: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(connection, table, {**wrong, "run_id": 57})


# --- Which files the program takes for a ledger ---

READING = [("status",), ("verify",), ("runs",), ("backup", "copy.db"), ("export", "cards", CAMPAIGN, "-o", "cards.csv")]
WRITING = [
    ("init",),
    ("load", "bookings.csv"),
    ("create", CAMPAIGN),
    ("publish", CAMPAIGN),
    ("topup", CAMPAIGN),
    ("run", CAMPAIGN, "bookings.csv", "--out", "out"),
    ("export", "mail", CAMPAIGN, "-o", "mail.csv"),
]
COMMANDS = [pytest.param(argv, id="-".join(argv[:2])) for argv in READING + WRITING]
WRITING_COMMANDS = [pytest.param(argv, id="-".join(argv[:2])) for argv in WRITING if argv != ("init",)]


@pytest.fixture
def bookings(tmp_path: Path) -> Path:
    path = tmp_path / "bookings.csv"
    path.write_text(
        "booking_id,customer_id,email,order_amount,currency,status\nN1,new,new@example.com,12.50,EUR,cancelled\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("argv", COMMANDS)
def test_a_newer_ledger_is_refused_untouched(run_in_process: CommandLine, books: Path, argv: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    before = books.read_bytes()
    result = run_in_process(*argv, now=BEFORE_RELEASE)
    assert result.exit == 65
    assert result.stderr.startswith(f"Error: {LEDGER} was written by a newer refundctl")
    assert result.stderr.count("\n") == 1
    assert books.read_bytes() == before


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("argv", COMMANDS)
def test_a_ledger_from_before_the_first_release_is_refused_untouched(
    run_in_process: CommandLine, books: Path, argv: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.OLDEST_SCHEMA_VERSION - 1}")
    before = books.read_bytes()
    result = run_in_process(*argv, now=BEFORE_RELEASE)
    assert result.exit == 65
    assert result.stderr.startswith(f"Error: {LEDGER} was written by a refundctl from before its first release")
    assert books.read_bytes() == before


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("argv", COMMANDS)
def test_another_programs_database_is_refused_untouched(
    run_in_process: CommandLine, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(tmp_path / LEDGER)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    before = (tmp_path / LEDGER).read_bytes()
    result = run_in_process(*argv)
    assert result.exit == 65
    assert "is no refundctl ledger" in result.stderr
    assert result.stderr.count("\n") == 1
    assert (tmp_path / LEDGER).read_bytes() == before


@pytest.mark.usefixtures("bookings")
@pytest.mark.parametrize("argv", [("status",), ("load", "bookings.csv")], ids=["status", "load"])
def test_another_programs_database_is_refused_also_while_it_has_no_tables(
    run_in_process: CommandLine, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(tmp_path / LEDGER)) as connection:
        connection.execute("PRAGMA application_id = 77")
    before = (tmp_path / LEDGER).read_bytes()
    assert before
    result = run_in_process(*argv)
    assert result.exit == 65
    assert "is no refundctl ledger" in result.stderr
    assert (tmp_path / LEDGER).read_bytes() == before


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("content", [b"booking_id,order_amount\n", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 2000])
@pytest.mark.parametrize("argv", COMMANDS)
def test_a_file_that_is_no_database_is_refused_untouched(
    run_in_process: CommandLine, tmp_path: Path, argv: tuple[str, ...], content: bytes
) -> None:
    (tmp_path / LEDGER).write_bytes(content)
    result = run_in_process(*argv)
    assert result.exit == 65
    assert result.stderr.count("\n") == 1
    assert (tmp_path / LEDGER).read_bytes() == content


ALTERATIONS = {
    "a trigger is missing": "DROP TRIGGER transactions_no_update",
    "the guard is missing": "DROP TRIGGER transactions_no_overdraft",
    "an index is missing": "DROP INDEX transactions_funded_line",
    "an index is there too many": "CREATE INDEX mine ON cards (code)",
    "a view is missing": "DROP VIEW card_balances",
    "a view is another": "DROP VIEW card_expiries; CREATE VIEW card_expiries AS SELECT 1 AS card, NULL AS expires_on",
    "a trigger is there too many": "CREATE TRIGGER mine AFTER INSERT ON cards BEGIN SELECT 1; END",
    "a table is there too many": "CREATE TABLE notes (note TEXT)",
    "a table has a column more": "ALTER TABLE cards ADD COLUMN note TEXT",
    "a table is missing": "DROP TABLE extensions",
    "the guard of the second time is missing": "DROP TRIGGER transactions_funded_again",
    "a unique index is a plain one": (
        "DROP INDEX transactions_funded_line; CREATE INDEX transactions_funded_line ON transactions (line, funding) "
        "WHERE entry = 1"
    ),
}


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=ALTERATIONS)
def test_an_altered_schema_is_refused_before_a_write(run_in_process: CommandLine, books: Path, alteration: str) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.executescript(alteration)
    before = books.read_bytes()
    result = run_in_process("load", "bookings.csv", now=BEFORE_RELEASE, env={"NO_COLOR": "1"})
    assert result.exit == 65
    assert "altered by hand" in result.stderr
    assert books.read_bytes() == before


@pytest.mark.usefixtures("bookings", "campaigns")
@pytest.mark.parametrize("argv", WRITING_COMMANDS)
def test_every_command_that_writes_looks_at_the_schema_first(
    run_in_process: CommandLine, books: Path, argv: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.executescript(ALTERATIONS["the guard is missing"])
    before = books.read_bytes()
    result = run_in_process(*argv, now=BEFORE_RELEASE)
    assert (result.exit, books.read_bytes()) == (65, before)
    assert "transactions_no_overdraft is missing" in result.stderr
