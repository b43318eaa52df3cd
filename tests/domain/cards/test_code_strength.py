"""How much of a code must be guessed by a person who knows how the others look."""

import math
import random
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.cards.code_strength import Guesswork
from refundctl.domain.cards.codes import DEFAULT_CHARSET, CodePattern

DIGITS = string.digits
LETTERS_AND_DIGITS = DIGITS + string.ascii_uppercase
DIGIT, SIGN = math.log2(10), math.log2(36)


def drawn(count: int, signs: int, charset: str = LETTERS_AND_DIGITS, seed: int = 0) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    return ["".join(chance.choices(charset, k=signs)) for _ in range(count)]


def bits(keys: Sequence[str]) -> float:
    """What the first key is worth among all."""
    return round(Guesswork.of(set(keys)).bits(keys[0]), 1)


@pytest.mark.parametrize(
    ("key", "worth"),
    [
        ("7KQ2M9XD4TRWHB3N", 16 * SIGN),
        ("9306215744810639", 16 * DIGIT),
        ("93062157448106395872", 20 * DIGIT),
        ("A" * 20, 0),
        ("AB" * 10, 20),
        ("", 0),
    ],
)
def test_a_single_key_is_worth_what_its_signs_are(key: str, worth: float) -> None:
    assert bits([key]) == round(worth, 1)


def test_random_keys_are_worth_what_their_pattern_is() -> None:
    assert bits(drawn(2_000, 16, DEFAULT_CHARSET)) == round(CodePattern("#" * 16).bits, 1)
    assert bits(drawn(2_000, 20, DIGITS)) == round(20 * DIGIT, 1)


def test_what_all_begin_and_end_with_is_worth_nothing() -> None:
    assert bits([f"GIFT{code}PL" for code in drawn(3, 12)]) == round(12 * SIGN, 1)


def test_what_all_begin_with_is_known_whatever_their_length() -> None:
    assert bits(["GIFT" + code for signs in (5, 6, 7) for code in drawn(3, signs)]) == round(5 * SIGN, 1)


def test_few_keys_may_begin_and_end_alike_by_chance() -> None:
    assert bits(["A7KQ2M9XD4TR", "AZEJ2YGAWU6R"]) == round(12 * SIGN, 1)


def test_a_place_where_all_have_the_same_sign_is_worth_nothing() -> None:
    keys = [f"{one}2026{other}" for one, other in zip(drawn(500, 5), drawn(500, 6, seed=1), strict=True)]
    assert bits(keys) == round(11 * SIGN, 1)


def test_a_place_is_worth_as_much_as_it_has_different_signs() -> None:
    keys = ["".join(pair) for pair in zip(drawn(2_000, 6, "ABCD"), drawn(2_000, 8, DIGITS), strict=True)]
    assert bits(keys) == round(6 * 2 + 8 * DIGIT, 1)


def test_of_consecutive_numbers_only_which_one_is_to_be_guessed() -> None:
    keys = [f"93062157448106{number}" for number in range(10_000, 20_000)]
    assert bits(keys) == round(4 * DIGIT, 1)


def test_of_rolls_of_consecutive_numbers_only_the_roll_and_the_last_digits_are_to_be_guessed() -> None:
    rolls = [f"{roll}{number:03}" for roll in drawn(200, 14) for number in range(100)]
    assert bits(rolls) == round(math.log2(20_000) + DIGIT, 1)


def test_a_number_among_codes_with_letters_is_worth_its_digits() -> None:
    assert bits(["9306215744810639", *drawn(50, 16)]) == round(16 * DIGIT, 1)


def test_a_code_that_has_no_letters_by_chance_is_no_number() -> None:
    keys = ["9306215744810639", *drawn(5_000, 16, "0123456789ABCDEF")]
    assert bits(keys) == 64


@given(st.lists(st.text(alphabet="AB12", max_size=6), min_size=1, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(keys: list[str], chance: random.Random) -> None:
    assert Guesswork.of(chance.sample(keys, len(keys))) == Guesswork.of(keys)


@given(st.lists(st.text(alphabet="AB12", max_size=6), min_size=1, unique=True))
def test_no_key_is_worth_less_than_nothing_or_more_than_its_signs(keys: list[str]) -> None:
    guesswork = Guesswork.of(keys)
    assert all(0 <= guesswork.bits(key) <= len(key) * SIGN + 1e-9 for key in keys)
