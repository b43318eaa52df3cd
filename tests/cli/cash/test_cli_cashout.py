"""Cash instead of a card: frozen at once, owed from then on, and given back where the request is cancelled."""

from pathlib import Path

import pytest

from support.books import LEDGER, number, read
from support.command_line import CAMPAIGN
from support.desks.bookings_desk import booking, write_bookings
from support.desks.cash_desk import CashDesk

LATER = "2022-01-01T12:00:00Z"


@pytest.fixture
def desk(tmp_path: Path) -> CashDesk:
    return CashDesk.funded(tmp_path)


REQUEST = ("cashout", "request", "c1", "--reason", "wants cash")


# --- Requests ---


def test_a_request_freezes_the_card_and_owes_what_was_paid(desk: CashDesk) -> None:
    answer = desk.answer(*REQUEST)
    assert (answer["counts"], answer["totals"]) == ({"requested": 1}, {"EUR": {"cash": 10_000, "lapsed": 500}})
    assert answer["cashout"] == {
        "id": 6,
        "card_id": "c1",
        "amount": 10_000,
        "lapsed": 500,
        "currency": "EUR",
        "state": "open",
    }
    assert (answer["card"]["state"], answer["card"]["balance"]) == ("frozen", 0)
    posted = [(row["id"], row["type"], row["bucket"], row["amount"]) for row in answer["transactions"]]
    assert posted == [(6, "CREDITS_REMOVAL", "paid", -10_000), (7, "CREDITS_REMOVAL", "bonus", -500)]
    assert desk.card() == ("frozen", "0.00")
    assert desk.refused("card", "redeem", "c1", "--amount", "1.00", "--invoice", "1", "--customer", "C-B1") == (
        "voucher_disabled"
    )
    desk.in_order()


def test_a_request_is_told_to_a_person(desk: CashDesk) -> None:
    assert desk(*REQUEST).ok().stdout.splitlines() == [
        "Card c1 is frozen: EUR 100.00 is owed in cash; its bonus of EUR 5.00 has lapsed.",
        "Cash-out 6: `refundctl cashout cancel 6` gives the card back until it is paid.",
    ]


def test_a_second_request_is_refused_unless_it_is_the_same_one_again(desk: CashDesk) -> None:
    first = desk.answer(*REQUEST, "--key", "case 7")
    again = desk.answer(*REQUEST, "--key", "case 7")
    assert (again["cashout"], again["run_id"]) == (first["cashout"], first["run_id"])
    assert desk.refused(*REQUEST) == "voucher_disabled"
    assert desk.refused(*REQUEST[:-1], "another reason", "--key", "case 7") == "idempotency_conflict"
    assert number(desk.folder / LEDGER, "SELECT count(*) FROM cashouts") == 1
    desk.in_order()


def test_a_dry_run_keeps_nothing(desk: CashDesk) -> None:
    assert desk.answer(*REQUEST, "-n")["totals"] == {"EUR": {"cash": 10_000, "lapsed": 500}}
    assert desk.card() == ("active", "105.00")


def test_a_disabled_card_can_be_paid_out_while_its_campaign_is_paused(desk: CashDesk) -> None:
    desk("card", "disable", "c1").ok()
    desk("pause", CAMPAIGN).ok()
    assert desk.answer(*REQUEST)["card"]["state"] == "frozen"
    desk.in_order()


def test_an_expired_card_is_not_paid_out_even_where_it_is_disabled(desk: CashDesk) -> None:
    assert desk.refused(*REQUEST, now=LATER) == "voucher_expired"
    desk("card", "disable", "c1").ok()
    assert desk.refused(*REQUEST, now=LATER) == "voucher_expired"


def test_a_dead_card_is_not_paid_out(desk: CashDesk) -> None:
    desk("card", "deactivate", "c1").ok()
    assert desk.refused(*REQUEST) == "voucher_not_active"


def test_what_was_spent_is_not_paid_out(desk: CashDesk) -> None:
    desk("card", "redeem", "c1", "--amount", "45.00", "--invoice", "1", "--customer", "C-B1").ok()
    assert desk.answer(*REQUEST)["totals"] == {"EUR": {"cash": 6_000, "lapsed": 0}}
    desk.in_order()


def test_a_bonus_alone_is_not_paid_out(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path, booking("B1", "40.00", cash_amount="40.00", bonus_amount="5.00"))
    assert desk.refused(*REQUEST) == "gift_amount_exceeded"
    assert desk.card() == ("active", "5.00")


def test_a_card_of_nobody_is_not_paid_out(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path, type="STATIC", vouchers_count=4)
    assert desk.refused("cashout", "request", "c4", "--reason", "x") == "voucher_not_active"
    desk("card", "activate", "c4").ok()
    assert desk.refused("cashout", "request", "c4", "--reason", "x") == "customer_rules_violated"


def test_an_unknown_card_and_a_blank_reason(desk: CashDesk) -> None:
    assert desk.refused("cashout", "request", "c99", "--reason", "x") == "resource_not_found"
    assert desk("cashout", "request", "c1", "--reason", " ").exit == 2
    assert desk("cashout", "request", "c1").exit == 2


def test_a_code_in_a_reason_is_masked_everywhere(desk: CashDesk) -> None:
    [(code,)] = read(desk.folder / LEDGER, "SELECT code FROM cards WHERE id = 1")
    desk("cashout", "request", "c1", "--reason", f"lost {code}").ok()
    assert code not in desk("cashout", "list", "--json").stdout
    assert number(desk.folder / LEDGER, "SELECT count(*) FROM cashouts WHERE reason LIKE 'lost ****%'") == 1


def test_a_frozen_card_is_not_topped_up(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path, card_per="customer")
    desk.request()
    write_bookings(tmp_path / "more.csv", booking("B9", "10.00", customer_id="C-B1", email="b1@example.org"))
    desk("run", CAMPAIGN, "more.csv", "--out", "more").ok()
    assert desk.card() == ("frozen", "0.00")
    assert desk.card("c3") == ("active", "10.00")
    desk.in_order()


# --- Cancellations ---


def test_a_cancelled_request_gives_all_of_it_back(desk: CashDesk) -> None:
    debt = desk.request()
    answer = desk.answer("cashout", "cancel", str(debt), "--reason", "changed their mind")
    assert (answer["counts"], answer["totals"]) == ({"cancelled": 1}, {"EUR": {"cash": 10_000, "lapsed": 500}})
    assert [(row["bucket"], row["amount"], row["related_transaction_id"]) for row in answer["transactions"]] == [
        ("paid", 10_000, debt),
        ("bonus", 500, debt + 1),
    ]
    assert desk.card() == ("active", "105.00")
    assert desk.states() == {4: "open", 5: "open", debt: "cancelled"}
    desk("card", "redeem", "c1", "--amount", "105.00", "--invoice", "1", "--customer", "C-B1").ok()
    desk.in_order()


def test_cancelling_again_changes_nothing(desk: CashDesk) -> None:
    debt = str(desk.request())
    desk("cashout", "cancel", debt).ok()
    again = desk.answer("cashout", "cancel", debt)
    assert (again["run_id"], again["counts"], again["totals"]) == (None, {"cancelled": 0}, {})
    assert (
        desk("cashout", "cancel", debt).ok().stdout
        == f"Cash-out {debt} of card c1 was cancelled already. Nothing to do.\n"
    )
    assert desk.card() == ("active", "105.00")


def test_a_card_may_be_asked_for_and_given_back_more_than_once(desk: CashDesk) -> None:
    first = desk.request()
    desk("cashout", "cancel", str(first)).ok()
    second = desk.request()
    assert desk.states() == {4: "open", 5: "open", first: "cancelled", second: "open"}
    assert desk.card() == ("frozen", "0.00")
    desk("cashout", "cancel", str(second)).ok()
    desk.in_order()


def test_a_card_that_was_disabled_is_so_again_once_it_is_given_back(desk: CashDesk) -> None:
    desk("card", "disable", "c1").ok()
    desk("cashout", "cancel", str(desk.request())).ok()
    assert desk.card() == ("disabled", "105.00")
    desk.in_order()


def test_what_is_with_the_bank_or_paid_or_of_a_top_up_is_not_cancelled(desk: CashDesk) -> None:
    debt = str(desk.request())
    assert desk.refused("cashout", "cancel", "4") == "not_cancellable"
    assert desk.refused("cashout", "cancel", "99") == "resource_not_found"
    assert desk.refused("cashout", "cancel", "1") == "resource_not_found", "a top-up is no debt in cash"
    desk.export()
    assert desk.refused("cashout", "cancel", debt) == "not_cancellable"
    desk.settle(f"id,status\n{debt},paid\n")
    assert desk.refused("cashout", "cancel", debt) == "not_cancellable"
    assert desk.card() == ("cashed_out", "0.00")
    desk.in_order()


def test_what_the_bank_has_rejected_may_be_cancelled(desk: CashDesk) -> None:
    debt = desk.request()
    desk.export()
    desk.settle(f"id,status\n{debt},rejected\n")
    desk("cashout", "cancel", str(debt)).ok()
    assert desk.card() == ("active", "105.00")
    desk.in_order()


# --- Lists ---


def test_the_list_names_all_that_is_owed_and_why(desk: CashDesk) -> None:
    debt = desk.request()
    answer = desk.answer("cashout", "list")
    assert answer["counts"] == {"cashouts": 3, "request": 1, "cash_amount": 1, "policy": 1}
    assert answer["totals"] == {"EUR": {"cash": 19_000}}
    common = {"campaign": CAMPAIGN, "currency": "EUR", "state": "open", "created_at": "2020-05-01T12:00:00Z"}
    assert answer["cashouts"] == [
        {
            "id": 4, "card_id": None, "booking_id": "B2", "refund_id": "B2", "customer_id": "C-B2", "amount": 2_000,
            "source": "cash_amount", "reason": None, **common,
        },
        {
            "id": 5, "card_id": None, "booking_id": "B3", "refund_id": "B3", "customer_id": "C-B3", "amount": 7_000,
            "source": "policy", "reason": None, **common,
        },
        {
            "id": debt, "card_id": "c1", "booking_id": "B1", "refund_id": None, "customer_id": "C-B1",
            "amount": 10_000, "source": "request", "reason": "wants cash", **common,
        },
    ]  # fmt: skip


def test_the_list_by_state_and_campaign(desk: CashDesk) -> None:
    debt = desk.request()
    desk("cashout", "cancel", str(debt)).ok()
    desk.settle("id,status\n4,paid\n")

    def ids(*options: str) -> list[int]:
        return [one["id"] for one in desk.answer("cashout", "list", *options)["cashouts"]]

    assert ids() == ids("--state", "open") == ids(CAMPAIGN) == [5]
    assert (ids("--state", "paid"), ids("--state", "cancelled"), ids("--state", "ordered")) == ([4], [debt], [])
    assert ids("--state", "all") == [4, 5, debt]
    assert desk.refused("cashout", "list", "nowhere") == "resource_not_found"
    assert desk("cashout", "list", "--state", "lost").exit == 2


def test_the_list_for_a_person(desk: CashDesk) -> None:
    assert desk("cashout", "list").ok().stdout.splitlines() == [
        "id  amount     state  source                 of  customer  campaign        since",
        "4   EUR 20.00  open   booking's cash_amount  B2  C-B2      flight-refunds  2020-05-01",
        "5   EUR 70.00  open   offer or law           B3  C-B3      flight-refunds  2020-05-01",
        "Together EUR 90.00.",
    ]
    assert (
        desk("cashout", "list", "--state", "paid").ok().stdout == "No debt in cash is paid; `--state all` lists all.\n"
    )


def test_the_group_alone_says_where_its_commands_are(desk: CashDesk) -> None:
    assert desk("cashout").ok().stdout == "`refundctl cashout --help` lists the commands.\n"


# --- Undo ---


def test_an_undo_takes_back_open_debts_only(desk: CashDesk) -> None:
    """20.00 of B2 are paid, 70.00 of B3 are with the bank; a card that is frozen has nothing on it."""
    debt = desk.request()
    desk.settle("id,status\n4,paid\n")
    desk.export()
    answer = desk.answer("undo", "1")
    assert answer["totals"]["EUR"] == {
        "paid": 3_000,
        "bonus": 0,
        "fee": 0,
        "cash": 0,
        "total": 3_000,
        "spent": 2_000 + 7_000 + 10_500,
    }
    assert answer["counts"]["spent"] == 3
    assert [(one["card_id"], one.get("cashout"), one["amount"]) for one in answer["spent"]] == [
        (None, 4, 2_000),
        (None, 5, 7_000),
        ("c1", None, 10_500),
    ]
    assert desk.states() == {4: "paid", 5: "ordered", debt: "ordered"}
    desk.in_order()


def test_an_undone_debt_is_owed_no_more(desk: CashDesk) -> None:
    assert desk.answer("undo", "1")["totals"]["EUR"]["cash"] == 9_000
    assert desk.states() == {4: "cancelled", 5: "cancelled"}
    assert desk.export(exits=0)["counts"]["rows"] == 0
    assert desk.settle("id,status\n4,paid\n", exits=3)["errors"][0]["code"] == "cancelled_before"
    desk.in_order()


def test_cash_that_was_spent_is_not_given_again(desk: CashDesk) -> None:
    desk.export()
    desk("undo", "1").ok()
    desk("undo", "--reopen", "1").ok()
    totals = desk.answer("run", CAMPAIGN, "bookings.csv", "--out", "again")["totals"]["EUR"]
    assert (totals["paid"], totals["bonus"], totals["cash"]) == (13_000, 500, 0)
    assert sorted(desk.states()) == [4, 5]
    desk.in_order()


def test_cash_that_an_undo_took_back_is_given_again_once(desk: CashDesk) -> None:
    desk("undo", "1").ok()
    desk("undo", "--reopen", "1").ok()
    assert desk.answer("run", CAMPAIGN, "bookings.csv", "--out", "again")["totals"]["EUR"]["cash"] == 9_000
    assert sorted(desk.states().values()) == ["cancelled", "cancelled", "open", "open"]
    desk.in_order()


def test_what_the_bank_rejects_after_an_undo_is_owed_anew_once_it_is_reopened(desk: CashDesk) -> None:
    desk.export()
    desk("undo", "1").ok()
    desk.settle("id,status\n4,rejected\n5,paid\n")
    assert desk.states() == {4: "cancelled", 5: "paid"}
    assert desk.export("second.xml")["counts"]["rows"] == 0
    desk("undo", "--reopen", "1").ok()
    assert desk.states() == {4: "cancelled", 5: "paid"}
    desk.in_order()
    totals = desk.answer("run", CAMPAIGN, "bookings.csv", "--out", "again")["totals"]["EUR"]
    assert totals["cash"] == 2_000, "debt 4 only: the other one is paid"
    assert desk.export("second.xml")["totals"] == {"EUR": {"cash": 2_000}}
    desk.in_order()


def test_what_is_owed_anew_is_what_the_booking_says_by_then(desk: CashDesk) -> None:
    desk.export()
    desk("undo", "1").ok()
    desk.settle("id,status\n4,rejected\n5,rejected\n")
    corrected = booking("B2", "50.00", refund_amount="15.00", cash_amount="5.00")
    write_bookings(desk.folder / "corrected.csv", corrected, booking("B3", "70.00", refund_amount="60.00"))
    desk("undo", "--reopen", "1").ok()
    totals = desk.answer("run", CAMPAIGN, "corrected.csv", "--out", "again")["totals"]["EUR"]
    assert (totals["cash"], totals["paid"]) == (6_500, 1_000)
    assert desk.export("second.xml")["totals"] == {"EUR": {"cash": 6_500}}
    desk.in_order()


def test_an_undo_says_to_a_person_what_is_with_the_bank(desk: CashDesk) -> None:
    desk.export()
    said = desk("undo", "1").ok().stdout
    assert "Spent already, and not taken back: EUR 90.00 in cash (2 debts paid or with the bank)\n" in said
    assert "  debt 4  EUR 20.00\n" in said


def test_the_runs_of_cash_outs_are_not_undone(desk: CashDesk) -> None:
    desk.request()
    run = str(number(desk.folder / LEDGER, "SELECT run_id FROM cashouts"))
    assert desk.refused("undo", run) == "not_undoable"
    assert "cashout cancel" in desk("undo", run).stderr
