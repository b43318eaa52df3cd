"""What is set aside when staged bookings are held against the ledger, and what is known already."""

from pathlib import Path

import pytest

from support.books import LEDGER, read
from support.command_line import CommandLine
from support.desks.staging_desk import StagingDesk

CONFLICT = "booking_conflict"


@pytest.fixture
def desk() -> StagingDesk:
    return StagingDesk()


def test_the_same_again_is_known(desk: StagingDesk) -> None:
    rows = "booking_id,customer_id,order_amount,email\nB1,ana,10000,ana@example.org\n"
    assert desk.load(rows).counts == (1, 0, 0)
    assert desk.load(rows).counts == (0, 0, 1)
    assert desk.read("SELECT count(*) FROM line_versions") == [(1,)]


def test_new_lines_that_exceed_the_order_together_go_all_of_them(desk: StagingDesk) -> None:
    done = desk.load("booking_id,refund_id,order_amount,refund_amount\nB1,a,10000,6000\nB1,b,10000,4001\nB2,,50,50\n")
    assert done.rejects == [(2, "refund_amount", "exceeds_order_amount"), (3, "refund_amount", "exceeds_order_amount")]
    assert done.counts == (1, 0, 0)


def test_a_new_line_that_exceeds_the_order_with_a_known_one_goes_alone(desk: StagingDesk) -> None:
    header = "booking_id,refund_id,order_amount,refund_amount\n"
    desk.load(f"{header}B1,a,10000,6000\n")
    assert desk.load(f"{header}B1,b,10000,4001\n").rejects == [(2, "refund_amount", "exceeds_order_amount")]
    assert desk.load(f"{header}B1,b,10000,4000\n").counts == (1, 0, 0)


@pytest.mark.parametrize("other", ["B1,b,ana,200,10,USD", "B1,b,ana,201,10,EUR", "B1,b,bo,200,10,EUR"])
def test_a_line_must_agree_with_the_other_lines_of_its_booking(desk: StagingDesk, other: str) -> None:
    header = "booking_id,refund_id,customer_id,order_amount,refund_amount,currency\n"
    desk.load(f"{header}B1,a,ana,200,10,EUR\n")
    assert desk.load(f"{header}{other}\n").rejects == [(2, "booking_id", CONFLICT)]
    assert desk.load(f"{header}B1,b,ana,200,10,EUR\n").counts == (1, 0, 0)


def test_all_lines_loaded_together_may_change_together(desk: StagingDesk) -> None:
    header = "booking_id,refund_id,order_amount,refund_amount\n"
    desk.load(f"{header}B1,a,200,100\nB1,b,200,100\n")
    assert desk.load(f"{header}B1,a,300,150\nB1,b,300,150\n").counts == (0, 2, 0)


def test_an_open_line_may_change_its_amount_and_customer(desk: StagingDesk) -> None:
    desk.load("booking_id,customer_id,order_amount\nB1,ana,100\n")
    assert desk.load("booking_id,customer_id,order_amount\nB1,bo,90\n").counts == (0, 1, 0)
    found = desk.read(
        "SELECT version, customer_id, refund_amount_minor FROM refund_lines JOIN customers ON id = customer"
    )
    assert found == [(2, "bo", 90)]


def test_a_funded_line_with_another_amount_is_set_aside(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    header = "booking_id,customer_id,email,order_amount,currency,status\n"
    (tmp_path / "first.csv").write_text(f"{header}B1,ana,ana@example.org,100.00,EUR,cancelled\n")
    (tmp_path / "second.csv").write_text(f"{header}B1,ana,ana@example.org,100.01,EUR,cancelled\n")
    run_in_process("run", "flight-refunds", "first.csv", "--out", "out").ok()
    second = run_in_process("load", "second.csv", "--json")
    assert (second.exit, second.json()["rejected_by_code"]) == (3, {CONFLICT: 1})
    assert read(tmp_path / LEDGER, "SELECT refund_amount_minor FROM line_versions") == [(100_00,)]
