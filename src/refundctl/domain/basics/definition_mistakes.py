"""Mistakes in a definition: where each stands, what is wrong, and what was probably meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple, Self
from unicodedata import normalize

if TYPE_CHECKING:
    from pydantic_core import ValidationError

#: The keys and list positions that lead to a value.
Place = tuple[str | int, ...]

SHOWN_LENGTH_MAX = 40

#: The type of pydantic's errors that `placed` makes.
PLACED = "placed"


class Mistake(NamedTuple):
    """One mistake: its place and a sentence; `at_key` where the last key itself is wrong, not its value."""

    place: Place
    sentence: str
    at_key: bool = False

    def below(self, key: str | int) -> Self:
        """The same mistake, seen from one level higher."""
        return self._replace(place=(key, *self.place))


class MistakesFound(ValueError):
    """A value that can't be taken, with every mistake in it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistake.sentence for mistake in self.mistakes))


def folded(text: str) -> str:
    """The form in which texts are compared: trimmed, without case, an accent as one sign with its letter."""
    return normalize("NFC", text.strip().casefold())


def shown(given: object) -> str:
    """A given value as a sentence may quote it: on one line, and not too long."""
    text = str(given)
    if len(text) > SHOWN_LENGTH_MAX:
        text = f"{text[: SHOWN_LENGTH_MAX - 3]}..."
    return f"`{on_one_line(text)}`"


def listed(texts: Sequence[str], at_most: int) -> str:
    """Given values as a sentence may list them, of many the first."""
    first = ", ".join(map(shown, texts[:at_most]))
    return first if len(texts) <= at_most else f"{first} and {len(texts) - at_most} more"


def on_one_line(text: str) -> str:
    """The text with every sign that can't be seen, a line end among them, written as its escape."""
    return text if text.isprintable() else "".join(map(_visible, text))


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant; None where none is near."""
    by_folded = {folded(choice): choice for choice in choices}
    near = get_close_matches(folded(word), by_folded, n=1)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`; did you mean ...?` with the nearest of the choices, or nothing where none is near."""
    near = nearest(word, choices)
    return "" if near is None else f"; did you mean `{near}`?"


def placed(mistakes: Iterable[Mistake]) -> "ValidationError":
    """The mistakes as pydantic's error, for a validator to raise: each keeps its own place below the field.

    Their context holds `sentence` and `at_key`.
    """
    from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

    return ValidationError.from_exception_data(
        PLACED,
        [
            InitErrorDetails(
                type=PydanticCustomError(
                    PLACED, "{sentence}", {"sentence": mistake.sentence, "at_key": mistake.at_key}
                ),
                loc=mistake.place,
                input=None,
            )
            for mistake in mistakes
        ],
    )


def _visible(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape").decode()
