"""What must be true of cards that were handed out, blocked, replaced, corrected, given as goodwill, or have expired."""

from refundctl.ledger.checks.findings import BooksCheck
from refundctl.ledger.checks.redemptions_in_order import DEFINITION_THEN, LAST_DAY_THEN, TIMEZONES

# What is no funding is one of these; the checks about each account say more.
_KIND_UNKNOWN = """
    SELECT id FROM transactions
    WHERE entry IS NULL AND (
        (type = 'CREDITS_REDEMPTION' AND contra_account = 'sales')
        OR (type = 'CREDITS_REFUND' AND contra_account = 'sales')
        OR (
            type = 'CREDITS_ADDITION'
            AND contra_account IN ('goodwill', 'adjustments', 'transfers', 'cash_owed', 'lapsed')
        )
        OR (type = 'CREDITS_REMOVAL' AND contra_account <> 'sales')
    ) IS NOT TRUE
"""

_ASSIGNMENT = """
    SELECT 'c' || assignments.card
    FROM assignments LEFT JOIN cards ON cards.id = assignments.card
    WHERE (
        cards.customer IS NULL AND cards.campaign = assignments.campaign AND cards.run_id <= assignments.run_id
    ) IS NOT TRUE
"""
# Whoever gets a card that was handed out before gets it with its last valid day.
_ACTIVATION = """
    SELECT 'c' || activations.card
    FROM activations
    LEFT JOIN cards ON cards.id = activations.card
    LEFT JOIN assignments ON assignments.card = activations.card
    WHERE (
        cards.customer IS NULL AND cards.run_id <= activations.run_id AND (
            assignments.card IS NULL
            OR (activations.run_id <= assignments.run_id AND assignments.expires_on IS activations.expires_on)
        )
    ) IS NOT TRUE
"""

_EVENT = """
    SELECT run_id, 'c' || card
    FROM (
        SELECT
            card_events.id, card, event, run_id, runs.command,
            lag(event, 1, 'enabled') OVER of_kind AS before
        FROM card_events LEFT JOIN runs ON runs.id = card_events.run_id
        WINDOW of_kind AS (PARTITION BY card, event IN ('disabled', 'enabled') ORDER BY card_events.id)
    )
    WHERE (event IN ('disabled', 'enabled') AND event IS before) OR CASE event
        WHEN 'deactivated' THEN command IN ('card deactivate', 'undo')
        WHEN 'disabled' THEN command = 'card disable'
        WHEN 'enabled' THEN command = 'card enable'
        ELSE command = 'card unlock'
    END IS NOT TRUE
    ORDER BY id
"""
_EVENT_OF_THE_DEAD = """
    SELECT card_events.run_id, 'c' || card_events.card
    FROM card_events
    WHERE EXISTS (
        SELECT 1 FROM card_events AS before
        WHERE before.card = card_events.card AND before.event = 'deactivated' AND before.run_id < card_events.run_id
    ) OR EXISTS (
        SELECT 1 FROM transfers WHERE transfers.card = card_events.card AND transfers.run_id < card_events.run_id
    )
"""
_DEACTIVATED = """
    SELECT 'c' || card
    FROM card_events JOIN runs ON runs.id = card_events.run_id AND runs.command = 'undo'
    WHERE event = 'deactivated' AND coalesce(
        (SELECT sum(amount_minor) FROM transactions WHERE transactions.card = card_events.card), 0
    ) <> 0
"""

# A successor is alive when it gets what the lost card held, and of the same holder.
_TRANSFER = """
    SELECT 'c' || transfers.card
    FROM transfers
    LEFT JOIN runs ON runs.id = transfers.run_id
    LEFT JOIN cards AS lost ON lost.id = transfers.card
    LEFT JOIN cards AS found ON found.id = transfers.successor
    LEFT JOIN assignments AS lost_by ON lost_by.card = lost.id
    LEFT JOIN assignments AS found_by ON found_by.card = found.id
    WHERE (
        runs.command = 'card transfer' AND found.id <> lost.id AND found.campaign = lost.campaign
        AND found.run_id <= transfers.run_id
        AND (
            coalesce(lost.customer, lost_by.customer) IS NULL
            OR coalesce(lost.customer, lost_by.customer) IS coalesce(found.customer, found_by.customer)
        )
        AND NOT EXISTS (
            SELECT 1 FROM transfers AS dead WHERE dead.card = found.id AND dead.run_id <= transfers.run_id
        )
        AND NOT EXISTS (
            SELECT 1 FROM card_events
            WHERE card_events.card IN (lost.id, found.id) AND event = 'deactivated'
                AND card_events.run_id < transfers.run_id
        )
    ) IS NOT TRUE
"""
_LEFT_BEHIND = """
    SELECT 'c' || transfers.card
    FROM transfers
    WHERE coalesce((SELECT sum(amount_minor) FROM transactions WHERE transactions.card = transfers.card), 0) <> 0
        OR EXISTS (
            SELECT 1 FROM transactions
            WHERE transactions.card = transfers.card AND transactions.run_id > transfers.run_id
        )
"""
_MOVED = """
    SELECT moved.id
    FROM transactions AS moved
    LEFT JOIN transactions AS removal ON removal.id = moved.related_transaction
    LEFT JOIN transfers ON transfers.card = iif(moved.type = 'CREDITS_REMOVAL', moved.card, removal.card)
    WHERE moved.contra_account = 'transfers' AND (
        moved.line IS NULL AND transfers.run_id = moved.run_id AND CASE moved.type
            WHEN 'CREDITS_REMOVAL' THEN moved.related_transaction IS NULL AND moved.amount_minor + (
                SELECT sum(amount_minor) FROM transactions AS arrived WHERE arrived.related_transaction = moved.id
            ) = 0
            ELSE removal.type = 'CREDITS_REMOVAL' AND removal.contra_account = 'transfers'
                AND removal.run_id = moved.run_id AND moved.card = transfers.successor AND moved.bucket = removal.bucket
                AND moved.campaign = removal.campaign
        END
    ) IS NOT TRUE
"""

_ADJUSTED = """
    SELECT adjusted.id
    FROM transactions AS adjusted
    LEFT JOIN runs ON runs.id = adjusted.run_id
    LEFT JOIN cards ON cards.id = adjusted.card
    WHERE adjusted.contra_account = 'adjustments' AND (
        runs.command = 'card adjust' AND adjusted.line IS NULL AND adjusted.related_transaction IS NULL
        AND adjusted.reason IS NOT NULL AND cards.campaign = adjusted.campaign
    ) IS NOT TRUE
"""
# The card is made for it, or comes from the pool. What is taken back of it is looked at with all that is undone.
_ISSUED = """
    SELECT issued.id
    FROM transactions AS issued
    LEFT JOIN runs ON runs.id = issued.run_id
    LEFT JOIN cards ON cards.id = issued.card
    LEFT JOIN assignments ON assignments.card = issued.card
    WHERE issued.contra_account = 'goodwill' AND issued.type = 'CREDITS_ADDITION' AND (
        runs.command = 'card issue' AND issued.line IS NULL AND issued.related_transaction IS NULL
        AND issued.reason IS NOT NULL AND cards.campaign = issued.campaign
        AND coalesce(cards.customer, assignments.customer) IS NOT NULL
        AND coalesce(cards.booking, assignments.booking) IS NULL
        AND iif(cards.customer IS NULL, assignments.run_id, cards.run_id) = issued.run_id
    ) IS NOT TRUE
"""
# Where the day in UTC is not even the last valid one, no time zone is a day ahead of it.
_EXPIRED = f"""
    WITH {TIMEZONES}
    SELECT expired.id, 'c' || expired.card
    FROM transactions AS expired
    LEFT JOIN runs ON runs.id = expired.run_id
    LEFT JOIN cards ON cards.id = expired.card
    LEFT JOIN assignments ON assignments.card = expired.card
    LEFT JOIN activations ON activations.card = expired.card
    WHERE expired.contra_account = 'breakage' AND (
        runs.command = 'expire' AND expired.line IS NULL AND expired.related_transaction IS NULL
        AND cards.campaign = expired.campaign
        AND {LAST_DAY_THEN.format(row="expired")} < local_day(
            started_at,
            (SELECT timezone FROM timezones WHERE definition = {
    DEFINITION_THEN.format(campaign="cards.campaign", run="expired.run_id")
})
        )
    ) IS NOT TRUE
"""

CHECKS = (
    BooksCheck(
        "movement_wrong",
        "Transaction {0} is of a kind that nothing does.",
        "sales goodwill adjustments transfers cash_owed lapsed breakage refunds_owed bonuses_owed",
        _KIND_UNKNOWN,
    ),
    BooksCheck("pool_wrong", "Card {0} was assigned, but is of no pool like that.", "assignments", _ASSIGNMENT),
    BooksCheck("pool_wrong", "Card {0} was activated, but not like a card of the pool.", "activations", _ACTIVATION),
    BooksCheck("card_event_wrong", "Run {0} can't have done to card {1} what the ledger has.", "card_events", _EVENT),
    BooksCheck(
        "card_event_wrong", "Run {0} did something to card {1}, which was dead.", "card_events", _EVENT_OF_THE_DEAD
    ),
    BooksCheck(
        "deactivated_with_balance",
        "Card {0} was deactivated by an undo and still has a balance.",
        "card_events",
        _DEACTIVATED,
    ),
    BooksCheck("transfer_wrong", "Card {0} was not replaced as the ledger has it.", "transfers", _TRANSFER),
    BooksCheck(
        "transfer_wrong",
        "Card {0} was replaced, and something was left on it or came later.",
        "transfers",
        _LEFT_BEHIND,
    ),
    BooksCheck("transfer_wrong", "Transaction {0} is of no transfer like that.", "transfers", _MOVED),
    BooksCheck(
        "adjustment_wrong", "Transaction {0} is no correction of a balance like that.", "adjustments", _ADJUSTED
    ),
    BooksCheck("goodwill_wrong", "Transaction {0} is of no goodwill card like that.", "goodwill", _ISSUED),
    BooksCheck(
        "breakage_wrong",
        "Transaction {0} books the balance of card {1} as expired, which it was not.",
        "breakage",
        _EXPIRED,
    ),
)
