"""Withdrawing a load: its new lines wait, those that it changed say again what they said, funded ones stay."""

from refundctl.ledger.undo.undone_cards import Staying, Withdrawn
from refundctl.ledger.undo.undone_loads import withdraw
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk
from support.desks.staging_desk import StagingDesk


def test_new_lines_are_undone() -> None:
    desk = StagingDesk()
    desk.load("booking_id,order_amount\nB1,1000\nB2,2000\n")
    with desk.ledger.writing():
        note_undoings(desk.ledger.connection, [1], None, 1)
        assert withdraw(desk.ledger.connection, 1, 1) == Withdrawn(2, 0, [])
    assert desk.read("SELECT line, undone_run FROM undone_lines") == [(1, 1), (2, 1)]


def test_a_changed_line_says_again_what_it_said() -> None:
    desk = StagingDesk()
    desk.load("booking_id,order_amount\nB1,1000\n")
    desk.load("booking_id,order_amount\nB1,1500\n")
    with desk.ledger.writing():
        assert withdraw(desk.ledger.connection, 2, 2) == Withdrawn(0, 0, [], restored=1)
    assert desk.read("SELECT version, order_amount_minor FROM refund_lines") == [(3, 1000)]


def test_a_later_file_has_the_last_word() -> None:
    desk = StagingDesk()
    for amount in (1000, 1500, 1700):
        desk.load(f"booking_id,order_amount\nB1,{amount}\n")
    with desk.ledger.writing():
        assert withdraw(desk.ledger.connection, 2, 3) == Withdrawn(0, 0, [], overwritten=1)
    assert desk.read("SELECT version, order_amount_minor FROM refund_lines") == [(3, 1700)]


def test_lines_that_are_funded_stay(desk: FundedDesk) -> None:
    load, topup = desk.step("load"), desk.step("topup")
    note_undoings(desk.connection, [load], None, desk.run_id)
    kept = [Staying(None, booking_id, booking_id, topup) for booking_id in ("B1", "B2", "B3")]
    assert withdraw(desk.connection, load, desk.run_id) == Withdrawn(0, 3, kept)
