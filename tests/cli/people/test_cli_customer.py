"""One view of a person for the desk, and a copy of all that is held on them."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import booking, files_in, mode_of, only, write_bookings

NOW = "2020-05-01T12:00:00Z"
LATER = "2020-05-02T12:00:00Z"
ANA = {
    "customer_id": "C-1",
    "email": "ana@example.org",
    "name": "Ana Nowak",
    "phone": "+48 600 100 200",
    "locale": "pl-PL",
    "marketing_consent": "yes",
}


@pytest.fixture
def desk(run_in_process: CommandLine, tmp_path: Path) -> CommandLine:
    """Ana has B1 on c1, of which she has spent 5 euros, and B2, which is not cancelled; Bo has B3 on c2."""
    (tmp_path / "campaigns.yaml").write_text(
        "sources:\n  default: {metadata: [hotel]}\n" + small_campaigns(), encoding="utf-8"
    )
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "100.00", bonus_amount="20.00", cash_amount="10.00", accepted="yes", hotel="City", **ANA),
        booking("B2", "30.00", **{**ANA, "status": "booked"}),
        booking("B3", "50.00", customer_id="C-2", email="bo@example.org", name="Bo"),
    )
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    sale = ("card", "redeem", "c1", "--customer", "C-1", "--amount")
    run_in_process(*sale, "5", "--invoice", "N1", now=LATER).ok()
    assert run_in_process(*sale, "500", "--invoice", "N2", now=LATER).exit == 4
    return run_in_process


def show(command_line: CommandLine, named: str = "C-1") -> dict[str, Any]:
    return command_line("customer", "show", named, "--json", now=LATER).ok().json()


def test_who_they_are_and_what_they_agreed_to(desk: CommandLine) -> None:
    answer = show(desk)
    assert answer["customer"] == {
        "customer_id": "C-1",
        "name": "Ana Nowak",
        "email": "ana@example.org",
        "phone": "+48 600 100 200",
        "locale": "pl-PL",
        "country": None,
        "known_since": NOW,
        "erased": None,
    }
    accepted = [{"booking_id": "B1", "refund_id": "B1", "accepted": "yes"}]
    assert answer["consent"] == {"marketing_consent": "yes", "accepted": accepted}


def test_bookings_with_how_each_stands(desk: CommandLine) -> None:
    given, waiting = show(desk)["bookings"]
    assert (given["booking_id"], given["refund_amount"], given["status"]) == ("B1", 10_000, "cancelled")
    assert given["given"] == [
        {"campaign": CAMPAIGN, "card_id": "c1", "paid": 9_000, "bonus": 2_000, "cash": 1_000, "fee": 0}
    ]
    assert given["campaigns"] == [{"campaign": CAMPAIGN, "state": "funded"}]
    assert (waiting["booking_id"], waiting["given"]) == ("B2", [])
    assert waiting["campaigns"] == [{"campaign": CAMPAIGN, "state": "not_eligible"}]


def test_cards_transactions_redemptions_and_cash(desk: CommandLine) -> None:
    answer = show(desk)
    card = only(answer["cards"])
    assert (card["card_id"], card["state"], card["balance"], card["booking_ids"]) == ("c1", "active", 10_500, ["B1"])
    assert card["code"].startswith("****")
    assert len(card["code"]) == 8
    moved = [(row["card_id"], row["type"], row["bucket"], row["amount"]) for row in answer["transactions"]]
    assert moved == [
        ("c1", "CREDITS_ADDITION", "paid", 9_000),
        ("c1", "CREDITS_ADDITION", "bonus", 2_000),
        (None, "CREDITS_ADDITION", "cash", 1_000),
        ("c1", "CREDITS_REDEMPTION", "bonus", -500),
    ]
    sale = only(answer["redemptions"])
    assert (sale["invoice"], sale["amount"], sale["given_back"], sale["customer_id"]) == ("N1", 500, 0, "C-1")
    debt = only(answer["cash"])
    assert (debt["booking_id"], debt["amount"], debt["state"], debt["source"]) == ("B1", 1_000, "open", "cash_amount")
    assert answer["totals"] == {"EUR": {"balance": 10_500, "paid": 9_000, "bonus": 1_500}}


def test_messages_and_what_was_refused(desk: CommandLine, tmp_path: Path) -> None:
    answer = show(desk)
    assert only(answer["messages"]) == {
        "batch": 1,
        "campaign": CAMPAIGN,
        "tool": "generic",
        "file": str(tmp_path / "out" / "mail.csv"),
        "cards": ["c1"],
        "run_id": 1,
        "delivered_at": NOW,
    }
    refused = only(answer["attempts"])
    assert (refused["command"], refused["card_id"], refused["code"]) == ("card redeem", "c1", "gift_amount_exceeded")


def test_what_was_given_back_stands_with_the_redemption(desk: CommandLine) -> None:
    transaction = show(desk)["redemptions"][0]["id"]
    desk("card", "rollback", str(transaction), "--amount", "2", now=LATER).ok()
    assert only(show(desk)["redemptions"])["given_back"] == 200


def test_a_frozen_card_and_the_cash_owed_for_it(desk: CommandLine) -> None:
    desk("cashout", "request", "c2", "--reason", "moved abroad", now=LATER).ok()
    answer = show(desk, "C-2")
    assert [card["state"] for card in answer["cards"]] == ["frozen"]
    assert [(debt["card_id"], debt["amount"], debt["source"]) for debt in answer["cash"]] == [("c2", 5_000, "request")]


def test_a_hand_over_to_everyone_is_another_message(desk: CommandLine) -> None:
    desk("export", "mail", CAMPAIGN, "-o", "again.csv", "--all", now=LATER).ok()
    assert [message["batch"] for message in show(desk)["messages"]] == [1, 2]


def test_one_screen_for_a_person(desk: CommandLine, tmp_path: Path) -> None:
    shown = desk("customer", "show", "C-1", now=LATER).ok().stdout
    ending = only(show(desk)["cards"])["code"]
    assert shown == (
        "Customer C-1: Ana Nowak\n"
        "  e-mail       ana@example.org\n"
        "  phone        +48 600 100 200\n"
        "  locale       pl-PL\n"
        "  marketing    yes\n"
        f"  known since  {NOW}\n"
        "Bookings:\n"
        f"  B1  EUR 100.00  cancelled  {CAMPAIGN}: EUR 110.00 on c1, EUR 10.00 in cash\n"
        f"  B2  EUR 30.00   booked     {CAMPAIGN}: not eligible\n"
        "Cards:\n"
        f"  c1  {ending}  active  EUR 105.00  until 2021-05-01  {CAMPAIGN}\n"
        "Transactions:\n"
        f"  1  {NOW}  c1  CREDITS_ADDITION    paid   EUR 90.00  B1\n"
        f"  3  {NOW}  c1  CREDITS_ADDITION    bonus  EUR 20.00  B1\n"
        f"  4  {NOW}      CREDITS_ADDITION    cash   EUR 10.00  B1\n"
        f"  5  {LATER}  c1  CREDITS_REDEMPTION  bonus  EUR -5.00  N1\n"
        "Redemptions:\n"
        f"  5  {LATER}  c1  EUR 5.00  invoice N1\n"
        "Cash:\n"
        f"  4  {NOW}  B1  EUR 10.00  open\n"
        "Messages:\n"
        f"  batch 1  {NOW}  generic  c1  {tmp_path}/out/mail.csv\n"
        "Refused:\n"
        f"  {LATER}  card redeem  c1  above the balance\n"
    )


def test_somebody_of_whom_little_is_known(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "people.csv", {"customer_id": "C-9", "email": ""})
    run_in_process("load-customers", "people.csv", now=NOW).ok()
    assert run_in_process("customer", "show", "C-9", now=NOW).ok().stdout == (
        f"Customer C-9\n  e-mail       none: can't be mailed\n  marketing    not asked\n  known since  {NOW}\n"
    )


# --- Who is meant ---


def test_an_address_that_only_one_has_finds_them(desk: CommandLine) -> None:
    assert show(desk, "ANA@example.org")["customer"]["customer_id"] == "C-1"


def test_an_address_that_several_have_names_them(desk: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "people.csv", {"customer_id": "C-3", "email": "ana@example.org"})
    desk("load-customers", "people.csv", now=LATER).ok()
    result = desk("customer", "show", "ana@example.org", now=LATER)
    assert result.exit == 4
    assert result.stderr.splitlines() == [
        "Error: 2 customers have this e-mail address: name one of them by its customer_id.",
        "customer_id C-1",
        "customer_id C-3",
    ]
    problem = only(desk("customer", "show", "ana@example.org", "--json", now=LATER).json()["errors"])
    assert problem == {
        "code": "resource_not_found",
        "message": "2 customers have this e-mail address: name one of them by its customer_id (C-1, C-3).",
    }


def test_an_id_goes_before_an_address(run_in_process: CommandLine, tmp_path: Path) -> None:
    people = [{"customer_id": "", "email": "ana@example.org"}, {"customer_id": "C-1", "email": "ana@example.org"}]
    write_bookings(tmp_path / "people.csv", *people)
    run_in_process("load-customers", "people.csv", now=NOW).ok()
    assert show(run_in_process, "ana@example.org")["customer"]["customer_id"] == "ana@example.org"


@pytest.mark.parametrize("command", ["show", "export", "erase"])
@pytest.mark.parametrize("named", ["nobody", "nobody@example.org"])
def test_an_unknown_person_is_refused_and_the_attempt_names_nobody(
    command: str, named: str, desk: CommandLine, tmp_path: Path
) -> None:
    result = desk("customer", command, named, now=LATER)
    assert (result.exit, result.stdout) == (4, "")
    assert "has no customer of this id or e-mail address" in result.stderr
    *_, attempt = read(tmp_path / LEDGER, "SELECT command, error_code, arguments, message FROM attempts")
    assert attempt[:2] == (f"customer {command}", "resource_not_found")
    assert "nobody" not in "".join(attempt)


def test_ids_of_several_stay_out_of_the_journal(desk: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "people.csv", {"customer_id": "C-3", "email": "ana@example.org"})
    desk("load-customers", "people.csv", now=LATER).ok()
    assert desk("customer", "erase", "ana@example.org", now=LATER).exit == 4
    *_, attempt = read(tmp_path / LEDGER, "SELECT arguments, message FROM attempts")
    assert "C-3" not in "".join(attempt)
    assert "ana" not in "".join(attempt)


def test_looking_changes_nothing(desk: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    show(desk)
    desk("customer", "export", "C-1", now=LATER).ok()
    assert files_in(tmp_path) == before


def test_without_a_ledger_there_is_nobody(run_in_process: CommandLine, tmp_path: Path) -> None:
    assert run_in_process("customer", "show", "C-1").exit == 66
    assert files_in(tmp_path) == {}


# --- A copy for the person ---


def export(command_line: CommandLine, *words: str) -> dict[str, Any]:
    return dict(json.loads(command_line("customer", "export", "C-1", *words, now=LATER).ok().stdout))


def test_all_versions_with_metadata_and_the_runs_that_spoke_of_them(desk: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "again.csv", booking("B2", "30.00", hotel="Resort", **ANA))
    desk("load", "again.csv", now=LATER).ok()
    held = export(desk)
    versions = [(one["booking_id"], one["version"], one["status"], one["metadata"]) for one in held["booking_versions"]]
    assert versions == [
        ("B1", 1, "cancelled", {"hotel": "City"}),
        ("B2", 1, "booked", None),
        ("B2", 2, "cancelled", {"hotel": "Resort"}),
    ]
    assert [(run["command"], run["started_at"]) for run in held["runs"]] == [
        ("load", NOW),
        ("publish", NOW),
        ("topup", NOW),
        ("card redeem", LATER),
        ("load", LATER),
    ]
    assert held["exported_at"] == LATER


def test_it_holds_all_that_is_shown(desk: CommandLine) -> None:
    shown, held = show(desk), export(desk)
    names = ("customer", "consent", "bookings", "cards", "transactions", "cash", "messages", "redemptions", "attempts")
    assert {name: held[name] for name in names} == {name: shown[name] for name in names}


def test_no_whole_code_stands_in_it(desk: CommandLine, tmp_path: Path) -> None:
    [(code,)] = read(tmp_path / LEDGER, "SELECT code FROM cards WHERE id = 1")
    assert code not in desk("customer", "export", "C-1", now=LATER).ok().stdout


def test_a_file_is_for_one_s_own_eyes(desk: CommandLine, tmp_path: Path) -> None:
    answer = export(desk, "-o", "ana.json", "--json")
    assert [(file["path"], file["output"]) for file in answer["files"]] == [("ana.json", True)]
    assert answer["counts"]["booking_versions"] == 2
    assert mode_of(tmp_path / "ana.json") == "-rw-------"
    assert json.loads((tmp_path / "ana.json").read_text()) == export(desk)


def test_a_file_that_is_there_needs_force(desk: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "ana.json").write_text("mine")
    assert desk("customer", "export", "C-1", "-o", "ana.json", now=LATER).exit == 2
    assert (tmp_path / "ana.json").read_text() == "mine"
    assert desk("customer", "export", "C-1", "-o", "ana.json", "--force", now=LATER).ok().stdout == (
        "Wrote what is held on the customer to ana.json.\n"
    )
    assert json.loads((tmp_path / "ana.json").read_text()) == export(desk)


def test_the_ledger_itself_is_never_written_over(desk: CommandLine) -> None:
    result = desk("customer", "export", "C-1", "-o", LEDGER, "--force", now=LATER)
    assert (result.exit, result.stderr) == (2, f"Error: {LEDGER} is the ledger itself: name another file.\n")


def test_on_stdout_json_has_the_usual_frame(desk: CommandLine) -> None:
    answer = desk("customer", "export", "C-1", "--json", now=LATER).ok().json()
    held = export(desk)
    assert (answer["command"], answer["status"], answer["counts"]["cards"]) == ("customer export", "ok", 1)
    assert {name: answer[name] for name in held} == held
