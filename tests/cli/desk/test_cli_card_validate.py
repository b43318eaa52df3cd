"""`refundctl card validate`: could this be redeemed now; if not, what `card redeem` would say, and nothing is changed."""

from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN
from support.desks.bookings_desk import ENVELOPE, booking
from support.desks.till import HOLDER, Till

EXPIRED = "2021-05-01T22:00:00Z"
OPTIONS = {
    "amount": "--amount",
    "invoice": "--invoice",
    "customer": "--customer",
    "order_total": "--order-total",
}
#: Everything that can be said of a purchase, so that validating looks at all that redeeming looks at.
WHOLE = {"amount": "10", "invoice": "INV-9", "customer": HOLDER, "order_total": "50"}


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def words(**known: str) -> list[str]:
    return [word for name, value in known.items() for word in (OPTIONS[name], value)]


def needs(till: Till, **known: str) -> list[str]:
    """What a valid card's redemption will be asked for besides."""
    answer = till.call("card", "validate", "c1", *words(**known), "--json").ok().json()
    assert answer["valid"] is True
    return list(answer["needs"])


def test_a_card_that_can_be_redeemed(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")
    answer = till.call("card", "validate", "c1", *words(**WHOLE), "--json").ok().json()
    assert list(answer) == [*ENVELOPE[:-1], "valid", "needs", "card", "errors"]
    assert (answer["command"], answer["status"], answer["campaign"]) == ("card validate", "ok", CAMPAIGN)
    assert (answer["valid"], answer["needs"]) == (True, [])
    assert answer["totals"] == {"EUR": {"balance": 13_000, "paid": 10_000, "bonus": 3_000}}
    assert (answer["card"]["card_id"], answer["card"]["state"]) == ("c1", "active")
    assert till.call("card", "validate", "c1", *words(**WHOLE)).ok().stdout == (
        "Card c1 can be redeemed now: it holds EUR 130.00, of it EUR 30.00 bonus, and is valid through 2021-05-01.\n"
    )


def test_what_is_not_known_is_not_looked_at_but_told(till: Till) -> None:
    till.open(minimum_order="40.00")
    (till.folder / "pin").write_text("1234\n")
    till.call("card", "set-pin", "c1", "--pin-file", "pin").ok()
    assert needs(till) == ["invoice", "customer", "order_total", "pin"]
    assert needs(till, invoice="INV-1") == ["customer", "order_total", "pin"]
    assert needs(till, invoice="INV-1", customer=HOLDER) == ["order_total", "pin"]
    assert needs(till, **WHOLE) == ["pin"]
    assert (
        "`refundctl card redeem` will ask for the invoice's number (--invoice), who buys (--customer), the order's total "
        "(--order-total), the PIN (--pin-file).\n"
    ) in till.call("card", "validate", "c1").ok().stdout


def test_what_a_campaign_does_not_ask_for_is_not_needed(till: Till) -> None:
    till.open(redeemable_by="anyone", invoice="optional")
    assert needs(till) == []


REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, str], str | None]] = {
    "another customer": ("customer_rules_violated", {}, {"customer": "C-B2"}, None),
    "more than there is": ("gift_amount_exceeded", {}, {"amount": "100.01", "order_total": "200"}, None),
    "more than the order": ("order_rules_violated", {}, {"amount": "60"}, None),
    "a small order": ("order_rules_violated", {"minimum_order": "50.01"}, {}, None),
    "another currency": ("currency_mismatch", {}, {"amount": "USD 10"}, None),
    "expired": ("voucher_expired", {}, {}, EXPIRED),
    "at another hour": ("outside_validity_timeframe", {"validity_day_of_week": [0]}, {}, None),
    "before it begins": ("voucher_not_active", {"start_date": "2020-05-02"}, {}, None),
}


@pytest.mark.parametrize(("code", "keys", "known", "now"), REFUSED.values(), ids=REFUSED)
def test_the_first_reason_is_that_of_redeem(
    till: Till, code: str, keys: dict[str, Any], known: dict[str, str], now: str | None
) -> None:
    till.open(**keys)
    typed = words(**{**WHOLE, **known})
    before = till.facts()

    validated = till.call("card", "validate", "c1", *typed, now=now)
    redeemed = till.call("card", "redeem", "c1", *typed, now=now)

    assert (validated.exit, validated.stderr) == (4, redeemed.stderr)
    assert till.facts() == before
    first, second = till.attempts()
    assert (first[0], second[0]) == ("card validate", "card redeem")
    assert first[1:] == second[1:] == (code, validated.stderr.removeprefix("Error: ").rstrip(), "c1")


def test_an_invoice_that_was_used(till: Till) -> None:
    till.open()
    till.redeem(invoice="INV-9").ok()
    answer = till.call("card", "validate", "c1", "--invoice", "INV-9", "--json").json()
    assert (answer["status"], answer["errors"][0]["code"]) == ("refused", "invoice_already_used")
    assert needs(till, invoice="INV-10") == ["customer"]


def test_a_used_up_quantity_and_an_empty_card(till: Till) -> None:
    till.open(paid="10.00", voucher={"redemption": {"quantity": 1}})
    till.redeem(amount="4").ok()
    answer = till.call("card", "validate", "c1", "--json").json()
    assert answer["errors"][0]["code"] == "quantity_exceeded"


def test_a_paused_campaign(till: Till) -> None:
    till.open()
    till.call("pause", CAMPAIGN).ok()
    answer = till.call("card", "validate", "c1", "--json").json()
    assert (answer["errors"][0]["code"], answer["campaign"]) == ("campaign_paused", CAMPAIGN)


def test_where_only_holders_may_redeem_a_card_without_one_is_refused(till: Till) -> None:
    till.say(type="STATIC", vouchers_count=1)
    till.call("create", CAMPAIGN).ok()
    till.call("card", "activate", "c1").ok()
    answer = till.call("card", "validate", "c1", "--json").json()
    assert answer["errors"][0]["code"] == "customer_rules_violated"


def test_what_was_asked_is_kept_with_the_attempt_but_no_person(till: Till) -> None:
    till.open()
    till.fund(booking("B2"))
    till.call("card", "validate", "c1", *words(**{**WHOLE, "customer": "C-B2"}))
    [(arguments,)] = read(till.ledger, "SELECT arguments FROM attempts")
    assert arguments == '{"amount_minor":1000,"card":"c1","customer":2,"invoice":"INV-9","order_total_minor":5000}'


@pytest.mark.parametrize(
    "typed",
    [["--amount", "0"], ["--amount", "-1"], ["--amount", "1.001"], ["--invoice", "x" * 101], ["--order-total", "all"]],
)
def test_malformed_words_are_wrong_usage_and_no_attempt(till: Till, typed: list[str]) -> None:
    till.open()
    assert till.call("card", "validate", "c1", *typed).exit == 2
    assert till.attempts() == []


def test_an_unknown_card(till: Till) -> None:
    till.open()
    result = till.call("card", "validate", "RF-2345-6789")
    assert result.exit == 4
    [attempt] = till.attempts()
    assert (attempt[0], attempt[1], attempt[3]) == ("card validate", "resource_not_found", None)
    assert "RF-2345-6789" not in attempt[2]


def test_a_valid_card_is_left_as_it_is(till: Till) -> None:
    till.open()
    before = till.ledger.read_bytes()
    till.call("card", "validate", "c1", *words(**WHOLE)).ok()
    assert till.ledger.read_bytes() == before
