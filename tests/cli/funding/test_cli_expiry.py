"""Until when a card is valid: the day of publication in the campaign's time zone and its duration; what moves it."""

from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import booking, column, only, rows_of, write_bookings

MAY_1 = "2020-05-01T12:00:00Z"


def expiry_of_a_card(command_line: CommandLine, folder: Path, now: str, country: str = "", **keys: Any) -> str:
    """`expires_on` in the mail file of a card that is published at `now`; "" where it never expires."""
    (folder / "campaigns.yaml").write_text(small_campaigns(**keys))
    write_bookings(folder / "bookings.csv", booking("B1", country=country))
    command_line("run", CAMPAIGN, "bookings.csv", "--out", "out", now=now).ok()
    return str(only(column(folder / "out" / "mail.csv", "expires_on")))


DURATIONS = {
    "P365D": (MAY_1, "2021-05-01"),
    "P1Y": (MAY_1, "2021-05-01"),
    "P6M": (MAY_1, "2020-11-01"),
    "P2W": (MAY_1, "2020-05-15"),
    "P1Y6M": (MAY_1, "2021-11-01"),
}


@pytest.mark.parametrize(("duration", "case"), DURATIONS.items(), ids=DURATIONS)
def test_durations(duration: str, case: tuple[str, str], run_in_process: CommandLine, tmp_path: Path) -> None:
    now, expires_on = case
    found = expiry_of_a_card(run_in_process, tmp_path, now, activity_duration_after_publishing=duration)
    assert found == expires_on


@pytest.mark.parametrize(
    ("now", "duration", "expires_on"),
    [
        ("2020-02-29T12:00:00Z", "P1Y", "2021-02-28"),
        ("2020-02-29T12:00:00Z", "P4Y", "2024-02-29"),
        ("2020-02-29T12:00:00Z", "P365D", "2021-02-28"),
        ("2019-03-01T12:00:00Z", "P365D", "2020-02-29"),
        ("2020-01-31T12:00:00Z", "P1M", "2020-02-29"),
        ("2020-08-31T12:00:00Z", "P1M", "2020-09-30"),
    ],
)
def test_days_that_do_not_exist_become_the_last_of_the_month(
    now: str, duration: str, expires_on: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    found = expiry_of_a_card(run_in_process, tmp_path, now, activity_duration_after_publishing=duration)
    assert found == expires_on


@pytest.mark.parametrize(
    ("timezone", "now", "expires_on"),
    [
        ("UTC", "2020-04-30T22:30:00Z", "2021-04-30"),
        ("Europe/Warsaw", "2020-04-30T21:59:59Z", "2021-04-30"),
        ("Europe/Warsaw", "2020-04-30T22:00:00Z", "2021-05-01"),
        ("America/Los_Angeles", "2020-05-01T06:59:59Z", "2021-04-30"),
        ("Pacific/Auckland", "2020-04-30T12:00:00Z", "2021-05-01"),
        # The night when daylight saving ends: 02:30 happens twice, the day is one.
        ("Europe/Warsaw", "2020-10-25T00:30:00Z", "2021-10-25"),
        ("Europe/Warsaw", "2020-10-25T01:30:00Z", "2021-10-25"),
        ("Europe/Warsaw", "2020-10-25T23:00:00Z", "2021-10-26"),
    ],
)
def test_the_day_is_that_of_the_campaigns_time_zone(
    timezone: str, now: str, expires_on: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    assert expiry_of_a_card(run_in_process, tmp_path, now, timezone=timezone) == expires_on


@pytest.mark.parametrize(
    ("duration", "until", "expires_on"),
    [
        ("P365D", "2020-12-31", "2020-12-31"),
        ("P30D", "2020-12-31", "2020-05-31"),
        (None, "2020-12-31", "2020-12-31"),
        (None, None, ""),
        ("P365D", "2020-05-01", "2020-05-01"),  # today is still a day
    ],
)
def test_the_earlier_of_duration_and_date(
    duration: str | None, until: str | None, expires_on: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    found = expiry_of_a_card(
        run_in_process, tmp_path, MAY_1, activity_duration_after_publishing=duration, expiration_date=until
    )
    assert found == expires_on


@pytest.mark.parametrize(
    ("country", "places", "expires_on"),
    [
        ("US-ME", ["US-ME"], ""),
        ("us-me", ["US-ME"], ""),
        ("US-NY", ["US-ME"], "2021-05-01"),
        ("US", ["US-ME"], "2021-05-01"),
        ("", ["US-ME"], "2021-05-01"),
        ("US-NY", ["US"], ""),
        ("DE", ["US", "DE"], ""),
    ],
)
def test_where_expiry_is_forbidden_cards_never_expire(
    country: str, places: list[str], expires_on: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    assert expiry_of_a_card(run_in_process, tmp_path, MAY_1, country, no_expiry_in=places) == expires_on


@pytest.mark.parametrize("card_per", ["booking", "customer"])
@pytest.mark.parametrize(
    ("of_booking", "of_customer", "places", "expires_on"),
    [
        ("", "US-ME", ["US-ME"], ""),
        ("DE", "US-ME", ["US-ME"], ""),
        ("US-ME", "DE", ["US-ME"], ""),
        ("US", "US-ME", ["US-ME"], ""),
        ("US-ME", "US", ["US-ME"], ""),
        ("US-NY", "US", ["US-ME"], "2021-05-01"),
        ("", "US-NY", ["US"], ""),
        ("", "US", ["US-ME"], "2021-05-01"),
        ("", "DE", ["US-ME"], "2021-05-01"),
        ("", "US-ME", [], "2021-05-01"),
    ],
)
def test_the_country_of_the_customer_counts_besides_that_of_the_booking(
    of_booking: str,
    of_customer: str,
    places: list[str],
    expires_on: str,
    card_per: str,
    run_in_process: CommandLine,
    tmp_path: Path,
) -> None:
    """What one of them forbids the other doesn't allow, and others' countries are nothing to this customer."""
    people = [{"customer_id": "C-B1", "country": of_customer}, {"customer_id": "C-B2", "country": "US-ME"}]
    write_bookings(tmp_path / "crm.csv", *people)
    run_in_process("load-customers", "crm.csv", now=MAY_1).ok()
    keys = {"no_expiry_in": places, "card_per": card_per}
    assert expiry_of_a_card(run_in_process, tmp_path, MAY_1, of_booking, **keys) == expires_on
    run_in_process("verify", now=MAY_1).ok()


def test_a_country_that_becomes_known_after_publication_changes_no_card(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    assert expiry_of_a_card(run_in_process, tmp_path, MAY_1, no_expiry_in=["US-ME"]) == "2021-05-01"
    write_bookings(tmp_path / "crm.csv", {"customer_id": "C-B1", "country": "US-ME"})
    run_in_process("load-customers", "crm.csv", now=MAY_1).ok()
    write_bookings(tmp_path / "more.csv", booking("B2", customer_id="C-B1"))
    run_in_process("run", CAMPAIGN, "more.csv", "--out", "out-2", now=MAY_1).ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv", now=MAY_1).ok()
    cards = {row["booking_id"]: row["expires_on"] for row in rows_of(tmp_path / "cards.csv")}
    assert cards == {"B1": "2021-05-01", "B2": ""}


# --- What moves it ---


def book(command_line: CommandLine, folder: Path, booking_id: str, now: str, **cells: str) -> dict[str, str]:
    """Ana's booking is run at `now`; gives the one row of the mail file."""
    ana = {"customer_id": "ana", "email": "ana@example.org"}
    write_bookings(folder / f"{booking_id}.csv", booking(booking_id, "10.00", **ana, **cells))
    command_line("run", CAMPAIGN, f"{booking_id}.csv", "--out", f"out-{booking_id}", now=now).ok()
    row: dict[str, str] = only(rows_of(folder / f"out-{booking_id}" / "mail.csv"))
    return row


@pytest.fixture
def per_customer(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> CommandLine:
    campaigns.write_text(small_campaigns(card_per="customer"))
    return run_in_process


def test_a_later_top_up_extends_a_card_to_its_own_day_and_duration(per_customer: CommandLine, tmp_path: Path) -> None:
    first = book(per_customer, tmp_path, "B1", MAY_1)
    later = book(per_customer, tmp_path, "B2", "2020-07-01T12:00:00Z")
    assert (first["expires_on"], later["expires_on"]) == ("2021-05-01", "2021-07-01")
    assert (later["code"], later["balance"]) == (first["code"], "20.00")
    per_customer("export", "cards", CAMPAIGN, "-o", "cards.csv", now=MAY_1).ok()
    assert column(tmp_path / "cards.csv", "expires_on") == ["2021-07-01"]


def test_a_later_top_up_never_shortens(per_customer: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    gold = [{"when": {"tier": ["gold"]}, "duration": "P2Y"}]
    campaigns.write_text(small_campaigns(card_per="customer", validity=gold))
    book(per_customer, tmp_path, "B1", MAY_1, tier="gold")
    assert book(per_customer, tmp_path, "B2", "2020-07-01T12:00:00Z")["expires_on"] == "2022-05-01"


def test_a_card_is_extended_by_the_definition_that_it_was_published_under(
    per_customer: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    book(per_customer, tmp_path, "B1", MAY_1)
    campaigns.write_text(small_campaigns(card_per="customer", activity_duration_after_publishing="P10D"))
    per_customer("create", CAMPAIGN, now=MAY_1).ok()
    assert book(per_customer, tmp_path, "B2", "2020-07-01T12:00:00Z")["expires_on"] == "2021-07-01"


def test_an_extension_ends_with_the_campaign(per_customer: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(
        small_campaigns(card_per="customer", activity_duration_after_publishing="P60D", expiration_date="2020-07-15")
    )
    assert book(per_customer, tmp_path, "B1", MAY_1)["expires_on"] == "2020-06-30"
    assert book(per_customer, tmp_path, "B2", "2020-06-20T12:00:00Z")["expires_on"] == "2020-07-15"


def test_a_card_that_never_expires_never_does(per_customer: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Judged at publication: it stays so for a customer who has moved since."""
    campaigns.write_text(small_campaigns(card_per="customer", no_expiry_in=["US-ME"]))
    book(per_customer, tmp_path, "B1", MAY_1, country="US-ME")
    assert book(per_customer, tmp_path, "B2", "2020-07-01T12:00:00Z", country="DE")["expires_on"] == ""


@pytest.mark.parametrize(
    ("now", "same_card"), [("2021-05-01T21:59:59Z", True), ("2021-05-01T22:00:00Z", False)], ids=["alive", "dead"]
)
def test_a_card_is_valid_through_the_end_of_its_last_day(
    now: str, same_card: bool, per_customer: CommandLine, tmp_path: Path
) -> None:
    """At midnight in Warsaw it is dead: the customer gets a successor, and what expired stays where it is."""
    first = book(per_customer, tmp_path, "B1", MAY_1)
    second = book(per_customer, tmp_path, "B2", now)
    assert (second["code"] == first["code"]) == same_card
    assert second["balance"] == ("20.00" if same_card else "10.00")
    assert second["expires_on"] == ("2022-05-01" if same_card else "2022-05-02")
    per_customer("export", "cards", CAMPAIGN, "-o", "cards.csv", now=now).ok()
    states = [(card["state"], card["balance"]) for card in rows_of(tmp_path / "cards.csv")]
    assert states == ([("active", "20.00")] if same_card else [("expired", "10.00"), ("active", "10.00")])
    per_customer("verify", now=now).ok()


def test_a_partial_refund_of_a_booking_whose_card_is_dead_gets_a_successor(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    one = booking("B1", "100.00", refund_id="one", refund_amount="60.00")
    two = booking("B1", "100.00", refund_id="two", refund_amount="40.00")
    write_bookings(tmp_path / "bookings.csv", one)
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=MAY_1).ok()
    write_bookings(tmp_path / "bookings.csv", one, two)
    later = "2021-06-01T12:00:00Z"
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "later", now=later).ok()
    row = only(rows_of(tmp_path / "later" / "mail.csv"))
    assert (row["balance"], row["expires_on"], row["booking_id"]) == ("40.00", "2022-06-01", "B1")
    assert row["code"] != only(column(tmp_path / "out" / "mail.csv", "code"))


def test_a_card_that_dies_before_it_is_funded_is_not_funded(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv", now=MAY_1).ok()
    for command in ("create", "publish"):
        run_in_process(command, CAMPAIGN, now=MAY_1).ok()
    later = "2021-06-01T12:00:00Z"
    counts = run_in_process("topup", CAMPAIGN, "--json", now=later).ok().json()["counts"]
    assert (counts["funded"], counts["skipped_by_reason"]) == (0, {"not_published": 1})
    assert run_in_process("publish", CAMPAIGN, "--json", now=later).ok().json()["counts"]["published"] == 1
    assert run_in_process("topup", CAMPAIGN, "--json", now=later).ok().json()["counts"]["funded"] == 1


def test_the_clock_may_go_back(per_customer: CommandLine, tmp_path: Path) -> None:
    """Order is by id, never by clock: nothing breaks, and nothing is shortened."""
    book(per_customer, tmp_path, "B1", MAY_1)
    earlier = book(per_customer, tmp_path, "B2", "2020-04-01T12:00:00Z")
    assert (earlier["expires_on"], earlier["balance"]) == ("2021-05-01", "20.00")
    per_customer("verify", now=MAY_1).ok()
