"""What every deed at the desk has in common: one transaction, one run, and a record of what was refused.

A deed is done whole or not at all. What a rule refuses is recorded in the very transaction that has decided it, so that
two clerks who guess a PIN at the same moment can't both have the last try.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.buckets import Buckets
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import is_card_id
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.database.sql import savepoint
from refundctl.ledger.desk import card_details
from refundctl.ledger.journal.run_journal import Journal
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.kept_answers import Answer, Desk, once
from refundctl.operations.desk.named_cards import find_card
from refundctl.operations.desk.refusals import PinWrong


@dataclass(slots=True)
class Refusal:
    """What is known of a refusal by the time it happens: `card` is the number of the one that it is about."""

    card: int | None = None
    campaign: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def about(self, card: Card, asked: Mapping[str, Any]) -> None:
        """Note the card, and what was asked for."""
        self.card, self.campaign = card.number, card.campaign_name
        self.arguments = {**asked, "card": card.card_id}


class CardDeed(Protocol):
    """Something that is done to one card."""

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """What is asked for, as the journal keeps it and keys compare it: no code, no PIN, and people by their number.

        Raises UsageError, OtherCurrency and CustomerUnknown.
        """

    def do(self, desk: Desk, card: Card) -> Answer:
        """Do it; raises Refused."""


@dataclass(frozen=True, slots=True)
class WithReason:
    """A deed of which nothing but the reason is asked; it holds no code."""

    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {"reason": self.reason}


def done(desk: Desk, card: Card, count: str, *, state: CardState | None = None, warnings: Sequence[str] = ()) -> Answer:
    """What came of it; the card is read again unless its `state` is known."""
    now = desk.card(card.number) if state is None else replace(card, state=state)
    return Answer(card.campaign_name, {count: 1}, facts={"card": card_facts(now)}, warnings=tuple(warnings))


def nothing(card: Card, count: str) -> Answer:
    """There was nothing to do."""
    return Answer(card.campaign_name, {count: 0}, facts={"card": card_facts(card)}, changed=False)


def moved(
    desk: Desk,
    card: Card,
    count: str,
    total: str,
    amount: Buckets,
    posted: Sequence[int],
    *,
    warnings: Sequence[str] = (),
    **facts: Any,
) -> Answer:
    """What came of money that was `posted`; `card` as it stands now, `count` and `total` are the figures' names."""
    transactions = card_details.transactions(desk.ledger.connection, posted)
    return Answer(
        card.campaign_name,
        {count: 1},
        {card.currency: {total: amount.total, "paid": amount.paid, "bonus": amount.bonus}},
        {**facts, "card": card_facts(card), "transactions": transactions},
        warnings=tuple(warnings),
    )


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
        try:
            with savepoint(ledger.connection):
                answer = work(journal, refusal)
            writing.keep = keep and answer.changed and not answer.repeated
        except Refused as error:
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
