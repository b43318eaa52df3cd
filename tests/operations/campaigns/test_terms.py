"""Until when cards of a campaign are valid, by the definition and the rule that counts for each."""

import pytest

from refundctl.ledger.funding.considered_lines import DEFINITION_STEP
from refundctl.operations.campaigns.terms import CampaignOver, CampaignUnknown, terms_of
from support.desks.funding_desk import FundingDesk

YEAR = {"activity_duration_after_publishing": "P1Y"}


def test_each_rule_of_validity_has_its_last_day_and_so_have_earlier_definitions() -> None:
    desk = FundingDesk(**YEAR)
    desk.say(**YEAR, validity=[{"when": {"tier": ["gold"]}, "duration": "P2Y", "until_end_of": "quarter"}])
    holding = desk.terms.holding(desk.ledger.clock.now)
    expected = {0: "2021-05-01", 1: "2022-06-30", DEFINITION_STEP: "2021-05-01"}
    assert holding.expires_on == holding.extends_to == expected


def test_an_expiration_date_alone_extends_nothing_later() -> None:
    desk = FundingDesk(expiration_date="2020-12-31")
    holding = desk.terms.holding(desk.ledger.clock.now)
    assert (holding.expires_on, holding.extends_to) == ({0: "2020-12-31"}, {0: None})


def test_a_campaign_that_is_over_makes_no_cards() -> None:
    desk = FundingDesk(expiration_date="2020-04-30")
    with pytest.raises(CampaignOver, match="ended on 2020-04-30"):
        desk.terms.holding(desk.ledger.clock.now)


def test_today_is_that_of_the_campaigns_time_zone() -> None:
    desk = FundingDesk(timezone="Pacific/Kiritimati")  # where it is 14 hours later
    assert desk.terms.today(desk.ledger.clock.now).isoformat() == "2020-05-02"


def test_an_unknown_campaign_is_told_with_those_there_are() -> None:
    with pytest.raises(CampaignUnknown, match=r"\(there: refunds\)"):
        terms_of(FundingDesk().ledger, "refund")
