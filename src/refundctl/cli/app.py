"""The Typer application: one module per group of commands, in the order in which an operator meets them."""

from importlib import import_module
from typing import Annotated

import typer

from refundctl import __version__

app = typer.Typer(
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
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave."),
    ] = False,
) -> None:
    """Turn a file of cancelled bookings into funded gift cards, and prove every cent."""


# Each module registers its commands as it is imported; help lists them in this order.
for _module in (
    "init",
    "load",
    "load_customers",
    "sources",
    "create",
    "publish",
    "topup",
    "run",
    "export",
    "status",
    "runs",
    "verify",
    "backup",
):
    import_module(f"refundctl.cli.{_module}")
