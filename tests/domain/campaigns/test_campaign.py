"""What a campaign may say, and the text under which it is kept."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from refundctl.domain.basics.validity import Duration
from refundctl.domain.campaigns.campaign import Campaign, campaign_name
from refundctl.domain.campaigns.campaign_rules import RULES_MAX, Refund
from refundctl.domain.campaigns.conditions import FIELDS
from refundctl.domain.cards.codes import DEFAULT_CHARSET, DEFAULT_PATTERN


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
        "validity": [],
        "no_expiry_in": [],
        "eligible": {},
        "refund": {
            "fees": [],
            "requires_acceptance": False,
            "bonus_stacking": "best",
            "bonuses": [],
            "offers": [],
            "redeem_order": "bonus_first",
        },
        "budget": None,
        "approval": None,
        "invoice": "required",
        "minimum_order": None,
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
        (
            {"voucher": {"redemption": {"quantity": 0}}},
            ("voucher", "redemption", "quantity"),
            "`0` is not above zero: write how often a card may be used, such as 1, or null",
        ),
        (
            {"voucher": {"redemption": {"quantity": -1}}},
            ("voucher", "redemption", "quantity"),
            "`-1` is not above zero: write how often a card may be used, such as 1, or null",
        ),
        (
            {"voucher": {"redemption": {"quantity": "1"}}},
            ("voucher", "redemption", "quantity"),
            "Input should be a valid integer",
        ),
        ({"start_date": "2020-06-31"}, ("start_date",), "there is no day 2020-06-31: correct it"),
        ({"start_date": "1.6.2020"}, ("start_date",), "`1.6.2020` is not a date: write it like 2027-12-31"),
        (
            {"start_date": "2028-01-01", "expiration_date": "2027-12-31"},
            ("expiration_date",),
            (
                "2027-12-31 is before the start_date, 2028-01-01, so that no card would ever be valid: correct one of "
                "them"
            ),
        ),
        ({"invoice": "never"}, ("invoice",), "Input should be 'required' or 'optional'"),
        (
            {"minimum_order": "0.00"},
            ("minimum_order",),
            "`0.00` is not above zero: write more, or leave the key out",
        ),
        (
            {"minimum_order": "-50"},
            ("minimum_order",),
            '`-50` is negative: write an amount of zero or more, such as "25.00"',
        ),
        (
            {"minimum_order": "50,00"},
            ("minimum_order",),
            '`50,00` is not an amount: write it like "25.00", without thousands signs',
        ),
        ({"minimum_order": 50}, ("minimum_order",), "Input should be a valid string"),
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
        (
            {"eligible": {"customer_total": {"min": "5000.00"}}},
            ("eligible", "customer_total"),
            ("only the `when` of a rule can look at `customer_total`, under `refund` or `validity`: leave it out here"),
        ),
        (
            {"eligible": {"customer_totals": {"min": "5000.00"}}},
            ("eligible", "customer_totals"),
            f"a condition can't look at `customer_totals`; there are {', '.join(FIELDS)} and metadata.KEY",
        ),
        ({"reminders": ("30d",)}, ("reminders",), "Extra inputs are not permitted"),
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
        refund={
            "fees": ({"name": "A", "fixed": "1.00"},),
            "bonuses": ({"name": "a", "fixed": "1.00", "at_most": "0.001"},),
        },
        budget={"total": "0.001"},
        approval={"above": "-1"},
        expiration_date="soon",
    )

    assert [place for place, _ in found] == [
        ("name",),
        ("timezone",),
        ("voucher", "code_config", "pattern"),
        ("expiration_date",),
        ("eligible", "order_amount", "min"),
        ("refund", "fees", 0, "name"),
        ("refund", "bonuses", 0, "at_most"),
        ("budget", "total"),
        ("approval", "above"),
    ]


# --- When cards can be redeemed ---

NINE_TO_FIVE = {"start_time": "09:00", "expiration_time": "17:00"}


def hours(**keys: object) -> dict[str, object]:
    """`validity_hours` with one time of day; the keys given are written over those of nine to five."""
    return {"daily": ({**NINE_TO_FIVE, **keys},)}


@pytest.mark.parametrize(
    ("days", "place", "sentence"),
    [
        ((), (), "names no day: write days from 0 (Sunday) to 6 (Saturday), or null for each day"),
        ((1, 7), (1,), "`7` is no day of the week: write 0 for Sunday, 1 for Monday ... 6 for Saturday"),
        ((-1,), (0,), "`-1` is no day of the week: write 0 for Sunday, 1 for Monday ... 6 for Saturday"),
        ((1, 5, 1), (2,), "1 is here twice: remove one"),
        (("1",), (0,), "Input should be a valid integer"),
        ((True,), (0,), "Input should be a valid integer"),
        (1, (), "Input should be a valid tuple"),
    ],
)
def test_what_are_no_days_of_the_week(days: object, place: tuple[int, ...], sentence: str) -> None:
    assert mistakes(validity_day_of_week=days) == [(("validity_day_of_week", *place), sentence)]
    assert mistakes(validity_hours=hours(days_of_week=days)) == [
        (("validity_hours", "daily", 0, "days_of_week", *place), sentence)
    ]


@pytest.mark.parametrize("time", ["9:00", "09:0", "0900", "09:00:00", "24:01", "25:00", "09:60", "9am", "", "０9:00"])
def test_a_time_of_day_has_two_digits_of_hours_and_minutes(time: str) -> None:
    assert mistakes(validity_hours=hours(start_time=time)) == [
        (
            ("validity_hours", "daily", 0, "start_time"),
            f'`{time}` is not a time of day: write it like "09:00", from "00:00" to "23:59"',
        )
    ]
    assert mistakes(validity_hours=hours(expiration_time=time)) == [
        (
            ("validity_hours", "daily", 0, "expiration_time"),
            f'`{time}` is not a time of day: write it like "17:00", or "24:00" for midnight',
        )
    ]


@pytest.mark.parametrize(
    ("given", "place", "sentence"),
    [
        (
            hours(start_time="24:00"),
            ("daily", 0, "start_time"),
            '`24:00` is not a time of day: write it like "09:00", from "00:00" to "23:59"',
        ),
        (
            hours(start_time="17:00"),
            ("daily", 0, "expiration_time"),
            '`17:00` is the start_time too: write "00:00" and "24:00" for the whole day',
        ),
        (
            hours(start_time="00:00", expiration_time="00:00"),
            ("daily", 0, "expiration_time"),
            '`00:00` is the start_time too: write "00:00" and "24:00" for the whole day',
        ),
        ({"daily": ({"start_time": "09:00"},)}, ("daily", 0, "expiration_time"), "Field required"),
        (
            {"daily": ()},
            ("daily",),
            ('names no hours: write [{start_time: "09:00", expiration_time: "17:00"}], or null for validity_hours'),
        ),
        ({}, ("daily",), "Field required"),
        ({"weekly": ()}, ("weekly",), "Extra inputs are not permitted"),
    ],
)
def test_what_are_no_hours(given: dict[str, object], place: tuple[str | int, ...], sentence: str) -> None:
    assert (("validity_hours", *place), sentence) in mistakes(validity_hours=given)


@pytest.mark.parametrize(
    ("days", "opening"),
    [
        ((1, 2), {"days_of_week": (0, 3)}),
        ((6,), {"days_of_week": (5,), "start_time": "22:00", "expiration_time": "24:00"}),
        ((6,), {"days_of_week": (5,), "start_time": "22:00", "expiration_time": "00:00"}),
        ((1,), {"days_of_week": (6,), "start_time": "22:00", "expiration_time": "02:00"}),
    ],
)
def test_hours_that_never_hold_are_a_mistake(days: tuple[int, ...], opening: dict[str, object]) -> None:
    given = {"daily": (NINE_TO_FIVE, {**NINE_TO_FIVE, **opening})}

    assert mistakes(validity_day_of_week=days, validity_hours=given) == [
        (
            ("validity_hours", "daily", 1, "days_of_week"),
            "never holds: validity_day_of_week has none of these days; change one of the two",
        )
    ]


@pytest.mark.parametrize("days", [(5,), (6,), (0, 6)])
def test_hours_over_midnight_hold_on_the_day_after_too(days: tuple[int, ...]) -> None:
    night = hours(start_time="22:00", expiration_time="02:00", days_of_week=(5,))

    assert campaign(validity_day_of_week=days, validity_hours=night).validity_day_of_week == days


@pytest.mark.parametrize(
    ("currency", "written"), [("EUR", "50.00"), ("JPY", "50"), ("KWD", "50.000"), ("CLF", "50.0000")]
)
def test_the_minimum_of_an_order_is_kept_with_the_decimals_of_the_currency(currency: str, written: str) -> None:
    assert campaign(currency=currency, minimum_order="50").minimum_order == written


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
        "start_date": st.none() | st.dates(max_value=date(2020, 4, 30)),
        "expiration_date": st.none() | st.dates(min_value=date(2020, 4, 30)),
        "no_expiry_in": st.lists(st.sampled_from(["US-ME", "us-me", "PL", "POL"])).map(tuple),
        "eligible": st.sampled_from([{}, {"status": ["a", "B "]}, {"order_amount": {"max": "10"}}]),
        "metadata": st.dictionaries(st.sampled_from("abc"), st.just("x")),
        "voucher": st.sampled_from([{}, {"code_config": {"length": 20, "postfix": "-EU"}}]),
        "validity": st.sampled_from([(), ({"when": {"tier": ["gold"]}, "duration": "P24M", "until_end_of": "year"},)]),
        "refund": st.sampled_from(
            [
                {},
                {"fees": ({"name": "a", "fixed": "5"}, {"name": "b", "when": {"tickets": [2]}, "percentage": "7.50"})},
                {
                    "bonuses": ({"name": "c", "when": {"customer_total": {"min": "5"}}, "fixed": "1", "total": "9"},),
                    "bonus_stacking": "sum",
                    "offers": ({"when": {"country": ["us-me"]}, "offer": "cash"}, {"offer": "none"}),
                    "requires_acceptance": True,
                },
            ]
        ),
        "budget": st.sampled_from([None, {"cards": 5}, {"total": "5000", "per_card": "010", "warn_at": "80.0"}]),
        "approval": st.sampled_from([None, {"above": "0"}]),
        "validity_day_of_week": st.none() | st.lists(st.integers(0, 4), unique=True).map(lambda days: (5, *days)),
        "validity_hours": st.sampled_from(
            [None, hours(), {"daily": (NINE_TO_FIVE, {**NINE_TO_FIVE, "start_time": "20:30", "days_of_week": (5,)})}]
        ),
        "invoice": st.sampled_from(["required", "optional"]),
        "minimum_order": st.sampled_from([None, "50"]),
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


def test_a_definition_of_a_version_without_rules_is_read_back_as_the_same_campaign() -> None:
    keys = json.loads(campaign(card_per="customer", no_expiry_in=("US-ME",)).definition())
    unknown = {"refund", "budget", "approval", "validity", "invoice", "minimum_order"}
    earlier = json.dumps({key: keys[key] for key in keys.keys() - unknown})

    back = Campaign.from_definition("flight-refunds", earlier)

    assert (back.refund, back.budget, back.approval, back.validity) == (Refund(), None, None, ())
    assert json.loads(back.definition()) == keys


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
        ({"refund": {}, "budget": None, "approval": None, "validity": ()}, {}),
        (
            {"refund": {"fees": ({"name": "a", "fixed": "5"},)}},
            {
                "refund": {
                    "fees": ({"name": "a", "when": {}, "fixed": "05.00", "percentage": "0.0", "per_ticket": None},)
                }
            },
        ),
        (
            {"refund": {"bonuses": ({"name": "a", "percentage": "7.5", "at_most": "9"},)}},
            {"refund": {"bonuses": ({"name": "a", "percentage": "07.50", "at_most": "9.00", "total": None},)}},
        ),
        (
            {"refund": {"offers": ({"when": {"tier": ["B", "a"]}, "offer": "none"},)}},
            {"refund": {"offers": ({"when": {"tier": ["a", " b"]}, "offer": "none"},)}},
        ),
        ({"validity": ({"duration": "P12M"},)}, {"validity": ({"duration": "P1Y", "until_end_of": None},)}),
        ({"budget": {"total": "1000"}}, {"budget": {"total": "1000.00", "cards": None}}),
        ({"approval": {"above": "0"}}, {"approval": {"above": "0.00"}}),
        ({"invoice": "required", "minimum_order": None, "start_date": None, "validity_hours": None}, {}),
        ({"minimum_order": "50"}, {"minimum_order": "050.00"}),
        ({"validity_day_of_week": (5, 0, 1)}, {"validity_day_of_week": (0, 1, 5)}),
        ({"validity_hours": hours(days_of_week=(2, 1))}, {"validity_hours": hours(days_of_week=(1, 2))}),
        ({"validity_hours": hours(days_of_week=None)}, {"validity_hours": hours()}),
        ({"validity_hours": hours(expiration_time="00:00")}, {"validity_hours": hours(expiration_time="24:00")}),
        (
            {"validity_hours": {"daily": (NINE_TO_FIVE, {**NINE_TO_FIVE, "start_time": "08:00"}, NINE_TO_FIVE)}},
            {"validity_hours": {"daily": ({**NINE_TO_FIVE, "start_time": "08:00"}, NINE_TO_FIVE)}},
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
        {"refund": {"fees": ({"name": "a", "fixed": "0"},)}},
        {"refund": {"redeem_order": "paid_first"}},
        {"budget": {"cards": 1}},
        {"approval": {"above": "0"}},
        {"validity": ({"duration": "P1Y"},)},
        {"invoice": "optional"},
        {"minimum_order": "50.00"},
        {"start_date": "2020-06-01"},
        {"validity_day_of_week": (1,)},
        {"validity_hours": hours()},
        {"voucher": {"redemption": {"quantity": 1}}},
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


# --- Rules beside each other ---


def rules(count: int) -> tuple[dict[str, object], ...]:
    return tuple({"name": f"rule-{at}", "fixed": "1.00"} for at in range(count))


def test_a_campaign_has_as_many_rules_as_the_ledger_can_count() -> None:
    assert RULES_MAX == 60

    full = campaign(
        refund={"fees": rules(57), "bonuses": ({"name": "gold", "fixed": "1"},), "offers": ({"offer": "cash"},)},
        validity=({"duration": "P1Y"},),
    )

    assert len(full.refund.fees) == 57


def test_one_rule_more_is_refused_whatever_its_kind() -> None:
    found = mistakes(
        refund={"fees": rules(58), "bonuses": ({"name": "gold", "fixed": "1"},), "offers": ({"offer": "cash"},)},
        validity=({"duration": "P1Y"},),
    )

    assert found == [
        (
            ("validity", 0),
            (
                "is one too many: a campaign has at most 60 fees, bonuses, offers and rules of validity in all, and "
                "this one has 61; leave some out"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("currency", "written"),
    [("EUR", ("5.00", "0.00")), ("JPY", ("5", "0")), ("KWD", ("5.000", "0.000")), ("CLF", ("5.0000", "0.0000"))],
)
def test_amounts_of_rules_are_kept_with_the_decimals_of_the_currency(currency: str, written: tuple[str, str]) -> None:
    kept = campaign(
        currency=currency,
        refund={"fees": ({"name": "a", "fixed": "5"},)},
        budget={"total": "5"},
        approval={"above": "5"},
    )

    [fee] = kept.refund.fees
    assert (fee.fixed, fee.per_ticket) == written
    assert kept.budget is not None
    assert kept.budget.total == written[0]
    assert kept.approval is not None
    assert kept.approval.above == written[0]


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"refund": {"fees": ({"name": "a", "per_ticket": "0.5"},)}}, ("refund", "fees", 0, "per_ticket")),
        ({"refund": {"bonuses": ({"name": "a", "fixed": "0.5"},)}}, ("refund", "bonuses", 0, "fixed")),
        (
            {"refund": {"offers": ({"when": {"customer_total": {"min": "0.5"}}, "offer": "cash"},)}},
            ("refund", "offers", 0, "when", "customer_total", "min"),
        ),
        (
            {"validity": ({"when": {"order_amount": {"max": "0.5"}}, "duration": "P1Y"},)},
            ("validity", 0, "when", "order_amount", "max"),
        ),
        ({"budget": {"per_customer": "0.5"}}, ("budget", "per_customer")),
        ({"minimum_order": "0.5"}, ("minimum_order",)),
        ({"approval": {"above": "0.5"}}, ("approval", "above")),
    ],
)
def test_no_amount_of_a_rule_is_finer_than_the_currency(keys: dict[str, object], place: tuple[str | int, ...]) -> None:
    assert mistakes(currency="JPY", **keys) == [(place, "`0.5` has more decimals than JPY has (0)")]
