"""`refundctl card show`: all that the desk asks about a card, and its code only to who wants it shown."""

from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import ENVELOPE, PRINTED, booking, csv_text
from support.desks.till import MAY_DAY, Till

JUNE = "2020-06-01T12:00:00Z"
EXPIRED = "2021-05-01T22:00:00Z"


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def shown(till: Till, card: str = "c1", *options: str, now: str | None = None) -> dict[str, Any]:
    """What stands under `card`."""
    found: dict[str, Any] = till.call("card", "show", card, *options, "--json", now=now).ok().json()["card"]
    return found


def with_printed_cards(till: Till, **keys: object) -> None:
    """A campaign whose cards were printed beforehand: c1 to c6, none handed out."""
    till.say(type="STATIC", **keys)
    (till.folder / "codes.csv").write_text(csv_text(*({"code": code} for code in PRINTED)), encoding="utf-8")
    till.call("create", CAMPAIGN, "--codes", "codes.csv").ok()


def test_everything_as_a_script_sees_it(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")
    till.redeem(amount="45.50").ok()

    answer = till.call("card", "show", "c1", "--json").ok().json()

    assert list(answer) == [*ENVELOPE[:-1], "card", "transactions", "errors"]
    assert (answer["command"], answer["status"], answer["campaign"]) == ("card show", "ok", CAMPAIGN)
    assert answer["totals"] == {"EUR": {"balance": 8_450, "paid": 8_450, "bonus": 0}}
    assert answer["card"] == {
        "card_id": "c1",
        "code": f"****{till.code()[-4:]}",
        "campaign": CAMPAIGN,
        "state": "active",
        "balance": 8_450,
        "paid": 8_450,
        "bonus": 0,
        "currency": "EUR",
        "expires_on": "2021-05-01",
        "redemption_count": 1,
        "has_pin": False,
        "successor": None,
        "customer_id": "C-B1",
        "name": "Guest B1",
        "email": "b1@example.org",
        "booking_ids": ["B1"],
        "published_at": MAY_DAY,
        "published_by": 3,
        "activated_at": None,
        "activated_by": None,
        "redeemable": True,
        "refusal": None,
        "wrong_pins": 0,
        "replaces": [],
        "cashout_id": None,
        "failed_attempts": {"count": 0, "days": 30, "last_code": None, "last_at": None},
        "refused_redemptions": [],
    }
    told = ("id", "type", "bucket", "amount", "balance", "booking_id", "source_id", "related_transaction_id", "run_id")
    assert [tuple(row[name] for name in told) for row in answer["transactions"]] == [
        (1, "CREDITS_ADDITION", "paid", 10_000, 10_000, "B1", "B1", None, 4),
        (2, "CREDITS_ADDITION", "bonus", 3_000, 13_000, "B1", "B1", None, 4),
        (3, "CREDITS_REDEMPTION", "paid", -1_550, 11_450, "B1", "INV-1", None, 5),
        (4, "CREDITS_REDEMPTION", "bonus", -3_000, 8_450, "B1", "INV-1", 3, 5),
    ]
    accounts = [row["contra_account"] for row in answer["transactions"]]
    assert accounts == ["refunds_owed", "bonuses_owed", "sales", "sales"]


def test_everything_as_a_clerk_sees_it(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")
    till.redeem(amount="20").ok()
    till.redeem(amount="500", invoice="INV-2")

    assert till.call("card", "show", "c1").ok().stdout == (
        f"Card c1 of {CAMPAIGN}: active\n"
        f"  code            ****{till.code()[-4:]}\n"
        "  balance         EUR 110.00, of it EUR 10.00 bonus\n"
        "  holder          C-B1, Guest B1, b1@example.org\n"
        "  booking         B1\n"
        "  last valid day  2021-05-01\n"
        f"  published       {MAY_DAY} by run 3\n"
        "  PIN             no\n"
        "  redemptions     1\n"
        f"  refused         once in 30 days, last at {MAY_DAY}: above the balance\n"
        "Transactions:\n"
        "id  when                  what        bucket  amount      balance     for    reason  run\n"
        f"1   {MAY_DAY}  top-up      paid    EUR 100.00  EUR 100.00  B1             4\n"
        f"2   {MAY_DAY}  top-up      bonus   EUR 30.00   EUR 130.00  B1             4\n"
        f"3   {MAY_DAY}  redemption  bonus   EUR -20.00  EUR 110.00  INV-1          5\n"
    )


def test_a_long_reason_leaves_the_table_readable(till: Till) -> None:
    till.open()
    why = f"the file said 60.00, {'and said it again, ' * 40}"
    till.call("card", "adjust", "c1", "--amount", "5", "--reason", why).ok()

    table = till.call("card", "show", "c1").ok().stdout.partition("Transactions:\n")[2]
    assert max(map(len, table.splitlines())) < 200
    assert "the file said 60.00, and said it again, and said it again..." in table
    answer = till.call("card", "show", "c1", "--json").ok().json()
    assert answer["transactions"][1]["reason"] == why.strip()


# --- The code ---


def test_the_whole_code_only_where_it_is_to_be_revealed(till: Till) -> None:
    till.open()
    code = till.code()
    assert shown(till, "c1", "--reveal")["code"] == code
    assert f"  code            {code}\n" in till.call("card", "show", "c1", "--reveal").ok().stdout
    till.show_no_code(till.call("card", "show", "c1"), till.call("card", "show", "c1", "--json"))


def test_a_card_is_found_by_its_code_however_it_is_typed(till: Till) -> None:
    till.open()
    typed = till.code().lower().replace("-", " ")
    assert shown(till, typed)["card_id"] == "c1"
    answer = till.call("card", "show", "-", "--json", stdin=f"{till.code()}\n").ok().json()
    assert answer["card"]["card_id"] == "c1"
    assert shown(till, " c1 ")["card_id"] == "c1"


# --- Why it can't be used ---


def test_why_nothing_can_be_bought_with_it(till: Till) -> None:
    till.open()
    refusal = {
        "code": "voucher_expired",
        "message": "Card c1 expired on 2021-05-01: `refundctl card extend` revives it as long as its balance is not "
        "booked as expired.",
    }
    found = shown(till, now=EXPIRED)
    assert (found["state"], found["redeemable"], found["refusal"]) == ("expired", False, refusal)
    assert f"Not redeemable now: {refusal['message']}\n" in till.call("card", "show", "c1", now=EXPIRED).ok().stdout


def test_a_paused_campaign_and_an_empty_card(till: Till) -> None:
    till.open(paid="10.00")
    till.redeem(amount="10").ok()
    assert shown(till)["refusal"] == {
        "code": "gift_amount_exceeded",
        "message": "Card c1 holds EUR 0.00: nothing is left on it.",
    }
    till.call("pause", CAMPAIGN).ok()
    assert shown(till)["refusal"]["code"] == "campaign_paused"


def test_what_was_refused_lately_is_counted(till: Till) -> None:
    till.open()
    for customer in ("nobody", "else"):
        till.redeem(customer=customer)
    failed = shown(till)["failed_attempts"]
    assert failed == {"count": 2, "days": 30, "last_code": "customer_rules_violated", "last_at": MAY_DAY}
    assert "  refused         2 times in 30 days" in (said := till.call("card", "show", "c1").ok().stdout)
    assert said.count(": only for its holder\n") == 1
    assert shown(till, now=JUNE)["failed_attempts"]["count"] == 0


def test_what_was_refused_is_told_in_words_that_fit_any_deed(till: Till) -> None:
    till.open()
    till.call("card", "extend", "c1", "--until", "2030-01-01")
    till.call("card", "assign", "c1", "--customer", "nobody")
    assert (
        f"  refused         once in 30 days, last at {MAY_DAY}: not found\n"
        in till.call("card", "show", "c1").ok().stdout
    )


# --- Whose it is ---


def test_a_card_of_the_pool_is_nobodys(till: Till) -> None:
    with_printed_cards(till)
    found = shown(till, PRINTED[0])
    assert (found["state"], found["customer_id"], found["published_at"], found["booking_ids"]) == (
        "unassigned",
        None,
        None,
        [],
    )
    said = till.call("card", "show", "c1").ok().stdout
    assert "  holder       nobody\n" in said
    assert said.endswith("No transactions yet.\n")


def test_a_card_that_was_handed_out_without_a_holder(till: Till) -> None:
    with_printed_cards(till, redeemable_by="anyone")
    run = till.call("card", "activate", "c1", "--json", now=JUNE).ok().json()["run_id"]
    found = shown(till, now=JUNE)
    assert (found["state"], found["expires_on"]) == ("active", "2021-06-01")
    assert (found["activated_at"], found["activated_by"], found["published_at"]) == (JUNE, run, None)


def test_a_card_for_a_customer_names_all_the_bookings_on_it(till: Till) -> None:
    till.say(card_per="customer")
    till.fund(*(booking(number, "10.00", customer_id="ANA") for number in ("B1", "B2")))
    assert shown(till)["booking_ids"] == ["B1", "B2"]
    till.call("card", "transfer", "c1").ok()
    old, new = shown(till), shown(till, "c2")
    assert (old["state"], old["successor"], old["balance"]) == ("transferred", "c2", 0)
    assert (new["replaces"], new["booking_ids"], new["balance"]) == (["c1"], ["B1", "B2"], 2_000)
    said = till.call("card", "show", "c1").ok().stdout
    assert "  moved to        c2\n" in said
    assert "moved away" in said
    assert "moved here (of 3)" in till.call("card", "show", "c2").ok().stdout


def test_a_card_of_which_cash_is_owed_names_the_debt(till: Till) -> None:
    till.open(bonus="5.00")
    till.call("cashout", "request", "c1", "--reason", "moved abroad").ok()
    found = shown(till)
    assert (found["state"], found["cashout_id"], found["balance"]) == ("frozen", 3, 0)


def test_wrong_pins_are_told(till: Till) -> None:
    till.open()
    (till.folder / "pin").write_text("1234\n")
    (till.folder / "wrong").write_text("4321\n")
    till.call("card", "set-pin", "c1", "--pin-file", "pin").ok()
    till.redeem("--pin-file", "wrong")
    found = shown(till)
    assert (found["has_pin"], found["wrong_pins"]) == (True, 1)
    assert "  PIN             yes, 1 wrong try\n" in till.call("card", "show", "c1").ok().stdout


def test_what_a_till_took_beyond_the_balance_stays_visible(till: Till) -> None:
    till.open(paid="10.00")
    (till.folder / "till.csv").write_text("card_id,amount,invoice,customer_id\nc1,99.00,T-1,C-B1\n")
    till.call("load-redemptions", "till.csv")
    [refused] = shown(till)["refused_redemptions"]
    assert (refused["invoice"], refused["amount"], refused["code"]) == ("T-1", 9_900, "gift_amount_exceeded")
    assert (
        "  A till took EUR 99.00 for invoice T-1, which was refused: above the balance.\n"
        in till.call("card", "show", "c1").ok().stdout
    )


# --- Cards that are not there, and ledgers that can't be written ---


@pytest.mark.parametrize(
    ("named", "shown_as", "kept"),
    [("c99", "There is no card c99 in", '{"card":"c99"}'), ("RF-2345-6789", "with the code ****6789", '{"card":null}')],
)
def test_an_unknown_card_is_refused_and_the_attempt_recorded(till: Till, named: str, shown_as: str, kept: str) -> None:
    till.open()
    before = till.facts()
    result = till.call("card", "show", named)
    assert result.exit == 4
    assert shown_as in result.stderr
    assert till.facts() == before
    [(command, code, arguments, card)] = read(till.ledger, "SELECT command, error_code, arguments, card FROM attempts")
    assert (command, code, arguments, card) == ("card show", "resource_not_found", kept, None)
    assert named not in str(read(till.ledger, "SELECT message FROM attempts")) or named == "c99"


def test_it_changes_nothing(till: Till) -> None:
    till.open()
    before = till.ledger.read_bytes()
    till.call("card", "show", "c1").ok()
    till.call("card", "show", "c1", "--json", "--reveal").ok()
    assert till.ledger.read_bytes() == before


def test_without_a_ledger(run_in_process: CommandLine) -> None:
    result = run_in_process("card", "show", "c1")
    assert (result.exit, "refunds.db is missing" in result.stderr) == (66, True)
