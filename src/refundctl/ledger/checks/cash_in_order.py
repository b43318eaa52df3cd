"""What must be true of cash: what cards were changed into, what is in the bank's files, and how each debt ended."""

from refundctl.ledger.checks.findings import BooksCheck

# `paid` becomes a debt, and the bonus lapses with it; both come back together, by the run that cancels the debt.
_CASHED_OUT = """
    SELECT moved.id
    FROM transactions AS moved
    LEFT JOIN runs ON runs.id = moved.run_id
    LEFT JOIN cards ON cards.id = moved.card
    LEFT JOIN transactions AS named ON named.id = moved.related_transaction
    LEFT JOIN cashouts ON cashouts.id = CASE
        WHEN moved.type = 'CREDITS_REMOVAL' THEN coalesce(moved.related_transaction, moved.id)
        ELSE coalesce(named.related_transaction, named.id)
    END
    LEFT JOIN cash_outcomes ON cash_outcomes.debt = cashouts.id AND outcome = 'cancelled'
    WHERE moved.contra_account IN ('cash_owed', 'lapsed') AND (
        moved.line IS NULL AND cards.campaign = moved.campaign AND cashouts.card = moved.card
        AND moved.bucket = iif(moved.contra_account = 'cash_owed', 'paid', 'bonus')
        AND CASE moved.type
            WHEN 'CREDITS_REMOVAL' THEN runs.command = 'cashout request' AND cashouts.run_id = moved.run_id
                AND (moved.contra_account = 'cash_owed') = (moved.related_transaction IS NULL)
                AND coalesce((
                    SELECT sum(amount_minor) FROM transactions AS back
                    WHERE back.related_transaction = moved.id AND back.type = 'CREDITS_ADDITION'
                ), 0) = iif(cash_outcomes.debt IS NULL, 0, -moved.amount_minor)
            ELSE runs.command = 'cashout cancel' AND cash_outcomes.run_id = moved.run_id
                AND named.type = 'CREDITS_REMOVAL' AND named.contra_account = moved.contra_account
        END
    ) IS NOT TRUE
"""
_CASHOUT = """
    SELECT cashouts.id, 'c' || cashouts.card
    FROM cashouts LEFT JOIN transactions AS debt ON debt.id = cashouts.id
    WHERE (
        debt.type = 'CREDITS_REMOVAL' AND debt.contra_account = 'cash_owed' AND debt.card = cashouts.card
        AND debt.related_transaction IS NULL
    ) IS NOT TRUE
"""
# From the request to its end nothing is on the card; where it is paid, or nothing has come of it yet, that is for good.
_FROZEN = """
    SELECT cashouts.id, 'c' || cashouts.card
    FROM cashouts
    LEFT JOIN cash_outcomes AS cancelled ON cancelled.debt = cashouts.id AND cancelled.outcome = 'cancelled'
    WHERE (
        SELECT sum(amount_minor) FROM transactions
        WHERE transactions.card = cashouts.card AND transactions.run_id <= cashouts.run_id
    ) <> 0
    OR EXISTS (
        SELECT 1 FROM transactions
        WHERE transactions.card = cashouts.card AND transactions.run_id > cashouts.run_id
            AND (cancelled.run_id IS NULL OR transactions.run_id < cancelled.run_id)
    )
"""
_NO_DEBT = """NOT EXISTS (
    SELECT 1 FROM transactions AS debt
    WHERE debt.id = {row}.debt AND (
        EXISTS (SELECT 1 FROM cashouts WHERE cashouts.id = debt.id)
        OR (debt.bucket = 'cash' AND debt.type = 'CREDITS_ADDITION')
    )
)"""
# An undo takes back cash that is owed by policy, but not what was paid or is with the bank.
_TAKEN_BACK = """
    SELECT 1 FROM transactions AS back
    WHERE back.related_transaction = {row}.debt AND back.type = 'CREDITS_REMOVAL' AND back.bucket = 'cash'
"""
_OUTCOME = f"""
    SELECT cash_outcomes.debt
    FROM cash_outcomes LEFT JOIN runs ON runs.id = cash_outcomes.run_id
    WHERE {_NO_DEBT.format(row="cash_outcomes")} OR CASE outcome
        WHEN 'paid' THEN runs.command IS NOT 'cashout settle' OR EXISTS ({_TAKEN_BACK.format(row="cash_outcomes")})
        ELSE runs.command IS NOT 'cashout cancel'
            OR NOT EXISTS (SELECT 1 FROM cashouts WHERE cashouts.id = debt AND cashouts.run_id < cash_outcomes.run_id)
            OR EXISTS (
                SELECT 1 FROM cash_orders
                WHERE cash_orders.debt = cash_outcomes.debt AND NOT EXISTS (
                    SELECT 1 FROM cash_rejections
                    WHERE cash_order = cash_orders.id AND cash_rejections.run_id < cash_outcomes.run_id
                )
            )
    END
"""
_ORDER = f"""
    SELECT cash_orders.id, cash_orders.debt
    FROM cash_orders
    LEFT JOIN cash_files ON cash_files.id = cash_orders.cash_file
    LEFT JOIN cash_rejections ON cash_rejections.cash_order = cash_orders.id
    WHERE cash_files.run_id IS NOT cash_orders.run_id OR {_NO_DEBT.format(row="cash_orders")}
        OR EXISTS (
            SELECT 1 FROM cash_outcomes
            WHERE cash_outcomes.debt = cash_orders.debt AND cash_outcomes.run_id <= cash_orders.run_id
        )
        OR EXISTS (
            SELECT 1 FROM cash_orders AS later
            WHERE later.debt = cash_orders.debt AND later.id > cash_orders.id
                AND (cash_rejections.run_id IS NULL OR later.run_id <= cash_rejections.run_id)
        )
        OR EXISTS (
            {_TAKEN_BACK.format(row="cash_orders")}
                AND (cash_rejections.run_id IS NULL OR back.run_id < cash_rejections.run_id)
        )
"""
_FILE = """
    SELECT cash_files.id
    FROM cash_files
    LEFT JOIN runs ON runs.id = cash_files.run_id
    LEFT JOIN cash_deliveries ON cash_deliveries.cash_file = cash_files.id
    WHERE runs.command IS NOT 'cashout export' OR cash_deliveries.run_id < cash_files.run_id
        OR NOT EXISTS (SELECT 1 FROM cash_orders WHERE cash_orders.cash_file = cash_files.id)
"""
_REJECTION = """
    SELECT cash_rejections.cash_order
    FROM cash_rejections
    LEFT JOIN cash_orders ON cash_orders.id = cash_rejections.cash_order
    LEFT JOIN runs ON runs.id = cash_rejections.run_id
    WHERE (runs.command = 'cashout settle' AND cash_orders.run_id < cash_rejections.run_id) IS NOT TRUE
"""

CHECKS = (
    BooksCheck("cashout_wrong", "Transaction {0} is of no cash-out like that.", "cash_owed lapsed", _CASHED_OUT),
    BooksCheck("cashout_wrong", "Cash-out {0} of card {1} is no debt like that.", "cashouts", _CASHOUT),
    BooksCheck("frozen_with_balance", "Card {1} had a balance after cash-out {0} was requested.", "cashouts", _FROZEN),
    BooksCheck(
        "cash_outcome_wrong", "The debt in cash {0} did not end as the ledger has it.", "cash_outcomes", _OUTCOME
    ),
    BooksCheck(
        "cash_order_wrong", "Order {0} pays the debt in cash {1}, which was not to be paid then.", "cash_orders", _ORDER
    ),
    BooksCheck("cash_order_wrong", "File {0} for the bank is not one that was made like that.", "cash_files", _FILE),
    BooksCheck("cash_order_wrong", "Order {0} was not rejected as the ledger has it.", "cash_rejections", _REJECTION),
)
