"""A backup is a whole copy for one pair of eyes, under a digest that is its own; or nothing is left of it."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refundctl.domain.basics.errors import WriteFailed
from refundctl.files.safe_write import FileExists
from refundctl.operations.books.backup import back_up
from support.desks.clerk_desk import ClerkDesk


def test_the_copy_is_the_ledger_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    desk, target = ClerkDesk(), tmp_path / "copy.db"
    file = back_up(desk.ledger, target, force=False)
    assert (file.path, file.rows, file.output) == (str(target), 1, True)
    assert file.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert target.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(target)) as copy:
        for table in ("transactions", "cards", "customers"):
            assert copy.execute(f"SELECT * FROM {table}").fetchall() == desk.read(f"SELECT * FROM {table}")


def test_a_file_that_is_there_is_left_alone_unless_it_may_go(tmp_path: Path) -> None:
    desk, target = ClerkDesk(), tmp_path / "copy.db"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExists):
        back_up(desk.ledger, target, force=False)
    assert target.read_text(encoding="utf-8") == "mine"
    back_up(desk.ledger, target, force=True)
    assert target.read_bytes().startswith(b"SQLite format 3")
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_put_in_its_place_leaves_nothing(tmp_path: Path) -> None:
    desk = ClerkDesk()
    (tmp_path / "copy.db").mkdir()
    with pytest.raises((WriteFailed, FileExists)):
        back_up(desk.ledger, tmp_path / "copy.db", force=True)
    with pytest.raises(WriteFailed):
        back_up(desk.ledger, tmp_path / "missing" / "copy.db", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]
