"""A run of its own that writes whatever SQL it is given and is sealed like any other: past the program's rules, not the schema's."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from refundctl.ledger.database.connection import Clock, closing_ledger, open_ledger
from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
from support.books import LEDGER, read

CLERK = Operator("clerk", 0, "desk")


def sealed_run(
    folder: Path,
    command: str,
    *statements: str,
    now: str | None = None,
    with_values: Mapping[str, object] | None = None,
) -> int:
    """Execute the statements in one run of `command`, whose number they know as :run; gives that number.

    At the moment of the last run, unless `now` says another.
    """
    clock = moment_of_last_run(folder) if now is None else Clock(datetime.fromisoformat(now), rehearsal=True)
    with closing_ledger(open_ledger(folder / LEDGER, clock, wait_seconds=0)) as ledger, ledger.writing():
        journal = Journal(ledger, CLERK, command, {})
        run = journal.begin()
        for statement in statements:
            ledger.connection.execute(statement, {"run": run.run_id, **(with_values or {})})
        journal.finish(run, Outcome({}))
    return run.run_id


def moment_of_last_run(folder: Path) -> Clock:
    """When the last run began: what was valid then is valid."""
    [(started_at,)] = read(folder / LEDGER, "SELECT started_at FROM runs ORDER BY id DESC LIMIT 1")
    [(clock,)] = read(folder / LEDGER, "SELECT clock FROM ledger")
    return Clock(datetime.fromisoformat(started_at), rehearsal=clock == "rehearsal")
