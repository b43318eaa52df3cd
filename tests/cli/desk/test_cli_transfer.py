"""refundctl card transfer, on a real ledger: what moves, onto which card, and what it means for mail, top-ups, budget and undo."""

import json
from pathlib import Path

import pytest

from support.books import number, read
from support.command_line import CAMPAIGN, CommandResult
from support.desks.bookings_desk import Row, booking, csv_text, rows_of
from support.desks.till import HOLDER, Till

EXPIRED = "2021-05-01T22:00:00Z"  # midnight in Warsaw, as the last valid day ends
JUNE = "2020-06-10T12:00:00Z"


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def transfer(till: Till, card: str = "c1", *options: str, now: str | None = None, stdin: str = "") -> CommandResult:
    return till.call("card", "transfer", card, *options, now=now, stdin=stdin)


def refused(till: Till, code: str, card: str = "c1", *options: str, now: str | None = None) -> str:
    return till.attempted(code, lambda: transfer(till, card, *options, "--json", now=now), on=card)


def load(till: Till, *rows: Row) -> None:
    (till.folder / "more.csv").write_text(csv_text(*rows), encoding="utf-8")
    till.call("load", "more.csv").ok()


def mailed(till: Till, name: str = "mail.csv", *options: str) -> list[tuple[str, str, str, str]]:
    """Card, balance, last day and bookings of each line of the next mail file; none where there is nothing new."""
    answer = till.call("export", "mail", CAMPAIGN, "-o", name, "--json", *options).ok().json()
    return [] if answer["run_id"] is None else mail_in(till, name)


def mail_in(till: Till, name: str) -> list[tuple[str, str, str, str]]:
    cards = {code: f"c{card}" for code, card in read(till.ledger, "SELECT code, id FROM cards")}
    rows = rows_of(till.folder / name)
    return [(cards[row["code"]], row["balance"], row["expires_on"], row["booking_id"]) for row in rows]


def states(till: Till) -> dict[str, str]:
    rows = rows_of(till.call("export", "cards", CAMPAIGN, "-o", "-").ok().stdout)
    return {row["card_id"]: row["state"] for row in rows}


# --- What moves ---


def test_a_transfer_as_a_script_sees_it(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")

    result = transfer(till, "c1", "--reason", "lost on the train", "--json", now=JUNE).ok()

    answer = result.json()
    assert (answer["command"], answer["run_id"], answer["campaign"]) == ("card transfer", 5, CAMPAIGN)
    assert answer["counts"] == {"transferred": 1}
    assert answer["totals"] == {"EUR": {"moved": 13_000, "paid": 10_000, "bonus": 3000}}
    found, lost = answer["card"], answer["from"]
    assert (found["card_id"], found["state"], found["paid"], found["bonus"]) == ("c2", "active", 10_000, 3000)
    assert (found["code"], found["expires_on"]) == (f"****{till.code('c2')[-4:]}", "2021-05-01")
    assert (lost["card_id"], lost["state"], lost["balance"], lost["successor"]) == ("c1", "transferred", 0, "c2")
    posted = [
        (one["id"], one["card_id"], one["type"], one["bucket"], one["amount"], one["related_transaction_id"])
        for one in answer["transactions"]
    ]
    assert posted == [
        (3, "c1", "CREDITS_REMOVAL", "paid", -10_000, None),
        (4, "c2", "CREDITS_ADDITION", "paid", 10_000, 3),
        (5, "c1", "CREDITS_REMOVAL", "bonus", -3000, None),
        (6, "c2", "CREDITS_ADDITION", "bonus", 3000, 5),
    ]
    assert read(till.ledger, "SELECT card, successor, reason, run_id FROM transfers") == [
        (1, 2, "lost on the train", 5)
    ]
    assert read(till.ledger, "SELECT customer, booking, ordinal FROM cards ORDER BY id") == [(1, 1, 1), (1, 1, 2)]
    moved = "SELECT sum(amount_minor) FROM transactions WHERE contra_account = 'transfers'"
    assert number(till.ledger, moved) == 0
    [arguments] = [json.loads(text) for (text,) in read(till.ledger, "SELECT arguments FROM runs WHERE id = 5")]
    assert arguments == {"card": "c1", "to": None, "reason": "lost on the train"}
    till.show_no_code(result)
    till.call("verify", now=JUNE).ok()


def test_a_transfer_as_a_person_sees_it(till: Till) -> None:
    till.open(paid="1000.00", bonus="30.00")

    assert transfer(till).ok().stdout == (
        f"Moved EUR 1,030.00 (EUR 30.00 of it bonus) from card c1, which is dead now, to card c2 "
        f"(****{till.code('c2')[-4:]}), valid through 2021-05-01.\n"
    )
    till.refused("voucher_not_active")
    till.redeem(card="c2", amount="1030").ok()
    till.call("verify").ok()


def test_a_dry_run_moves_nothing(till: Till) -> None:
    till.open()
    before = till.facts()
    transfer(till, "c1", "-n").ok()
    assert till.facts() == before


def test_the_same_key_moves_once(till: Till) -> None:
    till.open()
    first = transfer(till, "c1", "--key", "case 7", "--json").ok().json()
    assert transfer(till, "c1", "--key", "case 7", "--json").ok().json() == first
    assert number(till.ledger, "SELECT count(*) FROM cards") == 2


def test_a_card_is_named_by_its_code_too(till: Till) -> None:
    till.open()
    transfer(till, "-", stdin=till.code()).ok()
    assert states(till) == {"c1": "transferred", "c2": "active"}


def test_a_card_with_nothing_on_it_is_replaced_too(till: Till) -> None:
    till.say()
    load(till, booking("B1"))
    till.call("create", CAMPAIGN).ok()
    till.call("publish", CAMPAIGN).ok()

    answer = transfer(till, "c1", "--json").ok().json()

    assert answer["totals"] == {"EUR": {"moved": 0, "paid": 0, "bonus": 0}}
    till.call("topup", CAMPAIGN).ok()
    assert (till.balance("c1"), till.balance("c2")) == ({}, {"paid": 10_000})
    assert mailed(till) == [("c2", "100.00", "2021-05-01", "B1")]
    till.call("verify").ok()


@pytest.mark.parametrize("blocked", [["card", "disable", "c1"], ["pause", CAMPAIGN]])
def test_a_blocked_card_moves_and_so_does_one_of_a_paused_campaign(till: Till, blocked: list[str]) -> None:
    till.open()
    till.call(*blocked).ok()
    transfer(till).ok()
    assert till.balance("c2") == {"paid": 10_000}
    till.call("verify").ok()


def test_the_last_day_goes_along(till: Till) -> None:
    till.open()
    till.call("card", "extend", "c1", "--until", "2022-12-31").ok()

    assert transfer(till, "c1", "--json", now=JUNE).ok().json()["card"]["expires_on"] == "2022-12-31"

    till.say(no_expiry_in=["US-ME"])
    till.call("create", CAMPAIGN).ok()
    till.fund(booking("B2", country="US-ME"))
    assert transfer(till, "c3", "--json").ok().json()["card"]["expires_on"] is None


def test_invoices_of_the_lost_card_stay_used_and_rollbacks_follow_the_money(till: Till) -> None:
    till.open()
    till.redeem(amount="40").ok()
    transfer(till).ok()
    transfer(till, "c2").ok()

    till.refused("invoice_already_used", on="c3", card="c3")
    till.call("card", "rollback", "2").ok()

    assert (till.balance("c1"), till.balance("c2"), till.balance("c3")) == ({}, {}, {"paid": 10_000})
    till.call("verify").ok()


# --- Onto a card that there is ---


def test_onto_a_card_of_the_pool(till: Till) -> None:
    till.open(type="STATIC", vouchers_count=3, paid="100.00")

    transfer(till, "c1", "--to", till.code("c3")).ok()

    assert till.balance("c3") == {"paid": 10_000}
    assert read(till.ledger, "SELECT card, customer, booking, ordinal, expires_on FROM assignments ORDER BY id") == [
        (1, 1, 1, 1, "2021-05-01"),
        (3, 1, 1, 2, "2021-05-01"),
    ]
    [run] = read(till.ledger, "SELECT arguments FROM runs WHERE command = 'card transfer'")
    assert json.loads(run[0]) == {"card": "c1", "to": "c3", "reason": None}
    transfer(till, "c3").ok()
    assert till.balance("c2") == {"paid": 10_000}
    refused(till, "no_voucher_suitable_for_publication", "c2")
    till.call("verify").ok()


def test_onto_another_card_of_the_holder_which_then_lives_as_long(till: Till) -> None:
    till.say()
    till.fund(booking("B1"), booking("B2", "50.00", customer_id=HOLDER, email="b1@example.org"))
    till.call("card", "extend", "c1", "--until", "2022-12-31").ok()

    answer = transfer(till, "c1", "--to", "c2", "--json").ok().json()

    assert (answer["card"]["card_id"], answer["card"]["balance"]) == ("c2", 15_000)
    assert answer["card"]["expires_on"] == "2022-12-31"
    assert mailed(till) == [("c2", "150.00", "2022-12-31", "B1;B2")]
    till.call("verify").ok()


def test_a_shorter_life_shortens_nothing(till: Till) -> None:
    till.say()
    till.fund(booking("B1"), booking("B2", "50.00", customer_id=HOLDER, email="b1@example.org"))
    till.call("card", "extend", "c2", "--until", "2022-12-31").ok()
    assert transfer(till, "c1", "--to", "c2", "--json").ok().json()["card"]["expires_on"] == "2022-12-31"


def test_a_card_of_whoever_has_it_moves_to_such_a_card(till: Till) -> None:
    till.open(type="STATIC", vouchers_count=5)
    for card in ("c2", "c3"):
        till.call("card", "activate", card).ok()
        till.call("card", "adjust", card, "--amount", "20", "--reason", "sold").ok()

    assert "has one" in refused(till, "customer_rules_violated", "c2", "--to", "c1")
    assert "has no holder" in refused(till, "customer_rules_violated", "c1", "--to", "c2")
    transfer(till, "c2", "--to", "c3").ok()
    transfer(till, "c3", now=JUNE).ok()

    assert till.balance("c4") == {"paid": 4000}
    assert read(till.ledger, "SELECT expires_on FROM activations WHERE card = 4") == [("2021-05-01",)]
    assert mailed(till) == [("c1", "100.00", "2021-05-01", "B1")], "nobody is known who has c4"
    till.call("verify", now=JUNE).ok()


def test_of_whoever_has_it_onto_one_that_is_made(till: Till) -> None:
    (till.folder / "codes.csv").write_text("code\nK7QD-2MXW-9RTB-4HCN-P\n", encoding="utf-8")
    till.say()
    till.call("create", CAMPAIGN, "--codes", "codes.csv").ok()
    till.call("card", "activate", "c1").ok()
    till.call("card", "adjust", "c1", "--amount", "20", "--reason", "sold").ok()

    transfer(till).ok()

    assert (till.balance("c2"), states(till)["c2"]) == ({"paid": 2000}, "active")
    till.call("verify").ok()


# --- What is refused ---


def test_a_dead_card_has_nothing_to_move(till: Till) -> None:
    till.open()
    transfer(till).ok()
    assert refused(till, "voucher_not_active") == (
        "Card c1 is dead, as its balance has moved to card c2: there is nothing to move."
    )
    till.call("card", "deactivate", "c2").ok()
    refused(till, "voucher_not_active", "c2")
    refused(till, "voucher_not_active", "c2", "--to", "c1")


def test_an_expired_card_moves_nowhere_unless_it_is_extended(till: Till) -> None:
    till.open()
    refused(till, "voucher_expired", now=EXPIRED)
    till.call("card", "disable", "c1", now=EXPIRED).ok()
    refused(till, "voucher_expired", now=EXPIRED)
    till.call("card", "extend", "c1", "--until", "2021-06-30", now=EXPIRED).ok()
    transfer(till, now=EXPIRED).ok()
    till.call("verify", now=EXPIRED).ok()


def test_a_card_that_waits_in_the_pool_has_nothing_to_move(till: Till) -> None:
    till.open(type="STATIC", vouchers_count=2)
    refused(till, "voucher_not_active", "c2")


def test_a_card_that_cant_take_it(till: Till) -> None:
    till.say(type="STATIC", vouchers_count=7, no_expiry_in=["US-ME"])
    till.fund(
        booking("B1"),
        booking("B2"),
        booking("B3", customer_id=HOLDER, email="b1@example.org"),
        booking("B4", country="US-ME", customer_id=HOLDER, email="b1@example.org"),
    )

    refused(till, "customer_rules_violated", "c1", "--to", "c2")
    refused(till, "resource_not_found", "c1", "--to", "c99")
    till.call("card", "disable", "c6").ok()
    refused(till, "voucher_disabled", "c1", "--to", "c6")
    assert "c4 never expires, and c1 does on 2021-05-01" in refused(
        till, "no_voucher_suitable_for_publication", "c4", "--to", "c1"
    )
    till.call("card", "deactivate", "c3").ok()
    refused(till, "voucher_not_active", "c1", "--to", "c3")
    transfer(till, "c1", "--to", "c4").ok()


def test_a_card_of_another_campaign_cant_take_it(till: Till) -> None:
    till.open()
    (till.folder / "campaigns.yaml").write_text(
        (till.folder / "campaigns.yaml").read_text(encoding="utf-8").replace(f"{CAMPAIGN}:", "goodwill:"),
        encoding="utf-8",
    )
    till.call("create", "goodwill").ok()
    till.call("card", "issue", "goodwill", "--customer", HOLDER, "--amount", "5", "--reason", "sorry").ok()
    assert "name a card of the same campaign" in refused(
        till, "no_voucher_suitable_for_publication", "c1", "--to", "c2"
    )


def test_wrong_usage(till: Till) -> None:
    till.open()
    before = till.facts()
    assert transfer(till, "c1", "--to", till.code()).exit == 2
    assert transfer(till, "-", "--to", "-", stdin=till.code()).exit == 2
    assert till.facts() == before


# --- Mail ---


def test_a_card_that_was_mailed_is_replaced_in_the_next_file(till: Till) -> None:
    till.say()
    till.fund(booking("B1", bonus_amount="5.00"), booking("B2"))
    mailed(till, "first.csv")
    till.redeem(amount="12.50").ok()
    transfer(till).ok()

    assert mailed(till, "second.csv") == [("c3", "92.50", "2021-05-01", "B1")]
    assert mailed(till, "third.csv") == []
    assert sorted(mailed(till, "all.csv", "--all")) == [
        ("c2", "100.00", "2021-05-01", "B2"),
        ("c3", "92.50", "2021-05-01", "B1"),
    ]


def test_one_that_was_not_yet_mailed_never_is(till: Till) -> None:
    till.open()
    transfer(till).ok()
    transfer(till, "c2").ok()
    assert mailed(till) == [("c3", "100.00", "2021-05-01", "B1")]


def test_the_next_run_mails_it(till: Till) -> None:
    till.open()
    mailed(till, "first.csv")
    transfer(till).ok()
    (till.folder / "new.csv").write_text(csv_text(booking("B2", "7.00")), encoding="utf-8")

    till.call("run", CAMPAIGN, "new.csv", "--out", "out").ok()

    assert sorted(mail_in(till, "out/mail.csv")) == [
        ("c2", "100.00", "2021-05-01", "B1"),
        ("c3", "7.00", "2021-05-01", "B2"),
    ]


def test_a_frozen_card_is_not_mailed_until_it_is_given_back(till: Till) -> None:
    till.say()
    till.fund(booking("B1"), booking("B2"))
    till.call("card", "adjust", "c2", "--amount", "-100", "--reason", "as if it were cashed out").ok()
    freeze(till, "c1")

    assert mailed(till) == [("c2", "0.00", "2021-05-01", "B2")]


def freeze(till: Till, card: str) -> None:
    till.call("cashout", "request", card, "--reason", "wants cash").ok()


# --- Top-ups ---


def test_later_topups_go_to_the_card_that_is_alive(till: Till) -> None:
    till.say()
    till.fund(booking("B1", "100.00", refund_id="one", refund_amount="60.00"))
    transfer(till).ok()
    till.call("card", "issue", CAMPAIGN, "--customer", HOLDER, "--amount", "5", "--reason", "sorry").ok()
    load(till, booking("B1", "100.00", refund_id="two", refund_amount="40.00"))
    explained = till.call("explain", "B1").ok().stdout.partition("Refund two")[2]
    assert f"c2, code ****{till.code('c2')[-4:]}" in explained

    till.call("topup", CAMPAIGN).ok()

    assert (till.balance("c2"), till.balance("c3")) == ({"paid": 10_000}, {"bonus": 500})
    till.call("verify").ok()


def test_a_dead_card_doesnt_hide_an_older_one_that_is_alive(till: Till) -> None:
    till.say(card_per="customer")
    till.fund(booking("B1", "60.00", customer_id="ana", email="ana@example.org"))
    transfer(till).ok()
    # c2 is the second card; a third one is given to ana, and merged into the second.
    till.call("card", "issue", CAMPAIGN, "--customer", "ana", "--amount", "5", "--reason", "sorry").ok()
    transfer(till, "c3", "--to", "c2").ok()

    till.fund(booking("B2", "7.00", customer_id="ana", email="ana@example.org"))

    assert till.balance("c2") == {"paid": 6700, "bonus": 500}
    assert states(till) == {"c1": "transferred", "c2": "active", "c3": "transferred"}
    assert mailed(till) == [("c2", "72.00", "2021-05-01", "B1;B2")]
    till.call("verify").ok()


def test_a_booking_whose_money_was_put_onto_another_card_gets_a_new_one(till: Till) -> None:
    till.say()
    till.fund(
        booking("B1", "100.00", refund_id="one", refund_amount="60.00"),
        booking("B2", customer_id=HOLDER, email="b1@example.org"),
    )
    transfer(till, "c1", "--to", "c2").ok()
    till.fund(booking("B1", "100.00", refund_id="two", refund_amount="40.00"))
    assert (till.balance("c2"), till.balance("c3")) == ({"paid": 16_000}, {"paid": 4000})
    till.call("verify").ok()


def test_a_frozen_card_is_topped_up_no_more(till: Till) -> None:
    till.say()
    till.fund(booking("B1", "100.00", refund_id="one", refund_amount="60.00"))
    freeze(till, "c1")
    till.fund(booking("B1", "100.00", refund_id="two", refund_amount="40.00"))
    assert (till.balance("c1"), till.balance("c2")) == ({}, {"paid": 4000})
    till.call("verify").ok()


# --- Budget and status ---


def test_a_transfer_gives_nothing_and_adds_no_card(till: Till) -> None:
    till.open(budget={"total": "100.00", "cards": 1}, approval={"above": "100.00"})
    before = till.call("status", "--json").ok().json()["campaigns"][0]
    transfer(till).ok()
    transfer(till, "c2").ok()

    after = till.call("status", "--json").ok().json()["campaigns"][0]
    assert (after["counts"]["published"], after["counts"]["unassigned"]) == (1, 0)
    assert after["totals"]["EUR"] == before["totals"]["EUR"]
    till.call("verify").ok()


@pytest.mark.parametrize(("second", "funded"), [("50.00", True), ("50.01", False)])
def test_what_moved_counts_for_the_cap_of_its_card_once(till: Till, second: str, funded: bool) -> None:
    till.say(budget={"per_card": "100.00"}, card_per="customer")
    row = booking("B1", "50.00")
    till.fund(row)
    transfer(till).ok()
    load(till, row, booking("B2", second, customer_id=HOLDER, email="b1@example.org"))

    result = till.call("topup", CAMPAIGN)

    assert result.exit == (0 if funded else 3)
    assert till.balance("c2") == {"paid": 10_000 if funded else 5000}


# --- Undo ---


def test_an_undone_topup_is_taken_off_the_card_that_has_its_money_now(till: Till) -> None:
    till.open(paid="100.00", bonus="30.00")  # funded by run 4
    till.redeem(amount="10").ok()
    transfer(till).ok()
    transfer(till, "c2").ok()
    till.redeem(card="c3", amount="5", invoice="INV-2").ok()

    answer = till.call("undo", "4", "--json").ok().json()

    assert answer["totals"]["EUR"] == {
        "paid": 10_000,
        "bonus": 1500,
        "fee": 0,
        "cash": 0,
        "total": 11_500,
        "spent": 1500,
    }
    assert answer["spent"] == [{"card_id": "c3", "amount": 1500, "currency": "EUR"}]
    assert read(
        till.ledger,
        "SELECT card, line, bucket, amount_minor, contra_account, related_transaction FROM transactions WHERE run_id = ?",
        answer["run_id"],
    ) == [(3, 1, "paid", -10_000, "refunds_owed", 1), (3, 1, "bonus", -1500, "bonuses_owed", 2)]
    assert (till.balance("c1"), till.balance("c2"), till.balance("c3")) == ({}, {}, {})
    assert mailed(till) == [], "nothing is left to tell of"
    till.call("verify").ok()


def test_an_undone_run_ends_the_card_that_stands_in_for_its_own(till: Till) -> None:
    till.say()
    till.call("create", CAMPAIGN).ok()
    (till.folder / "new.csv").write_text(csv_text(booking("B1"), booking("B2")), encoding="utf-8")
    run_id = till.call("run", CAMPAIGN, "new.csv", "--out", "out", "--json").ok().json()["run_id"]
    transfer(till).ok()

    answer = till.call("undo", str(run_id), "--json").ok().json()

    assert answer["counts"]["cards"] == 2
    assert states(till) == {"c1": "transferred", "c2": "deactivated", "c3": "deactivated"}
    till.call("verify").ok()
    till.call("undo", "--reopen", str(run_id)).ok()
    till.fund(booking("B1"), booking("B2"))
    assert (till.balance("c4"), till.balance("c5")) == ({"paid": 10_000}, {"paid": 10_000})
    till.call("verify").ok()


def test_a_card_that_its_holder_had_before_outlives_an_undone_run(till: Till) -> None:
    till.say()
    till.fund(booking("B1"))
    (till.folder / "new.csv").write_text(
        csv_text(booking("B2", "50.00", customer_id=HOLDER, email="b1@example.org")), encoding="utf-8"
    )
    run_id = till.call("run", CAMPAIGN, "new.csv", "--out", "out", "--json").ok().json()["run_id"]
    transfer(till, "c2", "--to", "c1").ok()

    till.call("undo", str(run_id)).ok()

    assert states(till) == {"c1": "active", "c2": "transferred"}
    assert till.balance("c1") == {"paid": 10_000}
    till.call("verify").ok()


def test_a_publication_whose_money_stays_names_the_run_to_undo_first(till: Till) -> None:
    till.open()
    transfer(till).ok()

    result = till.call("undo", "3")

    assert result.exit == 4
    assert "undo run 4 first" in result.stderr


def test_a_file_that_was_cut_off_tells_only_of_cards_that_are_left(till: Till) -> None:
    """A hand-over that is finished later: what moved in between is mailed by the next one, and told of once."""
    till.say()
    till.fund(booking("B1"), booking("B2", customer_id=HOLDER, email="b1@example.org"))
    reserve(till)
    transfer(till, "c1", "--to", "c2").ok()
    till.call("undo", "4").ok()  # both credits, of which one has moved

    assert mailed(till, "late.csv") == []
    till.call("verify").ok()


def test_what_has_moved_since_isnt_counted_in_a_file_that_was_cut_off(till: Till) -> None:
    till.say()
    till.fund(booking("B1"))  # topup is run 4
    till.fund(booking("B1"), booking("B2", customer_id=HOLDER, email="b1@example.org"))
    reserve(till)
    transfer(till, "c1", "--to", "c2").ok()
    till.call("undo", "4").ok()

    # It finishes the file that was begun, and then tells of what has come since.
    assert mailed(till, "late.csv") == [("c2", "100.00", "2021-05-01", "B2")]
    assert mail_in(till, "late-run8.csv") == [("c2", "100.00", "2021-05-01", "B2")]
    till.call("verify").ok()


def reserve(till: Till) -> None:
    """Begin a hand-over of all that is new to late.csv, and be cut off before its file is written."""
    from refundctl.ledger.database.connection import closing_ledger, open_ledger
    from refundctl.ledger.delivery import hand_overs
    from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
    from support.desks.sealed_runs import moment_of_last_run

    clock = moment_of_last_run(till.folder)
    with closing_ledger(open_ledger(till.ledger, clock, wait_seconds=0)) as ledger, ledger.writing():
        journal = Journal(ledger, Operator("clerk", 0, "desk"), "export", {})
        run = journal.begin(campaign=CAMPAIGN)
        new = hand_overs.find_new_credits(ledger.connection, 1, "generic", fresh_after=0)
        hand_overs.reserve(
            new,
            directory=str(till.folder),
            file_name="late.csv",
            everyone=False,
            run_id=run.run_id,
        )
        journal.finish(run, Outcome({}))
