"""Finding cards: by all that is named together, of whoever holds them now or what they were topped up for."""

from typing import Any

import pytest

from refundctl.domain.campaigns.conditions import Condition
from refundctl.domain.cards.buckets import Buckets
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.desk import card_events
from refundctl.ledger.desk.card_search import AskedFor, find
from refundctl.ledger.desk.transferring import transfer
from support.desks.funding_desk import FundingDesk

ROWS = (
    "booking_id,customer_id,email,order_amount,tier\n"
    "B1,ana,Ana@example.org,100,gold\nB2,bo,bo@example.org,200,\nB3,ana,ana@example.org,300,\n"
)


@pytest.fixture
def desk() -> FundingDesk:
    """c1 and c3 are Ana's, c2 is Bo's."""
    made = FundingDesk(activity_duration_after_publishing="P1D")
    made.fund(ROWS)
    return made


def found(desk: FundingDesk, limit: int = 100, today: str = "2020-05-02", **wanted: Any) -> list[int]:
    return find(desk.ledger.connection, AskedFor(**wanted), {1: today}, limit)


@pytest.mark.parametrize(
    ("wanted", "cards"),
    [
        ({}, [1, 2, 3]),
        ({"customer_id": "ana"}, [1, 3]),
        ({"customer_id": "Ana"}, []),
        ({"email": "ANA@EXAMPLE.ORG"}, [1, 3]),
        ({"booking_id": "B3"}, [3]),
        ({"customer_id": "ana", "booking_id": "B2"}, []),
        ({"customer_id": "ana", "where": Condition.parse({"tier": ["gold"]})}, [1]),
        ({"where": Condition.parse({"order_amount": {"min": "2.00"}})}, [2, 3]),
        ({"campaign": 2}, []),
        ({"campaign": 1, "limit": 2}, [1, 2]),
    ],
)
def test_all_that_is_named_must_hold(desk: FundingDesk, wanted: dict[str, Any], cards: list[int]) -> None:
    assert found(desk, **wanted) == cards


def test_by_state_on_the_day_where_the_campaign_is(desk: FundingDesk) -> None:
    with desk.run() as run_id:
        card_events.post_event(desk.ledger.connection, 2, "disabled", None, run_id)
    assert found(desk, state=CardState.DISABLED) == [2]
    assert found(desk, state=CardState.ACTIVE) == [1, 3]
    assert found(desk, state=CardState.EXPIRED) == []
    assert found(desk, today="2020-05-03", state=CardState.EXPIRED) == [1, 3]
    assert found(desk, today="2020-05-03", state=CardState.EXPIRED, booking_id="B3") == [3]


def test_a_booking_leads_to_the_card_that_has_its_money_now(desk: FundingDesk) -> None:
    with desk.run() as run_id:
        transfer(
            desk.ledger.connection,
            card=1,
            successor=3,
            campaign=1,
            balance=Buckets(100),
            reason=None,
            run_id=run_id,
        )
    assert found(desk, booking_id="B1") == [1, 3]
    assert found(desk, booking_id="B1", state=CardState.ACTIVE) == [3]


def test_a_customers_one_card_is_found_by_each_booking_that_it_was_topped_up_for() -> None:
    desk = FundingDesk(card_per="customer")
    desk.fund(ROWS)
    assert [found(desk, booking_id=f"B{number}") for number in (1, 2, 3)] == [[1], [2], [1]]
    assert found(desk, where=Condition.parse({"tier": ["gold"]})) == [1]


def test_amounts_are_asked_for_in_each_currency_by_its_own_decimals() -> None:
    desk = FundingDesk(card_per="customer")
    desk.fund("booking_id,customer_id,order_amount,currency\nB1,ana,100,EUR\nB2,ana,300,JPY\nB3,bo,299,EUR\n")
    amounts = {minimum: Condition.parse({"order_amount": {"min": minimum}}) for minimum in ("2", "3", "300", "301")}
    assert [found(desk, where=where) for where in amounts.values()] == [[1, 2], [1], [1], []]


def test_cards_of_the_pool_are_found_by_their_holder_and_waiting_ones_by_their_state() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=2)
    desk.fund("booking_id,customer_id,order_amount\nB1,ana,100\n")
    assert found(desk, customer_id="ana") == [1]
    assert found(desk, booking_id="B1") == [1]
    assert found(desk, state=CardState.UNASSIGNED) == [2]
