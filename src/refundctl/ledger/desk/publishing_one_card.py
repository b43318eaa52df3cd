"""Handing out a single card, as the desk does: one of the pool first, as publication does, else a new one."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.cards.codes import MakeCodes, drawn_distinct, highest_card, index_codes
from refundctl.ledger.cards.finding_cards import is_a_code
from refundctl.ledger.cards.state import waiting
from refundctl.ledger.desk import card_events


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a card, for which booking (None for none), and until when: an ISO date, None for no end.

    `customer` is None where it is for whoever has it: a bearer.
    """

    campaign: int
    customer: int | None
    booking: int | None
    expires_on: str | None


def hand_out(connection: sqlite3.Connection, to: Recipient, run_id: int, make_codes: MakeCodes | None) -> int | None:
    """Hand out the next card of the pool, or a new one; gives its number.

    None where the pool has none left and `make_codes` is None, as the campaign makes none. Raises CodesExhausted.
    """
    free = connection.execute(
        f"SELECT id FROM cards WHERE campaign = ? AND {waiting(connection)} ORDER BY id LIMIT 1", (to.campaign,)
    ).fetchone()
    if free is not None:
        hand_out_card(connection, free[0], to, run_id)
        return int(free[0])
    if make_codes is None:
        return None
    card = _make(connection, to, run_id, _new_code(connection, make_codes))
    if to.customer is None:
        hand_out_card(connection, card, to, run_id)
    return card


def hand_out_card(connection: sqlite3.Connection, card: int, to: Recipient, run_id: int) -> None:
    """Hand out this card of the pool; the schema itself refuses one that has a holder."""
    if to.customer is None:
        card_events.activate(connection, card, to.expires_on, run_id)
        return
    connection.execute(
        f"""
        INSERT INTO assignments (card, campaign, customer, booking, ordinal, expires_on, run_id)
        VALUES (:card, :campaign, :customer, :booking, {_ORDINAL}, :expires_on, :run)
        """,
        {"card": card, **_parameters(to, run_id)},
    )


def _make(connection: sqlite3.Connection, to: Recipient, run_id: int, code: str) -> int:
    """Make a card: of the holder's from the start, or one of the pool for a bearer."""
    before = highest_card(connection)
    holder = f":customer, :booking, {_ORDINAL}, :expires_on" if to.customer is not None else "NULL, NULL, NULL, NULL"
    card = connection.execute(
        f"""
        INSERT INTO cards (campaign, code, customer, booking, ordinal, expires_on, run_id)
        VALUES (:campaign, :code, {holder}, :run) RETURNING id
        """,
        {"code": code, **_parameters(to, run_id)},
    ).fetchone()[0]
    index_codes(connection, before)
    return int(card)


# The next of the holder's cards for this booking, or of those for none.
_ORDINAL = """
    1 + coalesce(
        (
            SELECT max(ordinal) FROM (
                SELECT ordinal FROM cards WHERE campaign = :campaign AND booking = :booking
                UNION ALL
                SELECT ordinal FROM assignments WHERE campaign = :campaign AND booking = :booking
                UNION ALL
                SELECT ordinal FROM cards
                WHERE :booking IS NULL AND campaign = :campaign AND booking IS NULL AND customer = :customer
                UNION ALL
                SELECT ordinal FROM assignments
                WHERE :booking IS NULL AND campaign = :campaign AND booking IS NULL AND customer = :customer
            )
        ),
        0
    )
"""


def _parameters(to: Recipient, run_id: int) -> dict[str, int | str | None]:
    return {
        "campaign": to.campaign,
        "customer": to.customer,
        "booking": to.booking,
        "expires_on": to.expires_on,
        "run": run_id,
    }


def _new_code(connection: sqlite3.Connection, make_codes: MakeCodes) -> str:
    [code] = make_codes(1)
    return next(drawn_distinct(connection, make_codes, 1)) if is_a_code(connection, code) else code
