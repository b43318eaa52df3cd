"""refundctl backup"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, existing_ledger, refuse_ledger
from refundctl.cli.shell.rendering import Report
from refundctl.domain.basics.errors import ExitCode, UsageError
from refundctl.files.safe_write import STDOUT, writing_to
from refundctl.operations.books.backup import back_up


@command("backup", short="Write a consistent copy of the ledger.")
def backup(
    common: Common,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; - is stdout.")],
    force: take.Force = False,
) -> int:
    """Write a consistent copy of the ledger while others go on writing. It holds all codes: keep it as safe as
    money."""
    if str(file) == STDOUT:
        return _backup_to_stdout(common)
    refuse_ledger(common, file)
    with existing_ledger(common) as ledger:
        written = back_up(ledger, file, force=force)
    return Report(lambda out: out.print(f"Wrote {file}: {written.sha256}"), files=[written.as_json()]).tell(common)


def _backup_to_stdout(common: Common) -> int:
    if common.json:
        raise UsageError("--json and - would both write to stdout: name a file.")
    if sys.stdout.isatty():
        raise UsageError("A ledger is nothing for a terminal: name a file, or send the output to another program.")
    with existing_ledger(common) as ledger, tempfile.TemporaryDirectory(prefix="refundctl-") as folder:
        copy = Path(folder) / "copy.db"
        back_up(ledger, copy, force=False)
        with copy.open("rb") as stream, writing_to(STDOUT) as out:
            shutil.copyfileobj(stream, out)
    return ExitCode.OK
