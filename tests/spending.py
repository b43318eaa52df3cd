"""Spending from a card: there is no command for it yet, so a redemption is posted as a run of its own, sealed as any other."""

from datetime import UTC, datetime
from pathlib import Path

from books import LEDGER
from refundctl.ledger.connection import Clock, closing_ledger, open_ledger
from refundctl.ledger.journal import Journal, Operator, Outcome


def spend(folder: Path, card_id: str, amount_minor: int, bucket: str = "paid") -> None:
    """Take money off a card as a till does; the ledger refuses more than the bucket holds."""
    clock = Clock(datetime.now(UTC).replace(microsecond=0), rehearsal=False)
    with closing_ledger(open_ledger(folder / LEDGER, clock, wait_seconds=0)) as ledger, ledger.writing():
        journal = Journal(ledger, Operator("till", 0, "shop"), "redeem", {})
        run = journal.begin()
        ledger.connection.execute(
            """
            INSERT INTO transactions (campaign, card, type, bucket, amount_minor, contra_account, run_id)
            SELECT campaign, id, 'CREDITS_REDEMPTION', ?, ?, 'sales', ? FROM cards WHERE id = ?
            """,
            (bucket, -amount_minor, run.run_id, int(card_id.removeprefix("c"))),
        )
        journal.finish(run, Outcome({"redemptions": 1}))
