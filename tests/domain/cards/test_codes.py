"""Codes: what a pattern may be, how codes are made evenly, matched and masked."""

import itertools
import random
import re
import secrets
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.cards.codes import (
    CODE_BITS_MIN,
    DEFAULT_CHARSET,
    CodeConfigError,
    CodePattern,
    code_key,
    is_card_id,
    make_codes,
    mask,
)

DIGITS = "0123456789"


def seeded(seed: int = 0) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes  # noqa: S311 - a test that can be repeated


def as_regex(pattern: CodePattern) -> re.Pattern[str]:
    return re.compile(re.escape(pattern.text).replace(r"\#", f"[{pattern.charset}]"))


def fault(**config: str | int | None) -> tuple[str, str]:
    with pytest.raises(CodeConfigError) as caught:
        CodePattern.build(**config)  # type: ignore[arg-type]
    return caught.value.key, caught.value.sentence


@st.composite
def patterns(draw: st.DrawFn) -> CodePattern:
    letters = draw(st.lists(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=1, unique=True))
    digits = draw(st.lists(st.sampled_from(DIGITS), min_size=1, unique=True))
    text = draw(st.from_regex(r"[A-Za-z0-9#][A-Za-z0-9#-]{0,20}#", fullmatch=True))
    return CodePattern(text, "".join(letters + digits))


# Patterns


def test_the_default_pattern_has_79_bits_and_no_look_alikes() -> None:
    pattern = CodePattern.build()
    assert pattern == CodePattern("RF-####-####-####-####", "23456789ABCDEFGHJKMNPQRSTUVWXYZ")
    assert pattern.space == 31**16
    assert round(pattern.bits, 2) == 79.27
    assert not pattern.is_weak
    assert not set("01OIL") & set(DEFAULT_CHARSET)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"pattern": "AIR-####"}, "AIR-####"),
        ({"length": 12}, "############"),
        ({"prefix": "AIR-"}, "AIR-################"),
        ({"postfix": "-20"}, "################-20"),
        ({"prefix": "AIR-", "length": 4, "postfix": "-20"}, "AIR-####-20"),
        ({"prefix": "AIR-", "pattern": "##-##"}, "AIR-##-##"),
        ({"charset": "ABCD"}, "RF-####-####-####-####"),
    ],
)
def test_a_pattern_is_built_from_the_keys_of_code_config(config: dict[str, str | int], text: str) -> None:
    pattern = CodePattern.build(**config)  # type: ignore[arg-type]
    assert pattern.text == text
    assert pattern.charset == config.get("charset", DEFAULT_CHARSET)


@pytest.mark.parametrize(
    ("config", "bits", "is_weak"),
    [
        ({"charset": "AB", "length": 60}, 60.0, False),
        ({"charset": "AB", "length": 59}, 59.0, True),
        ({"charset": DIGITS, "prefix": "RF-", "length": 19}, 63.12, False),
        ({"pattern": "####"}, 19.82, True),
    ],
)
def test_a_code_of_fewer_than_60_bits_is_weak(config: dict[str, str | int], bits: float, is_weak: bool) -> None:
    pattern = CodePattern.build(**config)  # type: ignore[arg-type]
    assert CODE_BITS_MIN == 60
    assert round(pattern.bits, 2) == bits
    assert pattern.is_weak is is_weak


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"pattern": "RF ####"}, "pattern"),
        ({"prefix": "RF "}, "prefix"),
        ({"postfix": " RF"}, "postfix"),
    ],
)
def test_the_fixed_text_of_a_code_is_letters_digits_and_dashes(config: dict[str, str], key: str) -> None:
    assert fault(**config) == (key, "' ' can't stand in a code; use the letters A to Z, digits and '-'")


@pytest.mark.parametrize("sign", ["É", "=", "\n", "_", "\u2011", "１"])
def test_nothing_else_may_stand_in_a_code_or_a_charset(sign: str) -> None:
    assert fault(prefix=sign) == (
        "prefix",
        f"{sign!r} can't stand in a code; use the letters A to Z, digits and '-'",
    )
    assert fault(charset=f"AB{sign}") == (
        "charset",
        f"{sign!r} can't stand in a charset; use the letters A to Z and digits",
    )


def test_a_placeholder_stands_in_the_pattern_only() -> None:
    assert fault(prefix="#")[0] == "prefix"
    assert fault(postfix="#")[0] == "postfix"
    sentence = "a pattern has at least one '#', the place of a random sign, as in RF-####-####-####-####"
    assert fault(pattern="RF-XXXX") == ("pattern", sentence)
    assert fault(pattern="") == ("pattern", sentence)


def test_pattern_and_length_exclude_each_other() -> None:
    assert fault(pattern="##", length=2) == (
        "length",
        "pattern and length exclude each other; leave one of them out",
    )


@pytest.mark.parametrize("length", [-1, 0, 65])
def test_a_length_is_from_1_to_64(length: int) -> None:
    assert fault(length=length) == (
        "length",
        f"length is a number from 1 to 64, not {length}; 16 is the default",
    )


@pytest.mark.parametrize(
    ("config", "key", "length"),
    [
        ({"pattern": "#" * 65}, "pattern", 65),
        ({"length": 64, "postfix": "X"}, "length", 65),
        ({"postfix": "X" * 64}, "postfix", 80),
    ],
)
def test_a_code_has_at_most_64_characters(config: dict[str, str | int], key: str, length: int) -> None:
    assert fault(**config) == (
        key,
        f"a code has at most 64 characters, this one has {length}; make it shorter",
    )
    assert len(CodePattern.build(pattern="#" * 64).text) == 64


@pytest.mark.parametrize(("config", "key"), [({"pattern": "-####"}, "pattern"), ({"prefix": "-"}, "prefix")])
def test_a_code_does_not_start_like_an_option_or_a_formula(config: dict[str, str], key: str) -> None:
    assert fault(**config) == (
        key,
        "a code can't start with a dash; put a letter, digit or placeholder first",
    )


@pytest.mark.parametrize("charset", ["", "A"])
def test_a_charset_has_at_least_two_signs(charset: str) -> None:
    assert fault(charset=charset) == (
        "charset",
        "a charset has at least two letters or digits; leave it out to have the default",
    )


@pytest.mark.parametrize(("charset", "twice"), [("ABa", "A"), ("122", "2"), ("AA", "A")])
def test_a_charset_has_each_sign_once_in_one_case(charset: str, twice: str) -> None:
    assert fault(charset=charset) == (
        "charset",
        f"{twice!r} is in the charset twice (codes match without regard to case); keep one of them",
    )


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"charset": DIGITS, "prefix": "C"}, "prefix"),
        ({"charset": DIGITS, "pattern": "c-12-####-####"}, "pattern"),
    ],
)
def test_a_pattern_of_card_ids_is_refused(config: dict[str, str], key: str) -> None:
    assert fault(**config) == (
        key,
        "every code would look like a card id (c and digits); use another prefix, or letters too",
    )


# Making codes


def test_codes_of_the_default_pattern() -> None:
    assert make_codes(CodePattern.build(), 3, seeded()) == [
        "RF-NZ6G-8CHJ-W6ZB-9WCK",
        "RF-967B-8SG2-3U78-ABTM",
        "RF-FMKA-GTQC-CBFE-2GCE",
    ]


def test_no_codes_are_made_of_none() -> None:
    assert make_codes(CodePattern.build(), 0, seeded()) == []


@given(patterns(), st.integers(min_value=1, max_value=40), st.integers())
def test_every_code_matches_its_pattern_and_none_looks_like_a_card_id(
    pattern: CodePattern, count: int, seed: int
) -> None:
    codes = make_codes(pattern, count, seeded(seed))
    regex = as_regex(pattern)
    assert len(codes) == count
    assert all(regex.fullmatch(code) for code in codes)
    assert not any(is_card_id(code_key(code)) for code in codes)


@given(patterns(), st.integers())
def test_the_same_random_bytes_make_the_same_codes(pattern: CodePattern, seed: int) -> None:
    assert make_codes(pattern, 5, seeded(seed)) == make_codes(pattern, 5, seeded(seed))


def test_the_operating_systems_randomness_makes_codes_that_differ() -> None:
    codes = make_codes(CodePattern.build(), 10_000, secrets.token_bytes)
    assert len(set(codes)) == 10_000


@pytest.mark.parametrize("charset", [DEFAULT_CHARSET, DIGITS, "AB", "ABC", DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
def test_every_sign_is_equally_likely_in_every_place(charset: str) -> None:
    codes = make_codes(CodePattern("####", charset), 40_000, seeded(1))
    degrees = len(charset) - 1
    for place in range(4):
        counts = Counter(code[place] for code in codes)
        expected = len(codes) / len(charset)
        chi_square = sum((counts[sign] - expected) ** 2 / expected for sign in charset)
        # Five standard deviations above its mean; bytes taken modulo 31 or 36 without rejection give more.
        assert chi_square < degrees + 5 * (2 * degrees) ** 0.5


def test_neighbouring_places_and_codes_tell_nothing_about_each_other() -> None:
    codes = make_codes(CodePattern("##", "ABCDEFG"), 49_000, seeded(2))
    within = Counter(codes)
    between = Counter(a[0] + b[0] for a, b in itertools.pairwise(codes))
    for counts in (within, between):
        assert len(counts) == 49
        assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 48 + 5 * 96**0.5


def test_codes_that_look_like_a_card_id_are_left_out_and_the_others_stay_even() -> None:
    pattern = CodePattern("###", "C12")
    counts = Counter(make_codes(pattern, 23_000, seeded(3)))
    assert pattern.space == 23
    assert sorted(counts) == sorted(
        {"".join(signs) for signs in itertools.product("C12", repeat=3)} - {"C11", "C12", "C21", "C22"}
    )
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 22 + 5 * 44**0.5


@pytest.mark.parametrize(
    ("text", "charset", "codes"),
    [("C-#", "1A", {"C-A"}), ("#-#", "C1", {"C-C", "1-C", "1-1"}), ("#", "C1", {"C", "1"})],
)
def test_dashes_do_not_hide_a_card_id_and_c_alone_is_none(text: str, charset: str, codes: set[str]) -> None:
    pattern = CodePattern(text, charset)
    assert pattern.space == len(codes)
    assert set(make_codes(pattern, 100, seeded(4))) == codes


@given(patterns())
def test_the_space_counts_every_code_that_is_no_card_id(pattern: CodePattern) -> None:
    if len(pattern.charset) ** pattern.placeholders > 20_000:
        return
    made = (iter(signs) for signs in itertools.product(pattern.charset, repeat=pattern.placeholders))
    codes = ["".join(next(signs) if sign == "#" else sign for sign in pattern.text) for signs in made]
    assert pattern.space == sum(re.fullmatch("C[0-9]+", code_key(code)) is None for code in codes)


# Matching and masking


@pytest.mark.parametrize(
    "typed",
    [
        "RF-ABCD-2345",
        "rf-abcd-2345",
        " rfabcd2345 ",
        "RF ABCD\t2345",
        "RF\u00a0ABCD\u202f2345",
        "RF–ABCD—2345",
        "RF\u2011ABCD\u22122345",
        "RF\u00ad-\u2010ABCD－2345",
    ],
)
def test_a_code_matches_without_regard_to_case_spaces_and_dashes(typed: str) -> None:
    assert code_key(typed) == "RFABCD2345"


@pytest.mark.parametrize(("typed", "key"), [("ſß", "ſß"), ("ı1", "ı1"), ("A_B.C", "A_B.C"), ("", "")])
def test_nothing_else_is_taken_for_another_sign(typed: str, key: str) -> None:
    assert code_key(typed) == key


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n")), min_size=1))
def test_the_key_of_a_column_is_the_column_of_the_keys(codes: list[str]) -> None:
    assert code_key("\n".join(codes)).split("\n") == [code_key(code) for code in codes]


@given(patterns(), st.integers())
def test_a_code_has_one_key_however_it_is_typed(pattern: CodePattern, seed: int) -> None:
    [code] = make_codes(pattern, 1, seeded(seed))
    assert code_key(code_key(code)) == code_key(code) == code_key(f" {code.lower()} ".replace("-", " – "))


@pytest.mark.parametrize("text", ["c1", "C1", "c007", "c" + "9" * 18])
def test_a_card_id_is_c_and_digits(text: str) -> None:
    assert is_card_id(text)


@pytest.mark.parametrize("text", ["", "c", "1", "c-1", " c1", "c1\n", "c１", "cc1", "c1x", "c" + "9" * 19])
def test_anything_else_is_no_card_id(text: str) -> None:
    assert not is_card_id(text)


@pytest.mark.parametrize(
    ("code", "masked"),
    [
        ("RF-ABCD-EFGH-JKLM-NPQR", "****NPQR"),
        ("rf-abcd-npqr", "****npqr"),
        ("ABCDEFGH", "****EFGH"),
        ("ABCDEFG", "****EFG"),
        ("A-B-C-D", "****-D"),
        ("ABC", "****C"),
        ("A", "****"),
        ("", "****"),
    ],
)
def test_only_the_last_four_characters_of_a_code_are_shown(code: str, masked: str) -> None:
    assert mask(code) == masked


@given(st.text())
def test_a_mask_shows_at_most_four_characters_and_half_of_the_code(code: str) -> None:
    shown = mask(code).removeprefix("****")
    assert code.endswith(shown)
    assert len(shown) <= min(4, len(code) / 2)
