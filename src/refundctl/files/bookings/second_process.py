"""Reading a large file of bookings in a second process, so that checking rows and storing them go on at the same time.

`python -m refundctl.files.bookings.second_process` is the second process: the file is its stdin, the blocks go to its
stdout. They are marshalled, which both ends understand as they are the same program in the same Python.
"""

import gc
import json
import marshal
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from refundctl.domain.basics.errors import BadInput, RefundctlError, UsageError, WriteFailed
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.files.bookings.bookings_csv import BookingsFile
from refundctl.files.tables.table_file import Block

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

WORTHWHILE_BYTES = 16 * 1024 * 1024  # below this, a second interpreter takes longer to start than it saves
_LENGTH = struct.Struct("<I")
_RAISED = {"BadInput": BadInput, "UsageError": UsageError, "WriteFailed": WriteFailed}


def open_ahead(
    stream: BinaryIO, name: str, source: "Source", *, encoding: str | None
) -> "BookingsFile | BookingsAhead":
    """As BookingsFile, in a second process where the file is large. Raises BadInput and UsageError."""
    if os.fstat(stream.fileno()).st_size < WORTHWHILE_BYTES:
        return BookingsFile(stream, name, source, encoding=encoding)
    return BookingsAhead(stream, name, source, encoding)


class BookingsAhead:
    """The near end: a file of bookings that can be read once, in a second process."""

    def __init__(self, stream: BinaryIO, name: str, source: "Source", encoding: str | None) -> None:
        self.name = name
        self.sha256 = ""
        self.bytes_read = 0
        os.lseek(stream.fileno(), 0, os.SEEK_SET)  # whatever this process has looked at before
        asked = json.dumps({"name": name, "source": source.definition(), "encoding": encoding})
        self._reader = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-P", "-m", "refundctl.files.bookings.second_process", asked],
            stdin=stream,
            stdout=subprocess.PIPE,
            bufsize=1 << 20,
            start_new_session=True,  # Ctrl-C is for the near end, which ends this one
        )
        try:
            self.encoding, self.delimiter = self._next()
        except BaseException:
            self._stop()
            raise

    def blocks(self) -> Iterator[Block]:
        """The rows in the order of the file. Raises BadInput where the file can't be taken as a whole."""
        try:
            while (message := self._next()) is not None:
                self.bytes_read, lines, columns, rejected, filtered, further, filtered_ids = message
                yield Block(lines, columns, [RejectedRow(*row) for row in rejected], filtered, further, filtered_ids)
            self.sha256, self.bytes_read = self._next()
        finally:
            self._stop()

    def _next(self) -> Any:
        kind, content = _receive(self._out)
        if kind == "raise":
            name, what, advice, code, details = content
            raise _RAISED.get(name, RefundctlError)(what, advice, code=code, **details)
        return content

    @property
    def _out(self) -> IO[bytes]:
        assert self._reader.stdout is not None  # noqa: S101 - asked for a pipe
        return self._reader.stdout

    def _stop(self) -> None:
        self._reader.kill()
        self._out.close()
        self._reader.wait()


def _receive(stream: IO[bytes]) -> tuple[str, Any]:
    size = stream.read(_LENGTH.size)
    if len(size) < _LENGTH.size:
        raise RefundctlError("The process that reads the bookings has ended: run the same command again.")
    kind, content = marshal.loads(stream.read(_LENGTH.unpack(size)[0]))  # noqa: S302 - from this very program
    return kind, content


def _send(stream: IO[bytes], kind: str, content: Any) -> None:
    message = marshal.dumps((kind, content), 2)
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)


def _read(asked: dict[str, Any], stream: BinaryIO, out: IO[bytes]) -> None:
    from refundctl.domain.bookings.source import Source

    source = Source.model_validate_json(asked["source"])
    opened = BookingsFile(stream, asked["name"], source, encoding=asked["encoding"])
    _send(out, "settings", (opened.encoding, opened.delimiter))
    for block in opened.blocks():
        _send(out, "block", _plain(block, opened))
    _send(out, "end", None)
    _send(out, "digest", (opened.sha256, opened.bytes_read))


def _plain(block: Block, opened: BookingsFile) -> tuple[Any, ...]:
    rejected = [(row.line, row.field, str(row.code), row.reason) for row in block.rejected]
    further = None if block.further_lines is None else list(map(list, block.further_lines))
    filtered_ids = list(block.filtered_ids)
    return opened.bytes_read, list(block.lines), dict(block.columns), rejected, block.filtered, further, filtered_ids


def main() -> None:
    """The far end: never says anything but blocks, and ends quietly when nobody listens any more."""
    gc.disable()
    with open(0, "rb") as stream, open(1, "wb", buffering=1 << 20) as out:
        try:
            _read(json.loads(sys.argv[1]), stream, out)
            out.flush()
        except RefundctlError as error:
            _send(out, "raise", (type(error).__name__, error.what, error.advice, error.code, dict(error.details)))
            out.flush()
        except (BrokenPipeError, KeyboardInterrupt):
            os._exit(0)
        except Exception as error:
            # Its text may hold a person's name: its kind must do.
            message = f"The file can't be read ({type(error).__name__}): try again, or copy it first."
            _send(out, "raise", ("BadInput", message, "", "read_failed", {}))
            out.flush()


if __name__ == "__main__":
    main()
