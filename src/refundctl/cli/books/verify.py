"""refundctl verify"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from refundctl.cli.shell.common import Common, command, existing_ledger
from refundctl.cli.shell.rendering import Report, Screen
from refundctl.domain.basics.errors import ExitCode, InputMissing
from refundctl.ledger.database.connection import LedgerDamaged
from refundctl.ledger.journal.seals import Seal, parse_seal
from refundctl.operations.books import verify as operation


@command("verify", short="Check the books, and print their seal.")
def verify(
    common: Common,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE",
            readable=False,  # refused with 66, not as wrong usage
            help="A seal that was kept elsewhere: verify's line, or a manifest.json.",
        ),
    ] = None,
) -> int:
    """Check the books: every seal, constraint and balance. If they are in order, it prints the seal of the last run, to
    be kept elsewhere."""
    kept = None if against is None else _read_seal(against)
    try:
        with existing_ledger(common) as ledger:
            found = operation.verify(ledger, kept)
    except LedgerDamaged as error:
        found = operation.unreadable(error)
    return Report(
        human=lambda out: _describe(out, found),
        extra={
            "findings": [finding.as_json() for finding in found.findings],
            "seal": None if found.seal is None else str(found.seal),
        },
        exit_code=ExitCode.FINDINGS if found.findings else ExitCode.OK,
    ).tell(common)


def _read_seal(path: Path) -> Seal:
    if str(path) == "-":
        return parse_seal(sys.stdin.buffer.read().decode(errors="replace"), "stdin")
    try:
        return parse_seal(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except OSError as error:
        raise InputMissing(f"{path} can't be read: {error.strerror}. Check its name.", path=str(path)) from error


def _describe(out: Screen, found: operation.Verification) -> None:
    for finding in found.findings:
        out.print(f"{finding.code}: {finding.message}")
    if not found.findings:
        out.print("No runs yet." if found.seal is None else str(found.seal))
