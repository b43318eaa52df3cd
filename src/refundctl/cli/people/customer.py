"""refundctl customer: show, export and erase a person"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from refundctl.cli.desk.deeds import desk_ledger
from refundctl.cli.shell import arguments as take
from refundctl.cli.shell.common import Common, command, command_group, existing_ledger, refuse_ledger
from refundctl.cli.shell.rendering import (
    Report,
    Screen,
    amount,
    figures,
    in_a_column,
    number,
    plural,
    table,
    warn,
)
from refundctl.cli.shell.wording import in_words, refusal_in_words
from refundctl.domain.basics.errors import RefundctlError
from refundctl.files.safe_write import STDOUT, refuse_existing, refuse_links, write_whole
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.journal.run_journal import Journal
from refundctl.ledger.people import erasing
from refundctl.operations.people import customer as operation
from refundctl.operations.run_lifecycle import recording_refusals

Facts = Mapping[str, Any]

CustomerName = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The customer's id, as in the bookings' files; or an e-mail address that only one has."
    ),
]


@command_group("customer", short="Show, export or erase what is held on a person.")
def customer(common: Common) -> int:
    """Show, export or erase what is held on a person: `refundctl customer COMMAND --help` tells about each."""
    return Report(human=lambda out: out.print("`refundctl customer --help` lists the commands.")).tell(common)


@command("customer show", short="Show a person: bookings, cards, transactions, messages, consent.")
def show(common: Common, customer: CustomerName) -> int:
    """Show all about a person in one view: bookings, cards, transactions, cash, messages, consent.

    One who was erased is still found by the old id.
    """
    with _desk(common) as (ledger, _), ledger.reading():
        found = operation.view(ledger, operation.find(ledger, customer))
    return Report(
        human=lambda out: _describe(out, found),
        counts={name: len(listed) for name, listed in found.lists().items()},
        totals=_totals(found),
        extra=found.as_json(),
    ).tell(common)


@command("customer export", short="Write all that is held on a person as JSON.")
def export(
    common: Common,
    customer: CustomerName,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is stdout.")
    ] = STDOUT,
    force: take.Force = False,
) -> int:
    """Write all that is held on a person as JSON: every version of their bookings, cards with masked codes, and the
    runs.

    The file is readable by you alone.
    """
    if output != STDOUT:
        refuse_links(Path(output))
        refuse_ledger(common, Path(output))
        refuse_existing(Path(output), force=force)
    with _desk(common) as (ledger, _), ledger.reading():
        held = operation.everything(ledger, operation.find(ledger, customer))
    if output == STDOUT and not common.json:
        sys.stdout.write(_document(held))
        return 0
    files = []
    if output != STDOUT:
        written = write_whole(Path(output), _document(held).encode())
        files = [{"path": output, "rows": len(held["booking_versions"]), "sha256": written.sha256, "output": True}]
    return Report(
        human=lambda out: out.print(f"Wrote what is held on the customer to {output}."),
        counts={name: len(part) for name, part in held.items() if isinstance(part, list)},
        files=files,
        extra={} if files else held,
    ).tell(common)


def _document(held: Facts) -> str:
    """The file as a person and a program can read it."""
    text = json.dumps(held, ensure_ascii=False, indent=2)
    with suppress(UnicodeEncodeError):
        text.encode(sys.stdout.encoding or "utf-8")
        return f"{text}\n"
    return f"{json.dumps(held, indent=2)}\n"


@command("customer erase", writes=True, short="Erase a person; the books stay.")
def erase(common: Common, customer: CustomerName, reason: take.Reason = None) -> int:
    """Erase a person: name, e-mail, phone, locale, country, consent and metadata go, and the id becomes a pseudonym.

    Bookings, cards and money stay as they are, and the cards go on working. Loading the same person again brings
    nothing back. -n shows what would go. Files and backups made before still name the person.
    """
    reason = take.reason_given(reason)
    with _desk(common, {"customer": None, "reason": reason}) as (ledger, journal), ledger.writing() as writing:
        result = operation.erase(ledger, journal, customer, reason)
        writing.keep = result.run_id is not None and not common.dry_run
    if writing.keep:
        _clear_remains(common, result)
    return Report(
        human=lambda out: _tell_erased(out, common, result),
        run_id=result.run_id,
        counts=result.counts,
        extra={
            "customer": operation.customer_facts(result.customer),
            "out_of_reach": result.left.as_json(),
            "warnings": _warnings(result.left),
        },
    ).tell(common)


@contextmanager
def _desk(common: Common, arguments: Facts | None = None) -> Iterator[tuple[Ledger, Journal]]:
    """The ledger, which there must be; a refusal is recorded, if the ledger can be written, without naming anybody."""
    with (
        desk_ledger(common, arguments or {"customer": None}) as (ledger, journal),
        recording_refusals(journal, keep=not common.dry_run),
    ):
        yield ledger, journal


def _clear_remains(common: Common, result: operation.ErasedCustomer) -> None:
    """Write the ledger's file anew where an unused part of it still holds something of the person."""
    gone = () if result.erased is None else result.erased.bytes_gone
    if not erasing.remains(common.ledger, gone):
        return
    try:
        with existing_ledger(common) as ledger, ledger.unlocked():
            erasing.rewrite(ledger.connection)
    except RefundctlError as error:
        warn(
            common,
            f"The person is erased, but unused parts of {common.ledger} may still hold copies ({error.message}) "
            f"Clear them with `sqlite3 {common.ledger} VACUUM`.",
        )


def _warnings(left: operation.OutOfReach) -> list[str]:
    """What the erased person can't be told of or paid any more, in sentences."""
    found = [
        (left.on_cards, "stays on the person's cards, which go on working: they can't be mailed about it any more."),
        (left.cash, "is still owed in cash: to pay it, name the account of the customer's new id in --accounts."),
        (left.unmailed, "was not handed over to a mail tool yet, and will not be."),
    ]
    sentences = [f"{_sums(sums)} {what}" for sums, what in found if sums]
    if left.unfunded:
        lines = plural(left.unfunded, "refund line")
        sentences.append(
            f"{lines} will still be funded, on a card that nobody can be told of: undo the load otherwise."
        )
    return sentences


def _sums(sums: Mapping[str, int]) -> str:
    return " and ".join(amount(minor, currency) for currency, minor in sums.items())


def _tell_erased(out: Screen, common: Common, result: operation.ErasedCustomer) -> None:
    erased = result.customer.erased
    if result.erased is None:
        when = "" if erased is None else f", {erased.at} by run {erased.run_id}"
        out.print(f"This customer was erased already{when}. Nothing to do.")
        return
    if common.dry_run:
        out.print(f"Would erase the customer, from then on {result.customer.customer_id}:")
    else:
        out.print(f"Erased the customer, from now on {result.customer.customer_id}:")
    figures(
        out,
        [
            ("fields of the person", number(result.erased.fields)),
            ("metadata of refund lines", number(result.erased.metadata)),
        ],
    )
    out.print("Bookings, cards and money stay. Files and backups made before still name the person.")


def _totals(found: operation.View) -> dict[str, dict[str, int]]:
    """What lies on the person's cards, by currency."""
    totals: dict[str, dict[str, int]] = {}
    for card in found.cards:
        sums = totals.setdefault(card["currency"], {"balance": 0, "paid": 0, "bonus": 0})
        for name in sums:
            sums[name] += card[name]
    return totals


# customer show

TRANSACTIONS_SHOWN = ATTEMPTS_SHOWN = 10


def _describe(out: Screen, found: operation.View) -> None:
    _describe_person(out, found)
    _section(out, "Bookings", [_booking(line) for line in found.bookings])
    _section(out, "Cards", [_card(card) for card in found.cards])
    _section(out, "Transactions", [_transaction(row) for row in found.transactions], most=TRANSACTIONS_SHOWN)
    _section(out, "Redemptions", [_redemption(row) for row in found.redemptions], most=TRANSACTIONS_SHOWN)
    _section(out, "Cash", [_debt(debt) for debt in found.cash])
    _section(out, "Messages", [_message(batch) for batch in found.messages])
    _section(out, "Refused", [_attempt(row) for row in found.attempts], most=ATTEMPTS_SHOWN)


def _describe_person(out: Screen, found: operation.View) -> None:
    facts = operation.customer_facts(found.customer)
    if erased := facts["erased"]:
        out.print(f"Customer {facts['customer_id']}: erased {erased['at']} by run {erased['run_id']}")
        return
    out.print(f"Customer {facts['customer_id']}{': ' if facts['name'] else ''}{facts['name'] or ''}")
    shown = (
        ("e-mail", facts["email"] or "none: can't be mailed"),
        ("phone", facts["phone"]),
        ("locale", facts["locale"]),
        ("country", facts["country"]),
        ("marketing", found.customer.marketing_consent or "not asked"),
        ("known since", facts["known_since"]),
    )
    figures(out, [(name, text) for name, text in shown if text])


def _section(out: Screen, title: str, rows: Sequence[Sequence[str]], most: int | None = None) -> None:
    """A title and rows in columns; of more than `most`, the last ones."""
    if not rows:
        return
    shown = rows if most is None else rows[-most:]
    left_out = f", the last {len(shown)} of {len(rows)}; --json lists all" if len(shown) < len(rows) else ""
    out.print(f"{title}{left_out}:")
    table(out, shown, indent="  ")


def _booking(line: Facts) -> tuple[str, ...]:
    name = line["booking_id"] + ("" if line["refund_id"] == line["booking_id"] else f" {line['refund_id']}")
    status = " ".join(part for part in (line["status"], "(withdrawn)" if line["withdrawn"] else "") if part)
    return (name, amount(line["refund_amount"], line["currency"]), status, _standing(line))


def _standing(line: Facts) -> str:
    """How a refund line stands: what it was given, or what each campaign says of it."""
    currency = line["currency"]
    if line["given"]:
        return "; ".join(_given(given, currency) for given in line["given"])
    if not line["campaigns"]:
        return "no campaign"
    return "; ".join(f"{one['campaign']}: {in_words(one['state'])}" for one in line["campaigns"])


def _given(given: Facts, currency: str) -> str:
    on_card = given["paid"] + given["bonus"]
    parts = [f"{amount(on_card, currency)} on {given['card_id']}"] if on_card else []
    parts += [f"{amount(given['cash'], currency)} in cash"] if given["cash"] else []
    parts += [f"fee {amount(given['fee'], currency)}"] if given["fee"] else []
    return f"{given['campaign']}: {', '.join(parts)}"


def _card(card: Facts) -> tuple[str, ...]:
    until = f"until {card['expires_on']}" if card["expires_on"] else "never expires"
    balance = amount(card["balance"], card["currency"])
    return (card["card_id"], card["code"], in_words(card["state"]), balance, until, card["campaign"])


def _transaction(row: Facts) -> tuple[str, ...]:
    return (
        str(row["id"]),
        row["created_at"],
        row["card_id"] or "",
        row["type"],
        row["bucket"],
        amount(row["amount"], row["currency"]),
        row["source_id"] or in_a_column(row["reason"] or ""),
    )


def _redemption(row: Facts) -> tuple[str, ...]:
    back = f"{amount(row['given_back'], row['currency'])} given back" if row["given_back"] else ""
    return (
        str(row["id"]),
        row["created_at"],
        row["card_id"],
        amount(row["amount"], row["currency"]),
        f"invoice {row['invoice']}" if row["invoice"] else "",
        back,
    )


def _debt(debt: Facts) -> tuple[str, ...]:
    of = debt["card_id"] or debt["booking_id"] or ""
    return (str(debt["id"]), debt["created_at"], of, amount(debt["amount"], debt["currency"]), debt["state"])


def _message(batch: Facts) -> tuple[str, ...]:
    when = batch["delivered_at"] or "not written yet"
    return (f"batch {batch['batch']}", when, batch["tool"], " ".join(batch["cards"]), batch["file"])


def _attempt(row: Facts) -> tuple[str, ...]:
    return (row["at"], row["command"], row["card_id"], refusal_in_words(row["code"]))
