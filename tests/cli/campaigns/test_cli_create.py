"""`refundctl create`: the campaign as the file has it, with cards that start at zero."""

from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, files_in, only, write_bookings

NO_CARDS = {"cards_made": 0, "cards_printed": 0, "cards_printed_before": 0}


def test_a_campaign_is_made_with_no_card_and_no_money(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    result = run_in_process("create", CAMPAIGN, "--json").ok()
    assert result.json()["counts"] == {"created": 1, "changed": 0, "unchanged": 0, **NO_CARDS}
    assert (result.json()["campaign"], result.json()["run_id"]) == (CAMPAIGN, 1)
    standing = only(run_in_process("status", "--json").ok().json()["campaigns"])
    assert (standing["campaign"], standing["state"]) == (CAMPAIGN, "active")
    assert set(standing["totals"]["EUR"].values()) == {0}
    assert standing["counts"]["published"] == 0


def test_again_changes_nothing(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    before = files_in(tmp_path)
    answer = run_in_process("create", CAMPAIGN, "--json").ok().json()
    assert answer["counts"] == {"created": 0, "changed": 0, "unchanged": 1, **NO_CARDS}
    assert answer["run_id"] is None
    assert files_in(tmp_path) == before


def test_the_same_said_in_other_words_is_no_change(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    run_in_process("create", CAMPAIGN).ok()
    # A key that is written out with its default, other quotes, another order, a comment.
    campaigns.write_text(
        "version: 1\n"
        "campaigns:\n"
        "  flight-refunds: # the same\n"
        "    card_per: booking\n"
        "    eligible: {status: ['cancelled']}\n"
        "    timezone: Europe/Warsaw\n"
        "    currency: EUR\n"
        "    activity_duration_after_publishing: P365D\n"
    )
    assert run_in_process("create", CAMPAIGN, "--json").ok().json()["counts"]["unchanged"] == 1


def test_a_changed_definition_counts_for_cards_not_yet_published(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    now = "2020-05-01T12:00:00Z"
    write_bookings(tmp_path / "one.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "one.csv", "--out", "one", now=now).ok()
    campaigns.write_text(small_campaigns(activity_duration_after_publishing="P10D"))
    changed = run_in_process("create", CAMPAIGN, "--json", now=now).ok().json()
    assert changed["counts"] == {"created": 0, "changed": 1, "unchanged": 0, **NO_CARDS}
    write_bookings(tmp_path / "two.csv", booking("B2"))
    run_in_process("run", CAMPAIGN, "two.csv", "--out", "two", now=now).ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv", now=now).ok()
    assert column(tmp_path / "cards.csv", "expires_on") == ["2021-05-01", "2020-05-11"]


def test_every_other_command_goes_by_the_stored_definition(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """A changed file, or none at all, changes nothing until `create` has stored it."""
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", status="flown"))
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    campaigns.unlink()
    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 1
    campaigns.write_text(small_campaigns(eligible={"status": ["flown"]}))
    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 0
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["funded"] == 1
    run_in_process("create", CAMPAIGN).ok()
    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 1


@pytest.mark.parametrize("used", [False, True], ids=["without cards", "with cards"])
def test_a_campaign_never_changes_its_currency(
    used: bool, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    run_in_process("create", CAMPAIGN).ok()
    if used:
        write_bookings(tmp_path / "bookings.csv", booking("B1"))
        run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    campaigns.write_text(small_campaigns(currency="USD"))
    result = run_in_process("create", CAMPAIGN, "--json")
    assert result.exit == 4
    assert only(result.json()["errors"])["code"] == "currency_mismatch"
    attempt = run_in_process("runs", "--json").ok().json()["runs"][-1]
    assert (attempt["command"], attempt["campaign"], attempt["status"]) == ("create", CAMPAIGN, "refused")
    campaigns.write_text(small_campaigns())
    assert run_in_process("create", CAMPAIGN, "--json").ok().json()["counts"]["unchanged"] == 1


def test_card_per_is_kept_once_there_are_cards(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("create", CAMPAIGN).ok()
    campaigns.write_text(small_campaigns(card_per="customer"))
    run_in_process("create", CAMPAIGN).ok()
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    campaigns.write_text(small_campaigns(card_per="booking"))
    result = run_in_process("create", CAMPAIGN, "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (4, "definition_changed")


def test_a_campaign_that_the_file_lacks_is_wrong_usage(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    result = run_in_process("create", "hotel-refunds")
    assert result.exit == 2
    assert "has no campaign hotel-refunds (it has: flight-refunds)" in result.stderr
    assert not (tmp_path / LEDGER).exists()


def test_without_a_campaigns_file(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("create", CAMPAIGN)
    assert result.exit == 66
    assert "campaigns.yaml" in result.stderr
    assert "refundctl init" in result.stderr
    assert files_in(tmp_path) == {}


def test_a_wrong_campaigns_file_shows_all_its_mistakes_at_once(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(
        "version: 1\n"
        "campaigns:\n"
        "  flight-refunds:\n"
        "    currncy: EUR\n"
        "    card_per: bookings\n"
        "    activity_duration_after_publishing: 365\n"
    )
    result = run_in_process("create", CAMPAIGN)
    assert (result.exit, result.stdout) == (78, "")
    places = [line.split(": ")[0] for line in result.stderr.splitlines()]
    assert {"campaigns.yaml:4:5", "campaigns.yaml:5:15", "campaigns.yaml:6:41"} <= set(places)
    assert "did you mean `currency`" in result.stderr
    assert "did you mean `booking`" in result.stderr
    assert not (tmp_path / LEDGER).exists()

    errors = run_in_process("create", CAMPAIGN, "--json").json()["errors"]
    assert {(error["code"], error["path"]) for error in errors} == {("bad_campaigns", "campaigns.yaml")}
    assert {(4, 5), (5, 15), (6, 41)} <= {(error["line"], error["column"]) for error in errors}


@pytest.mark.parametrize(
    "gift", [{"amount": "25.00"}, {"amount": "0.01"}, {"amount": "zero"}], ids=lambda gift: str(gift["amount"])
)
def test_a_card_starts_at_zero_or_not_at_all(
    gift: dict[str, object], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(voucher={"gift": gift}))
    assert run_in_process("create", CAMPAIGN).exit == 78
    assert not (tmp_path / LEDGER).exists()


def test_guessable_codes_are_refused_unless_asked_for(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    voucher = {"code_config": {"pattern": "RF-####"}}
    campaigns.write_text(small_campaigns(voucher=voucher))
    result = run_in_process("create", CAMPAIGN)
    assert result.exit == 78
    assert "60 bits" in result.stderr
    campaigns.write_text(small_campaigns(voucher=voucher, weak_codes=True))
    run_in_process("create", CAMPAIGN).ok()
