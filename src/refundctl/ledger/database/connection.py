"""Opening the ledger file, and the one way in which it is written.

Journal mode DELETE with synchronous EXTRA: a commit that was acknowledged survives a power cut. Every write is one
transaction begun with BEGIN IMMEDIATE, so that what a decision rests on can't change under it.
"""

import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from refundctl.domain.basics.errors import BadInput, Busy, Interrupted, RefundctlError, UsageError, WriteFailed
from refundctl.ledger.database import schema
from refundctl.ledger.database.schema import LedgerForeign

CACHE_KIBIBYTES = 96 * 1024
TEMPORARY_CACHE_KIBIBYTES = 32 * 1024
TICK_EVERY_STEPS = 1_000_000  # of SQLite's virtual machine: some ten milliseconds
POLL_SECONDS = 0.02  # between looks whether another process has finished writing
OLDEST_SQLITE = (3, 38, 0)


class LedgerDamaged(BadInput, code="ledger_damaged"):
    """SQLite itself can't read the file."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The one moment that a command works at; `rehearsal` where REFUNDCTL_NOW set it."""

    now: datetime
    rehearsal: bool

    @property
    def stamp(self) -> str:
        """RFC 3339 in UTC, whole seconds."""
        return f"{self.now.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


@dataclass(slots=True)
class Writing:
    """A write transaction; where `keep` is taken away, it is rolled back at its end: a dry run, or nothing to keep."""

    keep: bool = True


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger. `connection` is in autocommit; only `writing` begins a transaction."""

    path: Path
    connection: sqlite3.Connection
    clock: Clock
    inode: int | None
    made: bool = False
    wait_seconds: float = 0.0
    # The schema that was compared last over this connection: the next write needs not compare it again.
    compared: list[int] = field(default_factory=list)

    @contextmanager
    def writing(self, *, bulk: bool = False) -> Iterator["Writing"]:
        """Hold the write lock for the block; commit at its end unless the block says not to keep anything.

        `bulk` leaves the references of rows unchecked, which is a sixth of the time of a million rows: for statements
        that take every parent from a join or from rows that they have just made. `verify` checks them all.
        Makes the tables where the file is new. Raises Busy when another process keeps the lock for longer than the
        connection waits; LedgerDamaged, and what schema.ensure() raises, where the file is not what it should be; and
        UsageError where the clock says a moment before the last run.
        """
        with translated(self.path):
            self.connection.execute(f"PRAGMA foreign_keys = {'OFF' if bulk else 'ON'}")
            self._begin()
            try:
                self._check_place()
                checked = self.compared[-1] if self.compared else None
                stamp, rehearsal = self.clock.stamp, self.clock.rehearsal
                compared = schema.ensure(self.connection, self.path, stamp, rehearsal=rehearsal, checked=checked)
                self._check_clock()
                writing = Writing()
                yield writing
                self.connection.execute("COMMIT" if writing.keep else "ROLLBACK")
                if writing.keep:  # else the tables may have been made and are gone again
                    self.compared[:] = [compared]
            except BaseException:
                # SQLite has already rolled back after a full disk: a second ROLLBACK would hide the first error.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def _begin(self) -> None:
        # Waiting here and not in SQLite, where Ctrl-C would not be heard until the wait is over.
        deadline = time.monotonic() + self.wait_seconds
        self.connection.execute("PRAGMA busy_timeout = 0")
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() >= deadline:
                    raise
                time.sleep(POLL_SECONDS)
        self.connection.execute(f"PRAGMA busy_timeout = {int(self.wait_seconds * 1000)}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One consistent view for the block; the schema is checked for being ours, not for being whole."""
        with translated(self.path):
            schema.check_identity(self.connection, self.path)
            self._check_clock()
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Work on temporary tables, or read facts that never change bit by bit, without keeping anyone from writing.

        A full disk is reported as for the ledger itself.
        """
        with translated(self.path):
            try:
                yield
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def copy_to(self, target: Path) -> None:
        """Copy the whole ledger to `target` in one step, consistent while others write."""
        with translated(self.path):
            copy = sqlite3.connect(target, isolation_level=None)
            try:
                copy.execute("PRAGMA synchronous = OFF")
                self.connection.backup(copy)
            finally:
                copy.close()

    @contextmanager
    def private_copy(self, *, to_try: bool = False) -> Iterator["Ledger"]:
        """A copy to read much from, or `to_try` things on, so that no writer waits. It is gone after the block."""
        with self.reading():
            pass
        with tempfile.TemporaryDirectory(prefix="refundctl-") as folder, translated(self.path):
            path = Path(folder) / "copy.db"
            connection = _connect(path, 0.0)
            with closing_ledger(Ledger(path, connection, self.clock, None)) as copy:
                connection.execute("PRAGMA journal_mode = OFF")
                # Nameless before anything is in it: it holds codes, and must not stay behind when this is killed.
                path.unlink()
                self.connection.backup(connection)
                if to_try:  # codes are drawn under a savepoint, which needs a journal
                    connection.execute("PRAGMA journal_mode = MEMORY")
                    connection.execute("PRAGMA synchronous = OFF")
                yield copy

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed to the file."""
        with translated(self.path):
            return schema.is_new(self.connection)

    def close(self) -> None:
        """Close the file; where nothing was ever committed to a file made by this command, take it away again."""
        if self.made:
            self._remove_if_empty()
        self.connection.close()

    def _remove_if_empty(self) -> None:
        # Under the write lock: another process may just be about to fill the file.
        with suppress(sqlite3.Error, OSError):
            self.connection.execute("BEGIN IMMEDIATE")
            if self.path.stat().st_size == 0:
                self.path.unlink()
            self.connection.execute("ROLLBACK")

    def _check_place(self) -> None:
        if self.inode is None:
            return
        try:
            here = self.path.stat().st_ino
        except FileNotFoundError:
            here = 0
        if here != self.inode:
            raise Busy(f"{self.path} was replaced while this command waited for it: run it again.")

    def _check_clock(self) -> None:
        if self.clock.rehearsal and schema.clock_of(self.connection) == "system":
            raise UsageError(
                f"REFUNDCTL_NOW is set, but {self.path} was not made under it: "
                "unset it, or rehearse on a ledger of its own.",
                code="clock_refused",
            )


@contextmanager
def closing_ledger(ledger: Ledger) -> Iterator[Ledger]:
    """Close `ledger` after the block."""
    try:
        yield ledger
    finally:
        ledger.close()


def open_ledger(path: Path, clock: Clock, *, wait_seconds: float, mode: int = 0o600) -> Ledger:
    """Open the ledger at `path`, an empty file of `mode` being made where there is none.

    Raises WriteFailed where the file can't be made, LedgerForeign where it is a folder or no regular file.
    """
    made = _make(path, mode)
    with translated(path):
        connection = _connect(path, wait_seconds)
    return Ledger(path, connection, clock, path.stat().st_ino, made, wait_seconds)


def open_existing(path: Path, clock: Clock, *, wait_seconds: float) -> Ledger | None:
    """Open the ledger at `path` for reading, or give None where there is none (or an empty file)."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WriteFailed(f"{path} can't be opened: {error.strerror}.") from error
    if stat.S_ISREG(found.st_mode) and found.st_size == 0:
        return None
    _check_regular(path, found.st_mode)
    with translated(path):
        connection = _connect(path, wait_seconds)
    return Ledger(path, connection, clock, found.st_ino, wait_seconds=wait_seconds)


def in_memory(path: Path, clock: Clock) -> Ledger:
    """A ledger that is kept nowhere: for a dry run where there is no file at `path` yet."""
    return Ledger(path, _connect(":memory:", 0.0), clock, None)


def _make(path: Path, mode: int) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    except FileExistsError:
        _check_regular(path, path.stat().st_mode)
        return False
    except OSError as error:
        raise WriteFailed(
            f"{path} can't be made: {error.strerror}. Name a folder you may write to with --ledger."
        ) from error
    os.fchmod(descriptor, mode)
    os.close(descriptor)
    return True


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise LedgerForeign(f"{path} is no file: name the ledger's file with --ledger.")


def _connect(path: Path | str, wait_seconds: float) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise RefundctlError(
            f"SQLite {sqlite3.sqlite_version} is too old: refundctl needs "
            f"{'.'.join(map(str, OLDEST_SQLITE))} or later; use a newer Python."
        )
    connection = sqlite3.connect(path, timeout=wait_seconds, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute("PRAGMA synchronous = EXTRA")
    # Otherwise what moves within a page leaves a copy behind, and an erased person would still stand in the file.
    connection.execute("PRAGMA main.secure_delete = ON")
    connection.execute("PRAGMA temp_store = FILE")
    # Temporary tables are nameless files and gone with the process: overwriting a million rows only takes time.
    connection.execute("PRAGMA temp.secure_delete = OFF")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
    connection.execute(f"PRAGMA temp.cache_size = -{TEMPORARY_CACHE_KIBIBYTES}")
    # Python runs its signal handlers only between its own steps: without this, Ctrl-C would wait for a long statement.
    connection.set_progress_handler(lambda: 0, TICK_EVERY_STEPS)
    return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into ours: 75 busy, 74 can't write, 65 can't be read."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise LedgerDamaged(f"{path} is damaged (a text is no text): go back to the last backup.") from error
    except sqlite3.Error as error:
        known = _translation(error, path)
        if known is None:
            raise
        raise known from error


def _translation(error: sqlite3.Error, path: Path) -> RefundctlError | None:
    name = getattr(error, "sqlite_errorname", "") or ""
    if str(error) == "integer overflow":
        return BadInput(
            "The amounts add up to more than can be counted: load fewer, or look for a wrong one.", code="overflow"
        )
    if name.startswith("SQLITE_INTERRUPT"):
        return Interrupted("Interrupted: nothing half-done is left; run the same command again to finish.")
    for prefix, kind, code, words in _TRANSLATIONS:
        if name.startswith(f"SQLITE_{prefix}"):
            return kind(f"{path} {words.format(error=error)}", code=code)
    return None


#: By the beginning of SQLite's own name for it: what it is to us, its code where that is not the class's, and words.
_TRANSLATIONS: tuple[tuple[str, type[RefundctlError], str | None, str], ...] = (
    ("BUSY", Busy, None, "is being written by another process: try again, or wait longer with --wait SECONDS."),
    ("LOCKED", Busy, None, "is being written by another process: try again."),
    ("READONLY", WriteFailed, "read_only", "is read-only: give it or its folder back the right to be written to."),
    ("CANTOPEN", WriteFailed, None, "can't be opened: check that its folder exists and may be written to."),
    ("NOTADB", LedgerForeign, None, "is no refundctl ledger (no SQLite file): name another with --ledger."),
    ("CORRUPT", LedgerDamaged, None, "is damaged ({error}): go back to the last backup."),
    (
        "FULL",
        WriteFailed,
        "disk_full",
        "can't be written: the disk is full. Nothing half-done is left; make room and run the same command again.",
    ),
    (
        "IOERR",
        WriteFailed,
        None,
        "can't be read or written: the disk reported an error ({error}). Nothing half-done is left.",
    ),
)
