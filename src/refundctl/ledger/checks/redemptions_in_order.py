"""What must be true of what was bought with cards, and given back of it; of PINs, and of answers kept under keys."""

import sqlite3
from datetime import datetime

from refundctl.domain.basics.validity import ValidityError, local_day
from refundctl.domain.cards.pins import METHOD, SALT_BYTES
from refundctl.ledger.checks.findings import BooksCheck


def register_days(connection: sqlite3.Connection) -> None:
    """Give the connection local_day(STAMP, TIMEZONE): an ISO date, NULL where either is none."""
    connection.create_function("local_day", 2, _local_day, deterministic=True)


def _local_day(stamp: object, timezone: object) -> str | None:
    try:
        return local_day(datetime.fromisoformat(str(stamp)), str(timezone)).isoformat()
    except (ValueError, ValidityError):
        return None


#: SQL for a card's last valid day as it was before the run of `row`; cards, assignments and activations are joined.
LAST_DAY_THEN = """
    coalesce(
        (
            SELECT max(expires_on) FROM extensions
            WHERE extensions.card = {row}.card AND extensions.run_id < {row}.run_id
        ),
        cards.expires_on, assignments.expires_on, activations.expires_on
    )
"""
#: SQL for the definition of a campaign that was the newest before a run.
DEFINITION_THEN = """
    (SELECT max(id) FROM definitions WHERE definitions.campaign = {campaign} AND definitions.run_id < {run})
"""
#: SQL tables for the time zone of each definition, read once, as they are JSON.
TIMEZONES = """
    timezones (definition, timezone) AS MATERIALIZED (
        SELECT id, json_extract(definition, '$.timezone') FROM definitions
    )
"""
#: SQL for whether `other` is the card that the money of `card` had moved to when a run began: itself where it hadn't.
MOVED_TO = """
    ({other} IS {card} OR {other} IN (
        WITH RECURSIVE successors (card) AS (
            SELECT {card}
            UNION
            SELECT successor FROM successors CROSS JOIN transfers ON transfers.card = successors.card
            WHERE transfers.run_id < {run}
        )
        SELECT card FROM successors
    ))
"""

_BY_TILL = "load-redemptions"
_REDEEMING = f"('card redeem', '{_BY_TILL}')"

# A purchase out of both buckets has two transactions, the second of which names the first.
_TAKEN = f"""
    SELECT taken.id
    FROM transactions AS taken
    LEFT JOIN redemptions ON redemptions.id = coalesce(taken.related_transaction, taken.id)
    LEFT JOIN transactions AS first ON first.id = redemptions.id
    LEFT JOIN cards ON cards.id = taken.card
    LEFT JOIN runs ON runs.id = taken.run_id
    WHERE taken.type = 'CREDITS_REDEMPTION' AND (
        taken.contra_account = 'sales' AND taken.line IS NULL AND taken.reason IS NULL
        AND redemptions.card = taken.card AND redemptions.run_id = taken.run_id AND cards.campaign = taken.campaign
        AND runs.command IN {_REDEEMING}
        AND (taken.related_transaction IS NULL OR (
            first.type = 'CREDITS_REDEMPTION' AND first.related_transaction IS NULL AND first.bucket <> taken.bucket
            AND taken.id = (
                SELECT min(second.id) FROM transactions AS second
                WHERE second.related_transaction = first.id AND second.type = 'CREDITS_REDEMPTION'
            )
        ))
    ) IS NOT TRUE
"""
_REDEMPTION = """
    SELECT redemptions.id
    FROM redemptions LEFT JOIN transactions AS first ON first.id = redemptions.id
    WHERE (
        first.type = 'CREDITS_REDEMPTION' AND first.related_transaction IS NULL AND first.card = redemptions.card
        AND (order_total_minor IS NULL OR order_total_minor + first.amount_minor + coalesce((
            SELECT sum(amount_minor) FROM transactions AS second
            WHERE second.related_transaction = first.id AND second.type = 'CREDITS_REDEMPTION'
        ), 0) >= 0)
    ) IS NOT TRUE
"""
_TOLD_BY_A_TILL = f"""
    SELECT redemptions.id, 'c' || redemptions.card
    FROM redemptions LEFT JOIN runs ON runs.id = redemptions.run_id
    WHERE redeemed_at IS NOT NULL AND (runs.command IS NOT '{_BY_TILL}' OR local_day(redeemed_at, 'UTC') IS NULL)
"""

# The state of a card is told by the runs before the purchase's own: one of them can't both block a card and redeem it.
_UNUSABLE = """
    SELECT redemptions.id, 'c' || redemptions.card
    FROM redemptions
    WHERE EXISTS (
        SELECT 1 FROM card_events
        WHERE card_events.card = redemptions.card AND event = 'deactivated' AND card_events.run_id < redemptions.run_id
    )
    OR EXISTS (
        SELECT 1 FROM transfers WHERE transfers.card = redemptions.card AND transfers.run_id < redemptions.run_id
    )
    OR (
        SELECT event FROM card_events
        WHERE card_events.card = redemptions.card AND event IN ('disabled', 'enabled')
            AND card_events.run_id < redemptions.run_id
        ORDER BY id DESC LIMIT 1
    ) = 'disabled'
    OR EXISTS (
        SELECT 1 FROM cashouts
        WHERE cashouts.card = redemptions.card AND cashouts.run_id < redemptions.run_id AND NOT EXISTS (
            SELECT 1 FROM cash_outcomes
            WHERE debt = cashouts.id AND outcome = 'cancelled' AND cash_outcomes.run_id < redemptions.run_id
        )
    )
"""
_NOT_HANDED_OUT = """
    SELECT redemptions.id, 'c' || redemptions.card
    FROM redemptions
    LEFT JOIN cards ON cards.id = redemptions.card
    LEFT JOIN assignments ON assignments.card = redemptions.card
    LEFT JOIN activations ON activations.card = redemptions.card
    WHERE min(
        coalesce(iif(cards.customer IS NULL, NULL, cards.run_id), redemptions.run_id),
        coalesce(assignments.run_id, redemptions.run_id), coalesce(activations.run_id, redemptions.run_id)
    ) >= redemptions.run_id
"""
# Where the day in UTC is not even the last valid one, no time zone is a day ahead of it.
_TOO_LATE = f"""
    WITH {TIMEZONES}
    SELECT redemptions.id, 'c' || redemptions.card, {LAST_DAY_THEN.format(row="redemptions")} AS last_day
    FROM redemptions
    JOIN runs ON runs.id = redemptions.run_id
    JOIN cards ON cards.id = redemptions.card
    LEFT JOIN assignments ON assignments.card = redemptions.card
    LEFT JOIN activations ON activations.card = redemptions.card
    WHERE last_day <= substr(coalesce(redeemed_at, started_at), 1, 10) AND last_day < local_day(
        coalesce(redeemed_at, started_at),
        (SELECT timezone FROM timezones WHERE definition = {
    DEFINITION_THEN.format(campaign="cards.campaign", run="redemptions.run_id")
})
    )
"""
# A card is bound by the definition that counted when it was handed out.
_AGAINST_TERMS = """
    WITH terms (id, campaign, run_id, redeemable_by, invoice) AS MATERIALIZED (
        SELECT
            id, campaign, run_id, coalesce(json_extract(definition, '$.redeemable_by'), 'holder'),
            coalesce(json_extract(definition, '$.invoice'), 'required')
        FROM definitions
    )
    SELECT redemptions.id, 'c' || redemptions.card
    FROM redemptions
    JOIN cards ON cards.id = redemptions.card
    LEFT JOIN assignments ON assignments.card = redemptions.card
    LEFT JOIN activations ON activations.card = redemptions.card
    LEFT JOIN terms ON terms.id = coalesce(
        (
            SELECT max(counting.id) FROM terms AS counting
            WHERE counting.campaign = cards.campaign AND counting.run_id <= iif(
                cards.customer IS NOT NULL, cards.run_id, coalesce(activations.run_id, assignments.run_id)
            )
        ),
        (SELECT max(newest.id) FROM terms AS newest WHERE newest.campaign = cards.campaign)
    )
    WHERE (redeemable_by = 'holder' AND redemptions.customer IS NOT coalesce(cards.customer, assignments.customer))
        OR (terms.invoice = 'required' AND redemptions.invoice IS NULL)
"""
# Cards that were merged may have paid one invoice together before; afterwards their numbers count for the successor.
_INVOICE_AGAIN = """
    WITH RECURSIVE replaced (card, before, since) AS (
        SELECT successor, card, run_id FROM transfers
        UNION
        SELECT transfers.successor, replaced.before, transfers.run_id
        FROM replaced CROSS JOIN transfers ON transfers.card = replaced.card
    )
    SELECT DISTINCT later.id, 'c' || later.card, 'c' || earlier.card
    FROM replaced
    CROSS JOIN redemptions AS earlier ON earlier.card = replaced.before
    CROSS JOIN redemptions AS later ON later.card = replaced.card AND later.invoice = earlier.invoice
    WHERE later.run_id > since AND earlier.id < later.id
"""

_ROLLBACK = """
    SELECT rollbacks.redemption
    FROM rollbacks
    LEFT JOIN redemptions ON redemptions.id = rollbacks.redemption
    LEFT JOIN runs ON runs.id = rollbacks.run_id
    WHERE (
        runs.command = 'card rollback' AND redemptions.run_id < rollbacks.run_id AND EXISTS (
            SELECT 1 FROM transactions AS taken
            CROSS JOIN transactions AS given ON given.related_transaction = taken.id AND given.type = 'CREDITS_REFUND'
            WHERE (taken.id = redemptions.id OR taken.related_transaction = redemptions.id)
                AND given.run_id = rollbacks.run_id
        )
    ) IS NOT TRUE
"""
_GIVEN_BACK = f"""
    SELECT given.id
    FROM transactions AS given
    LEFT JOIN transactions AS taken ON taken.id = given.related_transaction
    LEFT JOIN rollbacks ON rollbacks.redemption = coalesce(taken.related_transaction, taken.id)
    WHERE given.type = 'CREDITS_REFUND' AND (
        taken.type = 'CREDITS_REDEMPTION' AND given.contra_account = 'sales' AND given.line IS NULL
        AND given.campaign = taken.campaign AND given.bucket = taken.bucket AND rollbacks.run_id = given.run_id
        AND {MOVED_TO.format(card="taken.card", other="given.card", run="given.run_id")}
        AND taken.amount_minor + (
            SELECT sum(amount_minor) FROM transactions AS back
            WHERE back.related_transaction = taken.id AND back.type = 'CREDITS_REFUND'
        ) <= 0
    ) IS NOT TRUE
"""

_PINS = f"""
    SELECT pins.id, 'c' || pins.card FROM pins LEFT JOIN runs ON runs.id = pins.run_id
    WHERE method <> '{METHOD}' OR length(salt) <> {SALT_BYTES} OR runs.command IS NOT 'card set-pin'
"""
# A till that works on its own has asked for the PIN, or not: there it is not noted.
_PIN_NOT_ASKED = f"""
    SELECT redemptions.id, 'c' || redemptions.card
    FROM redemptions LEFT JOIN runs ON runs.id = redemptions.run_id
    WHERE redemptions.pin IS NOT iif(
        runs.command = '{_BY_TILL}', NULL,
        (SELECT max(pins.id) FROM pins WHERE pins.card = redemptions.card AND pins.run_id < redemptions.run_id)
    )
"""

_REFUSED_TO_A_TILL = f"""
    SELECT refused_redemptions.id
    FROM refused_redemptions LEFT JOIN runs ON runs.id = refused_redemptions.run_id
    WHERE runs.command IS NOT '{_BY_TILL}' OR NOT length(invoice) BETWEEN 1 AND 100
        OR error_code NOT GLOB '[a-z]*' OR error_code GLOB '*[^a-z_]*'
"""

_ANSWERS = """
    SELECT idempotency_keys.run_id
    FROM idempotency_keys
    WHERE json_type(answer, '$.facts') IS NOT 'object' OR EXISTS (
        SELECT 1 FROM json_each(answer, '$.facts.transactions') AS told
        WHERE json_extract(told.value, '$.run_id') IS NOT idempotency_keys.run_id
    )
"""

CHECKS = (
    BooksCheck(
        "redemption_wrong",
        "Transaction {0} takes money off a card, but is of no redemption like that.",
        "sales",
        _TAKEN,
    ),
    BooksCheck("redemption_wrong", "Redemption {0} has no transaction like that.", "redemptions", _REDEMPTION),
    BooksCheck(
        "redemption_wrong",
        "Redemption {0} of card {1} has a time of its own, but did not come from a till's file.",
        "redemptions",
        _TOLD_BY_A_TILL,
    ),
    BooksCheck(
        "redeemed_while_unusable",
        "Redemption {0} took from card {1} while that was dead, disabled or frozen.",
        "card_events transfers cashouts",
        _UNUSABLE,
    ),
    BooksCheck(
        "redeemed_while_unusable",
        "Redemption {0} took from card {1} before that was handed out.",
        "redemptions",
        _NOT_HANDED_OUT,
    ),
    BooksCheck(
        "redeemed_after_expiry",
        "Redemption {0} took from card {1} after its last valid day, {2}.",
        "redemptions",
        _TOO_LATE,
    ),
    BooksCheck(
        "redeemed_against_terms",
        "Redemption {0} of card {1} has no invoice number, or another customer than the card's holder.",
        "redemptions",
        _AGAINST_TERMS,
    ),
    BooksCheck(
        "invoice_used_twice",
        "Redemption {0} of card {1} has an invoice number that was used on card {2}, which it replaces.",
        "transfers",
        _INVOICE_AGAIN,
    ),
    BooksCheck("rollback_wrong", "Redemption {0} was not given back as the ledger has it.", "rollbacks", _ROLLBACK),
    BooksCheck("rollback_wrong", "Transaction {0} gives back what was not taken like that.", "sales", _GIVEN_BACK),
    BooksCheck("pin_wrong", "PIN {0} of card {1} is not kept as PINs are.", "pins", _PINS),
    BooksCheck(
        "pin_wrong", "Redemption {0} of card {1} was not made with the card's PIN.", "redemptions", _PIN_NOT_ASKED
    ),
    BooksCheck(
        "refused_redemption_wrong",
        "Row {0} of refused_redemptions is not what a till was refused.",
        "refused_redemptions",
        _REFUSED_TO_A_TILL,
    ),
    BooksCheck(
        "answer_wrong",
        "The answer that run {0} gave under a key tells of another run, or of nothing.",
        "idempotency_keys",
        _ANSWERS,
    ),
)
