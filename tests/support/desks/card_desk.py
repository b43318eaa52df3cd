"""The desk as it is, for the model of cards: the same commands to a real ledger, and how it stands after each of them.

Deeds at the desk go through the operations over one open ledger, as a program that serves many clerks would do them; all
other commands through the command line. The ledger lies in memory where there is a place for that.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from refundctl.domain.basics.errors import Refused, UsageError
from refundctl.domain.cards.pins import hashed
from refundctl.ledger.cards.one_card import read_card
from refundctl.ledger.cards.state import many_cards
from refundctl.ledger.database.connection import Clock, Ledger, open_ledger
from refundctl.ledger.journal.run_journal import Journal, Operator
from refundctl.operations.books.verify import verify
from refundctl.operations.cash import cashout
from refundctl.operations.desk.activate import Activate, Assign
from refundctl.operations.desk.adjust import Adjust
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.deeds import CardDeed, on_card
from refundctl.operations.desk.disable import Deactivate, Disable, Enable
from refundctl.operations.desk.extend import Extend
from refundctl.operations.desk.issue import Goodwill, issue
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.looking_at_cards import look
from refundctl.operations.desk.pins import PinTyped, SetPin, Unlock
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.rollback import rollback
from refundctl.operations.desk.transfer import Transfer
from refundctl.operations.desk.validate import validate
from support.books import LEDGER
from support.command_line import CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import csv_text
from support.models.card_model import Model
from support.models.card_values import Booking, Card, Purchase, Terms

CLERK = Operator("clerk", 1, "desk")
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
DECIMALS = {"JPY": 0}
REASON = "a reason"

# What is wrong with a row of a file of cards that can't be meant.
ROW_FAULTS = {"card_twice", "card_never_expires", "date_too_early", "date_past"}

DONE, NOTHING, REFUSED, MALFORMED = "done", "nothing", "refused", "malformed"


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a command: its kind, the code of a refusal, and what else it answered."""

    kind: str
    code: str | None = None
    answer: Mapping[str, Any] | None = None
    repeated: bool = False

    @property
    def in_short(self) -> tuple[str, str | None]:
        return self.kind, self.code


@cache
def pin_typed(pin: str) -> PinTyped:
    """It remembers its hashes, each of which takes long."""
    return PinTyped(pin)


@cache
def salt_and_hash(pin: str) -> tuple[bytes, bytes]:
    salt = pin.encode().rjust(16, b"s")
    return salt, hashed(pin, salt)


def amount_text(minor: int, currency: str) -> str:
    """1250 as `12.50`, or as `1250` where a currency has no smaller unit."""
    decimals = DECIMALS.get(currency, 2)
    whole, part = divmod(abs(minor), 10**decimals)
    return f"{'-' if minor < 0 else ''}{whole}" + (f".{part:0{decimals}d}" if decimals else "")


def campaigns_text(campaigns: Sequence[Terms]) -> str:
    parts = [small_campaigns(terms.name, **_keys(terms)).partition("campaigns:\n")[2] for terms in campaigns]
    return "version: 1\ncampaigns:\n" + "".join(parts)


def _keys(terms: Terms) -> dict[str, object]:
    def text(minor: int | None) -> str | None:
        return None if minor is None else amount_text(minor, terms.currency)

    budget: dict[str, object] = {
        name: text(getattr(terms.budget, name)) for name in ("total", "bonus", "per_card", "per_customer")
    }
    budget["cards"] = terms.budget.cards
    keys: dict[str, object] = {
        "currency": terms.currency,
        "timezone": terms.timezone,
        "card_per": terms.card_per,
        "eligible": {"status": [terms.name]},
        "activity_duration_after_publishing": f"P{terms.days_valid}D",
        "redeemable_by": "holder" if terms.holder_only else "anyone",
        "invoice": "required" if terms.invoice_required else "optional",
        "refund": {"redeem_order": "bonus_first" if terms.bonus_first else "paid_first"},
        "no_expiry_in": ["US-ME"],
    }
    if terms.quantity is not None:
        keys["voucher"] = {"redemption": {"quantity": terms.quantity}}
    if terms.pool is not None:
        keys |= {"type": "STATIC", "vouchers_count": terms.pool}
    if terms.approval_above is not None:
        keys["approval"] = {"above": text(terms.approval_above)}
    optional = {
        "budget": {name: value for name, value in budget.items() if value is not None} or None,
        "minimum_order": text(terms.minimum_order),
        "start_date": None if terms.start_date is None else terms.start_date.isoformat(),
        "validity_day_of_week": None if terms.weekdays is None else sorted(terms.weekdays),
    }
    return keys | {name: value for name, value in optional.items() if value is not None}


def bookings_text(bookings: Sequence[Booking], campaigns: Mapping[str, Terms]) -> str:
    rows = []
    for booking in bookings:
        currency = campaigns[booking.campaign].currency
        row = {"booking_id": booking.booking_id, "customer_id": booking.customer, "status": booking.campaign}
        row |= {"currency": currency, "order_amount": amount_text(booking.paid + booking.cash, currency)}
        row |= {
            name: amount_text(minor, currency) if minor else ""
            for name, minor in (("cash_amount", booking.cash), ("bonus_amount", booking.bonus))
        }
        rows.append(row)
    return csv_text(*rows)


class CardDesk:
    """A folder with a ledger in which the campaigns are made and the customers known, and nothing else."""

    def __init__(self, model: Model) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cards-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.campaigns = {terms.name: terms for terms in model.campaigns}
        self.now = model.now
        self._files = 0
        for name, content in _prepared(tuple(model.campaigns), tuple(model.customers), model.never_expiring, self.now):
            (self.folder / name).write_bytes(content)
        self._ledger = open_ledger(self.folder / LEDGER, Clock(self.now, rehearsal=True), wait_seconds=0)

    def close(self) -> None:
        self._ledger.close()
        shutil.rmtree(self.folder)

    @property
    def ledger(self) -> Ledger:
        """Open, at the moment that it is."""
        return replace(self._ledger, clock=Clock(self.now, rehearsal=True))

    # --- Deeds ---

    def redeem(self, card: int, bought: Purchase, key: str | None, keep: bool) -> Said:
        pin = None if bought.pin is None else pin_typed(bought.pin)
        return self._deed("card redeem", card, replace(self._typed(card, bought), pin=pin), key, keep)

    def validate(self, card: int, bought: Purchase) -> Said:
        ledger, intended = self.ledger, self._typed(card, bought)
        try:
            look(
                ledger,
                Journal(ledger, CLERK, "card validate", {}),
                f"c{card}",
                lambda seen: validate(seen, intended),
            )
        except Refused as error:
            return Said(REFUSED, error.code)
        return Said(NOTHING)

    def _typed(self, card: int, bought: Purchase) -> Redeem:
        currency = self._terms_of(card).currency
        amount = amount_text(bought.amount, currency)
        return Redeem(
            amount if bought.currency is None else f"{bought.currency} {amount}",
            bought.invoice,
            bought.customer,
            None if bought.order_total is None else amount_text(bought.order_total, currency),
        )

    def roll_back(self, transaction: int, amount: str | None, key: str | None, keep: bool) -> Said:
        return self._done(
            "card rollback",
            lambda ledger, journal: rollback(ledger, journal, str(transaction), amount=amount, key=key, keep=keep),
        )

    def adjust(self, card: int, minor: int, bucket: str | None, key: str | None, keep: bool) -> Said:
        amount = amount_text(minor, self._terms_of(card).currency)
        return self._deed("card adjust", card, Adjust(amount, REASON, bucket), key, keep)

    def issue(self, terms: Terms, customer: str, minor: int, bucket: str | None, key: str | None, keep: bool) -> Said:
        goodwill = Goodwill(terms.name, customer, amount_text(minor, terms.currency), REASON, bucket)
        return self._done("card issue", lambda ledger, journal: issue(ledger, journal, goodwill, key=key, keep=keep))

    def activate(self, card: int, customer: str | None, key: str | None, keep: bool) -> Said:
        return self._deed("card activate", card, Activate(customer), key, keep)

    def assign(self, card: int, customer: str, key: str | None, keep: bool) -> Said:
        return self._deed("card assign", card, Assign(customer), key, keep)

    def disable(self, card: int, key: str | None, keep: bool) -> Said:
        return self._deed("card disable", card, Disable(), key, keep)

    def enable(self, card: int, key: str | None, keep: bool) -> Said:
        return self._deed("card enable", card, Enable(), key, keep)

    def deactivate(self, card: int, key: str | None, keep: bool) -> Said:
        return self._deed("card deactivate", card, Deactivate(), key, keep)

    def extend(self, card: int, until: date, key: str | None, keep: bool) -> Said:
        return self._deed("card extend", card, Extend(until), key, keep)

    def set_pin(self, card: int, pin: str, key: str | None, keep: bool) -> Said:
        return self._deed("card set-pin", card, SetPin(pin_typed(pin), *salt_and_hash(pin), key), key, keep)

    def unlock(self, card: int, key: str | None, keep: bool) -> Said:
        return self._deed("card unlock", card, Unlock(), key, keep)

    def transfer(self, card: int, to: int | None, key: str | None, keep: bool) -> Said:
        return self._deed("card transfer", card, Transfer(None if to is None else f"c{to}"), key, keep)

    def request_cash(self, card: int, key: str | None, keep: bool) -> Said:
        return self._deed("cashout request", card, cashout.Request(REASON), key, keep)

    def cancel_cash(self, debt: int, keep: bool) -> Said:
        return self._done(
            "cashout cancel",
            lambda ledger, journal: cashout.cancel(ledger, journal, debt, reason=None, keep=keep),
        )

    def _deed(self, command: str, card: int, deed: CardDeed, key: str | None, keep: bool) -> Said:
        return self._done(
            command, lambda ledger, journal: on_card(ledger, journal, f"c{card}", deed, key=key, keep=keep)
        )

    def _done(self, command: str, do: Callable[[Ledger, Journal], Answer]) -> Said:
        ledger = self.ledger
        try:
            answer = do(ledger, Journal(ledger, CLERK, command, {}))
        except Refused as error:
            return Said(REFUSED, error.code)
        except UsageError:
            return Said(MALFORMED)
        found = {**answer.facts, "run_id": answer.run_id}
        return Said(DONE if any(answer.counts.values()) else NOTHING, None, found, answer.repeated)

    def _terms_of(self, card: int) -> Terms:
        sql = "SELECT name FROM cards JOIN campaigns ON campaigns.id = cards.campaign WHERE cards.id = ?"
        return self.campaigns[self._ledger.connection.execute(sql, (card,)).fetchone()[0]]

    # --- Other commands ---

    def call(self, *words: str) -> Said:
        """Any command, as it is typed."""
        result = ThisProcess(self.folder)(*words, "--json", now=stamp(self.now))
        return _said(result)

    def write(self, text: str) -> str:
        """A new file with this text; gives its name."""
        self._files += 1
        name = f"file-{self._files}.csv"
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def new_name(self) -> str:
        self._files += 1
        return f"file-{self._files}.csv"

    def load(self, bookings: Sequence[Booking]) -> Said:
        return self.call("load", self.write(bookings_text(bookings, self.campaigns)))

    def load_redemptions(self, rows: Sequence[tuple[int, Purchase]], terms_of: Callable[[int], Terms]) -> Said:
        """A file of what a till has redeemed; each row is about the card of this number."""
        cells = []
        for card, row in rows:
            currency = terms_of(card).currency
            total = "" if row.order_total is None else amount_text(row.order_total, currency)
            cells.append(
                {
                    "card_id": f"c{card}",
                    "amount": amount_text(row.amount, currency),
                    "invoice": row.invoice or "",
                    "customer_id": row.customer or "",
                    "order_total": total,
                    "redeemed_at": "" if row.on is None else row.on.isoformat(),
                }
            )
        return self.call("load-redemptions", self.write(csv_text(*cells)))

    def in_bulk(self, command: str, cards: Sequence[int], words: Mapping[str, str]) -> Said:
        """The same to each card of a file; `words` are its other columns."""
        rows = [{"card_id": f"c{card}", **words} for card in cards]
        return self.call("card", command, "--from", self.write(csv_text(*rows)))

    def settle(self, said: Mapping[int, str]) -> Said:
        rows = [{"id": str(number), "status": word} for number, word in said.items()]
        return self.call("cashout", "settle", self.write(csv_text(*rows)))

    def cash_of(self, run: int) -> dict[str, int]:
        """The numbers of what a run noted as owed in cash, by booking."""
        sql = """
            SELECT booking_id, transactions.id
            FROM transactions
            JOIN line_versions ON line_versions.id = transactions.line
            JOIN bookings ON bookings.id = line_versions.booking
            WHERE transactions.run_id = ? AND bucket = 'cash' AND entry IS NOT NULL
        """
        return dict(self._ledger.connection.execute(sql, (run,)).fetchall())

    # --- How it stands ---

    def cards(self, model: Model) -> list[tuple[object, ...]]:
        """Every card, in one query, as the exports ask."""
        connection = self._ledger.connection
        many = many_cards(connection)
        found: list[tuple[object, ...]] = []
        for terms in model.campaigns:
            found += connection.execute(
                f"""
                SELECT
                    cards.id, campaigns.name, {many.state}, {many.last_day},
                    coalesce((SELECT sum(amount_minor) FROM transactions WHERE card = cards.id AND bucket = 'paid'), 0),
                    coalesce((SELECT sum(amount_minor) FROM transactions WHERE card = cards.id AND bucket = 'bonus'), 0),
                    customer_id, booking_id, (SELECT successor FROM transfers WHERE transfers.card = cards.id)
                FROM cards
                JOIN campaigns ON campaigns.id = cards.campaign
                LEFT JOIN held_cards ON held_cards.id = cards.id
                LEFT JOIN customers ON customers.id = held_cards.customer
                LEFT JOIN bookings ON bookings.id = held_cards.booking
                WHERE campaigns.name = :campaign
                """,
                {"today": model.today(terms).isoformat(), "campaign": terms.name},
            ).fetchall()
        return sorted(found)

    def card(self, number: int) -> dict[str, Any]:
        """One card, as the desk asks."""
        return card_facts(read_card(self._ledger.connection, number, self.now))

    def status(self, terms: Terms) -> dict[str, int]:
        """The campaign's totals."""
        answer = self.call("status", terms.name).answer
        assert answer is not None
        return dict(answer["campaigns"][0]["totals"][terms.currency])

    def findings(self) -> list[str]:
        return [str(finding) for finding in verify(self.ledger, None).findings]


def _said(result: CommandResult) -> Said:
    answer = result.json()
    if answer["status"] == "refused" and "line" in answer["errors"][0]:
        return Said(REFUSED, "rows_refused")
    if answer["status"] == "refused":
        return Said(REFUSED, answer["errors"][0]["code"])
    if ROW_FAULTS & {error["code"] for error in answer["errors"]}:
        return Said(MALFORMED)
    assert answer["status"] in {"ok", "partial"}, result.stdout
    return Said(NOTHING if answer["run_id"] is None else DONE, None, answer)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _prepared(
    campaigns: tuple[Terms, ...], customers: tuple[str, ...], never_expiring: frozenset[str], now: datetime
) -> list[tuple[str, bytes]]:
    """The files that each desk begins with."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "campaigns.yaml").write_text(campaigns_text(campaigns), encoding="utf-8")
        people = [{"customer_id": one, "country": "US-ME" if one in never_expiring else "PL"} for one in customers]
        (folder / "people.csv").write_text(csv_text(*people), encoding="utf-8")
        cli = ThisProcess(folder)
        cli("load-customers", "people.csv", now=stamp(now)).ok()
        for terms in campaigns:
            cli("create", terms.name, now=stamp(now)).ok()
        return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def as_facts(model: Model, card: Card) -> dict[str, Any]:
    """A card of the model as `card show` has it, but for its code."""
    return {
        "card_id": f"c{card.number}",
        "campaign": card.terms.name,
        "state": model.state(card),
        "balance": card.money.total,
        "paid": card.money.paid,
        "bonus": card.money.bonus,
        "currency": card.terms.currency,
        "expires_on": None if card.last_day is None else card.last_day.isoformat(),
        "redemption_count": card.redemption_count,
        "has_pin": card.pin is not None,
        "successor": None if card.successor is None else f"c{card.successor.number}",
    }


def as_row(model: Model, card: Card) -> tuple[object, ...]:
    """The same as CardDesk.cards() has it."""
    return (
        card.number,
        card.terms.name,
        model.state(card),
        None if card.last_day is None else card.last_day.isoformat(),
        card.money.paid,
        card.money.bonus,
        card.customer,
        card.booking,
        None if card.successor is None else card.successor.number,
    )
