"""A source for a file that none is known for: guessed from its header and its first rows, as YAML to start from.

A guess is never used by itself: a person reads it, fixes it, and puts it into the campaigns file.
"""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import methodcaller
from typing import TYPE_CHECKING

from refundctl.domain.basics.currency_signs import currencies_of, currency_of
from refundctl.domain.basics.definition_mistakes import folded, on_one_line
from refundctl.domain.bookings.booking_cells import (
    FIELDS,
    NEEDED,
    REFUNDED,
    WHITESPACE,
    Fault,
    read_currency,
    read_date,
    refund_items,
    split_currency,
)

if TYPE_CHECKING:
    from refundctl.domain.bookings.source import Source

#: What columns are called elsewhere, the most telling names first; compared without case, spaces, dashes and the like.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "booking_id": (
        "booking id", "booking no", "booking number", "book number", "booking reference", "booking ref",
        "booking code", "booking", "reservation id", "reservation number", "reservation no", "reservation",
        "order id", "order number", "order no", "order code", "order #", "order name", "order", "confirmation code",
        "confirmation number", "pnr", "record locator", "ticket id", "ticket number", "invoice number",
        "transaction id", "reference", "number", "id", "ref", "buchungsnummer", "buchungsnr", "buchungs nr",
        "buchung", "bestellnummer", "bestellung", "auftragsnummer", "numer rezerwacji", "numer zamówienia",
        "numéro de réservation", "numéro de commande", "número de reserva", "número de pedido", "numero prenotazione",
    ),
    "order_amount": (
        "order amount", "order total", "order value", "total amount", "total collected", "amount paid", "total paid",
        "paid amount", "grand total", "total", "amount", "gross amount", "gross", "total price", "booking amount",
        "price", "value", "sum", "fare", "paid", "rechnungsbetrag", "gesamtbetrag", "betrag", "summe", "kwota",
        "suma", "montant", "montant total", "importe", "importe total", "importo", "totale",
    ),
    "currency": (
        "currency", "currency code", "order currency", "ccy", "währung", "waluta", "devise", "moneda", "valuta",
    ),
    "refund_id": ("refund id", "refund number", "credit note", "credit note number"),
    "refund_amount": ("refund amount", "amount to refund", "refund due", "refundable amount", "amount due to customer"),
    "customer_id": (
        "customer id", "customer number", "customer no", "client id", "guest id", "member id", "loyalty id", "user id",
        "kundennummer", "numer klienta", "numéro client",
    ),
    "email": (
        "email", "e-mail", "email address", "e-mail address", "customer email", "guest email", "buyer email",
        "customer e-mail", "user email", "billing email", "contact email", "mail", "e-mail-adresse", "mailadresse",
        "courriel", "adres e-mail", "adresse e-mail", "correo electrónico", "indirizzo e-mail",
    ),
    "name": (
        "name", "full name", "customer name", "buyer", "guest name", "guest name(s)", "buyer name", "billing name",
        "passenger", "passenger name", "customer", "guest", "booked by", "kunde", "imię i nazwisko", "nom", "nombre",
        "nome",
    ),
    "phone": ("phone", "phone number", "telephone", "mobile", "mobile number", "billing phone", "telefon", "téléphone"),
    "locale": ("locale", "language", "order locale", "customer language", "sprache", "język", "langue", "idioma"),
    "country": (
        "country", "country code", "billing country", "customer country", "land", "kraj", "pays", "país", "paese",
    ),
    "status": ("status", "booking status", "order status", "reservation status", "state", "estado", "statut", "stato"),
    "booked_at": (
        "booked at", "booking date", "booked on", "ordered on", "ordered at", "order date", "created at", "created",
        "purchase date", "date booked", "buchungsdatum", "bestelldatum", "data rezerwacji", "date de réservation",
        "fecha de reserva",
    ),
    "cancelled_at": (
        "cancelled at", "canceled at", "cancellation date", "cancelled on", "canceled on", "date cancelled",
        "stornodatum", "data anulowania", "date d'annulation", "fecha de cancelación",
    ),
    "channel": ("channel", "sales channel", "booking channel", "market segment", "distribution channel", "source"),
    "category": ("category", "product category", "product type", "ticket type", "fare class", "room type", "kategorie"),
    "tier": ("tier", "loyalty tier", "membership tier", "customer tier", "customer type"),
    "tickets": (
        "tickets", "quantity", "qty", "number of tickets", "seats", "pax", "passengers", "people", "positions",
        "anzahl",
    ),
    "marketing_consent": ("marketing consent", "accepts marketing", "newsletter", "marketing opt in", "opt in"),
}  # fmt: skip
#: What was paid back already. It is no column of a booking, but a key of its own.
REFUNDED_NAMES = (
    "refunded", "refunded amount", "amount refunded", "already refunded", "total refunded", "partial refunds",
    "paid back", "amount paid back", "already paid back", "refunded total", "bereits erstattet", "erstattet",
    "erstatteter betrag", "zwrócono", "zwrócona kwota", "remboursé", "montant remboursé", "déjà remboursé",
    "reembolsado", "importe reembolsado", "rimborsato", "importo rimborsato", "terugbetaald",
)  # fmt: skip
#: Where a file may have other rows than bookings, such as payouts.
_KINDS_OF_ROWS = ("type", "event type", "transaction type", "row type", "record type")
FIRST_NAMES = ("first name", "given name", "billing first name", "vorname", "imię", "prénom")
LAST_NAMES = ("last name", "surname", "family name", "billing last name", "nachname", "nazwisko")

_TELLING_CUSTOMERS = ("customer_id", "email")
_NO_CUSTOMERS = (
    "no column looks like `email` or `customer_id`, and each booking needs one of them: name it under `columns`"
)
#: What a header may say of its column besides its name: `Price (incl. VAT)`, `Amount [EUR]`, `Betrag in €`.
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_UNIT = re.compile(r"(?:\s|_)(?:in\s+)?([A-Z]{3}|\S{1,3})$")
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

    `doubts` are sentences about what only a person can decide, `others` the headers that none of it is for. `refunded`
    is the header of what was paid back already, `currency` what a file without one may be in, sure if by a header.
    """

    columns: Mapping[str, str | tuple[str, ...]]
    decimal: str
    thousands: str | None
    date_format: str | None
    without_currency: bool
    doubts: Sequence[str]
    others: Sequence[str] = ()
    refunded: str | None = None
    currency: str | None = None
    is_currency_sure: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all columns that a source needs were found."""
        return all(name in self.columns for name in NEEDED)


def suggest(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Suggestion:
    """Guess from the header and some rows of the same width."""
    columns, refunded = _matched(names)
    cells = {
        name: list(map(methodcaller("strip", WHITESPACE), column))
        for name, column in zip(names, zip(*rows, strict=True), strict=False)
    }
    no_amount = None
    if refunded is not None and not _are_amounts(cells.get(refunded, ())):
        no_amount, refunded = refunded, None
    amounts = _cells_of(columns, cells, ("order_amount", "refund_amount"))
    dates = _cells_of(columns, cells, ("booked_at", "cancelled_at"))
    decimal, thousands = _notation(amounts)
    formats = _formats(dates)
    named = [named for named, _ in map(split_currency, amounts) if named]
    unit = _currency_of_header(columns.get("order_amount"))
    return Suggestion(
        columns,
        decimal,
        thousands,
        next(iter(formats), None),
        without_currency="currency" not in columns and all(isinstance(read_currency(text), Fault) for text in named),
        doubts=list(_doubts(names, columns, formats, no_amount)),
        others=[name for name in names if name.strip() and name not in {*_all_of(columns), refunded}],
        refunded=refunded,
        currency=unit or next(chain(*map(currencies_of, named)), None),
        is_currency_sure=unit is not None,
    )


def _doubts(
    names: Sequence[str], columns: Iterable[str], formats: Sequence[str], no_amount: str | None
) -> Iterator[str]:
    """What only a person can decide; `no_amount` is a header of refunds below which stands something else."""
    for name in NEEDED:
        if name not in columns:
            yield f"no column looks like `{name}`: name it under `columns`"
    if not {*_TELLING_CUSTOMERS} & {*columns}:
        yield _NO_CUSTOMERS
    if len(formats) > 1:
        yield f"dates could be {' or '.join(formats)}: keep the right one"
    if no_amount:
        yield f"{_written(no_amount)} may say what was paid back already: such rows can be left out by `skip`"
    for name in names:
        if _plain(name) in _KINDS_OF_ROWS:
            yield f"{_written(name)} may say which rows are bookings: name the right ones under `only`"


def as_yaml(name: str, suggestion: Suggestion, *, encoding: str | None = None) -> str:
    """The source as it may stand in a campaigns file, under `sources:`; with the encoding that was asked for."""
    lines = [f"  {name}:", "    columns:"]
    lines += [
        f"      {column}: {_written(headers)}{_DUE if column == 'refund_amount' else ''}"
        for column, headers in suggestion.columns.items()
    ]
    lines += [f"      {column}: {_CHANGE_ME}" for column in NEEDED if column not in suggestion.columns]
    if suggestion.refunded is not None:
        lines.append(f"    refunded: {_written(suggestion.refunded)}   # what was paid back already is taken off")
    if suggestion.without_currency:
        lines.append(_constant(suggestion))
    decimal = None if suggestion.decimal == "." else suggestion.decimal
    notation = {"decimal": decimal, "thousands": suggestion.thousands, "date_format": suggestion.date_format}
    lines += _keys({"encoding": encoding, **notation})
    lines += [f"    # {doubt}" for doubt in suggestion.doubts]
    if suggestion.others:
        lines.append(f"    # not read: {', '.join(map(_written, suggestion.others))}")
    return "\n".join(["sources:", *lines, ""])


def from_preset(
    name: str, preset: "Source", names: Sequence[str], suggestion: Suggestion, *, encoding: str | None = None
) -> str:
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
        written = _written(guess) if isinstance(guess, str) and folded(guess) not in used else '"..."'
        lines.append(f"      {column}: {written}   # the preset looks for {_written(header)}")
    if REFUNDED in missing.values():
        lines.append('    refunded: "..."   # the header of what was paid back already')
    lines += _moved("only", preset.only, missing) + _moved("skip", preset.skip, missing)
    if not missing:
        lines.append(_constant(suggestion))
    lines += _keys({"encoding": encoding})
    return "\n".join(["sources:", *lines, ""])


def _moved(key: str, tests: Mapping[str, Sequence[str]], missing: Container[str]) -> list[str]:
    """The line of `only` or `skip`, where a header that it names is missing."""
    moved = [f'{_written(header)}: null, "...": [{_listed(tests[header])}]' for header in tests if header in missing]
    return [f"    {key}: {{{', '.join(moved)}}}   # the header that says so in your file"] if moved else []


def _constant(suggestion: Suggestion) -> str:
    why = "as the header says" if suggestion.is_currency_sure else "the file doesn't say it: write the right one"
    return f"    constants: {{currency: {suggestion.currency or 'EUR'}}}   # {why}"


def _keys(values: Mapping[str, str | None]) -> list[str]:
    return [f"    {key}: {_written(value)}" for key, value in values.items() if value is not None]


_DUE = "   # what is due; if it was paid back already, name it as `refunded` instead"
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


def _bare(name: str) -> str:
    """The name without what stands in brackets, and without a currency at its end."""
    name = _BRACKETS.sub(" ", name).strip()
    unit = _UNIT.search(name)
    return _plain(name[: unit.start()] if unit and _as_currency(unit[1]) else name)


def _as_currency(unit: str) -> str | None:
    """The currency that a unit names, which is in capitals or one's own sign; not `all`, which would be Albania's."""
    if unit.isascii() and not unit.isupper():
        return currency_of(unit)
    read = read_currency(unit)
    return None if isinstance(read, Fault) else read


def _currency_of_header(header: str | tuple[str, ...] | None) -> str | None:
    """The one currency that a header names in brackets or at its end."""
    if not isinstance(header, str):
        return None
    bracketed = [(found[1] or found[2] or "").strip() for found in _BRACKETS.finditer(header)]
    at_end = _UNIT.search(_BRACKETS.sub(" ", header).strip())
    units = [*bracketed, *([at_end[1]] if at_end else [])]
    found = {currency for unit in units if (currency := _as_currency(unit))}
    return found.pop() if len(found) == 1 else None


class _Headers:
    """The headers of a file by their plain names, each given once; those that are more than their name come last."""

    def __init__(self, names: Sequence[str]) -> None:
        named = [name for name in reversed(names) if name.strip()]
        self._forms = ({_plain(name): name for name in named}, {_bare(name): name for name in named})
        self._given: set[str] = set()

    def find(self, names: Iterable[str]) -> str | None:
        """The header with the first of these names that there is, which is gone then."""
        wanted = list(map(_plain, names))
        for forms in self._forms:
            for name in wanted:
                header = forms.get(name)
                if header is not None and header not in self._given:
                    self._given.add(header)
                    return header
        return None


def _matched(names: Sequence[str]) -> tuple[dict[str, str | tuple[str, ...]], str | None]:
    """Each canonical column with the header that is most likely meant, and that of what was paid back."""
    headers = _Headers(names)
    found: dict[str, str | tuple[str, ...]] = {}
    for column, synonyms in SYNONYMS.items():
        if (header := headers.find((column, *synonyms))) is not None:
            found[column] = header
        elif column == "name":
            parts = [part for part in (headers.find(FIRST_NAMES), headers.find(LAST_NAMES)) if part]
            if parts:
                found[column] = parts[0] if len(parts) == 1 else tuple(parts)
    return found, headers.find(REFUNDED_NAMES)


def _are_amounts(cells: Sequence[str]) -> bool:
    """Whether most of a column are amounts, and not `yes` or a day."""
    said = [text for text in cells if text]
    amounts = [text for text in said if all(_AMOUNT.fullmatch(split_currency(item)[1]) for item in refund_items(text))]
    return 2 * len(amounts) > len(said) or not said


def _all_of(columns: Mapping[str, str | tuple[str, ...]]) -> Iterator[str]:
    for headers in columns.values():
        yield from (headers,) if isinstance(headers, str) else headers


def _cells_of(
    columns: Mapping[str, str | tuple[str, ...]], cells: Mapping[str, Sequence[str]], wanted: Iterable[str]
) -> list[str]:
    headers = (columns.get(name) for name in wanted)
    return [text for header in headers if isinstance(header, str) for text in cells.get(header, ()) if text]


def _notation(amounts: Sequence[str]) -> tuple[str, str | None]:
    """The decimal sign and the thousands sign that these amounts are written with."""
    bodies = [found[1] for text in amounts if (found := _AMOUNT.fullmatch(split_currency(text)[1]))]
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
    readings = {form: _read(dates, form) for form in (None, *_DATE_FORMATS)}
    best = max(map(len, readings.values()))
    if not best or len(readings[None]) == best:
        return []
    # Where two formats read the same, as of 31 May, it doesn't matter which.
    distinct = {tuple(read): form for form, read in reversed(readings.items()) if len(read) == best}
    return [form for form in reversed(distinct.values()) if form is not None]


def _read(dates: Sequence[str], date_format: str | None) -> list[str]:
    return [read for text in dates if isinstance(read := read_date(text, date_format), str)]
