"""The kill switch of a campaign: its last event says whether it is paused, and by whom."""

import sqlite3

import pytest

from refundctl.ledger.campaigns.definitions import Event, Pause, pause_of, post_campaign, post_event
from support.desks.funding_desk import FundingDesk


def test_a_campaign_is_paused_until_it_is_resumed_and_no_other_one_is() -> None:
    desk = FundingDesk()
    connection = desk.ledger.connection
    with desk.run() as run_id:
        spring, summer = (post_campaign(connection, name, "EUR", run_id) for name in ("spring", "summer"))
        assert pause_of(connection, spring) is None
        post_event(connection, spring, "paused", "wrong file", run_id)
        pause = Pause(run_id, "2020-05-01T12:00:00Z", "ann", "desk", "wrong file")
        assert (pause_of(connection, spring), pause_of(connection, summer)) == (pause, None)
        post_event(connection, spring, "resumed", None, run_id)
        assert pause_of(connection, spring) is None
        post_event(connection, spring, "paused", None, run_id)
        again = pause_of(connection, spring)
        assert again is not None
        assert again.reason is None


@pytest.mark.parametrize("events", [["resumed"], ["paused", "paused"], ["paused", "resumed", "resumed"]])
def test_it_is_paused_and_resumed_in_turn(events: list[Event]) -> None:
    desk = FundingDesk()
    with desk.run() as run_id:
        for event in events[:-1]:
            post_event(desk.ledger.connection, 1, event, None, run_id)
        with pytest.raises(sqlite3.IntegrityError, match="paused and resumed in turn"):
            post_event(desk.ledger.connection, 1, events[-1], None, run_id)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("wrong file", "since 2020-05-01T12:00:00Z by ann@desk (wrong file)"),
        (None, "since 2020-05-01T12:00:00Z by ann@desk"),
    ],
)
def test_a_pause_says_since_when_by_whom_and_why(reason: str | None, said: str) -> None:
    pause = Pause(7, "2020-05-01T12:00:00Z", "ann", "desk", reason)
    assert str(pause) == said
    assert pause.as_json() == {"run_id": 7, "since": "2020-05-01T12:00:00Z", "by": "ann@desk", "reason": reason}
