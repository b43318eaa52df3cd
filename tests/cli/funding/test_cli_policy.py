"""Refunds by rule, from outside: what is kept back, what comes on top, and who gets a card, cash or nothing."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.books import everything
from support.command_line import CAMPAIGN
from support.desks.bookings_desk import booking, column, only, rows_of
from support.desks.policy_desk import PolicyDesk

Rules = dict[str, Any]
SERVICE = {"name": "service", "fixed": "10.00", "percentage": "10"}
THANKS = {"name": "thanks", "percentage": "10"}
ZERO = {"paid": 0, "bonus": 0, "fee": 0, "cash": 0, "total": 0}


@pytest.fixture
def desk(tmp_path: Path) -> PolicyDesk:
    return PolicyDesk(tmp_path)


def posted(desk: PolicyDesk) -> list[tuple[str, ...]]:
    """Card, refund line, bucket, amount and rule of each transaction."""
    columns = ("card_id", "source_id", "bucket", "amount", "reason")
    return [tuple(row[name] for name in columns) for row in desk.export("transactions")]


def bookings_of(desk: PolicyDesk, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in columns) for row in desk.export("bookings")]


# --- The figures ---

FIGURES: dict[str, tuple[str, Rules, dict[str, str], dict[str, int]]] = {
    "fees fixed and by percentage": (
        "EUR",
        {"fees": [SERVICE]},
        {"order_amount": "46.00"},
        {"paid": 3_140, "fee": 1_460},
    ),
    "a fee per ticket": (
        "EUR",
        {"fees": [{"name": "seats", "per_ticket": "2.00"}]},
        {"order_amount": "46.00", "tickets": "2"},
        {"paid": 4_200, "fee": 400},
    ),
    "fees higher than what is refundable": (
        "EUR",
        {"fees": [SERVICE]},
        {"order_amount": "46.00", "refund_amount": "12.00"},
        {"fee": 1_200},
    ),
    "a bonus at most": (
        "EUR",
        {"bonuses": [{"name": "gold", "percentage": "20", "at_most": "15.00"}]},
        {"order_amount": "100.00"},
        {"paid": 10_000, "bonus": 1_500},
    ),
    "yen": (
        "JPY",
        {"bonuses": [{"name": "gold", "percentage": "7.5"}]},
        {"order_amount": "999"},
        {"paid": 999, "bonus": 75},
    ),
    "dinars": ("KWD", {"bonuses": [THANKS]}, {"order_amount": "1.005"}, {"paid": 1_005, "bonus": 101}),
    "half a cent": ("EUR", {"bonuses": [THANKS]}, {"order_amount": "0.05"}, {"paid": 5, "bonus": 1}),
    "less than half a cent": ("EUR", {"bonuses": [THANKS]}, {"order_amount": "0.04"}, {"paid": 4}),
    "unidades de fomento": ("CLF", {"bonuses": [THANKS]}, {"order_amount": "0.0015"}, {"paid": 15, "bonus": 2}),
    "the largest amount there is": (
        "EUR",
        {"fees": [{"name": "all", "percentage": "33.3333"}], "bonuses": [{"name": "double", "percentage": "100"}]},
        {"order_amount": "999999999999.99"},
        {"paid": 66_666_699_999_999, "bonus": 66_666_699_999_999, "fee": 33_333_300_000_000},
    ),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_figures(figure: tuple[str, Rules, dict[str, str], dict[str, int]], desk: PolicyDesk) -> None:
    currency, refund, cells, expected = figure
    answer = desk.fund(booking("B1", currency=currency, **cells), currency=currency, refund=refund)
    on_card = expected.get("paid", 0) + expected.get("bonus", 0)
    assert answer["totals"] == {currency: {**ZERO, **expected, "total": on_card}}
    desk.call("verify").ok()


def test_every_part_stands_in_the_books_with_the_rule_that_made_it(desk: PolicyDesk) -> None:
    desk.fund(
        booking("B1", "100.00", cash_amount="20.00", bonus_amount="5.00", tier="gold"),
        refund={
            "fees": [SERVICE, {"name": "late", "fixed": "1.00"}],
            "bonus_stacking": "sum",
            "bonuses": [THANKS, {"name": "gold", "when": {"tier": ["gold"]}, "fixed": "3.00"}],
        },
    )
    assert sorted(posted(desk)) == [
        ("", "B1", "cash", "20.00", ""),
        ("", "B1", "fee", "1.00", "late"),
        ("", "B1", "fee", "20.00", "service"),
        ("c1", "B1", "bonus", "3.00", "gold"),
        ("c1", "B1", "bonus", "5.00", ""),
        ("c1", "B1", "bonus", "5.90", "thanks"),
        ("c1", "B1", "paid", "59.00", ""),
    ]
    assert bookings_of(desk, "funded", "paid", "bonus", "fee", "skipped_reason") == [
        ("yes", "59.00", "13.90", "21.00", "")
    ]
    assert [row["balance"] for row in desk.export("cards")] == ["72.90"]


def test_status_has_what_was_kept(desk: PolicyDesk) -> None:
    desk.fund(booking("B1", "46.00"), refund={"fees": [SERVICE], "bonuses": [THANKS]})
    totals = desk.status()["totals"]["EUR"]
    assert {name: totals[name] for name in ("paid", "bonus", "fee", "cash", "outstanding")} == {
        "paid": 3_140,
        "bonus": 314,
        "fee": 1_460,
        "cash": 0,
        "outstanding": 3_454,
    }


def test_a_rehearsal_says_the_same_and_keeps_nothing(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE], "bonuses": [THANKS]})
    desk.load(booking("B1", "46.00"))
    desk.create()
    desk.publish()
    before = everything(desk.ledger)
    rehearsed = desk.top_up("-n")
    assert everything(desk.ledger) == before
    assert (
        desk.top_up()["totals"]
        == rehearsed["totals"]
        == {"EUR": {**ZERO, "paid": 3_140, "bonus": 314, "fee": 1_460, "total": 3_454}}
    )


# --- Nothing left ---


def test_where_fees_take_all_there_is_no_card_and_it_says_so(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE]})
    rows = [booking("B1", "46.00", refund_amount="12.00"), booking("B2", "46.00")]
    answer = desk.run(*rows)
    publish, topup = answer["steps"]["publish"]["counts"], answer["steps"]["topup"]["counts"]
    assert (publish["published"], publish["skipped_by_reason"]) == (1, {"nothing_left": 1})
    assert (topup["funded"], topup["skipped_by_reason"]) == (1, {"nothing_left": 1})
    assert answer["totals"] == {"EUR": {**ZERO, "paid": 3_140, "fee": 2_660, "total": 3_140}}
    assert column(desk.folder / "out" / "mail.csv", "booking_id") == ["B2"]
    assert bookings_of(desk, "booking_id", "card_id", "funded", "paid", "fee", "skipped_reason") == [
        ("B1", "", "no", "0.00", "12.00", "nothing_left"),
        ("B2", "c1", "yes", "31.40", "14.60", ""),
    ]

    again = desk.run(*rows)
    assert (again["run_id"], again["totals"]) == (None, {"EUR": ZERO})
    assert again["steps"]["publish"]["counts"]["skipped_by_reason"] == {"nothing_left": 1}
    assert again["steps"]["topup"]["counts"]["skipped_by_reason"] == {"nothing_left": 1}
    desk.call("verify").ok()


def test_nothing_left_is_said_to_a_person_too(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE]})
    desk.load(booking("B1", "46.00", refund_amount="12.00"))
    desk.create()
    for command in ("publish", "topup"):
        assert "1 nothing left after fees" in desk.call(command, CAMPAIGN).ok().stdout


def test_where_fees_take_all_but_the_cash_the_cash_is_owed(desk: PolicyDesk) -> None:
    answer = desk.fund(booking("B1", "46.00", cash_amount="40.00"), refund={"fees": [SERVICE]})
    assert answer["totals"] == {"EUR": {**ZERO, "cash": 4_000, "fee": 600}}
    assert (answer["counts"]["funded"], answer["counts"]["skipped"]) == (1, 0)
    assert desk.export("cards") == []


# --- Fees are due once per booking ---

THIRTY = {"fees": [{"name": "service", "fixed": "30.00"}]}


def part(refund_id: str, amount: str, **cells: str) -> dict[str, str]:
    return booking("B1", "100.00", refund_id=refund_id, refund_amount=amount, **cells)


def kept(desk: PolicyDesk) -> dict[str, str]:
    return {row["refund_id"]: row["fee"] for row in desk.export("bookings")}


def test_what_one_refund_line_can_t_give_the_next_one_does(desk: PolicyDesk) -> None:
    desk.fund(part("y", "25.00"), part("z", "55.00"), part("x", "20.00"), refund=THIRTY)
    assert kept(desk) == {"x": "20.00", "y": "10.00", "z": "0.00"}


def test_it_does_so_another_night(desk: PolicyDesk) -> None:
    desk.say(refund=THIRTY)
    for night, (refund_id, amount) in enumerate({"z": "20.00", "y": "4.00", "x": "55.00", "w": "21.00"}.items()):
        desk.run(part(refund_id, amount), out=f"night{night}")
    assert kept(desk) == {"z": "20.00", "y": "4.00", "x": "6.00", "w": "0.00"}
    assert {row["refund_id"]: row["paid"] for row in desk.export("bookings")} == {
        "z": "0.00",
        "y": "0.00",
        "x": "49.00",
        "w": "21.00",
    }
    desk.call("verify").ok()


def test_what_is_owed_in_cash_gives_no_fee_and_the_next_line_does(desk: PolicyDesk) -> None:
    desk.fund(part("x", "50.00", cash_amount="45.00"), part("y", "50.00"), refund=THIRTY)
    assert kept(desk) == {"x": "5.00", "y": "25.00"}


def test_a_line_that_gets_nothing_gives_no_fee(desk: PolicyDesk) -> None:
    offers = [{"when": {"tier": ["fraud"]}, "offer": "none"}]
    desk.fund(part("x", "50.00", tier="fraud"), part("y", "50.00"), refund={**THIRTY, "offers": offers})
    assert kept(desk) == {"x": "0.00", "y": "30.00"}


def test_two_bookings_each_give_the_fee(desk: PolicyDesk) -> None:
    rows = [booking(name, "50.00", customer_id="ana", email="ana@example.org") for name in ("B1", "B2")]
    desk.fund(*rows, refund=THIRTY, card_per="customer")
    assert [(row["fee"], row["paid"]) for row in desk.export("bookings")] == [("30.00", "20.00")] * 2
    assert [row["balance"] for row in desk.export("cards")] == ["40.00"]


# --- Offers and acceptance ---


def test_who_is_offered_cash_gets_no_card(desk: PolicyDesk) -> None:
    desk.say(
        refund={"fees": [SERVICE], "bonuses": [THANKS], "offers": [{"when": {"country": ["US-ME"]}, "offer": "cash"}]}
    )
    answer = desk.run(booking("B1", "46.00", country="US-ME"), booking("B2", "46.00", country="US-NY"))
    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {"cash_only": 1}
    assert answer["totals"]["EUR"] == {"paid": 3_140, "bonus": 314, "fee": 2_920, "cash": 3_140, "total": 3_454}
    assert column(desk.folder / "out" / "mail.csv", "booking_id") == ["B2"]
    assert bookings_of(desk, "booking_id", "card_id", "funded", "skipped_reason") == [
        ("B1", "", "yes", "cash_only"),
        ("B2", "c1", "yes", ""),
    ]


def test_cash_that_is_owed_anyway_and_cash_that_is_offered_are_one_amount(desk: PolicyDesk) -> None:
    desk.fund(booking("B1", "46.00", cash_amount="6.00"), refund={"fees": [SERVICE], "offers": [{"offer": "cash"}]})
    assert posted(desk) == [("", "B1", "cash", "31.40", ""), ("", "B1", "fee", "14.60", "service")]


def test_who_is_offered_nothing_gets_nothing(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE], "offers": [{"when": {"tier": ["fraud"]}, "offer": "none"}]})
    answer = desk.run(booking("B1", "46.00", tier="fraud", cash_amount="5.00", bonus_amount="5.00"))
    assert answer["totals"] == {"EUR": ZERO}
    for step in ("publish", "topup"):
        assert answer["steps"][step]["counts"]["skipped_by_reason"] == {"offer_none": 1}
    assert (posted(desk), desk.export("cards")) == ([], [])


def test_the_first_offer_that_matches_counts(desk: PolicyDesk) -> None:
    offers = [
        {"when": {"tier": ["gold"]}, "offer": "gift_card"},
        {"when": {"country": ["FR"]}, "offer": "cash"},
        {"when": {"country": ["FR", "DE"]}, "offer": "none"},
    ]
    rows = [
        booking("B1", "10.00", tier="gold", country="FR"),
        booking("B2", "10.00", country="FR"),
        booking("B3", "10.00", country="DE"),
        booking("B4", "10.00", country="PL"),
    ]
    desk.fund(*rows, refund={"offers": offers})
    assert sorted(posted(desk)) == [
        ("", "B2", "cash", "10.00", ""),
        ("c1", "B1", "paid", "10.00", ""),
        ("c2", "B4", "paid", "10.00", ""),
    ]


def test_a_card_waits_until_the_customer_has_said_yes(desk: PolicyDesk) -> None:
    desk.say(refund={"requires_acceptance": True, "offers": [{"when": {"country": ["FR"]}, "offer": "cash"}]})
    asked = [booking("B1", accepted=""), booking("B2", accepted="no"), booking("B3", accepted="Yes")]
    in_cash = booking("B4", "10.00", accepted="", country="FR")
    answer = desk.run(*asked, in_cash)
    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {"not_accepted": 2, "cash_only": 1}
    assert answer["steps"]["topup"]["counts"]["skipped_by_reason"] == {"not_accepted": 2}
    assert answer["totals"]["EUR"] == {**ZERO, "paid": 10_000, "cash": 1_000, "total": 10_000}

    answer = desk.run({**asked[0], "accepted": "yes"}, asked[1], out="later")
    assert answer["steps"]["topup"]["counts"]["skipped_by_reason"] == {"not_accepted": 1}
    assert column(desk.folder / "later" / "mail.csv", "booking_id") == ["B1"]
    assert bookings_of(desk, "booking_id", "skipped_reason") == [
        ("B1", ""),
        ("B2", "not_accepted"),
        ("B3", ""),
        ("B4", "cash_only"),
    ]


def test_who_takes_a_yes_back_before_the_card_has_money_on_it_waits_again(desk: PolicyDesk) -> None:
    desk.say(refund={"requires_acceptance": True})
    desk.load(booking("B1", accepted="yes"))
    desk.create()
    desk.publish()
    desk.load(booking("B1", accepted="no"))
    assert desk.top_up()["counts"]["skipped_by_reason"] == {"not_accepted": 1}
    desk.load(booking("B1", accepted="yes"))
    assert desk.top_up()["totals"]["EUR"]["paid"] == 10_000


# --- Bonuses ---

GOLD = {"name": "gold", "when": {"tier": ["gold"]}, "percentage": "20"}
SORRY = {"name": "sorry", "fixed": "15.00"}


@pytest.mark.parametrize(
    ("stacking", "small", "large"),
    [
        ({}, {"sorry": Decimal("15.00")}, {"gold": Decimal("20.00")}),
        ({"bonus_stacking": "best"}, {"sorry": Decimal("15.00")}, {"gold": Decimal("20.00")}),
        ({"bonus_stacking": "first"}, {"gold": Decimal("10.00")}, {"gold": Decimal("20.00")}),
        (
            {"bonus_stacking": "sum"},
            {"gold": Decimal("10.00"), "sorry": Decimal("15.00")},
            {"gold": Decimal("20.00"), "sorry": Decimal("15.00")},
        ),
    ],
    ids=["by default", "best", "first", "sum"],
)
def test_stacking(stacking: Rules, small: dict[str, Decimal], large: dict[str, Decimal], desk: PolicyDesk) -> None:
    rows = [booking("B1", "50.00", tier="gold"), booking("B2", "100.00", tier="gold"), booking("B3", "1.00")]
    desk.fund(*rows, refund={"bonuses": [GOLD, SORRY], **stacking})
    assert [one.bonuses for _, one in sorted(desk.settled().items())] == [small, large, {"sorry": Decimal("15.00")}]


def test_of_equally_good_bonuses_the_first_is_given(desk: PolicyDesk) -> None:
    desk.fund(booking("B1", "75.00", tier="gold"), refund={"bonuses": [GOLD, SORRY]})
    assert only(desk.settled().values()).bonuses == {"gold": Decimal("15.00")}


def test_at_most_counts_before_bonuses_are_compared(desk: PolicyDesk) -> None:
    desk.fund(booking("B1", "200.00", tier="gold"), refund={"bonuses": [{**GOLD, "at_most": "14.99"}, SORRY]})
    assert only(desk.settled().values()).bonuses == {"sorry": Decimal("15.00")}


def test_a_total_runs_out(desk: PolicyDesk) -> None:
    """In the order of the bookings' ids; what is left of it is still given, and others step in behind it."""
    desk.say(refund={"bonuses": [{**GOLD, "total": "50.00"}, {"name": "thanks", "fixed": "1.00"}]})
    rows = [booking(f"B{number}", "100.00", tier="gold") for number in (4, 2, 1, 3)]
    desk.run(*rows)
    assert [(line[0], one.bonuses) for line, one in sorted(desk.settled().items())] == [
        ("B1", {"gold": Decimal("20.00")}),
        ("B2", {"gold": Decimal("20.00")}),
        ("B3", {"gold": Decimal("10.00")}),
        ("B4", {"thanks": Decimal("1.00")}),
    ]
    desk.run(booking("B0", "100.00", tier="gold"), out="later")
    assert desk.settled()[("B0", "B0")].bonuses == {"thanks": Decimal("1.00")}


def test_a_total_is_what_the_rule_gave_not_what_it_would_have(desk: PolicyDesk) -> None:
    """A better bonus of another rule leaves the total as it is."""
    bonuses = [{"name": "small", "fixed": "5.00", "total": "7.00"}, {**GOLD, "percentage": "10"}]
    rows = [booking("B1", tier="gold"), booking("B2", tier="gold"), booking("B3"), booking("B4"), booking("B5")]
    desk.fund(*rows, refund={"bonuses": bonuses})
    assert [sum(one.bonuses.values()) for _, one in sorted(desk.settled().items())] == [10, 10, 5, 2, 0]


def test_a_total_is_left_for_those_who_are_funded(desk: PolicyDesk) -> None:
    """B1 would take all of it, but has no card yet."""
    desk.say(refund={"bonuses": [{**THANKS, "total": "9.00"}]})
    desk.load(booking("B1", "500.00"), booking("B2", "90.00"))
    desk.create()
    desk.publish("--where", "booking_id=B2")
    assert desk.top_up()["totals"]["EUR"] == {**ZERO, "paid": 9_000, "bonus": 900, "total": 9_900}
    desk.publish()
    assert desk.top_up()["totals"]["EUR"] == {**ZERO, "paid": 50_000, "total": 50_000}


def test_what_the_customer_booked_in_all_counts_each_booking_once_and_this_currency_only(desk: PolicyDesk) -> None:
    def of_ana(booking_id: str, amount: str, **cells: str) -> dict[str, str]:
        return booking(booking_id, amount, customer_id="ana", email="ana@example.org", **cells)

    desk.say(refund={"bonuses": [{"name": "loyal", "when": {"customer_total": {"min": "500.00"}}, "percentage": "10"}]})
    parts = [of_ana("B1", "300.00", refund_id=refund_id, refund_amount="100.00") for refund_id in ("x", "y")]
    desk.run(*parts, of_ana("B2", "900.00", currency="USD"), of_ana("B3", "199.99", status="flown"))
    assert [one.bonus for one in desk.settled().values()] == [0, 0]
    desk.run(of_ana("B4", "0.01"), of_ana("B1", "300.00", refund_id="z", refund_amount="50.00"), out="later")
    assert desk.settled()[("B1", "z")].bonus == Decimal("5.00")


# --- Which definition counts ---


def test_a_published_card_keeps_the_policy_under_which_it_was_published(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE], "bonuses": [THANKS]})
    desk.load(booking("B1", "46.00"))
    desk.create()
    desk.publish()
    desk.say(refund={"fees": [{"name": "service", "fixed": "1.00"}]})
    desk.create()
    desk.load(booking("B2", "46.00"))
    desk.publish()
    assert desk.top_up()["totals"]["EUR"] == {
        **ZERO, "paid": 3_140 + 4_500, "bonus": 314, "fee": 1_460 + 100, "total": 3_140 + 314 + 4_500
    }  # fmt: skip
    desk.call("verify").ok()


def test_a_published_card_keeps_its_offer_but_not_whether_it_is_eligible(desk: PolicyDesk) -> None:
    desk.say(refund={})
    desk.load(booking("B1", tier="gold"), booking("B2", tier="silver"))
    desk.create()
    desk.publish()
    desk.say(refund={"offers": [{"offer": "none"}]}, eligible={"tier": ["gold"]})
    desk.create()
    answer = desk.top_up()
    assert (answer["counts"]["funded"], answer["counts"]["skipped_by_reason"]) == (1, {"not_eligible": 1})


def test_a_run_refuses_a_changed_policy_until_it_is_taken_in(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE]})
    desk.run(booking("B1", "46.00"))
    desk.say(refund={"fees": [{**SERVICE, "fixed": "0.00"}]})
    refused = desk.run(booking("B2", "46.00"), out="later", exits=4)
    assert refused["errors"][0]["code"] == "definition_changed"
    desk.create()
    assert desk.run(booking("B2", "46.00"), out="later")["totals"]["EUR"]["fee"] == 460


def test_a_fee_of_an_earlier_definition_counts_against_the_same_fee_of_a_later_one(desk: PolicyDesk) -> None:
    """Without a card of its own, a refund goes by the newest definition; what the booking gave already counts."""
    desk.say(refund={"fees": [{"name": "service", "fixed": "10.00"}]})
    desk.run(part("x", "8.00"))
    desk.say(refund={"fees": [{"name": "service", "fixed": "12.00"}]})
    desk.create()
    desk.run(part("y", "50.00"), out="later")
    assert kept(desk) == {"x": "8.00", "y": "4.00"}


def test_a_total_is_given_in_the_order_of_bookings_whatever_definition_counts_for_each(desk: PolicyDesk) -> None:
    bonuses = [{**THANKS, "total": "9.00"}]
    desk.say(refund={"bonuses": bonuses})
    desk.load(booking("B1", "90.00"))
    desk.create()
    desk.publish()
    desk.say(refund={"bonuses": bonuses, "fees": [SERVICE]})
    desk.create()
    desk.load(booking("B2", "90.00"))
    desk.publish()
    desk.top_up()
    assert {line[0]: one.bonus for line, one in desk.settled().items()} == {"B1": Decimal("9.00"), "B2": Decimal(0)}


# --- Validity ---

RULES = [
    {"when": {"tier": ["gold"]}, "duration": "P2Y", "until_end_of": "quarter"},
    {"when": {"tier": ["silver"]}, "duration": "P1M", "until_end_of": "month"},
    {"when": {"tier": ["bronze"]}, "duration": "P6M", "until_end_of": "year"},
    {"when": {"tier": ["gold", "plain"]}, "duration": "P2W"},
]


def expiries(desk: PolicyDesk) -> dict[str, str]:
    return {row["booking_id"]: row["expires_on"] for row in desk.export("cards")}


def of_each_tier(**cells: str) -> list[dict[str, str]]:
    return [booking(tier, "10.00", tier=tier, **cells) for tier in ("gold", "silver", "bronze", "plain", "none")]


def test_the_first_rule_of_validity_that_matches_counts(desk: PolicyDesk) -> None:
    """Published on 1 May 2020; the campaign's own duration is P365D."""
    desk.fund(*of_each_tier(), validity=RULES)
    assert expiries(desk) == {
        "gold": "2022-06-30",
        "silver": "2020-06-30",
        "bronze": "2020-12-31",
        "plain": "2020-05-15",
        "none": "2021-05-01",
    }


def test_the_campaigns_end_ends_them_all(desk: PolicyDesk) -> None:
    desk.fund(*of_each_tier(), validity=RULES, expiration_date="2020-12-30")
    assert expiries(desk) == {
        "gold": "2020-12-30",
        "silver": "2020-06-30",
        "bronze": "2020-12-30",
        "plain": "2020-05-15",
        "none": "2020-12-30",
    }


def test_where_cards_may_not_expire_no_rule_makes_them(desk: PolicyDesk) -> None:
    desk.fund(*of_each_tier(country="US-ME"), validity=RULES, no_expiry_in=["US-ME"])
    assert set(expiries(desk).values()) == {""}


@pytest.mark.parametrize(
    ("now", "until", "expires_on"),
    [
        ("2020-02-29T12:00:00Z", "month", "2021-02-28"),
        ("2020-03-31T12:00:00Z", "quarter", "2021-03-31"),
        ("2020-03-31T22:30:00Z", "quarter", "2021-06-30"),  # it is 1 April in Warsaw
        ("2020-12-31T12:00:00Z", "year", "2021-12-31"),
        ("2020-12-31T23:30:00Z", "year", "2022-12-31"),
        ("2020-11-30T12:00:00Z", "quarter", "2021-12-31"),
    ],
)
def test_until_the_end_of_the_day_that_it_is_in_the_campaigns_time_zone(
    now: str, until: str, expires_on: str, tmp_path: Path
) -> None:
    desk = PolicyDesk(tmp_path, now=now)
    desk.fund(booking("B1"), validity=[{"duration": "P1Y", "until_end_of": until}])
    assert expiries(desk) == {"B1": expires_on}


def test_a_later_top_up_extends_a_card_by_its_own_rule(tmp_path: Path) -> None:
    first, later = (PolicyDesk(tmp_path, now=f"2020-{month}-01T12:00:00Z") for month in ("05", "07"))
    first.say(validity=[{"when": {"tier": ["gold"]}, "duration": "P1M"}], card_per="customer")
    ana = {"customer_id": "ana", "email": "ana@example.org"}
    first.run(booking("B1", tier="gold", **ana), out="first")
    assert [row["expires_on"] for row in first.export("cards")] == ["2020-06-01"]
    later.run(booking("B2", tier="gold", **ana), out="successor")
    later.run(booking("B3", tier="plain", **ana), out="extended")
    assert [row["expires_on"] for row in later.export("cards")] == ["2020-06-01", "2021-07-01"]


# --- As a script sees it ---


def test_the_totals_of_a_run_are_those_of_its_top_up(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE], "bonuses": [THANKS]})
    answer = desk.run(booking("B1", "46.00", cash_amount="1.00"))
    expected = {"EUR": {"paid": 3_040, "bonus": 304, "fee": 1_460, "cash": 100, "total": 3_344}}
    assert answer["totals"] == answer["steps"]["topup"]["totals"] == expected


def test_a_person_reads_what_was_kept_and_what_came_on_top(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE], "bonuses": [THANKS]})
    desk.load(booking("B1", "46.00"))
    desk.create()
    desk.publish()
    said = desk.call("topup", CAMPAIGN).ok().stdout
    assert "EUR 34.54" in said.splitlines()[0]
    assert "EUR 3.14" in said
    assert "EUR 14.60" in said


def test_the_mail_has_the_whole_balance(desk: PolicyDesk) -> None:
    desk.say(refund={"fees": [SERVICE], "bonuses": [THANKS]})
    desk.run(booking("B1", "46.00"))
    assert [row["balance"] for row in rows_of(desk.folder / "out" / "mail.csv")] == ["34.54"]
