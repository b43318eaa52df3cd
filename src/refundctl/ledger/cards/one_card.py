"""One card with all that decides what may be done with it, read inside the transaction that decides."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from refundctl.domain.basics.validity import local_day, local_moment
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import code_key, is_card_id, mask
from refundctl.domain.cards.redemption_rules import Buckets, Rules
from refundctl.ledger.campaigns.definitions import Pause, pause_of
from refundctl.ledger.file.sql import any_rows

#: Wrong PINs in a row that lock a card until it is unlocked.
WRONG_PINS_MAX = 5
MOST_VARIANTS = 1_000  # of a code with signs that are taken for each other, looked up one by one
_ALIKE = ("0O", "1IL")


@dataclass(frozen=True, slots=True)
class StoredPin:
    """A card's PIN as it is kept: `method` says how `digest` was made of the salt and the PIN."""

    pin_id: int
    method: str
    salt: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it stands now; amounts in minor units of `currency`, days in the time zone of its campaign.

    `handed_out_by` is the run that published, assigned or activated it: None for one that waits in the pool. `terms` is the
    definition that it is bound by: the one that counted then; `rules` what that asks of a redemption. `replaced` are the cards whose successor it is, the nearest
    first, and `successor` the card that its balance has moved to. `redemptions` counts those that were not given back
    whole, of the cards that it replaced too.
    """

    number: int
    campaign: int
    campaign_name: str
    currency: str
    timezone: str
    code: str
    customer: int | None
    booking: int | None
    ordinal: int | None
    printed: bool
    expires_on: str | None
    handed_out_by: int | None
    terms: Mapping[str, Any]
    rules: Rules
    balance: Buckets
    state: CardState
    successor: int | None
    replaced: Sequence[int]
    pin: StoredPin | None
    wrong_pins: int
    redemptions: int
    pause: Pause | None

    @property
    def card_id(self) -> str:
        """How people name it: no secret."""
        return f"c{self.number}"

    @property
    def masked(self) -> str:
        """What may be shown of its code."""
        return mask(self.code)

    def today(self, now: datetime) -> str:
        """The day of `now` where its campaign is, as an ISO date."""
        return local_day(now, self.timezone).isoformat()

    def local(self, now: datetime) -> datetime:
        """The moment on the clocks there."""
        return local_moment(now, self.timezone)


def card_number(connection: sqlite3.Connection, named: str) -> int | None:
    """The number of the card that is named by its card_id (`c` and digits) or its code; None where there is none."""
    if is_card_id(named):
        row = connection.execute("SELECT id FROM cards WHERE id = ?", (int(named[1:]),)).fetchone()
    else:
        row = connection.execute("SELECT card FROM codes WHERE code_key = ?", (code_key(named),)).fetchone()
    return None if row is None else int(row[0])


def lookalikes(connection: sqlite3.Connection, code: str) -> int:
    """How many cards have a code that this one is easily taken for: with 0 for O or O for 0, or one of 1, I and L."""
    keys = [""]
    for sign in code_key(code):
        choices = next((alike for alike in _ALIKE if sign in alike), sign)
        keys = [key + choice for key in keys for choice in choices]
        if len(keys) > MOST_VARIANTS:
            return 0
    found = connection.execute(
        f"SELECT count(*) FROM codes WHERE code_key IN ({', '.join('?' * len(keys))})", keys
    ).fetchone()
    return int(found[0])


def read_card(connection: sqlite3.Connection, number: int, now: datetime) -> Card:
    """The card of this number, which there is, as it stands at `now`."""
    row = connection.execute(_CARD, {"card": number}).fetchone()
    (campaign, code, customer, booking, ordinal, printed, expires_on, run_id, name, currency, newest, own) = row[:12]
    flags, (paid, bonus, redemptions, has_pin, replaces, was_paused) = row[12:16], row[16:]
    timezone = _terms(newest)["timezone"]
    replaced = _replaced(connection, number) if replaces else ()
    pin = _pin(connection, number) if has_pin else None
    wrong = 0 if pin is None else wrong_pins(connection, number)
    expired = expires_on is not None and expires_on < local_day(now, timezone).isoformat()
    return Card(
        number=number,
        campaign=campaign,
        campaign_name=name,
        currency=currency,
        timezone=timezone,
        code=code,
        customer=customer,
        booking=booking,
        ordinal=ordinal,
        printed=bool(printed),
        expires_on=expires_on,
        handed_out_by=run_id,
        terms=_terms(own or newest),
        rules=_rules(own or newest, currency),
        balance=Buckets(paid, bonus),
        state=_state(flags, handed_out=run_id is not None, expired=expired, locked=wrong >= WRONG_PINS_MAX),
        successor=flags[1],
        replaced=replaced,
        pin=pin,
        wrong_pins=wrong,
        redemptions=redemptions + sum(redemptions_of(connection, each) for each in replaced),
        pause=pause_of(connection, campaign) if was_paused else None,
    )


@lru_cache(maxsize=64)
def _terms(definition: str) -> Mapping[str, Any]:
    """What a definition says; nobody writes into it."""
    terms: Mapping[str, Any] = json.loads(definition)
    return terms


@lru_cache(maxsize=64)
def _rules(definition: str, currency: str) -> Rules:
    return Rules.from_terms(_terms(definition), currency)


#: SQL for the number of redemptions of a card that were not given back whole.
REDEMPTIONS = """
    (
        SELECT count(*) FROM redemptions
        WHERE redemptions.card = {card} AND (
            NOT EXISTS (SELECT 1 FROM rollbacks WHERE redemption = redemptions.id)
            OR (
                SELECT sum(amount_minor) FROM transactions
                WHERE transactions.id = redemptions.id OR related_transaction = redemptions.id
                    OR related_transaction IN (
                        SELECT second.id FROM transactions AS second
                        WHERE second.related_transaction = redemptions.id AND second.type = 'CREDITS_REDEMPTION'
                    )
            ) < 0
        )
    )
"""

# The definition that counts for a card is the last one stored by a run up to the one that handed it out. All in one
# statement, since each further one costs a single redemption as much as what it reads.
_CARD = f"""
    SELECT
        cards.campaign, code, coalesce(cards.customer, assignments.customer),
        coalesce(cards.booking, assignments.booking), coalesce(cards.ordinal, assignments.ordinal), printed,
        -- Not by a LEFT JOIN, behind which SQLite would first write the view out for all cards.
        (SELECT expires_on FROM card_expiries WHERE card_expiries.card = cards.id),
        iif(cards.customer IS NOT NULL, cards.run_id, coalesce(activations.run_id, assignments.run_id)),
        campaigns.name, campaigns.currency,
        (SELECT definition FROM definitions WHERE definitions.campaign = cards.campaign ORDER BY id DESC LIMIT 1),
        (
            SELECT definition FROM definitions
            WHERE definitions.campaign = cards.campaign
                AND definitions.run_id <= iif(
                    cards.customer IS NOT NULL, cards.run_id, coalesce(activations.run_id, assignments.run_id)
                )
            ORDER BY id DESC LIMIT 1
        ),
        EXISTS (SELECT 1 FROM card_events WHERE card_events.card = cards.id AND event = 'deactivated'),
        (SELECT successor FROM transfers WHERE transfers.card = cards.id),
        (
            SELECT coalesce(cash_outcomes.outcome, 'requested')
            FROM cashouts LEFT JOIN cash_outcomes ON cash_outcomes.debt = cashouts.id
            WHERE cashouts.card = cards.id ORDER BY cashouts.id DESC LIMIT 1
        ),
        (
            SELECT event FROM card_events
            WHERE card_events.card = cards.id AND event IN ('disabled', 'enabled') ORDER BY id DESC LIMIT 1
        ),
        coalesce((SELECT sum(amount_minor) FROM transactions WHERE card = cards.id AND bucket = 'paid'), 0),
        coalesce((SELECT sum(amount_minor) FROM transactions WHERE card = cards.id AND bucket = 'bonus'), 0),
        {REDEMPTIONS.format(card="cards.id")},
        EXISTS (SELECT 1 FROM pins WHERE pins.card = cards.id),
        EXISTS (SELECT 1 FROM transfers WHERE successor = cards.id),
        EXISTS (SELECT 1 FROM campaign_events WHERE campaign_events.campaign = cards.campaign)
    FROM cards
    JOIN campaigns ON campaigns.id = cards.campaign
    LEFT JOIN assignments ON assignments.card = cards.id
    LEFT JOIN activations ON activations.card = cards.id
    WHERE cards.id = :card
"""


def _state(
    flags: tuple[int, int | None, str | None, str | None], *, handed_out: bool, expired: bool, locked: bool
) -> CardState:
    deactivated, successor, cashout, blocked = flags
    holds = {
        CardState.DEACTIVATED: bool(deactivated),
        CardState.TRANSFERRED: successor is not None,
        CardState.CASHED_OUT: cashout == "paid",
        CardState.FROZEN: cashout == "requested",
        CardState.DISABLED: blocked == "disabled",
        CardState.UNASSIGNED: not handed_out,
        CardState.EXPIRED: expired,
        CardState.LOCKED: locked,
        CardState.ACTIVE: True,
    }
    return next(state for state, true in holds.items() if true)


# The last run that let a card try its PIN from the start: a new PIN, an unlocking, or a purchase with the right PIN.
_SINCE = """
    max(
        coalesce((SELECT max(run_id) FROM pins WHERE pins.card = {card}), 0),
        coalesce((SELECT max(run_id) FROM card_events WHERE card_events.card = {card} AND event = 'unlocked'), 0),
        coalesce((SELECT max(run_id) FROM redemptions WHERE redemptions.card = {card} AND pin IS NOT NULL), 0)
    )
"""

# What each state takes, in the order of CardState, and the table without whose rows no card is in it.
_STATES = (
    (
        "card_events",
        f"""
        WHEN EXISTS (SELECT 1 FROM card_events WHERE card_events.card = cards.id AND event = 'deactivated')
            THEN '{CardState.DEACTIVATED}'
        """,
    ),
    (
        "transfers",
        f"WHEN EXISTS (SELECT 1 FROM transfers WHERE transfers.card = cards.id) THEN '{CardState.TRANSFERRED}'",
    ),
    (
        "cash_outcomes",
        f"""
        WHEN EXISTS (
            SELECT 1 FROM cashouts CROSS JOIN cash_outcomes ON cash_outcomes.debt = cashouts.id AND outcome = 'paid'
            WHERE cashouts.card = cards.id
        ) THEN '{CardState.CASHED_OUT}'
        """,
    ),
    (
        "cashouts",
        f"""
        WHEN EXISTS (
            SELECT 1 FROM cashouts
            WHERE cashouts.card = cards.id AND NOT EXISTS (SELECT 1 FROM cash_outcomes WHERE debt = cashouts.id)
        ) THEN '{CardState.FROZEN}'
        """,
    ),
    (
        "card_events",
        f"""
        WHEN (
            SELECT event FROM card_events
            WHERE card_events.card = cards.id AND event IN ('disabled', 'enabled') ORDER BY id DESC LIMIT 1
        ) = 'disabled' THEN '{CardState.DISABLED}'
        """,
    ),
    (
        "cards WHERE customer IS NULL",
        f"""
        WHEN cards.customer IS NULL AND NOT EXISTS (SELECT 1 FROM assignments WHERE assignments.card = cards.id)
            AND NOT EXISTS (SELECT 1 FROM activations WHERE activations.card = cards.id)
            THEN '{CardState.UNASSIGNED}'
        """,
    ),
    ("cards", f"WHEN {{last_day}} < :today THEN '{CardState.EXPIRED}'"),
    (
        "pins",
        f"""
        WHEN EXISTS (SELECT 1 FROM pins WHERE pins.card = cards.id) AND (
            SELECT count(*) FROM attempts
            WHERE attempts.card = cards.id AND error_code = 'pin_wrong'
                AND after_run_id >= {_SINCE.format(card="cards.id")}
        ) >= {WRONG_PINS_MAX} THEN '{CardState.LOCKED}'
        """,
    ),
)
# Where a card's last valid day may stand, the first that is there counts; and the table without whose rows it is not there.
_LAST_DAYS = (
    ("extensions", "(SELECT max(expires_on) FROM extensions WHERE extensions.card = cards.id)"),
    ("cards", "cards.expires_on"),
    (
        "cards WHERE customer IS NULL",
        """
        CASE WHEN cards.customer IS NULL THEN iif(
            EXISTS (SELECT 1 FROM assignments WHERE assignments.card = cards.id),
            (SELECT expires_on FROM assignments WHERE assignments.card = cards.id),
            (SELECT expires_on FROM activations WHERE activations.card = cards.id)
        ) END
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class ManyCards:
    """SQL for many `cards` at once: the last valid day of each, NULL for none, and its state where the day is :today."""

    last_day: str
    state: str


def many_cards(connection: sqlite3.Connection) -> ManyCards:
    """The same as read_card() tells of one; what this ledger has no rows for is left out, as a million cards are asked.

    Not by the view card_expiries: behind a LEFT JOIN, SQLite would first write it out for all cards.
    """
    tables = {table for table, _ in (*_STATES, *_LAST_DAYS)}
    filled = {table for table in tables if any_rows(connection, table)}
    days = [day for table, day in _LAST_DAYS if table in filled]
    last_day = f"coalesce({', '.join([*days, 'NULL', 'NULL'])})"
    whens = [when for table, when in _STATES if table in filled]
    state = f"CASE {' '.join(whens)} ELSE '{CardState.ACTIVE}' END" if whens else f"'{CardState.ACTIVE}'"
    return ManyCards(last_day, state.format(last_day=last_day))


def balance_of(connection: sqlite3.Connection, number: int) -> Buckets:
    """What lies on a card."""
    paid, bonus = connection.execute(
        """
        SELECT
            coalesce(sum(amount_minor) FILTER (WHERE bucket = 'paid'), 0),
            coalesce(sum(amount_minor) FILTER (WHERE bucket = 'bonus'), 0)
        FROM transactions WHERE card = ?
        """,
        (number,),
    ).fetchone()
    return Buckets(paid, bonus)


def wrong_pins(connection: sqlite3.Connection, number: int) -> int:
    """How many wrong PINs in a row were tried with a card."""
    return int(
        connection.execute(
            f"""
            SELECT count(*) FROM attempts
            WHERE card = ?1 AND error_code = 'pin_wrong' AND after_run_id >= {_SINCE.format(card="?1")}
            """,
            (number,),
        ).fetchone()[0]
    )


def redemptions_of(connection: sqlite3.Connection, number: int) -> int:
    """How many redemptions of a card stand: those given back whole don't."""
    return int(connection.execute(f"SELECT {REDEMPTIONS.format(card='?')}", (number,)).fetchone()[0])


def _replaced(connection: sqlite3.Connection, number: int) -> list[int]:
    rows = connection.execute(
        """
        WITH RECURSIVE before (card, distance) AS (
            SELECT card, 1 FROM transfers WHERE successor = ?
            UNION ALL
            SELECT transfers.card, distance + 1 FROM before CROSS JOIN transfers ON transfers.successor = before.card
        )
        SELECT card FROM before ORDER BY distance, card
        """,
        (number,),
    )
    return [row[0] for row in rows]


def last_successor(connection: sqlite3.Connection, number: int) -> int:
    """The card that a card's balance has moved to in the end; itself where it has not."""
    row = connection.execute(
        """
        WITH RECURSIVE after (card, distance) AS (
            SELECT ?, 0
            UNION ALL
            SELECT successor, distance + 1 FROM after CROSS JOIN transfers ON transfers.card = after.card
        )
        SELECT card FROM after ORDER BY distance DESC LIMIT 1
        """,
        (number,),
    ).fetchone()
    return int(row[0])


def _pin(connection: sqlite3.Connection, number: int) -> StoredPin | None:
    row = connection.execute(
        "SELECT id, method, salt, hash FROM pins WHERE card = ? ORDER BY id DESC LIMIT 1", (number,)
    ).fetchone()
    return None if row is None else StoredPin(*row)


def pin_set_by(connection: sqlite3.Connection, run_id: int) -> StoredPin | None:
    """The PIN that a run has set, None where it has set none."""
    row = connection.execute("SELECT id, method, salt, hash FROM pins WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else StoredPin(*row)


def pin_of(connection: sqlite3.Connection, number: int) -> StoredPin | None:
    """A card's PIN, None where it has none."""
    return _pin(connection, number)
