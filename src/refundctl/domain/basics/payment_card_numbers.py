"""Payment card numbers: found so that they can be kept out. A ledger that holds one falls under PCI DSS."""

import re

DIGITS_MIN = 14
DIGITS_MAX = 19

#: Issuer ranges with the lengths of their numbers (ISO/IEC 7812 and the schemes' own pages): Visa, Mastercard
#: (two ranges), American Express, Discover, JCB, Diners Club, UnionPay.
_ISSUED = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})"
    r"|5[1-5][0-9]{14}"
    r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12,15}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"
    r"|3(?:0[0-5]|09|6[0-9]|[89][0-9])[0-9]{11}"
    r"|62[0-9]{14,17}"
)
#: People write a number in groups, with one sign between two of them.
_RUN = re.compile(rf"[0-9](?:[ .\-\u2010-\u2015]?[0-9]){{{DIGITS_MIN - 1},}}")
#: Full-width digits are digits too; the spaces of typography separate like plain ones.
_PLAINLY = {0xFF10 + digit: str(digit) for digit in range(10)} | dict.fromkeys(
    (0xA0, *range(0x2002, 0x200B), 0x202F), " "
)
_GROUP = re.compile("[0-9]+")
#: What a digit adds to Luhn's sum at every second place, counted from the right (ISO/IEC 7812-1, annex B).
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

#: UTF-8: digits become `0`, also the last byte of a full-width digit; what may stand between digits goes.
#: Other letters lose bytes too, which only makes the first look let through more than it need.
_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 or 0x90 <= byte <= 0x99 else byte for byte in range(256))
_BETWEEN = b" -.\xc2\xa0\xe2\x80\x82\x83\x84\x85\x86\x87\x88\x89\x8a\xaf\xef\xbc"
_LONG_RUN = b"0" * DIGITS_MIN


def may_hold_card_number(utf8: bytes) -> bool:
    """A quick first look at a lot of text: False is certain, True is worth a closer look."""
    return _LONG_RUN in utf8.translate(_TO_ZERO, _BETWEEN)


def holds_card_number(text: str) -> bool:
    """Whether digits in the text have an issuer's prefix, its length, and the right check digit."""
    if len(text) < DIGITS_MIN:
        return False
    if not text.isascii():
        text = text.translate(_PLAINLY)
    return any(_run_holds_number(run) for run in _RUN.findall(text))


def _run_holds_number(run: str) -> bool:
    """An expiry date or another number may stand next to it: every row of whole groups is tried."""
    groups = _GROUP.findall(run)
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) > DIGITS_MAX:
                break
            if _ISSUED.fullmatch(digits) and _luhn_holds(digits):
                return True
    return False


def _luhn_holds(digits: str) -> bool:
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0
