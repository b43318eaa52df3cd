"""--where: the part of the bookings that a command is to look at, down to a single one."""

from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import booking, rows_of, write_bookings


@pytest.fixture
def loaded(tmp_path: Path, campaigns: Path, run_in_process: CommandLine) -> Path:
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "10.00", customer_id="ANA", tier="gold", tickets="2", cancelled_at="2020-04-01T10:00:00"),
        booking("B2", "10.50", customer_id="ANA", tier="silver", tickets="1", cancelled_at="2020-04-02"),
        booking("B3", "90.00", customer_id="BEN", tier="gold", refund_id="r1", refund_amount="7.00"),
        booking("B3", "90.00", customer_id="BEN", tier="gold", refund_id="r2", refund_amount="8.00"),
    )
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    return tmp_path


@pytest.mark.parametrize(
    ("asked_for", "lines"),
    [
        (["booking_id=B1"], ["B1"]),
        (["booking_id= b1 "], ["B1"]),
        (["booking_id=B3"], ["r1", "r2"]),
        (["refund_id=r2"], ["r2"]),
        (["refund_id=B2"], ["B2"]),
        (["customer_id=ANA"], ["B1", "B2"]),
        (["customer_id=ANA", "tier=gold"], ["B1"]),
        (["order_amount=10"], ["B1"]),
        (["order_amount=90.00", "refund_amount=8.00"], ["r2"]),
        (["tickets=1"], ["B2"]),
        (["cancelled_at=2020-04-01"], ["B1"]),
        (["tier=gold"], ["B1", "r1", "r2"]),
        (["booking_id=B9"], []),
    ],
)
def test_bookings_that_are_asked_for(
    asked_for: list[str], lines: list[str], loaded: Path, run_in_process: CommandLine
) -> None:
    where = [word for one in asked_for for word in ("--where", one)]

    listed = rows_of(run_in_process("export", "bookings", CAMPAIGN, "-o", "-", *where).ok().stdout)
    published = run_in_process("publish", CAMPAIGN, *where, "--json").ok().json()
    funded = run_in_process("topup", CAMPAIGN, *where, "--json").ok().json()

    assert [row["refund_id"] for row in listed] == lines
    assert published["counts"]["published"] == len({"B3" if line[0] == "r" else line for line in lines})
    assert funded["counts"]["funded"] == len(lines)


@pytest.mark.parametrize(
    ("asked_for", "says"),
    [
        ("booking_id", "--where takes KEY=VALUE, such as tier=gold, not 'booking_id'."),
        ("email=a@example.org", "--where email: a condition can't look at `email`"),
        ("order_amount=much", '--where order_amount: `much` is not an amount: write it like "25.00"'),
        ("cancelled_at=yesterday", "--where cancelled_at: `yesterday` is not a date"),
    ],
)
def test_what_can_t_be_asked_for(asked_for: str, says: str, loaded: Path, run_in_process: CommandLine) -> None:
    refused = run_in_process("topup", CAMPAIGN, "--where", asked_for)

    assert refused.exit == 2
    assert refused.stderr.startswith(f"Error: {says}")


# --- Why a booking is not eligible ---


def test_a_booking_that_is_not_eligible_says_why(tmp_path: Path, run_in_process: CommandLine) -> None:
    (tmp_path / "campaigns.yaml").write_text(
        "version: 1\ncampaigns:\n  flight-refunds: {currency: EUR, eligible: {status: [cancelled], tier: [gold]}}\n",
        encoding="utf-8",
    )
    rows = [
        booking("B1", status="storniert", tier="gold"),
        booking("B2", status="storniert", tier="gold"),
        booking("B3", tier="basic"),
        booking("B4"),
        booking("B5", tier="gold"),
    ]
    write_bookings(tmp_path / "bookings.csv", *rows)

    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json", "-n").ok().json()
    said = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "-n").ok().stdout

    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {"not_eligible": 4}
    assert answer["not_eligible"] == {"status is storniert": 2, "tier is basic": 1, "tier is blank": 1}
    assert (
        "    not eligible     2: status is storniert; 1: tier is basic; 1: tier is blank "
        "(see `eligible` of flight-refunds)\n"
    ) in said


def test_what_its_source_leaves_out_now_is_said_too(tmp_path: Path, run_in_process: CommandLine) -> None:
    (tmp_path / "campaigns.yaml").write_text(
        "version: 1\nsources:\n  shop: {only: {status: [cancelled]}}\ncampaigns:\n  flight-refunds: {currency: EUR}\n",
        encoding="utf-8",
    )
    for name, status in (("one.csv", "cancelled"), ("two.csv", "refunded")):
        write_bookings(tmp_path / name, booking("B1", status=status))
        run_in_process("load", name, "--source", "shop").ok()
    run_in_process("create", CAMPAIGN).ok()

    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["not_eligible"] == {
        "left out by its source now": 1
    }
