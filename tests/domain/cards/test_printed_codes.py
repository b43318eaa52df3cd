"""Codes that somebody else printed: each may be imported, or has one fault; their order never matters."""

import json
import random
import string
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refundctl.domain.cards.codes import DEFAULT_CHARSET, code_key
from refundctl.domain.cards.printed_codes import (
    LISTED_MAX,
    BadCodes,
    CodeFault,
    FaultCode,
    PrintedCodes,
    check_codes,
    has_a_card,
    lookalike_key,
    looks_like_a_card,
)

DIGITS = string.digits
LETTERS_AND_DIGITS = DIGITS + string.ascii_uppercase
ANA, BO, CY = "GIFT-7KQ2-M9XD-4TRW-HB3N", "GIFT-P5VC-8ZEJ-2YGA-WU6F", "GIFT-3HNX-K7DT-9QBM-E4RC"


def check(codes: Sequence[str], *, weak_codes: bool = False) -> PrintedCodes:
    """The codes as in a file, from line 2."""
    return check_codes(enumerate(codes, start=2), weak_codes=weak_codes)


def faults(*codes: str, weak_codes: bool = False) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.code.value, fault.reason) for fault in check(codes, weak_codes=weak_codes).faults]


def fault_codes(codes: Iterable[str]) -> list[str]:
    return [fault.code.value for fault in check(list(codes)).faults]


def drawn(count: int, signs: int, charset: str = LETTERS_AND_DIGITS, seed: int = 0) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
    return ["".join(chance.choices(charset, k=signs)) for _ in range(count)]


# --- What is imported ---


def test_codes_are_taken_in_as_they_are_printed() -> None:
    found = check([ANA, f" {BO}\t", CY.lower(), "7kq2 m9xd 4trw hb3n"])

    assert list(found.accepted) == [(2, ANA), (3, BO), (4, CY.lower()), (5, "7kq2 m9xd 4trw hb3n")]
    assert found.faults == []


def test_a_file_without_codes_has_no_faults() -> None:
    assert list(check([]).accepted) == []
    assert check([]).faults == []


def test_the_good_codes_and_the_faults_of_a_file_keep_their_lines() -> None:
    found = check([ANA, "", BO, "c123"])

    assert (list(found.lines), list(found.codes)) == ([2, 4], [ANA, BO])
    assert [(fault.line, fault.masked) for fault in found.faults] == [(3, "****"), (5, "****23")]


# --- What is wrong with a code by itself ---


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "is blank; write the code, or take the line out"),
        (" - ", "is blank; write the code, or take the line out"),
        ("-" + ANA, "starts with a dash; leave that out, as dashes make no difference"),
        *(
            (code, "has signs other than the letters A to Z, digits, dashes and spaces; write it with these")
            for code in (
                ANA.replace("-", "_"),
                ANA.replace("-", "–"),  # an en dash
                ANA.replace("7", "７"),
                ANA.replace("K", "К"),  # a Cyrillic one
                f"{ANA}é",
                f"={ANA}",
                f"{ANA}\x07{BO}",
                f"{ANA}\n{BO}",
                f"{ANA}\u202e",
                "?",
            )
        ),
    ],
)
def test_signs_that_no_code_has(code: str, reason: str) -> None:
    assert faults(code, ANA) == [(2, "malformed_code", reason)]


@pytest.mark.parametrize("code", ["c1", "C-007", "c 12 34", "C" + "7" * 30, "CO1L"])
def test_a_code_never_looks_like_a_card_id_nor_may_it_be_read_as_one(code: str) -> None:
    reason = "looks like a card id (c and digits), which is no secret; leave this card out"
    assert faults(code, weak_codes=True) == [(2, "looks_like_card_id", reason)]


@pytest.mark.parametrize(
    "code", ["4111111111111111", "4111 1111 1111 1111", "4111--1111--1111--1111", "GIFT-378282246310005"]
)
def test_a_payment_cards_number_is_not_kept(code: str) -> None:
    reason = "is the number of a payment card, which must not be kept; leave this card out"
    assert faults(code, weak_codes=True) == [(2, "payment_card_number", reason)]


def test_a_part_of_a_longer_number_is_no_payment_cards_number() -> None:
    assert faults("4111 1111 1111 1111 2734", "9306 2157 4481 0639 5872") == []


def test_a_code_has_at_most_64_signs_as_it_is_printed() -> None:
    longest = "-".join(drawn(8, 7)) + "A"
    reason = "has 65 signs, and a code has at most 64; leave this card out"

    assert faults(longest) == []
    assert faults(f"{longest}B") == [(2, "code_too_long", reason)]


# --- What is wrong with codes beside others ---


def test_a_code_that_stands_there_twice_is_named_at_each_line() -> None:
    twice = "(case, spaces and dashes make no difference); leave all but one out"

    assert faults(ANA, BO, code_key(ANA).lower()) == [
        (2, "repeated_code", f"is the same code as in line 4 {twice}"),
        (4, "repeated_code", f"is the same code as in line 2 {twice}"),
    ]
    assert [reason for _, _, reason in faults(ANA, ANA, BO, ANA)] == [
        f"is the same code as in lines 3 and 5 {twice}",
        f"is the same code as in lines 2 and 5 {twice}",
        f"is the same code as in lines 2 and 3 {twice}",
    ]
    assert [reason for _, _, reason in faults(*[ANA] * 2_000)][2] == (
        f"is the same code as in lines 2, 3, 5 and 1,996 more {twice}"
    )


def test_a_code_that_looks_like_another_is_named_at_each_line() -> None:
    alike = "(0 and O, or 1, I and L, are taken for each other when read or typed); leave one of them out"

    assert faults("GIFT-OKQ2-M9XD-4TRW-HB3I", BO, "GIFT-0KQ2-M9XD-4TRW-HB3L") == [
        (2, "lookalike_code", f"looks like the code in line 4 {alike}"),
        (4, "lookalike_code", f"looks like the code in line 2 {alike}"),
    ]


def test_of_a_family_of_look_alikes_those_that_are_equal_are_said_to_be_equal() -> None:
    assert fault_codes(["AO" + ANA, "A0" + ANA, "ao" + ANA]) == ["repeated_code", "lookalike_code", "repeated_code"]


@pytest.mark.parametrize(("one", "other"), ["5S", "2Z", "8B", "UV", "G6"])
def test_signs_that_the_default_codes_have_side_by_side_are_told_apart(one: str, other: str) -> None:
    assert faults(ANA + one, ANA + other, weak_codes=True) == []


def test_hardly_any_random_code_looks_like_another() -> None:
    """The chance that two of 100,000 codes of 16 random letters and digits do is 2 in 10^14."""
    together = (2**2 + 3**2 + 31) / 36**2
    assert 100_000**2 / 2 * together**16 < 2e-14
    assert fault_codes(drawn(100_000, 16)) == []


def test_codes_that_the_ledger_has() -> None:
    assert str(has_a_card(7, ANA)) == (
        "line 7: ****HB3N is the code of another card already (case, spaces and dashes make no difference); leave it out"
    )
    assert str(looks_like_a_card(7, ANA)) == (
        "line 7: ****HB3N looks like the code of another card (0 and O, or 1, I and L, are taken for each other when "
        "read or typed); leave one of them out"
    )


signs = st.text(alphabet="01OILoil5S -", max_size=6)


@given(signs, signs, signs)
@example("O0", "0o", "oO")
@example("1I", "LL", "il")
def test_to_look_alike_is_an_equivalence(one: str, other: str, third: str) -> None:
    def alike(a: str, b: str) -> bool:
        return lookalike_key(a) == lookalike_key(b)

    assert alike(one, one)
    assert alike(one, other) == alike(other, one)
    assert alike(one, third) or not (alike(one, other) and alike(other, third))


@given(st.text(alphabet=LETTERS_AND_DIGITS + string.ascii_lowercase + " -"))
def test_the_look_of_a_code_does_not_depend_on_its_writing(code: str) -> None:
    assert lookalike_key(code) == lookalike_key(code_key(code)) == lookalike_key(lookalike_key(code))


# --- What can be guessed ---

TOO_SHORT = "it is too short"
FROM_OTHERS = "too much of it can be told from the other codes"


def weak(worth: int, why: str) -> str:
    return (
        f"can be guessed ({worth} bits of the 60 needed): {why}; have longer random codes printed, or write "
        "`weak_codes: true` in the campaign to take the risk"
    )


@pytest.mark.parametrize("code", ["7KQ2M9XD4TRWHB3N", "93062157448106395872", "7KQ2M9XD4TRW"])
def test_a_single_code_of_60_bits_is_strong(code: str) -> None:
    assert faults(code) == []


@pytest.mark.parametrize(("code", "worth"), [("9306215744810639", 53), ("7KQ2M9XD4TR", 56), ("7", 3)])
def test_a_single_code_of_fewer_bits_is_weak(code: str, worth: int) -> None:
    assert faults(code) == [(2, "code_too_weak", weak(worth, TOO_SHORT))]


@pytest.mark.parametrize("code", ["A" * 20, "1" * 20, "ABAB-ABAB-ABAB-ABAB", "0" * 64])
def test_a_code_of_one_or_two_signs_is_weak(code: str) -> None:
    assert fault_codes([code, ANA, BO]) == ["code_too_weak"]


def test_weak_codes_are_taken_where_the_campaign_says_so() -> None:
    assert list(check(["0001", "0002"], weak_codes=True).accepted) == [(2, "0001"), (3, "0002")]


@pytest.mark.parametrize("count", [2, 3, 10, 1_000])
@pytest.mark.parametrize(
    ("signs", "charset", "is_weak"),
    [
        (16, LETTERS_AND_DIGITS, False),
        (16, DEFAULT_CHARSET, False),
        (13, LETTERS_AND_DIGITS, False),
        (20, DIGITS, False),
        (11, LETTERS_AND_DIGITS, True),
        (16, DIGITS, True),
    ],
)
def test_random_codes_are_worth_their_length(count: int, signs: int, charset: str, is_weak: bool) -> None:
    found = set(fault_codes(drawn(count, signs, charset)))
    # Of a thousand random numbers of 16 digits, some could be payment cards'.
    assert found - {"payment_card_number"} == ({"code_too_weak"} if is_weak else set())


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 300),
    st.sampled_from([(16, LETTERS_AND_DIGITS), (20, DIGITS), (16, DEFAULT_CHARSET)]),
    st.sampled_from(["", "RF-", "GIFT-2026-"]),
    st.integers(),
)
def test_random_strong_codes_pass(count: int, kind: tuple[int, str], beginning: str, seed: int) -> None:
    assert fault_codes(beginning + code for code in drawn(count, *kind, seed=seed)) == []


@pytest.mark.parametrize(
    "numbered",
    [
        [f"{number:020}" for number in range(10_000)],
        [f"{number:020}" for number in range(7, 9)],
        [f"GIFTCARD-2026-{number:012}-PL" for number in range(100)],
        [f"93062157448106{number}" for number in range(12_345, 32_345)],
        [f"93062157448106{number}" for number in range(9_998, 10_003)],  # one digit more from the third on
        [f"{number:016}{97 - number % 97:02}AB" for number in range(5_000)],  # with check digits
        [f"{7 * number:020}" for number in range(1_000)],
    ],
    ids=["from zero", "two", "framed", "unpadded", "longer on the way", "check digits", "steps of seven"],
)
def test_numbers_printed_in_order_are_weak(numbered: list[str]) -> None:
    random.Random(1).shuffle(numbered)  # noqa: S311 - the order in the file says nothing
    assert fault_codes(numbered) == ["code_too_weak"] * len(numbered)


@settings(max_examples=50)
@given(st.integers(0, 10**17), st.integers(2, 200), st.sampled_from(["", "RF-", "GIFT2026"]))
def test_consecutive_numbers_are_weak(first: int, count: int, beginning: str) -> None:
    codes = [f"{beginning}{number:020}" for number in range(first, first + count)]
    assert fault_codes(codes) == ["code_too_weak"] * count


def test_numbers_in_order_are_weak_in_many_rolls_too() -> None:
    rolls = [f"{roll}{number:03}" for roll in drawn(200, 14) for number in range(100)]
    assert set(fault_codes(rolls)) == {"code_too_weak"}


def test_what_all_codes_have_in_common_is_worth_nothing() -> None:
    codes = [f"GIFTCARD-{one}-2026-{other}-PL" for one, other in zip(drawn(500, 5), drawn(500, 6, seed=1), strict=True)]

    assert faults(*codes)[0] == (2, "code_too_weak", weak(56, FROM_OTHERS))


def test_a_weak_code_among_strong_ones_is_found() -> None:
    assert faults(ANA, "9306215744810639", BO) == [(3, "code_too_weak", weak(53, TOO_SHORT))]


def test_a_code_that_is_of_digits_by_chance_is_no_number() -> None:
    """Of 100,000 codes of 16 hexadecimal signs, 54 are."""
    codes = drawn(100_000, 16, "0123456789ABCDEF")

    assert sum(code.isdigit() for code in codes) > 30
    assert "code_too_weak" not in fault_codes(codes)


# --- A file as a whole ---

codes_of_all_kinds = st.lists(
    st.sampled_from([ANA, ANA.lower(), BO, CY, "c12", "", "é", "4111111111111111", "12345", "A" * 70, "ABCO", "abc0"])
    | st.text(alphabet=LETTERS_AND_DIGITS + "-", max_size=20),
    max_size=12,
)


@given(codes_of_all_kinds, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_lines_never_matters(codes: list[str], chance: random.Random, weak_codes: bool) -> None:
    lines = list(enumerate(codes, start=2))
    mixed = chance.sample(lines, len(lines))

    found, again = check_codes(lines, weak_codes=weak_codes), check_codes(mixed, weak_codes=weak_codes)

    assert sorted(again.accepted) == sorted(found.accepted)
    verdicts = [[(fault.line, fault.code) for fault in one.faults] for one in (found, again)]
    assert verdicts[0] == verdicts[1]


@given(codes_of_all_kinds, st.booleans())
def test_every_line_is_accepted_or_has_one_fault(codes: list[str], weak_codes: bool) -> None:
    found = check(codes, weak_codes=weak_codes)

    assert sorted([*found.lines, *(fault.line for fault in found.faults)]) == list(range(2, 2 + len(codes)))


@given(st.lists(st.sampled_from(["QZQZQ", "XJXJX", "é", " ", "-", "\x07", "QQQQQ"]), min_size=1, max_size=8))
@example(["QZQZQ", "é"])
def test_no_sentence_shows_more_than_four_signs_of_a_code(pieces: list[str]) -> None:
    code = "".join(pieces)
    found = check([code, code, f"{code}O", f"{code}0", code * 8])
    if not found.faults:
        return
    said = BadCodes("codes.csv", found.faults)
    everything = json.dumps([said.message, dict(said.details), said.listed()], ensure_ascii=False)

    assert not any(sign in everything for sign in ("QZQZQ", "XJXJX", "QQQQQ", *windows(code_key(code), 5)))
    assert all(len(fault.masked.removeprefix("****")) <= 4 for fault in found.faults)


def windows(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def test_the_refusal_says_how_many_and_which() -> None:
    one = BadCodes("codes.csv", check(["c12", ANA]).faults)
    assert (one.exit_code, one.code, dict(one.details)) == (65, "bad_codes", {"path": "codes.csv", "line": 2})
    assert one.message == (
        "codes.csv: 1 code can't be imported, so none of the file was: line 2: ****2 looks like a card id (c and "
        "digits), which is no secret; leave this card out."
    )
    many = BadCodes("codes.csv", check(["", "", ANA, "", "", "c1234"]).faults)
    blank = "**** is blank; write the code, or take the line out"
    assert many.message == (
        f"codes.csv: 5 codes can't be imported, so none of the file was: line 2: {blank}; line 3: {blank}; "
        f"line 5: {blank}; and 2 more (`--json` lists them)."
    )
    assert many.listed()[-1] == {
        "code": "looks_like_card_id",
        "message": "codes.csv, line 7: ****34 looks like a card id (c and digits), which is no secret; leave this card "
        "out",
        "path": "codes.csv",
        "line": 7,
        "card_code": "****34",
    }


def test_of_a_great_many_faults_the_first_are_listed() -> None:
    fault = CodeFault(2, FaultCode.MALFORMED, "****", "is blank")
    assert len(BadCodes("codes.csv", [fault] * (LISTED_MAX + 1)).listed()) == LISTED_MAX
