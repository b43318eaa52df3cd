"""One card with all that decides what may be done with it, read inside the transaction that decides."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from refundctl.domain.basics.validity import local_day, local_moment
from refundctl.domain.cards.buckets import Buckets
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import mask
from refundctl.domain.cards.redemption_rules import Rules
from refundctl.ledger.campaigns.definitions import Pause, pause_of
from refundctl.ledger.cards.last_days import LAST_DAY
from refundctl.ledger.cards.pins import StoredPin, pin_of
from refundctl.ledger.cards.state import BOOKING, HAND_OUTS, HAS_PIN, HOLDER, STATES, WRONG_PINS, state_of
from refundctl.ledger.cards.successors import replaced_by


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it stands now; amounts in minor units of `currency`, days in the time zone of its campaign.

    `handed_out_by` is the run that published, assigned or activated it: None for one that waits in the pool. `terms` is
    the definition that it is bound by: the one that counted then; `rules` what that asks of a redemption. `replaced`
    are the cards whose successor it is, the nearest first, and `successor` the card that its balance has moved to.
    `redemptions` counts those that were not given back whole, of the cards that it replaced too.
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

    def has_expired(self, now: datetime) -> bool:
        """Whether its last valid day is over there, whatever else its state tells first."""
        return self.expires_on is not None and self.expires_on < self.today(now)

    def local(self, now: datetime) -> datetime:
        """The moment on the clocks there."""
        return local_moment(now, self.timezone)


def read_card(connection: sqlite3.Connection, number: int, now: datetime) -> Card:
    """The card of this number, which there is, as it stands at `now`."""
    row = connection.execute(_CARD, {"card": number}).fetchone()
    (campaign, code, customer, booking, ordinal, printed, expires_on, run_id, name, currency, newest, own) = row[:12]
    paid, bonus, successor, replaces, redemptions, was_paused, wrong_pins, *states = row[12:]
    timezone = _terms(newest)["timezone"]
    replaced = replaced_by(connection, number) if replaces else ()
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
        state=state_of(states, expires_on, local_day(now, timezone).isoformat()),
        successor=successor,
        replaced=replaced,
        pin=None if wrong_pins is None else pin_of(connection, number),
        wrong_pins=wrong_pins or 0,
        redemptions=redemptions + sum(_redemptions_of(connection, each) for each in replaced),
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

# The run that handed it out; one that was activated before it got a holder was handed out then.
_HANDED_OUT_BY = "iif(cards.customer IS NOT NULL, cards.run_id, coalesce(activations.run_id, assignments.run_id))"
# The definition that counts for a card is the last one stored by a run up to the one that handed it out. All in one
# statement, since each further one costs a single redemption as much as what it reads.
_CARD = f"""
    SELECT
        cards.campaign, code, {HOLDER}, {BOOKING}, coalesce(cards.ordinal, assignments.ordinal), printed, {LAST_DAY},
        {_HANDED_OUT_BY}, campaigns.name, campaigns.currency,
        (SELECT definition FROM definitions WHERE definitions.campaign = cards.campaign ORDER BY id DESC LIMIT 1),
        (
            SELECT definition FROM definitions
            WHERE definitions.campaign = cards.campaign AND definitions.run_id <= {_HANDED_OUT_BY}
            ORDER BY id DESC LIMIT 1
        ),
        coalesce((SELECT sum(amount_minor) FROM transactions WHERE card = cards.id AND bucket = 'paid'), 0),
        coalesce((SELECT sum(amount_minor) FROM transactions WHERE card = cards.id AND bucket = 'bonus'), 0),
        (SELECT successor FROM transfers WHERE transfers.card = cards.id),
        EXISTS (SELECT 1 FROM transfers WHERE successor = cards.id),
        {REDEMPTIONS},
        EXISTS (SELECT 1 FROM campaign_events WHERE campaign_events.campaign = cards.campaign),
        iif({HAS_PIN}, {WRONG_PINS}, NULL),
        {STATES}
    FROM cards JOIN campaigns ON campaigns.id = cards.campaign {HAND_OUTS}
    WHERE cards.id = :card
""".format(card="cards.id")


def _redemptions_of(connection: sqlite3.Connection, number: int) -> int:
    """How many redemptions of a card stand: those given back whole don't."""
    return int(connection.execute(f"SELECT {REDEMPTIONS.format(card='?')}", (number,)).fetchone()[0])
