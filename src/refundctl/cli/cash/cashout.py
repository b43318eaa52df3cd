"""refundctl cashout: cash instead of a card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from refundctl.cli.desk import deeds
from refundctl.cli.desk.typed_secrets import STDIN
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, command_group, existing_ledger, refuse_ledger, writing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, number, plural, table
from refundctl.domain.basics.errors import ExitCode, UsageError
from refundctl.ledger.cash.debts import Debt, DebtSource, DebtState
from refundctl.operations.cash import cashout as operation
from refundctl.operations.desk.kept_answers import Answer

if TYPE_CHECKING:
    from refundctl.files.cash.accounts_csv import Accounts
    from refundctl.files.cash.bank_answers import BankAnswer
    from refundctl.ledger.journal.run_journal import RunFile
    from refundctl.operations.cash.cashout_export import CashExport
    from refundctl.operations.cash.cashout_settle import SettleResult

ALL = "all"
MOST_TOLD = 20  # of what was left out; --json lists all


@command_group("cashout", short="Pay out in cash what is on a card, or owed in cash anyway.")
def cashout(common: Common) -> int:
    """Pay out in cash what is on a card, or owed in cash anyway.

    `request` freezes a card, `export` writes the file for the bank, `settle` takes its answer.
    """
    return Report(human=lambda out: out.print("`refundctl cashout --help` lists the commands.")).tell(common)


# Requests


@command("cashout request", writes=True, short="Freeze a card, and owe its paid balance in cash.")
def request(
    common: Common,
    card: deeds.CardName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who read the journal later.")],
    key: deeds.Key = None,
) -> int:
    """Freeze a card at once: its paid balance is owed in cash from then on, and its bonus lapses.

    Until it is paid, `refundctl cashout cancel` gives the card back.
    """
    why = take.reason_given(reason)
    if why is None:
        raise UsageError("--reason is blank: say why, for those who read the journal later.")
    return deeds.do_to_card(common, card, operation.Request(why), _tell_request, key=key)


def _tell_request(out: Screen, answer: Answer) -> None:
    found = answer.facts["cashout"]
    currency = found["currency"]
    lapsed = f"; its bonus of {amount(found['lapsed'], currency)} has lapsed" if found["lapsed"] else ""
    out.print(f"Card {found['card_id']} is frozen: {amount(found['amount'], currency)} is owed in cash{lapsed}.")
    out.print(f"Cash-out {found['id']}: `refundctl cashout cancel {found['id']}` gives the card back until it is paid.")


@command("cashout cancel", writes=True, short="Give a card back that was to be paid out.")
def cancel(
    common: Common,
    number: Annotated[
        int, typer.Argument(metavar="ID", min=1, help="The cash-out's number, as `refundctl cashout list` shows it.")
    ],
    reason: take.Reason = None,
) -> int:
    """Give a card back with all that was on it, as long as nothing was paid and it is in no file for the bank."""
    with deeds.desk_ledger(common) as (ledger, journal):
        answer = operation.cancel(ledger, journal, number, reason=take.reason_given(reason), keep=not common.dry_run)
    return deeds.tell_answer(common, answer, _tell_cancelled)


def _tell_cancelled(out: Screen, answer: Answer) -> None:
    found, card = answer.facts["cashout"], answer.facts["card"]
    if not answer.counts["cancelled"]:
        out.print(f"Cash-out {found['id']} of card {found['card_id']} was cancelled already. Nothing to do.")
        return
    out.print(
        f"Cancelled cash-out {found['id']}: card {found['card_id']} holds "
        f"{amount(card['balance'], card['currency'])} again."
    )


# The list


@command("cashout list", short="Show what is owed in cash.")
def list_(
    common: Common,
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", show_default=False, help="Only this campaign's.")
    ] = None,
    state: Annotated[
        Literal["open", "ordered", "paid", "cancelled", "all"],
        typer.Option(
            "--state", metavar="STATE", help="open, ordered (in a file for the bank), paid, cancelled or all."
        ),
    ] = "open",
) -> int:
    """Show what is owed in cash: cash-outs that customers asked for, cash_amounts, and what campaigns or laws pay in
    cash."""
    states = list(DebtState) if state == ALL else [DebtState(state)]
    with existing_ledger(common) as ledger, ledger.reading():
        found = operation.listed(ledger, campaign, states)
    return Report(
        human=lambda out: _tell_list(out, found, state),
        campaign=campaign,
        counts=found.counts,
        totals=found.totals,
        extra={"cashouts": found.as_json()},
    ).tell(common)


def _tell_list(out: Screen, found: operation.CashoutList, state: str) -> None:
    if not found.debts:
        out.print(
            "There are no debts in cash." if state == ALL else f"No debt in cash is {state}; `--state all` lists all."
        )
        return
    table(out, [_COLUMNS, *map(_shown, found.debts)])
    for currency, sums in found.totals.items():
        out.print(f"Together {amount(sums['cash'], currency)}.")


_SOURCES = {
    DebtSource.REQUEST: "customer's request",
    DebtSource.CASH_AMOUNT: "booking's cash_amount",
    DebtSource.POLICY: "offer or law",
}
_COLUMNS = ("id", "amount", "state", "source", "of", "customer", "campaign", "since")


def _shown(debt: Debt) -> tuple[str, ...]:
    about = debt.card_id or debt.refund_id or debt.booking_id or ""
    money = amount(debt.amount_minor, debt.currency)
    return (
        str(debt.debt_id),
        money,
        debt.state,
        _SOURCES[debt.source],
        about,
        debt.customer_id,
        debt.campaign,
        debt.created_at[:10],
    )


# The file for the bank


@command("cashout export", writes=True, short="Write the file by which the bank pays what is open.")
def export(
    common: Common,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")],
    format_: Annotated[
        Literal["csv", "pain.001"],
        typer.Option("--format", metavar="FORMAT", help="pain.001 (SEPA credit transfers in EUR) or csv."),
    ],
    accounts: Annotated[
        str | None,
        typer.Option(
            "--accounts",
            metavar="FILE",
            help="A CSV with customer_id, iban, and perhaps name and bic; your own account is the customer debtor.",
        ),
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="Only what this campaign owes.")
    ] = None,
    force: take.Force = False,
) -> int:
    """Write the file by which the bank pays what is open. Each debt is in one such file, until the bank rejects it.

    A command that was cut off is finished by the same command. The accounts are kept nowhere but in that file.
    """
    from refundctl.operations.cash import cashout_export

    path = cashout_export.place_of(output)
    refuse_ledger(common, path)
    read = None if accounts is None else _read_accounts(accounts, path)
    wanted = cashout_export.BankFileAsked(path, format_, campaign, read, force)
    given: dict[str, Any] = {
        "output": str(path),
        "format": format_,
        "accounts": accounts,
        "campaign": campaign,
        "force": force,
    }
    with existing_ledger(common):  # which writing would make
        pass
    with writing_ledger(common, given, campaign) as (ledger, journal):
        found = cashout_export.export(ledger, journal, wanted, keep=not common.dry_run)
    return Report(
        human=lambda out: _tell_export(out, found),
        run_id=None if found.file is None else found.file.run_id,
        campaign=campaign,
        counts=found.counts,
        totals=found.totals,
        files=[] if found.written is None else [found.written.as_json()],
        extra={"finished": found.finished},
        errors=cashout_export.listed(found, accounts),
        exit_code=ExitCode.PARTIAL if found.partial else ExitCode.OK,
    ).tell(common)


def _read_accounts(name: str, target: Path) -> "Accounts":
    from refundctl.files.cash.accounts_csv import read_accounts
    from refundctl.files.tables.unpacking import unpack

    if target.exists() and Path(name).exists() and target.samefile(name):
        raise UsageError(f"{target} is the file of accounts itself: name another file with -o.", code="file_exists")
    with take.opened([name]) as [given]:
        unpacked = unpack(given.stream, given.name)
        return read_accounts(unpacked.stream, given.name)


def _tell_export(out: Screen, found: "CashExport") -> None:
    if found.paid:
        sums = " and ".join(amount(each["cash"], currency) for currency, each in found.totals.items())
        again = ", which a command before this one began" if found.finished else ""
        out.print(f"{plural(len(found.paid), 'payment')} of {sums} in {found.path}{again}.")
        out.print("Give it to the bank once, and its answer to `refundctl cashout settle`.")
    else:
        out.print("Nothing that is open can be paid." if found.left_out else "No debt in cash is open.")
    for one in found.left_out[:MOST_TOLD]:
        out.print(f"{'Left out' if found.partial else 'Without an account'}: {one.message}")
    if len(found.left_out) > MOST_TOLD:
        out.print(f"and {number(len(found.left_out) - MOST_TOLD)} more; --json lists them all.")


# The bank's answer


@command("cashout settle", writes=True, short="Import what was paid and what the bank has rejected.")
def settle(
    common: Common,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="The bank's answer (pain.002), or a CSV with id and status (paid or rejected); - is stdin.",
        ),
    ],
    rejects: take.Rejects = None,
) -> int:
    """Import what was paid, for good, and what the bank has rejected, which is open again.

    All of a file in one transaction. It may be settled again: what is known already stays as it is.
    """
    from refundctl.files.cash.bank_answers import read_answer
    from refundctl.files.tables.unpacking import unpack
    from refundctl.operations.bookings.rejects_files import write_rejects_file
    from refundctl.operations.cash import cashout_settle

    arguments = {"file": file, "rejects": rejects}
    with take.opened([file]) as [given], deeds.desk_ledger(common, arguments) as (ledger, journal):
        unpacked = unpack(given.stream, given.name)
        answer = read_answer(unpacked.stream, given.name)
        place = _rejects_place(answer, rejects)
        with ledger.writing() as writing:
            result = cashout_settle.settle(ledger, journal, answer)
            written = []
            if answer.csv is not None and place is not None and result.rejected and not common.dry_run:
                unpacked.stream.seek(0)
                written.append(write_rejects_file(place, unpacked.stream, answer.csv, result.rejected))
            writing.keep = result.changed and not common.dry_run
    return _report_settled(common, answer, result, written)


def _rejects_place(answer: "BankAnswer", named: str | None) -> Path | None:
    """Where rows that can't be taken go; None for XML, which is not fixed by hand. Raises UsageError."""
    from refundctl.operations.bookings.rejects_files import rejects_beside

    if answer.csv is None:
        if named is not None:
            raise UsageError(
                "--rejects is for CSV: what of a bank's XML can't be taken is listed, as nobody would fix it."
            )
        return None
    if named == STDIN or (named is None and answer.name == "stdin"):
        raise UsageError("Rows that can't be taken need a file where they can be fixed: name it with --rejects FILE.")
    return Path(named) if named is not None else rejects_beside(answer.name)


def _report_settled(common: Common, answer: "BankAnswer", result: "SettleResult", written: "list[RunFile]") -> ExitCode:
    from refundctl.operations.cash import cashout_settle

    return Report(
        human=lambda out: _tell_settled(out, result, written),
        run_id=result.run_id,
        counts=result.counts,
        totals=result.totals,
        files=[
            {"path": answer.name, "rows": result.counts["rows"], "sha256": answer.sha256},
            *(file.as_json() for file in written),
        ],
        errors=cashout_settle.listed(answer, result),
        exit_code=ExitCode.PARTIAL if result.rejected else ExitCode.OK,
    ).tell(common)


def _tell_settled(out: Screen, result: "SettleResult", written: "list[RunFile]") -> None:
    counts = result.counts
    sums = [
        f"{amount(minor, currency)} {what}" for currency, each in result.totals.items() for what, minor in each.items()
    ]
    out.print(f"{plural(counts['rows'], 'statement')}: {', '.join(sums) or 'nothing new'}.")
    named = ("pending", "unchanged", "rejected")
    told = [f"{number(counts[name])} {name}" for name in named if counts[name]]
    if told:
        out.print(f"Of them {', '.join(told)}.")
    if counts["reopened"]:
        out.print(
            f"{plural(counts['reopened'], 'debt')} rejected by the bank: open again, for the next "
            "`refundctl cashout export`."
        )
    for row in [] if written else result.rejected[:MOST_TOLD]:
        out.print(f"Not taken: {row.reason}.")
    for file in written:
        out.print(f"Fix the rejected rows in {file.path} and load that file with `refundctl cashout settle`.")
