"""`refundctl publish`: a card for each eligible booking's customer, empty until `topup`."""

import re
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, files_in, only, rows_of, write_bookings


def load_and_create(command_line: CommandLine, *files: str) -> None:
    command_line("load", *files).ok()
    command_line("create", CAMPAIGN).ok()


def test_each_eligible_booking_gets_one_card(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"), booking("B3", status="flown"))
    load_and_create(run_in_process, "bookings.csv")
    answer = run_in_process("publish", CAMPAIGN, "--json").ok().json()
    named = ("eligible", "published", "already_published", "skipped", "skipped_by_reason")
    assert [answer["counts"][name] for name in named] == [2, 2, 0, 1, {"not_eligible": 1}]
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    cards = rows_of(tmp_path / "cards.csv")
    assert [card["booking_id"] for card in cards] == ["B1", "B2"]
    assert {(card["state"], card["balance"], card["redemption_count"]) for card in cards} == {("active", "0.00", "0")}
    assert all(re.fullmatch(r"c[0-9]+", card["card_id"]) for card in cards)
    assert all(re.fullmatch(r"RF(-[2-9A-HJKMNP-Z]{4}){4}", card["code"]) for card in cards)


def test_again_changes_nothing(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    load_and_create(run_in_process, "bookings.csv")
    run_in_process("publish", CAMPAIGN).ok()
    before = files_in(tmp_path)
    answer = run_in_process("publish", CAMPAIGN, "--json").ok().json()
    assert (answer["counts"]["published"], answer["counts"]["already_published"]) == (0, 2)
    assert answer["run_id"] is None
    assert files_in(tmp_path) == before


def test_only_new_bookings_get_new_cards(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "may.csv", booking("B1"))
    load_and_create(run_in_process, "may.csv")
    run_in_process("publish", CAMPAIGN).ok()
    write_bookings(tmp_path / "june.csv", booking("B1"), booking("B2"))
    run_in_process("load", "june.csv").ok()
    counts = run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["eligible"], counts["published"], counts["already_published"]) == (2, 1, 1)


def test_limit_is_a_number_of_cards(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", *(booking(f"B{number}") for number in range(1, 6)))
    load_and_create(run_in_process, "bookings.csv")
    seen = []
    for _ in range(4):
        counts = run_in_process("publish", CAMPAIGN, "--limit", "2", "--json").ok().json()["counts"]
        seen.append((counts["eligible"], counts["published"], counts["already_published"]))
    assert seen == [(5, 2, 0), (5, 2, 2), (5, 1, 4), (5, 0, 5)]


def test_a_limit_beyond_counting_is_no_limit(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    load_and_create(run_in_process, "bookings.csv")
    answer = run_in_process("publish", CAMPAIGN, "--limit", "9" * 30, "--json").ok().json()
    assert answer["counts"]["published"] == 1


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5"])
def test_a_limit_that_makes_no_sense(limit: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    result = run_in_process("publish", CAMPAIGN, "--limit", limit)
    assert result.exit == 2
    assert "--limit" in result.stderr
    assert not (tmp_path / LEDGER).exists()


def test_a_customer_has_one_card_where_the_campaign_says_so(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", customer_id="ana"),
        booking("B2", customer_id="ana"),
        booking("B3", customer_id="jan"),
    )
    load_and_create(run_in_process, "bookings.csv")
    counts = run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["eligible"], counts["published"], counts["already_published"]) == (3, 2, 1)
    run_in_process("topup", CAMPAIGN).ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    cards = [(card["customer_id"], card["booking_id"], card["balance"]) for card in rows_of(tmp_path / "cards.csv")]
    assert cards == [("ana", "B1;B2", "200.00"), ("jan", "B3", "100.00")]


ELIGIBLE = {
    "a list, trimmed and without case": ({"status": [" CANCELLED "]}, ["B1", "B2"]),
    "a blank": ({"tier": [""]}, ["B2", "B3"]),
    "two tests": ({"status": ["cancelled"], "tier": ["gold"]}, ["B1"]),
    "amounts from": ({"order_amount": {"min": "100.00"}}, ["B1", "B3"]),
    "amounts to": ({"order_amount": {"max": "100.00"}}, ["B1", "B2"]),
    "days from and to": ({"cancelled_at": {"from": "2020-04-01", "to": "2020-04-30"}}, ["B1", "B2"]),
    "a day": ({"cancelled_at": {"from": "2020-04-30"}}, ["B2", "B3"]),
    "tickets": ({"tickets": {"min": 2}}, ["B2", "B3"]),
    "metadata": ({"metadata.hotel": ["Resort"]}, ["B3"]),
    "country, not its subdivisions": ({"country": ["US"]}, ["B2"]),
    "source": ({"source": ["default"]}, ["B1", "B2", "B3"]),
    "everything": ({}, ["B1", "B2", "B3"]),
}


@pytest.mark.parametrize(("eligible", "booking_ids"), ELIGIBLE.values(), ids=ELIGIBLE)
def test_who_is_eligible(
    eligible: dict[str, object],
    booking_ids: list[str],
    run_in_process: CommandLine,
    tmp_path: Path,
    campaigns: Path,
) -> None:
    source = "sources:\n  default: {metadata: [hotel]}\n"
    campaigns.write_text(small_campaigns(eligible=eligible).replace("campaigns:", f"{source}campaigns:", 1))
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "100.00", tier="Gold", cancelled_at="2020-04-01", tickets="1", hotel="City", country="US-ME"),
        booking("B2", "99.99", tier="", cancelled_at="2020-04-30T23:59:59", tickets="2", hotel="", country="US"),
        booking(
            "B3",
            "100.01",
            status="flown",
            tier="",
            cancelled_at="2020-05-01",
            tickets="3",
            hotel="resort",
            country="DE",
        ),
    )
    load_and_create(run_in_process, "bookings.csv")
    run_in_process("publish", CAMPAIGN).ok()
    run_in_process("export", "publications", CAMPAIGN, "-o", "p.csv").ok()
    assert column(tmp_path / "p.csv", "booking_id") == booking_ids


WHERE = {
    "tier=gold": ["B1"],
    "tier=GOLD": ["B1"],
    "country=PL": ["B1", "B3"],
    "channel=web": ["B2"],
}


@pytest.mark.parametrize(("where", "booking_ids"), WHERE.items(), ids=WHERE)
def test_where_takes_a_part_of_them(
    where: str, booking_ids: list[str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Compared as in `eligible`: trimmed and without case. The others are left for another call."""
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", tier="gold", country="PL"),
        booking("B2", tier="silver", country="DE", channel="web"),
        booking("B3", country="PL"),
    )
    load_and_create(run_in_process, "bookings.csv")
    run_in_process("publish", CAMPAIGN, "--where", where).ok()
    published = run_in_process("export", "publications", CAMPAIGN, "-o", "-").ok().stdout
    assert column(published, "booking_id") == booking_ids
    run_in_process("publish", CAMPAIGN).ok()
    funded = run_in_process("topup", CAMPAIGN, "--where", where, "--json").ok().json()
    assert funded["counts"]["funded"] == len(booking_ids)
    cards = run_in_process("export", "cards", CAMPAIGN, "-o", "-", "--where", where).ok().stdout
    assert sorted(column(cards, "booking_id")) == booking_ids
    assert set(column(cards, "balance")) == {"100.00"}


def test_a_booking_in_another_currency_is_skipped_and_said_so(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", currency="USD"))
    load_and_create(run_in_process, "bookings.csv")
    counts = run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]
    assert (counts["eligible"], counts["published"], counts["skipped"]) == (1, 1, 1)
    assert only(counts["skipped_by_reason"].values()) == 1


def test_all_codes_are_different_also_where_there_are_few(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Two digits are a hundred codes: collisions are drawn again, and the last one is found."""
    campaigns.write_text(
        small_campaigns(weak_codes=True, voucher={"code_config": {"pattern": "RF-##", "charset": "0123456789"}})
    )
    write_bookings(tmp_path / "bookings.csv", *(booking(f"B{number}") for number in range(100)))
    load_and_create(run_in_process, "bookings.csv")
    run_in_process("publish", CAMPAIGN).ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    assert sorted(column(tmp_path / "cards.csv", "code")) == [f"RF-{number:02d}" for number in range(100)]

    write_bookings(tmp_path / "more.csv", booking("B100"))
    run_in_process("load", "more.csv").ok()
    result = run_in_process("publish", CAMPAIGN, "--json")
    assert result.exit == 4
    assert only(result.json()["errors"])["code"] == "no_voucher_suitable_for_publication"


def test_a_campaign_that_has_ended_publishes_nothing(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(expiration_date="2020-04-30"))
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    load_and_create(run_in_process, "bookings.csv")
    result = run_in_process("publish", CAMPAIGN, "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    assert only(result.json()["errors"])["code"] == "voucher_expired"
    assert run_in_process("runs", "--json").ok().json()["runs"][-1]["status"] == "refused"


@pytest.mark.parametrize("command", ["publish", "topup"])
def test_a_campaign_that_was_never_made(
    command: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    result = run_in_process(command, CAMPAIGN, "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    assert only(result.json()["errors"])["code"] == "resource_not_found"
    assert f"refundctl create {CAMPAIGN}" in only(result.json()["errors"])["message"]
    # The attempt is on record, in a ledger that was made for it.
    attempt = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert (attempt["command"], attempt["status"], attempt["run_id"]) == (command, "refused", None)
