"""What a step does grows with the rows, not with their square: the plans and statements that keep it so."""

import sqlite3
from pathlib import Path

import pytest

from command_line import CAMPAIGN, CommandLine, small_campaigns
from desk import LEDGER, booking, write_bookings
from refundctl.ledger.posting.cards import Holding, cards_of
from sql_log import sql_log


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
    found = f"EXPLAIN QUERY PLAN SELECT cards.id FROM considered CROSS JOIN {cards} ON {holding.match}"
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
