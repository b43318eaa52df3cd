"""What the desk's commands share: how a card is named, keys for retries, and how answers are printed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from refundctl.cli.desk.typed_secrets import STDIN, one_line
from refundctl.cli.shell.common import Common, existing_ledger, operator
from refundctl.cli.shell.rendering import Report, Screen, warn
from refundctl.domain.basics.errors import ExitCode, UsageError
from refundctl.ledger.cards.finding_cards import is_a_code
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, RunFile
from refundctl.operations.desk import deeds
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.kept_answers import KEY_LENGTH_MAX, Answer

CARD_HELP = "The card: its card_id (c and digits), its code, or - to read the code from stdin."

CardName = Annotated[str, typer.Argument(metavar="CARD", help=CARD_HELP)]
CardOrFile = Annotated[str | None, typer.Argument(metavar="CARD", show_default=False, help=CARD_HELP)]
FromFile = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="FILE", help="Instead of one card: a CSV with a column card_id or code; all or nothing."
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
OrderTotal = Annotated[str | None, typer.Option("--order-total", metavar="T", help="The total of the whole order.")]
PinFile = Annotated[
    str | None, typer.Option("--pin-file", metavar="FILE", help="The file that holds the PIN; - is stdin.")
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why, for those who read the journal later.")
]

Tell = Callable[[Screen, Answer], None]


def do_to_card(common: Common, named: str, deed: CardDeed, tell: Tell, *, key: str | None = None) -> int:
    """Do a deed to one card, and tell what came of it."""
    named = card_named(named)
    with desk_ledger(common) as (ledger, journal):
        answer = deeds.on_card(ledger, journal, named, deed, key=key_given(ledger, key), keep=not common.dry_run)
    return tell_answer(common, answer, tell)


@contextmanager
def desk_ledger(common: Common, arguments: Mapping[str, Any] | None = None) -> Iterator[tuple[Ledger, Journal]]:
    """The ledger, which there must be, with the journal of this command. Raises InputMissing."""
    with existing_ledger(common) as ledger:
        yield ledger, Journal(ledger, operator(), common.command, arguments or {})


def tell_answer(
    common: Common, answer: Answer, tell: Tell, *, files: Sequence[RunFile] = (), again: str | None = None
) -> int:
    """Print an answer, the first time and again; `again` says how to do a file once more, where no key was given."""
    if answer.repeated and again is not None:
        before = f"This file was done before, by run {answer.run_id}"
        warn(common, f"{before}: this is its answer, and nothing was done now; {again}.")
    elif answer.repeated:
        warn(common, f"This key was used before, by run {answer.run_id}: this is its answer, and nothing was done now.")
    return Report(
        human=lambda out: tell(out, answer),
        run_id=answer.run_id,
        campaign=answer.campaign,
        counts=answer.counts,
        totals=answer.totals,
        files=[file.as_json() for file in files],
        extra={**answer.facts, **({"warnings": list(answer.warnings)} if answer.warnings else {})},
        exit_code=ExitCode.OK,
    ).tell(common)


def card_named(text: str) -> str:
    """The card_id or code that was typed; - reads a code from stdin. Raises UsageError."""
    return one_line(STDIN, "code") if text == STDIN else text.strip()


def key_given(ledger: Ledger, key: str | None) -> str | None:
    """An idempotency key that can be kept. Raises UsageError for one that can't, such as a card's code."""
    if key is None:
        return None
    if not 1 <= len(key) <= KEY_LENGTH_MAX or not key.isprintable():
        raise UsageError(f"--key takes a text of 1 to {KEY_LENGTH_MAX} characters that can be printed.")
    with ledger.reading():
        if is_a_code(ledger.connection, key):
            raise UsageError("--key is a card's code: take a text of your own, such as the number of the case.")
    return key
