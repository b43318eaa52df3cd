"""The cards of a hand-over: balances as they were when it was reserved, less what was taken back since."""

from refundctl.ledger.delivery.mail_cards import find_mail_cards
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk


def test_a_card_is_mailed_with_its_balance_of_then(desk: FundedDesk) -> None:
    cards = find_mail_cards(desk.connection, 1)
    assert (cards.count, cards.bounds(), cards.campaign.name) == (2, (1, 2, 2), "flight-refunds")
    [rows] = cards.blocks(range(1, 3))
    told = [(email, balance, booking_ids) for email, _, _, balance, _, booking_ids, _, _ in rows]
    assert told == [("ana@example.com", 100_00, "B1"), ("bo@example.com", 30_00, "B2")]


def test_only_the_cards_that_are_asked_for_are_read(desk: FundedDesk) -> None:
    cards = find_mail_cards(desk.connection, 1)
    assert [len(rows) for rows in cards.blocks(range(2, 3))] == [1]
    assert list(cards.blocks(range(3, 9))) == []


def test_who_has_no_address_is_left_out_with_their_balance(desk: FundedDesk) -> None:
    assert find_mail_cards(desk.connection, 1).left_out() == (1, 35_00)


def test_nobody_is_told_of_what_was_undone_since(desk: FundedDesk) -> None:
    topup = desk.step("topup")
    note_undoings(desk.connection, [topup], None, desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    assert find_mail_cards(desk.connection, 1).count == 0


def test_nobody_is_told_of_a_dead_card(desk: FundedDesk) -> None:
    desk.connection.execute(f"INSERT INTO card_events (card, event, run_id) VALUES (1, 'deactivated', {desk.run_id})")
    cards = find_mail_cards(desk.connection, 1)
    assert (cards.count, cards.bounds()) == (1, (2, 2, 2))
