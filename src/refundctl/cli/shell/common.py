"""What every command takes and needs: the common options, the clock, the operator, and the way to the ledger."""

import inspect
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundctl.cli.shell.app import app, in_order
from refundctl.domain.basics.errors import InputMissing, RefundctlError, UsageError
from refundctl.ledger.database import connection as ledgers
from refundctl.ledger.database.connection import Clock, Ledger
from refundctl.ledger.journal.run_journal import Journal, Operator
from refundctl.operations.run_lifecycle import recording_refusals

if TYPE_CHECKING:
    from refundctl.domain.campaigns.campaign import Campaign
    from refundctl.files.campaigns.campaigns_yaml import CampaignsFile

FIRST_YEAR, LAST_YEAR = 2000, 9000  # of rehearsals: what comes before or after can't be counted with
LONGEST_WAIT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Common:
    """The common options of one call; `given` are its own arguments. `dry_run` is False for commands that only read."""

    command: str
    given: Mapping[str, Any]
    # Typer would refuse a file that it may not read, also where the command doesn't need it.
    ledger: Annotated[
        Path,
        typer.Option("--ledger", metavar="FILE", envvar="REFUNDCTL_LEDGER", readable=False, help="The ledger's file."),
    ] = Path("refunds.db")
    campaigns: Annotated[
        Path,
        typer.Option(
            "--campaigns", metavar="FILE", envvar="REFUNDCTL_CAMPAIGNS", readable=False, help="The campaigns file."
        ),
    ] = Path("campaigns.yaml")
    json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing on success.")] = False
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask; refuse instead.")] = False
    wait: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for another process that is writing."),
    ] = 30.0
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Do the same work and show it, but keep nothing.")
    ] = False


Function = Callable[..., int | None]


def command(name: str, *, short: str, writes: bool = False) -> Callable[[Function], Function]:
    """Register a function as a command; it takes `common` first, and gets the common options added after its own.

    `short` stands in the list of commands, where a longer sentence would be cut off. A name of two words is a command
    within a group, which command_group() has made.
    """

    def register(function: Function) -> Function:
        group, _, own_name = name.rpartition(" ")
        where = _GROUPS[group] if group else app
        where.command(own_name, short_help=short)(_with_common(name, function, writes=writes))
        return function

    return register


def command_group(name: str, *, short: str, order: Sequence[str] = ()) -> Callable[[Function], Function]:
    """Register a function as a command that has commands below it; it runs where none of those is named.

    `order` is the one in which help lists them, where it isn't that in which they are registered.
    """

    def register(function: Function) -> Function:
        group = typer.Typer(cls=in_order(order) if order else None, rich_markup_mode=None, invoke_without_command=True)
        called = _with_common(name, function, writes=False)

        def unless_below(context: typer.Context, **values: Any) -> int | None:
            below = context.invoked_subcommand
            if below is None:
                return called(**values)
            if any(_was_typed(context, option) for option in values):
                raise UsageError(f"Options go behind the whole command: `refundctl {name} {below} ...`.")
            return None

        own = inspect.signature(called)
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        unless_below.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[context, *own.parameters.values()]
        )
        unless_below.__annotations__ = {"context": typer.Context, **called.__annotations__}
        unless_below.__doc__ = function.__doc__
        group.callback(short_help=short)(unless_below)
        app.add_typer(group, name=name)
        _GROUPS[name] = group
        return function

    return register


_GROUPS: dict[str, typer.Typer] = {}


def _was_typed(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def command_named(words: Sequence[str]) -> str | None:
    """Which command these words of the command line mean: of a group's, the first two."""
    names = [word for word in words if not word.startswith("-")][:2]
    if len(names) == 2 and names[0] in _GROUPS:
        below = {command.name for command in _GROUPS[names[0]].registered_commands}
        return " ".join(names) if names[1] in below else names[0]
    return names[0] if names else None


def _with_common(name: str, function: Function, *, writes: bool) -> Function:
    own = list(inspect.signature(function).parameters.values())[1:]
    # All but `command` and `given`.
    options = [field for field in fields(Common)[2:] if writes or field.name != "dry_run"]

    def called(**values: Any) -> int | None:
        given = {option.name: values.pop(option.name) for option in options}
        # Also where it is infinite, or no number.
        given["wait"] = given["wait"] if given["wait"] < LONGEST_WAIT_SECONDS else LONGEST_WAIT_SECONDS
        common = Common(name, values, **given)
        if str(common.ledger) == "-":
            raise UsageError("The ledger is a file, not stdin or stdout: name it with --ledger.")
        return function(common, **values)

    by_name = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(one.name, by_name, default=one.default, annotation=one.type) for one in options]
    called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(parameter.replace(kind=by_name) for parameter in own), *added]
    )
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
    called.__doc__ = function.__doc__
    return called


def clock() -> Clock:
    """The moment that this command works at: REFUNDCTL_NOW, or the system's clock, in whole seconds of UTC."""
    text = os.environ.get("REFUNDCTL_NOW", "")
    if not text:
        return Clock(datetime.now(UTC).replace(microsecond=0), rehearsal=False)
    try:
        if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", text):
            raise ValueError(text)
        now = datetime.fromisoformat(text.upper())
    except ValueError:
        now = None
    if now is None or now.tzinfo is None or not FIRST_YEAR <= now.year <= LAST_YEAR:
        raise UsageError(
            f"REFUNDCTL_NOW is no RFC 3339 time with a zone ({text!r}): write one such as 2026-04-30T22:00:00Z.",
            code="clock_refused",
        )
    return Clock(now.astimezone(UTC).replace(microsecond=0), rehearsal=True)


def operator() -> Operator:
    """Who is at the keyboard: the real user id counts."""
    user_id = os.getuid()
    name = str(user_id)
    with suppress(KeyError, OSError):
        import pwd

        name = pwd.getpwuid(user_id).pw_name
    return Operator(name, user_id, socket.gethostname())


@contextmanager
def writing_ledger(
    common: Common, arguments: Mapping[str, Any], campaign: str | None = None, *, mode: int = 0o600
) -> Iterator[tuple[Ledger, Journal]]:
    """The ledger for a command that writes, made where there is none, with the journal of this call.

    What a rule refuses is recorded as an attempt before it is raised on, except in a dry run.
    """
    now = clock()
    with _opened(common, now, mode) as ledger:
        journal = Journal(ledger, operator(), common.command, arguments)
        with about_campaign(campaign), recording_refusals(journal, campaign, keep=not common.dry_run):
            yield ledger, journal


@contextmanager
def about_campaign(campaign: str | None) -> Iterator[None]:
    """Errors name the campaign."""
    try:
        yield
    except RefundctlError as error:
        error.campaign = campaign
        raise


@contextmanager
def _opened(common: Common, now: Clock, mode: int) -> Iterator[Ledger]:
    if common.dry_run and not common.ledger.exists():
        with ledgers.closing_ledger(ledgers.in_memory(common.ledger, now)) as ledger:
            yield ledger
        return
    with ledgers.closing_ledger(ledgers.open_ledger(common.ledger, now, wait_seconds=common.wait, mode=mode)) as ledger:
        yield ledger


@contextmanager
def reading_ledger(common: Common) -> Iterator[Ledger | None]:
    """The ledger for a command that only reads, or None where there is none yet."""
    ledger = ledgers.open_existing(common.ledger, clock(), wait_seconds=common.wait)
    if ledger is None:
        yield None
        return
    with ledgers.closing_ledger(ledger):
        yield None if ledger.is_new else ledger


@contextmanager
def existing_ledger(common: Common) -> Iterator[Ledger]:
    """The same, for a command that makes no sense without one. Raises InputMissing."""
    with reading_ledger(common) as ledger:
        if ledger is None:
            raise InputMissing(
                f"{common.ledger} is missing: name the ledger with --ledger, or make one with `refundctl init`.",
                code="ledger_missing",
            )
        yield ledger


def refuse_ledger(common: Common, target: Path) -> None:
    """Raise UsageError where a file to be written is the ledger itself: --force is not meant for that."""
    if target.exists() and common.ledger.exists() and target.samefile(common.ledger):
        raise UsageError(f"{target} is the ledger itself: name another file.", code="file_exists")


def campaigns_file(common: Common) -> "CampaignsFile":
    """The campaigns file, checked. Raises InputMissing and BadCampaigns."""
    from refundctl.files.campaigns.campaigns_yaml import read_campaigns

    return read_campaigns(common.campaigns)


def campaign_in_file(common: Common, name: str) -> "Campaign":
    """The definition of one campaign. Raises UsageError where the file has none of that name."""
    found = campaigns_file(common)
    campaign = found.campaigns.get(name)
    if campaign is None:
        error = UsageError(
            f"{common.campaigns} has no campaign {name} (it has: {', '.join(found.campaigns) or 'none'}): "
            "check the name, or describe the campaign there.",
            code="resource_not_found",
        )
        error.campaign = name
        raise error
    return campaign
