"""The pool of a campaign: cards made beforehand or printed by somebody else, given away first come, first served."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.books import everything, number, read
from support.command_line import CAMPAIGN, CommandLine, CommandResult, small_campaigns
from support.desks.bookings_desk import (
    LEDGER,
    PRINTED,
    booking,
    column,
    csv_text,
    files_in,
    mode_of,
    only,
    rows_of,
    write_bookings,
)
from support.faults.at_once import all_at_once

NOW = "2020-05-01T12:00:00Z"
A_YEAR_LATER = "2021-06-01T12:00:00Z"
POOL_EMPTY = "no_voucher_suitable_for_publication"


def static(count: int | None, **keys: Any) -> str:
    """A campaigns file whose one campaign has a pool of `count` cards, and makes no others."""
    return small_campaigns(type="STATIC", vouchers_count=count, **keys)


def bookings(*numbers: int) -> list[dict[str, str]]:
    """B1 over 1.00, B2 over 2.00 ..."""
    return [booking(f"B{one}", f"{one}.00") for one in numbers]


def prepare(command_line: CommandLine, folder: Path, *rows: dict[str, str]) -> None:
    """The bookings loaded, and the campaign made."""
    write_bookings(folder / "bookings.csv", *rows)
    command_line("load", "bookings.csv").ok()
    command_line("create", CAMPAIGN).ok()


def write_codes(path: Path, *codes: str) -> Path:
    path.write_text(csv_text(*({"code": code} for code in codes)), encoding="utf-8")
    return path


def cards(command_line: CommandLine, *columns: str, campaign: str = CAMPAIGN) -> list[tuple[str, ...]]:
    text = command_line("export", "cards", campaign, "-o", "-").ok().stdout
    return [tuple(row[name] for name in columns) for row in rows_of(text)]


def published(command_line: CommandLine, *argv: str) -> CommandResult:
    return command_line("publish", CAMPAIGN, *argv, "--json")


def figures(result: CommandResult) -> tuple[int, ...]:
    """Exit code; eligible, published, already published, remaining; and those for whom no card was left."""
    counts = result.json()["counts"]
    named = ("eligible", "published", "already_published", "remaining")
    return (result.exit, *(counts[name] for name in named), counts["skipped_by_reason"].get(POOL_EMPTY, 0))


def standing(command_line: CommandLine, campaign: str = CAMPAIGN) -> dict[str, Any]:
    found: dict[str, Any] = only(command_line("status", campaign, "--json").ok().json()["campaigns"])
    return found


# --- Made beforehand ---


def test_a_pool_is_made_with_the_campaign(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(3))
    answer = run_in_process("create", CAMPAIGN, "--json").ok().json()
    assert answer["counts"] == {
        "created": 1,
        "changed": 0,
        "unchanged": 0,
        "cards_made": 3,
        "cards_printed": 0,
        "cards_printed_before": 0,
    }
    counts = standing(run_in_process)["counts"]
    assert (counts["published"], counts["unassigned"]) == (0, 3)
    blank = ("customer_id", "booking_id", "published_at", "expires_on")
    assert cards(run_in_process, "card_id", "state", "balance", *blank) == [
        (card, "unassigned", "0.00", "", "", "", "") for card in ("c1", "c2", "c3")
    ]
    codes = [code for (code,) in cards(run_in_process, "code")]
    assert len(set(codes)) == 3
    assert all(re.fullmatch(r"RF(-[2-9A-HJKMNP-Z]{4}){4}", code) for code in codes)
    assert rows_of(run_in_process("export", "publications", CAMPAIGN, "-o", "-").ok().stdout) == []
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    assert mode_of(tmp_path / "cards.csv") == "-rw-------"
    assert "unassigned" in run_in_process("status").ok().stdout
    run_in_process("verify").ok()


def test_it_is_made_once(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(3))
    run_in_process("create", CAMPAIGN).ok()
    before = files_in(tmp_path)
    answer = run_in_process("create", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["unchanged"], answer["counts"]["cards_made"], answer["run_id"]) == (1, 0, None)
    assert files_in(tmp_path) == before


def test_cards_leave_the_pool_in_order(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(4))
    write_bookings(tmp_path / "bookings.csv", *bookings(1, 2, 3))
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    before = read(tmp_path / LEDGER, "SELECT id, code FROM cards ORDER BY id")
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json", now=NOW).ok().json()
    assert (answer["counts"]["published"], answer["counts"]["funded"]) == (3, 3)
    text = run_in_process("export", "cards", CAMPAIGN, "-o", "-", now=NOW).ok().stdout
    wanted = ("card_id", "booking_id", "customer_id", "state", "balance", "expires_on")
    assert [tuple(row[name] for name in wanted) for row in rows_of(text)] == [
        ("c1", "B1", "C-B1", "active", "1.00", "2021-05-01"),
        ("c2", "B2", "C-B2", "active", "2.00", "2021-05-01"),
        ("c3", "B3", "C-B3", "active", "3.00", "2021-05-01"),
        ("c4", "", "", "unassigned", "0.00", ""),
    ]
    assert column(text, "published_at") == [NOW, NOW, NOW, ""]
    assert read(tmp_path / LEDGER, "SELECT id, code FROM cards ORDER BY id") == before
    assert column(tmp_path / "out" / "mail.csv", "code") == [code for _, code in before[:3]]
    assert column(tmp_path / "out" / "mail.csv", "expires_on") == ["2021-05-01"] * 3
    run_in_process("verify", now=NOW).ok()


def test_what_is_wholly_in_cash_takes_no_card(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(1))
    prepare(run_in_process, tmp_path, booking("B1", "5.00", cash_amount="5.00"), booking("B2", "5.00"))
    assert figures(published(run_in_process)) == (0, 1, 1, 0, 0, 0)
    assert cards(run_in_process, "booking_id") == [("B2",)]


def test_where_gives_cards_to_a_part_only(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(3))
    prepare(run_in_process, tmp_path, booking("B1"), booking("B2", tier="gold"), booking("B3", tier="gold"))
    assert figures(published(run_in_process, "--where", "tier=gold")) == (0, 2, 2, 0, 0, 0)
    assert cards(run_in_process, "card_id", "booking_id") == [("c1", "B2"), ("c2", "B3"), ("c3", "")]
    text = run_in_process("export", "cards", CAMPAIGN, "--where", "tier=gold", "-o", "-").ok().stdout
    assert column(text, "booking_id") == ["B2", "B3"], "a card that waits is nobody's, so in no part"


def test_a_card_of_the_pool_never_expires_where_that_is_forbidden(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(2, no_expiry_in=["US-ME"]))
    write_bookings(tmp_path / "bookings.csv", booking("B1", country="US-ME"), booking("B2", country="DE"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    assert column(tmp_path / "out" / "mail.csv", "expires_on") == ["", "2021-05-01"]
    status = run_in_process("status", "--json", now=A_YEAR_LATER).ok().json()
    assert only(status["campaigns"])["totals"]["EUR"]["expired"] == 10_000


# --- Used up ---


def test_a_pool_that_runs_out_gives_what_it_has(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(3))
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3, 4, 5))
    result = published(run_in_process)
    assert figures(result) == (3, 5, 3, 0, 0, 2)
    answer = result.json()
    assert (answer["status"], answer["counts"]["skipped"]) == ("partial", 2)
    error = only(answer["errors"])
    assert error["code"] == POOL_EMPTY
    assert error["message"].startswith(f"{CAMPAIGN} has no cards left for 2 eligible bookings: raise vouchers_count")
    assert cards(run_in_process, "card_id", "booking_id") == [("c1", "B1"), ("c2", "B2"), ("c3", "B3")]
    assert standing(run_in_process)["counts"]["unassigned"] == 0
    run = run_in_process("runs", "--json").ok().json()["runs"][-1]
    assert (run["command"], run["status"]) == ("publish", "partial")

    topup = run_in_process("topup", CAMPAIGN, "--json")
    answer = topup.json()
    assert (topup.exit, answer["status"], only(answer["errors"])["code"]) == (3, "partial", POOL_EMPTY)
    assert (answer["counts"]["funded"], answer["counts"]["skipped_by_reason"]) == (3, {POOL_EMPTY: 2})
    assert answer["totals"]["EUR"]["total"] == 600
    assert run_in_process("runs", "--json").ok().json()["runs"][-1]["status"] == "partial"
    run_in_process("verify").ok()


def test_what_was_not_published_yet_is_no_shortage(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(2))
    prepare(run_in_process, tmp_path, *bookings(1, 2))
    assert published(run_in_process, "--limit", "1").exit == 0
    answer = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["funded"], answer["counts"]["skipped_by_reason"]) == (1, {"not_published": 1})


def test_once_used_up_it_changes_nothing_and_still_says_so(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(1))
    prepare(run_in_process, tmp_path, *bookings(1, 2))
    assert figures(published(run_in_process)) == (3, 2, 1, 0, 0, 1)
    before = files_in(tmp_path)
    again = published(run_in_process)
    assert figures(again) == (3, 2, 0, 1, 0, 1)
    assert again.json()["run_id"] is None
    said = run_in_process("publish", CAMPAIGN)
    assert said.exit == 3
    assert f"{CAMPAIGN} has no cards left for 1 eligible booking: " in said.stdout
    assert files_in(tmp_path) == before


def test_used_up_to_the_last_card_is_enough(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(2))
    prepare(run_in_process, tmp_path, *bookings(1, 2))
    result = published(run_in_process)
    assert figures(result) == (0, 2, 2, 0, 0, 0)
    assert (result.json()["status"], result.json()["errors"]) == ("ok", [])
    assert figures(published(run_in_process)) == (0, 2, 0, 2, 0, 0)


def test_a_pool_that_is_raised_gives_the_rest(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(3))
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3, 4, 5))
    assert published(run_in_process).exit == 3
    assert run_in_process("topup", CAMPAIGN).exit == 3
    campaigns.write_text(static(6))
    counts = run_in_process("create", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["changed"], counts["cards_made"]) == (1, 3)
    assert figures(published(run_in_process)) == (0, 5, 2, 3, 0, 0)
    topup = run_in_process("topup", CAMPAIGN, "--json").ok().json()
    assert (topup["counts"]["funded"], topup["totals"]["EUR"]["total"]) == (2, 900)
    assert cards(run_in_process, "card_id", "booking_id", "balance") == [
        ("c1", "B1", "1.00"),
        ("c2", "B2", "2.00"),
        ("c3", "B3", "3.00"),
        ("c4", "B4", "4.00"),
        ("c5", "B5", "5.00"),
        ("c6", "", "0.00"),
    ]
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    assert column(tmp_path / "mail.csv", "booking_id") == ["B1", "B2", "B3", "B4", "B5"]
    run_in_process("verify").ok()


@pytest.mark.parametrize("used", [False, True], ids=["all waiting", "some taken"])
def test_a_pool_is_never_lowered(used: bool, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(3))
    prepare(run_in_process, tmp_path, *bookings(1, 2))
    if used:
        published(run_in_process).ok()
    before = {name: rows for name, rows in everything(tmp_path / LEDGER).items() if name != "attempts"}
    campaigns.write_text(static(2))
    result = run_in_process("create", CAMPAIGN, "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    error = only(result.json()["errors"])
    assert error["code"] == "definition_changed"
    assert "has 3 cards made beforehand already" in error["message"]
    after = everything(tmp_path / LEDGER)
    assert len(after.pop("attempts")) == 1
    assert after == before
    campaigns.write_text(static(3))
    assert run_in_process("create", CAMPAIGN, "--json").ok().json()["counts"]["unchanged"] == 1


def test_limit_counts_cards_of_the_pool(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """What --limit leaves is no shortage; what it could not give is one, for all who are left."""
    campaigns.write_text(static(4))
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3, 4, 5, 6))
    assert [figures(published(run_in_process, "--limit", "3")) for _ in range(3)] == [
        (0, 6, 3, 0, 3, 0),
        (3, 6, 1, 3, 0, 2),
        (3, 6, 0, 4, 0, 2),
    ]


def test_limit_may_take_the_very_last_card(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(2))
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3))
    assert figures(published(run_in_process, "--limit", "2")) == (0, 3, 2, 0, 1, 0)
    assert figures(published(run_in_process, "--limit", "2")) == (3, 3, 0, 2, 0, 1)


def test_a_run_funds_and_mails_as_far_as_the_pool_goes(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(3))
    write_bookings(tmp_path / "bookings.csv", *bookings(1, 2, 3, 4, 5))
    run = ("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    first = run_in_process(*run)
    answer = first.json()
    assert (first.exit, answer["status"], only(answer["errors"])["code"]) == (3, "partial", POOL_EMPTY)
    assert (answer["counts"]["published"], answer["counts"]["funded"], answer["mail"]["rows"]) == (3, 3, 3)
    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {POOL_EMPTY: 2}
    assert answer["steps"]["topup"]["counts"]["skipped_by_reason"] == {POOL_EMPTY: 2}
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1", "B2", "B3"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "partial"
    run_in_process("verify", "--against", "out/manifest.json").ok()

    before = files_in(tmp_path)
    again = run_in_process(*run)
    assert (again.exit, again.json()["run_id"], again.json()["mail"]) == (3, None, None)
    assert only(again.json()["errors"])["code"] == POOL_EMPTY
    assert files_in(tmp_path) == before

    campaigns.write_text(static(5))
    refused = run_in_process(*run)
    assert (refused.exit, only(refused.json()["errors"])["code"]) == (4, "definition_changed")
    run_in_process("create", CAMPAIGN).ok()
    rest = run_in_process(*run).ok().json()
    assert (rest["counts"]["loaded"], rest["counts"]["published"], rest["counts"]["funded"]) == (0, 2, 2)
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B4", "B5"]
    assert rest["totals"]["EUR"]["total"] == 900
    run_in_process("verify", "--against", "out/manifest.json").ok()


def test_a_run_from_an_empty_pool_funds_nothing_and_keeps_what_it_loaded(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(None))
    write_bookings(tmp_path / "bookings.csv", *bookings(1, 2))
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert (result.exit, result.json()["counts"]["loaded"], result.json()["counts"]["funded"]) == (3, 2, 0)
    assert rows_of(tmp_path / "out" / "mail.csv") == []
    assert standing(run_in_process)["counts"]["published"] == 0
    assert "vouchers_count" in run_in_process("publish", CAMPAIGN).stdout


def test_a_dry_run_shows_the_shortage_and_takes_no_card(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(1))
    prepare(run_in_process, tmp_path, *bookings(1, 2))
    before = files_in(tmp_path)
    assert figures(published(run_in_process, "-n")) == (3, 2, 1, 0, 0, 1)
    assert files_in(tmp_path) == before


def test_after_static_cards_are_made_as_needed_once_the_pool_is_empty(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(2))
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3, 4))
    assert published(run_in_process, "--limit", "1").ok().json()["counts"]["published"] == 1
    campaigns.write_text(small_campaigns())
    run_in_process("create", CAMPAIGN).ok()
    assert figures(published(run_in_process)) == (0, 4, 3, 1, 0, 0)
    assert cards(run_in_process, "card_id", "booking_id") == [("c1", "B1"), ("c2", "B2"), ("c3", "B3"), ("c4", "B4")]
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM assignments") == 2
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["totals"]["EUR"]["total"] == 1_000
    run_in_process("verify").ok()


def test_a_short_pattern_is_drawn_to_its_last_code(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    short: dict[str, Any] = {"weak_codes": True, "voucher": {"code_config": {"pattern": "A##", "charset": "23456789"}}}
    campaigns.write_text(static(60, **short))
    run_in_process("create", CAMPAIGN).ok()
    campaigns.write_text(static(64, **short))
    run_in_process("create", CAMPAIGN).ok()
    codes = sorted(code for (code,) in cards(run_in_process, "code"))
    assert codes == [f"A{first}{second}" for first in "23456789" for second in "23456789"]
    run_in_process("verify").ok()


def test_a_pool_for_which_no_codes_are_left_is_not_made(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """One of the eight codes is printed already."""
    short: dict[str, Any] = {"weak_codes": True, "voucher": {"code_config": {"pattern": "A#", "charset": "23456789"}}}
    campaigns.write_text(static(None, **short))
    write_codes(tmp_path / "codes.csv", "a-4")
    run_in_process("create", CAMPAIGN, "--codes", "codes.csv").ok()
    campaigns.write_text(static(8, **short))
    refused = run_in_process("create", CAMPAIGN, "--json")
    assert (refused.exit, only(refused.json()["errors"])["code"]) == (4, POOL_EMPTY)
    assert standing(run_in_process)["counts"]["unassigned"] == 1
    campaigns.write_text(static(7, **short))
    run_in_process("create", CAMPAIGN).ok()
    assert standing(run_in_process)["counts"]["unassigned"] == 8
    run_in_process("verify").ok()


# --- Holders ---


def test_a_customer_takes_one_card_of_the_pool(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(1, card_per="customer"))
    prepare(
        run_in_process,
        tmp_path,
        booking("B1", "10.00", customer_id="ana"),
        booking("B2", "20.00", customer_id="ana"),
        booking("B3", "30.00", customer_id="bo"),
    )
    assert figures(published(run_in_process)) == (3, 3, 1, 1, 0, 1)
    topup = run_in_process("topup", CAMPAIGN, "--json")
    counts = topup.json()["counts"]
    assert (topup.exit, counts["funded"], counts["skipped_by_reason"]) == (3, 2, {POOL_EMPTY: 1})
    wanted = ("card_id", "customer_id", "booking_id", "balance")
    assert cards(run_in_process, *wanted) == [("c1", "ana", "B1;B2", "30.00")]
    assert figures(published(run_in_process)) == (3, 3, 0, 2, 0, 1)
    run_in_process("verify").ok()


def test_a_later_topup_extends_a_card_of_the_pool(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(2, card_per="customer"))
    first = booking("B1", "10.00", customer_id="ana")
    write_bookings(tmp_path / "may.csv", first)
    write_bookings(tmp_path / "june.csv", first | {"booking_id": "B2"})
    run_in_process("run", CAMPAIGN, "may.csv", "--out", "may", now=NOW).ok()
    run_in_process("run", CAMPAIGN, "june.csv", "--out", "june", now="2020-06-10T12:00:00Z").ok()
    mailed = only(rows_of(tmp_path / "june" / "mail.csv"))
    assert (mailed["balance"], mailed["expires_on"], mailed["booking_id"]) == ("20.00", "2021-06-10", "B1;B2")
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM assignments") == 1
    run_in_process("verify", now=NOW).ok()


def lines_of_one_booking(folder: Path) -> None:
    """`may.csv` with one refund of B1, `later.csv` with both of them."""
    one = booking("B1", "100.00", refund_id="one", refund_amount="30.00")
    write_bookings(folder / "may.csv", one)
    write_bookings(folder / "later.csv", one, one | {"refund_id": "two"})


def test_a_dead_card_has_its_successor_from_the_pool(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(3))
    lines_of_one_booking(tmp_path)
    run_in_process("run", CAMPAIGN, "may.csv", "--out", "may", now=NOW).ok()
    answer = run_in_process("run", CAMPAIGN, "later.csv", "--out", "later", "--json", now=A_YEAR_LATER).ok().json()
    assert (answer["counts"]["published"], answer["counts"]["funded"]) == (1, 1)
    text = run_in_process("export", "cards", CAMPAIGN, "-o", "-", now=A_YEAR_LATER).ok().stdout
    assert [(row["card_id"], row["booking_id"], row["state"], row["balance"]) for row in rows_of(text)] == [
        ("c1", "B1", "expired", "30.00"),
        ("c2", "B1", "active", "30.00"),
        ("c3", "", "unassigned", "0.00"),
    ]
    assert read(tmp_path / LEDGER, "SELECT card, ordinal FROM assignments ORDER BY id") == [(1, 1), (2, 2)]
    assert column(tmp_path / "later" / "mail.csv", "balance") == ["30.00"]
    run_in_process("verify", now=A_YEAR_LATER).ok()


def test_a_dead_card_for_which_the_pool_has_no_successor_is_said(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(1))
    lines_of_one_booking(tmp_path)
    run_in_process("run", CAMPAIGN, "may.csv", "--out", "may", now=NOW).ok()
    result = run_in_process("run", CAMPAIGN, "later.csv", "--out", "later", "--json", now=A_YEAR_LATER)
    assert (result.exit, only(result.json()["errors"])["code"]) == (3, POOL_EMPTY)
    assert result.json()["steps"]["publish"]["counts"]["skipped_by_reason"] == {POOL_EMPTY: 1}
    assert result.json()["counts"]["funded"] == 0


def test_a_card_of_the_pool_stays_with_its_first_customer(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """A booking that passes to somebody else before it is funded gets another card."""
    campaigns.write_text(static(2))
    prepare(run_in_process, tmp_path, booking("B1", "10.00", customer_id="ana"))
    published(run_in_process).ok()
    write_bookings(tmp_path / "changed.csv", booking("B1", "10.00", customer_id="bo"))
    run_in_process("load", "changed.csv").ok()
    assert figures(published(run_in_process)) == (0, 1, 1, 0, 0, 0)
    run_in_process("topup", CAMPAIGN).ok()
    assert cards(run_in_process, "card_id", "customer_id", "balance") == [("c1", "ana", "0.00"), ("c2", "bo", "10.00")]
    run_in_process("verify").ok()


def test_two_campaigns_have_a_pool_each(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    other = small_campaigns("goodwill", type="STATIC", vouchers_count=2, eligible={"status": ["late"]})
    campaigns.write_text(static(2) + other.partition("campaigns:\n")[2])
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3), booking("L1", status="late"))
    run_in_process("create", "goodwill").ok()
    assert figures(published(run_in_process)) == (3, 3, 2, 0, 0, 1)
    counts = run_in_process("publish", "goodwill", "--json").ok().json()["counts"]
    assert (counts["published"], counts["skipped_by_reason"]) == (1, {"not_eligible": 3})
    assert standing(run_in_process)["counts"]["unassigned"] == 0
    assert standing(run_in_process, "goodwill")["counts"]["unassigned"] == 1
    assert cards(run_in_process, "card_id", "booking_id") == [("c1", "B1"), ("c2", "B2")]
    assert cards(run_in_process, "card_id", "booking_id", campaign="goodwill") == [("c3", "L1"), ("c4", "")]
    run_in_process("verify").ok()


# --- Printed ---


def test_printed_cards_are_given_away_before_others_are_made(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """In the order of the file; the customer is told the code as it is printed."""
    printed = write_codes(tmp_path / "codes.csv", PRINTED[0], PRINTED[1].lower().replace("-", " "))
    write_bookings(tmp_path / "bookings.csv", *bookings(1, 2, 3))
    answer = run_in_process("create", CAMPAIGN, "--codes", printed.name, "--json").ok().json()
    assert (answer["counts"]["created"], answer["counts"]["cards_printed"]) == (1, 2)
    assert [(file["path"], file["rows"]) for file in answer["files"]] == [("codes.csv", 2)]
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    assert answer["counts"]["published"] == 3
    codes = column(tmp_path / "out" / "mail.csv", "code")
    assert codes[:2] == [PRINTED[0], PRINTED[1].lower().replace("-", " ")]
    assert re.fullmatch(r"RF(-[2-9A-HJKMNP-Z]{4}){4}", codes[2])
    assert read(tmp_path / LEDGER, "SELECT printed FROM cards ORDER BY id") == [(1,), (1,), (0,)]
    run_in_process("verify").ok()


def test_static_without_a_count_has_printed_cards_only(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(None))
    prepare(run_in_process, tmp_path, *bookings(1, 2, 3))
    assert figures(published(run_in_process)) == (3, 3, 0, 0, 0, 3)
    write_codes(tmp_path / "codes.csv", *PRINTED[:2])
    counts = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json").ok().json()["counts"]
    assert (counts["unchanged"], counts["cards_made"], counts["cards_printed"]) == (1, 0, 2)
    assert figures(published(run_in_process)) == (3, 3, 2, 0, 0, 1)
    assert cards(run_in_process, "code", "booking_id") == [(PRINTED[0], "B1"), (PRINTED[1], "B2")]


def test_printed_cards_are_not_counted_as_made(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(2))
    write_codes(tmp_path / "codes.csv", *PRINTED[:3])
    counts = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json").ok().json()["counts"]
    assert (counts["cards_made"], counts["cards_printed"]) == (2, 3)
    campaigns.write_text(static(3))
    counts = run_in_process("create", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["cards_made"], counts["cards_printed"]) == (1, 0)
    assert standing(run_in_process)["counts"]["unassigned"] == 6


def test_the_same_codes_again_are_known(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Whatever their dashes, spaces and case, and also when their cards are taken; new ones beside them are imported."""
    write_codes(tmp_path / "codes.csv", *PRINTED[:2])
    prepare(run_in_process, tmp_path, *bookings(1))
    run_in_process("create", CAMPAIGN, "--codes", "codes.csv").ok()
    published(run_in_process).ok()
    before = files_in(tmp_path)
    again = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json").ok().json()
    assert (again["counts"]["cards_printed"], again["counts"]["cards_printed_before"]) == (0, 2)
    assert again["run_id"] is None
    assert "Nothing to do." in run_in_process("create", CAMPAIGN, "--codes", "codes.csv").ok().stdout
    assert files_in(tmp_path) == before

    write_codes(tmp_path / "more.csv", PRINTED[1].lower().replace("-", ""), PRINTED[2], PRINTED[0])
    more = run_in_process("create", CAMPAIGN, "--codes", "more.csv", "--json").ok().json()["counts"]
    assert (more["cards_printed"], more["cards_printed_before"]) == (1, 2)
    assert cards(run_in_process, "code", "state") == [
        (PRINTED[0], "active"),
        (PRINTED[1], "unassigned"),
        (PRINTED[2], "unassigned"),
    ]
    run_in_process("verify").ok()


@pytest.mark.parametrize("pack", ["plain", "gzip", "stdin"])
def test_codes_come_in_any_wrapping(pack: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    text = csv_text(*({"card": str(place), "code": code} for place, code in enumerate(PRINTED)))
    if pack == "gzip":
        (tmp_path / "codes.csv").write_bytes(gzip.compress(text.encode()))
    else:
        (tmp_path / "codes.csv").write_text(text)
    name, stdin = ("-", text) if pack == "stdin" else ("codes.csv", "")
    answer = run_in_process("create", CAMPAIGN, "--codes", name, "--json", stdin=stdin).ok().json()
    assert answer["counts"]["cards_printed"] == len(PRINTED)
    assert [code for (code,) in cards(run_in_process, "code")] == list(PRINTED)


def test_a_dry_run_takes_in_no_code(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_codes(tmp_path / "codes.csv", *PRINTED)
    run_in_process("create", CAMPAIGN).ok()
    before = files_in(tmp_path)
    dry = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "-n", "--json").ok().json()
    assert (dry["counts"]["cards_printed"], dry["run_id"]) == (len(PRINTED), None)
    assert files_in(tmp_path) == before


BAD = {
    "the same twice": ([PRINTED[0], PRINTED[0]], {2: "repeated_code", 3: "repeated_code"}),
    "the same without dashes": ([PRINTED[0], PRINTED[0].replace("-", "")], {2: "repeated_code", 3: "repeated_code"}),
    "the same in small letters": (
        [PRINTED[0], PRINTED[1], PRINTED[0].lower()],
        {2: "repeated_code", 4: "repeated_code"},
    ),
    "zero for the letter": (
        ["K7QD-2MXW-9RTB-0HCN-P", PRINTED[1], "K7QD-2MXW-9RTB-OHCN-P"],
        {2: "lookalike_code", 4: "lookalike_code"},
    ),
    "a card id": ([PRINTED[0], "c1234567890123456"], {3: "looks_like_card_id"}),
    "too weak": ([PRINTED[0], "A-1"], {3: "code_too_weak"}),
    "too long": ([PRINTED[0], "K7QD-2MXW-9RTB-" * 9 + "X"], {3: "code_too_long"}),
    "no code": ([PRINTED[0], "-", "Straße 7"], {3: "malformed_code", 4: "malformed_code"}),
    "a payment card": ([PRINTED[0], "4111 1111 1111 1111"], {3: "payment_card_number"}),
}


@pytest.mark.parametrize(("codes", "faults"), BAD.values(), ids=BAD)
def test_one_bad_code_and_none_is_taken_in(
    codes: list[str],
    faults: dict[int, str],
    run_in_process: CommandLine,
    tmp_path: Path,
    campaigns: Path,
) -> None:
    write_codes(tmp_path / "codes.csv", *codes)
    before = files_in(tmp_path)
    result = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json")
    assert (result.exit, result.json()["status"]) == (65, "error")
    errors = result.json()["errors"]
    assert {error["line"]: error["code"] for error in errors if "line" in error} == faults
    assert {error.get("path") for error in errors} == {"codes.csv"}
    assert_no_code_in(result, codes)
    told = run_in_process("create", CAMPAIGN, "--codes", "codes.csv")
    assert (told.exit, told.stdout) == (65, "")
    assert only(told.stderr.splitlines()).startswith("Error: codes.csv: ")
    assert_no_code_in(told, codes)
    assert files_in(tmp_path) == before


def assert_no_code_in(result: CommandResult, codes: list[str]) -> None:
    said = _key(result.stdout + result.stderr)
    for code in codes:
        assert len(_key(code)) < 5 or _key(code) not in said


def _key(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum())


def test_codes_are_held_against_all_cards_of_the_ledger(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Printed ones of another campaign, made ones of any, and those that only look like them."""
    with_zero = "K7QD-2MXW-9RTB-0HCN-P"
    campaigns.write_text(static(1) + small_campaigns("goodwill").partition("campaigns:\n")[2])
    write_codes(tmp_path / "codes.csv", with_zero, PRINTED[1])
    run_in_process("create", "goodwill", "--codes", "codes.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    made = cards(run_in_process, "code")[0][0]
    clashing = [PRINTED[1].lower(), PRINTED[2], with_zero.replace("0", "o"), made.replace("-", " ")]
    write_codes(tmp_path / "clashing.csv", *clashing)
    before = everything(tmp_path / LEDGER)
    result = run_in_process("create", CAMPAIGN, "--codes", "clashing.csv", "--json")
    assert result.exit == 65
    assert [(error["line"], error["code"]) for error in result.json()["errors"]] == [
        (2, "repeated_code"),
        (4, "lookalike_code"),
        (5, "repeated_code"),
    ]
    assert_no_code_in(result, clashing)
    assert everything(tmp_path / LEDGER) == before
    # The own printed ones are known; one that only looks like them is not.
    write_codes(tmp_path / "clashing.csv", with_zero.replace("0", "O"))
    result = run_in_process("create", "goodwill", "--codes", "clashing.csv", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (65, "lookalike_code")


def test_a_code_that_looks_like_several_cards_is_one_fault(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """A charset of its own may make codes that look like each other."""
    weak: dict[str, Any] = {"weak_codes": True, "voucher": {"code_config": {"pattern": "A##", "charset": "0O"}}}
    campaigns.write_text(static(4, **weak))
    run_in_process("create", CAMPAIGN).ok()
    assert {code for (code,) in cards(run_in_process, "code")} == {"A00", "A0O", "AO0", "AOO"}
    write_codes(tmp_path / "codes.csv", "a-0-0")
    result = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json")
    assert result.exit == 65
    assert only(result.json()["errors"])["code"] == "repeated_code"


def test_a_known_code_stays_known_whatever_looks_like_it_later(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    weak: dict[str, Any] = {"weak_codes": True, "voucher": {"code_config": {"pattern": "A##", "charset": "0O"}}}
    campaigns.write_text(static(None, **weak))
    write_codes(tmp_path / "codes.csv", "A-00")
    run_in_process("create", CAMPAIGN, "--codes", "codes.csv").ok()
    campaigns.write_text(static(3, **weak))
    run_in_process("create", CAMPAIGN).ok()
    again = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json").ok().json()["counts"]
    assert (again["cards_printed"], again["cards_printed_before"]) == (0, 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"number\n1\n", "column_missing"),
        (PRINTED[0].encode() + b"\n", "header_missing"),
        (b"code,Code\na,b\n", "duplicate_header"),
        (b"code\nK7QD-2MXW-9RTB-4HCN-P,1\n", "wrong_field_count"),
        (b"code\n\xff\n", "undecodable_bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_holds_no_codes(
    content: bytes, code: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    (tmp_path / "codes.csv").write_bytes(content)
    before = files_in(tmp_path)
    result = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (65, code)
    assert PRINTED[0] not in result.stdout
    assert files_in(tmp_path) == before


def test_a_missing_file_of_codes(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    result = run_in_process("create", CAMPAIGN, "--codes", "nowhere.csv")
    assert result.exit == 66
    assert "nowhere.csv" in only(result.stderr.splitlines())
    assert not (tmp_path / LEDGER).exists()


def test_an_empty_list_of_codes_takes_in_nothing(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    before = files_in(tmp_path)[LEDGER]
    (tmp_path / "codes.csv").write_text("code\n")
    answer = run_in_process("create", CAMPAIGN, "--codes", "codes.csv", "--json").ok().json()
    assert (answer["counts"]["cards_printed"], answer["run_id"]) == (0, None)
    assert files_in(tmp_path)[LEDGER] == before


# --- No code is ever shown ---


def test_no_code_of_the_pool_is_said_or_noted(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(static(2))
    write_codes(tmp_path / "codes.csv", *PRINTED[:2])
    write_codes(tmp_path / "bad.csv", *PRINTED[:3], PRINTED[2].lower())
    write_codes(tmp_path / "weak.csv", "RF-7", *PRINTED[3:])
    write_bookings(tmp_path / "bookings.csv", *bookings(1, 2, 3, 4, 5))
    results = []
    for argv in (
        ["create", CAMPAIGN, "--codes", "bad.csv"],
        ["create", CAMPAIGN, "--codes", "weak.csv"],
        ["create", CAMPAIGN, "--codes", "codes.csv", "-n"],
        ["create", CAMPAIGN, "--codes", "codes.csv"],
        ["create", CAMPAIGN, "--codes", "codes.csv"],
        ["create", CAMPAIGN, "--codes", "bad.csv"],
        ["create", CAMPAIGN, "--codes", PRINTED[3]],
        ["run", CAMPAIGN, "bookings.csv", "--out", "out"],
        ["publish", CAMPAIGN],
        ["topup", CAMPAIGN],
        ["status"],
        ["runs"],
        ["verify"],
    ):
        results += [run_in_process(*argv), run_in_process(*argv, "--json")]
    assert {result.exit for result in results} == {0, 3, 65, 66}
    made = [code for (code,) in read(tmp_path / LEDGER, "SELECT code FROM cards")]
    codes = {*made, *PRINTED} - {PRINTED[3]}  # that one was given in the place of a file's name
    assert len(codes) == 7
    for result in results:
        assert_no_code_in(result, sorted(codes))
    tables = everything(tmp_path / LEDGER)
    holding = {name for name, rows in tables.items() if any(_key(code) in _key(repr(rows)) for code in codes)}
    assert holding == {"cards", "codes"}


# --- At the same time ---


def test_a_card_is_given_once_whoever_publishes_at_the_same_time(
    cli: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(50))
    prepare(cli, tmp_path, *bookings(*range(1, 61)))
    results = all_at_once(
        tmp_path, [["publish", CAMPAIGN, "--json"], ["publish", CAMPAIGN, "--limit", "20", "--json"]] * 2
    )
    assert {result.exit for result in results} <= {0, 3}, [result.stderr for result in results]
    assert sum(result.json()["counts"]["published"] for result in results) == 50
    ledger = tmp_path / LEDGER
    assert number(ledger, "SELECT count(*) FROM assignments") == 50
    assert number(ledger, "SELECT count(DISTINCT card) FROM assignments") == 50
    assert number(ledger, "SELECT count(DISTINCT booking) FROM assignments") == 50
    assert number(ledger, "SELECT count(*) FROM cards") == 50
    assert figures(cli("publish", CAMPAIGN, "--json")) == (3, 60, 0, 50, 0, 10)
    cli("verify").ok()


def test_a_pool_is_made_once_whoever_creates_it_at_the_same_time(
    cli: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(static(50))
    write_codes(tmp_path / "codes.csv", *PRINTED)
    results = all_at_once(tmp_path, [["create", CAMPAIGN, "--codes", "codes.csv", "--json"]] * 4)
    assert [result.exit for result in results] == [0] * 4, [result.stderr for result in results]
    counts = [result.json()["counts"] for result in results]
    assert sorted((one["cards_made"], one["cards_printed"]) for one in counts) == [(0, 0)] * 3 + [(50, len(PRINTED))]
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM cards") == 56
    cli("verify").ok()
