"""refundctl card show: a card with all that the desk asks about it."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import Facts, balance, totals
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, in_a_column, table
from refundctl.cli.shell.wording import in_words, refusal_in_words
from refundctl.domain.cards.card_state import CardState
from refundctl.operations.desk.looking_at_cards import look
from refundctl.operations.desk.show import Shown
from refundctl.operations.desk.show import show as show_card


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
        found = look(ledger, journal, named, lambda seen: show_card(seen, reveal=reveal))
    return Report(
        human=lambda out: _describe(out, found),
        campaign=found.card.campaign_name,
        totals=totals(found.facts),
        extra={"card": found.facts, "transactions": found.transactions},
    ).tell(common)


def _describe(out: Screen, found: Shown) -> None:
    facts = found.facts
    out.print(f"Card {facts['card_id']} of {facts['campaign']}: {in_words(facts['state'])}")
    if found.refusal is not None:
        out.print(f"Not redeemable now: {found.refusal.message}")
    figures(out, [(name, text) for name, text in _rows(facts) if text])
    for refused in facts["refused_redemptions"]:
        taken = amount(refused["amount"], refused["currency"])
        out.print(
            f"  A till took {taken} for invoice {refused['invoice']}, which was refused: {in_words(refused['code'])}."
        )
    if not found.transactions:
        out.print("No transactions yet.")
        return
    out.print("Transactions:")
    table(out, [_COLUMNS, *map(_transaction, found.transactions)])


def _rows(facts: Facts) -> list[tuple[str, str]]:
    """Names and what there is to tell; blank where nothing is."""
    wrong = facts["wrong_pins"]
    tries = f", {wrong} wrong {'try' if wrong == 1 else 'tries'}" if wrong else ""
    return [
        ("code", facts["code"]),
        ("balance", balance(facts)),
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
    return f"{times} in {failed['days']} days, last at {failed['last_at']}: {refusal_in_words(failed['last_code'])}"


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
