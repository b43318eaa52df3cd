"""The codes of cards in the ledger: each is matched under one form, and new ones are like none that is there."""

import sqlite3
from collections.abc import Callable, Iterator

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.codes import code_key
from refundctl.ledger.database.sql import make_temporary

CODES_PER_DRAW = 20_000
CODES_OF_FIRST_DRAW = 50  # most commands make a few cards, and thousands of codes take longer than all else
FRUITLESS_ROUNDS = 10  # of drawing codes that all exist already, before a pattern counts as used up

MakeCodes = Callable[[int], list[str]]

#: The form under which codes are matched: as domain.cards.codes.code_key() has it, for codes of ASCII signs.
CODE_KEY = "upper(replace(replace({code}, '-', ''), ' ', ''))"


class CodesExhausted(Refused, code="no_voucher_suitable_for_publication"):
    """The pattern has no codes left."""


def post_cards(connection: sqlite3.Connection, make_codes: MakeCodes, post: Callable[[Iterator[str]], int]) -> int:
    """Have `post` make cards of codes that are like none that is there; gives how many, as `post` does.

    Raises CodesExhausted.
    """
    before = highest_card(connection)
    # Codes are drawn blindly first: among strong ones a collision is next to impossible.
    connection.execute("SAVEPOINT blind_draw")
    count = post(_drawn(make_codes))
    if index_codes(connection, before) != count:
        connection.execute("ROLLBACK TO blind_draw")
        post(drawn_distinct(connection, make_codes, count))
        index_codes(connection, before)
    connection.execute("RELEASE blind_draw")
    return count


def highest_card(connection: sqlite3.Connection) -> int:
    """The number of the newest card; 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM cards").fetchone()[0])


def index_codes(connection: sqlite3.Connection, before: int) -> int:
    """Note the codes of the cards with ids above `before` for matching; give the number of those that are new indeed.

    Sorted, a million keys go in three times faster; the cards themselves stand in the order in which codes were drawn,
    so that neighbours' codes tell nothing about each other.
    """
    return connection.execute(
        f"""
        INSERT OR IGNORE INTO codes (code_key, card)
        SELECT {CODE_KEY.format(code="code")}, id FROM cards WHERE id > ? ORDER BY 1
        """,
        (before,),
    ).rowcount


def _drawn(make_codes: MakeCodes) -> Iterator[str]:
    """Codes without end, as they are drawn: one of a short pattern may come twice."""
    yield from make_codes(CODES_OF_FIRST_DRAW)
    while True:
        yield from make_codes(CODES_PER_DRAW)


def drawn_distinct(connection: sqlite3.Connection, make_codes: MakeCodes, count: int) -> Iterator[str]:
    """Draw codes until `count` of them are new; for short patterns, where collisions do happen."""
    columns = "id INTEGER PRIMARY KEY, code_key TEXT NOT NULL UNIQUE, code TEXT NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE drawn_codes ({columns});")
    found = fruitless = 0
    while found < count:
        some = make_codes(CODES_PER_DRAW)
        before = found
        connection.executemany(
            """
            INSERT OR IGNORE INTO drawn_codes (code_key, code)
            SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM codes WHERE code_key = ?1)
            """,
            ((code_key(code), code) for code in some),
        )
        found = int(connection.execute("SELECT count(*) FROM drawn_codes").fetchone()[0])
        fruitless = fruitless + 1 if found == before else 0
        if fruitless == FRUITLESS_ROUNDS:
            raise CodesExhausted(
                f"The code pattern is used up: only {found} of {count} new codes could be made. "
                "Give the campaign a longer pattern and store it with `refundctl create`."
            )
    # Read whole: these are the few of a short pattern, and the table is not to be read while cards are written.
    return iter([row[0] for row in connection.execute("SELECT code FROM drawn_codes ORDER BY id LIMIT ?", (count,))])
