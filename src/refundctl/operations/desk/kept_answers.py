"""What came of a deed, and the answer that is kept under its key: asked for again, it is given without doing it again.

So who never heard it, since the program was killed after the commit or the line broke, may simply ask once more.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal import idempotency_keys
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.operations.desk.refusals import KeyConflict
from refundctl.operations.run_lifecycle import one_run

KEY_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a deed: the same whenever it is asked for again under its key, so it holds no code and no person.

    `facts` are fields of the JSON answer besides counts and totals; people's words are made from them too. `changed` is
    False where there was nothing to do. Totals are in minor units under their currency.
    """

    campaign: str | None
    counts: Mapping[str, int]
    totals: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    changed: bool = True
    run_id: int | None = None
    repeated: bool = False
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a deed is done: inside the open transaction, in the run `run_id`, at one moment."""

    ledger: Ledger
    run_id: int

    @property
    def now(self) -> datetime:
        """The moment of the command."""
        return self.ledger.clock.now

    def card(self, number: int) -> Card:
        """A card as it stands now."""
        return read_card(self.ledger.connection, number, self.now)


def once(
    ledger: Ledger,
    journal: Journal,
    key: str | None,
    campaign: str | None,
    do: Callable[[Desk], Answer],
    files: Sequence[RunFile] = (),
) -> Answer:
    """Do it in a run of its own; under a key that was used for the same, give that answer. Raises KeyConflict."""
    digest = _digest(journal)
    if key is not None:
        earlier = idempotency_keys.answer_under(ledger.connection, key)
        if earlier is not None:
            return _earlier(earlier, key, digest)
    with one_run(journal, campaign=campaign) as run:
        answer = do(Desk(ledger, run.run_id))
        # Under a key, a deed that changes nothing is remembered too: its key must not do something later.
        if answer.changed or key is not None:
            answer = replace(answer, changed=True, run_id=run.run_id)
            run.outcome = Outcome(dict(answer.counts), answer.totals, files)
        if key is not None:
            idempotency_keys.keep(ledger.connection, key, digest, _as_text(answer), run.run_id)
    return answer


def _earlier(earlier: idempotency_keys.Kept, key: str, digest: str) -> Answer:
    if earlier.arguments != digest:
        raise KeyConflict(
            f"The key {key!r} was used for something else by run {earlier.run_id}: use a key of its own for each deed."
        )
    found = json.loads(earlier.answer)
    return Answer(**found, run_id=earlier.run_id, repeated=True)


def _as_text(answer: Answer) -> str:
    kept = {
        "campaign": answer.campaign,
        "counts": answer.counts,
        "totals": answer.totals,
        "facts": answer.facts,
        "warnings": list(answer.warnings),
    }
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _digest(journal: Journal) -> str:
    """SHA-256 of the command and what it asks for; of a file what it holds counts, not its name."""
    asked = {name: value for name, value in journal.arguments.items() if name != "from"}
    text = json.dumps([journal.command, asked], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
