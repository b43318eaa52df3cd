"""The files in sample_data hold what their README says, and refundctl makes of them what it promises."""

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

from command_line import CAMPAIGN, CommandLine, small_campaigns

SAMPLE_DATA = Path(__file__).parents[1] / "sample_data"
BOOKINGS = SAMPLE_DATA / "bookings.csv"
MISTAKES = SAMPLE_DATA / "bookings-with-mistakes.csv"

Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sum_of(rows: list[Row]) -> Decimal:
    return sum((Decimal(row["refund_amount"] or row["order_amount"]) for row in rows), Decimal(0))


def customer_of(row: Row) -> str:
    return row["customer_id"] or row["email"].lower()


def test_the_bookings_are_as_described() -> None:
    rows = rows_of(BOOKINGS)
    assert (len(rows), sum_of(rows)) == (60, Decimal("22590.81"))
    assert len({row["booking_id"] for row in rows}) == 59
    assert len({customer_of(row) for row in rows}) == 57
    assert Counter(row["status"] for row in rows) == {"cancelled": 56, "flown": 4}
    assert {row["email"].rpartition("@")[2] for row in rows} == {"example.com", "example.org", ""}

    eligible = [row for row in rows if row["status"] == "cancelled"]
    assert (len(eligible), sum_of(eligible)) == (56, Decimal("21967.91"))
    assert len({row["booking_id"] for row in eligible}) == 55
    assert len({customer_of(row) for row in eligible}) == 53
    assert sum_of([row for row in eligible if not row["email"]]) == Decimal("214.00")


def test_one_card_per_booking(cli: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    result = cli("run", CAMPAIGN, BOOKINGS, "--out", "out", "--json").ok().json()
    steps = result["steps"]
    assert (steps["load"]["counts"]["rows"], steps["load"]["counts"]["loaded"]) == (60, 60)
    assert steps["publish"]["counts"]["published"] == 55
    assert steps["topup"]["counts"]["funded"] == 56
    assert steps["topup"]["totals"]["EUR"]["total"] == 2_196_791

    mail = rows_of(tmp_path / "out" / "mail.csv")
    assert len(mail) == 54
    assert sum(Decimal(row["balance"]) for row in mail) == Decimal("21753.91")
    cli("verify").ok()


def test_one_card_per_customer(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns(card_per="customer", no_expiry_in=["US-ME"]), encoding="utf-8")
    steps = run_in_process("run", CAMPAIGN, BOOKINGS, "--out", "out", "--json").ok().json()["steps"]
    assert steps["publish"]["counts"]["published"] == 53
    assert steps["topup"]["totals"]["EUR"]["total"] == 2_196_791

    mail = {row["customer_id"]: row for row in rows_of(tmp_path / "out" / "mail.csv")}
    assert len(mail) == 52
    assert mail["C-1037"]["balance"] == "463.40"
    assert mail["C-1037"]["booking_id"].split(";") == ["F5XTCR", "G9BWJQ", "H4ZMDV"]
    assert [row["name"] for row in mail.values() if not row["expires_on"]] == ["Emily Carter"]


def test_each_mistake_is_rejected_and_the_good_rows_are_loaded(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("load", MISTAKES, "--rejects", "rejects.csv", "--json")
    assert result.exit == 3
    counts = result.json()["counts"]
    assert (counts["rows"], counts["loaded"], counts["rejected"]) == (20, 2, 18)
    assert result.json()["totals"]["EUR"] == {"total": 19_550, "order_amount": 19_550}

    rejects = rows_of(tmp_path / "rejects.csv")
    assert [int(row["_line"]) for row in rejects] == list(range(3, 21))
    assert [(row["_field"], row["_code"]) for row in rejects] == [
        ("order_amount", "malformed_amount"),
        ("cancelled_at", "malformed_date"),
        ("booking_id", "missing_value"),
        ("order_amount", "amount_not_positive"),
        ("order_amount", "amount_not_positive"),
        ("order_amount", "too_many_decimals"),
        ("currency", "unknown_currency"),
        ("order_amount", "too_many_decimals"),
        ("email", "malformed_email"),
        ("customer_id", "no_customer"),
        ("name", "formula"),
        ("name", "control_characters"),
        ("phone", "payment_card_number"),
        ("", "wrong_field_count"),
        ("refund_amount", "exceeds_order_amount"),
        ("refund_amount", "exceeds_order_amount"),
        ("order_amount", "contradiction"),
        ("order_amount", "contradiction"),
    ]
