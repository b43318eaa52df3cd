"""Whole runs over a ledger in memory: each is sealed as that of a command, and what it reserves is handed over at once."""

import json
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from refundctl.domain.campaigns.campaign import Campaign
from refundctl.files.campaigns.plan_file import Plan
from refundctl.ledger.database.connection import Clock, Ledger
from refundctl.ledger.delivery import hand_overs
from refundctl.ledger.delivery.hand_overs import HandOver
from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
from refundctl.ledger.journal.seals import ledger_id
from refundctl.operations.bookings import load
from refundctl.operations.bookings.input_files import Input, plain, read_plainly
from refundctl.operations.campaigns import create
from refundctl.operations.delivery.hand_over import Place
from refundctl.operations.funding import plan, run
from refundctl.operations.funding.run import Guard, RunResult, Target, Task
from refundctl.operations.run_lifecycle import one_run
from support.desks.staging_desk import StagingDesk

NAME, ANN, BOB = "refunds", Operator("ann", 1, "desk"), Operator("bob", 2, "desk")
FREE = Guard(before=lambda: None, after=lambda steps, run_id: None)
NOTHING_EXPECTED = load.Expected(None, {})


class RunDesk(StagingDesk):
    """The campaign `refunds`, in euros; where nothing else is said it takes every booking. Files have major units."""

    def __init__(self, **keys: object) -> None:
        super().__init__()
        self.say(**keys)

    def say(self, **keys: object) -> None:
        """What the campaigns file says: these keys over the defaults. Nothing is stored."""
        self.campaign = Campaign.from_definition(NAME, json.dumps({"currency": "EUR", **keys}))

    def at(self, moment: str) -> None:
        """Go on at another moment, such as `2021-05-02T00:00:00Z`."""
        self.ledger = replace(self.ledger, clock=Clock(datetime.fromisoformat(moment), rehearsal=False))

    def journal(self, command: str, who: Operator = ANN) -> Journal:
        return Journal(self.ledger, who, command, {})

    def store(self) -> None:
        """`create`: the campaign as the file says it."""
        with self.ledger.writing(), one_run(self.journal("create"), campaign=NAME) as storing:
            storing.outcome = Outcome(create.create(self.ledger, self.campaign, storing.run_id).counts)

    def run(
        self,
        text: str,
        *,
        strict: bool = False,
        expected: load.Expected = NOTHING_EXPECTED,
        guard: Guard = FREE,
        folder: str = "/out",
    ) -> RunResult:
        """What came of a file of bookings."""
        task = self._task(self.ledger, text, strict=strict, expected=expected)
        target = Target(Place(Path(folder), "mail.csv", "generic", "run"), force=False)
        with self.ledger.writing(bulk=True) as writing:
            journal = self.journal("run")
            result = run.run(self.ledger, journal, task, target, lambda step: None, lambda hands_over: [], guard)
            writing.keep = result.changed
        if result.reserved is not None:
            self._deliver(result.reserved)
        return result

    def plan(self, text: str) -> Plan:
        """What a run of this file would do, by ann."""
        with self.ledger.private_copy(to_try=True) as copy:
            task = self._task(copy, text)
            journal = plan.Unsealed(copy, ANN, "plan", {})
            found = plan.rehearse(copy, journal, task, lambda step: None, lambda hands_over: [])
            own_id = None if self.ledger.is_new else ledger_id(self.ledger.connection)
            made = plan.Made(ANN, self.ledger.clock, own_id, self.ledger.path, 0, None)
            return plan.plan_of(task, found, made)

    def _task(
        self,
        ledger: Ledger,
        text: str,
        *,
        strict: bool = False,
        expected: load.Expected = NOTHING_EXPECTED,
    ) -> Task:
        with tempfile.TemporaryFile() as file:
            file.write(text.encode())
            file.seek(0)
            with plain([Input("bookings.csv", file)], read_plainly) as inputs:
                staged = load.stage(ledger, inputs, None, lambda read, rows: None)
        return Task(self.campaign, staged, expected, strict)

    def _deliver(self, batch: HandOver) -> None:
        journal = self.journal("run")
        with self.ledger.writing(), one_run(journal, campaign=NAME, step="handover", parent=batch.run_id) as own:
            files: list[dict[str, Any]] = [{"path": "mail.csv", "rows": 0, "sha256": "0" * 64}]
            hand_overs.mark_delivered(self.ledger.connection, batch, files, own.run_id)
            own.outcome = Outcome({"mailed": 0})
