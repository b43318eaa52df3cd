"""Several real processes on one ledger at the same time."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from support.command_line import CommandResult, plain_environment
from support.faults.forks import Call, call_at_once


def start(folder: Path, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "refundctl", *argv],
        cwd=folder,
        env=plain_environment(folder, None, None),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def all_at_once(folder: Path, commands: Sequence[Sequence[str]]) -> list[CommandResult]:
    """Start every command in a process of its own at the same moment, and wait for all of them."""
    return call_at_once([Call(folder, argv) for argv in commands])


def error_code(result: CommandResult) -> str | None:
    """The stable code of the error in a JSON answer, None where there is none."""
    errors: list[dict[str, Any]] = json.loads(result.stdout)["errors"]
    return errors[0]["code"] if errors else None


def bookings(rows: int) -> str:
    """Refunds of 1.00, 2.00 ... for as many customers."""
    lines = (f"B{n},C{n},c{n}@example.com,{n}.00,EUR,cancelled\n" for n in range(1, rows + 1))
    return "booking_id,customer_id,email,order_amount,currency,status\n" + "".join(lines)


def held(ledger: Path) -> "closing[sqlite3.Connection]":
    """The ledger, locked for writing until the block ends."""
    connection = sqlite3.connect(ledger, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return closing(connection)
