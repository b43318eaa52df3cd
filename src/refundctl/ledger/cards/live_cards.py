"""Which cards can still be topped up, and in which ways one comes to its end."""

import sqlite3

from refundctl.ledger.file.sql import any_rows


def live(connection: sqlite3.Connection, cards: str = "cards") -> str:
    """SQL for whether `cards`, so called there, can still be topped up today: not expired, not dead, and not frozen."""
    return " AND ".join([_VALID.format(cards=cards), *(f"NOT {ended}" for ended in endings(connection, f"{cards}.id"))])


# A card is valid through the end of its last day; extensions are rare, so they are looked at last.
_VALID = """
    (
        {cards}.expires_on IS NULL OR {cards}.expires_on >= :today
        OR EXISTS (SELECT 1 FROM extensions WHERE extensions.card = {cards}.id AND extensions.expires_on >= :today)
    )
"""


def endings(connection: sqlite3.Connection, card: str) -> list[str]:
    """SQL for each way in which a card may have come to its end, or wait for it: deactivated, transferred, cashed out,
    frozen.

    Only for those that any card of this ledger has come to, so that a million cards need not be asked for nothing.
    """
    return [ending.format(card=card) for table, ending in _ENDINGS if any_rows(connection, table)]


_ENDINGS = (
    ("card_events", "EXISTS (SELECT 1 FROM card_events WHERE card_events.card = {card} AND event = 'deactivated')"),
    ("transfers", "EXISTS (SELECT 1 FROM transfers WHERE transfers.card = {card})"),
    (
        "cashouts",
        """
        EXISTS (
            SELECT 1 FROM cashouts WHERE cashouts.card = {card} AND NOT EXISTS (
                SELECT 1 FROM cash_outcomes WHERE cash_outcomes.debt = cashouts.id AND outcome = 'cancelled'
            )
        )
        """,
    ),
)
