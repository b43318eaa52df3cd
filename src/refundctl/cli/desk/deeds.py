"""What the desk's commands share: how a card is named, keys for retries, files of rows, and how answers are printed."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundctl.cli.shell.common import Common, existing_ledger, operator
from refundctl.cli.shell.rendering import Report, Screen, report, warn
from refundctl.domain.basics.errors import ExitCode, InputMissing, UsageError
from refundctl.domain.cards.codes import code_key
from refundctl.domain.cards.pins import PinError, parse_pin
from refundctl.ledger.desk.redeeming import is_a_code
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, RunFile
from refundctl.ledger.people.finding_people import customer_number
from refundctl.operations.desk import deeds
from refundctl.operations.desk.deeds import Answer, CardDeed, Closing, Row, RowProblem

if TYPE_CHECKING:
    from refundctl.files.desk.card_rows_csv import CardRows

STDIN = "-"
LONGEST_SECRET_BYTES = 1_000

CardName = Annotated[
    str,
    typer.Argument(
        metavar="CARD", help="The card: its card_id (c and digits), its code, or - to read the code from stdin."
    ),
]
CardOrFile = Annotated[
    str | None,
    typer.Argument(
        metavar="CARD",
        show_default=False,
        help="The card: its card_id (c and digits), its code, or - to read the code from stdin.",
    ),
]
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
PinFile = Annotated[
    str | None, typer.Option("--pin-file", metavar="FILE", help="The file that holds the PIN; - is stdin.")
]

Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why, for those who read the journal later.")
]

Tell = Callable[[Screen, Answer], None]
DeedOf = Callable[[Mapping[str, str]], CardDeed]


def do_to_card(common: Common, named: str, deed: CardDeed, tell: Tell, *, key: str | None = None) -> int:
    """Do a deed to one card, and tell what came of it."""
    named = card_named(named)
    with desk_ledger(common) as (ledger, journal):
        answer = deeds.on_card(ledger, journal, named, deed, key=key_given(ledger, key), keep=not common.dry_run)
    return tell_answer(common, answer, tell)


@dataclass(frozen=True, slots=True)
class Word:
    """What is said about a card beside its name: by an option, or in a file of cards by a column."""

    column: str
    option: str
    given: str | None
    required: bool = False


def do_to_card_or_file(
    common: Common,
    card: str | None,
    path: str | None,
    words: Sequence[Word],
    deed_of: DeedOf,
    tell: Tell,
    *,
    key: str | None = None,
    once_per_file: bool = False,
    closing: Closing | None = None,
) -> int:
    """Do a deed to one card, or to each card of a file; `deed_of` makes it of the words by their columns, blank for none.

    In a file, an option counts for the rows in which its column is blank. `closing` is for files only: see on_cards(), as is
    `once_per_file`: see do_to_file(). Raises UsageError where not exactly one of the two is given, or a word is missing.
    """
    given = {word.column: word.given or "" for word in words}
    if (card is None) == (path is None):
        raise UsageError("Name one card, or a file of cards with --from FILE: one of the two.")
    if path is None:
        missing = [word.option for word in words if word.required and not word.given]
        if missing:
            raise UsageError(f"{missing[0]} is missing: give it, or --from FILE with a column for it.")
        return do_to_card(common, card or "", deed_of(given), tell, key=key)
    required = [word.column for word in words if word.required and not word.given]
    optional = [word.column for word in words if word.column not in required]

    def of_row(cells: Mapping[str, str]) -> CardDeed:
        return deed_of({column: cell or given[column] for column, cell in cells.items()})

    return do_to_file(
        common,
        path,
        required=required,
        optional=optional,
        deed_of=of_row,
        tell=tell,
        key=key,
        given=given,
        once_per_file=once_per_file,
        closing=closing,
    )


def do_to_file(
    common: Common,
    path: str,
    *,
    required: Collection[str] = (),
    optional: Collection[str] = (),
    deed_of: DeedOf,
    tell: Tell,
    key: str | None = None,
    given: Mapping[str, str] | None = None,
    once_per_file: bool = False,
    closing: Closing | None = None,
) -> int:
    """Do a deed to each card of a file, all or nothing, and tell what came of it: counts have `rows`, facts `cards`.

    `deed_of` makes the deed of a row's cells by column, trimmed; where it raises UsageError, the row is malformed. `given` are
    the options that count for the whole file. Where the deed would be done once more by the same file, `once_per_file` takes
    what the file holds for the key, unless one is given. Raises BulkMalformed, BulkRefused, BadInput and InputMissing.
    """
    found, file = _rows_in(path, required, optional)
    rows, malformed = [], [RowProblem(fault.line, fault.code, fault.message) for fault in found.faults]
    for row in found.rows:
        try:
            rows.append(Row(row.line, row.named, deed_of(row.cells)))
        except UsageError as error:
            malformed.append(RowProblem(row.line, error.code, error.message))
    options = {name: text for name, text in (given or {}).items() if text}
    with desk_ledger(common) as (ledger, journal):
        arguments = {"from": file.path, "sha256": file.sha256, **_without_people(ledger, options)}
        own_key = key_given(ledger, key)
        if own_key is None and once_per_file:
            own_key = " ".join((common.command, file.sha256, *options.values()))[: deeds.KEY_LENGTH_MAX]
        answer = deeds.on_cards(
            ledger,
            replace(journal, arguments=arguments),
            file.path,
            rows,
            malformed,
            key=own_key,
            keep=not common.dry_run,
            files=[file],
            closing=closing,
        )
    again = None if key is not None else "give it a --key of its own to do it once more"
    return tell_answer(common, answer, tell, files=[file], again=again)


def _rows_in(path: str, required: Collection[str], optional: Collection[str]) -> tuple["CardRows", RunFile]:
    # Reading files is left out of the path of a single card.
    from refundctl.cli.shell.arguments import opened
    from refundctl.files.desk.card_rows_csv import read_card_rows
    from refundctl.files.tables.unpacking import unpack

    with opened([path]) as [given]:
        unpacked = unpack(given.stream, given.name)
        with nullcontext() if unpacked.packed is None else unpacked.stream:
            found = read_card_rows(unpacked.stream, given.name, required=required, optional=optional)
        return found, RunFile(given.name, found.count, unpacked.sha256 or found.sha256)


def _without_people(ledger: Ledger, options: Mapping[str, str]) -> dict[str, str | int | None]:
    """Options as the journal keeps them: a customer by number."""
    kept: dict[str, str | int | None] = dict(options)
    if "customer_id" in options:
        del kept["customer_id"]
        with ledger.reading():
            kept["customer"] = customer_number(ledger.connection, options["customer_id"])
    return kept


@contextmanager
def desk_ledger(common: Common, arguments: Mapping[str, Any] | None = None) -> Iterator[tuple[Ledger, Journal]]:
    """The ledger, which there must be, with the journal of this command. Raises InputMissing."""
    with existing_ledger(common) as ledger:
        yield ledger, Journal(ledger, operator(), common.command, arguments or {})


def tell_answer(
    common: Common, answer: Answer, tell: Tell, *, files: Sequence[RunFile] = (), again: str | None = None
) -> int:
    """Print an answer, the first time and again; `again` says how to do the same file once more, where no key was given."""
    if answer.repeated and again is not None:
        warn(
            common,
            f"This file was done before, by run {answer.run_id}: this is its answer, and nothing was done now; {again}.",
        )
    elif answer.repeated:
        warn(common, f"This key was used before, by run {answer.run_id}: this is its answer, and nothing was done now.")
    return report(
        common,
        Report(
            human=lambda out: tell(out, answer),
            run_id=answer.run_id,
            campaign=answer.campaign,
            counts=answer.counts,
            totals=answer.totals,
            files=[file.as_json() for file in files],
            extra={**answer.facts, **({"warnings": list(answer.warnings)} if answer.warnings else {})},
            exit_code=ExitCode.OK,
        ),
    )


def card_named(text: str) -> str:
    """The card_id or code that was typed; - reads a code from stdin. Raises UsageError."""
    return one_line(STDIN, "code") if text == STDIN else text.strip()


def key_given(ledger: Ledger, key: str | None) -> str | None:
    """An idempotency key that can be kept. Raises UsageError for one that can't, such as a card's code."""
    if key is None:
        return None
    if not 1 <= len(key) <= deeds.KEY_LENGTH_MAX or not key.isprintable():
        raise UsageError(f"--key takes a text of 1 to {deeds.KEY_LENGTH_MAX} characters that can be printed.")
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
        if what == "PIN" and name.isdigit():
            # Perhaps the PIN itself, which must not be shown.
            raise InputMissing("--pin-file names a file that holds the PIN, and there is none of that name.") from error
        raise InputMissing(f"{name} can't be read: {error.strerror}. Check its name.", path=name) from error
    shown = "stdin" if name == STDIN else name
    lines = text[:LONGEST_SECRET_BYTES].decode("utf-8", "replace").splitlines()
    if len(text) > LONGEST_SECRET_BYTES or len(lines) != 1 or not lines[0].strip():
        raise UsageError(f"{shown} should hold a {what} on one line, and nothing else: check it.")
    return lines[0].strip()
