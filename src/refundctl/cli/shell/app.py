"""The Typer application: one module per group of commands, in the order in which an operator meets them."""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from refundctl import __version__

#: The capability that each command belongs to, in the order in which an operator meets them and help lists them.
COMMANDS = {
    "init": "campaigns",
    "sources": "bookings",
    "load": "bookings",
    "load-customers": "people",
    "create": "campaigns",
    "publish": "funding",
    "topup": "funding",
    "run": "funding",
    "plan": "funding",
    "approve": "funding",
    "apply": "funding",
    "undo": "undo",
    "pause": "campaigns",
    "resume": "campaigns",
    "explain": "books",
    "card": "desk",
    "load-redemptions": "desk",
    "cashout": "cash",
    "expire": "desk",
    "customer": "people",
    "export": "books",
    "status": "books",
    "runs": "books",
    "verify": "books",
    "backup": "books",
}
VERSION = "--version"


def in_order(names: Sequence[str]) -> type[TyperGroup]:
    """A group whose commands are listed in this order: Typer lists groups last, else as they were imported."""

    class InOrder(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return sorted(super().list_commands(ctx), key=names.index)

    return InOrder


app = typer.Typer(
    cls=in_order(tuple(COMMANDS)),
    name="refundctl",
    help="Turn a file of cancelled bookings into funded gift cards, and prove every cent.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"refundctl {__version__}")
        raise typer.Exit


@app.callback()
def _refundctl(
    version: Annotated[
        bool, typer.Option(VERSION, callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Turn a file of cancelled bookings into funded gift cards, and prove every cent."""


def load(words: Sequence[str]) -> None:
    """Import the module of the command that these words of the command line mean, or else all: each registers its own.

    Only one, as a single card's redemption must not wait for the others; none for the version. A group does so again.
    """
    if words[:1] == [VERSION]:  # read first, whatever follows
        return
    names = [word for word in words if not word.startswith("-")]
    for name in names[:1] if names[:1] and names[0] in COMMANDS else COMMANDS:
        module = import_module(f"refundctl.cli.{COMMANDS[name]}.{name.replace('-', '_')}")
        if hasattr(module, "load_below"):
            module.load_below(names[1:])
