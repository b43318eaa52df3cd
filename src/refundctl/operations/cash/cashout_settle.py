"""Settling: what the bank, or a clerk, says of payments becomes the end of debts, or opens them again.

All of a file in one transaction. What is known already is left as it is, so a file may be settled again at any time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.domain.cash.payment_ids import OtherLedger, PaymentId, parse_message_id, parse_payment_id
from refundctl.files.cash.bank_answers import BankAnswer, Said, Statement
from refundctl.ledger.cash import bank_files, debts
from refundctl.ledger.cash.bank_files import CashOrder
from refundctl.ledger.cash.debts import Debt, DebtState
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.ledger.journal.seals import ledger_id
from refundctl.operations.run_lifecycle import one_run

PAID, REOPENED, PENDING, UNCHANGED = "paid", "reopened", "pending", "unchanged"


@dataclass(frozen=True, slots=True)
class SettleResult:
    """What became of each statement: counted, and those that could not be taken with their reasons.

    `totals` are by currency, in minor units; `run_id` is None where nothing was changed.
    """

    run_id: int | None
    found: Mapping[str, int]
    totals: Mapping[str, Mapping[str, int]]
    rejected: Sequence[RejectedRow]

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON; they add up to `rows`."""
        counts = {name: self.found.get(name, 0) for name in (PAID, REOPENED, PENDING, UNCHANGED)}
        counts["rejected"] = len(self.rejected)
        return {"rows": sum(counts.values()), **counts}

    @property
    def changed(self) -> bool:
        """Whether any debt has ended or was opened again."""
        return bool(self.found.get(PAID) or self.found.get(REOPENED))


def settle(ledger: Ledger, journal: Journal, answer: BankAnswer) -> SettleResult:
    """Post what an answer says; the caller holds the transaction, and keeps it where something was changed."""
    work = _Settling(ledger)
    statements = list(work.spelt_out(answer.statements))
    work.look_up(statements)
    with one_run(journal) as run:
        for statement in statements:
            work.post(statement, run.run_id)
        rejected = sorted([*answer.faults, *work.rejected], key=lambda row: row.line)
        totals = {currency: dict(sums) for currency, sums in sorted(work.totals.items())}
        result = SettleResult(run.run_id, work.counts, totals, rejected)
        if not result.changed:
            return replace(result, run_id=None)
        file = RunFile(answer.name, result.counts["rows"], answer.sha256)
        run.outcome = Outcome(result.counts, result.totals, [file], bool(rejected))
    return result


class _Rejected(Exception):
    """A statement that can't be taken."""

    def __init__(self, code: str, reason: str, name: str = "id") -> None:
        super().__init__()
        self.code, self.reason, self.field = code, reason, name


@dataclass(slots=True)
class _Settling:
    """The debts and orders that are spoken of, as they stand while one statement after the other is posted."""

    ledger: Ledger
    own_id: str = ""
    debts: dict[int, Debt] = field(default_factory=dict)
    orders: dict[int, list[CashOrder]] = field(default_factory=dict)
    contradicted: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    totals: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rejected: list[RejectedRow] = field(default_factory=list)

    def spelt_out(self, statements: Iterable[Statement]) -> Iterable[Statement]:
        """What is said of a whole message, for each payment in it; others as they are."""
        self.own_id = ledger_id(self.ledger.connection)
        for statement in statements:
            if not statement.all_of:
                yield statement
                continue
            number = parse_message_id(statement.payment, self.own_id)
            debts = [] if not isinstance(number, int) else bank_files.debts_ordered_in(self.ledger.connection, number)
            if not debts:
                self._reject(statement, _unknown(statement.payment, isinstance(number, OtherLedger)))
            for debt in debts:
                yield replace(
                    statement, payment=f"{statement.payment.rpartition('-')[0]}-{debt}-{number}", all_of=False
                )

    def look_up(self, statements: Sequence[Statement]) -> None:
        """Read what is spoken of, and find payments of which two things are said."""
        named = {statement.payment: parse_payment_id(statement.payment, self.own_id) for statement in statements}
        numbers = [one.debt for one in named.values() if isinstance(one, PaymentId)]
        self.debts = debts.debts_numbered(self.ledger.connection, numbers)
        orders = bank_files.orders_of(self.ledger.connection, numbers)
        self.orders = {debt: list(of_debt) for debt, of_debt in orders.items()}
        said: defaultdict[PaymentId | str, set[Said]] = defaultdict(set)
        for statement in statements:
            if statement.said is not Said.PENDING:
                said[self._one_name(named[statement.payment]) or statement.payment].add(statement.said)
        self.contradicted = {
            payment for payment, one in named.items() if len(said.get(self._one_name(one) or payment, ())) > 1
        }

    def _one_name(self, named: PaymentId | OtherLedger | None) -> PaymentId | None:
        """The same for a payment whether it is named by its own id, or by the number of the debt that it pays."""
        if not isinstance(named, PaymentId):
            return None
        live = next((one for one in self.orders.get(named.debt, ()) if not one.rejected), None)
        return named if named.cash_file is not None or live is None else PaymentId(named.debt, live.cash_file)

    def post(self, statement: Statement, run_id: int) -> None:
        """Post one statement, or note why it can't be taken."""
        try:
            debt, order = self._meant(statement)
            if statement.payment in self.contradicted:
                raise _Rejected("contradiction", "the file says both paid and rejected of it", "status")
            self._post(statement, debt, order, run_id)
        except _Rejected as why:
            self._reject(statement, why)

    def _meant(self, statement: Statement) -> tuple[Debt, CashOrder | None]:
        """The debt, and its order where the payment's id names one."""
        named = parse_payment_id(statement.payment, self.own_id)
        debt = self.debts.get(named.debt) if isinstance(named, PaymentId) else None
        if not isinstance(named, PaymentId) or debt is None:
            raise _unknown(statement.payment, isinstance(named, OtherLedger))
        if named.cash_file is None:
            return debt, None
        order = next((one for one in self.orders.get(debt.debt_id, ()) if one.cash_file == named.cash_file), None)
        if order is None:
            raise _unknown(statement.payment, other=False)
        return debt, order

    def _post(self, statement: Statement, debt: Debt, order: CashOrder | None, run_id: int) -> None:
        live = next((one for one in self.orders.get(debt.debt_id, ()) if not one.rejected), None)
        match statement.said:
            case Said.PENDING:
                self.counts[PENDING] += 1
            case Said.PAID:
                self._pay(statement, debt, order, live, run_id)
            case Said.REJECTED:
                self._open_again(statement, debt, order, live, run_id)

    def _pay(
        self, statement: Statement, debt: Debt, order: CashOrder | None, live: CashOrder | None, run_id: int
    ) -> None:
        if order is not None and order.rejected:
            raise _Rejected("rejected_before", "the bank has rejected this payment before: ask it what holds", "status")
        if debt.state is DebtState.PAID:
            self.counts[UNCHANGED] += 1
            return
        if debt.state is DebtState.CANCELLED:
            raise _Rejected("cancelled_before", "it was cancelled, and is not owed any more: ask for it back", "status")
        _refuse_unfinished(live)
        debts.pay(self.ledger.connection, debt.debt_id, statement.reference, run_id)
        self._ended(debt, PAID)

    def _open_again(
        self, statement: Statement, debt: Debt, order: CashOrder | None, live: CashOrder | None, run_id: int
    ) -> None:
        before = any(one.rejected for one in self.orders.get(debt.debt_id, ()))
        known = order.rejected if order is not None else before and live is None
        if known:
            self.counts[UNCHANGED] += 1
            return
        live = _to_be_rejected(debt, live, ambiguous=order is None and before)
        bank_files.reject(self.ledger.connection, live.number, statement.reference, run_id)
        self.orders[debt.debt_id] = [
            replace(one, rejected=True) if one.number == live.number else one for one in self.orders[debt.debt_id]
        ]
        self._ended(debt, REOPENED)

    def _ended(self, debt: Debt, count: str) -> None:
        self.debts |= debts.debts_numbered(self.ledger.connection, [debt.debt_id])
        self.counts[count] += 1
        self.totals[debt.currency][count] += debt.amount_minor

    def _reject(self, statement: Statement, why: _Rejected) -> None:
        line = 0 if statement.line is None else statement.line
        shown = f"payment {statement.payment}: " if statement.line is None and statement.payment.isprintable() else ""
        self.rejected.append(RejectedRow(line, why.field, why.code, f"{shown}{why.reason}"))


def _to_be_rejected(debt: Debt, live: CashOrder | None, *, ambiguous: bool) -> CashOrder:
    if debt.state is DebtState.PAID:
        raise _Rejected("paid_before", "it was settled as paid before: ask the bank what holds", "status")
    if live is None:
        raise _Rejected("never_ordered", "it is in no file for the bank, so there is nothing to reject", "status")
    if ambiguous:
        raise _Rejected(
            "payment_ambiguous",
            f"it was rejected before and is in {live.path} now: give the payment's own id (end_to_end_id) instead",
        )
    _refuse_unfinished(live)
    return live


def _refuse_unfinished(live: CashOrder | None) -> None:
    """What is in a file that may not be in its place yet can't have been answered; it would be paid behind our back."""
    if live is not None and not live.delivered:
        raise _Rejected(
            "batch_open", f"it is in {live.path}, which is not finished: finish that by the same command first"
        )


def _unknown(payment: str, other: bool) -> _Rejected:
    if other:
        return _Rejected("other_ledger", "it is a payment of another ledger: settle it there")
    what = "is a number of no debt in cash" if payment.isdecimal() else "is no payment that this ledger has ordered"
    return _Rejected("resource_not_found", f"it {what}")


def listed(answer: BankAnswer, result: SettleResult) -> list[Mapping[str, Any]]:
    """Each statement that was not taken, as it stands in JSON."""
    return [
        {"code": row.code, "message": row.reason, "path": answer.name, **({"line": row.line} if row.line else {})}
        for row in result.rejected
    ]
