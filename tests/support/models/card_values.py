"""The things that the model of cards is made of, in plain Python: money, campaigns, bookings, cards, and what was done to them.

Nothing is taken from the program. Amounts are whole minor units; numbers of transactions and runs are what the ledger says.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

PAID, BONUS = "paid", "bonus"


class Refusal(Exception):
    """A rule says no."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Malformed(Exception):
    """What was typed can't be meant."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount by bucket."""

    paid: int = 0
    bonus: int = 0

    @property
    def total(self) -> int:
        return self.paid + self.bonus

    def __add__(self, other: "Money") -> "Money":
        return Money(self.paid + other.paid, self.bonus + other.bonus)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.paid - other.paid, self.bonus - other.bonus)

    def taken(self, minor: int, *, bonus_first: bool) -> "Money":
        """What a purchase takes from a card that holds this."""
        if bonus_first:
            bonus = min(minor, self.bonus)
            return Money(minor - bonus, bonus)
        paid = min(minor, self.paid)
        return Money(paid, minor - paid)

    @classmethod
    def of(cls, bucket: str, minor: int) -> "Money":
        return cls(**{bucket: minor})


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may give, None for any."""

    total: int | None = None
    bonus: int | None = None
    cards: int | None = None
    per_card: int | None = None
    per_customer: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A campaign. `weekdays` are those on which its cards are good, 0 for Sunday; `pool` cards were made beforehand."""

    name: str
    currency: str
    timezone: str
    card_per: str
    days_valid: int
    bonus_first: bool = True
    holder_only: bool = True
    quantity: int | None = None
    invoice_required: bool = True
    minimum_order: int | None = None
    start_date: date | None = None
    weekdays: frozenset[int] | None = None
    pool: int | None = None
    budget: Budget = Budget()
    approval_above: int | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """A refund line that is the whole booking: what is owed on a card, given back as bonus, and owed in cash."""

    booking_id: str
    customer: str
    campaign: str
    paid: int
    bonus: int = 0
    cash: int = 0


@dataclass(slots=True, eq=False)
class Run:
    """What a command did; the ledger gives its number."""

    command: str
    at: int  # its place among all runs
    number: int | None = None
    made: "Redemption | Debt | None" = None  # of a number that the ledger gives, too
    credits: list["Credit"] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    undone: "Run | None" = None
    reopened: bool = False
    nothing: bool = False  # there was nothing to do, and only its key is remembered


@dataclass(slots=True, eq=False)
class Line:
    """A booking as it stands; `kept` is what it was given and was not taken back."""

    booking: Booking
    loaded_at: int
    fundings: list[Run] = field(default_factory=list)
    held_by: set[Run] = field(default_factory=set)  # undone runs that were not reopened
    kept: Counter[str] = field(default_factory=Counter)

    @property
    def is_funded(self) -> bool:
        return any(not run.reopened for run in self.fundings)

    @property
    def owed(self) -> dict[str, int]:
        """What it is still given: of a reopened one, no more than the difference."""
        booking, kept = self.booking, self.kept
        rest = max(0, booking.paid + booking.cash - kept["paid"] - kept["cash"])
        cash = max(0, min(booking.cash - kept["cash"], rest))
        return {"paid": rest - cash, "bonus": max(0, booking.bonus - kept["bonus"]), "cash": cash}

    @property
    def state(self) -> str:
        """`open` has something for a card, `cash` for cash only; else `undone` or `funded`."""
        if self.held_by or self.is_funded:
            return "undone" if self.held_by else "funded"
        owed = self.owed
        if owed["paid"] + owed["bonus"]:
            return "open"
        return "cash" if owed["cash"] else "funded"


@dataclass(slots=True, eq=False)
class Redemption:
    """A purchase; `back` is what of it was given back, None as long as nothing was."""

    card: "Card"
    taken: Money
    invoice: str | None
    back: int | None = None
    number: int | None = None

    @property
    def counts(self) -> bool:
        return self.back is None or self.back < self.taken.total


@dataclass(slots=True, eq=False)
class Debt:
    """What is owed in cash instead of on a card: asked for by a holder, or part of a booking."""

    campaign: str
    amount: int
    made_by: Run
    card: "Card | None" = None
    line: Line | None = None
    lapsed: int = 0
    rejections: list[bool] = field(default_factory=list)  # of each file for the bank that it was in, whether rejected
    outcome: str | None = None
    taken_back: bool = False
    number: int | None = None

    @property
    def state(self) -> str:
        if self.outcome is not None:
            return self.outcome
        if self.is_ordered:
            return "ordered"
        run = self.made_by
        return "cancelled" if self.taken_back or (run.undone is not None and not run.reopened) else "open"

    @property
    def is_ordered(self) -> bool:
        return bool(self.rejections) and not self.rejections[-1]


@dataclass(frozen=True, slots=True)
class Credit:
    """What a run put onto a card, or noted as owed in cash."""

    bucket: str
    amount: int
    card: "Card | None" = None
    line: Line | None = None
    debt: Debt | None = None


@dataclass(slots=True, eq=False)
class Card:
    """A gift card. `held_since` tells which of a holder's cards is the newest; `handed_in` is the run that gave it to them."""

    number: int
    terms: Terms
    made_at: datetime
    customer: str | None = None
    booking: str | None = None
    is_handed_out: bool = False
    held_since: int = 0
    handed_in: Run | None = None
    last_day: date | None = None
    money: Money = Money()
    given: Money = Money()  # for bookings and by the desk, net of what was taken back
    deactivated: bool = False
    disabled: bool = False
    successor: "Card | None" = None
    moved_in: Run | None = None
    replaced: list["Card"] = field(default_factory=list)
    cashouts: list[Debt] = field(default_factory=list)
    pin: str | None = None
    wrong_pins: int = 0
    lapsed: bool = False  # a balance was booked as breakage
    redemptions: list[Redemption] = field(default_factory=list)

    @property
    def last_successor(self) -> "Card":
        return self if self.successor is None else self.successor.last_successor

    @property
    def lineage(self) -> list["Card"]:
        """Itself, and all cards whose balance it has taken over."""
        return [self, *(older for one in self.replaced for older in one.lineage)]

    @property
    def first_made_at(self) -> datetime:
        return min(card.made_at for card in self.lineage)

    @property
    def redemption_count(self) -> int:
        return sum(redemption.counts for card in self.lineage for redemption in card.redemptions)

    @property
    def is_frozen(self) -> bool:
        return bool(self.cashouts) and self.cashouts[-1].outcome is None

    @property
    def is_cashed_out(self) -> bool:
        return any(debt.outcome == "paid" for debt in self.cashouts)

    @property
    def is_dead(self) -> bool:
        return self.deactivated or self.successor is not None or self.is_cashed_out

    def is_over(self, today: date) -> bool:
        return self.last_day is not None and self.last_day < today

    def is_live(self, today: date) -> bool:
        """Whether a top-up may go onto it."""
        return not (self.is_dead or self.is_frozen or self.is_over(today))


@dataclass(frozen=True, slots=True)
class Purchase:
    """What is to be bought. A row of a till's file has `on`, the day of it, None for now."""

    amount: int
    invoice: str | None = None
    customer: str | None = None
    order_total: int | None = None
    pin: str | None = None
    currency: str | None = None
    on: date | None = None
