"""Finding cards: all that is asked for must hold, and a list that was cut says so."""

from typing import Any

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.campaigns.conditions import Condition
from refundctl.domain.cards.card_state import CardState
from refundctl.operations.campaigns.terms import CampaignUnknown
from refundctl.operations.desk.disable import Disable
from refundctl.operations.desk.find import FoundCards, Search, find, state_named
from support.desks.clerk_desk import ClerkDesk

ROWS = """\
booking_id,customer_id,email,tier,order_amount
B1,ana,ana@example.com,gold,10000
B2,ana,ana@example.com,,5000
B3,ben,ben@example.com,gold,2000
"""


def look_for(desk: ClerkDesk, limit: int = 9, **asked: Any) -> FoundCards:
    with desk.ledger.reading():
        return find(desk.ledger, Search(**asked), limit)


def numbers(desk: ClerkDesk, **asked: Any) -> list[str]:
    return [card["card_id"] for card in look_for(desk, **asked).cards]


def test_all_that_is_asked_for_must_hold() -> None:
    desk = ClerkDesk(ROWS)
    gold = Condition.parse({"tier": ["gold"]})
    assert numbers(desk, customer_id="ana") == ["c1", "c2"]
    assert numbers(desk, customer_id="ana", where=gold) == ["c1"]
    assert numbers(desk, where=gold) == ["c1", "c3"]
    assert numbers(desk, booking_id="B2", customer_id="ben") == []
    assert numbers(desk, campaign="refunds", booking_id="B3") == ["c3"]


def test_an_address_is_found_as_files_would_write_it() -> None:
    desk = ClerkDesk(ROWS)
    assert numbers(desk, email=" ben@EXAMPLE.com ") == ["c3"]
    assert numbers(desk, email="nobody") == []


def test_a_state_is_that_of_today_where_the_campaign_is() -> None:
    desk = ClerkDesk(ROWS, activity_duration_after_publishing="P365D", timezone="Europe/Warsaw")
    desk.do(Disable(), "c2")
    desk.at("2021-05-01T21:59:59Z")
    assert [numbers(desk, state=state) for state in ("active", "disabled", "expired")] == [["c1", "c3"], ["c2"], []]
    desk.at("2021-05-01T22:00:00Z")
    assert [numbers(desk, state=state) for state in ("active", "disabled", "expired")] == [[], ["c2"], ["c1", "c3"]]


def test_a_list_that_was_cut_says_so_and_tells_whose_the_cards_are() -> None:
    desk = ClerkDesk(ROWS)
    assert [look_for(desk, limit).more for limit in (2, 3, 4)] == [True, False, False]
    found = look_for(desk, 2).cards
    assert [(card["customer_id"], card["booking_ids"], card["balance"]) for card in found] == [
        ("ana", ["B1"], 104_00),
        ("ana", ["B2"], 52_00),
    ]


def test_what_there_is_not_is_said() -> None:
    desk = ClerkDesk(ROWS)
    assert state_named(" Cashed-Out ") is CardState.CASHED_OUT
    with pytest.raises(UsageError, match="did you mean"):
        state_named("activ")
    with pytest.raises(CampaignUnknown):
        look_for(desk, campaign="flights")
