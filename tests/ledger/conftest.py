"""A ledger with rows in every table, made once and copied for each test that damages it."""

from pathlib import Path

import pytest

from books import LEDGER, copy_to, make_full_books
from command_line import ThisProcess


@pytest.fixture(scope="session")
def books_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    return make_full_books(ThisProcess(folder), folder)


@pytest.fixture
def books(books_made_once: Path, tmp_path: Path) -> Path:
    """`refunds.db` in `tmp_path`: sound books with rows in every table."""
    return copy_to(books_made_once, tmp_path / LEDGER)
