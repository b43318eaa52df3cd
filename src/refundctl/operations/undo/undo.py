"""Taking back what of a run is unspent, and letting its refund lines be funded again.

What was spent, and what other runs have built on it, stays and is named. Nothing is erased.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refundctl.domain.basics.errors import Refused
from refundctl.files.safe_write import locked_folder
from refundctl.ledger.campaigns import stored_campaigns
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.delivery import hand_overs, mail_cards
from refundctl.ledger.delivery.hand_overs import HandOver
from refundctl.ledger.journal.run_journal import Journal, Outcome
from refundctl.ledger.undo import undone_cards, undone_credits, undone_loads, undone_runs
from refundctl.ledger.undo.undone_cards import Staying, Withdrawn
from refundctl.ledger.undo.undone_credits import CreditsTakenBack
from refundctl.ledger.undo.undone_runs import PastRun
from refundctl.operations.run_lifecycle import one_run

RUNS_NAMED = 5


class RunUnknown(Refused, code="resource_not_found"):
    """The ledger has no run of this number."""


class NotUndoable(Refused, code="not_undoable"):
    """There is nothing in this run that could be undone, or it was not undone and can't be reopened."""


@dataclass(frozen=True, slots=True)
class UndoResult:
    """What was taken back of `target` and its steps, in minor units; None and empty where there was nothing left to do.

    `run_id` is the run that did it, None where nothing is to be kept. `undone` are the runs that are undone by it.
    """

    target: PastRun
    run_id: int | None
    undone: Sequence[int]
    taken: CreditsTakenBack | None
    cards: Withdrawn
    lines: Withdrawn
    closed: Sequence[HandOver]

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON."""
        return {
            "refunds": self.taken.refunds if self.taken else 0,
            "cards": self.cards.undone,
            "lines": self.lines.undone,
            "lines_restored": self.lines.restored,
            "cards_kept": self.cards.kept_count,
            "lines_kept": self.lines.kept_count,
            "spent": self.taken.spent_cards + self.taken.spent_debts if self.taken else 0,
        }

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """As they stand in JSON: `total` is what was taken off cards, `spent` what could not be."""
        if self.taken is None:
            return {}
        taken = self.taken
        return {
            taken.currency: {
                "paid": taken.paid_minor,
                "bonus": taken.bonus_minor,
                "fee": taken.fee_minor,
                "cash": taken.cash_minor,
                "total": taken.paid_minor + taken.bonus_minor,
                "spent": taken.spent_minor,
            }
        }

    @property
    def changed(self) -> bool:
        """Whether anything was taken back."""
        done = (self.taken, self.cards.undone, self.lines.undone, self.lines.restored, self.closed)
        return any(done) or bool(self.undone and self.lines.overwritten)

    @property
    def partial(self) -> bool:
        """Whether something had to stay."""
        return bool(self.cards.kept_count or self.lines.kept_count)

    @property
    def stays(self) -> list[str]:
        """What had to stay, and what is to be undone first: a sentence each."""
        each = (
            (self.cards, "card stays, with money of other top-ups", "cards stay, with money of other top-ups"),
            (
                self.lines,
                "refund line stays, as other runs build on it",
                "refund lines stay, as other runs build on them",
            ),
        )
        return [
            f"{found.kept_count:,} {one if found.kept_count == 1 else several}{_first(found.kept)}."
            for found, one, several in each
            if found.kept_count
        ]

    def listed(self) -> dict[str, list[dict[str, Any]]]:
        """The first cards and debts of which something was spent, and what stays, as they stand in JSON."""
        currency, spent = (self.taken.currency, self.taken.spent) if self.taken else (None, ())
        kept = [*self.cards.kept, *self.lines.kept][: undone_runs.MOST_LISTED]
        return {
            "spent": [
                {
                    "card_id": None if one.card is None else f"c{one.card}",
                    **({} if one.debt is None else {"cashout": one.debt}),
                    "amount": one.amount_minor,
                    "currency": currency,
                }
                for one in spent
            ],
            "kept": [
                {"card_id": f"c{one.card}", "run_id": one.held_by}
                if one.card is not None
                else {"booking_id": one.booking_id, "refund_id": one.refund_id, "run_id": one.held_by}
                for one in kept
            ],
        }


def _first(kept: Sequence[Staying]) -> str:
    """Which runs are to be undone first, those that most of it hangs on first."""
    runs = Counter(one.held_by for one in kept if one.held_by is not None)
    if not runs and any(one.card is not None for one in kept):
        return (
            ", or what the desk has put on: take that off first with `refundctl card adjust`, then undo this one again"
        )
    if not runs:
        return ""
    names = ", ".join(str(run_id) for run_id, _ in runs.most_common(RUNS_NAMED))
    return f": undo run {names} first, then this one again"


@dataclass(frozen=True, slots=True)
class ReopenResult:
    """`lines` are the refund lines of the reopened runs; `lines_held` of them another undone run still holds back."""

    target: PastRun
    run_id: int | None
    reopened: Sequence[int]
    lines: int
    lines_held: int

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON."""
        return {"reopened": len(self.reopened), "lines": self.lines, "lines_held": self.lines_held}


NOTHING = Withdrawn(0, 0, ())


def undo(ledger: Ledger, journal: Journal, run_id: int, reason: str | None) -> UndoResult:
    """Take back what the run of this number did; the caller holds the transaction and decides on keeping it.

    Once more does nothing, but for what had to stay the first time and is free now. Raises RunUnknown and NotUndoable.
    """
    target = _found(ledger, run_id)
    steps = _undoable_steps(ledger, target)
    new = [one.run_id for one in _with_steps(target, steps) if one.undone_by is None]
    with one_run(journal, campaign=target.campaign) as run:
        undone_runs.note_undoings(ledger.connection, new, reason, run.run_id)
        taken, cards, lines = _take_back(ledger.connection, steps, reason, run.run_id)
        closed = _close_hand_overs(ledger, target, steps, run.run_id)
        result = UndoResult(target, run.run_id, new, taken, cards, lines, closed)
        if result.changed:
            run.outcome = Outcome(result.counts, result.totals, partial=result.partial)
            return result
    if new and result.partial:
        raise NotUndoable(f"Nothing of run {run_id} can be undone: {' '.join(result.stays)}")
    return replace(result, run_id=None, undone=[])


def _take_back(
    connection: sqlite3.Connection, steps: Sequence[PastRun], reason: str | None, run_id: int
) -> tuple[CreditsTakenBack | None, Withdrawn, Withdrawn]:
    """Take back the credits, cards and refund lines of these steps, where each still stands."""
    taken, cards, lines = None, NOTHING, NOTHING
    for step in steps:
        goodwill = step.command == undone_runs.GOODWILL
        if (goodwill or step.command == "topup") and step.undone_by is None:
            taken = undone_credits.take_back(connection, step.run_id, reason, run_id)
        if step.reopened_by is not None:
            continue
        if goodwill or step.command == "publish":
            cards = undone_cards.deactivate(connection, step.run_id, reason, run_id, with_lines=not goodwill)
        elif step.command == "load":
            lines = undone_loads.withdraw(connection, step.run_id, run_id)
    return taken, cards, lines


def _found(ledger: Ledger, run_id: int) -> PastRun:
    found = undone_runs.past_run(ledger.connection, run_id)
    if found is None:
        raise RunUnknown(f"{ledger.path} has no run {run_id}: `refundctl runs` lists them.")
    return found


def _undoable_steps(ledger: Ledger, target: PastRun) -> list[PastRun]:
    """The steps of a run, the last one first; it is one itself where it has none. Raises NotUndoable."""
    if target.command in undone_runs.WHOLE_RUNS:
        return undone_runs.steps_of(ledger.connection, target.run_id)
    if target.command not in (*undone_runs.STEPS, undone_runs.GOODWILL):
        raise NotUndoable(_why_not(ledger, target))
    return [target]


def _with_steps(target: PastRun, steps: Sequence[PastRun]) -> list[PastRun]:
    return [target, *(step for step in steps if step.run_id != target.run_id)]


_INSTEAD = {
    "create": "A campaign stays: describe it otherwise and store that with `refundctl create`, or stop it with "
    "`refundctl pause`.",
    "load-customers": "People stay as files say: load a file that says otherwise.",
    "handover": "A file that was written can't be called back: undo the run that put the money on the cards.",
    "export": "A file that was written can't be called back: undo the run that put the money on the cards.",
    "pause": "Let the campaign go on with `refundctl resume`.",
    "resume": "Stop the campaign again with `refundctl pause`.",
    "approve": "Leave the plan as it is, or undo the run that applied it.",
    "card redeem": "Give the purchase back with `refundctl card rollback`.",
    "card rollback": "Take the purchase off the card again with `refundctl card redeem`, under another invoice number.",
    "load-redemptions": "Give the purchases back one by one with `refundctl card rollback`.",
    "card adjust": "Correct the balance the other way with `refundctl card adjust`.",
    "card transfer": "Move the balance on with `refundctl card transfer`: a card that was replaced stays dead.",
    "card activate": "Block the card for now with `refundctl card disable`, or for good with "
    "`refundctl card deactivate`.",
    "card assign": "A card keeps its holder: block it with `refundctl card disable`, or for good with "
    "`refundctl card deactivate`.",
    "card disable": "Let the card be used again with `refundctl card enable`.",
    "card enable": "Block the card again with `refundctl card disable`.",
    "card deactivate": "That was for good: `refundctl card issue` makes a new card.",
    "card extend": "A card that was extended is valid that long; `refundctl card disable` blocks it.",
    "card set-pin": "Set another PIN with `refundctl card set-pin`.",
    "card unlock": "Block the card with `refundctl card disable`.",
    "cashout request": "Give the balance back to the card with `refundctl cashout cancel`.",
    "cashout cancel": "Ask for the cash again with `refundctl cashout request`.",
    "cashout export": "A file for the bank can't be called back: tell the bank, and load its answer with "
    "`refundctl cashout settle`.",
    "cashout settle": "What the bank has paid is paid.",
    "expire": "What has lapsed is booked for good: `refundctl card issue` makes a goodwill card.",
    "customer erase": "What is erased is gone.",
}


def _why_not(ledger: Ledger, target: PastRun) -> str:
    why = f"Run {target.run_id} is a `{target.command}`, which can't be undone. "
    if target.command != "undo":
        return why + _INSTEAD.get(target.command, "Only load, publish, topup, run, apply and card issue can.")
    if not undone_runs.undone_by(ledger.connection, target.run_id):
        return f"{why}Undo the run that has funded the refund lines since."
    if any(one.command == undone_runs.GOODWILL for one in undone_runs.undone_by(ledger.connection, target.run_id)):
        return f"{why}`refundctl card issue` makes another goodwill card."
    return f"{why}To let its refund lines be funded again, type `refundctl undo --reopen {target.run_id}`."


def _close_hand_overs(ledger: Ledger, target: PastRun, steps: Sequence[PastRun], run_id: int) -> list[HandOver]:
    """Close hand-overs that were cut off and of which nobody is left to be told; others are finished without them."""
    runs = {one.run_id for one in _with_steps(target, steps)}
    if target.parent_run_id is not None and target.command != "load":
        runs.add(target.parent_run_id)
    closed = []
    for hand_over in hand_overs.open_hand_overs_of(ledger.connection, sorted(runs)):
        if not mail_cards.find_mail_cards(ledger.connection, hand_over.hand_over_id).count:
            hand_overs.mark_delivered(ledger.connection, hand_over, [], run_id)
            closed.append(hand_over)
    return closed


@contextmanager
def quiet_folders(ledger: Ledger, run_id: int) -> Iterator[None]:
    """Make sure that nobody is just writing the files of a hand-over that may have to be closed.

    To be held from before the transaction, as hand-overs do. Raises Busy.
    """
    with ExitStack() as stack:
        for folder in _open_folders(ledger, run_id):
            # It may be gone, or another person's: then nobody writes there, or the schema sees to it.
            with suppress(OSError):
                stack.enter_context(locked_folder(folder, ledger.wait_seconds))
        yield


def _open_folders(ledger: Ledger, run_id: int) -> list[Path]:
    if ledger.is_new:
        return []
    with ledger.reading():
        target = undone_runs.past_run(ledger.connection, run_id)
        if target is None or target.campaign is None:
            return []
        stored = stored_campaigns.campaign_named(ledger.connection, target.campaign)
        found = hand_overs.open_hand_overs_of_campaign(ledger.connection, stored.campaign_id) if stored else []
    return sorted({Path(hand_over.directory) for hand_over in found})


def reopen(ledger: Ledger, journal: Journal, run_id: int) -> ReopenResult:
    """Let the refund lines of an undone run be funded again; its number, or that of the undo, says which.

    Raises RunUnknown, and NotUndoable where nothing was undone, or where its lines would now exceed their orders.
    """
    connection = ledger.connection
    target = _found(ledger, run_id)
    undone = _undone(ledger, target)
    if any(one.command == undone_runs.GOODWILL for one in (target, *undone)):
        raise NotUndoable(
            f"Run {run_id} is about a goodwill card, which was for no refund line, so there is nothing to reopen: "
            "`refundctl card issue` makes another one."
        )
    if not undone:
        raise NotUndoable(
            f"Run {run_id} was not undone, so there is nothing to reopen: `refundctl runs` lists all runs."
        )
    closed = [one.run_id for one in undone if one.reopened_by is None]
    if not closed:
        return ReopenResult(target, None, [], 0, 0)
    with one_run(journal, campaign=undone[0].campaign) as run:
        undone_runs.reopen(connection, closed, run.run_id)
        contradicting = undone_runs.contradicting_booking(connection, run.run_id)
        if contradicting is not None:
            raise NotUndoable(
                f"The refund lines of booking {contradicting} contradict each other, or exceed its order together, "
                f"since run {run_id} was undone: load a file that tells all its lines, then reopen it."
            )
        lines, held = undone_runs.reopened_lines(connection, run.run_id)
        result = ReopenResult(target, run.run_id, closed, lines, held)
        run.outcome = Outcome(result.counts)
    return result


def _undone(ledger: Ledger, target: PastRun) -> list[PastRun]:
    """The runs that are undone of what `target` names: it and its steps, or what it has undone itself."""
    if target.command == "undo":
        return undone_runs.undone_by(ledger.connection, target.run_id)
    steps = undone_runs.steps_of(ledger.connection, target.run_id) if target.command in undone_runs.WHOLE_RUNS else []
    return [one for one in _with_steps(target, steps) if one.undone_by is not None]
