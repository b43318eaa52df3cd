"""Folders with an empty ledger, for tests that need a new one for each of many examples."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from support.books import BEFORE_RELEASE, LEDGER, copy_to
from support.command_line import ThisProcess

Desk = TypeVar("Desk")


def empty_desks(folder: Path, make: Callable[[Path], Desk]) -> Callable[[], AbstractContextManager[Desk]]:
    """`with new_desk() as desk:` a desk of its own, cheaply: the empty ledger is made once, in `folder`."""
    ThisProcess(folder)("init", now=BEFORE_RELEASE).ok()

    @contextmanager
    def desk() -> Iterator[Desk]:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            copy_to(folder / LEDGER, Path(place) / LEDGER)
            yield make(Path(place))

    return desk
