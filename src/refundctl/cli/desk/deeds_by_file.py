"""A deed to one card, or to each card of a file: what an option says, or a column of the file."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from refundctl.cli.desk.deeds import Tell, desk_ledger, do_to_card, key_given, tell_answer
from refundctl.cli.shell.common import Common
from refundctl.domain.basics.errors import RowProblem, UsageError
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import RunFile
from refundctl.ledger.people.finding_people import customer_number
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.deeds_by_file import Closing, NamedCard, on_cards
from refundctl.operations.desk.kept_answers import KEY_LENGTH_MAX

if TYPE_CHECKING:
    from refundctl.files.desk.card_rows_csv import CardRows

DeedOf = Callable[[Mapping[str, str]], CardDeed]


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
    """Do a deed to one card, or to each of a file; `deed_of` makes it of the words by their columns, blank for none.

    In a file, an option counts for the rows in which its column is blank. `closing` is for files only: see on_cards().
    Where the deed would be done once more by the same file, `once_per_file` takes what the file holds for the key,
    unless one is given. Raises UsageError where not exactly one of the two is given, or a word is missing; of a file,
    BulkMalformed, BulkRefused, BadInput and InputMissing.
    """
    given = {word.column: word.given or "" for word in words}
    if (card is None) == (path is None):
        raise UsageError("Name one card, or a file of cards with --from FILE: one of the two.")
    if path is None:
        _refuse_missing(words)
        return do_to_card(common, card or "", deed_of(given), tell, key=key)
    found, file = _rows_in(path, words)
    rows, malformed = _deeds_in(found, given, deed_of)
    options = {word.column: word.given for word in words if word.given}
    with desk_ledger(common) as (ledger, journal):
        arguments = {"from": file.path, "sha256": file.sha256, **_without_people(ledger, options)}
        asked = replace(journal, arguments=arguments)
        own_key = key_given(ledger, key)
        if own_key is None and once_per_file:
            own_key = " ".join((common.command, file.sha256, *options.values()))[:KEY_LENGTH_MAX]
        keep = not common.dry_run
        answer = on_cards(ledger, asked, file, rows, malformed, key=own_key, keep=keep, closing=closing)
    again = None if key is not None else "give it a --key of its own to do it once more"
    return tell_answer(common, answer, tell, files=[file], again=again)


def _refuse_missing(words: Sequence[Word]) -> None:
    for word in words:
        if word.required and not word.given:
            raise UsageError(f"{word.option} is missing: give it, or --from FILE with a column for it.")


def _rows_in(path: str, words: Sequence[Word]) -> tuple["CardRows", RunFile]:
    # Reading files is left out of the path of a single card.
    from refundctl.cli.shell.arguments import opened
    from refundctl.files.desk.card_rows_csv import read_card_rows
    from refundctl.files.tables.unpacking import unpack

    required = [word.column for word in words if word.required and not word.given]
    optional = [word.column for word in words if word.column not in required]
    with opened([path]) as [given]:
        unpacked = unpack(given.stream, given.name)
        with nullcontext() if unpacked.packed is None else unpacked.stream:
            found = read_card_rows(unpacked.stream, given.name, required=required, optional=optional)
        return found, RunFile(given.name, found.count, unpacked.sha256 or found.sha256)


def _deeds_in(found: "CardRows", given: Mapping[str, str], deed_of: DeedOf) -> tuple[list[NamedCard], list[RowProblem]]:
    """What each row asks for; a row of which `deed_of` raises UsageError is malformed."""
    rows, malformed = [], [*found.faults]
    for row in found.rows:
        try:
            deed = deed_of({column: cell or given[column] for column, cell in row.cells.items()})
            rows.append(NamedCard(row.line, row.named, deed))
        except UsageError as error:
            malformed.append(RowProblem(row.line, error.code, error.message))
    return rows, malformed


def _without_people(ledger: Ledger, options: Mapping[str, str]) -> dict[str, str | int | None]:
    """Options as the journal keeps them: a customer by number."""
    kept: dict[str, str | int | None] = dict(options)
    if "customer_id" in options:
        del kept["customer_id"]
        with ledger.reading():
            kept["customer"] = customer_number(ledger.connection, options["customer_id"])
    return kept
