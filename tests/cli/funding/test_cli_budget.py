"""A campaign's budget: what would pass it is refused whole, or skipped card by card; nothing else is stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.books import LATER, everything, facts
from support.command_line import CAMPAIGN
from support.desks.bookings_desk import booking, column, only
from support.desks.policy_desk import PolicyDesk

TENTH = {"bonuses": [{"name": "thanks", "percentage": "10"}]}


@pytest.fixture
def desk(tmp_path: Path) -> PolicyDesk:
    return PolicyDesk(tmp_path)


def ready(desk: PolicyDesk, *rows: dict[str, str], capped: bool = False, **keys: Any) -> None:
    """Everything but the top-up is done; `capped` where the budget leaves a card out."""
    desk.say(**keys)
    if rows:
        desk.load(*rows)
    desk.create()
    desk.publish(exits=3 if capped else 0)


def refused(desk: PolicyDesk, *words: str) -> str:
    """The sentence with which a command is refused that would pass a budget; nothing may have changed."""
    before = facts(desk.ledger)
    result = desk.call(*words, "--json")
    assert result.exit == 4, result.stdout
    assert facts(desk.ledger) == before
    answer = result.json()
    assert answer["status"] == "refused"
    error = only(answer["errors"])
    assert error["code"] == "budget_exceeded"
    return str(error["message"])


def of_ana(booking_id: str, amount: str, **cells: str) -> dict[str, str]:
    return booking(booking_id, amount, customer_id="ana", email="ana@example.org", **cells)


# --- Refused whole ---


@pytest.mark.parametrize(
    ("just_enough", "too_little", "named"),
    [
        ({"total": "165.00"}, {"total": "164.99"}, ("165.00", "164.99")),
        ({"bonus": "15.00"}, {"bonus": "14.99"}, ("15.00", "14.99")),
    ],
    ids=["total", "bonus"],
)
def test_a_top_up_that_would_pass_a_budget_is_refused_whole(
    just_enough: dict[str, str], too_little: dict[str, str], named: tuple[str, str], desk: PolicyDesk
) -> None:
    ready(desk, booking("B1", "100.00"), booking("B2", "50.00"), refund=TENTH, budget=too_little)
    sentence = refused(desk, "topup", CAMPAIGN)
    assert [figure for figure in (*named, next(iter(too_little))) if figure not in sentence] == []
    assert desk.settled() == {}

    desk.say(refund=TENTH, budget=just_enough)
    desk.create()
    assert desk.top_up()["totals"]["EUR"]["total"] == 16_500
    assert desk.top_up()["run_id"] is None
    desk.call("verify").ok()


def test_what_was_given_before_counts(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "60.00"), booking("B2", "40.00"), booking("B3", "0.01"), budget={"total": "100.00"})
    for booking_id in ("B1", "B2"):
        desk.top_up("--where", f"booking_id={booking_id}")
    assert "100.01" in refused(desk, "topup", CAMPAIGN)
    assert desk.sold()["total"] == 10_000


def test_fees_and_cash_don_t_count(desk: PolicyDesk) -> None:
    fees = {"fees": [{"name": "service", "fixed": "30.00"}]}
    ready(desk, booking("B1", "100.00", cash_amount="20.00"), refund=fees, budget={"total": "50.00"})
    assert desk.top_up()["totals"]["EUR"] == {"paid": 5_000, "bonus": 0, "fee": 3_000, "cash": 2_000, "total": 5_000}


def test_a_bonus_that_comes_back_counts_as_bonus(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "100.00", bonus_amount="5.00"), budget={"bonus": "4.99"})
    assert "5.00" in refused(desk, "topup", CAMPAIGN)


def test_more_cards_than_the_budget_has_are_not_published(desk: PolicyDesk) -> None:
    desk.say(budget={"cards": 2})
    desk.load(booking("B1"), booking("B2"), booking("B3"))
    desk.create()
    assert "cards" in refused(desk, "publish", CAMPAIGN)
    assert desk.publish("--limit", "2")["counts"]["published"] == 2
    refused(desk, "publish", CAMPAIGN, "--limit", "1")
    assert desk.top_up()["counts"]["funded"] == 2


def test_a_run_is_refused_whole_with_all_that_it_loaded(desk: PolicyDesk) -> None:
    desk.say(budget={"total": "150.00"})
    desk.run(booking("B1", "100.00"))
    before = facts(desk.ledger)
    answer = desk.run(booking("B2", "50.00"), booking("B3", "0.01"), out="later", exits=4)
    assert only(answer["errors"])["code"] == "budget_exceeded"
    assert facts(desk.ledger) == before
    assert not (desk.folder / "later" / "mail.csv").exists()
    assert desk.run(booking("B2", "50.00"), out="later")["totals"]["EUR"]["paid"] == 5_000


def test_a_rehearsal_is_refused_too(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "100.00"), budget={"total": "99.99"})
    before = everything(desk.ledger)
    answer = desk.top_up("-n", exits=4)
    assert only(answer["errors"])["code"] == "budget_exceeded"
    assert everything(desk.ledger) == before


def test_the_attempt_is_recorded(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "100.00"), budget={"total": "99.99"})
    desk.top_up(exits=4)
    last = desk.call("runs", "--json").ok().json()["runs"][-1]
    assert (last["command"], last["status"]) == ("topup", "refused")


def test_the_budget_of_the_newest_definition_counts_for_cards_published_before(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "100.00"))
    desk.say(budget={"total": "99.99"})
    desk.create()
    refused(desk, "topup", CAMPAIGN)


def test_a_budget_below_what_was_given_stops_what_comes_and_nothing_else(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "100.00"))
    desk.top_up()
    desk.say(budget={"total": "50.00", "cards": 1})
    desk.create()
    assert desk.top_up()["counts"]["already_funded"] == 1
    assert desk.publish()["counts"]["already_published"] == 1
    desk.load(booking("B2", "0.01", cash_amount="0.01"))
    assert desk.top_up()["totals"]["EUR"]["cash"] == 1


# --- Skipped card by card ---


def test_a_card_above_its_cap_is_skipped_and_the_others_are_funded(desk: PolicyDesk) -> None:
    rows = [booking("B1", "90.92"), booking("B2", "90.91"), booking("B3", "1.00")]
    desk.say(refund=TENTH, budget={"per_card": "100.00"})
    answer = desk.run(*rows, exits=3)
    assert answer["status"] == "partial"
    for step, done in (("publish", "published"), ("topup", "funded")):
        counts = answer["steps"][step]["counts"]
        assert (counts[done], counts["skipped_by_reason"]) == (2, {"per_card": 1})
    assert column(desk.folder / "out" / "mail.csv", "balance") == ["100.00", "1.10"]
    assert [(row["booking_id"], row["funded"], row["skipped_reason"]) for row in desk.export("bookings")] == [
        ("B1", "no", "per_card"),
        ("B2", "yes", ""),
        ("B3", "yes", ""),
    ]
    assert desk.top_up(exits=3)["run_id"] is None

    desk.say(refund=TENTH, budget={"per_card": "100.01"})
    desk.create()
    assert desk.run(*rows, out="later")["totals"]["EUR"]["total"] == 10_001
    desk.call("verify").ok()


def test_a_cap_of_a_customer_counts_all_the_cards(desk: PolicyDesk) -> None:
    desk.say(budget={"per_customer": "100.00"})
    desk.run(of_ana("B1", "60.00"), booking("B9", "100.00"))
    answer = desk.run(of_ana("B2", "40.01"), booking("B3", "99.00"), out="later", exits=3)
    assert answer["steps"]["topup"]["counts"]["skipped_by_reason"] == {"per_customer": 1}
    assert column(desk.folder / "later" / "mail.csv", "booking_id") == ["B3"]
    desk.run(of_ana("B4", "40.00"), out="more")
    assert desk.sold()["per_customer"] == 10_000


def test_a_cap_of_a_card_counts_all_that_was_put_on_it(desk: PolicyDesk) -> None:
    desk.say(budget={"per_card": "100.00"}, card_per="customer")
    desk.run(of_ana("B1", "60.00"))
    answer = desk.run(of_ana("B2", "40.01"), out="later", exits=3)
    assert answer["steps"]["topup"]["counts"]["skipped_by_reason"] == {"per_card": 1}
    desk.run(of_ana("B3", "40.00"), out="more")
    assert desk.sold()["per_card"] == 10_000


def test_what_was_put_on_a_card_that_has_expired_leaves_its_successor_free(desk: PolicyDesk) -> None:
    desk.say(budget={"per_card": "100.00"}, card_per="customer", activity_duration_after_publishing="P30D")
    desk.run(of_ana("B1", "80.00"))
    later = replace(desk, now=LATER)
    assert later.run(of_ana("B2", "50.00"), out="later")["totals"]["EUR"]["paid"] == 5_000
    assert later.run(of_ana("B3", "50.01"), out="too-much", exits=3)["totals"]["EUR"]["paid"] == 0


def test_a_further_refund_over_the_cap_is_reported_beside_one_that_was_funded_before(desk: PolicyDesk) -> None:
    first, further = (booking("B1", "200.00", refund_id=name, refund_amount="60.00") for name in ("one", "two"))
    desk.say(budget={"per_card": "100.00"})
    desk.run(first)
    answer = desk.run(first, further, out="further", exits=3)
    assert only(answer["errors"])["code"] == "budget_exceeded"
    assert desk.publish(exits=3)["counts"]["already_published"] == 1
    assert desk.top_up(exits=3)["counts"]["skipped_by_reason"] == {"per_card": 1}


def test_what_is_skipped_doesn_t_count_for_the_budget_nor_for_a_rules_total(desk: PolicyDesk) -> None:
    bonuses = [{"name": "thanks", "percentage": "10", "total": "9.00"}]
    rows = [booking("B1", "500.00"), booking("B2", "90.00")]
    ready(desk, *rows, capped=True, refund={"bonuses": bonuses}, budget={"per_card": "100.00", "total": "99.00"})
    assert desk.top_up(exits=3)["totals"]["EUR"] == {"paid": 9_000, "bonus": 900, "fee": 0, "cash": 0, "total": 9_900}


def test_what_is_skipped_gives_no_fee(desk: PolicyDesk) -> None:
    fees = {"fees": [{"name": "service", "fixed": "10.00"}]}
    ready(desk, booking("B1", "500.00"), capped=True, refund=fees, budget={"per_card": "100.00"})
    assert set(desk.top_up(exits=3)["totals"]["EUR"].values()) == {0}
    ready(desk, refund=fees, budget={"per_card": "490.00"})
    assert desk.top_up()["totals"]["EUR"] == {"paid": 49_000, "bonus": 0, "fee": 1_000, "cash": 0, "total": 49_000}


# --- Taken back ---


def test_what_was_undone_may_be_given_again(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "60.00"), booking("B2", "50.00"), budget={"total": "100.00", "cards": 2})
    given = desk.top_up("--where", "booking_id=B1")
    refused(desk, "topup", CAMPAIGN)
    desk.call("undo", str(given["run_id"])).ok()
    answer = desk.top_up()
    assert (answer["counts"]["funded"], answer["counts"]["skipped_by_reason"]) == (1, {"undone": 1})
    assert desk.sold()["total"] == 5_000


# --- Said ---


def test_status_says_what_is_used_and_left(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "60.00"), refund=TENTH, budget={"total": "100.00", "bonus": "10.00", "cards": 5})
    desk.top_up()
    found = desk.status()["budget"]
    assert {name: (found[name]["used"], found[name]["left"]) for name in ("total", "bonus", "cards")} == {
        "total": (6_600, 3_400),
        "bonus": (600, 400),
        "cards": (1, 4),
    }


def test_it_warns_once_so_much_is_used(desk: PolicyDesk) -> None:
    ready(desk, booking("B1", "79.99"), booking("B2", "0.01"), budget={"total": "100.00", "warn_at": "80"})
    assert desk.call("topup", CAMPAIGN, "--where", "booking_id=B1").ok().stderr == ""
    warned = desk.call("topup", CAMPAIGN).ok()
    assert "80" in warned.stderr
    assert "100.00" in warned.stderr


def test_what_a_cap_leaves_out_is_eligible_and_shown(desk: PolicyDesk) -> None:
    """Two bookings of one customer together pass the cap; the third customer's doesn't."""
    desk.say(budget={"per_customer": "150.00"})
    rows = [booking(name, customer_id="ana", email="ana@example.org") for name in ("B1", "B2")]
    answer = desk.run(*rows, booking("B3"), exits=3)
    counts = answer["steps"]["publish"]["counts"]
    assert {name: counts[name] for name in ("eligible", "published", "already_published", "skipped_by_reason")} == {
        "eligible": 3,
        "published": 1,
        "already_published": 0,
        "skipped_by_reason": {"per_customer": 2},
    }
    [error] = answer["errors"]
    assert error["message"].startswith(
        "2 eligible bookings of flight-refunds would bring a customer over budget.per_customer:"
    )
    counts = desk.status()["counts"]
    assert (counts["bookings"], counts["refund_lines"], counts["funded"], counts["over_cap"]) == (3, 3, 1, 2)
