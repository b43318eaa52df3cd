"""A policy worked out in SQL: parts of rules, limits before they are compared, and who gets nothing at all."""

from typing import Any

import pytest

from refundctl.ledger.funding.line_state import LineState
from support.desks.funding_desk import FundingDesk

Shares = list[tuple[str, str, int]]


def settled(row: str, **refund: Any) -> tuple[int, int, Shares]:
    """What of B1 is paid onto a card and in cash, and what by which rule."""
    desk = FundingDesk(refund=refund)
    desk.load(f"booking_id,order_amount,refund_amount,cash_amount,bonus_amount,tickets,tier\nB1,{row}\n")
    line = desk.lines()["B1"]
    return line.paid_minor, line.cash_minor, list(line.shares)


@pytest.mark.parametrize(
    ("row", "paid", "cash", "fee"),
    [
        ("4600,2000,0,0,,", 15_40, 0, 4_60),  # of the order, not of what is refunded
        ("4600,4600,600,0,,", 35_40, 6_00, 4_60),
        ("4600,400,0,0,,", 0, 0, 4_00),
        ("4600,4600,4400,0,,", 0, 44_00, 2_00),  # what is owed in cash is never touched
    ],
)
def test_a_fee_takes_of_what_would_be_paid_and_no_more(row: str, paid: int, cash: int, fee: int) -> None:
    found = settled(row, fees=[{"name": "service", "percentage": "10"}])
    assert found == (paid, cash, [("fee", "service", fee)])


def test_fees_take_in_their_order_what_is_left() -> None:
    fees = [{"name": "first", "fixed": "3.00"}, {"name": "second", "fixed": "3.00"}, {"name": "third", "fixed": "1.00"}]
    assert settled("500,500,0,0,,", fees=fees) == (0, 0, [("fee", "first", 3_00), ("fee", "second", 2_00)])


@pytest.mark.parametrize(
    ("bonuses", "shares"),
    [
        # Of equally good ones, the first in the file.
        ([("a", {"fixed": "5.00"}), ("b", {"percentage": "10"})], [("bonus", "a", 5_00)]),
        ([("a", {"percentage": "10"}), ("b", {"fixed": "5.01"})], [("bonus", "b", 5_01)]),
        # 20 % would be 10.00, but for its limit.
        ([("a", {"percentage": "20", "at_most": "4.99"}), ("b", {"fixed": "5.00"})], [("bonus", "b", 5_00)]),
        ([("a", {"fixed": "1.00", "percentage": "10", "at_most": "6.00"})], [("bonus", "a", 6_00)]),
        ([("a", {"fixed": "1.00", "percentage": "10", "at_most": "5.99"})], [("bonus", "a", 5_99)]),
    ],
)
def test_the_best_bonus_is_given_after_its_own_limit(bonuses: list[tuple[str, dict[str, str]]], shares: Shares) -> None:
    rules = [{"name": name, **parts} for name, parts in bonuses]
    assert settled("5000,5000,0,0,,", bonuses=rules) == (50_00, 0, shares)


def test_the_first_bonus_is_the_first_that_gives_anything() -> None:
    bonuses = [
        {"name": "gold", "fixed": "9.00", "when": {"tier": ["gold"]}},
        {"name": "tiny", "percentage": "0.001", "when": {"tier": ["silver"]}},
        {"name": "thanks", "fixed": "1.00", "when": {"tickets": {"max": "4"}}},
        {"name": "more", "fixed": "2.00"},
    ]
    found = settled("5000,5000,0,0,4,silver", bonuses=bonuses, bonus_stacking="first")
    assert found == (50_00, 0, [("bonus", "thanks", 1_00)])


@pytest.mark.parametrize("row", ["5000,5000,5000,0,,", "5000,1000,0,300,,"])
def test_where_nothing_is_paid_there_is_no_bonus(row: str) -> None:
    """All of it is owed in cash, or taken by a fee; a bonus that comes back is none that a rule gives."""
    refund = {"fees": [{"name": "service", "fixed": "10.00"}], "bonuses": [{"name": "thanks", "fixed": "1.00"}]}
    paid, _, shares = settled(row, **refund)
    assert (paid, [share for share in shares if share[0] == "bonus"]) == (0, [])


def test_cash_by_policy_has_no_bonus_but_its_fee_and_what_comes_back() -> None:
    desk = FundingDesk(
        refund={
            "fees": [{"name": "service", "fixed": "10.00"}],
            "bonuses": [{"name": "thanks", "percentage": "10"}],
            "offers": [{"when": {"tier": ["none"]}, "offer": "none"}, {"offer": "cash"}],
        }
    )
    desk.load("booking_id,order_amount,bonus_amount,tier\nB1,5000,0,\nB2,5000,700,\nB3,5000,700,none\n")
    found = {
        name: (line.state, line.paid_minor, line.bonus_minor, line.cash_minor, line.fee_minor)
        for name, line in desk.lines().items()
    }
    assert found == {
        "B1": (LineState.CASH_ONLY, 0, 0, 40_00, 10_00),
        "B2": (LineState.OPEN, 0, 7_00, 40_00, 10_00),
        "B3": (LineState.OFFER_NONE, 0, 0, 0, 0),
    }
