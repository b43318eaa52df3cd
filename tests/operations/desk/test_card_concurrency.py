"""Several clerks, tills and jobs at one card in the same moment: it never gives more than it holds, and nothing is lost."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, copy_to, number
from support.command_line import CAMPAIGN, CommandLine, CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import booking, csv_text
from support.faults.at_once import all_at_once, bookings, error_code, start
from support.faults.crash_points import Job, let_go_on, run_job, standing_still

HOLDER = "C-ana"  # of c1
HELD_MINOR = 10_000  # 70.00 paid and 30.00 bonus


@pytest.fixture(scope="module")
def funded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger of the real time."""
    folder = tmp_path_factory.mktemp("funded")
    (folder / "campaigns.yaml").write_text(small_campaigns(), encoding="utf-8")
    lines = [booking(name, "70.00", bonus_amount="30.00") for name in ("ana", "bo")]
    (folder / "funded.csv").write_text(csv_text(*lines), encoding="utf-8")
    ThisProcess(folder)("run", CAMPAIGN, "funded.csv", "--out", "out").ok()
    return folder


@pytest.fixture
def ledger(funded: Path, tmp_path: Path) -> Path:
    """A ledger with two cards of 100.00, c1 and c2."""
    for name in ("campaigns.yaml", LEDGER):
        copy_to(funded / name, tmp_path / name)
    return tmp_path / LEDGER


def redeeming(amount: str, invoice: str, *options: str) -> list[str]:
    words = ["card", "redeem", "c1", "--amount", amount, "--invoice", invoice, "--customer", HOLDER]
    return [*words, "--json", *options]


def outcomes(results: list[CommandResult]) -> Counter[str]:
    """How many were done, and how many refused with each code."""
    for result in results:
        assert result.exit in {0, 4}, f"{result.argv} ended with {result.exit}: {result.stdout}{result.stderr}"
    return Counter(error_code(result) or "done" for result in results)


def held(ledger: Path, card: str = "c1") -> int:
    return number(ledger, "SELECT coalesce(sum(amount_minor), 0) FROM transactions WHERE 'c' || card = ?", card)


def booked(ledger: Path, contra_account: str) -> int:
    """What has left cards for this account, in minor units."""
    return -number(
        ledger,
        "SELECT coalesce(sum(amount_minor), 0) FROM transactions WHERE card IS NOT NULL AND contra_account = ?",
        contra_account,
    )


@pytest.mark.parametrize(
    ("processes", "amount_minor", "done"), [(2, 6_000, 1), (2, 5_000, 2), (8, 3_000, 3), (8, 1_000, 8)]
)
def test_a_card_gives_what_it_holds_and_no_more(
    run_in_process: CommandLine, tmp_path: Path, ledger: Path, processes: int, amount_minor: int, done: int
) -> None:
    amount = f"{amount_minor // 100}.00"
    results = all_at_once(tmp_path, [redeeming(amount, f"INV-{at}") for at in range(processes)])
    assert outcomes(results) == Counter({"done": done, "gift_amount_exceeded": processes - done})
    assert held(ledger) == HELD_MINOR - done * amount_minor
    assert booked(ledger, "sales") == done * amount_minor
    assert number(ledger, "SELECT count(*) FROM redemptions") == done
    assert number(ledger, "SELECT count(*) FROM attempts WHERE card = 1") == processes - done
    run_in_process("verify").ok()


def test_one_invoice_is_paid_once(run_in_process: CommandLine, tmp_path: Path, ledger: Path) -> None:
    results = all_at_once(tmp_path, [redeeming("10.00", "INV-1")] * 8)
    assert outcomes(results) == Counter({"done": 1, "invoice_already_used": 7})
    assert held(ledger) == HELD_MINOR - 1_000
    run_in_process("verify").ok()


def test_retries_under_one_key_all_get_the_first_answer(
    run_in_process: CommandLine, tmp_path: Path, ledger: Path
) -> None:
    results = all_at_once(tmp_path, [redeeming("10.00", "INV-1", "--key", "case 7")] * 8)
    assert outcomes(results) == Counter({"done": 8})
    answers: list[dict[str, Any]] = [result.json() for result in results]
    assert answers == [answers[0]] * 8
    assert held(ledger) == HELD_MINOR - 1_000
    run_in_process("verify").ok()


def test_eight_guesses_of_a_pin_are_five(run_in_process: CommandLine, tmp_path: Path, ledger: Path) -> None:
    run_in_process("card", "set-pin", "c1", "-", stdin="2468\n").ok()
    (tmp_path / "wrong").write_text("1357\n", encoding="utf-8")
    guesses = [redeeming("1.00", f"INV-{at}", "--pin-file", "wrong") for at in range(8)]
    assert outcomes(all_at_once(tmp_path, guesses)) == Counter({"pin_wrong": 5, "voucher_locked": 3})
    assert held(ledger) == HELD_MINOR
    run_in_process("verify").ok()


@pytest.mark.parametrize("amounts", [("40.00", "40.00"), ("25.00", "40.00")], ids=["whole", "part and whole"])
def test_a_redemption_is_given_back_once(
    run_in_process: CommandLine, tmp_path: Path, ledger: Path, amounts: tuple[str, str]
) -> None:
    redemption = run_in_process(*redeeming("40.00", "INV-1")).ok().json()["redemption"]["id"]
    results = all_at_once(
        tmp_path, [["card", "rollback", str(redemption), "--amount", amount, "--json"] for amount in amounts]
    )
    assert outcomes(results) == Counter({"done": 1, "already_rolled_back": 1})
    [winner] = [result for result in results if result.exit == 0]
    given_back = winner.json()["rollback"]["amount"]
    assert f"{given_back // 100}.00" in amounts
    assert held(ledger) == HELD_MINOR - 4_000 + given_back
    run_in_process("verify").ok()


@pytest.mark.parametrize("attempt", range(3))
def test_a_purchase_and_a_replacement(run_in_process: CommandLine, tmp_path: Path, ledger: Path, attempt: int) -> None:
    """Whichever comes first: what was bought is off the new card too, or nothing could be bought."""
    transfer = ["card", "transfer", "c1", "--reason", f"lost {attempt}", "--json"]
    bought, moved = all_at_once(tmp_path, [redeeming("40.00", "INV-1"), transfer])
    assert moved.exit == 0, moved.stdout
    assert (bought.exit, error_code(bought)) in {(0, None), (4, "voucher_not_active")}
    assert booked(ledger, "sales") == (4_000 if bought.exit == 0 else 0)
    assert (held(ledger), held(ledger, "c3")) == (0, HELD_MINOR - booked(ledger, "sales"))
    assert moved.json()["card"]["balance"] == held(ledger, "c3")
    run_in_process("verify").ok()


@pytest.mark.parametrize("attempt", range(3))
def test_a_purchase_and_a_cash_out(run_in_process: CommandLine, tmp_path: Path, ledger: Path, attempt: int) -> None:
    """Whichever comes first: no cent is both spent and owed in cash."""
    cash_out = ["cashout", "request", "c1", "--reason", f"moved abroad {attempt}", "--json"]
    bought, asked = all_at_once(tmp_path, [redeeming("40.00", "INV-1"), cash_out])
    assert asked.exit == 0, asked.stdout
    assert (bought.exit, error_code(bought)) in {(0, None), (4, "voucher_disabled")}
    # The bonus is spent first, so that 60.00 of what was paid are left, or all that there was.
    expected = {"sales": 4_000, "cash_owed": 6_000, "lapsed": 0}
    if bought.exit == 4:
        expected = {"sales": 0, "cash_owed": 7_000, "lapsed": 3_000}
    assert {account: booked(ledger, account) for account in expected} == expected
    assert held(ledger) == 0
    run_in_process("verify").ok()


def test_eight_clerks_give_one_card_away(run_in_process: CommandLine, tmp_path: Path) -> None:
    """A bearer's card has one holder in the end, and all but those who ask for the same are told so."""
    campaigns = small_campaigns(type="STATIC", vouchers_count=1)
    (tmp_path / "campaigns.yaml").write_text(campaigns, encoding="utf-8")
    people = [{"customer_id": f"P{at}"} for at in range(4)]
    (tmp_path / "people.csv").write_text(csv_text(*people), encoding="utf-8")
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    results = all_at_once(tmp_path, [["card", "assign", "c1", "--customer", f"P{at % 4}", "--json"] for at in range(8)])
    assert outcomes(results) == Counter({"done": 2, "customer_rules_violated": 6})
    assert sorted(result.json()["counts"]["assigned"] for result in results if result.exit == 0) == [0, 1]
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM assignments") == 1
    run_in_process("verify").ok()


def test_a_purchase_waits_for_a_big_run(run_in_process: CommandLine, tmp_path: Path, ledger: Path) -> None:
    """While a batch is being written, a till waits and then succeeds; one that may not wait is told to try again."""
    (tmp_path / "big.csv").write_text(bookings(1_000), encoding="utf-8")
    run = ("run", CAMPAIGN, "big.csv", "--out", "big")
    with standing_still(tmp_path, run, last_step_of_the_transaction(tmp_path, run)) as writing:
        at_once = run_in_process(*redeeming("10.00", "INV-1", "--wait", "0"))
        assert (at_once.exit, held(ledger)) == (75, HELD_MINOR)
        waiting = start(tmp_path, redeeming("10.00", "INV-1", "--wait", "60"))
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1.5)
        ended = let_go_on(writing)
    out, err = waiting.communicate(timeout=60)
    assert ended.exit == 0, ended.stderr
    assert (waiting.returncode, json.loads(out)["redemption"]["amount"]) == (0, 1_000), err
    assert held(ledger) == HELD_MINOR - 1_000
    assert number(ledger, "SELECT count(*) FROM publications") == 2 + 1_000
    run_in_process("verify").ok()


def last_step_of_the_transaction(folder: Path, run: tuple[str, ...]) -> int:
    """The number of the step that would commit the batch: tried out on copies."""
    copies = folder / "copies"
    copies.mkdir()
    for name in (LEDGER, "campaigns.yaml", "big.csv"):
        (copies / name).write_bytes((folder / name).read_bytes())
    steps = run_job(Job(str(copies), run)).steps
    return steps.index("SQL COMMIT", steps.index("SQL BEGIN IMMEDIATE"))
