"""refundctl card redeem, on a real ledger: what a purchase takes, every refusal, the order of checks, and repeats."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN
from support.desks.bookings_desk import ENVELOPE, booking, csv_text
from support.desks.till import HOLDER, MAY_DAY, Till

EXPIRED = "2021-05-01T22:00:00Z"  # midnight in Warsaw, as the last valid day ends
NINE_TO_FIVE = {"daily": [{"start_time": "09:00", "expiration_time": "17:00"}]}


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


# --- What is taken ---


def test_a_purchase_as_a_script_sees_it(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")

    result = till.redeem("--order-total", "80", "--json", amount="45.50").ok()

    code = f"****{till.code()[-4:]}"
    redemption = {"id": 3, "card_id": "c1", "currency": "EUR", "invoice": "INV-1", "order_total": 8000}
    card = {"card_id": "c1", "code": code, "campaign": CAMPAIGN, "currency": "EUR", "expires_on": "2021-05-01"}
    transaction = {
        "campaign": CAMPAIGN,
        "card_id": "c1",
        "type": "CREDITS_REDEMPTION",
        "currency": "EUR",
        "booking_id": "B1",
        "reason": None,
        "run_id": 5,
        "created_at": MAY_DAY,
    }
    answer = result.json()
    assert answer == {
        "schema_version": 1,
        "command": "card redeem",
        "status": "ok",
        "run_id": 5,
        "campaign": CAMPAIGN,
        "counts": {"redemptions": 1},
        "totals": {"EUR": {"redeemed": 4550, "paid": 1550, "bonus": 3000}},
        "files": [],
        "redemption": {**redemption, "amount": 4550, "paid": 1550, "bonus": 3000},
        "card": {
            **card,
            "state": "active",
            "balance": 8450,
            "paid": 8450,
            "bonus": 0,
            "redemption_count": 1,
            "has_pin": False,
            "successor": None,
        },
        "transactions": [
            {
                **transaction,
                "id": 3,
                "bucket": "paid",
                "amount": -1550,
                "balance": 11450,
                "source_id": "INV-1",
                "related_transaction_id": None,
            },
            {
                **transaction,
                "id": 4,
                "bucket": "bonus",
                "amount": -3000,
                "balance": 8450,
                "source_id": "INV-1",
                "related_transaction_id": 3,
            },
        ],
        "errors": [],
    }
    assert [name for name in answer if name in ENVELOPE] == list(ENVELOPE)
    till.show_no_code(result)


def test_a_purchase_as_a_person_sees_it(till: Till) -> None:
    till.open(paid="1000.00", bonus="30.00")

    said = till.redeem(amount="1020.00").ok()

    assert said.stdout == (
        "Redeemed EUR 1,020.00 (EUR 30.00 of it bonus) from card c1 for invoice INV-1; EUR 10.00 left.\n"
        "Transaction 3: `refundctl card rollback 3` gives it back.\n"
    )
    assert said.stderr == ""
    assert till.redeem("-q", amount="10.00", invoice="INV-2").ok().stdout == ""
    assert till.balance() == {}


def test_the_books_stay_sound(till: Till) -> None:
    till.open(bonus="30.00")
    till.redeem(amount="12.34").ok()
    till.refused("gift_amount_exceeded", amount="1000", invoice="INV-2")

    till.redeem(amount="100", invoice="INV-2").ok()

    till.call("verify").ok()
    assert till.balance() == {"paid": 1766}


@pytest.mark.parametrize(
    ("order", "amounts", "left"),
    [
        ("bonus_first", ["20"], {"bonus": 1000, "paid": 10_000}),
        ("bonus_first", ["30"], {"paid": 10_000}),
        ("bonus_first", ["30.01"], {"paid": 9_999}),
        ("bonus_first", ["20", "20"], {"paid": 9_000}),
        ("bonus_first", ["130"], {}),
        ("paid_first", ["20"], {"bonus": 3000, "paid": 8_000}),
        ("paid_first", ["100"], {"bonus": 3000}),
        ("paid_first", ["100.01"], {"bonus": 2999}),
        ("paid_first", ["60", "60"], {"bonus": 1000}),
        ("paid_first", ["130"], {}),
    ],
)
def test_the_campaign_says_which_part_is_spent_first(
    till: Till, order: str, amounts: list[str], left: dict[str, int]
) -> None:
    till.open(bonus="30.00", refund={"redeem_order": order})

    for number, amount in enumerate(amounts):
        till.redeem(amount=amount, invoice=f"INV-{number}").ok()

    assert till.balance() == left


def test_a_redemption_is_kept_with_its_buyer_invoice_and_order(till: Till) -> None:
    till.open(redeemable_by="anyone", invoice="optional")
    till.fund(booking("B1"), booking("B2"))

    till.redeem("--order-total", "80", customer="C-B2", invoice=" INV-1 ").ok()
    till.redeem(customer=None, invoice=None).ok()
    till.redeem(customer="nobody@example.org", invoice=None).ok()

    sql = """
        SELECT customers.customer_id, invoice, order_total_minor
        FROM redemptions LEFT JOIN customers ON customers.id = customer ORDER BY redemptions.id
    """
    assert read(till.ledger, sql) == [("C-B2", "INV-1", 8000), (None, None, None), (None, None, None)]


def test_the_journal_keeps_what_was_asked_for_without_code_and_person(till: Till) -> None:
    till.open()

    till.redeem("--order-total", "80", card=till.code(), amount="EUR 12.5").ok()

    [(command, arguments, counts, totals)] = read(
        till.ledger,
        "SELECT command, arguments, counts, totals FROM runs JOIN run_outcomes ON run_id = runs.id WHERE runs.id = 5",
    )
    assert command == "card redeem"
    assert json.loads(arguments) == {
        "card": "c1",
        "amount_minor": 1250,
        "invoice": "INV-1",
        "order_total_minor": 8000,
        "customer": 1,
    }
    assert json.loads(counts) == {"redemptions": 1}
    assert json.loads(totals) == {"EUR": {"redeemed": 1250, "paid": 1250, "bonus": 0}}


# --- Amounts ---


@pytest.mark.parametrize("amount", ["12.50", "12.5", "0012.50", "EUR 12.50", "eur 12.5", "12.50 EUR", " 12.50  EUR "])
def test_ways_to_write_an_amount(till: Till, amount: str) -> None:
    till.open()

    till.redeem(amount=amount).ok()

    assert till.balance() == {"paid": 8750}


@pytest.mark.parametrize(
    ("currency", "amount", "minor"), [("JPY", "1500", 1500), ("KWD", "1.005", 1005), ("CLF", "0.0001", 1)]
)
def test_amounts_in_currencies_of_other_decimals(till: Till, currency: str, amount: str, minor: int) -> None:
    till.open(paid="5000", currency=currency)
    [before] = till.balance().values()

    answer = till.redeem("--json", amount=amount).ok().json()

    assert answer["totals"] == {currency: {"redeemed": minor, "paid": minor, "bonus": 0}}
    assert till.balance() == {"paid": before - minor}


@pytest.mark.parametrize(
    ("currency", "amount", "code", "message"),
    [
        ("EUR", "0", "amount_not_positive", "--amount '0' is not above zero: write it like 12.50."),
        ("EUR", "0.00", "amount_not_positive", "--amount '0.00' is not above zero: write it like 12.50."),
        ("EUR", "-5", "amount_not_positive", "--amount '-5' is not above zero: write it like 12.50."),
        (
            "EUR",
            "1.005",
            "too_many_decimals",
            "--amount '1.005' has 3 decimals, EUR has 2 decimals: write it like 12.50.",
        ),
        ("JPY", "1.5", "too_many_decimals", "--amount '1.5' has 1 decimal, JPY has no decimals: write it like 12."),
        (
            "KWD",
            "1.0005",
            "too_many_decimals",
            "--amount '1.0005' has 4 decimals, KWD has 3 decimals: write it like 12.500.",
        ),
        *(
            ("EUR", text, "malformed_amount", f"--amount {text!r} is not an amount in EUR: write it like 12.50.")
            for text in ("1,50", "1.000,00", "+5", "1e2", "５", "1_0", "ten", "5.", ".5", "€5", "NaN", "5;5")
        ),
        ("EUR", "EUR", "malformed_amount", "--amount 'EUR' is not an amount in EUR: write it like 12.50."),
        ("EUR", "5 5", "malformed_amount", "--amount '5 5' is not an amount in EUR: write it like 12.50."),
        (
            "EUR",
            "1000000000000000",
            "malformed_amount",
            (
                "--amount a text of 16 characters (...'0000') is too long: an amount in EUR has at most 15 digits "
                "before its decimals: write it like 12.50."
            ),
        ),
    ],
)
def test_what_is_no_amount_is_wrong_usage(till: Till, currency: str, amount: str, code: str, message: str) -> None:
    till.open(paid="100", currency=currency)

    assert wrong_usage(till, amount=amount) == (code, message)
    assert wrong_usage(till, "--order-total", amount, amount="5")[0] == code


@pytest.mark.parametrize("amount", ["USD 5", "5 USD", "usd 5", "JPY 500"])
def test_another_currency_is_refused(till: Till, amount: str) -> None:
    till.open()
    other = "JPY" if "JPY" in amount else "USD"

    assert till.refused("currency_mismatch", amount=amount) == (
        f"--amount is in {other}, but this card is in EUR: give the amount in EUR."
    )
    assert till.refused("currency_mismatch", "--order-total", amount) == (
        f"--order-total is in {other}, but this card is in EUR: give the amount in EUR."
    )


def test_a_code_typed_for_an_amount_is_not_shown(till: Till) -> None:
    till.open()

    result = till.redeem("--json", amount=till.code())

    assert result.exit == 2
    till.show_no_code(result)


def test_an_amount_is_needed(till: Till) -> None:
    till.open()

    assert till.call("card", "redeem", "c1").exit == 2


def wrong_usage(till: Till, *options: str, **typed: Any) -> tuple[str, str]:
    """Code and message of a redemption that is not understood: nothing is done, and nothing recorded."""
    before, attempts = till.facts(), till.attempts()
    result = till.redeem(*options, "--json", **typed)
    answer = result.json()
    assert (result.exit, answer["status"]) == (2, "error")
    assert (till.facts(), till.attempts()) == (before, attempts)
    till.show_no_code(result)
    [error] = answer["errors"]
    return error["code"], error["message"]


# --- Which card ---


def test_a_code_is_found_without_regard_to_case_spaces_and_dashes(till: Till) -> None:
    till.open()
    code = till.code()

    typed = [code, code.lower(), code.replace("-", ""), code.replace("-", " "), f" {code} ", code.replace("-", "–")]
    results = [till.redeem(card=text, amount="1", invoice=f"INV-{at}") for at, text in enumerate(typed)]

    assert [result.exit for result in results] == [0] * len(typed)
    till.show_no_code(*results)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_code_is_read_from_stdin(till: Till, ending: str) -> None:
    till.open()

    result = till.redeem(card="-", stdin=till.code().lower() + ending).ok()

    assert till.balance() == {"paid": 9000}
    till.show_no_code(result)


@pytest.mark.parametrize("stdin", ["", "\n", "  \n", "one\ntwo\n", "x" * 2000])
def test_stdin_holds_one_line(till: Till, stdin: str) -> None:
    till.open()

    assert wrong_usage(till, card="-", stdin=stdin) == (
        "usage",
        "stdin should hold a code on one line, and nothing else: check it.",
    )


@pytest.mark.parametrize("named", ["c1", "C1", "c01"])
def test_a_card_id_is_c_and_digits(till: Till, named: str) -> None:
    till.open()

    till.redeem(card=named).ok()


def test_an_unknown_card_id(till: Till) -> None:
    till.open()

    assert till.refused("resource_not_found", card="c2", on=None) == (
        "There is no card c2 in refunds.db: `refundctl card find` lists the cards of a customer or booking."
    )
    assert last_arguments(till) == {"card": "c2"}


def test_a_misspelt_code_is_shown_and_kept_by_its_last_four_signs(till: Till) -> None:
    till.open()
    code = till.code()
    wrong = code[:-1] + ("2" if code[-1] != "2" else "3")

    message = till.refused("resource_not_found", card=wrong.lower(), on=None)

    assert message == (
        f"There is no card with the code ****{wrong.lower()[-4:]} in refunds.db: check each character, or find the card "
        "with `refundctl card find`."
    )
    assert last_arguments(till) == {"card": None}
    assert wrong.lower() not in str(read(till.ledger, "SELECT * FROM attempts"))


PRINTED = "K7QD-0O1I-9RTL-4HCN-P"


@pytest.mark.parametrize(
    "typed",
    ["K7QD-OO1I-9RTL-4HCN-P", "K7QD-001I-9RTL-4HCN-P", "k7qd-o0li-9rt1-4hcn-p", "K7QD-0OLL-9RTI-4HCN-P"],
)
def test_a_code_that_looks_like_a_card_s_is_said_to(till: Till, typed: str) -> None:
    till.say(type="STATIC")
    (till.folder / "codes.csv").write_text(csv_text({"code": PRINTED}), encoding="utf-8")
    till.call("create", CAMPAIGN, "--codes", "codes.csv").ok()

    assert till.refused("resource_not_found", card=typed, on=None) == (
        f"There is no card with the code ****{typed[-4:]} in refunds.db: a card has one that looks like it, so check "
        "whether each 0 is an O, and each 1 an I or L."
    )
    till.refused("voucher_not_active", card=PRINTED)


def test_several_cards_may_look_like_what_was_typed(till: Till) -> None:
    config = {"pattern": "RF-##", "charset": "0O"}
    till.say(type="STATIC", vouchers_count=3, weak_codes=True, voucher={"code_config": config})
    till.call("create", CAMPAIGN).ok()
    made = {code for (code,) in read(till.ledger, "SELECT code FROM cards")}
    [unknown] = {"RF-00", "RF-0O", "RF-O0", "RF-OO"} - made

    message = till.redeem("--json", card=unknown).json()["errors"][0]["message"]

    assert message == (
        f"There is no card with the code ****{unknown[-2:]} in refunds.db: 3 cards have one that looks like it, so check "
        "whether each 0 is an O, and each 1 an I or L."
    )


def test_without_a_ledger_there_is_no_card(till: Till) -> None:
    result = till.redeem("--json")

    assert (result.exit, result.json()["errors"][0]["code"]) == (66, "ledger_missing")
    assert not till.ledger.exists()


def last_arguments(till: Till) -> object:
    [(arguments,)] = read(till.ledger, "SELECT arguments FROM attempts ORDER BY id DESC LIMIT 1")
    return json.loads(arguments)


# --- Invoices ---


def test_an_invoice_is_used_once_per_card(till: Till) -> None:
    till.open()
    till.fund(booking("B1"), booking("B2"))
    till.redeem(invoice="INV-1").ok()

    assert till.refused("invoice_already_used", invoice="INV-1") == (
        "Invoice INV-1 was paid with card c1 before, by transaction 3: a number is used once, also after a rollback."
    )
    till.refused("invoice_already_used", invoice="  INV-1 ")
    till.redeem(invoice="inv-1").ok()
    till.redeem(invoice="INV-1", card="c2", customer="C-B2").ok()


def test_an_invoice_is_required_unless_the_campaign_says_otherwise(till: Till) -> None:
    till.open()

    assert till.refused("invoice_required", invoice=None) == (
        "flight-refunds asks for an invoice number: give it with --invoice."
    )


def test_where_an_invoice_is_optional_one_that_is_named_is_used_once_all_the_same(till: Till) -> None:
    till.open(invoice="optional")

    till.redeem(invoice=None).ok()
    till.redeem(invoice=None).ok()
    till.redeem(invoice="INV-1").ok()

    till.refused("invoice_already_used", invoice="INV-1")


def test_an_invoice_number_has_up_to_100_characters(till: Till) -> None:
    till.open()

    till.redeem(invoice="ä" * 100).ok()

    assert wrong_usage(till, invoice="x" * 101) == (
        "invoice_malformed",
        "--invoice takes a number of 1 to 100 characters, this one has 101: check it.",
    )
    assert wrong_usage(till, invoice="x" * 300)[0] == "invoice_malformed"


@pytest.mark.parametrize(
    ("invoice", "message"),
    [
        ("   ", "--invoice takes a number of 1 to 100 characters, this one has 0: check it."),
        ("INV\t1", "--invoice has a character that can't be printed: type it again."),
        ("INV\x1b[31m", "--invoice has a character that can't be printed: type it again."),
        ("INV\n1", "--invoice has a character that can't be printed: type it again."),
        ("INV\u202e1", "--invoice has a character that can't be printed: type it again."),
        (
            "4111 1111 1111 1111",
            "--invoice holds the number of a payment card, which must not be kept: give the number of the invoice.",
        ),
    ],
)
def test_what_is_no_invoice_number(till: Till, invoice: str, message: str) -> None:
    till.open()

    assert wrong_usage(till, invoice=invoice) == ("invoice_malformed", message)


def test_a_card_s_code_is_no_invoice_number(till: Till) -> None:
    till.open()

    for typed in (till.code(), till.code().lower().replace("-", " ")):
        assert wrong_usage(till, invoice=typed) == (
            "invoice_malformed",
            "--invoice is a card's code: give the number of the invoice.",
        )


# --- Orders ---


def test_the_minimum_of_an_order(till: Till) -> None:
    till.open(minimum_order="50.00")

    assert till.refused("order_rules_violated") == (
        "flight-refunds takes its cards for orders of EUR 50.00 and above: name the order's total with --order-total."
    )
    assert till.refused("order_rules_violated", "--order-total", "49.99") == (
        "flight-refunds takes its cards for orders of EUR 50.00 and above: this one is EUR 49.99."
    )
    till.redeem("--order-total", "50").ok()


def test_no_more_is_taken_than_the_order_comes_to(till: Till) -> None:
    till.open()

    assert till.refused("order_rules_violated", "--order-total", "9.99") == (
        "EUR 10.00 is more than the order's total of EUR 9.99: take at most that."
    )
    till.redeem("--order-total", "10.00").ok()


# --- Who buys ---


def test_only_the_holder_redeems(till: Till) -> None:
    till.open()
    till.fund(booking("B1"), booking("B2"))

    assert till.refused("customer_rules_violated", customer=None) == (
        "Only the holder of card c1 may redeem it: name who buys with --customer."
    )
    for customer in ("C-B2", "nobody@example.org", "c-b1"):
        assert till.refused("customer_rules_violated", customer=customer) == (
            "Card c1 belongs to another customer: only its holder may redeem it."
        )
        assert customer not in str(read(till.ledger, "SELECT * FROM attempts"))
    till.redeem(customer=HOLDER).ok()


@pytest.mark.parametrize("deed", ["redeem", "validate"])
def test_a_refusal_names_the_card_whose_code_was_typed(till: Till, deed: str) -> None:
    till.open()
    typed = ("--amount", "100.01", "--invoice", "INV-1", "--customer", HOLDER)
    [error] = till.call("card", deed, till.code(), *typed, "--json").json()["errors"]
    assert (error["code"], error["card_id"]) == ("gift_amount_exceeded", "c1")
    [error] = till.call("card", deed, "c7", *typed, "--json").json()["errors"]
    assert [*error] == ["code", "message"]


def test_whose_id_is_an_address_is_named_in_any_case_of_letters(till: Till) -> None:
    till.say()
    till.fund(booking("B1", customer_id="", email="Ana.Nowak@Example.org"))
    for number, customer in enumerate(("ana.nowak@example.org", "Ana.Nowak@Example.org", " ANA.NOWAK@EXAMPLE.ORG")):
        till.redeem(customer=customer, invoice=f"INV-{number}").ok()
    till.refused("customer_rules_violated", customer="Ana.Nowak@Example.com", invoice="INV-9")


def test_anyone_redeems_where_the_campaign_lets_them(till: Till) -> None:
    till.open(redeemable_by="anyone")
    till.fund(booking("B1"), booking("B2"))

    for number, customer in enumerate((None, HOLDER, "C-B2", "nobody")):
        till.redeem(customer=customer, invoice=f"INV-{number}").ok()


# --- Balance and quantity ---


@pytest.mark.parametrize("amount", ["100.01", "1000000"])
def test_a_card_gives_no_more_than_it_holds(till: Till, amount: str) -> None:
    till.open(paid="70.00", bonus="30.00")
    shown = {"100.01": "EUR 100.01", "1000000": "EUR 1,000,000.00"}[amount]

    assert till.refused("gift_amount_exceeded", amount=amount) == (
        f"Card c1 holds EUR 100.00: take at most that, not {shown}."
    )
    till.redeem(amount="100.00").ok()
    assert till.refused("gift_amount_exceeded", amount="0.01", invoice="INV-2") == (
        "Card c1 holds EUR 0.00: nothing is left on it."
    )


@pytest.mark.parametrize(("quantity", "times"), [(1, "once"), (2, "2 times")])
def test_a_card_is_redeemed_as_often_as_the_campaign_says(till: Till, quantity: int, times: str) -> None:
    till.open(voucher={"redemption": {"quantity": quantity}})

    for number in range(quantity):
        till.redeem(invoice=f"INV-{number}").ok()

    assert till.refused("quantity_exceeded", invoice="INV-9") == (
        f"Card c1 may be redeemed {times}, and was: nothing more can be bought with it."
    )


def test_a_redemption_that_was_given_back_whole_does_not_count(till: Till) -> None:
    till.open(voucher={"redemption": {"quantity": 1}})
    till.redeem(amount="60").ok()
    till.call("card", "rollback", "2").ok()

    till.refused("invoice_already_used", invoice="INV-1")
    answer = till.redeem("--json", invoice="INV-2").ok().json()

    assert answer["card"]["redemption_count"] == 1
    till.refused("quantity_exceeded", invoice="INV-3")


def test_a_redemption_that_was_given_back_in_part_counts(till: Till) -> None:
    till.open(voucher={"redemption": {"quantity": 1}})
    till.redeem(amount="60").ok()
    till.call("card", "rollback", "2", "--amount", "59.99").ok()

    till.refused("quantity_exceeded", invoice="INV-2")
    till.refused("invoice_already_used", invoice="INV-1")


@pytest.mark.parametrize(
    ("order", "left"),
    [("bonus_first", {"bonus": 2000, "paid": 10_000}), ("paid_first", {"bonus": 3000, "paid": 9000})],
)
def test_what_was_taken_last_comes_back_first(till: Till, order: str, left: dict[str, int]) -> None:
    till.open(bonus="30.00", refund={"redeem_order": order})
    till.redeem(amount="130").ok()

    till.call("card", "rollback", "3", "--amount", "120").ok()

    assert till.balance() == left


# --- When ---


def test_a_card_is_valid_from_the_start_date_on(till: Till) -> None:
    till.open(start_date="2020-06-01")

    assert till.refused("voucher_not_active", now="2020-05-31T21:59:59Z") == (
        "Card c1 is valid from 2020-06-01 on: redeem it then."
    )
    till.redeem(now="2020-05-31T22:00:00Z").ok()


def test_a_card_is_valid_through_the_last_second_of_its_last_day(till: Till) -> None:
    till.open()

    till.redeem(now="2021-05-01T21:59:59Z").ok()

    assert till.refused("voucher_expired", now=EXPIRED, invoice="INV-2") == (
        "Card c1 expired on 2021-05-01: `refundctl card extend` revives it as long as its balance is not booked as expired."
    )


@pytest.mark.parametrize(
    ("timezone", "last_second"),
    [
        ("UTC", "2021-05-01T23:59:59Z"),
        ("America/New_York", "2021-05-02T03:59:59Z"),
        ("Asia/Kathmandu", "2021-05-01T18:14:59Z"),
    ],
)
def test_the_last_day_ends_where_the_campaign_is(till: Till, timezone: str, last_second: str) -> None:
    till.open(timezone=timezone)

    till.redeem(now=last_second).ok()

    midnight = datetime.fromisoformat(last_second) + timedelta(seconds=1)
    till.refused("voucher_expired", now=midnight.isoformat(), invoice="INV-2")


def test_the_last_day_may_be_one_on_which_the_clocks_are_put_back(till: Till) -> None:
    till.open(expiration_date="2020-10-25")

    till.redeem(now="2020-10-25T22:59:59Z").ok()  # the day has 25 hours in Warsaw

    till.refused("voucher_expired", now="2020-10-25T23:00:00Z", invoice="INV-2")


def test_a_card_without_an_end_is_valid_for_ever(till: Till) -> None:
    till.open(activity_duration_after_publishing=None)

    till.redeem(now="2150-01-01T00:00:00Z").ok()


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2020-05-01T06:59:59Z", False),
        ("2020-05-01T07:00:00Z", True),
        ("2020-05-01T14:59:59Z", True),
        ("2020-05-01T15:00:00Z", False),
        ("2020-11-02T07:59:59Z", False),  # in winter the clocks show an hour less
        ("2020-11-02T08:00:00Z", True),
    ],
)
def test_hours_by_the_clocks_of_the_campaign(till: Till, now: str, is_open: bool) -> None:
    till.now = "2020-04-30T12:00:00Z"
    till.open(validity_hours=NINE_TO_FIVE)

    if is_open:
        till.redeem(now=now).ok()
    else:
        till.refused("outside_validity_timeframe", now=now)


def test_a_refusal_names_the_hours_and_the_clock(till: Till) -> None:
    till.open(validity_hours=NINE_TO_FIVE, validity_day_of_week=[1, 2])

    assert till.refused("outside_validity_timeframe") == (
        "Card c1 can be redeemed only on Monday, Tuesday at 09:00-17:00, by the clocks of Europe/Warsaw, where it is "
        "Friday 14:00 now: try again then."
    )


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2020-05-03T21:59:59Z", False),  # Sunday, the last second of it in Warsaw
        ("2020-05-03T22:00:00Z", True),
        ("2020-05-08T21:59:59Z", True),
        ("2020-05-08T22:00:00Z", False),
    ],
)
def test_days_of_the_week_where_the_campaign_is(till: Till, now: str, is_open: bool) -> None:
    till.open(validity_day_of_week=[1, 2, 3, 4, 5])

    if is_open:
        till.redeem(now=now).ok()
    else:
        till.refused("outside_validity_timeframe", now=now)


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2020-05-01T19:59:59Z", False),
        ("2020-05-01T20:00:00Z", True),
        ("2020-05-01T23:59:59Z", True),
        ("2020-05-02T00:00:00Z", False),
        ("2020-05-02T20:00:00Z", False),
    ],
)
def test_hours_over_midnight(till: Till, now: str, is_open: bool) -> None:
    friday_night = {"start_time": "22:00", "expiration_time": "02:00", "days_of_week": [5]}
    till.open(validity_hours={"daily": [friday_night]})

    if is_open:
        till.redeem(now=now).ok()
    else:
        till.refused("outside_validity_timeframe", now=now)


# --- A pause, and a changed definition ---


def test_nothing_is_redeemed_while_the_campaign_is_paused(till: Till) -> None:
    till.open()
    till.call("pause", CAMPAIGN, "--reason", "stolen codes").ok()

    message = till.refused("campaign_paused")

    assert message.startswith("flight-refunds is paused ")
    assert message.endswith(": nothing is redeemed until `refundctl resume flight-refunds`.")
    till.call("resume", CAMPAIGN).ok()
    till.redeem().ok()


def test_a_changed_definition_holds_for_cards_that_are_published_later(till: Till) -> None:
    till.open(bonus="30.00", redeemable_by="anyone", invoice="optional")
    till.say(
        redeemable_by="holder",
        invoice="required",
        minimum_order="500.00",
        start_date="2021-01-01",
        validity_day_of_week=[0],
        validity_hours=NINE_TO_FIVE,
        voucher={"redemption": {"quantity": 1}},
        refund={"redeem_order": "paid_first"},
    )
    till.fund(booking("B1", bonus_amount="30.00"), booking("B2"))

    till.redeem(customer=None, invoice=None).ok()
    till.redeem(customer=None, invoice=None).ok()

    assert till.balance() == {"bonus": 1000, "paid": 10_000}
    late = {"card": "c2", "on": "c2", "invoice": None, "customer": None}
    till.refused("voucher_not_active", **late)
    sunday = {**late, "now": "2021-01-03T12:00:00Z"}
    till.refused("outside_validity_timeframe", **late, now="2021-01-04T12:00:00Z")
    till.refused("customer_rules_violated", **sunday)
    sunday["customer"] = "C-B2"
    till.refused("invoice_required", **sunday)
    sunday["invoice"] = "INV-1"
    till.refused("order_rules_violated", **sunday)


# --- The order of checks ---


def test_the_first_reason_is_told_and_the_order_is_always_the_same(till: Till) -> None:
    """Somebody at a closed till learns nothing of the card; what concerns the order comes before what is on the card."""
    till.open(minimum_order="50.00", validity_hours=NINE_TO_FIVE, voucher={"redemption": {"quantity": 1}}, paid="60.00")
    till.redeem("--order-total", "50", invoice="INV-1").ok()
    till.call("pause", CAMPAIGN).ok()
    far_off: dict[str, Any] = {"amount": "1000", "customer": "C-B2", "invoice": None, "now": EXPIRED}

    till.refused("campaign_paused", **far_off)
    till.call("resume", CAMPAIGN).ok()
    till.refused("voucher_expired", **far_off)
    far_off["now"] = "2020-05-02T22:00:00Z"
    till.refused("outside_validity_timeframe", **far_off)
    far_off["now"] = MAY_DAY
    till.refused("customer_rules_violated", **far_off)
    far_off["customer"] = HOLDER
    till.refused("invoice_required", **far_off)
    far_off["invoice"] = "INV-1"
    till.refused("invoice_already_used", **far_off)
    far_off["invoice"] = "INV-2"
    till.refused("order_rules_violated", **far_off)
    till.refused("order_rules_violated", "--order-total", "50", **far_off)
    till.refused("quantity_exceeded", "--order-total", "1000", **far_off)


def test_what_was_typed_is_looked_at_before_the_rules(till: Till) -> None:
    till.open()
    till.call("pause", CAMPAIGN).ok()

    assert wrong_usage(till, amount="0")[0] == "amount_not_positive"
    assert wrong_usage(till, invoice="x" * 101)[0] == "invoice_malformed"
    till.refused("currency_mismatch", amount="USD 5")
    till.refused("resource_not_found", card="c2", amount="0", on=None)


# --- Repeats ---


def test_a_key_makes_a_retry_return_the_first_answer(till: Till) -> None:
    till.open()
    words = ("--json", "--key", "till-1/42")

    first = till.redeem(*words).ok()
    before = till.facts()
    again = till.redeem(*words).ok()

    assert again.stdout == first.stdout
    assert again.stderr == "This key was used before, by run 5: this is its answer, and nothing was done now.\n"
    assert till.facts() == before
    assert till.balance() == {"paid": 9000}


def test_the_answer_is_the_same_whatever_has_happened_since(till: Till) -> None:
    till.open()
    words = ("--json", "--key", "till-1/42")
    first = till.redeem(*words).ok()

    till.redeem(invoice="INV-2", amount="90").ok()
    till.call("pause", CAMPAIGN).ok()

    assert till.redeem(*words).ok().stdout == first.stdout
    assert till.redeem(*words, now="2022-01-01T00:00:00Z").ok().stdout == first.stdout


def test_the_same_is_asked_for_in_other_words(till: Till) -> None:
    till.open()
    first = till.redeem("--json", "--key", "k", amount="10").ok()

    again = till.redeem("--json", "--key", "k", amount="EUR 10.00", card=till.code().lower(), invoice=" INV-1").ok()

    assert again.stdout == first.stdout


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "10.01"},
        {"invoice": "INV-2"},
        {"customer": None},
        {"customer": "C-B2"},
        {"card": "c2"},
        {"order_total": "50"},
    ],
)
def test_a_key_is_for_one_thing_only(till: Till, other: dict[str, Any]) -> None:
    till.open(redeemable_by="anyone")
    till.fund(booking("B1"), booking("B2"))
    till.redeem("--key", "k").ok()
    order_total = other.pop("order_total", None)
    options = ["--key", "k", *(["--order-total", order_total] if order_total else [])]

    message = till.refused("idempotency_conflict", *options, on=other.get("card", "c1"), **other)

    assert message == (
        f"The key 'k' was used for something else by run {first_redemption(till)}: use a key of its own for each deed."
    )


def test_what_was_refused_is_not_remembered_under_its_key(till: Till) -> None:
    till.open()
    till.refused("invoice_required", "--key", "k", invoice=None)
    till.refused("gift_amount_exceeded", "--key", "k", amount="200")

    till.redeem("--key", "k").ok()

    assert till.balance() == {"paid": 9000}


@pytest.mark.parametrize("key", ["x" * 201, "a\nb", "\x1b"])
def test_what_is_no_key(till: Till, key: str) -> None:
    till.open()

    assert wrong_usage(till, "--key", key) == (
        "usage",
        "--key takes a text of 1 to 200 characters that can be printed.",
    )


def test_a_card_s_code_is_no_key(till: Till) -> None:
    till.open()

    assert wrong_usage(till, "--key", till.code()) == (
        "usage",
        "--key is a card's code: take a text of your own, such as the number of the case.",
    )


def first_redemption(till: Till) -> int:
    [(run_id,)] = read(till.ledger, "SELECT min(run_id) FROM redemptions")
    assert isinstance(run_id, int)
    return run_id


# --- Dry runs ---


def test_a_dry_run_shows_the_same_and_keeps_nothing(till: Till) -> None:
    till.open()
    before = till.facts()

    shown = till.redeem("-n", "--json", "--key", "k").ok().json()

    assert till.facts() == before
    done = till.redeem("--json", "--key", "k").ok().json()
    assert {**shown, "run_id": 5} == {**done, "dry_run": True}


def test_a_dry_run_of_what_is_refused_is_not_recorded(till: Till) -> None:
    till.open()
    before = till.facts()

    result = till.redeem("-n", "--json", amount="200")

    assert (result.exit, result.json()["errors"][0]["code"]) == (4, "gift_amount_exceeded")
    assert (till.facts(), till.attempts()) == (before, [])


def test_a_wrong_pin_counts_in_a_dry_run_too(till: Till) -> None:
    """Otherwise a PIN could be found by trying."""
    till.open()
    (till.folder / "pin").write_text("2580\n", encoding="utf-8")
    (till.folder / "wrong").write_text("0852\n", encoding="utf-8")
    till.call("card", "set-pin", "c1", "--pin-file", "pin").ok()

    till.refused("pin_wrong", "-n", "--pin-file", "wrong")
    assert till.refused("pin_wrong", "-n", "--pin-file", "wrong") == (
        "That is not the PIN of card c1: 3 more and it is locked."
    )


# --- Cards that can't be used ---


def test_a_disabled_card(till: Till) -> None:
    till.open()
    till.call("card", "disable", "c1").ok()

    assert till.refused("voucher_disabled") == ("Card c1 is disabled: `refundctl card enable` lets it be used again.")
    till.refused("voucher_disabled", now=EXPIRED)
    till.call("card", "enable", "c1").ok()
    till.redeem().ok()


def test_a_deactivated_card(till: Till) -> None:
    till.open()
    till.call("card", "deactivate", "c1").ok()

    assert till.refused("voucher_not_active") == "Card c1 was deactivated for good: ask for the holder's other cards."
    till.refused("voucher_not_active", now=EXPIRED)


def test_a_card_that_was_extended_can_be_redeemed_again(till: Till) -> None:
    till.open()
    till.refused("voucher_expired", now=EXPIRED)

    till.call("card", "extend", "c1", "--until", "2021-05-31", now=EXPIRED).ok()

    till.redeem(now="2021-05-31T21:59:59Z").ok()
    till.refused("voucher_expired", now="2021-05-31T22:00:00Z", invoice="INV-2")


def test_a_card_that_was_sold_over_the_counter_has_no_holder(till: Till) -> None:
    till.say(type="STATIC", vouchers_count=1)
    till.call("create", CAMPAIGN).ok()
    till.call("card", "activate", "c1").ok()

    for customer in (None, HOLDER):
        assert till.refused("customer_rules_violated", customer=customer) == (
            "Card c1 has no holder, and flight-refunds lets only holders redeem: give it one with `refundctl card assign`."
        )


def test_a_card_of_the_pool_is_not_alive_yet(till: Till) -> None:
    till.say(type="STATIC", vouchers_count=1)
    till.call("create", CAMPAIGN).ok()

    assert till.refused("voucher_not_active") == (
        "Card c1 waits in the pool, neither activated nor given to a customer: `refundctl card activate` or `refundctl "
        "card assign` activates it."
    )


def test_a_card_that_an_undone_run_has_published_is_dead(till: Till) -> None:
    till.open()
    till.call("undo", "4").ok()
    till.call("undo", "3").ok()

    assert till.refused("voucher_not_active") == ("Card c1 was deactivated for good: ask for the holder's other cards.")
