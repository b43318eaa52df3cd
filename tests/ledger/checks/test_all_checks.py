"""`verify` finds every kind of damage, whoever did it and however well it was hidden."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.books import (
    LATER,
    LEDGER,
    by_hand,
    columns_as_written,
    copy_to,
    everything,
    number,
    read,
    tables_as_written,
)
from support.command_line import CAMPAIGN, CommandLine, CommandResult

Damage = Callable[[sqlite3.Connection], object]

# Not sealed on purpose: what was only tried, and sqlite-utils' own account.
OUTSIDE_THE_SEALS = {"attempts", "_sqlite_migrations"}


def verify(cli: CommandLine, *argv: str | Path) -> CommandResult:
    return cli("verify", *argv)


def damaged(books: Path, damage: Damage) -> None:
    """Do it, and make sure that it was done."""
    before = _everything_in(books.read_bytes(), books)
    with by_hand(books) as connection:
        damage(connection)
    assert everything(books) != before, "nothing was damaged"


_SEEN: dict[bytes, object] = {}


def _everything_in(content: bytes, books: Path) -> object:
    """What these bytes say, looked at once: nearly all tests begin with the same."""
    if content not in _SEEN:
        _SEEN.clear()
        _SEEN[content] = everything(books)
    return _SEEN[content]


def assert_found(result: CommandResult, *names: str) -> None:
    """Exit 5, no seal to be kept, and a line that names what is wrong by one of `names`."""
    assert result.exit == 5, f"verify ended with {result.exit}: {result.stdout}{result.stderr}"
    assert "refundctl-seal" not in result.stdout
    assert any(name in result.stdout for name in names), f"none of {names} stands in {result.stdout}"


def names_of(table: str) -> tuple[str, ...]:
    """How a finding may name a row of `table`: by the run that wrote it, by the table, or by what it stands for."""
    people = {"customers": "Customer number", "line_metadata": "metadata of line", "codes": "code of card"}
    return (*({people[table]} if table in people else ("Run ", "Seal ")), f" of {table}", f" in {table}")


def test_sound_books_are_one_line_with_the_seal_of_the_last_run(run_in_process: CommandLine, books: Path) -> None:
    [(ledger_id,)] = read(books, "SELECT ledger_id FROM ledger")
    [(number, run_id, digest)] = read(books, "SELECT id, run_id, digest FROM seals ORDER BY id DESC LIMIT 1")
    result = verify(run_in_process).ok()
    assert result.stdout == f"refundctl-seal {ledger_id} {number} {run_id} {digest}\n"
    assert verify(run_in_process, "--quiet").ok().stdout == ""


def test_sound_books_in_json(run_in_process: CommandLine, books: Path) -> None:
    answer = verify(run_in_process, "--json").ok().json()
    assert (answer["status"], answer["findings"]) == ("ok", [])
    assert f"{answer['seal']}\n" == verify(run_in_process).stdout


def test_verifying_changes_not_a_byte(run_in_process: CommandLine, books: Path) -> None:
    before = books.read_bytes()
    verify(run_in_process).ok()
    assert books.read_bytes() == before


def test_dropping_the_triggers_and_putting_them_back_is_no_damage(run_in_process: CommandLine, books: Path) -> None:
    with by_hand(books) as connection:
        connection.execute("UPDATE runs SET host = host")
    verify(run_in_process).ok()


# --- One field of one row ---

# The edit that a clever person would make: a value that the schema would have taken. Others get 1000 or an x more.
PLAN = "replace(hex(zeroblob(32)), '0', 'a')"
PLAUSIBLE = {
    ("applied_plans", "approval"): "NULL",
    ("applied_plans", "plan"): PLAN,
    ("approvals", "plan"): PLAN,
    ("attempts", "arguments"): "'{}'",
    ("assignments", "customer"): "2",
    ("assignments", "expires_on"): "'2099-12-31'",
    ("attempts", "status"): "'error'",
    ("batches", "everyone"): "1 - everyone",
    ("campaign_events", "event"): "'resumed'",
    ("campaigns", "currency"): "'SEK'",
    ("cards", "code"): "'RF-2222-3333-4444-5555'",
    ("cards", "printed"): "1 - printed",
    ("card_events", "event"): "'unlocked'",
    ("cash_deliveries", "files"): "json('[{}]')",
    ("cash_outcomes", "outcome"): "iif(outcome = 'paid', 'cancelled', 'paid')",
    ("customer_versions", "digest"): "zeroblob(32)",
    ("customers", "country"): "'US-ME'",
    ("customers", "from_people_file"): "1 - from_people_file",
    ("customers", "marketing_consent"): "'yes'",
    ("customers", "salt"): "zeroblob(16)",
    ("definitions", "definition"): "json_set(definition, '$.description', 'Mine')",
    ("deliveries", "files"): "json_set(files, '$[0].rows', 1000)",
    ("extensions", "expires_on"): "'2099-12-31'",
    ("idempotency_keys", "answer"): "json_set(answer, '$.counts.redemptions', 2)",
    ("idempotency_keys", "arguments"): PLAN,
    ("ledger", "clock"): "'system'",
    ("ledger", "ledger_id"): "'00000000000000000000000000000000'",
    ("line_metadata", "metadata"): "json_set(metadata, '$.hotel', 'Other')",
    ("line_metadata", "salt"): "zeroblob(16)",
    ("line_versions", "bonus_amount_minor"): "500",
    ("line_versions", "cash_amount_minor"): "500",
    ("line_versions", "currency"): "'SEK'",
    ("line_versions", "metadata_digest"): "zeroblob(32)",
    ("line_versions", "order_amount_minor"): "order_amount_minor + 1",
    ("line_versions", "refund_amount_minor"): "refund_amount_minor - 1",
    ("line_versions", "withdrawn"): "1 - withdrawn",
    ("cards", "expires_on"): "'2099-12-31'",
    ("run_outcomes", "counts"): "json_set(counts, '$.loaded', 1000)",
    ("run_outcomes", "files"): 'json(\'[{"path":"x","rows":1,"sha256":""}]\')',
    ("run_outcomes", "status"): "'partial'",
    ("run_outcomes", "totals"): 'json(\'{"EUR":{"total":1}}\')',
    ("runs", "arguments"): "'{\"mine\":true}'",
    ("seals", "digest"): PLAN,
    ("segments", "accepted"): "'yes'",
    ("transactions", "amount_minor"): "amount_minor + 1",
    ("transactions", "bucket"): "'bonus'",
    ("transactions", "contra_account"): "'bonuses_owed'",
    ("transactions", "funding"): "2",
    ("transactions", "related_transaction"): "1",
    ("transactions", "type"): "'CREDITS_REFUND'",
}

FIELDS: dict[str, list[str]] = {}
for _table, _column in columns_as_written():
    if _table not in OUTSIDE_THE_SEALS and (_table, _column) != ("ledger", "id"):
        FIELDS.setdefault(_table, []).append(_column)
# One of each table that somebody would like to change, and all of them where there is time.
TEMPTING = {
    table: next((column for column in columns if (table, column) in PLAUSIBLE), columns[-1])
    for table, columns in FIELDS.items()
}


def key_of(connection: sqlite3.Connection, table: str) -> str:
    """The first column of a table's primary key, quoted."""
    [(name,)] = connection.execute(f'SELECT name FROM pragma_table_info("{table}") WHERE pk = 1')
    return f'"{name}"'


def edit(table: str, column: str, where: str = "min") -> Damage:
    """Change one field of the first or last row."""

    def damage(connection: sqlite3.Connection) -> None:
        key = key_of(connection, table)
        new = PLAUSIBLE.get((table, column)) or _more(connection, table, column)
        connection.execute(
            f'UPDATE "{table}" SET "{column}" = {new} WHERE {key} = (SELECT {where}({key}) FROM "{table}")'
        )

    return damage


def _more(connection: sqlite3.Connection, table: str, column: str) -> str:
    [(kind,)] = connection.execute(f'SELECT type FROM pragma_table_info("{table}") WHERE name = ?', (column,))
    return {
        "INTEGER": f'coalesce("{column}", 0) + 1000',
        "TEXT": f"coalesce(\"{column}\", '') || 'x'",
        "BLOB": f'zeroblob(length("{column}"))',
    }[kind]


@pytest.mark.parametrize(("table", "column"), TEMPTING.items(), ids=TEMPTING)
def test_an_edited_field_is_found(run_in_process: CommandLine, books: Path, table: str, column: str) -> None:
    damaged(books, edit(table, column))
    assert_found(verify(run_in_process), *names_of(table))


@pytest.mark.slow
@pytest.mark.parametrize(("table", "columns"), FIELDS.items(), ids=FIELDS)
def test_every_edited_field_is_found(
    run_in_process: CommandLine, books: Path, books_made_once: Path, table: str, columns: list[str]
) -> None:
    for column in columns:
        damaged(copy_to(books_made_once, books), edit(table, column))
        assert_found(verify(run_in_process), *names_of(table))


@pytest.mark.parametrize("table", ["transactions", "line_versions", "cards"])
def test_the_run_that_was_tampered_with_is_named(run_in_process: CommandLine, books: Path, table: str) -> None:
    [(run_id,)] = read(books, f"SELECT max(run_id) FROM {table}")
    damaged(
        books, edit(table, {"transactions": "amount_minor", "line_versions": "tickets"}.get(table, "campaign"), "max")
    )
    assert_found(verify(run_in_process), f"seal_broken: Run {run_id} is not as it was sealed")


@pytest.mark.parametrize(
    ("table", "column"),
    [("transactions", "reason"), ("bookings", "booking_id"), ("customers", "name"), ("runs", "operator")],
)
def test_a_text_that_is_shown_as_before_but_goes_on_after_a_nul_is_found(
    run_in_process: CommandLine, books: Path, table: str, column: str
) -> None:
    damaged(books, lambda books: books.execute(f"UPDATE {table} SET {column} = coalesce({column}, '') || char(0, 120)"))
    assert_found(verify(run_in_process), "Run ", "Customer number")


@pytest.mark.parametrize("value", ["'{}'", "'[]'", "'null'", "'{\"eligible\": 3}'", "'not json'"])
def test_a_definition_that_is_none_any_more_is_found(run_in_process: CommandLine, books: Path, value: str) -> None:
    damaged(books, lambda books: books.execute(f"UPDATE definitions SET definition = {value}"))
    assert_found(verify(run_in_process), "Run 3 ", "CHECK")


# --- Whole rows ---

# What a row that is added says differently from the last one of its table, so that the schema takes it.
ADDED: dict[str, dict[str, object]] = {
    "activations": {"id": 1000, "card": 1},
    "applied_plans": {"id": 1000, "plan": "a" * 64, "run_id": 47},
    "approvals": {"id": 1000, "plan": "a" * 64},
    "assignments": {"id": 1000, "card": 7, "ordinal": 1000},
    "batch_ranges": {"id": 1000, "first_transaction": 1000, "last_transaction": 1000},
    "batches": {"id": 1000},
    "bookings": {"id": 1000, "booking_id": "MINE"},
    "campaign_events": {"id": 1000},
    "campaigns": {"id": 1000, "name": "mine"},
    "card_events": {"id": 1000, "card": 1},
    "cards": {"id": 1000, "code": "RF-MINE"},
    "cash_deliveries": {"id": 1000, "cash_file": 1000},
    "cash_files": {"id": 1000},
    "cash_orders": {"id": 1000},
    "cash_outcomes": {"id": 1000, "debt": 1},
    "cash_rejections": {"id": 1000, "cash_order": 1},
    "cashouts": {"id": 1000},
    "codes": {"code_key": "RFMINE", "card": 1},
    "customer_versions": {"id": 1000},
    "customers": {"id": 1000, "customer_id": "mallory"},
    "definitions": {"id": 1000},
    "deliveries": {"id": 1000, "batch": 1000},
    "erasures": {"id": 1000, "customer": 1},
    "extensions": {"id": 1000, "expires_on": "2099-12-31"},
    "idempotency_keys": {"id": 1000, "idempotency_key": "mine"},
    "line_metadata": {"line_version": 1000},
    "line_versions": {"id": 1000, "refund_id": "mine"},
    "pins": {"id": 1000},
    "redemptions": {"id": 1000, "invoice": "mine"},
    "refused_redemptions": {"id": 1000, "invoice": "mine"},
    "reopenings": {"id": 1000, "undone_run": 1},
    "rollbacks": {"id": 1000, "redemption": 1},
    "run_outcomes": {"run_id": 1000},
    "runs": {"id": 1000},
    "seals": {"id": 1000, "run_id": 1000},
    "segments": {"id": 1000, "channel": "mine"},
    "transactions": {"id": 1000},
    "transfers": {"id": 1000, "card": 1},
    "undoings": {"id": 1000, "undone_run": 1},
    "undone_lines": {"id": 1000, "line": 1},
}


def test_there_is_a_row_to_add_for_every_table() -> None:
    assert {*ADDED, *OUTSIDE_THE_SEALS, "ledger"} >= set(tables_as_written())


def add(table: str, **changes: object) -> Damage:
    """A copy of the table's last row, but for `changes`."""

    def damage(connection: sqlite3.Connection) -> None:
        key = key_of(connection, table)
        cursor = connection.execute(f'SELECT * FROM "{table}" ORDER BY {key} DESC LIMIT 1')
        row = dict(zip([name for name, *_ in cursor.description], cursor.fetchone(), strict=True)) | changes
        columns = ", ".join(f'"{name}"' for name in row)
        connection.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(row))})', [*row.values()])

    return damage


@pytest.mark.parametrize(("table", "changes"), ADDED.items(), ids=ADDED)
def test_an_added_row_is_found(
    run_in_process: CommandLine, books: Path, table: str, changes: dict[str, object]
) -> None:
    damaged(books, add(table, **changes))
    assert_found(verify(run_in_process), *names_of(table))


@pytest.mark.parametrize("run_id", [-1, 0, 999])
@pytest.mark.parametrize(
    "table", ["assignments", "bookings", "cards", "transactions", "customer_versions", "undone_lines", "approvals"]
)
def test_an_added_row_that_belongs_to_no_run_is_found(
    run_in_process: CommandLine, books: Path, table: str, run_id: int
) -> None:
    damaged(books, add(table, **ADDED[table], run_id=run_id))
    assert_found(verify(run_in_process), f"row_unsealed: {table} has 1 row(s) that belong to no run ({run_id})")


def test_a_person_who_was_never_loaded_is_found_also_without_a_salt(run_in_process: CommandLine, books: Path) -> None:
    damaged(books, add("customers", id=1000, customer_id="mallory", salt=None))
    assert_found(verify(run_in_process), "Customer number 1000")


def test_a_person_can_not_be_changed_by_taking_the_salt_away(run_in_process: CommandLine, books: Path) -> None:
    """Without its salt a person's digest can't be computed: only an erased person may be without one."""
    damaged(
        books,
        lambda books: books.execute("UPDATE customers SET email = 'mallory@example.com', salt = NULL WHERE id = 1"),
    )
    assert_found(verify(run_in_process), "Customer number 1")


def test_a_person_who_was_blanked_out_by_hand_is_found(run_in_process: CommandLine, books: Path) -> None:
    """Only `customer erase` erases: it leaves a pseudonym, and says so."""
    blank = "email = NULL, name = NULL, phone = NULL, locale = NULL, marketing_consent = NULL, salt = NULL"
    pseudonym = f"erased-{'0' * 32}"
    damaged(
        books,
        lambda books: books.execute(f"UPDATE customers SET customer_id = ?, {blank} WHERE id = 1", (pseudonym,)),
    )
    assert_found(verify(run_in_process), "Customer number 1")


REMOVED = [table for table in tables_as_written() if table not in {*OUTSIDE_THE_SEALS, "line_metadata"}]


@pytest.mark.parametrize("where", ["min", "max"])
@pytest.mark.parametrize("table", REMOVED)
def test_a_removed_row_is_found(run_in_process: CommandLine, books: Path, table: str, where: str) -> None:
    def remove(connection: sqlite3.Connection) -> None:
        key = key_of(connection, table)
        connection.execute(f'DELETE FROM "{table}" WHERE {key} = (SELECT {where}({key}) FROM "{table}")')

    damaged(books, remove)
    assert_found(verify(run_in_process), *names_of(table), "of customers")


@pytest.mark.parametrize("table", REMOVED)
def test_an_emptied_table_is_found(run_in_process: CommandLine, books: Path, table: str) -> None:
    damaged(books, lambda books: books.execute(f'DELETE FROM "{table}"'))
    assert verify(run_in_process).exit == 5


TWO_ROWS = [table for table in REMOVED if table != "ledger"]


@pytest.mark.parametrize("table", TWO_ROWS)
def test_values_swapped_between_two_rows_are_found(
    run_in_process: CommandLine, books: Path, books_made_once: Path, table: str
) -> None:
    """For instance the holders of two cards: all sums stay as they are."""
    assert next(swaps_found(run_in_process, books, books_made_once, table))[1]


@pytest.mark.slow
@pytest.mark.parametrize("table", TWO_ROWS)
def test_values_of_every_field_swapped_between_two_rows_are_found(
    run_in_process: CommandLine, books: Path, books_made_once: Path, table: str
) -> None:
    found = dict(swaps_found(run_in_process, books, books_made_once, table))
    assert ([column for column in found if not found[column]], len(found) > 0) == ([], True)


def swaps_found(cli: CommandLine, books: Path, in_order: Path, table: str) -> Iterator[tuple[str, bool]]:
    """For each field in which rows of the table differ, whether a swap of two values is found."""
    for column in FIELDS[table]:
        copy_to(in_order, books)
        values = [value for (value,) in read(books, f'SELECT DISTINCT "{column}" FROM "{table}" ORDER BY 1 NULLS LAST')]
        said = [value for value in values if value is not None]
        if len(values) > 1:
            damaged(books, swap(table, column, values[0], said[-1] if len(said) > 1 else None))
            yield column, verify(cli).exit == 5


def swap(table: str, column: str, first: object, last: object) -> Damage:
    between = first if isinstance(first, int) else last

    def damage(connection: sqlite3.Connection) -> None:
        for before, after in ((first, _between(between)), (last, first), (_between(between), last)):
            connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" IS ?', (after, before))

    return damage


def _between(value: object) -> object:
    """A value that stands nowhere."""
    return -99 if isinstance(value, int) else b"\0" * 32 if isinstance(value, bytes) else "between"


def test_two_cards_codes_swapped_in_table_and_index_are_found(run_in_process: CommandLine, books: Path) -> None:
    def swap(connection: sqlite3.Connection) -> None:
        (first,), (second,) = connection.execute("SELECT code FROM cards WHERE id IN (1, 2) ORDER BY id")
        connection.executemany("UPDATE cards SET code = ? WHERE id = ?", [(second, 1), (first, 2)])
        connection.execute("UPDATE codes SET card = 3 - card WHERE card IN (1, 2)")

    damaged(books, swap)
    assert_found(verify(run_in_process), "Run 4 ")


def test_two_people_swapped_whole_are_found(run_in_process: CommandLine, books: Path) -> None:
    def swap(connection: sqlite3.Connection) -> None:
        connection.executemany("UPDATE customers SET id = ? WHERE id = ?", [(-1, 1), (1, 2), (2, -1)])

    damaged(books, swap)
    assert_found(verify(run_in_process), "Customer number 1", "Customer number 2")


# --- What a line is owed, in parts ---


def said_of(cli: CommandLine, books: Path, damage: str) -> set[str]:
    """The codes of what verify finds after the statements of `damage`."""

    def do_all(connection: sqlite3.Connection) -> None:
        for statement in damage.split(";"):
            connection.execute(statement)

    damaged(books, do_all)
    result = verify(cli, "--json")
    assert result.exit == 5
    return {finding["code"] for finding in result.json()["findings"]}


# P1 (line 10) is owed 50.00 paid, 5.00 bonus and 30.00 in cash: transactions 7, 10 and 12. P2 is owed 40.00 in cash:
# transaction 13. Cards 4 to 6 come from the pool.
COPY = """
    INSERT INTO transactions (campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, reason, run_id)
    SELECT campaign, card, line, type, {bucket}, {amount}, contra_account, {entry}, funding, {reason}, run_id
    FROM transactions WHERE id = {id}
"""
WRONG_CREDITS = {
    "more than is owed": "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 7",
    "more in cash than is owed": "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 13",
    "more in cash than is owed, less on the card": (
        "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 12;"
        "UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 7"
    ),
    "a fee on what is owed in cash": (
        "UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 13;"
        + COPY.format(bucket="'fee'", amount=1, entry=100, reason="'service'", id=13)
    ),
    "bonus in the name of what was paid": "UPDATE transactions SET bucket = 'paid' WHERE id = 10",
    "bonus out of the refunds owed": "UPDATE transactions SET contra_account = 'refunds_owed' WHERE id = 10",
    "cash that is on a card too": "UPDATE transactions SET bucket = 'paid', card = 4 WHERE id = 12",
    "cash that was never owed": "UPDATE line_versions SET cash_amount_minor = 0 WHERE id = 10",
    "a part that is there twice": COPY.format(bucket="bucket", amount="amount_minor", entry=4, reason="reason", id=10),
    "a part in the place of another": (
        "UPDATE transactions SET bucket = 'bonus', card = 4, amount_minor = 500, contra_account = 'bonuses_owed' "
        "WHERE id = 12"
    ),
    "a first part that is gone": "DELETE FROM transactions WHERE id = 7",
    "a middle part that is gone": "DELETE FROM transactions WHERE id = 10",
    "a last part that is gone": "DELETE FROM transactions WHERE id = 12",
    "a part whose entry is none of its kind": "UPDATE transactions SET entry = 9 WHERE id = 12",
    "parts of two runs": "UPDATE transactions SET run_id = 16 WHERE id = 10",
    "parts of two campaigns": "UPDATE transactions SET campaign = 1 WHERE id = 12",
    "another customer's card of the pool": "UPDATE assignments SET customer = 2 WHERE card = 4",
    "a card of the pool that nobody has": "DELETE FROM assignments WHERE card = 4",
    "another campaign's card of the pool": "UPDATE cards SET campaign = 1 WHERE id = 4",
}


@pytest.mark.parametrize("damage", WRONG_CREDITS.values(), ids=WRONG_CREDITS)
def test_what_is_wrong_with_a_credit_is_said_beside_the_broken_seal(
    run_in_process: CommandLine, books: Path, damage: str
) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "credit_wrong"}


# By a policy. I1 (line 18) of 400.00: 398.00 paid onto card 14 and a fee of 2.00, transactions 46 and 47.
# After an undo, for the second time: H1 (14) of 100.00, of which 30.00 stayed spent: 68.00 paid onto card 11, 15.00 bonus
# by the rule gold and a fee of 2.00, transactions 36, 39 and 41; H2 (15): two fees, 42 and 45; H3 (16): 28.00 paid onto
# card 13, 20.00 in cash and a fee, 38, 40 and 43; H4 (17): nothing but a fee of 1.50, 44.
WRONG_BY_POLICY = {
    "a fee that is too small": "UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 47",
    "a fee that is too large": "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 45",
    "a fee that is gone": "DELETE FROM transactions WHERE id = 42",
    "a fee larger than the refund": "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 44",
    "a fee that is kept twice by one rule": (
        "UPDATE transactions SET amount_minor = amount_minor - 200 WHERE id = 46;"
        + COPY.format(bucket="bucket", amount="amount_minor", entry=101, reason="reason", id=47)
    ),
    "a fee by no rule": "UPDATE transactions SET reason = NULL WHERE id = 47",
    "a first fee by no rule": "UPDATE transactions SET reason = NULL WHERE id = 44",
    "a fee in the account of bonuses": "UPDATE transactions SET contra_account = 'bonuses_owed' WHERE id = 47",
    "a fee of another run": "UPDATE transactions SET run_id = 47 WHERE id = 47",
    "a bonus by a rule out of the refunds owed": (
        "UPDATE transactions SET contra_account = 'refunds_owed' WHERE id = 39"
    ),
    "a bonus by a rule as one that is given back": "UPDATE transactions SET reason = NULL WHERE id = 39",
    "a bonus by a rule on another card": "UPDATE transactions SET card = 13 WHERE id = 39",
    "a bonus by a rule in another campaign": "UPDATE transactions SET campaign = 2 WHERE id = 39",
    "a bonus by a rule of another run": "UPDATE transactions SET run_id = 41 WHERE id = 39",
    "a bonus that a rule gives twice": COPY.format(
        bucket="bucket", amount="amount_minor", entry=11, reason="reason", id=39
    ),
    "a bonus among the fees": "UPDATE transactions SET entry = 102 WHERE id = 39",
    "what is paid in the name of a rule": "UPDATE transactions SET reason = 'gold' WHERE id = 46",
    "what was spent before is given again": "UPDATE transactions SET amount_minor = 9800 WHERE id = 36",
    "less than is owed the second time": "UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 36",
    "more in cash than is owed, the second time": (
        "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 40;"
        "UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 38"
    ),
    "a second time that nobody has allowed": "DELETE FROM reopenings WHERE undone_run = 25",
    "a second time before it was allowed": "UPDATE reopenings SET run_id = 36 WHERE undone_run = 25",
    "a third time without a beginning": "UPDATE transactions SET funding = 3 WHERE id = 42",
}


@pytest.mark.parametrize("damage", WRONG_BY_POLICY.values(), ids=WRONG_BY_POLICY)
def test_what_is_wrong_with_a_credit_by_policy_is_said(run_in_process: CommandLine, books: Path, damage: str) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "credit_wrong"}


# --- What was taken back ---

# Run 28 has undone run 21 with its steps 22, 24 and 25: transactions 26 to 35 take back 15 to 24, of which 30.00 of
# transaction 15 (H1, on card 8) were spent. Run 29 has reopened them.
WRONG_REMOVALS = {
    "more than was given": "UPDATE transactions SET amount_minor = amount_minor - 1 WHERE id = 30",
    "once more": """
        INSERT INTO transactions (campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id)
        SELECT campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id
        FROM transactions WHERE id = 30
    """,
    "for another line": "UPDATE transactions SET line = 15 WHERE id = 26",
    "off another card": "UPDATE transactions SET card = 9 WHERE id = 26",
    "out of another bucket": "UPDATE transactions SET bucket = 'bonus' WHERE id = 26",
    "into another account": "UPDATE transactions SET contra_account = 'refunds_owed' WHERE id = 29",
    "in another campaign": "UPDATE transactions SET campaign = 1 WHERE id = 26",
    "of another credit": "UPDATE transactions SET related_transaction = 16 WHERE id = 26",
    "of what is no credit": "UPDATE transactions SET related_transaction = 25 WHERE id = 26",
    "of nothing": "UPDATE transactions SET related_transaction = NULL WHERE id = 30",
    "by another run than the undo": "UPDATE transactions SET run_id = 29 WHERE id = 27",
    "of a run that was never undone": """
        INSERT INTO transactions (campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id)
        SELECT campaign, line, 'CREDITS_REMOVAL', bucket, -amount_minor, contra_account, id, 28
        FROM transactions WHERE id = 13
    """,
}


@pytest.mark.parametrize("damage", WRONG_REMOVALS.values(), ids=WRONG_REMOVALS)
def test_a_credit_that_was_not_taken_back_as_it_was_given_is_found(
    run_in_process: CommandLine, books: Path, damage: str
) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "removal_wrong"}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 26",
        "INSERT INTO card_events (card, event, run_id) VALUES (11, 'deactivated', 28)",
    ],
    ids=["something was left on it", "it was never emptied"],
)
def test_a_deactivated_card_with_a_balance_is_found(run_in_process: CommandLine, books: Path, damage: str) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "deactivated_with_balance"}


WRONG_UNDOINGS = {
    "of what is no batch": "INSERT INTO undoings (undone_run, run_id) VALUES (19, 28)",
    "of a run after it": "INSERT INTO undoings (undone_run, run_id) VALUES (38, 28)",
    "by a run that is no undo": "UPDATE undoings SET run_id = 27 WHERE undone_run = 21",
    "of a step, gone from beside its lines": "DELETE FROM undoings WHERE undone_run = 24",
    "reopened without having been": "UPDATE reopenings SET undone_run = 41 WHERE undone_run = 21",
    "reopened by a run that is no undo": "UPDATE reopenings SET run_id = 30 WHERE undone_run = 21",
    "reopened in the same run": "UPDATE reopenings SET run_id = 28 WHERE undone_run = 21",
    "said of a line only": "UPDATE undone_lines SET undone_run = 41 WHERE id = 5",
    "said of a line before it happened": "UPDATE undone_lines SET run_id = 27 WHERE id = 5",
    "not said of a line": "DELETE FROM undone_lines WHERE line = 17 AND undone_run = 25",
    "without a fee": "DELETE FROM transactions WHERE id = 34",
    "of the cash in part": "UPDATE transactions SET amount_minor = amount_minor + 1 WHERE id = 30",
}


@pytest.mark.parametrize("damage", WRONG_UNDOINGS.values(), ids=WRONG_UNDOINGS)
def test_an_undoing_that_can_not_have_been_is_found(run_in_process: CommandLine, books: Path, damage: str) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "undoing_wrong"}


# --- Who agreed, and who stopped ---

# Plan 1: approved by another user in run 37, applied in run 38; plan 2: runs 43 and 44.
WRONG_APPROVALS = {
    "of another plan": "UPDATE applied_plans SET approval = 2 WHERE id = 1",
    "by the user who applied it": (
        "UPDATE runs SET user_id = (SELECT user_id FROM runs AS applying WHERE applying.id = 38) WHERE id = 37"
    ),
    "for another campaign": "UPDATE approvals SET campaign = 'goodwill' WHERE id = 1",
    "by a run that approves nothing": "UPDATE approvals SET run_id = 31 WHERE id = 1",
    "after it was applied": "UPDATE approvals SET run_id = 43 WHERE id = 1",
    "that is gone": "DELETE FROM approvals WHERE id = 1",
    "of a run that applied nothing": "UPDATE applied_plans SET run_id = 32 WHERE id = 1",
}


@pytest.mark.parametrize("damage", WRONG_APPROVALS.values(), ids=WRONG_APPROVALS)
def test_an_approval_that_is_none_is_found(run_in_process: CommandLine, books: Path, damage: str) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "approval_wrong"}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE campaign_events SET event = 'paused' WHERE id = 2",
        "UPDATE campaign_events SET event = 'resumed' WHERE id = 1",
        "UPDATE campaign_events SET campaign = 1 WHERE id = 2",
        "DELETE FROM campaign_events WHERE id = 1",
    ],
    ids=["paused twice", "resumed twice", "resumed another campaign", "never paused"],
)
def test_a_campaign_that_is_not_paused_and_resumed_in_turn_is_found(
    run_in_process: CommandLine, books: Path, damage: str
) -> None:
    assert said_of(run_in_process, books, damage) >= {"seal_broken", "pause_wrong"}


# --- The index of codes ---


def test_a_second_code_for_a_card_is_found(run_in_process: CommandLine, books: Path) -> None:
    """Whoever adds it could redeem the card by a code of their own."""
    damaged(books, lambda books: books.execute("INSERT INTO codes VALUES ('RFMYOWNCODE', 1)"))
    assert_found(verify(run_in_process), "code of card c1")


def test_a_code_that_leads_to_another_card_is_found(run_in_process: CommandLine, books: Path) -> None:
    damaged(books, lambda books: books.execute("UPDATE codes SET card = 1 WHERE card = 2"))
    assert_found(verify(run_in_process), "code of card c2")


def test_codes_are_not_shown_by_what_is_found(run_in_process: CommandLine, books: Path) -> None:
    codes = [code for (code,) in read(books, "SELECT code FROM cards")]
    damaged(books, lambda books: books.execute("UPDATE codes SET card = 4 - card"))
    result = verify(run_in_process)
    assert result.exit == 5
    assert [code for code in codes if code in result.stdout or code.replace("-", "") in result.stdout] == []


# --- The schema ---

SCHEMA_DAMAGE = {
    "the trigger transactions_no_delete is missing": "DROP TRIGGER transactions_no_delete",
    "the trigger cards_no_update was changed": (
        "DROP TRIGGER cards_no_update; "
        "CREATE TRIGGER cards_no_update BEFORE UPDATE ON cards WHEN NEW.id < 0 BEGIN SELECT RAISE(ABORT, 'no'); END"
    ),
    "the trigger mine is not refundctl's": "CREATE TRIGGER mine AFTER INSERT ON cards BEGIN SELECT 1; END",
    "the index transactions_funded_line is missing": "DROP INDEX transactions_funded_line",
    "the view card_balances is missing": "DROP VIEW card_balances",
    "the view mine is not refundctl's": "CREATE VIEW mine AS SELECT 1",
    "the table notes is not refundctl's": "CREATE TABLE notes (note TEXT)",
    "the table cards was changed": "ALTER TABLE cards ADD COLUMN note TEXT",
}


@pytest.mark.parametrize(("line", "damage"), SCHEMA_DAMAGE.items(), ids=SCHEMA_DAMAGE)
def test_a_changed_schema_is_found(run_in_process: CommandLine, books: Path, line: str, damage: str) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.executescript(damage)
    assert_found(verify(run_in_process), f"schema_altered: T{line[1:]}")


@pytest.mark.parametrize("table", tables_as_written())
def test_a_missing_table_is_found(run_in_process: CommandLine, books: Path, table: str) -> None:
    with closing(sqlite3.connect(books)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f'DROP TABLE "{table}"')
    assert_found(verify(run_in_process), f"schema_altered: The table {table} is missing")


# --- The tail, old copies, another past ---


def cut_off_the_last_run(connection: sqlite3.Connection) -> None:
    """Gone without a trace."""
    [(last,)] = connection.execute("SELECT max(id) FROM runs")
    for table in tables_with_runs():
        connection.execute(f'DELETE FROM "{table}" WHERE run_id = ?', (last,))
    connection.execute("DELETE FROM runs WHERE id = ?", (last,))


def tables_with_runs() -> list[str]:
    return [table for table, column in columns_as_written() if column == "run_id"]


def last_run(books: Path) -> int:
    return number(books, "SELECT max(id) FROM runs")


def kept_seal(cli: CommandLine, tmp_path: Path) -> Path:
    """The line that verify prints, kept elsewhere."""
    path = tmp_path / "kept.seal"
    path.write_text(verify(cli).ok().stdout, encoding="utf-8")
    return path


def test_a_tail_that_was_cut_off_shows_against_a_seal_kept_elsewhere(
    run_in_process: CommandLine, books: Path, tmp_path: Path
) -> None:
    kept, last = kept_seal(run_in_process, tmp_path), last_run(books)
    damaged(books, cut_off_the_last_run)
    verify(run_in_process).ok()
    assert_found(verify(run_in_process, "--against", kept), f"tail_missing: Seal {last} (run {last}) is missing")


def test_an_old_copy_shows_against_a_seal_kept_elsewhere(
    run_in_process: CommandLine, books: Path, tmp_path: Path
) -> None:
    old = copy_to(books, tmp_path / "old.db")
    (tmp_path / "more.csv").write_text(
        "booking_id,customer_id,email,order_amount,currency,status\nN1,new,new@example.com,12.50,EUR,cancelled\n"
    )
    run_in_process("load", "more.csv", now=LATER).ok()
    kept, last = kept_seal(run_in_process, tmp_path), last_run(books)
    copy_to(old, books)
    verify(run_in_process).ok()
    assert_found(verify(run_in_process, "--against", kept), f"tail_missing: Seal {last} (run {last}) is missing")


def test_another_past_shows_against_a_seal_kept_elsewhere(
    run_in_process: CommandLine, books: Path, tmp_path: Path
) -> None:
    """An old copy was restored and other bookings were loaded: in order by itself, and not what was sealed."""
    old = copy_to(books, tmp_path / "old.db")
    for amount in ("12.50", "99.00"):
        copy_to(old, books)
        (tmp_path / "more.csv").write_text(
            f"booking_id,customer_id,email,order_amount,currency,status\nN1,n,n@example.com,{amount},EUR,cancelled\n"
        )
        run_in_process("load", "more.csv", now=LATER).ok()
        if amount == "12.50":
            kept = kept_seal(run_in_process, tmp_path)
    verify(run_in_process).ok()
    last = last_run(books)
    assert_found(verify(run_in_process, "--against", kept), f"past_rewritten: Seal {last} (run {last}) is not the one")


def test_books_that_went_on_agree_with_a_seal_of_before(
    run_in_process: CommandLine, books: Path, tmp_path: Path
) -> None:
    kept = kept_seal(run_in_process, tmp_path)
    (tmp_path / "more.csv").write_text(
        "booking_id,customer_id,email,order_amount,currency,status\nN1,new,new@example.com,12.50,EUR,cancelled\n"
    )
    run_in_process("load", "more.csv", now=LATER).ok()
    verify(run_in_process, "--against", kept).ok()


def test_another_ledgers_seal_says_so(run_in_process: CommandLine, books: Path, tmp_path: Path) -> None:
    assert books.exists()
    run_in_process("init", "--ledger", "other.db", now=LATER).ok()
    (tmp_path / "kept.seal").write_text(run_in_process("verify", "--ledger", "other.db", now=LATER).ok().stdout)
    assert_found(verify(run_in_process, "--against", "kept.seal"), "other_ledger: ")


def test_a_manifest_is_a_seal_kept_elsewhere(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    assert campaigns.exists()
    (tmp_path / "more.csv").write_text(
        "booking_id,customer_id,email,order_amount,currency,status\nN1,new,new@example.com,12.50,EUR,cancelled\n"
    )
    run_in_process("init").ok()
    old = copy_to(tmp_path / LEDGER, tmp_path / "old.db")
    run_in_process("run", CAMPAIGN, "more.csv", "--out", "out").ok()
    run_in_process("verify", "--against", "out/manifest.json").ok()
    copy_to(old, tmp_path / LEDGER)
    run_in_process("verify").ok()
    assert_found(run_in_process("verify", "--against", "out/manifest.json"), "tail_missing")


@pytest.mark.parametrize("content", ["", "no seal here", "refundctl-seal 12 1 1 ab", "refundctl-seal\n"])
def test_a_file_without_a_seal_is_refused(
    run_in_process: CommandLine, books: Path, tmp_path: Path, content: str
) -> None:
    assert books.exists()
    (tmp_path / "kept.seal").write_text(content)
    result = verify(run_in_process, "--against", "kept.seal")
    assert result.exit == 65
    assert result.stderr.startswith("Error: kept.seal holds no seal")


def test_a_missing_seal_is_a_missing_file(run_in_process: CommandLine, books: Path) -> None:
    assert books.exists()
    assert verify(run_in_process, "--against", "kept.seal").exit == 66


# --- The file itself ---


def test_a_page_that_sqlite_calls_corrupt_is_found(run_in_process: CommandLine, books: Path) -> None:
    [(root,)] = read(books, "SELECT rootpage FROM sqlite_master WHERE name = 'transactions'")
    content = bytearray(books.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xa5" * 4096
    books.write_bytes(content)
    assert_found(verify(run_in_process), "file_damaged: ")


def test_an_index_that_lost_a_row_is_found(run_in_process: CommandLine, books: Path) -> None:
    """SQLite finds rows by it, so that a line could be funded twice."""
    with closing(sqlite3.connect(books)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'entry = 1', 'entry = 9') WHERE name = 'transactions_funded_line'"
        )
        connection.commit()
    with closing(sqlite3.connect(books)) as connection:
        connection.execute("REINDEX transactions_funded_line")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'entry = 9', 'entry = 1') WHERE name = 'transactions_funded_line'"
        )
        connection.commit()
    assert_found(verify(run_in_process), "file_damaged: ", "wrong # of entries")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_short_is_found(run_in_process: CommandLine, books: Path, kept: float) -> None:
    content = books.read_bytes()
    books.write_bytes(content[: int(len(content) * kept)])
    assert_found(verify(run_in_process), "file_damaged: ")


def logical(path: Path) -> object:
    """All that is sealed, or None where SQLite can't read it."""
    try:
        return everything(path, OUTSIDE_THE_SEALS)
    except (sqlite3.Error, UnicodeError):
        return None


def test_a_byte_that_the_disk_changed_is_found_or_says_nothing(
    run_in_process: CommandLine, books: Path, books_made_once: Path
) -> None:
    assert_found_or_says_nothing(run_in_process, books, books_made_once, range(30))


@pytest.mark.slow
def test_any_byte_that_the_disk_changed_is_found_or_says_nothing(
    run_in_process: CommandLine, books: Path, books_made_once: Path
) -> None:
    assert_found_or_says_nothing(run_in_process, books, books_made_once, range(30, 1_500))


def assert_found_or_says_nothing(cli: CommandLine, books: Path, in_order: Path, seeds: range) -> None:
    """Bytes between the rows may be anything; all others are either found, or make the file no ledger (65)."""
    before = logical(in_order)
    for seed in seeds:
        chance = random.Random(seed)  # noqa: S311 - places, not secrets
        content = bytearray(in_order.read_bytes())
        place = chance.randrange(100, len(content))
        while not content[place]:
            place = chance.randrange(100, len(content))
        content[place] ^= 1 << chance.randrange(8)
        books.write_bytes(content)
        result = verify(cli)
        where = f"seed {seed}, byte {place}"
        assert result.exit in {0, 5}, f"{where}: {result.exit} {result.stdout}{result.stderr}"
        if logical(books) != before:
            assert result.exit == 5, f"{where} was changed, and nothing was found"
