"""Which rows of a file are wanted, as `only` and `skip` of a source say it by the texts of some columns."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from refundctl.domain.basics.definition_mistakes import folded
from refundctl.domain.bookings.booking_cells import WHITESPACE

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source


class AnyCase:
    """The texts that a cell may have to be taken, trimmed and without case: `text in AnyCase(...)`.

    Where a blank is among them, so are those of `blanks`, which count as one.
    """

    def __init__(self, texts: Iterable[str], blanks: Iterable[str] = ()) -> None:
        self._folded = frozenset(map(folded, texts))
        self._blanks = frozenset(blanks) if "" in self._folded else frozenset()

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        text = text.strip(WHITESPACE)
        return text in self._blanks or folded(text) in self._folded


class NoneOf(AnyCase):
    """The texts that a cell may not have."""

    def __contains__(self, text: object) -> bool:
        return not super().__contains__(text)


class AllOf:
    """The texts that each of several tests takes."""

    def __init__(self, tests: Sequence[Container[str]]) -> None:
        self._tests = tests

    def __contains__(self, text: object) -> bool:
        return all(text in test for test in self._tests)


def wanted_texts(source: "Source", positions: Mapping[str, int]) -> dict[int, Container[str]]:
    """For each column that `only` or `skip` names, what its cells may be; positions count from 0."""
    tests: dict[int, list[Container[str]]] = {}
    for name, texts in source.only.items():
        tests.setdefault(positions[name], []).append(AnyCase(texts, source.null_values))
    for name, texts in source.skip.items():
        tests.setdefault(positions[name], []).append(NoneOf(texts, source.null_values))
    return {position: found[0] if len(found) == 1 else AllOf(found) for position, found in tests.items()}
