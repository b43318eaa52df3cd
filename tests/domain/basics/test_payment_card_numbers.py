"""Payment card numbers are found in every shape that people write them in, and little else is taken for one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refundctl.domain.basics.payment_card_numbers import holds_card_number, may_hold_card_number

# The schemes' published test numbers.
NUMBERS = [
    "4111111111111111",  # Visa
    "4000000000000000006",  # Visa, 19 digits
    "5555555555554444",  # Mastercard
    "2223003122003222",  # Mastercard, the newer range
    "378282246310005",  # American Express
    "6011111111111117",  # Discover
    "3530111333300000",  # JCB
    "30569309025904",  # Diners Club
    "6200000000000005",  # UnionPay
]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_scheme(number: str) -> None:
    assert holds_card_number(number)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "４１１１１１１１１１１１１１１１",
        "paid with 4111 1111 1111 1111 12/25",
        "call 48 4111 1111 1111 1111 please",
        "card:4111111111111111,",
    ],
)
def test_in_every_writing(text: str) -> None:
    assert holds_card_number(text)
    assert may_hold_card_number(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # wrong check digit
        "1111111111111117",  # right check digit, no issuer
        "411111111111111",  # too short for its issuer
        "41111111111111110000",  # longer than any
        "4111  1111  1111  1111",  # two signs between the groups
        "BK000000001",
        "2020-04-01T10:11:12+02:00",
        "",
    ],
)
def test_what_is_none(text: str) -> None:
    assert not holds_card_number(text)


@given(
    st.sampled_from(NUMBERS),
    st.sampled_from(["", " ", "-", ".", "\u00a0", "\u202f", "\u2011"]),
    st.text("ab ,;\t\nł€", max_size=8),
    st.lists(st.integers(1, 18), max_size=4, unique=True),
)
@example("4111111111111111", "", "", [])
def test_the_first_look_never_misses_what_the_closer_one_finds(
    number: str, sign: str, around: str, cuts: list[int]
) -> None:
    text = around
    for position, digit in enumerate(number):
        text += (sign if position in cuts else "") + digit
    text += around
    assert holds_card_number(text)
    assert may_hold_card_number(text.encode())


@given(st.text("0123456789 -.\u00a0\uff10\uff19łx", max_size=40))
def test_the_first_look_never_misses_anything(text: str) -> None:
    assert may_hold_card_number(text.encode()) or not holds_card_number(text)
