"""A row that its source leaves out now takes back what an earlier file said: the shop itself has refunded it meanwhile."""

from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import booking, only, rows_of, write_bookings

SOURCES = """\
version: 1
sources:
  shop:
    only: {status: [cancelled]}
  other:
    only: {status: [refunded, elsewhere]}
  grouped:
    group_by: booking_id
    skip: {status: [refunded]}
campaigns:
  flight-refunds: {currency: EUR}
"""


@pytest.fixture
def shop(tmp_path: Path, run_in_process: CommandLine) -> Path:
    """Three bookings of 100.00, 50.00 and 25.00, loaded by the source `shop`."""
    (tmp_path / "campaigns.yaml").write_text(SOURCES, encoding="utf-8")
    write_bookings(tmp_path / "d1.csv", booking("B1", "100.00"), booking("B2", "50.00"), booking("B3", "25.00"))
    run_in_process("load", "d1.csv", "--source", "shop").ok()
    run_in_process("create", CAMPAIGN).ok()
    return tmp_path


def next_day(folder: Path, *rows: dict[str, str]) -> None:
    write_bookings(folder / "d2.csv", *rows)


def fund(command_line: CommandLine) -> dict[str, int]:
    command_line("publish", CAMPAIGN).ok()
    totals: dict[str, int] = command_line("topup", CAMPAIGN, "--json").ok().json()["totals"]["EUR"]
    return totals


def test_what_the_shop_has_refunded_meanwhile_is_not_funded(shop: Path, run_in_process: CommandLine) -> None:
    next_day(shop, booking("B1", "100.00", status="refunded"), booking("B2", "50.00"), booking("B4", status="refunded"))

    answer = run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()

    assert answer["counts"] == {"rows": 3, "loaded": 0, "updated": 0, "unchanged": 1, "filtered": 2, "rejected": 0}
    assert (answer["withdrawn"], answer["run_id"]) == (1, 3)
    assert fund(run_in_process)["paid"] == 75_00  # B3, of which the second file says nothing, and B2
    listed = {
        row["booking_id"]: row for row in rows_of(run_in_process("export", "bookings", CAMPAIGN, "-o", "-").stdout)
    }
    assert (listed["B1"]["funded"], listed["B1"]["skipped_reason"]) == ("no", "not_eligible")
    run_in_process("verify").ok()


def test_the_same_file_again_changes_nothing(shop: Path, run_in_process: CommandLine) -> None:
    next_day(shop, booking("B1", "100.00", status="refunded"))
    run_in_process("load", "d2.csv", "--source", "shop").ok()

    again = run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()

    assert (again["withdrawn"], again["run_id"], again["counts"]["filtered"]) == (0, None, 1)


def test_it_comes_back_with_a_row_that_is_taken(shop: Path, run_in_process: CommandLine) -> None:
    next_day(shop, booking("B1", "100.00", status="refunded"))
    run_in_process("load", "d2.csv", "--source", "shop").ok()

    back = run_in_process("load", "d1.csv", "--source", "shop", "--json").ok().json()

    assert (back["counts"]["updated"], back["counts"]["unchanged"]) == (1, 2)
    assert fund(run_in_process)["paid"] == 175_00
    run_in_process("verify").ok()


def test_what_was_funded_before_is_shown(shop: Path, run_in_process: CommandLine) -> None:
    assert fund(run_in_process)["paid"] == 175_00
    next_day(shop, booking("B1", "100.00", status="refunded"))

    assert run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()["withdrawn"] == 1

    assert only(run_in_process("status", "--json").json()["campaigns"])["counts"]["funded_not_eligible"] == 1
    found = run_in_process("verify", "--json")
    assert found.exit == 5
    assert [finding["code"] for finding in found.json()["findings"]] == ["funded_not_eligible"]


def test_one_source_never_takes_back_what_another_has_brought(shop: Path, run_in_process: CommandLine) -> None:
    next_day(shop, booking("B1", "100.00"), booking("B5", "5.00", status="elsewhere"))

    answer = run_in_process("load", "d2.csv", "--source", "other", "--json").ok().json()

    assert (answer["counts"]["loaded"], answer["counts"]["filtered"], answer["withdrawn"]) == (1, 1, 0)
    assert fund(run_in_process)["paid"] == 180_00


def test_a_row_beside_it_that_is_taken_keeps_it(shop: Path, run_in_process: CommandLine) -> None:
    next_day(shop, booking("B1", "100.00", status="refunded"), booking("B1", "100.00"))

    answer = run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()

    assert (answer["counts"]["unchanged"], answer["counts"]["filtered"], answer["withdrawn"]) == (1, 1, 0)


def test_only_the_refund_line_that_is_left_out(shop: Path, run_in_process: CommandLine) -> None:
    lines = [booking("P1", "90.00", refund_id=f"r{number}", refund_amount=f"{number}0.00") for number in (1, 2)]
    write_bookings(shop / "p1.csv", *lines)
    run_in_process("load", "p1.csv", "--source", "shop").ok()
    next_day(shop, {**lines[0], "status": "refunded"}, lines[1])

    assert run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()["withdrawn"] == 1

    assert fund(run_in_process)["paid"] == 175_00 + 20_00


def test_a_group_is_taken_back_when_all_its_rows_are_left_out(shop: Path, run_in_process: CommandLine) -> None:
    items = [booking("G1", "10.00"), booking("G1", "5.00"), booking("G2", "7.00"), booking("G2", "1.00")]
    write_bookings(shop / "g1.csv", *items)
    run_in_process("load", "g1.csv", "--source", "grouped").ok()
    refunded = [{**item, "status": "refunded"} for item in items]
    next_day(shop, *refunded[:2], items[2], refunded[3])

    answer = run_in_process("load", "d2.csv", "--source", "grouped", "--json").ok().json()

    assert (answer["counts"]["updated"], answer["counts"]["filtered"], answer["withdrawn"]) == (1, 3, 1)
    assert fund(run_in_process)["paid"] == 175_00 + 7_00


def test_metadata_goes_along(shop: Path, run_in_process: CommandLine) -> None:
    text = SOURCES.replace("  shop:\n", "  shop:\n    metadata: [hotel]\n")
    (shop / "campaigns.yaml").write_text(text, encoding="utf-8")
    write_bookings(shop / "m1.csv", booking("M1", hotel="Ritz"))
    run_in_process("load", "m1.csv", "--source", "shop").ok()
    next_day(shop, booking("M1", hotel="Ritz", status="refunded"))

    assert run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()["withdrawn"] == 1

    run_in_process("verify").ok()


def test_a_large_file_read_by_a_second_process_says_the_same(shop: Path, run_in_process: CommandLine) -> None:
    padding = "x" * 900
    rows = [booking(f"L{number}", "1.00", status="refunded", padding=padding) for number in range(18_000)]
    next_day(shop, *rows, booking("B1", "100.00", status="refunded", padding=padding))
    assert (shop / "d2.csv").stat().st_size > 16 * 1024 * 1024

    answer = run_in_process("load", "d2.csv", "--source", "shop", "--json").ok().json()

    assert (answer["counts"]["filtered"], answer["withdrawn"]) == (18_001, 1)


def test_a_dry_run_only_says_so(shop: Path, run_in_process: CommandLine) -> None:
    next_day(shop, booking("B1", "100.00", status="refunded"))

    said = run_in_process("load", "d2.csv", "--source", "shop", "-n").ok().stdout

    assert "no longer owed  1, as the source leaves them out now\n" in said
    assert fund(run_in_process)["paid"] == 175_00
