"""Results as a person or a script reads them: one JSON object, or plain words and tables; errors likewise."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from refundctl.cli.shell.common import Common, command_named
from refundctl.cli.shell.wording import in_words
from refundctl.domain.basics.errors import BadCampaigns, ExitCode, RefundctlError
from refundctl.domain.basics.money import amount_for_people
from refundctl.domain.cards.codes import without_typed_codes

COLUMN_WIDTH_MAX = 60
STATUS = {
    ExitCode.OK: "ok",
    ExitCode.PARTIAL: "partial",
    ExitCode.REFUSED: "refused",
    ExitCode.FINDINGS: "findings",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a command has to say. `extra` are fields that only some commands have; `human` writes it for a person."""

    human: Callable[["Screen"], None]
    run_id: int | None = None
    campaign: str | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    totals: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Mapping[str, Any]] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    exit_code: ExitCode = ExitCode.OK
    errors: Sequence[Mapping[str, Any]] = ()

    def tell(self, common: Common) -> ExitCode:
        """Print it on stdout, its warnings on stderr, and return its exit code."""
        for warning in self.extra.get("warnings", ()):
            warn(common, warning)
        if common.json:
            extra = {**self.extra, **({"dry_run": True} if common.dry_run else {})}
            _print_json(common.command, replace(self, run_id=None if common.dry_run else self.run_id, extra=extra))
        elif not common.quiet or self.exit_code is not ExitCode.OK:
            out = Screen()
            self.human(out)
            if common.dry_run:
                out.print("Dry run: nothing was kept.")
        return self.exit_code


def print_error(error: RefundctlError, words: Sequence[str]) -> ExitCode:
    """Print an error: one line on stderr, or JSON on stdout where it was asked for; return its exit code."""
    if "--json" in words:
        campaign = None if error.campaign is None else without_typed_codes(error.campaign, words)
        errors = [_masked(one, words) for one in error.listed()]
        failed = Report(lambda _: None, campaign=campaign, errors=errors, exit_code=error.exit_code)
        _print_json(command_named(words), failed)
    else:
        problems = error.problems
        first = error.message if isinstance(error, BadCampaigns) and problems else f"Error: {error.message}"
        lines = [_one_line(without_typed_codes(str(line), words)) for line in (first, *problems)]
        print("\n".join(lines), file=sys.stderr)  # noqa: T201
    return error.exit_code


def _masked(listed: Mapping[str, str | int], words: Sequence[str]) -> dict[str, str | int]:
    """A mistake as JSON lists it, without what was typed and may be a card's code; its kind stays as it is."""
    return {
        name: without_typed_codes(told, words) if isinstance(told, str) and name != "code" else told
        for name, told in listed.items()
    }


def warn(common: Common, message: str) -> None:
    """Tell a person something on stderr that is no error."""
    if not common.quiet:
        print(_one_line(message), file=sys.stderr)  # noqa: T201


def _one_line(text: object) -> str:
    # A file's name or a value may hold a line break or an escape sequence: a terminal must not act on it.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def _print_json(command: str | None, found: Report) -> None:
    value = {
        "schema_version": 1,
        "command": command,
        "status": STATUS.get(found.exit_code, "error"),
        "run_id": found.run_id,
        "campaign": found.campaign,
        "counts": found.counts,
        "totals": found.totals,
        "files": list(found.files),
        **found.extra,
        "errors": list(found.errors),
    }
    text = json.dumps(value, ensure_ascii=False)
    sys.stdout.write(f"{text if _can_show(text) else json.dumps(value)}\n")


class Screen:
    """Where results for people go, line by line: plain text on stdout, without colour."""

    def print(self, line: str) -> None:
        """Write one line. What a terminal would act on, or can't show, is replaced."""
        text = _one_line(line)
        if not _can_show(text):
            text = text.translate(_PLAINER).encode(sys.stdout.encoding, errors="replace").decode(sys.stdout.encoding)
        sys.stdout.write(f"{text}\n")


# For screens without these signs.
_PLAINER = str.maketrans({"█": "#", "░": "."})


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


amount = amount_for_people  # `EUR 21,967.91`


def number(count: int) -> str:
    """A count for people: `1,000,000`."""
    return f"{count:,}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 card`, `1,000 cards`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def figures(out: Screen, rows: Sequence[tuple[str, str]]) -> None:
    """Names and figures, one pair a line, the figures in one column."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        out.print(f"  {name:<{width}}  {value}")


def table(out: Screen, rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Rows of cells, each column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        out.print(indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def in_a_column(text: str) -> str:
    """A text of any length, cut where it would push other columns off the screen; JSON has the whole of it."""
    return text if len(text) <= COLUMN_WIDTH_MAX else f"{text[: COLUMN_WIDTH_MAX - 3].rstrip()}..."


def reasons(counts: Mapping[str, int]) -> str:
    """`3 (2 not eligible, 1 nothing left after fees)`, or `0`."""
    total = number(sum(counts.values()))
    if not counts:
        return total
    return f"{total} ({', '.join(f'{number(count)} {in_words(code)}' for code, count in counts.items())})"


@dataclass(frozen=True, slots=True)
class Progress:
    """Shows how far a command has come: a bar with rows a second and the time left, or nothing where nobody watches."""

    show: Callable[..., None]

    def of(self, done: int, total: int | None, rows: int) -> None:
        """`done` of `total` (bytes or rows) is over, which was `rows` rows."""
        self.show(completed=done, total=total, rows=rows)

    def say(self, step: str) -> None:
        """Another step begins, of which only the end will be known."""
        self.show(description=step, total=None)


@contextmanager
def progress(common: Common, title: str) -> Iterator[Progress]:
    """A bar on stderr, on a terminal only."""
    if common.quiet or not sys.stderr.isatty():
        yield Progress(lambda **_: None)
        return
    from rich import progress as bars
    from rich.console import Console
    from rich.text import Text

    class Speed(bars.ProgressColumn):
        """Rows, and rows a second since the bar began."""

        def render(self, task: bars.Task) -> Text:
            rows = task.fields["rows"]
            seconds = task.elapsed or 0.0
            return Text(f"{rows:,} rows, {rows / seconds:,.0f}/s" if rows and seconds else "")

    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), Speed(), bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, rows=0)
        yield Progress(lambda **fields: bar.update(task, **fields))
