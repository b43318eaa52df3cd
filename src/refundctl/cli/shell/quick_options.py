"""Reading plain options without pydantic, which Typer would load for every option of every command.

A default, or a text where a text or a path is wanted, needs no validation; all else is left to Typer. A cold `refundctl
status` starts in two thirds of the time. This works inside Typer, and so its version is capped.
"""

import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

_LIGHT = {str, bool, int, float, Path}


@dataclass(frozen=True, slots=True)
class _QuickReader:
    """Stands where Typer has what reads a parameter's value: takes what needs no validation as it is."""

    wanted: set[Any]
    typers_own: Callable[[], Any]

    def __call__(self) -> "_QuickReader":
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value to be given to the command."""
        if isinstance(value, str) and str not in self.wanted and Path in self.wanted:
            return Path(value)
        if value is None or type(value) in self.wanted or (isinstance(value, Path) and Path in self.wanted):
            return value
        return self.typers_own().coerce(value, param=param, ctx=ctx)


def command_of(app: typer.Typer) -> TyperGroup:
    """The application as one command that can be called, with its plain options made light.

    Built anew only where commands were registered since: a process that runs many need not wait each time.
    """
    registered = _registered(app)
    if registered not in _BUILT:
        _BUILT.clear()
        _BUILT[registered] = _built(app)
    return _BUILT[registered]


_BUILT: dict[int, TyperGroup] = {}


def _registered(app: typer.Typer) -> int:
    """How many commands there are, those of groups too."""
    groups = (group.typer_instance for group in app.registered_groups)
    return len(app.registered_commands) + sum(1 + _registered(group) for group in groups if group is not None)


def _built(app: typer.Typer) -> TyperGroup:
    command = cast("TyperGroup", get_command(app))
    for parameter in _parameters(command):
        wanted = set(_kinds(parameter.type_descriptor.annotation))
        if not wanted - _LIGHT:
            quick = _QuickReader(wanted, parameter.get_runtime_param)
            parameter.get_runtime_param = quick  # type: ignore[method-assign, assignment]
    return command


def _parameters(command: Any, above: typer.Context | None = None) -> Iterator[TyperArgument | TyperOption]:
    # The option --help is made when a context asks for it, once.
    context = typer.Context(command, parent=above, **command.context_settings)
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperArgument | TyperOption):
            yield parameter
    if isinstance(command, TyperGroup):
        for below in command.commands.values():
            yield from _parameters(below, context)


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, None left out."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        for choice in typing.get_args(annotation):
            if choice is not type(None):
                yield choice
    else:
        yield annotation
