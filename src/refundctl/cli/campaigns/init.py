"""refundctl init"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from refundctl.cli.shell.common import Common, command, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen
from refundctl.domain.basics.errors import UsageError
from refundctl.files.safe_write import write_whole
from refundctl.ledger.journal.run_journal import Outcome
from refundctl.operations.run_lifecycle import writing_run


@command("init", writes=True, short="Make an empty ledger and a campaigns file.")
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
    starter = not common.campaigns.exists()
    with (
        writing_ledger(common, common.given, mode=mode) as (ledger, journal),
        writing_run(ledger, journal, keep=not there and not common.dry_run) as run,
    ):
        run.outcome = Outcome({"ledgers": 1})
        if not common.dry_run:
            # Before the commit: where there is no room for it, there is no ledger either.
            _place_files(common, group_id, starter=starter)
    made = {"ledgers": int(not there), "campaigns_files": int(starter)}
    return Report(human=lambda out: _describe(out, common, made), run_id=run.kept_id, counts=made).tell(common)


def _place_files(common: Common, group_id: int | None, *, starter: bool) -> None:
    if group_id is not None:
        _share(common.ledger, group_id)
    if starter:
        from refundctl.files.campaigns.campaigns_yaml import starter_campaigns

        write_whole(common.campaigns, starter_campaigns().encode())
    if starter and group_id is not None:
        _share(common.campaigns, group_id)


def _describe(out: Screen, common: Common, made: Mapping[str, int]) -> None:
    there = "{} is there already."
    out.print(("Made the ledger {}." if made["ledgers"] else there).format(common.ledger))
    campaigns = "Made {}: describe your campaigns in it." if made["campaigns_files"] else there
    out.print(campaigns.format(common.campaigns))


def _group_id(name: str) -> int:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise UsageError(f"There is no group {name} on this machine; `groups` shows yours.") from None


def _share(path: Path, group_id: int) -> None:
    try:
        os.chown(path, -1, group_id)
        path.chmod(0o660)
    except PermissionError as error:
        raise UsageError(f"{path} can't be given to that group: you must belong to it, and own the file.") from error
