"""Which bookings a condition is for."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundctl.domain.basics.definition_mistakes import Mistake, MistakesFound
from refundctl.domain.basics.money import exponent
from refundctl.domain.campaigns.conditions import FIELDS, RULE_FIELDS, Condition

BOOKING = {
    "status": "cancelled",
    "source": "default",
    "channel": "web",
    "country": "US-ME",
    "tier": None,
    "tickets": 2,
    "accepted": "yes",
    "cancelled_at": "2020-04-30T23:59:59+02:00",
    "booked_at": "2020-01-05",
    "order_amount": 12_50,
    "refund_amount": 10_00,
    "customer_total": 5000_00,
    "metadata.hotel": "City Hotel",
}


def matches(field: str, test: object, currency: str = "EUR") -> bool:
    return Condition.parse({field: test}).matches(BOOKING, currency)


def mistakes(given_condition: object) -> tuple[Mistake, ...]:
    with pytest.raises(MistakesFound) as found:
        Condition.parse(given_condition)
    return found.value.mistakes


# --- Lists ---


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("status", ["refunded", "cancelled"]),
        ("status", [" Cancelled "]),
        ("channel", ["WEB"]),
        ("country", ["us-me"]),
        ("accepted", ["true"]),  # kept as yes
        ("tickets", ["2"]),
        ("tickets", ["02"]),
        ("tickets", [2]),
        ("metadata.hotel", ["city hotel"]),
    ],
)
def test_a_list_holds_its_value_trimmed_and_without_case(field: str, texts: list[object]) -> None:
    assert matches(field, texts)


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("status", ["cancel"]),
        ("country", ["US"]),  # a subdivision is not the country
        ("accepted", ["no"]),
        ("tickets", [3]),
        ("metadata.Hotel", ["City Hotel"]),  # headers have a case
    ],
)
def test_a_list_holds_nothing_else(field: str, texts: list[object]) -> None:
    assert not matches(field, texts)


def test_the_same_accent_written_in_two_ways_is_the_same() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"

    assert Condition.parse({"category": [decomposed]}).matches({"category": composed}, "EUR")
    assert Condition.parse({"category": [composed]}).matches({"category": decomposed}, "EUR")


def test_a_three_letter_country_finds_the_two_letters_that_a_booking_keeps() -> None:
    assert Condition.parse({"country": ["POL"]}).matches({"country": "PL"}, "EUR")


@pytest.mark.parametrize("blank", [{}, {"tier": None}, {"tier": ""}, {"tier": "  "}])
def test_a_blank_matches_only_where_the_blank_text_is_listed(blank: dict[str, str | None]) -> None:
    assert not Condition.parse({"tier": ["gold"]}).matches(blank, "EUR")
    assert Condition.parse({"tier": ["gold", ""]}).matches(blank, "EUR")


# --- Ranges ---


@pytest.mark.parametrize(
    ("field", "limits", "expected"),
    [
        ("order_amount", {"min": "12.50"}, True),
        ("order_amount", {"min": "12.51"}, False),
        ("order_amount", {"max": "12.5"}, True),
        ("order_amount", {"max": "12.49"}, False),
        ("order_amount", {"min": "0", "max": None}, True),
        ("refund_amount", {"min": "10", "max": "10"}, True),
        ("customer_total", {"min": "5000"}, True),
        ("customer_total", {"min": "5000.01"}, False),
        ("tickets", {"min": 2, "max": 2}, True),
        ("tickets", {"min": "3"}, False),
        ("tickets", {"max": 1}, False),
        ("cancelled_at", {"from": "2020-04-30"}, True),
        ("cancelled_at", {"to": "2020-04-30"}, True),  # to the end of that day
        ("cancelled_at", {"to": "2020-04-29"}, False),
        ("cancelled_at", {"from": "2020-05-01"}, False),
        ("booked_at", {"from": "2020-01-01", "to": "2020-01-31"}, True),
    ],
)
def test_both_limits_of_a_range_belong_to_it(field: str, limits: object, expected: bool) -> None:
    assert matches(field, limits) is expected


@pytest.mark.parametrize("field", ["order_amount", "refund_amount", "tickets", "booked_at", "cancelled_at"])
@pytest.mark.parametrize("value", [None, "", "n/a"])
def test_what_is_blank_or_something_else_is_in_no_range(field: str, value: str | None) -> None:
    limits = {"from": "2000-01-01"} if field.endswith("_at") else {"min": "0"}
    condition = Condition.parse({field: limits})

    assert not condition.matches({field: value}, "EUR")
    assert not condition.matches({}, "EUR")


def test_tickets_may_come_as_text() -> None:
    assert Condition.parse({"tickets": {"min": 10}}).matches({"tickets": "12"}, "EUR")
    assert not Condition.parse({"tickets": {"min": 10}}).matches({"tickets": "9"}, "EUR")


@settings(deadline=None)
@given(
    currency=st.sampled_from(["JPY", "EUR", "KWD", "CLF"]),
    amount_minor=st.integers(1, 10**12),
    low=st.decimals(0, 10**9, places=4),
    width=st.decimals(0, 10**9, places=4),
)
def test_amounts_compare_exactly_in_every_currency(
    currency: str, amount_minor: int, low: object, width: object
) -> None:
    bottom, top = Fraction(str(low)), Fraction(str(low)) + Fraction(str(width))
    limits = {"min": _text(bottom), "max": _text(top)}
    amount_major = Fraction(amount_minor, 10 ** exponent(currency))

    condition = Condition.parse({"order_amount": limits})

    assert condition.matches({"order_amount": amount_minor}, currency) is (bottom <= amount_major <= top)


def _text(amount: Fraction) -> str:
    whole, ten_thousandths = divmod(int(amount * 10_000), 10_000)
    return f"{whole}.{ten_thousandths:04d}"


# --- Conditions as a whole ---


def test_all_tests_must_hold() -> None:
    condition = Condition.parse({"status": ["cancelled"], "order_amount": {"min": "10.00"}})

    assert condition.matches({"status": "cancelled", "order_amount": 10_00}, "EUR")
    assert not condition.matches({"status": "cancelled", "order_amount": 9_99}, "EUR")
    assert not condition.matches({"status": "open", "order_amount": 10_00}, "EUR")


def test_without_tests_it_holds_for_every_booking() -> None:
    assert Condition.parse({}).matches({}, "EUR")
    assert Condition() == Condition.parse({})


def test_fields_are_what_it_looks_at() -> None:
    condition = Condition.parse({"metadata.hotel": ["City"], "status": ["cancelled"]})

    assert condition.fields == {"metadata.hotel", "status"}


def test_the_same_meaning_is_written_the_same() -> None:
    one = {"status": ["Refunded", "cancelled "], "order_amount": {"max": "0500.50", "min": None}}
    other = {"order_amount": {"max": "500.5"}, "status": ["cancelled", "REFUNDED", "refunded"]}

    assert Condition.parse(one) == Condition.parse(other)
    assert Condition.parse(one).written() == {
        "order_amount": {"max": "500.5"},
        "status": ["cancelled", "refunded"],
    }


texts = st.lists(st.text(max_size=8), min_size=1, max_size=4)
amounts = st.integers(0, 10**9).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
days = st.dates().map(lambda day: day.isoformat())
conditions = st.fixed_dictionaries(
    {},
    optional={
        "status": texts,
        "metadata.hotel": texts,
        "country": st.lists(st.sampled_from(["", "PL", "pol", "us-me"]), min_size=1),
        "order_amount": amounts.map(lambda amount: {"min": amount}),
        "refund_amount": amounts.map(lambda amount: {"max": amount}),
        "customer_total": amounts.map(lambda amount: {"min": amount}),
        "tickets": st.integers(0, 99).map(lambda count: {"min": count, "max": str(count + 1)}),
        "booked_at": days.map(lambda day: {"from": day}),
        "cancelled_at": days.map(lambda day: {"to": day}),
    },
)


@settings(deadline=None)
@given(conditions)
def test_what_is_written_is_read_back(given_condition: dict[str, object]) -> None:
    condition = Condition.parse(given_condition)

    assert Condition.parse(condition.written()) == condition


# --- Mistakes ---


@pytest.mark.parametrize(
    ("given_condition", "place", "sentence"),
    [
        ({"statuss": ["x"]}, ("statuss",), "a condition can't look at `statuss`; did you mean `status`?"),
        (
            {"metadata": {"hotel": ["City"]}},
            ("metadata",),
            "write the column with it, such as `metadata.hotel: [City]`",
        ),
        (
            {"email": ["a@b.example"]},
            ("email",),
            f"a condition can't look at `email`; there are {', '.join(RULE_FIELDS)} and metadata.KEY",
        ),
        (
            {"customer_totl": {"min": "5000.00"}},
            ("customer_totl",),
            "a condition can't look at `customer_totl`; did you mean `customer_total`?",
        ),
        ({"customer_total": ["5000.00"]}, ("customer_total",), 'takes a range such as {min: "10.00", max: "500.00"}'),
        ({"status": "cancelled"}, ("status",), "takes a list in brackets, such as `[cancelled]`"),
        ({"status": {"min": "1"}}, ("status",), "takes a list in brackets, such as `[cancelled]`"),
        ({"status": []}, ("status",), "an empty list never matches: name at least one text, or leave the test out"),
        (
            {"status": ["a", None]},
            ("status", 1),
            'takes texts; write "" for a blank, and quotes around a text such as "null"',
        ),
        (
            {"country": ["Germany"]},
            ("country", 0),
            "'Germany' is not a code of ISO 3166; write one such as PL or US-ME",
        ),
        ({"accepted": ["ja"]}, ("accepted", 0), "'ja' is neither yes nor no; write one of them"),
        ({"currency": "EUR"}, ("currency",), "takes a list in brackets, such as `[EUR]`"),
        ({"order_amount": ["5"]}, ("order_amount",), 'takes a range such as {min: "10.00", max: "500.00"}'),
        (
            {"order_amount": {}},
            ("order_amount",),
            'an empty range says nothing: write one such as {min: "10.00", max: "500.00"}',
        ),
        (
            {"order_amount": {"min": "1,50"}},
            ("order_amount", "min"),
            '`1,50` is not an amount: write it like "25.00", without thousands signs',
        ),
        (
            {"order_amount": {"min": "１"}},
            ("order_amount", "min"),
            '`１` is not an amount: write it like "25.00", without thousands signs',
        ),
        (
            {"order_amount": {"min": "5", "max": "4.99"}},
            ("order_amount", "max"),
            "a range from 5 to 4.99 never matches: `min` is the smaller one",
        ),
        ({"order_amount": {"from": "5"}}, ("order_amount", "from"), "a range has `min` and `max`, not `from`"),
        ({"tickets": {"min": "-1"}}, ("tickets", "min"), "`-1` is not a whole number such as 2"),
        ({"tickets": {"min": True}}, ("tickets", "min"), "`True` is not a whole number such as 2"),
        ({"tickets": ["two"]}, ("tickets", 0), "`two` is not a whole number such as 2"),
        ({"booked_at": {"from": "2020-02-30"}}, ("booked_at", "from"), "there is no day 2020-02-30: correct it"),
        (
            {"booked_at": {"to": "01.04.2020"}},
            ("booked_at", "to"),
            "`01.04.2020` is not a date: write it like 2020-04-30",
        ),
        ("cancelled", (), "takes fields and tests such as {status: [cancelled]}"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(
    given_condition: object, place: tuple[str | int, ...], sentence: str
) -> None:
    assert [mistake[:2] for mistake in mistakes(given_condition)] == [(place, sentence)]


def test_all_mistakes_are_found_at_once() -> None:
    found = mistakes({"statuss": ["x"], "tickets": {"min": "a", "max": "b"}, "tier": [None, "gold", None]})

    assert [mistake.place for mistake in found] == [
        ("statuss",), ("tickets", "min"), ("tickets", "max"), ("tier", 0), ("tier", 2),
    ]  # fmt: skip
    assert [mistake.at_key for mistake in found] == [True, False, False, False, False]


def test_a_limit_finer_than_the_currency_is_named() -> None:
    condition = Condition.parse({"order_amount": {"min": "5.555", "max": "9.10"}})

    assert condition.too_fine_for("KWD") == ()
    assert condition.too_fine_for("EUR") == (
        Mistake(("order_amount", "min"), "`5.555` has more decimals than EUR has (2)"),
    )
    assert [mistake.place for mistake in condition.too_fine_for("JPY")] == [
        ("order_amount", "min"),
        ("order_amount", "max"),
    ]


# --- What looks at all bookings of a customer ---


def test_what_chooses_bookings_can_not_look_at_the_customer_s_total() -> None:
    only_rules = (
        "only the `when` of a rule can look at `customer_total`, under `refund` or `validity`: leave it out here"
    )

    with pytest.raises(MistakesFound) as in_eligible:
        Condition.parse({"customer_total": {"min": "5000.00"}}, FIELDS)
    with pytest.raises(MistakesFound) as asked_for:
        Condition.asked_for({"customer_total": "5000.00"})

    assert in_eligible.value.mistakes == (Mistake(("customer_total",), only_rules, at_key=True),)
    assert asked_for.value.mistakes == in_eligible.value.mistakes


def test_nor_is_it_proposed_to_those() -> None:
    with pytest.raises(MistakesFound) as found:
        Condition.asked_for({"customer_totl": "5000.00"})

    [mistake] = found.value.mistakes
    assert mistake.sentence == (
        f"a condition can't look at `customer_totl`; there are {', '.join(FIELDS)} and metadata.KEY"
    )
