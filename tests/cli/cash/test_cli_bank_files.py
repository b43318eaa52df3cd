"""Files for the bank and its answers: a debt is in one file at a time, is paid once, and a file is written whole or again."""

import hashlib
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import sepaxml
import xmlschema

from support.books import BEFORE_RELEASE, LEDGER, number, read
from support.command_line import CAMPAIGN, OwnProcess, small_campaigns
from support.desks.bookings_desk import booking, column, files_in, mode_of, rows_of, write_bookings
from support.desks.cash_desk import ACCOUNTS, DEBTOR, DUTCH, FRENCH, GERMAN, HEADER, CashDesk, pain_002
from support.faults.crash_points import KILLED, let_go_on, standing_still
from support.faults.interrupted import Place, assert_a_kill_never_shows

PAIN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"


@pytest.fixture
def desk(tmp_path: Path) -> CashDesk:
    return CashDesk.funded(tmp_path)


def texts(path: Path, name: str) -> list[str | None]:
    root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - our own
    return [element.text for element in root.iter(f"{PAIN}{name}")]


# --- Export ---


def test_a_credit_transfer_of_all_that_is_open(desk: CashDesk) -> None:
    debt = desk.request()
    answer = desk.export()
    path = desk.folder / "pay.xml"
    assert answer["counts"] == {"rows": 3, "without_account": 0, "other_currency": 0}
    assert answer["totals"] == {"EUR": {"cash": 19_000}}
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert answer["files"] == [{"path": str(path), "rows": 3, "sha256": sha256, "output": True}]
    assert desk.states() == {4: "ordered", 5: "ordered", debt: "ordered"}
    xsd = Path(sepaxml.__file__).parent / "schemas" / "pain.001.001.09.xsd"
    xmlschema.XMLSchema(xsd).validate(path.read_text(encoding="utf-8"))
    assert texts(path, "EndToEndId") == list(desk.payments().values())
    assert texts(path, "InstdAmt") == ["20.00", "70.00", "100.00"]
    assert texts(path, "IBAN") == [GERMAN, DUTCH, GERMAN, FRENCH]
    assert texts(path, "Nm")[2:] == ["Bo Berg", "Guest B3", "Guest B1"], "the ledger's name where the file has none"
    assert texts(path, "Dt") == ["2020-05-01"]
    assert mode_of(path) == "-rw-------"
    desk.in_order()


def test_accounts_are_kept_nowhere_in_the_ledger(desk: CashDesk) -> None:
    desk.request()
    desk.export()
    content = (desk.folder / LEDGER).read_bytes()
    assert not [iban for iban in (GERMAN, FRENCH, DUTCH, "Bo Berg", "Airline AG") if iban.encode() in content]


def test_once_it_is_ordered_nothing_is_written_again(desk: CashDesk) -> None:
    desk.export()
    again = desk.export("second.xml")
    assert (again["run_id"], again["counts"]["rows"], again["files"]) == (None, 0, [])
    assert not (desk.folder / "second.xml").exists()
    assert desk("cashout", "export", "-o", "x.csv", "--format", "csv").ok().stdout == "No debt in cash is open.\n"
    assert number(desk.folder / LEDGER, "SELECT count(*) FROM cash_files") == 1


def test_a_csv_needs_no_accounts(desk: CashDesk) -> None:
    answer = desk.answer("cashout", "export", "-o", "pay.csv", "--format", "csv")
    assert (answer["counts"]["rows"], answer["errors"]) == (2, [])
    rows = rows_of(desk.folder / "pay.csv")
    assert [(row["id"], row["name"], row["iban"], row["amount"]) for row in rows] == [
        ("4", "Guest B2", "", "20.00"),
        ("5", "Guest B3", "", "70.00"),
    ]
    assert column(desk.folder / "pay.csv", "end_to_end_id") == list(desk.payments().values())


def test_a_csv_has_the_accounts_that_there_are(desk: CashDesk) -> None:
    (desk.folder / "accounts.csv").write_text(f"{HEADER}C-B2,,{DUTCH},\n", encoding="utf-8")
    words = ("cashout", "export", "-o", "pay.csv", "--format", "csv", "--accounts", "accounts.csv")
    assert desk.answer(*words)["counts"] == {"rows": 2, "without_account": 1, "other_currency": 0}
    assert column(desk.folder / "pay.csv", "iban") == [DUTCH, ""]


def test_a_customers_wrong_iban_leaves_their_debts_out(desk: CashDesk) -> None:
    (desk.folder / "accounts.csv").write_text(
        f"{HEADER}{DEBTOR}C-B2,,NL92ABNA0417164300,\nC-B9,,nonsense,\nC-B3,,{FRENCH},\n", encoding="utf-8"
    )
    answer = desk.export(exits=3)
    assert answer["counts"] == {"rows": 1, "without_account": 0, "other_currency": 0, "iban_invalid": 1}
    [error] = answer["errors"]
    assert (error["code"], error["id"], error["path"], error["line"]) == ("iban_invalid", 4, "accounts.csv", 3)
    assert "NL92" not in str(answer)
    assert desk.states() == {4: "open", 5: "ordered"}


def test_a_customer_without_an_account_waits_for_one(desk: CashDesk) -> None:
    (desk.folder / "accounts.csv").write_text(f"{HEADER}{DEBTOR}C-B2,,{DUTCH},\n", encoding="utf-8")
    assert desk.export(exits=3)["counts"] == {"rows": 1, "without_account": 1, "other_currency": 0}
    (desk.folder / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
    assert desk.export("second.xml")["counts"]["rows"] == 1
    assert texts(desk.folder / "second.xml", "InstdAmt") == ["70.00"]


def test_where_nobody_can_be_paid_no_file_is_written(desk: CashDesk) -> None:
    (desk.folder / "accounts.csv").write_text(f"{HEADER}{DEBTOR}", encoding="utf-8")
    assert desk.export(exits=3)["counts"] == {"rows": 0, "without_account": 2, "other_currency": 0}
    assert not (desk.folder / "pay.xml").exists()
    assert desk.states() == {4: "open", 5: "open"}


@pytest.mark.parametrize(
    ("row", "code", "line"),
    [
        ("", "debtor_missing", None),
        ("debtor,Airline AG,,\n", "iban_missing", 2),
        ("debtor,Airline AG,DE89370400440532013001,\n", "iban_invalid", 2),
        (f"debtor,,{GERMAN},\n", "debtor_unnamed", 2),
    ],
)
def test_without_an_account_of_ones_own_nothing_is_paid(desk: CashDesk, row: str, code: str, line: int | None) -> None:
    (desk.folder / "accounts.csv").write_text(f"{HEADER}{row}C-B2,,{DUTCH},\n", encoding="utf-8")
    [error] = desk.export(exits=65)["errors"]
    assert (error["code"], error.get("line")) == (code, line)
    assert desk.states() == {4: "open", 5: "open"}
    assert not (desk.folder / "pay.xml").exists()


def test_other_currencies_are_left_out_of_sepa(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path, booking("B1", "10.00", cash_amount="10.00"))
    both = small_campaigns() + small_campaigns("other", currency="PLN").partition("campaigns:\n")[2]
    (tmp_path / "campaigns.yaml").write_text(both, encoding="utf-8")
    write_bookings(tmp_path / "pln.csv", booking("P1", "40.00", currency="PLN", cash_amount="40.00"))
    desk("run", "other", "pln.csv", "--out", "other").ok()
    answer = desk.export(exits=3)
    assert answer["counts"] == {"rows": 1, "without_account": 0, "other_currency": 1}
    assert [error["code"] for error in answer["errors"]] == ["other_currency"]
    csv = desk.answer("cashout", "export", "-o", "pay.csv", "--format", "csv")
    assert csv["totals"] == {"PLN": {"cash": 4_000}}


def test_a_file_of_one_campaign(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path, booking("B1", "10.00", cash_amount="10.00"))
    both = small_campaigns() + small_campaigns("other").partition("campaigns:\n")[2]
    (tmp_path / "campaigns.yaml").write_text(both, encoding="utf-8")
    write_bookings(tmp_path / "other.csv", booking("B2", "40.00", cash_amount="40.00"))
    desk("run", "other", "other.csv", "--out", "other").ok()
    assert desk.export("pay.xml", "--campaign", "other")["totals"] == {"EUR": {"cash": 4_000}}
    assert desk.answer("cashout", "export", "-o", "x.csv", "--format", "csv", "--campaign", "no", exits=4)["errors"]
    assert desk.export("second.xml")["totals"] == {"EUR": {"cash": 1_000}}


def test_a_dry_run_reserves_and_writes_nothing(desk: CashDesk) -> None:
    before = files_in(desk.folder)
    answer = desk.export("new/pay.xml", "-n")
    assert (answer["counts"]["rows"], answer["totals"], answer["run_id"]) == (2, {"EUR": {"cash": 9_000}}, None)
    assert files_in(desk.folder) == before
    assert not (desk.folder / "new").exists()


def test_where_it_may_not_be_written(desk: CashDesk) -> None:
    export = ("cashout", "export", "--format", "csv", "-o")
    assert desk(*export, "-").exit == 2
    assert desk(*export, LEDGER, "--force").exit == 2
    assert desk(*export, "accounts.csv", "--accounts", "accounts.csv", "--force").exit == 2
    (desk.folder / "taken.csv").write_text("mine", encoding="utf-8")
    assert desk.answer(*export, "taken.csv", exits=2)["errors"][0]["code"] == "file_exists"
    (desk.folder / "link.csv").symlink_to("elsewhere")
    assert desk(*export, "link.csv", "--force").exit == 2
    assert desk.states() == {4: "open", 5: "open"}, "what can't be written is not reserved"
    desk(*export, "taken.csv", "--force").ok()
    assert column(desk.folder / "taken.csv", "id") == ["4", "5"]


def test_pain_001_asks_for_accounts(desk: CashDesk) -> None:
    assert desk("cashout", "export", "-o", "pay.xml", "--format", "pain.001").exit == 2
    assert desk("cashout", "export", "-o", "pay.xml", "--format", "pain.001", "--accounts", "none.csv").exit == 66


def test_a_second_file_in_the_same_place_keeps_the_first(desk: CashDesk) -> None:
    """The bank may not have it yet."""
    desk.export()
    first = (desk.folder / "pay.xml").read_bytes()
    run = number(desk.folder / LEDGER, "SELECT run_id FROM cash_files")
    desk.request()
    desk.export()
    assert (desk.folder / f"pay-run{run}.xml").read_bytes() == first
    assert texts(desk.folder / "pay.xml", "InstdAmt") == ["100.00"]
    desk.in_order()


# --- Settling ---


def test_the_banks_answer_ends_debts_or_opens_them_again(desk: CashDesk) -> None:
    debt = desk.request()
    desk.export()
    ids = desk.payments()
    said = dict(zip(ids.values(), ("ACSC", "RJCT", "ACSP"), strict=True))
    answer = desk.settle(pain_002(desk.message(), "PART", **said), name="answer.xml")
    assert answer["counts"] == {"rows": 3, "paid": 1, "reopened": 1, "pending": 1, "unchanged": 0, "rejected": 0}
    assert answer["totals"] == {"EUR": {"paid": 2_000, "reopened": 7_000}}
    assert desk.states() == {4: "paid", 5: "open", debt: "ordered"}
    desk.settle(pain_002(desk.message(), "ACCC", **{ids[debt]: "ACCC"}), name="later.xml")
    assert desk.card() == ("cashed_out", "0.00")
    desk.in_order()


def test_a_status_of_the_whole_file(desk: CashDesk) -> None:
    desk.export()
    assert desk.settle(pain_002(desk.message(), "RJCT"), name="answer.xml")["counts"]["reopened"] == 2
    desk.export("second.xml")
    assert desk.settle(pain_002(desk.message(2), "ACSC"), name="second_answer.xml")["counts"]["paid"] == 2
    assert desk.states() == {4: "paid", 5: "paid"}
    desk.in_order()


def test_an_old_answer_says_nothing_of_a_new_file(desk: CashDesk) -> None:
    """Else a debt would be open again, and paid twice, while the bank is paying it."""
    desk.export()
    rejected = pain_002(desk.message(), "RJCT")
    desk.settle(rejected, name="answer.xml")
    desk.export("second.xml")
    again = desk.settle(rejected, name="answer.xml")
    assert (again["run_id"], again["counts"]["unchanged"]) == (None, 2)
    assert desk.states() == {4: "ordered", 5: "ordered"}
    by_hand = desk.settle("id,status\n4,rejected\n", exits=3)
    assert [error["code"] for error in by_hand["errors"]] == ["payment_ambiguous"]
    assert desk.settle(f"id,status\n{desk.payments(2)[4]},rejected\n")["counts"]["reopened"] == 1
    assert desk.states() == {4: "open", 5: "ordered"}
    desk.in_order()


def test_the_exported_csv_comes_back_with_its_statuses(desk: CashDesk) -> None:
    desk("cashout", "export", "-o", "pay.csv", "--format", "csv").ok()
    header, *rows = (desk.folder / "pay.csv").read_text(encoding="utf-8").splitlines()
    filled = "\n".join([f"{header},status", f"{rows[0]},paid", f"{rows[1]},", ""])
    assert desk.settle(filled)["counts"] == {
        "rows": 2,
        "paid": 1,
        "reopened": 0,
        "pending": 1,
        "unchanged": 0,
        "rejected": 0,
    }
    assert desk.states() == {4: "paid", 5: "ordered"}


def test_what_was_never_in_a_file_may_be_settled_by_hand(desk: CashDesk) -> None:
    debt = desk.request()
    answer = desk.settle(f"id,status,reference\n{debt},paid,cheque 7\n4,rejected,\n", exits=3)
    assert (answer["counts"]["paid"], [error["code"] for error in answer["errors"]]) == (1, ["never_ordered"])
    assert desk.card() == ("cashed_out", "0.00")
    assert read(desk.folder / LEDGER, "SELECT debt, outcome, reference FROM cash_outcomes") == [
        (debt, "paid", "cheque 7")
    ]
    assert desk.export()["totals"] == {"EUR": {"cash": 9_000}}, "what is paid is in no file any more"
    desk.in_order()


def test_settling_again_changes_nothing(desk: CashDesk) -> None:
    desk.export()
    text = "id,status\n4,paid\n5,rejected\n"
    desk.settle(text)
    runs = number(desk.folder / LEDGER, "SELECT count(*) FROM runs")
    again = desk.settle(text)
    assert (again["run_id"], again["counts"]["unchanged"], again["totals"]) == (None, 2, {})
    assert number(desk.folder / LEDGER, "SELECT count(*) FROM runs") == runs


def test_rows_that_can_not_be_taken_are_told_and_can_be_mended(desk: CashDesk) -> None:
    debt = desk.request()
    desk("cashout", "cancel", str(debt)).ok()
    desk.export()
    desk.settle("id,status\n4,paid\n", name="first.csv")
    rows = ["4,rejected", "1,paid", "99,paid", f"{debt},paid", "REFUNDCTL-00000000-5-1,paid", "5,lost", "5,paid"]
    answer = desk.settle("\n".join(["id,status", *rows, ""]), exits=3)
    assert answer["counts"] == {"rows": 7, "paid": 1, "reopened": 0, "pending": 0, "unchanged": 0, "rejected": 6}
    rejects = desk.folder / "answer.rejects.csv"
    assert [(row["id"], row["_line"], row["_code"]) for row in rows_of(rejects)] == [
        ("4", "2", "paid_before"),
        ("1", "3", "resource_not_found"),
        ("99", "4", "resource_not_found"),
        (str(debt), "5", "cancelled_before"),
        ("REFUNDCTL-00000000-5-1", "6", "other_ledger"),
        ("5", "7", "status_unknown"),
    ]
    assert mode_of(rejects) == "-rw-------"
    assert desk.states() == {4: "paid", 5: "paid", debt: "cancelled"}
    desk.in_order()


def test_a_file_that_says_two_things_of_a_payment_says_neither(desk: CashDesk) -> None:
    desk.export()
    answer = desk.settle("id,status\n4,paid\n4,rejected\n5,paid\n5,paid\n", exits=3)
    assert [error["code"] for error in answer["errors"]] == ["contradiction", "contradiction"]
    assert answer["counts"] == {"rows": 4, "paid": 1, "reopened": 0, "pending": 0, "unchanged": 1, "rejected": 2}
    assert desk.states() == {4: "ordered", 5: "paid"}


def test_an_answer_that_is_of_another_ledger_or_of_nothing(desk: CashDesk) -> None:
    desk.export()
    other = desk.settle(pain_002("REFUNDCTL-00000000-1", "RJCT"), exits=3, name="other.xml")
    assert [error["code"] for error in other["errors"]] == ["other_ledger"]
    unknown = desk.settle(pain_002("SALARIES-5", "RJCT", NOTPROVIDED="RJCT"), exits=3, name="unknown.xml")
    assert [error["code"] for error in unknown["errors"]] == ["resource_not_found"]
    assert desk.states() == {4: "ordered", 5: "ordered"}
    assert not list(desk.folder.glob("*.rejects.csv")), "XML is not fixed by hand"


def test_a_rejected_row_spoils_nothing_and_a_bad_file_changes_nothing(desk: CashDesk) -> None:
    desk.export()
    assert desk.settle("<!DOCTYPE x><Document/>", exits=65, name="bad.xml")["errors"][0]["code"] == "doctype_refused"
    assert desk.settle("id\n4\n", exits=65)["errors"][0]["code"] == "column_missing"
    assert desk("cashout", "settle", "none.csv").exit == 66
    assert desk("cashout", "settle", "-", stdin="id,status\n4,paid\n").exit == 2, "rejects need a place"
    assert desk.states() == {4: "ordered", 5: "ordered"}
    desk("cashout", "settle", "-", "--rejects", "r.csv", stdin="id,status\n4,paid\n").ok()
    assert desk.states() == {4: "paid", 5: "ordered"}


def test_a_dry_run_settles_nothing(desk: CashDesk) -> None:
    desk.export()
    (desk.folder / "answer.csv").write_text("id,status\n4,paid\n77,paid\n", encoding="utf-8")
    before = files_in(desk.folder)
    assert desk.answer("cashout", "settle", "answer.csv", "-n", exits=3)["counts"]["paid"] == 1
    assert files_in(desk.folder) == before


def test_settling_is_told_to_a_person(desk: CashDesk) -> None:
    desk.export()
    (desk.folder / "answer.csv").write_text("id,status\n4,paid\n5,rejected\n77,paid\n", encoding="utf-8")
    assert desk("cashout", "settle", "answer.csv").stdout.splitlines() == [
        "3 statements: EUR 20.00 paid, EUR 70.00 reopened.",
        "Of them 1 rejected.",
        "1 debt rejected by the bank: open again, for the next `refundctl cashout export`.",
        "Fix the rejected rows in answer.rejects.csv and load that file with `refundctl cashout settle`.",
    ]


# --- Cut off ---

ALL_IN_CASH: dict[str, Any] = {"refund": {"offers": [{"when": {"status": ["cancelled"]}, "offer": "cash"}]}}
BANK = f"{HEADER}{DEBTOR}ana,,{FRENCH},\nbo,,{DUTCH},\ncy,,{GERMAN},\n"
EXPORT = ("cashout", "export", "-o", "pay.xml", "--format", "pain.001", "--accounts", "accounts.csv")
EXPORT_CSV = (*EXPORT[:5], "csv", *EXPORT[6:])


def place_with_debts(folder: Path) -> Place:
    """Three customers are owed cash, in four debts."""
    place = Place.made(folder, ("init",), ("run", CAMPAIGN, "bookings.csv", "--out", "out"), **ALL_IN_CASH)
    (place.folder / "accounts.csv").write_text(BANK, encoding="utf-8")
    shutil.copy(place.folder / "accounts.csv", place.before)
    return place


def test_an_export_that_was_killed_is_finished_by_the_same_command(tmp_path: Path) -> None:
    place = place_with_debts(tmp_path)
    ended, expected = place.undisturbed(EXPORT_CSV)
    assert (ended.exit, len(expected.facts["cash_orders"]), len(expected.facts["cash_deliveries"])) == (0, 4, 1)
    assert expected.files["pay.xml"][0] == "-rw-------"
    assert_a_kill_never_shows(place, EXPORT_CSV)


def test_a_credit_transfer_that_was_killed_is_written_with_the_same_bytes(tmp_path: Path) -> None:
    """Reserved but not there, there but not marked, marked but not told."""
    place = place_with_debts(tmp_path)
    ended, _ = place.undisturbed(EXPORT)
    there = ended.steps.index("put in place pay.xml")
    assert_a_kill_never_shows(place, EXPORT, [there, there + 1, len(ended.steps) - 1])


def test_a_second_export_in_the_same_place_may_be_killed_too(tmp_path: Path) -> None:
    place = place_with_debts(tmp_path)
    assert place.run(EXPORT_CSV).exit == 0
    (place.folder / "answer.csv").write_text("id,status\n1,rejected\n2,rejected\n", encoding="utf-8")
    assert place.run(("cashout", "settle", "answer.csv")).exit == 0
    shutil.rmtree(place.before)
    shutil.copytree(place.folder, place.before)
    ended, expected = place.undisturbed(EXPORT_CSV)
    assert ended.exit == 0
    assert len([name for name in expected.files if name.startswith("pay")]) == 2
    steps = ended.steps
    changes = [at for at, step in enumerate(steps) if step.startswith("put in place")]
    assert_a_kill_never_shows(place, EXPORT_CSV, [*changes, *(at + 1 for at in changes)])


def test_a_settlement_that_was_killed_is_whole_or_not_there(tmp_path: Path) -> None:
    place = place_with_debts(tmp_path)
    assert place.run(EXPORT).exit == 0
    (place.folder / "answer.csv").write_text("id,status\n1,paid\n2,rejected\n77,paid\n", encoding="utf-8")
    shutil.rmtree(place.before)
    shutil.copytree(place.folder, place.before)
    settle = ("cashout", "settle", "answer.csv")
    ended, expected = place.undisturbed(settle)
    assert (ended.exit, len(expected.facts["cash_outcomes"]), len(expected.facts["cash_rejections"])) == (3, 1, 1)
    assert_a_kill_never_shows(place, settle)


def test_while_a_file_is_unfinished_its_debts_are_nobody_elses(tmp_path: Path) -> None:
    place = place_with_debts(tmp_path)
    assert place.run(EXPORT, "put in place pay.xml").exit == KILLED
    desk = CashDesk(place.folder)
    for other in (("other.xml",), ("pay.xml", "csv")):
        words = (
            "cashout",
            "export",
            "-o",
            other[0],
            "--format",
            *(other[1:] or ("pain.001",)),
            "--accounts",
            "accounts.csv",
        )
        [error] = desk.answer(*words, exits=4)["errors"]
        assert (error["code"], str(place.folder / "pay.xml") in error["message"]) == ("batch_open", True)
    assert not (place.folder / "other.xml").exists()
    for status in ("paid", "rejected"):
        [error] = desk.settle(f"id,status\n1,{status}\n", exits=3)["errors"]
        assert error["code"] == "batch_open"
    assert desk.answer("undo", "2")["totals"]["EUR"]["spent"] == 15_550
    assert set(desk.states().values()) == {"ordered"}
    assert desk.answer(*EXPORT)["finished"] is True
    assert texts(place.folder / "pay.xml", "EndToEndId") == list(desk.payments().values())
    assert desk.answer(*EXPORT)["counts"]["rows"] == 0
    desk.in_order()


def test_a_file_is_not_finished_by_accounts_that_lack_somebody(tmp_path: Path) -> None:
    place = place_with_debts(tmp_path)
    assert place.run(EXPORT, "put in place pay.xml").exit == KILLED
    desk = CashDesk(place.folder)
    (place.folder / "accounts.csv").write_text(BANK.replace(DUTCH, "NL92ABNA0417164300"), encoding="utf-8")
    [error] = desk.answer(*EXPORT, exits=65)["errors"]
    assert error["code"] == "accounts_changed"
    assert not (place.folder / "pay.xml").exists()
    (place.folder / "accounts.csv").write_text(BANK, encoding="utf-8")
    assert desk.answer(*EXPORT)["counts"]["rows"] == 4


def test_the_same_export_twice_at_once_writes_one_file(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path)
    with standing_still(tmp_path, EXPORT, "put in place pay.xml") as first:
        second = OwnProcess(tmp_path)(*EXPORT, "--wait", "0.5", "--json")
        assert second.exit == 75
        assert let_go_on(first).exit == 0
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM cash_files") == 1
    assert desk.answer(*EXPORT)["counts"]["rows"] == 0


def test_the_day_to_pay_on_is_the_day_of_the_reservation(tmp_path: Path) -> None:
    """A file that is finished on another day is the same file."""
    place = place_with_debts(tmp_path)
    assert place.run(EXPORT, "put in place pay.xml").exit == KILLED
    CashDesk(place.folder)(*EXPORT, now="2020-05-03T08:00:00Z").ok()
    assert texts(place.folder / "pay.xml", "Dt") == [BEFORE_RELEASE[:10]]
    assert texts(place.folder / "pay.xml", "CreDtTm") == [BEFORE_RELEASE]
