"""`refundctl load-customers`: people of a CRM come in or are updated; nothing that is known is lost."""

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.books import everything, number, read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, counts, csv_text, files_in, only, write_bookings
from support.repository import SAMPLE_DATA

Person = dict[str, str]

ANA = {
    "customer_id": "C-1",
    "email": "ana@example.org",
    "name": "Ana Nowak",
    "phone": "+48 600 100 200",
    "locale": "pl-PL",
    "marketing_consent": "yes",
}
JAN = {"customer_id": "C-2", "email": "jan@example.org", "name": "Jan Kos"}
EVA = {"customer_id": "C-3", "name": "Eva Ray", "phone": "555 0100"}
NOBODY = dict.fromkeys(ANA, "")


def write_people(path: Path, *people: Person) -> Path:
    """A file with the columns of a person, and those that any of them has besides."""
    path.write_text(csv_text(*(NOBODY | person for person in people)), encoding="utf-8")
    return path


def people_in(folder: Path, ledger: str = LEDGER) -> dict[str, tuple[str | None, ...]]:
    """E-mail, name, phone, locale and consent of each customer, by id, as any SQLite tool shows them."""
    rows = read(folder / ledger, "SELECT customer_id, email, name, phone, locale, marketing_consent FROM customers")
    return {row[0]: row[1:] for row in rows}


def load(run: CommandLine, folder: Path, *people: Person, name: str = "crm.csv") -> dict[str, int]:
    """What became of these people, none of whom may be rejected."""
    write_people(folder / name, *people)
    found: dict[str, int] = run("load-customers", name, "--json").ok().json()["counts"]
    return found


# --- What becomes of rows ---


def test_new_people_are_loaded(run_in_process: CommandLine, tmp_path: Path) -> None:
    path = write_people(tmp_path / "crm.csv", ANA, JAN, EVA)
    answer = run_in_process("load-customers", "crm.csv", "--json").ok().json()
    assert answer == {
        "schema_version": 1,
        "command": "load-customers",
        "status": "ok",
        "run_id": 1,
        "campaign": None,
        "counts": counts(loaded=3),
        "totals": {},
        "files": [{"path": "crm.csv", "rows": 3, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}],
        "rejected_by_code": {},
        "sources": {"crm.csv": "default"},
        "errors": [],
    }
    assert people_in(tmp_path) == {
        "C-1": ("ana@example.org", "Ana Nowak", "+48 600 100 200", "pl-PL", "yes"),
        "C-2": ("jan@example.org", "Jan Kos", None, None, None),
        "C-3": (None, "Eva Ray", "555 0100", None, None),
    }
    run_in_process("verify").ok()


def test_a_person_reads_the_same(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA, JAN, EVA | {"email": "eva at home"})
    result = run_in_process("load-customers", "crm.csv")
    assert (result.exit, result.stderr) == (3, "")
    assert result.stdout.splitlines() == [
        "Loaded 2 of 3 rows.",
        "  loaded    2",
        "  rejected  1 (1 malformed email)",
        "Fix the rejected rows in crm.rejects.csv and load that file.",
    ]


def test_all_five_fates_in_one_call_add_up(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text("version: 1\nsources:\n  crm: {only: {kind: [guest]}}\ncampaigns: {}\n")
    guest = {"kind": "guest"}
    load(run_in_process, tmp_path, ANA, JAN)
    write_people(
        tmp_path / "crm.csv",
        ANA | guest,
        JAN | guest | {"phone": "555 0199"},
        EVA | guest,
        EVA | {"kind": "staff"},
        NOBODY | guest,
    )
    result = run_in_process("load-customers", "crm.csv", "--source", "crm", "--json")
    assert (result.exit, result.json()["status"]) == (3, "partial")
    assert result.json()["counts"] == counts(loaded=1, updated=1, unchanged=1, filtered=1, rejected=1)
    assert result.json()["rejected_by_code"] == {"no_customer": 1}


def test_the_same_file_again_changes_nothing_and_leaves_no_run(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA, JAN, EVA)
    before = files_in(tmp_path)
    answer = run_in_process("load-customers", "crm.csv", "--json").ok().json()
    assert (answer["counts"], answer["run_id"]) == (counts(unchanged=3), None)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    "again",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b",", b";"),
        lambda text: text.decode().encode("utf-16"),
        lambda text: b"".join([text.splitlines(True)[0], *reversed(text.splitlines(True)[1:])]),
        lambda text: text + text.split(b"\n", 1)[1],
        lambda text: text.replace(b"yes", b"TRUE").replace(b"pl-PL", b"PL_pl").replace(b"@example", b"@Example"),
    ],
    ids=["CRLF", "BOM", "semicolons", "UTF-16", "backwards", "each row twice", "values in other forms"],
)  # fmt: skip
def test_the_same_people_in_other_clothes_change_nothing(
    again: Callable[[bytes], bytes], run_in_process: CommandLine, tmp_path: Path
) -> None:
    load(run_in_process, tmp_path, ANA, JAN, EVA)
    (tmp_path / "again.csv").write_bytes(again((tmp_path / "crm.csv").read_bytes()))
    answer = run_in_process("load-customers", "again.csv", "--json").ok().json()
    rows = answer["counts"]["rows"]
    assert (answer["counts"], answer["run_id"], rows in {3, 6}) == (counts(unchanged=rows), None, True)


# --- What is known of a person ---


def test_what_a_file_says_otherwise_is_updated(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA, JAN)
    changed = {"email": "a.nowak@example.org", "marketing_consent": "no"}
    assert load(run_in_process, tmp_path, ANA | changed, JAN) == counts(updated=1, unchanged=1)
    assert people_in(tmp_path)["C-1"] == ("a.nowak@example.org", "Ana Nowak", "+48 600 100 200", "pl-PL", "no")
    run_in_process("verify").ok()


def test_a_blank_never_overwrites_what_is_known(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA)
    known = people_in(tmp_path)
    assert load(run_in_process, tmp_path, {"customer_id": "C-1"}) == counts(unchanged=1)
    assert people_in(tmp_path) == known
    assert load(run_in_process, tmp_path, {"customer_id": "C-1", "name": "Ana Kos"}) == counts(updated=1)
    assert people_in(tmp_path)["C-1"] == ("ana@example.org", "Ana Kos", "+48 600 100 200", "pl-PL", "yes")


def test_a_column_that_the_file_lacks_says_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA)
    (tmp_path / "short.csv").write_text("CUSTOMER_ID,score\nC-1,17\n")
    answer = run_in_process("load-customers", "short.csv", "--json").ok().json()
    assert answer["counts"] == counts(unchanged=1)


def test_without_a_customer_id_the_email_in_lower_case_is_the_customer(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    assert load(run_in_process, tmp_path, {"email": "Ana@Example.org"}) == counts(loaded=1)
    assert load(run_in_process, tmp_path, {"email": "Ana@example.org", "name": "Ana"}) == counts(updated=1)
    assert people_in(tmp_path) == {"ana@example.org": ("Ana@example.org", "Ana", None, None, None)}


def test_a_shared_email_never_merges_two_customers(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Nor a customer who is known under an id with a row that has the e-mail only."""
    shared = {"email": "ana@example.org"}
    assert load(run_in_process, tmp_path, ANA, JAN | shared, shared) == counts(loaded=3)
    assert {customer: person[0] for customer, person in people_in(tmp_path).items()} == {
        "C-1": "ana@example.org",
        "C-2": "ana@example.org",
        "ana@example.org": "ana@example.org",
    }


# --- Several rows about one person ---


def test_rows_that_complete_each_other_are_one_person(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Also in two files of one call. One of them counts as loaded, the others as unchanged."""
    write_people(tmp_path / "a.csv", {"customer_id": "C-1", "email": "ana@example.org"}, JAN)
    write_people(tmp_path / "b.csv", {"customer_id": "C-1", "phone": "12"}, {"customer_id": "C-1", "name": "Ana"}, JAN)
    answer = run_in_process("load-customers", "a.csv", "b.csv", "--json").ok().json()
    assert answer["counts"] == counts(loaded=2, unchanged=3)
    assert people_in(tmp_path)["C-1"] == ("ana@example.org", "Ana", "12", None, None)
    assert [file["rows"] for file in answer["files"]] == [2, 3]
    more = [{"customer_id": "C-1", "locale": "pl"}, {"customer_id": "C-1", "marketing_consent": "no"}]
    assert load(run_in_process, tmp_path, *more) == counts(updated=1, unchanged=1)
    assert people_in(tmp_path)["C-1"] == ("ana@example.org", "Ana", "12", "pl", "no")
    run_in_process("verify").ok()


def test_rows_that_contradict_each_other_are_rejected_all(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Wherever they stand, together with every other row about that customer."""
    write_people(tmp_path / "a.csv", ANA, JAN)
    write_people(tmp_path / "b.csv", ANA | {"phone": "12"}, {"customer_id": "C-1"}, EVA)
    result = run_in_process("load-customers", "a.csv", "b.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=2, rejected=3))
    assert result.json()["rejected_by_code"] == {"contradiction": 3}
    assert set(people_in(tmp_path)) == {"C-2", "C-3"}
    assert column(tmp_path / "a.rejects.csv", "_line") == ["2"]
    assert column(tmp_path / "b.rejects.csv", "_line") == ["2", "3"]
    reasons = [*column(tmp_path / "a.rejects.csv", "_reason"), *column(tmp_path / "b.rejects.csv", "_reason")]
    assert set(reasons) == {"the rows about customer C-1 name more than one phone; keep the right one"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "a@example.org"), ("name", "Ana N."), ("phone", "1"), ("locale", "de"), ("marketing_consent", "no")],
)
def test_a_contradiction_names_its_field(field: str, value: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA, ANA | {field: value})
    assert run_in_process("load-customers", "crm.csv").exit == 3
    assert column(tmp_path / "crm.rejects.csv", "_field") == [field, field]
    assert not (tmp_path / LEDGER).exists()


def test_an_email_that_serves_as_an_id_is_not_shown(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", {"email": "ana@example.org", "name": "A"}, {"email": "ANA@example.org"})
    assert run_in_process("load-customers", "crm.csv").exit == 3
    assert (
        column(tmp_path / "crm.rejects.csv", "_reason")
        == ["the rows about this customer name more than one email; keep the right one"] * 2
    )


def test_a_rejected_row_does_not_take_the_others_of_its_customer_along(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    write_people(tmp_path / "crm.csv", ANA, ANA | {"phone": "12\x07"})
    result = run_in_process("load-customers", "crm.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    assert people_in(tmp_path)["C-1"][2] == "+48 600 100 200"


# --- Rejects ---


def test_rejects_are_written_as_they_stood_with_the_reason(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(
        "email;customer_id;Our note\n"
        'ana@example.org;C-1;"said ""hi"""\n'
        'jan at home;C-2;"said; ""ho"""\n'
        "eva@example.org;C-3\n"
    )
    result = run_in_process("load-customers", "crm.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=2))
    rejects = (tmp_path / "crm.rejects.csv").read_bytes()
    mark = hashlib.sha256(b"eva@example.org\x1fC-3\x1f").hexdigest()[:8]
    assert rejects.decode() == (
        "email;customer_id;Our note;_line;_field;_code;_reason\n"
        'jan at home;C-2;"said; ""ho""";3;email;malformed_email;"email is not an e-mail address that a mail tool would '
        'take; correct it or leave it blank"\n'
        'eva@example.org;C-3;;4;;wrong_field_count;"the row has 2 fields, the header has 3; put each value under its '
        f'header, and texts with delimiters in quotes (cells {mark})"\n'
    )
    assert [(file["path"], file["rows"]) for file in result.json()["files"]] == [("crm.csv", 3), ("crm.rejects.csv", 2)]
    assert result.json()["files"][1]["sha256"] == hashlib.sha256(rejects).hexdigest()


def test_mended_rejects_are_loaded_as_they_are(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA, JAN | {"email": "jan at home"}, EVA, EVA | {"name": "Eve"})
    assert run_in_process("load-customers", "crm.csv").exit == 3
    rejects = tmp_path / "crm.rejects.csv"
    rejects.write_text(rejects.read_text().replace("jan at home", "jan@example.org").replace("Eve,", "Eva Ray,"))
    answer = run_in_process("load-customers", rejects.name, "--json").ok().json()
    assert answer["counts"] == counts(loaded=2, unchanged=1)
    assert load(run_in_process, tmp_path, ANA, JAN, EVA) == counts(unchanged=3)


def test_stdin_needs_a_place_for_rejects(run_in_process: CommandLine, tmp_path: Path) -> None:
    text = csv_text(ANA, NOBODY)
    result = run_in_process("load-customers", "-", stdin=text)
    assert (result.exit, result.stdout) == (2, "")
    result = run_in_process("load-customers", "-", "--rejects", "fix.csv", "--json", stdin=text)
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    assert column(tmp_path / "fix.csv", "_code") == ["no_customer"]


def test_strict_takes_nothing_if_a_single_row_is_rejected(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA, NOBODY)
    result = run_in_process("load-customers", "crm.csv", "--strict", "--json")
    assert result.exit == 65
    assert only(result.json()["errors"])["code"] == "rows_rejected"
    assert column(tmp_path / "crm.rejects.csv", "_line") == ["3"]
    assert not (tmp_path / LEDGER).exists()


# --- Files and sources ---


def test_a_file_that_tells_nobody_apart_is_refused(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA)
    before = files_in(tmp_path)
    (tmp_path / "names.csv").write_text("name,phone\nJan,12\n")
    result = run_in_process("load-customers", "crm.csv", "names.csv", "--json")
    error = only(result.json()["errors"])
    assert (result.exit, error["code"], error["path"]) == (65, "header_missing", "names.csv")
    assert "`customer_id`" in error["message"]
    assert "`email`" in error["message"]
    del (files := files_in(tmp_path))["names.csv"]
    assert files == before


@pytest.mark.parametrize(("argv", "code"), [(("nowhere.csv",), 66), (("crm.csv", "--source", "hotel"), 66)])
def test_what_is_not_there(argv: tuple[str, ...], code: int, run_in_process: CommandLine, tmp_path: Path) -> None:
    """A source that is neither built in nor in a campaigns file, which is missing."""
    write_people(tmp_path / "crm.csv", ANA)
    assert run_in_process("load-customers", *argv).exit == code


def test_a_source_of_bookings_reads_people_too(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(
        "version: 1\n"
        "sources:\n"
        "  hotel:\n"
        '    delimiter: ";"\n'
        "    columns: {booking_id: Booking no, order_amount: Total, customer_id: Guest no, email: Guest e-mail}\n"
        "    constants: {currency: EUR, locale: de}\n"
        '    null_values: ["", "NULL"]\n'
        "    id_prefix: berlin-\n"
        "campaigns: {}\n"
    )
    bookings = "Booking no;Total;Guest no;Guest e-mail\n1;10.00;7;NULL\n"
    (tmp_path / "bookings.csv").write_text(bookings)
    run_in_process("load", "bookings.csv", "--source", "hotel").ok()
    (tmp_path / "guests.csv").write_text("Guest e-mail;Guest no\neva@example.org;7\njan@example.org;NULL\n")
    answer = run_in_process("load-customers", "guests.csv", "--source", "hotel", "--json").ok().json()
    assert answer["counts"] == counts(loaded=1, updated=1)
    assert people_in(tmp_path) == {
        "berlin-7": ("eva@example.org", None, None, "de", None),
        "jan@example.org": ("jan@example.org", None, None, "de", None),
    }
    run_in_process("verify").ok()


def test_an_encoding_may_be_named(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_bytes("customer_id,name\nC-1,José\n".encode("latin-1"))
    assert run_in_process("load-customers", "crm.csv").exit == 65
    run_in_process("load-customers", "crm.csv", "--encoding", "latin-1").ok()
    assert people_in(tmp_path)["C-1"][1] == "José"


def test_a_packed_file_is_known_by_its_own_digest(run_in_process: CommandLine, tmp_path: Path) -> None:
    packed = gzip.compress(csv_text(ANA, JAN | NOBODY).encode(), mtime=0)
    (tmp_path / "crm.csv.gz").write_bytes(packed)
    result = run_in_process("load-customers", "crm.csv.gz", "--rejects", "fix.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    assert result.json()["files"][0]["sha256"] == hashlib.sha256(packed).hexdigest()
    assert column(tmp_path / "fix.csv", "_line") == ["3"]


# --- With cards and bookings ---


def test_funded_customers_get_their_email_later(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """The card stays as it is; only whom it reaches is known better."""
    write_bookings(
        tmp_path / "bookings.csv", booking("B1", customer_id="C-1", email=""), booking("B2", email="b@x.org")
    )
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    tables = ("cards", "transactions", "line_versions", "bookings")
    before = {table: rows for table, rows in everything(tmp_path / LEDGER).items() if table in tables}
    assert load(run_in_process, tmp_path, ANA) == counts(updated=1)
    after = everything(tmp_path / LEDGER)
    assert {table: after[table] for table in tables} == before
    run_in_process("verify").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv", "--all").ok()
    mail = zip(column(tmp_path / "mail.csv", "email"), column(tmp_path / "mail.csv", "booking_id"), strict=True)
    assert sorted(mail) == [("ana@example.org", "B1"), ("b@x.org", "B2")]
    write_people(tmp_path / "crm.csv", ANA | {"email": "ana@example.com"})
    run_in_process("load-customers", "crm.csv").ok()
    run_in_process("verify").ok()


def test_bookings_find_the_people_who_were_there_first(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns())
    load(run_in_process, tmp_path, ANA, {"email": "jan@example.org", "name": "Jan Kos"})
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", customer_id="C-1", email="", name=""),
        booking("B2", customer_id="", email="Jan@example.org", name=""),
    )
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert sorted(column(tmp_path / "out" / "mail.csv", "name")) == ["Ana Nowak", "Jan Kos"]
    assert len(people_in(tmp_path)) == 2
    assert load(run_in_process, tmp_path, ANA) == counts(unchanged=1)
    run_in_process("verify").ok()


# --- Against files of bookings ---

OLD, NEW = "old@example.org", "new@example.org"


def load_bookings(run: CommandLine, folder: Path, name: str, *rows: Person) -> dict[str, Any]:
    """What became of these bookings, none of which may be rejected."""
    write_bookings(folder / name, *rows)
    answer: dict[str, Any] = run("load", name, "--json").ok().json()
    return answer


def test_what_a_file_of_people_has_said_no_file_of_bookings_takes_back(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    old = booking("B1", customer_id="C-1", email=OLD, name="")
    load_bookings(run_in_process, tmp_path, "o1.csv", old)
    assert load(run_in_process, tmp_path, {"customer_id": "C-1", "email": NEW}) == counts(updated=1)
    before = files_in(tmp_path)
    again = run_in_process("load", "o1.csv", "--json").ok().json()
    assert (again["counts"], again["run_id"]) == (counts(unchanged=1), None)
    assert files_in(tmp_path) == before
    # Neither do a changed booking and a new one; what nobody had said is taken from them.
    more = [old | {"status": "blocked"}, booking("B2", customer_id="C-1", email=OLD, name="Ana", phone="12")]
    assert load_bookings(run_in_process, tmp_path, "o2.csv", *more)["counts"] == counts(loaded=1, updated=1)
    assert people_in(tmp_path)["C-1"] == (NEW, "Ana", "12", None, None)
    assert load_bookings(run_in_process, tmp_path, "o2.csv", *more)["counts"] == counts(unchanged=2)
    run_in_process("verify").ok()


def test_what_only_bookings_have_said_the_next_file_of_bookings_changes(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    load_bookings(run_in_process, tmp_path, "o1.csv", booking("B1", customer_id="C-1", email=OLD))
    answer = load_bookings(run_in_process, tmp_path, "o2.csv", booking("B1", customer_id="C-1", email=NEW))
    assert answer["counts"] == counts(updated=1)
    assert people_in(tmp_path)["C-1"][0] == NEW


def test_a_file_of_people_that_confirms_what_bookings_say_holds_from_then_on(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """The rows are unchanged, as what is known is the same; that it is the word of the CRM now is noted once, by a run."""
    load_bookings(run_in_process, tmp_path, "o1.csv", booking("B1", customer_id="C-1", email=NEW, name="Ana"))
    write_people(tmp_path / "crm.csv", {"customer_id": "C-1", "email": NEW})
    first = run_in_process("load-customers", "crm.csv", "--json").ok().json()
    assert (first["counts"], first["run_id"]) == (counts(unchanged=1), 2)
    before = files_in(tmp_path)
    again = run_in_process("load-customers", "crm.csv", "--json").ok().json()
    assert (again["counts"], again["run_id"]) == (counts(unchanged=1), None)
    assert files_in(tmp_path) == before
    stale = load_bookings(run_in_process, tmp_path, "o2.csv", booking("B1", customer_id="C-1", email=OLD, name="Ana"))
    assert (stale["counts"], stale["run_id"]) == (counts(unchanged=1), None)
    assert people_in(tmp_path)["C-1"][:2] == (NEW, "Ana")
    run_in_process("verify").ok()


def test_a_row_with_nothing_but_an_id_says_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    assert load(run_in_process, tmp_path, {"customer_id": "C-1"}) == counts(loaded=1)
    load_bookings(run_in_process, tmp_path, "o1.csv", booking("B1", customer_id="C-1", email=OLD))
    assert run_in_process("load-customers", "crm.csv", "--json").ok().json()["run_id"] is None
    load_bookings(run_in_process, tmp_path, "o2.csv", booking("B1", customer_id="C-1", email=NEW))
    assert people_in(tmp_path)["C-1"][0] == NEW


def test_the_order_of_bookings_does_not_matter_to_people_of_a_crm(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Of several values for a blank, the last in order of the booking numbers fills it in, as without a CRM."""
    rows = [booking("B1", customer_id="C-1", phone="1"), booking("B2", customer_id="C-1", phone="2")]
    for ledger, several in (("a.db", rows), ("b.db", rows[::-1])):
        write_people(tmp_path / "crm.csv", {"customer_id": "C-1", "email": NEW})
        write_bookings(tmp_path / "o.csv", *several)
        run_in_process("load-customers", "crm.csv", "--ledger", ledger).ok()
        run_in_process("load", "o.csv", "--ledger", ledger).ok()
        assert people_in(tmp_path, ledger)["C-1"] == (NEW, "Guest B2", "2", None, None)
        run_in_process("verify", "--ledger", ledger).ok()


# --- The country ---


def country_of(folder: Path) -> Any:
    [(country,)] = read(folder / LEDGER, "SELECT country FROM customers")
    return country


def test_the_country_of_a_customer_is_kept(run_in_process: CommandLine, tmp_path: Path) -> None:
    assert load(run_in_process, tmp_path, ANA | {"country": "pol"}) == counts(loaded=1)
    assert country_of(tmp_path) == "PL"
    assert load(run_in_process, tmp_path, ANA | {"country": ""}) == counts(unchanged=1)
    assert load(run_in_process, tmp_path, ANA | {"country": "us-me"}) == counts(updated=1)
    assert country_of(tmp_path) == "US-ME"
    assert load(run_in_process, tmp_path, ANA | {"country": "US-ME"}) == counts(unchanged=1)
    run_in_process("verify").ok()


def test_what_is_no_country_is_rejected(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA | {"country": "Poland"}, JAN)
    result = run_in_process("load-customers", "crm.csv", "--json")
    assert (result.exit, result.json()["rejected_by_code"]) == (3, {"malformed_value": 1})
    assert column(tmp_path / "crm.rejects.csv", "_field") == ["country"]


def test_bookings_keep_their_country_to_themselves(run_in_process: CommandLine, tmp_path: Path) -> None:
    load_bookings(run_in_process, tmp_path, "o1.csv", booking("B1", country="DE"))
    assert country_of(tmp_path) is None


def test_exported_bookings_show_their_own_country_or_else_the_customer_s(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    rows = [booking("B1", customer_id="C-1", country="DE"), booking("B2", customer_id="C-1"), booking("B3")]
    load_bookings(run_in_process, tmp_path, "o1.csv", *rows)
    load(run_in_process, tmp_path, ANA | {"country": "PL"})
    run_in_process("create", CAMPAIGN).ok()
    run_in_process("export", "bookings", CAMPAIGN, "-o", "out.csv").ok()
    shown = zip(column(tmp_path / "out.csv", "booking_id"), column(tmp_path / "out.csv", "country"), strict=True)
    assert sorted(shown) == [("B1", "DE"), ("B2", "PL"), ("B3", "")]


@pytest.mark.parametrize(
    "damage",
    ["country = 'US-ME'", "country = NULL", "from_people_file = 0"],
    ids=["another country", "no country", "no mark"],
)
def test_a_country_or_a_mark_that_was_altered_by_hand_is_found(
    damage: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    load(run_in_process, tmp_path, ANA | {"country": "PL"})
    with closing(sqlite3.connect(tmp_path / LEDGER)) as ledger, ledger:
        ledger.execute(f"UPDATE customers SET {damage}")
    result = run_in_process("verify", "--json")
    assert (result.exit, [finding["code"] for finding in result.json()["findings"]]) == (5, ["person_altered"])


# --- By the preset that the header shows ---

SHOPIFY = SAMPLE_DATA / "shopify.csv"


def test_a_file_of_a_shop_is_read_by_the_preset_that_its_header_shows(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "shop.csv").write_bytes(SHOPIFY.read_bytes())
    result = run_in_process("load-customers", "shop.csv", "--json", "--ledger", "a.db").ok()
    assert result.stderr == "shop.csv: read as shopify, which its header shows.\n"
    assert result.json()["sources"] == {"shop.csv": "shopify"}
    people = people_in(tmp_path, "a.db")
    assert people["ana.diaz@example.com"] == ("ana.diaz@example.com", "Ana Díaz", "+34 600 000 001", None, "yes")
    assert not any(person[1] and person[1].startswith("#") for person in people.values())
    named = run_in_process("load-customers", "shop.csv", "--source", "shopify", "--json", "--ledger", "b.db").ok()
    assert (named.stderr, named.json()["counts"]) == ("", result.json()["counts"])
    assert people_in(tmp_path, "b.db") == people


def test_a_file_that_is_nearly_a_preset_s_is_read_by_the_usual_names(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """`load` would refuse it, and say which column of Shopify's it lacks; people can be told apart without it."""
    header, *rows = SHOPIFY.read_text(encoding="utf-8").replace("Total,", "Sum,", 1).splitlines(keepends=True)
    (tmp_path / "shop.csv").write_text("".join([header, rows[0]]), encoding="utf-8")
    assert run_in_process("load", "shop.csv").exit == 65
    result = run_in_process("load-customers", "shop.csv", "--json").ok()
    assert (result.stderr, result.json()["sources"]) == ("", {"shop.csv": "default"})
    assert list(people_in(tmp_path)) == ["ana.diaz@example.com"]


def test_two_files_may_be_of_two_kinds(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(SHOPIFY.read_bytes())
    write_people(tmp_path / "crm.csv", ANA)
    result = run_in_process("load-customers", "crm.csv", "shop.csv", "--json").ok()
    assert result.json()["sources"] == {"crm.csv": "default", "shop.csv": "shopify"}
    quiet = run_in_process("load-customers", "shop.csv", "--quiet", "--ledger", "b.db").ok()
    assert quiet.stdout == ""


# --- The journal ---


def test_the_run_is_sealed_with_its_files_and_without_people(run_in_process: CommandLine, tmp_path: Path) -> None:
    path = write_people(tmp_path / "crm.csv", ANA, JAN, NOBODY)
    assert run_in_process("load-customers", "crm.csv").exit == 3
    run = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert (run["command"], run["status"], run["counts"]) == ("load-customers", "partial", counts(loaded=2, rejected=1))
    assert run["files"][0] == {"path": "crm.csv", "rows": 3, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    [(arguments,)] = read(tmp_path / LEDGER, "SELECT arguments FROM runs")
    assert json.loads(arguments) == {"encoding": None, "files": ["crm.csv"], "source": None, "strict": False}
    assert number(tmp_path / LEDGER, "SELECT count(*) FROM customer_versions WHERE run_id = 1") == 2
    load(run_in_process, tmp_path, ANA | {"phone": "12"}, JAN)
    versions = read(
        tmp_path / LEDGER,
        "SELECT customer_id FROM customer_versions JOIN customers ON customers.id = customer WHERE run_id = 2",
    )
    assert versions == [("C-1",)]


def test_a_person_who_was_altered_by_hand_is_found(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA, JAN)
    with closing(sqlite3.connect(tmp_path / LEDGER)) as ledger, ledger:
        ledger.execute("UPDATE customers SET email = 'thief@example.org' WHERE customer_id = 'C-1'")
    result = run_in_process("verify", "--json")
    assert (result.exit, [finding["code"] for finding in result.json()["findings"]]) == (5, ["person_altered"])


def test_no_message_names_a_person(run_in_process: CommandLine, tmp_path: Path) -> None:
    secret = {"email": "zenobia@zenobia.example", "name": "Zenobia", "phone": "zenobia"}
    write_people(tmp_path / "crm.csv", secret, secret | {"name": "Zenobia Z."}, {"email": "zenobia at home"})
    (tmp_path / "headless.csv").write_text("zenobia@zenobia.example,Zenobia\n")
    for argv in (
        ["crm.csv"],
        ["crm.csv", "--json"],
        ["crm.csv", "--strict"],
        ["headless.csv"],
        ["headless.csv", "--json"],
    ):
        result = run_in_process("load-customers", *argv)
        assert result.exit in {3, 65}
        assert "zenobia" not in (result.stdout + result.stderr).lower()
    # Only the cells themselves, in the file where they are to be fixed.
    assert not any("zenobia" in reason.lower() for reason in column(tmp_path / "crm.rejects.csv", "_reason"))


# --- What is kept, and what is said ---


def test_a_dry_run_says_the_same_and_keeps_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, ANA)
    write_people(tmp_path / "crm.csv", ANA | {"phone": "12"}, JAN, NOBODY)
    before = files_in(tmp_path)
    dry = run_in_process("load-customers", "crm.csv", "-n", "--json")
    assert (dry.exit, dry.json()["run_id"], dry.json()["dry_run"]) == (3, None, True)
    assert dry.json()["counts"] == counts(loaded=1, updated=1, rejected=1)
    assert files_in(tmp_path) == before
    real = run_in_process("load-customers", "crm.csv", "--json")
    assert (real.exit, real.json()["counts"]) == (3, dry.json()["counts"])


def test_a_dry_run_makes_no_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA)
    result = run_in_process("load-customers", "crm.csv", "--dry-run").ok()
    assert result.stdout == "Loaded 1 of 1 rows.\n  loaded  1\nDry run: nothing was kept.\n"
    assert sorted(files_in(tmp_path)) == ["crm.csv"]


def test_quiet_is_silent(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA)
    result = run_in_process("load-customers", "crm.csv", "--quiet").ok()
    assert result.stdout + result.stderr == ""


def test_in_a_process_of_its_own(cli: CommandLine, tmp_path: Path) -> None:
    write_people(tmp_path / "crm.csv", ANA, JAN)
    assert cli("load-customers", "crm.csv", "--json").ok().json()["counts"] == counts(loaded=2)
    cli("verify", "-q").ok()
