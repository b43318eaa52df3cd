"""Arguments and options that several commands share."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from refundctl.domain.basics.definition_mistakes import MistakesFound
from refundctl.domain.basics.errors import InputMissing, UsageError
from refundctl.domain.basics.money import parse_total
from refundctl.domain.cards.codes import without_codes

if TYPE_CHECKING:  # a single card's redemption must not wait for what reads files and conditions
    from refundctl.domain.campaigns.conditions import Condition
    from refundctl.operations.bookings.input_files import Input
    from refundctl.operations.bookings.load import Expected

#: Fields by which --where names a person, and what the journal has instead of the value.
PERSONAL_FIELDS = ("customer_id", "email")
MASKED = "****"

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")]
_FILES = "Files of {}: CSV, xlsx, gzip or zip; - is stdin."
Files = Annotated[list[str], typer.Argument(metavar="FILE", help=_FILES.format("bookings"))]
PeopleFiles = Annotated[list[str], typer.Argument(metavar="FILE", help=_FILES.format("people"))]
RedemptionFiles = Annotated[list[str], typer.Argument(metavar="FILE", help=_FILES.format("redemptions"))]
Source = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="NAME", help="How to read the files: a preset, or a source of the campaigns file."
    ),
]
Rejects = Annotated[
    str | None,
    typer.Option(
        "--rejects", metavar="FILE", help="Where rows that can't be taken go, for fixing (default: beside the input)."
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Load nothing where a single row can't be taken.")]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="What the files are written in, where they are no UTF-8: cp1252, latin-1 ..."
    ),
]
ExpectCount = Annotated[
    int | None,
    typer.Option("--expect-count", metavar="N", min=0, help="Refuse where the files hold another number of rows."),
]
ExpectTotal = Annotated[
    list[str] | None,
    typer.Option(
        "--expect-total",
        metavar='"EUR 1234.50"',
        help="Refuse where the refunds add up to something else; once per currency.",
    ),
]
Tool = Annotated[
    Literal["generic"], typer.Option("--tool", metavar="NAME", help="The mail tool that the file is for: generic.")
]
Out = Annotated[str, typer.Option("--out", metavar="DIR", help="Where mail.csv, summary.json and manifest.json go.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="KEY=VALUE",
        help="Only bookings with this value, such as tier=gold or booking_id=R-17; all of several must hold.",
    ),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why, for those who read the journal later.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there already.")]


def expected(count: int | None, totals: Sequence[str] | None) -> "Expected":
    """Control totals from their options. Raises UsageError for a malformed one, or two of one currency."""
    from refundctl.operations.bookings.load import Expected

    found: dict[str, int] = {}
    for text in totals or ():
        currency, minor = parse_total(text)
        if currency in found:
            raise UsageError(f"--expect-total is given twice for {currency}: give it once per currency.")
        found[currency] = minor
    return Expected(count, found)


def where_condition(texts: Sequence[str] | None) -> "Condition":
    """What --where asks for: fields as in `eligible`, and ids, compared trimmed and without case. Raises UsageError."""
    from refundctl.domain.campaigns.conditions import Condition

    wanted: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--where takes KEY=VALUE, such as tier=gold, not {text!r}.")
        if key.strip() in wanted:
            raise UsageError(f"--where names {key.strip()} twice: a booking has one value of it.")
        wanted[key.strip()] = value
    try:
        return Condition.asked_for(wanted)
    except MistakesFound as error:
        mistake = error.mistakes[0]
        raise UsageError(f"--where {'.'.join(map(str, mistake.place[:1]))}: {mistake.sentence}.") from error


def where_kept(texts: Sequence[str] | None) -> list[str] | None:
    """What --where asked for, as the journal keeps it: without the person, as it outlives their erasure."""
    return None if texts is None else [f"{key}={value}" for key, value in map(_without_person, texts)]


def condition_kept(where: "Condition") -> dict[str, object]:
    """The same of a condition, as it stands in a definition."""
    return {key: MASKED if key in PERSONAL_FIELDS else test for key, test in where.written().items()}


def _without_person(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, MASKED if key.strip() in PERSONAL_FIELDS else value


#: The operator's words on one line, or None. What may be a card's code is masked: the journal never holds one.
reason_given = without_codes


@contextmanager
def opened(names: Sequence[str]) -> Iterator[list["Input"]]:
    """The files named, open for reading more than once; stdin goes through a private temporary file.

    Raises InputMissing where one is missing, a folder, or can't be read, and UsageError where stdin is named twice.
    """
    from refundctl.operations.bookings.input_files import Input

    if sum(name == "-" for name in names) > 1:
        raise UsageError("- (stdin) can be named only once.")
    with ExitStack() as stack:
        yield [Input("stdin" if name == "-" else name, stack.enter_context(_open(name))) for name in names]


def _open(name: str) -> BinaryIO:
    if name == "-":
        return _spooled(sys.stdin.buffer)
    path = Path(name)
    try:
        if path.is_dir():
            raise InputMissing(f"{name} is a folder: name a file.", path=name)
        stream = path.open("rb")
    except OSError as error:
        raise InputMissing(f"{name} can't be read: {error.strerror}. Check its name.", path=name) from error
    if not stream.seekable():
        with stream:
            return _spooled(stream)
    return stream


def _spooled(stream: BinaryIO) -> BinaryIO:
    spool = tempfile.TemporaryFile(prefix="refundctl-")  # noqa: SIM115 - the caller closes it
    while piece := stream.read(1 << 20):
        spool.write(piece)
    spool.seek(0)
    return spool
