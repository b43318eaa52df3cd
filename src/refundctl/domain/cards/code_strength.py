"""What of a code can't be told from the other codes of its file, and so must be guessed."""

import math
import string
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Self

#: Digits and letters, without regard to case.
KINDS_MAX = 36

#: What few codes begin or end with counts as theirs while so many bits of it may agree by chance: one in a thousand.
CHANCE_BITS = 10
#: Seen so many times as often as it has different signs, a place hardly has others: fewer than one in 10,000 then
#: draws from twice as many.
SEEN_ENOUGH = 8


@dataclass(frozen=True, slots=True)
class Guesswork:
    """What a person who knows how the codes of a file look must still guess of one of them.

    Nothing of the first `start` and the last `end` signs of a key, in which all agree; of the rest about so many bits,
    by the number of its signs. `digits_only` are about as many codes as chance makes of digits only, likewise.
    """

    start: int
    end: int
    bits_by_length: Mapping[int, float]
    digits_only: Mapping[int, float]

    @classmethod
    def of(cls, keys: Collection[str]) -> Self:
        """The guesswork with these keys, each different.

        A place where all have the same sign says nothing, nor what most keys share with the next one in order, as
        consecutive numbers do. Any other is worth as much as it has different signs: those seen there, or, where few
        are seen, ten in codes of digits and 36 otherwise.
        """
        if not keys:
            return cls(0, 0, {}, {})
        start, end = _in_common(keys)
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for key in keys:
            by_length[len(key)].append(key[start : len(key) - end])
        general = sign_bits("".join(chain.from_iterable(by_length.values())))
        share = _digits_share("".join(rest for rests in by_length.values() for rest in rests if not rest.isdigit()))
        return cls(
            start,
            end,
            {length: _bits_of_most(rests, general) for length, rests in by_length.items()},
            {length: len(rests) * share ** len(rests[0]) for length, rests in by_length.items()},
        )

    def bits(self, key: str) -> float:
        """Those of one key: what they are for all, or fewer where it is of few signs or of digits only by itself."""
        rest, length = key[self.start : len(key) - self.end], len(key)
        if rest.isdigit() and self.digits_only[length] >= 2**-CHANCE_BITS:
            return self.bits_by_length[length]
        return min(self.bits_by_length[length], len(rest) * sign_bits(rest))


def _in_common(keys: Collection[str]) -> tuple[int, int]:
    """How many signs all keys begin with, and end with, beyond what chance would bring about."""
    one_sign = sign_bits("".join(keys))

    def beyond_chance(shared: int) -> int:
        return shared if shared * (len(keys) - 1) * one_sign >= CHANCE_BITS else 0

    start = beyond_chance(_alike_until(min(keys), max(keys)))
    end = beyond_chance(_alike_until(min(key[::-1] for key in keys), max(key[::-1] for key in keys)))
    return start, min(end, min(map(len, keys)) - start)


def _alike_until(one: str, other: str) -> int:
    """With how many of the same signs both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (sign, another) in pairs if sign != another), min(len(one), len(other)))


def _bits_of_most(keys: Sequence[str], general: float) -> float:
    """The bits of keys of one length, each different; `general` those of one sign where there are too few to see."""
    count, length = len(keys), len(keys[0])
    column = "".join(keys)
    places = [set(column[place::length]) for place in range(length)]
    bits = [min(general, math.log2(len(signs))) if _seen_enough(signs, count) else general for signs in places]
    ordered = sorted(keys)

    def beginnings(places: int) -> int:
        return 1 + sum(one[:places] != other[:places] for one, other in pairwise(ordered))

    # So much of it most keys share with another one. That there are so many is all that is to be guessed of it.
    shared = max(0, bisect_left(range(length), count / 2, key=beginnings) - 1)
    return min(sum(bits), math.log2(count) + sum(bits[shared:]))


def sign_bits(signs: str) -> float:
    """The bits of one sign, where these are seen."""
    kinds = set(signs)
    if _seen_enough(kinds, len(signs)):
        return math.log2(len(kinds) or 1)
    return math.log2(10 if signs.isdigit() else KINDS_MAX)


def _digits_share(signs: str) -> float:
    return sum(map(signs.count, string.digits)) / len(signs) if signs else 0


def _seen_enough(kinds: Collection[str], times: int) -> bool:
    return times >= SEEN_ENOUGH * len(kinds)
