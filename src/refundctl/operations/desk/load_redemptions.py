"""Loading what a till that works on its own has sold: known purchases are unchanged, bad ones rejected, others posted.

What becomes of a row depends on what rows say, never on where they stand: they are posted by their moments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from refundctl.domain.basics.errors import Refused
from refundctl.domain.bookings.booking_cells import Fault, RejectCode
from refundctl.domain.cards.codes import mask
from refundctl.domain.cards.redemption_columns import is_ahead, moment_of_purchase, other_currency, read_amount
from refundctl.files.desk.redemptions_csv import RedemptionsFile
from refundctl.ledger.cards.finding_cards import card_number, is_a_code, lookalikes
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import redeeming, staged_till_rows
from refundctl.ledger.desk.staged_till_rows import JudgedRedemption, StagedRedemption, StagedRedemptions
from refundctl.ledger.journal.run_journal import Run
from refundctl.operations.bookings.input_files import (
    LoadResult,
    PlainFile,
    StagedFiles,
    Tick,
    stage_files,
    without_collector,
)
from refundctl.operations.desk.amounts import money
from refundctl.operations.desk.redeem import buyer, post
from refundctl.operations.desk.redemption_refusals import Purchase, refuse_redeeming
from refundctl.operations.desk.refusals import CardUnknown, CustomerMissing, InvoiceUsed, OrderTotalMissing

Staged = StagedFiles[StagedRedemptions]

#: Which column a refusal is about; the others are about the card.
_FIELDS = {
    "customer_rules_violated": "customer_id",
    "invoice_already_used": "invoice",
    "order_rules_violated": "order_total",
    "gift_amount_exceeded": "amount",
    "outside_validity_timeframe": "redeemed_at",
    "voucher_expired": "redeemed_at",
}
#: By how much a till's clock may be slow when a card has only just been made.
A_DAY = timedelta(days=1)
#: At the desk an option is missing, in a file a cell.
_IN_A_FILE: Mapping[type[Refused], str] = {
    CustomerMissing: "name who buys in `customer_id`",
    OrderTotalMissing: "name the order's total in `order_total`",
}


def stage(ledger: Ledger, inputs: Sequence[PlainFile], encoding: str | None, tick: Tick) -> Staged:
    """Read `inputs` into the ledger's temporary tables. Raises BadInput where a file as a whole can't be taken."""
    rows = StagedRedemptions(ledger.connection)
    with ledger.unlocked(), without_collector():
        return stage_files(
            inputs,
            tick,
            rows,
            lambda given: RedemptionsFile(given.input.stream, given.input.name, encoding=encoding),
            lambda file, block: rows.add(file, block.lines, block.columns),
        )


def load(ledger: Ledger, staged: Staged, run: Run) -> LoadResult:
    """Post the staged redemptions that stand; the caller holds the transaction. Noted are new refusals."""
    cells = _CellsByCard(ledger, staged.rows)
    for row in staged.rows.in_files():
        cells.look_at(row)
    till = _Till(ledger, staged.rows, run.run_id)
    for judged in staged.rows.in_order():
        till.take(judged)
    counts = staged.result(loaded=till.loaded, updated=0, unchanged=till.unchanged)
    return replace(counts, totals=till.totals, noted=till.refused)


# --- What the rows say ---


class _Wrong(Exception):
    """A row that can't be taken whatever there is on its card: the column, a code, and why."""

    def __init__(self, column: str, code: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.code, self.reason = column, code, reason


class _CellsByCard:
    """Finds the card of each row, and reads what only that card tells how to read."""

    def __init__(self, ledger: Ledger, rows: StagedRedemptions) -> None:
        self._ledger = ledger
        self._rows = rows
        self._connection = ledger.connection
        self._campaigns: dict[int, tuple[str, str]] = {}

    def look_at(self, row: StagedRedemption) -> None:
        """Note what a row comes to, or reject it."""
        try:
            self._judge(row)
        except _Wrong as wrong:
            self._rows.reject(row.file, [(row.line, wrong.column, wrong.code, wrong.reason)])

    def _judge(self, row: StagedRedemption) -> None:
        card = self._card_of(row)
        currency, timezone = self._notation(card)
        if row.currency not in {None, currency}:
            raise _wrong("currency", other_currency(row.currency or "", currency))
        amount_minor = _amount("amount", row.amount, currency)
        order_total_minor = None if row.order_total is None else _amount("order_total", row.order_total, currency)
        if is_a_code(self._connection, row.invoice):
            raise _wrong("invoice", _CODE_AS_INVOICE)
        self._rows.judge(
            row,
            card=card,
            amount_minor=amount_minor,
            order_total_minor=order_total_minor,
            customer=buyer(self._ledger, row.customer_id),
            moment=_stamp(self._moment(row, card, timezone)),
        )

    def _card_of(self, row: StagedRedemption) -> int:
        given = [(column, text) for column, text in (("code", row.code), ("card_id", row.card_id)) if text is not None]
        found = [self._number(column, text) for column, text in given]
        if len(set(found)) > 1:
            raise _wrong("card_id", _TWO_CARDS)
        return found[0]

    def _number(self, column: str, named: str) -> int:
        number = card_number(self._connection, named)
        if number is not None:
            return number
        if column == "card_id":
            reason = f"{named} is not a card of this ledger; check which card it was"
        elif lookalikes(self._connection, named):
            check = "check whether each 0 is an O, each 1 an I or L"
            reason = f"{mask(named)} is not the code of a card, but one looks like it; {check}"
        else:
            reason = f"{mask(named)} is not the code of a card; check each character"
        raise _Wrong(column, CardUnknown.code, f"{column} {reason}")

    def _notation(self, card: int) -> tuple[str, str]:
        campaign = staged_till_rows.campaign_of(self._connection, card)
        if campaign not in self._campaigns:
            self._campaigns[campaign] = staged_till_rows.currency_and_timezone(self._connection, campaign)
        return self._campaigns[campaign]

    def _moment(self, row: StagedRedemption, card: int, timezone: str) -> datetime:
        now = self._ledger.clock.now
        if row.redeemed_at is None:
            return now
        if is_ahead(row.redeemed_at, now, timezone):
            raise _wrong("redeemed_at", _AHEAD)
        moment = moment_of_purchase(row.redeemed_at, timezone)
        if moment + A_DAY < datetime.fromisoformat(staged_till_rows.made_at(self._connection, card)):
            raise _wrong("redeemed_at", _TOO_EARLY)
        return moment


_CODE_AS_INVOICE = Fault(RejectCode.MALFORMED_ID, "is a card's code; write the number of the invoice")
_TWO_CARDS = Fault(RejectCode.CONTRADICTION, "is another card than that of `code`; keep the right one")
_TOO_EARLY = Fault(
    RejectCode.MALFORMED_DATE, "is before the card was made; check the till's clock, or leave it blank for now"
)
_AHEAD = Fault(RejectCode.MALFORMED_DATE, "is still to come; check the till's clock, or leave it blank for now")


def _wrong(column: str, fault: Fault) -> _Wrong:
    return _Wrong(column, fault.code.value, f"{column} {fault.reason}")


def _amount(column: str, text: str, currency: str) -> int:
    found = read_amount(text, currency)
    if isinstance(found, Fault):
        raise _wrong(column, found)
    return found


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- What becomes of them ---


@dataclass(slots=True)
class _Till:
    """Takes purchases in the order in which they were made, and counts them."""

    ledger: Ledger
    rows: StagedRedemptions
    run_id: int
    loaded: int = 0
    unchanged: int = 0
    refused: int = 0
    totals: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, row: JudgedRedemption) -> None:
        """Post a purchase, unless it is known; what a rule refuses is rejected, and kept as refused."""
        connection = self.ledger.connection
        known = redeeming.purchases_for(connection, row.card, row.invoice)
        if any(amount_minor == row.amount_minor for _, amount_minor in known):
            self.unchanged += 1
            return
        card = read_card(connection, row.card, self.ledger.clock.now)
        moment = self._moment(row, card)
        bought = Purchase(row.amount_minor, row.invoice, row.order_total_minor, row.customer)
        try:
            _refuse_another_amount(row, card, known)
            refuse_redeeming(self.ledger, card, bought, moment, check_pin=False)
        except Refused as error:
            self._refuse(row, error)
        else:
            self._post(row, card, bought, moment)

    def _moment(self, row: JudgedRedemption, card: Card) -> datetime:
        if row.redeemed_at is None:
            return self.ledger.clock.now
        return moment_of_purchase(row.redeemed_at, card.timezone, card.rules)

    def _refuse(self, row: JudgedRedemption, error: Refused) -> None:
        connection = self.ledger.connection
        if type(error) in _IN_A_FILE:
            error.advising(_IN_A_FILE[type(error)])
        column = _FIELDS.get(error.code, row.named_by)
        self.rows.reject(row.file, [(row.line, column, error.code, error.message)])
        self.refused += redeeming.post_refused(
            connection, row.card, row.invoice, row.amount_minor, error.code, self.run_id
        )

    def _post(self, row: JudgedRedemption, card: Card, bought: Purchase, moment: datetime) -> None:
        redeemed_at = None if row.redeemed_at is None else _stamp(moment)
        amount, _ = post(self.ledger, card, bought, self.run_id, redeemed_at, by_till=True)
        self.loaded += 1
        sums = self.totals.setdefault(card.currency, {"redeemed": 0, "paid": 0, "bonus": 0})
        for name, minor in (("redeemed", amount.total), ("paid", amount.paid), ("bonus", amount.bonus)):
            sums[name] += minor


def _refuse_another_amount(row: JudgedRedemption, card: Card, known: Sequence[tuple[int, int]]) -> None:
    if known:
        transaction, amount_minor = known[0]
        raise InvoiceUsed(
            f"Invoice {row.invoice} was paid with card {card.card_id} before, by transaction {transaction}, with "
            f"{money(amount_minor, card.currency)} and not {money(row.amount_minor, card.currency)}",
            "check which is right",
        )
