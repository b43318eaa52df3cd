"""A later last valid day: which days are taken, and which cards can be revived."""

from datetime import date

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.desk.disable import Disable
from refundctl.operations.desk.expire import expire
from refundctl.operations.desk.extend import Extend, day_named
from refundctl.operations.desk.refusals import CardExpired, NotActive
from support.desks.clerk_desk import ClerkDesk

A_YEAR = {"activity_duration_after_publishing": "P365D"}  # through 1 May 2021
LAST_DAY = date(2021, 5, 1)


def malformed(desk: ClerkDesk, until: date) -> str:
    with pytest.raises(UsageError) as caught:
        desk.do(Extend(until))
    return caught.value.code


def test_only_a_later_day_is_taken_and_the_same_day_changes_nothing() -> None:
    desk = ClerkDesk(**A_YEAR)
    assert malformed(desk, date(2021, 4, 30)) == "date_too_early"
    assert desk.do(Extend(LAST_DAY)).counts == {"extended": 0}
    assert desk.do(Extend(date(2021, 5, 2))).counts == {"extended": 1}
    assert desk.card(1).expires_on == "2021-05-02"
    assert malformed(desk, LAST_DAY) == "date_too_early"


def test_an_expired_card_is_revived_from_today_on_also_while_it_is_disabled() -> None:
    desk = ClerkDesk(**A_YEAR, timezone="Europe/Warsaw")
    desk.do(Disable())
    desk.at("2021-05-09T22:00:00Z")  # 10 May in Warsaw
    assert malformed(desk, date(2021, 5, 9)) == "date_past"
    assert desk.do(Extend(date(2021, 5, 10))).facts["card"]["expires_on"] == "2021-05-10"
    assert desk.stands(1) == "disabled"


def test_what_was_booked_as_expired_is_not_revived() -> None:
    desk = ClerkDesk(**A_YEAR)
    desk.at("2021-05-02T00:00:00Z")
    with desk.ledger.writing():
        expire(desk.ledger, desk.journal("expire"), None, None)
    assert desk.refuses(CardExpired, "voucher_expired", Extend(date(2021, 6, 1))).startswith(
        "Card c1 expired on 2021-05-01 and its balance was booked as expired"
    )


def test_what_has_no_last_day_is_not_extended() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3)
    assert malformed(desk, LAST_DAY) == "card_never_expires"
    desk.refuses(NotActive, "voucher_not_active", Extend(LAST_DAY), "c3")
    desk.do(Disable(), "c3")
    assert "waits in the pool" in desk.refuses(NotActive, "voucher_not_active", Extend(LAST_DAY), "c3")


@pytest.mark.parametrize(
    ("typed", "day"),
    [(" 2021-12-31 ", date(2021, 12, 31)), ("2021-W52-5", None), ("20211231", None), ("2021-02-29", None)],
)
def test_a_day_is_typed_with_year_month_and_day(typed: str, day: date | None) -> None:
    if day is not None:
        assert day_named(typed) == day
        return
    with pytest.raises(UsageError) as caught:
        day_named(typed)
    assert caught.value.code == "date_malformed"


def test_a_code_in_the_place_of_a_day_is_not_shown() -> None:
    with pytest.raises(UsageError, match=r"not `\*\*\*\*P3VN`") as caught:
        day_named("RF-7KQ2-M9XD-4TWH-P3VN")
    assert "7KQ2" not in caught.value.message
