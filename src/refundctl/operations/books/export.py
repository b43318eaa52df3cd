"""CSV files for finance and the desk, read from a private copy so that nobody who writes has to wait."""

from collections.abc import Iterator
from typing import Any

from refundctl.domain.campaigns.conditions import Condition
from refundctl.exports.books.finance import COLUMNS, rendered
from refundctl.exports.csv_text import encode
from refundctl.files.safe_write import writing_to
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import RunFile
from refundctl.ledger.reading import finance_rows
from refundctl.operations.campaigns.terms import EVERYTHING, Terms, consider, terms_of


def export(ledger: Ledger, kind: str, campaign: str, output: str | None, where: Condition = EVERYTHING) -> RunFile:
    """Write `kind` (a key of COLUMNS) to `output`, a path or `-`; None only counts the rows.

    `where` keeps the bookings it holds for, and the cards and transactions that are for them.
    """
    with ledger.private_copy() as copy, copy.reading():
        terms = terms_of(copy, campaign)
        rows = _rows(copy, kind, terms, where)
        blocks = rendered(kind, rows, campaign, terms.stored.currency)
        if output is None:
            return RunFile("", sum(map(len, blocks)), "", output=True)
        count = 0
        with writing_to(output) as out:
            out.write(encode([COLUMNS[kind]]))
            for block in blocks:
                out.write(encode(block))
                count += len(block)
    return RunFile(output, count, out.sha256, output=True)


def _rows(copy: Ledger, kind: str, terms: Terms, where: Condition) -> Iterator[tuple[Any, ...]]:
    campaign = terms.stored.campaign_id
    if kind == "bookings":
        return finance_rows.booking_rows(consider(copy, terms, where))
    some = consider(copy, terms, where) if where.tests else None
    match kind:
        case "cards":
            today = terms.today(copy.clock.now).isoformat()
            return finance_rows.card_rows(copy.connection, campaign, today, considered=some)
        case "transactions":
            return finance_rows.transaction_rows(copy.connection, campaign, considered=some)
        case "publications":
            return finance_rows.publication_rows(copy.connection, campaign, considered=some)
        case _:
            return finance_rows.redemption_rows(copy.connection, campaign, considered=some)
