"""Which card is meant: by its card_id, or by its code as somebody has typed it."""

import sqlite3

from refundctl.domain.cards.codes import code_key, is_card_id
from refundctl.ledger.database.sql import any_rows

MOST_VARIANTS = 1_000  # of a code with signs that are taken for each other, looked up one by one
_ALIKE = ("0O", "1IL")


def card_number(connection: sqlite3.Connection, named: str) -> int | None:
    """The number of the card that is named by its card_id (`c` and digits) or its code; None where there is none."""
    if is_card_id(named):
        row = connection.execute("SELECT id FROM cards WHERE id = ?", (int(named[1:]),)).fetchone()
    else:
        row = connection.execute("SELECT card FROM codes WHERE code_key = ?", (code_key(named),)).fetchone()
    return None if row is None else int(row[0])


def is_a_code(connection: sqlite3.Connection, text: str) -> bool:
    """Whether a text is a card's code as somebody may type it, perhaps where something else belongs."""
    return any_rows(connection, "codes WHERE code_key = ?", (code_key(text),))


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
