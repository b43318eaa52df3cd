"""What is packed with gzip or as ZIP, piece by piece, with an end to how much may come out of it.

What an archive says about its own sizes is not believed: bytes are counted as they come out.
"""

import errno
import gzip
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from refundctl.domain.basics.errors import BadInput, InputMissing
from refundctl.files.safe_write import failures

PIECE_BYTES = 1 << 20

#: A hundred million bookings, or a sheet with every row that a spreadsheet can have, stay below it.
UNPACKED_BYTES_MAX = 16 << 30
#: Deflate can make 1,032 bytes out of one. Of real files it makes 4 to 12, of a table with seventy blank columns 36,
#: and 180 where each row repeats an address twenty times. Small files are let off: they can't do any harm.
RATIO_MAX = 300
RATIO_COUNTS_FROM_BYTES = 100 << 20

#: Names that a message lists.
LISTED_MAX = 3

_ENCRYPTED = 0x1  # APPNOTE.TXT 4.4.4, general purpose bit flag 0
#: What operating systems put into an archive by themselves.
_BY_THE_SYSTEM = re.compile(r"(?i)(?:^|/)(?:__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz"}


class Unpacking:
    """The bytes that have come out of one packed file, which messages call `name`."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self._packed_bytes = os.fstat(stream.fileno()).st_size
        self._unpacked_bytes = 0

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces.

        Raises BadInput where they become too many or the archive is damaged, and InputMissing where it can't be read.
        """
        try:
            for piece in pieces:
                self._unpacked_bytes += len(piece)
                self._refuse_too_much()
                yield piece
        except (EOFError, zlib.error, BadZipFile, gzip.BadGzipFile) as error:
            raise corrupt(self.name) from error
        except OSError as error:
            if error.errno in {None, errno.EINVAL}:  # led to a place outside of the file
                raise corrupt(self.name) from error
            message = f"{self.name} can't be read: {error.strerror or error}. Try again, or copy it first."
            raise InputMissing(message, path=self.name) from error

    def _refuse_too_much(self) -> None:
        allowed = min(UNPACKED_BYTES_MAX, max(RATIO_COUNTS_FROM_BYTES, RATIO_MAX * self._packed_bytes))
        if self._unpacked_bytes > allowed:
            message = (
                f"{self.name} unpacks to more than {max(1, allowed >> 20):,} MiB, which no file of bookings of its "
                "size does: find out where it comes from; if it is right, unpack it, and name what comes out."
            )
            raise BadInput(message, code="archive_too_large", path=self.name)


def corrupt(name: str) -> BadInput:
    """The refusal of an archive that is cut off or damaged."""
    message = f"{name} is an archive that is damaged or not complete: copy or download it again."
    return BadInput(message, code="archive_corrupt", path=name)


def gzip_pieces(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """What a gzip file holds, all its members together (RFC 1952, 2.2).

    Raises BadInput where it is damaged or unpacks to too much.
    """
    with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
        yield from Unpacking(stream, name).counted(iter(lambda: unpacked.read(PIECE_BYTES), b""))


class ZipArchive:
    """A ZIP archive, whose entries count together for how much may come out of it."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Raises BadInput where it is damaged."""
        self.name = name
        self._unpacking = Unpacking(stream, name)
        try:
            self._zip = ZipFile(stream)
        except (BadZipFile, ValueError, NotImplementedError) as error:
            # Of a damaged directory, the library says that it has an unknown version, or a name that is no text.
            raise corrupt(name) from error

    def entries(self) -> Sequence[ZipInfo]:
        """The files in it, without what operating systems add by themselves."""
        return [
            entry for entry in self._zip.infolist() if not entry.is_dir() and not _BY_THE_SYSTEM.search(entry.filename)
        ]

    def pieces(self, entry: ZipInfo) -> Iterator[bytes]:
        """What one entry holds. Raises BadInput where it is encrypted, damaged, or unpacks to too much."""
        self._refuse_unreadable(entry)
        return self._unpacking.counted(self._read(entry))

    def _read(self, entry: ZipInfo) -> Iterator[bytes]:
        try:
            stream = self._zip.open(entry)
        except (ValueError, NotImplementedError) as error:
            raise corrupt(self.name) from error
        with stream:
            yield from iter(lambda: stream.read(PIECE_BYTES), b"")

    def _refuse_unreadable(self, entry: ZipInfo) -> None:
        if entry.flag_bits & _ENCRYPTED:
            message = f"{self.name} is protected by a password: unpack it with the password, and name what comes out."
            raise BadInput(message, code="archive_encrypted", path=self.name)
        if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            method = _METHODS.get(entry.compress_type, f"method {entry.compress_type}")
            message = f"{self.name} is packed by {method}, which isn't read: unpack it, and name what comes out."
            raise BadInput(message, code="archive_unsupported", path=self.name)


@contextmanager
def temporary_file() -> Iterator[BinaryIO]:
    """A private file without a name, to be written inside; behind it, it is open at its start, for the caller to close.

    Where the block raises, it is gone. Raises WriteFailed where the disk refuses.
    """
    with failures(Path(tempfile.gettempdir())):
        spool = tempfile.TemporaryFile(prefix="refundctl-")  # noqa: SIM115 - the caller closes it
        try:
            yield spool
            spool.seek(0)  # which writes what is still waiting
        except BaseException:
            with suppress(OSError):
                spool.close()
            raise
