"""Before the customer is sent to the till: what would be refused first, and what will be asked for."""

import json

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.desk.looking_at_cards import look
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import BalanceTooLow, InvoiceUsed, OtherCurrency, WrongCustomer
from refundctl.operations.desk.validate import Valid, validate
from support.desks.clerk_desk import ClerkDesk


def ask(desk: ClerkDesk, intended: Redeem) -> Valid:
    return look(desk.ledger, desk.journal("card validate"), "c1", lambda seen: validate(seen, intended))


@pytest.mark.parametrize(
    ("keys", "pin", "intended", "needs"),
    [
        ({}, False, Redeem(), ["invoice", "customer"]),
        ({}, True, Redeem("104", "INV-1", "ana"), ["pin"]),
        ({"minimum_order": "20.00"}, False, Redeem(customer_id="ana"), ["invoice", "order_total"]),
        ({"minimum_order": "20.00"}, False, Redeem(order_total="20"), ["invoice", "customer"]),
        ({"invoice": "optional"}, False, Redeem(), ["customer"]),
        ({"redeemable_by": "anyone"}, False, Redeem(), ["invoice"]),
    ],
)
def test_what_will_be_asked_for_besides(keys: dict[str, object], pin: bool, intended: Redeem, needs: list[str]) -> None:
    desk = ClerkDesk(**keys)
    if pin:
        desk.set_pin("2580")
    assert list(ask(desk, intended).needs) == needs


def test_what_is_known_is_held_against_the_rules_and_nothing_else() -> None:
    desk = ClerkDesk()
    desk.do(Redeem("1", "INV-1", "ana"))
    assert ask(desk, Redeem("103")).facts["balance"] == 103_00
    desk.refuses_to(BalanceTooLow, "gift_amount_exceeded", lambda: ask(desk, Redeem("103.01")))
    desk.refuses_to(InvoiceUsed, "invoice_already_used", lambda: ask(desk, Redeem(invoice="INV-1")))
    desk.refuses_to(WrongCustomer, "customer_rules_violated", lambda: ask(desk, Redeem(customer_id="ben")))


def test_what_was_asked_is_kept_of_a_refusal_as_of_a_redemption() -> None:
    desk = ClerkDesk()
    desk.refuses_to(WrongCustomer, "customer_rules_violated", lambda: ask(desk, Redeem("1", "INV-1", "eve", "9")))
    asked = {"card": "c1", "amount_minor": 1_00, "invoice": "INV-1", "order_total_minor": 9_00, "customer": 0}
    [(kept,)] = desk.read("SELECT arguments FROM attempts")
    assert json.loads(kept) == asked


def test_what_is_mistyped_is_told_and_not_kept() -> None:
    desk = ClerkDesk()
    desk.refuses_to(OtherCurrency, "currency_mismatch", lambda: ask(desk, Redeem("USD 1")))
    for mistyped in (Redeem("0"), Redeem("1,50"), Redeem(invoice=" ")):
        with pytest.raises(UsageError):
            ask(desk, mistyped)
    assert desk.read("SELECT error_code FROM attempts") == [("currency_mismatch",)]
