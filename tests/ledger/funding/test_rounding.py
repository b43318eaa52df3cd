"""How parts of an amount are rounded, asked of SQLite itself."""

import sqlite3
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.campaigns.refund_policy import Percentage
from refundctl.ledger.funding.rounding import bonus_of, fee_of

SQLITE = sqlite3.connect(":memory:")


def rounded(percentage: str, minor: int) -> int:
    """What a fee keeps, and a bonus gives: the same."""
    of = Percentage.parse(percentage)
    fee, bonus = SQLITE.execute(f"SELECT {fee_of('?1', of)}, {bonus_of('?1', of)}", (minor,)).fetchone()
    assert fee == bonus
    return int(fee)


@pytest.mark.parametrize(
    ("percentage", "minor", "part_minor"),
    [
        ("10", 46_00, 4_60),
        ("20", 100_00, 20_00),
        ("7.5", 999, 75),  # JPY: 74.925
        ("10", 1_005, 101),  # KWD 1.005: 0.1005
        ("10", 5, 1),  # EUR 0.05: half a cent is one
        ("10", 4, 0),
        ("33.3333", 3_00, 1_00),
        ("0.0001", 499_999, 0),
        ("0.0001", 500_000, 1),
        ("100", 12_34, 12_34),
        ("1000", 12_34, 123_40),
        ("0", 12_34, 0),
        ("50", 0, 0),
    ],
)
def test_a_percentage_is_exact_and_rounded_half_up(percentage: str, minor: int, part_minor: int) -> None:
    assert rounded(percentage, minor) == part_minor


percentages = st.decimals(0, 1000, places=4).map(str)
amounts_minor = st.integers(0, 10**17)


@given(percentages, amounts_minor)
def test_half_up_is_the_nearest_whole_number_and_of_two_the_greater(percentage: str, minor: int) -> None:
    exact = Fraction(percentage) * minor / 100

    assert rounded(percentage, minor) == floor(exact + Fraction(1, 2))


@given(st.decimals(0, 100, places=2).map(str), amounts_minor)
def test_a_hundred_percent_or_less_is_never_more_than_the_whole(percentage: str, minor: int) -> None:
    assert 0 <= rounded(percentage, minor) <= minor
