"""Bad input: each kind gets its exit code and one plain line, loses nothing and moves no money."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, CommandResult
from support.desks.bookings_desk import (
    booking,
    column,
    counts,
    csv_text,
    files_in,
    header_of,
    only,
    rows_of,
    write_bookings,
)

GOOD = booking("R-1001", "12.50")
BAD = booking("R-1002", "99.00")
GOOD_LINES = csv_text(GOOD)


def load(command_line: CommandLine, *files: str) -> CommandResult:
    return command_line("load", *files)


def run(command_line: CommandLine, *files: str) -> CommandResult:
    return command_line("run", CAMPAIGN, *files, "--out", "out")


BOTH_WAYS = pytest.mark.parametrize("take_in", [load, run])
Command = Callable[..., CommandResult]


def assert_one_plain_line(result: CommandResult, *words: str) -> None:
    """One sentence on stderr that names what is wrong; nothing on stdout; never a traceback."""
    assert result.stdout == ""
    line = only(result.stderr.splitlines())
    assert line.startswith("Error: ")
    assert line.isprintable()
    assert "Traceback" not in line
    assert "bug" not in line
    for word in words:
        assert word in line


# --- Files that can't be taken as a whole ---

WHOLE_FILES = {
    "empty": (b"", "is empty"),
    "blank lines only": (b"\n\n\n", "is empty"),
    "no header": (b"R-1,ana@example.org,12.50,EUR\n", "no header"),
    "duplicate header": (GOOD_LINES.replace("name", "email", 1).encode(), "more than once"),
    "a required column missing": (GOOD_LINES.replace("order_amount", "price").encode(), "order_amount"),
    "no currency anywhere": (b"booking_id,email,order_amount\nB1,a@example.org,1.00\n", "currency"),
    "NUL bytes": (GOOD_LINES.replace("Guest", "Gu\0st").encode(), "NUL"),
    "an unterminated quote": (GOOD_LINES.replace("Guest", '"Guest').encode(), "quote"),
    "latin-1": (GOOD_LINES.replace("Guest", "Gäst").encode("latin-1"), "--encoding"),
    "half a UTF-8 sign at the end": (GOOD_LINES.encode().rstrip() + b"\xc3", "UTF-8"),
    "UTF-16 without a BOM": (GOOD_LINES.encode("utf-16-le"), ""),
    "a broken archive": (b"PK\x03\x04" + bytes(100), "archive"),
    "a SQLite database": (b"SQLite format 3\x00" + bytes(100), "SQLite"),
    "random bytes": (bytes(range(128, 256)) * 10, ""),
}


@BOTH_WAYS
@pytest.mark.parametrize(("content", "words"), WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_a_file_that_cannot_be_taken_is_refused(
    content: bytes, words: str, take_in: Command, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    (tmp_path / "bookings.csv").write_bytes(content)
    before = files_in(tmp_path)
    result = take_in(run_in_process, "bookings.csv")
    assert result.exit == 65
    assert_one_plain_line(result, "bookings.csv", words)
    assert files_in(tmp_path) == before


@BOTH_WAYS
def test_a_missing_file(take_in: Command, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    before = files_in(tmp_path)
    result = take_in(run_in_process, "nowhere.csv")
    assert result.exit == 66
    assert_one_plain_line(result, "nowhere.csv", "No such file")
    assert files_in(tmp_path) == before


@BOTH_WAYS
def test_a_folder(take_in: Command, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    (tmp_path / "bookings").mkdir()
    before = files_in(tmp_path)
    result = take_in(run_in_process, "bookings")
    assert result.exit == 66
    assert_one_plain_line(result, "bookings is a folder")
    assert files_in(tmp_path) == before


@BOTH_WAYS
def test_a_bad_file_behind_a_good_one(
    take_in: Command, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "good.csv", GOOD)
    before = files_in(tmp_path)
    assert take_in(run_in_process, "good.csv", "nowhere.csv").exit == 66
    assert files_in(tmp_path) == before


def test_an_unterminated_quote_never_swallows_the_rows_behind_it(run_in_process: CommandLine, tmp_path: Path) -> None:
    rows = csv_text(*(booking(f"R-{number}") for number in range(1, 1001))).replace("Guest R-500,", '"Guest R-500,')
    (tmp_path / "bookings.csv").write_text(rows)
    result = run_in_process("load", "bookings.csv")
    assert result.exit == 65
    assert_one_plain_line(result, "bookings.csv", "501", "quote")


# --- Files that only look unusual ---

UNUSUAL = {
    "a BOM": b"\xef\xbb\xbf" + GOOD_LINES.encode(),
    "UTF-16": GOOD_LINES.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + GOOD_LINES.encode("utf-16-be"),
    "CR": GOOD_LINES.replace("\n", "\r").encode(),
    "CRLF": GOOD_LINES.replace("\n", "\r\n").encode(),
    "semicolons": GOOD_LINES.replace(",", ";").encode(),
    "tabs": GOOD_LINES.replace(",", "\t").encode(),
    "bars": GOOD_LINES.replace(",", "|").encode(),
    "no line end at the end": GOOD_LINES.rstrip().encode(),
    "blank lines between": GOOD_LINES.replace("\n", "\n\n").encode(),
    "quotes everywhere": b"\n".join(
        b'"' + line.replace(b",", b'","') + b'"' for line in GOOD_LINES.encode().splitlines()
    ),
    "headers in capitals": GOOD_LINES.replace("booking_id", "BOOKING_ID", 1).encode(),
}


@pytest.mark.parametrize("content", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_file_is_taken(content: bytes, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    (tmp_path / "bookings.csv").write_bytes(content)
    run(run_in_process, "bookings.csv").ok()
    row = only(rows_of(tmp_path / "out" / "mail.csv"))
    assert (row["booking_id"], row["balance"], row["name"]) == ("R-1001", "12.50", "Guest R-1001")


@BOTH_WAYS
def test_a_header_only(take_in: Command, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """No bookings today: nothing is wrong, and nobody is to be mailed."""
    (tmp_path / "bookings.csv").write_text(GOOD_LINES.splitlines(keepends=True)[0])
    result = take_in(run_in_process, "bookings.csv").ok()
    assert result.stderr == ""
    assert (tmp_path / "out" / "mail.csv").exists() == (take_in is run)
    if take_in is run:  # it made the campaign, which is accounted for
        assert rows_of(tmp_path / "out" / "mail.csv") == []


# --- Rows that can't be taken ---

ROWS = {
    "a decimal comma": ({"order_amount": "1,50"}, "order_amount", "malformed_amount"),
    "full-width digits": ({"order_amount": "１００"}, "order_amount", "malformed_amount"),
    "an exponent": ({"order_amount": "1e3"}, "order_amount", "malformed_amount"),
    "NaN": ({"order_amount": "NaN"}, "order_amount", "malformed_amount"),
    "inf": ({"order_amount": "inf"}, "order_amount", "malformed_amount"),
    "underscores": ({"order_amount": "1_000"}, "order_amount", "malformed_amount"),
    "thousands": ({"order_amount": "1,000.00"}, "order_amount", "malformed_amount"),
    "an amount below zero": ({"order_amount": "-5"}, "order_amount", "amount_not_positive"),
    "zero": ({"order_amount": "0"}, "order_amount", "amount_not_positive"),
    "three decimals in EUR": ({"order_amount": "12.345"}, "order_amount", "too_many_decimals"),
    "decimals in JPY": ({"order_amount": "1500.50", "currency": "JPY"}, "order_amount", "too_many_decimals"),
    "an amount beyond counting": ({"order_amount": "9" * 30}, "order_amount", "malformed_amount"),
    "no amount": ({"order_amount": ""}, "order_amount", "missing_value"),
    "a refund above the order": ({"refund_amount": "99.01"}, "refund_amount", "refund_exceeds_order"),
    "an unknown currency": ({"currency": "EUX"}, "currency", "unknown_currency"),
    "no currency": ({"currency": ""}, "currency", "missing_value"),
    "no booking_id": ({"booking_id": ""}, "booking_id", "missing_value"),
    "a shortened id": ({"booking_id": "1.2E+15"}, "booking_id", "malformed_id"),
    "30 February": ({"cancelled_at": "2020-02-30"}, "cancelled_at", "malformed_date"),
    "a month 13": ({"booked_at": "2020-13-01"}, "booked_at", "malformed_date"),
    "24:61": ({"cancelled_at": "2020-02-03T24:61:00"}, "cancelled_at", "malformed_date"),
    "a formula as a name": ({"name": "=HYPERLINK(1)"}, "name", "formula"),
    "a formula as an id": ({"booking_id": "@SUM(1)"}, "booking_id", "formula"),
    "a control character": ({"name": "Ana\x07"}, "name", "control_characters"),
    "an ANSI escape": ({"name": "\x1b[31mAna"}, "name", "control_characters"),
    "a line break": ({"name": "Ana\nNowak"}, "name", "control_characters"),
    "a payment card's number": ({"name": "4111 1111 1111 1111"}, "name", "payment_card_number"),
    "no e-mail address": ({"email": "ana.example.org"}, "email", "malformed_email"),
    "neither customer nor e-mail": ({"customer_id": "", "email": ""}, "customer_id", "no_customer"),
    "a field of a megabyte": ({"name": "A" * 1_000_000}, "name", "value_too_long"),
}


@pytest.mark.parametrize(("change", "field", "code"), ROWS.values(), ids=ROWS)
def test_a_bad_row_is_rejected_and_gets_no_money(
    change: dict[str, str], field: str, code: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    bad = BAD | change
    write_bookings(tmp_path / "bookings.csv", GOOD, bad)
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert result.exit == 3
    answer = result.json()
    assert answer["steps"]["load"]["counts"] == counts(loaded=1, rejected=1)
    assert answer["steps"]["topup"]["totals"]["EUR"]["total"] == 1_250
    row = only(rows_of(tmp_path / "out" / "rejects.csv"))
    assert (row["_line"], row["_field"], row["_code"]) == ("3", field, code)
    assert row["_reason"].strip()
    assert {name: row[name] for name in bad} == bad  # nothing of it is lost
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["R-1001"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("R-1002,C-2,jan@example.org,Jan,99.00,EUR", ["R-1002", "C-2", "jan@example.org", "Jan", "99.00", "EUR", ""]),
        ("R-1002", ["R-1002", "", "", "", "", "", ""]),
        (
            "R-1002,C-2,jan@example.org,Kos, Jan,99.00,EUR,cancelled",
            ["R-1002", "C-2", "jan@example.org", "Kos", " Jan", "99.00", "EUR"],
        ),
    ],
    ids=["short", "very short", "long"],
)
def test_a_short_or_long_row_is_rejected_with_all_that_it_said(
    line: str, kept: list[str], run_in_process: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "bookings.csv").write_text(f"{GOOD_LINES}{line}\n")
    result = run_in_process("load", "bookings.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    rejects = tmp_path / "bookings.rejects.csv"
    row = only(rows_of(rejects))
    assert row["_code"] == "wrong_field_count"
    assert [row[name] for name in header_of(rejects)[:7]] == kept
    if "cancelled" in line:
        assert "cancelled" in row["_reason"]


def test_rows_that_contradict_each_other_get_no_money(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", GOOD, BAD, {**BAD, "order_amount": "98.00"})
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert result.exit == 3
    assert result.json()["totals"]["EUR"]["total"] == 1_250
    assert column(tmp_path / "out" / "rejects.csv", "_code") == ["contradiction"] * 2


def test_a_file_of_bad_rows_only(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Also where the campaign is there already, so that the run leaves nothing in the ledger: it names its rejects."""
    write_bookings(tmp_path / "good.csv", GOOD)
    run_in_process("run", CAMPAIGN, "good.csv", "--out", "out").ok()
    before = (tmp_path / "refunds.db").read_bytes()
    write_bookings(tmp_path / "bookings.csv", {**BAD, "order_amount": "?"})
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "new", "--json")
    assert (result.exit, result.json()["status"]) == (3, "partial")
    assert (tmp_path / "refunds.db").read_bytes() == before
    assert column(tmp_path / "new" / "rejects.csv", "_code") == ["malformed_amount"]


# --- Ledgers that can't be taken ---

NO_LEDGERS = {
    "a text": b"these are my notes, not a ledger\n" * 100,
    "a short text": b"hello\n",
    "random bytes": bytes(range(256)) * 40,
}
COMMANDS = {
    "init": ["init"],
    "load": ["load", "bookings.csv"],
    "create": ["create", CAMPAIGN],
    "publish": ["publish", CAMPAIGN],
    "topup": ["topup", CAMPAIGN],
    "run": ["run", CAMPAIGN, "bookings.csv", "--out", "out"],
    "export mail": ["export", "mail", CAMPAIGN, "-o", "m.csv"],
    "export cards": ["export", "cards", CAMPAIGN, "-o", "c.csv"],
    "status": ["status"],
    "runs": ["runs"],
    "verify": ["verify"],
    "backup": ["backup", "b.db"],
}


@pytest.mark.parametrize("content", NO_LEDGERS.values(), ids=NO_LEDGERS)
@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_a_file_that_is_no_ledger(
    argv: list[str], content: bytes, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", GOOD)
    (tmp_path / "refunds.db").write_bytes(content)
    before = files_in(tmp_path)
    result = run_in_process(*argv)
    assert result.exit == 65
    assert_one_plain_line(result, "refunds.db")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_a_database_of_another_program(
    argv: list[str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", GOOD)
    with closing(sqlite3.connect(tmp_path / "refunds.db")) as other:
        other.executescript("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup');")
    before = files_in(tmp_path)
    result = run_in_process(*argv)
    assert result.exit == 65
    assert_one_plain_line(result, "refunds.db")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_a_ledger_of_a_newer_version(
    argv: list[str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", GOOD)
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "first").ok()
    with closing(sqlite3.connect(tmp_path / "refunds.db")) as ledger:
        ledger.execute("PRAGMA user_version = 9999")
    before = files_in(tmp_path)
    result = run_in_process(*argv)
    assert result.exit == 65
    assert_one_plain_line(result, "refunds.db", "newer")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_a_ledger_that_is_a_folder(
    argv: list[str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", GOOD)
    (tmp_path / "refunds.db").mkdir()
    before = files_in(tmp_path)
    result = run_in_process(*argv)
    assert result.exit == 65
    assert_one_plain_line(result, "refunds.db")
    assert files_in(tmp_path) == before
