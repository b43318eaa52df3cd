"""What may change of a campaign, and what can't any more."""

import pytest

from refundctl.operations.campaigns.create import Creation, CurrencyChanged, DefinitionChanged
from support.desks.funding_desk import FundingDesk

ROW = "booking_id,order_amount\nB1,100\n"


def test_the_same_definition_is_stored_once() -> None:
    desk = FundingDesk()
    assert desk.say().creation is Creation.UNCHANGED
    assert desk.say(card_per="customer").creation is Creation.CHANGED
    assert desk.read("SELECT count(*) FROM definitions") == [(2,)]


def test_a_card_is_for_a_customer_or_a_booking_for_good_once_there_is_one() -> None:
    desk = FundingDesk()
    desk.fund(ROW)
    with pytest.raises(DefinitionChanged, match="has cards per booking already"):
        desk.say(card_per="customer")


def test_a_campaign_keeps_its_currency() -> None:
    with pytest.raises(CurrencyChanged, match="is in EUR"):
        FundingDesk().say(currency="PLN")


def test_a_pool_is_filled_up_to_its_number_and_never_made_smaller() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=2)
    assert desk.say(type="STATIC", vouchers_count=5).made == 3
    with pytest.raises(DefinitionChanged, match="has 5 cards made beforehand already"):
        desk.say(type="STATIC", vouchers_count=4)
