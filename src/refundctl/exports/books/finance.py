"""The files for finance and for the desk: cards, transactions, publications, bookings and redemptions."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from refundctl.domain.basics.money import format_amount
from refundctl.exports.csv_text import Row, safe_cell
from refundctl.ledger.funding.line_state import LineState

COLUMNS = {
    "cards": (
        "card_id", "code", "campaign", "customer_id", "booking_id", "state", "balance", "currency", "published_at",
        "expires_on", "redemption_count",
    ),
    "transactions": (
        "id", "campaign", "card_id", "type", "bucket", "amount", "balance", "currency", "booking_id", "source_id",
        "reason", "related_transaction_id", "run_id", "created_at",
    ),
    "publications": ("card_id", "customer_id", "booking_id", "campaign", "published_at", "run_id"),
    "redemptions": (
        "id", "campaign", "card_id", "customer_id", "invoice", "amount", "paid", "bonus", "order_total", "currency",
        "rolled_back", "created_at",
    ),
    "bookings": (
        "booking_id", "order_amount", "currency", "refund_id", "refund_amount", "cash_amount", "bonus_amount",
        "customer_id", "email", "name", "phone", "locale", "country", "status", "booked_at", "cancelled_at", "channel",
        "category", "tier", "tickets", "accepted", "marketing_consent",
        "campaign", "card_id", "funded", "paid", "bonus", "fee", "skipped_reason",
    ),
}  # fmt: skip

Render = Callable[[tuple[Any, ...], str, str], Row]
ROWS_PER_BLOCK = 5_000


def rendered(kind: str, rows: Iterable[tuple[Any, ...]], campaign: str, currency: str) -> Iterator[list[Row]]:
    """Render ledger rows of `kind` block by block; amounts in major units, card ids as `c` and digits."""
    render = _RENDERERS[kind]
    block: list[Row] = []
    for row in rows:
        block.append(render(row, campaign, currency))
        if len(block) == ROWS_PER_BLOCK:
            yield block
            block = []
    yield block


def _card(row: tuple[Any, ...], campaign: str, currency: str) -> Row:
    card, code, customer_id, booking_ids, state, balance, published_at, expires_on, redemptions = row
    return (
        f"c{card}", code, campaign, safe_cell(customer_id), safe_cell(booking_ids), state,
        format_amount(balance, currency), currency, published_at or "", expires_on or "", str(redemptions),
    )  # fmt: skip


def _transaction(row: tuple[Any, ...], campaign: str, currency: str) -> Row:
    number, card, kind, bucket, amount, balance, booking_id, refund_id, reason, related, run_id, created_at = row
    return (
        str(number), campaign, "" if card is None else f"c{card}", kind, bucket, format_amount(amount, currency),
        "" if balance is None else format_amount(balance, currency), currency, safe_cell(booking_id),
        safe_cell(refund_id), safe_cell(reason), "" if related is None else str(related), str(run_id), created_at,
    )  # fmt: skip


def _publication(row: tuple[Any, ...], campaign: str, _: str) -> Row:
    card, customer_id, booking_id, published_at, run_id = row
    return (f"c{card}", safe_cell(customer_id), safe_cell(booking_id), campaign, published_at, str(run_id))


def _redemption(row: tuple[Any, ...], campaign: str, currency: str) -> Row:
    """`rolled_back` is the amount that was given back of it."""
    number, card, customer_id, invoice, paid, bonus, order_total, back, created_at = row
    return (
        str(number), campaign, f"c{card}", safe_cell(customer_id), safe_cell(invoice),
        *(format_amount(minor, currency) for minor in (paid + bonus, paid, bonus)),
        "" if order_total is None else format_amount(order_total, currency), currency,
        format_amount(back, currency), created_at,
    )  # fmt: skip


_REASONS = {
    LineState.OPEN: "",
    LineState.FUNDED: "",
    LineState.CASH_ONLY: "cash_only",
    LineState.FUNDED_IN_CASH: "cash_only",
}


def _amount(minor: int, currency: str) -> str:
    """Blank where there is none, as in the files that bookings come from."""
    return format_amount(minor, currency) if minor else ""


def _booking(row: tuple[Any, ...], campaign: str, _: str) -> Row:
    booking_id, order_amount, currency, refund_id, refund_amount, cash, back, *texts, card, paid, bonus, fee, state = (
        row
    )
    # Those that are funded or only wait for their top-up have no reason to be skipped.
    reason = _REASONS.get(state, LineState(state).label)
    ours = state in {LineState.FUNDED, LineState.FUNDED_NOT_ELIGIBLE, LineState.FUNDED_IN_CASH}
    shown = ours or state in {LineState.KEPT, LineState.UNDONE}
    return (
        safe_cell(booking_id), format_amount(order_amount, currency), currency, safe_cell(refund_id),
        format_amount(refund_amount, currency), _amount(cash, currency), _amount(back, currency),
        *(safe_cell(None if text is None else str(text)) for text in texts),
        campaign if ours else "", f"c{card}" if ours and card is not None else "", "yes" if ours else "no",
        *(format_amount(minor if shown else 0, currency) for minor in (paid, bonus, fee)), reason,
    )  # fmt: skip


_RENDERERS: dict[str, Render] = {
    "cards": _card,
    "transactions": _transaction,
    "publications": _publication,
    "redemptions": _redemption,
    "bookings": _booking,
}
