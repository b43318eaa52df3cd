"""A lost card: its whole balance moves to another one of the same holder that is valid for as long, or not at all."""

from datetime import date

from refundctl.domain.basics.errors import Refused
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.activate import Activate
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.extend import Extend
from refundctl.operations.desk.issue import Goodwill, issue
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import CardExpired, Disabled, NotActive, Unsuitable, WrongCustomer
from refundctl.operations.desk.transfer import Transfer
from support.desks.clerk_desk import ClerkDesk

A_YEAR = {"activity_duration_after_publishing": "P365D"}


def issued(desk: ClerkDesk, customer: str = "ana", campaign: str = "refunds") -> str:
    """Another card, with a bonus of 5.00 on it."""
    goodwill = Goodwill(campaign, customer, "5", "sorry")
    return str(issue(desk.ledger, desk.journal("card issue"), goodwill).facts["card"]["card_id"])


def unsuitable(desk: ClerkDesk, to: str, card: str = "c1") -> str:
    return desk.refuses(Unsuitable, "no_voucher_suitable_for_publication", Transfer(to), card)


def test_all_of_it_moves_to_a_new_card_that_is_like_the_old_one() -> None:
    desk = ClerkDesk(**A_YEAR)
    desk.set_pin("2580")
    desk.do(Extend(date(2021, 8, 31)))
    desk.at("2020-06-01T12:00:00Z")
    answer: Answer = desk.do(Transfer(reason="phone stolen"))
    assert answer.totals == {"EUR": {"moved": 104_00, "paid": 100_00, "bonus": 4_00}}
    assert (desk.stands(1), desk.balance(1), desk.balance(3)) == ("transferred", (0, 0), (100_00, 4_00))
    new = desk.card(3)
    assert (new.customer, new.booking, new.expires_on, new.pin) == (1, 1, "2021-08-31", None)


def test_the_card_that_takes_it_is_the_holders_or_waits_in_the_pool() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=5)
    desk.refuses(WrongCustomer, "customer_rules_violated", Transfer("c2"))
    desk.do(Activate(), "c3")
    assert "has no holder" in desk.refuses(WrongCustomer, "customer_rules_violated", Transfer("c3"))
    desk.do(Disable(), "c4")
    desk.refuses(Disabled, "voucher_disabled", Transfer("c4"))
    desk.do(Transfer("c5"))
    assert (desk.card(5).customer, desk.balance(5)) == (1, (100_00, 4_00))
    own = ClerkDesk()
    own.do(Transfer(issued(own)))
    assert own.balance(3) == (100_00, 9_00)


def test_a_card_of_another_campaign_takes_nothing() -> None:
    desk = ClerkDesk()
    desk.also("goodwill")
    assert "is of the campaign goodwill" in unsuitable(desk, issued(desk, campaign="goodwill"))


def test_nobody_is_given_less_time_than_before() -> None:
    desk = ClerkDesk(**A_YEAR)
    target = issued(desk)
    desk.do(Extend(date(2021, 8, 31)))
    desk.do(Transfer(target))
    assert desk.card(3).expires_on == "2021-08-31"
    # And a card that is valid for longer stays so.
    target = issued(desk)
    desk.do(Extend(date(2022, 1, 1)), target)
    desk.do(Transfer(target), "c3")
    assert desk.card(4).expires_on == "2022-01-01"
    desk = ClerkDesk()
    desk.say(**A_YEAR)
    assert "c1 never expires, and c3 does on 2021-05-01" in unsuitable(desk, issued(desk))


def test_redemptions_of_both_count_against_how_often_a_card_may_be_used() -> None:
    desk = ClerkDesk(voucher={"redemption": {"quantity": 2}})
    target = issued(desk)
    for card, invoice in (("c1", "INV-1"), (target, "INV-2")):
        desk.do(Redeem("1", invoice, "ana"), card)
    assert "could not be redeemed then" in unsuitable(desk, target)
    desk.do(Redeem("1", "INV-3", "ana"))
    desk.do(Redeem("1", "INV-4", "ana"), target)
    # Neither could be redeemed any more: nothing is lost by it.
    desk.do(Transfer(target))


def refusals_of(desk: ClerkDesk, reason: type[Refused], code: str, *cards: str) -> None:
    for card in cards:
        desk.refuses(reason, code, Transfer(), card)


def test_what_is_dead_frozen_or_in_the_pool_is_not_moved() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=4)
    desk.do(Disable(), "c3")
    desk.do(Request("wants cash"), "c1")
    desk.do(Deactivate(), "c2")
    refusals_of(desk, Disabled, "voucher_disabled", "c1")
    refusals_of(desk, NotActive, "voucher_not_active", "c2", "c3", "c4")


def test_what_expired_is_not_moved_also_while_it_is_blocked_and_takes_nothing() -> None:
    desk = ClerkDesk(**A_YEAR)
    target = issued(desk)
    desk.do(Extend(date(2021, 5, 2)))
    desk.do(Disable())
    desk.at("2021-05-02T00:00:00Z")
    assert "c3 expired on 2021-05-01" in desk.refuses(CardExpired, "voucher_expired", Transfer(target))
    assert desk.do(Transfer(), keep=False).counts == {"transferred": 1}
    desk.at("2021-05-03T00:00:00Z")
    refusals_of(desk, CardExpired, "voucher_expired", "c1")
