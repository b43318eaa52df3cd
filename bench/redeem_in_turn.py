"""Redemptions one after the other in one process, as a checkout would ask for them: a transaction, a run and a seal each.

Takes the ledger, how many, and the cards and their holders in a file, `c17,C-4711` a line: they are gone through again and again.
"""

import sys
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

from refundctl.ledger.database.connection import Clock, closing_ledger, open_ledger
from refundctl.ledger.journal.run_journal import Journal, Operator
from refundctl.operations.desk.deeds import on_card
from refundctl.operations.desk.redeem import Redeem

path, count, holders = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()
clock = Clock(datetime.now(UTC).replace(microsecond=0), rehearsal=False)
with closing_ledger(open_ledger(path, clock, wait_seconds=0)) as ledger:
    journal = Journal(ledger, Operator("bench", 0, "bench"), "card redeem", {})
    for number, line in enumerate(islice(cycle(holders), count)):
        card, customer_id = line.split(",", 1)
        on_card(ledger, journal, card, Redeem("0.01", f"INV-{number}", customer_id))
