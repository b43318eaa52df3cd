"""The refund policy: what a stored definition says of amounts, and how bonuses are stacked."""

import json
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.validity import Duration
from refundctl.domain.campaigns.campaign import Campaign
from refundctl.domain.campaigns.conditions import CUSTOMER_TOTAL, Condition
from refundctl.domain.campaigns.refund_policy import (
    BEST,
    CASH,
    FIRST,
    GIFT_CARD,
    NONE,
    SUM,
    Budget,
    Offer,
    Percentage,
    Policy,
    Rule,
    ValidityRule,
    approval_above_minor,
    stacked,
)


def terms(**keys: object) -> dict[str, object]:
    """What the ledger keeps of a campaign, read again."""
    campaign = Campaign.model_validate({"name": "flight-refunds", "currency": "EUR", **keys})
    stored: dict[str, object] = json.loads(campaign.definition())
    return stored


def part_of(percentage: Percentage, minor: int) -> int:
    """This much of an amount, half up; the program has it as SQL, see tests/ledger/funding/test_rounding.py."""
    return floor(Fraction(percentage.numerator, percentage.denominator) * minor + Fraction(1, 2))


# --- What a definition says ---


def test_a_campaign_without_rules_gives_everybody_a_card_with_what_they_paid() -> None:
    assert Policy.from_terms(terms(), "EUR") == Policy()
    assert Budget.from_terms(terms(), "EUR") == Budget()
    assert approval_above_minor(terms(), "EUR") is None


def test_a_definition_of_a_version_without_rules_means_the_same() -> None:
    assert Policy.from_terms({"currency": "EUR"}, "EUR") == Policy()
    assert Budget.from_terms({"currency": "EUR"}, "EUR") == Budget()
    assert approval_above_minor({"currency": "EUR"}, "EUR") is None


def test_every_rule_of_a_definition_is_read() -> None:
    policy = Policy.from_terms(
        terms(
            refund={
                "fees": (
                    {"name": "service", "fixed": "10.00", "percentage": "10", "per_ticket": "2.00"},
                    {"name": "late", "when": {"channel": ["agency"]}, "percentage": "7.5"},
                ),
                "bonuses": (
                    {"name": "gold", "when": {"tier": ["gold"]}, "percentage": "20", "at_most": "15.00"},
                    {"name": "loyal", "when": {CUSTOMER_TOTAL: {"min": "5000.00"}}, "fixed": "15", "total": "300.50"},
                ),
                "bonus_stacking": "sum",
                "offers": ({"when": {"country": ["US-ME"]}, "offer": "cash"}, {"offer": "none"}),
                "requires_acceptance": True,
            },
            validity=({"when": {"tier": ["gold"]}, "duration": "P2Y", "until_end_of": "quarter"}, {"duration": "P6M"}),
        ),
        "EUR",
    )

    always, gold = Condition(), Condition.parse({"tier": ["gold"]})
    assert policy == Policy(
        fees=(
            Rule("service", always, fixed_minor=10_00, percentage=Percentage(10, 100), per_ticket_minor=2_00),
            Rule("late", Condition.parse({"channel": ["agency"]}), percentage=Percentage(75, 1000)),
        ),
        bonuses=(
            Rule("gold", gold, percentage=Percentage(20, 100), at_most_minor=15_00),
            Rule(
                "loyal",
                Condition.parse({CUSTOMER_TOTAL: {"min": "5000.00"}}),
                fixed_minor=15_00,
                total_minor=300_50,
            ),
        ),
        stacking=SUM,
        offers=(Offer(Condition.parse({"country": ["US-ME"]}), CASH), Offer(always, NONE)),
        requires_acceptance=True,
        validity=(
            ValidityRule(gold, Duration(years=2), "quarter"),
            ValidityRule(always, Duration(months=6), None),
        ),
    )


@pytest.mark.parametrize("offer", [GIFT_CARD, CASH, NONE])
def test_every_offer_of_a_file_is_known_by_its_name(offer: str) -> None:
    policy = Policy.from_terms(terms(refund={"offers": ({"offer": offer},)}), "EUR")

    assert policy.offers == (Offer(Condition(), offer),)


@pytest.mark.parametrize("stacking", [FIRST, BEST, SUM])
def test_every_way_of_stacking_is_known_by_its_name(stacking: str) -> None:
    assert Policy.from_terms(terms(refund={"bonus_stacking": stacking}), "EUR").stacking == stacking


def test_a_budget_is_read_with_what_it_leaves_open() -> None:
    budget = {"total": "250000.00", "cards": 10_000, "per_customer": "5000", "warn_at": "80"}

    assert Budget.from_terms(terms(budget=budget), "EUR") == Budget(
        total_minor=250_000_00, cards=10_000, per_customer_minor=5_000_00, warn_at=Percentage(80, 100)
    )
    assert Budget.from_terms(terms(budget={"bonus": "0.05", "per_card": "1.5"}), "EUR") == Budget(
        bonus_minor=5, per_card_minor=1_50
    )


@pytest.mark.parametrize(
    ("currency", "above", "above_minor"),
    [
        ("EUR", "10000.00", 10_000_00),
        ("EUR", "0", 0),  # every top-up
        ("JPY", "10000", 10_000),
        ("KWD", "1.005", 1_005),
        ("CLF", "0.0001", 1),
    ],
)
def test_amounts_are_in_minor_units_of_the_currency(currency: str, above: str, above_minor: int) -> None:
    assert approval_above_minor(terms(currency=currency, approval={"above": above}), currency) == above_minor


# --- From rules to amounts ---


@pytest.mark.parametrize(
    ("fee", "order_minor", "tickets", "kept_minor"),
    [
        ({"fixed": "10.00", "percentage": "10"}, 46_00, 0, 14_60),  # of 46.00 are 31.40 left
        ({"per_ticket": "2.00"}, 46_00, 2, 4_00),
        ({"fixed": "0.00", "percentage": "0", "per_ticket": "0.00"}, 46_00, 2, 0),
    ],
)
def test_the_parts_of_a_fee(fee: dict[str, object], order_minor: int, tickets: int, kept_minor: int) -> None:
    [rule] = Policy.from_terms(terms(refund={"fees": ({"name": "service", **fee},)}), "EUR").fees

    assert rule.fixed_minor + part_of(rule.percentage, order_minor) + tickets * rule.per_ticket_minor == kept_minor


def test_a_bonus_of_at_most_15() -> None:
    bonus = {"name": "gold", "percentage": "20", "at_most": "15.00"}
    [rule] = Policy.from_terms(terms(refund={"bonuses": (bonus,)}), "EUR").bonuses

    assert rule.at_most_minor is not None
    assert min(part_of(rule.percentage, 100_00), rule.at_most_minor) == 15_00
    assert min(part_of(rule.percentage, 50_00), rule.at_most_minor) == 10_00


# --- Stacking ---


@pytest.mark.parametrize(
    ("amounts_minor", "first", "best", "summed"),
    [
        ([5_00, 7_00, 1_00], [5_00, 0, 0], [0, 7_00, 0], [5_00, 7_00, 1_00]),
        ([0, 7_00, 9_00], [0, 7_00, 0], [0, 0, 9_00], [0, 7_00, 9_00]),
        ([7_00, 7_00], [7_00, 0], [7_00, 0], [7_00, 7_00]),  # of equal ones the first
        ([0, 0], [0, 0], [0, 0], [0, 0]),
        ([], [], [], []),
    ],
)
def test_bonuses_that_match_the_same_booking(
    amounts_minor: list[int], first: list[int], best: list[int], summed: list[int]
) -> None:
    assert stacked(amounts_minor, FIRST) == first
    assert stacked(amounts_minor, BEST) == best
    assert stacked(amounts_minor, SUM) == summed


amounts_of_rules_minor = st.lists(st.integers(0, 3) | st.integers(0, 10**17), max_size=8)


@given(amounts_of_rules_minor)
def test_the_best_of_the_rules_is_the_best(amounts_minor: list[int]) -> None:
    assert sum(stacked(amounts_minor, BEST)) == max(amounts_minor, default=0)


@given(amounts_of_rules_minor)
def test_the_first_of_the_rules_is_the_first_that_gives_anything(amounts_minor: list[int]) -> None:
    assert sum(stacked(amounts_minor, FIRST)) == next(filter(None, amounts_minor), 0)


@given(amounts_of_rules_minor, st.sampled_from([FIRST, BEST, SUM]))
def test_a_rule_gives_all_of_its_amount_or_nothing(amounts_minor: list[int], stacking: str) -> None:
    given_minor = stacked(amounts_minor, stacking)

    assert len(given_minor) == len(amounts_minor)
    assert all(given in (0, amount) for given, amount in zip(given_minor, amounts_minor, strict=True))
    assert stacking == SUM or sum(map(bool, given_minor)) <= 1


@given(amounts_of_rules_minor)
def test_a_customer_never_gets_less_by_the_best_than_by_the_first_nor_more_than_by_all(
    amounts_minor: list[int],
) -> None:
    first, best, summed = (sum(stacked(amounts_minor, stacking)) for stacking in (FIRST, BEST, SUM))

    assert first <= best <= summed == sum(amounts_minor)
