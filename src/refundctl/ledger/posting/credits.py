"""Topping up: what each open refund line is owed goes onto its holder's card, once."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.posting.cards import LIVE, Holding
from refundctl.ledger.scope import State


@dataclass(frozen=True, slots=True)
class PostedCredits:
    """How many refund lines were funded, and with how much in minor units."""

    funded: int
    paid_minor: int


def top_up(connection: sqlite3.Connection, holding: Holding, run_id: int) -> PostedCredits:
    """Credit every open considered line to its holder's newest live card, and extend cards that would die too early.

    The schema itself refuses to fund a line twice. Lines whose holder has no live card are left as they are.
    """
    before = int(connection.execute("SELECT coalesce(max(id), 0) FROM transactions").fetchone()[0])
    connection.execute(
        f"""
        INSERT INTO transactions (id, campaign, card, line, type, bucket, amount_minor, contra_account, run_id)
        SELECT
            NULL, :campaign, cards.id, considered.line, 'CREDITS_ADDITION', 'paid', considered.amount_minor,
            'refunds_owed', :run
        FROM considered CROSS JOIN cards ON {holding.match}
        WHERE state = {State.OPEN:d} AND {LIVE} {_newest(connection, holding)}
        ORDER BY considered.booking, considered.line
        """,
        {**holding.parameters(), "run": run_id},
    )
    _extend(connection, holding, run_id, before)
    funded, paid = connection.execute(
        "SELECT count(*), coalesce(sum(amount_minor), 0) FROM transactions WHERE id > ?", (before,)
    ).fetchone()
    return PostedCredits(funded, paid)


def _newest(connection: sqlite3.Connection, holding: Holding) -> str:
    successors = "SELECT EXISTS (SELECT 1 FROM cards WHERE campaign = :campaign AND ordinal > 1)"
    if not connection.execute(successors, {"campaign": holding.campaign}).fetchone()[0]:
        return ""
    # Spelt out for each kind of campaign, as `IS` would keep SQLite from using the index.
    same = "later.booking IS NULL" if holding.per_customer else "later.booking = cards.booking"
    return f"""
        AND NOT EXISTS (
            SELECT 1 FROM cards AS later
            WHERE later.campaign = cards.campaign AND later.customer = cards.customer
                AND {same} AND later.ordinal > cards.ordinal
        )
    """


def _extend(connection: sqlite3.Connection, holding: Holding, run_id: int, before: int) -> None:
    """A later top-up extends a card to at least its own day and duration; a card that never expires stays so."""
    if not holding.extends or holding.expires_on is None:
        return
    early = "SELECT EXISTS (SELECT 1 FROM cards WHERE campaign = :campaign AND expires_on < :expires_on)"
    if not connection.execute(early, holding.parameters()).fetchone()[0]:
        return
    connection.execute(
        """
        INSERT INTO extensions (card, expires_on, run_id)
        SELECT DISTINCT card_expiries.card, :expires_on, :run
        FROM transactions CROSS JOIN card_expiries ON card_expiries.card = transactions.card
        WHERE transactions.id > :before AND card_expiries.expires_on < :expires_on
        ORDER BY card_expiries.card
        """,
        {"before": before, "run": run_id, "expires_on": holding.expires_on},
    )
