"""refundctl card rollback, on a real ledger: what comes back to which bucket and card, every refusal, and repeats."""

from pathlib import Path

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import booking
from support.desks.sealed_runs import sealed_run
from support.desks.till import MAY_DAY, Till

EXPIRED = "2021-05-01T22:00:00Z"  # midnight in Warsaw, as the last valid day ends


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def spent(till: Till, amount: str = "45.00") -> int:
    """c1 with 100.00 paid and 30.00 bonus, of which `amount` was spent; gives the redemption's number."""
    till.open(paid="100.00", bonus="30.00")
    redemption: int = till.redeem("--json", amount=amount).ok().json()["redemption"]["id"]
    return redemption


def roll_back(till: Till, transaction: int | str, *options: str, now: str | None = None) -> CommandResult:
    return till.call("card", "rollback", str(transaction), *options, now=now)


def refused(till: Till, code: str, transaction: int | str, *options: str, on: str | None = "c1") -> str:
    """A rollback that a rule refuses with this code: gives its message, and makes sure that nothing changed.

    `on` is the card of which the attempt is recorded.
    """
    before, tried = till.facts(), len(till.attempts())
    result = roll_back(till, transaction, *options, "--json")
    [error] = result.json()["errors"]
    assert (result.exit, result.json()["status"], error["code"]) == (4, "refused", code)
    assert till.facts() == before
    assert till.attempts()[tried:] == [("card rollback", code, error["message"], on)]
    return str(error["message"])


# --- What comes back ---


def test_a_rollback_as_a_script_sees_it(till: Till) -> None:
    redemption = spent(till)
    assert till.balance() == {"paid": 8500}

    result = roll_back(till, redemption, "--amount", "20", "--reason", "wrong size", "--json").ok()

    transaction = {
        "campaign": CAMPAIGN,
        "card_id": "c1",
        "type": "CREDITS_REFUND",
        "currency": "EUR",
        "reason": "wrong size",
        "run_id": 6,
        "created_at": MAY_DAY,
    }
    answer = result.json()
    assert {
        name: answer[name] for name in ("command", "status", "run_id", "campaign", "counts", "totals", "errors")
    } == {
        "command": "card rollback",
        "status": "ok",
        "run_id": 6,
        "campaign": CAMPAIGN,
        "counts": {"rollbacks": 1},
        "totals": {"EUR": {"refunded": 2000, "paid": 1500, "bonus": 500}},
        "errors": [],
    }
    assert answer["rollback"] == {
        "redemption": redemption,
        "card_id": "c1",
        "amount": 2000,
        "paid": 1500,
        "bonus": 500,
        "currency": "EUR",
    }
    assert (answer["card"]["balance"], answer["card"]["paid"], answer["card"]["bonus"]) == (10500, 10000, 500)
    first, second = answer["transactions"]
    assert first.items() >= {**transaction, "bucket": "paid", "amount": 1500, "balance": 10000}.items()
    assert second.items() >= {**transaction, "bucket": "bonus", "amount": 500, "balance": 10500}.items()
    assert (first["related_transaction_id"], second["related_transaction_id"]) == (redemption, redemption + 1)
    assert till.balance() == {"paid": 10000, "bonus": 500}
    assert read(till.ledger, "SELECT redemption, reason, run_id FROM rollbacks") == [(redemption, "wrong size", 6)]
    till.call("verify").ok()


def test_a_person_reads_the_same(till: Till) -> None:
    redemption = spent(till)
    result = roll_back(till, redemption, "--amount", "20").ok()
    assert result.stderr == ""
    assert result.stdout == (
        f"Gave EUR 20.00 (EUR 5.00 of it bonus) of redemption {redemption} back to card c1, which now holds "
        "EUR 105.00.\n"
    )


def test_without_an_amount_all_comes_back(till: Till) -> None:
    redemption = spent(till)
    answer = roll_back(till, redemption, "--json").ok().json()
    assert answer["totals"] == {"EUR": {"refunded": 4500, "paid": 1500, "bonus": 3000}}
    assert till.balance() == {"paid": 10000, "bonus": 3000}
    assert answer["card"]["redemption_count"] == 0


@pytest.mark.parametrize(
    ("order", "amount", "comes_back"),
    [
        ("bonus_first", "15.00", {"paid": 1500, "bonus": 0}),
        ("bonus_first", "15.01", {"paid": 1500, "bonus": 1}),
        ("paid_first", "30.00", {"paid": 20_00, "bonus": 10_00}),
        ("paid_first", "10.00", {"paid": 0, "bonus": 1000}),
    ],
)
def test_what_was_taken_last_comes_back_first(till: Till, order: str, amount: str, comes_back: dict[str, int]) -> None:
    """As if less had been bought: 45.00 of 100.00 + 30.00 are 30.00 bonus and 15.00; of 35.00 + 20.00, paid first, 10.00 bonus."""
    paid = "100.00" if order == "bonus_first" else "35.00"
    till.open(paid=paid, bonus="30.00", refund={"redeem_order": order})
    redemption = till.redeem("--json", amount="45.00").ok().json()["redemption"]["id"]
    totals = roll_back(till, redemption, "--amount", amount, "--json").ok().json()["totals"]["EUR"]
    assert {name: totals[name] for name in ("paid", "bonus")} == comes_back


def test_any_transaction_of_the_redemption_names_it(till: Till) -> None:
    redemption = spent(till)
    answer = roll_back(till, redemption + 1, "--amount", "EUR 45.00", "--json").ok().json()
    assert (answer["rollback"]["redemption"], answer["rollback"]["amount"]) == (redemption, 4500)


def test_the_invoice_stays_used(till: Till) -> None:
    redemption = spent(till)
    roll_back(till, redemption).ok()
    till.refused("invoice_already_used")
    till.redeem(invoice="INV-2").ok()


def test_a_whole_rollback_frees_the_use_of_a_card_that_may_be_used_once(till: Till) -> None:
    till.open(voucher={"redemption": {"quantity": 1}})
    first = till.redeem("--json").ok().json()["redemption"]["id"]
    till.refused("quantity_exceeded", invoice="INV-2")
    roll_back(till, first).ok()
    second = till.redeem("--json", invoice="INV-2").ok().json()["redemption"]["id"]
    roll_back(till, second, "--amount", "9.99").ok()
    till.refused("quantity_exceeded", invoice="INV-3")


def test_a_dry_run_keeps_nothing(till: Till) -> None:
    redemption = spent(till)
    before = till.facts()
    answer = roll_back(till, redemption, "-n", "--json").ok().json()
    assert (answer["run_id"], answer["dry_run"], answer["card"]["balance"]) == (None, True, 13000)
    assert till.facts() == before


# --- Refusals ---


def test_a_second_time_is_refused(till: Till) -> None:
    """By whichever of its transactions it is named, those that gave it back among them; also after a part only."""
    redemption = spent(till)
    roll_back(till, redemption, "--amount", "20").ok()
    for transaction in range(redemption, redemption + 4):
        message = refused(till, "already_rolled_back", transaction, "--amount", "1")
        assert message == (
            f"Redemption {redemption} was given back before, by run 6: that is done once; `refundctl card adjust` corrects "
            "a balance."
        )
    assert till.balance() == {"paid": 10000, "bonus": 500}


def test_more_than_was_taken_is_refused(till: Till) -> None:
    redemption = spent(till)
    assert refused(till, "rollback_exceeds_redemption", redemption, "--amount", "45.01") == (
        f"Redemption {redemption} took EUR 45.00: give back at most that, not EUR 45.01."
    )


@pytest.mark.parametrize("transaction", ["1", "99", "0", "99999999999"])
def test_what_is_no_redemption_is_not_found(till: Till, transaction: str) -> None:
    spent(till)
    assert refused(till, "resource_not_found", transaction, on=None) == (
        f"Transaction {transaction} is no redemption: `refundctl card show` lists the transactions of a card."
    )


def test_another_currency_is_refused(till: Till) -> None:
    redemption = spent(till)
    refused(till, "currency_mismatch", redemption, "--amount", "USD 10")


@pytest.mark.parametrize("transaction", ["c1", "one", "1.0", "-1", "１", "", "9" * 12])
def test_what_is_no_number_is_wrong_usage(till: Till, transaction: str) -> None:
    spent(till)
    before = till.facts()
    result = roll_back(till, "--json", "--", transaction)
    assert (result.exit, result.json()["errors"][0]["code"]) == (2, "usage")
    assert (till.facts(), till.attempts()) == (before, [])


def test_a_code_in_its_place_is_not_shown(till: Till) -> None:
    spent(till)
    result = roll_back(till, till.code())
    assert (result.exit, result.stdout) == (2, "")
    till.show_no_code(result)


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0", "amount_not_positive"), ("-1", "amount_not_positive"), ("1.001", "too_many_decimals"), ("ten", "malformed_amount")],
)  # fmt: skip
def test_an_amount_that_is_none_is_wrong_usage(till: Till, amount: str, code: str) -> None:
    redemption = spent(till)
    result = roll_back(till, redemption, f"--amount={amount}", "--json")
    assert (result.exit, result.json()["errors"][0]["code"]) == (2, code)
    assert till.balance() == {"paid": 8500}


# --- Whatever became of the card ---


def test_a_pause_an_expiry_and_a_block_for_now_stop_no_rollback(till: Till) -> None:
    redemption = spent(till)
    till.call("pause", CAMPAIGN).ok()
    till.call("card", "disable", "c1").ok()
    answer = roll_back(till, redemption, "--json", now=EXPIRED).ok().json()
    assert (answer["card"]["state"], answer["card"]["balance"]) == ("disabled", 13000)
    assert till.call("verify", now=EXPIRED).exit == 0


def test_a_dead_card_gets_nothing_back(till: Till) -> None:
    redemption = spent(till)
    till.call("card", "deactivate", "c1").ok()
    assert refused(till, "voucher_not_active", redemption) == (
        "Card c1 was deactivated for good, so nothing can be given back to it: give the amount back in another way, such "
        "as `refundctl card issue`."
    )


CASH_OUT = (
    """
    INSERT INTO transactions (campaign, card, type, bucket, amount_minor, contra_account, run_id)
    SELECT campaign, card, 'CREDITS_REMOVAL', bucket, -sum(amount_minor), 'cash_owed', :run
    FROM transactions WHERE card = 1 AND bucket = 'paid' GROUP BY card
    """,
    "INSERT INTO cashouts (id, card, reason, run_id) SELECT max(id), 1, 'moved abroad', :run FROM transactions",
)
PAID_OUT = "INSERT INTO cash_outcomes (debt, outcome, run_id) SELECT id, 'paid', :run FROM cashouts"


def test_a_card_that_is_paid_out_in_cash_gets_nothing_back(till: Till) -> None:
    redemption = spent(till)
    sealed_run(till.folder, "cashout request", *CASH_OUT)
    assert refused(till, "voucher_disabled", redemption) == (
        "Card c1 is frozen, as its balance is to be paid out in cash, so nothing can be given back to it: "
        "`refundctl cashout cancel` gives it back first."
    )
    sealed_run(till.folder, "cashout settle", PAID_OUT)
    assert "its balance was paid out in cash" in refused(till, "voucher_not_active", redemption)


TRANSFER = (
    "INSERT INTO transfers (card, successor, run_id) VALUES ({card}, {successor}, :run)",
    """
    INSERT INTO transactions (campaign, card, type, bucket, amount_minor, contra_account, run_id)
    SELECT campaign, card, 'CREDITS_REMOVAL', bucket, -sum(amount_minor), 'transfers', :run
    FROM transactions WHERE card = {card} GROUP BY campaign, card, bucket HAVING sum(amount_minor) > 0
    """,
    """
    INSERT INTO transactions (campaign, card, type, bucket, amount_minor, contra_account, related_transaction, run_id)
    SELECT campaign, {successor}, 'CREDITS_ADDITION', bucket, -amount_minor, 'transfers', id, :run
    FROM transactions WHERE card = {card} AND run_id = :run
    """,
)


def test_the_money_goes_where_the_balance_has_moved_to(till: Till) -> None:
    till.say()
    till.fund(*(booking(f"B{number}", "100.00", customer_id="ana", bonus_amount="30.00") for number in (1, 2, 3)))
    redemption = till.redeem("--json", amount="45.00", customer="ana").ok().json()["redemption"]["id"]
    for card in (1, 2):
        sealed_run(till.folder, "card transfer", *(sql.format(card=card, successor=card + 1) for sql in TRANSFER))

    answer = roll_back(till, redemption, "--key", "case 7", "--json").ok().json()

    assert (answer["rollback"]["card_id"], answer["card"]["card_id"], answer["card"]["balance"]) == ("c3", "c3", 39000)
    assert [transaction["card_id"] for transaction in answer["transactions"]] == ["c3", "c3"]
    assert (till.balance("c1"), till.balance("c3")) == ({}, {"paid": 30000, "bonus": 9000})
    assert refused(till, "already_rolled_back", redemption).startswith(f"Redemption {redemption} was given back before")
    till.call("card", "deactivate", "c3").ok()
    assert roll_back(till, redemption, "--key", "case 7", "--json").ok().json()["run_id"] == answer["run_id"]


def test_a_successor_that_is_dead_gets_nothing_back(till: Till) -> None:
    till.say()
    till.fund(booking("B1", customer_id="ana"), booking("B2", customer_id="ana"))
    redemption = till.redeem("--json", customer="ana").ok().json()["redemption"]["id"]
    sealed_run(till.folder, "card transfer", *(sql.format(card=1, successor=2) for sql in TRANSFER))
    till.call("card", "deactivate", "c2").ok()
    assert refused(till, "voucher_not_active", redemption).startswith("Card c2 was deactivated for good")


# --- Repeats, and what is written down ---


def test_a_retry_with_its_key_gets_the_first_answer(till: Till) -> None:
    """Also where it names the whole amount, which the first one left out."""
    redemption = spent(till)
    first = roll_back(till, redemption, "--key", "case 7", "--json").ok().json()
    again = roll_back(till, redemption, "--amount", "45.00", "--key", "case 7", "--json").ok()
    assert again.json() == first
    assert again.stderr == ("This key was used before, by run 6: this is its answer, and nothing was done now.\n")
    assert till.balance() == {"paid": 10000, "bonus": 3000}


def test_the_same_key_for_another_amount_is_refused(till: Till) -> None:
    redemption = spent(till)
    roll_back(till, redemption, "--key", "case 7").ok()
    refused(till, "idempotency_conflict", redemption, "--amount", "44", "--key", "case 7")


def test_run_and_attempt_say_what_was_asked(till: Till) -> None:
    redemption = spent(till)
    roll_back(till, redemption, "--amount", "20", "--reason", f"typed {till.code()} twice").ok()
    roll_back(till, redemption)
    roll_back(till, 99)
    asked = f'"card":"c1","reason":{{}},"transaction":{redemption}'
    [(run,)] = read(till.ledger, "SELECT arguments FROM runs ORDER BY id DESC LIMIT 1")
    masked = f'"typed ****{till.code()[-4:]} twice"'
    assert run == f'{{"amount_minor":2000,{asked.format(masked)}}}'
    attempts = read(till.ledger, "SELECT arguments, campaign FROM attempts ORDER BY id")
    assert attempts == [
        (f'{{"amount_minor":4500,{asked.format("null")}}}', CAMPAIGN),
        ('{"transaction":99}', None),
    ]
    till.show_no_code()


def test_without_a_ledger_there_is_nothing_to_give_back(till: Till) -> None:
    assert roll_back(till, 1, "--json").json()["errors"][0]["code"] == "ledger_missing"
    assert not till.ledger.exists()
