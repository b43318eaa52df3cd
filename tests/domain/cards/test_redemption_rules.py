"""When and by whom a card may be redeemed."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.validity import local_moment
from refundctl.domain.campaigns.campaign import Campaign
from refundctl.domain.cards.redemption_rules import DAYS, MIDNIGHT, Hours, Rules

SUNDAY = datetime(2020, 5, 3, tzinfo=UTC)
MINUTES_A_DAY = 24 * 60


# --- Hours ---


@pytest.mark.parametrize(
    ("clock", "holds"),
    [("08:59:59", False), ("09:00:00", True), ("16:59:59", True), ("17:00:00", False), ("00:00:00", False)],
)
def test_an_hour_counts_from_its_start_up_to_but_not_at_its_end(clock: str, holds: bool) -> None:
    assert Hours(time(9), time(17)).holds(at(clock)) is holds


@pytest.mark.parametrize(
    ("clock", "holds"), [("17:59:59", False), ("18:00:00", True), ("23:59:59", True), ("00:00:00", False)]
)
def test_hours_up_to_midnight(clock: str, holds: bool) -> None:
    assert Hours(time(18), None).holds(at(clock)) is holds


@pytest.mark.parametrize(
    ("day", "clock", "holds"),
    [
        ("Friday", "01:59:59", False),
        ("Friday", "21:59:59", False),
        ("Friday", "22:00:00", True),
        ("Saturday", "00:00:00", True),
        ("Saturday", "01:59:59", True),
        ("Saturday", "02:00:00", False),
        ("Saturday", "22:00:00", False),
        ("Sunday", "01:00:00", False),
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(day: str, clock: str, holds: bool) -> None:
    friday_night = Hours(time(22), time(2), frozenset({DAYS.index("Friday")}))

    assert friday_night.holds(at(clock, day)) is holds


def test_the_night_from_saturday_goes_on_to_sunday() -> None:
    saturday_night = Hours(time(22), time(2), frozenset({DAYS.index("Saturday")}))

    assert saturday_night.holds(at("01:00:00", "Sunday"))
    assert not saturday_night.holds(at("01:00:00", "Saturday"))


minutes = st.integers(0, MINUTES_A_DAY - 1)
days_of_week = st.none() | st.frozensets(st.integers(0, 6), min_size=1)


@given(minutes, st.none() | minutes, days_of_week, st.integers(0, 6), minutes, st.integers(0, 59))
def test_hours_hold_in_the_minutes_that_one_can_count(
    start: int, end: int | None, days: frozenset[int] | None, day: int, minute: int, second: int
) -> None:
    length = MINUTES_A_DAY - start if end is None else (end - start) % MINUTES_A_DAY or MINUTES_A_DAY
    begun = [each * MINUTES_A_DAY + start for each in (range(7) if days is None else days)]
    week = 7 * MINUTES_A_DAY
    expected = any((day * MINUTES_A_DAY + minute - each) % week < length for each in begun)

    hours = Hours(_clock(start), None if end is None else _clock(end), days)

    assert hours.holds(SUNDAY + timedelta(days=day, minutes=minute, seconds=second)) is expected


def at(clock: str, day: str = "Sunday") -> datetime:
    return datetime.combine(SUNDAY.date() + timedelta(days=DAYS.index(day)), time.fromisoformat(clock), UTC)


def _clock(minute: int) -> time:
    return time(minute // 60, minute % 60)


# --- Days on which clocks are put forward or back ---

# Each is a run of moments in UTC: before the change, in the hour that comes twice or is left out, behind it.


@pytest.mark.parametrize(
    ("moment", "clock", "holds"),
    [
        ("2020-10-24T23:59:59Z", "01:59:59+0200", False),
        ("2020-10-25T00:00:00Z", "02:00:00+0200", True),
        ("2020-10-25T00:29:59Z", "02:29:59+0200", True),
        ("2020-10-25T00:30:00Z", "02:30:00+0200", False),
        ("2020-10-25T01:00:00Z", "02:00:00+0100", True),  # the same hour again
        ("2020-10-25T01:29:59Z", "02:29:59+0100", True),
        ("2020-10-25T01:30:00Z", "02:30:00+0100", False),
    ],
)
def test_an_hour_that_comes_twice_in_warsaw_counts_twice(moment: str, clock: str, holds: bool) -> None:
    local = local_moment(datetime.fromisoformat(moment), "Europe/Warsaw")

    assert f"{local:%H:%M:%S%z}" == clock
    assert Hours(time(2), time(2, 30), frozenset({0})).holds(local) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2020-03-29T00:59:59Z", False),  # 01:59:59
        ("2020-03-29T01:00:00Z", False),  # 03:00:00: there is no 02:00 on this day
        ("2020-03-28T01:00:00Z", True),  # the day before, 02:00:00
    ],
)
def test_an_hour_that_is_left_out_does_not_count(moment: str, holds: bool) -> None:
    local = local_moment(datetime.fromisoformat(moment), "Europe/Warsaw")

    assert Hours(time(2), time(3)).holds(local) is holds


@pytest.mark.parametrize(
    ("zone", "moment", "day", "holds"),
    [
        # New York, 1 November 2020: 01:30 comes twice; the night from Saturday ends at the second 02:00.
        ("America/New_York", "2020-11-01T03:59:59Z", "Saturday 23:59", True),
        ("America/New_York", "2020-11-01T04:00:00Z", "Sunday 00:00", True),
        ("America/New_York", "2020-11-01T05:30:00Z", "Sunday 01:30", True),
        ("America/New_York", "2020-11-01T06:30:00Z", "Sunday 01:30", True),
        ("America/New_York", "2020-11-01T07:00:00Z", "Sunday 02:00", False),
        # Warsaw, 25 October 2020: from 03:00 back to 02:00, where the night is over, both times.
        ("Europe/Warsaw", "2020-10-24T23:59:00Z", "Sunday 01:59", True),
        ("Europe/Warsaw", "2020-10-25T00:00:00Z", "Sunday 02:00", False),
        ("Europe/Warsaw", "2020-10-25T01:00:00Z", "Sunday 02:00", False),
        # Kathmandu is 5 hours and 45 minutes ahead.
        ("Asia/Kathmandu", "2020-10-24T16:14:59Z", "Saturday 21:59", False),
        ("Asia/Kathmandu", "2020-10-24T16:15:00Z", "Saturday 22:00", True),
        ("Asia/Kathmandu", "2020-10-24T18:15:00Z", "Sunday 00:00", True),
        ("Asia/Kathmandu", "2020-10-24T20:15:00Z", "Sunday 02:00", False),
    ],
)
def test_the_night_from_saturday_by_the_clocks_of_a_time_zone(zone: str, moment: str, day: str, holds: bool) -> None:
    local = local_moment(datetime.fromisoformat(moment), zone)

    assert f"{local:%A %H:%M}" == day
    assert Hours(time(22), time(2), frozenset({6})).holds(local) is holds


# --- Rules ---


def rules(**keys: object) -> Rules:
    """The rules of a campaign with these keys, as they come back from its stored definition."""
    campaign = Campaign.model_validate({"name": "flight-refunds", "currency": "EUR", **keys})
    return Rules.from_terms(json.loads(campaign.definition()), campaign.currency)


def test_without_a_word_on_it_only_holders_redeem_and_name_the_invoice() -> None:
    assert rules() == Rules(
        holder_only=True,
        bonus_first=True,
        quantity=None,
        start_date=None,
        days=None,
        hours=(),
        invoice_required=True,
        minimum_order_minor=None,
    )


def test_a_definition_of_an_older_version_means_the_same_as_the_defaults() -> None:
    assert Rules.from_terms({}, "EUR") == rules()
    assert Rules.from_terms({"redeemable_by": "holder", "refund": None, "validity_hours": None}, "EUR") == rules()
    assert Rules.from_terms({"voucher": {"redemption": {"quantity": None}}}, "EUR") == rules()


def test_every_key_is_read_back_from_the_stored_definition() -> None:
    full = rules(
        redeemable_by="anyone",
        refund={"redeem_order": "paid_first"},
        voucher={"redemption": {"quantity": 2}},
        start_date="2020-06-01",
        validity_day_of_week=(6, 1, 5),
        validity_hours={
            "daily": (
                {"start_time": "22:00", "expiration_time": "02:00", "days_of_week": (5,)},
                {"start_time": "09:00", "expiration_time": "17:30"},
                {"start_time": "18:00", "expiration_time": MIDNIGHT},
            )
        },
        invoice="optional",
        minimum_order="50",
    )

    assert full == Rules(
        holder_only=False,
        bonus_first=False,
        quantity=2,
        start_date=date(2020, 6, 1),
        days=frozenset({1, 5, 6}),
        hours=(
            Hours(time(9), time(17, 30)),
            Hours(time(18), None),
            Hours(time(22), time(2), frozenset({5})),
        ),
        invoice_required=False,
        minimum_order_minor=5000,
    )


@pytest.mark.parametrize(("currency", "minor"), [("EUR", 5000), ("JPY", 50), ("KWD", 50_000), ("CLF", 500_000)])
def test_the_minimum_of_an_order_in_minor_units(currency: str, minor: int) -> None:
    assert rules(currency=currency, minimum_order="50").minimum_order_minor == minor


def test_cards_without_days_and_hours_are_always_open() -> None:
    assert rules().open_at(at("03:00:00"))
    assert rules().opening == ""


@pytest.mark.parametrize(
    ("day", "clock", "is_open"),
    [
        ("Monday", "12:00:00", True),
        ("Tuesday", "12:00:00", False),
        ("Monday", "18:00:00", False),
        ("Friday", "23:00:00", True),
        ("Saturday", "01:00:00", False),  # the night goes on, but Saturday is none of the days
    ],
)
def test_both_the_day_and_one_of_the_hours_must_hold(day: str, clock: str, is_open: bool) -> None:
    days_and_hours = rules(
        validity_day_of_week=(1, 5),
        validity_hours={
            "daily": (
                {"start_time": "09:00", "expiration_time": "17:00"},
                {"start_time": "22:00", "expiration_time": "02:00", "days_of_week": (5,)},
            )
        },
    )

    assert days_and_hours.open_at(at(clock, day)) is is_open


@pytest.mark.parametrize(
    ("keys", "opening"),
    [
        ({"validity_day_of_week": (5, 0)}, "on Sunday, Friday"),
        (
            {"validity_hours": {"daily": ({"start_time": "18:00", "expiration_time": "24:00"},)}},
            "at 18:00-24:00",
        ),
        (
            {
                "validity_day_of_week": (1, 5),
                "validity_hours": {
                    "daily": (
                        {"start_time": "09:00", "expiration_time": "17:00"},
                        {"start_time": "22:00", "expiration_time": "02:00", "days_of_week": (5,)},
                    )
                },
            },
            "on Monday, Friday at 09:00-17:00, 22:00-02:00 on Friday",
        ),
    ],
)
def test_days_and_hours_in_words(keys: dict[str, object], opening: str) -> None:
    assert rules(**keys).opening == opening
