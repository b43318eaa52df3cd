"""Finding cards by what is known of their holder or booking, among a million.

What is asked for becomes ids of cards in a temporary table, which each further demand makes smaller.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refundctl.domain.campaigns.conditions import AMOUNT_FIELDS, Condition
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.bookings.line_versions import is_newest_version
from refundctl.ledger.cards.state import CARDS_OF_CUSTOMER, many_cards, stands_among
from refundctl.ledger.database.sql import first_column, make_temporary
from refundctl.ledger.funding.matching import matcher
from refundctl.ledger.people.finding_people import customer_number, customers_at


@dataclass(frozen=True, slots=True)
class AskedFor:
    """Which cards are asked for: all that is not None must hold; `campaign` is its number, the rest as files have it.

    `where` is about bookings: it finds the cards that are for them, and their customers' that are for no single one.
    """

    customer_id: str | None = None
    booking_id: str | None = None
    email: str | None = None
    state: CardState | None = None
    campaign: int | None = None
    where: Condition | None = None


def find(connection: sqlite3.Connection, wanted: AskedFor, today: Mapping[int, str], limit: int) -> list[int]:
    """The numbers of the first `limit` cards that are wanted; `today` is the day where each campaign is, by number."""
    some = _find_candidates(connection, wanted)
    conditions = ["TRUE"]
    if wanted.campaign is not None:
        conditions.append("cards.campaign = :campaign")
    if wanted.state is not None:
        state = many_cards(connection).state.replace(":today", _day_sql(today))
        conditions += [f"{state} = :state", *([] if some else [stands_among(wanted.state)])]
    return first_column(
        connection,
        f"""
        SELECT cards.id
        FROM {"asked_cards CROSS JOIN cards ON cards.id = asked_cards.card" if some else "cards"}
        WHERE {" AND ".join(conditions)}
        ORDER BY {"asked_cards.card" if some else "cards.id"} LIMIT :limit
        """,
        {"campaign": wanted.campaign, "state": wanted.state, "limit": limit},
    )


def _day_sql(today: Mapping[int, str]) -> str:
    """SQL for the day in the time zone of the campaign of `cards`."""
    days = sorted(set(today.values()))
    if len(days) <= 1:
        return f"'{''.join(days)}'"
    whens = [f"WHEN {campaign} THEN '{day}'" for campaign, day in today.items()]
    return f"CASE cards.campaign {' '.join(whens)} END"


def _find_candidates(connection: sqlite3.Connection, wanted: AskedFor) -> bool:
    """Collect the cards of who or what was named, in `asked_cards`; False where neither was."""
    make_temporary(connection, "CREATE TEMP TABLE asked_cards (card INTEGER PRIMARY KEY);")
    demands: list[tuple[str, str | None]] = []
    if wanted.customer_id is not None:
        number = customer_number(connection, wanted.customer_id)
        demands.append((_OF_CUSTOMERS, json.dumps([number])))
    if wanted.email is not None:
        demands.append((_OF_CUSTOMERS, json.dumps([number for number, _ in customers_at(connection, wanted.email)])))
    if wanted.booking_id is not None:
        demands.append((_OF_BOOKING, wanted.booking_id))
    if wanted.where is not None:
        _find_lines(connection, wanted.where)
        demands.append((_OF_LINES, None))
    for at, (cards, asked) in enumerate(demands):
        restrict = "DELETE FROM asked_cards WHERE card NOT IN" if at else "INSERT INTO asked_cards"
        connection.execute(f"{restrict} ({cards})" if at else f"{restrict} {cards}", {"asked": asked})
    return bool(demands)


_OF_CUSTOMERS = CARDS_OF_CUSTOMER.format(is_asked="IN (SELECT value FROM json_each(:asked))")
# Cards for the booking itself, customers' cards that were topped up for it, and those to which the balance of either
# moved.
_OF_BOOKING = """
    WITH RECURSIVE
        booking (id) AS (SELECT id FROM bookings WHERE booking_id = :asked),
        found (card) AS (
            SELECT cards.id FROM campaigns CROSS JOIN booking
            CROSS JOIN cards ON cards.campaign = campaigns.id AND cards.booking = booking.id
            UNION
            SELECT card FROM campaigns CROSS JOIN booking
            CROSS JOIN assignments ON assignments.campaign = campaigns.id AND assignments.booking = booking.id
            UNION
            SELECT transactions.card FROM booking
            CROSS JOIN line_versions ON line_versions.booking = booking.id AND line_versions.version = 1
            CROSS JOIN transactions ON transactions.line = line_versions.id AND transactions.entry = 1
            WHERE transactions.card IS NOT NULL
            UNION
            SELECT successor FROM found CROSS JOIN transfers ON transfers.card = found.card
        )
    SELECT card FROM found
"""
_OF_LINES = """
    SELECT id FROM held_cards
    WHERE iif(
        booking IS NULL,
        customer IN (SELECT customer FROM asked_lines),
        booking IN (SELECT booking FROM asked_lines)
    )
"""


def _find_lines(connection: sqlite3.Connection, where: Condition) -> None:
    """Collect the bookings and customers of the refund lines, as they are known now, for which a condition holds."""
    make_temporary(connection, "CREATE TEMP TABLE asked_lines (booking INTEGER NOT NULL, customer INTEGER NOT NULL);")
    for currency in _currencies(connection, where):
        matches = matcher(connection, [where], currency, "asked_segments")
        connection.execute(
            f"""
            INSERT INTO asked_lines
            SELECT now.booking, now.customer
            FROM line_versions AS now CROSS JOIN asked_segments ON asked_segments.segment = now.segment
            WHERE asked_segments.rules AND {is_newest_version("now")} AND (now.currency = :currency OR NOT :by_currency)
                AND {matches.sql}
            """,
            {"currency": currency, "by_currency": _asks_for_amounts(where)},
        )


def _currencies(connection: sqlite3.Connection, where: Condition) -> Sequence[str]:
    """The currencies that a condition must be asked in: only amounts are read by them."""
    found = first_column(connection, "SELECT DISTINCT currency FROM line_versions")
    return found if _asks_for_amounts(where) else found[:1]


def _asks_for_amounts(where: Condition) -> bool:
    return not where.fields.isdisjoint(AMOUNT_FIELDS)
