"""Codes and PINs that come from a file or stdin, since others can read a command line."""

import sys
from pathlib import Path

from refundctl.domain.basics.errors import InputMissing, UsageError
from refundctl.domain.cards.pins import PinError, parse_pin

STDIN = "-"
LONGEST_SECRET_BYTES = 1_000


def pin_given(pin_file: str | None, card: str = "") -> str | None:
    """The PIN that a file or stdin holds; None where there is no file. Raises UsageError and InputMissing."""
    if pin_file is None:
        return None
    if pin_file == STDIN and card == STDIN:
        raise UsageError("- (stdin) can be the card's code or the PIN, not both: write the PIN into a file.")
    try:
        return parse_pin(one_line(pin_file, "PIN"))
    except PinError as error:
        raise UsageError(f"{'stdin' if pin_file == STDIN else pin_file} holds no PIN: {error}.") from error


def one_line(name: str, what: str) -> str:
    """The one line that a file or stdin holds. Raises UsageError where there is none, and InputMissing."""
    try:
        if name == STDIN:
            text = sys.stdin.buffer.read(LONGEST_SECRET_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                text = stream.read(LONGEST_SECRET_BYTES + 1)
    except OSError as error:
        if what == "PIN" and name.isdigit():
            # Perhaps the PIN itself, which must not be shown.
            raise InputMissing("--pin-file names a file that holds the PIN, and there is none of that name.") from error
        raise InputMissing(f"{name} can't be read: {error.strerror}. Check its name.", path=name) from error
    shown = "stdin" if name == STDIN else name
    lines = text[:LONGEST_SECRET_BYTES].decode("utf-8", "replace").splitlines()
    if len(text) > LONGEST_SECRET_BYTES or len(lines) != 1 or not lines[0].strip():
        raise UsageError(f"{shown} should hold a {what} on one line, and nothing else: check it.")
    return lines[0].strip()
