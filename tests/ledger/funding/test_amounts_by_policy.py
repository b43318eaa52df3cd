"""What each refund line is given by a policy, to the cent."""

from typing import Any

import pytest

from refundctl.ledger.funding.line_state import LineState
from support.desks.funding_desk import FundingDesk


def given(rows: str, **refund: Any) -> dict[str, tuple[int, int, int, int]]:
    """What goes onto a card, bonus, cash and fee of each line."""
    desk = FundingDesk(refund=refund)
    desk.load(rows)
    return {
        name: (line.paid_minor, line.bonus_minor, line.cash_minor, line.fee_minor)
        for name, line in desk.lines().items()
    }


@pytest.mark.parametrize(
    ("order_minor", "fee_minor", "bonus_minor"),
    [
        (5, 1, 0),
        (4, 0, 0),
        (15, 2, 1),
        (14, 1, 1),
        (1_005, 101, 45),
    ],  # fees 10%, of the order; bonuses 5%, of what is left
)
def test_half_a_cent_is_one(order_minor: int, fee_minor: int, bonus_minor: int) -> None:
    fee, bonus = {"name": "late", "percentage": "10"}, {"name": "gold", "percentage": "5"}
    found = given(f"booking_id,order_amount\nB1,{order_minor}\n", fees=[fee], bonuses=[bonus])
    assert found == {"B1": (order_minor - fee_minor, bonus_minor, 0, fee_minor)}


def test_parts_of_a_fee_add_up_and_take_no_more_than_there_is() -> None:
    fee = {"name": "late", "fixed": "1.00", "percentage": "10", "per_ticket": "0.50"}
    rows = "booking_id,order_amount,refund_amount,tickets\nB1,1000,1000,2\nB2,1000,250,1\nB3,1000,1000,\n"
    assert given(rows, fees=[fee]) == {"B1": (700, 0, 0, 300), "B2": (0, 0, 0, 250), "B3": (800, 0, 0, 200)}


def test_what_a_fee_could_not_take_of_one_line_it_takes_of_the_next() -> None:
    rows = "booking_id,refund_id,order_amount,refund_amount\nB1,r2,1000,900\nB1,r1,1000,100\n"
    found = given(rows, fees=[{"name": "late", "fixed": "3.00"}])
    assert found == {"B1/r1": (0, 0, 0, 100), "B1/r2": (700, 0, 0, 200)}


@pytest.mark.parametrize(
    ("stacking", "shares"),
    [
        ("first", [("bonus", "small", 100)]),
        ("best", [("bonus", "large", 200)]),
        ("sum", [("bonus", "small", 100), ("bonus", "large", 200)]),
    ],
)
def test_bonuses_are_stacked(stacking: str, shares: list[tuple[str, str, int]]) -> None:
    bonuses = [
        {"name": "small", "fixed": "1.00", "when": {"tier": ["gold"]}},
        {"name": "large", "percentage": "50", "at_most": "2.00"},
    ]
    desk = FundingDesk(refund={"bonuses": bonuses, "bonus_stacking": stacking})
    desk.load("booking_id,order_amount,tier\nB1,1000,gold\n")
    assert desk.lines()["B1"].shares == shares


def test_offers_and_acceptance() -> None:
    desk = FundingDesk(
        refund={
            "requires_acceptance": True,
            "offers": [{"when": {"tier": ["gold"]}, "offer": "cash"}, {"when": {"tier": ["staff"]}, "offer": "none"}],
        }
    )
    desk.load(
        "booking_id,order_amount,cash_amount,tier,accepted\nB1,100,30,gold,no\nB2,100,0,staff,yes\n"
        "B3,100,30,,yes\nB4,100,0,,\nB5,100,100,,\n"
    )
    found = {name: (line.state, line.paid_minor, line.cash_minor) for name, line in desk.lines().items()}
    assert found == {
        "B1": (LineState.CASH_ONLY, 0, 100),
        "B2": (LineState.OFFER_NONE, 0, 0),
        "B3": (LineState.OPEN, 70, 30),
        "B4": (LineState.NOT_ACCEPTED, 0, 0),
        "B5": (LineState.CASH_ONLY, 0, 100),  # owed in cash alone: nobody has to take a card
    }


def test_a_line_keeps_the_definition_under_which_its_live_card_was_published() -> None:
    desk = FundingDesk(refund={"fees": [{"name": "late", "percentage": "10"}]})
    desk.load("booking_id,order_amount\nB1,1000\n")
    desk.publish()
    desk.say(refund={"fees": [{"name": "late", "percentage": "50"}]})
    desk.load("booking_id,order_amount\nB2,1000\n")
    assert {name: line.fee_minor for name, line in desk.lines().items()} == {"B1": 100, "B2": 500}
