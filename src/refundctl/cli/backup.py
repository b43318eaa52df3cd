"""refundctl backup"""

from pathlib import Path
from typing import Annotated

import typer

from refundctl.cli import arguments as take
from refundctl.cli.common import Common, command, existing_ledger
from refundctl.cli.rendering import Report, report
from refundctl.operations.backup import back_up


@command("backup")
def backup(
    common: Common,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    force: take.Force = False,
) -> int:
    """Write a consistent copy of the ledger while others go on writing. It holds all codes: keep it as safe as money."""
    with existing_ledger(common) as ledger:
        written = back_up(ledger, file, force=force)
    return report(
        common,
        Report(human=lambda out: out.print(f"Wrote {file}: {written.sha256}"), files=[written.as_json()]),
    )
