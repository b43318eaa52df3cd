"""Files with a row per line item: a booking's rows become one refund, share its fate, and are counted one by one."""

from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, counts, files_in, only, rows_of, write_bookings

SHOP = "sources:\n  shop: {group_by: booking_id}\n"

# B1 on lines 2 and 4, 12.50 altogether; B2 on line 3.
ITEMS = [
    booking("B1", "10.00", cash_amount="2.00"),
    booking("B2", "7.00"),
    booking("B1", "2.50", cash_amount="1.00", bonus_amount="0.50"),
]


@pytest.fixture(autouse=True)
def shop(campaigns: Path) -> None:
    campaigns.write_text(small_campaigns().replace("campaigns:", f"{SHOP}campaigns:", 1), encoding="utf-8")


def load(command_line: CommandLine, folder: Path, *rows: dict[str, str], **options: str) -> dict[str, Any]:
    write_bookings(folder / "items.csv", *rows)
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    answer: dict[str, Any] = command_line("load", "items.csv", "--source", "shop", *words, "--json").json()
    return answer


def fund(command_line: CommandLine) -> dict[str, int]:
    for command in ("create", "publish"):
        command_line(command, CAMPAIGN).ok()
    totals: dict[str, int] = command_line("topup", CAMPAIGN, "--json").ok().json()["totals"]["EUR"]
    return totals


def changed(*prices: str) -> list[dict[str, str]]:
    return [row | {"order_amount": price} for row, price in zip(ITEMS, prices, strict=True)]


def test_rows_of_a_booking_are_added_up_and_counted_one_by_one(run_in_process: CommandLine, tmp_path: Path) -> None:
    answer = load(run_in_process, tmp_path, *ITEMS)
    assert answer["counts"] == counts(loaded=3)
    assert answer["totals"] == {"EUR": {"order_amount": 1_950, "total": 1_950}}
    assert only(answer["files"])["rows"] == 3
    parts = "booking_id, refund_amount_minor, cash_amount_minor, bonus_amount_minor"
    assert read(tmp_path / LEDGER, f"SELECT {parts} FROM refund_lines ORDER BY booking_id") == [
        ("B1", 1_250, 300, 50),
        ("B2", 700, 0, 0),
    ]
    totals = fund(run_in_process)
    assert (totals["paid"], totals["bonus"], totals["cash"]) == (1_650, 50, 300)
    run_in_process("verify").ok()


def test_the_same_rows_again_in_any_order_are_unchanged(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, *ITEMS)
    before = files_in(tmp_path)[LEDGER]
    for rows in (ITEMS, ITEMS[::-1]):
        assert load(run_in_process, tmp_path, *rows)["counts"] == counts(unchanged=3)
    assert files_in(tmp_path)[LEDGER] == before


def test_one_changed_item_updates_all_rows_of_its_booking(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, *ITEMS)
    assert load(run_in_process, tmp_path, *changed("10.00", "7.00", "3.50"))["counts"] == counts(updated=2, unchanged=1)
    # Another price for each, and the same sum: nothing has changed for the customer.
    assert load(run_in_process, tmp_path, *changed("11.00", "7.00", "2.50"))["counts"] == counts(unchanged=3)


def test_a_funded_booking_that_changes_has_all_its_rows_rejected(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, *ITEMS)
    fund(run_in_process)
    answer = load(run_in_process, tmp_path, *changed("10.00", "7.00", "3.50"))
    assert answer["counts"] == counts(unchanged=1, rejected=2)
    assert answer["rejected_by_code"] == {"booking_conflict": 2}
    rejects = rows_of(tmp_path / "items.rejects.csv")
    assert [(row["_line"], row["order_amount"], row["_code"]) for row in rejects] == [
        ("2", "10.00", "booking_conflict"),
        ("4", "3.50", "booking_conflict"),
    ]


def test_control_totals_count_rows(run_in_process: CommandLine, tmp_path: Path) -> None:
    assert load(run_in_process, tmp_path, *ITEMS, expect_count="2")["status"] == "refused"
    answer = load(run_in_process, tmp_path, *ITEMS, expect_count="3", expect_total="EUR 19.50")
    assert answer["counts"] == counts(loaded=3)


def test_a_booking_in_two_files_of_one_call(run_in_process: CommandLine, tmp_path: Path) -> None:
    """The same rows twice are one booking; different ones contradict each other, and all rows go."""
    write_bookings(tmp_path / "one.csv", *ITEMS)
    write_bookings(tmp_path / "same.csv", *ITEMS[::-1])
    write_bookings(tmp_path / "other.csv", *changed("10.00", "7.00", "3.50"))
    answer = run_in_process("load", "one.csv", "other.csv", "--source", "shop", "--json").json()
    assert answer["counts"] == counts(loaded=1, unchanged=1, rejected=4)
    assert answer["rejected_by_code"] == {"contradiction": 4}
    answer = run_in_process("load", "one.csv", "same.csv", "--source", "shop", "--json").ok().json()
    assert answer["counts"] == counts(loaded=2, unchanged=4)


def test_a_run_of_line_items(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "items.csv", *ITEMS)
    run = ("run", CAMPAIGN, "items.csv", "--source", "shop", "--out", "out", "--json")
    answer = run_in_process(*run).ok().json()
    assert (answer["counts"]["rows"], answer["counts"]["loaded"], answer["counts"]["funded"]) == (3, 3, 2)
    assert column(tmp_path / "out" / "mail.csv", "balance") == ["10.00", "7.00"]
    assert run_in_process(*run).ok().json()["run_id"] is None
