"""Making cards and giving them to their holders."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.codes import code_key
from refundctl.ledger.cards.state import live, waiting
from refundctl.ledger.funding.considered_lines import State

CODES_PER_DRAW = 20_000
FRUITLESS_ROUNDS = 10  # of drawing codes that all exist already, before a pattern counts as used up

MakeCodes = Callable[[int], list[str]]


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a card in a campaign, and until when: `today` and all days are ISO dates in its time zone.

    A card's last day stands under its `valid_by`, as `considered` has it, with 0 where no rule is for it; None for none.
    `extends_to` is likewise the day to which a later top-up extends a card, None where it gives no more time.
    """

    campaign: int
    per_customer: bool
    today: str
    expires_on: Mapping[int, str | None] = field(default_factory=dict)
    extends_to: Mapping[int, str | None] = field(default_factory=dict)
    makes_codes: bool = True  # whether cards are made as they are published, once the pool is empty

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
        return {"campaign": self.campaign, "today": self.today}

    @property
    def last_day(self) -> str:
        """SQL for the last day of a holder's new card: of several lines the latest; NULL for none."""
        day = day_of(self.expires_on)
        return f"iif(max(never_expires OR {day} IS NULL), NULL, max({day}))"


def day_of(days: Mapping[int, str | None]) -> str:
    """SQL for the day that stands under `valid_by`."""
    written = {number: "NULL" if day is None else f"'{day}'" for number, day in days.items()}
    if len(set(written.values())) == 1:
        return next(iter(written.values()))
    return f"CASE valid_by {' '.join(f'WHEN {number} THEN {day}' for number, day in written.items())} END"


# The form under which codes are matched: as domain.codes.code_key() has it, for codes of ASCII signs.
CODE_KEY = "upper(replace(replace({code}, '-', ''), ' ', ''))"


class CodesExhausted(Refused, code="no_voucher_suitable_for_publication"):
    """The pattern has no codes left."""


@dataclass(frozen=True, slots=True)
class Published:
    """How many holders got a card, and how many need one for which none was left."""

    published: int
    short: int = 0


def cards_of(connection: sqlite3.Connection, holding: Holding) -> str:
    """What to read the campaign's held cards from, under the name `cards`.

    Where some came from a pool, that is a temporary table, so that they are found by holder: it is made anew here.
    """
    if not has_pool(connection, holding.campaign):
        return "cards"
    connection.execute("DROP TABLE IF EXISTS temp.held")
    # With types, since the view's columns have none and an index of theirs would not be used.
    connection.execute(
        """
        CREATE TEMP TABLE held (
            id INTEGER PRIMARY KEY, campaign INTEGER, customer INTEGER, booking INTEGER, ordinal INTEGER, expires_on TEXT
        )
        """
    )
    connection.execute(
        """
        INSERT INTO held
        SELECT id, campaign, customer, booking, ordinal, expires_on FROM held_cards WHERE campaign = ? ORDER BY id
        """,
        (holding.campaign,),
    )
    connection.execute("CREATE INDEX temp.held_holder ON held (customer, booking)")
    connection.execute("CREATE INDEX temp.held_booking ON held (booking)")
    return "held AS cards"


def has_pool(connection: sqlite3.Connection, campaign: int) -> bool:
    """Whether cards of the campaign were made beforehand or printed, taken or not."""
    found = "SELECT EXISTS (SELECT 1 FROM cards WHERE campaign = ? AND customer IS NULL)"
    return bool(connection.execute(found, (campaign,)).fetchone()[0])


def publish(
    connection: sqlite3.Connection, holding: Holding, run_id: int, make_codes: MakeCodes, limit: int | None
) -> Published:
    """Give a card to each holder of an open considered line who has no live one.

    Cards of the pool go first, in the order in which they came in; then new ones are made, unless the campaign says that
    there are to be none. A holder whose card is dead gets a successor; so does a booking that meanwhile belongs to another
    customer, since that card is the first customer's. Raises CodesExhausted.
    """
    before = int(connection.execute("SELECT coalesce(max(id), 0) FROM cards").fetchone()[0])
    posting = _Posting(connection, holding, run_id, before, limit)
    if has_pool(connection, holding.campaign) or not holding.makes_codes:
        posting.want(cards_of(connection, holding))
        assigned = posting.assign()
        return posting.settle_rest(assigned, make_codes)
    return Published(posting.post_drawn(posting.wanting("cards"), make_codes))


@dataclass(frozen=True, slots=True)
class _Posting:
    """The cards of one run; `before` is the highest card id before it."""

    connection: sqlite3.Connection
    holding: Holding
    run_id: int
    before: int
    limit: int | None

    def wanting(self, cards: str) -> str:
        """SQL for the holders who need a card: customer, booking, ordinal and last day of each."""
        booking, holder = ("NULL", "customer") if self.holding.per_customer else ("booking", "booking")
        ordinal = f"1 + coalesce((SELECT max(ordinal) FROM {cards} WHERE {self.holding.place}), 0)"
        needs_one = f"NOT EXISTS (SELECT 1 FROM {cards} WHERE {self.holding.match} AND {live(self.connection)})"
        if not self._has_published(cards):
            ordinal, needs_one = "1", "TRUE"
        return f"""
            SELECT
                customer, {booking} AS booking, {ordinal} AS ordinal, {self.holding.last_day} AS expires_on
            FROM considered
            WHERE state = {State.OPEN:d} AND {needs_one}
            GROUP BY {holder} ORDER BY {holder} LIMIT :limit
        """

    def _has_published(self, cards: str) -> bool:
        """Whether anybody holds a card yet: if not, a million lookups find nothing."""
        found = f"SELECT EXISTS (SELECT 1 FROM {cards} WHERE campaign = ?)"
        return bool(self.connection.execute(found, (self.holding.campaign,)).fetchone()[0])

    def _parameters(self) -> dict[str, str | int | None]:
        limit = -1 if self.limit is None else self.limit
        return {**self.holding.parameters(), "run": self.run_id, "limit": limit}

    def want(self, cards: str) -> None:
        """Note the holders who need a card, in order."""
        self.connection.execute("DROP TABLE IF EXISTS temp.wanting")
        self.connection.execute(
            "CREATE TEMP TABLE wanting (place INTEGER PRIMARY KEY, customer INTEGER, booking INTEGER, ordinal INTEGER, expires_on TEXT)"
        )
        self.connection.execute(
            f"INSERT INTO wanting (customer, booking, ordinal, expires_on) {self.wanting(cards)}", self._parameters()
        )

    def assign(self) -> int:
        """Give cards of the pool to those noted, if there are any; give their number."""
        return self.connection.execute(
            f"""
            INSERT INTO assignments (card, campaign, customer, booking, ordinal, expires_on, run_id)
            SELECT free.id, :campaign, customer, booking, ordinal, expires_on, :run
            FROM (
                SELECT id, row_number() OVER (ORDER BY id) AS place FROM cards
                WHERE campaign = :campaign AND {waiting(self.connection)}
            ) AS free
            CROSS JOIN wanting ON wanting.place = free.place
            ORDER BY free.place
            """,
            self._parameters(),
        ).rowcount

    def settle_rest(self, assigned: int, make_codes: MakeCodes) -> Published:
        """Make cards for those for whom the pool had none, where the campaign makes any."""
        left = int(self.connection.execute("SELECT count(*) - ? FROM wanting", (assigned,)).fetchone()[0])
        if not left or not self.holding.makes_codes:
            return Published(assigned, left)
        rest = f"SELECT customer, booking, ordinal, expires_on FROM wanting WHERE place > {assigned} ORDER BY place"
        return Published(assigned + self.post_drawn(rest, make_codes))

    def post_drawn(self, wanting: str, make_codes: MakeCodes) -> int:
        """Make a card for each of `wanting`, with a code of its own; give their number."""
        # Codes are drawn blindly first: among strong ones a collision is next to impossible.
        self.connection.execute("SAVEPOINT blind_draw")
        wanted = self.post(wanting, drawn(make_codes))
        if self.index_codes() != wanted:
            self.connection.execute("ROLLBACK TO blind_draw")
            self.post(wanting, drawn_distinct(self.connection, make_codes, wanted))
            self.index_codes()
        self.connection.execute("RELEASE blind_draw")
        return wanted

    def post(self, wanting: str, codes: Iterator[str]) -> int:
        """Make a card for each of `wanting` with the next code; give their number."""
        self.connection.create_function("next_code", 0, codes.__next__)
        return self.connection.execute(
            f"""
            INSERT INTO cards (campaign, code, customer, booking, ordinal, expires_on, run_id)
            SELECT :campaign, next_code(), customer, booking, ordinal, expires_on, :run FROM ({wanting})
            """,
            self._parameters(),
        ).rowcount

    def index_codes(self) -> int:
        """Note the new cards' codes for matching; give the number of those that are new indeed.

        Sorted, a million keys go in three times faster; the cards themselves stand in the order in which codes were
        drawn, so that neighbours' codes tell nothing about each other.
        """
        return index_codes(self.connection, self.before)


def index_codes(connection: sqlite3.Connection, before: int) -> int:
    """Note the codes of the cards with ids above `before`; give the number of those that are new indeed."""
    return connection.execute(
        f"""
        INSERT OR IGNORE INTO codes (code_key, card)
        SELECT {CODE_KEY.format(code="code")}, id FROM cards WHERE id > ? ORDER BY 1
        """,
        (before,),
    ).rowcount


def bookings_without_cards(connection: sqlite3.Connection, holding: Holding) -> int:
    """How many bookings with an open considered line have no live card of its customer's."""
    cards = cards_of(connection, holding)
    return int(
        connection.execute(
            f"""
            SELECT count(DISTINCT booking) FROM considered
            WHERE state = {State.OPEN:d} AND NOT EXISTS (SELECT 1 FROM {cards} WHERE {holding.match} AND {live(connection)})
            """,
            holding.parameters(),
        ).fetchone()[0]
    )


def drawn(make_codes: MakeCodes) -> Iterator[str]:
    """Codes without end, as they are drawn: one of a short pattern may come twice."""
    while True:
        yield from make_codes(CODES_PER_DRAW)


def drawn_distinct(connection: sqlite3.Connection, make_codes: MakeCodes, count: int) -> Iterator[str]:
    """Draw codes until `count` of them are new; for short patterns, where collisions do happen."""
    connection.execute("DROP TABLE IF EXISTS temp.drawn_codes")
    connection.execute(
        "CREATE TEMP TABLE drawn_codes (id INTEGER PRIMARY KEY, code_key TEXT NOT NULL UNIQUE, code TEXT NOT NULL)"
    )
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
