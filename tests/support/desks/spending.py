"""Spending from a card out of one bucket, which no till can choose: posted as `card redeem` posts it, in a run of its own."""

from pathlib import Path

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.database.connection import closing_ledger, open_ledger
from refundctl.ledger.desk.redeeming import NewRedemption, redeem
from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
from support.books import LEDGER, read
from support.desks.sealed_runs import moment_of_last_run

TILL = Operator("till", 0, "shop")


def spend(folder: Path, card_id: str, amount_minor: int, bucket: str = "paid") -> int:
    """Take money off a card for its holder, at the moment of the last run; gives the redemption's id.

    The ledger refuses more than the bucket holds.
    """
    card = int(card_id.removeprefix("c"))
    [(campaign, customer)] = read(folder / LEDGER, "SELECT campaign, customer FROM held_cards WHERE id = ?", card)
    clock = moment_of_last_run(folder)
    with closing_ledger(open_ledger(folder / LEDGER, clock, wait_seconds=0)) as ledger, ledger.writing():
        journal = Journal(ledger, TILL, "card redeem", {"card": card_id, "amount_minor": amount_minor})
        run = journal.begin()
        amount = Buckets(**{bucket: amount_minor})
        new = NewRedemption(card, campaign, amount, customer, f"INV-{run.run_id}", None)
        [redemption] = redeem(ledger.connection, new, run.run_id)
        journal.finish(run, Outcome({"redemptions": 1}))
    return redemption
