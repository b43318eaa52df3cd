"""Making cards and giving them to their holders."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from refundctl.domain.errors import Refused
from refundctl.ledger.scope import FUNDED, FUNDED_NOT_ELIGIBLE, OPEN

CODES_PER_WRITE = 20_000
FRUITLESS_ROUNDS = 50  # of drawing codes that all exist already, before a pattern counts as used up

MakeCodes = Callable[[int], list[str]]


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a card in a campaign, and until when: `today` and `expires_on` are ISO dates in its time zone."""

    campaign: int
    per_customer: bool
    today: str
    expires_on: str | None

    @property
    def place(self) -> str:
        """SQL that ties `publications` to what a `considered` line gets a card for: its customer, or its booking."""
        if self.per_customer:
            own = "publications.booking IS NULL AND publications.customer = considered.customer"
        else:
            own = "publications.booking = considered.booking"
        return f"publications.campaign = :campaign AND {own}"

    @property
    def match(self) -> str:
        """The same, where the card is the line's customer's own: a booking may have passed to someone else."""
        return f"{self.place} AND publications.customer = considered.customer"

    def parameters(self) -> dict[str, str | int | None]:
        """What the SQL here takes."""
        return {"campaign": self.campaign, "today": self.today, "expires_on": self.expires_on}


# A card is valid through the end of its last day; extensions are rare, so they are looked at last.
LIVE = """
    (
        publications.expires_on IS NULL OR publications.expires_on >= :today
        OR EXISTS (SELECT 1 FROM extensions WHERE extensions.card = publications.card AND expires_on >= :today)
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
    wanted = _find_holders(connection, holding, limit)
    if not wanted:
        return 0
    before = int(connection.execute("SELECT coalesce(max(id), 0) FROM cards").fetchone()[0])
    _post_cards(connection, holding.campaign, run_id, before, wanted, make_codes)
    connection.execute(
        """
        INSERT INTO publications (card, campaign, customer, booking, ordinal, expires_on, run_id)
        SELECT :before + id, :campaign, customer, booking, ordinal, iif(never_expires, NULL, :expires_on), :run
        FROM holders ORDER BY id
        """,
        {**holding.parameters(), "before": before, "run": run_id},
    )
    return wanted


def holders_with_cards(connection: sqlite3.Connection, holding: Holding) -> int:
    """How many bookings with an open or funded considered line have a live card now."""
    return int(
        connection.execute(
            f"""
            SELECT count(DISTINCT booking) FROM considered
            WHERE state IN ('{FUNDED}', '{FUNDED_NOT_ELIGIBLE}') OR (
                state = '{OPEN}' AND EXISTS (SELECT 1 FROM publications WHERE {holding.match} AND {LIVE})
            )
            """,
            holding.parameters(),
        ).fetchone()[0]
    )


def _find_holders(connection: sqlite3.Connection, holding: Holding, limit: int | None) -> int:
    connection.execute("DROP TABLE IF EXISTS temp.holders")
    connection.execute(
        """
        CREATE TEMP TABLE holders (
            id INTEGER PRIMARY KEY, booking INTEGER, customer INTEGER NOT NULL, ordinal INTEGER NOT NULL,
            never_expires INTEGER NOT NULL
        )
        """
    )
    booking, holder = ("NULL", "customer") if holding.per_customer else ("booking", "booking")
    return connection.execute(
        f"""
        INSERT INTO holders (booking, customer, ordinal, never_expires)
        SELECT
            {booking}, customer,
            1 + coalesce((SELECT max(ordinal) FROM publications WHERE {holding.place}), 0),
            max(never_expires)
        FROM considered
        WHERE state = '{OPEN}' AND NOT EXISTS (SELECT 1 FROM publications WHERE {holding.match} AND {LIVE})
        GROUP BY {holder} ORDER BY {holder} LIMIT :limit
        """,
        {**holding.parameters(), "limit": -1 if limit is None else limit},
    ).rowcount


def _post_cards(
    connection: sqlite3.Connection, campaign: int, run_id: int, before: int, count: int, make_codes: MakeCodes
) -> None:
    """Make `count` cards with ids from `before` + 1. Codes are drawn blindly first: a collision is next to impossible."""
    connection.execute("SAVEPOINT blind_draw")
    for start in range(0, count, CODES_PER_WRITE):
        codes = make_codes(min(CODES_PER_WRITE, count - start))
        first = before + start + 1
        connection.executemany(
            f"INSERT INTO cards (id, campaign, code, run_id) VALUES (?, {campaign:d}, ?, {run_id:d})",
            zip(range(first, first + len(codes)), codes, strict=True),
        )
    if _index_codes(connection, before) != count:
        connection.execute("ROLLBACK TO blind_draw")
        _draw_distinct(connection, count, make_codes)
        connection.execute(
            "INSERT INTO cards (id, campaign, code, run_id) "
            "SELECT ? + row_number() OVER (ORDER BY id), ?, code, ? FROM candidates ORDER BY id",
            (before, campaign, run_id),
        )
        _index_codes(connection, before)
    connection.execute("RELEASE blind_draw")


def _index_codes(connection: sqlite3.Connection, before: int) -> int:
    # Sorted, a million keys go in three times faster; the cards themselves stand in the order in which codes were drawn,
    # so that neighbours' codes tell nothing about each other.
    return connection.execute(
        "INSERT OR IGNORE INTO codes (code_key, card) "
        "SELECT upper(replace(code, '-', '')), id FROM cards WHERE id > ? ORDER BY 1",
        (before,),
    ).rowcount


def _draw_distinct(connection: sqlite3.Connection, count: int, make_codes: MakeCodes) -> None:
    """Draw codes until `count` of them are new; for short patterns, where collisions do happen."""
    connection.execute("DROP TABLE IF EXISTS temp.candidates")
    connection.execute(
        "CREATE TEMP TABLE candidates (id INTEGER PRIMARY KEY, code_key TEXT NOT NULL UNIQUE, code TEXT NOT NULL)"
    )
    found = fruitless = 0
    while found < count:
        drawn = make_codes(min(CODES_PER_WRITE, count - found))
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
