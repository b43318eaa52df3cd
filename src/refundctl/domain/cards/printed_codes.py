"""Codes that somebody else has printed: which of them may be imported, and why the others may not.

A file of codes is judged as a whole, in whatever order it is: what its codes have in common keeps nobody from guessing.
No sentence shows more of a code than its last four characters.
"""

import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.basics.payment_card_numbers import holds_card_number
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.domain.cards.code_strength import Guesswork, sign_bits
from refundctl.domain.cards.codes import CODE_BITS_MIN, CODE_LENGTH_MAX, code_key, mask

#: Faults that the sentence for people names, and those that a script is given.
NAMED_MAX = 3
LISTED_MAX = 10_000

_PRINTED = re.compile("[A-Za-z0-9][A-Za-z0-9 -]*")
_LIKE_CARD_ID = re.compile("C[0-9]+")

#: The signs that the default charset leaves out as look-alikes; Crockford's Base 32 reads the same ones as one
#: (https://www.crockford.com/base32.html).
_LOOKALIKES = str.maketrans("OIL", "011")


class FaultCode(StrEnum):
    """What can be wrong with a printed code."""

    MALFORMED = "malformed_code"
    TOO_LONG = "code_too_long"
    LIKE_CARD_ID = "looks_like_card_id"
    PAYMENT_CARD = "payment_card_number"
    REPEATED = "repeated_code"
    LOOKALIKE = "lookalike_code"
    TOO_WEAK = "code_too_weak"


@dataclass(frozen=True, slots=True)
class CodeFault:
    """What is wrong with the code in a line of the file; `masked` is what may be shown of it."""

    line: int
    code: FaultCode
    masked: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.masked} {self.reason}"


@dataclass(frozen=True, slots=True)
class PrintedCodes:
    """The codes without a fault, as they are printed, with their lines; and every fault, in the order of lines."""

    lines: Sequence[int]
    codes: Sequence[str]
    faults: Sequence[CodeFault]

    @property
    def accepted(self) -> Iterator[tuple[int, str]]:
        """Line and code of each."""
        return zip(self.lines, self.codes, strict=True)


class BadCodes(BadInput, code="bad_codes"):
    """Printed codes at fault: none of the file is imported."""

    def __init__(self, path: str, faults: Sequence[CodeFault]) -> None:
        more = len(faults) - NAMED_MAX
        named = "; ".join(map(str, faults[:NAMED_MAX])) + (f"; and {more:,} more (`--json` lists them)" * (more > 0))
        number = f"{len(faults):,} codes" if len(faults) > 1 else "1 code"
        message = f"{path}: {number} can't be imported, so none of the file was: {named}."
        super().__init__(message, path=path, line=faults[0].line)
        self.path = path
        self.faults = tuple(faults)

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """Each fault for a script, of a great many the first: path, line, code, the masked code, and why."""
        return [
            {
                "code": fault.code.value,
                "message": f"{self.path}, line {fault.line}: {fault.masked} {fault.reason}",
                "path": self.path,
                "line": fault.line,
                "card_code": fault.masked,
            }
            for fault in self.faults[:LISTED_MAX]
        ]


def check_codes(codes: Iterable[tuple[int, str]], *, weak_codes: bool) -> PrintedCodes:
    """Judge printed codes, given with their lines. With `weak_codes` those that can be guessed are taken too.

    A code has one fault at most: the first in the order of FaultCode.
    """
    check = _Check()
    for line, printed in codes:
        check.add(line, printed.strip(WHITESPACE))
    check.find_twins()
    if not weak_codes:
        check.find_weak()
    return check.result()


def lookalike_key(code: str) -> str:
    """The form under which codes are one that people take for each other: its key, with 0 for O and 1 for I and L."""
    return code_key(code).translate(_LOOKALIKES)


def has_a_card(line: int, printed: str) -> CodeFault:
    """The fault of a code that another card has already."""
    reason = f"is the code of another card already ({_SAME}); leave it out"
    return CodeFault(line, FaultCode.REPEATED, _shown(printed), reason)


def looks_like_a_card(line: int, printed: str) -> CodeFault:
    """The fault of a code that looks like another card's."""
    return CodeFault(line, FaultCode.LOOKALIKE, _shown(printed), f"looks like the code of another card {_ALIKE}")


_SAME = "case, spaces and dashes make no difference"
_ALIKE = "(0 and O, or 1, I and L, are taken for each other when read or typed); leave one of them out"


class _Check:
    """The well-formed codes of a file as columns, by row; and the faults found so far."""

    def __init__(self) -> None:
        self._lines = array("Q")
        self._codes: list[str] = []
        self._keys: list[str] = []
        self._malformed: list[CodeFault] = []
        self._faulty: dict[int, CodeFault] = {}

    def add(self, line: int, code: str) -> None:
        """Check one code, or what is wrong with it alone."""
        key = code_key(code)
        fault = _own_fault(code, key)
        if fault is not None:
            self._malformed.append(CodeFault(line, fault[0], _shown(code), fault[1]))
            return
        self._lines.append(line)
        self._codes.append(code)
        self._keys.append(key)

    def find_twins(self) -> None:
        """Find the codes that stand here twice, and those that look like another."""
        looks = "\n".join(self._keys).translate(_LOOKALIKES).split("\n")
        if len(set(looks)) == len(looks):
            return
        times = Counter(looks)
        families: defaultdict[str, list[int]] = defaultdict(list)
        for row, look in enumerate(looks):
            if times[look] > 1:
                families[look].append(row)
        for family in families.values():
            self._find_twins_in(family)

    def _find_twins_in(self, family: Sequence[int]) -> None:
        twins: defaultdict[str, list[int]] = defaultdict(list)
        for row in family:
            twins[self._keys[row]].append(row)
        for row in family:
            same = twins[self._keys[row]]
            if len(same) > 1:
                reason = f"is the same code as in {self._others(same, row)} ({_SAME}); leave all but one out"
                self._fault(row, FaultCode.REPEATED, reason)
            else:
                self._fault(row, FaultCode.LOOKALIKE, f"looks like the code in {self._others(family, row)} {_ALIKE}")

    def _others(self, rows: Sequence[int], row: int) -> str:
        """`line 7`, `lines 7 and 9`: where the others are, of many the first."""
        lines = [str(self._lines[other]) for other in rows[: NAMED_MAX + 1] if other != row][:NAMED_MAX]
        more = len(rows) - 1 - len(lines)
        if more:
            return f"lines {', '.join(lines)} and {more:,} more"
        *first, last = lines
        return f"lines {', '.join(first)} and {last}" if first else f"line {last}"

    def find_weak(self) -> None:
        """Find the codes that could be found by trying."""
        guesswork = Guesswork.of(set(self._keys))
        for row, key in enumerate(self._keys):
            bits = guesswork.bits(key)
            if bits < CODE_BITS_MIN and row not in self._faulty:
                too_short = len(key) * sign_bits(key) < CODE_BITS_MIN
                self._fault(row, FaultCode.TOO_WEAK, _weak(math.floor(bits), too_short=too_short))

    def result(self) -> PrintedCodes:
        """What was found."""
        faults = sorted((*self._malformed, *self._faulty.values()), key=lambda fault: fault.line)
        if not self._faulty:
            return PrintedCodes(self._lines, self._codes, faults)
        good = [row for row in range(len(self._codes)) if row not in self._faulty]
        return PrintedCodes([self._lines[row] for row in good], [self._codes[row] for row in good], faults)

    def _fault(self, row: int, code: FaultCode, reason: str) -> None:
        self._faulty[row] = CodeFault(self._lines[row], code, _shown(self._codes[row]), reason)


def _own_fault(code: str, key: str) -> tuple[FaultCode, str] | None:
    """What is wrong with a code whatever the others are, and the reason."""
    if not _PRINTED.fullmatch(code):
        return FaultCode.MALFORMED, _malformed(code, key)
    if len(code) > CODE_LENGTH_MAX:
        reason = f"has {len(code)} signs, and a code has at most {CODE_LENGTH_MAX}; leave this card out"
        return FaultCode.TOO_LONG, reason
    if key[0] == "C" and _LIKE_CARD_ID.fullmatch(lookalike_key(key)):
        return FaultCode.LIKE_CARD_ID, "looks like a card id (c and digits), which is no secret; leave this card out"
    # Of a longer number, printed in groups, a part may look like one by chance: the key has no groups.
    if holds_card_number(key):
        reason = "is the number of a payment card, which must not be kept; leave this card out"
        return FaultCode.PAYMENT_CARD, reason
    return None


def _malformed(code: str, key: str) -> str:
    if not key:
        return "is blank; write the code, or take the line out"
    if _PRINTED.fullmatch(code.lstrip("-")):
        return "starts with a dash; leave that out, as dashes make no difference"
    return "has signs other than the letters A to Z, digits, dashes and spaces; write it with these"


@cache
def _weak(bits: int, *, too_short: bool) -> str:
    """The reason, one text for the many codes of a file that it may hold for."""
    why = "it is too short" if too_short else "too much of it can be told from the other codes"
    return (
        f"can be guessed ({bits} bits of the {CODE_BITS_MIN} needed): {why}; have longer random codes printed, or "
        "write `weak_codes: true` in the campaign to take the risk"
    )


def _shown(code: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in mask(code))
