"""Until which day a card is valid, told once: the last day that its extensions or its publication gave it.

All of it is SQL for statements of others, that read a row called `cards`. A card is valid through the end of that day
in the time zone of its campaign.
"""

import sqlite3

from refundctl.ledger.database.sql import any_rows

_EXTENDED_TO = "(SELECT max(expires_on) FROM extensions WHERE extensions.card = {cards}.id)"
#: The last valid day of a card that has a holder, read from `cards` with the day on which it was handed out.
LAST_DAY_HELD = f"coalesce({_EXTENDED_TO}, {{cards}}.expires_on)"
# That of a card from a pool is told by how it was handed out.
_HANDED_OUT = """
    CASE WHEN cards.customer IS NULL THEN iif(
        EXISTS (SELECT 1 FROM assignments WHERE assignments.card = cards.id),
        (SELECT expires_on FROM assignments WHERE assignments.card = cards.id),
        (SELECT expires_on FROM activations WHERE activations.card = cards.id)
    ) END
"""
#: SQL for the last valid day of `cards`, NULL for none. The view card_expiries would be written out for all of them.
LAST_DAY = f"coalesce({_EXTENDED_TO.format(cards='cards')}, cards.expires_on, {_HANDED_OUT})"

#: SQL for whether `cards`, as held_cards has them, are valid on the day :today. Extensions are rare: looked at last.
VALID = """
    (
        {cards}.expires_on IS NULL OR {cards}.expires_on >= :today
        OR EXISTS (SELECT 1 FROM extensions WHERE extensions.card = {cards}.id AND extensions.expires_on >= :today)
    )
"""


def last_day_of_many(connection: sqlite3.Connection) -> str:
    """LAST_DAY for a million `cards`: extensions are looked for only where this ledger has any."""
    extended = any_rows(connection, "extensions")  # else 7% of `export cards`
    return LAST_DAY if extended else f"coalesce(cards.expires_on, {_HANDED_OUT})"
