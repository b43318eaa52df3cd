"""`refundctl pause` and `resume`: the kill switch. While a campaign is paused, nothing of it moves; all else goes on."""

import os
import pwd
import socket
from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, files_in, lay_out, only, write_bookings
from support.faults.interrupted import cut_off_run

NOW = "2020-05-01T12:00:00Z"
LATER = "2020-05-02T08:30:00Z"
ME = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"

STOPPED = (
    ("publish", CAMPAIGN),
    ("publish", CAMPAIGN, "-n"),
    ("topup", CAMPAIGN),
    ("topup", CAMPAIGN, "-n"),
    ("run", CAMPAIGN, "new.csv", "--out", "out"),
    ("run", CAMPAIGN, "new.csv", "--out", "out", "-n"),
)
STILL_WORKING = (
    ("create", CAMPAIGN),
    ("load", "new.csv"),
    ("load-customers", "people.csv"),
    ("plan", CAMPAIGN, "new.csv", "-o", "april.plan"),
    ("undo", "4"),
    ("export", "mail", CAMPAIGN, "-o", "mail.csv"),
    ("export", "cards", CAMPAIGN, "-o", "cards.csv"),
    ("status", CAMPAIGN),
    ("explain", "B1"),
    ("runs",),
    ("verify",),
    ("backup", "copy.db"),
)


def said_when_paused(since: str, why: str = "") -> str:
    reason = f" ({why})" if why else ""
    return (
        f"{CAMPAIGN} is paused since {since} by {ME}{reason}: nothing is published, topped up or redeemed until "
        f"`refundctl resume {CAMPAIGN}`."
    )


def state_of(command_line: CommandLine, now: str | None = None, campaign: str = CAMPAIGN) -> str:
    standing = only(command_line("status", campaign, "--json", now=now).ok().json()["campaigns"])
    return str(standing["state"])


def money(folder: Path) -> list[tuple[Any, ...]]:
    return read(folder / LEDGER, "SELECT (SELECT count(*) FROM cards), (SELECT count(*) FROM transactions)")


# --- The switch ---


def test_a_pause_is_a_run_with_its_reason(run_in_process: CommandLine, campaigns: Path, tmp_path: Path) -> None:
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    answer = run_in_process("pause", CAMPAIGN, "--reason", "wrong fares", "--json", now=NOW).ok().json()
    assert (answer["command"], answer["status"], answer["campaign"]) == ("pause", "ok", CAMPAIGN)
    assert (answer["run_id"], answer["counts"]) == (2, {"paused": 1})
    assert answer["pause"] == {"run_id": 2, "since": NOW, "by": ME, "reason": "wrong fares"}
    entry = run_in_process("runs", "2", "--json", now=NOW).ok().json()["runs"][0]
    assert (entry["command"], entry["campaign"], entry["counts"]) == ("pause", CAMPAIGN, {"paused": 1})
    assert entry["arguments"] == {"campaign": CAMPAIGN, "reason": "wrong fares"}
    assert state_of(run_in_process, NOW) == "paused"

    answer = run_in_process("resume", CAMPAIGN, "--reason", "fixed", "--json", now=LATER).ok().json()
    assert (answer["command"], answer["run_id"], answer["counts"]) == ("resume", 3, {"resumed": 1})
    assert answer["pause"] == {"run_id": 2, "since": NOW, "by": ME, "reason": "wrong fares"}
    assert state_of(run_in_process, LATER) == "active"
    assert read(tmp_path / LEDGER, "SELECT event, reason, run_id FROM campaign_events ORDER BY id") == [
        ("paused", "wrong fares", 2),
        ("resumed", "fixed", 3),
    ]
    run_in_process("verify", now=LATER).ok()


def test_what_it_says_to_a_person(run_in_process: CommandLine, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    said = [
        run_in_process(*argv, now=NOW).ok().stdout.splitlines()
        for argv in (
            ("pause", CAMPAIGN, "--reason", "wrong fares"),
            ("pause", CAMPAIGN),
            ("resume", CAMPAIGN),
            ("resume", CAMPAIGN),
            ("pause", CAMPAIGN, "-q"),
        )
    ]
    assert said == [
        [
            f"Paused {CAMPAIGN}: nothing is published, topped up or redeemed until it is resumed.",
            f"`refundctl resume {CAMPAIGN}` lets it go on.",
        ],
        [
            f"{CAMPAIGN} is paused already, since {NOW} by {ME} (wrong fares). Nothing to do.",
            f"`refundctl resume {CAMPAIGN}` lets it go on.",
        ],
        [f"Resumed {CAMPAIGN}: it had been paused since {NOW} by {ME} (wrong fares)."],
        [f"{CAMPAIGN} is not paused. Nothing to do."],
        [],
    ]


def test_twice_is_nothing(run_in_process: CommandLine, campaigns: Path, tmp_path: Path) -> None:
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    answer = run_in_process("resume", CAMPAIGN, "--json", now=NOW).ok().json()
    assert (answer["run_id"], answer["counts"], answer["pause"]) == (None, {"resumed": 0}, None)
    run_in_process("pause", CAMPAIGN, "--reason", "first", now=NOW).ok()
    before = files_in(tmp_path)
    answer = run_in_process("pause", CAMPAIGN, "--reason", "second", "--json", now=LATER).ok().json()
    assert (answer["run_id"], answer["counts"]) == (None, {"paused": 0})
    assert answer["pause"] == {"run_id": 2, "since": NOW, "by": ME, "reason": "first"}
    assert files_in(tmp_path) == before


def test_a_dry_run_throws_no_switch(run_in_process: CommandLine, campaigns: Path, tmp_path: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    before = files_in(tmp_path)
    answer = run_in_process("pause", CAMPAIGN, "-n", "--json").ok().json()
    assert (answer["run_id"], answer["counts"], answer["dry_run"]) == (None, {"paused": 1}, True)
    assert files_in(tmp_path) == before
    run_in_process("pause", CAMPAIGN).ok()
    before = files_in(tmp_path)
    assert run_in_process("resume", CAMPAIGN, "-n", "--json").ok().json()["counts"] == {"resumed": 1}
    assert files_in(tmp_path) == before
    assert state_of(run_in_process) == "paused"


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_an_unknown_campaign(command: str, run_in_process: CommandLine, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    result = run_in_process(command, "goodwill", "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    assert only(result.json()["errors"])["code"] == "resource_not_found"
    [attempt] = [entry for entry in run_in_process("runs", "--json").json()["runs"] if entry["run_id"] is None]
    assert (attempt["command"], attempt["campaign"]) == (command, "goodwill")


def test_a_reason_keeps_no_code(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """One line of words; what may be a card's code is masked before anything is written down."""
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    code = only(column(tmp_path / "out" / "mail.csv", "code"))
    answer = run_in_process("pause", CAMPAIGN, "--reason", f"  stolen:\n {code}\t", "--json").ok().json()
    assert answer["pause"]["reason"] == f"stolen: ****{code[-4:]}"
    assert code not in run_in_process("runs", "--json").ok().stdout
    assert read(tmp_path / LEDGER, "SELECT count(*) FROM runs WHERE instr(arguments, ?)", code) == [(0,)]


def test_a_blank_reason_is_none(run_in_process: CommandLine, campaigns: Path) -> None:
    run_in_process("create", CAMPAIGN).ok()
    assert run_in_process("pause", CAMPAIGN, "--reason", " ", "--json").ok().json()["pause"]["reason"] is None


# --- What it stops ---


@pytest.mark.parametrize("argv", STOPPED, ids=" ".join)
def test_what_a_pause_stops(argv: tuple[str, ...], run_in_process: CommandLine, tmp_path: Path) -> None:
    lay_out(run_in_process, tmp_path)
    run_in_process("pause", CAMPAIGN, "--reason", "wrong fares").ok()
    since = only(run_in_process("status", CAMPAIGN, "--json").json()["campaigns"])["pause"]["since"]
    before = money(tmp_path)
    result = run_in_process(*argv, "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    assert only(result.json()["errors"]) == {
        "code": "campaign_paused",
        "message": said_when_paused(since, "wrong fares"),
    }
    assert result.json()["campaign"] == CAMPAIGN
    assert money(tmp_path) == before
    assert not (tmp_path / "out").exists()
    attempts = read(tmp_path / LEDGER, "SELECT command, campaign, error_code FROM attempts")
    assert attempts == ([] if "-n" in argv else [(argv[0], CAMPAIGN, "campaign_paused")])

    run_in_process("resume", CAMPAIGN).ok()
    run_in_process(*argv).ok()
    run_in_process("verify").ok()


def test_a_plan_is_not_applied(run_in_process: CommandLine, tmp_path: Path) -> None:
    lay_out(run_in_process, tmp_path)
    run_in_process("plan", CAMPAIGN, "new.csv", "-o", "april.plan").ok()
    run_in_process("pause", CAMPAIGN).ok()
    before = money(tmp_path)
    result = run_in_process("apply", "april.plan", "--out", "out", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (4, "campaign_paused")
    assert money(tmp_path) == before
    assert read(tmp_path / LEDGER, "SELECT command, error_code FROM attempts") == [("apply", "campaign_paused")]
    run_in_process("resume", CAMPAIGN).ok()
    run_in_process("apply", "april.plan", "--out", "out").ok()


def test_a_refused_run_has_loaded_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    lay_out(run_in_process, tmp_path)
    run_in_process("pause", CAMPAIGN).ok()
    assert run_in_process("run", CAMPAIGN, "new.csv", "--out", "out").exit == 4
    assert read(tmp_path / LEDGER, "SELECT booking_id FROM bookings ORDER BY 1") == [("B1",), ("B2",), ("B3",)]


@pytest.mark.parametrize("argv", STILL_WORKING, ids=" ".join)
def test_what_goes_on(argv: tuple[str, ...], run_in_process: CommandLine, tmp_path: Path) -> None:
    lay_out(run_in_process, tmp_path)
    run_in_process("pause", CAMPAIGN).ok()
    run_in_process(*argv).ok()
    assert state_of(run_in_process) == "paused"


def test_another_campaign_goes_on(run_in_process: CommandLine, tmp_path: Path) -> None:
    lay_out(run_in_process, tmp_path)
    run_in_process("create", "goodwill").ok()
    run_in_process("pause", CAMPAIGN).ok()
    run_in_process("run", "goodwill", "new.csv", "--out", "out").ok()
    assert (state_of(run_in_process), state_of(run_in_process, campaign="goodwill")) == ("paused", "active")


def test_a_hand_over_that_was_cut_off_waits(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"))
    cut_off_run(tmp_path)
    run_in_process("pause", CAMPAIGN).ok()
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (4, "campaign_paused")
    assert not (tmp_path / "out" / "mail.csv").exists()
    run_in_process("resume", CAMPAIGN).ok()
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert column(tmp_path / "out" / "mail.csv", "balance") == ["12.50"]


# --- What status says ---


def test_status_says_paused_before_ended(run_in_process: CommandLine, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns(expiration_date="2020-05-01"))
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    run_in_process("pause", CAMPAIGN, "--reason", "over", now=NOW).ok()
    assert state_of(run_in_process, LATER) == "paused"
    said = run_in_process("status", now=LATER).ok().stdout.splitlines()
    assert f"{CAMPAIGN} (paused)" in said
    assert f"  Paused since {NOW} by {ME} (over): `refundctl resume {CAMPAIGN}` lets it go on." in said
    run_in_process("resume", CAMPAIGN, now=LATER).ok()
    assert state_of(run_in_process, LATER) == "ended"
