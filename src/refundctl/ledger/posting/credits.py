"""Topping up: what each open refund line is owed goes onto its holder's card, once."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.posting.cards import LIVE, Holding, cards_of
from refundctl.ledger.scope import State

BUCKETS = ("paid", "bonus", "cash")


@dataclass(frozen=True, slots=True)
class PostedCredits:
    """How many refund lines were funded, and with how much of each bucket, in minor units."""

    funded: int
    paid_minor: int
    bonus_minor: int
    cash_minor: int


def top_up(connection: sqlite3.Connection, holding: Holding, run_id: int) -> PostedCredits:
    """Credit every open considered line to its holder's newest live card, and extend cards that would die too early.

    What a line is owed in cash is noted beside it, without a card. The schema itself refuses to fund a line twice. Lines
    whose holder has no live card are left as they are, all of them.
    """
    before = _highest(connection)
    cards = cards_of(connection, holding)
    onto_cards = f"""
        INSERT INTO transactions (id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, run_id)
        SELECT
            NULL, :campaign, cards.id, considered.line, 'CREDITS_ADDITION', :bucket, {{amount}}, :contra, {{entry}}, :run
        FROM considered CROSS JOIN {cards} ON {holding.match}
        WHERE state = {State.OPEN:d} AND {LIVE} {_newest(connection, holding, cards)} AND {{amount}} > 0
        ORDER BY considered.booking, considered.line
    """
    parameters = {**holding.parameters(), "run": run_id}
    paid = {**parameters, "bucket": "paid", "contra": "refunds_owed"}
    connection.execute(onto_cards.format(amount="paid_minor", entry="1"), paid)
    if connection.execute("SELECT EXISTS (SELECT 1 FROM considered WHERE bonus_minor > 0)").fetchone()[0]:
        bonus = {**parameters, "bucket": "bonus", "contra": "bonuses_owed"}
        connection.execute(onto_cards.format(amount="bonus_minor", entry="1 + (paid_minor > 0)"), bonus)
    _note_cash(connection, holding.campaign, run_id)
    _extend(connection, holding, run_id, before, cards)
    return _posted(connection, before)


def note_cash(connection: sqlite3.Connection, campaign: int, run_id: int) -> PostedCredits:
    """Note what is owed in cash, where nothing is to go onto a card: so whether cards could still be used doesn't matter."""
    before = _highest(connection)
    _note_cash(connection, campaign, run_id)
    return _posted(connection, before)


def _highest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM transactions").fetchone()[0])


def _posted(connection: sqlite3.Connection, before: int) -> PostedCredits:
    sums = (f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}'), 0)" for name in BUCKETS)
    posted = f"SELECT count(*) FILTER (WHERE entry = 1), {', '.join(sums)} FROM transactions WHERE id > ?"
    return PostedCredits(*connection.execute(posted, (before,)).fetchone())


def _note_cash(connection: sqlite3.Connection, campaign: int, run_id: int) -> None:
    """Note what is owed in cash: of lines that were just funded, and of those that nothing of goes onto a card."""
    connection.execute(
        f"""
        INSERT INTO transactions (id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, run_id)
        SELECT
            NULL, :campaign, NULL, line, 'CREDITS_ADDITION', 'cash', cash_minor, 'refunds_owed',
            1 + (paid_minor > 0) + (bonus_minor > 0), :run
        FROM considered
        WHERE cash_minor > 0 AND (
            state = {State.CASH_ONLY:d} OR (state = {State.OPEN:d} AND EXISTS (
                SELECT 1 FROM transactions WHERE transactions.line = considered.line AND entry = 1
            ))
        )
        ORDER BY considered.booking, considered.line
        """,
        {"campaign": campaign, "run": run_id},
    )


def _newest(connection: sqlite3.Connection, holding: Holding, cards: str) -> str:
    successors = f"SELECT EXISTS (SELECT 1 FROM {cards} WHERE campaign = :campaign AND ordinal > 1)"
    if not connection.execute(successors, {"campaign": holding.campaign}).fetchone()[0]:
        return ""
    # Spelt out for each kind of campaign, as `IS` would keep SQLite from using the index.
    same = "later.booking IS NULL" if holding.per_customer else "later.booking = cards.booking"
    return f"""
        AND NOT EXISTS (
            SELECT 1 FROM {cards.split(maxsplit=1)[0]} AS later
            WHERE later.campaign = cards.campaign AND later.customer = cards.customer
                AND {same} AND later.ordinal > cards.ordinal
        )
    """


def _extend(connection: sqlite3.Connection, holding: Holding, run_id: int, before: int, cards: str) -> None:
    """A later top-up extends a card to at least its own day and duration; a card that never expires stays so."""
    if not holding.extends or holding.expires_on is None:
        return
    early = f"SELECT EXISTS (SELECT 1 FROM {cards} WHERE campaign = :campaign AND expires_on < :expires_on)"
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
