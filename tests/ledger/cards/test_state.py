"""What a card is, by its facts: one card and many are told the same, and of several states the first counts."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import combinations

import pytest

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.cards.state import endings, live, many_cards, stands_among, waiting
from refundctl.ledger.cards.successors import find_last_successors, last_successor, replaced_by
from support.books import schema_as_written

NOW = datetime(2020, 5, 1, 23, 30, tzinfo=UTC)  # where the campaign is, it is the 2nd of May already
TODAY, YESTERDAY, TOMORROW = "2020-05-02", "2020-05-01", "2020-05-03"
HELD, OF_POOL, SUCCESSOR = 1, 2, 3

_WRONG = (
    "INSERT INTO attempts SELECT NULL, 1, 'card redeem', NULL, 'ana', 1, 'shop', '1', '{{}}', 'refused', 'pin_wrong', '', "
    "{card}, '', '' FROM json_each('[1, 2, 3, 4, 5]')"
)
_PIN = "INSERT INTO pins (card, method, salt, hash, run_id) VALUES ({card}, 'm', zeroblob(16), zeroblob(32), 1)"
_CASHOUT = "INSERT INTO cashouts (id, card, reason, run_id) VALUES (100 + {card}, {card}, 'moved', 2)"
_EVENT = "INSERT INTO card_events (card, event, run_id) VALUES ({card}, '%s', 2)"
#: What makes a card be in each state, one fact after the other.
FACTS = {
    CardState.DEACTIVATED: [_EVENT % "deactivated"],
    CardState.TRANSFERRED: ["INSERT INTO transfers (card, successor, run_id) VALUES ({card}, 3, 2)"],
    CardState.CASHED_OUT: [
        _CASHOUT,
        "INSERT INTO cash_outcomes (debt, outcome, run_id) VALUES (100 + {card}, 'paid', 2)",
    ],
    CardState.FROZEN: [_CASHOUT],
    CardState.DISABLED: [_EVENT % "disabled"],
    CardState.EXPIRED: [f"INSERT INTO extensions (card, expires_on, run_id) VALUES ({{card}}, '{YESTERDAY}', 2)"],
    CardState.LOCKED: [_PIN, _WRONG],
    CardState.ACTIVE: [],
}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A card with a holder, one of the pool, and one more, without the schema's guards: any facts may meet."""
    with closing(schema_as_written()) as made:
        for (trigger,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            made.execute(f"DROP TRIGGER {trigger}")
        made.execute("INSERT INTO campaigns VALUES (1, 'spring', 'EUR', 1)")
        terms = json.dumps({"timezone": "Europe/Berlin"})
        made.execute("INSERT INTO definitions VALUES (1, 1, ?, 1)", (terms,))
        for card, customer in ((HELD, 7), (OF_POOL, None), (SUCCESSOR, 7)):
            made.execute(
                "INSERT INTO cards (id, campaign, code, customer, ordinal, run_id) VALUES (?, 1, ?, ?, ?, 1)",
                (card, f"CODE{card}", customer, customer and card),
            )
        yield made


def add(connection: sqlite3.Connection, *facts: str, card: int = HELD) -> None:
    for fact in facts:
        connection.execute(fact.format(card=card))


def one(connection: sqlite3.Connection, card: int = HELD) -> Card:
    return read_card(connection, card, NOW)


def many(connection: sqlite3.Connection, card: int = HELD) -> tuple[str | None, str]:
    told = many_cards(connection)
    row = connection.execute(
        f"SELECT {told.last_day}, {told.state} FROM cards WHERE id = :card", {"card": card, "today": TODAY}
    ).fetchone()
    return row[0], row[1]


def both(connection: sqlite3.Connection, card: int = HELD) -> CardState:
    found = one(connection, card)
    assert many(connection, card) == (found.expires_on, found.state)
    return found.state


@pytest.mark.parametrize("state", FACTS)
def test_each_state_from_its_facts(connection: sqlite3.Connection, state: CardState) -> None:
    add(connection, *FACTS[state])
    assert both(connection) is state
    assert both(connection, SUCCESSOR) is CardState.ACTIVE, "it is told of its own card only"
    among = connection.execute(f"SELECT count(*) FROM cards WHERE id = 1 AND {stands_among(state)}").fetchone()
    assert among == (1,)


@pytest.mark.parametrize(("first", "second"), [*combinations(FACTS, 2)])
def test_the_first_of_two_counts(connection: sqlite3.Connection, first: CardState, second: CardState) -> None:
    add(connection, *FACTS[first], *(fact for fact in FACTS[second] if fact not in FACTS[first]))
    assert both(connection) is first


def test_of_the_pool_until_somebody_has_it(connection: sqlite3.Connection) -> None:
    assert both(connection, OF_POOL) is CardState.UNASSIGNED
    assert one(connection, OF_POOL).handed_out_by is None
    add(connection, f"INSERT INTO activations (card, expires_on, run_id) VALUES ({{card}}, '{TODAY}', 2)", card=OF_POOL)
    assert (both(connection, OF_POOL), one(connection, OF_POOL).expires_on) == (CardState.ACTIVE, TODAY)
    to_eve = f"INSERT INTO assignments VALUES (NULL, {{card}}, 1, 8, NULL, 1, '{YESTERDAY}', 3)"
    add(connection, to_eve, card=OF_POOL)
    card = one(connection, OF_POOL)
    assert (card.customer, card.handed_out_by, card.expires_on) == (8, 2, YESTERDAY)
    assert both(connection, OF_POOL) is CardState.EXPIRED


def test_a_disabled_card_of_the_pool_is_disabled_and_does_not_wait(connection: sqlite3.Connection) -> None:
    def waits() -> list[int]:
        return [row[0] for row in connection.execute(f"SELECT id FROM cards WHERE {waiting(connection)}")]

    assert waits() == [OF_POOL]
    add(connection, *FACTS[CardState.DISABLED], card=OF_POOL)
    assert (both(connection, OF_POOL), waits()) == (CardState.DISABLED, [])
    add(connection, _EVENT % "enabled", card=OF_POOL)
    assert (both(connection, OF_POOL), waits()) == (CardState.UNASSIGNED, [OF_POOL])


def test_the_last_day_itself_is_valid_and_a_later_one_revives(connection: sqlite3.Connection) -> None:
    extend = "INSERT INTO extensions (card, expires_on, run_id) VALUES ({card}, '%s', 2)"
    add(connection, extend % YESTERDAY)
    assert both(connection) is CardState.EXPIRED
    add(connection, extend % TODAY)
    assert both(connection) is CardState.ACTIVE


def test_a_cancelled_cash_out_leaves_the_card_as_it_was(connection: sqlite3.Connection) -> None:
    add(connection, _CASHOUT, "INSERT INTO cash_outcomes (debt, outcome, run_id) VALUES (101, 'cancelled', 2)")
    assert both(connection) is CardState.ACTIVE
    assert not is_live_not(connection)


def test_wrong_pins_lock_until_it_is_unlocked(connection: sqlite3.Connection) -> None:
    add(connection, _WRONG)
    assert both(connection) is CardState.ACTIVE, "a card without a PIN has none that could be wrong"
    add(connection, _PIN)
    assert (both(connection), one(connection).wrong_pins) == (CardState.LOCKED, 5)
    add(connection, _EVENT % "unlocked")
    assert (both(connection), one(connection).wrong_pins) == (CardState.ACTIVE, 0)


def is_live_not(connection: sqlite3.Connection) -> list[str]:
    """The ways in which the card has come to its end, held against whether it is live."""
    ended = [
        sql
        for sql in endings(connection, "cards.id")
        if connection.execute(f"SELECT {sql} FROM cards WHERE id = 1").fetchone()[0]
    ]
    is_live = connection.execute(
        f"SELECT {live(connection, 'held_cards')} FROM held_cards WHERE id = 1", {"today": TODAY}
    ).fetchone()[0]
    assert bool(is_live) is not bool(ended)
    return ended


@pytest.mark.parametrize("state", [state for state in FACTS if state is not CardState.EXPIRED])
def test_live_is_what_has_not_ended(connection: sqlite3.Connection, state: CardState) -> None:
    """A card that is blocked for now, or locked, may be topped up."""
    add(connection, *FACTS[state])
    assert bool(is_live_not(connection)) is (state.is_dead or state is CardState.FROZEN)


def test_one_that_has_expired_is_live_again_once_extended(connection: sqlite3.Connection) -> None:
    connection.execute(f"INSERT INTO cards VALUES (9, 1, 'CODE9', 7, NULL, 9, '{YESTERDAY}', 0, 1)")
    asked = f"SELECT {live(connection, 'held_cards')} FROM held_cards WHERE id = 9"
    assert connection.execute(asked, {"today": TODAY}).fetchone() == (0,)
    connection.execute(f"INSERT INTO extensions (card, expires_on, run_id) VALUES (9, '{TOMORROW}', 2)")
    assert connection.execute(asked, {"today": TODAY}).fetchone() == (1,)


def test_successors_are_told_to_the_end(connection: sqlite3.Connection) -> None:
    assert find_last_successors(connection).of("cards.id") == "cards.id"
    add(connection, "INSERT INTO transfers (card, successor, run_id) VALUES (1, 2, 2), (2, 3, 3)")
    successors = find_last_successors(connection)
    rows = connection.execute(f"SELECT id, {successors.of('cards.id')} FROM cards ORDER BY id").fetchall()
    assert rows == [(HELD, SUCCESSOR), (OF_POOL, SUCCESSOR), (SUCCESSOR, SUCCESSOR)]
    assert (last_successor(connection, HELD), replaced_by(connection, SUCCESSOR)) == (SUCCESSOR, [OF_POOL, HELD])
    assert one(connection, SUCCESSOR).replaced == [OF_POOL, HELD]
