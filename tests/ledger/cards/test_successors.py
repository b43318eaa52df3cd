"""Who comes after a card: to the end of a chain, where several may meet, for one card and for all of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from refundctl.ledger.cards.successors import find_last_successors, last_successor, replaced_by
from support.books import schema_as_written

# 1 and 2 moved to 3, that to 4; 5 to 6; 7 is alone.
MOVED = [(1, 3), (2, 3), (3, 4), (5, 6)]
LAST = {1: 4, 2: 4, 3: 4, 4: 4, 5: 6, 6: 6, 7: 7}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(schema_as_written()) as made:
        made.executemany(
            "INSERT INTO cards (id, campaign, code, run_id) VALUES (?, 1, ?, 1)", ((card, f"C{card}") for card in LAST)
        )
        yield made


def move(connection: sqlite3.Connection, *moved: tuple[int, int]) -> None:
    connection.executemany("INSERT INTO transfers (card, successor, run_id) VALUES (?, ?, 1)", moved)


def test_a_card_is_followed_to_the_end(connection: sqlite3.Connection) -> None:
    move(connection, *MOVED)
    assert {card: last_successor(connection, card) for card in LAST} == LAST


def test_what_a_card_replaces_is_told_the_nearest_first(connection: sqlite3.Connection) -> None:
    move(connection, *MOVED)
    assert {card: replaced_by(connection, card) for card in LAST} == {
        **{card: [] for card in LAST},
        3: [1, 2],
        4: [3, 1, 2],
        6: [5],
    }


def test_all_cards_are_told_the_same_as_one_also_after_another_has_moved(connection: sqlite3.Connection) -> None:
    def told() -> dict[int, int]:
        found = find_last_successors(connection)
        return dict(connection.execute(f"SELECT id, {found.of('cards.id')} FROM cards").fetchall())

    assert told() == {card: card for card in LAST}
    move(connection, *MOVED)
    assert told() == LAST
    move(connection, (4, 7))
    assert told() == {**LAST, 1: 7, 2: 7, 3: 7, 4: 7}
