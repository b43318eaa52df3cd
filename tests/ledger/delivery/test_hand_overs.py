"""Reserving: each credit once per mail tool, and not before its holder has an address."""

import pytest

from refundctl.domain.basics.errors import Busy
from refundctl.ledger.cards.card_transactions import last_transaction
from refundctl.ledger.delivery import hand_overs
from refundctl.ledger.delivery.hand_overs import HandOver, NewCredits
from support.desks.funded_desk import FundedDesk


def new_credits(desk: FundedDesk, tool: str) -> NewCredits:
    last = last_transaction(desk.connection)
    return hand_overs.find_new_credits(desk.connection, 1, tool, fresh_after=last)


def reserve(desk: FundedDesk, tool: str = "other") -> HandOver:
    return hand_overs.reserve(
        new_credits(desk, tool), directory="/out", file_name="mail.csv", everyone=False, run_id=desk.run_id
    )


def test_what_one_tool_was_handed_is_new_to_another(desk: FundedDesk) -> None:
    assert not new_credits(desk, "generic").found
    assert new_credits(desk, "other").found
    reserve(desk)
    assert not new_credits(desk, "other").found


def test_credits_of_who_has_no_address_wait(desk: FundedDesk) -> None:
    reserve(desk)
    ranges = desk.written("first_transaction, last_transaction", "batch_ranges")
    cards = [
        card
        for first, last in ranges
        for [card] in desk.read(
            f"SELECT DISTINCT card FROM transactions WHERE id BETWEEN {first} AND {last} AND card IS NOT NULL"
        )
    ]
    assert cards == [1, 2]
    desk.connection.execute("UPDATE customers SET email = 'dee@example.com' WHERE customer_id = 'dee'")
    assert new_credits(desk, "generic").found


def test_a_hand_over_is_open_until_it_is_marked_and_marked_once(desk: FundedDesk) -> None:
    reserved = reserve(desk)
    assert hand_overs.open_hand_over(desk.connection, 1, "other") == reserved
    assert hand_overs.open_hand_over_in(desk.connection, "/out", ["mail.csv"]) == reserved
    assert hand_overs.open_hand_overs_of(desk.connection, [desk.step("topup")]) == [reserved]
    assert hand_overs.open_hand_overs_of(desk.connection, [desk.run_id]) == [reserved]
    assert hand_overs.open_hand_overs_of(desk.connection, [desk.step("load")]) == []
    hand_overs.mark_delivered(desk.connection, reserved, [{"sha256": "00"}], desk.run_id)
    assert hand_overs.open_hand_over(desk.connection, 1, "other") is None
    assert hand_overs.last_delivered(desk.connection, "/out", "mail.csv") == hand_overs.LastHandOver(desk.run_id, "00")
    with pytest.raises(Busy, match="was undone meanwhile"):
        hand_overs.mark_delivered(desk.connection, reserved, [], desk.run_id)
