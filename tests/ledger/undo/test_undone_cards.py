"""Deactivating the cards of a run: those that hold nothing; the others stay, and say what stands on them."""

from refundctl.ledger.undo.undone_cards import Staying, Withdrawn, deactivate
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk


def test_cards_with_money_stay_and_name_the_run_that_put_it_there(desk: FundedDesk) -> None:
    publish, topup = desk.step("publish"), desk.step("topup")
    note_undoings(desk.connection, [publish], None, desk.run_id)
    kept = [Staying(card, None, None, topup) for card in (1, 2, 3)]
    assert deactivate(desk.connection, publish, None, desk.run_id) == Withdrawn(0, 3, kept)


def test_empty_cards_are_deactivated_and_their_lines_undone(desk: FundedDesk) -> None:
    publish, topup = desk.step("publish"), desk.step("topup")
    note_undoings(desk.connection, [publish, topup], "wrong", desk.run_id)
    take_back(desk.connection, topup, "wrong", desk.run_id)
    assert deactivate(desk.connection, publish, "wrong", desk.run_id) == Withdrawn(3, 0, [])
    events = [(card, "deactivated", "wrong") for card in (1, 2, 3)]
    assert desk.written("card, event, reason", "card_events") == events
    undone = desk.written("line, undone_run", "undone_lines")
    assert sorted(undone) == sorted((line, run) for line in (1, 2, 3) for run in (publish, topup))
    assert deactivate(desk.connection, publish, "wrong", desk.run_id) == Withdrawn(0, 0, [])


def test_a_goodwill_card_is_for_no_line(desk: FundedDesk) -> None:
    publish, topup = desk.step("publish"), desk.step("topup")
    note_undoings(desk.connection, [publish, topup], None, desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    before = desk.written("line, undone_run", "undone_lines")
    assert deactivate(desk.connection, publish, None, desk.run_id, with_lines=False).undone == 3
    assert desk.written("line, undone_run", "undone_lines") == before
