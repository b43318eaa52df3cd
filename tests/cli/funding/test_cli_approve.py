"""`refundctl approve`: agreeing to what another person has planned. With real users: test_cli_two_people.py."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from refundctl.files.campaigns.plan_file import read_plan
from support.books import read
from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import LEDGER, booking, files_in, give_to_another
from support.desks.plan_desk import PlanDesk


@pytest.fixture
def desk(run_in_process: CommandLine, tmp_path: Path) -> PlanDesk:
    made = PlanDesk(run_in_process, tmp_path)
    made.campaign(approval={"above": "10.00"}, refund={"fees": [{"name": "service", "fixed": "1.00"}]})
    made.bookings(booking("B1", "100.00", email="a@example.org"), booking("B2", "50.00", email="a@example.org"))
    return made


def test_another_persons_plan_is_approved_and_shown(desk: PlanDesk) -> None:
    desk.made_by_another()
    desk.command_line("init").ok()
    plan = desk.file()
    lines = desk.approve().ok().stdout.splitlines()
    assert lines == [
        f"flight-refunds: a plan by ana of {plan['made_at']}",
        "  rows read             2",
        "  new cards             2",
        "  refunds to be funded  2",
        "    funded before       0",
        "    skipped             0",
        "  to be paid            EUR 148.00",
        "  on cards              EUR 148.00",
        "  kept back as fees     EUR 2.00",
        "By rule:",
        "  fee service  EUR 2.00  of 2 refunds",
        "Largest:",
        "  B1  EUR 99.00",
        "  B2  EUR 49.00",
        "Look at this first:",
        "  2 bookings: another customer has the same e-mail address (B1, B2)",
        "Approved plan.json. Somebody else applies it: `refundctl apply plan.json --out DIR`",
    ]
    assert read(desk.folder / LEDGER, "SELECT plan, campaign, run_id FROM approvals") == [(plan["digest"], CAMPAIGN, 2)]
    desk.command_line("verify").ok()


def test_it_is_a_run_of_its_own(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    answer = desk.approve("--json", "--no-input").ok().json()
    assert (answer["run_id"], answer["campaign"], answer["counts"]) == (2, CAMPAIGN, {"approved": 1})
    assert answer["totals"]["EUR"]["total"] == 14_800
    assert answer["plan"]["warnings"][0]["code"] == "same_email"
    *_, run = desk.command_line("runs", "--json").ok().json()["runs"]
    assert (run["command"], run["status"], run["totals"]) == ("approve", "ok", answer["totals"])
    assert run["files"] == answer["files"]
    assert run["arguments"] == {"plan": "plan.json", "digest": desk.file()["digest"]}


def test_twice_is_nothing(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    desk.approve().ok()
    again = desk.approve("--json").ok().json()
    assert (again["run_id"], again["counts"]) == (None, {"approved": 0})
    assert desk.approve().ok().stdout.splitlines()[-1].endswith("in run 2. Nothing to do.")
    assert len(desk.command_line("runs", "--json").json()["runs"]) == 2


def test_a_dry_run_keeps_nothing(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    before = files_in(desk.folder)
    assert desk.approve("-n").ok().stdout.splitlines()[-1] == "Dry run: nothing was kept."
    assert files_in(desk.folder) == before


def test_it_makes_no_ledger(desk: PlanDesk) -> None:
    """One that the approver made would be closed to the others."""
    desk.made_by_another()
    for words in ((), ("-n",)):
        assert desk.unchanged_by("approve", "plan.json", *words) == (66, "ledger_missing")
        assert desk.approve(*words).stderr == (
            "Error: refunds.db is missing: name the ledger with --ledger, or make one for several people with "
            "`refundctl init --group NAME`.\n"
        )
    assert desk.approve("--json").json()["campaign"] == CAMPAIGN
    assert not (desk.folder / LEDGER).exists()


def test_the_planner_is_refused_and_the_try_is_recorded(desk: PlanDesk) -> None:
    desk().ok()
    desk.command_line("init").ok()
    assert desk.unchanged_by("approve", "plan.json") == (4, "approval_refused")
    tried = desk.command_line("runs", "--json").ok().json()["runs"][-1]
    assert (tried["command"], tried["campaign"], tried["error"]["code"]) == ("approve", CAMPAIGN, "approval_refused")


def test_an_edited_plan_is_refused(desk: PlanDesk) -> None:
    desk.made_by_another()
    desk.edit(needs_approval=False)
    desk.command_line("init").ok()
    assert desk.unchanged_by("approve", "plan.json") == (4, "plan_edited")


def test_a_plan_for_another_ledger_is_refused(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    desk.command_line("init", "--ledger", "other.db").ok()
    refused = desk.approve("--ledger", "other.db", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "plan_other_ledger")


def test_one_made_before_there_was_a_ledger_is_for_that_place(desk: PlanDesk) -> None:
    desk.made_by_another()
    desk.command_line("init", "--ledger", "other.db").ok()
    refused = desk.approve("--ledger", "other.db", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "plan_other_ledger")
    message = refused.json()["errors"][0]["message"]
    assert f"was made for the ledger {desk.folder / LEDGER}, not for other.db: name that one with --ledger" in message
    desk.command_line("init").ok()
    desk.approve().ok()


def test_one_made_in_a_rehearsal_is_for_a_rehearsal(desk: PlanDesk) -> None:
    desk.command_line("plan", CAMPAIGN, "bookings.csv", "-o", "plan.json", now="2020-05-01T12:00:00Z").ok()
    planner = read_plan((desk.folder / "plan.json").read_bytes(), "plan.json").made_by
    desk.forge(made_by=replace(planner, user_id=planner.user_id + 1))
    give_to_another(desk.folder / "plan.json")
    desk.command_line("init").ok()
    assert desk.unchanged_by("approve", "plan.json") == (4, "plan_other_ledger")
    assert "was made under REFUNDCTL_NOW" in desk.approve().stderr


# --- The planner's own file ---


def test_who_could_have_written_the_plan_is_refused(desk: PlanDesk) -> None:
    """The digest can be reckoned anew by whoever writes the file: so it must be another's."""
    desk.command_line("init").ok()
    desk.made_by_another()
    copy = desk.folder / "copy.json"
    copy.write_bytes((desk.folder / "plan.json").read_bytes())
    (desk.folder / "link.json").symlink_to("copy.json")
    os.link(copy, desk.folder / "hard.json")
    for name in ("copy.json", "link.json", "hard.json"):
        assert desk.unchanged_by("approve", name) == (4, "approval_refused")
    refused = desk.command_line("approve", "copy.json").stderr
    assert refused.endswith(": approve the planner's own file, not a copy.\n")
    tried = desk.command_line("runs", "--json").ok().json()["runs"][-1]
    assert (tried["command"], tried["error"]["code"]) == ("approve", "approval_refused")
    assert read(desk.folder / LEDGER, "SELECT count(*) FROM approvals") == [(0,)]
    desk.approve().ok()


def test_a_link_to_the_planners_file_is_that_file(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    (desk.folder / "link.json").symlink_to("plan.json")
    desk.command_line("approve", "link.json").ok()


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_plan_that_others_may_write_to_is_refused(desk: PlanDesk, mode: int) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    (desk.folder / "plan.json").chmod(mode)
    assert desk.unchanged_by("approve", "plan.json") == (4, "approval_refused")
    assert "let the planner type `chmod go-w plan.json`" in desk.approve().stderr


def test_stdin_and_pipes_show_no_planner(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    desk.made_by_another()
    os.mkfifo(desk.folder / "pipe")
    for name in ("-", "pipe"):
        assert desk.unchanged_by("approve", name) == (2, "usage")


def test_what_is_no_plan_is_bad_input(desk: PlanDesk) -> None:
    (desk.folder / "plan.json").write_text("{}")
    for content, exit_code, code in (("{}", 65, "bad_plan"), ("", 65, "bad_plan")):
        (desk.folder / "plan.json").write_text(content)
        assert desk.unchanged_by("approve", "plan.json") == (exit_code, code)
    assert desk.unchanged_by("approve", "missing.json") == (66, "input_missing")
    assert not (desk.folder / LEDGER).exists()
