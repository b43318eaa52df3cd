"""What `verify` says of seals: each is computed again from the rows, and compared with one that was kept elsewhere."""

from dataclasses import replace

import pytest

from refundctl.ledger.checks.findings import Finding
from refundctl.ledger.checks.seals_in_order import check_against, seals_
from refundctl.ledger.journal.seals import Seal, seal_of_run
from support.desks.damaged_books import damage
from support.desks.funded_desk import FundedDesk

# Runs 1 to 7 are sealed, the whole run 1 after its steps 2 to 5; 8 is the one that has begun.
BEGUN = Finding("run_unsealed", "Run 8 has no seal.")


def broken(run_id: int) -> Finding:
    return Finding("seal_broken", f"Run {run_id} is not as it was sealed: a row was changed, added or removed.")


def seal(desk: FundedDesk, run_id: int) -> Seal:
    found = seal_of_run(desk.connection, run_id)
    assert found is not None
    return found


def test_only_the_run_that_has_begun_has_no_seal(desk: FundedDesk) -> None:
    assert list(seals_(desk.connection)) == [BEGUN]


@pytest.mark.parametrize(
    ("done", "run_id"),
    [
        ("UPDATE transactions SET amount_minor = 10001 WHERE id = 1", 5),
        ("DELETE FROM transactions WHERE id = 4", 5),
        ("INSERT INTO extensions (card, expires_on, run_id) VALUES (1, '2099-12-31', 4)", 4),
        ("UPDATE runs SET operator = 'eve' WHERE id = 7", 7),
        ("UPDATE run_outcomes SET counts = '{}' WHERE run_id = 1", 1),
        ("UPDATE seals SET digest = replace(hex(zeroblob(32)), '0', 'a') WHERE run_id = 7", 7),
    ],
)
def test_any_change_of_a_run_is_found_at_that_run_and_nowhere_else(desk: FundedDesk, done: str, run_id: int) -> None:
    damage(desk.connection, done)
    assert list(seals_(desk.connection)) == [broken(run_id), BEGUN]


def test_a_row_that_passes_to_another_run_is_missing_in_one_and_too_much_in_the_other(desk: FundedDesk) -> None:
    damage(desk.connection, "UPDATE transactions SET run_id = 7 WHERE id = 4")
    assert list(seals_(desk.connection)) == [broken(5), broken(7), BEGUN]


def test_a_row_of_no_run_is_found(desk: FundedDesk) -> None:
    damage(desk.connection, "INSERT INTO extensions (card, expires_on, run_id) VALUES (1, '2099-12-31', 99)")
    assert list(seals_(desk.connection)) == [
        BEGUN,
        Finding("row_unsealed", "extensions has 1 row(s) that belong to no run (99)."),
    ]


def test_a_seal_that_is_gone_breaks_the_chain_there_and_leaves_its_run_without(desk: FundedDesk) -> None:
    [(last,)] = desk.read("SELECT max(id) FROM seals")
    damage(desk.connection, f"DELETE FROM seals WHERE id = {last - 1}")
    [(unsealed,)] = desk.read("SELECT id FROM runs WHERE id < 8 AND id NOT IN (SELECT run_id FROM seals)")
    assert list(seals_(desk.connection)) == [
        Finding("seal_broken", f"Seal {last - 1} is missing or out of order (seal {last} is there)."),
        broken(7),
        Finding("run_unsealed", f"Run {unsealed} has no seal."),
        BEGUN,
    ]


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        ({}, None),
        ({"ledger_id": "0" * 32}, "other_ledger"),
        ({"number": 99}, "tail_missing"),
        ({"digest": "0" * 64}, "past_rewritten"),
    ],
)
def test_a_seal_that_was_kept_is_still_there(desk: FundedDesk, kept: dict[str, object], code: str | None) -> None:
    found = check_against(desk.connection, replace(seal(desk, 5), **kept))  # type: ignore[arg-type]
    assert [each.code for each in found] == ([] if code is None else [code])
