"""What is owed in cash stays off the card and is noted once; what is owed as bonus is on the card, in a bucket of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, files_in, only, rows_of, write_bookings

NOW = "2020-05-01T12:00:00Z"
ZERO = {"paid": 0, "bonus": 0, "fee": 0, "cash": 0, "total": 0}


def prepare(command_line: CommandLine, folder: Path, *rows: dict[str, str]) -> None:
    """The bookings loaded, and the campaign made."""
    write_bookings(folder / "bookings.csv", *rows)
    command_line("load", "bookings.csv").ok()
    command_line("create", CAMPAIGN).ok()


def fund(command_line: CommandLine) -> dict[str, Any]:
    """Cards for all, and what the top-up says."""
    command_line("publish", CAMPAIGN).ok()
    answer: dict[str, Any] = command_line("topup", CAMPAIGN, "--json").ok().json()
    return answer


def exported(command_line: CommandLine, kind: str, *columns: str) -> list[tuple[str, ...]]:
    text = command_line("export", kind, CAMPAIGN, "-o", "-").ok().stdout
    return [tuple(row[name] for name in columns) for row in rows_of(text)]


def posted(command_line: CommandLine) -> list[tuple[str, ...]]:
    """Card, bucket, amount, the card's balance after it, and refund line of each transaction."""
    return exported(command_line, "transactions", "card_id", "bucket", "amount", "balance", "source_id")


def standing(command_line: CommandLine) -> dict[str, Any]:
    found: dict[str, Any] = only(command_line("status", "--json").ok().json()["campaigns"])
    return found


# --- Cash ---


def test_what_is_owed_in_cash_is_not_on_the_card(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    prepare(
        run_in_process, tmp_path, booking("B1", "100.00", cash_amount="30.00"), booking("B2", "50.00", cash_amount="")
    )
    answer = fund(run_in_process)
    assert (answer["counts"]["funded"], answer["counts"]["skipped"]) == (2, 0)
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 12_000, "cash": 3_000, "total": 12_000}}
    assert posted(run_in_process) == [
        ("c1", "paid", "70.00", "70.00", "B1"),
        ("c2", "paid", "50.00", "50.00", "B2"),
        ("", "cash", "30.00", "", "B1"),
    ]
    assert exported(run_in_process, "cards", "booking_id", "balance") == [("B1", "70.00"), ("B2", "50.00")]
    assert exported(run_in_process, "bookings", "refund_amount", "cash_amount", "funded", "paid") == [
        ("100.00", "30.00", "yes", "70.00"),
        ("50.00", "", "yes", "50.00"),
    ]
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    assert column(tmp_path / "mail.csv", "balance") == ["70.00", "50.00"]
    totals = standing(run_in_process)["totals"]["EUR"]
    assert (totals["paid"], totals["cash"], totals["outstanding"]) == (12_000, 3_000, 12_000)
    run_in_process("verify").ok()


def test_cash_is_said_to_a_person_too(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "100.00", cash_amount="30.00", bonus_amount="5.00"))
    run_in_process("publish", CAMPAIGN).ok()
    said = run_in_process("topup", CAMPAIGN).ok().stdout.splitlines()
    assert said[0] == "Funded 1 refund line with EUR 75.00."
    assert {" ".join(line.split()) for line in said} >= {"of it bonus EUR 5.00", "owed in cash EUR 30.00"}
    shown = {" ".join(line.split()) for line in run_in_process("status").ok().stdout.splitlines()}
    assert shown >= {"paid EUR 70.00", "bonus EUR 5.00", "owed in cash EUR 30.00", "outstanding EUR 75.00"}


def test_a_refund_wholly_in_cash_needs_no_card_and_is_noted_once(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "40.00", cash_amount="40.00"))
    run = ("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    answer = run_in_process(*run).ok().json()
    assert answer["steps"]["publish"]["counts"] == {
        "eligible": 0,
        "published": 0,
        "already_published": 0,
        "remaining": 0,
        "skipped": 1,
        "skipped_by_reason": {"cash_only": 1},
    }
    assert answer["steps"]["topup"]["counts"] == {
        "funded": 1,
        "already_funded": 0,
        "skipped": 0,
        "skipped_by_reason": {},
    }
    assert answer["totals"] == {"EUR": {**ZERO, "cash": 4_000}}
    assert (answer["mail"]["rows"], answer["mail"]["unreachable"]) == (0, 0)
    assert rows_of(tmp_path / "out" / "mail.csv") == []

    before = files_in(tmp_path)
    again = run_in_process(*run).ok().json()
    assert (again["run_id"], again["mail"], again["totals"]) == (None, None, {"EUR": ZERO})
    assert again["steps"]["topup"]["counts"]["already_funded"] == 1
    assert again["steps"]["publish"]["counts"]["skipped_by_reason"] == {"cash_only": 1}
    for command in ("publish", "topup"):
        assert run_in_process(command, CAMPAIGN, "--json").ok().json()["run_id"] is None
    assert files_in(tmp_path) == before

    assert posted(run_in_process) == [("", "cash", "40.00", "", "B1")]
    wanted = ("campaign", "card_id", "cash_amount", "funded", "paid", "bonus", "skipped_reason")
    assert exported(run_in_process, "bookings", *wanted) == [
        (CAMPAIGN, "", "40.00", "yes", "0.00", "0.00", "cash_only")
    ]
    assert exported(run_in_process, "cards", "card_id") == []
    found = standing(run_in_process)
    assert [found["counts"][name] for name in ("bookings", "published", "funded", "not_handed_over")] == [1, 0, 1, 0]
    assert (found["totals"]["EUR"]["cash"], found["totals"]["EUR"]["outstanding"]) == (4_000, 0)
    run_in_process("verify").ok()


def test_cash_waits_with_the_rest_of_its_refund_for_a_card(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """What is wholly in cash has nothing to wait for."""
    prepare(
        run_in_process,
        tmp_path,
        booking("B1", "100.00", cash_amount="30.00"),
        booking("B2", "40.00", cash_amount="40.00"),
    )
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["funded"], answer["counts"]["skipped_by_reason"]) == (1, {"not_published": 1})
    assert posted(run_in_process) == [("", "cash", "40.00", "", "B2")]
    answer = fund(run_in_process)
    assert (answer["counts"]["funded"], answer["counts"]["already_funded"]) == (1, 1)
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 7_000, "cash": 3_000, "total": 7_000}}
    run_in_process("verify").ok()


def test_nobody_waits_to_be_mailed_about_cash(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "40.00", cash_amount="40.00", email=""),
        booking("B2", "50.00", cash_amount="20.00"),
    )
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    assert (answer["mail"]["rows"], answer["mail"]["unreachable"]) == (1, 0)
    counts = standing(run_in_process)["counts"]
    assert (counts["unreachable"], counts["not_handed_over"]) == (0, 0)


def test_where_takes_the_cash_of_a_part_only(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    prepare(
        run_in_process,
        tmp_path,
        booking("B1", "100.00", cash_amount="30.00", tier="gold"),
        booking("B2", "40.00", cash_amount="40.00", tier="gold"),
        booking("B3", "100.00", cash_amount="1.00"),
        booking("B4", "7.00", cash_amount="7.00"),
    )
    run_in_process("publish", CAMPAIGN).ok()
    answer = run_in_process("topup", CAMPAIGN, "--where", "tier=gold", "--json").ok().json()
    assert (answer["counts"]["funded"], answer["totals"]["EUR"]["cash"]) == (2, 7_000)
    text = run_in_process("export", "transactions", CAMPAIGN, "--where", "tier=gold", "-o", "-").ok().stdout
    assert column(text, "source_id") == ["B1", "B1", "B2"]
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["funded"], answer["totals"]["EUR"]["cash"]) == (2, 800)
    text = run_in_process("export", "transactions", CAMPAIGN, "--where", "tier=gold", "-o", "-").ok().stdout
    assert column(text, "source_id") == ["B1", "B1", "B2"]


# --- Bonus ---


def test_bonus_is_on_the_card_in_a_bucket_of_its_own(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "100.00", bonus_amount="15.00"), booking("B2", "50.00"))
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 15_000, "bonus": 1_500, "total": 16_500}}
    assert (answer["counts"]["published"], answer["counts"]["funded"]) == (2, 2)
    assert posted(run_in_process) == [
        ("c1", "paid", "100.00", "100.00", "B1"),
        ("c2", "paid", "50.00", "50.00", "B2"),
        ("c1", "bonus", "15.00", "115.00", "B1"),
    ]
    assert read(tmp_path / LEDGER, "SELECT bucket, contra_account FROM transactions ORDER BY id") == [
        ("paid", "refunds_owed"),
        ("paid", "refunds_owed"),
        ("bonus", "bonuses_owed"),
    ]
    assert column(tmp_path / "out" / "mail.csv", "balance") == ["115.00", "50.00"]
    assert answer["mail"]["totals"] == {"EUR": {"balance": 16_500, "unreachable": 0}}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"][0]["totals"] == {"EUR": 16_500}
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["steps"]["topup"]["totals"] == answer["totals"]
    assert exported(run_in_process, "bookings", "bonus_amount", "paid", "bonus") == [
        ("15.00", "100.00", "15.00"),
        ("", "50.00", "0.00"),
    ]
    totals = standing(run_in_process)["totals"]["EUR"]
    assert (totals["paid"], totals["bonus"], totals["outstanding"]) == (15_000, 1_500, 16_500)
    run_in_process("verify").ok()


def test_a_bonus_beside_a_refund_wholly_in_cash_is_alone_on_the_card(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "40.00", cash_amount="40.00", bonus_amount="5.00"))
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    assert answer["steps"]["publish"]["counts"]["published"] == 1
    assert answer["totals"] == {"EUR": {**ZERO, "bonus": 500, "cash": 4_000, "total": 500}}
    assert posted(run_in_process) == [("c1", "bonus", "5.00", "5.00", "B1"), ("", "cash", "40.00", "", "B1")]
    assert column(tmp_path / "out" / "mail.csv", "balance") == ["5.00"]
    assert exported(run_in_process, "bookings", "card_id", "paid", "bonus", "skipped_reason") == [
        ("c1", "0.00", "5.00", "")
    ]
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["already_funded"] == 1
    run_in_process("verify").ok()


def test_an_expired_card_takes_its_bonus_with_it_and_leaves_the_cash(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "100.00", cash_amount="30.00", bonus_amount="5.00"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    answer = run_in_process("status", "--json", now="2021-05-02T12:00:00Z").ok().json()
    totals = only(answer["campaigns"])["totals"]["EUR"]
    assert [totals[name] for name in ("paid", "bonus", "cash", "expired", "outstanding")] == [
        7_000,
        500,
        3_000,
        7_500,
        0,
    ]


# --- Several lines, cards per customer, other currencies ---


def test_lines_of_one_booking_some_of_them_in_cash(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    lines = [
        booking("B1", "100.00", refund_id="one", refund_amount="30.00", cash_amount="30.00"),
        booking("B1", "100.00", refund_id="two", refund_amount="50.00", cash_amount="20.00", bonus_amount="2.50"),
        booking("B1", "100.00", refund_id="three", refund_amount="20.00"),
    ]
    write_bookings(tmp_path / "bookings.csv", *lines)
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    publish, topup = answer["steps"]["publish"]["counts"], answer["steps"]["topup"]["counts"]
    assert (publish["eligible"], publish["published"], publish["skipped"]) == (1, 1, 0)
    assert (topup["funded"], topup["skipped"]) == (3, 0)
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 5_000, "bonus": 250, "cash": 5_000, "total": 5_250}}
    assert posted(run_in_process) == [
        ("c1", "paid", "30.00", "30.00", "two"),
        ("c1", "paid", "20.00", "50.00", "three"),
        ("c1", "bonus", "2.50", "52.50", "two"),
        ("", "cash", "30.00", "", "one"),
        ("", "cash", "20.00", "", "two"),
    ]
    mailed = only(rows_of(tmp_path / "out" / "mail.csv"))
    assert (mailed["balance"], mailed["booking_id"]) == ("52.50", "B1")
    wanted = ("refund_id", "card_id", "funded", "paid", "bonus", "skipped_reason")
    assert exported(run_in_process, "bookings", *wanted) == [
        ("one", "", "yes", "0.00", "0.00", "cash_only"),
        ("two", "c1", "yes", "30.00", "2.50", ""),
        ("three", "c1", "yes", "20.00", "0.00", ""),
    ]
    run_in_process("verify").ok()


def test_a_booking_refunded_in_cash_gets_a_card_with_its_first_line_that_needs_one(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    one = booking("B1", "100.00", refund_id="one", refund_amount="30.00", cash_amount="30.00")
    write_bookings(tmp_path / "may.csv", one)
    run_in_process("run", CAMPAIGN, "may.csv", "--out", "may").ok()
    write_bookings(tmp_path / "june.csv", one, {**one, "refund_id": "two", "cash_amount": "10.00"})
    answer = run_in_process("run", CAMPAIGN, "june.csv", "--out", "june", "--json").ok().json()
    assert answer["steps"]["publish"]["counts"]["published"] == 1
    assert (answer["counts"]["funded"], answer["totals"]["EUR"]) == (
        1,
        {**ZERO, "paid": 2_000, "cash": 1_000, "total": 2_000},
    )
    assert column(tmp_path / "june" / "mail.csv", "balance") == ["20.00"]
    assert standing(run_in_process)["totals"]["EUR"]["cash"] == 4_000


def test_a_customers_one_card_adds_up_what_is_not_cash(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "100.00", customer_id="ana", email="ana@example.org", cash_amount="20.00", bonus_amount="5.00"),
        booking("B2", "60.00", customer_id="ana", email="ana@example.org", cash_amount="60.00"),
        booking("B3", "40.00", customer_id="ana", email="ana@example.org"),
        booking("B4", "9.00", customer_id="bo", email="bo@example.org", cash_amount="9.00"),
    )
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    counts = answer["steps"]["publish"]["counts"]
    assert [counts[name] for name in ("eligible", "published", "already_published", "skipped")] == [2, 1, 1, 2]
    assert counts["skipped_by_reason"] == {"cash_only": 2}
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 12_000, "bonus": 500, "cash": 8_900, "total": 12_500}}
    mailed = only(rows_of(tmp_path / "out" / "mail.csv"))
    assert (mailed["balance"], mailed["booking_id"]) == ("125.00", "B1;B3")
    cards = exported(run_in_process, "cards", "customer_id", "booking_id", "balance")
    assert cards == [("ana", "B1;B3", "125.00")]
    run_in_process("verify").ok()


@pytest.mark.parametrize(
    ("currency", "amount", "cash", "bonus", "minor", "shown"),
    [
        ("JPY", "1500", "400", "15", (1_100, 15, 400), ("1100", "15", "400", "1115")),
        ("KWD", "12.345", "2.3", "0.001", (10_045, 1, 2_300), ("10.045", "0.001", "2.300", "10.046")),
    ],
    ids=["no decimals", "three decimals"],
)
def test_each_currency_with_its_own_decimals(
    currency: str,
    amount: str,
    cash: str,
    bonus: str,
    minor: tuple[int, int, int],
    shown: tuple[str, str, str, str],
    run_in_process: CommandLine,
    tmp_path: Path,
    campaigns: Path,
) -> None:
    campaigns.write_text(small_campaigns(currency=currency))
    row = booking("B1", amount, currency=currency, cash_amount=cash, bonus_amount=bonus)
    write_bookings(tmp_path / "bookings.csv", row)
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    paid_minor, bonus_minor, cash_minor = minor
    on_card = paid_minor + bonus_minor
    assert answer["totals"] == {
        currency: {**ZERO, "paid": paid_minor, "bonus": bonus_minor, "cash": cash_minor, "total": on_card}
    }
    paid, on_top, in_cash, balance = shown
    assert exported(run_in_process, "transactions", "bucket", "amount") == [
        ("paid", paid),
        ("bonus", on_top),
        ("cash", in_cash),
    ]
    assert column(tmp_path / "out" / "mail.csv", "balance") == [balance]
    assert exported(run_in_process, "bookings", "cash_amount", "bonus_amount") == [(in_cash, on_top)]
    assert standing(run_in_process)["totals"][currency]["cash"] == cash_minor


# --- What may not be said ---


@pytest.mark.parametrize(
    ("cells", "field", "code"),
    [
        ({"cash_amount": "100.01"}, "cash_amount", "cash_exceeds_refund"),
        ({"cash_amount": "51.00", "refund_amount": "50.00"}, "cash_amount", "cash_exceeds_refund"),
        ({"cash_amount": "-1.00"}, "cash_amount", "amount_not_positive"),
        ({"cash_amount": "1.005"}, "cash_amount", "too_many_decimals"),
        ({"cash_amount": "some"}, "cash_amount", "malformed_amount"),
        ({"bonus_amount": "-1.00"}, "bonus_amount", "amount_not_positive"),
        ({"bonus_amount": "1.005"}, "bonus_amount", "too_many_decimals"),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_a_part_that_can_not_be_owed_is_rejected(
    cells: dict[str, str], field: str, code: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "100.00", **cells))
    assert run_in_process("load", "bookings.csv").exit == 3
    reject = only(rows_of(tmp_path / "bookings.rejects.csv"))
    assert (reject["_field"], reject["_code"]) == (field, code)


@pytest.mark.parametrize("cash", ["", "0", "0.00"])
def test_nothing_in_cash_may_be_written_as_zero_or_blank(
    cash: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "100.00", cash_amount=cash, bonus_amount=cash))
    assert fund(run_in_process)["totals"] == {"EUR": {**ZERO, "paid": 10_000, "total": 10_000}}


def test_control_totals_are_of_the_whole_refund(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Cash is a part of it; a bonus is not."""
    write_bookings(tmp_path / "bookings.csv", booking("B1", "100.00", cash_amount="30.00", bonus_amount="5.00"))
    assert run_in_process("load", "bookings.csv", "--expect-total", "EUR 70.00").exit == 4
    answer = run_in_process("load", "bookings.csv", "--expect-total", "EUR 100.00", "--json").ok().json()
    assert answer["totals"] == {"EUR": {"order_amount": 10_000, "total": 10_000}}


# --- A part that changes ---

CHANGES = {
    "more in cash": {"cash_amount": "40.00"},
    "less in cash": {"cash_amount": "29.99"},
    "nothing in cash": {"cash_amount": ""},
    "all in cash": {"cash_amount": "100.00"},
    "more bonus": {"bonus_amount": "6.00"},
    "no bonus": {"bonus_amount": ""},
}
each_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
BEFORE = booking("B1", "100.00", cash_amount="30.00", bonus_amount="5.00")


@each_change
def test_before_funding_a_changed_part_is_an_update(
    change: dict[str, str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    prepare(run_in_process, tmp_path, BEFORE)
    write_bookings(tmp_path / "bookings.csv", BEFORE | change)
    answer = run_in_process("load", "bookings.csv", "--json").ok().json()
    assert (answer["counts"]["updated"], answer["totals"]) == (1, {})
    after = {name: round(float((BEFORE | change)[name] or 0) * 100) for name in ("cash_amount", "bonus_amount")}
    paid = 10_000 - after["cash_amount"]
    totals = fund(run_in_process)["totals"]["EUR"]
    assert (totals["paid"], totals["bonus"], totals["cash"]) == (paid, after["bonus_amount"], after["cash_amount"])
    run_in_process("verify").ok()


@each_change
def test_after_funding_it_is_a_conflict(
    change: dict[str, str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    prepare(run_in_process, tmp_path, BEFORE)
    fund(run_in_process)
    before = files_in(tmp_path)
    write_bookings(tmp_path / "changed.csv", BEFORE | change)
    result = run_in_process("load", "changed.csv", "--json")
    assert (result.exit, result.json()["rejected_by_code"]) == (3, {"booking_conflict": 1})
    assert files_in(tmp_path)[LEDGER] == before[LEDGER]
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["funded"] == 0
    run_in_process("verify").ok()


def test_a_refund_that_was_noted_in_cash_is_a_conflict_on_a_card(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Else it would be paid twice: once in cash, once by card."""
    prepare(run_in_process, tmp_path, booking("B1", "40.00", cash_amount="40.00"))
    fund(run_in_process)
    write_bookings(tmp_path / "changed.csv", booking("B1", "40.00", cash_amount="0"))
    result = run_in_process("load", "changed.csv", "--json")
    assert (result.exit, result.json()["rejected_by_code"]) == (3, {"booking_conflict": 1})
    assert fund(run_in_process)["counts"] == {
        "funded": 0,
        "already_funded": 1,
        "skipped": 0,
        "skipped_by_reason": {},
    }


def test_a_refund_noted_in_cash_is_funded_in_no_other_campaign(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns() + small_campaigns("other").partition("campaigns:\n")[2])
    prepare(run_in_process, tmp_path, booking("B1", "40.00", cash_amount="40.00"))
    run_in_process("create", "other").ok()
    fund(run_in_process)
    assert run_in_process("publish", "other", "--json").ok().json()["counts"]["skipped_by_reason"] == {
        "funded_elsewhere": 1
    }
    answer = run_in_process("topup", "other", "--json").ok().json()
    assert (answer["counts"]["funded"], answer["counts"]["skipped_by_reason"]) == (0, {"funded_elsewhere": 1})


def test_a_refund_noted_in_cash_and_no_longer_eligible_is_shown(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "40.00", cash_amount="40.00"))
    fund(run_in_process)
    write_bookings(tmp_path / "changed.csv", booking("B1", "40.00", cash_amount="40.00", status="flown"))
    assert run_in_process("load", "changed.csv", "--json").ok().json()["counts"]["updated"] == 1
    assert standing(run_in_process)["counts"]["funded_not_eligible"] == 1
    found = run_in_process("verify", "--json")
    assert (found.exit, only(found.json()["findings"])["code"]) == (5, "funded_not_eligible")
    counts = run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["published"], counts["already_published"]) == (0, 0), "it never had a card"


# --- Dry runs ---


def test_a_dry_run_shows_the_same_parts(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "100.00", cash_amount="30.00", bonus_amount="5.00"),
        booking("B2", "40.00", cash_amount="40.00"),
    )
    run = ("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    dry, real = run_in_process(*run, "-n").ok().json(), run_in_process(*run).ok().json()
    assert dry["totals"] == {"EUR": {**ZERO, "paid": 7_000, "bonus": 500, "cash": 7_000, "total": 7_500}}
    assert (dry["totals"], dry["steps"]) == (real["totals"], real["steps"])
    assert dry["mail"]["totals"] == real["mail"]["totals"]
