"""A source for a file that none is known for: guessed from its header and its first rows, as YAML to start from.

A guess is never used by itself: a person reads it, mends it, and puts it into the campaigns file.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from refundctl.domain.bookings import FIELDS, NEEDED, REFUNDED, WHITESPACE, Fault, read_date
from refundctl.domain.mistakes import folded, on_one_line

if TYPE_CHECKING:
    from refundctl.domain.source import Source

#: What columns are called elsewhere, the most telling names first; compared without case, spaces, dashes and the like.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "booking_id": (
        "booking id", "booking no", "booking number", "book number", "booking reference", "booking ref", "booking code",
        "booking", "reservation id", "reservation number", "reservation no", "reservation", "order id", "order number",
        "order no", "order code", "order #", "order name", "order", "confirmation code", "confirmation number", "pnr",
        "record locator", "ticket id", "ticket number", "invoice number", "transaction id", "reference", "number", "id",
        "buchungsnummer", "buchung", "bestellnummer", "bestellung", "auftragsnummer", "numer rezerwacji", "numer zamówienia",
        "numéro de réservation", "numéro de commande", "número de reserva", "número de pedido", "numero prenotazione",
    ),
    "order_amount": (
        "order amount", "order total", "total amount", "amount paid", "total paid", "paid amount", "grand total", "total",
        "amount", "gross amount", "gross", "total price", "booking amount", "price", "value", "sum", "fare", "paid",
        "gesamtbetrag", "betrag", "summe", "kwota", "suma", "montant", "montant total", "importe", "importe total",
        "importo", "totale",
    ),
    "currency": ("currency", "currency code", "order currency", "ccy", "währung", "waluta", "devise", "moneda", "valuta"),
    "refund_id": ("refund id", "refund number", "credit note", "credit note number"),
    "refund_amount": ("refund amount", "amount to refund", "refund due", "refundable amount", "amount due to customer"),
    "customer_id": (
        "customer id", "customer number", "customer no", "client id", "guest id", "member id", "loyalty id", "user id",
        "kundennummer", "numer klienta", "numéro client",
    ),
    "email": (
        "email", "e-mail", "email address", "e-mail address", "customer email", "guest email", "buyer email",
        "billing email", "contact email", "mail", "e-mail-adresse", "adres e-mail", "adresse e-mail",
        "correo electrónico", "indirizzo e-mail",
    ),
    "name": (
        "name", "full name", "customer name", "buyer", "guest name", "guest name(s)", "buyer name", "billing name", "passenger",
        "passenger name", "customer", "guest", "booked by", "kunde", "imię i nazwisko", "nom", "nombre", "nome",
    ),
    "phone": ("phone", "phone number", "telephone", "mobile", "mobile number", "billing phone", "telefon", "téléphone"),
    "locale": ("locale", "language", "order locale", "customer language", "sprache", "język", "langue", "idioma"),
    "country": ("country", "country code", "billing country", "customer country", "land", "kraj", "pays", "país", "paese"),
    "status": ("status", "booking status", "order status", "reservation status", "state", "estado", "statut", "stato"),
    "booked_at": (
        "booked at", "booking date", "booked on", "ordered on", "ordered at", "order date", "created at", "created", "purchase date", "date booked",
        "buchungsdatum", "bestelldatum", "data rezerwacji", "date de réservation", "fecha de reserva",
    ),
    "cancelled_at": (
        "cancelled at", "canceled at", "cancellation date", "cancelled on", "canceled on", "date cancelled",
        "stornodatum", "data anulowania", "date d'annulation", "fecha de cancelación",
    ),
    "channel": ("channel", "sales channel", "booking channel", "market segment", "distribution channel", "source"),
    "category": ("category", "product category", "product type", "ticket type", "fare class", "room type", "kategorie"),
    "tier": ("tier", "loyalty tier", "membership tier", "customer tier", "customer type"),
    "tickets": ("tickets", "quantity", "qty", "number of tickets", "seats", "pax", "passengers", "people", "positions"),
    "marketing_consent": ("marketing consent", "accepts marketing", "newsletter", "marketing opt in", "opt in"),
}  # fmt: skip
FIRST_NAMES = ("first name", "given name", "billing first name", "vorname", "imię", "prénom")
LAST_NAMES = ("last name", "surname", "family name", "billing last name", "nachname", "nazwisko")

_TELLING_CUSTOMERS = ("customer_id", "email")
_NO_CUSTOMERS = (
    "no column looks like `email` or `customer_id`, and each booking needs one of them: name it under `columns`"
)
_NOT_TELLING = re.compile(r"[\s_\-./()#:]+")
_AMOUNT = re.compile(
    r"[+-]?(?:[A-Za-z]{3}|[^\w\s.,'-])?\s*([0-9][0-9.,'\u00a0\u202f\u2019 ]*?)\s*(?:[A-Za-z]{3}|[^\w\s.,'-])?"
)
_DATE_FORMATS = (
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y",
    "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y", "%d-%m-%Y %H:%M", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%d %b %Y",
    "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the columns of a file may mean: canonical names with headers, and the notation of amounts and dates.

    `doubts` are sentences about what only a person can decide, `others` the headers that none of it is for.
    """

    columns: Mapping[str, str | tuple[str, ...]]
    decimal: str
    thousands: str | None
    date_format: str | None
    without_currency: bool
    doubts: Sequence[str]
    others: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all columns that a source needs were found."""
        return all(name in self.columns for name in NEEDED)


def suggest(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Suggestion:
    """Guess from the header and some rows of the same width."""
    columns = _matched(names)
    cells = {
        name: [cell.strip(WHITESPACE) for cell in column]
        for name, column in zip(names, zip(*rows, strict=True), strict=False)
    }
    amounts = _cells_of(columns, cells, ("order_amount", "refund_amount"))
    dates = _cells_of(columns, cells, ("booked_at", "cancelled_at"))
    decimal, thousands = _notation(amounts)
    formats = _formats(dates)
    doubts = [f"no column looks like `{name}`: name it under `columns`" for name in NEEDED if name not in columns]
    if columns.keys().isdisjoint(_TELLING_CUSTOMERS):
        doubts.append(_NO_CUSTOMERS)
    if len(formats) > 1:
        doubts.append(f"dates could be {' or '.join(formats)}: keep the right one")
    return Suggestion(
        columns,
        decimal,
        thousands,
        formats[0] if formats else None,
        without_currency="currency" not in columns and not any(re.search("[A-Za-z]{3}", text) for text in amounts),
        doubts=doubts,
        others=[name for name in names if name.strip() and name not in set(_all_of(columns))],
    )


def as_yaml(name: str, suggestion: Suggestion) -> str:
    """The source as it may stand in a campaigns file, under `sources:`."""
    lines = [f"  {name}:", "    columns:"]
    lines += [f"      {column}: {_written(suggestion.columns[column])}" for column in suggestion.columns]
    lines += [f"      {column}: {_CHANGE_ME}" for column in NEEDED if column not in suggestion.columns]
    if suggestion.without_currency:
        lines.append("    constants: {currency: EUR}   # the file doesn't say it: write the right one")
    if suggestion.decimal != ".":
        lines.append(f"    decimal: {_written(suggestion.decimal)}")
    if suggestion.thousands is not None:
        lines.append(f"    thousands: {_written(suggestion.thousands)}")
    if suggestion.date_format is not None:
        lines.append(f"    date_format: {_written(suggestion.date_format)}")
    lines += [f"    # {doubt}" for doubt in suggestion.doubts]
    if suggestion.others:
        lines.append(f"    # not read: {', '.join(map(_written, suggestion.others))}")
    return "\n".join(["sources:", *lines, ""])


def from_preset(name: str, preset: "Source", names: Sequence[str], suggestion: Suggestion) -> str:
    """A source that starts from a preset, for a file that lacks some of its columns, or nowhere says its currency."""
    there = set(map(folded, names))
    missing = {header: column for header, column in preset.required().items() if folded(header) not in there}
    used = {folded(header) for header in preset.all_headers()}
    lines = [f"  {name}:", f"    preset: {preset.preset}"]
    columns = {column: header for header, column in missing.items() if column in FIELDS}
    if columns:
        lines.append("    columns:")
    for column, header in columns.items():
        guess = suggestion.columns.get(column)
        known = isinstance(guess, str) and folded(guess) not in used
        written = _written(guess) if known and guess is not None else '"..."'
        lines.append(f"      {column}: {written}   # the preset looks for {_written(header)}")
    if REFUNDED in missing.values():
        lines.append('    refunded: "..."   # the header of what was paid back already')
    for key, tests in (("only", preset.only), ("skip", preset.skip)):
        moved = [
            f'{_written(header)}: null, "...": [{_listed(tests[header])}]' for header in tests if header in missing
        ]
        if moved:
            lines.append(f"    {key}: {{{', '.join(moved)}}}   # the header that says so in your file")
    if not missing:
        lines.append("    constants: {currency: EUR}   # the file doesn't say it: write the right one")
    return "\n".join(["sources:", *lines, ""])


_CHANGE_ME = '"..."   # write the header of this column'


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(_written(text) if text else '""' for text in texts)


def _written(value: str | tuple[str, ...]) -> str:
    # A JSON text is a YAML one; only a plain word may stand without quotes.
    if not isinstance(value, str):
        return f"[{', '.join(map(_written, value))}]"
    return (
        value
        if re.fullmatch("[A-Za-z][A-Za-z0-9 ]*[A-Za-z0-9]", value) and folded(value) not in _WORDS
        # Signs beyond ASCII that can't be seen may not stand in YAML, or end a line there.
        else on_one_line(json.dumps(value, ensure_ascii=False))
    )


_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null"})


def _plain(name: str) -> str:
    return _NOT_TELLING.sub(" ", folded(name)).strip()


def _matched(names: Sequence[str]) -> dict[str, str | tuple[str, ...]]:
    """Each canonical column with the header that is most likely meant; each header once."""
    free = {_plain(name): name for name in reversed(names) if name.strip()}
    found: dict[str, str | tuple[str, ...]] = {}
    for column, synonyms in SYNONYMS.items():
        for synonym in (column, *synonyms):
            if (header := free.pop(_plain(synonym), None)) is not None:
                found[column] = header
                break
        if column == "name" and column not in found:
            parts = [free.pop(part) for part in (_first(free, FIRST_NAMES), _first(free, LAST_NAMES)) if part]
            if parts:
                found[column] = parts[0] if len(parts) == 1 else tuple(parts)
    return found


def _all_of(columns: Mapping[str, str | tuple[str, ...]]) -> Iterator[str]:
    for headers in columns.values():
        yield from (headers,) if isinstance(headers, str) else headers


def _first(free: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((_plain(name) for name in names if _plain(name) in free), None)


def _cells_of(
    columns: Mapping[str, str | tuple[str, ...]], cells: Mapping[str, Sequence[str]], wanted: Iterable[str]
) -> list[str]:
    headers = (columns.get(name) for name in wanted)
    return [text for header in headers if isinstance(header, str) for text in cells.get(header, ()) if text]


def _notation(amounts: Sequence[str]) -> tuple[str, str | None]:
    """The decimal sign and the thousands sign that these amounts are written with."""
    bodies = [found[1] for found in map(_AMOUNT.fullmatch, amounts) if found]
    decimals = sum(bool(re.search(r",[0-9]{1,2}$", body)) for body in bodies)
    points = sum(bool(re.search(r"\.[0-9]{1,2}$", body)) for body in bodies)
    decimal = "," if decimals > points else "."
    signs = {
        sign
        for body in bodies
        for sign in re.findall(r"(?<=[0-9])([., '\u00a0\u202f\u2019])(?=[0-9]{3}(?![0-9]))", body)
    }
    thousands = sorted(signs - {decimal})
    return decimal, thousands[0] if len(thousands) == 1 else None


def _formats(dates: Sequence[str]) -> list[str]:
    """The formats in which most of these dates can be read: a few may be wrong. None where most are ISO 8601."""
    fitting = {form: _readable(dates, form) for form in (None, *_DATE_FORMATS)}
    best = max(fitting.values())
    if not best or fitting[None] == best:
        return []
    return [form for form, count in fitting.items() if form is not None and count == best]


def _readable(dates: Sequence[str], date_format: str | None) -> int:
    return sum(not isinstance(read_date(text, date_format), Fault) for text in dates)
