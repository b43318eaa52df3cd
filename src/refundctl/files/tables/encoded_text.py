"""The bytes of an input file as UTF-8, whatever encoding it is written in."""

import codecs
import hashlib
from typing import BinaryIO

from refundctl.domain.basics.errors import BadInput, UsageError

PIECE_BYTES = 512 * 1024

#: The four bytes of UTF-32 begin like the two of UTF-16, so they come first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What other kinds of files start with.
_OTHER_KINDS = (
    (b"PK\x03\x04", "a spreadsheet or a ZIP archive; save the sheet as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel sheet; save it as CSV"),
    (b"\x1f\x8b", "a file packed with gzip; unpack it"),
    (b"SQLite format 3\x00", "an SQLite database; export a table of it as CSV"),
    (b"%PDF-", "a PDF document; get the bookings as CSV"),
)
#: Enough for every mark above.
_START_BYTES = 16
#: Python calls these encodings, but they are notations of texts, not of files.
_NO_FILE_ENCODINGS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}


class Undecodable(Exception):
    """Bytes that are nothing in the file's encoding; `before` is what stands before them, as UTF-8."""

    def __init__(self, before: bytes) -> None:
        super().__init__()
        self.before = before


def known_encoding(name: str) -> str:
    """Python's own name of an encoding of texts. Raises UsageError where there is none of that name."""
    try:
        found = codecs.lookup(name).name
        "a".encode(found)
    except (LookupError, ValueError):
        found = ""
    if not found or found in _NO_FILE_ENCODINGS:
        raise UsageError(f"There is no encoding {name!r}; name one such as utf-8, cp1252 or latin-1.")
    return "utf-8" if found == "utf-8-sig" else found


def find_encoding(stream: BinaryIO, fallback: str | None) -> str:
    """What the stream is written in: its byte order mark says, else it is UTF-8, else the fallback.

    Whether it is UTF-8 is looked at here only where there is another fallback; otherwise reading it tells. The
    stream is at its start before and after. Raises UsageError for an unknown fallback.
    """
    fallback = "utf-8" if fallback is None else known_encoding(fallback)
    start = stream.read(4)
    stream.seek(0)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    return "utf-8" if fallback == "utf-8" or _is_utf8(stream) else fallback


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := stream.read(PIECE_BYTES):
            decoder.decode(piece)
            if b"\0" in piece:
                # Right in UTF-8, but no text has it, while UTF-16 is full of it.
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        stream.seek(0)
    return True


class TextBytes:
    """A stream read once, from its start, as UTF-8 without a byte order mark.

    `encoding` is what it is written in; `bytes_read` of the raw bytes shows progress.
    """

    def __init__(self, stream: BinaryIO, name: str, encoding: str) -> None:
        self._stream = stream
        self.name = name
        self.encoding = encoding
        self.bytes_read = 0
        self._digest = hashlib.sha256()
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the raw bytes read so far."""
        return self._digest.hexdigest()

    def read(self, size: int) -> bytes:
        """The next piece of about that many bytes; empty at the end.

        Raises BadInput where the file is of another kind, Undecodable unless it is UTF-8: that is handed on unseen.
        """
        at_start = self.bytes_read == 0
        while raw := self._stream.read(max(size, _START_BYTES) if at_start else size):
            self._digest.update(raw)
            self.bytes_read += len(raw)
            if at_start:
                self._refuse_other_kinds(raw)
            piece = self._as_utf8(raw)
            if at_start:
                piece = piece.removeprefix(codecs.BOM_UTF8)
            if piece:
                return piece
        return self._as_utf8(b"")

    def _as_utf8(self, raw: bytes) -> bytes:
        """Of nothing: what the decoder still held back."""
        if self._decoder is None:
            return raw
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(raw, final=not raw).encode()
        except UnicodeDecodeError as error:
            held_back = len(error.object) - len(raw)
            self._decoder.setstate(state)
            before = self._decoder.decode(raw[: max(0, error.start - held_back)])
            raise Undecodable(before.encode(errors="replace")) from None
        except UnicodeEncodeError as error:
            # Half of a surrogate pair, which some decoders let through.
            raise Undecodable(error.object[: error.start].encode(errors="replace")) from None

    def _refuse_other_kinds(self, start: bytes) -> None:
        for mark, kind in _OTHER_KINDS:
            if start.startswith(mark):
                message = f"{self.name} is no CSV file but looks like {kind}."
                raise BadInput(message, code="no_csv", path=self.name)
