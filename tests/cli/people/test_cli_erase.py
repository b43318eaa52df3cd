"""Erasing a person: nothing of them is left in the ledger's file, the books stay whole, and no file brings them back."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, by_hand, everything, read
from support.command_line import CAMPAIGN, CommandLine, CommandResult, small_campaigns
from support.desks.bookings_desk import booking, column, files_in, only, rows_of, write_bookings

NOW = "2020-05-01T12:00:00Z"
LATER = "2020-05-02T12:00:00Z"
# Each value is found nowhere else by chance.
CANARY = {
    "customer_id": "canary-id-48151",
    "email": "canary.mail@example.org",
    "name": "Canary Featherstone",
    "phone": "+48 613 481 516",
    "locale": "pl-PL",
    "marketing_consent": "yes",
}
GUEST = "Canary Guest Wren"
TRACES = (*(CANARY[name] for name in ("customer_id", "email", "name", "phone")), GUEST, "Canary", "canary")
ID = CANARY["customer_id"]
CANARY_BOOKING = booking("B1", "100.00", guest=GUEST, **CANARY)
BO = booking("B2", "50.00", customer_id="C-2", email="bo@example.org", name="Bo", guest="Bo himself")


@pytest.fixture
def desk(run_in_process: CommandLine, tmp_path: Path) -> CommandLine:
    """The canary has B1 with 100 euros on c1; Bo has B2 with 50 on c2. Both were mailed, and a CRM knows the canary's country."""
    (tmp_path / "campaigns.yaml").write_text(
        "sources:\n  default: {metadata: [guest]}\n" + small_campaigns(), encoding="utf-8"
    )
    write_bookings(tmp_path / "bookings.csv", CANARY_BOOKING, BO)
    write_bookings(tmp_path / "people.csv", {**CANARY, "country": "PL"})
    run_in_process("load-customers", "people.csv", now=NOW).ok()
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    return run_in_process


def erase(command_line: CommandLine, *words: str, named: str = ID) -> dict[str, Any]:
    return command_line("customer", "erase", named, *words, "--json", now=LATER).ok().json()


def traces_in(path: Path) -> list[str]:
    """Which of the canary's values stand in the bytes of a file."""
    content = path.read_bytes()
    return [trace for trace in TRACES if trace.encode() in content]


def pseudonym_in(folder: Path) -> str:
    [(customer_id,)] = read(folder / LEDGER, "SELECT customer_id FROM customers WHERE customer_id GLOB 'erased-*'")
    return str(customer_id)


def balances(folder: Path) -> dict[str, int]:
    return dict(read(folder / LEDGER, "SELECT 'c' || card, balance_minor FROM card_balances ORDER BY card"))


# --- What goes, and what stays ---


def test_nothing_of_the_person_stands_in_the_file_any_more(desk: CommandLine, tmp_path: Path) -> None:
    assert traces_in(tmp_path / LEDGER) == list(TRACES)
    erase(desk)
    assert traces_in(tmp_path / LEDGER) == []


def test_not_even_what_was_known_of_them_before(desk: CommandLine, tmp_path: Path) -> None:
    """SQLite leaves what it has moved or deleted where it was, unless it is told otherwise."""
    write_bookings(tmp_path / "crm.csv", *(booking(f"X{at}", name=f"Guest {at}" * 9) for at in range(400)))
    desk("load-customers", "crm.csv", now=NOW).ok()
    for name in ("Canary Longname " * 20, "Canary"):
        write_bookings(tmp_path / "crm.csv", {**CANARY, "name": name, "email": f"{name.split()[-1]}@example.org"})
        desk("load-customers", "crm.csv", now=NOW).ok()
    erase(desk)
    assert traces_in(tmp_path / LEDGER) == []
    assert b"Longname" not in (tmp_path / LEDGER).read_bytes()


def test_a_copy_in_an_unused_part_of_the_file_goes_too(desk: CommandLine, tmp_path: Path) -> None:
    """Another SQLite, which overwrites nothing, has deleted a row that held the address."""
    with closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as other:
        other.execute("PRAGMA secure_delete = OFF")
        other.execute("INSERT INTO customers (customer_id, email) VALUES ('passing', ?)", (CANARY["email"],))
        other.execute("DELETE FROM customers WHERE customer_id = 'passing'")
    erase(desk)
    assert traces_in(tmp_path / LEDGER) == []
    desk("verify", now=LATER).ok()


def test_the_books_stay(desk: CommandLine, tmp_path: Path) -> None:
    kept = [
        table
        for table in everything(tmp_path / LEDGER)
        if table not in ("customers", "line_metadata", *WRITTEN_BY_A_RUN)
    ]
    before = everything(tmp_path / LEDGER)
    erase(desk)
    after = everything(tmp_path / LEDGER)
    assert {table: after[table] for table in kept} == {table: before[table] for table in kept}
    assert desk("export", "transactions", CAMPAIGN, "-o", "-", now=LATER).ok().stdout.count("\n") == 3


WRITTEN_BY_A_RUN = ("runs", "run_outcomes", "seals", "erasures", "attempts")


def test_the_row_keeps_its_number_and_a_pseudonym(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    [row] = read(
        tmp_path / LEDGER,
        """
        SELECT customers.id, email, name, phone, locale, marketing_consent, country, from_people_file, salt
        FROM erasures JOIN customers ON customers.id = customer
        """,
    )
    assert row == (1, None, None, None, None, None, None, 0, None)
    assert len(pseudonym_in(tmp_path)) == len("erased-") + 32


def test_only_the_person_s_metadata_goes(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    assert read(tmp_path / LEDGER, "SELECT metadata FROM line_metadata") == [('{"guest":"Bo himself"}',)]


def test_what_is_answered(desk: CommandLine, tmp_path: Path) -> None:
    answer = erase(desk, "--reason", "asked by mail")
    assert answer["counts"] == {"erased": 1, "fields": 7, "metadata": 1}
    assert answer["customer"]["customer_id"] == pseudonym_in(tmp_path)
    assert answer["customer"]["erased"]["run_id"] == answer["run_id"]
    [run] = desk("runs", str(answer["run_id"]), "--json", now=LATER).ok().json()["runs"]
    assert (run["command"], run["arguments"]) == ("customer erase", {"customer": 1, "reason": "asked by mail"})
    assert traces_in(tmp_path / LEDGER) == []


def test_no_answer_and_no_message_names_the_person(desk: CommandLine) -> None:
    for words in (("-n",), (), ()):
        result = desk("customer", "erase", ID, *words, now=LATER).ok()
        assert not any(trace in result.stdout + result.stderr for trace in TRACES)


def test_a_person_without_a_booking(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "people.csv", CANARY)
    run_in_process("load-customers", "people.csv", now=NOW).ok()
    erase(run_in_process)
    assert traces_in(tmp_path / LEDGER) == []
    run_in_process("verify", now=LATER).ok()


def test_by_an_address_that_only_one_has(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk, named="Canary.Mail@example.org")
    assert traces_in(tmp_path / LEDGER) == []


def test_metadata_that_another_customer_s_version_has_carried_on(desk: CommandLine, tmp_path: Path) -> None:
    """A booking that was not funded may turn out to be another's; what was kept of it came from the canary's row."""
    write_bookings(tmp_path / "one.csv", booking("B3", **{**CANARY, "status": "booked"}, guest=GUEST))
    desk("load", "one.csv", now=NOW).ok()
    theirs = {name: BO[name] for name in ("customer_id", "email", "name")}
    write_bookings(tmp_path / "two.csv", booking("B3", status="booked", **theirs))
    (tmp_path / "without.yaml").write_text(small_campaigns(), encoding="utf-8")
    desk("load", "two.csv", "--campaigns", "without.yaml", now=NOW).ok()
    assert read(tmp_path / LEDGER, "SELECT count(*) FROM line_metadata WHERE metadata LIKE ?", f"%{GUEST}%") == [(3,)]
    erase(desk)
    assert traces_in(tmp_path / LEDGER) == []
    desk("verify", now=LATER).ok()


# --- Twice, and before doing it ---


def test_twice_is_nothing(desk: CommandLine, tmp_path: Path) -> None:
    first = erase(desk)["run_id"]
    before = files_in(tmp_path)
    answer = erase(desk)
    assert (answer["run_id"], answer["counts"]) == (None, {"erased": 0, "fields": 0, "metadata": 0})
    assert answer["customer"]["erased"]["run_id"] == first
    assert files_in(tmp_path) == before
    assert desk("customer", "erase", ID, now=LATER).ok().stdout == (
        f"This customer was erased already, {LATER} by run {first}. Nothing to do.\n"
    )


def test_a_dry_run_shows_what_would_go(desk: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    answer = erase(desk, "-n")
    assert (answer["run_id"], answer["counts"]) == (None, {"erased": 1, "fields": 7, "metadata": 1})
    assert answer["out_of_reach"]["on_cards"] == {"EUR": 10_000}
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("reason", ["Canary Featherstone asked", f"case of {ID}", "wrote from CANARY.mail@example.org"])
def test_a_reason_that_names_the_person_is_refused(reason: str, desk: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    result = desk("customer", "erase", ID, "--reason", reason, now=LATER)
    assert (result.exit, result.stderr) == (
        2,
        "Error: --reason names the person, and would be kept: write it without name, address or id.\n",
    )
    assert files_in(tmp_path) == before


# --- What can't be reached any more ---


def warned(result: CommandResult) -> list[str]:
    return result.ok().stderr.splitlines()


def test_money_on_cards_is_told(desk: CommandLine) -> None:
    assert warned(desk("customer", "erase", ID, now=LATER)) == [
        "EUR 100.00 stays on the person's cards, which go on working: they can't be mailed about it any more."
    ]


def test_what_waits_to_be_paid_or_mailed_is_told(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(small_campaigns(), encoding="utf-8")
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "100.00", cash_amount="30.00", **CANARY),
        booking("B2", "20.00", **CANARY),
    )
    run_in_process("load", "bookings.csv", now=NOW).ok()
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    for command in ("publish", "topup"):
        run_in_process(command, CAMPAIGN, "--where", "booking_id=B1", now=NOW).ok()
    result = run_in_process("customer", "erase", ID, now=LATER)
    assert warned(result) == [
        "EUR 70.00 stays on the person's cards, which go on working: they can't be mailed about it any more.",
        "EUR 30.00 is still owed in cash: to pay it, name the account of the customer's new id in --accounts.",
        "EUR 70.00 was not handed over to a mail tool yet, and will not be.",
        "1 refund line will still be funded, on a card that nobody can be told of: undo the load otherwise.",
    ]


def test_of_spent_and_dead_cards_nothing_is_told(desk: CommandLine) -> None:
    desk("card", "deactivate", "c1", now=NOW).ok()
    assert warned(desk("customer", "erase", ID, now=LATER)) == []


def test_silent_where_that_is_asked_for(desk: CommandLine) -> None:
    result = desk("customer", "erase", ID, "--quiet", now=LATER)
    assert (result.exit, result.stdout, result.stderr) == (0, "", "")


def test_unmailed_credits_are_unreachable_from_then_on(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(small_campaigns(), encoding="utf-8")
    write_bookings(tmp_path / "bookings.csv", booking("B1", **CANARY), BO)
    run_in_process("load", "bookings.csv", now=NOW).ok()
    for command in ("create", "publish", "topup"):
        run_in_process(command, CAMPAIGN, now=NOW).ok()
    erase(run_in_process)
    answer = run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv", "--json", now=LATER).ok().json()
    assert answer["counts"] == {"rows": 1, "unreachable": 1}
    assert column(tmp_path / "mail.csv", "email") == ["bo@example.org"]


# --- Who was erased is still found by who knows the id ---


def test_the_view_finds_them_by_the_old_id(desk: CommandLine, tmp_path: Path) -> None:
    run_id = erase(desk)["run_id"]
    answer = desk("customer", "show", ID, "--json", now=LATER).ok().json()
    assert (answer["customer"]["customer_id"], answer["customer"]["name"]) == (pseudonym_in(tmp_path), None)
    assert (answer["customer"]["erased"]["at"], answer["customer"]["erased"]["run_id"]) == (LATER, run_id)
    assert [line["booking_id"] for line in answer["bookings"]] == ["B1"]
    assert [card["card_id"] for card in answer["cards"]] == ["c1"]
    shown = desk("customer", "show", ID, now=LATER).ok().stdout.splitlines()
    assert shown[0] == f"Customer {pseudonym_in(tmp_path)}: erased {LATER} by run {run_id}"
    assert desk("customer", "show", pseudonym_in(tmp_path), now=LATER).ok().stdout.splitlines() == shown


def test_an_address_finds_them_where_it_was_the_id(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "people.csv", {**CANARY, "customer_id": ""})
    run_in_process("load-customers", "people.csv", now=NOW).ok()
    erase(run_in_process, named=CANARY["email"])
    assert traces_in(tmp_path / LEDGER) == []
    answer = run_in_process("customer", "show", "Canary.Mail@Example.org", "--json", now=LATER).ok().json()
    assert answer["customer"]["erased"]["at"] == LATER


def test_the_card_goes_on_working_for_who_names_the_old_id(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    sale = ("card", "redeem", "c1", "--amount", "40", "--customer")
    desk(*sale, ID, "--invoice", "N1", now=LATER).ok()
    assert desk(*sale, "C-2", "--invoice", "N2", "--json", now=LATER).exit == 4
    assert balances(tmp_path)["c1"] == 6_000
    assert traces_in(tmp_path / LEDGER) == []


def test_what_is_still_held_can_be_exported(desk: CommandLine) -> None:
    erase(desk)
    held = json.loads(desk("customer", "export", ID, now=LATER).ok().stdout)
    assert not any(trace in json.dumps(held) for trace in TRACES)
    assert only(held["booking_versions"])["metadata"] is None
    assert held["runs"][-1]["command"] == "customer erase"


# --- The books are in order, before and after ---


def test_verify_is_silent_and_the_seal_of_before_still_holds(desk: CommandLine, tmp_path: Path) -> None:
    seal = desk("verify", now=NOW).ok().stdout
    (tmp_path / "kept.txt").write_text(seal)
    erase(desk)
    desk("verify", "--against", "kept.txt", now=LATER).ok()
    desk("verify", "--against", "out/manifest.json", now=LATER).ok()


def test_verify_is_silent_after_all_that_may_follow(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    run_id = only(
        run["run_id"]
        for run in desk("runs", "--json", now=LATER).ok().json()["runs"]
        if run["command"] == "run" and run["parent_run_id"] is None
    )
    for words in (
        ("load", "bookings.csv"),
        ("load-customers", "people.csv"),
        ("run", CAMPAIGN, "bookings.csv", "--out", "again"),
        ("undo", str(run_id)),
        ("undo", "--reopen", str(run_id)),
        ("run", CAMPAIGN, "bookings.csv", "--out", "more"),
        ("expire",),
    ):
        assert desk(*words, now=LATER).exit in (0, 3), words
        desk("verify", now=LATER).ok()
        assert traces_in(tmp_path / LEDGER) == []


@pytest.mark.parametrize(
    "damage",
    [
        "name = 'Mallory'",
        "country = 'PL'",
        "from_people_file = 1",
        "salt = x'00'",
        "customer_id = 'mallory'",
        "customer_id = NULL",
    ],
)
def test_what_is_written_into_an_erased_row_by_hand_is_found(damage: str, desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    with by_hand(tmp_path / LEDGER) as ledger:
        ledger.execute(f"UPDATE customers SET {damage} WHERE id = 1")
    result = desk("verify", "--json", now=LATER)
    assert (result.exit, [finding["code"] for finding in result.json()["findings"]]) == (5, ["person_altered"])


def test_metadata_that_went_without_an_erasure_is_found(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    with by_hand(tmp_path / LEDGER) as ledger:
        ledger.execute("DELETE FROM line_metadata")
    result = desk("verify", "--json", now=LATER)
    assert (result.exit, [finding["code"] for finding in result.json()["findings"]]) == (5, ["metadata_altered"])


# --- No file brings them back ---


def test_the_same_bookings_are_unchanged_and_the_person_stays_away(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    before = everything(tmp_path / LEDGER)
    result = desk("load", "bookings.csv", "--json", now=LATER).ok()
    assert (result.json()["counts"]["unchanged"], result.json()["run_id"], result.json()["erased"]) == (2, None, 1)
    assert result.stderr == "1 row is about people who were erased: of the person, nothing was loaded.\n"
    assert everything(tmp_path / LEDGER) == before


def test_so_with_files_of_people(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    before = everything(tmp_path / LEDGER)
    write_bookings(tmp_path / "crm.csv", {**CANARY, "country": "PL"}, {**CANARY, "phone": ""}, {"customer_id": "C-2"})
    result = desk("load-customers", "crm.csv", "--json", now=LATER).ok()
    assert (result.json()["counts"]["unchanged"], result.json()["run_id"], result.json()["erased"]) == (3, None, 2)
    assert everything(tmp_path / LEDGER) == before


def test_a_new_booking_is_loaded_and_funded_without_the_person(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    write_bookings(tmp_path / "new.csv", booking("B7", "70.00", guest=GUEST, **CANARY))
    answer = desk("run", CAMPAIGN, "new.csv", "--out", "new", "--json", now=LATER).ok().json()
    assert (answer["counts"]["loaded"], answer["counts"]["funded"], answer["mail"]["unreachable"]) == (1, 1, 1)
    cards = rows_of(desk("export", "publications", CAMPAIGN, "-o", "-", now=LATER).ok().stdout)
    assert [card["customer_id"] for card in cards if card["booking_id"] in ("B1", "B7")] == [pseudonym_in(tmp_path)] * 2
    assert traces_in(tmp_path / LEDGER) == []
    desk("verify", now=LATER).ok()


def test_changes_of_a_booking_are_taken_in_without_the_person(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    write_bookings(tmp_path / "changed.csv", {**CANARY_BOOKING, "tier": "gold", "guest": "Canary again"})
    counts = desk("load", "changed.csv", "--json", now=LATER).ok().json()["counts"]
    assert counts["updated"] == 1
    assert traces_in(tmp_path / LEDGER) == []
    desk("verify", now=LATER).ok()


def test_an_exported_pseudonym_is_taken_back_as_what_it_is(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    row = booking("B8", guest=GUEST, **{**CANARY, "customer_id": pseudonym_in(tmp_path)})
    write_bookings(tmp_path / "new.csv", row)
    desk("load", "new.csv", now=LATER).ok()
    assert traces_in(tmp_path / LEDGER) == []
    desk("verify", now=LATER).ok()


def test_the_same_address_under_another_id_is_somebody_new(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    write_bookings(tmp_path / "new.csv", booking("B9", customer_id="C-9", email=CANARY["email"], guest=""))
    result = desk("load", "new.csv", "--json", now=LATER).ok()
    assert ("erased" in result.json(), result.stderr) == (False, "")
    assert read(tmp_path / LEDGER, "SELECT email FROM customers WHERE customer_id = 'C-9'") == [(CANARY["email"],)]


def test_a_dry_run_and_a_plan_bring_nothing_back_either(desk: CommandLine, tmp_path: Path) -> None:
    erase(desk)
    write_bookings(tmp_path / "new.csv", booking("B7", "70.00", guest=GUEST, **CANARY))
    desk("plan", CAMPAIGN, "new.csv", "-o", "plan.json", now=LATER).ok()
    result = desk("apply", "plan.json", "--out", "applied", "--json", now=LATER).ok()
    assert result.json()["erased"] == 1
    assert result.stderr.splitlines()[0].startswith("1 row is about people who were erased")
    assert traces_in(tmp_path / LEDGER) == []


# --- Nothing of a person goes into the journal, which can't be erased ---


def test_whom_an_operator_asked_for_is_not_kept(desk: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "new.csv", booking("B7", "70.00", guest=GUEST, **CANARY))
    desk("load", "new.csv", now=NOW).ok()
    where = ("--where", f"customer_id={ID}")
    for command in ("publish", "topup"):
        desk(command, CAMPAIGN, *where, now=NOW).ok()
    desk("export", "mail", CAMPAIGN, "-o", "mail.csv", *where, now=NOW).ok()
    kept = [
        json.loads(arguments).get("where")
        for (arguments,) in read(
            tmp_path / LEDGER,
            "SELECT arguments FROM runs WHERE command IN ('publish', 'topup', 'export') AND parent_run_id IS NULL",
        )
    ]
    assert kept == [["customer_id=****"], ["customer_id=****"], {"customer_id": "****"}]
    erase(desk)
    assert traces_in(tmp_path / LEDGER) == []


def test_what_else_was_asked_for_is_kept(desk: CommandLine, tmp_path: Path) -> None:
    desk("load", "bookings.csv", now=NOW).ok()
    write_bookings(tmp_path / "new.csv", booking("B7", tier="gold", guest=""))
    desk("load", "new.csv", now=NOW).ok()
    desk("publish", CAMPAIGN, "--where", "tier=gold", "--where", "booking_id=B7", now=NOW).ok()
    [(arguments,)] = read(
        tmp_path / LEDGER, "SELECT arguments FROM runs WHERE command = 'publish' AND parent_run_id IS NULL"
    )
    assert json.loads(arguments)["where"] == ["tier=gold", "booking_id=B7"]


def test_nothing_that_the_desk_does_or_refuses_names_a_person(desk: CommandLine, tmp_path: Path) -> None:
    for words, exits in (
        (("card", "redeem", "c1", "--amount", "1", "--invoice", "N1", "--customer", ID, "--key", "k1"), 0),
        (("card", "redeem", "c2", "--amount", "1", "--invoice", "N2", "--customer", ID), 4),
        (("card", "validate", "c2", "--customer", ID), 4),
        (("card", "assign", "c2", "--customer", ID), 4),
        (("card", "issue", CAMPAIGN, "--customer", ID, "--amount", "5", "--reason", "sorry", "--key", "k2"), 0),
        (("card", "transfer", "c1", "--key", "k3"), 0),
        (("card", "find", "--customer", ID), 0),
        (("card", "find", "--email", CANARY["email"]), 0),
        (("customer", "show", ID), 0),
        (("customer", "export", ID, "-o", "canary.json"), 0),
    ):
        result = desk(*words, now=NOW)
        assert result.exit == exits, (words, result.stderr)
    (tmp_path / "canary.json").unlink()
    erase(desk)
    assert traces_in(tmp_path / LEDGER) == []
    desk("verify", now=LATER).ok()
