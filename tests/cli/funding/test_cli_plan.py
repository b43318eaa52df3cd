"""`refundctl plan`: what a run would do, as a small file, with nothing changed; and what a person should look at first."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, files_in, mode_of, only
from support.desks.plan_desk import PlanDesk
from support.faults.at_once import held

RULES: dict[str, Any] = {
    "fees": [
        {"name": "service", "fixed": "1.00"},
        {"name": "late", "when": {"channel": ["agency"]}, "percentage": "10"},
    ],
    "bonuses": [{"name": "gold", "when": {"tier": ["gold"]}, "percentage": "20", "at_most": "15.00"}],
}


@pytest.fixture
def desk(run_in_process: CommandLine, tmp_path: Path) -> PlanDesk:
    made = PlanDesk(run_in_process, tmp_path)
    made.campaign(refund=RULES)
    made.bookings(
        booking("B1", "100.00", tier="gold"),
        booking("B2", "50.00", channel="agency"),
        booking("B3", "0.80"),
        booking("B4", status="flown"),
    )
    return made


# --- What it shows ---


def test_a_plan_says_what_a_run_does(desk: PlanDesk) -> None:
    answer = desk("--json").ok().json()
    assert answer["totals"] == {"EUR": {"paid": 14_300, "bonus": 1_500, "fee": 780, "cash": 0, "total": 15_800}}
    assert answer["plan"]["rules"] == [
        {"bucket": "fee", "rule": "late", "refunds": 1, "total": {"EUR": 500}},
        {"bucket": "fee", "rule": "service", "refunds": 3, "total": {"EUR": 280}},
        {"bucket": "bonus", "rule": "gold", "refunds": 1, "total": {"EUR": 1_500}},
    ]
    assert answer["plan"]["largest"] == [
        {"booking_id": "B1", "amount": {"EUR": 11_400}},
        {"booking_id": "B2", "amount": {"EUR": 4_400}},
    ]
    assert (answer["plan"]["needs_approval"], answer["plan"]["threshold"]) == (False, None)

    run = desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    same = ("counts", "totals", "steps", "rejected_by_code", "withdrawn", "not_eligible", "sources")
    assert {name: answer[name] for name in same} == {name: run[name] for name in same}


def test_a_person_reads_it_at_a_glance(desk: PlanDesk) -> None:
    assert desk().ok().stdout == (
        "flight-refunds: 2 refunds on 2 new cards, EUR 158.00, if this were run\n"
        "  rows read            4\n"
        "    loaded             4\n"
        "  eligible bookings    2\n"
        "    new cards          2\n"
        "    had a card         0\n"
        "  skipped bookings     2 (1 nothing left after fees, 1 not eligible)\n"
        "    not eligible       1: status is flown (see `eligible` of flight-refunds)\n"
        "  refunds funded       2  EUR 158.00\n"
        "    of it bonus        EUR 15.00\n"
        "    kept back as fees  EUR 7.80\n"
        "    funded before      0\n"
        "By rule:\n"
        "  fee late      EUR 5.00  of 1 refund\n"
        "  fee service   EUR 2.80  of 3 refunds\n"
        "  bonus gold   EUR 15.00  of 1 refund\n"
        "Largest:\n"
        "  B1  EUR 114.00\n"
        "  B2   EUR 44.00\n"
        "Wrote plan.json. Nothing else has changed.\n"
        "Next: `refundctl apply plan.json --out DIR`\n"
    )
    assert desk("-q").ok().stdout == ""


def test_the_file_binds_what_it_was_made_from(desk: PlanDesk) -> None:
    answer = desk("--expect-count", "4", "--expect-total", "EUR 250.80", "--strict", "--encoding", "utf-8", "--json")
    plan = desk.file()
    [file] = plan["files"]
    assert (file["path"], file["rows"], file["source"]) == (str(desk.folder / "bookings.csv"), 4, "default")
    given, written = answer.ok().json()["files"]
    assert given["sha256"] == file["sha256"]
    assert (written["path"], written["output"]) == ("plan.json", True)
    assert plan["options"] == {
        "encoding": "utf-8",
        "strict": True,
        "expect_count": 4,
        "expect_total": {"EUR": 25_080},
    }
    assert plan["definition"]["refund"]["fees"][1]["name"] == "late"
    assert plan["made_by"]["user_id"] == os.getuid()
    assert plan["digest"] == answer.json()["plan"]["digest"]


def test_it_binds_the_ledger_too(desk: PlanDesk) -> None:
    """Where there is none, the place where one is to be made."""
    plan = desk.made()
    assert (plan["ledger_id"], plan["ledger_path"], plan["after_run"]) == (None, str(desk.folder / LEDGER), 0)
    assert plan["rehearsal"] is False
    desk.command_line("init").ok()
    plan = desk.made()
    assert (len(plan["ledger_id"]), plan["ledger_path"], plan["after_run"]) == (32, None, 1)


def test_the_ten_largest_are_shown(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(*(booking(f"B{at:02}", "7.00" if at < 3 else f"{at}.00") for at in range(1, 15)))
    assert [(each["booking_id"], each["amount"]["EUR"]) for each in desk.made()["largest"]] == [
        *((f"B{at}", at * 100) for at in (14, 13, 12, 11, 10)),
        ("B09", 900),
        ("B08", 800),
        ("B01", 700),
        ("B02", 700),
        ("B07", 700),
    ]


def test_a_bookings_lines_are_one_amount_with_what_is_owed_in_cash(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(
        booking("B1", "90.00", refund_id="1", refund_amount="30.00", cash_amount="10.00"),
        booking("B1", "90.00", refund_id="2", refund_amount="60.00", bonus_amount="5.00"),
        booking("B2", "20.00", cash_amount="20.00"),
    )
    plan = desk.made()
    assert plan["largest"] == [
        {"booking_id": "B1", "amount": {"EUR": 9_500}},
        {"booking_id": "B2", "amount": {"EUR": 2_000}},
    ]
    assert plan["rules"] == [{"bucket": "bonus", "rule": None, "refunds": 1, "total": {"EUR": 500}}]
    assert "  bonus (given back)  EUR 5.00  of 1 refund\n" in desk().ok().stdout


def test_bookings_for_which_the_pool_has_no_card_get_nothing(desk: PlanDesk) -> None:
    desk.campaign(type="STATIC", vouchers_count=1)
    desk.bookings(booking("B1", "1.00"), booking("B2", "2.00"))
    result = desk("--json")
    assert (result.exit, result.json()["status"]) == (3, "partial")
    assert result.json()["errors"][0]["code"] == "no_voucher_suitable_for_publication"
    assert (desk.file()["counts"]["funded"], only(desk.file()["largest"])["booking_id"]) == (1, "B1")


# --- Nothing changes ---


def test_without_a_ledger_none_is_made(desk: PlanDesk) -> None:
    before = files_in(desk.folder)
    desk().ok()
    after = files_in(desk.folder)
    del after["plan.json"]
    assert after == before


def test_the_ledger_stays_byte_for_byte_as_it_was(desk: PlanDesk) -> None:
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    desk.bookings(booking("B5", "25.00"), booking("B1", "100.00", tier="gold"), name="more.csv")
    before = files_in(desk.folder)
    plan = desk(files="more.csv").ok()
    after = files_in(desk.folder)
    del after["plan.json"]
    assert after == before
    assert plan.stdout.startswith("flight-refunds: 1 refund on 1 new card, EUR 24.00, if this were run\n")
    with closing(sqlite3.connect(desk.folder / LEDGER)) as ledger:
        assert ledger.execute("SELECT ledger_id FROM ledger").fetchone() == (desk.file()["ledger_id"],)


def test_what_is_refused_is_not_recorded_either(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    assert desk.refusal("--expect-count", "7") == (4, "control_total_mismatch")


def test_it_waits_for_nobody(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    with held(desk.folder / LEDGER):
        desk("--wait", "0").ok()


def test_it_names_no_person_and_no_code(desk: PlanDesk) -> None:
    desk.bookings(
        booking("B1", "100.00", name="Canary One", email="canary@example.org", customer_id="canary-1"),
        booking("B2", "100.00", name="Canary One", email="canary@example.org", customer_id="canary-2"),
    )
    told = desk().ok()
    text = (desk.folder / "plan.json").read_text() + told.stdout + told.stderr
    assert "canary" not in text.lower()
    assert "RF-" not in text.replace("RF-####", "")


def test_others_may_read_it_so_far_as_the_umask_lets_them(desk: PlanDesk) -> None:
    before = os.umask(0o022)
    try:
        desk().ok()
        assert mode_of(desk.folder / "plan.json") == "-rw-r--r--"
        os.umask(0o027)
        desk().ok()
        assert mode_of(desk.folder / "plan.json") == "-rw-r-----"
    finally:
        os.umask(before)


def test_a_ledger_that_was_altered_is_told_by_its_own_name(desk: PlanDesk) -> None:
    desk.command_line("init").ok()
    with closing(sqlite3.connect(desk.folder / LEDGER)) as ledger:
        ledger.execute("DROP TRIGGER transactions_no_delete")
    result = desk()
    assert (result.exit, result.stdout) == (65, "")
    assert result.stderr.startswith("Error: refunds.db: the trigger transactions_no_delete is missing.")


# --- Where it goes ---


def test_its_own_file_is_replaced_and_no_other(desk: PlanDesk) -> None:
    desk().ok()
    desk().ok()
    (desk.folder / "notes.json").write_text('{"mine": 1}')
    assert desk.refusal(output="notes.json") == (2, "file_exists")
    desk("--force", output="notes.json").ok()
    assert desk.file("notes.json")["refundctl_plan"] == 1


def test_on_stdout_it_stands_alone(desk: PlanDesk) -> None:
    result = desk(output="-").ok()
    assert (result.json()["campaign"], result.stderr) == (CAMPAIGN, "")
    assert desk.refusal(output="-") == (2, "usage")  # with --json


@pytest.mark.parametrize("target", ["bookings.csv", LEDGER, "link.json", "folder"])
def test_what_must_not_be_overwritten_is_safe_from_force_too(desk: PlanDesk, target: str) -> None:
    desk.command_line("init").ok()
    (desk.folder / "link.json").symlink_to("bookings.csv")
    (desk.folder / "folder").mkdir()
    assert desk.refusal("--force", output=target) == (2, "file_exists")


def test_only_files_that_will_be_there_later_can_be_planned_with(desk: PlanDesk) -> None:
    os.mkfifo(desk.folder / "pipe")
    assert desk.refusal(files="-") == (2, "usage")
    assert desk.refusal(files="pipe") == (2, "usage")
    assert desk.refusal(files="missing.csv") == (66, "input_missing")


# --- What a run would refuse ---


def test_what_a_run_would_refuse_is_refused(desk: PlanDesk) -> None:
    assert desk.refusal("--expect-total", "EUR 1.00") == (4, "control_total_mismatch")
    desk.campaign(budget={"total": "142.99"}, refund=RULES)
    assert desk.refusal() == (4, "budget_exceeded")
    desk.campaign()
    desk.command_line("create", CAMPAIGN).ok()
    desk.campaign(refund=RULES)
    assert desk.refusal() == (4, "definition_changed")


def test_rejected_rows_are_counted_and_written_only_where_asked(desk: PlanDesk) -> None:
    desk.bookings(booking("B1", "5.00"), booking("B2", "?"))
    result = desk("--json")
    assert (result.exit, result.json()["rejected_by_code"]) == (3, {"malformed_amount": 1})
    assert sorted(files_in(desk.folder)) == ["bookings.csv", "campaigns.yaml", "plan.json"]
    told = desk("--rejects", "rejects.csv")
    assert told.exit == 3
    assert "Wrote plan.json, rejects.csv. Nothing else has changed.\n" in told.stdout
    assert (desk.folder / "rejects.csv").read_text().splitlines()[1].startswith("B2,")
    assert "Fix the rejected rows in rejects.csv, and plan again with that file too.\n" in told.stdout
    assert desk.refusal("--rejects", "rejects.csv", files="bookings.csv bookings.csv") == (2, "usage")


def test_it_says_how_rejected_rows_are_seen(desk: PlanDesk) -> None:
    desk.bookings(booking("B1", "5.00"), booking("B2", "?"))
    desk.bookings(booking("B3", "5.00"), name="more.csv")
    assert "To see the rejected rows, plan again with --rejects FILE.\n" in desk().stdout
    several = desk(files="bookings.csv more.csv").stdout
    assert "To see the rejected rows, plan each file by itself with --rejects FILE.\n" in several
    assert desk.refusal("--strict") == (65, "rows_rejected")
    assert desk("--strict").stderr.endswith("; to see them, plan again with --rejects FILE.\n")
    assert desk("--strict", "--rejects", "rejects.csv").stderr.endswith("; see rejects.csv.\n")


# --- Approval ---


def test_approval_is_needed_beyond_the_threshold_and_not_at_it(desk: PlanDesk) -> None:
    desk.campaign(approval={"above": "30.00"})
    desk.bookings(booking("B1", "10.00"))
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    desk.bookings(booking("B2", "15.00", cash_amount="4.99"), booking("B3", "5.00"))
    plan = desk.made()
    assert (plan["needs_approval"], plan["threshold"]) == (False, {"above": {"EUR": 3_000}, "together": {"EUR": 3_000}})
    desk.bookings(booking("B2", "15.00", cash_amount="4.99"), booking("B3", "5.01"))
    lines = desk().ok().stdout.splitlines()
    assert desk.file()["threshold"]["together"] == {"EUR": 3_001}
    assert desk.file()["needs_approval"] is True
    assert lines[-2:] == [
        "With this, EUR 30.01 would not be approved by anybody, and approval is needed above EUR 30.00.",
        "Next: another person types `refundctl approve plan.json`, then you `refundctl apply plan.json --out DIR`.",
    ]


def test_a_paused_campaign_is_to_be_resumed_first(desk: PlanDesk) -> None:
    desk.campaign(approval={"above": "30.00"})
    desk.bookings(booking("B1", "1000.00"))
    desk.command_line("create", CAMPAIGN).ok()
    desk.command_line("pause", CAMPAIGN).ok()
    assert desk().ok().stdout.splitlines()[-1] == (
        "Next: `refundctl resume flight-refunds`, then another person types `refundctl approve plan.json`, then you "
        "`refundctl apply plan.json --out DIR`."
    )


def test_what_was_undone_no_longer_needs_approval(desk: PlanDesk) -> None:
    desk.campaign(approval={"above": "30.00"})
    desk.bookings(booking("B1", "25.00"))
    run_id = desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()["run_id"]
    desk.bookings(booking("B2", "25.00"))
    assert desk.made()["threshold"]["together"] == {"EUR": 5_000}
    desk.command_line("undo", str(run_id)).ok()
    assert desk.made()["threshold"]["together"] == {"EUR": 2_500}


def test_run_and_topup_refuse_and_name_the_plan_to_make(desk: PlanDesk) -> None:
    desk.campaign(approval={"above": "30.00"})
    desk.bookings(booking("B1", "30.01"), name="my bookings.csv")
    refused = desk.command_line("run", CAMPAIGN, "my bookings.csv", "--out", "out", "--json")
    assert (refused.exit, refused.json()["errors"]) == (
        4,
        [
            {
                "code": "approval_required",
                "message": "flight-refunds would have given EUR 30.01 that nobody has approved, and needs approval above "
                "EUR 30.00: make a plan with `refundctl plan flight-refunds 'my bookings.csv' -o PLAN`, and let another "
                "person approve it.",
            }
        ],
    )
    assert not (desk.folder / "out").exists()
    for words in (("load", "my bookings.csv"), ("create", CAMPAIGN), ("publish", CAMPAIGN)):
        desk.command_line(*words).ok()
    refused = desk.command_line("topup", CAMPAIGN, "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "approval_required")
    assert "`refundctl plan flight-refunds FILE... -o PLAN`" in refused.json()["errors"][0]["message"]
    [standing] = desk.command_line("status", "--json").ok().json()["campaigns"]
    assert (standing["counts"]["funded"], standing["totals"]["EUR"]["paid"]) == (0, 0)
    attempts = [run for run in desk.command_line("runs", "--json").json()["runs"] if run["run_id"] is None]
    assert [(run["command"], run["error"]["code"]) for run in attempts] == [
        ("run", "approval_required"),
        ("topup", "approval_required"),
    ]


def test_a_run_that_gives_nothing_needs_no_approval(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(booking("B1", "100.00"))
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    desk.campaign(approval={"above": "0.00"})
    desk.command_line("create", CAMPAIGN).ok()
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    desk.command_line("topup", CAMPAIGN).ok()
    assert desk.made()["needs_approval"] is False


# --- What to look at first ---


def test_people_who_may_be_one(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(
        booking("B1", "10.00", email="ana@example.org", name="Ana Nowak"),
        booking("B2", "11.00", email="Ana@example.org", name="Ana N."),
        booking("B3", "12.00", name="Bo Lind"),
        booking("B4", "12.00", name="BO LIND"),
        booking("B5", "13.00", name="Bo Lind"),  # the same name with another amount
        booking("B6", "14.00", name="Cy Day", customer_id="cy", email="cy@example.org"),
        booking("B7", "14.00", name="Cy Day", customer_id="cy", email="cy@example.org"),  # the same customer
    )
    assert desk.warnings() == {"same_email": (2, ["B1", "B2"]), "same_name_and_amount": (2, ["B3", "B4"])}
    assert "  2 bookings: another customer has the same name and gets the same amount (B3, B4)\n" in desk().ok().stdout


def test_an_email_that_the_ledger_knows_of_another_customer(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(booking("B1", "10.00", email="ana@example.org"))
    desk.command_line("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    desk.bookings(booking("B2", "11.00", email="ana@example.org"))
    assert desk.warnings() == {"same_email": (1, ["B2"])}


def test_only_the_first_few_are_named(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(*(booking(f"B{at}", f"{at}.00", email="ana@example.org") for at in range(1, 9)))
    assert desk.warnings() == {"same_email": (8, ["B1", "B2", "B3", "B4", "B5"])}
    assert (
        "  8 bookings: another customer has the same e-mail address (B1, B2, B3, B4, B5, ...)\n" in desk().ok().stdout
    )


@pytest.mark.parametrize(
    ("amounts", "far_off"),
    [
        # Quartiles 6.00 and 16.00: the fence is 16.00 + 3 x 10.00.
        ([f"{n}.00" for n in range(1, 21)] + ["46.00"], 0),
        ([f"{n}.00" for n in range(1, 21)] + ["46.01"], 1),
        # Nearly all are equal: twice the third quartile is the fence.
        (["10.00"] * 20 + ["20.00"], 0),
        (["10.00"] * 20 + ["20.01", "999.00"], 2),
        # Too few to say what is usual.
        (["10.00"] * 18 + ["999.00"], 0),
    ],
)
def test_amounts_far_off_the_rest(desk: PlanDesk, amounts: list[str], far_off: int) -> None:
    desk.campaign()
    desk.bookings(*(booking(f"B{at}", amount) for at, amount in enumerate(amounts)))
    assert desk.warnings().get("far_off", (0, []))[0] == far_off


def test_the_farthest_off_is_named_first(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(*(booking(f"B{at}", "10.00") for at in range(20)), booking("X1", "25.00"), booking("X2", "1000.00"))
    assert desk.warnings() == {"far_off": (2, ["X2", "X1"])}
    assert "  2 bookings: more than EUR 20.00, far off the rest (X2, X1)\n" in desk().ok().stdout


def test_large_amounts_are_written_with_separators(desk: PlanDesk) -> None:
    desk.campaign()
    desk.bookings(*(booking(f"B{at}", "1000.00") for at in range(20)), booking("X1", "1000000.00"))
    assert "  1 booking: more than EUR 2,000.00, far off the rest (X1)\n" in desk().ok().stdout


def test_bookings_that_another_campaign_has_funded(desk: PlanDesk) -> None:
    both = small_campaigns() + small_campaigns("goodwill").partition("campaigns:\n")[2]
    (desk.folder / "campaigns.yaml").write_text(both, encoding="utf-8")
    desk.bookings(booking("B1"), booking("B2"))
    desk.command_line("run", "goodwill", "bookings.csv", "--out", "out").ok()
    desk.command_line("create", CAMPAIGN).ok()
    assert desk.warnings() == {"funded_elsewhere": (2, ["B1", "B2"])}
    assert desk().ok().stdout.splitlines()[-1] == "There is nothing new to do."


def test_countries_that_forbid_expiry(desk: PlanDesk) -> None:
    desk.campaign(no_expiry_in=["US-ME"])
    desk.bookings(booking("B1", "1.00", country="US-ME"), booking("B2", "2.00", country="US-NY"))
    assert desk.warnings() == {"never_expires": (1, ["B1"])}


def test_rules_without_effect_and_fees_without_tickets(desk: PlanDesk) -> None:
    refund = {
        "fees": [
            {"name": "seats", "when": {"channel": ["web"]}, "per_ticket": "1.00"},
            {"name": "nobody", "when": {"channel": ["nowhere"]}, "fixed": "1.00"},
        ],
        "bonuses": [{"name": "small", "percentage": "1"}, {"name": "large", "percentage": "10"}],
    }
    desk.campaign(refund=refund)
    desk.bookings(
        booking("B1", "10.00", tickets="2", channel="web"),
        booking("B2", "11.00", channel="web"),
        booking("B3", "12.00", channel="agency"),
    )
    assert [(each["code"], each["message"], each["bookings"]) for each in desk.made()["warnings"]] == [
        ("no_tickets", "no number of tickets, so that a fee per ticket takes nothing", ["B2"]),
        ("rule_without_effect", "no refund is changed by fee nobody", []),
        ("rule_without_effect", "no refund is changed by bonus small", []),
    ]


def test_a_campaign_that_is_paused_and_a_budget_that_is_nearly_used_up(desk: PlanDesk) -> None:
    desk.campaign(budget={"total": "100.00", "warn_at": "80"})
    desk.bookings(booking("B1", "80.00"))
    desk.command_line("create", CAMPAIGN).ok()
    desk.command_line("pause", CAMPAIGN, "--reason", "look into it").ok()
    told = desk().ok().stdout.splitlines()
    assert told[-1] == "Next: `refundctl resume flight-refunds`, then `refundctl apply plan.json --out DIR`"
    paused, budget = desk.made()["warnings"]
    assert (paused["code"], budget["code"]) == ("campaign_paused", "budget")
    assert paused["message"].endswith("the plan can't be applied until `refundctl resume flight-refunds`")
    assert budget["message"] == "flight-refunds has used EUR 80.00 of its budget.total, EUR 100.00: EUR 20.00 left"
