"""One deed for each card of a file: all of them in one run, or nothing of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from refundctl.domain.basics.errors import Refused, RowProblem, UsageError
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, RunFile
from refundctl.operations.desk.amounts import summed, summed_by_currency
from refundctl.operations.desk.deeds import CardDeed, Refusal, in_one_transaction
from refundctl.operations.desk.kept_answers import Answer, Desk, once
from refundctl.operations.desk.named_cards import find_card
from refundctl.operations.desk.refusals import BulkMalformed, BulkRefused


@dataclass(frozen=True, slots=True)
class NamedCard:
    """A row of a file that names cards: its physical line, the card it names, and what is to be done to it."""

    line: int
    named: str
    deed: CardDeed


#: What is looked at once all rows of a file are done, such as a budget: gives warnings, and raises Refused.
Closing = Callable[[Desk], Sequence[str]]


def on_cards(
    ledger: Ledger,
    journal: Journal,
    file: RunFile,
    rows: Sequence[NamedCard],
    malformed: Sequence[RowProblem],
    *,
    key: str | None,
    keep: bool,
    closing: Closing | None,
) -> Answer:
    """Do a deed to each card of a file: all or nothing, in one run; every row that can't be done is listed.

    `malformed` are rows that the file's reader could make nothing of. `closing` looks at all rows together once they
    are done: it gives warnings, and may refuse the whole. Raises BulkMalformed where any row is malformed or names a
    card again, else BulkRefused where a rule refuses any.
    """

    def do(desk: Desk) -> Answer:
        answer = _all_rows(desk, file.path, rows, malformed)
        return answer if closing is None else replace(answer, warnings=(*answer.warnings, *closing(desk)))

    def work(journal: Journal, refused: Refusal) -> Answer:
        return once(ledger, journal, key, None, do, [file])

    return in_one_transaction(ledger, journal, work, keep=keep)


def _all_rows(desk: Desk, path: str, rows: Sequence[NamedCard], malformed: Sequence[RowProblem]) -> Answer:
    wrong, refused, done = list(malformed), [], []
    lines: dict[int, int] = {}
    for row in rows:
        try:
            card = find_card(desk.ledger, row.named)
            first = lines.setdefault(card.number, row.line)
            if first != row.line:
                twice = f"Line {first} names card {card.card_id} already: leave one of the two."
                wrong.append(RowProblem(row.line, "card_twice", twice))
                continue
            row.deed.arguments(desk.ledger, card)
            done.append(row.deed.do(desk, card))
        except Refused as error:
            refused.append(RowProblem(row.line, error.code, error.message))
        except UsageError as error:
            wrong.append(RowProblem(row.line, error.code, error.message))
    if wrong:
        raise BulkMalformed(path, sorted([*wrong, *refused], key=lambda each: each.line))
    if refused:
        raise BulkRefused(path, refused)
    return _together(done)


def _together(found: Sequence[Answer]) -> Answer:
    """The sums of several answers, and each one's facts."""
    campaigns = {answer.campaign for answer in found}
    return Answer(
        campaign=campaigns.pop() if len(campaigns) == 1 else None,
        counts={"rows": len(found), **summed(answer.counts for answer in found)},
        totals=summed_by_currency(answer.totals for answer in found),
        facts={"cards": [answer.facts.get("card") for answer in found]},
        changed=any(answer.changed for answer in found),
        warnings=tuple(dict.fromkeys(warning for answer in found for warning in answer.warnings)),
    )
