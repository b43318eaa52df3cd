"""The files in sample_data hold what their README says, and refundctl makes of them what it promises."""

import csv
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.repository import ROOT, SAMPLE_DATA

BOOKINGS = SAMPLE_DATA / "bookings.csv"
MISTAKES = SAMPLE_DATA / "bookings-with-mistakes.csv"
BY_POLICY = SAMPLE_DATA / "bookings-by-policy.csv"
REDEMPTIONS = SAMPLE_DATA / "redemptions.csv"
PRINTED = SAMPLE_DATA / "printed-codes.csv"

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


# --- A realistic policy: flights-by-policy of campaigns.example.yaml, over bookings-by-policy.csv ---

POLICY = "flights-by-policy"
NOW = "2026-05-01T09:00:00Z"

#: What becomes of each booking, worked out by hand: what is paid onto a card, kept by which fee, given by which bonus,
#: or owed in cash.
BY_HAND = """
B-3001: paid 189.00, bonus sorry 15.00
B-3002: paid 240.00, bonus sorry 15.00
B-3003: paid 96.50, bonus sorry 15.00
B-3004: paid 274.00, bonus sorry 15.00
B-3005: paid 143.75, bonus sorry 15.00
B-3006: paid 228.60, bonus sorry 15.00
B-3007: paid 120.00, bonus sorry 15.00
B-3008: paid 315.20, bonus sorry 15.00
B-3009: paid 88.00, bonus sorry 15.00
B-3010: paid 342.35, bonus sorry 15.00
B-3011: paid 330.48, bonus sorry 15.00, fee agency 36.72
B-3012: paid 165.64, bonus sorry 15.00, fee agency 18.41
B-3013: fee agency 45.00
B-3014: paid 139.00, bonus sorry 15.00, fee service 11.00
B-3015: paid 94.00, bonus sorry 15.00, fee service 5.00
B-3016: paid 405.10, bonus gold 81.02
B-3017: paid 640.00, bonus gold 100.00
B-3018: paid 60.00, bonus sorry 15.00
B-3019: paid 480.00, bonus loyal 48.00
B-3021: paid 225.00, bonus gold 45.00, fee agency 25.00
B-3022: cash 214.00
B-3023: cash 117.00, fee agency 13.00
B-3025: paid 310.00
B-3026: paid 162.00
B-3027: paid 199.00, bonus sorry 15.00
B-3028: paid 132.00, bonus sorry 15.00
B-3029: paid 164.30, bonus sorry 15.00
B-3030: paid 164.30, bonus sorry 15.00
B-3031: paid 1890.00, bonus sorry 15.00
"""


@pytest.fixture
def by_policy(tmp_path: Path, run_in_process: CommandLine) -> CommandLine:
    """The command line beside the example campaigns file and `april.plan`, made on 1 May 2026."""
    (tmp_path / "campaigns.yaml").write_bytes((ROOT / "campaigns.example.yaml").read_bytes())
    run_in_process("plan", POLICY, BY_POLICY, "-o", "april.plan", now=NOW).ok()
    return run_in_process


def test_the_bookings_by_policy_are_as_described() -> None:
    rows = rows_of(BY_POLICY)
    assert (len(rows), sum_of(rows)) == (31, Decimal("12878.35"))
    assert len({row["booking_id"] for row in rows}) == 31
    assert len({row["customer_id"] for row in rows}) == 30
    assert Counter(row["status"] for row in rows) == {"cancelled": 29, "flown": 1, "blocked": 1}
    assert sum_of([row for row in rows if row["status"] == "cancelled"]) == Decimal("8083.35")
    assert sum(Decimal(row["order_amount"]) for row in rows if row["customer_id"] == "C-3019") == 5100
    assert {row["email"].rpartition("@")[2] for row in rows} == {"example.com", "example.org"}
    assert {row["booking_id"] for row in rows}.isdisjoint(row["booking_id"] for row in rows_of(BOOKINGS))
    assert {row["email"] for row in rows}.isdisjoint(row["email"] for row in rows_of(BOOKINGS))


def test_the_plan_of_the_policy_says_what_each_rule_gives_and_what_to_look_at(
    by_policy: CommandLine, tmp_path: Path
) -> None:
    plan = json.loads((tmp_path / "april.plan").read_text(encoding="utf-8"))
    assert plan["counts"]["published"] == 26
    assert plan["counts"]["skipped_by_reason"] == {"nothing_left": 1, "offer_none": 1, "not_eligible": 1}
    assert plan["totals"]["EUR"] == {
        "paid": 759_822,
        "bonus": 57_402,
        "fee": 15_413,
        "cash": 33_100,
        "total": 817_224,
    }
    assert [(rule["bucket"], rule["rule"], rule["refunds"], rule["total"]["EUR"]) for rule in plan["rules"]] == [
        ("fee", "agency", 5, 13_813),
        ("fee", "service", 2, 1_600),
        ("bonus", "gold", 3, 22_602),
        ("bonus", "loyal", 1, 4_800),
        ("bonus", "sorry", 20, 30_000),
    ]
    assert [(booking["booking_id"], booking["amount"]["EUR"]) for booking in plan["largest"][:3]] == [
        ("B-3031", 190_500),
        ("B-3017", 74_000),
        ("B-3019", 52_800),
    ]
    assert [(warning["code"], warning["bookings"]) for warning in plan["warnings"]] == [
        ("same_email", ["B-3027", "B-3028"]),
        ("same_name_and_amount", ["B-3029", "B-3030"]),
        ("far_off", ["B-3031"]),
        ("no_tickets", ["B-3015"]),
    ]
    assert not plan["needs_approval"]


def test_the_policy_gives_each_booking_what_was_worked_out_by_hand(by_policy: CommandLine, tmp_path: Path) -> None:
    by_policy("apply", "april.plan", "--out", "april", now=NOW).ok()
    by_policy("export", "transactions", POLICY, "-o", "transactions.csv", now=NOW).ok()
    parts = defaultdict(list)
    for row in rows_of(tmp_path / "transactions.csv"):
        parts[row["booking_id"]].append(" ".join(filter(None, (row["bucket"], row["reason"], row["amount"]))))
    by_hand = dict(line.split(": ") for line in BY_HAND.strip().splitlines())
    assert {booking: set(found) for booking, found in parts.items()} == {
        booking: set(found.split(", ")) for booking, found in by_hand.items()
    }

    by_policy("export", "bookings", POLICY, "-o", "bookings.csv", now=NOW).ok()
    assert {
        row["booking_id"]: row["skipped_reason"] for row in rows_of(tmp_path / "bookings.csv") if row["skipped_reason"]
    } == {
        "B-3013": "nothing_left",
        "B-3020": "not_eligible",
        "B-3022": "cash_only",
        "B-3023": "cash_only",
        "B-3024": "offer_none",
    }
    by_policy("verify", now=NOW).ok()


def test_gold_customers_have_two_years_and_the_rest_of_the_quarter(by_policy: CommandLine, tmp_path: Path) -> None:
    by_policy("apply", "april.plan", "--out", "april", now=NOW).ok()
    last_days = defaultdict(set)
    for row in rows_of(tmp_path / "april" / "mail.csv"):
        last_days[row["expires_on"]].add(row["booking_id"])
    assert last_days["2028-06-30"] == {"B-3016", "B-3017", "B-3018", "B-3021"}
    assert {day: len(bookings) for day, bookings in last_days.items()} == {"2027-05-01": 22, "2028-06-30": 4}


def test_what_was_applied_shows_in_the_status_and_is_gone_after_undo(by_policy: CommandLine) -> None:
    run_id = by_policy("apply", "april.plan", "--out", "april", "--json", now=NOW).ok().json()["run_id"]
    [given] = by_policy("status", POLICY, "--json", now=NOW).ok().json()["campaigns"]
    assert (given["counts"]["published"], given["counts"]["funded"]) == (26, 28)
    assert given["totals"]["EUR"] == {
        "paid": 759_822,
        "bonus": 57_402,
        "cash": 33_100,
        "fee": 15_413,
        "adjusted": 0,
        "redeemed": 0,
        "expired": 0,
        "cashed_out": 0,
        "lapsed": 0,
        "outstanding": 817_224,
        "budget_used": 817_224,
        "budget_left": 2_182_776,
    }
    by_policy("undo", str(run_id), "--reason", "B-3031 is a typing error", now=NOW).ok()
    [taken_back] = by_policy("status", POLICY, "--json", now=NOW).ok().json()["campaigns"]
    assert (taken_back["counts"]["funded"], taken_back["counts"]["undone"]) == (0, 31)
    assert taken_back["counts"]["deactivated"] == 26
    assert {minor for name, minor in taken_back["totals"]["EUR"].items() if name != "budget_left"} == {0}
    assert taken_back["totals"]["EUR"]["budget_left"] == 3_000_000
    by_policy("verify", now=NOW).ok()


def test_the_redemptions_of_a_till_end_as_described(run_in_process: CommandLine, tmp_path: Path) -> None:
    day = "2026-05-06T09:00:00Z"
    (tmp_path / "campaigns.yaml").write_bytes((ROOT / "campaigns.example.yaml").read_bytes())
    run_in_process("run", CAMPAIGN, BOOKINGS, "--out", "out", now=day).ok()
    result = run_in_process("load-redemptions", REDEMPTIONS, "--rejects", "rejects.csv", "--json", now=day)
    answer = result.json()
    assert result.exit == 3
    assert answer["counts"] == {"rows": 9, "loaded": 4, "updated": 0, "unchanged": 1, "filtered": 0, "rejected": 4}
    assert answer["totals"] == {"EUR": {"redeemed": 30_880, "paid": 30_880, "bonus": 0}}
    assert [(row["_line"], row["_code"]) for row in rows_of(tmp_path / "rejects.csv")] == [
        ("7", "gift_amount_exceeded"),
        ("8", "customer_rules_violated"),
        ("9", "malformed_amount"),
        ("10", "resource_not_found"),
    ]
    run_in_process("verify", now=day).ok()


def test_the_printed_cards_are_taken_in_and_brought_to_life(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_bytes((ROOT / "campaigns.example.yaml").read_bytes())
    taken = run_in_process("create", "hotel-goodwill", "--codes", PRINTED, "--json").ok().json()
    assert taken["counts"]["cards_printed"] == 5
    alive = run_in_process("card", "activate", "--from", PRINTED, "--json").ok().json()
    assert (alive["counts"]["activated"], {card["state"] for card in alive["cards"]}) == (5, {"active"})
