"""Strict YAML as one of our models, or every mistake in it with its place.

A text is what it says, so that `NO` stays Norway: only where a key takes such do `1`, `true` and `null` mean more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, ClassVar, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from refundctl.domain.basics.definition_mistakes import PLACED, Place, did_you_mean, on_one_line, shown
from refundctl.domain.basics.errors import BadCampaigns, CampaignProblem
from refundctl.domain.campaigns.conditions import Condition
from refundctl.files.yaml.strict_yaml import Document, Entry, Items, Keys, Mark, Node, Text

#: Of a longer key, an error shows the beginning.
KEY_LENGTH_MAX = 63

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SWITCHES = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a value and its key stand (in a list, twice the same), and the field that it is for."""

    key: Mark
    value: Mark
    field: FieldInfo | None = None
    model: type[BaseModel] | None = None


class ModelReading(Generic[Model]):
    """One pass over a file: the spot of each value, and the first problem at each mark."""

    BEGINNING: ClassVar[str] = "its keys"  # how such a file begins, for one that is empty

    def __init__(self, path: str, model: type[Model]) -> None:
        self.path = path
        self.model = model
        self.spots: dict[Place, _Spot] = {}
        self.problems: dict[Mark, CampaignProblem] = {}

    def read(self, document: Document) -> Model | None:
        """The file as a model; None where there are problems."""
        for fault in document.faults:
            self._problem(fault.mark, fault.place, fault.sentence)
        if document.root is None:
            if not document.faults:
                self._problem(Mark(1, 1), (), f"is empty: begin with {self.BEGINNING}")
            return None
        self.spots[()] = _Spot(Mark(1, 1), document.root.mark, None, self.model)
        tree = self._value(document.root, self.model, ())
        self._check(tree)
        try:
            root = self.model.model_validate(tree)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                self._rejected(details)
            return None
        return None if self.problems else root

    def bad_campaigns(self) -> BadCampaigns:
        """The error that carries all problems in the order of the file."""
        problems = tuple(self.problems[mark] for mark in sorted(self.problems))
        first = problems[0].line
        if len(problems) == 1:
            message = f"{self.path} has 1 mistake, in line {first}: fix it and try again"
        else:
            number = f"{len(problems)} mistakes, the first in line {first}"
            message = f"{self.path} has {number}: fix them and try again"
        return BadCampaigns(message, problems)

    def _value(self, node: Node, annotation: object, place: Place) -> object:
        kinds = frozenset(_kinds(annotation))
        if isinstance(node, Text):
            return _meaning(node, kinds)
        if isinstance(node, Items):
            return self._items(node, kinds, place)
        model = _model(kinds)
        if model is not None:
            return self._fields(node, model, place)
        inner = _inner(kinds, Mapping)
        return {entry.key: self._entry(entry, inner, place) for entry in node.entries}

    def _items(self, node: Items, kinds: frozenset[object], place: Place) -> object:
        inner = _inner(kinds, tuple)
        model = _model(_kinds(inner))
        values: list[object] = []
        for at, item in enumerate(node.items):
            self.spots[(*place, at)] = _Spot(item.mark, item.mark, None, model)
            if isinstance(item, Text) and str in _kinds(inner):
                values.append(item.text)  # a NULL in a list of texts is one
            else:
                values.append(self._value(item, inner, (*place, at)))
        return tuple(values)

    def _fields(self, node: Keys, model: type[BaseModel], place: Place) -> dict[str, object]:
        known = {key: field for key, field in model.model_fields.items() if not field.exclude}
        values: dict[str, object] = {}
        for entry in node.entries:
            if entry.key in known:
                field = known[entry.key]
                values[entry.key] = self._entry(entry, field.annotation, place, field)
            else:
                sentence = _unknown_key(entry.key, known, getattr(model, "LATER", frozenset()))
                self._problem(entry.mark, (*place, entry.key), sentence)
        return self._completed(model, values, place)

    def _entry(self, entry: Entry, annotation: object, place: Place, field: FieldInfo | None = None) -> object:
        below = (*place, entry.key)
        self.spots[below] = _Spot(entry.mark, entry.value.mark, field, _model(_kinds(annotation)))
        return self._value(entry.value, annotation, below)

    def _completed(self, model: type[BaseModel], values: dict[str, object], place: Place) -> dict[str, object]:
        """The keys of a model with what they stand for: nothing more here."""
        return values

    def _check(self, tree: object) -> None:
        """What can only be seen of the file as a whole: nothing here."""

    def _rejected(self, details: ErrorDetails) -> None:
        """One error of pydantic's, at its place or, for a key that isn't there, at the key above it."""
        place, at_key = details["loc"], False
        if place[-1:] == ("[key]",):
            place, at_key = place[:-1], True
        at_key = at_key or bool(details.get("ctx", {}).get("at_key"))
        above = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in self.spots)
        spot = self.spots[above]
        mark = spot.key if at_key or above != place else spot.value
        if details["type"] == "missing":
            self._problem(mark, place, _missing(str(place[-1]), spot.model))
        else:
            self._problem(mark, above, _sentence(details, spot.field))

    def _problem(self, mark: Mark, place: Place, sentence: str) -> None:
        message, key = on_one_line(sentence), on_one_line(_key(place))
        self.problems.setdefault(mark, CampaignProblem(message, self.path, mark.line, mark.column, key))


_TAKEN = {
    "string_type": ("text", '""'),
    "int_type": ("a whole number", "null"),
    "bool_type": ("true or false", "false"),
    "date_type": ("a date", "null"),
    "tuple_type": ("a list", "[]"),
    "dict_type": ("keys with values", "{}"),
    "mapping_type": ("keys with values", "{}"),
    "model_type": ("keys with values", "{}"),
}


def _kinds(annotation: object) -> Iterator[object]:
    """The plain types that an annotation stands for: those of `int | None` are int and NoneType."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin is Literal:
        yield from map(type, get_args(annotation))
    elif origin in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _kinds(choice)
    else:
        yield annotation


def _choices(annotation: object) -> Iterator[object]:
    """What a Literal allows, also within `Literal[...] | None`."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _choices(part)


def _model(kinds: Iterable[object]) -> type[BaseModel] | None:
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _inner(kinds: Iterable[object], container: type) -> object:
    """What the values of a mapping or tuple are to be; a condition's are parts of it, whatever they are."""
    for kind in kinds:
        if kind is Condition:
            return Condition
        origin = get_origin(kind)
        if isinstance(origin, type) and issubclass(origin, container):
            return next(inner for inner in reversed(get_args(kind)) if inner is not Ellipsis)
    return None


def _meaning(node: Text, kinds: frozenset[object]) -> object:
    if not node.plain:
        return node.text
    if bool in kinds and node.text in _SWITCHES:
        return _SWITCHES[node.text]
    if int in kinds and _WHOLE_NUMBER.fullmatch(node.text):
        return int(node.text)
    return None if node.text in _NULLS else node.text


def _key(place: Place) -> str:
    """`campaigns.flight-refunds.no_expiry_in[0]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part[:KEY_LENGTH_MAX]}" for part in place)
    return "".join(parts).removeprefix(".") or "the file"


def _unknown_key(key: str, known: Iterable[str], later: frozenset[str]) -> str:
    if key in later:
        return "is not available in this version: remove it"
    advice = did_you_mean(key, known) or f"; there are {', '.join(known)}"
    return f"there is no such key here{advice}"


def _missing(key: str, model: type[BaseModel] | None) -> str:
    examples = model.model_fields[key].examples if model is not None else None
    return f"is missing: write it, such as `{key}: {(examples or ['...'])[0]}`"


def _sentence(details: ErrorDetails, field: FieldInfo | None) -> str:
    context = details.get("ctx", {})
    if details["type"] == PLACED:
        return str(context["sentence"])
    if details["type"] == "value_error":
        return str(context["error"])
    if details["type"] == "literal_error":
        return _not_among(details["input"], field)
    return _wrong_type(details, field)


def _not_among(given: object, field: FieldInfo | None) -> str:
    allowed = [str(choice) for choice in _choices(field.annotation)] if field is not None else []
    if given in allowed:
        return _in_quotes(given)
    advice = did_you_mean(str(given), allowed) or f": write {' or '.join(allowed)}"
    return f"{_given(given)} is not allowed here{advice}"


def _wrong_type(details: ErrorDetails, field: FieldInfo | None) -> str:
    if _would_do_without_quotes(details):
        return _in_quotes(details["input"])
    taken, nothing = _TAKEN.get(details["type"], ("something else", "null"))
    example = f" such as {field.examples[0]}" if field is not None and field.examples else ""
    advice = f": write {nothing} for nothing" if details["input"] is None else ""
    return f"takes {taken}{example}, not {_given(details['input'])}{advice}"


def _would_do_without_quotes(details: ErrorDetails) -> bool:
    text = details["input"] if isinstance(details["input"], str) else ""
    number = details["type"] == "int_type" and _WHOLE_NUMBER.fullmatch(text) is not None
    return number or (details["type"] == "bool_type" and text in _SWITCHES)


def _in_quotes(given: object) -> str:
    return f"{_given(given)} is a text in quotes: write it without them"


def _given(given: object) -> str:
    if given is None:
        return "null"
    if isinstance(given, Mapping):
        return "keys with values"
    return "a list" if isinstance(given, tuple) else shown(given)
