"""Deactivating the cards that a run published, where nothing else stands on them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.cards.state import endings
from refundctl.ledger.cards.successors import with_replaced
from refundctl.ledger.database.sql import any_rows, make_temporary, one_value
from refundctl.ledger.undo.undone_runs import FUNDED_BY, MOST_LISTED


@dataclass(frozen=True, slots=True)
class Staying:
    """Something that stays as it is, as the run `held_by` stands on it: a card, or a refund line (its two ids)."""

    card: int | None
    booking_id: str | None
    refund_id: str | None
    held_by: int | None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What of a publication or a load was undone, how many rows of it stay, and the first of these.

    Of lines that a load changed, `restored` say again what they said before; a later file has changed `overwritten`.
    """

    undone: int
    kept_count: int
    kept: Sequence[Staying]
    restored: int = 0
    overwritten: int = 0


def deactivate(
    connection: sqlite3.Connection, undone: int, reason: str | None, run_id: int, *, with_lines: bool = True
) -> Withdrawn:
    """Deactivate the cards that the run `undone` published, for good; those with money of other top-ups on them stay.

    The lines that they were for are undone if they were known then and nothing else has funded them: for a booking's
    card its lines, for a customer's all of theirs in the campaign's currency, for a goodwill card none.
    """
    _find_cards(connection, undone)
    deactivated = connection.execute(
        """
        INSERT INTO card_events (card, event, reason, run_id)
        SELECT card, 'deactivated', ?, ? FROM undone_cards WHERE balance_minor = 0 ORDER BY card
        """,
        (reason, run_id),
    ).rowcount
    if deactivated and with_lines:
        _undo_published_lines(connection, undone, run_id)
    count = one_value(connection, "SELECT count(*) FROM undone_cards WHERE balance_minor > 0")
    kept = connection.execute(
        f"""
        SELECT card, NULL, NULL, (
            SELECT max(run_id) FROM ({_LINEAGE}) AS lineage CROSS JOIN transactions ON transactions.card = lineage.card
            WHERE type = 'CREDITS_ADDITION' AND (entry IS NOT NULL OR contra_account = 'goodwill')
                AND run_id NOT IN (SELECT undone_run FROM undoings)
        )
        FROM undone_cards WHERE balance_minor > 0 ORDER BY card LIMIT {MOST_LISTED}
        """
    )
    return Withdrawn(deactivated, count, [Staying(*row) for row in kept])


def _find_cards(connection: sqlite3.Connection, undone: int) -> None:
    """Collect the live cards that the run published in temp.undone_cards, with their holders and balances."""
    make_temporary(connection, _CARDS_TABLE)
    # What is dead already is left as it is. So is what is frozen: were its cash-out cancelled, the money would be on a
    # dead card; a later undo finds it alive or paid out.
    alive = " ".join(f"AND NOT {ending}" for ending in endings(connection, "held_cards.id"))
    connection.execute(
        f"""
        INSERT INTO undone_cards
        SELECT
            id, campaign, customer, booking,
            coalesce((SELECT sum(amount_minor) FROM transactions WHERE transactions.card = held_cards.id), 0)
        FROM held_cards
        WHERE (run_id = :undone OR id IN ({_STANDS_IN})) {alive}
        """,
        {"undone": undone},
    )


_CARDS_TABLE = """
    CREATE TEMP TABLE undone_cards (
        card INTEGER PRIMARY KEY, campaign INTEGER NOT NULL, customer INTEGER NOT NULL, booking INTEGER,
        balance_minor INTEGER NOT NULL
    );
"""


# A card that was made, or taken from the pool, to replace a card of the undone run stands for that one, so it goes like
# it. One that also replaces a card of another run stays for that, as does one that its holder had before: they are not
# the undone run's to end, and once its money is taken back, nothing of it is left on them.
_STANDS_IN = """
    WITH RECURSIVE stands_in (card) AS (
        SELECT id FROM held_cards WHERE run_id = :undone
        UNION
        SELECT successor
        FROM stands_in
        CROSS JOIN transfers ON transfers.card = stands_in.card
        CROSS JOIN held_cards AS found ON found.id = transfers.successor AND found.run_id = transfers.run_id
        WHERE NOT EXISTS (
            SELECT 1 FROM transfers AS other WHERE other.successor = found.id AND other.card <> transfers.card
        )
    )
    SELECT card FROM stands_in
"""
# The card and those whose successor it is: where its money came from.
_LINEAGE = f"{with_replaced('SELECT undone_cards.card')} SELECT card FROM lineage"


def _undo_published_lines(connection: sqlite3.Connection, undone: int, run_id: int) -> None:
    open_then = f"""
        first.run_id < :undone AND {FUNDED_BY.format(line="first.id")} IS NULL
        AND NOT EXISTS (SELECT 1 FROM undone_lines WHERE undone_lines.line = first.id AND undone_run = :undone)
    """
    parameters = {"undone": undone, "run": run_id}
    connection.execute(
        f"""
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT first.id, :undone, :run
        FROM undone_cards
        CROSS JOIN line_versions AS first ON first.booking = undone_cards.booking AND first.version = 1
        WHERE balance_minor = 0 AND {open_then}
        ORDER BY first.id
        """,
        parameters,
    )
    if not any_rows(connection, "undone_cards WHERE booking IS NULL"):  # else 4% of an undo
        return
    connection.execute("CREATE INDEX temp.undone_cards_customer ON undone_cards (customer)")
    connection.execute(
        f"""
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT first.id, :undone, :run
        FROM refund_lines
        CROSS JOIN undone_cards ON undone_cards.customer = refund_lines.customer AND undone_cards.booking IS NULL
        CROSS JOIN campaigns ON campaigns.id = undone_cards.campaign AND campaigns.currency = refund_lines.currency
        CROSS JOIN line_versions AS first ON first.id = refund_lines.line
        WHERE balance_minor = 0 AND {open_then}
        ORDER BY first.id
        """,
        parameters,
    )
