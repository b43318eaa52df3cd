"""refundctl init"""

import os
from typing import Annotated

import typer

from refundctl.cli.common import Common, command, writing_ledger
from refundctl.cli.rendering import Report, report
from refundctl.domain.errors import UsageError
from refundctl.files.safe_write import write_whole
from refundctl.ledger.journal import Outcome


@command("init", writes=True)
def init(
    common: Common,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="NAME", help="Let this group of users write to the ledger too (0660)."),
    ] = None,
) -> int:
    """Make an empty ledger and, where there is none, a commented campaigns file."""
    group_id = None if group is None else _group_id(group)
    mode = 0o600 if group is None else 0o660
    there = common.ledger.exists() and common.ledger.stat().st_size > 0
    with writing_ledger(common, {"group": group}, mode=mode) as (ledger, journal):
        with ledger.writing() as writing:
            writing.keep = not there and not common.dry_run
            if writing.keep:
                journal.finish(journal.begin(), Outcome({"ledgers": 1}))
        if group_id is not None and not common.dry_run:
            _share(common, group_id)
    starter = not common.campaigns.exists()
    if starter and not common.dry_run:
        from refundctl.files.campaigns_yaml import starter_campaigns

        write_whole(common.campaigns, starter_campaigns().encode())
    made = {"ledgers": int(not there), "campaigns_files": int(starter)}
    lines = [
        f"{common.ledger} is there already." if there else f"Made the ledger {common.ledger}.",
        f"Made {common.campaigns}: describe your campaigns in it."
        if starter
        else f"{common.campaigns} is there already.",
    ]
    return report(common, Report(human=lambda out: out.print("\n".join(lines)), counts=made))


def _group_id(name: str) -> int:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise UsageError(f"There is no group {name} on this machine; `groups` shows yours.") from None


def _share(common: Common, group_id: int) -> None:
    try:
        os.chown(common.ledger, -1, group_id)
        common.ledger.chmod(0o660)
    except PermissionError as error:
        raise UsageError(
            f"{common.ledger} can't be given to that group: you must belong to it, and own the file."
        ) from error
