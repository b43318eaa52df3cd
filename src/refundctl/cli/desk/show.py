"""refundctl card show, validate and find: what the desk looks at."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.shell.arguments import Where, where_condition
from refundctl.cli.shell.common import Common, command, existing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, in_a_column, plural, report
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.card_state import CardState
from refundctl.operations.desk import show as operation

CARDS_LISTED = 100

Facts = Mapping[str, Any]


@command("card show", short="Show a card: state, balance, holder and every transaction.")
def show(
    common: Common,
    card: take.CardName,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show the whole code, which is as good as the money on the card.")
    ] = False,
) -> int:
    """Show a card: its state, balance by bucket, holder, bookings, last valid day, and every transaction."""
    named = take.card_named(card)
    with take.desk_ledger(common) as (ledger, journal):
        found = operation.look(ledger, journal, named, lambda seen: operation.show(seen, reveal=reveal))
    return report(
        common,
        Report(
            human=lambda out: _describe(out, found),
            campaign=found.card.campaign_name,
            totals=_totals(found.facts),
            extra={"card": found.facts, "transactions": found.transactions},
        ),
    )


@command("card validate", short="Say whether a card could be redeemed now, and why not.")
def validate(
    common: Common,
    card: take.CardName,
    customer: take.Customer = None,
    value: Annotated[
        str | None,
        typer.Option("--amount", metavar="A", help='How much is to be taken, such as 12.50 or "EUR 12.50".'),
    ] = None,
    invoice: Annotated[str | None, typer.Option("--invoice", metavar="N", help="The invoice's number.")] = None,
    order_total: Annotated[
        str | None, typer.Option("--order-total", metavar="T", help="What the whole order comes to.")
    ] = None,
) -> int:
    """Say whether a card could be redeemed now, and why not; what is not known yet is not looked at.

    Nothing is changed; a refusal is recorded.
    """
    named = take.card_named(card)
    intended = operation.Intended(value, invoice, customer, order_total)
    with take.desk_ledger(common) as (ledger, journal):
        found = operation.look(ledger, journal, named, lambda seen: operation.validate(seen, intended))
    return report(
        common,
        Report(
            human=lambda out: _tell_valid(out, found),
            campaign=found.card.campaign_name,
            totals=_totals(found.facts),
            extra={"valid": True, "needs": list(found.needs), "card": found.facts},
        ),
    )


@command("card find", short="List the cards of a customer, a booking, an address ...")
def find(
    common: Common,
    customer: take.Customer = None,
    booking: Annotated[str | None, typer.Option("--booking", metavar="ID", help="The booking's number.")] = None,
    email: Annotated[
        str | None, typer.Option("--email", metavar="E", help="The holder's e-mail address, in any case of letters.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="S", help=f"Only cards in this state: {', '.join(CardState)}.")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="Only cards of this campaign.")
    ] = None,
    where: Where = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="How many cards to list at most.")
    ] = CARDS_LISTED,
) -> int:
    """List the cards of a customer, a booking, an address, or in a state: all that is named must hold.

    --where finds the cards for such bookings, and their customers' cards that are for no single booking.
    """
    search = operation.Search(customer, booking, email, state, campaign, where_condition(where) if where else None)
    if search == operation.Search():
        raise UsageError("Say which cards: name --customer, --booking, --email, --state, --campaign or --where.")
    with existing_ledger(common) as ledger, ledger.reading():
        found = operation.find(ledger, search, limit)
    return report(
        common,
        Report(
            human=lambda out: _list(out, found),
            campaign=campaign,
            counts={"cards": len(found.cards)},
            extra={"cards": found.cards, "more": found.more},
        ),
    )


def _totals(facts: Facts) -> dict[str, dict[str, int]]:
    return {facts["currency"]: {name: facts[name] for name in ("balance", "paid", "bonus")}}


def _balance(facts: Facts) -> str:
    bonus = f", of it {amount(facts['bonus'], facts['currency'])} bonus" if facts["bonus"] else ""
    return amount(facts["balance"], facts["currency"]) + bonus


# card show


def _describe(out: Screen, found: operation.Shown) -> None:
    facts = found.facts
    out.print(f"Card {facts['card_id']} of {facts['campaign']}: {_words(facts['state'])}")
    if found.refusal is not None:
        out.print(f"Not redeemable now: {found.refusal.message}")
    figures(out, [(name, text) for name, text in _rows(facts) if text])
    for refused in facts["refused_redemptions"]:
        taken = amount(refused["amount"], refused["currency"])
        out.print(f"  A till took {taken} for invoice {refused['invoice']}, which was refused: {refused['code']}.")
    if not found.transactions:
        out.print("No transactions yet.")
        return
    out.print("Transactions:")
    _table(out, _COLUMNS, [_transaction(row) for row in found.transactions])


def _rows(facts: Facts) -> list[tuple[str, str]]:
    """Names and what there is to tell; blank where nothing is."""
    wrong = facts["wrong_pins"]
    tries = f", {wrong} wrong {'try' if wrong == 1 else 'tries'}" if wrong else ""
    return [
        ("code", facts["code"]),
        ("balance", _balance(facts)),
        (
            "holder",
            ", ".join(text for text in (facts["customer_id"], facts["name"], facts["email"]) if text) or "nobody",
        ),
        ("bookings" if len(facts["booking_ids"]) > 1 else "booking", ", ".join(facts["booking_ids"])),
        ("last valid day", facts["expires_on"] or ("" if facts["state"] == CardState.UNASSIGNED else "never expires")),
        ("published", _step(facts, "published")),
        ("activated", _step(facts, "activated")),
        ("PIN", f"yes{tries}" if facts["has_pin"] else "no"),
        ("redemptions", str(facts["redemption_count"])),
        ("moved to", facts["successor"] or ""),
        ("replaces", ", ".join(facts["replaces"])),
        ("cash-out", str(facts["cashout_id"] or "")),
        ("refused", _attempts(facts["failed_attempts"])),
    ]


def _step(facts: Facts, name: str) -> str:
    return f"{facts[f'{name}_at']} by run {facts[f'{name}_by']}" if facts[f"{name}_at"] else ""


def _attempts(failed: Facts) -> str:
    if not failed["count"]:
        return ""
    times = "once" if failed["count"] == 1 else f"{failed['count']} times"
    return f"{times} in {failed['days']} days, last {failed['last_code']} at {failed['last_at']}"


_COLUMNS = ("id", "when", "what", "bucket", "amount", "balance", "for", "reason", "run")
# What came onto a card, and what went off it, by the account at the other side.
_MOVES = {
    "refunds_owed": ("top-up", "taken back"),
    "bonuses_owed": ("top-up", "taken back"),
    "goodwill": ("goodwill", "taken back"),
    "sales": ("rollback", "redemption"),
    "adjustments": ("adjustment", "adjustment"),
    "transfers": ("moved here", "moved away"),
    "cash_owed": ("not paid in cash", "to be paid in cash"),
    "lapsed": ("not lapsed", "lapsed"),
    "breakage": ("not expired", "expired"),
}


def _transaction(row: Facts) -> tuple[str, ...]:
    currency = row["currency"]
    related = "" if row["related_transaction_id"] is None else f" (of {row['related_transaction_id']})"
    return (
        str(row["id"]),
        row["created_at"],
        f"{_MOVES[row['contra_account']][row['amount'] < 0]}{related}",
        row["bucket"],
        amount(row["amount"], currency),
        amount(row["balance"], currency),
        row["source_id"] or row["booking_id"] or "",
        in_a_column(row["reason"] or ""),
        str(row["run_id"]),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


# card validate


_NEEDS = {
    "invoice": "the invoice's number (--invoice)",
    "customer": "who buys (--customer)",
    "order_total": "the order's total (--order-total)",
    "pin": "the PIN (--pin-file)",
}


def _tell_valid(out: Screen, found: operation.Valid) -> None:
    facts = found.facts
    until = f"through {facts['expires_on']}" if facts["expires_on"] else "and never expires"
    out.print(f"Card {facts['card_id']} can be redeemed now: it holds {_balance(facts)}, and is valid {until}.")
    if found.needs:
        out.print(f"`refundctl card redeem` will ask for {', '.join(_NEEDS[name] for name in found.needs)}.")


# card find


_CARD_COLUMNS = ("card", "code", "campaign", "state", "balance", "last day", "customer", "booking")


def _list(out: Screen, found: operation.Found) -> None:
    if not found.cards:
        out.print("No card is like that.")
        return
    _table(out, _CARD_COLUMNS, [_card(facts) for facts in found.cards])
    if found.more:
        out.print(f"These are the first {plural(len(found.cards), 'card')}: --limit shows more.")


def _card(facts: Facts) -> tuple[str, ...]:
    return (
        facts["card_id"],
        facts["code"],
        facts["campaign"],
        _words(facts["state"]),
        amount(facts["balance"], facts["currency"]),
        facts["expires_on"] or "",
        facts["customer_id"] or "",
        ", ".join(facts["booking_ids"]),
    )


def _table(out: Screen, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        out.print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
