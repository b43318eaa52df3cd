"""Campaigns as the ledger has them: the definition that was stored last counts, and those before are kept."""

import json

from refundctl.ledger.campaigns import stored_campaigns
from refundctl.ledger.campaigns.definitions import post_campaign, post_definition
from support.desks.funding_desk import FundingDesk


def test_the_newest_definition_counts_and_earlier_ones_are_told_the_last_first() -> None:
    desk = FundingDesk(description="one")
    connection = desk.ledger.connection
    with desk.run() as run_id:
        post_definition(connection, post_campaign(connection, "summer", "JPY", run_id), '{"a": 1}', run_id)
    desk.say(description="two")
    desk.say(description="three")
    spring, summer = stored_campaigns.campaigns(connection)
    assert (spring.name, spring.currency, spring.terms["description"]) == ("refunds", "EUR", "three")
    assert (summer.name, summer.currency, summer.terms) == ("summer", "JPY", {"a": 1})
    earlier = stored_campaigns.earlier_definitions(connection, spring)
    assert [json.loads(text)["description"] for _, text in earlier] == ["two", "one"]
    assert stored_campaigns.earlier_definitions(connection, summer) == []
    assert stored_campaigns.campaign_numbered(connection, summer.campaign_id) == summer


def test_a_campaign_is_found_by_its_whole_name() -> None:
    connection = FundingDesk().ledger.connection
    found = stored_campaigns.campaign_named(connection, "refunds")
    assert found is not None
    assert found.campaign_id == 1
    assert stored_campaigns.campaign_named(connection, "refund") is None


def test_cards_of_the_pool_are_no_published_cards() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=1)
    connection = desk.ledger.connection
    assert desk.read("SELECT count(*) FROM cards") == [(1,)]
    assert not stored_campaigns.has_cards(connection, 1)
    desk.load("booking_id,order_amount\nB1,10\n")
    desk.publish()
    assert stored_campaigns.has_cards(connection, 1)
    assert not stored_campaigns.has_cards(connection, 2)
