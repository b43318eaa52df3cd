"""`refundctl status`: where each campaign stands, in figures that agree with the books."""

from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, csv_text, files_in, only, write_bookings
from support.desks.till import Till

NOW = "2020-05-01T12:00:00Z"
AFTER_EXPIRY = "2021-05-02T12:00:00Z"


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


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
            "activated": 0,
            "unassigned": 0,
            "deactivated": 0,
            "disabled": 0,
            "frozen": 0,
            "transferred": 0,
            "funded": 3,
            "undone": 0,
            "over_cap": 0,
            "unreachable": 1,
            "not_handed_over": 1,
            "funded_not_eligible": 0,
            "cash_debts_open": 0,
            "till_overdrafts_open": 0,
        },
        "totals": {
            "EUR": {
                "paid": 11_150,
                "bonus": 0,
                "cash": 0,
                "fee": 0,
                "adjusted": 0,
                "redeemed": 0,
                "expired": 0,
                "cashed_out": 0,
                "lapsed": 0,
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


# --- What becomes of cards ---

MADE = ("paid", "bonus", "adjusted")
GONE = ("redeemed", "expired", "cashed_out", "lapsed")
ADJUST = ("card", "adjust")
DEEDS: dict[str, tuple[list[str], dict[str, int]]] = {
    "redeem": (
        ["card", "redeem", "c1", "--amount", "30", "--invoice", "I-1", "--customer", "C-B1"],
        {"redeemed": 3_000},
    ),
    "rollback": (["card", "rollback", "11", "--amount", "4"], {"redeemed": -400}),
    "adjust up": (["card", "adjust", "c1", "--amount", "+7.50", "--reason", "till was down"], {"adjusted": 750}),
    "adjust down": (["card", "adjust", "c2", "--amount", "-2.50", "--reason", "paid twice"], {"adjusted": -250}),
    "issue": (["card", "issue", CAMPAIGN, "--customer", "C-B1", "--amount", "5", "--reason", "sorry"], {"bonus": 500}),
    "transfer": (["card", "transfer", "c1"], {}),
    "redeem from the new card": (
        ["card", "redeem", "c7", "--amount", "6", "--invoice", "I-2", "--customer", "C-B1"],
        {"redeemed": 600},
    ),
    "ask for cash": (
        ["cashout", "request", "c3", "--reason", "moved abroad"],
        {"cashed_out": 10_000, "lapsed": 2_000},
    ),
    "ask for cash, too": (
        ["cashout", "request", "c4", "--reason", "moved abroad"],
        {"cashed_out": 10_000, "lapsed": 2_000},
    ),
    "keep the card": (["cashout", "cancel", "22"], {"cashed_out": -10_000, "lapsed": -2_000}),
    "disable": (["card", "disable", "c2"], {}),
    "deactivate": (["card", "deactivate", "c4"], {}),
    "undo the goodwill": (["undo", "9"], {"bonus": -500}),
}


def test_the_sum_holds_after_whatever_is_done_to_cards(till: Till) -> None:
    till.say()
    till.fund(*(booking(f"B{number}", "100.00", bonus_amount="20.00") for number in range(1, 6)))
    expected = dict.fromkeys((*MADE, *GONE), 0) | {"paid": 50_000, "bonus": 10_000}
    for deed, (words, moves) in DEEDS.items():
        till.call(*words).ok()
        for name, minor in moves.items():
            expected[name] += minor
        totals = totals_of(till)
        assert {name: totals[name] for name in expected} == expected, deed
        assert totals["outstanding"] == sum_of(expected), deed

    left = expected | {"expired": sum_of(expected)}
    totals = totals_of(till, AFTER_EXPIRY)
    assert {name: totals[name] for name in expected} == left
    assert totals["outstanding"] == 0
    till.call("expire", CAMPAIGN, now=AFTER_EXPIRY).ok()
    assert totals_of(till, AFTER_EXPIRY) == totals


def sum_of(totals: dict[str, int]) -> int:
    return sum(totals[name] for name in MADE) - sum(totals[name] for name in GONE)


def at(till: Till, now: str | None = None) -> dict[str, Any]:
    """How the one campaign stands."""
    standing: dict[str, Any] = only(till.call("status", "--json", now=now).ok().json()["campaigns"])
    return standing


def totals_of(till: Till, now: str | None = None) -> dict[str, int]:
    totals: dict[str, int] = at(till, now)["totals"]["EUR"]
    return totals


def counts_of(till: Till) -> dict[str, int]:
    """How many cards there are of each kind, where there are any."""
    return {name: count for name, count in at(till)["counts"].items() if name in CARDS and count}


CARDS = ("published", "activated", "unassigned", "deactivated", "disabled", "frozen", "transferred")


def test_cards_are_counted_by_what_was_done_to_them(till: Till) -> None:
    till.say(type="STATIC", vouchers_count=6, redeemable_by="anyone")
    till.fund(*(booking(f"B{number}") for number in range(1, 4)))
    assert counts_of(till) == {"published": 3, "unassigned": 3}
    till.call("card", "activate", "c4").ok()
    assert counts_of(till) == {"published": 4, "activated": 1, "unassigned": 2}
    till.call("card", "disable", "c1").ok()
    till.call("card", "deactivate", "c2").ok()
    assert counts_of(till) == {"published": 3, "activated": 1, "unassigned": 2, "disabled": 1, "deactivated": 1}
    till.call("card", "enable", "c1").ok()
    till.call("card", "deactivate", "c4").ok()
    assert counts_of(till) == {"published": 2, "unassigned": 2, "deactivated": 2}


def test_cards_that_were_lost_or_changed_into_cash(till: Till) -> None:
    till.say()
    till.fund(*(booking(f"B{number}") for number in range(1, 4)))
    till.call("card", "transfer", "c1").ok()
    till.call("cashout", "request", "c2", "--reason", "moved").ok()
    counts = counts_of(till)
    assert (counts["transferred"], counts["frozen"]) == (1, 1)
    said = till.call("status").ok().stdout
    assert "  transferred      1\n" in said
    assert "  frozen           1\n" in said
    assert "  cash debts open  1\n" in said


def test_only_cards_that_can_still_be_spent_expire(till: Till) -> None:
    till.say()
    till.fund(booking("B1"))
    (till.folder / "later.csv").write_text(csv_text(booking("B2")), encoding="utf-8")
    till.call("load", "later.csv").ok()
    for command in ("publish", "topup"):
        till.call(command, CAMPAIGN, now="2020-05-11T12:00:00Z").ok()
    assert at(till)["next_expiry"] == "2021-05-01"
    till.call("card", "deactivate", "c1").ok()
    assert at(till)["next_expiry"] == "2021-05-11"


def test_what_a_till_took_too_much_is_counted(till: Till) -> None:
    till.open(paid="10.00")
    (till.folder / "till.csv").write_text("card_id,amount,invoice,customer_id\nc1,99.00,T-1,C-B1\n")
    till.call("load-redemptions", "till.csv")
    assert at(till)["counts"]["till_overdrafts_open"] == 1
    assert "  till overdrafts open  1\n" in till.call("status").ok().stdout


def test_what_never_happened_is_not_told(till: Till) -> None:
    till.open()
    said = till.call("status").ok().stdout
    assert not [name for name in ("adjusted", "lapsed", "disabled", "frozen", "transferred", "debts") if name in said]
