"""Files for the bank: each debt in cash is in one at a time, since a debt that is paid twice is money lost.

One transaction reserves the debts for the file; it is rendered from that, put in its place, and only then marked. A
command that was cut off is finished by the same command: with the same accounts it writes the same bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refundctl.domain.basics.errors import BadInput, RowProblem, UsageError
from refundctl.domain.cash.payment_ids import message_id, payment_id
from refundctl.exports.cash import bank_transfers
from refundctl.exports.cash.bank_transfers import Message, Party, Payment
from refundctl.files.cash.accounts_csv import Account, Accounts
from refundctl.files.safe_write import (
    STDOUT,
    free_name,
    has_digest,
    locked_folder,
    make_folder,
    refuse_existing,
    remove_parts,
    write_whole,
)
from refundctl.ledger.cash import bank_files
from refundctl.ledger.cash.bank_files import CashFile
from refundctl.ledger.cash.debts import Debt, DebtState, debts
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal, Outcome, RunFile
from refundctl.ledger.journal.seals import ledger_id
from refundctl.operations.cash.cashout import refuse_unknown_campaign
from refundctl.operations.delivery.hand_over import HandOverOpen
from refundctl.operations.run_lifecycle import one_run

CSV, PAIN = "csv", "pain.001"
WITHOUT_ACCOUNT, OTHER_CURRENCY, TOO_LARGE = "without_account", "other_currency", "amount_too_large"


class DebtorMissing(BadInput, code="debtor_missing"):
    """The company's own account is missing or wrong."""


class AccountsChanged(BadInput, code="accounts_changed"):
    """Debts that were reserved for a file can't be paid by the accounts that are given now."""


@dataclass(frozen=True, slots=True)
class BankFileAsked:
    """What is to be written: where (absolute), how, of which campaign (None for all), and to which accounts."""

    path: Path
    format: str
    campaign: str | None
    accounts: Accounts | None
    force: bool = False

    @property
    def debtor(self) -> Party:
        """Who pays. Raises DebtorMissing, where the format needs it."""
        accounts = self.accounts
        if self.format == CSV:
            return Party("", "", "")
        if accounts is None:
            raise UsageError(
                "pain.001 needs the accounts of both sides: name the file that has them with --accounts FILE."
            )
        debtor = accounts.debtor
        if isinstance(debtor, RowProblem):
            message = f"{accounts.path}, line {debtor.line}, your own account (debtor): {debtor.message}."
            raise DebtorMissing(message, code=debtor.code, path=accounts.path, line=debtor.line)
        if debtor is None:
            raise DebtorMissing(
                f"{accounts.path} doesn't say from which account to pay: add a row with your own, whose customer_id is "
                "debtor.",
                path=accounts.path,
            )
        if not bank_transfers.sepa_text(debtor.name, bank_transfers.NAME_LENGTH_MAX):
            message = f"{accounts.path}, line {debtor.line}, your own account (debtor): the name is blank; give yours."
            raise DebtorMissing(message, code="debtor_unnamed", path=accounts.path, line=debtor.line)
        return Party(debtor.name, debtor.iban, debtor.bic)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A debt that can't be in the file: a stable code, and a sentence that shows neither name nor IBAN."""

    debt: Debt
    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class CashExport:
    """What was written, or would be. `file` and `written` are None where there was nothing to write, or in a dry run.

    `finished` is whether an earlier command that was cut off was finished.
    """

    path: Path
    paid: Sequence[Debt]
    left_out: Sequence[LeftOut]
    partial: bool
    file: CashFile | None = None
    written: RunFile | None = None
    finished: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON: `rows` are the payments; then why debts were left out, or have no account in a CSV."""
        reasons = Counter(one.code for one in self.left_out)
        common = {name: reasons.pop(name, 0) for name in (WITHOUT_ACCOUNT, OTHER_CURRENCY)}
        return {"rows": len(self.paid), **common, **dict(sorted(reasons.items()))}

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """What is paid, by currency."""
        found: Counter[str] = Counter()
        for debt in self.paid:
            found[debt.currency] += debt.amount_minor
        return {currency: {"cash": minor} for currency, minor in sorted(found.items())}


def place_of(output: str) -> Path:
    """The file that `-o` names. Raises UsageError for stdout, which can't be finished after a crash."""
    if output == STDOUT:
        raise UsageError("A file for the bank is written once, so it needs a place of its own: name it with -o FILE.")
    path = Path(output)
    return path.parent.resolve() / path.name


def export(ledger: Ledger, journal: Journal, asked: BankFileAsked, *, keep: bool) -> CashExport:
    """Reserve the open debts that can be paid, and write the file; or finish the one that an earlier command began.

    Raises HandOverOpen, DebtorMissing, AccountsChanged, CampaignUnknown, and FileExists where another file is there.
    """
    debtor = asked.debtor
    with ledger.writing() as writing:
        file = bank_files.open_file(ledger.connection)
        begun = file is not None
        found = CashExport(asked.path, [], [], partial=False)
        if file is not None:
            _refuse_elsewhere(file, asked)
        else:
            found = _chosen(ledger, asked)
            if found.paid:
                file = _reserve(ledger, journal, asked, found, make_place=keep)
        writing.keep = keep and not begun and file is not None
    if file is None:
        return found
    if not keep:
        return _preview(ledger, file, asked) if begun else found
    written, debts = _write(ledger, journal, file, asked, debtor)
    return CashExport(asked.path, debts, found.left_out, found.partial, file, written, finished=begun)


def _refuse_elsewhere(file: CashFile, asked: BankFileAsked) -> None:
    if file.path != str(asked.path) or file.format != asked.format:
        raise HandOverOpen(
            f"The file for the bank of run {file.run_id}, {file.path} ({file.format}), is not finished: it was cut "
            "off, or is being written just now. Finish it by the same command with that file; then name another one.",
            place=file.path,
        )


# Which debts


def _chosen(ledger: Ledger, asked: BankFileAsked) -> CashExport:
    refuse_unknown_campaign(ledger, asked.campaign)
    paid: list[Debt] = []
    left_out: list[LeftOut] = []
    unpaid = 0
    for debt in debts(ledger.connection, asked.campaign, [DebtState.OPEN]):
        reason = _why_not(debt, asked)
        if reason is not None:
            left_out.append(reason)
        if reason is None or (asked.format == CSV and reason.code == WITHOUT_ACCOUNT):
            paid.append(debt)
        else:
            unpaid += 1
    return CashExport(asked.path, paid, left_out, partial=unpaid > 0)


def _why_not(debt: Debt, asked: BankFileAsked) -> LeftOut | None:
    if asked.format == PAIN and debt.currency != bank_transfers.SEPA_CURRENCY:
        message = f"Debt {debt.debt_id} is in {debt.currency}: pain.001 pays EUR only; export it as csv."
        return LeftOut(debt, OTHER_CURRENCY, message)
    if asked.format == PAIN and debt.amount_minor > bank_transfers.SEPA_MINOR_MAX:
        return LeftOut(debt, TOO_LARGE, f"Debt {debt.debt_id} is more than one SEPA payment can be: pay it by hand.")
    if asked.accounts is None:
        return None
    path = asked.accounts.path
    account = asked.accounts.by_customer.get(debt.customer_id)
    if account is None:
        return LeftOut(debt, WITHOUT_ACCOUNT, f"Debt {debt.debt_id} is of a customer whom {path} doesn't name.")
    if isinstance(account, RowProblem):
        return LeftOut(
            debt, account.code, f"{path}, line {account.line}: {account.message} (debt {debt.debt_id}).", account.line
        )
    return None


# Reserving and writing


def _reserve(
    ledger: Ledger, journal: Journal, asked: BankFileAsked, found: CashExport, *, make_place: bool
) -> CashFile:
    if not _is_own(ledger, asked.path):
        refuse_existing(asked.path, force=asked.force)
    if make_place:
        make_folder(asked.path.parent)
    accounts = asked.accounts
    read = [] if accounts is None else [RunFile(accounts.path, accounts.count, accounts.sha256)]
    with one_run(journal, campaign=asked.campaign) as run:
        run.outcome = Outcome(found.counts, found.totals, read, found.partial)
        return bank_files.reserve(
            ledger.connection,
            path=str(asked.path),
            format_=asked.format,
            debts=[debt.debt_id for debt in found.paid],
            run_id=run.run_id,
            now=ledger.clock.stamp,
        )


def _is_own(ledger: Ledger, path: Path) -> bool:
    """Whether what stands there is what the last export to it has written, or that was taken away."""
    earlier = bank_files.last_delivered(ledger.connection, str(path))
    return earlier is not None and not path.is_symlink() and (not path.exists() or has_digest(path, earlier.sha256))


def _set_aside_earlier(ledger: Ledger, path: Path) -> None:
    """Keep the file of the export before this one under another name: the bank may not have it yet."""
    earlier = bank_files.last_delivered(ledger.connection, str(path))
    if earlier is None or path.is_symlink() or not has_digest(path, earlier.sha256):
        return
    aside = path.with_name(f"{path.stem}-run{earlier.run_id}{path.suffix}")
    if not has_digest(aside, earlier.sha256):
        path.rename(free_name(aside))


def _preview(ledger: Ledger, file: CashFile, asked: BankFileAsked) -> CashExport:
    with ledger.reading():
        debts = bank_files.debts_in(ledger.connection, file.number)
    return CashExport(asked.path, debts, [], partial=False, file=file, finished=True)


def _write(
    ledger: Ledger, journal: Journal, file: CashFile, asked: BankFileAsked, debtor: Party
) -> tuple[RunFile | None, list[Debt]]:
    """Write the file and mark it, as a run of its own; where the same command runs twice, the second finds all done.

    Raises Busy where another process goes on writing there.
    """
    path = asked.path
    make_folder(path.parent)
    with locked_folder(path.parent, ledger.wait_seconds):
        with ledger.reading():
            own_id = ledger_id(ledger.connection)
            debts = bank_files.debts_in(ledger.connection, file.number)
            done = bank_files.is_delivered(ledger.connection, file)
        if done:
            return None, debts
        content = _rendered(own_id, file, debts, asked, debtor)
        remove_parts(path)
        with ledger.unlocked():
            _set_aside_earlier(ledger, path)
        written = RunFile(str(path), len(debts), write_whole(path, content).sha256, output=True)
        _mark(ledger, journal, file, asked, written)
        return written, debts


def _mark(ledger: Ledger, journal: Journal, file: CashFile, asked: BankFileAsked, written: RunFile) -> None:
    with ledger.writing(), one_run(journal, campaign=asked.campaign, step="handover", parent=file.run_id) as run:
        bank_files.mark_delivered(ledger.connection, file, [written.as_json()], run.run_id)
        run.outcome = Outcome({"rows": written.rows}, files=[written])


def _rendered(own_id: str, file: CashFile, debts: Sequence[Debt], asked: BankFileAsked, debtor: Party) -> bytes:
    payments = _payments(own_id, file, debts, asked)
    if file.format == CSV:
        return bank_transfers.as_csv(payments)
    return bank_transfers.as_credit_transfer(
        Message(message_id(own_id, file.number), file.reserved_at), debtor, payments
    )


def _payments(own_id: str, file: CashFile, debts: Sequence[Debt], asked: BankFileAsked) -> list[Payment]:
    accounts: Mapping[str, Account | RowProblem] = {} if asked.accounts is None else asked.accounts.by_customer
    found, missing = [], 0
    for debt in debts:
        account = accounts.get(debt.customer_id)
        if isinstance(account, RowProblem) or (account is None and file.format == PAIN):
            missing += 1
            continue
        to = _party(debt, account)
        found.append(Payment(payment_id(own_id, debt.debt_id, file.number), debt, to))
    if missing and asked.accounts is not None:
        raise AccountsChanged(
            f"{asked.accounts.path} has no good account any more for {missing} of the {len(debts)} debts that run "
            f"{file.run_id} has reserved for {file.path}: give it the accounts that it had then, that of a customer "
            "who was erased since under the new id, which `refundctl cashout list --state ordered` shows.",
            path=asked.accounts.path,
        )
    return found


def _party(debt: Debt, account: Account | None) -> Party:
    """Who is paid: by the name in the file of accounts, else the ledger's, else the customer's id."""
    if account is None:
        return Party(debt.name or debt.customer_id, "", "")
    return Party(bank_transfers.first_sepa_text((account.name, debt.name, debt.customer_id)), account.iban, account.bic)


def listed(found: CashExport, path: str | None) -> list[Mapping[str, Any]]:
    """Each debt that was left out, as it stands in JSON; `path` is the file of accounts."""
    return [
        {
            "code": one.code,
            "message": one.message,
            "id": one.debt.debt_id,
            **({"path": path, "line": one.line} if one.line is not None else {}),
        }
        for one in found.left_out
    ]
