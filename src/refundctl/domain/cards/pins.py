"""PINs: what one looks like, and the slow salted hash under which it is kept.

scrypt with N=2^14, r=8, p=5, a minimum setting of OWASP's password storage cheat sheet: 16 MiB and 0.2 seconds a try.
"""

import hashlib
import hmac
import re

DIGITS_MIN, DIGITS_MAX = 4, 12
SALT_BYTES = 16
_COST, _BLOCK, _PARALLEL = 2**14, 8, 5
METHOD = f"scrypt:{_COST}:{_BLOCK}:{_PARALLEL}"
_DIGEST_BYTES = 32


class PinError(ValueError):
    """A text that can't be a PIN; the message says what one looks like."""


def parse_pin(text: str) -> str:
    """The PIN that a line holds, spaces around it left out. Raises PinError, which never shows it."""
    pin = text.strip()
    if not re.fullmatch(f"[0-9]{{{DIGITS_MIN},{DIGITS_MAX}}}", pin):
        raise PinError(f"a PIN is {DIGITS_MIN} to {DIGITS_MAX} digits on one line")
    return pin


def hashed(pin: str, salt: bytes, method: str = METHOD) -> bytes:
    """The hash of a PIN under a method such as METHOD. Raises ValueError for a method that is not known."""
    name, cost, block, parallel = method.split(":")
    if name != "scrypt":
        raise ValueError(f"PINs are not kept by {name}")
    memory = 256 * int(cost) * int(block)
    return hashlib.scrypt(
        pin.encode(), salt=salt, n=int(cost), r=int(block), p=int(parallel), maxmem=memory, dklen=_DIGEST_BYTES
    )


def same(one: bytes, other: bytes) -> bool:
    """Whether two hashes are equal, in a time that doesn't tell where they differ."""
    return hmac.compare_digest(one, other)
