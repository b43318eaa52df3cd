"""Publishing: each holder of an open refund line gets a card, from the pool or made for them."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from refundctl.ledger.cards.codes import MakeCodes, post_cards
from refundctl.ledger.cards.pool import has_pool
from refundctl.ledger.cards.state import waiting
from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.holders import HeldCards, Holding, cards_of
from refundctl.ledger.funding.line_state import LineState


@dataclass(frozen=True, slots=True)
class Published:
    """How many holders got a card, and how many need one for which none was left."""

    published: int
    short: int = 0


def publish(
    considered: Considered, holding: Holding, run_id: int, make_codes: MakeCodes, limit: int | None
) -> Published:
    """Give a card to each holder of an open considered line who has no live one; at most to `limit` of them.

    Cards of the pool go first, in the order in which they came in; then new ones are made, unless the campaign says
    that there are to be none. A holder whose card is dead gets a successor; so does a booking that meanwhile belongs to
    another customer, since that card is the first customer's. Raises CodesExhausted.
    """
    connection = considered.connection
    posting = _CardPosting(cards_of(connection, holding), run_id, -1 if limit is None else limit)
    if holding.makes_codes and not has_pool(connection, holding.campaign):
        return Published(posting.make(posting.wanting, make_codes))
    assigned, left = posting.assign()
    if not left or not holding.makes_codes:
        return Published(assigned, left)
    rest = f"SELECT customer, booking, ordinal, expires_on FROM wanting WHERE place > {assigned} ORDER BY place"
    return Published(assigned + posting.make(rest, make_codes))


@dataclass(frozen=True, slots=True)
class _CardPosting:
    """The cards of one run, for at most `limit` holders; -1 for all."""

    cards: HeldCards
    run_id: int
    limit: int

    @property
    def wanting(self) -> str:
        """SQL for the holders who need a card: customer, booking, ordinal and last day of each."""
        holding = self.cards.holding
        booking, holder = ("NULL", "customer") if holding.per_customer else ("booking", "booking")
        ordinal = f"1 + coalesce((SELECT max(ordinal) FROM {self.cards.sql} WHERE {holding.place}), 0)"
        needs_one = f"NOT {self.cards.live}"
        if not self.cards.any():  # a million lookups would find nothing
            ordinal, needs_one = "1", "TRUE"
        return f"""
            SELECT customer, {booking} AS booking, {ordinal} AS ordinal, {holding.last_day} AS expires_on
            FROM considered
            WHERE state = {LineState.OPEN:d} AND {needs_one}
            GROUP BY {holder} ORDER BY {holder} LIMIT :limit
        """

    def _execute(self, sql: str) -> sqlite3.Cursor:
        parameters = {**self.cards.holding.parameters(), "run": self.run_id, "limit": self.limit}
        return self.cards.connection.execute(sql, parameters)

    def assign(self) -> tuple[int, int]:
        """Note the holders who need a card in `wanting`, in order, and give them cards of the pool, while there are
        any.

        Gives their number, and that of those for whom there was none.
        """
        columns = "place INTEGER PRIMARY KEY, customer INTEGER, booking INTEGER, ordinal INTEGER, expires_on TEXT"
        make_temporary(self.cards.connection, f"CREATE TEMP TABLE wanting ({columns});")
        wanting = self._execute(f"INSERT INTO wanting (customer, booking, ordinal, expires_on) {self.wanting}").rowcount
        assigned = self._execute(
            f"""
            INSERT INTO assignments (card, campaign, customer, booking, ordinal, expires_on, run_id)
            SELECT free.id, :campaign, customer, booking, ordinal, expires_on, :run
            FROM (
                SELECT id, row_number() OVER (ORDER BY id) AS place FROM cards
                WHERE campaign = :campaign AND {waiting(self.cards.connection)}
            ) AS free
            CROSS JOIN wanting ON wanting.place = free.place
            ORDER BY free.place
            """
        ).rowcount
        return assigned, wanting - assigned

    def make(self, wanting: str, make_codes: MakeCodes) -> int:
        """Make a card for each of `wanting` (SQL), with a code of its own; give their number."""

        def post(codes: Iterator[str]) -> int:
            self.cards.connection.create_function("next_code", 0, codes.__next__)
            return self._execute(
                f"""
                INSERT INTO cards (campaign, code, customer, booking, ordinal, expires_on, run_id)
                SELECT :campaign, next_code(), customer, booking, ordinal, expires_on, :run FROM ({wanting})
                """
            ).rowcount

        return post_cards(self.cards.connection, make_codes, post)


def bookings_without_cards(considered: Considered, holding: Holding) -> int:
    """How many bookings with an open considered line have no live card of its customer's."""
    cards = cards_of(considered.connection, holding)
    without = f"SELECT count(DISTINCT booking) FROM considered WHERE state = {LineState.OPEN:d} AND NOT {cards.live}"
    return int(considered.connection.execute(without, holding.parameters()).fetchone()[0])
