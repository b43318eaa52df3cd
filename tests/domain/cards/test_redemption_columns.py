"""What a till's cells may say: amounts in the card's currency, and moments by its clocks."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.money import format_amount
from refundctl.domain.bookings.booking_cells import Fault
from refundctl.domain.cards.redemption_columns import is_ahead, moment_of_purchase, read_amount, read_columns
from refundctl.domain.cards.redemption_rules import Hours, Rules

WARSAW = "Europe/Warsaw"
NOON_IN_WARSAW = datetime(2020, 5, 4, 10, tzinfo=UTC)


def said(moment: datetime) -> str:
    assert moment.tzinfo is UTC
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- Moments ---


@pytest.mark.parametrize(
    ("text", "timezone", "moment"),
    [
        ("2020-05-01T14:30:00+02:00", WARSAW, "2020-05-01T12:30:00Z"),
        ("2020-05-01T14:30:00+00:00", WARSAW, "2020-05-01T14:30:00Z"),
        ("2020-05-01T14:30:00", WARSAW, "2020-05-01T12:30:00Z"),
        ("2020-12-01T14:30:00", WARSAW, "2020-12-01T13:30:00Z"),
        ("2020-05-01T14:30:00", "America/New_York", "2020-05-01T18:30:00Z"),
        ("2020-05-01", WARSAW, "2020-05-01T10:00:00Z"),
        ("2020-05-01", "Pacific/Kiritimati", "2020-04-30T22:00:00Z"),
        # Clocks show 02:30 twice as summer ends: the first time counts. As it begins they never do.
        ("2020-10-25T02:30:00", WARSAW, "2020-10-25T00:30:00Z"),
        ("2020-03-29T02:30:00", WARSAW, "2020-03-29T01:30:00Z"),
    ],
)
def test_when_a_purchase_was(text: str, timezone: str, moment: str) -> None:
    assert said(moment_of_purchase(text, timezone)) == moment


EVENING = Hours(time(18), time(20))
NIGHT = Hours(time(22), time(2))


@pytest.mark.parametrize(
    ("rules", "moment"),
    [
        (Rules(hours=(EVENING,)), "2020-05-01T16:00:00Z"),
        (Rules(hours=(Hours(time(9), time(17)), EVENING)), "2020-05-01T10:00:00Z"),
        (Rules(hours=(NIGHT,)), "2020-04-30T22:00:00Z"),
        (Rules(hours=(Hours(time(18), time(20), frozenset({6})), Hours(time(7), time(8)))), "2020-05-01T05:00:00Z"),
        # On no Friday at all: noon, which will be refused.
        (Rules(days=frozenset({6})), "2020-05-01T10:00:00Z"),
    ],
)
def test_a_day_alone_stands_for_a_time_at_which_cards_are_valid(rules: Rules, moment: str) -> None:
    """1 May 2020 is a Friday."""
    assert said(moment_of_purchase("2020-05-01", WARSAW, rules)) == moment


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("2020-05-04T10:00:00+00:00", False),
        ("2020-05-04T10:00:01+00:00", True),
        ("2020-05-04T12:00:00", False),
        ("2020-05-04T12:00:01", True),
        ("2020-05-04", False),
        ("2020-05-05", True),
    ],
)
def test_what_is_still_to_come(text: str, ahead: bool) -> None:
    assert is_ahead(text, NOON_IN_WARSAW, WARSAW) is ahead


def test_a_day_has_begun_where_the_card_is() -> None:
    """At ten in UTC it is tomorrow on Kiritimati already, and not yet today's noon in Warsaw."""
    assert is_ahead("2020-05-05", NOON_IN_WARSAW, "Pacific/Kiritimati") is False


# --- Amounts ---


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("EUR 12.50", "EUR", 1250),
        ("€12.50", "EUR", 1250),
        ("7", "JPY", 7),
    ],
)
def test_an_amount_is_read_in_the_cards_currency(text: str, currency: str, minor: int) -> None:
    assert read_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("12,50", "malformed_amount", "'12,50' is not an amount in EUR; write it like 12.50, digits only"),
        ("1.234", "too_many_decimals", "'1.234' has 3 decimals, EUR has 2 decimals; correct it"),
        ("0", "amount_not_positive", "'0' is not above zero; correct the amount or leave the row out"),
        ("USD 5", "currency_mismatch", "is in USD, but the card is in EUR; check which card it was"),
        ("₴5", "currency_mismatch", "is in UAH, but the card is in EUR; check which card it was"),
        ("£5", "currency_mismatch", "is in £, but the card is in EUR; check which card it was"),
        ("1x", "malformed_amount", "'1x' is not an amount in EUR; write it like 12.50, digits only"),
    ],
)
def test_an_amount_that_is_none(text: str, code: str, reason: str) -> None:
    """No source is proposed, as no source reads the file."""
    fault = read_amount(text, "EUR")
    assert isinstance(fault, Fault)
    assert (fault.code, fault.reason) == (code, reason)


@given(st.integers(1, 10**15 - 1), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_what_is_written_is_read(minor: int, currency: str) -> None:
    assert read_amount(format_amount(minor, currency), currency) == minor


# --- Columns ---


def test_columns_are_trimmed_and_blanks_are_none() -> None:
    texts = {"card_id": [" C7 ", ""], "code": ["", "\u00a0RF-1 "], "amount": ["5", " 6"], "invoice": ["T-1", "T-2"]}
    assert read_columns({**texts, "redeemed_at": ["", "2020-05-01 9:00Z"]}, 2)[1][1][0] == "redeemed_at"
    columns, faults = read_columns({**texts, "redeemed_at": ["", "2020-05-01 09:00Z"]}, 2)
    assert faults == {}
    assert columns == {
        "card_id": ["c7", None],
        "code": [None, "RF-1"],
        "amount": ["5", "6"],
        "invoice": ["T-1", "T-2"],
        "redeemed_at": [None, "2020-05-01T09:00:00+00:00"],
    }
