"""Which bucket a purchase is taken from and given back to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.cards.buckets import Buckets, given_back, taken

amounts = st.integers(0, 10**12)
balances = st.builds(Buckets, amounts, amounts)


@st.composite
def purchases(draw: st.DrawFn) -> tuple[int, Buckets]:
    """An amount, and a balance that is enough for it."""
    balance = draw(balances)
    return draw(st.integers(0, balance.total)), balance


@pytest.mark.parametrize(
    ("amount", "bonus_first", "paid_first"),
    [
        (0, Buckets(0, 0), Buckets(0, 0)),
        (1, Buckets(0, 1), Buckets(1, 0)),
        (30, Buckets(0, 30), Buckets(30, 0)),
        (31, Buckets(1, 30), Buckets(31, 0)),
        (100, Buckets(70, 30), Buckets(100, 0)),
        (101, Buckets(71, 30), Buckets(100, 1)),
        (130, Buckets(100, 30), Buckets(100, 30)),
    ],
)
def test_a_purchase_from_a_card_of_100_paid_and_30_bonus(
    amount: int, bonus_first: Buckets, paid_first: Buckets
) -> None:
    balance = Buckets(paid=100, bonus=30)

    assert taken(amount, balance, bonus_first=True) == bonus_first
    assert taken(amount, balance, bonus_first=False) == paid_first


@pytest.mark.parametrize(
    ("amount", "bonus_first", "paid_first"),
    [
        (0, Buckets(0, 0), Buckets(0, 0)),
        (20, Buckets(20, 0), Buckets(0, 20)),
        (30, Buckets(30, 0), Buckets(0, 30)),
        (70, Buckets(70, 0), Buckets(40, 30)),
        (80, Buckets(70, 10), Buckets(50, 30)),
        (100, Buckets(70, 30), Buckets(70, 30)),
    ],
)
def test_what_was_taken_last_is_given_back_first(amount: int, bonus_first: Buckets, paid_first: Buckets) -> None:
    redeemed = Buckets(paid=70, bonus=30)

    assert given_back(amount, redeemed, bonus_first=True) == bonus_first
    assert given_back(amount, redeemed, bonus_first=False) == paid_first


@given(purchases(), st.booleans())
def test_no_bucket_gives_more_than_it_holds_and_the_sum_is_exact(
    purchase: tuple[int, Buckets], bonus_first: bool
) -> None:
    amount, balance = purchase

    took = taken(amount, balance, bonus_first=bonus_first)

    assert took.total == amount
    assert 0 <= took.paid <= balance.paid
    assert 0 <= took.bonus <= balance.bonus


@given(purchases(), st.booleans())
def test_the_second_bucket_is_touched_only_once_the_first_is_empty(
    purchase: tuple[int, Buckets], bonus_first: bool
) -> None:
    amount, balance = purchase
    took = taken(amount, balance, bonus_first=bonus_first)

    first_left, second = (
        (balance.bonus - took.bonus, took.paid) if bonus_first else (balance.paid - took.paid, took.bonus)
    )

    assert first_left == 0 or second == 0


@given(purchases(), st.booleans(), st.data())
def test_giving_back_is_as_if_less_had_been_bought(
    purchase: tuple[int, Buckets], bonus_first: bool, data: st.DataObject
) -> None:
    amount, balance = purchase
    redeemed = taken(amount, balance, bonus_first=bonus_first)
    back_minor = data.draw(st.integers(0, amount))

    back = given_back(back_minor, redeemed, bonus_first=bonus_first)

    assert back.total == back_minor
    assert 0 <= back.paid <= redeemed.paid
    assert 0 <= back.bonus <= redeemed.bonus
    kept = Buckets(redeemed.paid - back.paid, redeemed.bonus - back.bonus)
    assert kept == taken(amount - back_minor, balance, bonus_first=bonus_first)


@given(purchases(), st.booleans())
def test_a_redemption_given_back_whole_leaves_the_card_as_it_was(
    purchase: tuple[int, Buckets], bonus_first: bool
) -> None:
    amount, balance = purchase
    redeemed = taken(amount, balance, bonus_first=bonus_first)

    assert given_back(amount, redeemed, bonus_first=bonus_first) == redeemed


@given(purchases(), st.booleans(), st.data())
def test_two_purchases_take_what_one_of_both_would(
    purchase: tuple[int, Buckets], bonus_first: bool, data: st.DataObject
) -> None:
    amount, balance = purchase
    first_minor = data.draw(st.integers(0, amount))

    first = taken(first_minor, balance, bonus_first=bonus_first)
    left = Buckets(balance.paid - first.paid, balance.bonus - first.bonus)
    second = taken(amount - first_minor, left, bonus_first=bonus_first)

    assert Buckets(first.paid + second.paid, first.bonus + second.bonus) == taken(
        amount, balance, bonus_first=bonus_first
    )


def test_buckets_name_what_is_in_them() -> None:
    assert Buckets(5, 3).items() == [("paid", 5), ("bonus", 3)]
    assert Buckets(0, 3).items() == [("bonus", 3)]
    assert Buckets().items() == []
