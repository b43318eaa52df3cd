"""One card as it stands: what it holds, until when, by which terms, and how often it was redeemed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.campaigns.definitions import post_event
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.desk.transferring import transfer
from support.desks.funding_desk import FundingDesk

NOON = datetime(2020, 5, 1, 12, tzinfo=UTC)
ROWS = "booking_id,customer_id,order_amount,bonus_amount\nB1,ana,1000,200\nB2,ana,500,0\n"
PURCHASE = NewRedemption(1, 1, Buckets(100, 200), 1, "INV-1", None)


def card_at(desk: FundingDesk, now: datetime = NOON, number: int = 1) -> Card:
    return read_card(desk.ledger.connection, number, now)


def redeem(desk: FundingDesk, new: NewRedemption) -> int:
    with desk.run() as run_id:
        return redeeming.redeem(desk.ledger.connection, new, run_id)[0]


def give_back(desk: FundingDesk, redemption: int, amount: Buckets) -> None:
    past = redeeming.redemption_of(desk.ledger.connection, redemption)
    assert past is not None
    with desk.run() as run_id:
        redeeming.roll_back(desk.ledger.connection, past, amount, card=1, reason=None, run_id=run_id)


def test_what_it_holds_by_bucket_and_whose_it_is() -> None:
    desk = FundingDesk()
    desk.fund(ROWS)
    redeem(desk, replace(PURCHASE, amount=Buckets(30, 50)))
    card = card_at(desk)
    assert (card.balance, card.currency, card.customer, card.booking) == (Buckets(970, 150), "EUR", 1, 1)
    assert (card.card_id, card.masked) == ("c1", f"****{card.code[-4:]}")
    assert (card.campaign_name, card.ordinal, card.printed, card.replaced) == ("refunds", 1, False, ())
    assert card_at(desk, number=2).balance == Buckets(500, 0)


def test_it_is_bound_by_the_definition_that_counted_when_it_was_handed_out() -> None:
    desk = FundingDesk(invoice="optional", timezone="UTC")
    desk.load("booking_id,order_amount\nB1,10\n")
    desk.publish()
    desk.say(invoice="required", timezone="Asia/Tokyo")
    desk.load("booking_id,order_amount\nB2,10\n")
    desk.publish()
    assert [card_at(desk, number=number).rules.invoice_required for number in (1, 2)] == [False, True]
    assert [card_at(desk, number=number).terms["invoice"] for number in (1, 2)] == ["optional", "required"]
    assert [card_at(desk, number=number).timezone for number in (1, 2)] == ["Asia/Tokyo"] * 2


def test_a_card_of_the_pool_is_bound_by_the_newest_definition_until_it_is_handed_out() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=1, invoice="optional")
    desk.say(type="STATIC", vouchers_count=1, invoice="required")
    assert (card_at(desk).handed_out_by, card_at(desk).rules.invoice_required) == (None, True)
    desk.load("booking_id,order_amount\nB1,10\n")
    desk.publish()
    desk.say(type="STATIC", vouchers_count=1, invoice="optional")
    assert card_at(desk).rules.invoice_required
    assert card_at(desk).handed_out_by is not None


def test_it_expires_when_its_last_day_ends_where_its_campaign_is() -> None:
    desk = FundingDesk(timezone="Europe/Warsaw", activity_duration_after_publishing="P1D")
    desk.fund(ROWS)
    # Summer time there is two hours ahead: 2 May ends at 22:00.
    last, over = datetime(2020, 5, 2, 21, 59, 59, tzinfo=UTC), datetime(2020, 5, 2, 22, tzinfo=UTC)
    assert [(card_at(desk, now).state, card_at(desk, now).has_expired(now)) for now in (last, over)] == [
        ("active", False),
        ("expired", True),
    ]
    assert (card_at(desk).expires_on, card_at(desk).today(over)) == ("2020-05-02", "2020-05-03")
    assert card_at(desk).local(over).hour == 0


@pytest.mark.parametrize(("given_back", "count"), [(None, 1), (Buckets(100, 199), 1), (Buckets(100, 200), 0)])
def test_a_redemption_that_was_given_back_whole_does_not_count(given_back: Buckets | None, count: int) -> None:
    desk = FundingDesk()
    desk.fund(ROWS)
    redemption = redeem(desk, PURCHASE)
    if given_back is not None:
        give_back(desk, redemption, given_back)
    assert card_at(desk).redemptions == count


def test_redemptions_of_the_cards_that_it_replaces_count_too() -> None:
    desk = FundingDesk()
    desk.fund(ROWS)
    redeem(desk, PURCHASE)
    redeem(desk, NewRedemption(2, 1, Buckets(10, 0), 1, "INV-1", None))
    with desk.run() as run_id:
        connection, left = desk.ledger.connection, card_at(desk).balance
        transfer(connection, card=1, successor=2, campaign=1, balance=left, reason=None, run_id=run_id)
    assert (card_at(desk, number=2).redemptions, card_at(desk, number=2).replaced) == (2, [1])
    assert card_at(desk, number=2).balance == Buckets(900 + 490, 0)
    assert (card_at(desk).redemptions, card_at(desk).successor, card_at(desk).state) == (1, 2, "transferred")


def test_it_names_the_pause_of_its_campaign_while_there_is_one() -> None:
    desk = FundingDesk()
    desk.fund(ROWS)
    assert card_at(desk).pause is None
    with desk.run() as run_id:
        post_event(desk.ledger.connection, 1, "paused", "why", run_id)
    pause = card_at(desk).pause
    assert pause is not None
    assert (pause.run_id, pause.reason) == (run_id, "why")
    with desk.run() as run_id:
        post_event(desk.ledger.connection, 1, "resumed", None, run_id)
    assert card_at(desk).pause is None
