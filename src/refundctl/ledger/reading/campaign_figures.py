"""What each campaign has come to: the figures of `status`."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.state import (
    BEARERS_CARDS,
    DEACTIVATED,
    DEACTIVATED_CARDS,
    TRANSFERRED,
    TRANSFERRED_CARDS,
    many_cards,
)
from refundctl.ledger.cash.debts import count_open
from refundctl.ledger.database.sql import any_rows, first_column, one_value
from refundctl.ledger.desk.card_details import refused_redemptions_open
from refundctl.ledger.funding.budgets import published_cards
from refundctl.ledger.funding.owed import BUCKETS, FUNDED


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """What a campaign has come to, net of undo, in minor units of its currency.

    What lies on cards whose last day is over counts as expired, booked as breakage or not. So outstanding_minor, which
    can still be spent, is paid + bonus + adjusted - redeemed - expired - cashed_out - lapsed. `states` counts the cards
    to which something was done at the desk; `activated` are those alive without a holder.
    """

    published: int
    activated: int
    states: Mapping[CardState, int]
    cash_debts_open: int
    till_overdrafts_open: int
    deactivated: int
    unassigned: int
    funded: int
    unreachable: int
    not_handed_over: int
    paid_minor: int
    bonus_minor: int
    fee_minor: int
    cash_minor: int
    adjusted_minor: int
    redeemed_minor: int
    cashed_out_minor: int
    lapsed_minor: int
    expired_minor: int
    outstanding_minor: int
    next_expiry: str | None
    open_batches: Sequence[str]


_OPEN_BATCHES = """
    SELECT directory FROM batches WHERE campaign = ? AND id NOT IN (SELECT batch FROM deliveries) ORDER BY id
"""


def campaign_figures(connection: sqlite3.Connection, campaign: int, today: str) -> CampaignFigures:
    """Add up a campaign; `today` is the day in its time zone, by which a card has expired or not."""
    published = published_cards(connection, campaign)
    deactivated = _count(connection, DEACTIVATED_CARDS, campaign)
    sums = (f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}' AND {FUNDED}), 0)" for name in BUCKETS)
    funded, paid, bonus, fee, cash, balance = connection.execute(
        f"""
        SELECT
            count(*) FILTER (WHERE entry = 1 AND bucket <> 'fee' AND run_id NOT IN (SELECT undone_run FROM undoings)),
            {", ".join(sums)},
            coalesce(sum(amount_minor) FILTER (WHERE card IS NOT NULL), 0)
        FROM transactions WHERE campaign = ?
        """,
        (campaign,),
    ).fetchone()
    moved = _moved(connection, campaign)
    unbooked, next_expiry = connection.execute(
        f"""
        SELECT
            coalesce(sum(balance_minor) FILTER (WHERE card_expiries.expires_on < ?2), 0),
            min(card_expiries.expires_on) FILTER (
                WHERE card_expiries.expires_on >= ?2 AND balance_minor > 0 AND {_not_dead(connection)}
            )
        FROM cards
        JOIN card_expiries ON card_expiries.card = cards.id
        JOIN card_balances ON card_balances.card = cards.id
        WHERE cards.campaign = ?1
        """,
        (campaign, today),
    ).fetchone()
    return CampaignFigures(
        published=published,
        activated=_count(connection, f"{BEARERS_CARDS} AND {_NOT_ENDED}", campaign),
        states=_states(connection, campaign, today),
        cash_debts_open=count_open(connection, campaign) if cash or "cash_owed" in moved else 0,
        till_overdrafts_open=len(refused_redemptions_open(connection, campaign=campaign)),
        deactivated=deactivated,
        unassigned=_count(connection, "cards", campaign)
        - published
        - deactivated
        - _count(connection, TRANSFERRED_CARDS, campaign),
        funded=funded,
        unreachable=_unreachable(connection, campaign),
        not_handed_over=_not_handed_over(connection, campaign),
        paid_minor=paid,
        bonus_minor=bonus,
        fee_minor=fee,
        cash_minor=cash,
        adjusted_minor=moved.get("adjustments", 0),
        redeemed_minor=-moved.get("sales", 0),
        cashed_out_minor=-moved.get("cash_owed", 0),
        lapsed_minor=-moved.get("lapsed", 0),
        expired_minor=unbooked - moved.get("breakage", 0),
        outstanding_minor=balance - unbooked,
        next_expiry=next_expiry,
        open_batches=first_column(connection, _OPEN_BATCHES, (campaign,)),
    )


def _moved(connection: sqlite3.Connection, campaign: int) -> dict[str, int]:
    """What came onto cards, or has left them, otherwise than by funding: by contra account, in minor units."""
    rows = connection.execute(
        f"""
        SELECT contra_account, sum(amount_minor) FROM transactions
        WHERE campaign = ? AND card IS NOT NULL AND NOT {FUNDED}
        GROUP BY contra_account
        """,
        (campaign,),
    )
    return dict(rows.fetchall())


def _not_dead(connection: sqlite3.Connection) -> str:
    """SQL for whether `cards` were not deactivated; other dead cards hold nothing."""
    if not any_rows(connection, "card_events WHERE event = 'deactivated'"):  # else 5% of `status`
        return "TRUE"
    return f"NOT {DEACTIVATED}".format(card="cards.id")


def _states(connection: sqlite3.Connection, campaign: int, today: str) -> dict[CardState, int]:
    """How many cards are in each state, of those that may be dead or blocked."""
    rows = connection.execute(
        f"""
        SELECT {many_cards(connection).state} AS state, count(*) FROM cards
        WHERE campaign = :campaign AND id IN (
            SELECT card FROM card_events UNION SELECT card FROM transfers UNION SELECT card FROM cashouts
        )
        GROUP BY state
        """,
        {"campaign": campaign, "today": today},
    )
    return {CardState(state): count for state, count in rows}


def _count(connection: sqlite3.Connection, cards: str, campaign: int) -> int:
    """How many cards of a campaign are among these, which are read FROM."""
    return int(one_value(connection, f"SELECT count(*) FROM {cards} WHERE campaign = ?", (campaign,)))


_NOT_ENDED = f"NOT {DEACTIVATED} AND NOT {TRANSFERRED}".format(card="cards.id")


def _unreachable(connection: sqlite3.Connection, campaign: int) -> int:
    """How many customers with a funded card have no e-mail address."""
    asked = f"""
        SELECT count(DISTINCT cards.customer)
        FROM held_cards AS cards JOIN customers ON customers.id = cards.customer
        WHERE campaign = ? AND email IS NULL
            AND EXISTS (SELECT 1 FROM transactions WHERE transactions.card = cards.id)
            AND NOT {DEACTIVATED.format(card="cards.id")}
    """
    return int(one_value(connection, asked, (campaign,)))


def _not_handed_over(connection: sqlite3.Connection, campaign: int) -> int:
    """How many funded refund lines no mail tool has been given, and that no undo has taken back."""
    asked = """
        SELECT
            (
                SELECT count(*) FROM transactions
                WHERE campaign = ?1 AND entry = 1 AND card IS NOT NULL
                    AND run_id NOT IN (SELECT undone_run FROM undoings)
            )
            - (
                SELECT count(DISTINCT transactions.id)
                FROM batch_ranges
                JOIN deliveries ON deliveries.batch = batch_ranges.batch
                CROSS JOIN transactions
                    ON transactions.id BETWEEN first_transaction AND batch_ranges.last_transaction
                    AND transactions.campaign = ?1 AND entry = 1 AND card IS NOT NULL
                    AND transactions.run_id NOT IN (SELECT undone_run FROM undoings)
                WHERE batch_ranges.campaign = ?1
            )
    """
    return int(one_value(connection, asked, (campaign,)))
