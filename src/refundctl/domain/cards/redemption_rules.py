"""When and by whom a card may be redeemed, as the campaign says it.

Read from the plain values of a stored definition, so that a single redemption needs no validation and no pydantic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Self

from refundctl.domain.basics.money import minor_or_none

BONUS_FIRST, PAID_FIRST = "bonus_first", "paid_first"
HOLDER, ANYONE = "holder", "anyone"
MIDNIGHT = "24:00"
#: Characters of an invoice's number.
INVOICE_LENGTH_MAX = 100

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day, from `start` up to but not at `end` (None is midnight), on days of the week where 0 is Sunday.

    Where the end is not after the start, it is on the day after. Without days it is each day.
    """

    start: time
    end: time | None
    days: frozenset[int] | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether a local moment falls into it."""
        day, clock = moment.isoweekday() % 7, moment.time().replace(tzinfo=None)
        if self.end is None or self.start < self.end:
            return self._on(day) and self.start <= clock and (self.end is None or clock < self.end)
        return (self._on(day) and clock >= self.start) or (self._on((day - 1) % 7) and clock < self.end)

    def _on(self, day: int) -> bool:
        return self.days is None or day in self.days

    def __str__(self) -> str:
        end = MIDNIGHT if self.end is None else f"{self.end:%H:%M}"
        days = "" if self.days is None else f" on {days_named(self.days)}"
        return f"{self.start:%H:%M}-{end}{days}"


def days_named(days: frozenset[int]) -> str:
    """Days of the week in words, Sunday first."""
    return ", ".join(DAYS[day] for day in sorted(days))


@dataclass(frozen=True, slots=True)
class Rules:
    """What a campaign asks of a redemption; amounts in minor units of its currency, days and hours in its time zone."""

    holder_only: bool = True
    bonus_first: bool = True
    quantity: int | None = None
    start_date: date | None = None
    days: frozenset[int] | None = None
    hours: tuple[Hours, ...] = ()
    invoice_required: bool = True
    minimum_order_minor: int | None = None

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], currency: str) -> Self:
        """The rules of a definition's plain values; one of an older version lacks some of these keys."""
        start = terms.get("start_date")
        days = terms.get("validity_day_of_week")
        hours = terms.get("validity_hours") or {}
        return cls(
            holder_only=terms.get("redeemable_by", HOLDER) == HOLDER,
            bonus_first=(terms.get("refund") or {}).get("redeem_order", BONUS_FIRST) == BONUS_FIRST,
            quantity=((terms.get("voucher") or {}).get("redemption") or {}).get("quantity"),
            start_date=None if start is None else date.fromisoformat(start),
            days=None if days is None else frozenset(days),
            hours=tuple(_hours(one) for one in hours.get("daily") or ()),
            invoice_required=terms.get("invoice", "required") == "required",
            minimum_order_minor=minor_or_none(terms.get("minimum_order"), currency),
        )

    def open_at(self, moment: datetime) -> bool:
        """Whether a local moment is within the days and hours of validity."""
        if self.days is not None and moment.isoweekday() % 7 not in self.days:
            return False
        return not self.hours or any(hours.holds(moment) for hours in self.hours)

    @property
    def opening(self) -> str:
        """The days and hours in words."""
        days = [] if self.days is None else [f"on {days_named(self.days)}"]
        hours = [f"at {', '.join(map(str, self.hours))}"] if self.hours else []
        return " ".join([*days, *hours])


def _hours(keys: Mapping[str, Any]) -> Hours:
    end = keys["expiration_time"]
    days = keys.get("days_of_week")
    return Hours(
        time.fromisoformat(keys["start_time"]),
        None if end == MIDNIGHT else time.fromisoformat(end),
        None if days is None else frozenset(days),
    )
