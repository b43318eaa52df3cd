"""Texts kept in tests/golden: what a person reads on the screen or in a file, compared letter by letter."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.repository import GOLDEN_FOLDER


@dataclass(frozen=True, slots=True)
class Golden:
    """`golden(name, text)` fails with a diff unless tests/golden/NAME.txt says exactly `text`."""

    update: bool
    folder: Path = GOLDEN_FOLDER

    def __call__(self, name: str, text: str) -> None:
        path = self.folder / f"{name}.txt"
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        kept = path.read_bytes().decode() if path.exists() else ""
        if kept != text or not path.exists():
            pytest.fail(_difference(path, kept, text), pytrace=False)


def _difference(path: Path, kept: str, text: str) -> str:
    diff = difflib.unified_diff(
        kept.splitlines(), text.splitlines(), f"{path.name} (kept)", f"{path.name} (now)", lineterm=""
    )
    # Line ends and a missing last one don't show in a diff by line.
    shown = list(diff) or [f"- {kept[-40:]!r}", f"+ {text[-40:]!r}"]
    advice = "If the new text is right, keep it: pytest --update-golden, then read `git diff tests/golden`."
    return "\n".join([*shown, "", advice])
