"""Undoing as the operation does it: once, and again for what had to stay; what stays says why."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from refundctl.ledger.undo.undone_cards import Staying, Withdrawn
from refundctl.operations.undo.undo import NOTHING, NotUndoable, RunUnknown, UndoResult, reopen, undo
from support.desks.funded_desk import FundedDesk, at_funded_desk, make_funded_ledger


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_funded_ledger(tmp_path_factory.mktemp("funded"))


@pytest.fixture
def desk(made: Path) -> Iterator[FundedDesk]:
    with at_funded_desk(made) as opened:
        yield opened


def undo_run(desk: FundedDesk, run_id: int) -> UndoResult:
    return undo(desk.ledger, desk.journal, run_id, None)


def test_a_whole_run_is_undone_but_for_what_is_spent(desk: FundedDesk) -> None:
    found = undo_run(desk, desk.step("run"))
    assert found.totals == {
        "EUR": {"paid": 135_00, "bonus": 5_00, "fee": 0, "cash": 20_00, "total": 140_00, "spent": 25_00}
    }
    assert (found.counts["cards"], found.counts["lines"], found.partial) == (3, 3, False)


def test_once_more_there_is_nothing_to_do(desk: FundedDesk) -> None:
    undo_run(desk, desk.step("run"))
    again = undo_run(desk, desk.step("run"))
    assert (again.run_id, again.undone, again.changed) == (None, [], False)


def test_what_stands_on_other_runs_stays_and_names_them(desk: FundedDesk) -> None:
    topup = desk.step("topup")
    with pytest.raises(NotUndoable) as refused:
        undo_run(desk, desk.step("publish"))
    assert refused.value.message == (
        f"Nothing of run {desk.step('publish')} can be undone: 3 cards stay, with money of other top-ups: "
        f"undo run {topup} first, then this one again."
    )


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "1 refund line stays, as other runs build on it: undo run 7 first, then this one again."),
        (1200, "1,200 refund lines stay, as other runs build on them: undo run 7 first, then this one again."),
    ],
)
def test_one_line_stays_and_several_stay(desk: FundedDesk, count: int, said: str) -> None:
    done = undo_run(desk, desk.step("topup"))
    lines = Withdrawn(0, count, [Staying(None, "B1", "B1", 7)])
    assert UndoResult(done.target, 1, [], None, NOTHING, lines, []).stays == [said]


def test_an_undone_run_is_reopened_once(desk: FundedDesk) -> None:
    run = desk.step("run")
    undo_run(desk, run)
    found = reopen(desk.ledger, desk.journal, run)
    assert (found.counts["reopened"], found.lines, found.lines_held) == (4, 3, 0)
    assert reopen(desk.ledger, desk.journal, run).run_id is None


def test_what_was_not_undone_is_not_reopened(desk: FundedDesk) -> None:
    with pytest.raises(NotUndoable, match="was not undone"):
        reopen(desk.ledger, desk.journal, desk.step("run"))
    with pytest.raises(RunUnknown, match="has no run 99"):
        undo_run(desk, 99)
