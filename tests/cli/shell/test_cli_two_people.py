"""The four eyes, tried with real user accounts: who has made a plan can't approve it, and who has approved it can't apply it."""

import grp
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from refundctl.files.campaigns.plan_file import as_json, read_plan, sealed
from support.command_line import CAMPAIGN, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, mode_of, write_bookings
from support.desks.several_users import ANA, BO, CY, Office

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as several users")


@pytest.fixture
def office() -> Iterator[Office]:
    """Above EUR 100.00 somebody must approve; the two bookings are EUR 150.00."""
    group = next(each for each in grp.getgrall() if each.gr_gid != 0)
    folder = Path(tempfile.mkdtemp(prefix="office-"))  # not below pytest's own folder, which is root's alone
    (folder / "campaigns.yaml").write_text(small_campaigns(approval={"above": "100.00"}), encoding="utf-8")
    write_bookings(folder / "bookings.csv", booking("B1", "120.00"), booking("B2", "30.00"))
    for path in (folder, *folder.iterdir()):
        os.chown(path, -1, group.gr_gid)
        path.chmod(0o2770 if path == folder else 0o640)
    yield Office(folder, group)
    shutil.rmtree(folder)


PLAN = ("plan", CAMPAIGN, "bookings.csv", "-o", "plan.json")


def test_one_plans_another_approves_and_the_first_applies(office: Office) -> None:
    office(ANA, "init", "--group", office.group.gr_name).ok()
    assert mode_of(office.folder / LEDGER) == "-rw-rw----"
    assert office(ANA, "run", CAMPAIGN, "bookings.csv", "--out", "out").exit == 4
    office(ANA, *PLAN).ok()
    assert mode_of(office.folder / "plan.json") == "-rw-r-----"  # 0644 less what the umask takes away

    own = office(ANA, "approve", "plan.json", "--json")
    assert (own.exit, own.json()["errors"][0]["code"]) == (4, "approval_refused")
    assert f"made by {ANA} (user {ANA}), which is you" in own.json()["errors"][0]["message"]

    approved = office(BO, "approve", "plan.json", "--json").ok().json()
    assert (approved["counts"], approved["totals"]["EUR"]["total"]) == ({"approved": 1}, 15_000)
    again = office(BO, "approve", "plan.json", "--json").ok().json()
    assert (again["run_id"], again["counts"]) == (None, {"approved": 0})

    theirs = office(BO, "apply", "plan.json", "--out", "out", "--json")
    assert (theirs.exit, theirs.json()["errors"][0]["code"]) == (4, "approval_refused")
    assert f"approved by {BO} (user {BO}), which is you" in theirs.json()["errors"][0]["message"]
    assert not (office.folder / "out").exists()

    applied = office(ANA, "apply", "plan.json", "--out", "out", "--json").ok().json()
    assert applied["totals"]["EUR"]["total"] == 15_000
    office(BO, "verify").ok()

    told = office(CY, "runs", "--json").ok().json()["runs"]
    who = [(run["command"], run["user_id"], run["status"]) for run in told if run["parent_run_id"] is None]
    assert who == [
        ("init", ANA, "ok"),
        ("run", ANA, "refused"),
        ("approve", ANA, "refused"),
        ("approve", BO, "ok"),
        ("apply", BO, "refused"),
        ("apply", ANA, "ok"),
    ]


def test_a_third_person_may_apply_and_what_was_approved_no_longer_counts(office: Office) -> None:
    office(ANA, "init", "--group", office.group.gr_name).ok()
    office(ANA, *PLAN).ok()
    office(BO, "approve", "plan.json").ok()
    office(CY, "apply", "plan.json", "--out", "out-of-cy").ok()

    # EUR 150.00 are approved, so that up to EUR 100.00 may be given without.
    path = write_bookings(office.folder / "more.csv", booking("B3", "100.00"))
    os.chown(path, -1, office.group.gr_gid)
    office(CY, "run", CAMPAIGN, "more.csv", "--out", "more").ok()
    path = write_bookings(office.folder / "cent.csv", booking("B4", "0.01"))
    os.chown(path, -1, office.group.gr_gid)
    refused = office(CY, "run", CAMPAIGN, "cent.csv", "--out", "cent", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "approval_required")

    # What is taken back of an approved run makes no room for what nobody has approved.
    [approved] = [run for run in office(CY, "runs", "--json").ok().json()["runs"] if run["command"] == "apply"]
    office(CY, "undo", str(approved["run_id"])).ok()
    assert office(CY, "run", CAMPAIGN, "cent.csv", "--out", "cent").exit == 4

    # Who wants to approve what is applied already has nothing left to approve.
    late = office(CY, "approve", "plan.json", "--json")
    assert (late.exit, late.json()["errors"][0]["code"]) == (4, "approval_refused")
    assert "applied already" in late.json()["errors"][0]["message"]


def test_who_makes_the_plan_look_like_another_persons_still_can_t_do_both(office: Office) -> None:
    """The plan is a file that its maker can write: so its owner can't approve it, whatever it says."""
    office(ANA, "init", "--group", office.group.gr_name).ok()
    office(ANA, *PLAN).ok()
    path = office.folder / "plan.json"
    plan = read_plan(path.read_bytes(), "plan.json")
    path.write_bytes(as_json(sealed(replace(plan, made_by=replace(plan.made_by, user_id=BO)))))
    for name in ("plan.json", "../" + office.folder.name + "/plan.json"):
        refused = office(ANA, "approve", name, "--json")
        assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "approval_refused")
        assert "approve the planner's own file, not a copy" in refused.json()["errors"][0]["message"]
    assert office(ANA, "apply", "plan.json", "--out", "out").exit == 4


def test_what_was_approved_is_not_given_to_others_by_corrections(office: Office) -> None:
    office(ANA, "init", "--group", office.group.gr_name).ok()
    office(ANA, *PLAN).ok()
    office(BO, "approve", "plan.json").ok()
    office(ANA, "apply", "plan.json", "--out", "out").ok()

    def adjust(card: str, amount: str) -> str:
        """The code of why a correction is refused, or none."""
        result = office(ANA, "card", "adjust", card, "--amount", amount, "--reason", "wrong", "--json")
        return "".join(error["code"] for error in result.json()["errors"])

    # What is taken off one card, which Bo has agreed to, is free for no other one.
    assert adjust("c1", "-90") == ""
    assert adjust("c2", "100.01") == "approval_required"
    assert adjust("c2", "100.00") == ""
    # But a correction that was wrong itself is, also once its card was replaced.
    assert adjust("c2", "-60") == ""
    office(ANA, "card", "transfer", "c2").ok()
    assert adjust("c3", "-40") == ""
    assert adjust("c1", "190.01") == "approval_required"
    assert adjust("c1", "190") == ""
    assert adjust("c2", "-0.01") == "voucher_not_active"
    assert adjust("c3", "0.01") == "approval_required"
