"""What a campaign has given so far, net of undo, and which cards its budget leaves out."""

import sqlite3
from dataclasses import dataclass

from refundctl.domain.campaigns.refund_policy import Budget
from refundctl.ledger.cards.state import BEARERS_CARDS, DEACTIVATED_CARDS, TRANSFERRED_CARDS, UNASSIGNED, live
from refundctl.ledger.cards.successors import find_last_successors, with_replaced
from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.holders import Holding
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.owed import GIVEN


@dataclass(frozen=True, slots=True)
class Used:
    """What counts against a budget: paid and bonus, of it bonus, in minor units; and cards in somebody's hands that
    are not dead."""

    total_minor: int
    bonus_minor: int
    cards: int


def used(connection: sqlite3.Connection, campaign: int) -> Used:
    """Add up a campaign."""
    total, bonus = connection.execute(
        f"""
        SELECT coalesce(sum(amount_minor), 0), coalesce(sum(amount_minor) FILTER (WHERE bucket = 'bonus'), 0)
        FROM transactions WHERE campaign = ? AND card IS NOT NULL AND {GIVEN}
        """,
        (campaign,),
    ).fetchone()
    return Used(total, bonus, published_cards(connection, campaign))


def published_cards(connection: sqlite3.Connection, campaign: int) -> int:
    """How many cards have a holder, or were activated for whoever has them, and were neither deactivated nor
    transferred."""
    return int(
        connection.execute(
            f"""
            SELECT
                (SELECT count(*) FROM held_cards WHERE campaign = ?1)
                + (SELECT count(*) FROM {BEARERS_CARDS} WHERE campaign = ?1)
                - (SELECT count(*) FROM {DEACTIVATED_CARDS} WHERE campaign = ?1 AND NOT {UNASSIGNED})
                - (SELECT count(*) FROM {TRANSFERRED_CARDS} WHERE campaign = ?1)
            """,
            (campaign,),
        ).fetchone()[0]
    )


def given_to(connection: sqlite3.Connection, campaign: int, customer: int) -> int:
    """What a customer has been given in a campaign on all their cards, net of undo, in minor units."""
    return int(
        connection.execute(
            f"""
            {with_replaced("SELECT id FROM held_cards WHERE campaign = :campaign AND customer = :customer")}
            SELECT coalesce(sum(amount_minor), 0)
            FROM lineage CROSS JOIN transactions ON transactions.card = lineage.card
            WHERE {GIVEN}
            """,
            {"campaign": campaign, "customer": customer},
        ).fetchone()[0]
    )


def leave_out_capped(considered: Considered, holding: Holding, budget: Budget) -> None:
    """Put the open considered lines aside whose card or customer would get more than the budget allows one.

    All lines of such a card or customer that are open now, as giving some of them would depend on their order.
    """
    connection = considered.connection
    if budget.per_card_minor is not None:
        holder = "customer" if holding.per_customer else "booking"
        # A dead card's money counts for that card only: its holder gets another one.
        _find_given(connection, holding, holder, live(connection))
        _leave_out(connection, holder, budget.per_card_minor, LineState.OVER_CARD_CAP)
    if budget.per_customer_minor is not None:
        _find_given(connection, holding, "customer", "TRUE")
        _leave_out(connection, "customer", budget.per_customer_minor, LineState.OVER_CUSTOMER_CAP)


def _find_given(connection: sqlite3.Connection, holding: Holding, holder: str, counted: str) -> None:
    """Collect what each holder has been given on those `cards` for which `counted` (SQL) holds.

    What was given on a card that was transferred counts on its successor.
    """
    card = find_last_successors(connection).of("transactions.card")
    columns = "holder INTEGER PRIMARY KEY, minor INTEGER NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE given_by_holder ({columns});")
    connection.execute(
        f"""
        INSERT INTO given_by_holder
        SELECT cards.{holder}, sum(amount_minor)
        FROM transactions CROSS JOIN held_cards AS cards ON cards.id = {card}
        WHERE transactions.campaign = :campaign AND {GIVEN} AND cards.{holder} IS NOT NULL AND {counted}
        GROUP BY 1
        """,
        holding.parameters(),
    )


def _leave_out(connection: sqlite3.Connection, holder: str, limit_minor: int, state: LineState) -> None:
    given = "coalesce((SELECT minor FROM given_by_holder AS given WHERE given.holder = open.holder), 0)"
    connection.execute(
        f"""
        UPDATE considered SET state = {state:d}
        WHERE state = {LineState.OPEN:d} AND {holder} IN (
            SELECT holder FROM (
                SELECT {holder} AS holder, sum(paid_minor + bonus_minor) AS more_minor
                FROM considered WHERE state = {LineState.OPEN:d} GROUP BY {holder}
            ) AS open
            WHERE more_minor + {given} > ?
        )
        """,
        (limit_minor,),
    )
