"""Single transactions: one on one card, as the desk posts it, and which is the last of all."""

import sqlite3
from dataclasses import astuple, dataclass

from refundctl.ledger.database.sql import one_value


@dataclass(frozen=True, slots=True)
class CardTransaction:
    """A transaction to post, in minor units; `related` is the one that it belongs to, or gives back."""

    campaign: int
    card: int
    kind: str
    bucket: str
    amount_minor: int
    contra_account: str
    reason: str | None
    related: int | None


def post(connection: sqlite3.Connection, new: CardTransaction, run_id: int) -> int:
    """Post it; gives its id. The schema itself refuses to take more than a bucket holds."""
    columns = "campaign, card, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id"
    sql = f"INSERT INTO transactions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
    return int(one_value(connection, sql, (*astuple(new), run_id)))


def last_transaction(connection: sqlite3.Connection) -> int:
    """The highest transaction id, 0 where there is none."""
    return int(one_value(connection, "SELECT coalesce(max(id), 0) FROM transactions"))
