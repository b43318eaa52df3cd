"""Cards of the pool come alive: until when, for whom, and within the budget's number of cards."""

from refundctl.operations.campaigns.pause import CampaignPaused
from refundctl.operations.desk.activate import Activate, Assign, Handout
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.kept_answers import Desk
from refundctl.operations.desk.refusals import CardExpired, CustomerUnknown, Disabled, NotActive, WrongCustomer
from refundctl.operations.funding.budget import BudgetExceeded
from support.desks.clerk_desk import ClerkDesk

# c1 is ana's and c2 is ben's; c3 to c5 wait.
POOL = {"type": "STATIC", "vouchers_count": 5, "activity_duration_after_publishing": "P365D", "no_expiry_in": ["US-ME"]}


def test_a_card_is_activated_once_and_its_days_are_counted_from_then() -> None:
    desk = ClerkDesk(**POOL)
    assert desk.stands(3) == "unassigned"
    desk.at("2020-05-02T12:00:00Z")
    assert desk.do(Activate(), "c3").counts == {"activated": 1}
    desk.at("2020-05-08T12:00:00Z")
    assert desk.do(Activate(), "c3").counts == {"activated": 0}
    assert (desk.stands(3), desk.card(3).customer, desk.card(3).expires_on) == ("active", None, "2021-05-02")


def test_who_gets_a_card_later_keeps_its_last_day() -> None:
    desk = ClerkDesk(**POOL)
    desk.do(Activate(), "c3")
    desk.at("2020-05-08T12:00:00Z")
    assert desk.do(Assign("ben"), "c3").counts == {"assigned": 1}
    assert desk.do(Assign("ben"), "c3").counts == {"assigned": 0}
    assert desk.do(Activate("ana"), "c4").counts == {"activated": 1}
    found = [(card.customer, card.booking, card.expires_on) for card in (desk.card(3), desk.card(4))]
    assert found == [(2, None, "2021-05-01"), (1, None, "2021-05-08")]


def test_where_cards_may_not_expire_a_customers_card_never_does() -> None:
    desk = ClerkDesk(**POOL)
    desk.load_people("customer_id,country\ncy,US-ME\ndee,US-NY\n")
    for customer, card in (("cy", "c3"), ("dee", "c4")):
        desk.do(Assign(customer), card)
    assert [desk.card(number).expires_on for number in (3, 4)] == [None, "2021-05-01"]


def test_what_cannot_be_given_to_a_customer() -> None:
    desk = ClerkDesk(**POOL)
    desk.do(Activate(), "c3")
    desk.do(Disable(), "c4")
    desk.do(Deactivate(), "c5")
    desk.refuses(WrongCustomer, "customer_rules_violated", Assign("ben"), "c1")
    desk.refuses(CustomerUnknown, "resource_not_found", Assign("eve"), "c3")
    desk.refuses(Disabled, "voucher_disabled", Assign("ben"), "c4")
    desk.refuses(NotActive, "voucher_not_active", Activate(), "c5")
    desk.at("2021-05-01T23:59:59Z")
    assert desk.do(Assign("ana"), "c3", keep=False).counts == {"assigned": 1}
    desk.at("2021-05-02T00:00:00Z")
    assert "expired on 2021-05-01" in desk.refuses(CardExpired, "voucher_expired", Assign("ana"), "c3")


def test_while_the_campaign_is_paused_nothing_is_handed_out_but_what_is_done_stays_done() -> None:
    desk = ClerkDesk(**POOL)
    desk.pause("wrong amounts")
    for deed in (Activate(), Assign("ben")):
        assert "wrong amounts" in desk.refuses(CampaignPaused, "campaign_paused", deed, "c3")
    assert desk.do(Assign("ana"), "c1").counts == {"assigned": 0}


def test_the_budget_counts_each_card_that_is_handed_out_and_a_file_of_them_once() -> None:
    desk = ClerkDesk(**POOL, budget={"cards": 3, "warn_at": "100"})
    answer = desk.do(Activate(), "c3", keep=False)
    assert answer.warnings == ("refunds has used 3 cards of its budget.cards, 3 cards: 0 cards left.",)
    together = Handout()
    assert [desk.do(Activate(None, together), card).warnings for card in ("c3", "c4")] == [(), ()]
    message = desk.refuses_to(BudgetExceeded, "budget_exceeded", lambda: together.close(Desk(desk.ledger, run_id=0)))
    assert message.startswith("refunds would reach 4 cards and its budget.cards is 3 cards")
