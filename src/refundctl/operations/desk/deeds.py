"""What every deed at the desk has in common: one transaction, one run, a record of what was refused, and repeats.

A deed is done whole or not at all. What a rule refuses is recorded in the very transaction that has decided it, so that two
clerks who guess a PIN at the same moment can't both have the last try.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from refundctl.domain.basics.errors import BadInput, Refused, UsageError
from refundctl.domain.basics.money import (
    AmountError,
    amount_for_people,
    exponent,
    format_amount,
    is_currency,
    parse_amount,
)
from refundctl.domain.cards.card_state import CardState
from refundctl.domain.cards.codes import is_card_id, mask
from refundctl.ledger.cards.finding_cards import card_number, lookalikes
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.journal import idempotency as answers
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.ledger.people.finding_people import customer_number

KEY_LENGTH_MAX = 200
PIN_WRONG = "pin_wrong"


class CardUnknown(Refused, code="resource_not_found"):
    """There is no such card."""


class CustomerUnknown(Refused, code="resource_not_found"):
    """There is no such customer."""


class OtherCurrency(Refused, code="currency_mismatch"):
    """The amount is in another currency than the card."""


class KeyConflict(Refused, code="idempotency_conflict"):
    """The idempotency key was used for something else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a deed: the same whenever it is asked for again under its key, so it holds no code and no person.

    `facts` are fields of the JSON answer besides counts and totals; people's words are made from them too. `changed` is False
    where there was nothing to do. Totals are in minor units under their currency.
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

    def work(journal: Journal, refused: _Refusal) -> Answer:
        return _done_once(ledger, journal, _found(ledger, named, refused), deed, key, refused)

    return _in_one_transaction(ledger, journal, work, keep=keep)


def on_card_found(
    ledger: Ledger,
    journal: Journal,
    find: Callable[[], int],
    deed: CardDeed,
    *,
    key: str | None = None,
    keep: bool = True,
    asked: Mapping[str, Any],
) -> Answer:
    """The same for a card that nobody names: `find` gives its number, or raises Refused, which is recorded with `asked`."""

    def work(journal: Journal, refused: _Refusal) -> Answer:
        refused.arguments = asked
        refused.card = find()
        card = read_card(ledger.connection, refused.card, ledger.clock.now)
        refused.campaign, refused.arguments = card.campaign_name, {"card": card.card_id, **asked}
        return _done_once(ledger, journal, card, deed, key, refused)

    return _in_one_transaction(ledger, journal, work, keep=keep)


def _done_once(
    ledger: Ledger, journal: Journal, card: Card, deed: CardDeed, key: str | None, refused: "_Refusal"
) -> Answer:
    asked = {"card": card.card_id, **deed.arguments(ledger, card)}
    refused.arguments = asked
    return _once(ledger, replace(journal, arguments=asked), key, card.campaign_name, lambda desk: deed.do(desk, card))


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

    def work(journal: Journal, refused: _Refusal) -> Answer:
        refused.campaign = campaign
        if asked is not None:
            journal = replace(journal, arguments=asked())
            refused.arguments = journal.arguments
        return _once(ledger, journal, key, campaign, do)

    return _in_one_transaction(ledger, journal, work, keep=keep)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file that names cards: its physical line, the card it names, and what is to be done to it."""

    line: int
    named: str
    deed: CardDeed


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row can't be done."""

    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


#: What is looked at once all rows of a file are done, such as a budget: gives warnings, and raises Refused.
Closing = Callable[[Desk], Sequence[str]]


def _problems_listed(path: str, problems: Sequence[RowProblem]) -> list[Mapping[str, str | int]]:
    return [{"code": each.code, "message": each.message, "path": path, "line": each.line} for each in problems]


class BulkRefused(Refused, code="rows_refused"):
    """Rules refuse some rows of a file, so nothing of it was done."""

    def __init__(self, path: str, problems: Sequence[RowProblem]) -> None:
        super().__init__(_bulk_sentence(path, problems, "refused"))
        self.path, self.problems = path, problems

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """Each row."""
        return _problems_listed(self.path, self.problems)


class BulkMalformed(BadInput, code="rows_malformed"):
    """Some rows of a file can't be read, so nothing of it was done."""

    def __init__(self, path: str, problems: Sequence[RowProblem]) -> None:
        super().__init__(_bulk_sentence(path, problems, "wrong"))
        self.path, self.problems = path, problems

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """Each row."""
        return _problems_listed(self.path, self.problems)


def _bulk_sentence(path: str, problems: Sequence[RowProblem], what: str) -> str:
    rows = "1 row is" if len(problems) == 1 else f"{len(problems):,} rows are"
    return (
        f"{path}: {rows} {what}, so nothing was done; fix or take out what is listed, and run the same command again."
    )


def on_cards(
    ledger: Ledger,
    journal: Journal,
    path: str,
    rows: Sequence[Row],
    malformed: Sequence[RowProblem],
    *,
    key: str | None = None,
    keep: bool = True,
    files: Sequence[RunFile] = (),
    closing: Closing | None = None,
) -> Answer:
    """Do a deed to each card of a file: all or nothing, in one run; every row that can't be done is listed.

    `malformed` are rows that the file's reader could make nothing of; `files` is what the run's outcome keeps of the file.
    `closing` looks at all rows together once they are done: it gives warnings, and may refuse the whole. Raises
    BulkMalformed where any row is malformed or names a card again, else BulkRefused where a rule refuses any.
    """

    def do(desk: Desk) -> Answer:
        answer = _all_rows(desk, path, rows, malformed)
        return answer if closing is None else replace(answer, warnings=(*answer.warnings, *closing(desk)))

    def work(journal: Journal, refused: _Refusal) -> Answer:
        return _once(ledger, journal, key, None, do, files)

    return _in_one_transaction(ledger, journal, work, keep=keep)


def _all_rows(desk: Desk, path: str, rows: Sequence[Row], malformed: Sequence[RowProblem]) -> Answer:
    wrong, refused, answers_ = list(malformed), [], []
    lines: dict[int, int] = {}
    for row in rows:
        try:
            card = _found(desk.ledger, row.named, _Refusal())
            first = lines.setdefault(card.number, row.line)
            if first != row.line:
                twice = f"Line {first} names card {card.card_id} already: leave one of the two."
                wrong.append(RowProblem(row.line, "card_twice", twice))
                continue
            row.deed.arguments(desk.ledger, card)
            answers_.append(row.deed.do(desk, card))
        except Refused as error:
            refused.append(RowProblem(row.line, error.code, error.message))
        except UsageError as error:
            wrong.append(RowProblem(row.line, error.code, error.message))
    if wrong:
        raise BulkMalformed(path, sorted([*wrong, *refused], key=lambda each: each.line))
    if refused:
        raise BulkRefused(path, refused)
    return _together(answers_)


def _together(found: Sequence[Answer]) -> Answer:
    """The sums of several answers, and each one's facts."""
    counts: dict[str, int] = {"rows": len(found)}
    totals: dict[str, dict[str, int]] = {}
    for answer in found:
        for name, count in answer.counts.items():
            counts[name] = counts.get(name, 0) + count
        for currency, figures in answer.totals.items():
            of_currency = totals.setdefault(currency, {})
            for name, minor in figures.items():
                of_currency[name] = of_currency.get(name, 0) + minor
    campaigns = {answer.campaign for answer in found}
    return Answer(
        campaign=campaigns.pop() if len(campaigns) == 1 else None,
        counts=counts,
        totals=totals,
        facts={"cards": [answer.facts.get("card") for answer in found]},
        changed=any(answer.changed for answer in found),
        warnings=tuple(dict.fromkeys(warning for answer in found for warning in answer.warnings)),
    )


@dataclass(slots=True)
class _Refusal:
    """What is known of a refusal by the time it happens."""

    card: int | None = None
    campaign: str | None = None
    arguments: Mapping[str, Any] | None = None


def _in_one_transaction(
    ledger: Ledger, journal: Journal, work: Callable[[Journal, _Refusal], Answer], *, keep: bool
) -> Answer:
    refusal, refused = _Refusal(), None
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
            writing.keep = keep or error.code == PIN_WRONG
            if writing.keep:
                known = journal if refusal.arguments is None else replace(journal, arguments=refusal.arguments)
                known.post_attempt(error, refusal.campaign, refusal.card)
    if refused is not None:
        raise refused
    return answer


def _once(
    ledger: Ledger,
    journal: Journal,
    key: str | None,
    campaign: str | None,
    do: Callable[[Desk], Answer],
    files: Sequence[RunFile] = (),
) -> Answer:
    digest = _digest(journal)
    if key is not None:
        earlier = answers.answer_under(ledger.connection, key)
        if earlier is not None:
            return _again(earlier, key, digest)
    run = journal.begin(campaign=campaign)
    answer = do(Desk(ledger, run.run_id))
    if answer.changed:
        answer = replace(answer, run_id=run.run_id)
    if key is not None:
        # A deed that changes nothing is remembered too: its key must not do something later.
        answer = replace(answer, changed=True, run_id=run.run_id)
        answers.keep(ledger.connection, key, digest, _as_text(answer), run.run_id)
    if answer.changed:
        journal.finish(run, Outcome(dict(answer.counts), answer.totals, files))
    return answer


def _again(earlier: answers.Kept, key: str, digest: str) -> Answer:
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


def _found(ledger: Ledger, named: str, refusal: _Refusal) -> Card:
    number = card_number(ledger.connection, named)
    if number is None:
        refusal.arguments = {"card": named if is_card_id(named) else None}
        raise _unknown(ledger, named)
    refusal.card = number
    card = read_card(ledger.connection, number, ledger.clock.now)
    refusal.campaign = card.campaign_name
    refusal.arguments = {"card": card.card_id}
    return card


def find_card(ledger: Ledger, named: str) -> Card:
    """The card of this card_id or code. Raises CardUnknown."""
    return _found(ledger, named, _Refusal())


def _unknown(ledger: Ledger, named: str) -> CardUnknown:
    if is_card_id(named):
        return CardUnknown(
            f"There is no card {named} in {ledger.path}: `refundctl card find` lists the cards of a customer or booking."
        )
    alike = lookalikes(ledger.connection, named)
    hint = "check it sign by sign, or find the card with `refundctl card find`"
    if alike:
        cards = "a card has" if alike == 1 else f"{alike} cards have"
        hint = f"{cards} one that looks like it, so check whether each 0 is an O, and each 1 an I or L"
    return CardUnknown(f"There is no card with the code {mask(named)} in {ledger.path}: {hint}.")


def customer_named(ledger: Ledger, customer_id: str) -> int:
    """The number of a customer. Raises CustomerUnknown, without the id, as it may be an e-mail address."""
    number = customer_number(ledger.connection, customer_id)
    if number is None:
        raise CustomerUnknown(
            f"{ledger.path} has no customer of this id: look at the customer_id in the bookings' file, or bring the person "
            "in with `refundctl load-customers`."
        )
    return number


def amount_of(text: str, currency: str, option: str = "--amount", *, signed: bool = False) -> int:
    """Minor units of `12.50`, `EUR 12.50` or `12.50 EUR`; with `signed` also `-12.50` and `+12.50`, but never zero.

    Raises UsageError, and OtherCurrency where another currency is named.
    """
    words = text.split()
    named = [word for word in words if is_currency(word.upper())]
    if len(words) == 2 and len(named) == 1:
        if named[0].upper() != currency:
            raise OtherCurrency(
                f"{option} is in {named[0].upper()}, but this card is in {currency}: give the amount in {currency}."
            )
        text = next(word for word in words if word is not named[0])
    plus = signed and text.startswith("+")
    try:
        minor = parse_amount(text[1:] if plus else text, currency, signed=signed and not plus)
    except AmountError as error:
        # What comes behind speaks of the rows and settings of a file.
        what = error.sentence.rpartition(";")[0]
        example = format_amount(125 * 10 ** exponent(currency) // 10, currency)
        raise UsageError(f"{option} {what}: write it like {example}.", code=error.code) from error
    if not minor:
        raise UsageError(f"{option} is zero: give an amount.", code="amount_not_positive")
    return minor


def money(minor: int, currency: str) -> str:
    """An amount for people."""
    return amount_for_people(minor, currency)


def state_in_words(card: Card) -> str:
    """Why nothing can be done with a card, such as `is disabled`."""
    return {
        CardState.DEACTIVATED: "was deactivated for good",
        CardState.TRANSFERRED: f"is dead, as its balance has moved to card c{card.successor}",
        CardState.CASHED_OUT: "is dead, as its balance was paid out in cash",
        CardState.FROZEN: "is frozen, as its balance is to be paid out in cash",
        CardState.DISABLED: "is disabled",
        CardState.UNASSIGNED: "waits in the pool, neither activated nor given to a customer",
        CardState.EXPIRED: f"expired on {card.expires_on}",
        CardState.LOCKED: "is locked after too many wrong PINs",
    }.get(card.state, "can be used")
