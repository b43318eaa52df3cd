"""refundctl card issue, and its undo, on a real ledger: goodwill within budget and approval, mailed and taken back."""

import json
from pathlib import Path

import pytest

from support.books import number, read
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import booking, csv_text, rows_of
from support.desks.till import HOLDER, MAY_DAY, Till

JUNE = "2020-06-10T12:00:00Z"


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def issue(
    till: Till,
    *options: str,
    amount: str = "20",
    customer: str = HOLDER,
    campaign: str = CAMPAIGN,
    now: str | None = None,
) -> CommandResult:
    words = ["--customer", customer, "--amount", amount, "--reason", "sorry for the wait"]
    return till.call("card", "issue", campaign, *words, *options, now=now)


def issued(till: Till, *options: str, amount: str = "20") -> int:
    """The run of a goodwill card."""
    return int(issue(till, "--json", *options, amount=amount).ok().json()["run_id"])


def refused(till: Till, code: str, *options: str, **typed: str) -> str:
    return till.attempted(code, lambda: issue(till, *options, "--json", **typed), on=None)


def mailed(till: Till, name: str = "mail.csv") -> list[tuple[str, str, str, str]]:
    """Card, balance, last day and booking of each line of the next mail file; none where there is nothing new."""
    answer = till.call("export", "mail", CAMPAIGN, "-o", name, "--json").ok().json()
    if answer["run_id"] is None:
        return []
    cards = {code: f"c{card}" for code, card in read(till.ledger, "SELECT code, id FROM cards")}
    return [
        (cards[row["code"]], row["balance"], row["expires_on"], row["booking_id"])
        for row in rows_of(till.folder / name)
    ]


# --- What is issued ---


def test_a_goodwill_card_as_a_script_sees_it(till: Till) -> None:
    till.open(paid="100.00")

    result = issue(till, "--json", now=JUNE).ok()

    answer = result.json()
    assert (answer["command"], answer["run_id"], answer["campaign"]) == ("card issue", 5, CAMPAIGN)
    assert answer["counts"] == {"issued": 1}
    assert answer["totals"] == {"EUR": {"issued": 2000, "paid": 0, "bonus": 2000}}
    card = answer["card"]
    assert (card["card_id"], card["code"]) == ("c2", f"****{till.code('c2')[-4:]}")
    assert (card["state"], card["balance"], card["bonus"], card["expires_on"]) == ("active", 2000, 2000, "2021-06-10")
    [transaction] = answer["transactions"]
    assert (transaction["type"], transaction["bucket"], transaction["amount"]) == ("CREDITS_ADDITION", "bonus", 2000)
    assert read(
        till.ledger,
        "SELECT contra_account, line, reason, booking, ordinal FROM transactions JOIN cards ON cards.id = card WHERE card = 2",
    ) == [("goodwill", None, "sorry for the wait", None, 1)]
    [arguments] = [json.loads(text) for (text,) in read(till.ledger, "SELECT arguments FROM runs WHERE id = 5")]
    assert arguments == {
        "campaign": CAMPAIGN,
        "customer": 1,
        "amount_minor": 2000,
        "bucket": "bonus",
        "reason": "sorry for the wait",
    }
    till.show_no_code(result)
    till.call("verify", now=JUNE).ok()


def test_a_goodwill_card_as_a_person_sees_it(till: Till) -> None:
    till.open()
    said = issue(till, "--bucket", "paid", amount="EUR 1,000.00").stderr
    assert said.startswith("Error: --amount")

    text = issue(till, "--bucket", "paid", amount="EUR 1000.00").ok().stdout

    assert text == (
        f"Issued card c2 (****{till.code('c2')[-4:]}) with EUR 1,000.00, valid through 2021-05-01; the next "
        "`refundctl export mail flight-refunds` tells its holder.\n"
        "Run 5: `refundctl undo 5` takes back what is unspent of it.\n"
    )
    assert till.balance("c2") == {"paid": 100_000}


def test_each_is_a_card_of_its_own_and_a_dry_run_is_none(till: Till) -> None:
    till.open()
    issue(till, "-n").ok()
    issue(till).ok()
    issue(till, amount="5").ok()

    assert (till.balance("c2"), till.balance("c3")) == ({"bonus": 2000}, {"bonus": 500})
    assert read(till.ledger, "SELECT id, ordinal FROM cards WHERE booking IS NULL ORDER BY id") == [(2, 1), (3, 2)]
    assert till.code("c2") != till.code("c3")


def test_it_is_spent_like_any_other(till: Till) -> None:
    till.open()
    issue(till).ok()

    till.redeem(card="c2", amount="12.50").ok()
    till.call("card", "rollback", "3").ok()

    assert till.balance("c2") == {"bonus": 2000}
    till.call("verify").ok()


def test_the_same_key_issues_once(till: Till) -> None:
    till.open()
    first = issue(till, "--key", "case 7", "--json").ok().json()

    assert issue(till, "--key", "case 7", "--json", amount="20.00").ok().json() == first
    assert number(till.ledger, "SELECT count(*) FROM cards") == 2
    assert issue(till, "--key", "case 7", "--json", amount="21").json()["errors"][0]["code"] == "idempotency_conflict"


def test_it_never_expires_where_cards_may_not(till: Till) -> None:
    till.say(no_expiry_in=["US-ME"])
    till.fund(booking("B1", country="US-ME"), booking("B2", country="US"))

    issue(till).ok()
    issue(till, customer="C-B2").ok()

    assert read(till.ledger, "SELECT expires_on FROM card_expiries WHERE card IN (3, 4) ORDER BY card") == [
        (None,),
        ("2021-05-01",),
    ]


def test_it_comes_from_the_pool_where_there_is_one(till: Till) -> None:
    till.open(type="STATIC", vouchers_count=2)
    run_id = issued(till)

    assert till.balance("c2") == {"bonus": 2000}
    assert read(till.ledger, "SELECT card, customer, booking, ordinal FROM assignments WHERE card = 2") == [
        (2, 1, None, 1)
    ]
    assert refused(till, "no_voucher_suitable_for_publication") == (
        "The pool of flight-refunds has no card left: raise vouchers_count and store it with `refundctl create "
        "flight-refunds`, or import printed cards with `refundctl create flight-refunds --codes FILE`."
    )
    till.call("verify").ok()
    till.call("undo", str(run_id)).ok()
    till.call("verify").ok()


# --- It reaches its holder ---


def test_the_next_mail_file_has_it(till: Till) -> None:
    till.open()
    assert mailed(till, "first.csv") == [("c1", "100.00", "2021-05-01", "B1")]
    issue(till, amount="12.34").ok()

    assert mailed(till, "second.csv") == [("c2", "12.34", "2021-05-01", "")]
    assert mailed(till, "third.csv") == []


def test_the_next_run_mails_it_too(till: Till) -> None:
    till.open()
    mailed(till, "first.csv")
    issue(till, amount="12.34").ok()
    (till.folder / "new.csv").write_text(csv_text(booking("B2", "7.00")), encoding="utf-8")

    till.call("run", CAMPAIGN, "new.csv", "--out", "out").ok()

    assert sorted(row["balance"] for row in rows_of(till.folder / "out" / "mail.csv")) == ["12.34", "7.00"]
    assert mailed(till, "rest.csv") == []


# --- Within budget and approval ---


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ({"total": "119.99"}, "budget.total is EUR 119.99"),
        ({"bonus": "19.99"}, "budget.bonus is EUR 19.99"),
        ({"cards": 1}, "budget.cards is 1 card"),
        ({"per_card": "100.00", "per_customer": "119.99"}, "budget.per_customer of flight-refunds is EUR 119.99"),
    ],
)
def test_a_budget_refuses_it(till: Till, budget: dict[str, object], told: str) -> None:
    till.open(paid="100.00", budget=budget)
    assert told in refused(till, "budget_exceeded")


def test_a_card_alone_is_held_to_the_cap_of_one(till: Till) -> None:
    till.open(paid="15.00", budget={"per_card": "15.00", "warn_at": "80", "total": "40.00"})
    error = (
        "The card would reach EUR 20.00 and budget.per_card of flight-refunds is EUR 15.00: give less, or raise the "
    )
    assert refused(till, "budget_exceeded").startswith(error)

    answer = issue(till, "--json", amount="15").ok()
    assert answer.json()["totals"]["EUR"]["issued"] == 1500
    issue(till, amount="2").ok()
    warned = issue(till, "--json", amount="1").ok().json()["warnings"]
    assert warned == ["flight-refunds has used EUR 33.00 of its budget.total, EUR 40.00: EUR 7.00 left."]


def test_goodwill_counts_for_what_needs_approval(till: Till) -> None:
    till.open(paid="100.00", approval={"above": "130.00"})
    issue(till).ok()

    told = refused(till, "approval_required", amount="10.01")

    assert told == (
        "flight-refunds would have given EUR 130.01 that nobody has approved, and needs approval above EUR 130.00: put the "
        "case into a file of bookings and make a plan of it with `refundctl plan`, which another person approves, or raise "
        "approval.above."
    )
    issue(till, amount="10").ok()


def test_what_was_given_counts_for_later_topups(till: Till) -> None:
    till.say(budget={"per_customer": "120.00"})
    till.fund(booking("B1"))
    issue(till, amount="20").ok()
    (till.folder / "more.csv").write_text(csv_text(booking("B2", "1.00", customer_id=HOLDER)), encoding="utf-8")
    till.call("load", "more.csv").ok()

    result = till.call("publish", CAMPAIGN, "--json")

    assert result.exit == 3
    assert result.json()["counts"]["skipped_by_reason"] == {"per_customer": 1}


def test_a_goodwill_card_takes_the_topups_of_a_campaign_with_one_card_for_all(till: Till) -> None:
    till.say(card_per="customer")
    till.fund(booking("B1"))
    run_id = issued(till)
    till.fund(booking("B1"), booking("B2", "30.00", customer_id=HOLDER, email="b1@example.org"))
    assert (till.balance("c1"), till.balance("c2")) == ({"paid": 10_000}, {"paid": 3000, "bonus": 2000})

    till.call("undo", str(run_id), "--json")

    assert till.balance("c2") == {"paid": 3000}
    till.call("card", "deactivate", "c2").ok()
    till.fund(booking("B3", "5.00", customer_id=HOLDER, email="b1@example.org"))
    assert till.balance("c1") == {"paid": 10_500}, "the newest card that is still alive"
    till.call("verify").ok()


# --- What is refused ---


def test_unknown_customers_and_campaigns(till: Till) -> None:
    till.open()
    refused(till, "resource_not_found", customer="nobody@example.org")
    refused(till, "resource_not_found", campaign="flight-refund")
    refused(till, "resource_not_found", campaign=till.code())
    assert "nobody@example.org" not in str(till.attempts())


def test_a_paused_campaign_gives_nothing(till: Till) -> None:
    till.open()
    till.call("pause", CAMPAIGN).ok()
    refused(till, "campaign_paused")


def test_a_campaign_that_is_over_gives_nothing(till: Till) -> None:
    till.open(expiration_date="2020-06-30")
    assert issue(till, now="2020-07-01T12:00:00Z").exit == 4


@pytest.mark.parametrize("amount", ["0", "-5", "1.005", "five"])
def test_a_malformed_amount_is_wrong_usage(till: Till, amount: str) -> None:
    till.open()
    before = till.facts()
    assert issue(till, amount=amount).exit == 2
    assert till.call("card", "issue", CAMPAIGN, "--customer", HOLDER, "--amount", "5", "--reason", " ").exit == 2
    assert till.facts() == before


# --- Taken back ---


def test_undo_takes_it_back_and_ends_the_card(till: Till) -> None:
    till.open()
    run_id = issued(till)

    answer = till.call("undo", str(run_id), "--reason", "twice", "--json").ok().json()

    assert answer["undone"] == [run_id]
    assert answer["counts"]["cards"] == 1
    assert answer["totals"]["EUR"] == {"paid": 0, "bonus": 2000, "fee": 0, "cash": 0, "total": 2000, "spent": 0}
    assert read(
        till.ledger,
        "SELECT card, type, bucket, amount_minor, contra_account, related_transaction, reason FROM transactions WHERE run_id = ?",
        answer["run_id"],
    ) == [(2, "CREDITS_REMOVAL", "bonus", -2000, "goodwill", 2, "twice")]
    assert till.balance("c1") == {"paid": 10_000}
    till.refused("voucher_not_active", on="c2", card="c2")
    assert mailed(till) == [("c1", "100.00", "2021-05-01", "B1")]
    till.call("verify").ok()


def test_undo_as_a_person_sees_it(till: Till) -> None:
    till.open()
    run_id = issued(till)
    till.redeem(card="c2", amount="5").ok()

    assert till.call("undo", str(run_id)).ok().stdout == (
        "Undone: run 5, a card issue of flight-refunds.\n"
        "  goodwill taken back  EUR 15.00\n"
        "    of it bonus        EUR 15.00\n"
        "  cards deactivated    1\n"
        "Spent already, and not taken back: EUR 5.00 on 1 card\n"
        "  c2  EUR 5.00\n"
    )
    assert till.call("undo", str(run_id)).ok().stdout == "Run 5 was undone already, by run 7. Nothing to do.\n"
    till.call("verify").ok()


def test_what_was_undone_frees_the_budget(till: Till) -> None:
    till.open(paid="100.00", budget={"total": "120.00", "cards": 2}, approval={"above": "120.00"})
    run_id = issued(till)
    refused(till, "budget_exceeded", amount="1")
    till.call("undo", str(run_id)).ok()
    issue(till).ok()


def test_a_lost_goodwill_card_is_taken_back_where_its_money_is_now(till: Till) -> None:
    till.open()
    run_id = issued(till)
    till.call("card", "transfer", "c2").ok()

    till.call("undo", str(run_id)).ok()

    assert (till.balance("c2"), till.balance("c3")) == ({}, {})
    assert read(till.ledger, "SELECT card, event FROM card_events") == [(3, "deactivated")]
    till.call("verify").ok()


def test_it_is_not_reopened(till: Till) -> None:
    till.open()
    run_id = issued(till)
    till.call("undo", str(run_id)).ok()

    for one in (run_id, run_id + 1):
        result = till.call("undo", "--reopen", str(one), "--json")
        assert (result.exit, result.json()["errors"][0]["code"]) == (4, "not_undoable")
        assert "`refundctl card issue` makes another one" in result.json()["errors"][0]["message"]
    again = till.call("undo", str(run_id + 1))
    assert (again.exit, "makes another goodwill card" in again.stderr) == (4, True)


def test_runs_of_the_desk_say_what_to_do_instead(till: Till) -> None:
    till.open()
    till.redeem().ok()  # run 5
    till.call("card", "rollback", "2").ok()  # run 6
    till.call("card", "adjust", "c1", "--amount", "1", "--reason", "r").ok()  # run 7
    till.call("card", "transfer", "c1").ok()  # run 8
    till.call("card", "disable", "c2").ok()  # run 9

    for run_id, advice in (
        (5, "card rollback"),
        (6, "card redeem"),
        (7, "card adjust"),
        (8, "card transfer"),
        (9, "card enable"),
    ):
        result = till.call("undo", str(run_id), now=MAY_DAY)
        assert (result.exit, f"`refundctl {advice}`" in result.stderr) == (4, True), result.stderr
