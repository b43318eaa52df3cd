"""Validity: durations as a calendar counts them, the last valid day, time zones, forbidden expiry."""

import calendar
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.validity import (
    Duration,
    ValidityError,
    end_of,
    expiry_forbidden,
    is_timezone,
    last_valid_day,
    local_day,
)

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2200, 12, 31))
DURATIONS = st.builds(
    Duration, years=st.integers(0, 50), months=st.integers(0, 100), days=st.integers(1, 5000)
) | st.builds(Duration, years=st.integers(1, 50), months=st.integers(0, 100))
TIMEZONES = st.sampled_from(["UTC", "Europe/Warsaw", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Niue"])
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


# Durations


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P365D", Duration(days=365)),
        ("P1Y", Duration(years=1)),
        ("P1Y6M", Duration(years=1, months=6)),
        ("P1Y2M3D", Duration(years=1, months=2, days=3)),
        ("P2W", Duration(days=14)),
        ("P0Y18M", Duration(months=18)),
        ("P010D", Duration(days=10)),
    ],
)
def test_a_duration_is_read_as_iso_8601_writes_it(text: str, duration: Duration) -> None:
    assert Duration.parse(text) == duration


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is not a duration"),
        ("P", "is not a duration"),
        ("365", "is not a duration"),
        ("365D", "is not a duration"),
        ("p1y", "is not a duration"),
        ("P1D1Y", "is not a duration"),
        ("P1Y2W", "is not a duration"),
        ("P1.5Y", "is not a duration"),
        ("P１D", "is not a duration"),
        (" P1D", "is not a duration"),
        ("P1D\n", "is not a duration"),
        ("P1000000D", "is not a duration"),
        ("-P1D", "is negative"),
        ("P-1D", "is negative"),
        ("P0D", "is not above zero"),
        ("P0Y0M0D", "is not above zero"),
        ("P0W", "is not above zero"),
        ("PT1H", "has a time part, but cards expire by whole days"),
        ("P1DT2H", "has a time part, but cards expire by whole days"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str, fault: str) -> None:
    with pytest.raises(ValidityError) as caught:
        Duration.parse(text)
    assert str(caught.value) == f"{text!r} {fault}; write it like P365D, P1Y, P1Y6M or P2W"


@pytest.mark.parametrize("parts", [(0, 0, 0), (-1, 0, 0), (1, -1, 0), (1, 0, -1)])
def test_a_duration_is_above_zero_however_it_is_made(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValidityError, match="is not above zero"):
        Duration(*parts)


@given(DURATIONS)
def test_a_duration_is_read_back_as_it_is_written(duration: Duration) -> None:
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize(
    ("day", "text", "later"),
    [
        ("2020-04-01", "P365D", "2021-04-01"),
        ("2019-04-01", "P365D", "2020-03-31"),
        ("2020-02-29", "P1Y", "2021-02-28"),
        ("2020-02-29", "P4Y", "2024-02-29"),
        ("2020-02-29", "P12M", "2021-02-28"),
        ("2020-01-31", "P1M", "2020-02-29"),
        ("2021-01-31", "P1M", "2021-02-28"),
        ("2021-01-31", "P1M1D", "2021-03-01"),
        ("2020-08-31", "P6M", "2021-02-28"),
        ("2020-12-31", "P1D", "2021-01-01"),
        ("2020-11-30", "P1M", "2020-12-30"),
        ("2020-12-15", "P1M", "2021-01-15"),
        ("2020-10-20", "P2W", "2020-11-03"),
        ("2020-01-31", "P1Y1M", "2021-02-28"),
        ("9998-12-31", "P1Y", "9999-12-31"),
    ],
)
def test_a_duration_ends_on_a_day_of_the_calendar(day: str, text: str, later: str) -> None:
    assert Duration.parse(text).after(date.fromisoformat(day)) == date.fromisoformat(later)


@pytest.mark.parametrize("text", ["P1D", "P1M", "P1Y", "P999999Y", "P999999M", "P999999W"])
def test_the_calendar_ends_with_the_year_9999(text: str) -> None:
    duration = Duration.parse(text)
    with pytest.raises(ValidityError) as caught:
        duration.after(date(9999, 12, 31))
    assert str(caught.value) == (
        f"9999-12-31 and {duration} is after the year 9999, where the calendar ends; write a shorter duration"
    )


@given(DAYS, DURATIONS)
def test_months_are_whole_and_clamp_to_the_last_day_of_their_month(day: date, duration: Duration) -> None:
    months = 12 * (day.year + duration.years) + day.month + duration.months
    reached = duration.after(day) - timedelta(days=duration.days)
    month_end = calendar.monthrange(reached.year, reached.month)[1]
    assert 12 * reached.year + reached.month == months
    assert reached.day == min(day.day, month_end)


@given(DAYS, DAYS, DURATIONS)
def test_a_later_day_never_ends_earlier(day: date, other: date, duration: Duration) -> None:
    first, second = sorted([day, other])
    assert first < duration.after(first) <= duration.after(second)


# Days in a time zone


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2020-04-01T21:59:59+00:00", "Europe/Warsaw", "2020-04-01"),
        ("2020-04-01T22:00:00+00:00", "Europe/Warsaw", "2020-04-02"),
        ("2020-12-31T23:30:00+00:00", "Europe/Warsaw", "2021-01-01"),
        ("2020-04-01T23:30:00+02:00", "UTC", "2020-04-01"),
        ("2020-04-01T12:00:00+00:00", "Pacific/Kiritimati", "2020-04-02"),
        ("2020-04-01T10:00:00+00:00", "Pacific/Niue", "2020-03-31"),
        # Summer time ends on 25 October 2020 at 01:00 UTC: the day lasts 25 hours.
        ("2020-10-24T22:00:00+00:00", "Europe/Warsaw", "2020-10-25"),
        ("2020-10-25T22:59:59+00:00", "Europe/Warsaw", "2020-10-25"),
        ("2020-10-25T23:00:00+00:00", "Europe/Warsaw", "2020-10-26"),
    ],
)
def test_a_moment_falls_on_a_day_of_the_campaigns_time_zone(moment: str, zone: str, day: str) -> None:
    assert local_day(datetime.fromisoformat(moment), zone) == date.fromisoformat(day)


@given(MOMENTS, TIMEZONES, st.integers(-14, 14))
def test_the_day_depends_on_the_moment_not_on_how_it_is_written(now: datetime, zone: str, hours: int) -> None:
    assert local_day(now.astimezone(timezone(timedelta(hours=hours))), zone) == local_day(now, zone)


@pytest.mark.parametrize("name", ["", "Nowhere", "Europe", "Europe/", "../etc/passwd", "/etc/passwd", "zone\0", "é"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    assert not is_timezone(name)
    with pytest.raises(ValidityError) as caught:
        local_day(datetime(2020, 4, 1, tzinfo=UTC), name)
    assert str(caught.value) == f"{name!r} is not a time zone; write a name such as Europe/Warsaw or UTC"


@pytest.mark.parametrize("name", ["UTC", "Europe/Warsaw", "America/Argentina/Ushuaia"])
def test_a_time_zone_of_the_iana_database_is_known(name: str) -> None:
    assert is_timezone(name)


def test_a_moment_without_offset_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^a moment needs its offset from UTC, 2020-04-01T00:00:00 has none$"):
        local_day(datetime(2020, 4, 1), "UTC")  # noqa: DTZ001


def test_a_moment_beyond_the_calendar_in_that_time_zone_is_refused() -> None:
    with pytest.raises(ValidityError, match="is outside the calendar in Europe/Warsaw"):
        local_day(datetime(9999, 12, 31, 23, 30, tzinfo=UTC), "Europe/Warsaw")


# The last valid day


@pytest.mark.parametrize(
    ("duration", "expiration_date", "last"),
    [
        (None, None, None),
        (Duration(days=365), None, date(2021, 4, 1)),
        (None, date(2020, 12, 31), date(2020, 12, 31)),
        (Duration(days=365), date(2020, 12, 31), date(2020, 12, 31)),
        (Duration(days=365), date(2021, 4, 1), date(2021, 4, 1)),
        (Duration(days=30), date(2020, 12, 31), date(2020, 5, 1)),
    ],
)
def test_the_last_valid_day_is_the_earlier_of_duration_and_expiration_date(
    duration: Duration | None, expiration_date: date | None, last: date | None
) -> None:
    assert last_valid_day(date(2020, 4, 1), duration, expiration_date) == last


# The last valid day by a rule


@pytest.mark.parametrize(
    ("day", "period", "last"),
    [
        ("2020-02-01", "month", "2020-02-29"),
        ("2021-02-28", "month", "2021-02-28"),
        ("2020-12-31", "month", "2020-12-31"),
        ("2020-01-01", "quarter", "2020-03-31"),
        ("2020-03-31", "quarter", "2020-03-31"),
        ("2020-04-01", "quarter", "2020-06-30"),
        ("2020-09-30", "quarter", "2020-09-30"),
        ("2020-10-01", "quarter", "2020-12-31"),
        ("2020-02-29", "year", "2020-12-31"),
        ("9999-12-31", "quarter", "9999-12-31"),
    ],
)
def test_a_month_quarter_or_year_ends_on_its_last_day(day: str, period: str, last: str) -> None:
    assert end_of(date.fromisoformat(day), period) == date.fromisoformat(last)


def test_there_is_no_other_period() -> None:
    with pytest.raises(ValidityError) as caught:
        end_of(date(2020, 2, 29), "week")
    assert str(caught.value) == "'week' is not a period; write month, quarter, year"


@given(DAYS, st.sampled_from(["month", "quarter", "year"]))
def test_the_day_after_the_end_begins_another_period(day: date, period: str) -> None:
    last = end_of(day, period)
    assert day <= last
    assert end_of(last, period) == last
    assert end_of(last + timedelta(days=1), period) > last
    assert (last + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("published_on", "duration", "until_end_of", "expiration_date", "last"),
    [
        ("2020-02-15", "P2Y", None, None, "2022-02-15"),
        ("2020-02-15", "P2Y", "quarter", None, "2022-03-31"),
        ("2020-02-29", "P1Y", None, None, "2021-02-28"),
        ("2020-02-29", "P1Y", "month", None, "2021-02-28"),
        ("2020-02-29", "P4Y", "month", None, "2024-02-29"),
        ("2020-01-31", "P1M", "month", None, "2020-02-29"),
        ("2020-03-31", "P3M", "quarter", None, "2020-06-30"),
        ("2020-04-01", "P365D", "year", None, "2021-12-31"),
        ("2020-02-15", "P2Y", "quarter", "2022-03-30", "2022-03-30"),
        ("2020-02-15", "P2Y", "quarter", "2022-04-01", "2022-03-31"),
        ("2020-02-15", "P2Y", None, "2022-01-01", "2022-01-01"),
        ("9998-12-31", "P1Y", "year", None, "9999-12-31"),
    ],
)
def test_a_rule_moves_the_end_of_a_duration_to_the_end_of_a_period(
    published_on: str, duration: str, until_end_of: str | None, expiration_date: str | None, last: str
) -> None:
    until = None if expiration_date is None else date.fromisoformat(expiration_date)
    found = last_valid_day(date.fromisoformat(published_on), Duration.parse(duration), until, until_end_of)
    assert found == date.fromisoformat(last)


def test_no_rule_leads_beyond_the_year_9999() -> None:
    with pytest.raises(ValidityError, match="is after the year 9999"):
        last_valid_day(date(9999, 6, 1), Duration(years=1), date(2020, 12, 31), "year")


# Where expiry is forbidden


@pytest.mark.parametrize(
    ("country", "no_expiry_in", "forbidden"),
    [
        ("US-ME", ["US-ME"], True),
        ("US-ME", ["US"], True),
        ("US", ["US-ME"], False),
        ("US-MA", ["US-ME"], False),
        ("US", ["us"], True),
        (" us - me ", ["US-ME "], True),
        ("PL", ["US", "PL"], True),
        ("PL", [], False),
        ("", ["", "US"], False),
        ("-ME", [""], False),
        (None, ["US"], False),
        ("USA", ["US"], False),
    ],
)
def test_expiry_is_forbidden_in_a_country_and_its_subdivisions(
    country: str | None, no_expiry_in: list[str], forbidden: bool
) -> None:
    assert expiry_forbidden(country, no_expiry_in) is forbidden


@given(st.text(alphabet="usme -", max_size=6), st.lists(st.text(alphabet="USMEusme -", max_size=6), max_size=4))
def test_case_and_spaces_of_a_country_do_not_matter(country: str, no_expiry_in: list[str]) -> None:
    assert expiry_forbidden(country, no_expiry_in) == expiry_forbidden(
        f" {country.upper()} ", [place.replace(" ", "").lower() for place in no_expiry_in]
    )
