"""Taking credits back: what the card still holds, cash and fees whole, and never what was spent."""

from refundctl.ledger.undo.undone_credits import Spent, take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk


def undone_topup(desk: FundedDesk) -> int:
    topup = desk.step("topup")
    note_undoings(desk.connection, [topup], None, desk.run_id)
    return topup


def test_what_was_spent_stays(desk: FundedDesk) -> None:
    topup = undone_topup(desk)
    taken = take_back(desk.connection, topup, "too early", desk.run_id)
    assert taken is not None
    assert (taken.refunds, taken.currency) == (3, "EUR")
    assert (taken.paid_minor, taken.bonus_minor, taken.cash_minor, taken.fee_minor) == (135_00, 5_00, 20_00, 0)
    assert (taken.spent_cards, taken.spent_debts, taken.spent_minor) == (1, 0, 25_00)
    assert taken.spent == [Spent(1, 25_00)]


def test_each_credit_is_named_by_what_takes_it_back(desk: FundedDesk) -> None:
    topup = undone_topup(desk)
    take_back(desk.connection, topup, "too early", desk.run_id)
    assert desk.read(
        f"""
        SELECT credit.card, credit.bucket, credit.amount_minor, back.amount_minor, back.type, back.reason
        FROM transactions AS back JOIN transactions AS credit ON credit.id = back.related_transaction
        WHERE back.run_id = {desk.run_id} AND credit.run_id = {topup} ORDER BY back.id
        """
    ) == [
        (1, "paid", 100_00, -75_00, "CREDITS_REMOVAL", "too early"),
        (2, "paid", 30_00, -30_00, "CREDITS_REMOVAL", "too early"),
        (3, "paid", 30_00, -30_00, "CREDITS_REMOVAL", "too early"),
        (3, "bonus", 5_00, -5_00, "CREDITS_REMOVAL", "too early"),
        (None, "cash", 20_00, -20_00, "CREDITS_REMOVAL", "too early"),
    ]


def test_each_line_is_undone_also_where_all_is_spent(desk: FundedDesk) -> None:
    topup = undone_topup(desk)
    take_back(desk.connection, topup, None, desk.run_id)
    assert desk.written("line, undone_run", "undone_lines") == [(1, topup), (2, topup), (3, topup)]


def test_a_run_without_credits_has_nothing_to_take_back(desk: FundedDesk) -> None:
    assert take_back(desk.connection, desk.step("publish"), None, desk.run_id) is None
