"""What a campaign may say, and the text under which it is kept."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from refundctl.domain.campaign import Campaign, campaign_name
from refundctl.domain.codes import DEFAULT_CHARSET, DEFAULT_PATTERN
from refundctl.domain.validity import Duration


def campaign(**keys: object) -> Campaign:
    return Campaign.model_validate({"name": "flight-refunds", "currency": "EUR", **keys})


def mistakes(**keys: object) -> list[tuple[tuple[str | int, ...], str]]:
    """Place and sentence of each mistake."""
    with pytest.raises(ValidationError) as found:
        campaign(**keys)
    return [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in found.value.errors()]


def test_a_currency_is_all_that_a_campaign_needs() -> None:
    assert json.loads(campaign().definition()) == {
        "description": "",
        "campaign_type": "GIFT_VOUCHERS",
        "currency": "EUR",
        "timezone": "UTC",
        "card_per": "booking",
        "redeemable_by": "holder",
        "type": "AUTO_UPDATE",
        "vouchers_count": None,
        "weak_codes": False,
        "voucher": {
            "type": "GIFT_VOUCHER",
            "gift": {"amount": "0.00"},
            "redemption": {"quantity": None},
            "code_config": {
                "pattern": "RF-####-####-####-####",
                "charset": "23456789ABCDEFGHJKMNPQRSTUVWXYZ",
                "length": None,
                "prefix": None,
                "postfix": None,
            },
        },
        "activity_duration_after_publishing": None,
        "start_date": None,
        "expiration_date": None,
        "validity_day_of_week": None,
        "validity_hours": None,
        "no_expiry_in": [],
        "eligible": {},
        "metadata": {},
    }


def test_the_values_that_a_campaign_is_run_by() -> None:
    full = campaign(
        timezone="Europe/Warsaw",
        activity_duration_after_publishing="P2W",
        expiration_date="2027-12-31",
        no_expiry_in=("us-me", "POL"),
        voucher={"code_config": {"length": 14, "prefix": "HOTEL-"}},
        eligible={"status": ["cancelled"]},
    )

    assert full.duration == Duration(days=14)
    assert full.expiration_date == date(2027, 12, 31)
    assert full.no_expiry_in == ("PL", "US-ME")
    assert full.code_pattern.text == "HOTEL-" + 14 * "#"
    assert full.eligible.matches({"status": "Cancelled"}, "EUR")
    assert campaign().duration is None


@pytest.mark.parametrize(
    ("keys", "place", "sentence"),
    [
        (
            {"name": "Flight Refunds"},
            ("name",),
            (
                "`Flight Refunds` can't be a campaign's name: write at most 63 small letters a-z, digits, - and _, "
                "a letter or digit first, such as flight-refunds"
            ),
        ),
        ({"currency": "eur"}, ("currency",), "`eur` is no currency of ISO 4217; did you mean `EUR`?"),
        (
            {"currency": "XAU"},  # gold has no minor unit
            ("currency",),
            "`XAU` is no currency of ISO 4217: write three capitals such as EUR",
        ),
        (
            {"timezone": "Europe/Warszawa"},
            ("timezone",),
            "`Europe/Warszawa` is no time zone of the IANA database; did you mean `Europe/Warsaw`?",
        ),
        (
            {"timezone": "Mars"},
            ("timezone",),
            "`Mars` is no time zone of the IANA database: write a name such as Europe/Warsaw or UTC",
        ),
        ({"card_per": "bookings"}, ("card_per",), "Input should be 'booking' or 'customer'"),
        ({"type": "POOL"}, ("type",), "Input should be 'AUTO_UPDATE' or 'STATIC'"),
        (
            {"vouchers_count": 100},
            ("vouchers_count",),
            "makes codes beforehand, which takes `type: STATIC`: write that too, or null here",
        ),
        (
            {"type": "STATIC", "vouchers_count": 0},
            ("vouchers_count",),
            "`0` is not from 1 to 10,000,000: write how many codes to make beforehand",
        ),
        (
            {"type": "STATIC", "vouchers_count": 10_000_001},
            ("vouchers_count",),
            "`10000001` is not from 1 to 10,000,000: write how many codes to make beforehand",
        ),
        ({"type": "STATIC", "vouchers_count": "100"}, ("vouchers_count",), "Input should be a valid integer"),
        ({"type": "STATIC", "vouchers_count": True}, ("vouchers_count",), "Input should be a valid integer"),
        (
            {
                "type": "STATIC",
                "vouchers_count": 962,
                "weak_codes": True,
                "voucher": {"code_config": {"pattern": "RF-##"}},
            },
            ("voucher", "code_config", "pattern"),
            "`RF-##` makes only 961 codes, and vouchers_count is 962: write more #, or a smaller number",
        ),
        *(
            ({key: value}, (key,), "has no effect in this version yet: leave it out, or write null")
            for key, value in {
                "start_date": "2020-05-01",
                "validity_day_of_week": (1, 2),
                "validity_hours": {"daily": ()},
            }.items()
        ),
        (
            {"voucher": {"redemption": {"quantity": 1}}},
            ("voucher", "redemption", "quantity"),
            "has no effect in this version yet: leave it out, or write null",
        ),
        (
            {"voucher": {"gift": {"amount": "25.00"}}},
            ("voucher", "gift", "amount"),
            '`25.00` is not zero: write "0.00", since cards get their money by topup',
        ),
        (
            {"voucher": {"code_config": {"pattern": "RF-####", "length": 4}}},
            ("voucher", "code_config", "length"),
            "pattern and length exclude each other; leave one of them out",
        ),
        (
            {"voucher": {"code_config": {"pattern": "RF-####-####"}}},
            ("voucher", "code_config", "pattern"),
            (
                "`RF-####-####` makes codes of 40 bits, which can be guessed: write more # for at least 60 bits, "
                "or `weak_codes: true` to take the risk"
            ),
        ),
        (
            {"activity_duration_after_publishing": "365"},
            ("activity_duration_after_publishing",),
            "'365' is not a duration; write it like P365D, P1Y, P1Y6M or P2W",
        ),
        (
            {"activity_duration_after_publishing": "P9000Y"},
            ("activity_duration_after_publishing",),
            "2199-12-31 and P9000Y is after the year 9999, where the calendar ends; write a shorter duration",
        ),
        ({"expiration_date": "2027-02-29"}, ("expiration_date",), "there is no day 2027-02-29: correct it"),
        ({"expiration_date": "20271231"}, ("expiration_date",), "`20271231` is not a date: write it like 2027-12-31"),
        (
            {"no_expiry_in": ("PL", "Maine")},
            ("no_expiry_in", 1),
            "`Maine` is no country or subdivision of ISO 3166: write it like US or US-ME",
        ),
        (
            {"eligible": {"statuss": ["cancelled"]}},
            ("eligible", "statuss"),
            "a condition can't look at `statuss`; did you mean `status`?",
        ),
        (
            {"currency": "JPY", "eligible": {"order_amount": {"min": "10.50"}}},
            ("eligible", "order_amount", "min"),
            "`10.5` has more decimals than JPY has (0)",
        ),
        ({"refund": {}}, ("refund",), "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(
    keys: dict[str, object], place: tuple[str | int, ...], sentence: str
) -> None:
    assert mistakes(**keys) == [(place, sentence)]


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "posix/UTC", "right/UTC", "../UTC", ""])
def test_a_time_zone_is_the_same_on_every_machine(name: str) -> None:
    assert [place for place, _ in mistakes(timezone=name)] == [("timezone",)]


def test_one_mistake_hides_no_other() -> None:
    found = mistakes(
        name="A",
        currency="EUR",
        timezone="Mars",
        voucher={"code_config": {"pattern": "##"}},
        eligible={"order_amount": {"min": "0.001"}},
        expiration_date="soon",
    )

    assert [place for place, _ in found] == [
        ("name",),
        ("timezone",),
        ("voucher", "code_config", "pattern"),
        ("expiration_date",),
        ("eligible", "order_amount", "min"),
    ]


def test_weak_codes_are_taken_where_the_campaign_says_so() -> None:
    weak = campaign(weak_codes=True, voucher={"code_config": {"pattern": "RF-####-####"}})

    assert weak.code_pattern.text == "RF-####-####"


@pytest.mark.parametrize("count", [None, 1, 961])
def test_a_pool_of_printed_cards_only_or_of_codes_made_beforehand(count: int | None) -> None:
    pool = campaign(type="STATIC", vouchers_count=count, weak_codes=True, voucher={"code_config": {"pattern": "RF-##"}})

    assert (pool.type, pool.vouchers_count) == ("STATIC", count)


def test_a_mistaken_type_is_not_also_said_to_be_the_wrong_one_for_a_pool() -> None:
    assert [place for place, _ in mistakes(type="static", vouchers_count=100)] == [("type",)]


@pytest.mark.parametrize("amount", ["0", "0.0", "0.00", "0.000", "00"])
def test_zero_is_zero_however_it_is_written(amount: str) -> None:
    assert campaign(voucher={"gift": {"amount": amount}}).voucher.gift.amount == "0.00"


@pytest.mark.parametrize("name", ["flight-refunds", "2020", "a_b", "a" * 63])
def test_names(name: str) -> None:
    assert campaign_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a.b", "a/b", "a\n", "é", "a" * 64])
def test_what_no_campaign_can_be_called(name: str) -> None:
    with pytest.raises(ValueError, match="can't be a campaign's name"):
        campaign_name(name)


def test_a_campaign_never_changes() -> None:
    with pytest.raises(ValidationError):
        campaign().currency = "USD"


# --- The stored definition ---

keys_of_campaigns = st.fixed_dictionaries(
    {"currency": st.sampled_from(["EUR", "JPY", "KWD"])},
    optional={
        "description": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        "timezone": st.sampled_from(["UTC", "Europe/Warsaw", "America/New_York"]),
        "card_per": st.sampled_from(["booking", "customer"]),
        "redeemable_by": st.sampled_from(["holder", "anyone"]),
        "activity_duration_after_publishing": st.sampled_from(["P365D", "P1Y", "P12M", "P2W", None]),
        "expiration_date": st.dates(),
        "no_expiry_in": st.lists(st.sampled_from(["US-ME", "us-me", "PL", "POL"])).map(tuple),
        "eligible": st.sampled_from([{}, {"status": ["a", "B "]}, {"order_amount": {"max": "10"}}]),
        "metadata": st.dictionaries(st.sampled_from("abc"), st.just("x")),
        "voucher": st.sampled_from([{}, {"code_config": {"length": 20, "postfix": "-EU"}}]),
    },
)
pools = st.fixed_dictionaries({"type": st.just("STATIC"), "vouchers_count": st.none() | st.integers(1, 10_000_000)})


@settings(deadline=None)
@given(keys_of_campaigns, st.just({}) | pools)
def test_a_stored_campaign_is_read_back(keys: dict[str, object], pool: dict[str, object]) -> None:
    stored = campaign(**keys, **pool).definition()

    back = Campaign.from_definition("flight-refunds", stored)

    assert back.definition() == stored
    assert back.name == "flight-refunds"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"description": "", "voucher": {}, "eligible": {}, "metadata": {}}),
        ({"activity_duration_after_publishing": "P1Y"}, {"activity_duration_after_publishing": "P12M"}),
        ({"activity_duration_after_publishing": "P14D"}, {"activity_duration_after_publishing": "P2W"}),
        ({"no_expiry_in": ("US-ME", "PL")}, {"no_expiry_in": ("POL", "us-me", "PL")}),
        ({"eligible": {"status": ["A", "b"]}}, {"eligible": {"status": [" B", "a"]}}),
        ({"eligible": {"order_amount": {"min": "5"}}}, {"eligible": {"order_amount": {"min": "5.00"}}}),
        ({"voucher": {"gift": {"amount": "0"}}}, {}),
        ({"voucher": {"code_config": {"pattern": DEFAULT_PATTERN}}}, {}),
        ({"voucher": {"code_config": {"charset": DEFAULT_CHARSET[::-1]}}}, {}),
        (
            {"voucher": {"code_config": {"length": 16, "prefix": "RF-"}}},
            {"voucher": {"code_config": {"pattern": "RF-" + 16 * "#"}}},
        ),
    ],
)
def test_the_same_meaning_has_the_same_definition(one: dict[str, object], other: dict[str, object]) -> None:
    assert campaign(**one).definition() == campaign(**other).definition()


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "USD"},
        {"description": "x"},
        {"card_per": "customer"},
        {"redeemable_by": "anyone"},
        {"type": "STATIC"},
        {"type": "STATIC", "vouchers_count": 100},
        {"expiration_date": "2027-12-31"},
        {"eligible": {"status": ["cancelled"]}},
        {"metadata": {"a": "b"}},
    ],
)
def test_another_meaning_has_another_definition(change: dict[str, object]) -> None:
    assert campaign(**change).definition() != campaign().definition()


def test_the_name_is_no_part_of_the_definition() -> None:
    assert campaign(name="a").definition() == campaign(name="b").definition()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"currency": "EUR", "unknown": 1}'])
def test_a_text_that_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Campaign.from_definition("a", text)
