"""refundctl card set-pin and unlock."""

import sys
from getpass import getpass
from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.typed_secrets import STDIN, pin_given
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.codes import without_codes
from refundctl.domain.cards.pins import PinError, parse_pin
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.pins import SetPin, Unlock

PinFromStdin = Annotated[
    str | None, typer.Argument(metavar="-", show_default=False, help="Read the PIN from stdin, as --pin-file - does.")
]


@command("card set-pin", writes=True, short="Give a card a PIN, which is asked for when it is redeemed.")
def set_pin(
    common: Common, card: take.CardName, stdin: PinFromStdin = None, pin_file: take.PinFile = None, key: take.Key = None
) -> int:
    """Give a card a PIN of 4 to 12 digits, in the place of an earlier one; it unlocks the card too.

    The PIN is asked for twice, or read from --pin-file or stdin. Five wrong ones in a row lock the card.
    """
    if stdin not in {None, STDIN}:
        # Not shown, and not to be found in the list of processes next time.
        raise UsageError("A PIN is not given on the command line, where others see it: use --pin-file, or - for stdin.")
    if stdin is not None and pin_file is not None:
        raise UsageError("The PIN comes from --pin-file or from - (stdin), not from both.")
    pin = pin_given(pin_file if stdin is None else stdin, card)
    deed = SetPin.of(_prompted(common) if pin is None else pin, key)
    return take.do_to_card(common, card, deed, _tell_set, key=key)


@command("card unlock", writes=True, short="Let a card's PIN be tried again.")
def unlock(common: Common, card: take.CardName, reason: take.Reason = None, key: take.Key = None) -> int:
    """Let the PIN of a card be tried again after wrong ones: they are forgotten, the PIN stays."""
    return take.do_to_card(common, card, Unlock(without_codes(reason)), _tell_unlocked, key=key)


def _prompted(common: Common) -> str:
    """The PIN typed twice on a terminal, unseen. Raises UsageError where there is none, or nobody is to be asked."""
    if common.no_input or not sys.stdin.isatty():
        raise UsageError("No PIN was given: use --pin-file FILE, or - for stdin.", code="pin_required")
    try:
        pin = parse_pin(getpass("New PIN: ", sys.stderr))
        again = getpass("The same again: ", sys.stderr).strip()
    except PinError as error:
        raise UsageError(f"That is no PIN: {error}.") from error
    except EOFError as error:
        raise UsageError("No PIN was typed: nothing was done.", code="pin_required") from error
    if pin != again:
        raise UsageError("The two PINs differ: nothing was done; type the same twice.")
    return pin


def _tell_set(out: Screen, answer: Answer) -> None:
    out.print(f"Card {answer.facts['card']['card_id']} has the new PIN.")


def _tell_unlocked(out: Screen, answer: Answer) -> None:
    card_id = answer.facts["card"]["card_id"]
    if answer.counts["unlocked"]:
        out.print(f"Unlocked card {card_id}: its PIN can be tried again.")
    else:
        out.print(f"No wrong PIN was tried with card {card_id}. Nothing to do.")
