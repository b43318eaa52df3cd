"""What the desk's commands share: how a card is named, keys for retries, files of rows, and how answers are printed."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from refundctl.cli.common import Common, existing_ledger, operator
from refundctl.cli.rendering import Report, Screen, report, warn
from refundctl.domain.codes import code_key
from refundctl.domain.errors import ExitCode, InputMissing, UsageError
from refundctl.domain.pins import PinError, parse_pin
from refundctl.ledger.connection import Ledger
from refundctl.ledger.journal import Journal
from refundctl.ledger.posting.redeeming import is_a_code
from refundctl.operations import desk
from refundctl.operations.desk import Answer, CardDeed

STDIN = "-"
LONGEST_SECRET_BYTES = 1_000

CardName = Annotated[
    str,
    typer.Argument(
        metavar="CARD", help="The card: its card_id (c and digits), its code, or - to read the code from stdin."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="TEXT", help="Do this once per key: a retry with the same key gets the first answer."
    ),
]
Customer = Annotated[
    str | None, typer.Option("--customer", metavar="ID", help="The customer's id, as in the bookings' files.")
]
PinFile = Annotated[
    str | None, typer.Option("--pin-file", metavar="FILE", help="The file that holds the PIN; - is stdin.")
]

Tell = Callable[[Screen, Answer], None]


def do_to_card(common: Common, named: str, deed: CardDeed, tell: Tell, *, key: str | None = None) -> int:
    """Do a deed to one card, and tell what came of it."""
    named = card_named(named)
    with desk_ledger(common) as (ledger, journal):
        answer = desk.on_card(ledger, journal, named, deed, key=key_given(ledger, key), keep=not common.dry_run)
    return tell_answer(common, answer, tell)


@contextmanager
def desk_ledger(common: Common, arguments: Mapping[str, Any] | None = None) -> Iterator[tuple[Ledger, Journal]]:
    """The ledger, which there must be, with the journal of this command. Raises InputMissing."""
    with existing_ledger(common) as ledger:
        yield ledger, Journal(ledger, operator(), common.command, arguments or {})


def tell_answer(common: Common, answer: Answer, tell: Tell) -> int:
    """Print an answer, the first time and again."""
    if answer.repeated:
        warn(common, f"This key was used before, by run {answer.run_id}: this is its answer, and nothing was done now.")
    for warning in answer.warnings:
        warn(common, warning)
    return report(
        common,
        Report(
            human=lambda out: tell(out, answer),
            run_id=answer.run_id,
            campaign=answer.campaign,
            counts=answer.counts,
            totals=answer.totals,
            extra=answer.facts,
            exit_code=ExitCode.OK,
        ),
    )


def card_named(text: str) -> str:
    """The card_id or code that was typed; - reads a code from stdin. Raises UsageError."""
    return one_line(STDIN, "code") if text == STDIN else text


def key_given(ledger: Ledger, key: str | None) -> str | None:
    """An idempotency key that can be kept. Raises UsageError for one that can't, such as a card's code."""
    if key is None:
        return None
    if not 1 <= len(key) <= desk.KEY_LENGTH_MAX or not key.isprintable():
        raise UsageError(f"--key takes a text of 1 to {desk.KEY_LENGTH_MAX} characters that can be printed.")
    with ledger.reading():
        if is_a_code(ledger.connection, code_key(key)):
            raise UsageError("--key is a card's code: take a text of your own, such as the number of the case.")
    return key


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
        raise InputMissing(f"{name} can't be read: {error.strerror}. Check its name.", path=name) from error
    shown = "stdin" if name == STDIN else name
    lines = text[:LONGEST_SECRET_BYTES].decode("utf-8", "replace").splitlines()
    if len(text) > LONGEST_SECRET_BYTES or len(lines) != 1 or not lines[0].strip():
        raise UsageError(f"{shown} should hold a {what} on one line, and nothing else: check it.")
    return lines[0].strip()
