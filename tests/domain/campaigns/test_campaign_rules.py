"""Rules of a campaign: what each may say by itself, and beside the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from refundctl.domain.basics.definition_mistakes import Place
from refundctl.domain.campaigns.campaign_rules import (
    RULES_MAX,
    Approval,
    Bonus,
    BudgetKeys,
    Fee,
    OfferKeys,
    Refund,
    Validity,
    amounts_in,
    clashes,
    rules_of,
)
from refundctl.domain.campaigns.conditions import Condition

Keys = dict[str, object]


def mistakes(model: type[BaseModel], keys: Keys, currency: str | None = "EUR") -> list[tuple[Place, str]]:
    """Place and sentence of each mistake."""
    with amounts_in(currency), pytest.raises(ValidationError) as found:
        model.model_validate(keys)
    return [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in found.value.errors()]


# --- Fees and bonuses ---


def test_a_fee_is_for_every_booking_where_it_does_not_say_which() -> None:
    with amounts_in("EUR"):
        fee = Fee.model_validate({"name": "service", "percentage": "7.50"})

    assert fee.when == Condition()
    assert (fee.fixed, fee.percentage, fee.per_ticket) == ("0.00", "7.5", "0.00")


def test_a_fee_of_nothing_is_one() -> None:
    with amounts_in("EUR"):
        fee = Fee.model_validate({"name": "service", "fixed": "0.00", "percentage": "0", "per_ticket": "0.00"})

    assert (fee.fixed, fee.percentage, fee.per_ticket) == ("0.00", "0", "0.00")


@pytest.mark.parametrize("percentage", ["0", "100", "100.0000", "99.9999", "0.0001", "007.5"])
def test_percentages_of_fees(percentage: str) -> None:
    assert float(Fee.model_validate({"name": "a", "percentage": percentage}).percentage) == float(percentage)


@pytest.mark.parametrize(
    ("percentage", "sentence"),
    [
        ("100.0001", "`100.0001` is over 100: a fee keeps at most the whole of a refund"),
        ("101", "`101` is over 100: a fee keeps at most the whole of a refund"),
        ("-1", '`-1` is negative: write a percentage of zero or more, such as "7.5"'),
        ("7.12345", "`7.12345` has more than 4 decimals: round it"),
        *(
            (text, f'`{text}` is not a percentage: write it like "7.5", without a percent sign')
            for text in ("7.5%", "7,5", "", "1e1", "+5", ".5", "5.", " 5", "５", "1_0", "NaN")
        ),
    ],
)
def test_what_is_no_percentage_of_a_fee(percentage: str, sentence: str) -> None:
    assert mistakes(Fee, {"name": "a", "percentage": percentage}) == [(("percentage",), sentence)]


def test_a_bonus_may_be_more_than_the_refund_but_not_by_a_slip_of_the_pen() -> None:
    assert Bonus.model_validate({"name": "a", "percentage": "1000"}).percentage == "1000"
    assert mistakes(Bonus, {"name": "a", "percentage": "1000.5"}) == [
        (("percentage",), "`1000.5` is over 1000: write what comes on top, such as 20")
    ]


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("-5.00", '`-5.00` is negative: write an amount of zero or more, such as "25.00"'),
        ("0.001", "`0.001` has more decimals than EUR has (2)"),
        ("1" + 12 * "0", "`1000000000000` is too large: write at most 12 digits before the decimals"),
        (5000 * "9", f"`{37 * '9'}...` is too large: write at most 12 digits before the decimals"),
        *(
            (text, f'`{text}` is not an amount: write it like "25.00", without thousands signs')
            for text in ("1,50", "1.000,00", "1 000", "", "5.", ".5", "1e3", "EUR 5", "５", "1_000", "inf")
        ),
    ],
)
@pytest.mark.parametrize("key", ["fixed", "per_ticket"])
def test_what_is_no_amount(key: str, amount: str, sentence: str) -> None:
    assert mistakes(Fee, {"name": "a", key: amount}) == [((key,), sentence)]


@pytest.mark.parametrize("amount", [5, 5.0, True])
def test_an_amount_is_a_text(amount: object) -> None:
    assert mistakes(Fee, {"name": "a", "fixed": amount}) == [(("fixed",), "Input should be a valid string")]


@pytest.mark.parametrize("key", ["at_most", "total"])
def test_a_limit_of_a_bonus_is_above_zero(key: str) -> None:
    assert mistakes(Bonus, {"name": "a", "fixed": "5", key: "0.00"}) == [
        ((key,), "`0.00` is not above zero: write more, or leave the key out")
    ]


@pytest.mark.parametrize("keys", [{}, {"fixed": None}, {"fixed": None, "percentage": None}])
def test_a_rule_says_how_much(keys: Keys) -> None:
    assert mistakes(Fee, {"name": "a", **keys}) == [
        ((), "says no amount: write at least one of fixed, percentage and per_ticket")
    ]
    assert mistakes(Bonus, {"name": "a", "at_most": "5.00", **keys}) == [
        ((), "says no amount: write at least one of fixed and percentage")
    ]


def test_a_null_is_like_a_key_that_is_left_out() -> None:
    fee = Fee.model_validate({"name": "a", "fixed": "5", "percentage": None, "per_ticket": None})

    assert fee == Fee.model_validate({"name": "a", "fixed": "5"})


@pytest.mark.parametrize("name", ["gold", "2020", "a_b-c", "a" * 63])
def test_names_of_rules(name: str) -> None:
    assert Fee.model_validate({"name": name, "fixed": "1"}).name == name


@pytest.mark.parametrize("name", ["", "Gold", "-a", "a b", "a.b", "é", "a" * 64])
def test_what_no_rule_can_be_called(name: str) -> None:
    [(place, sentence)] = mistakes(Fee, {"name": name, "fixed": "1"})

    assert place == ("name",)
    assert sentence.endswith(
        "can't be a rule's name: write at most 63 small letters a-z, digits, - and _, a letter or digit first, "
        "such as late-fee"
    )


def test_a_rule_has_a_name() -> None:
    assert mistakes(Bonus, {"fixed": "1"}) == [(("name",), "Field required")]


@given(
    currency=st.sampled_from([("JPY", 0), ("EUR", 2), ("KWD", 3), ("CLF", 4)]),
    whole=st.integers(0, 10**12 - 1),
    ten_thousandths=st.integers(0, 9999),
)
def test_an_amount_is_kept_exactly_or_refused(currency: tuple[str, int], whole: int, ten_thousandths: int) -> None:
    code, decimals = currency
    text = f"{whole}.{ten_thousandths:04d}"
    with amounts_in(code):
        if ten_thousandths % 10 ** (4 - decimals):
            with pytest.raises(ValidationError, match="has more decimals than"):
                Approval.model_validate({"above": text})
        else:
            kept = Approval.model_validate({"above": text}).above
            assert kept.ljust(len(text) - 5 * (decimals == 0), "0") == text[: -5 if decimals == 0 else None]
            assert len(kept.partition(".")[2]) == decimals


# --- Conditions of rules ---


def test_the_when_of_a_rule_has_every_field_and_the_total_of_the_customer() -> None:
    offer = OfferKeys.model_validate(
        {"when": {"metadata.hotel": ["City"], "customer_total": {"max": "99.00"}}, "offer": "cash"}
    )

    assert offer.when.fields == {"metadata.hotel", "customer_total"}


@pytest.mark.parametrize(
    ("when", "place", "sentence"),
    [
        ({"customer_totl": {"min": "5"}}, "customer_totl", "; did you mean `customer_total`?"),
        ({"teir": ["gold"]}, "teir", "; did you mean `tier`?"),
        ({"tier": []}, "tier", "an empty list never matches: name at least one text, or leave the test out"),
        (
            {"customer_total": {"min": "5", "max": "4"}},
            "customer_total.max",
            "a range from 5 to 4 never matches: `min` is the smaller one",
        ),
        ({"customer_total": {"min": "0.005"}}, "customer_total.min", "`0.005` has more decimals than EUR has (2)"),
        (None, "", "takes fields and tests such as {status: [cancelled]}"),
    ],
)
def test_a_mistake_in_a_when_has_its_place(when: object, place: str, sentence: str) -> None:
    [(found, said)] = mistakes(OfferKeys, {"when": when, "offer": "none"})

    assert ".".join(map(str, found)) == f"when.{place}".removesuffix(".")
    assert said.endswith(sentence)


# --- Offers, validity, budget, approval ---


def test_an_offer_is_one_of_three() -> None:
    assert mistakes(OfferKeys, {"offer": "card"}) == [(("offer",), "Input should be 'gift_card', 'cash' or 'none'")]
    assert mistakes(OfferKeys, {}) == [(("offer",), "Field required")]


def test_the_defaults_of_a_refund() -> None:
    refund = Refund()

    assert (refund.bonus_stacking, refund.redeem_order, refund.requires_acceptance) == ("best", "bonus_first", False)


@pytest.mark.parametrize(
    ("keys", "place", "sentence"),
    [
        ({"bonus_stacking": "all"}, "bonus_stacking", "Input should be 'first', 'best' or 'sum'"),
        ({"redeem_order": "paid"}, "redeem_order", "Input should be 'bonus_first' or 'paid_first'"),
        ({"requires_acceptance": "yes"}, "requires_acceptance", "Input should be a valid boolean"),
        ({"fees": {"name": "a"}}, "fees", "Input should be a valid tuple"),
    ],
)
def test_what_a_refund_does_not_take(keys: Keys, place: str, sentence: str) -> None:
    assert mistakes(Refund, keys) == [((place,), sentence)]


def test_a_rule_of_validity_keeps_a_duration_in_one_form() -> None:
    rule = Validity.model_validate({"duration": "P24M", "until_end_of": "quarter"})

    assert (rule.duration, rule.until_end_of, rule.when) == ("P2Y", "quarter", Condition())


@pytest.mark.parametrize(
    ("keys", "place", "sentence"),
    [
        ({}, "duration", "Field required"),
        ({"duration": "P0D"}, "duration", "'P0D' is not above zero; write it like P365D, P1Y, P1Y6M or P2W"),
        ({"duration": None}, "duration", "Input should be a valid string"),
        ({"duration": "P1Y", "until_end_of": "week"}, "until_end_of", "Input should be 'month', 'quarter' or 'year'"),
    ],
)
def test_what_a_rule_of_validity_does_not_take(keys: Keys, place: str, sentence: str) -> None:
    assert mistakes(Validity, keys) == [((place,), sentence)]


@pytest.mark.parametrize(
    "keys",
    [
        {"total": "0.01"},
        {"bonus": "5"},
        {"cards": 1},
        {"per_card": "5"},
        {"per_customer": "5", "per_card": "9"},
        {"cards": 10_000, "warn_at": "100"},
        {"bonus": "5", "warn_at": "0.5"},
    ],
)
def test_budgets(keys: Keys) -> None:
    assert BudgetKeys.model_validate(keys).model_fields_set == set(keys)


@pytest.mark.parametrize(
    ("keys", "place", "sentence"),
    [
        (
            {},
            (),
            "sets no limit: write at least one of total, bonus, cards, per_card and per_customer",
        ),
        (
            {"warn_at": "80"},
            (),
            "sets no limit: write at least one of total, bonus, cards, per_card and per_customer",
        ),
        (
            {"per_card": "5", "warn_at": "80"},
            ("warn_at",),
            "warns of the use of total, bonus and cards: write one of them too, or leave this out",
        ),
        ({"total": "0"}, ("total",), "`0.00` is not above zero: write more, or leave the key out"),
        (
            {"cards": 0},
            ("cards",),
            "`0` is not above zero: write a whole number such as 1000, or leave the key out",
        ),
        ({"cards": True}, ("cards",), "Input should be a valid integer"),
        ({"cards": "5"}, ("cards",), "Input should be a valid integer"),
        ({"cards": 5, "warn_at": "0.0"}, ("warn_at",), "`0` is not above zero: write more, or leave the key out"),
        (
            {"cards": 5, "warn_at": "101"},
            ("warn_at",),
            "`101` is over 100: write how much of a limit is used when to warn, such as 80",
        ),
    ],
)
def test_what_is_no_budget(keys: Keys, place: Place, sentence: str) -> None:
    assert mistakes(BudgetKeys, keys) == [(place, sentence)]


def test_approval_may_be_asked_for_every_top_up() -> None:
    with amounts_in("EUR"):
        assert Approval.model_validate({"above": "0"}).above == "0.00"
    assert mistakes(Approval, {}) == [(("above",), "Field required")]


# --- The currency around a rule ---


def test_amounts_go_by_the_currency_that_they_are_in_and_by_none_outside() -> None:
    keys: Keys = {"above": "5.005"}

    with amounts_in("KWD"):
        assert Approval.model_validate(keys).above == "5.005"
        assert mistakes(Approval, keys, "EUR") != []
        assert Approval.model_validate(keys).above == "5.005"
    with amounts_in(None):
        assert Approval.model_validate(keys).above == "5.005"
    assert Approval.model_validate({"above": "05.00000"}).above == "5"


# --- Rules beside each other ---


def fee(name: str, **keys: object) -> Keys:
    return {"name": name, "fixed": "1.00", **keys}


GOLD, SILVER = {"tier": ["gold"]}, {"tier": ["silver"]}


def found_in(**keys: object) -> list[tuple[Place, str]]:
    return [mistake[:2] for mistake in clashes({"currency": "EUR", **keys})]


def test_rules_are_found_in_the_order_in_which_they_count() -> None:
    keys = {
        "validity": ({"duration": "P1Y"},),
        "refund": {"offers": ("?",), "bonuses": (fee("b"),), "fees": (fee("a"), fee("c"))},
    }

    assert list(rules_of(keys)) == [
        (("refund", "fees", 0), fee("a")),
        (("refund", "fees", 1), fee("c")),
        (("refund", "bonuses", 0), fee("b")),
        (("refund", "offers", 0), {"when": None}),
        (("validity", 0), {"duration": "P1Y"}),
    ]


@pytest.mark.parametrize("keys", [None, {}, {"refund": None}, {"refund": {"fees": {}}, "validity": "P1Y"}])
def test_there_are_none_where_something_else_stands(keys: object) -> None:
    assert list(rules_of(keys)) == []


def test_two_rules_of_one_name_are_refused_also_a_fee_and_a_bonus() -> None:
    assert found_in(refund={"fees": (fee("a"), fee("b"), fee("a")), "bonuses": (fee("b"), fee("c"))}) == [
        (("refund", "fees", 2, "name"), "`a` is the name of refund.fees[0] too: give one of them another name"),
        (("refund", "bonuses", 0, "name"), "`b` is the name of refund.fees[1] too: give one of them another name"),
    ]


BEHIND_ALWAYS = "before it takes every booking; put this rule before that one, or give that one a `when`"
THE_SAME = "which is looked at first, so that this rule never matches: change or remove one of them"


@pytest.mark.parametrize(
    ("place", "more"), [(("refund", "offers"), {"offer": "cash"}), (("validity",), {"duration": "P1Y"})]
)
def test_where_the_first_that_matches_counts_no_rule_stands_behind_one_that_always_does(
    place: tuple[str, ...], more: Keys
) -> None:
    rules = ({"when": GOLD, **more}, more, {"when": SILVER, **more}, more)
    keys = {"validity": rules} if place == ("validity",) else {"refund": {"offers": rules}}

    assert found_in(**keys) == [
        ((*place, 2, "when"), f"never matches: {'.'.join(place)}[1] {BEHIND_ALWAYS}"),
        ((*place, 3), f"never matches: {'.'.join(place)}[1] {BEHIND_ALWAYS}"),
    ]


def test_nor_behind_one_with_the_same_when() -> None:
    offers = (
        {"when": GOLD, "offer": "cash"},
        {"when": SILVER, "offer": "cash"},
        {"when": {"tier": [" GOLD"]}, "offer": "none"},
    )

    assert found_in(refund={"offers": offers}) == [
        (("refund", "offers", 2, "when"), f"is the same as that of refund.offers[0], {THE_SAME}")
    ]


@pytest.mark.parametrize(("stacking", "refused"), [("first", True), ("best", False), ("sum", False), (None, False)])
def test_bonuses_stand_in_each_other_s_way_only_where_the_first_counts(stacking: str | None, refused: bool) -> None:
    bonuses = (fee("a", when=GOLD), fee("b", when=GOLD), fee("c"), fee("d", when=SILVER))

    expected = [
        (("refund", "bonuses", 1, "when"), f"is the same as that of refund.bonuses[0], {THE_SAME}"),
        (("refund", "bonuses", 3, "when"), f"never matches: refund.bonuses[2] {BEHIND_ALWAYS}"),
    ]
    assert found_in(refund={"bonus_stacking": stacking, "bonuses": bonuses}) == (expected if refused else [])


def test_a_bonus_with_a_total_may_be_used_up_and_leaves_bookings_to_those_behind_it() -> None:
    bonuses = (fee("a", total="500.00"), fee("b", when=GOLD, total="500.00"), fee("c", when=GOLD), fee("d"))

    assert found_in(refund={"bonus_stacking": "first", "bonuses": bonuses}) == []


def test_all_fees_that_match_add_up_so_that_none_is_in_another_s_way() -> None:
    assert found_in(refund={"fees": (fee("a"), fee("b"), fee("c", when=GOLD), fee("d", when=GOLD))}) == []


def test_a_rule_for_another_currency_never_matches() -> None:
    offers = (
        {"when": {"currency": ["USD", "PLN"]}, "offer": "cash"},
        {"when": {"currency": ["USD", "EUR"]}, "offer": "cash"},
    )

    assert found_in(refund={"offers": offers}) == [
        (
            ("refund", "offers", 0, "when", "currency"),
            "never matches: only bookings in `EUR`, the campaign's, are funded; leave it out",
        )
    ]


def test_a_mistake_within_a_rule_hides_none_beside_it() -> None:
    fees = ({"name": "a", "when": {"teir": ["gold"]}}, {"name": "a", "fixed": "-1"}, "a", {"name": ["a"]})
    offers = ({"when": {"teir": ["gold"]}}, {"offer": "?"}, {"when": GOLD})

    assert found_in(refund={"fees": fees, "offers": offers}) == [
        (("refund", "fees", 1, "name"), "`a` is the name of refund.fees[0] too: give one of them another name"),
        (("refund", "offers", 2, "when"), f"never matches: refund.offers[1] {BEHIND_ALWAYS}"),
    ]


def test_there_are_at_most_as_many_rules_as_an_integer_has_bits() -> None:
    fees = tuple(fee(f"fee-{at}") for at in range(RULES_MAX))

    assert RULES_MAX < 64
    assert found_in(refund={"fees": fees}) == []
    [(place, sentence)] = found_in(refund={"fees": (*fees, fee("one-more"))})
    assert place == ("refund", "fees", RULES_MAX)
    assert sentence == (
        "is one too many: a campaign has at most 60 fees, bonuses, offers and rules of validity in all, and this one "
        "has 61; leave some out"
    )
