"""A card is mailed with all that is on it: so nothing of it is left to be mailed once more."""

from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import booking, only, rows_of, write_bookings


@pytest.fixture
def funded(tmp_path: Path, campaigns: Path, run_in_process: CommandLine) -> Path:
    """One card each for A, with a gold booking of 10.00 and a silver one of 5.00, and for B with 7.00."""
    campaigns.write_text(small_campaigns(card_per="customer"), encoding="utf-8")
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "10.00", customer_id="A", email="a@example.org", tier="gold"),
        booking("B2", "5.00", customer_id="A", email="a@example.org", tier="silver"),
        booking("B3", "7.00", customer_id="B", email="b@example.org", tier="silver"),
    )
    run_in_process("load", "bookings.csv").ok()
    for step in ("create", "publish", "topup"):
        run_in_process(step, CAMPAIGN).ok()
    return tmp_path


def test_where_takes_whole_cards_and_each_once(funded: Path, run_in_process: CommandLine) -> None:
    run_in_process("export", "mail", CAMPAIGN, "-o", "gold.csv", "--where", "tier=gold").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()

    gold, rest = only(rows_of(funded / "gold.csv")), only(rows_of(funded / "rest.csv"))
    assert (gold["email"], gold["balance"], gold["booking_id"]) == ("a@example.org", "15.00", "B1;B2")
    assert (rest["email"], rest["balance"]) == ("b@example.org", "7.00")
    nothing = run_in_process("export", "mail", CAMPAIGN, "-o", "more.csv", "--json").ok().json()
    assert (nothing["counts"], nothing["files"]) == ({"rows": 0}, [])


def test_a_run_takes_along_what_waits_on_its_cards(funded: Path, run_in_process: CommandLine) -> None:
    write_bookings(funded / "new.csv", booking("B4", "1.00", customer_id="A", email="a@example.org"))

    run_in_process("run", CAMPAIGN, "new.csv", "--out", "out").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()

    mailed = only(rows_of(funded / "out" / "mail.csv"))
    assert (mailed["email"], mailed["balance"], mailed["booking_id"]) == ("a@example.org", "16.00", "B1;B2;B4")
    assert [row["email"] for row in rows_of(funded / "rest.csv")] == ["b@example.org"]


def test_what_is_owed_in_cash_is_noted_also_when_no_card_could_be_used(
    tmp_path: Path, campaigns: Path, run_in_process: CommandLine
) -> None:
    campaigns.write_text(small_campaigns(expiration_date="2020-03-31"), encoding="utf-8")
    write_bookings(tmp_path / "bookings.csv", booking("B1", "10.00", cash_amount="10.00"))
    now = {"REFUNDCTL_NOW": "2020-04-01T12:00:00Z"}

    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json", env=now).ok().json()

    assert answer["totals"]["EUR"] == {"paid": 0, "bonus": 0, "fee": 0, "cash": 1000, "total": 0}
    write_bookings(tmp_path / "more.csv", booking("B2", "10.00", cash_amount="9.99"))
    refused = run_in_process("run", CAMPAIGN, "more.csv", "--out", "more", "--json", env=now)
    assert (refused.exit, only(refused.json()["errors"])["code"]) == (4, "voucher_expired")


@pytest.mark.parametrize("kind", ["cards", "bookings"])
def test_a_device_is_never_replaced(kind: str, funded: Path, run_in_process: CommandLine) -> None:
    refused = run_in_process("export", kind, CAMPAIGN, "-o", "/dev/null", "--force")

    assert (refused.exit, refused.stderr) == (
        2,
        "Error: /dev/null is no file but a device or a pipe: name a file, or - for stdout.\n",
    )
    assert Path("/dev/null").is_char_device()
