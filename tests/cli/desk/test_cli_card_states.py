"""`refundctl card activate`, `assign`, `disable`, `enable`, `deactivate` and `extend`: what becomes of single cards."""

from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import PRINTED, booking, csv_text, only, rows_of
from support.desks.till import MAY_DAY, Till

A_YEAR = "2021-05-01"  # the last valid day of what is handed out on the first of May
TOO_LATE = "2021-05-02T12:00:00Z"
DEEDS = ("activate", "disable", "enable", "deactivate")


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def printed(till: Till, *rows: dict[str, str], cards: int = 3, **keys: Any) -> Till:
    """A campaign of cards that somebody has printed, c1, c2 ...; and these bookings, without cards yet."""
    till.say(**keys)
    (till.folder / "codes.csv").write_text(csv_text(*({"code": code} for code in PRINTED[:cards])), encoding="utf-8")
    (till.folder / "bookings.csv").write_text(csv_text(*(rows or (booking("B1"),))), encoding="utf-8")
    till.call("load", "bookings.csv").ok()
    till.call("create", CAMPAIGN, "--codes", "codes.csv").ok()
    return till


def deed(till: Till, *words: str, now: str | None = None) -> CommandResult:
    return till.call("card", *words, "--json", now=now)


def done(till: Till, *words: str, now: str | None = None) -> tuple[dict[str, int], str, str | None]:
    """Counts, and the card's state and last valid day afterwards."""
    answer = deed(till, *words, now=now).ok().json()
    return answer["counts"], answer["card"]["state"], answer["card"]["expires_on"]


def refused(till: Till, *words: str, now: str | None = None) -> tuple[int, str]:
    """Exit code and error code of what changes nothing."""
    before = till.facts()
    result = deed(till, *words, now=now)
    assert till.facts() == before
    return result.exit, only(result.json()["errors"])["code"]


def cards(till: Till, *columns: str) -> list[tuple[str, ...]]:
    text = till.call("export", "cards", CAMPAIGN, "-o", "-").ok().stdout
    return [tuple(row[name] for name in columns) for row in rows_of(text)]


# --- activate ---


def test_a_printed_card_comes_alive_for_whoever_has_it(till: Till) -> None:
    printed(till, redeemable_by="anyone")
    assert done(till, "activate", "c1") == ({"activated": 1}, "active", A_YEAR)
    till.call("card", "adjust", "c1", "--amount", "20", "--reason", "sold").ok()
    till.redeem(customer=None, amount="5").ok()
    assert till.balance() == {"paid": 1500}
    till.call("verify").ok()


def test_again_there_is_nothing_to_do(till: Till) -> None:
    printed(till)
    deed(till, "activate", "c1").ok()
    before = till.facts()
    assert done(till, "activate", "c1") == ({"activated": 0}, "active", A_YEAR)
    assert done(till, "activate", "c1", now=TOO_LATE) == ({"activated": 0}, "expired", A_YEAR)
    assert till.facts() == before
    assert till.call("card", "activate", "c1").ok().stdout == "Card c1 is alive already. Nothing to do.\n"


def test_its_code_names_it_as_well_and_is_not_shown(till: Till) -> None:
    printed(till)
    result = deed(till, "activate", PRINTED[1].lower().replace("-", " ")).ok()
    assert (result.json()["card"]["card_id"], result.json()["card"]["code"]) == ("c2", "****QE-R")
    till.show_no_code(result, till.call("runs", "--json"))


def test_activated_with_a_customer_it_has_a_holder(till: Till) -> None:
    printed(till)
    assert done(till, "activate", "c1", "--customer", "C-B1") == ({"activated": 1}, "active", A_YEAR)
    assert cards(till, "card_id", "customer_id", "booking_id")[0] == ("c1", "C-B1", "")
    assert done(till, "activate", "c1", "--customer", "C-B1")[0] == {"activated": 0}
    till.call("verify").ok()


def test_a_published_card_is_alive_already(till: Till) -> None:
    till.open()
    assert done(till, "activate", "c1") == ({"activated": 0}, "active", A_YEAR)


def test_validity_begins_when_it_is_handed_out_by_the_definition_of_that_day(till: Till) -> None:
    printed(till, activity_duration_after_publishing="P1M")
    assert done(till, "activate", "c1", now="2020-05-31T21:59:59Z")[2] == "2020-06-30"
    # In Warsaw it is June already.
    assert done(till, "activate", "c2", now="2020-05-31T22:00:00Z")[2] == "2020-07-01"
    till.say(activity_duration_after_publishing=None)
    till.call("create", CAMPAIGN).ok()
    assert till.call("card", "activate", "c3").ok().stdout == "Activated card c3, which never expires.\n"
    till.call("verify").ok()


def test_a_campaign_that_is_over_hands_out_nothing(till: Till) -> None:
    printed(till, expiration_date="2020-05-01")
    assert refused(till, "activate", "c1", now="2020-05-02T12:00:00Z") == (4, "voucher_expired")
    assert done(till, "activate", "c1")[2] == "2020-05-01"


@pytest.mark.parametrize("words", [["activate", "c1"], ["assign", "c1", "--customer", "C-B1"]])
def test_while_the_campaign_is_paused_nothing_is_handed_out(till: Till, words: list[str]) -> None:
    printed(till)
    till.call("pause", CAMPAIGN, "--reason", "theft").ok()
    assert refused(till, *words) == (4, "campaign_paused")
    # But a stolen card can be blocked.
    assert done(till, "disable", "c1")[0] == {"disabled": 1}


def test_unknown_cards_and_customers(till: Till) -> None:
    printed(till)
    assert refused(till, "activate", "c99") == (4, "resource_not_found")
    assert refused(till, "activate", "RF-XXXX-YYYY-ZZZZ-WWWW") == (4, "resource_not_found")
    assert refused(till, "activate", "c1", "--customer", "nobody") == (4, "resource_not_found")
    assert refused(till, "assign", "c1", "--customer", "nobody") == (4, "resource_not_found")


# --- assign ---


def test_a_card_of_the_pool_gets_a_holder(till: Till) -> None:
    printed(till)
    assert done(till, "assign", "c2", "--customer", "C-B1") == ({"assigned": 1}, "active", A_YEAR)
    assert cards(till, "card_id", "customer_id", "state", "expires_on") == [
        ("c1", "", "unassigned", ""),
        ("c2", "C-B1", "active", A_YEAR),
        ("c3", "", "unassigned", ""),
    ]
    assert done(till, "assign", "c2", "--customer", "C-B1") == ({"assigned": 0}, "active", A_YEAR)
    till.call("verify").ok()


def test_another_customers_card_is_not_given_away(till: Till) -> None:
    printed(till, booking("B1"), booking("B2"))
    deed(till, "assign", "c1", "--customer", "C-B1").ok()
    assert refused(till, "assign", "c1", "--customer", "C-B2") == (4, "customer_rules_violated")
    assert refused(till, "activate", "c1", "--customer", "C-B2") == (4, "customer_rules_violated")


def test_a_bearers_card_keeps_its_last_day_when_it_gets_a_holder(till: Till) -> None:
    printed(till)
    deed(till, "activate", "c1").ok()
    assert done(till, "assign", "c1", "--customer", "C-B1", now="2020-11-01T12:00:00Z") == (
        {"assigned": 1},
        "active",
        A_YEAR,
    )
    deed(till, "activate", "c2").ok()
    deed(till, "extend", "c2", "--until", "2022-12-31").ok()
    assert done(till, "activate", "c2", "--customer", "C-B1")[2] == "2022-12-31"
    deed(till, "activate", "c3").ok()
    assert refused(till, "assign", "c3", "--customer", "C-B1", now=TOO_LATE) == (4, "voucher_expired")
    till.call("verify").ok()


def test_where_cards_may_not_expire_an_assigned_one_does_not(till: Till) -> None:
    rows = (booking("B1", country="US-ME"), booking("B2", country="DE"), booking("B3"))
    printed(till, *rows, no_expiry_in=["US-ME"])
    (till.folder / "people.csv").write_text("customer_id,country\nC-B3,us-me\n", encoding="utf-8")
    till.call("load-customers", "people.csv").ok()
    last_days = [done(till, "assign", f"c{n}", "--customer", f"C-B{n}")[2] for n in (1, 2, 3)]
    assert last_days == [None, A_YEAR, None]
    till.call("verify").ok()


def test_money_goes_onto_the_card_that_a_customer_has_been_given(till: Till) -> None:
    printed(till, booking("B1", "30.00"), booking("B2", "7.00"), card_per="customer")
    deed(till, "assign", "c3", "--customer", "C-B1").ok()
    till.call("publish", CAMPAIGN).ok()
    till.call("topup", CAMPAIGN).ok()
    assert cards(till, "card_id", "customer_id", "balance") == [
        ("c1", "C-B2", "7.00"),
        ("c2", "", "0.00"),
        ("c3", "C-B1", "30.00"),
    ]
    till.call("verify").ok()


def test_several_cards_for_one_customer(till: Till) -> None:
    printed(till, card_per="customer")
    for card in ("c1", "c2", "c3"):
        deed(till, "assign", card, "--customer", "C-B1").ok()
    assert read(till.ledger, "SELECT card, ordinal FROM assignments ORDER BY id") == [(1, 1), (2, 2), (3, 3)]
    till.call("verify").ok()


def test_a_customer_of_a_campaign_per_booking_gets_the_bookings_card_besides(till: Till) -> None:
    printed(till, booking("B1", "30.00"))
    deed(till, "assign", "c1", "--customer", "C-B1").ok()
    till.call("publish", CAMPAIGN).ok()
    till.call("topup", CAMPAIGN).ok()
    assert cards(till, "card_id", "customer_id", "booking_id", "balance")[:2] == [
        ("c1", "C-B1", "", "0.00"),
        ("c2", "C-B1", "B1", "30.00"),
    ]
    till.call("verify").ok()


# --- The pool and the budget ---


def test_the_pool_gives_away_only_cards_that_wait_there(till: Till) -> None:
    rows = [booking(f"B{n}", "1.00") for n in range(1, 5)]
    printed(till, *rows, cards=6, type="STATIC", vouchers_count=None)
    deed(till, "activate", "c1").ok()
    deed(till, "disable", "c2").ok()
    deed(till, "deactivate", "c3").ok()
    deed(till, "disable", "c4").ok()
    deed(till, "enable", "c4").ok()
    result = till.call("publish", CAMPAIGN, "--json")
    assert (result.exit, result.json()["counts"]["published"]) == (3, 3)
    assert result.json()["counts"]["skipped_by_reason"] == {"no_voucher_suitable_for_publication": 1}
    assert cards(till, "card_id", "booking_id", "state") == [
        ("c1", "", "active"),
        ("c2", "", "disabled"),
        ("c3", "", "deactivated"),
        ("c4", "B1", "active"),
        ("c5", "B2", "active"),
        ("c6", "B3", "active"),
    ]
    # c2 waits again once it is enabled.
    deed(till, "enable", "c2").ok()
    till.call("publish", CAMPAIGN).ok()
    assert cards(till, "card_id", "booking_id")[1] == ("c2", "B4")
    till.call("topup", CAMPAIGN).ok()
    till.call("verify").ok()


def test_a_pool_of_which_nothing_waits_leaves_topups_short(till: Till) -> None:
    printed(till, booking("B1"), cards=1, type="STATIC", vouchers_count=None)
    deed(till, "disable", "c1").ok()
    assert till.call("publish", CAMPAIGN).exit == 3
    result = till.call("topup", CAMPAIGN, "--json")
    assert (result.exit, result.json()["counts"]["skipped_by_reason"]) == (
        3,
        {"no_voucher_suitable_for_publication": 1},
    )


@pytest.mark.parametrize("words", [["activate", "c2"], ["assign", "c2", "--customer", "C-B1"]])
def test_no_more_cards_are_handed_out_than_the_budget_has(till: Till, words: list[str]) -> None:
    printed(till, budget={"cards": 1})
    deed(till, "activate", "c1").ok()
    assert refused(till, *words) == (4, "budget_exceeded")
    # One that nobody can use any more is not counted.
    deed(till, "deactivate", "c1").ok()
    deed(till, *words).ok()


def test_it_warns_before_the_budget_is_used_up(till: Till) -> None:
    printed(till, budget={"cards": 2, "warn_at": "80"})
    assert till.call("card", "activate", "c1").ok().stderr == ""
    warned = till.call("card", "assign", "c2", "--customer", "C-B1").ok().stderr
    assert warned == f"{CAMPAIGN} has used 2 cards of its budget.cards, 2 cards: 0 cards left.\n"
    [standing] = till.call("status", "--json").ok().json()["campaigns"]
    assert {name: standing["counts"][name] for name in ("published", "unassigned", "deactivated")} == {
        "published": 2,
        "unassigned": 1,
        "deactivated": 0,
    }


# --- disable, enable, deactivate ---


def test_a_card_is_blocked_and_let_go(till: Till) -> None:
    till.open()
    assert done(till, "disable", "c1", "--reason", "stolen") == ({"disabled": 1}, "disabled", A_YEAR)
    till.refused("voucher_disabled")
    assert done(till, "disable", "c1", "--reason", "stolen")[0] == {"disabled": 0}
    assert done(till, "enable", "c1") == ({"enabled": 1}, "active", A_YEAR)
    assert done(till, "enable", "c1")[0] == {"enabled": 0}
    till.redeem().ok()
    assert read(till.ledger, "SELECT event, reason FROM card_events ORDER BY id") == [
        ("disabled", "stolen"),
        ("enabled", None),
    ]
    till.call("verify").ok()


def test_blocked_for_good_it_keeps_its_balance(till: Till) -> None:
    till.open(paid="12.50")
    result = till.call("card", "deactivate", "c1", "--reason", "fraud").ok()
    assert result.stdout == "Deactivated card c1, with EUR 12.50 on it.\n"
    assert till.balance() == {"paid": 1250}
    till.refused("voucher_not_active")
    before = till.facts()
    assert done(till, "deactivate", "c1") == ({"deactivated": 0}, "deactivated", A_YEAR)
    assert till.facts() == before
    till.call("verify").ok()


@pytest.mark.parametrize(
    "words",
    [
        ["activate", "c1"],
        ["assign", "c1", "--customer", "C-B1"],
        ["disable", "c1"],
        ["enable", "c1"],
        ["extend", "c1", "--until", "2030-01-01"],
    ],
)
def test_a_dead_card_stays_dead(till: Till, words: list[str]) -> None:
    printed(till)
    deed(till, "deactivate", "c1").ok()
    assert refused(till, *words) == (4, "voucher_not_active")


@pytest.mark.parametrize("words", [["activate", "c1"], ["assign", "c1", "--customer", "C-B1"]])
def test_a_blocked_card_is_not_handed_out(till: Till, words: list[str]) -> None:
    printed(till)
    deed(till, "disable", "c1").ok()
    assert refused(till, *words) == (4, "voucher_disabled")
    deed(till, "enable", "c1").ok()
    deed(till, *words).ok()


def test_what_a_reason_may_hold(till: Till) -> None:
    till.open()
    deed(till, "disable", "c1", "--reason", f"as told \t for {till.code()}\nby phone").ok()
    [(kept,)] = read(till.ledger, "SELECT reason FROM card_events")
    assert kept == f"as told for ****{till.code()[-4:]} by phone"


# --- extend ---


def test_a_later_day(till: Till) -> None:
    till.open()
    assert done(till, "extend", "c1", "--until", "2021-12-31") == ({"extended": 1}, "active", "2021-12-31")
    assert done(till, "extend", "c1", "--until", "2021-12-31") == ({"extended": 0}, "active", "2021-12-31")
    till.redeem(now="2021-12-31T12:00:00Z").ok()
    till.call("verify").ok()


def test_an_expired_card_is_revived(till: Till) -> None:
    till.open()
    till.refused("voucher_expired", now=TOO_LATE)
    assert done(till, "extend", "c1", "--until", "2021-05-02", now=TOO_LATE)[1] == "active"
    till.redeem(now=TOO_LATE).ok()


@pytest.mark.parametrize(
    ("until", "code"),
    [
        ("2021-04-30", "date_too_early"),
        ("2019-12-31", "date_too_early"),
        ("31.12.2021", "date_malformed"),
        ("2021-02-29", "date_malformed"),
        ("20211231", "date_malformed"),
        ("2021-W01-1", "date_malformed"),
        ("tomorrow", "date_malformed"),
    ],
)
def test_a_day_that_can_not_be_meant(till: Till, until: str, code: str) -> None:
    till.open()
    assert refused(till, "extend", "c1", "--until", until) == (2, code)


def test_a_day_that_is_over(till: Till) -> None:
    till.open()
    assert refused(till, "extend", "c1", "--until", "2021-05-02", now="2021-05-03T12:00:00Z") == (2, "date_past")


def test_what_has_no_last_day_is_not_extended(till: Till) -> None:
    printed(till, activity_duration_after_publishing=None)
    assert refused(till, "extend", "c1", "--until", "2030-01-01") == (4, "voucher_not_active")
    deed(till, "activate", "c1").ok()
    assert refused(till, "extend", "c1", "--until", "2030-01-01") == (2, "card_never_expires")
    assert refused(till, "extend", "c1") == (2, "usage")


# --- Retries, rehearsals, and what is kept ---


@pytest.mark.parametrize("name", DEEDS)
def test_a_retry_under_its_key_gets_the_first_answer(till: Till, name: str) -> None:
    printed(till)
    first = deed(till, name, "c1", "--key", "case 7").ok().json()
    after = till.facts()
    again = deed(till, name, "c1", "--key", "case 7", now=TOO_LATE).ok().json()
    assert again == first
    assert till.facts() == after
    assert refused(till, name, "c2", "--key", "case 7") == (4, "idempotency_conflict")


@pytest.mark.parametrize("name", DEEDS)
def test_a_dry_run_keeps_nothing(till: Till, name: str) -> None:
    printed(till)
    if name == "enable":
        deed(till, "disable", "c1").ok()
    before = till.facts()
    answer = deed(till, name, "c1", "--dry-run").ok().json()
    assert (answer["run_id"], answer["dry_run"], list(answer["counts"].values())) == (None, True, [1])
    assert till.facts() == before


def test_the_journal_has_people_by_number_and_no_code(till: Till) -> None:
    printed(till)
    result = deed(till, "assign", PRINTED[0], "--customer", "C-B1").ok()
    [run] = till.call("runs", str(result.json()["run_id"]), "--json").ok().json()["runs"]
    assert (run["command"], run["campaign"], run["counts"]) == ("card assign", CAMPAIGN, {"assigned": 1})
    [(arguments,)] = read(till.ledger, "SELECT arguments FROM runs ORDER BY id DESC LIMIT 1")
    assert arguments == '{"card":"c1","customer":1}'
    assert till.now == MAY_DAY
