"""refundctl explain"""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from refundctl.cli.shell.common import Common, command, existing_ledger
from refundctl.cli.shell.rendering import Report, Screen, amount, figures, plural
from refundctl.cli.shell.wording import in_words
from refundctl.domain.campaigns.conditions import AMOUNT_FIELDS
from refundctl.domain.campaigns.refund_policy import GIFT_CARD
from refundctl.domain.cards.codes import mask
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.reading.booking_history import LineCard
from refundctl.operations.books import explain as operation
from refundctl.operations.books.explained_booking import (
    Amounts,
    ExplainedShare,
    Explanation,
    Funding,
    Line,
    LineStanding,
)

Rows = list[tuple[str, str]]


@command("explain", short="Show how a booking's amount came about.")
def explain(
    common: Common,
    booking: Annotated[str, typer.Argument(metavar="BOOKING", help="The booking's number, its booking_id.")],
    refund: Annotated[
        str | None, typer.Option("--refund", metavar="ID", help="Only this refund line of it, by its refund_id.")
    ] = None,
) -> int:
    """Show how a booking's amount came about, line by line, with the names of the rules; and what is the case now."""
    with existing_ledger(common) as ledger, ledger.reading():
        found = operation.explain(ledger, booking, refund)
    return Report(human=lambda out: _describe(out, found), extra={"booking": found.as_json()}).tell(common)


def _describe(out: Screen, found: Explanation) -> None:
    first = found.lines[0]
    order = amount(int(first.now.values["order_amount"] or 0), first.currency)
    whose = "a customer" if found.customer_id is None else f"customer {found.customer_id}"
    out.print(
        f"Booking {found.booking.booking_id} of {whose}: order {order}, {plural(len(found.lines), 'refund line')}"
    )
    for line in found.lines:
        _describe_line(out, line)


def _describe_line(out: Screen, line: Line) -> None:
    out.print("")
    state = "no campaign yet" if line.state is None else _SAID.get(line.state, in_words(line.state.label))
    out.print(f"Refund {line.now.refund_id}: {state}")
    for funding in line.fundings:
        _describe_funding(out, line, funding)
    for undone in line.undone:
        reason = "" if undone.reason is None else f" ({undone.reason})"
        out.print(f"Run {undone.undone_run} was undone by {undone.run}{reason}.")
        if undone.reopened is not None:
            out.print(f"It was reopened by {undone.reopened}.")
    for standing in line.standings:
        if standing.state is not LineState.FUNDED_ELSEWHERE:  # its own campaign says all
            _describe_standing(out, line, standing)
    for version, changes in zip(line.versions, line.changes(), strict=True):
        changed = ", ".join(_change(name, values, line.currency) for name, values in changes.items())
        out.print(f"{f'Changed ({changed})' if version.number > 1 else 'Loaded'} by {version.run}.")


def _describe_funding(out: Screen, line: Line, funding: Funding) -> None:
    under = f"definition {funding.definition.number}, stored by run {funding.definition.run_id}"
    out.print(f"Funded by {funding.campaign} in {funding.run}, under {under}:")
    rows = _amount_rows(line, funding.amounts)
    if funding.card is not None:
        rows.append(("card", _card(funding.card)))
    for taken in funding.taken_back:
        parts = [f"{name} {amount(minor, line.currency)}" for name, minor in taken.by_bucket.items() if minor]
        reason = "" if taken.reason is None else f" ({taken.reason})"
        rows.append(("taken back", f"{', '.join(parts)}, by {taken.run}{reason}"))
    figures(out, rows)


def _amount_rows(line: Line, amounts: Amounts) -> Rows:
    def shown(minor: int) -> str:
        return amount(minor, line.currency)

    def share_of(share: ExplainedShare) -> str:
        return shown(share.amount_minor) + ("" if share.terms is None else f" ({share.terms})")

    rows = [("order amount", shown(amounts.order_minor)), ("refundable", shown(amounts.refundable_minor))]
    if amounts.owed_in_cash_minor:
        rows.append(("  owed in cash", f"{shown(amounts.owed_in_cash_minor)} as the file says"))
    rows += [(f"  fee {share.name}", share_of(share)) for share in amounts.fees]
    rule = "" if amounts.offer_rule is None else f" by offer {amounts.offer_rule}"
    if amounts.offer != GIFT_CARD:
        rows.append(("  in cash instead", shown(amounts.cash_minor - amounts.owed_in_cash_minor) + rule))
    rows.append(("  paid", shown(amounts.paid_minor) + (rule if amounts.offer == GIFT_CARD else "")))
    rows.append(("  adds up", _sum_of(amounts, line.currency)))
    if amounts.given_back_minor:
        rows.append(("bonus given back", shown(amounts.given_back_minor)))
    rows += [(f"bonus {share.name}", share_of(share)) for share in amounts.bonuses]
    rows.append(("onto the card", shown(amounts.total_minor)))
    return rows


def _sum_of(amounts: Amounts, currency: str) -> str:
    parts = [("cash", amounts.cash_minor), ("fee", amounts.fee_minor), ("paid", amounts.paid_minor)]
    if amounts.settled_before_minor:
        parts.insert(0, ("settled before", amounts.settled_before_minor))
    told = " + ".join(f"{name} {amount(minor, currency)}" for name, minor in parts)
    return f"{told} = {amount(amounts.refundable_minor, currency)}"


def _describe_standing(out: Screen, line: Line, standing: LineStanding) -> None:
    because = "but" if standing.state in {LineState.OPEN, LineState.CASH_ONLY} else "as"
    why = "" if standing.why is None else f", {because} {standing.why}"
    out.print(f"Now in {standing.campaign}: {_SAID.get(standing.state, in_words(standing.state.label))}{why}.")
    if standing.amounts is None:
        return
    out.print(f"The next top-up would give, under definition {standing.definition.number}:")
    rows = _amount_rows(line, standing.amounts)
    if standing.amounts.total_minor:
        without = f"none yet: `refundctl publish {standing.campaign}` gives one"
        rows.append(("card", without if standing.card is None else _card(standing.card)))
    figures(out, rows)


_SAID = {
    LineState.FUNDED_NOT_ELIGIBLE: "funded, no longer eligible",
    LineState.CASH_ONLY: "open, owed in cash",
    LineState.NOTHING_LEFT: "open, with nothing left to refund",
    LineState.KEPT: "done, with nothing left to refund",
    LineState.OVER_CARD_CAP: "left out",
    LineState.OVER_CUSTOMER_CAP: "left out",
    LineState.NOT_ACCEPTED: "left out",
    LineState.OFFER_NONE: "left out",
}


def _card(card: LineCard) -> str:
    return f"c{card.key}, code {mask(card.code)}"


def _change(name: str, values: Sequence[Any], currency: str) -> str:
    if not values:
        return name
    before, after = (_value(name, value, currency) for value in values)
    return f"{name} from {before} to {after}"


def _value(name: str, value: Any, currency: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in AMOUNT_FIELDS and isinstance(value, int):
        return amount(value, currency)
    return "blank" if value in (None, "") else str(value)
