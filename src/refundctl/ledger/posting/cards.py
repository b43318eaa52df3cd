"""Making cards and giving them to their holders."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from refundctl.domain.errors import Refused
from refundctl.ledger.scope import State

CODES_PER_DRAW = 20_000
FRUITLESS_ROUNDS = 10  # of drawing codes that all exist already, before a pattern counts as used up

MakeCodes = Callable[[int], list[str]]


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a card in a campaign, and until when: `today` and `expires_on` are ISO dates in its time zone."""

    campaign: int
    per_customer: bool
    today: str
    expires_on: str | None
    extends: bool  # whether a later top-up gives a card more time, as a duration does

    @property
    def place(self) -> str:
        """SQL that ties `cards` to what a `considered` line gets a card for: its customer, or its booking."""
        if self.per_customer:
            own = "cards.booking IS NULL AND cards.customer = considered.customer"
        else:
            own = "cards.booking = considered.booking"
        return f"cards.campaign = :campaign AND {own}"

    @property
    def match(self) -> str:
        """The same, where the card is the line's customer's own: a booking may have passed to someone else."""
        return f"{self.place} AND cards.customer = considered.customer"

    def parameters(self) -> dict[str, str | int | None]:
        """What the SQL here takes."""
        return {"campaign": self.campaign, "today": self.today, "expires_on": self.expires_on}


# A card is valid through the end of its last day; extensions are rare, so they are looked at last.
LIVE = """
    (
        cards.expires_on IS NULL OR cards.expires_on >= :today
        OR EXISTS (SELECT 1 FROM extensions WHERE extensions.card = cards.id AND extensions.expires_on >= :today)
    )
"""


class CodesExhausted(Refused):
    """The pattern has no codes left."""

    code = "no_voucher_suitable_for_publication"


def publish(
    connection: sqlite3.Connection, holding: Holding, run_id: int, make_codes: MakeCodes, limit: int | None
) -> int:
    """Give a new card to each holder of an open considered line who has no live one; give their number.

    A holder whose card is dead gets a successor; so does a booking that meanwhile belongs to another customer, since
    that card is the first customer's. Raises CodesExhausted.
    """
    before = int(connection.execute("SELECT coalesce(max(id), 0) FROM cards").fetchone()[0])
    posting = _Posting(connection, holding, run_id, before, limit)
    # Codes are drawn blindly first: among strong ones a collision is next to impossible.
    connection.execute("SAVEPOINT blind_draw")
    wanted = posting.post(_drawn(make_codes))
    if posting.index_codes() != wanted:
        connection.execute("ROLLBACK TO blind_draw")
        posting.post(_drawn_distinct(connection, make_codes, wanted))
        posting.index_codes()
    connection.execute("RELEASE blind_draw")
    return wanted


@dataclass(frozen=True, slots=True)
class _Posting:
    """The cards of one run; `before` is the highest card id before it."""

    connection: sqlite3.Connection
    holding: Holding
    run_id: int
    before: int
    limit: int | None

    def post(self, codes: Iterator[str]) -> int:
        """Make a card for each holder who needs one, with the next code; give their number."""
        booking, holder = ("NULL", "customer") if self.holding.per_customer else ("booking", "booking")
        self.connection.create_function("next_code", 0, codes.__next__)
        return self.connection.execute(
            f"""
            INSERT INTO cards (campaign, code, customer, booking, ordinal, expires_on, run_id)
            SELECT
                :campaign, next_code(), customer, {booking},
                1 + coalesce((SELECT max(ordinal) FROM cards WHERE {self.holding.place}), 0),
                iif(max(never_expires), NULL, :expires_on), :run
            FROM considered
            WHERE state = {State.OPEN:d} AND NOT EXISTS (
                SELECT 1 FROM cards WHERE {self.holding.match} AND {LIVE}
            )
            GROUP BY {holder} ORDER BY {holder} LIMIT :limit
            """,
            {**self.holding.parameters(), "run": self.run_id, "limit": -1 if self.limit is None else self.limit},
        ).rowcount

    def index_codes(self) -> int:
        """Note the new cards' codes for matching; give the number of those that are new indeed.

        Sorted, a million keys go in three times faster; the cards themselves stand in the order in which codes were
        drawn, so that neighbours' codes tell nothing about each other.
        """
        return self.connection.execute(
            """
            INSERT OR IGNORE INTO codes (code_key, card)
            SELECT upper(replace(code, '-', '')), id FROM cards WHERE id > ? ORDER BY 1
            """,
            (self.before,),
        ).rowcount


def bookings_with_cards(connection: sqlite3.Connection, holding: Holding) -> int:
    """How many bookings with an open or funded considered line have a live card now."""
    return int(
        connection.execute(
            f"""
            SELECT count(DISTINCT booking) FROM considered
            WHERE state IN ({State.FUNDED:d}, {State.FUNDED_NOT_ELIGIBLE:d}) OR (
                state = {State.OPEN:d} AND EXISTS (SELECT 1 FROM cards WHERE {holding.match} AND {LIVE})
            )
            """,
            holding.parameters(),
        ).fetchone()[0]
    )


def _drawn(make_codes: MakeCodes) -> Iterator[str]:
    while True:
        yield from make_codes(CODES_PER_DRAW)


def _drawn_distinct(connection: sqlite3.Connection, make_codes: MakeCodes, count: int) -> Iterator[str]:
    """Draw codes until `count` of them are new; for short patterns, where collisions do happen."""
    connection.execute("DROP TABLE IF EXISTS temp.candidates")
    connection.execute(
        "CREATE TEMP TABLE candidates (id INTEGER PRIMARY KEY, code_key TEXT NOT NULL UNIQUE, code TEXT NOT NULL)"
    )
    found = fruitless = 0
    while found < count:
        drawn = make_codes(CODES_PER_DRAW)
        before = found
        connection.executemany(
            """
            INSERT OR IGNORE INTO candidates (code_key, code)
            SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM codes WHERE code_key = ?1)
            """,
            ((code.upper().replace("-", ""), code) for code in drawn),
        )
        found = int(connection.execute("SELECT count(*) FROM candidates").fetchone()[0])
        fruitless = fruitless + 1 if found == before else 0
        if fruitless == FRUITLESS_ROUNDS:
            raise CodesExhausted(
                f"The code pattern is used up: only {found} of {count} new codes could be made. "
                "Give the campaign a longer pattern and take it in with `refundctl create`."
            )
    # Read whole: these are the few of a short pattern, and the table is not to be read while cards are written.
    return iter([row[0] for row in connection.execute("SELECT code FROM candidates ORDER BY id LIMIT ?", (count,))])
