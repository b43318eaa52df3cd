"""A run's life: kept with its outcome and seal, or gone; what was refused leaves an attempt, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from refundctl.domain.basics.errors import Refused, UsageError, WriteFailed
from refundctl.ledger.database.connection import Clock, Ledger, closing_ledger, in_memory
from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
from refundctl.operations.run_lifecycle import one_run, recording_refusals, writing_run

DONE = Outcome({"cards": 2}, {"EUR": {"total": 250}}, partial=True)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    clock = Clock(datetime(2026, 4, 30, 22, tzinfo=UTC), rehearsal=True)
    with closing_ledger(in_memory(Path("refunds.db"), clock)) as opened:
        yield opened


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    return Journal(ledger, Operator("ana", 1000, "desk-3"), "publish", {"campaign": "spring"})


def rows(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    """What a query finds; nothing where no transaction was kept, as then there are no tables."""
    return [] if ledger.is_new else ledger.connection.execute(query).fetchall()


RUNS = "SELECT runs.id, command, campaign, status, counts, totals FROM runs LEFT JOIN run_outcomes ON run_id = runs.id"
ATTEMPTS = "SELECT command, campaign, arguments, error_code, message FROM attempts"


def test_a_run_with_an_outcome_is_kept_and_sealed(ledger: Ledger, journal: Journal) -> None:
    with writing_run(ledger, journal, keep=True, campaign="spring") as run:
        before = run.kept_id
        run.outcome = DONE
    assert (before, run.kept_id) == (None, 1)  # nobody may be told of it before the commit
    assert rows(ledger, RUNS) == [(1, "publish", "spring", "partial", '{"cards":2}', '{"EUR":{"total":250}}')]
    assert run.seal is not None
    assert rows(ledger, "SELECT run_id, digest FROM seals") == [(1, run.seal.digest)]


@pytest.mark.parametrize(("keep", "outcome"), [(True, None), (False, DONE)], ids=["nothing done", "dry run"])
def test_without_an_outcome_or_in_a_dry_run_nothing_is_kept(
    keep: bool, outcome: Outcome | None, ledger: Ledger, journal: Journal
) -> None:
    with writing_run(ledger, journal, keep=keep) as run:
        run.outcome = outcome
    assert (run.kept_id, run.seal) == (None, None)
    assert rows(ledger, RUNS) == []


def test_what_raises_leaves_nothing(ledger: Ledger, journal: Journal) -> None:
    with pytest.raises(WriteFailed), writing_run(ledger, journal, keep=True) as run:  # noqa: PT012
        run.outcome = DONE
        raise WriteFailed("The disk is full.")
    assert (run.kept_id, rows(ledger, RUNS), rows(ledger, ATTEMPTS)) == (None, [], [])


def test_a_step_belongs_to_its_parent(ledger: Ledger, journal: Journal) -> None:
    with ledger.writing(), one_run(journal, campaign="spring") as parent:
        with one_run(journal, campaign="spring", step="topup", parent=parent) as step:
            step.outcome = DONE
        parent.outcome = DONE
    assert rows(ledger, "SELECT id, parent_run_id, command FROM runs") == [(1, None, "publish"), (2, 1, "topup")]
    assert rows(ledger, "SELECT run_id FROM seals ORDER BY run_id") == [(1,), (2,)]


def refuse(ledger: Ledger, journal: Journal, campaign: str | None, error: Exception, *, keep: bool = True) -> None:
    with (  # noqa: PT012
        pytest.raises(type(error)),
        recording_refusals(journal, campaign, keep=keep),
        writing_run(ledger, journal, keep=True, campaign=campaign) as run,
    ):
        run.outcome = DONE
        raise error


def test_what_is_refused_is_recorded_though_its_run_is_gone(ledger: Ledger, journal: Journal) -> None:
    refuse(ledger, journal, "spring", Refused("spring is paused: wait."))
    assert rows(ledger, RUNS) == []
    assert rows(ledger, ATTEMPTS) == [
        ("publish", "spring", '{"campaign":"spring"}', "refused", "spring is paused: wait.")
    ]


def test_a_dry_run_or_another_error_is_no_attempt(ledger: Ledger, journal: Journal) -> None:
    refuse(ledger, journal, "spring", Refused("spring is paused: wait."), keep=False)
    refuse(ledger, journal, "spring", UsageError("There is no such option."))
    assert rows(ledger, ATTEMPTS) == []


def test_a_code_in_the_place_of_a_campaign_is_recorded_masked(ledger: Ledger, journal: Journal) -> None:
    code = "RF-7KQ2-M9XD-4TWH-P3VN"
    error = Refused(f"There is no campaign {code}: make it.", code="resource_not_found")
    refuse(ledger, journal, code, error)
    assert rows(ledger, ATTEMPTS) == [
        (
            "publish",
            "****P3VN",
            '{"campaign":"****P3VN"}',
            "resource_not_found",
            "There is no campaign ****P3VN: make it.",
        )
    ]
    assert code in error.message  # the error itself is for the door to word
