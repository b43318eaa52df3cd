"""What the cells of a till's file may say: one purchase a row, each value by a rule of its own.

Amounts stay texts here, as the card's currency reads them, which only the ledger knows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time

from refundctl.domain.basics.currency_signs import currencies_of, is_sign
from refundctl.domain.basics.money import AmountError, is_currency, parse_amount
from refundctl.domain.basics.payment_card_numbers import holds_card_number
from refundctl.domain.basics.validity import moment_of
from refundctl.domain.bookings.booking_cells import (
    WHITESPACE,
    Fault,
    RejectCode,
    quoted,
    read_currency,
    read_date,
    read_id,
    read_text,
    split_currency,
)
from refundctl.domain.bookings.column_faults import CARD_NUMBER, MISSING
from refundctl.domain.cards.codes import is_card_id
from refundctl.domain.cards.redemption_rules import INVOICE_LENGTH_MAX, Rules

#: Each row names its card in one of them.
CARD_COLUMNS = ("card_id", "code")
REQUIRED = ("amount", "invoice")
#: In the order in which they are checked.
COLUMNS = (*CARD_COLUMNS, *REQUIRED, "currency", "customer_id", "order_total", "redeemed_at")
#: Of what a till says: before it there were no such cards, and after it no calendar.
FIRST_YEAR, LAST_YEAR = 2000, 9000
NOON = time(12)
ANY_TIME = Rules()

Cells = Sequence[str | None]


def read_columns(
    texts: Mapping[str, Sequence[str]], count: int
) -> tuple[dict[str, Cells], dict[int, tuple[str, Fault]]]:
    """The values of `count` rows by column, None for a blank; and what is wrong with a row, the first column at fault.

    Values are texts: of `redeemed_at` as read_date() gives them.
    """
    faults: dict[int, tuple[str, Fault]] = {}
    columns = {name: _read_column(name, texts[name], faults) for name in COLUMNS if name in texts}
    named = [columns[name] for name in CARD_COLUMNS if name in columns]
    for row in range(count):
        if all(column[row] is None for column in named):
            faults.setdefault(row, (next(name for name in CARD_COLUMNS if name in columns), _NO_CARD))
    return columns, faults


def _read_column(name: str, texts: Sequence[str], faults: dict[int, tuple[str, Fault]]) -> Cells:
    rule, required = _RULES[name], name in REQUIRED
    values: list[str | None] = []
    for row, text in enumerate(texts):
        cell = text.strip(WHITESPACE)
        value = rule(cell) if cell else MISSING if required else None
        if isinstance(value, Fault):
            faults.setdefault(row, (name, value))
            value = None
        values.append(value)
    return values


_NO_CARD = Fault(RejectCode.MISSING_VALUE, "is blank, so that the row names no card; fill it in")


def _card_id(text: str) -> str | Fault:
    if not is_card_id(text):
        return Fault(RejectCode.MALFORMED_ID, "is not c and digits; write the card's id, or its code under `code`")
    return text.lower()


def _invoice(text: str) -> str | Fault:
    if holds_card_number(text):
        return CARD_NUMBER
    if len(text) > INVOICE_LENGTH_MAX:
        reason = f"has {len(text)} characters, an invoice's number has at most {INVOICE_LENGTH_MAX}; correct it"
        return Fault(RejectCode.VALUE_TOO_LONG, reason)
    return read_id(text)


def _moment(text: str) -> str | Fault:
    value = read_date(text)
    if isinstance(value, str) and FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
        return value
    reason = f"{quoted(text)} is not a time in this century; write it like 2020-05-01T14:30:00+02:00, or 2020-05-01"
    return Fault(RejectCode.MALFORMED_DATE, reason)


_RULES: Mapping[str, Callable[[str], str | Fault]] = {
    "card_id": _card_id,
    "code": read_text,
    "amount": read_text,
    "invoice": _invoice,
    "currency": read_currency,
    "customer_id": read_id,
    "order_total": read_text,
    "redeemed_at": _moment,
}


def read_amount(text: str, currency: str) -> int | Fault:
    """Minor units of an amount above zero, which may name its currency, the card's.

    Faults: malformed_amount, too_many_decimals, amount_not_positive, currency_mismatch.
    """
    glued, amount = split_currency(text)
    if glued is not None and (glued == currency or currency in currencies_of(glued)):
        text = amount
    elif glued is not None and (is_sign(glued) or is_currency(glued)):
        return other_currency(glued, currency)
    try:
        return parse_amount(text, currency, by_source=False)
    except AmountError as error:
        return Fault(RejectCode(error.code), str(error))


def other_currency(named: str, currency: str) -> Fault:
    """What is wrong with an amount in another currency than its card's."""
    return Fault(RejectCode.CURRENCY_MISMATCH, f"is in {named}, but the card is in {currency}; check which card it was")


def moment_of_purchase(said: str, timezone: str, rules: Rules = ANY_TIME) -> datetime:
    """When a purchase was made, in UTC, by `redeemed_at`: a time without an offset is one of the card's time zone.

    A day alone stands for its noon or, if cards are not valid then, a time at which they are: nobody knows the hour.
    """
    if "T" in said:
        read = datetime.fromisoformat(said)
        return (moment_of(read, timezone) if read.tzinfo is None else read).astimezone(UTC)
    day = date.fromisoformat(said)
    opening = (NOON, time(0), *(hours.start for hours in rules.hours))
    times = [datetime.combine(day, clock) for clock in opening]
    return moment_of(next((one for one in times if rules.open_at(one)), times[0]), timezone).astimezone(UTC)


def is_ahead(said: str, now: datetime, timezone: str) -> bool:
    """Whether what `redeemed_at` says is still to come: of a day alone, whether that has not begun."""
    if "T" in said:
        return moment_of_purchase(said, timezone) > now
    return moment_of(datetime.combine(date.fromisoformat(said), time(0)), timezone) > now
