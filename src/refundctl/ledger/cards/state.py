"""What a card is, told once: its state, its holder, and whether it is live.

All of it is SQL for statements of others. `{card}` is the number of a card there; fragments without it tell of a row
that is called `cards`. One card (one_card.py) and many are asked for the same fragments, of which the first in the
order of CardState counts. The schema's views and triggers, and the checks, have words of their own: what is stored
can't share these, and what checks them should not.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.last_days import VALID, last_day_of_many
from refundctl.ledger.database.sql import any_rows

#: Wrong PINs in a row that lock a card until it is unlocked.
WRONG_PINS_MAX = 5

DEACTIVATED = "EXISTS (SELECT 1 FROM card_events WHERE card_events.card = {card} AND event = 'deactivated')"
TRANSFERRED = "EXISTS (SELECT 1 FROM transfers WHERE transfers.card = {card})"
_CASHED_OUT = """
    EXISTS (
        SELECT 1 FROM cashouts CROSS JOIN cash_outcomes ON cash_outcomes.debt = cashouts.id AND outcome = 'paid'
        WHERE cashouts.card = {card}
    )
"""
_FROZEN = """
    EXISTS (
        SELECT 1 FROM cashouts
        WHERE cashouts.card = {card} AND NOT EXISTS (SELECT 1 FROM cash_outcomes WHERE debt = cashouts.id)
    )
"""
_CASHED_OUT_OR_FROZEN = """
    EXISTS (
        SELECT 1 FROM cashouts WHERE cashouts.card = {card} AND NOT EXISTS (
            SELECT 1 FROM cash_outcomes WHERE cash_outcomes.debt = cashouts.id AND outcome = 'cancelled'
        )
    )
"""
# Of a card that was disabled and enabled in turn, the last event counts.
_DISABLED = """
    (
        (
            SELECT event FROM card_events
            WHERE card_events.card = {card} AND event IN ('disabled', 'enabled') ORDER BY id DESC LIMIT 1
        ) IS 'disabled'
    )
"""
_ASSIGNED = "EXISTS (SELECT 1 FROM assignments WHERE assignments.card = {card})"
_ACTIVATED = "EXISTS (SELECT 1 FROM activations WHERE activations.card = {card})"
#: Whether it was activated for whoever has it, whom nobody knows.
BEARERS = f"({_ACTIVATED} AND NOT {_ASSIGNED})"
UNASSIGNED = f"(cards.customer IS NULL AND NOT {_ASSIGNED} AND NOT {_ACTIVATED})".format(card="cards.id")
#: How many wrong PINs in a row were tried: since a new PIN, an unlocking, or a purchase with the right PIN.
WRONG_PINS = """
    (
        SELECT count(*) FROM attempts
        WHERE attempts.card = {card} AND error_code = 'pin_wrong' AND after_run_id >= max(
            coalesce((SELECT max(run_id) FROM pins WHERE pins.card = {card}), 0),
            coalesce(
                (SELECT max(run_id) FROM card_events WHERE card_events.card = {card} AND event = 'unlocked'), 0
            ),
            coalesce((SELECT max(run_id) FROM redemptions WHERE redemptions.card = {card} AND pin IS NOT NULL), 0)
        )
    )
"""
HAS_PIN = "EXISTS (SELECT 1 FROM pins WHERE pins.card = {card})"

# What each state takes, and the rows without which no card is in it: EXPIRED is told by its last day, ACTIVE is what is
# left.
_TAKES = {
    CardState.DEACTIVATED: ("card_events", DEACTIVATED),
    CardState.TRANSFERRED: ("transfers", TRANSFERRED),
    CardState.CASHED_OUT: ("cashouts", _CASHED_OUT),
    CardState.FROZEN: ("cashouts", _FROZEN),
    CardState.DISABLED: ("card_events", _DISABLED),
    CardState.UNASSIGNED: ("cards WHERE customer IS NULL", UNASSIGNED),
    CardState.LOCKED: ("pins", f"({HAS_PIN} AND {WRONG_PINS} >= {WRONG_PINS_MAX})"),
}
#: The cards that have come to an end of this kind, to be read FROM: they are few.
DEACTIVATED_CARDS = "card_events CROSS JOIN cards ON cards.id = card_events.card AND event = 'deactivated'"
TRANSFERRED_CARDS = "transfers CROSS JOIN cards ON cards.id = transfers.card"
BEARERS_CARDS = f"activations CROSS JOIN cards ON cards.id = activations.card AND NOT {_ASSIGNED}".format(
    card="cards.id"
)

#: What `cards` is joined with, so that a card that came from a pool has its holder too, and what HOLDER and BOOKING
#: tell.
HAND_OUTS = """
    LEFT JOIN assignments ON assignments.card = cards.id
    LEFT JOIN activations ON activations.card = cards.id
"""
HOLDER = "coalesce(cards.customer, assignments.customer)"
BOOKING = "coalesce(cards.booking, assignments.booking)"
#: The cards that a customer holds or held, dead ones too; `{is_asked}` compares, as `= ?1` or `IN (...)` does.
CARDS_OF_CUSTOMER = """
    SELECT id FROM cards WHERE customer {is_asked} UNION SELECT card FROM assignments WHERE customer {is_asked}
"""

# One card

#: SQL for state_of(): whether each state holds that is not told by the day.
STATES = ", ".join(sql.format(card="cards.id") for _, sql in _TAKES.values())


def state_of(states: Sequence[int], last_day: str | None, today: str) -> CardState:
    """The state of a card on the day `today` where its campaign is, by what STATES and LAST_DAY tell of it."""
    holds = dict(zip(_TAKES, states, strict=True))
    holds[CardState.EXPIRED] = last_day is not None and last_day < today
    return next((state for state in CardState if holds.get(state)), CardState.ACTIVE)


# Many cards


@dataclass(frozen=True, slots=True)
class ManyCards:
    """SQL for many `cards` at once: the last valid day of each, NULL for none, and its state where the day is
    :today."""

    last_day: str
    state: str


def many_cards(connection: sqlite3.Connection) -> ManyCards:
    """The same as state_of() tells of one; what this ledger has no rows for is left out, as a million cards are
    asked."""
    last_day = last_day_of_many(connection)
    # Each 4 to 8% of `export cards`, but for those without a customer.
    takes = {state: sql for state, (rows, sql) in _TAKES.items() if any_rows(connection, rows)}
    takes[CardState.EXPIRED] = f"{last_day} < :today"
    whens = [f"WHEN {takes[state].format(card='cards.id')} THEN '{state}'" for state in CardState if state in takes]
    return ManyCards(last_day, f"CASE {' '.join(whens)} ELSE '{CardState.ACTIVE}' END")


def stands_among(state: CardState) -> str:
    """SQL for where `cards` must stand to be in a state that few are in; the others are found by looking at each
    card."""
    if state is CardState.UNASSIGNED:
        return "cards.customer IS NULL"
    return f"cards.id IN (SELECT card FROM {_TAKES[state][0]})" if state in _TAKES else "TRUE"


def endings(connection: sqlite3.Connection, card: str) -> list[str]:
    """SQL for each way in which a card may have come to its end, or wait for it: deactivated, transferred, cashed out,
    frozen.

    Only for those that any card of this ledger has come to, so that a million cards need not be asked for nothing.
    """
    # 3% of a run for each.
    ways = (("card_events", DEACTIVATED), ("transfers", TRANSFERRED), ("cashouts", _CASHED_OUT_OR_FROZEN))
    return [sql.format(card=card) for rows, sql in ways if any_rows(connection, rows)]


def live(connection: sqlite3.Connection, cards: str = "cards") -> str:
    """SQL for whether `cards`, so called there, can still be topped up on the day :today: not expired, not dead, not
    frozen.

    They are read with the day on which they were handed out, as held_cards has it.
    """
    return " AND ".join([VALID.format(cards=cards), *(f"NOT {ended}" for ended in endings(connection, f"{cards}.id"))])


def waiting(connection: sqlite3.Connection) -> str:
    """SQL for whether `cards` wait in a pool: neither handed out, nor blocked, for now or for good."""
    ways = (("activations", _ACTIVATED), ("card_events", DEACTIVATED), ("card_events", _DISABLED))
    none_of = [_ASSIGNED, *(sql for rows, sql in ways if any_rows(connection, rows))]
    return " AND ".join(["cards.customer IS NULL", *(f"NOT {sql.format(card='cards.id')}" for sql in none_of)])
