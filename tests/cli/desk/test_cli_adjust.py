"""refundctl card adjust, on a real ledger: what a correction puts on and takes off, in which bucket, and every refusal."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.books import number, read
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import booking, csv_text
from support.desks.till import MAY_DAY, Till

EXPIRED = "2021-05-01T22:00:00Z"  # midnight in Warsaw, as the last valid day ends
POOL: Any = {"type": "STATIC", "vouchers_count": 2}


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def adjust(till: Till, amount: str, *options: str, card: str = "c1", now: str | None = None) -> CommandResult:
    return till.call("card", "adjust", card, "--amount", amount, "--reason", "till was wrong", *options, now=now)


def refused(till: Till, code: str, amount: str, *options: str, card: str = "c1", now: str | None = None) -> str:
    return till.attempted(code, lambda: adjust(till, amount, *options, "--json", card=card, now=now), on=card)


# --- What is put on and taken off ---


def test_a_correction_as_a_script_sees_it(till: Till) -> None:
    till.open(paid="100.00")

    result = adjust(till, "12.34", "--json").ok()

    answer = result.json()
    assert (answer["command"], answer["run_id"], answer["campaign"]) == ("card adjust", 5, CAMPAIGN)
    assert answer["counts"] == {"adjusted": 1}
    assert answer["totals"] == {"EUR": {"adjusted": 1234, "paid": 1234, "bonus": 0}}
    assert (answer["card"]["balance"], answer["card"]["paid"], answer["card"]["bonus"]) == (11234, 11234, 0)
    [transaction] = answer["transactions"]
    assert (transaction["type"], transaction["bucket"], transaction["amount"], transaction["balance"]) == (
        "CREDITS_ADDITION",
        "paid",
        1234,
        11234,
    )
    assert transaction["reason"] == "till was wrong"
    assert read(till.ledger, "SELECT contra_account, line FROM transactions WHERE id = ?", transaction["id"]) == [
        ("adjustments", None)
    ]
    [arguments] = [json.loads(text) for (text,) in read(till.ledger, "SELECT arguments FROM runs WHERE id = 5")]
    assert arguments == {"card": "c1", "amount_minor": 1234, "bucket": None, "reason": "till was wrong"}
    till.show_no_code(result)


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--amount", "-5"], {"paid": 9500, "bonus": 3000}),
        (["--amount=-5"], {"paid": 9500, "bonus": 3000}),
        (["--amount", "EUR -5.00"], {"paid": 9500, "bonus": 3000}),
        (["--amount", "+5"], {"paid": 10_500, "bonus": 3000}),
        (["--amount", "5", "--bucket", "bonus"], {"paid": 10_000, "bonus": 3500}),
        (["--amount", "-100.01"], {"bonus": 2999}),
        (["--amount", "-130"], {}),
        (["--amount", "-5", "--bucket", "bonus"], {"paid": 10_000, "bonus": 2500}),
        (["--amount", "-30", "--bucket", "bonus"], {"paid": 10_000}),
    ],
)
def test_more_goes_to_paid_and_less_comes_from_paid_then_bonus(
    till: Till, options: list[str], left: dict[str, int]
) -> None:
    till.open(paid="100.00", bonus="30.00")

    till.call("card", "adjust", "c1", *options, "--reason", "till was wrong").ok()

    assert till.balance() == left
    till.call("verify").ok()


def test_a_correction_as_a_person_sees_it(till: Till) -> None:
    till.open(paid="1000.00", bonus="30.00")

    assert adjust(till, "-1010").ok().stdout == (
        "Adjusted card c1 by -EUR 1,010.00 (-EUR 10.00 of it bonus); it now holds EUR 20.00.\n"
    )
    assert adjust(till, "5").ok().stdout == "Adjusted card c1 by +EUR 5.00; it now holds EUR 25.00.\n"
    assert adjust(till, "5", "-n").ok().stdout.endswith("Dry run: nothing was kept.\n")
    assert till.balance() == {"paid": 500, "bonus": 2000}


def test_what_was_taken_off_cant_be_spent(till: Till) -> None:
    till.open(paid="100.00")
    adjust(till, "-60").ok()

    till.refused("gift_amount_exceeded", amount="40.01")
    till.redeem(amount="40").ok()
    till.call("verify").ok()


def test_the_same_key_corrects_once(till: Till) -> None:
    till.open()
    first = adjust(till, "5", "--key", "case 7", "--json").ok().json()
    again = adjust(till, "5.00", "--key", "case 7", "--json").ok()

    assert again.json() == first
    assert till.balance() == {"paid": 10_500}
    refused_again = adjust(till, "6", "--key", "case 7", "--json")
    assert refused_again.json()["errors"][0]["code"] == "idempotency_conflict"


# --- What is refused ---


def test_no_more_is_taken_off_than_there_is(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")

    assert refused(till, "gift_amount_exceeded", "-130.01") == (
        "Card c1 holds EUR 130.00, of it EUR 30.00 bonus: take off at most that, not EUR 130.01."
    )
    assert refused(till, "gift_amount_exceeded", "-31", "--bucket", "bonus") == (
        "Card c1 holds EUR 30.00 bonus: take off at most that, not EUR 31.00."
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--amount", "0"], "amount_not_positive"),
        (["--amount", "-0.00"], "amount_not_positive"),
        (["--amount", "1.005"], None),
        (["--amount", "five"], None),
        (["--amount", "--5"], None),
        (["--amount", "+-5"], None),
        (["--amount", "5", "--bucket", "cash"], None),
        (["--amount", "5", "--reason", "  "], None),
        (["--reason", "why"], None),
    ],
)
def test_malformed_input_is_wrong_usage(till: Till, words: list[str], code: str | None) -> None:
    till.open()
    before = till.facts()

    reason = [] if "--reason" in words else ["--reason", "till was wrong"]
    result = till.call("card", "adjust", "c1", *words, *reason, "--json")

    assert result.exit == 2
    if code is not None:
        assert result.json()["errors"][0]["code"] == code
    assert till.facts() == before


def test_another_currency_is_refused(till: Till) -> None:
    till.open()
    assert refused(till, "currency_mismatch", "USD 5") == (
        "--amount is in USD, but this card is in EUR: give the amount in EUR."
    )


@pytest.mark.parametrize(
    ("before", "upwards"),
    [
        ([], None),
        (["card", "disable", "c1"], None),
        (["card", "deactivate", "c1"], "voucher_not_active"),
    ],
)
def test_a_blocked_card_takes_a_correction_and_a_dead_one_only_downwards(
    till: Till, before: list[str], upwards: str | None
) -> None:
    till.open()
    if before:
        till.call(*before).ok()

    if upwards is None:
        adjust(till, "5").ok()
    else:
        refused(till, upwards, "5")
    adjust(till, "-5").ok()
    till.call("verify").ok()


def test_an_expired_card_is_corrected_downwards_only(till: Till) -> None:
    till.open()

    assert refused(till, "voucher_expired", "5", now=EXPIRED).startswith("Card c1 expired on 2021-05-01:")
    adjust(till, "-5", now=EXPIRED).ok()
    till.call("card", "disable", "c1", now=EXPIRED).ok()
    refused(till, "voucher_expired", "5", now=EXPIRED)
    assert till.balance() == {"paid": 9500}


def test_a_card_of_the_pool_and_one_that_was_replaced_take_nothing(till: Till) -> None:
    till.open(**POOL)
    till.call("card", "transfer", "c1").ok()

    assert refused(till, "voucher_not_active", "5") == (
        "Card c1 is dead, as its balance has moved to card c2: correct that card."
    )
    refused(till, "voucher_not_active", "-5")
    till.say(type="STATIC", vouchers_count=3)
    till.call("create", CAMPAIGN).ok()
    refused(till, "voucher_not_active", "5", card="c3")
    refused(till, "voucher_not_active", "-5", card="c3")


def test_a_budget_and_an_approval_hold_what_is_given(till: Till) -> None:
    till.open(budget={"total": "110.00", "warn_at": "95"}, approval={"above": "108.00"})

    assert "budget.total is EUR 110.00" in refused(till, "budget_exceeded", "10.01")
    assert "put the case into a file of bookings" in refused(till, "approval_required", "9")
    assert adjust(till, "5", "--json").ok().stderr == (
        "flight-refunds has used EUR 105.00 of its budget.total, EUR 110.00: EUR 5.00 left.\n"
    )
    adjust(till, "-5").ok()
    adjust(till, "8").ok()


# --- In bulk ---


def in_bulk(till: Till, *rows: dict[str, str], options: tuple[str, ...] = ()) -> CommandResult:
    (till.folder / "cases.csv").write_text(csv_text(*rows), encoding="utf-8")
    return till.call("card", "adjust", "--from", "cases.csv", *options, "--json")


def test_a_file_of_corrections_is_one_run(till: Till) -> None:
    till.say()
    till.fund(booking("B1"), booking("B2", bonus_amount="30.00"))

    answer = in_bulk(
        till,
        {"card_id": "c1", "amount": "-5", "reason": "counted twice", "bucket": ""},
        {"card_id": "c2", "amount": "7.50", "reason": "sorry", "bucket": "bonus"},
    ).json()

    assert answer["counts"] == {"rows": 2, "adjusted": 2}
    assert answer["totals"] == {"EUR": {"adjusted": 250, "paid": -500, "bonus": 750}}
    assert (till.balance("c1"), till.balance("c2")) == ({"paid": 9500}, {"paid": 10_000, "bonus": 3750})
    assert read(
        till.ledger, "SELECT DISTINCT run_id, reason FROM transactions WHERE contra_account = 'adjustments'"
    ) == [
        (answer["run_id"], "counted twice"),
        (answer["run_id"], "sorry"),
    ]
    till.call("verify").ok()


def test_the_same_file_corrects_once(till: Till) -> None:
    till.open(paid="100.00")
    for name in ("corrections.csv", "copy.csv"):
        (till.folder / name).write_text("card_id,amount,reason\nc1,5.00,till was wrong\n", encoding="utf-8")
    first = till.call("card", "adjust", "--from", "corrections.csv", "--json").ok().json()
    after = till.facts()

    again = till.call("card", "adjust", "--from", "copy.csv").ok()

    assert again.stderr == (
        f"This file was done before, by run {first['run_id']}: this is its answer, and nothing was done now; give it a --key of its own "
        "to do it once more.\n"
    )
    assert till.facts() == after
    till.call("card", "adjust", "--from", "copy.csv", "--key", "May, once more").ok()
    assert till.balance() == {"paid": 11_000}


def test_one_bad_row_and_nothing_is_done(till: Till) -> None:
    till.say()
    till.fund(booking("B1"), booking("B2"))
    before = till.facts()

    result = in_bulk(
        till,
        {"card_id": "c1", "amount": "-5", "reason": "r", "bucket": ""},
        {"card_id": "c2", "amount": "-500", "reason": "r", "bucket": ""},
        {"card_id": "c9", "amount": "5", "reason": "r", "bucket": "cash"},
        {"card_id": "c8", "amount": "5", "reason": " ", "bucket": ""},
    )

    assert result.exit == 65
    assert [(error["line"], error["code"]) for error in result.json()["errors"]] == [
        (3, "gift_amount_exceeded"),
        (4, "bucket_unknown"),
        (5, "value_missing"),
    ]
    assert till.facts() == before


def test_the_budget_holds_the_whole_file(till: Till) -> None:
    till.say(budget={"total": "210.00"})
    till.fund(booking("B1"), booking("B2"))
    before = till.facts()

    rows = [{"card_id": card, "amount": "6", "reason": "sorry"} for card in ("c1", "c2")]
    result = in_bulk(till, *rows)

    assert (result.exit, result.json()["errors"][0]["code"]) == (4, "budget_exceeded")
    assert till.facts() == before
    assert in_bulk(till, rows[0], {"card_id": "c2", "amount": "-6", "reason": "till"}).exit == 0


def test_a_correction_upwards_is_mailed_with_the_next_file(till: Till) -> None:
    till.open()
    till.call("export", "mail", CAMPAIGN, "-o", "first.csv").ok()
    adjust(till, "-5").ok()
    nothing = till.call("export", "mail", CAMPAIGN, "-o", "nothing.csv", "--json").ok().json()
    assert nothing["run_id"] is None
    adjust(till, "7.25").ok()

    till.call("export", "mail", CAMPAIGN, "-o", "second.csv").ok()

    assert "102.25" in (till.folder / "second.csv").read_text(encoding="utf-8")


def test_a_card_of_whoever_has_it_is_corrected_and_nobody_is_mailed(till: Till) -> None:
    till.open(**POOL)
    till.say(type="STATIC", vouchers_count=3, budget={"cards": 3})
    till.call("create", CAMPAIGN).ok()
    till.call("export", "mail", CAMPAIGN, "-o", "first.csv").ok()
    till.call("card", "activate", "c2").ok()
    adjust(till, "20", card="c2").ok()

    assert till.call("export", "mail", CAMPAIGN, "-o", "none.csv", "--json").ok().json()["run_id"] is None

    till.call("card", "assign", "c2", "--customer", "C-B1").ok()
    till.call("export", "mail", CAMPAIGN, "-o", "given.csv").ok()
    assert "20.00" in (till.folder / "given.csv").read_text(encoding="utf-8")
    assert number(till.ledger, "SELECT count(*) FROM batches") == 2
    till.call("verify", now=MAY_DAY).ok()
