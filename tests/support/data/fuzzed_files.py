"""Files of bookings made up together with the source that reads them, and what they come to, in plain Python.

A `Kind` is how one system writes: its headers, signs and dates, as a source in YAML. A `Case` is a file of that kind; what
its rows say is kept as values, from which both the file's text and the sums are made, so that nothing is read back.
"""

import csv
import gzip
import io
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from support.data.packed_files import workbook, zipped

SOURCE = "fuzzed"
EXPONENTS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
AMOUNTS = ("order_amount", "refund_amount", "refunded", "cash_amount", "bonus_amount")
# A header of every kind: what other systems write, signs of CSV and YAML, letters beyond ASCII.
HEADERS = (
    "Order no", "Total, gross", "Währung", "Refund;due", "E-Mail", "Guest name", "First", "Last", "Day", "Hour", "#", "_x",
    "Price (EUR)", 'The "real" sum', "=Total", "- cash", "номер", "予約番号", "yes", "null", "{a: b}", "12", "a|b", "Bonus: paid",
    "Mode", "State", "Paid back", "Segment", "Hotel", "Tickets sold", "Land", "Kunde", "~", "'x'", "C:\\", "%d",
)  # fmt: skip
NAMES = ("Ana Nowak", "José García", "Müge Yılmaz", "O'Neil Siobhán", "de Vries Noor", 'Ann "Annie" Lee', "Smith; Jr.")
PLAIN_NAMES = ("Ana Nowak", "José Garcé", "Noor Müñé")  # these two letters can't be UTF-8 next to each other
DATE_FORMATS = (None, "%d.%m.%Y", "%m/%d/%Y %H:%M:%S", "%d %b %Y", "%Y%m%d", "%Y-%d-%m")
CLOCK = time(10, 15, 30)

Row = Mapping[str, Any]
Said = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a system writes its files. `headers` are canonical columns, and what else is read, in the order of the file."""

    headers: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, Any]
    currency: str  # where it stands: in a column, the constant, or the amount
    delimiter: str
    encoding: str
    bom: bool
    line_end: str
    decimal: str
    thousands: str | None
    date_format: str | None
    null: str
    grouped: bool
    junk: tuple[str, ...]

    def yaml(self) -> str:
        """A campaigns file with this source. JSON is YAML that can be read in one way only."""
        return f"version: 1\nsources:\n  {SOURCE}: {json.dumps(self.keys, ensure_ascii=False)}\n"

    @property
    def header(self) -> list[str]:
        return [*(header for headers in self.headers.values() for header in headers), *self.junk]


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A file: what each row says, and how it is written."""

    kind: Kind
    rows: Sequence[Row]
    cells: Sequence[Sequence[str]]
    seed: int

    def __repr__(self) -> str:
        return f"\n{self.kind.yaml()}\n{self.text()}\n"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What hypothesis shows of an example that fails."""
        printer.text(repr(self))

    def text(self, order: Sequence[int] | None = None, header: Sequence[str] | None = None) -> str:
        """The file, with its rows in another order."""
        chance = random.Random(self.seed)  # noqa: S311 - looks, not secrets
        quoting = chance.choice(["minimal", "all", "some"])
        wanted = [self.cells[row] for row in order or range(len(self.cells))]
        lines = [
            self.kind.delimiter.join(_quoted(cell, self.kind.delimiter, quoting, chance) for cell in cells)
            for cells in [header or self.kind.header, *wanted]
        ]
        blank = [self.kind.line_end * (chance.random() < 0.05) for _ in lines]
        last = chance.choice(["", self.kind.line_end])
        return self.kind.line_end.join(f"{empty}{line}" for line, empty in zip(lines, blank, strict=True)) + last

    def raw(self, order: Sequence[int] | None = None) -> bytes:
        return self.kind_bytes(self.text(order))

    def kind_bytes(self, text: str) -> bytes:
        return (b"\xef\xbb\xbf" if self.kind.bom else b"") + text.encode(self.kind.encoding)

    def sheet(self) -> bytes:
        """The same as a workbook: numbers and days are cells of their own kind, and no texts."""
        typed = [_typed(self.kind, row, cells) for row, cells in zip(self.rows, self.cells, strict=True)]
        return workbook([self.kind.header, *typed])

    def packed(self, how: str) -> bytes:
        """`plain`, `gzip`, `zip`, `xlsx` or `zipped xlsx`."""
        if how == "gzip":
            return gzip.compress(self.raw(), 1)
        if how == "zip":
            return zipped({"export/bookings.csv": self.raw()})
        if how == "xlsx":
            return self.sheet()
        return zipped({"bookings.xlsx": self.sheet()}) if how == "zipped xlsx" else self.raw()


PACKINGS = ("gzip", "zip", "xlsx", "zipped xlsx")


def _quoted(cell: str, delimiter: str, quoting: str, chance: random.Random) -> str:
    must = any(sign in cell for sign in (delimiter, '"', "\r", "\n"))
    if must or quoting == "all" or (quoting == "some" and chance.random() < 0.3):
        return f'"{cell.replace(chr(34), chr(34) * 2)}"'
    return cell


def _typed(kind: Kind, row: Row, cells: Sequence[str]) -> list[Any]:
    typed: list[Any] = [cell or None for cell in cells]
    at = 0
    for name, headers in kind.headers.items():
        value = row.get(name)
        if value is not None and name in AMOUNTS and kind.currency != "amount":
            typed[at] = float(Decimal(value).scaleb(-EXPONENTS[row["_currency"]]))
        elif isinstance(value, int) and name == "tickets":
            typed[at] = value
        elif isinstance(value, datetime):
            typed[at : at + len(headers)] = [value] if len(headers) == 1 else [value.date(), value.time()]
        elif isinstance(value, date):
            typed[at] = value
        at += len(headers)
    return typed


# --- Kinds ---

_OPTIONAL = (
    "refund_id", "refund_amount", "refunded", "cash_amount", "bonus_amount", "name", "status", "booked_at", "tickets",
    "country", "metadata.0", "metadata.1", "only", "skip",
)  # fmt: skip


@st.composite
def kinds(draw: st.DrawFn) -> Kind:
    chance = draw(st.randoms(use_true_random=False))
    currency = chance.choice(["column", "column", "constant", "both", "amount"])
    names = ["booking_id", "order_amount", *(name for name in _OPTIONAL if chance.random() < 0.5)]
    names += chance.choice([["customer_id"], ["email"], ["customer_id", "email"]])
    names += ["currency"] if currency in {"column", "both"} else []
    chance.shuffle(names)
    free = list(HEADERS)
    chance.shuffle(free)
    headers: dict[str, tuple[str, ...]] = {}
    for name in names:
        own = name in {"refunded", "only", "skip"} or "." in name or chance.random() < 0.8
        # A constant may stand in for blank cells only of a column that the source doesn't name.
        own = own and (name, currency) != ("currency", "both")
        count = 2 if name in {"name", "booked_at"} and chance.random() < 0.4 else 1
        headers[name] = tuple(free.pop() for _ in range(count)) if own else (name,)
    decimal = chance.choice([".", ","])
    thousands = chance.choice([None, ".", ",", " ", "'", "\u202f", "\u00a0"])
    delimiter = chance.choice([",", ";", "\t", "|"])
    encoding, bom = chance.choice(
        [("utf-8", False), ("utf-8", False), ("utf-8", True), ("utf-16", False), ("cp1252", False)]
    )
    written = "".join(header for names in headers.values() for header in names)
    if encoding == "cp1252" and (not _fits(f"{written}{thousands}", encoding)):
        encoding = "utf-8"
    kind = Kind(
        headers=headers,
        keys={},
        currency=currency,
        delimiter=delimiter,
        encoding=encoding,
        bom=bom,
        line_end=chance.choice(["\n", "\r\n", "\r"]),
        decimal=decimal,
        thousands=None if thousands == decimal else thousands,
        # One that begins with the year leaves no room for ISO 8601, in which two cells are written below.
        date_format=chance.choice(DATE_FORMATS if len(headers.get("booked_at", ())) < 2 else DATE_FORMATS[:4]),
        null=chance.choice(["", "", "NULL", "-", "n/a"]),
        grouped=chance.random() < 0.5,
        junk=tuple(chance.sample(["Notes", "customer_id", "phone"], chance.randrange(3)))
        if chance.random() < 0.4
        else (),
    )
    kind = replace(kind, junk=tuple(name for name in kind.junk if name not in names))
    return replace(kind, keys=_keys(kind, chance))


def grouped_kinds() -> st.SearchStrategy[Kind]:
    """Those whose files have a row per line item."""
    return kinds().filter(lambda kind: kind.grouped)


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    # Other letters of this encoding might make UTF-8 together.
    return not any("\x7f" < sign < "\u00c0" for sign in text)


def _keys(kind: Kind, chance: random.Random) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: list(headers) if len(headers) > 1 or chance.random() < 0.2 else headers[0]
        for name, headers in kind.headers.items()
        if "." not in name and name not in {"refunded", "only", "skip"} and headers != (name,)
    }
    columns |= {name: None for name in kind.junk if name in {"customer_id", "phone"}}
    one = {name: headers[0] for name, headers in kind.headers.items()}
    keys: dict[str, Any] = {
        "columns": columns,
        "delimiter": kind.delimiter if chance.random() < 0.5 else None,
        "encoding": kind.encoding if kind.encoding == "cp1252" else "utf-8",
        "decimal": kind.decimal,
        "thousands": kind.thousands,
        "date_format": kind.date_format,
        "constants": {"currency": "EUR"} if kind.currency in {"constant", "both"} else {},
        "refunded": one.get("refunded"),
        "only": {one["only"]: ["Cancelled", "refund ed", *chance.choice([[], [""]])]} if "only" in one else {},
        "skip": {one["skip"]: ["test", *chance.choice([[], [""]])]} if "skip" in one else {},
        "null_values": [kind.null] if kind.null else [],
        "group_by": "booking_id" if kind.grouped else None,
        "id_prefix": chance.choice([None, None, "shop1-", "Ä/"]),
        "metadata": [one[name] for name in one if name.startswith("metadata.")],
    }
    defaults = {"delimiter": None, "encoding": "utf-8", "decimal": ".", "thousands": None, "group_by": None}
    said = {name: value for name, value in keys.items() if value not in ({}, []) and value != defaults.get(name)}
    return said | ({"optional": list(columns)[:1]} if chance.random() < 0.1 and _is_optional(columns) else {})


def _is_optional(columns: Mapping[str, Any]) -> bool:
    return bool(columns) and next(iter(columns)) not in {"booking_id", "order_amount"}


# --- Rows ---


@st.composite
def cases(draw: st.DrawFn, kind: st.SearchStrategy[Kind] | None = None) -> Case:
    """A file in which each cell is well written; whether its rows can be taken, `come_to` says."""
    made = draw(kinds() if kind is None else kind)
    chance = draw(st.randoms(use_true_random=False))
    rows: list[Row] = []
    for number in range(draw(st.integers(1, 6))):
        rows += _booking(made, number, chance)
    cells = [_written(made, row, chance) for row in rows]
    order = [*range(len(rows))]
    if not made.grouped and chance.random() < 0.3:
        order.append(chance.choice(order))
    if chance.random() < 0.3:
        chance.shuffle(order)
    return Case(made, [rows[at] for at in order], [cells[at] for at in order], chance.randrange(1 << 30))


def _booking(kind: Kind, number: int, chance: random.Random) -> list[Row]:
    """The rows of a booking: its line items where they are grouped, its refunds otherwise."""
    currency = "EUR" if kind.currency in {"constant", "both"} else chance.choice(list(EXPONENTS))
    # The numbers of bookings, of any look.
    booking_id = chance.choice(["B{}", "#100{}", "00{}", "Ä-{}", "a/b.{}:x", "é{}"]).format(number)
    customer = chance.randrange(4)
    whole: dict[str, Any] = {
        "_currency": currency,
        "currency": currency,
        "customer_id": f"C{customer}",
        "email": f"c{customer}@example.com",
        "name": (PLAIN_NAMES if kind.encoding == "cp1252" else NAMES)[customer % 3],
        "status": chance.choice(["cancelled", "Refund due", ""]) or None,
        "booked_at": date(2020, chance.randrange(1, 13), chance.randrange(1, 29)),
        "country": chance.choice(["PL", "US-ME", None]),
        "only": chance.choice(["cancelled", "CANCELLED ", "refund ed", "flown", None]),
        "skip": chance.choice(["live", "live", "Test", None]),
    }
    if kind.date_format == "%m/%d/%Y %H:%M:%S" or len(kind.headers.get("booked_at", ())) > 1:
        whole["booked_at"] = datetime.combine(whole["booked_at"], CLOCK)
    count = chance.choice([1, 1, 2, 3, 4]) if kind.grouped or "refund_id" in kind.headers else 1
    rows = [{**whole, **_amounts(kind, chance, single=count == 1), "booking_id": booking_id} for _ in range(count)]
    for at, row in enumerate(rows):
        row["metadata.0"], row["metadata.1"] = (
            chance.choice(["City", "Resort", None]),
            chance.choice(["a; b", "z", None]),
        )
        row["tickets"] = chance.choice([None, 0, 1, 12])
        if kind.grouped:
            row["refund_id"] = "R1" if number % 2 else None
            row["status"] = chance.choice([row["status"], row["status"], "Refund due"])
            if at and chance.random() < 0.7:
                row.update(dict.fromkeys(chance.sample(sorted(whole.keys() - {"_currency"}), 8)))
        else:
            row["refund_id"] = f"R{at}" if count > 1 else chance.choice([None, "R7", booking_id])
            row["order_amount"] = rows[0]["order_amount"]
            row["refund_amount"] = chance.choice(
                [None, 1 + row["order_amount"] // count, row["order_amount"] // count or 1]
            )
    return [{name: row.get(name) for name in ("_currency", *kind.headers)} for row in rows]


def _amounts(kind: Kind, chance: random.Random, *, single: bool) -> dict[str, int | None]:
    order = chance.choice([1, 5, 100, 1250, 99_999, 123_456_789, 10**12, chance.randrange(1, 10**6)])
    if not single and kind.grouped:
        order = chance.choice([0, order])
    refund = chance.choice([None, order, max(1, order // 3)])
    left = order if refund is None else refund
    refunded = chance.choice([None, 0, left // 4, left // 4, left])
    return {
        "order_amount": order,
        "refund_amount": refund,
        "refunded": refunded,
        "cash_amount": chance.choice([None, 0, left // 2]),
        "bonus_amount": chance.choice([None, 0, 7, 10**6]),
    }


# --- How they are written ---


def _written(kind: Kind, row: Row, chance: random.Random) -> list[str]:
    cells: list[str] = []
    for name, headers in kind.headers.items():
        cells += _cells(kind, name, row, len(headers), chance)
    return [_padded(cell or _blank(kind, chance), chance) for cell in cells] + ["not read" for _ in kind.junk]


def _blank(kind: Kind, chance: random.Random) -> str:
    return chance.choice([kind.null, ""])


def _padded(cell: str, chance: random.Random) -> str:
    return f" {cell}  " if chance.random() < 0.1 else cell


def _cells(kind: Kind, name: str, row: Row, count: int, chance: random.Random) -> list[str]:
    value = row[name]
    if value is None:
        return [""] * count
    if name in AMOUNTS:
        return [_amount(kind, name, value, row["_currency"], chance)]
    if name == "currency":
        return [chance.choice([value, value.lower()])]
    if name == "email":
        return [chance.choice([value, value.upper()])]
    if isinstance(value, date):
        return _day(kind, value, count, chance)
    return str(value).split(" ", 1) if count > 1 else [str(value)]


def _day(kind: Kind, value: date, count: int, chance: random.Random) -> list[str]:
    if count > 1:
        # Two cells, which come to an ISO text, or to the format's.
        text = (
            value.strftime(kind.date_format)
            if kind.date_format == "%m/%d/%Y %H:%M:%S"
            else f"{value:%Y-%m-%d %H:%M:%S}"
        )
        return text.split(" ")
    may_be_iso = not (kind.date_format or "").startswith("%Y")
    if kind.date_format is None or (may_be_iso and chance.random() < 0.2):
        return [value.isoformat()]
    return [value.strftime(kind.date_format)]


def _amount(kind: Kind, name: str, minor: int, currency: str, chance: random.Random) -> str:
    exponent = EXPONENTS[currency]
    whole, cents = divmod(minor, 10**exponent)
    digits = f"{whole:,}".replace(",", kind.thousands) if kind.thousands and chance.random() < 0.5 else str(whole)
    fraction = f"{cents:0{exponent}}" if exponent else ""
    if chance.random() < 0.3:
        fraction = fraction.rstrip("0")
    text = f"{digits}{kind.decimal}{fraction}" if fraction else digits
    if name == "refunded" and not kind.grouped and chance.random() < 0.3:
        # There, a space ends an amount.
        return f"amount:{text.replace(digits, str(whole))}|reason:late; very|date:2020-03-10 09:30:00"
    if kind.currency == "amount" or chance.random() < 0.1:
        sign = "€" if currency == "EUR" else "$"
        signed = [] if kind.currency == "amount" or currency in {"JPY", "KWD"} else [f"{sign}{text}", f"{text} {sign}"]
        return chance.choice([f"{currency} {text}", f"{text} {currency}", f"{currency.lower()}{text}", *signed])
    return text


# --- What they come to ---


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the rows, and of each refund line that is loaded: the line's key with what is said of it."""

    counts: Mapping[str, int]
    totals: Mapping[str, int]
    lines: Mapping[tuple[str, str], Said]


def come_to(case: Case) -> Outcome:
    """The rules, said once more for well-written cells."""
    kind, counts = case.kind, Counter(rows=len(case.rows))
    lines: dict[tuple[str, str], Said] = {}
    kept = [row for row, stays in zip(case.rows, _kept(case), strict=True) if stays]
    counts["filtered"] = len(case.rows) - len(kept)
    by_booking: dict[str, list[Row]] = defaultdict(list)
    for row in kept:
        by_booking[row["booking_id"]].append(row)
    for booking_id, rows in by_booking.items():
        if kind.grouped:
            said = {_line(kind, booking_id, rows): len(rows)}
        else:
            said = Counter(_line(kind, booking_id, [row]) for row in rows)
        bad = sum(count for line, count in said.items() if line is None)
        good = [line for line in said if line is not None]
        if good and (sum(line[4] for line in good) > good[0][3] or len({line[:2] for line in good}) < len(good)):
            bad, good = len(rows), []
        counts["rejected"] += bad
        counts["loaded"] += len(rows) - bad if kind.grouped else len(good)
        counts["unchanged"] += 0 if kind.grouped else len(rows) - bad - len(good)
        lines |= {(line[0], line[1]): line for line in good}
    totals: Counter[str] = Counter()
    for line in lines.values():
        totals[line[5]] += line[4]
    counts["updated"] = 0
    return Outcome({name: counts[name] for name in ("rows", *ENDS)}, dict(totals), lines)


ENDS = ("loaded", "updated", "unchanged", "filtered", "rejected")


def _kept(case: Case) -> list[bool]:
    """Which rows are not filtered."""
    kept = [True] * len(case.rows)
    for name in ("only", "skip"):
        if name not in case.kind.headers:
            continue
        [texts] = case.kind.keys[name].values()
        listed = {text.casefold() for text in texts}
        column = [_folded(row[name]) for row in case.rows]
        for at, row in enumerate(case.rows):
            text = column[at]
            if case.kind.grouped and not text:
                others = [
                    one
                    for one, other in zip(column, case.rows, strict=True)
                    if other["booking_id"] == row["booking_id"]
                ]
                said = [one for one in others if one]
                stays = any(_stays(name, one, listed) for one in said or [""])
            else:
                stays = _stays(name, text, listed)
            kept[at] = kept[at] and stays
    return kept


def _stays(name: str, text: str, listed: set[str]) -> bool:
    return (text in listed) == (name == "only")


def _folded(text: str | None) -> str:
    return (text or "").strip().casefold()


def _line(kind: Kind, booking_id: str, rows: Sequence[Row]) -> Said | None:
    """What the rows of a refund line say together; None where they can't be taken."""
    currencies = {row["_currency"] for row in rows if kind.currency != "column" or row.get("currency")}
    order = _sum(rows, "order_amount")
    given = _sum(rows, "refund_amount")
    refund = order if given is None else given
    refunded, cash, bonus = (_sum(rows, name) or 0 for name in ("refunded", "cash_amount", "bonus_amount"))
    statuses = {_folded(row.get("status")) for row in rows if row.get("status")}
    own = _only_one(rows, "customer_id")
    customer = own or _only_one(rows, "email")
    if not currencies or not order or not refund or not customer or (len(statuses) > 1 and not kind.grouped):
        return None
    if refund > order or refunded >= refund or cash > refund - refunded:
        return None
    prefix = kind.keys.get("id_prefix") or ""
    tickets = [row["tickets"] for row in rows if row.get("tickets") is not None]
    booked_at = next((row["booked_at"] for row in rows if row.get("booked_at")), None)
    refund_id = _only_one(rows, "refund_id")
    return (
        f"{prefix}{booking_id}",
        f"{prefix}{booking_id}" if refund_id in {None, booking_id} else refund_id,
        f"{prefix}{own}" if own else customer,
        order,
        refund - refunded,
        next(iter(currencies)),
        cash,
        bonus,
        booked_at and booked_at.isoformat(),
        sum(tickets) if tickets else None,
        next(iter(statuses)) if len(statuses) == 1 else None,
        _only_one(rows, "country"),
        _metadata(kind, rows),
    )


def _sum(rows: Sequence[Row], name: str) -> int | None:
    said = [row[name] for row in rows if row.get(name) is not None]
    return sum(said) if said else None


def _only_one(rows: Sequence[Row], name: str) -> Any:
    return next((row[name] for row in rows if row.get(name)), None)


def _metadata(kind: Kind, rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    said = {
        headers[0]: "; ".join(sorted({row[name] for row in rows if row[name]}))
        for name, headers in kind.headers.items()
        if name.startswith("metadata.")
    }
    return tuple(sorted((name, text) for name, text in said.items() if text))


# --- What may go wrong with a file ---

# Cells that few columns take, or none.
BAD_CELLS = (
    "", " ", "1,50", "1.5", "１００", "1e3", "NaN", "-5", "0", "0.00", "12.3456", "9" * 19, "EURO", "XAU", "usd", "=1+1", "@home",
    "a\x07b", "\x1c", "2020-02-30", "31.12.2020", "x" * 301, "x" * 1001, "4111111111111111", "4111 1111 1111 1111", "yes",
    "no address", "other@example.com", "a;b", "\u202e", "a\nb", "a\r\nb,c", '"', '""', "'", "NULL", "#N/A", "1.2E+15", "\u00a0",
    "e\u0301", "C0", "\ufeff", "\u2028", "EUR 5", "5 USD", "1'000", "1.000", "+5", "amount:5|reason:|date:2020-03-10 09:30:00",
    "amount:x|reason:|date:2020-03-10 09:30:00", "a|b\tc", "\\", "flown", "Test",
)  # fmt: skip
BAD_SIGNS = (
    '"',
    '""',
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\x07",
    "\x1c",
    "\x85",
    "\u2028",
    "\ufeff",
    ",",
    ";",
    "\t",
    "|",
    "=",
    " ",
    "0",
    "😀",
)
ODD_NAMES = (
    "",
    "",
    "currency",
    "booking_id",
    "email",
    "_code",
    "_reason",
    "_line",
    "Notes",
    "refund_amount",
    "=x",
    "a\nb",
    "x" * 500,
)


def damaged_cells(case: Case, chance: random.Random) -> Case:
    """Some cells say what they shouldn't; some rows have a cell too few or too many."""
    cells = [list(row) for row in case.cells]
    for row in chance.sample(cells, chance.randint(1, len(cells))):
        for _ in range(chance.choice([1, 1, 2])):
            row[chance.randrange(len(row))] = chance.choice(BAD_CELLS)
        if chance.random() < 0.15:
            row[:] = chance.choice([row[:-1], row[1:], [*row, "more"], [*row, ""], [*row, *row]])
    return replace(case, cells=[_fitting(case.kind, row) for row in cells])


def _fitting(kind: Kind, cells: Sequence[str]) -> list[str]:
    return [cell.encode(kind.encoding, errors="replace").decode(kind.encoding) for cell in cells]


def damaged_header(case: Case, chance: random.Random) -> list[str]:
    """A name that is doubled, odd, in capitals, missing or moved."""
    names = list(case.kind.header)
    at = chance.randrange(len(names))
    how = chance.randrange(5)
    if how == 0:
        names[at] = chance.choice(names)
    elif how == 1:
        names[at] = chance.choice(ODD_NAMES)
    elif how == 2:
        names = [name.upper() for name in names]
    elif how == 3:
        names = [*names[:at], *names[at + 1 :], *chance.choice([[], ["", ""], ["_code", "_reason"]])]
    else:
        chance.shuffle(names)
    return _fitting(case.kind, names)


def damaged_text(text: str, chance: random.Random) -> str:
    """Signs put in or taken out, lines doubled, left out or cut off."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        how = chance.randrange(6)
        if how <= 2:
            text = f"{text[:at]}{chance.choice(BAD_SIGNS)}{text[at:]}"
        elif how == 3:
            text = text[:at] + text[min(end, at + 3) :]
        elif how == 4:
            text = text[:at]
        else:
            text = text[:end] + text[at:]
    return text


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """Some bytes are others."""
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 3])):
        if damaged:
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes, str]:
    """A campaigns file, a file that was well written once, and its delimiter."""
    case = draw(cases())
    chance = draw(st.randoms(use_true_random=False))
    case = replace(case, kind=replace(case.kind, keys={**case.kind.keys, "delimiter": case.kind.delimiter}))
    how = set(chance.sample(["cells", "header", "text", "bytes"], chance.choice([1, 1, 2])))
    if "cells" in how:
        case = damaged_cells(case, chance)
    text = case.text(header=damaged_header(case, chance) if "header" in how else None)
    if "text" in how:
        text = damaged_text(text, chance)
    content = case.kind_bytes("".join(_fitting(case.kind, [text])))
    return case.kind.yaml(), damaged_bytes(content, chance) if "bytes" in how else content, case.kind.delimiter


WILD_VALUES: Mapping[str, tuple[Any, ...]] = {
    "delimiter": (None, ",", ";", "\t", "tab", "||", 1),
    "encoding": ("latin-1", "utf-16", "klingon", "idna", "utf-7", "utf-8-sig", None, "cp037", "shift_jis", "base64"),
    "decimal": (",", ".", "", ";", None, 1),
    "thousands": (",", ".", " ", "\u2019", None, "0"),
    "date_format": ("%d.%m.%Y", "%Y", "%", "%z", "%d%m%y", "%m/%d/%Y %I:%M %p", "x", None, "%d.%m.%Y %z"),
    "group_by": ("booking_id", None, "email", True),
    "id_prefix": ("a-", "=", " ", "x" * 60, "a;b", None, "\u0301", "1"),
    "null_values": (["0"], ["", "NULL", "B0"], [], ["cancelled"], "x", None),
    "preset": ("shopify", "stripe", "booking.com", "none", None, 1),
    "optional": (["email"], ["booking_id"], ["tier"], [], "email"),
    "group": ("booking_id",),
}


@st.composite
def wild(draw: st.DrawFn) -> tuple[str, bytes]:
    """A source in which anything may be said of a well-written file."""
    case = draw(cases())
    chance = draw(st.randoms(use_true_random=False))
    keys = dict(case.kind.keys)
    for _ in range(chance.choice([1, 1, 2, 3])):
        name = chance.choice([*WILD_VALUES, *_NAMED])
        keys[name] = _wild(name, keys, [*case.kind.header, "Nowhere", "booking_id"], chance)
    return replace(case.kind, keys=keys).yaml(), case.raw()


_NAMED = ("columns", "constants", "only", "skip", "refunded", "metadata")


def _wild(name: str, keys: Mapping[str, Any], headers: Sequence[str], chance: random.Random) -> Any:
    header, other = chance.choice(headers), chance.choice(headers)
    column = chance.choice(
        [*AMOUNTS, "name", "currency", "status", "booked_at", "refund_id", "customer_id", "tickets", "nowhere"]
    )
    if name == "columns":
        return {
            **keys.get("columns", {}),
            column: chance.choice([header, [header, other], None, "", 5, [header, header]]),
        }
    if name == "constants":
        return {column: chance.choice(["EUR", "5", "=1", "", None, "JPY", "2020-01-01"])}
    if name in {"only", "skip"}:
        return {header: chance.choice([["cancelled"], [""], [], "x", ["B0", "#1001"], None])}
    if name == "metadata":
        return chance.choice([[header], [header, other], [header, header], header])
    return header if name == "refunded" else chance.choice(WILD_VALUES[name])


def decoded(content: bytes, fallback: str) -> str:
    """The text of a file: its byte order mark says how it is written, else it is UTF-8, else in the fallback."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(fallback)


def records_of(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The header and the rows, each with the physical line on which it starts; blank lines are none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found, line = [], 1
    for fields in reader:
        if len(fields) > 1 or any(field.strip() for field in fields):
            found.append((line, fields))
        line = reader.line_num + 1
    return found
