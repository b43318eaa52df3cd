"""What a step does grows with the rows, not with their square: the plans and statements that keep it so."""

import sqlite3
from pathlib import Path

import pytest

from refundctl.ledger.funding.holders import Holding, cards_of
from refundctl.ledger.undo.undone_credits import take_back
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, write_bookings
from support.sql_log import sql_log


@pytest.mark.parametrize("per_customer", [False, True])
def test_a_card_of_the_pool_is_found_by_its_holder(
    per_customer: bool, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(type="STATIC", vouchers_count=3), encoding="utf-8")
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    run_in_process("publish", CAMPAIGN).ok()
    holding = Holding(1, per_customer, "2020-05-01")
    connection = sqlite3.connect(tmp_path / LEDGER)
    connection.execute("CREATE TEMP TABLE considered (booking INTEGER NOT NULL, customer INTEGER NOT NULL)")

    cards = cards_of(connection, holding)
    found = f"EXPLAIN QUERY PLAN SELECT cards.id FROM considered CROSS JOIN {cards.sql} ON {holding.match}"
    plan = [row[3] for row in connection.execute(found, holding.parameters())]
    connection.close()

    index = "held_holder (customer=? AND booking=?)" if per_customer else "held_"
    assert plan[0] == "SCAN considered"
    assert f"SEARCH cards USING INDEX {index}" in plan[1]


def test_columns_that_a_file_lacks_are_carried_over_by_one_statement(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    first = [booking(f"B{number}", category=f"c{number}", tier="gold") for number in range(40)]
    write_bookings(tmp_path / "first.csv", *first)
    run_in_process("load", "first.csv").ok()
    later = [booking(f"B{number}", "101.00", category=f"c{number}") for number in range(40)]
    write_bookings(tmp_path / "later.csv", *later)

    with sql_log() as heard:
        answer = run_in_process("load", "later.csv", "--json").ok().json()

    assert answer["counts"]["updated"] == 40
    statements = [" ".join(statement.split()) for connection in heard for statement in connection]
    assert sum(statement.startswith("UPDATE staged SET segment") for statement in statements) == 1
    connection = sqlite3.connect(tmp_path / LEDGER)
    kept = "SELECT tier, count(*) FROM refund_lines JOIN segments ON segments.id = refund_lines.segment GROUP BY tier"
    assert connection.execute(kept).fetchall() == [("gold", 40)]
    connection.close()


# --- Undo ---


@pytest.fixture
def one_card(campaigns: Path) -> None:
    """A customer's bookings go onto one card."""
    campaigns.write_text(small_campaigns(card_per="customer"), encoding="utf-8")


def steps_to_take_back(cli: CommandLine, folder: Path, bookings: int) -> int:
    """Hundreds of SQLite's own steps that it takes to take back so many credits of one card, the trigger left out."""
    ledger = folder / f"{bookings}.db"
    rows = [booking(f"B{number}", "10.00", customer_id="agency") for number in range(bookings)]
    write_bookings(folder / "bookings.csv", *rows)
    cli("run", CAMPAIGN, "bookings.csv", "--out", f"out-{bookings}", "--ledger", ledger.name).ok()
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection = sqlite3.connect(ledger)
    connection.execute("DROP TRIGGER transactions_no_overdraft")
    topup = connection.execute("SELECT id FROM runs WHERE command = 'topup'").fetchone()[0]
    connection.set_progress_handler(count, 100)
    taken = take_back(connection, topup, None, topup + 1)
    connection.close()
    assert taken is not None
    assert taken.paid_minor == bookings * 1_000
    return steps


@pytest.mark.usefixtures("one_card")
def test_twice_the_credits_on_one_card_are_twice_the_work_of_an_undo(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    fewer, more = (steps_to_take_back(run_in_process, tmp_path, bookings) for bookings in (200, 400))
    assert more < 2.3 * fewer


@pytest.mark.usefixtures("campaigns")
def test_the_trigger_against_overdrafts_reads_an_index_only(run_in_process: CommandLine, tmp_path: Path) -> None:
    """It adds up a card's bucket at each debit."""
    run_in_process("init").ok()
    with sqlite3.connect(tmp_path / LEDGER) as connection:
        [(trigger,)] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'transactions_no_overdraft'")
        added_up = trigger[trigger.index("SELECT coalesce(") : trigger.index(") < 0")]
        plan = connection.execute(f"EXPLAIN QUERY PLAN {added_up.replace('NEW.', ':')}", {"card": 1, "bucket": "paid"})
        assert [row[3] for row in plan] == ["SEARCH transactions USING COVERING INDEX transactions_card (card=?)"]
    connection.close()
