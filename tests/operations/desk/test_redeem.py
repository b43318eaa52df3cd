"""Taking money off a card: from which bucket, what the answer says, and what may stand as an invoice's number."""

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.redeem import Redeem, buyer, invoice_given
from refundctl.operations.desk.redemption_refusals import SOMEBODY_ELSE
from refundctl.operations.desk.refusals import BalanceTooLow, InvoiceUsed, OtherCurrency, WrongCustomer
from support.desks.clerk_desk import BONUS, ClerkDesk

PAID_FIRST = {"refund": {**BONUS["refund"], "redeem_order": "paid_first"}}


@pytest.mark.parametrize(
    ("keys", "amount", "taken", "left"),
    [
        ({}, "3", (0, 3_00), (100_00, 1_00)),
        ({}, "30", (26_00, 4_00), (74_00, 0)),
        ({}, "104", (100_00, 4_00), (0, 0)),
        (PAID_FIRST, "100", (100_00, 0), (0, 4_00)),
        (PAID_FIRST, "102", (100_00, 2_00), (0, 2_00)),
    ],
)
def test_the_bonus_is_spent_first_unless_it_is_said_otherwise(
    keys: dict[str, object], amount: str, taken: tuple[int, int], left: tuple[int, int]
) -> None:
    desk = ClerkDesk(**keys)
    answer = desk.do(Redeem(amount, "INV-1", "ana"))
    assert answer.totals == {"EUR": {"redeemed": sum(taken), "paid": taken[0], "bonus": taken[1]}}
    assert desk.balance() == left
    # It is told without reading the card again.
    assert answer.facts["card"] == card_facts(desk.card())


def test_what_was_bought_is_kept_with_the_transaction_that_names_it() -> None:
    desk = ClerkDesk()
    bought = desk.do(Redeem("EUR 30", " INV-1 ", "ana", "45.50")).facts["redemption"]
    assert (bought["amount"], bought["paid"], bought["bonus"], bought["order_total"]) == (30_00, 26_00, 4_00, 45_50)
    assert desk.read("SELECT id, card, customer, invoice, order_total_minor, pin FROM redemptions") == [
        (bought["id"], 1, 1, "INV-1", 45_50, None)
    ]
    assert desk.read("SELECT bucket, amount_minor, contra_account FROM transactions ORDER BY id DESC LIMIT 2") == [
        ("bonus", -4_00, "sales"),
        ("paid", -26_00, "sales"),
    ]


def test_a_rule_refuses_it_whole() -> None:
    desk = ClerkDesk()
    desk.do(Redeem("1", "INV-1", "ana"))
    for reason, code, deed in (
        (BalanceTooLow, "gift_amount_exceeded", Redeem("103.01", "INV-2", "ana")),
        (InvoiceUsed, "invoice_already_used", Redeem("2", "INV-1", "ana")),
        (WrongCustomer, "customer_rules_violated", Redeem("1", "INV-2", "ben")),
        (OtherCurrency, "currency_mismatch", Redeem("USD 1", "INV-2", "ana")),
    ):
        desk.refuses(reason, code, deed)
    assert desk.balance() == (100_00, 3_00)


def test_who_buys_is_a_customer_or_somebody_else() -> None:
    desk = ClerkDesk()
    assert [buyer(desk.ledger, named) for named in (None, "ben", "eve")] == [None, 2, SOMEBODY_ELSE]
    desk = ClerkDesk(redeemable_by="anyone")
    desk.do(Redeem("1", "INV-1", "eve"))
    assert desk.read("SELECT customer FROM redemptions") == [(None,)]


@pytest.mark.parametrize("typed", ["", "  ", "x" * 101, "a\tb", "4111 1111 1111 1111"])
def test_what_cannot_be_an_invoices_number(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        invoice_given(ClerkDesk().ledger, typed)
    assert caught.value.code == "invoice_malformed"


def test_a_cards_code_is_no_invoice() -> None:
    desk = ClerkDesk()
    with pytest.raises(UsageError, match="--invoice is a card's code"):
        invoice_given(desk.ledger, desk.card(2).code.lower())
    assert (invoice_given(desk.ledger, " INV 1 "), invoice_given(desk.ledger, "x" * 100)) == ("INV 1", "x" * 100)
