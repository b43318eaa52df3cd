"""What must be true of credits: what each refund line was given, and what was taken back and undone of it."""

from refundctl.ledger.bookings.line_versions import newest_version
from refundctl.ledger.checks.findings import BooksCheck
from refundctl.ledger.checks.redemptions_in_order import MOVED_TO
from refundctl.ledger.funding.settled_lines import BONUS_SLOT, FEE_SLOT
from refundctl.ledger.funding.topping_up import BACK_SLOT, CASH_SLOT

# What a refund line is given settles the refund, but for bonuses; the reason of what a rule makes is the rule's name.
_SETTLED = "{row}.bucket <> 'bonus'"
_BACK = "{row}.bucket = 'bonus' AND {row}.reason IS NULL"
_CASH = "{row}.bucket = 'cash'"


def _given(kind: str) -> str:
    """SQL for what the funding that begins with `first` has given of a kind."""
    return f"""(
        iif({kind.format(row="first")}, first.amount_minor, 0) + coalesce((
            SELECT sum(further.amount_minor) FROM transactions AS further
            WHERE further.line = first.line AND further.funding = first.funding AND further.entry > 1
                AND {kind.format(row="further")}
        ), 0)
    )"""


def _still_owed(owed: str, kind: str) -> str:
    """SQL for what is owed when a line is funded: the next time, less what was spent of the times before.

    In a form of its own on purpose, not that of ledger.funding.owed: a check must not think as the code does.
    """
    left = " + ".join(
        f"""coalesce((
            SELECT sum(own.amount_minor)
            FROM transactions AS own
            JOIN transactions AS credit ON credit.id = coalesce(own.related_transaction, own.id)
            WHERE own.line = first.line AND own.entry {entries} AND credit.funding < first.funding
                AND {kind.format(row="credit")}
        ), 0)"""
        for entries in ("= 1", "> 1", "IS NULL")  # a partial index finds each
    )
    return f"iif(first.funding = 1, {owed}, max(0, {owed} - ({left})))"


_REOPENED = """EXISTS (
    SELECT 1 FROM transactions AS before JOIN reopenings ON reopenings.undone_run = before.run_id
    WHERE before.line = own.line AND before.entry = 1 AND before.funding = own.funding - 1
        AND reopenings.run_id < own.run_id
)"""
_BEGUN = """EXISTS (
    SELECT 1 FROM transactions AS first
    WHERE first.line = own.line AND first.entry = 1 AND first.funding = own.funding
        AND first.run_id = own.run_id AND first.campaign = own.campaign
        AND (own.card IS NULL OR own.card = first.card)
        AND (own.bucket <> first.bucket OR own.reason IS NOT first.reason)
        -- A rule's bonus is on what is paid, if only the time before.
        AND (own.bucket <> 'bonus' OR own.reason IS NULL OR first.bucket = 'paid' OR first.funding > 1)
)"""
_TWICE = """EXISTS (
    SELECT 1 FROM transactions AS same
    WHERE same.line = own.line AND same.funding = own.funding AND same.entry > 1 AND same.entry > own.entry
        AND same.bucket = own.bucket AND same.reason = own.reason
)"""


# Cash that was paid when its run was undone, or was in a file for the bank that was not rejected by then.
_WITH_THE_BANK = """EXISTS (
    SELECT 1 FROM undoings
    WHERE undoings.undone_run = own.run_id AND (
        EXISTS (
            SELECT 1 FROM cash_outcomes
            WHERE cash_outcomes.debt = own.id AND outcome = 'paid' AND cash_outcomes.run_id < undoings.run_id
        )
        OR EXISTS (
            SELECT 1 FROM cash_orders LEFT JOIN cash_rejections ON cash_order = cash_orders.id
            WHERE cash_orders.debt = own.id AND cash_orders.run_id < undoings.run_id
                AND (cash_rejections.run_id IS NULL OR cash_rejections.run_id > undoings.run_id)
        )
    )
)"""
# What a refund line was given is what it is owed, in the campaign's currency, on the customer's card. Asked of the
# funding that stands, as files may say something else after an undo.
_CREDIT = f"""
    SELECT first.id
    FROM transactions AS first
    LEFT JOIN line_versions AS line ON line.id = first.line AND line.version = 1
    LEFT JOIN line_versions AS now ON now.id = {newest_version("line")}
    LEFT JOIN campaigns ON campaigns.id = first.campaign
    LEFT JOIN cards ON cards.id = first.card
    LEFT JOIN assignments ON assignments.card = first.card
    WHERE first.entry = 1 AND first.run_id NOT IN (SELECT undone_run FROM undoings) AND (
        now.currency IS NOT campaigns.currency
        OR (first.card IS NOT NULL AND (
            cards.campaign IS NOT first.campaign
            OR coalesce(assignments.customer, cards.customer) IS NOT now.customer
        ))
        OR {_given(_SETTLED)} IS NOT {_still_owed("now.refund_amount_minor", _SETTLED)}
        OR {_given(_BACK)} IS NOT {_still_owed("now.bonus_amount_minor", _BACK)}
        -- More is owed in cash only where it is instead of what would be paid.
        OR CASE
            WHEN first.bucket = 'paid'
                THEN {_given(_CASH)} IS NOT {_still_owed("now.cash_amount_minor", _CASH)}
            WHEN first.funding = 1 THEN {_given(_CASH)} < now.cash_amount_minor
        END
    )
"""
# A refund line is funded by one run onto one card; each part and rule's share has one entry and account.
_FUNDING = f"""
    SELECT own.id
    FROM transactions AS own
    WHERE own.entry IS NOT NULL AND (
        own.contra_account = iif(own.bucket = 'bonus', 'bonuses_owed', 'refunds_owed')
        AND CASE
            WHEN own.entry = 1 THEN (own.bucket = 'bonus' OR (own.bucket = 'fee') = (own.reason IS NOT NULL))
                AND (own.funding = 1 OR {_REOPENED})
            WHEN own.reason IS NULL THEN (own.bucket = 'bonus' AND own.entry = {BACK_SLOT})
                OR (own.bucket = 'cash' AND own.entry = {CASH_SLOT})
            WHEN own.bucket = 'bonus' THEN own.entry BETWEEN {BONUS_SLOT} AND {FEE_SLOT - 1}
            ELSE own.bucket = 'fee' AND own.entry >= {FEE_SLOT}
        END
        AND (own.entry = 1 OR {_BEGUN})
        AND (own.reason IS NULL OR NOT {_TWICE})
    ) IS NOT TRUE
"""
# What takes a credit back is of its line, bucket and accounts, by its undoing, and takes no more than there was. Off
# the card that it is on by then, where that is another one.
_REMOVAL = f"""
    SELECT removal.id
    FROM transactions AS removal
    LEFT JOIN transactions AS credit ON credit.id = removal.related_transaction
    WHERE removal.type = 'CREDITS_REMOVAL'
        AND removal.contra_account IN ('refunds_owed', 'bonuses_owed', 'goodwill') AND (
        credit.type IS NOT 'CREDITS_ADDITION' OR (credit.entry IS NULL) <> (removal.contra_account = 'goodwill')
        OR credit.campaign IS NOT removal.campaign OR credit.line IS NOT removal.line
        OR credit.bucket IS NOT removal.bucket
        OR NOT {MOVED_TO.format(card="credit.card", other="removal.card", run="removal.run_id")}
        OR credit.contra_account IS NOT removal.contra_account
        OR credit.amount_minor + (
            SELECT sum(amount_minor) FROM transactions AS other WHERE other.related_transaction = credit.id
        ) < 0
        OR NOT EXISTS (
            SELECT 1 FROM undoings WHERE undone_run = credit.run_id AND undoings.run_id = removal.run_id
            UNION ALL
            -- Cash that the bank had then, and has rejected.
            SELECT 1 FROM reopenings
            WHERE undone_run = credit.run_id AND reopenings.run_id = removal.run_id AND removal.bucket = 'cash'
        )
    )
"""
# Batches are undone, by an undo after them; only what was undone is reopened; their lines and credits say so.
_UNDOING = """
    SELECT undone_run FROM undoings
    LEFT JOIN runs AS done ON done.id = undone_run
    LEFT JOIN runs AS undo ON undo.id = undoings.run_id
    WHERE coalesce(done.command NOT IN ('load', 'publish', 'topup', 'run', 'apply', 'card issue'), TRUE)
        OR undo.command IS NOT 'undo' OR undone_run >= undoings.run_id
    UNION
    SELECT undone_run FROM reopenings LEFT JOIN runs AS undo ON undo.id = reopenings.run_id
    WHERE undo.command IS NOT 'undo' OR NOT EXISTS (
        SELECT 1 FROM undoings WHERE undoings.undone_run = reopenings.undone_run AND undoings.run_id < reopenings.run_id
    )
    UNION
    SELECT undone_run FROM undone_lines
    WHERE NOT EXISTS (
        SELECT 1 FROM undoings
        WHERE undoings.undone_run = undone_lines.undone_run AND undoings.run_id <= undone_lines.run_id
    )
"""
# Of an undone top-up, cash that is not with the bank and fees are taken back whole, and each line is set aside.
_UNDONE_CREDIT = f"""
    SELECT own.id FROM transactions AS own
    WHERE own.run_id IN (SELECT undone_run FROM undoings) AND (
        (own.entry = 1 AND NOT EXISTS (
            SELECT 1 FROM undone_lines WHERE undone_lines.line = own.line AND undone_run = own.run_id
        ))
        OR (own.entry IS NOT NULL AND own.card IS NULL AND own.amount_minor + coalesce(
            (SELECT sum(amount_minor) FROM transactions AS other WHERE other.related_transaction = own.id), 0
        ) <> 0 AND NOT {_WITH_THE_BANK})
    )
"""

CREDITS = [
    BooksCheck("credit_wrong", "Transaction {0} is not what its refund line is owed.", "", _CREDIT),
    BooksCheck("credit_wrong", "Transaction {0} does not belong to the funding of its refund line.", "", _FUNDING),
    BooksCheck("removal_wrong", "Transaction {0} takes back what was not given like that.", "", _REMOVAL),
]
UNDOINGS = [
    BooksCheck("undoing_wrong", "Run {0} was not undone, or reopened, as the ledger has it.", "", _UNDOING),
    BooksCheck(
        "undoing_wrong",
        "Transaction {0} is of an undone run, and was not undone as it should be.",
        "",
        _UNDONE_CREDIT,
    ),
]
