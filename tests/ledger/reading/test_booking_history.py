"""What is told of one booking: each version of its lines, what was posted and taken back, and the card that it would go to."""

from collections.abc import Sequence

import pytest

from refundctl.ledger.desk import card_events
from refundctl.ledger.reading import booking_history
from refundctl.ledger.reading.booking_history import Booking, RunSeen, Version
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings, reopen
from support.desks.funded_desk import FundedDesk
from support.desks.funding_desk import FundingDesk
from support.desks.staging_desk import StagingDesk

TODAY = "2020-05-01"
HEADER = "booking_id,refund_id,customer_id,order_amount,refund_amount\n"


def versions(desk: StagingDesk, booking_id: str = "B1") -> Sequence[Version]:
    found = booking_history.booking_named(desk.ledger.connection, booking_id)
    assert found is not None
    return booking_history.versions(desk.ledger.connection, found)


def test_a_booking_is_of_whom_the_newest_of_its_lines_names() -> None:
    desk = StagingDesk()
    desk.load(f"{HEADER}B1,,ana,100,100\nB2,,ana,100,100\n")
    desk.load(f"{HEADER}B1,,bo,100,100\n")
    connection = desk.ledger.connection
    assert booking_history.booking_named(connection, "B1") == Booking(1, "B1", "bo")
    assert booking_history.booking_named(connection, "B2") == Booking(2, "B2", "ana")
    assert booking_history.booking_named(connection, "b1") is None


def test_versions_are_told_line_by_line_the_oldest_first() -> None:
    desk = StagingDesk()
    desk.load(f"{HEADER}B1,r2,ana,1000,100\nB1,r1,ana,1000,200\nB2,,ana,5,5\n")
    desk.load(f"{HEADER}B1,r2,ana,1000,300\n")
    desk.load("booking_id,order_amount\n", left_out=[("B1", "r2"), ("B2", "")])
    found = [(one.refund_id, one.number, one.values["refund_amount"], one.withdrawn) for one in versions(desk)]
    assert found == [("r2", 1, 100, False), ("r2", 2, 300, False), ("r2", 3, 300, True), ("r1", 1, 200, False)]
    assert [one.refund_id for one in versions(desk, "B2")] == ["B2", "B2"]
    assert [one.run.run_id for one in versions(desk)] == [1, 2, 3, 1]
    assert versions(desk)[0].run.as_json() == {"run_id": 1, "at": "2020-05-01T12:00:00Z", "by": "ann@desk"}


def test_a_rule_may_look_at_the_booking_its_customer_and_the_kept_columns() -> None:
    desk = StagingDesk()
    desk.load_people("customer_id,country,locale\nana,PL,pl\n")
    desk.load(
        "booking_id,customer_id,order_amount,country,metadata\n"
        'B1,ana,100,DE,"{""seat"":""12A""}"\nB2,ana,200,,"{}"\nB3,bo,400,,\n'
    )
    fields = [
        booking_history.fields_of(desk.ledger.connection, versions(desk, booking)[0], with_total=True)
        for booking in ("B1", "B2", "B3")
    ]
    names = ("country", "locale", "order_amount", "customer_total")
    assert [tuple(each[name] for name in names) for each in fields] == [
        ("DE", "pl", 100, 300),
        ("PL", "pl", 200, 300),
        (None, None, 400, 400),
    ]
    assert [each.get("metadata.seat") for each in fields] == ["12A", None, None]
    without = booking_history.fields_of(desk.ledger.connection, versions(desk)[0], with_total=False)
    assert "customer_total" not in without


def test_what_was_posted_for_a_line_is_told_with_its_card_and_what_took_it_back(desk: FundedDesk) -> None:
    topup = desk.step("topup")
    names = ("bucket", "amount_minor", "funding", "related", "undo_reason")

    def told(line: int) -> list[tuple[object, ...]]:
        return [
            (each.card and each.card.key, *(getattr(each, name) for name in names))
            for each in booking_history.posted(desk.connection, line)
        ]

    given = [(2, "paid", 30_00, 1, None, None), (None, "cash", 20_00, 1, None, None)]
    assert told(2) == given
    note_undoings(desk.connection, [topup], "wrong file", desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    taken = [(2, "paid", -30_00, None, 2, "wrong file"), (None, "cash", -20_00, None, 5, "wrong file")]
    assert sorted(told(2), key=repr) == sorted([*given, *taken], key=repr)
    [first, *_] = [each for each in booking_history.posted(desk.connection, 2) if each.funding]
    assert (first.run.run_id, first.campaign_name, first.card and first.card.run_id) == (
        topup,
        "flight-refunds",
        desk.step("publish"),
    )


def test_a_line_is_taken_back_with_the_whole_run_where_that_was_undone(desk: FundedDesk) -> None:
    run, topup = desk.step("run"), desk.step("topup")
    assert booking_history.undone(desk.connection, 1) == []
    note_undoings(desk.connection, [run, topup], "wrong file", desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    [found] = booking_history.undone(desk.connection, 1)
    assert (found.undone_run, found.run.run_id, found.reason, found.reopened) == (run, desk.run_id, "wrong file", None)
    again = desk.journal.begin().run_id
    reopen(desk.connection, [run, topup], again)
    [found] = booking_history.undone(desk.connection, 1)
    assert found.reopened == RunSeen(again, "2020-06-01T12:00:00Z", "ann@desk")
    assert str(found.reopened) == f"run {again}, 2020-06-01T12:00:00Z, by ann@desk"


def test_definitions_are_numbered_from_one() -> None:
    desk = FundingDesk(description="one")
    desk.say(description="two")
    found = booking_history.definitions(desk.ledger.connection, 1)
    assert [(each.number, each.terms["description"]) for each in found] == [(1, "one"), (2, "two")]
    assert booking_history.definitions(desk.ledger.connection, 2) == []


@pytest.mark.parametrize("pool", [{}, {"type": "STATIC", "vouchers_count": 3}])
def test_a_booking_would_go_onto_its_customers_newest_live_card(pool: dict[str, object]) -> None:
    desk = FundingDesk(activity_duration_after_publishing="P1D", **pool)

    def card(today: str = TODAY) -> int | None:
        [version] = versions(desk)[-1:]
        booking = booking_history.booking_named(desk.ledger.connection, "B1")
        assert booking is not None
        found = booking_history.card_for(desk.ledger.connection, 1, version, booking, today, per_customer=False)
        return None if found is None else found.key

    desk.load(f"{HEADER}B1,,ana,100,100\n")
    assert card() is None
    desk.publish()
    assert [card(today) for today in (TODAY, "2020-05-02", "2020-05-03")] == [1, 1, None]
    with desk.run() as run_id:
        card_events.post_event(desk.ledger.connection, 1, "deactivated", None, run_id)
    desk.publish()
    assert card() == 2
    with desk.run() as run_id:
        made = "INSERT INTO cards (campaign, code, customer, booking, ordinal, run_id) VALUES (1, 'THIRD', 1, 1, 3, ?)"
        third = desk.ledger.connection.execute(made, (run_id,)).lastrowid
    assert card() == third
    desk.load(f"{HEADER}B1,,bo,100,100\n")
    assert card() is None


def test_a_customers_card_is_for_all_of_their_bookings() -> None:
    desk = FundingDesk(card_per="customer")
    desk.load(f"{HEADER}B1,,ana,100,100\nB2,,ana,100,100\n")
    desk.publish()
    [version], connection = versions(desk, "B2"), desk.ledger.connection
    booking = Booking(2, "B2", "ana")
    found = booking_history.card_for(connection, 1, version, booking, TODAY, per_customer=True)
    assert found is not None
    assert found.key == 1
    assert booking_history.card_for(connection, 1, version, booking, TODAY, per_customer=False) is None
