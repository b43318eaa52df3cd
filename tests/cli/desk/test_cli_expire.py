"""Expiry: at night the balance of cards whose last valid day is over is booked as breakage, once, and never another's."""

from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import booking, write_bookings

SUMMER = "2020-05-01T12:00:00Z"  # cards are valid for ten days: through 11 May
LAST_DAY = "2020-05-11T12:00:00Z"
NIGHT = "2020-05-12T01:00:00Z"
NEXT_NIGHT = "2020-05-13T01:00:00Z"
TEN_DAYS = "P10D"


def publish(command_line: CommandLine, folder: Path, *rows: dict[str, str], **keys: Any) -> None:
    """Fund the bookings, of which B1 is on c1 and so on."""
    keys = {"activity_duration_after_publishing": TEN_DAYS, **keys}
    (folder / "campaigns.yaml").write_text(small_campaigns(**keys))
    write_bookings(folder / "bookings.csv", *rows)
    command_line("run", CAMPAIGN, "bookings.csv", "--out", "out", now=SUMMER).ok()


def expire(command_line: CommandLine, now: str = NIGHT, *words: str) -> dict[str, Any]:
    return command_line("expire", *words, "--json", now=now).ok().json()


def balances(folder: Path) -> dict[str, int]:
    return dict(read(folder / LEDGER, "SELECT 'c' || card, balance_minor FROM card_balances ORDER BY card"))


def test_the_whole_balance_of_expired_cards_becomes_breakage(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1", "50.00", bonus_amount="5.00"), booking("B2", "30.00"))
    answer = expire(run_in_process)
    totals = {"EUR": {"breakage": 8_500, "paid": 8_000, "bonus": 500}}
    assert (answer["counts"], answer["totals"], answer["campaign"]) == ({"expired": 2}, totals, CAMPAIGN)
    assert balances(tmp_path) == {"c1": 0, "c2": 0}
    booked = read(
        tmp_path / LEDGER,
        "SELECT card, type, bucket, amount_minor, contra_account, line, related_transaction FROM transactions WHERE run_id = ?",
        answer["run_id"],
    )
    assert booked == [
        (1, "CREDITS_REMOVAL", "paid", -5_000, "breakage", None, None),
        (1, "CREDITS_REMOVAL", "bonus", -500, "breakage", None, None),
        (2, "CREDITS_REMOVAL", "paid", -3_000, "breakage", None, None),
    ]
    run_in_process("verify", now=NIGHT).ok()


def test_what_a_person_reads(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1", "50.00", bonus_amount="5.00"))
    assert run_in_process("expire", now=NIGHT).ok().stdout == (
        f"{CAMPAIGN}: booked EUR 55.00 of 1 expired card as breakage.\n  of it bonus  EUR 5.00\n"
    )


def test_again_there_is_nothing_to_do_and_no_run(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    expire(run_in_process)
    before = (tmp_path / LEDGER).read_bytes()
    answer = expire(run_in_process)
    assert (answer["run_id"], answer["counts"], answer["totals"], answer["campaigns"]) == (None, {"expired": 0}, {}, [])
    assert (tmp_path / LEDGER).read_bytes() == before


def test_it_is_silent_for_cron(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    for now in (LAST_DAY, NIGHT, NIGHT):
        result = run_in_process("expire", "--quiet", now=now)
        assert (result.exit, result.stdout, result.stderr) == (0, "", "")
    assert balances(tmp_path) == {"c1": 0}


def test_a_dry_run_shows_it_and_keeps_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    answer = expire(run_in_process, NIGHT, "-n")
    assert (answer["counts"], answer["run_id"], answer["campaigns"][0]["run_id"]) == ({"expired": 1}, None, None)
    assert balances(tmp_path) == {"c1": 10_000}


@pytest.mark.parametrize(
    ("timezone", "now", "expired"),
    [
        ("Europe/Warsaw", "2020-05-11T21:59:59Z", 0),
        ("Europe/Warsaw", "2020-05-11T22:00:00Z", 1),
        ("UTC", "2020-05-11T23:59:59Z", 0),
        ("UTC", "2020-05-12T00:00:00Z", 1),
        ("America/Los_Angeles", "2020-05-12T06:59:59Z", 0),
        ("America/Los_Angeles", "2020-05-12T07:00:00Z", 1),
        ("Pacific/Auckland", "2020-05-12T11:59:59Z", 0),  # published when it was the 2nd of May there
        ("Pacific/Auckland", "2020-05-12T12:00:00Z", 1),
    ],
)
def test_the_last_day_ends_where_the_campaign_is(
    timezone: str, now: str, expired: int, run_in_process: CommandLine, tmp_path: Path
) -> None:
    publish(run_in_process, tmp_path, booking("B1"), timezone=timezone)
    assert expire(run_in_process, now)["counts"] == {"expired": expired}
    run_in_process("verify", now=now).ok()


def test_the_newest_definition_tells_the_time_zone(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"), timezone="Europe/Warsaw")
    moved = small_campaigns(activity_duration_after_publishing=TEN_DAYS, timezone="America/Los_Angeles")
    (tmp_path / "campaigns.yaml").write_text(moved)
    run_in_process("create", CAMPAIGN, now=LAST_DAY).ok()
    assert expire(run_in_process, "2020-05-12T06:59:59Z")["counts"] == {"expired": 0}
    assert expire(run_in_process, "2020-05-12T07:00:00Z")["counts"] == {"expired": 1}
    run_in_process("verify", now=NEXT_NIGHT).ok()


@pytest.mark.parametrize(
    "keys",
    [{"no_expiry_in": ["US-ME"]}, {"activity_duration_after_publishing": None}],
    ids=["by law", "by the campaign"],
)
def test_cards_that_never_expire_are_left_alone(
    keys: dict[str, Any], run_in_process: CommandLine, tmp_path: Path
) -> None:
    publish(run_in_process, tmp_path, booking("B1", country="US-ME"), **keys)
    assert expire(run_in_process, "2120-01-01T00:00:00Z")["counts"] == {"expired": 0}
    assert balances(tmp_path) == {"c1": 10_000}


# --- What became of the card before ---


def test_an_extended_card_lives_until_its_later_day(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"), booking("B2"))
    run_in_process("card", "extend", "c1", "--until", "2020-05-12", now=LAST_DAY).ok()
    assert expire(run_in_process, NIGHT)["counts"] == {"expired": 1}
    assert balances(tmp_path) == {"c1": 10_000, "c2": 0}
    assert expire(run_in_process, NEXT_NIGHT)["counts"] == {"expired": 1}
    run_in_process("verify", now=NEXT_NIGHT).ok()


def test_extending_revives_a_card_only_before_its_balance_is_booked(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    publish(run_in_process, tmp_path, booking("B1"), booking("B2"))
    run_in_process("card", "extend", "c1", "--until", "2020-06-01", now=NIGHT).ok()
    expire(run_in_process, NIGHT)
    late = run_in_process("card", "extend", "c2", "--until", "2020-06-01", "--json", now=NIGHT)
    assert (late.exit, late.json()["errors"][0]["code"]) == (4, "voucher_expired")
    assert balances(tmp_path) == {"c1": 10_000, "c2": 0}


@pytest.mark.parametrize("deed", ["disable", "deactivate"])
def test_blocked_and_dead_cards_expire_too(deed: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    run_in_process("card", deed, "c1", now=SUMMER).ok()
    assert expire(run_in_process)["counts"] == {"expired": 1}
    assert balances(tmp_path) == {"c1": 0}
    run_in_process("verify", now=NIGHT).ok()


def test_of_a_frozen_card_there_is_nothing_to_book(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    run_in_process("cashout", "request", "c1", "--reason", "moved abroad", now=SUMMER).ok()
    assert expire(run_in_process)["counts"] == {"expired": 0}
    run_in_process("verify", now=NIGHT).ok()


def test_what_is_given_back_to_an_expired_card_is_booked_the_next_night(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    sale = ("card", "redeem", "c1", "--amount", "40", "--invoice", "N1", "--customer", "C-B1", "--json")
    transaction = run_in_process(*sale, now=SUMMER).ok().json()["transactions"][0]["id"]
    assert expire(run_in_process, NIGHT)["totals"]["EUR"]["breakage"] == 6_000
    run_in_process("card", "rollback", str(transaction), now=NIGHT).ok()
    assert balances(tmp_path) == {"c1": 4_000}
    assert expire(run_in_process, NEXT_NIGHT)["totals"]["EUR"]["breakage"] == 4_000
    assert balances(tmp_path) == {"c1": 0}
    run_in_process("verify", now=NEXT_NIGHT).ok()


def test_a_spent_card_is_none_of_them(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"), booking("B2"))
    sale = ("card", "redeem", "c1", "--amount", "100", "--invoice", "N1", "--customer", "C-B1")
    run_in_process(*sale, now=SUMMER).ok()
    assert expire(run_in_process)["counts"] == {"expired": 1}


def test_a_pause_stops_no_calendar(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    run_in_process("pause", CAMPAIGN, now=SUMMER).ok()
    assert expire(run_in_process)["counts"] == {"expired": 1}


# --- Several campaigns, the journal, and what is wrong ---


def two_campaigns(command_line: CommandLine, folder: Path) -> None:
    """B1 in euros in Warsaw, B2 in yen in Tokyo, where the day ends seven hours earlier."""
    euros = small_campaigns(activity_duration_after_publishing=TEN_DAYS)
    yen = small_campaigns("tokyo", currency="JPY", timezone="Asia/Tokyo", activity_duration_after_publishing=TEN_DAYS)
    (folder / "campaigns.yaml").write_text(euros + yen.partition("campaigns:\n")[2])
    write_bookings(folder / "bookings.csv", booking("B1"), booking("B2", "700", currency="JPY"))
    for campaign in (CAMPAIGN, "tokyo"):
        command_line("run", campaign, "bookings.csv", "--out", campaign, now=SUMMER).ok()


def test_each_campaign_gets_a_run_of_its_own(run_in_process: CommandLine, tmp_path: Path) -> None:
    two_campaigns(run_in_process, tmp_path)
    answer = expire(run_in_process)
    euros = {"EUR": {"breakage": 10_000, "paid": 10_000, "bonus": 0}}
    yen = {"JPY": {"breakage": 700, "paid": 700, "bonus": 0}}
    assert (answer["counts"], answer["totals"], answer["run_id"]) == ({"expired": 2}, euros | yen, None)
    assert [(one["campaign"], one["totals"]) for one in answer["campaigns"]] == [(CAMPAIGN, euros), ("tokyo", yen)]
    runs = run_in_process("runs", "--json", now=NIGHT).ok().json()["runs"][-2:]
    assert [(run["command"], run["campaign"], run["run_id"]) for run in runs] == [
        ("expire", one["campaign"], one["run_id"]) for one in answer["campaigns"]
    ]
    run_in_process("verify", now=NIGHT).ok()


def test_only_the_campaign_that_is_named(run_in_process: CommandLine, tmp_path: Path) -> None:
    two_campaigns(run_in_process, tmp_path)
    assert expire(run_in_process, NIGHT, "tokyo")["totals"] == {"JPY": {"breakage": 700, "paid": 700, "bonus": 0}}
    assert balances(tmp_path) == {"c1": 10_000, "c2": 0}


def test_where_it_is_still_the_last_day_nothing_is_booked(run_in_process: CommandLine, tmp_path: Path) -> None:
    two_campaigns(run_in_process, tmp_path)
    answer = expire(run_in_process, "2020-05-11T15:00:00Z")
    assert (answer["campaign"], answer["counts"]) == ("tokyo", {"expired": 1})
    assert answer["run_id"] == answer["campaigns"][0]["run_id"]


def test_the_reason_stands_in_the_journal_and_in_the_books(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    run_id = expire(run_in_process, NIGHT, "--reason", "end of year")["run_id"]
    [run] = run_in_process("runs", str(run_id), "--json", now=NIGHT).ok().json()["runs"]
    assert run["arguments"] == {"campaign": None, "reason": "end of year"}
    assert read(tmp_path / LEDGER, "SELECT reason FROM transactions WHERE run_id = ?", run_id) == [("end of year",)]


def test_an_unknown_campaign_is_refused_and_recorded(run_in_process: CommandLine, tmp_path: Path) -> None:
    publish(run_in_process, tmp_path, booking("B1"))
    result = run_in_process("expire", "flights", "--json", now=NIGHT)
    assert (result.exit, result.json()["errors"][0]["code"]) == (4, "resource_not_found")
    assert balances(tmp_path) == {"c1": 10_000}
    assert read(tmp_path / LEDGER, "SELECT command, error_code FROM attempts") == [("expire", "resource_not_found")]


def test_a_nightly_job_that_names_the_wrong_file_is_told_so(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("expire", "--quiet", "--ledger", "elsewhere.db")
    assert (result.exit, result.stderr.startswith("Error: elsewhere.db is missing")) == (66, True)
    assert not (tmp_path / "elsewhere.db").exists()
