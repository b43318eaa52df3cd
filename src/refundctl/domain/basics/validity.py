"""How long a card is valid: durations, the last valid day, and where expiry is forbidden.

A day is a day in the campaign's time zone; a card is valid through the end of its last one.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: The dates of an ISO 8601 duration, in units or in weeks. Six digits are more than a calendar holds.
_DURATION = re.compile("P(?:([0-9]{1,6})Y)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})D)?")
_WEEKS = re.compile("P([0-9]{1,6})W")

#: Up to whose end a card may be valid, and their length.
PERIODS_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class ValidityError(ValueError):
    """A duration, day or time zone that can't be; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of whole years, months and days, above zero. Raises ValidityError."""

    years: int = 0
    months: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        if min(self.years, self.months, self.days) < 0 or not self.years + self.months + self.days:
            raise ValidityError(_bad_duration(str(self), "is not above zero"))

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """The duration that `P365D`, `P1Y`, `P1Y6M` or `P2W` stands for (ISO 8601, dates only).

        Raises ValidityError, also for zero, negative and time parts.
        """
        weeks = _WEEKS.fullmatch(text)
        found = _DURATION.fullmatch(text)
        if weeks is not None:
            parts = (0, 0, 7 * int(weeks[1]))
        elif found is not None and any(found.groups()):
            parts = (int(found[1] or 0), int(found[2] or 0), int(found[3] or 0))
        else:
            raise ValidityError(_bad_duration(text, _fault(text)))
        if not any(parts):
            raise ValidityError(_bad_duration(text, "is not above zero"))
        return cls(*parts)

    def __str__(self) -> str:
        """The duration in ISO 8601, weeks as days: what `parse` reads."""
        parts = ((self.years, "Y"), (self.months, "M"), (self.days, "D"))
        return "P" + "".join(f"{count}{unit}" for count, unit in parts if count)

    def after(self, day: date) -> date:
        """The day that is this much later: years and months, at most to the month's last day, then days.

        So 29 February and P1Y is 28 February (XML Schema part 2, appendix E). Raises ValidityError after the year 9999.
        """
        year, month0 = divmod(12 * (day.year + self.years) + day.month - 1 + self.months, 12)
        if year > MAXYEAR:
            raise ValidityError(_too_late(day, self))
        month_end = calendar.monthrange(year, month0 + 1)[1]
        try:
            return date(year, month0 + 1, min(day.day, month_end)) + timedelta(days=self.days)
        except OverflowError:
            raise ValidityError(_too_late(day, self)) from None


def local_day(now: datetime, timezone: str) -> date:
    """The day that a moment falls on in a time zone of the IANA database, such as `Europe/Warsaw`.

    Raises ValidityError for an unknown time zone and where the calendar ends, ValueError without an offset from UTC.
    """
    return local_moment(now, timezone).date()


def local_moment(now: datetime, timezone: str) -> datetime:
    """The same moment on the clocks of a time zone; raises like local_day()."""
    if now.utcoffset() is None:
        raise ValueError(f"a moment needs its offset from UTC, {now.isoformat()} has none")
    try:
        return now.astimezone(_zone(timezone))
    except OverflowError:
        raise ValidityError(f"{now.isoformat()} is outside the calendar in {timezone}; set another clock") from None


def moment_of(local: datetime, timezone: str) -> datetime:
    """When clocks in a time zone show `local`, which has no offset; the first moment where they show it twice."""
    return local.replace(tzinfo=_zone(timezone), fold=0)


def is_timezone(text: str) -> bool:
    """Whether the IANA database has a time zone of this name."""
    try:
        _zone(text)
    except ValidityError:
        return False
    return True


def last_valid_day(
    published_on: date, duration: Duration | None, expiration_date: date | None, until_end_of: str | None = None
) -> date | None:
    """The last day on which a card published then is valid: the earlier of where the duration ends and the expiration.

    The duration may go on until the end of its `month`, `quarter` or `year`. None, for a card that does not expire,
    where neither is set. Raises ValidityError where the duration ends after the year 9999.
    """
    if duration is None:
        return expiration_date
    ends_on = duration.after(published_on)
    if until_end_of is not None:
        ends_on = end_of(ends_on, until_end_of)
    return ends_on if expiration_date is None else min(ends_on, expiration_date)


def end_of(day: date, period: str) -> date:
    """The last day of the `month`, calendar `quarter` or `year` that the day is in. Raises ValidityError for others."""
    months = PERIODS_MONTHS.get(period)
    if months is None:
        raise ValidityError(f"{period!r} is not a period; write {', '.join(PERIODS_MONTHS)}")
    last_month = (day.month - 1) // months * months + months
    return date(day.year, last_month, calendar.monthrange(day.year, last_month)[1])


def expiry_forbidden(country: str | None, no_expiry_in: Sequence[str]) -> bool:
    """Whether a customer's country, or country-subdivision of ISO 3166-2, is one where cards may not expire.

    A customer in `US-ME` is in `US` too; one of whom only `US` is known is not in `US-ME`, whatever case and spaces.
    """
    place = _place(country or "")
    places = {place, place.partition("-")[0]} - {""}
    return not places.isdisjoint(map(_place, no_expiry_in))


@cache
def _zone(name: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a path inside the database; one of its folders
        raise ValidityError(f"{name!r} is not a time zone; write a name such as Europe/Warsaw or UTC") from None


def _place(text: str) -> str:
    return "".join(text.split()).upper()


def _fault(text: str) -> str:
    if "T" in text:
        return "has a time part, but cards expire by whole days"
    if "-" in text:
        return "is negative"
    return "is not a duration"


def _bad_duration(text: str, fault: str) -> str:
    return f"{text!r} {fault}; write it like P365D, P1Y, P1Y6M or P2W"


def _too_late(day: date, duration: Duration) -> str:
    return f"{day} and {duration} is after the year {MAXYEAR}, where the calendar ends; write a shorter duration"
