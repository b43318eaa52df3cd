"""What becomes of single cards, and what of their balances was booked as expired, net of what came back."""

import sqlite3

import pytest

from refundctl.ledger.desk import card_events
from refundctl.ledger.desk.card_events import Event
from refundctl.ledger.desk.expiring import post_breakage
from support.desks.funded_desk import FundedDesk
from support.desks.funding_desk import FundingDesk


@pytest.mark.parametrize(
    "events",
    [["enabled"], ["disabled", "disabled"], ["disabled", "enabled", "enabled"], ["deactivated", "deactivated"]],
)
def test_a_card_is_blocked_and_let_go_in_turn_and_ends_once(desk: FundedDesk, events: list[Event]) -> None:
    for event in events[:-1]:
        card_events.post_event(desk.connection, 1, event, None, desk.run_id)
    card_events.post_event(desk.connection, 2, "disabled", "another card", desk.run_id)
    with pytest.raises(sqlite3.IntegrityError):
        card_events.post_event(desk.connection, 1, events[-1], None, desk.run_id)


def test_only_a_card_of_a_pool_is_activated_and_once() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=2)
    connection = desk.ledger.connection
    with desk.run() as run_id:
        assert card_events.activated_until(connection, 1) is None
        card_events.activate(connection, 1, "2020-12-31", run_id)
        card_events.activate(connection, 2, None, run_id)
        assert [card_events.activated_until(connection, card) for card in (1, 2)] == ["2020-12-31", None]
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            card_events.activate(connection, 1, "2021-12-31", run_id)


def test_a_published_card_is_not_activated(desk: FundedDesk) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only a card of a pool"):
        card_events.activate(desk.connection, 1, None, desk.run_id)


def test_breakage_of_a_card_is_what_was_booked_of_both_buckets(desk: FundedDesk) -> None:
    post_breakage(desk.connection, 1, "2021-06-01", None, desk.run_id)
    assert card_events.breakage_of(desk.connection, 3) == 0
    post_breakage(desk.connection, 1, "2021-06-02", None, desk.run_id)
    assert [card_events.breakage_of(desk.connection, card) for card in (1, 2, 3)] == [75_00, 30_00, 35_00]
