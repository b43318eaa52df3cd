"""`refundctl status`: where each campaign stands, in figures that agree with the books."""

from pathlib import Path

from command_line import CAMPAIGN, CommandLine, small_campaigns
from desk import LEDGER, booking, files_in, only, write_bookings

NOW = "2020-05-01T12:00:00Z"
AFTER_EXPIRY = "2021-05-02T12:00:00Z"


def standing_of(command_line: CommandLine, now: str | None = None) -> dict[str, object]:
    standing: dict[str, object] = only(command_line("status", "--json", now=now).ok().json()["campaigns"])
    return standing


def test_every_figure(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "12.50", refund_id="one", refund_amount="2.50"),
        booking("B1", "12.50", refund_id="two", refund_amount="10.00"),
        booking("B2", "99.00", email=""),
        booking("B3", "7.00", status="flown"),
    )
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    write_bookings(tmp_path / "later.csv", booking("B4", "1.00"))
    run_in_process("load", "later.csv", now=NOW).ok()
    assert standing_of(run_in_process, NOW) == {
        "campaign": CAMPAIGN,
        "state": "active",
        "counts": {
            "bookings": 3,
            "refund_lines": 4,
            "published": 2,
            "unassigned": 0,
            "deactivated": 0,
            "funded": 3,
            "undone": 0,
            "over_cap": 0,
            "unreachable": 1,
            "not_handed_over": 1,
            "funded_not_eligible": 0,
        },
        "totals": {
            "EUR": {
                "paid": 11_150,
                "bonus": 0,
                "cash": 0,
                "fee": 0,
                "redeemed": 0,
                "expired": 0,
                "cashed_out": 0,
                "outstanding": 11_150,
            }
        },
        "next_expiry": "2021-05-01",
        "open_batches": [],
        "budget": None,
        "pause": None,
    }


def test_expired_money_is_no_longer_outstanding(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    totals = standing_of(run_in_process, "2021-05-01T21:59:59Z")["totals"]
    assert (totals["EUR"]["expired"], totals["EUR"]["outstanding"]) == (0, 1_250)  # type: ignore[index]
    standing = standing_of(run_in_process, AFTER_EXPIRY)
    totals = standing["totals"]
    assert (totals["EUR"]["expired"], totals["EUR"]["outstanding"]) == (1_250, 0)  # type: ignore[index]
    assert (standing["next_expiry"], standing["state"]) == (None, "active")


def test_a_campaign_past_its_expiration_date_has_ended(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(expiration_date="2020-05-01"))
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    assert standing_of(run_in_process, NOW)["state"] == "active"
    assert standing_of(run_in_process, "2020-05-01T22:00:00Z")["state"] == "ended"  # midnight in Warsaw


def test_all_campaigns_or_one(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns() + small_campaigns("goodwill").partition("campaigns:\n")[2])
    for name in (CAMPAIGN, "goodwill"):
        run_in_process("create", name).ok()
    answer = run_in_process("status", "--json").ok().json()
    assert [standing["campaign"] for standing in answer["campaigns"]] == [CAMPAIGN, "goodwill"]
    answer = run_in_process("status", "goodwill", "--json").ok().json()
    assert [standing["campaign"] for standing in answer["campaigns"]] == ["goodwill"]
    assert answer["campaign"] == "goodwill"


def test_an_unknown_campaign(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    result = run_in_process("status", "goodwill")
    assert result.exit == 4
    assert "no campaign goodwill" in result.stderr
    assert f"(there: {CAMPAIGN})" in result.stderr


def test_without_a_ledger_it_says_so_and_makes_none(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("status").ok()
    assert LEDGER in result.stdout
    assert run_in_process("status", "--json").ok().json()["campaigns"] == []
    assert files_in(tmp_path) == {}


def test_it_shows_progress_as_a_bar(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", *(booking(f"B{number}") for number in range(4)))
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    assert "░" * 30 in run_in_process("status").ok().stdout
    run_in_process("publish", CAMPAIGN, "--limit", "2").ok()
    run_in_process("topup", CAMPAIGN).ok()
    said = run_in_process("status").ok().stdout
    assert "█" * 15 + "░" * 15 in said
    assert "2 of 4 refunds funded" in said
    assert "EUR 200.00" in said


def test_it_changes_nothing(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    before = files_in(tmp_path)
    run_in_process("status").ok()
    assert files_in(tmp_path) == before
