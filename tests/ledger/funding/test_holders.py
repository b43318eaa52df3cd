"""Who holds a card for a line, and until when a new one is valid: of several lines the latest day, and none is later still."""

import pytest

from refundctl.ledger.funding.holders import Holding, cards_of, day_of
from support.desks.funding_desk import FundingDesk

HELD = "SELECT id, customer, booking, ordinal, expires_on FROM held_cards ORDER BY id"
VALIDITY = [{"when": {"tier": ["gold"]}, "duration": "P2Y"}]
YEAR, TWO_YEARS = "2021-05-01", "2022-05-01"


@pytest.mark.parametrize(
    ("rows", "expires_on"),
    [
        ("B1,ana,10,gold,\n", TWO_YEARS),
        ("B1,ana,10,,\n", YEAR),
        ("B1,ana,10,,\nB2,ana,10,gold,\n", TWO_YEARS),
        ("B1,ana,10,gold,\nB2,ana,10,,\n", TWO_YEARS),
        ("B1,ana,10,gold,\nB2,ana,10,,US-ME\n", None),
    ],
)
def test_a_customers_card_is_valid_as_long_as_the_longest_of_its_lines(rows: str, expires_on: str | None) -> None:
    desk = FundingDesk(
        card_per="customer",
        validity=VALIDITY,
        activity_duration_after_publishing="P1Y",
        no_expiry_in=["US-ME"],
    )
    desk.load(f"booking_id,customer_id,order_amount,tier,country\n{rows}")
    desk.publish()
    assert desk.read(HELD) == [(1, 1, None, 1, expires_on)]


@pytest.mark.parametrize("pool", [{}, {"type": "STATIC", "vouchers_count": 3}])
def test_a_booking_that_has_passed_to_somebody_else_is_on_none_of_the_first_ones_cards(
    pool: dict[str, object],
) -> None:
    desk = FundingDesk(**pool)
    desk.load("booking_id,customer_id,order_amount\nB1,ana,10\n")
    desk.publish()
    desk.load("booking_id,customer_id,order_amount\nB1,bo,10\n")
    assert desk.publish().published == 1
    assert desk.publish().published == 0
    assert [row[:4] for row in desk.read(HELD)] == [(1, 1, 1, 1), (2, 2, 1, 2)]


def test_only_this_campaigns_cards_that_somebody_holds_are_looked_at() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=2)
    connection = desk.ledger.connection
    desk.load("booking_id,customer_id,order_amount\nB1,ana,10\n")
    assert not cards_of(connection, Holding(1, False, "2020-05-01")).any()
    desk.publish()
    held = cards_of(connection, Holding(1, False, "2020-05-01"))
    assert (held.sql, held.any(), held.any("ordinal > 1")) == ("held AS cards", True, False)
    assert not cards_of(connection, Holding(2, False, "2020-05-01")).any()


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ({0: YEAR}, [YEAR, YEAR, YEAR]),
        ({0: None, 1: None}, [None, None, None]),
        ({0: YEAR, 1: TWO_YEARS, 100: None}, [YEAR, TWO_YEARS, None]),
    ],
)
def test_the_day_under_a_number_is_told_in_sql(days: dict[int, str | None], found: list[str | None]) -> None:
    numbers = "(SELECT 0 AS valid_by UNION ALL SELECT 1 UNION ALL SELECT 100)"
    rows = FundingDesk().read(f"SELECT {day_of(days)} FROM {numbers}")
    assert [day for (day,) in rows] == found
