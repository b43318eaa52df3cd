"""A consistent copy of the ledger."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from refundctl.files.safe_write import failures, refuse_existing, remove_parts, sync_folder
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import RunFile


def back_up(ledger: Ledger, target: Path, *, force: bool) -> RunFile:
    """Copy the ledger to `target` (0600), whole or not at all. Raises FileExists and WriteFailed."""
    refuse_existing(target, force=force)
    with ledger.reading():
        pass
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    remove_parts(target)
    with failures(target):
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            ledger.copy_to(temporary)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            temporary.replace(target)
            sync_folder(target.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    return RunFile(str(target), 1, digest, output=True)
