"""Campaigns and the definitions they have had."""

import sqlite3


def post_campaign(connection: sqlite3.Connection, name: str, currency: str, run_id: int) -> int:
    """Make a campaign; give its id."""
    return int(
        connection.execute(
            "INSERT INTO campaigns (name, currency, run_id) VALUES (?, ?, ?) RETURNING id",
            (name, currency, run_id),
        ).fetchone()[0]
    )


def post_definition(connection: sqlite3.Connection, campaign: int, definition: str, run_id: int) -> None:
    """Make `definition` (canonical JSON) the one that counts from now on."""
    connection.execute(
        "INSERT INTO definitions (campaign, definition, run_id) VALUES (?, ?, ?)",
        (campaign, definition, run_id),
    )
