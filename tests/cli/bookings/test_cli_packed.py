"""Files as they come: packed, or as a workbook whose cells are numbers and days, through the real command."""

import gzip
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, everything, read
from support.command_line import CAMPAIGN, CommandLine
from support.data.packed_files import workbook, zipped
from support.desks.bookings_desk import booking, counts, csv_text, files_in, only, rows_of
from support.repository import SAMPLE_DATA

BOOKINGS = csv_text(booking("B1", "12.50"), booking("B2", "1234.56"), booking("B3", "oops")).encode()
LINES = """
    SELECT booking_id, order_amount_minor, refund_amount_minor, currency, booked_at, cancelled_at, tickets
    FROM refund_lines ORDER BY booking_id
"""


def refused(cli: CommandLine, folder: Path, name: str, content: bytes, *options: str) -> str:
    """The sentence with which a file is refused as a whole, having made sure that nothing has changed."""
    (folder / name).write_bytes(content)
    before = files_in(folder)
    result = cli("load", name, *options)
    assert (result.exit, result.stdout) == (65, "")
    assert files_in(folder) == before
    sentence = only(result.stderr.splitlines())
    assert sentence == only(cli("sources", "check", name).stderr.splitlines())
    return str(sentence)


# --- gzip and ZIP ---


def test_a_shopify_export_packed_with_gzip_from_the_file_to_the_mail(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(campaigns.read_text().replace('["cancelled"]', '["paid", "partially_refunded"]'))
    content = gzip.compress((SAMPLE_DATA / "shopify.csv").read_bytes())
    (tmp_path / "orders.csv.gz").write_bytes(content)
    result = run_in_process("run", CAMPAIGN, "orders.csv.gz", "--out", "out", "--json")
    answer = result.json()
    assert (result.exit, result.stderr) == (3, "orders.csv.gz: read as shopify, which its header shows.\n")
    assert answer["steps"]["load"]["counts"] == counts(loaded=7, filtered=4, rejected=1)
    # The digest is of the file as it was given.
    assert answer["files"][0] == {"path": "orders.csv.gz", "rows": 12, "sha256": sha256(content).hexdigest()}
    assert {row["booking_id"]: row["balance"] for row in rows_of(tmp_path / "out" / "mail.csv")} == {
        "#1001": "89.90", "#1002": "45.00", "#1003": "90.00",
    }  # fmt: skip
    assert only(rows_of(tmp_path / "out" / "rejects.csv"))["_line"] == "13"
    run_in_process("verify").ok()


PACKED = {
    "plain": ("bookings.csv", BOOKINGS),
    "gzip": ("bookings.csv.gz", gzip.compress(BOOKINGS)),
    "gzip in two parts": ("bookings.gz", gzip.compress(BOOKINGS[:100]) + gzip.compress(BOOKINGS[100:])),
    "ZIP": ("bookings.zip", zipped({"export/bookings.csv": BOOKINGS})),
    "ZIP of a Mac": ("bookings.zip", zipped({"b.csv": BOOKINGS, "__MACOSX/._b.csv": b"\0", ".DS_Store": b"\0"})),
    "ZIP called CSV": ("bookings.csv", zipped({"b": BOOKINGS})),
    "gzip of gzip's name only": ("bookings", gzip.compress(BOOKINGS)),
    "xlsx": ("bookings.xlsx", workbook([line.split(",") for line in BOOKINGS.decode().splitlines()])),
    "ZIP of an xlsx": (
        "bookings.zip",
        zipped({"bookings.xlsx": workbook([line.split(",") for line in BOOKINGS.decode().splitlines()])}),
    ),
}


@pytest.mark.parametrize(("name", "content"), PACKED.values(), ids=PACKED)
def test_it_comes_to_the_same_however_it_is_packed(
    name: str, content: bytes, run_in_process: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    result = run_in_process("load", name, "--json")
    answer = result.json()
    assert (result.exit, answer["counts"]) == (3, counts(loaded=2, rejected=1))
    assert answer["totals"]["EUR"]["total"] == 1247_06
    assert answer["files"][0] == {"path": name, "rows": 3, "sha256": sha256(content).hexdigest()}
    reject = only(rows_of(tmp_path / "bookings.rejects.csv"))
    assert (reject["booking_id"], reject["order_amount"], reject["_line"]) == ("B3", "oops", "4")
    before = everything(tmp_path / LEDGER)
    for _, other in PACKED.values():
        (tmp_path / "again").write_bytes(other)
        assert run_in_process("load", "again", "--json").json()["counts"] == counts(unchanged=2, rejected=1)
    assert everything(tmp_path / LEDGER) == before


def test_packed_files_come_through_stdin(run_in_process: CommandLine) -> None:
    for content in (gzip.compress(BOOKINGS), zipped({"b.csv": BOOKINGS}), PACKED["xlsx"][1]):
        result = run_in_process("load", "-", "--rejects", "r.csv", "--json", stdin=content)
        assert result.json()["counts"]["rejected"] == 1


def test_an_archive_of_two_files(run_in_process: CommandLine, tmp_path: Path) -> None:
    content = zipped({"april.csv": BOOKINGS, "may.csv": BOOKINGS})
    assert refused(run_in_process, tmp_path, "spring.zip", content) == (
        "Error: spring.zip is an archive of 2 files (`april.csv`, `may.csv`): unpack it, and name those to load."
    )


def test_a_bomb(run_in_process: CommandLine, tmp_path: Path) -> None:
    """110 MiB of nothing in 110 KiB."""
    content = gzip.compress(bytes(110 << 20), 9)
    assert len(content) < 200_000
    assert refused(run_in_process, tmp_path, "bomb.csv.gz", content) == (
        "Error: bomb.csv.gz unpacks to more than 100 MiB, which no file of bookings of its size does: find out where it "
        "comes from; if it is right, unpack it, and name what comes out."
    )


def test_an_archive_that_breaks_off(run_in_process: CommandLine, tmp_path: Path) -> None:
    for name, content in {"b.csv.gz": gzip.compress(BOOKINGS), "b.zip": zipped({"b.csv": BOOKINGS})}.items():
        assert refused(run_in_process, tmp_path, name, content[:-10]) == (
            f"Error: {name} is an archive that is damaged or not complete: copy or download it again."
        )


def test_a_good_file_is_not_loaded_beside_a_bad_archive(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(BOOKINGS)
    (tmp_path / "bad.zip").write_bytes(zipped({"a.csv": BOOKINGS, "b.csv": BOOKINGS}))
    before = files_in(tmp_path)
    assert run_in_process("load", "good.csv", "bad.zip").exit == 65
    assert files_in(tmp_path) == before


# --- Workbooks ---

CELLS: Sequence[Sequence[Any]] = (
    ("booking_id", "email", "order_amount", "refund_amount", "currency", "booked_at", "cancelled_at", "tickets"),
    # In binary, none of these is what it looks like; 0.1 + 0.2 is 0.30000000000000004 there.
    (1001, "ana@example.com", 19.99, 0.1 + 0.2, "EUR", date(2020, 3, 31), datetime(2020, 4, 1, 14, 30), 2),  # noqa: DTZ001
    ("00123", "bo@example.com", 1234567.5, None, "EUR", date(2020, 2, 29), None, 1.0),
    ("K-1", "cy@example.com", 1000, 1e3, "JPY", "2020-03-01", "2020-04-01T10:00:00Z", "3"),
    ("K-2", "dee@example.com", 0.07, 0.07, "USD", datetime(2020, 12, 24, 18, 0, 59), date(2020, 12, 25), None),  # noqa: DTZ001
)
SAID = [
    ("00123", 1234567_50, 1234567_50, "EUR", "2020-02-29", None, 1),
    ("1001", 19_99, 30, "EUR", "2020-03-31", "2020-04-01T14:30:00", 2),
    ("K-1", 1000, 1000, "JPY", "2020-03-01", "2020-04-01T10:00:00+00:00", 3),
    ("K-2", 7, 7, "USD", "2020-12-24T18:00:59", "2020-12-25", None),
]
SOURCES = {
    "default": "{}",
    "decimal comma": '{decimal: ",", thousands: "."}',
    "semicolons": '{decimal: ",", delimiter: ";"}',
    "another way to write dates": '{date_format: "%d.%m.%Y"}',
    "all of it": '{decimal: ",", thousands: "\'", delimiter: "|", date_format: "%m/%d/%Y", encoding: cp1252}',
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_numbers_and_days_as_cells_are_exact_whatever_the_notation(
    source: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    """They are no texts: how a source writes amounts and dates is only for cells that are."""
    (tmp_path / "campaigns.yaml").write_text(f"version: 1\nsources:\n  sheet: {source}\n")
    cells = [list(row) for row in CELLS]
    if "%m/%d" in source or "%d.%m" in source:
        cells[3][5] = "03/01/2020" if "%m/%d" in source else "01.03.2020"
    (tmp_path / "bookings.xlsx").write_bytes(workbook(cells))
    run_in_process("load", "bookings.xlsx", "--source", "sheet").ok()
    assert read(tmp_path / LEDGER, LINES) == SAID


def test_amounts_written_as_texts_beside_numbers(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text('version: 1\nsources:\n  sheet: {decimal: ",", thousands: "."}\n')
    header = ["booking_id", "email", "order_amount", "currency"]
    rows = [
        ["A", "a@example.com", "1.234,50", "EUR"],
        ["B", "b@example.com", 1234.5, "EUR"],
        ["C", "c@example.com", "1234.5", "EUR"],
    ]
    (tmp_path / "bookings.xlsx").write_bytes(workbook([header, *rows]))
    result = run_in_process("load", "bookings.xlsx", "--source", "sheet")
    assert result.exit == 3
    assert [line[:2] for line in read(tmp_path / LEDGER, LINES)] == [("A", 1234_50), ("B", 1234_50)]
    reject = only(rows_of(tmp_path / "bookings.rejects.csv"))
    assert (reject["_line"], reject["_code"]) == ("4", "malformed_amount")


def test_rejects_of_a_workbook_are_mended_as_csv(run_in_process: CommandLine, tmp_path: Path) -> None:
    cells = [list(row) for row in CELLS]
    cells[1][1] = "nobody"
    cells[2][2] = -5
    (tmp_path / "bookings.xlsx").write_bytes(workbook(cells))
    assert run_in_process("load", "bookings.xlsx").exit == 3
    path = tmp_path / "bookings.rejects.csv"
    assert [(row["_line"], row["_code"]) for row in rows_of(path)] == [
        ("2", "malformed_email"),
        ("3", "amount_not_positive"),
    ]
    path.write_text(path.read_text().replace("nobody", "ana@example.com").replace("-5", "1234567.50"))
    run_in_process("load", "bookings.rejects.csv").ok()
    assert read(tmp_path / LEDGER, LINES) == SAID


def test_an_export_of_a_preset_saved_from_a_spreadsheet(run_in_process: CommandLine, tmp_path: Path) -> None:
    """As Booking.com and Stripe hand it out: with amounts and days as cells."""
    header = ["id", "Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Mode", "Status"]
    rows: Sequence[Sequence[Any]] = [
        ["ch_1", datetime(2020, 3, 2, 9, 15), 50.1, 0, "eur", "Live", "Paid"],  # noqa: DTZ001
        ["ch_2", datetime(2020, 3, 2, 9, 15), 120.35, 20.3, "eur", "Live", "Paid"],  # noqa: DTZ001
        ["ch_3", datetime(2020, 3, 2, 9, 15), 120.35, None, "eur", "Test", "Paid"],  # noqa: DTZ001
    ]
    (tmp_path / "payments.xlsx").write_bytes(workbook([header, *rows]))
    answer = run_in_process("load", "payments.xlsx", "--json").ok().json()
    assert (answer["sources"], answer["counts"]) == ({"payments.xlsx": "stripe"}, counts(loaded=2, filtered=1))
    assert answer["totals"]["EUR"] == {"total": 150_15, "order_amount": 170_45}


def test_a_workbook_that_is_protected_by_a_password(run_in_process: CommandLine, tmp_path: Path) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)
    assert refused(run_in_process, tmp_path, "secret.xlsx", content) == (
        "Error: secret.xlsx is protected by a password: save it without one."
    )


@pytest.mark.parametrize("named", [True, False])
def test_the_rejects_of_a_file_that_a_second_process_has_read(
    named: bool, run_in_process: CommandLine, tmp_path: Path
) -> None:
    """The two share the file's place in it, so that the first must not trust what it remembers of that."""
    padding = "x" * 900
    rows = [
        f"B{number},a@example.org,{'0.00' if number % 6000 == 1 else '1.00'},EUR,{padding}" for number in range(19_000)
    ]
    text = "\n".join(["booking_id,email,order_amount,currency,padding", *rows, ""])
    (tmp_path / "large.csv").write_text(text, encoding="utf-8")
    assert len(text) > 16 * 1024 * 1024

    source = ["--source", "default"] if named else []
    (tmp_path / "campaigns.yaml").unlink(missing_ok=True)
    answer = run_in_process("load", "large.csv", *source, "--json").json()

    assert (answer["counts"]["loaded"], answer["counts"]["rejected"]) == (18_996, 4)
    rejected = (tmp_path / "large.rejects.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[0] for line in rejected] == ["B1", "B6001", "B12001", "B18001"]
