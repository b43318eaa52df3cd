"""A run's life: kept with its outcome and seal, or gone; a step belongs to its parent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from refundctl.ledger.file.connection import Clock, Ledger, closing_ledger, open_ledger
from refundctl.ledger.journal.journal_entries import journal as entries
from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
from refundctl.operations.one_run import one_run, writing_run


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    clock = Clock(datetime(2020, 5, 1, tzinfo=UTC), rehearsal=False)
    with closing_ledger(open_ledger(tmp_path / "refunds.db", clock, wait_seconds=0)) as opened:
        yield opened


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    return Journal(ledger, Operator("ann", 1, "desk"), "run", {})


def statuses(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.reading():
        return [(entry["command"], entry["status"]) for entry in entries(ledger.connection)]


def test_a_run_with_an_outcome_is_sealed_with_its_steps(ledger: Ledger, journal: Journal) -> None:
    with writing_run(ledger, journal, keep=True) as run:
        with one_run(journal, step="load", parent=run) as step:
            step.outcome = Outcome({})
        with one_run(journal, step="publish", parent=run.run_id) as other:
            other.outcome = Outcome({}, partial=True)
        run.outcome = Outcome({})
    assert statuses(ledger) == [("run", "ok"), ("load", "ok"), ("publish", "partial")]
    assert [one.kept_id for one in (run, step, other)] == [1, 2, 3]


@pytest.mark.parametrize(("keep", "outcome"), [(False, Outcome({})), (True, None)])
def test_a_dry_run_and_one_without_an_outcome_leave_nothing(
    ledger: Ledger, journal: Journal, keep: bool, outcome: Outcome | None
) -> None:
    with writing_run(ledger, journal, keep=True) as first:
        first.outcome = Outcome({})
    with writing_run(ledger, journal, keep=keep) as run:
        run.outcome = outcome
    assert run.kept_id is None
    assert statuses(ledger) == [("run", "ok")]
