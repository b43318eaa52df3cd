"""Writing files that are there whole or not at all: a temporary file beside the target, fsync, rename.

Files that may carry codes or people are 0600, new folders 0700, and nothing is written through a symbolic link.
"""

import fcntl
import hashlib
import io
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from refundctl.domain.basics.errors import Busy, UsageError, WriteFailed

STDOUT = "-"
POLL_SECONDS = 0.05  # between looks whether another process has finished


class FileExists(UsageError, code="file_exists"):
    """A file is in the way that this command didn't write."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is in place: its SHA-256 in hexadecimal."""

    path: Path
    sha256: str


class HashingFile(io.RawIOBase):
    """A binary file that digests what passes through it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        """It can only be written to."""
        return True

    def write(self, content: Any) -> int:
        """Write and digest `content`."""
        self._digest.update(content)
        return self._stream.write(content)

    @property
    def sha256(self) -> str:
        """Of all that was written so far, in hexadecimal."""
        return self._digest.hexdigest()


class Other(Enum):
    """What becomes of a file with other content that is in the way."""

    KEEP = "keep"  # under another name
    REFUSE = "refuse"


@contextmanager
def replacing(path: Path, *, other: Other | None = None) -> Iterator[HashingFile]:
    """Write `path` atomically as 0600; an exception inside leaves the old file, or none, as it was.

    Where `other` is given, a file with the same content is left alone, and one with other content kept or refused.
    Raises WriteFailed where the disk or the folder refuses.
    """
    refuse_links(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    with failures(path):
        descriptor = _open_nameless(path.parent)
        named = descriptor is None
        if descriptor is None:
            descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with open(descriptor, "wb", buffering=1 << 20) as stream:  # noqa: PTH123 - it may have no path
                out = HashingFile(stream)
                yield out
                stream.flush()
                if other is not None and path.exists():
                    if has_digest(path, out.sha256):
                        return
                    _make_room(path, other)
                os.fsync(stream.fileno())
                if named:
                    temporary.replace(path)
                else:
                    _put_in_place(stream.fileno(), path, temporary)
                sync_folder(path.parent)
        finally:
            with suppress(OSError):
                temporary.unlink()


def _make_room(path: Path, other: Other) -> None:
    if other is Other.REFUSE:
        raise FileExists(f"{path} belongs to an earlier hand-over, and says something else: name a new folder.")
    path.rename(free_name(path))


def free_name(path: Path) -> Path:
    """`path`, or where that is taken the first free one with a number."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
    return path if not path.exists() else next(name for name in numbered if not name.exists())


def _open_nameless(folder: Path) -> int | None:
    """A file without a name, where the system has such: killed in the middle, a process leaves nothing behind."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").exists():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _named(descriptor: int, path: Path) -> bool:
    """Give a nameless file its name; tell whether the name was free."""
    # Only with a folder's descriptor does Python call linkat(), which can follow /proc's link to the nameless file.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        return False
    finally:
        os.close(folder)
    return True


def _put_in_place(descriptor: int, path: Path, temporary: Path) -> None:
    """Give a nameless file the name of `path`, in place of what has it."""
    if not _named(descriptor, path):
        _named(descriptor, temporary)
        temporary.replace(path)


def remove_parts(path: Path) -> None:
    """Take away what a command that was killed while it replaced `path` has left beside it."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):
            part.unlink()


def has_digest(path: Path, sha256: str) -> bool:
    """Whether `path` is there with just this content (SHA-256 in hexadecimal)."""
    if not path.exists():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def write_whole(path: Path, content: bytes) -> Written:
    """Write a small file atomically as 0600."""
    with replacing(path) as stream:
        stream.write(content)
    return Written(path, stream.sha256)


@contextmanager
def writing_to(target: str) -> Iterator[HashingFile]:
    """Write to the file named, atomically, or to stdout where it is `-`."""
    if target != STDOUT:
        with replacing(Path(target)) as stream:
            yield stream
        return
    with failures(Path("stdout")):
        yield HashingFile(sys.stdout.buffer)
        sys.stdout.buffer.flush()


def refuse_links(path: Path) -> None:
    """Raise FileExists where `path` is a symbolic link, a folder, a device or a pipe."""
    if path.is_symlink():
        raise FileExists(f"{path} is a symbolic link: name a file of its own, so that nothing else is overwritten.")
    if path.is_dir():
        raise FileExists(f"{path} is a folder: name a file.")
    if path.exists() and not path.is_file():
        raise FileExists(f"{path} is no file but a device or a pipe: name a file, or - for stdout.")


def refuse_existing(path: Path, *, force: bool, own: bytes | None = None) -> None:
    """Raise FileExists where `path` is there already and `force` was not given, unless it begins with `own`."""
    refuse_links(path)
    if not path.exists() or force:
        return
    if own is not None:
        with failures(path), path.open("rb") as stream:
            if stream.read(len(own)) == own:
                return
    raise FileExists(f"{path} is there already: name another file, or overwrite it with --force.")


def make_folder(path: Path) -> None:
    """Make `path` (0700) and the folders above it; raises WriteFailed where that can't be done."""
    with failures(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")


@contextmanager
def locked_folder(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Be the only command that writes to `folder`, which must be there. Raises Busy where another goes on writing."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Busy(f"{folder} is being written to by another process: try again.") from None
                time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make renames in `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def failures(path: Path) -> Iterator[None]:
    """Turn the system's errors about `path` into WriteFailed."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteFailed(
            f"{path} can't be written: {error.strerror or error}. Make room or name another place."
        ) from error
