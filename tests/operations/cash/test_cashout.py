"""Cash instead of a card: what is owed, what lapses, who may ask for it, and until when a request can be taken back."""

import pytest

from refundctl.domain.basics.errors import Refused
from refundctl.ledger.cash import debts
from refundctl.ledger.cash.debts import DebtState
from refundctl.operations.campaigns.terms import CampaignUnknown
from refundctl.operations.cash.cashout import DebtUnknown, NotCancellable, Request, cancel, listed
from refundctl.operations.desk.activate import Activate
from refundctl.operations.desk.adjust import Adjust
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.refusals import BalanceTooLow, CardExpired, Disabled, NotActive, WrongCustomer
from refundctl.operations.desk.transfer import Transfer
from support.desks.clerk_desk import WITH_CASH, ClerkDesk

ASKED = Request("wants cash")


def ask(desk: ClerkDesk, card: str = "c1") -> int:
    """The number of the new debt."""
    return int(desk.do(ASKED, card).facts["cashout"]["id"])


def take_back(desk: ClerkDesk, debt: int) -> Answer:
    return cancel(desk.ledger, desk.journal("cashout cancel"), debt, reason="stays after all")


def not_cancellable(desk: ClerkDesk, debt: int) -> str:
    return desk.refuses_to(NotCancellable, "not_cancellable", lambda: take_back(desk, debt))


def test_what_was_paid_is_owed_and_the_bonus_lapses() -> None:
    desk = ClerkDesk()
    answer = desk.do(ASKED)
    assert answer.totals == {"EUR": {"cash": 100_00, "lapsed": 4_00}}
    debt = answer.facts["cashout"]["id"]
    assert (desk.stands(), desk.balance(), desk.debts()) == ("frozen", (0, 0), {debt: "open"})
    assert desk.read("SELECT amount_minor, contra_account FROM transactions ORDER BY id DESC LIMIT 2") == [
        (-4_00, "lapsed"),
        (-100_00, "cash_owed"),
    ]


@pytest.mark.parametrize(
    ("before", "reason", "code"),
    [
        (Adjust("-100", "spent", "paid"), BalanceTooLow, "gift_amount_exceeded"),  # nothing but bonus is left
        (Adjust("-104", "spent"), BalanceTooLow, "gift_amount_exceeded"),
        (Deactivate(), NotActive, "voucher_not_active"),
        (Transfer(), NotActive, "voucher_not_active"),
        (ASKED, Disabled, "voucher_disabled"),
    ],
)
def test_who_can_be_paid_nothing(before: CardDeed, reason: type[Refused], code: str) -> None:
    desk = ClerkDesk()
    desk.do(before)
    desk.refuses(reason, code, ASKED)


def test_nobody_is_paid_for_a_card_without_a_holder_or_after_its_last_day() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3, activity_duration_after_publishing="P365D")
    desk.refuses(NotActive, "voucher_not_active", ASKED, "c3")
    desk.do(Activate(), "c3")
    desk.do(Adjust("5", "why"), "c3")
    desk.refuses(WrongCustomer, "customer_rules_violated", ASKED, "c3")
    desk.do(Disable(), "c2")
    desk.pause()  # which is no hindrance
    desk.at("2021-05-01T23:59:59Z")
    ask(desk, "c1")
    desk.at("2021-05-02T00:00:00Z")
    desk.refuses(CardExpired, "voucher_expired", ASKED, "c2")


def test_a_request_is_taken_back_once_and_the_card_is_what_it_was() -> None:
    desk = ClerkDesk()
    desk.do(Disable())
    debt = ask(desk)
    assert take_back(desk, debt).totals == {"EUR": {"cash": 100_00, "lapsed": 4_00}}
    assert (desk.stands(), desk.balance(), desk.debts()) == ("disabled", (100_00, 4_00), {debt: "cancelled"})
    again = take_back(desk, debt)
    assert (again.counts, again.totals, again.run_id) == ({"cancelled": 0}, {}, None)
    assert ask(desk) > debt


def test_what_is_with_the_bank_or_paid_is_not_taken_back_nor_what_nobody_asked_for() -> None:
    desk = ClerkDesk(WITH_CASH)
    [(owed,)] = desk.read("SELECT id FROM transactions WHERE bucket = 'cash'")
    assert "was made by a top-up" in not_cancellable(desk, owed)
    ordered, paid = ask(desk, "c1"), ask(desk, "c2")
    desk.order(ordered)
    assert "is in /pay/may.csv for the bank" in not_cancellable(desk, ordered)
    with desk.run() as run_id:
        debts.pay(desk.ledger.connection, paid, None, run_id)
    assert "was paid" in not_cancellable(desk, paid)
    assert desk.stands(2) == "cashed_out"
    desk.refuses_to(DebtUnknown, "resource_not_found", lambda: take_back(desk, 1))


def test_debts_are_listed_by_state_and_campaign_and_added_up_by_currency() -> None:
    desk = ClerkDesk(WITH_CASH)
    desk.also("flights")
    asked = ask(desk)
    found = listed(desk.ledger, "refunds", [DebtState.OPEN])
    assert found.counts == {"cashouts": 2, "request": 1, "cash_amount": 1, "policy": 0}
    assert found.totals == {"EUR": {"cash": 120_00}}
    desk.order(asked)
    names = ("id", "card_id", "booking_id", "customer_id", "amount", "source", "reason")
    [debt] = listed(desk.ledger, None, [DebtState.ORDERED, DebtState.PAID]).as_json()
    assert [debt[name] for name in names] == [asked, "c1", "B1", "ana", 100_00, "request", "wants cash"]
    [debt] = listed(desk.ledger, None, [DebtState.OPEN]).as_json()
    assert [debt[name] for name in names[1:]] == [None, "B2", "ben", 20_00, "cash_amount", None]
    assert listed(desk.ledger, "flights", list(DebtState)).debts == []
    with pytest.raises(CampaignUnknown):
        listed(desk.ledger, "flight", [DebtState.OPEN])
