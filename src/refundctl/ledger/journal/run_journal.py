"""The run journal: who did what, when, on which host, over which files, and what came out."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refundctl import __version__
from refundctl.domain.basics.errors import RefundctlError
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.database.sql import one_value
from refundctl.ledger.journal import seals

PROGRAM = f"refundctl {__version__}"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the command: the real user id counts, the name is for reading."""

    name: str
    user_id: int
    host: str


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run, an input or an `output`: its path as given, its rows, and the SHA-256 of its bytes (hex)."""

    path: str
    rows: int
    sha256: str
    output: bool = False

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output and in the journal."""
        found: dict[str, Any] = {"path": self.path, "rows": self.rows, "sha256": self.sha256}
        return {**found, "output": True} if self.output else found


Totals = Mapping[str, Mapping[str, int]]  # currency -> name -> minor units


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a run, in figures."""

    counts: Mapping[str, Any]
    totals: Totals = field(default_factory=dict)
    files: Sequence[RunFile] = ()
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun and is not sealed yet; `since` marks where its own rows start."""

    run_id: int
    since: seals.Marks


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes the runs of one command. `arguments` never hold a code."""

    ledger: Ledger
    operator: Operator
    command: str
    arguments: Mapping[str, Any]

    def begin(self, *, campaign: str | None = None, step: str | None = None, parent_id: int | None = None) -> Run:
        """Open a run inside the transaction that is open; a `step` belongs to the run `parent_id`."""
        connection = self.ledger.connection
        since = seals.marks(connection)
        arguments = {} if parent_id else self.arguments
        run_id = one_value(
            connection,
            """
            INSERT INTO runs (
                parent_run_id, command, campaign, operator, user_id, host, program, arguments, started_at
            )
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            RETURNING id
            """,
            (parent_id, step or self.command, campaign, *self._by_whom, _json(arguments), self.ledger.clock.stamp),
        )
        return Run(run_id, since)

    @property
    def _by_whom(self) -> tuple[str, int, str, str]:
        return self.operator.name, self.operator.user_id, self.operator.host, PROGRAM

    def continued(self, run: Run) -> Run:
        """The same run, of which only what is written from now on is its own: after its steps."""
        return Run(run.run_id, seals.marks(self.ledger.connection))

    def finish(self, run: Run, outcome: Outcome) -> seals.Seal:
        """Write the run's outcome and seal it; nothing more may be written for it."""
        self.ledger.connection.execute(
            """
            INSERT INTO run_outcomes (run_id, status, counts, totals, files, finished_at)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            (
                run.run_id,
                "partial" if outcome.partial else "ok",
                _json(outcome.counts),
                _json(outcome.totals),
                _json([file.as_json() for file in outcome.files]),
                self.ledger.clock.stamp,
            ),
        )
        return seals.seal_run(self.ledger.connection, run.run_id, run.since)

    def record_attempt(self, error: RefundctlError, campaign: str | None) -> None:
        """Keep what was refused, in a transaction of its own: it must not vanish with the rollback of what it tried."""
        with self.ledger.writing():
            self.post_attempt(error, campaign)

    def post_attempt(self, error: RefundctlError, campaign: str | None, card: int | None = None) -> None:
        """The same inside the open transaction, after what it tried was rolled back; `card` is the one it was about."""
        now = self.ledger.clock.stamp
        refused = (_json(self.arguments), error.code, error.message, card, now, now)
        self.ledger.connection.execute(
            """
            INSERT INTO attempts (
                after_run_id, command, campaign, operator, user_id, host, program, arguments, status,
                error_code, message, card, started_at, finished_at
            )
            SELECT coalesce(max(id), 0), ?, ?, ?, ?, ?, ?, ?, 'refused', ?, ?, ?, ?, ? FROM runs
            """,
            (self.command, campaign, *self._by_whom, *refused),
        )


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def last_run(connection: sqlite3.Connection) -> int:
    """The number of the last run that was kept, 0 where there is none."""
    return int(one_value(connection, "SELECT coalesce(max(id), 0) FROM runs"))
