"""Codes of gift cards: how they are made, matched and masked. A full code is as good as money.

A code never looks like a card id (`c` and digits, no secret), so that one argument can name a card by either.
"""

import math
import re
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

PLACEHOLDER = "#"
DEFAULT_PATTERN = "RF-####-####-####-####"
DEFAULT_LENGTH = 16
CODE_LENGTH_MAX = 64

#: Fewer bits than this and a code can be guessed by trying; a campaign must then say `weak_codes: true`.
CODE_BITS_MIN = 60

#: Digits and capitals without 0 and O, 1 and I and L, which are taken for each other when read or typed.
DEFAULT_CHARSET = "".join(sign for sign in string.digits + string.ascii_uppercase if sign not in "01OIL")

_LETTERS_AND_DIGITS = frozenset(string.ascii_letters + string.digits)
_FIXED_SIGNS = _LETTERS_AND_DIGITS | {"-"}

#: A longer number fits no card id in the ledger (its integers end below 9.3e18).
_CARD_ID = re.compile("[cC][0-9]{1,18}")
_LIKE_CARD_ID = re.compile("c-*[0-9][0-9-]*", re.IGNORECASE)

#: What people and their mail tools put between the groups of a code: spaces (plain, tab, no-break U+00A0,
#: U+2007 and U+202F) and dashes (ASCII, soft hyphen, U+2010 to U+2015, minus, small, full width).
_BETWEEN_GROUPS = " \t\u00a0\u2007\u202f-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_KEY_SIGNS = str.maketrans(string.ascii_lowercase, string.ascii_uppercase, _BETWEEN_GROUPS)

_MASK = "****"


class CodeConfigError(ValueError):
    """A `code_config` that makes no good codes: `key` is the key at fault, `sentence` says what to do."""

    def __init__(self, sentence: str, *, key: str) -> None:
        super().__init__(sentence)
        self.key = key
        self.sentence = sentence


@dataclass(frozen=True)
class CodePattern:
    """How the codes of a campaign look: `text`, in which each `#` is one sign of `charset`.

    Raises CodeConfigError where such codes could not be kept, typed or told from a card id.
    """

    text: str = DEFAULT_PATTERN
    charset: str = DEFAULT_CHARSET

    def __post_init__(self) -> None:
        _check_charset(self.charset)
        _check_text(self.text)
        if self.space == 0:
            sentence = "every code would look like a card id (c and digits); use another prefix, or letters too"
            raise CodeConfigError(sentence, key="pattern")

    @classmethod
    def build(
        cls,
        pattern: str | None = None,
        charset: str | None = None,
        length: int | None = None,
        prefix: str | None = None,
        postfix: str | None = None,
    ) -> "CodePattern":
        """The pattern of a campaign's `code_config`, whose keys are Voucherify's.

        Between prefix and postfix stands `pattern`, or `length` placeholders (16 where neither is given).
        With none of the four it is the default pattern. Raises CodeConfigError.
        """
        charset = DEFAULT_CHARSET if charset is None else charset
        if pattern is not None and length is not None:
            sentence = "pattern and length exclude each other; leave one of them out"
            raise CodeConfigError(sentence, key="length")
        if (pattern, length, prefix, postfix) == (None, None, None, None):
            return cls(DEFAULT_PATTERN, charset)
        _check_affix("prefix", prefix)
        _check_affix("postfix", postfix)
        middle = PLACEHOLDER * _checked_length(length) if pattern is None else pattern
        try:
            return cls("".join(filter(None, (prefix, middle, postfix))), charset)
        except CodeConfigError as error:
            if error.key == "charset" or pattern is not None:
                raise
            given = {"prefix": prefix, "length": length}
            raise CodeConfigError(error.sentence, key=next(filter(given.get, given), "postfix")) from None

    @property
    def placeholders(self) -> int:
        """How many signs of a code are random."""
        return self.text.count(PLACEHOLDER)

    @cached_property
    def space(self) -> int:
        """How many different codes there are, without those that look like a card id."""
        all_codes: int = len(self.charset) ** self.placeholders
        return all_codes - self._like_card_ids

    @property
    def bits(self) -> float:
        """Entropy of one code: the base-2 logarithm of `space`."""
        return math.log2(self.space)

    @property
    def is_weak(self) -> bool:
        """Whether a code has fewer than CODE_BITS_MIN bits."""
        return self.bits < CODE_BITS_MIN

    @cached_property
    def _like_card_ids(self) -> int:
        """How many of all codes would look like a card id."""
        signs = self.text.replace("-", "")
        digits = [self._choices(sign, string.digits) for sign in signs[1:]]
        return self._choices(signs[0], "cC") * math.prod(digits) if digits else 0

    def _choices(self, sign: str, wanted: str) -> int:
        """How many of the signs that may stand in this place are wanted ones."""
        return sum(choice in wanted for choice in (self.charset if sign == PLACEHOLDER else sign))


def make_codes(pattern: CodePattern, count: int, random_bytes: Callable[[int], bytes]) -> list[str]:
    """Codes of the pattern, each independent of the others and every possible one equally likely.

    `random_bytes(n)` gives n bytes; for real cards it is the operating system's (`secrets.token_bytes`). Two
    codes may be equal by chance: it is for the caller, who knows the codes of old, to have another one made.
    """
    codes: list[str] = []
    while len(codes) < count:
        codes += _drawn(pattern, count - len(codes), random_bytes)
    return codes


def code_key(code: str) -> str:
    """The form under which codes match: ASCII capitals, and no spaces and dashes of any kind.

    Line breaks stay, so that it may be asked for a whole column joined by them.
    """
    return code.translate(_KEY_SIGNS)


def is_card_id(text: str) -> bool:
    """Whether the text names a card by its id, `c` and digits; no code has that shape, however typed."""
    return _CARD_ID.fullmatch(text) is not None


def looks_like_code(text: str) -> bool:
    """Whether a text may be a card's code, typed where something else was wanted: capitals, digits and dashes only.

    Twelve signs or more, as a code of 60 bits has.
    """
    return re.fullmatch(r"[0-9A-Z-]+", text) is not None and len(code_key(text)) >= 12


def mask(code: str) -> str:
    """What may be shown of a code: four stars and its last four characters.

    Of a code with fewer than eight signs at most half of them are shown, rounded down.
    """
    shown = min(4, len(code_key(code)) // 2)
    return _MASK + code[len(code) - shown :]


def without_typed_codes(text: str, words: Iterable[str]) -> str:
    """A text, with each of these words masked in it that may be a card's code."""
    for word in filter(looks_like_code, words):
        text = text.replace(word, mask(word))
    return text


def without_codes(text: str | None) -> str | None:
    """What a person gave as a reason, on one line, or None: what may be a card's code is masked."""
    words = (mask(word) if looks_like_code(word) else word for word in (text or "").split())
    return " ".join(words) or None


def _drawn(pattern: CodePattern, count: int, random_bytes: Callable[[int], bytes]) -> list[str]:
    """As many codes, less those like a card id: leaving them out keeps the others equally likely."""
    signs = _random_signs(pattern.charset, pattern.placeholders * count, random_bytes)
    row = f"{pattern.text}\n".encode("ascii")
    column = bytearray(row * count)
    places = [place for place, sign in enumerate(pattern.text) if sign == PLACEHOLDER]
    for drawn, place in enumerate(places):
        column[place :: len(row)] = signs[drawn * count : (drawn + 1) * count]
    codes = column.decode("ascii").splitlines()
    if pattern._like_card_ids:  # noqa: SLF001 - a part of this module
        return [code for code in codes if _LIKE_CARD_ID.fullmatch(code) is None]
    return codes


def _random_signs(charset: str, count: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """Signs of the charset, each equally likely.

    A byte stands for the sign at its remainder; the highest bytes, for which there is no full round of the
    charset, are thrown away, since they would make its first signs more likely.
    """
    rounds, rest = divmod(256, len(charset))
    table = charset.encode("ascii") * rounds + bytes(rest)
    leftover = bytes(range(256 - rest, 256))
    signs = bytearray()
    while len(signs) < count:
        missing = count - len(signs)
        signs += random_bytes(missing * 256 // (256 - rest) + 1).translate(table, leftover)
    return bytes(signs[:count])


def _check_charset(charset: str) -> None:
    foreign = [sign for sign in charset if sign not in _LETTERS_AND_DIGITS]
    if foreign:
        sentence = f"{foreign[0]!r} can't stand in a charset; use the letters A to Z and digits"
        raise CodeConfigError(sentence, key="charset")
    twice = [sign for sign in charset if charset.upper().count(sign.upper()) > 1]
    if twice:
        sentence = f"{twice[0]!r} is in the charset twice (codes match without regard to case); keep one of them"
        raise CodeConfigError(sentence, key="charset")
    if len(charset) < 2:
        sentence = "a charset has at least two letters or digits; leave it out to have the default"
        raise CodeConfigError(sentence, key="charset")


def _check_text(text: str) -> None:
    foreign = [sign for sign in text if sign not in _FIXED_SIGNS and sign != PLACEHOLDER]
    if foreign:
        raise CodeConfigError(_foreign_sign(foreign[0]), key="pattern")
    if PLACEHOLDER not in text:
        sentence = f"a pattern has at least one {PLACEHOLDER!r}, the place of a random sign, as in {DEFAULT_PATTERN}"
        raise CodeConfigError(sentence, key="pattern")
    if text.startswith("-"):
        # A spreadsheet would take it for a formula, a command line for an option.
        sentence = "a code can't start with a dash; put a letter, digit or placeholder first"
        raise CodeConfigError(sentence, key="pattern")
    if len(text) > CODE_LENGTH_MAX:
        sentence = f"a code has at most {CODE_LENGTH_MAX} characters, this one has {len(text)}; make it shorter"
        raise CodeConfigError(sentence, key="pattern")


def _check_affix(key: str, affix: str | None) -> None:
    foreign = [sign for sign in affix or "" if sign not in _FIXED_SIGNS]
    if foreign:
        raise CodeConfigError(_foreign_sign(foreign[0]), key=key)


def _checked_length(length: int | None) -> int:
    length = DEFAULT_LENGTH if length is None else length
    if not 1 <= length <= CODE_LENGTH_MAX:
        sentence = f"length is a number from 1 to {CODE_LENGTH_MAX}, not {length}; {DEFAULT_LENGTH} is the default"
        raise CodeConfigError(sentence, key="length")
    return length


def _foreign_sign(sign: str) -> str:
    return f"{sign!r} can't stand in a code; use the letters A to Z, digits and '-'"
