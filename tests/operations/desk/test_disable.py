"""Blocking a card for now and for good: what is done again does nothing, and nothing of its balance is lost."""

import pytest

from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.disable import Deactivate, Disable, Enable
from refundctl.operations.desk.refusals import Disabled, NotActive
from support.desks.clerk_desk import ClerkDesk


def test_a_card_is_blocked_once_and_let_go_once() -> None:
    desk = ClerkDesk()
    assert [desk.do(deed).counts for deed in (Disable("lost"), Disable(), Enable(), Enable())] == [
        {"disabled": 1},
        {"disabled": 0},
        {"enabled": 1},
        {"enabled": 0},
    ]
    assert desk.read("SELECT card, event, reason FROM card_events") == [(1, "disabled", "lost"), (1, "enabled", None)]
    assert (desk.stands(1), desk.balance(1)) == ("active", (100_00, 4_00))


def test_for_good_is_for_good_and_the_balance_stays() -> None:
    desk = ClerkDesk()
    desk.do(Disable())
    assert desk.do(Deactivate("fraud")).facts["card"]["state"] == desk.stands(1) == "deactivated"
    assert desk.do(Deactivate()).counts == {"deactivated": 0}
    assert desk.balance(1) == (100_00, 4_00)
    for deed in (Disable(), Enable()):
        desk.refuses(NotActive, "voucher_not_active", deed)


@pytest.mark.parametrize("deed", [Disable(), Enable(), Deactivate()])
def test_what_is_to_be_paid_out_is_neither_blocked_nor_let_go(deed: CardDeed) -> None:
    desk = ClerkDesk()
    desk.do(Request("wants cash"))
    desk.refuses(Disabled, "voucher_disabled", deed)


def test_a_card_that_waits_in_the_pool_can_be_blocked_before_it_is_handed_out() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3)
    desk.do(Disable(), "c3")
    assert desk.stands(3) == "disabled"
    desk.do(Enable(), "c3")
    assert desk.stands(3) == "unassigned"
