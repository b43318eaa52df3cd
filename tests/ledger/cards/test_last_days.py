"""The last valid day of a card: as it was handed out, or the latest to which it was extended; one card as many."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from refundctl.ledger.cards.last_days import LAST_DAY, VALID, last_day_of_many
from support.books import schema_as_written

MAY, JUNE, JULY = "2020-05-31", "2020-06-30", "2020-07-31"
HELD, FOREVER, OF_POOL = 1, 2, 3
ASSIGNED = "INSERT INTO assignments VALUES (NULL, 3, 1, 7, NULL, 9, ?, 2)"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A card through June, one without a last day, and one that waits in the pool."""
    with closing(schema_as_written()) as made:
        for card, customer, day in ((HELD, 7, JUNE), (FOREVER, 7, None), (OF_POOL, None, None)):
            made.execute(
                "INSERT INTO cards (id, campaign, code, customer, ordinal, expires_on, run_id) VALUES (?, 1, ?, ?, ?, ?, 1)",
                (card, f"C{card}", customer, customer and card, day),
            )
        yield made


def days(connection: sqlite3.Connection) -> dict[int, str | None]:
    found = connection.execute(f"SELECT id, {LAST_DAY} FROM cards").fetchall()
    assert connection.execute(f"SELECT id, {last_day_of_many(connection)} FROM cards").fetchall() == found
    return dict(found)


def extend(connection: sqlite3.Connection, card: int, day: str) -> None:
    connection.execute("INSERT INTO extensions (card, expires_on, run_id) VALUES (?, ?, 2)", (card, day))


def test_the_latest_extension_counts_whenever_it_came(connection: sqlite3.Connection) -> None:
    assert days(connection) == {HELD: JUNE, FOREVER: None, OF_POOL: None}
    extend(connection, HELD, JULY)
    extend(connection, HELD, JUNE)
    assert days(connection) == {HELD: JULY, FOREVER: None, OF_POOL: None}


@pytest.mark.parametrize("assigned_until", [JULY, None])
def test_a_card_of_the_pool_has_the_day_of_its_holder_else_that_of_its_activation(
    connection: sqlite3.Connection, assigned_until: str | None
) -> None:
    connection.execute("INSERT INTO activations (card, expires_on, run_id) VALUES (3, ?, 2)", (MAY,))
    assert days(connection)[OF_POOL] == MAY
    connection.execute(ASSIGNED, (assigned_until,))
    assert days(connection)[OF_POOL] == assigned_until


@pytest.mark.parametrize(
    ("today", "valid"), [(JUNE, [HELD, FOREVER]), ("2020-07-01", [FOREVER]), ("2019-01-01", [HELD, FOREVER])]
)
def test_a_card_is_valid_through_the_end_of_its_last_day(
    connection: sqlite3.Connection, today: str, valid: list[int]
) -> None:
    asked = f"SELECT id FROM held_cards WHERE {VALID.format(cards='held_cards')} ORDER BY id"
    assert [card for (card,) in connection.execute(asked, {"today": today})] == valid
    extend(connection, HELD, "2020-07-01")
    assert [card for (card,) in connection.execute(asked, {"today": today})] == [HELD, FOREVER]
