"""Reading plain options without pydantic, which Typer would load for every option of every command.

A value that is one already, such as a default, or a text where a text or a path is wanted, needs no validation; anything
else is left to Typer. A cold `refundctl status` starts in two thirds of the time.
"""

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import typer.main
from typer._click.core import Command, Context, Parameter
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param
from typer.core import TyperGroup, _TyperParameter


class _Plain(RuntimeParam):
    """Takes what needs no validation as it is."""

    def _coerce_value(self, value: Any, param: _TyperParameter, ctx: Context) -> Any:
        wanted = set(_kinds(self.annotation))
        if isinstance(value, str) and str not in wanted and Path in wanted:
            return Path(value)
        if type(value) in wanted or (isinstance(value, Path) and Path in wanted):
            return value
        described = TypeDescriptor(self.annotation, self.parameter_info, None)
        return build_runtime_param(described)._coerce_value(value, param=param, ctx=ctx)


def command_of(app: typer.Typer) -> Command:
    """The application as one command that can be called, with its plain options made light.

    Built anew only where commands were registered since: a process that runs many need not wait each time.
    """
    registered = _registered(app)
    if registered not in _BUILT:
        _BUILT.clear()
        _BUILT[registered] = _built(app)
    return _BUILT[registered]


_BUILT: dict[int, Command] = {}


def _registered(app: typer.Typer) -> int:
    """How many commands there are, those of groups too."""
    groups = (group.typer_instance for group in app.registered_groups)
    return len(app.registered_commands) + sum(1 + _registered(group) for group in groups if group is not None)


def _built(app: typer.Typer) -> Command:
    command = typer.main.get_command(app)
    for parameter in _parameters(command):
        if isinstance(parameter, _TyperParameter) and not set(_kinds(parameter.type_descriptor.annotation)) - _LIGHT:
            described = parameter.type_descriptor
            parameter._runtime_param = _Plain(described.parameter_info, described.annotation)
    return command


_LIGHT = {str, bool, int, float, Path}


def _parameters(command: Command, above: Context | None = None) -> Iterator[Parameter]:
    # The option --help is made when a context asks for it, once.
    context = Context(command, parent=above, **command.context_settings)
    yield from command.get_params(context)
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
