"""`refundctl apply`: exactly what the plan says, or nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refundctl.files.campaigns.plan_file import BookingAmount, read_plan
from support.books import number, read
from support.command_line import CAMPAIGN, CommandLine, plain_environment, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, files_in, rows_of
from support.desks.plan_desk import PlanDesk
from support.faults.at_once import all_at_once

POLICY: dict[str, Any] = {
    "fees": [{"name": "service", "fixed": "1.00"}],
    "bonuses": [{"name": "gold", "when": {"tier": ["gold"]}, "percentage": "10", "total": "12.00"}],
}
NOW = "2020-05-01T12:00:00Z"
FILES = ["mail.csv", "manifest.json", "summary.json"]


@pytest.fixture
def desk(run_in_process: CommandLine, tmp_path: Path) -> PlanDesk:
    """Three bookings: EUR 100.00, 50.00 and 30.00 after the fee. Of the bonus B1 gets 10.00, which leaves 2.00 to B2."""
    made = PlanDesk(run_in_process, tmp_path)
    made.campaign(refund=POLICY)
    made.bookings(booking("B1", "101.00", tier="gold"), booking("B2", "51.00", tier="gold"), booking("B3", "31.00"))
    return made


# --- What it does ---


def test_it_does_what_the_plan_says(desk: PlanDesk) -> None:
    planned = desk("--json").ok().json()
    applied = desk.apply("--json").ok().json()
    assert planned["totals"] == {"EUR": {"paid": 18_000, "bonus": 1_200, "fee": 300, "cash": 0, "total": 19_200}}
    for name in ("counts", "totals", "steps", "not_eligible", "rejected_by_code"):
        assert applied[name] == planned[name]
    assert applied["applied_by"] == applied["run_id"] == 1
    assert sorted(files_in(desk.folder / "out")) == FILES
    assert column(desk.folder / "out" / "mail.csv", "balance") == ["110.00", "52.00", "30.00"]
    summary = json.loads((desk.folder / "out" / "summary.json").read_text())
    assert (summary["command"], list(summary["steps"])) == ("apply", ["load", "create", "publish", "topup"])
    desk.command_line("verify", "--against", "out/manifest.json").ok()
    assert read(desk.folder / LEDGER, "SELECT plan, approval, run_id FROM applied_plans") == [
        (desk.file()["digest"], None, 1)
    ]


def test_it_leaves_what_a_run_leaves(desk: PlanDesk) -> None:
    desk("--ledger", "applied.db").ok()
    desk.apply("--ledger", "applied.db").ok()
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "run", "--ledger", "run.db").ok()
    for table in ("transactions", "line_versions", "customers", "batch_ranges"):
        kept = ", ".join(
            name for _, name, *_ in read(desk.folder / "run.db", f"PRAGMA table_info({table})") if name != "salt"
        )
        sql = f"SELECT {kept} FROM {table} ORDER BY 1"
        assert read(desk.folder / "applied.db", sql) == read(desk.folder / "run.db", sql)
    mailed = [[{**row, "code": ""} for row in rows_of(desk.folder / name / "mail.csv")] for name in ("out", "run")]
    assert mailed[0] == mailed[1]


def test_it_needs_no_campaigns_file(desk: PlanDesk) -> None:
    """Campaign, sources and options stand in the plan."""
    text = small_campaigns(refund=POLICY) + (
        "sources:\n  shop:\n    columns: {booking_id: No, order_amount: Sum}\n    decimal: ','\n    thousands: '.'\n"
        "    constants: {currency: EUR, status: cancelled}\n    encoding: cp1252\n"
    )
    (desk.folder / "campaigns.yaml").write_text(text, encoding="utf-8")
    shop = "No;Sum;customer_id;name\nB1;1.001,00;ana;Müller\n"
    (desk.folder / "shop.csv").write_text(shop, encoding="cp1252")
    desk("--source", "shop", "--expect-count", "1", files="shop.csv").ok()
    (desk.folder / "campaigns.yaml").unlink()
    assert desk.apply("--json").ok().json()["totals"]["EUR"] == {
        "paid": 100_000,
        "bonus": 0,
        "fee": 100,
        "cash": 0,
        "total": 100_000,
    }
    assert column(desk.folder / "out" / "mail.csv", "name") == []  # nobody has an address
    assert read(desk.folder / LEDGER, "SELECT name FROM customers") == [("Müller",)]


def test_rejected_rows_and_those_without_a_card_are_told_again(desk: PlanDesk) -> None:
    desk.campaign(type="STATIC", vouchers_count=1)
    desk.bookings(booking("B1", "1.00"), booking("B2", "2.00"), booking("B3", "?"))
    desk.made(exit_code=3)
    result = desk.apply("--json")
    assert (result.exit, result.json()["rejected_by_code"]) == (3, {"malformed_amount": 1})
    assert result.json()["counts"]["funded"] == 1
    assert column(desk.folder / "out" / "rejects.csv", "booking_id") == ["B3"]
    again = desk.apply("--json")
    assert (again.exit, again.json()["status"], again.json()["applied_by"]) == (3, "partial", 1)


def test_a_dry_run_shows_it_and_keeps_nothing(desk: PlanDesk) -> None:
    desk().ok()
    before = files_in(desk.folder)
    answer = desk.apply("-n", "--json").ok().json()
    assert (answer["run_id"], answer["counts"]["funded"], answer["dry_run"]) == (None, 3, True)
    assert files_in(desk.folder) == before


def test_nothing_new_is_nothing(desk: PlanDesk) -> None:
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert desk().ok().stdout.splitlines()[-1] == "There is nothing new to do."
    before = files_in(desk.folder)
    assert desk.apply(out="other").ok().stdout.startswith("flight-refunds: nothing new\n")
    assert files_in(desk.folder) == before


# --- Again ---


def test_again_is_nothing_wherever_the_files_are_now(desk: PlanDesk) -> None:
    desk().ok()
    desk.apply().ok()
    (desk.folder / "bookings.csv").unlink()
    before = files_in(desk.folder)
    again = desk.apply("--json", out="other").ok().json()
    assert (again["status"], again["run_id"], again["applied_by"]) == ("ok", None, 1)
    assert again["counts"] == {"created": 0, "published": 0, "funded": 0}
    assert desk.apply().ok().stdout == "plan.json was applied already, by run 1.\nNothing to do.\n"
    assert files_in(desk.folder) == before


@pytest.mark.parametrize("undone", ["apply", "topup"])
def test_what_was_undone_is_not_applied_again(desk: PlanDesk, undone: str) -> None:
    """And it isn't said that there is nothing to do; nor once it may be funded again. A new plan does it."""
    desk().ok()
    desk.apply().ok()
    [run_id] = [run["run_id"] for run in desk.command_line("runs", "--json").json()["runs"] if run["command"] == undone]
    undo = desk.command_line("undo", str(run_id), "--json").ok().json()["run_id"]
    for reopen in (False, True):
        if reopen:
            desk.command_line("undo", "--reopen", str(run_id)).ok()
        assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "stale_plan")
        assert desk.apply().stderr == (
            f"Error: plan.json was applied by run 1, which run {undo} has undone: make a new plan.\n"
        )
    assert number(desk.folder / LEDGER, "SELECT sum(amount_minor) FROM transactions WHERE card IS NOT NULL") == 0
    desk().ok()
    desk.apply("--force").ok()
    assert number(desk.folder / LEDGER, "SELECT sum(amount_minor) FROM transactions WHERE card IS NOT NULL") == 19_200


def test_a_new_plan_of_the_same_moment_is_another_one(desk: PlanDesk) -> None:
    """As in a rehearsal, where the clock stands still."""
    desk.command_line("create", CAMPAIGN, now=NOW).ok()
    for _ in range(3):
        desk.command_line("plan", CAMPAIGN, "bookings.csv", "-o", "plan.json", now=NOW).ok()
        applied = desk.command_line("apply", "plan.json", "--out", "out", "--force", "--json", now=NOW).ok().json()
        assert applied["counts"]["funded"] == 3
        for words in (("undo",), ("undo", "--reopen")):
            desk.command_line(*words, str(applied["run_id"]), now=NOW).ok()


# The process dies as by `kill -9` at the moment when the first file is to be put in place.
DIES = """
import os, signal, sys
sys.dont_write_bytecode = True  # that would move a file too
placing = {"os.rename", "os.link"}
sys.addaudithook(lambda event, args: os.kill(os.getpid(), signal.SIGKILL) if event in placing else None)
from refundctl.cli.shell.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_one_that_was_cut_off_is_finished_by_the_same_command(desk: PlanDesk) -> None:
    desk().ok()
    killed = subprocess.run(
        [sys.executable, "-B", "-c", DIES, "apply", "plan.json", "--out", "out"],
        cwd=desk.folder,
        env=plain_environment(desk.folder, None, None),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (desk.folder / "out" / "mail.csv").exists()
    elsewhere = desk.apply("--json", out="elsewhere")
    assert (elsewhere.exit, elsewhere.json()["errors"][0]["code"]) == (4, "batch_open")
    finished = desk.apply("--json").ok().json()
    assert (finished["run_id"], finished["applied_by"], finished["mail"]["rows"]) == (None, 1, 3)
    assert sorted(name for name in files_in(desk.folder / "out") if not name.endswith(".part")) == FILES
    assert json.loads((desk.folder / "out" / "summary.json").read_text())["command"] == "apply"
    assert desk.apply().ok().stdout.splitlines()[-1] == "Nothing to do."


def test_of_many_at_once_one_applies_it(desk: PlanDesk) -> None:
    desk().ok()
    ended = all_at_once(desk.folder, [("apply", "plan.json", "--out", "out", "--json")] * 6)
    assert [result.exit for result in ended] == [0] * 6, [result.stdout for result in ended]
    assert sorted(result.json()["run_id"] or 0 for result in ended) == [0] * 5 + [1]
    assert {result.json()["applied_by"] for result in ended} == {1}
    assert number(desk.folder / LEDGER, "SELECT count(*) FROM applied_plans") == 1
    assert number(desk.folder / LEDGER, "SELECT count(*) FROM transactions WHERE entry = 1") == 3


# --- Stale ---


def spend_the_bonus(desk: PlanDesk) -> None:
    desk.bookings(booking("A1", "6.00", tier="gold"), name="others.csv")
    desk.command_line("run", CAMPAIGN, "others.csv", "--out", "others").ok()


def fund_one(desk: PlanDesk) -> None:
    desk.bookings(booking("B3", "31.00"), name="one.csv")
    desk.command_line("run", CAMPAIGN, "one.csv", "--out", "one").ok()


def fund_one_elsewhere(desk: PlanDesk) -> None:
    (desk.folder / "goodwill.yaml").write_text(small_campaigns("goodwill"), encoding="utf-8")
    desk.bookings(booking("B3", "31.00"), name="one.csv")
    desk.command_line("run", "goodwill", "one.csv", "--out", "one", "--campaigns", "goodwill.yaml").ok()


def change_the_definition(desk: PlanDesk) -> None:
    desk.campaign(refund={**POLICY, "bonus_stacking": "sum"})
    desk.command_line("create", CAMPAIGN).ok()


def change_the_file(desk: PlanDesk) -> None:
    desk.bookings(booking("B1", "101.00", tier="gold"), booking("B2", "51.00", tier="gold"), booking("B3", "31.01"))


def change_a_name_in_the_file(desk: PlanDesk) -> None:
    path = desk.folder / "bookings.csv"
    path.write_text(path.read_text().replace("Guest B3", "Guest B"))


@pytest.mark.parametrize(
    "meanwhile",
    [spend_the_bonus, fund_one, fund_one_elsewhere, change_the_definition, change_the_file, change_a_name_in_the_file],
)
def test_where_anything_would_differ_nothing_is_done(desk: PlanDesk, meanwhile: Callable[[PlanDesk], None]) -> None:
    desk.command_line("create", CAMPAIGN).ok()
    desk().ok()
    meanwhile(desk)
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "stale_plan")
    tried = desk.command_line("runs", "--json").ok().json()["runs"][-1]
    assert (tried["command"], tried["campaign"], tried["error"]["code"]) == ("apply", CAMPAIGN, "stale_plan")


def test_it_says_what_would_differ(desk: PlanDesk) -> None:
    desk.command_line("create", CAMPAIGN).ok()
    desk().ok()
    fund_one(desk)
    assert desk.apply().stderr == (
        "Error: plan.json says 3 refunds of EUR 192.00, but now it would be 2 refunds of EUR 162.00: nothing was changed; "
        "make a new plan.\n"
    )


def test_it_says_so_of_one_and_of_thousands_too(desk: PlanDesk) -> None:
    desk.command_line("create", CAMPAIGN).ok()
    desk.bookings(booking("B3", "31.00"), booking("B4", "100001.00"))
    desk().ok()
    desk.bookings(booking("B4", "100001.00"), name="one.csv")
    desk.command_line("run", CAMPAIGN, "one.csv", "--out", "one").ok()
    assert " says 2 refunds of EUR 100,030.00, but now it would be 1 refund of EUR 30.00: " in desk.apply().stderr


def load_others(desk: PlanDesk) -> None:
    desk.bookings(booking("A1", "6.00"), booking("C1", status="flown"), name="others.csv")
    desk.command_line("run", CAMPAIGN, "others.csv", "--out", "others").ok()


def load_the_same(desk: PlanDesk) -> None:
    desk.command_line("load", "bookings.csv").ok()


def publish_the_same(desk: PlanDesk) -> None:
    desk.command_line("load", "bookings.csv").ok()
    desk.command_line("publish", CAMPAIGN).ok()


def run_another_campaign(desk: PlanDesk) -> None:
    (desk.folder / "goodwill.yaml").write_text(small_campaigns("goodwill"), encoding="utf-8")
    desk.bookings(booking("G1", "31.00"), name="goodwill.csv")
    desk.command_line("run", "goodwill", "goodwill.csv", "--out", "goodwill", "--campaigns", "goodwill.yaml").ok()


def change_the_campaigns_file_only(desk: PlanDesk) -> None:
    desk.campaign(refund={})


@pytest.mark.parametrize(
    "meanwhile",
    [load_others, load_the_same, publish_the_same, run_another_campaign, change_the_campaigns_file_only],
)
def test_what_happens_elsewhere_meanwhile_doesnt_matter(desk: PlanDesk, meanwhile: Callable[[PlanDesk], None]) -> None:
    desk.command_line("create", CAMPAIGN).ok()
    desk().ok()
    meanwhile(desk)
    assert desk.apply("--json").ok().json()["totals"]["EUR"]["total"] == 19_200
    desk.command_line("verify").ok()


# --- Refused ---


def test_an_edited_plan_is_refused(desk: PlanDesk) -> None:
    desk().ok()
    desk.edit(totals={"EUR": {**desk.file()["totals"]["EUR"], "total": 1}})
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "plan_edited")


def test_what_people_read_of_a_plan_is_held_to_the_lines_too(desk: PlanDesk) -> None:
    """A digest can be reckoned anew by who edits a plan: so what was approved is compared with what comes out."""
    desk.command_line("create", CAMPAIGN).ok()
    desk().ok()
    plan = read_plan((desk.folder / "plan.json").read_bytes(), "plan.json")
    for forged in (
        {"totals": {"EUR": replace(plan.totals["EUR"], total=1)}},
        {"largest": [BookingAmount("B1", {"EUR": 100})]},
        {"rules": plan.rules[:1]},
        {"counts": replace(plan.counts, funded=1)},
        {"lines": "0" * 64},
    ):
        desk.forge(**forged)
        assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "stale_plan")
        desk().ok()


def test_a_plan_for_another_ledger_is_refused(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk().ok()
    desk.command_line("init", "--ledger", "other.db").ok()
    refused = desk.apply("--ledger", "other.db", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "plan_other_ledger")
    assert desk.unchanged_by("apply", "plan.json", "--out", "out", "--ledger", "nowhere.db") == (4, "plan_other_ledger")
    assert not (desk.folder / "nowhere.db").exists()


def test_one_made_before_there_was_a_ledger_is_for_a_new_one_in_that_place(desk: PlanDesk) -> None:
    """So that it can't be applied once more in every folder."""
    desk().ok()
    desk.command_line("init", "--ledger", "other.db").ok()
    for other in ("other.db", "nowhere.db"):
        refused = desk.apply("--ledger", other, "--json")
        assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "plan_other_ledger")
        assert refused.json()["errors"][0]["message"] == (
            f"plan.json was made for the ledger {desk.folder / LEDGER}, not for {other}: name that one with --ledger, or "
            "make a new plan."
        )
        assert refused.json()["campaign"] == CAMPAIGN
    assert not (desk.folder / "nowhere.db").exists()
    desk.command_line("init").ok()
    desk.apply("--ledger", str(desk.folder / LEDGER)).ok()


def test_nor_for_one_that_has_the_campaign_by_now(desk: PlanDesk) -> None:
    desk().ok()
    desk.command_line("create", CAMPAIGN).ok()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "plan_other_ledger")


@pytest.mark.parametrize("planned", [NOW, None])
@pytest.mark.parametrize("made", [False, True])
def test_a_plan_of_a_rehearsal_is_for_that_and_a_real_one_is_not(
    desk: PlanDesk, planned: str | None, made: bool
) -> None:
    applied = None if planned else NOW
    desk.command_line("plan", CAMPAIGN, "bookings.csv", "-o", "plan.json", now=planned).ok()
    if made:
        desk.command_line("init", now=applied).ok()
    before = files_in(desk.folder) if not made else None
    refused = desk.command_line("apply", "plan.json", "--out", "out", "--json", now=applied)
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "plan_other_ledger")
    assert "REFUNDCTL_NOW" in refused.json()["errors"][0]["message"]
    if not made:  # nor is a ledger made, which would be in the way
        assert files_in(desk.folder) == before
        desk.command_line("apply", "plan.json", "--out", "out", now=planned).ok()


def test_a_missing_file_is_told_as_such(desk: PlanDesk) -> None:
    desk().ok()
    (desk.folder / "bookings.csv").unlink()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (66, "input_missing")


def test_what_has_become_no_file_is_not_read(desk: PlanDesk) -> None:
    """A pipe would be waited for, and /dev/zero has no end."""
    desk().ok()
    (desk.folder / "bookings.csv").unlink()
    os.mkfifo(desk.folder / "bookings.csv")
    refused = desk.apply("--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "stale_plan")


def test_what_is_no_plan_is_bad_input(desk: PlanDesk) -> None:
    assert desk.unchanged_by("apply", "bookings.csv", "--out", "out") == (65, "bad_plan")
    assert not (desk.folder / LEDGER).exists()


def test_a_paused_campaign_is_not_applied(desk: PlanDesk) -> None:
    desk.command_line("create", CAMPAIGN).ok()
    desk().ok()
    desk.command_line("pause", CAMPAIGN).ok()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "campaign_paused")
    desk.command_line("resume", CAMPAIGN).ok()
    desk.apply().ok()


def test_files_in_the_way_are_refused_before_anything_is_posted(desk: PlanDesk) -> None:
    desk().ok()
    (desk.folder / "out").mkdir()
    (desk.folder / "out" / "mail.csv").write_text("mine")
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (2, "file_exists")
    desk.apply("--force").ok()


# --- Approval ---


def test_up_to_the_threshold_no_approval_is_needed(desk: PlanDesk) -> None:
    desk.campaign(refund=POLICY, approval={"above": "192.00"})
    desk().ok()
    desk.apply().ok()
    assert desk.file()["needs_approval"] is False


def test_beyond_it_nothing_is_done_without(desk: PlanDesk) -> None:
    desk.campaign(refund=POLICY, approval={"above": "191.99"})
    desk.command_line("init").ok()
    desk().ok()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "approval_required")
    assert "let another person type `refundctl approve plan.json`, then apply it again." in desk.apply().stderr


def test_the_threshold_counts_when_it_is_applied(desk: PlanDesk) -> None:
    """Others may have used up what could be given without approval, since the plan was made."""
    desk.campaign(approval={"above": "200.00"})
    desk.command_line("create", CAMPAIGN).ok()
    assert desk.made()["needs_approval"] is False
    desk.bookings(booking("A1", "100.00"), name="others.csv")
    desk.command_line("run", CAMPAIGN, "others.csv", "--out", "others").ok()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "approval_required")


def test_who_has_approved_it_cant_apply_it(desk: PlanDesk) -> None:
    desk.campaign(refund=POLICY, approval={"above": "10.00"})
    desk.command_line("init").ok()
    desk.made_by_another()
    desk.approve().ok()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "approval_refused")


def test_nor_where_no_approval_was_needed(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    desk.approve().ok()
    assert desk.unchanged_by("apply", "plan.json", "--out", "out") == (4, "approval_refused")
    desk().ok()  # a new plan, that nobody has approved
    desk.apply().ok()
