"""What every deed at the desk has in common: one transaction, one run, a record of what was refused, and repeats.

A deed is done whole or not at all. What a rule refuses is recorded in the very transaction that has decided it, so that
two clerks who guess a PIN at the same moment can't both have the last try.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.codes import is_card_id
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal import idempotency_keys as answers
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.operations.desk.named import find_card
from refundctl.operations.desk.refusals import KeyConflict, PinWrong
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


@dataclass(slots=True)
class Refusal:
    """What is known of a refusal by the time it happens: `card` is the number of the one that it is about."""

    card: int | None = None
    campaign: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def about(self, card: Card, asked: Mapping[str, Any]) -> None:
        """Note the card, and what was asked for."""
        self.card, self.campaign = card.number, card.campaign_name
        self.arguments = {"card": None, **asked} | {"card": card.card_id}


class CardDeed(Protocol):
    """Something that is done to one card."""

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """What is asked for, as the journal keeps it and keys compare it: no code, no PIN, and people by their number.

        Raises UsageError, OtherCurrency and CustomerUnknown.
        """

    def do(self, desk: Desk, card: Card) -> Answer:
        """Do it; raises Refused."""


def on_card(
    ledger: Ledger, journal: Journal, named: str, deed: CardDeed, *, key: str | None = None, keep: bool = True
) -> Answer:
    """Do a deed to the card that is named by its card_id or code, once per `key`; `keep` is False for a dry run.

    A refusal is recorded with its card. Raises CardUnknown, KeyConflict, UsageError and what the deed refuses.
    """

    asked = {"card": named if is_card_id(named) else None}
    return on_card_found(ledger, journal, partial(find_card, ledger, named), deed, key=key, keep=keep, asked=asked)


def on_card_found(
    ledger: Ledger,
    journal: Journal,
    find: Callable[[], Card],
    deed: CardDeed,
    *,
    key: str | None = None,
    keep: bool = True,
    asked: Mapping[str, Any],
) -> Answer:
    """The same for a card that nobody names: `find` reads it, or raises Refused, which is recorded with `asked`."""

    def work(journal: Journal, refused: Refusal) -> Answer:
        refused.arguments = asked
        card = find()
        refused.about(card, asked)
        refused.about(card, deed.arguments(ledger, card))
        journal = replace(journal, arguments=refused.arguments)
        return once(ledger, journal, key, card.campaign_name, lambda desk: deed.do(desk, card))

    return in_one_transaction(ledger, journal, work, keep=keep)


def without_card(
    ledger: Ledger,
    journal: Journal,
    campaign: str | None,
    do: Callable[[Desk], Answer],
    *,
    key: str | None = None,
    keep: bool = True,
    asked: Callable[[], Mapping[str, Any]] | None = None,
) -> Answer:
    """Do something that is about no single card that there is yet, once per `key`.

    The journal has its arguments, or `asked` gives them: it may raise Refused, which is recorded with the journal's.
    """

    def work(journal: Journal, refused: Refusal) -> Answer:
        refused.campaign = campaign
        if asked is not None:
            journal = replace(journal, arguments=asked())
            refused.arguments = journal.arguments
        return once(ledger, journal, key, campaign, do)

    return in_one_transaction(ledger, journal, work, keep=keep)


def in_one_transaction(
    ledger: Ledger, journal: Journal, work: Callable[[Journal, Refusal], Answer], *, keep: bool
) -> Answer:
    """Work in a transaction, kept where something was changed; what is refused is kept as an attempt, and raised."""
    refusal, refused = Refusal(arguments=journal.arguments), None
    with ledger.writing() as writing:
        ledger.connection.execute("SAVEPOINT deed")
        try:
            answer = work(journal, refusal)
            writing.keep = keep and answer.changed and not answer.repeated
        except Refused as error:
            ledger.connection.execute("ROLLBACK TO deed")
            refused = error
            error.campaign = refusal.campaign
            if refusal.card is not None:
                error.details = {**error.details, "card_id": f"c{refusal.card}"}
            # A wrong PIN counts in a dry run too, else one could be found by trying.
            writing.keep = keep or isinstance(error, PinWrong)
            if writing.keep:
                known = replace(journal, arguments=refusal.arguments)
                known.post_attempt(error, refusal.campaign, refusal.card)
    if refused is not None:
        raise refused
    return answer


def once(
    ledger: Ledger,
    journal: Journal,
    key: str | None,
    campaign: str | None,
    do: Callable[[Desk], Answer],
    files: Sequence[RunFile] = (),
) -> Answer:
    """Do it in a run of its own; under a key that was used for the same before, give that answer. Raises
    KeyConflict."""
    digest = _digest(journal)
    if key is not None:
        earlier = answers.answer_under(ledger.connection, key)
        if earlier is not None:
            return _earlier(earlier, key, digest)
    with one_run(journal, campaign=campaign) as run:
        answer = do(Desk(ledger, run.run_id))
        # Under a key, a deed that changes nothing is remembered too: its key must not do something later.
        if answer.changed or key is not None:
            answer = replace(answer, changed=True, run_id=run.run_id)
            run.outcome = Outcome(dict(answer.counts), answer.totals, files)
        if key is not None:
            answers.keep(ledger.connection, key, digest, _as_text(answer), run.run_id)
    return answer


def _earlier(earlier: answers.Kept, key: str, digest: str) -> Answer:
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
