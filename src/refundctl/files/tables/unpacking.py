"""Files of bookings as they come: plain, packed with gzip, in a ZIP archive, or as a workbook (xlsx).

What a file is, its first bytes say, never its name.
"""

import hashlib
import re
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, Literal
from zipfile import ZipInfo

from refundctl.domain.basics.definition_mistakes import listed
from refundctl.domain.basics.errors import BadInput
from refundctl.files.tables.archives import LISTED_MAX, PIECE_BYTES, ZipArchive, gzip_pieces, temporary_file
from refundctl.files.tables.spreadsheet import Notation, kind_of, write_csv

Packed = Literal["gzip", "zip", "xlsx"]

#: RFC 1952, 2.3.1; APPNOTE.TXT 4.3.7, 4.3.16 (an empty archive) and 8.5.3; [MS-CFB] 2.2.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
)
#: Ways of packing that are not read.
_OTHER_ARCHIVES = (
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "Zstandard"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "7-Zip"),
    (re.compile(rb"Rar!\x1a\x07"), "RAR"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "bzip2"),
    (re.compile(rb"(?s).{257}ustar(?:\x00|  \x00)"), "tar"),
)
_START_BYTES = 512
#: [MS-OFFCRYPTO] 2.3.4.4: the stream in which a protected workbook lies.
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file's CSV: `stream` is a real file, at its start.

    `packed` is what the CSV was taken out of, the innermost where a workbook lies in an archive, and `sha256` the
    hexadecimal digest of the file as it was given; both None where the file was plain: then `stream` is itself.
    """

    stream: BinaryIO
    sha256: str | None = None
    packed: Packed | None = None


def unpack(
    stream: BinaryIO, name: str, *, decimal: str = ".", date_format: str | None = None, delimiter: str = ","
) -> Unpacked:
    """The CSV in a file of bookings, which messages call `name`; the caller closes both streams.

    `stream` is a real file at its start. A workbook's numbers are written with the `decimal` sign and no thousands,
    its days as YYYY-MM-DD, or by `date_format` where that begins with %Y. Raises BadInput where the file can't be
    taken, InputMissing where it can't be read, and WriteFailed where there is no room for what comes out.
    """
    kind = _kind(stream, name)
    if kind is None:
        return Unpacked(stream)
    digest = _digest(stream)
    notation = Notation(decimal, date_format, delimiter)
    inside, packed = _taken_out(stream, name, kind, notation)
    if packed == "xlsx":
        return Unpacked(inside, digest, packed)
    with ExitStack() as opened:
        opened.enter_context(inside)
        kind = _kind(inside, name)
        if kind is None:
            opened.pop_all()
            return Unpacked(inside, digest, packed)
        return Unpacked(_nested_sheet(inside, name, kind, notation), digest, "xlsx")


def _digest(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(PIECE_BYTES):
        digest.update(piece)
    stream.seek(0)
    return digest.hexdigest()


def _kind(stream: BinaryIO, name: str) -> str | None:
    """`gzip` or `zip`; None where the file is neither. Raises BadInput where it is packed in another way."""
    start = stream.read(_START_BYTES)
    stream.seek(0)
    for pattern, archiver in _OTHER_ARCHIVES:
        if pattern.match(start):
            message = f"{name} is packed with {archiver}, which isn't read: unpack it, and name what comes out."
            raise BadInput(message, code="archive_unsupported", path=name)
    kind = next((kind for mark, kind in _MARKS if start.startswith(mark)), None)
    if kind == "ole":
        raise _old_or_encrypted(stream, name)
    return kind


def _taken_out(stream: BinaryIO, name: str, kind: str, notation: Notation) -> tuple[BinaryIO, Packed]:
    if kind == "gzip":
        return _spooled(gzip_pieces(stream, name)), "gzip"
    archive = ZipArchive(stream, name)
    if _is_workbook(archive):
        return _sheet_of(archive, notation), "xlsx"
    return _spooled(archive.pieces(_only_entry(archive))), "zip"


def _nested_sheet(stream: BinaryIO, name: str, kind: str, notation: Notation) -> BinaryIO:
    """Of a workbook that was in an archive, as mail programs and portals pack it; an archive in one is refused."""
    archive = ZipArchive(stream, name) if kind == "zip" else None
    if archive is None or not _is_workbook(archive):
        message = f"{name} is packed twice: unpack it once, and name what comes out."
        raise BadInput(message, code="archive_nested", path=name)
    return _sheet_of(archive, notation)


def _spooled(pieces: Iterable[bytes]) -> BinaryIO:
    with temporary_file() as spool:
        for piece in pieces:
            spool.write(piece)
    return spool


def _sheet_of(archive: ZipArchive, notation: Notation) -> BinaryIO:
    with temporary_file() as spool:
        write_csv(archive, spool, notation)
    return spool


def _only_entry(archive: ZipArchive) -> ZipInfo:
    entries = archive.entries()
    if not entries:
        message = f"{archive.name} is an archive without a file in it: pack it again."
        raise BadInput(message, code="archive_empty", path=archive.name)
    if len(entries) > 1:
        names = listed([entry.filename for entry in entries], LISTED_MAX)
        message = f"{archive.name} is an archive of {len(entries)} files ({names}): unpack it, and name those to load."
        raise BadInput(message, code="archive_several_files", path=archive.name)
    return entries[0]


def _is_workbook(archive: ZipArchive) -> bool:
    kind = kind_of(archive)
    if kind not in {None, "xlsx"}:
        raise _other_spreadsheet(archive.name, f"a spreadsheet in the form {kind}")
    return kind == "xlsx"


def _old_or_encrypted(stream: BinaryIO, name: str) -> BadInput:
    before = b""
    while piece := stream.read(PIECE_BYTES):
        if _ENCRYPTED_PACKAGE in before + piece:
            message = f"{name} is protected by a password: save it without one."
            return BadInput(message, code="spreadsheet_encrypted", path=name)
        before = piece[-len(_ENCRYPTED_PACKAGE) :]
    return _other_spreadsheet(name, "an old Excel file (xls)")


def _other_spreadsheet(name: str, what: str) -> BadInput:
    message = f"{name} is {what}, which isn't read: save it as xlsx or CSV."
    return BadInput(message, code="spreadsheet_unsupported", path=name)
