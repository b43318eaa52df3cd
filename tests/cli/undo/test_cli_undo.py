"""`refundctl undo`: what a run did is taken back except for what is spent, and its refunds wait until they are reopened."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.books import everything, read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, files_in, only, rows_of, write_bookings
from support.desks.spending import spend

NOTHING = {
    "refunds": 0,
    "cards": 0,
    "lines": 0,
    "lines_restored": 0,
    "cards_kept": 0,
    "lines_kept": 0,
    "spent": 0,
}
ZERO = {"paid": 0, "bonus": 0, "fee": 0, "cash": 0, "total": 0, "spent": 0}
THREE = (
    booking("B1", "100.00"),
    booking("B2", "50.00", cash_amount="20.00"),
    booking("B3", "30.00", bonus_amount="5.00"),
)


@pytest.fixture(autouse=True)
def at_work(campaigns: Path) -> None:
    """A campaigns file is there."""
    assert campaigns.exists()


def run(cli: CommandLine, folder: Path, *rows: Mapping[str, str], out: str = "out") -> dict[str, Any]:
    """`run` of these bookings, and its answer."""
    write_bookings(folder / "bookings.csv", *rows)
    return cli("run", CAMPAIGN, "bookings.csv", "--out", out, "--json").ok().json()


def balances(folder: Path) -> dict[str, int]:
    """What every card holds, in minor units."""
    sql = "SELECT 'c' || card, sum(amount_minor) FROM transactions WHERE card IS NOT NULL GROUP BY card"
    return dict(read(folder / LEDGER, sql))


def undo(cli: CommandLine, run_id: int, *options: str, exits: int = 0) -> dict[str, Any]:
    result = cli("undo", str(run_id), *options, "--json")
    assert result.exit == exits, f"{result.argv} ended with {result.exit}:\n{result.stdout}"
    return result.json()


def run_of(folder: Path, command: str) -> int:
    """The number of the last run of this command."""
    return int(read(folder / LEDGER, f"SELECT max(id) FROM runs WHERE command = '{command}'")[0][0])


def step_by_step(cli: CommandLine, folder: Path, *rows: Mapping[str, str]) -> None:
    write_bookings(folder / "bookings.csv", *rows)
    cli("load", "bookings.csv").ok()
    for command in ("create", "publish", "topup"):
        cli(command, CAMPAIGN).ok()


# --- A whole run ---


def test_a_run_is_taken_back(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    answer = undo(run_in_process, run_id)
    assert answer["status"] == "ok"
    assert answer["campaign"] == CAMPAIGN
    assert answer["counts"] == {**NOTHING, "refunds": 3, "cards": 3, "lines": 3}
    paid, bonus, cash = 16_000, 500, 2_000
    assert answer["totals"] == {"EUR": {**ZERO, "paid": paid, "bonus": bonus, "cash": cash, "total": paid + bonus}}
    assert (answer["spent"], answer["kept"], answer["closed"]) == ([], [], [])
    assert balances(tmp_path) == {"c1": 0, "c2": 0, "c3": 0}
    run_in_process("verify").ok()


def test_nothing_is_erased_and_every_removal_names_its_credit(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    before = read(tmp_path / LEDGER, "SELECT * FROM transactions ORDER BY id")
    undo(run_in_process, run_id, "--reason", "wrong month")
    posted = read(tmp_path / LEDGER, "SELECT * FROM transactions ORDER BY id")
    assert posted[: len(before)] == before
    sql = """
        SELECT removal.type, removal.reason, removal.amount_minor + credit.amount_minor, removal.line = credit.line,
            removal.card IS credit.card, removal.bucket = credit.bucket, removal.contra_account = credit.contra_account
        FROM transactions AS removal JOIN transactions AS credit ON credit.id = removal.related_transaction
    """
    assert read(tmp_path / LEDGER, sql) == [("CREDITS_REMOVAL", "wrong month", 0, 1, 1, 1, 1)] * len(before)


def test_the_cards_are_dead_and_the_campaign_stays(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undo(run_in_process, run_id)
    assert read(tmp_path / LEDGER, "SELECT card, event FROM card_events") == [(n, "deactivated") for n in (1, 2, 3)]
    assert read(tmp_path / LEDGER, "SELECT name FROM campaigns") == [(CAMPAIGN,)]


def test_its_refunds_are_not_funded_again_however_they_are_loaded(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undo(run_in_process, run_id)
    answer = run(run_in_process, tmp_path, *reversed(THREE), out="again")
    assert (answer["counts"]["published"], answer["counts"]["funded"]) == (0, 0)
    assert answer["steps"]["topup"]["counts"]["skipped_by_reason"] == {"undone": 3}
    assert set(balances(tmp_path).values()) == {0}
    assert not (tmp_path / "again").exists()


def test_reopened_they_are_funded_once_more_on_new_cards(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undo(run_in_process, run_id)
    reopened = undo(run_in_process, run_id, "--reopen")
    assert reopened["counts"] == {"reopened": 4, "lines": 3, "lines_held": 0}  # the run and its three steps
    answer = run(run_in_process, tmp_path, *THREE, out="again")
    assert (answer["counts"]["published"], answer["counts"]["funded"]) == (3, 3)
    assert balances(tmp_path) == {"c1": 0, "c2": 0, "c3": 0, "c4": 10_000, "c5": 3_000, "c6": 3_500}
    assert [row["balance"] for row in rows_of(tmp_path / "again" / "mail.csv")] == ["100.00", "30.00", "35.00"]
    run_in_process("verify").ok()


def test_twice_does_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undoing = undo(run_in_process, run_id)["run_id"]
    before = files_in(tmp_path)
    answer = undo(run_in_process, run_id)
    assert (answer["run_id"], answer["counts"], answer["totals"]) == (None, NOTHING, {})
    assert f"was undone already, by run {undoing}" in run_in_process("undo", str(run_id)).ok().stdout
    for step in ("load", "publish", "topup"):
        assert undo(run_in_process, run_of(tmp_path, step))["run_id"] is None, "so are its steps"
    assert files_in(tmp_path) == before


def test_a_dry_run_shows_the_same_and_keeps_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    spend(tmp_path, "c1", 2_500)
    before = files_in(tmp_path)
    shown = undo(run_in_process, run_id, "-n")
    assert (shown["run_id"], shown["dry_run"]) == (None, True)
    assert files_in(tmp_path) == before
    done = undo(run_in_process, run_id)
    assert {name: done[name] for name in ("counts", "totals", "spent")} == {
        name: shown[name] for name in ("counts", "totals", "spent")
    }


# --- What was spent ---


def test_what_was_spent_stays_and_is_listed(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    spend(tmp_path, "c1", 2_500)
    spend(tmp_path, "c3", 500, "bonus")
    answer = undo(run_in_process, run_id)
    assert answer["counts"] == {**NOTHING, "refunds": 3, "cards": 3, "lines": 3, "spent": 2}
    assert answer["spent"] == [
        {"card_id": "c1", "amount": 2_500, "currency": "EUR"},
        {"card_id": "c3", "amount": 500, "currency": "EUR"},
    ]
    assert answer["totals"]["EUR"] == {**ZERO, "paid": 13_500, "cash": 2_000, "total": 13_500, "spent": 3_000}
    assert balances(tmp_path) == {"c1": 0, "c2": 0, "c3": 0}
    run_in_process("verify").ok()


def test_after_reopening_only_the_difference_is_given(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    spend(tmp_path, "c1", 2_500)
    spend(tmp_path, "c3", 500, "bonus")
    undo(run_in_process, run_id)
    undo(run_in_process, run_id, "--reopen")
    answer = run(run_in_process, tmp_path, *THREE, out="again")
    assert answer["totals"]["EUR"] == {"paid": 13_500, "bonus": 0, "fee": 0, "cash": 2_000, "total": 13_500}
    assert balances(tmp_path) == {"c1": 0, "c2": 0, "c3": 0, "c4": 7_500, "c5": 3_000, "c6": 3_000}
    run_in_process("verify").ok()


def test_what_was_spent_whole_is_not_taken_back_and_not_given_again(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run_id = run(run_in_process, tmp_path, booking("B1", "10.00"))["run_id"]
    spend(tmp_path, "c1", 1_000)
    answer = undo(run_in_process, run_id)
    assert answer["counts"] == {**NOTHING, "cards": 1, "lines": 1, "spent": 1}
    undo(run_in_process, run_id, "--reopen")
    assert run(run_in_process, tmp_path, booking("B1", "10.00"), out="again")["counts"]["funded"] == 0


def test_the_spent_cards_are_listed_for_a_person(run_in_process: CommandLine, tmp_path: Path) -> None:
    rows = [booking(f"B{number}", "10.00") for number in range(1, 24)]
    run_id = run(run_in_process, tmp_path, *rows)["run_id"]
    for number in range(1, 23):
        spend(tmp_path, f"c{number}", number)
    said = run_in_process("undo", str(run_id)).ok().stdout
    assert "EUR 2.53 on 22 cards" in said
    assert "  c20  EUR 0.20\n  and 2 more cards" in said
    assert "c21" not in said


def test_fees_and_bonuses_go_back_too_and_come_again(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    fees, bonuses = [{"name": "service", "fixed": "10.00"}], [{"name": "sorry", "percentage": "20"}]
    campaigns.write_text(small_campaigns(refund={"fees": fees, "bonuses": bonuses}))
    answer = run(run_in_process, tmp_path, booking("B1", "100.00"))
    assert answer["totals"] == {"EUR": {"paid": 9_000, "bonus": 1_800, "fee": 1_000, "cash": 0, "total": 10_800}}
    spend(tmp_path, "c1", 800, "bonus")
    taken = {"paid": 9_000, "bonus": 1_000, "fee": 1_000, "cash": 0, "total": 10_000}
    assert undo(run_in_process, answer["run_id"])["totals"] == {"EUR": {**taken, "spent": 800}}
    undo(run_in_process, answer["run_id"], "--reopen")
    assert run(run_in_process, tmp_path, booking("B1", "100.00"), out="again")["totals"] == {"EUR": taken}
    assert balances(tmp_path) == {"c1": 0, "c2": 10_000}
    run_in_process("verify").ok()


# --- Single commands ---


def test_a_topup_alone_leaves_the_cards_alive(run_in_process: CommandLine, tmp_path: Path) -> None:
    step_by_step(run_in_process, tmp_path, *THREE)
    answer = undo(run_in_process, run_of(tmp_path, "topup"))
    assert answer["counts"] == {**NOTHING, "refunds": 3}
    assert read(tmp_path / LEDGER, "SELECT * FROM card_events") == []
    undo(run_in_process, run_of(tmp_path, "topup"), "--reopen")
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["funded"] == 3
    assert balances(tmp_path) == {"c1": 10_000, "c2": 3_000, "c3": 3_500}
    run_in_process("verify").ok()


def test_a_card_with_another_topups_money_stays_and_says_what_to_undo_first(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    step_by_step(run_in_process, tmp_path, booking("B1"), booking("B2"))
    publish, topup = run_of(tmp_path, "publish"), run_of(tmp_path, "topup")
    refused = undo(run_in_process, publish, exits=4)
    assert only(refused["errors"])["code"] == "not_undoable"
    told = run_in_process("undo", str(publish), "--quiet")
    assert (told.exit, told.stdout) == (4, "")
    assert told.stderr == (
        f"Error: Nothing of run {publish} can be undone: 2 cards stay, with money of other top-ups: undo run {topup} first, "
        "then this one again.\n"
    )
    assert read(tmp_path / LEDGER, "SELECT count(*) FROM undoings") == [(0,)]
    undo(run_in_process, topup)
    assert undo(run_in_process, publish)["counts"] == {**NOTHING, "cards": 2}


def test_cards_that_had_to_stay_go_when_the_run_is_undone_again(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    run_id = run(run_in_process, tmp_path, booking("B1", customer_id="ana"), booking("B2", customer_id="bo"))["run_id"]
    later = run(run_in_process, tmp_path, booking("B3", customer_id="ana"), out="later")["run_id"]
    answer = undo(run_in_process, run_id, exits=3)
    assert answer["counts"] == {**NOTHING, "refunds": 2, "cards": 1, "lines": 2, "cards_kept": 1}
    assert balances(tmp_path) == {"c1": 10_000, "c2": 0}
    topup = only(answer["kept"])["run_id"]
    assert read(tmp_path / LEDGER, f"SELECT parent_run_id, command FROM runs WHERE id = {topup}") == [(later, "topup")]
    undo(run_in_process, later)
    again = undo(run_in_process, run_id)
    assert (again["counts"], again["undone"]) == ({**NOTHING, "cards": 1}, [])
    assert undo(run_in_process, run_id)["run_id"] is None
    run_in_process("verify").ok()


def test_loaded_lines_that_another_run_has_funded_stay(run_in_process: CommandLine, tmp_path: Path) -> None:
    step_by_step(run_in_process, tmp_path, booking("B1"), booking("B2", status="flown"))
    load, topup = run_of(tmp_path, "load"), run_of(tmp_path, "topup")
    answer = undo(run_in_process, load, exits=3)
    assert (answer["status"], answer["counts"]) == ("partial", {**NOTHING, "lines": 1, "lines_kept": 1})
    assert answer["kept"] == [{"booking_id": "B1", "refund_id": "B1", "run_id": topup}]
    assert balances(tmp_path) == {"c1": 10_000}
    undo(run_in_process, topup)
    assert undo(run_in_process, load)["counts"] == {**NOTHING, "lines": 1}


def test_a_changed_line_says_again_what_it_said_before(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "first.csv", booking("B1", "100.00", tickets="2"), booking("B2", tier="gold"))
    write_bookings(tmp_path / "second.csv", booking("B1", "70.00", tickets="1"), booking("B2", status="flown"))
    run_in_process("load", "first.csv").ok()
    said = "SELECT booking_id, order_amount_minor, tickets, status, tier FROM refund_lines JOIN segments ON segments.id = segment"
    before = read(tmp_path / LEDGER, said)
    run_in_process("load", "second.csv").ok()
    assert read(tmp_path / LEDGER, said) != before
    answer = undo(run_in_process, run_of(tmp_path, "load"))
    assert answer["counts"] == {**NOTHING, "lines_restored": 2}
    assert read(tmp_path / LEDGER, said) == before
    run_in_process("verify").ok()
    assert run_in_process("load", "second.csv", "--json").ok().json()["counts"]["updated"] == 2


def test_loads_are_undone_one_after_the_other_and_in_any_order(run_in_process: CommandLine, tmp_path: Path) -> None:
    loads = []
    for amount in ("100.00", "70.00", "60.00", "50.00"):
        write_bookings(tmp_path / "bookings.csv", booking("B1", amount))
        loads.append(run_in_process("load", "bookings.csv", "--json").ok().json()["run_id"])
    said = "SELECT order_amount_minor FROM refund_lines"
    for undone, expected in ((loads[3], 6_000), (loads[1], 6_000), (loads[2], 10_000)):
        undo(run_in_process, undone)
        assert read(tmp_path / LEDGER, said) == [(expected,)]
    run_in_process("verify").ok()


def test_metadata_comes_back_with_its_line(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text("sources:\n  default: {metadata: [hotel]}\n" + small_campaigns())
    for hotel in ("City", "Resort"):
        write_bookings(tmp_path / "bookings.csv", booking("B1", hotel=hotel))
        run_in_process("load", "bookings.csv").ok()
    undo(run_in_process, run_of(tmp_path, "load"))
    sql = (
        "SELECT metadata FROM refund_lines JOIN line_metadata ON line_metadata.line_version = refund_lines.line_version"
    )
    assert json.loads(only(read(tmp_path / LEDGER, sql))[0]) == {"hotel": "City"}
    run_in_process("verify").ok()


def test_a_changed_line_that_was_funded_since_stays(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "first.csv", booking("B1", "100.00"))
    run_in_process("load", "first.csv").ok()
    step_by_step(run_in_process, tmp_path, booking("B1", "70.00"))
    assert only(undo(run_in_process, run_of(tmp_path, "load"), exits=4)["errors"])["code"] == "not_undoable"
    assert balances(tmp_path) == {"c1": 7_000}
    run_in_process("verify").ok()


def test_people_stay_as_the_file_said(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", name="Ana"))
    run_in_process("load", "bookings.csv").ok()
    undo(run_in_process, 1)
    assert read(tmp_path / LEDGER, "SELECT name FROM customers") == [("Ana",)]
    run_in_process("verify").ok()


def test_lines_of_a_publication_wait_too(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    run_in_process("load", "bookings.csv").ok()
    for command in ("create", "publish"):
        run_in_process(command, CAMPAIGN).ok()
    publish = run_of(tmp_path, "publish")
    assert undo(run_in_process, publish)["counts"] == {**NOTHING, "cards": 2}
    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 0
    undo(run_in_process, publish, "--reopen")
    assert run_in_process("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 2


def test_a_customers_one_card_withdraws_what_was_known_and_open_when_it_was_published(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    write_bookings(
        tmp_path / "first.csv", booking("B1", customer_id="ana"), booking("B2", customer_id="ana", currency="PLN")
    )
    write_bookings(tmp_path / "later.csv", booking("B3", customer_id="ana"))
    run_in_process("load", "first.csv").ok()
    for command in ("create", "publish"):
        run_in_process(command, CAMPAIGN).ok()
    run_in_process("load", "later.csv").ok()
    undo(run_in_process, run_of(tmp_path, "publish"))
    sql = "SELECT booking_id FROM undone_lines JOIN refund_lines ON refund_lines.line = undone_lines.line"
    assert read(tmp_path / LEDGER, sql) == [("B1",)]


def test_cards_of_a_pool_are_deactivated_and_not_given_out_again(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(type="STATIC", vouchers_count=2))
    run_id = run(run_in_process, tmp_path, booking("B1"))["run_id"]
    assert undo(run_in_process, run_id)["counts"]["cards"] == 1
    undo(run_in_process, run_id, "--reopen")
    run(run_in_process, tmp_path, booking("B1"), out="again")
    assert balances(tmp_path) == {"c1": 0, "c2": 10_000}


# --- Steps of a run ---


def test_a_step_is_undone_by_itself_and_the_run_does_the_rest(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    assert undo(run_in_process, run_of(tmp_path, "topup"))["counts"] == {**NOTHING, "refunds": 3}
    answer = undo(run_in_process, run_id)
    assert answer["counts"] == {**NOTHING, "cards": 3, "lines": 3}
    assert answer["totals"] == {}
    run_in_process("verify").ok()


def test_a_reopened_step_leaves_what_other_steps_hold_back(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undo(run_in_process, run_id)
    answer = undo(run_in_process, run_of(tmp_path, "topup"), "--reopen")
    assert answer["counts"] == {"reopened": 1, "lines": 3, "lines_held": 3}
    assert run(run_in_process, tmp_path, *THREE, out="again")["counts"]["funded"] == 0
    assert undo(run_in_process, run_id, "--reopen")["counts"] == {"reopened": 3, "lines": 3, "lines_held": 0}
    assert run(run_in_process, tmp_path, *THREE, out="again")["counts"]["funded"] == 3


def test_reopening_takes_the_number_of_the_undo_too_and_twice_does_nothing(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undoing = undo(run_in_process, run_id)["run_id"]
    assert undo(run_in_process, undoing, "--reopen")["counts"]["lines"] == 3
    before = files_in(tmp_path)
    for name in (run_id, undoing):
        assert undo(run_in_process, name, "--reopen")["run_id"] is None
    assert files_in(tmp_path) == before


def test_what_was_undone_and_reopened_is_not_undone_again(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undo(run_in_process, run_id)
    undo(run_in_process, run_id, "--reopen")
    second = run(run_in_process, tmp_path, *THREE, out="again")["run_id"]
    assert undo(run_in_process, run_id)["run_id"] is None
    assert "undo the run that did it" in run_in_process("undo", str(run_id)).ok().stdout
    assert undo(run_in_process, second)["counts"] == {**NOTHING, "refunds": 3, "cards": 3}
    assert set(balances(tmp_path).values()) == {0}
    run_in_process("verify").ok()


# --- After an undo ---


def test_a_corrected_file_may_say_another_amount_and_customer(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, booking("B1", "100.00"))["run_id"]
    write_bookings(tmp_path / "corrected.csv", booking("B1", "10.00", customer_id="bo"))
    assert run_in_process("load", "corrected.csv", "--json").json()["rejected_by_code"] == {"booking_conflict": 1}
    undo(run_in_process, run_id)
    assert run_in_process("load", "corrected.csv", "--json").ok().json()["counts"]["updated"] == 1
    undo(run_in_process, run_id, "--reopen")
    run(run_in_process, tmp_path, booking("B1", "10.00", customer_id="bo"), out="again")
    assert balances(tmp_path) == {"c1": 0, "c2": 1_000}
    run_in_process("verify").ok()


def test_what_the_wrong_customer_has_spent_is_not_given_to_the_right_one(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run_id = run(run_in_process, tmp_path, booking("B1", "100.00", customer_id="ana"))["run_id"]
    spend(tmp_path, "c1", 3_000)
    undo(run_in_process, run_id)
    write_bookings(tmp_path / "corrected.csv", booking("B1", "100.00", customer_id="bo"))
    run_in_process("load", "corrected.csv").ok()
    undo(run_in_process, run_id, "--reopen")
    run(run_in_process, tmp_path, booking("B1", "100.00", customer_id="bo"), out="again")
    assert balances(tmp_path) == {"c1": 0, "c2": 7_000}
    run_in_process("verify").ok()


def test_an_undone_topup_leaves_a_card_its_later_last_day(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer", activity_duration_after_publishing="P30D"))
    later = "2020-05-20T12:00:00Z"
    for booking_id, now in (("B1", "2020-05-01T12:00:00Z"), ("B2", later)):
        write_bookings(tmp_path / "bookings.csv", booking(booking_id, customer_id="ana"))
        run_in_process("run", CAMPAIGN, "bookings.csv", "--out", booking_id, now=now).ok()
    run_in_process("undo", str(run_of(tmp_path, "run")), now=later).ok()
    cards = run_in_process("export", "cards", CAMPAIGN, "-o", "-", now=later).ok().stdout
    assert [(row["balance"], row["expires_on"]) for row in rows_of(cards)] == [("100.00", "2020-06-19")]


def test_a_line_that_was_ever_funded_keeps_its_currency(run_in_process: CommandLine, tmp_path: Path) -> None:
    """What was spent of it counts when it is funded again, so both must be in one currency."""
    run_id = run(run_in_process, tmp_path, booking("B1", "100.00"), booking("B2", "50.00"))["run_id"]
    spend(tmp_path, "c1", 5_000)
    undo(run_in_process, run_id)
    yen = [booking(name, "7000", currency="JPY") for name in ("B1", "B2", "B3")]
    write_bookings(tmp_path / "yen.csv", *yen)
    answer = run_in_process("load", "yen.csv", "--json").json()
    assert (answer["counts"]["loaded"], answer["rejected_by_code"]) == (1, {"booking_conflict": 2})
    assert [row["_reason"] for row in rows_of(tmp_path / "yen.rejects.csv")] == [
        f"booking {name} was funded in EUR before that was undone, and keeps this currency; nothing was changed: correct "
        "the file, or give the booking another booking_id"
        for name in ("B1", "B2")
    ]
    assert read(tmp_path / LEDGER, "SELECT booking_id, currency FROM refund_lines") == [
        ("B1", "EUR"),
        ("B2", "EUR"),
        ("B3", "JPY"),
    ]


def test_a_changed_line_keeps_the_currency_that_it_was_funded_in(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Undoing the load that has brought it to that currency leaves the line as it is."""
    flown = booking("B2", "80", currency="JPY", status="flown")
    for rows in (
        (booking("B1", "100.00"), flown),
        (booking("B1", "7000", currency="JPY"), {**flown, "order_amount": "90"}),
    ):
        write_bookings(tmp_path / "bookings.csv", *rows)
        run_in_process("load", "bookings.csv").ok()
    load = run_of(tmp_path, "load")
    campaigns.write_text(small_campaigns(currency="JPY"))
    for command in ("create", "publish", "topup"):
        run_in_process(command, CAMPAIGN).ok()
    spend(tmp_path, "c1", 5_000)
    undo(run_in_process, run_of(tmp_path, "topup"))
    answer = run_in_process("undo", str(load), "--json").json()
    assert answer["counts"] == {**NOTHING, "lines_restored": 1, "lines_kept": 1}
    assert answer["kept"] == [{"booking_id": "B1", "refund_id": "B1", "run_id": None}]
    said = "SELECT booking_id, order_amount_minor, currency FROM refund_lines"
    assert read(tmp_path / LEDGER, said) == [("B1", 7_000, "JPY"), ("B2", 80, "JPY")]
    run_in_process("verify").ok()


def test_lines_that_would_exceed_their_order_are_not_reopened(run_in_process: CommandLine, tmp_path: Path) -> None:
    whole = booking("B1", "100.00", refund_id="one", refund_amount="60.00")
    write_bookings(tmp_path / "first.csv", whole)
    write_bookings(tmp_path / "split.csv", whole | {"refund_amount": "30.00"}, whole | {"refund_id": "two"})
    run_in_process("load", "first.csv").ok()
    load = run_in_process("load", "split.csv", "--json").ok().json()["run_id"]
    assert undo(run_in_process, load)["counts"] == {**NOTHING, "lines": 1, "lines_restored": 1}
    refused = run_in_process("undo", "--reopen", str(load))
    assert refused.exit == 4
    assert "booking B1" in refused.stderr
    run_in_process("load", "split.csv").ok()
    undo(run_in_process, load, "--reopen")


def test_a_paused_campaign_can_be_taken_back(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    run_in_process("pause", CAMPAIGN).ok()
    assert undo(run_in_process, run_id)["counts"]["refunds"] == 3


# --- Mail ---


def test_nobody_is_mailed_a_dead_card_not_even_with_all(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    run(run_in_process, tmp_path, booking("B4", "40.00"), out="other")
    undo(run_in_process, run_id)
    run_in_process("export", "mail", CAMPAIGN, "-o", "all.csv", "--all").ok()
    assert [row["booking_id"] for row in rows_of(tmp_path / "all.csv")] == ["B4"]


def test_credits_that_were_undone_before_anyone_was_mailed_are_not_new(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    step_by_step(run_in_process, tmp_path, *THREE)
    undo(run_in_process, run_of(tmp_path, "topup"))
    assert run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv", "--json").ok().json()["run_id"] is None
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv", "--all").ok()
    assert rows_of(tmp_path / "mail.csv") == []


def test_a_card_with_other_money_is_mailed_with_what_is_left(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    step_by_step(run_in_process, tmp_path, booking("B1", "10.00", customer_id="ana"))
    first = run_of(tmp_path, "topup")
    write_bookings(tmp_path / "more.csv", booking("B2", "20.00", customer_id="ana"))
    run_in_process("load", "more.csv").ok()
    run_in_process("topup", CAMPAIGN).ok()
    undo(run_in_process, first)
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    row = only(rows_of(tmp_path / "mail.csv"))
    assert (row["balance"], row["booking_id"]) == ("20.00", "B2")


def cut_off(cli: CommandLine, folder: Path, out: str) -> None:
    """As after a kill between the commit and the files: the last hand-over's batch is open, and its folder is empty."""
    for path in (folder / out).iterdir():
        path.unlink()
    with closing(sqlite3.connect(folder / LEDGER, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        last = connection.execute("SELECT max(id) FROM runs").fetchone()[0]
        for table in ("deliveries", "run_outcomes", "seals"):
            connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (last,))
        connection.execute("DELETE FROM runs WHERE id = ?", (last,))
        for _, sql in triggers:
            connection.execute(sql)
    assert cli("verify", "--json").json()["findings"] == []


def test_a_hand_over_that_was_cut_off_is_closed(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    cut_off(run_in_process, tmp_path, "out")
    answer = undo(run_in_process, run_id)
    assert answer["closed"] == [str(tmp_path / "out")]
    assert read(tmp_path / LEDGER, "SELECT files, run_id FROM deliveries") == [("[]", answer["run_id"])]
    assert run(run_in_process, tmp_path, *THREE, out="out")["mail"] is None, "nothing is left to be finished"
    again = run(run_in_process, tmp_path, booking("B9", "90.00"), out="out")
    assert again["mail"]["rows"] == 1, "the folder is free"
    run_in_process("verify").ok()


def test_a_hand_over_with_others_in_it_stays_open_and_leaves_out_the_dead(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    step_by_step(run_in_process, tmp_path, booking("B1", "10.00", customer_id="ana"))
    rows = (booking("B2", "20.00", customer_id="ana"), booking("B3", "30.00", customer_id="bo"))
    run_id = run(run_in_process, tmp_path, *rows)["run_id"]
    cut_off(run_in_process, tmp_path, "out")
    assert undo(run_in_process, run_id)["closed"] == []
    run(run_in_process, tmp_path, *rows, out="out")
    mailed = [(row["customer_id"], row["balance"], row["booking_id"]) for row in rows_of(tmp_path / "out" / "mail.csv")]
    assert mailed == [("ana", "10.00", "B1")]


def test_a_late_mail_file_tells_of_its_own_credits_only(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """What was put on the card later, and taken back, is neither added nor taken off."""
    campaigns.write_text(small_campaigns(card_per="customer"))
    rows = booking("B1", "100.00", customer_id="ana")
    run(run_in_process, tmp_path, rows)
    cut_off(run_in_process, tmp_path, "out")
    write_bookings(tmp_path / "more.csv", booking("B2", "50.00", customer_id="ana"))
    run_in_process("load", "more.csv").ok()
    run_in_process("topup", CAMPAIGN).ok()
    undo(run_in_process, run_of(tmp_path, "topup"))
    run(run_in_process, tmp_path, rows)
    row = only(rows_of(tmp_path / "out" / "mail.csv"))
    assert (row["balance"], row["booking_id"]) == ("100.00", "B1")


def test_a_late_mail_file_never_tells_of_less_than_nothing(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Of the two credits that it counts, 60 were spent; the first is taken back whole, as the card holds a third one."""
    campaigns.write_text(small_campaigns(card_per="customer"))
    step_by_step(run_in_process, tmp_path, booking("B1", "100.00", customer_id="ana"))
    first = run_of(tmp_path, "topup")
    spend(tmp_path, "c1", 6_000)
    rows = booking("B2", "50.00", customer_id="ana")
    run(run_in_process, tmp_path, rows)
    cut_off(run_in_process, tmp_path, "out")
    write_bookings(tmp_path / "more.csv", booking("B3", "200.00", customer_id="ana"))
    run_in_process("load", "more.csv").ok()
    run_in_process("topup", CAMPAIGN).ok()
    assert undo(run_in_process, first)["totals"]["EUR"]["total"] == 10_000
    run(run_in_process, tmp_path, rows)
    [finished] = (tmp_path / "out").glob("mail-run*.csv")
    assert only(rows_of(finished))["balance"] == "0.00"
    assert only(rows_of(tmp_path / "out" / "mail.csv"))["balance"] == "190.00"


def test_a_file_that_is_just_being_written_is_waited_for(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    cut_off(run_in_process, tmp_path, "out")
    writer = os.open(tmp_path / "out", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(writer, fcntl.LOCK_EX)
    assert run_in_process("undo", str(run_id), "--wait", "0").exit == 75
    os.close(writer)
    undo(run_in_process, run_id)


# --- Refusals ---


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("create", "refundctl pause"),
        ("load-customers", "load a file"),
        ("handover", "undo the run that put the money on the cards"),
        ("pause", "refundctl resume"),
    ],
)
def test_other_runs_are_not_undoable_and_it_says_why(
    run_in_process: CommandLine, tmp_path: Path, command: str, says: str
) -> None:
    run(run_in_process, tmp_path, *THREE)
    write_bookings(tmp_path / "people.csv", {"customer_id": "ana", "email": "ana@example.org"})
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("pause", CAMPAIGN).ok()
    before = everything(tmp_path / LEDGER)
    refused = run_in_process("undo", str(run_of(tmp_path, command)), "--json")
    after = everything(tmp_path / LEDGER)
    assert (refused.exit, refused.json()["status"]) == (4, "refused")
    error = only(refused.json()["errors"])
    assert error["code"] == "not_undoable"
    assert says in error["message"]
    assert [row[2] for row in after.pop("attempts")] == ["undo"]
    assert after == {table: rows for table, rows in before.items() if table != "attempts"}


def test_an_undo_is_not_undone_but_its_run_reopened(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    undoing = undo(run_in_process, run_id)["run_id"]
    refused = run_in_process("undo", str(undoing))
    assert refused.exit == 4
    assert f"`refundctl undo --reopen {undoing}`" in refused.stderr


@pytest.mark.parametrize("number", ["99", "0", "99999999999999999999"])
def test_an_unknown_run_is_refused(run_in_process: CommandLine, tmp_path: Path, number: str) -> None:
    run(run_in_process, tmp_path, *THREE)
    for options in ([], ["--reopen"]):
        refused = run_in_process("undo", number, *options, "--json")
        assert (refused.exit, only(refused.json()["errors"])["code"]) == (4, "resource_not_found")


def test_what_was_not_undone_is_not_reopened(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, *THREE)["run_id"]
    refused = run_in_process("undo", "--reopen", str(run_id), "--json")
    assert (refused.exit, only(refused.json()["errors"])["code"]) == (4, "not_undoable")


def test_a_reason_goes_with_an_undo_only(run_in_process: CommandLine) -> None:
    assert run_in_process("undo", "1", "--reopen", "--reason", "why not").exit == 2


def test_a_code_in_the_reason_is_masked(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_id = run(run_in_process, tmp_path, booking("B1"))["run_id"]
    code = only(rows_of(tmp_path / "out" / "mail.csv"))["code"]
    undo(run_in_process, run_id, "--reason", f"lost {code} twice")
    reason = f"lost ****{code[-4:]} twice"
    assert read(tmp_path / LEDGER, "SELECT DISTINCT reason FROM undoings") == [(reason,)]
    assert only(read(tmp_path / LEDGER, "SELECT arguments FROM runs WHERE command = 'undo'"))[0].count(code) == 0
