"""Whether the books are in order: one ordered list of checks, each silent where it finds nothing."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence

from refundctl.ledger.cards.codes import CODE_KEY
from refundctl.ledger.checks import cards_in_order, cash_in_order, redemptions_in_order
from refundctl.ledger.checks.credits_in_order import CREDITS, UNDOINGS
from refundctl.ledger.checks.findings import MOST_OF_ONE_KIND, BooksCheck, Finding, broken
from refundctl.ledger.checks.people_in_order import METADATA, PEOPLE
from refundctl.ledger.checks.redemptions_in_order import register_days
from refundctl.ledger.checks.seals_in_order import seals_
from refundctl.ledger.database import schema
from refundctl.ledger.database.sql import any_rows
from refundctl.ledger.journal import seals
from refundctl.ledger.journal.salted_digests import register_sha256


def check_file(connection: sqlite3.Connection) -> list[Finding]:
    """What SQLite itself says of the file's pages and indexes."""
    try:
        rows = connection.execute(f"PRAGMA integrity_check({MOST_OF_ONE_KIND})").fetchall()
    except sqlite3.DatabaseError as error:
        return [Finding("file_damaged", f"SQLite can't read the file: {error}. Go back to the last backup.")]
    return [
        Finding("file_damaged", f"SQLite finds the file damaged: {line}. Go back to the last backup.")
        for (text,) in rows
        for line in text.splitlines()
        if text != "ok"
    ]


def check_books(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Everything that must be true of the rows, whatever campaign they belong to."""
    register_sha256(connection)
    for name, check in _CHECKS.items():
        try:
            yield from check(connection) if callable(check) else broken(connection, check)
        except sqlite3.Error as error:
            # A table or column is missing, which the first check has named.
            yield Finding("not_checked", f"The check of {name} could not be made: {error}.")


def _schema(connection: sqlite3.Connection) -> Iterator[Finding]:
    for difference in schema.differences(connection):
        yield Finding("schema_altered", f"{difference[0].upper()}{difference[1:]}: the ledger was altered by hand.")


_CODE_KEY = CODE_KEY.format(code="cards.code")
_CODES = f"""
    SELECT cards.id FROM cards LEFT JOIN codes ON codes.code_key = {_CODE_KEY}
    WHERE codes.card IS NOT cards.id
    UNION ALL
    SELECT codes.card FROM codes LEFT JOIN cards ON cards.id = codes.card
    WHERE {_CODE_KEY} IS NOT codes.code_key
"""
# A plan is applied by the approval of that very plan, given before and by another user.
_APPROVALS = """
    SELECT applied_plans.run_id
    FROM applied_plans
    LEFT JOIN runs AS applying ON applying.id = applied_plans.run_id
    LEFT JOIN approvals ON approvals.id = approval
    LEFT JOIN runs AS approving ON approving.id = approvals.run_id
    WHERE applying.command IS NOT 'apply' OR (approval IS NOT NULL AND (
        approvals.plan IS NOT applied_plans.plan OR approvals.campaign IS NOT applying.campaign
        OR approving.command IS NOT 'approve' OR approving.user_id IS applying.user_id
        OR approvals.run_id >= applied_plans.run_id
    ))
"""
# A campaign is paused and resumed in turn.
_PAUSES = """
    SELECT events.run_id, name FROM (
        SELECT id, campaign, run_id, event, lag(event, 1, 'resumed') OVER (PARTITION BY campaign ORDER BY id) AS before
        FROM campaign_events
    ) AS events
    LEFT JOIN campaigns ON campaigns.id = events.campaign
    WHERE event IS before
    ORDER BY events.id
"""
_BALANCES = """
    SELECT card, bucket FROM transactions WHERE card IS NOT NULL
    GROUP BY card, bucket HAVING sum(amount_minor) < 0
"""
_LIFE_OF_CARDS = (*redemptions_in_order.CHECKS, *cards_in_order.CHECKS, *cash_in_order.CHECKS)


def _life_of_cards(connection: sqlite3.Connection) -> Iterator[Finding]:
    """What becomes of cards once they are funded: most ledgers have little of it, and only that is looked at."""
    register_days(connection)
    accounts = connection.execute("SELECT DISTINCT contra_account FROM transactions WHERE entry IS NULL").fetchall()
    tables = {name for check in _LIFE_OF_CARDS for name in check.of.split()} & {table.name for table in seals.TABLES}
    present = {*(account for (account,) in accounts), *(table for table in tables if any_rows(connection, table))}
    yield from broken(connection, _LIFE_OF_CARDS, present)


# In order, each under the name that is told where it can't be made.
_CHECKS: Mapping[str, Callable[[sqlite3.Connection], Iterator[Finding]] | Sequence[BooksCheck]] = {
    "schema": _schema,
    "references": [
        BooksCheck(
            "reference_broken", "Row {1} of {0} names a row of {2} that is not there.", "", "PRAGMA foreign_key_check"
        )
    ],
    "seals": seals_,
    "people": PEOPLE,
    "metadata": METADATA,
    "codes": [BooksCheck("code_index_broken", "The code of card c{0} and the index of codes disagree.", "", _CODES)],
    "credits": CREDITS,
    "undoings": UNDOINGS,
    "approvals": [
        BooksCheck("approval_wrong", "Run {0} applied a plan that nobody else had approved like that.", "", _APPROVALS)
    ],
    "pauses": [
        BooksCheck("pause_wrong", "Run {0} paused or resumed the campaign {1}, which was so already.", "", _PAUSES)
    ],
    "balances": [BooksCheck("balance_negative", "Card c{0} has less than nothing in its {1} bucket.", "", _BALANCES)],
    "life of cards": _life_of_cards,
}
