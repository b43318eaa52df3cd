"""`refundctl sources` and `sources check`: how a file would be read, and where to start with one that nobody knows."""

import gzip
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CommandLine, CommandResult
from support.data.packed_files import workbook, zipped
from support.desks.bookings_desk import ENVELOPE, booking, csv_text, files_in, only, write_bookings
from support.repository import SAMPLE_DATA

HOTEL = (
    "Buchungsnummer;Vorname;Nachname;E-Mail;Gesamtbetrag;Buchungsdatum;Zimmer\n"
    "H-1;Ana;Díaz;ana@example.com;1.234,50;31.03.2020;12\n"
    "H-2;Jan;Nowak;jan@example.org;99,00;01.04.2020;7\n"
)
HOTEL_YAML = (
    "sources:\n"
    "  my-source:\n"
    "    columns:\n"
    "      booking_id: Buchungsnummer\n"
    "      order_amount: Gesamtbetrag\n"
    '      email: "E-Mail"\n'
    "      name: [Vorname, Nachname]\n"
    "      booked_at: Buchungsdatum\n"
    "    constants: {currency: EUR}   # the file doesn't say it: write the right one\n"
    '    decimal: ","\n'
    '    thousands: "."\n'
    '    date_format: "%d.%m.%Y"\n'
    "    # not read: Zimmer\n"
)


def check(cli: CommandLine, folder: Path, name: str, content: str | bytes, *options: str) -> CommandResult:
    """The answer in JSON, having made sure that nothing was written: neither a ledger nor anything else."""
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return unchanged(cli, folder, name, "--json", *options)


def unchanged(cli: CommandLine, folder: Path, *argv: str, stdin: bytes = b"") -> CommandResult:
    before = files_in(folder)
    result = cli("sources", "check", *argv, stdin=stdin)
    assert files_in(folder) == before
    assert "refunds.db" not in before
    return result


# --- Known files ---

EXPECTED = {
    "shopify": ({"rows": 12, "accepted": 7, "filtered": 4, "rejected": 1}, "#1001", "89.90"),
    "woocommerce": ({"rows": 10, "accepted": 5, "filtered": 4, "rejected": 1}, "1001", "59.00"),
    "stripe": ({"rows": 10, "accepted": 5, "filtered": 4, "rejected": 1}, "ch_3SampleAna", "50.00"),
    "eventbrite": ({"rows": 12, "accepted": 7, "filtered": 2, "rejected": 3}, "11001", "50.00"),
    "booking.com": ({"rows": 9, "accepted": 5, "filtered": 2, "rejected": 2}, "4000111001", "300.00"),
}


@pytest.mark.parametrize("preset", EXPECTED)
def test_the_sample_of_a_preset(preset: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    counts, booking_id, amount = EXPECTED[preset]
    answer = check(run_in_process, tmp_path, "export.csv", (SAMPLE_DATA / f"{preset}.csv").read_bytes()).ok().json()
    assert (answer["command"], answer["source"], answer["counts"]) == ("sources check", preset, counts)
    assert (answer["encoding"], answer["delimiter"]) == ("utf-8", ",")
    first = answer["bookings"][0]
    assert (first["booking_id"], first["refund_amount"]) == (booking_id, amount)
    assert len(answer["bookings"]) == min(5, {"shopify": 4, "eventbrite": 4}.get(preset, 5))
    assert len(answer["rejected"]) == counts["rejected"]
    assert {*ENVELOPE, "columns", "constants", "unused"} <= set(answer)


def test_what_the_sample_of_shopify_maps_to(run_in_process: CommandLine, tmp_path: Path) -> None:
    answer = check(run_in_process, tmp_path, "orders.csv", (SAMPLE_DATA / "shopify.csv").read_bytes()).json()
    assert answer["columns"] == {
        "booking_id": ["Name"],
        "order_amount": ["Total"],
        "currency": ["Currency"],
        "email": ["Email"],
        "name": ["Billing Name"],
        "phone": ["Billing Phone"],
        "country": ["Billing Country"],
        "status": ["Financial Status"],
        "booked_at": ["Created at"],
        "cancelled_at": ["Cancelled at"],
        "channel": ["Source"],
        "marketing_consent": ["Accepts Marketing"],
    }
    assert "Lineitem name" in answer["unused"]
    assert not {"Name", "Financial Status", "Refunded Amount"} & set(answer["unused"])
    assert answer["rejected"] == [
        {
            "line": 13,
            "field": "refund_amount",
            "code": "amount_not_positive",
            "reason": answer["rejected"][0]["reason"],
        }
    ]


def test_columns_that_are_looked_at_are_not_called_unread_whatever_their_case(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    header, _, rows = (SAMPLE_DATA / "stripe.csv").read_text(encoding="utf-8").partition("\n")
    answer = check(run_in_process, tmp_path, "payments.csv", f"{header.upper()}\n{rows}").ok().json()
    assert answer["source"] == "stripe"
    assert not {"MODE", "STATUS", "AMOUNT REFUNDED"} & set(answer["unused"])
    assert "FEE" in answer["unused"]


def test_pretix_needs_but_its_currency(run_in_process: CommandLine, tmp_path: Path) -> None:
    content = (SAMPLE_DATA / "pretix.csv").read_bytes()
    result = check(run_in_process, tmp_path, "orders.csv", content)
    answer = result.json()
    assert (result.exit, answer["status"], answer["source"]) == (65, "error", None)
    assert only(answer["errors"])["code"] == "column_missing"
    again = read_by_what_is_suggested(run_in_process, tmp_path, "orders.csv", answer)
    assert again["counts"] == {"rows": 9, "accepted": 5, "filtered": 3, "rejected": 1}


def test_a_source_of_ones_own(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(
        "version: 1\nsources:\n  hotel: {columns: {booking_id: No, order_amount: Sum}, constants: {currency: EUR}}\n"
    )
    content = "No,Sum,email,note\n1,5,ana@example.com,x\n2,oops,bo@example.com,y\n"
    answer = check(run_in_process, tmp_path, "h.csv", content, "--source", "hotel").ok().json()
    assert (answer["source"], answer["constants"], answer["unused"]) == ("hotel", {"currency": "EUR"}, ["note"])
    assert answer["counts"] == {"rows": 2, "accepted": 1, "filtered": 0, "rejected": 1}
    assert answer["bookings"] == [
        {
            "booking_id": "1",
            "order_amount": "5.00",
            "currency": "EUR",
            "refund_id": "1",
            "refund_amount": "5.00",
            "customer_id": "ana@example.com",
            "email": "ana@example.com",
        }
    ]


def test_only_the_first_five_are_shown(run_in_process: CommandLine, tmp_path: Path) -> None:
    good = [booking(f"B{number}") for number in range(9)]
    bad = [booking(f"X{number}", "oops") for number in range(9)]
    answer = check(run_in_process, tmp_path, "b.csv", csv_text(*good, *bad)).ok().json()
    assert [one["booking_id"] for one in answer["bookings"]] == ["B0", "B1", "B2", "B3", "B4"]
    assert [one["line"] for one in answer["rejected"]] == [11, 12, 13, 14, 15]
    assert answer["counts"] == {"rows": 18, "accepted": 9, "filtered": 0, "rejected": 9}


def test_for_a_person(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "b.csv", booking("B1", "1234.5"), booking("B2", "1,50"))
    result = unchanged(run_in_process, tmp_path, "b.csv").ok()
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "b.csv: read as default, utf-8, separated by commas"
    assert "  order_amount   1234.50" in lines
    assert (
        "Line 3 would be rejected: order_amount '1,50' is not an amount in EUR; write it like 12.50, digits only, or"
        in result.stdout
    )
    assert lines[-1].endswith("1 can be taken, 0 filtered, 1 rejected. Nothing was loaded.")


def test_quiet_says_nothing_of_a_file_that_can_be_read(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "b.csv", booking("B1"))
    result = unchanged(run_in_process, tmp_path, "b.csv", "--quiet").ok()
    assert (result.stdout, result.stderr) == ("", "")


# --- Unknown files ---


def read_by_what_is_suggested(cli: CommandLine, folder: Path, name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer for the same file, once the block is put into the campaigns file as it stands."""
    (folder / "campaigns.yaml").write_text(f"version: 1\n{answer['yaml']}", encoding="utf-8")
    return unchanged(cli, folder, name, "--source", "my-source", "--json").ok().json()


def test_a_hotel_that_nobody_knows(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = check(run_in_process, tmp_path, "hotel.csv", HOTEL)
    answer = result.json()
    assert (result.exit, answer["source"], only(answer["errors"])["code"]) == (65, None, "header_missing")
    assert answer["header"] == HOTEL.partition("\n")[0].split(";")
    assert answer["yaml"] == HOTEL_YAML
    again = read_by_what_is_suggested(run_in_process, tmp_path, "hotel.csv", answer)
    assert again["counts"] == {"rows": 2, "accepted": 2, "filtered": 0, "rejected": 0}
    assert [(one["order_amount"], one["name"], one["booked_at"]) for one in again["bookings"]] == [
        ("1234.50", "Ana Díaz", "2020-03-31"),
        ("99.00", "Jan Nowak", "2020-04-01"),
    ]


def test_the_hotel_for_a_person(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "hotel.csv").write_text(HOTEL, encoding="utf-8")
    result = unchanged(run_in_process, tmp_path, "hotel.csv")
    assert (result.exit, result.stderr) == (65, "")
    # The block can be copied from the screen.
    assert result.stdout.endswith(f":\n{HOTEL_YAML}")
    assert "check it with `refundctl sources check hotel.csv --source my-source`" in result.stdout


def _sheet() -> bytes:
    header, *rows = (line.split(";") for line in HOTEL.splitlines())
    typed = [[*row[:4], amount, day, int(row[6])] for row, amount, day in zip(rows, (1234.5, 99), DAYS, strict=True)]
    return workbook([header, *typed])


DAYS = (date(2020, 3, 31), date(2020, 4, 1))
PACKED = {
    "gzip": gzip.compress(HOTEL.encode()),
    "ZIP": zipped({"hotel.csv": HOTEL.encode()}),
    "xlsx": _sheet(),
    "UTF-16": HOTEL.encode("utf-16"),
    "a BOM": HOTEL.encode("utf-8-sig"),
    "tabs": HOTEL.replace(";", "\t").encode(),
    "blank lines first": b"\n\n" + HOTEL.encode(),
    "CRLF": HOTEL.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("content", PACKED.values(), ids=PACKED)
def test_the_hotel_in_other_clothes(content: bytes, run_in_process: CommandLine, tmp_path: Path) -> None:
    result = check(run_in_process, tmp_path, "hotel", content)
    assert result.exit == 65
    again = read_by_what_is_suggested(run_in_process, tmp_path, "hotel", result.json())
    assert again["counts"] == {"rows": 2, "accepted": 2, "filtered": 0, "rejected": 0}
    assert [(one["order_amount"], one["booked_at"]) for one in again["bookings"]] == [
        ("1234.50", "2020-03-31"),
        ("99.00", "2020-04-01"),
    ]


def test_from_stdin(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = unchanged(run_in_process, tmp_path, "-", "--json", stdin=HOTEL.encode())
    assert (result.exit, result.json()["yaml"]) == (65, HOTEL_YAML)
    known = unchanged(run_in_process, tmp_path, "-", "--json", stdin=csv_text(booking("B1")).encode()).ok().json()
    assert (known["source"], known["counts"]["accepted"]) == ("default", 1)


def test_another_encoding(run_in_process: CommandLine, tmp_path: Path) -> None:
    content = HOTEL.encode("cp1252")
    assert check(run_in_process, tmp_path, "hotel.csv", content).json()["errors"][0]["code"] == "undecodable_bytes"
    answer = check(run_in_process, tmp_path, "hotel.csv", content, "--encoding", "cp1252").json()
    assert [line for line in answer["yaml"].splitlines() if line not in HOTEL_YAML.splitlines()] == [
        "    encoding: cp1252"
    ]
    again = read_by_what_is_suggested(run_in_process, tmp_path, "hotel.csv", answer)
    assert (again["encoding"], again["bookings"][0]["name"]) == ("cp1252", "Ana Díaz")


def test_commas_in_a_header_do_not_hide_the_delimiter_of_the_rows(run_in_process: CommandLine, tmp_path: Path) -> None:
    """By commas, this header has as many names."""
    content = "Email;Total;Order no;Rooms, nights, guests, pets\nana@example.com;1.250,00;A1;1, 2, 3, 4\n"
    answer = check(run_in_process, tmp_path, "orders.csv", content).json()
    assert answer["header"] == ["Email", "Total", "Order no", "Rooms, nights, guests, pets"]
    assert "booking_id: Order no\n" in answer["yaml"]
    assert 'decimal: ","\n' in answer["yaml"]
    assert read_by_what_is_suggested(run_in_process, tmp_path, "orders.csv", answer)["counts"]["accepted"] == 1


def test_a_preset_whose_column_is_renamed(run_in_process: CommandLine, tmp_path: Path) -> None:
    text = (SAMPLE_DATA / "shopify.csv").read_text(encoding="utf-8").replace("Refunded Amount", "Money back", 1)
    result = check(run_in_process, tmp_path, "orders.csv", text)
    answer = result.json()
    assert (result.exit, only(answer["errors"])["code"]) == (65, "column_missing")
    assert "preset: shopify" in answer["yaml"]
    fixed = {**answer, "yaml": answer["yaml"].replace('"..."', "Money back")}
    again = read_by_what_is_suggested(run_in_process, tmp_path, "orders.csv", fixed)
    assert again["counts"] == {"rows": 12, "accepted": 7, "filtered": 4, "rejected": 1}


def test_a_header_only(run_in_process: CommandLine, tmp_path: Path) -> None:
    unknown = check(run_in_process, tmp_path, "h.csv", "Order no;Total;E-mail\n")
    assert unknown.exit == 65
    again = read_by_what_is_suggested(run_in_process, tmp_path, "h.csv", unknown.json())
    assert (again["counts"]["rows"], again["delimiter"]) == (0, ";")
    known = check(run_in_process, tmp_path, "k.csv", "booking_id,order_amount,currency\n").ok().json()
    assert (known["counts"]["rows"], known["bookings"]) == (0, [])


def test_one_column(run_in_process: CommandLine, tmp_path: Path) -> None:
    answer = check(run_in_process, tmp_path, "one.csv", "Order no\nA1\nA2\n").json()
    assert answer["header"] == ["Order no"]
    assert "booking_id: Order no\n" in answer["yaml"]
    assert "# no column looks like `order_amount`: name it under `columns`" in answer["yaml"]
    (tmp_path / "campaigns.yaml").write_text(f"version: 1\n{answer['yaml']}")
    assert run_in_process("sources").ok().stdout.count("my-source") == 1


NUL = (
    ", line 3: there is a NUL byte, which no CSV file has; if the file is in UTF-16, add `--encoding utf-16-le`, otherwise "
    "export it again."
)
NO_CSV = {
    "empty": (b"", "empty_file", "is empty; the first line of a file of bookings names its columns."),
    "blank lines": (b"\n \n", "empty_file", "is empty; the first line of a file of bookings names its columns."),
    "a PDF": (
        b"%PDF-1.7\n%\xe2\xe3\n",
        "no_csv",
        "is no CSV file but looks like a PDF document; get the bookings as CSV.",
    ),
    "a picture": (
        b"\x89PNG\r\n\x1a\n\0\0",
        "nul_bytes",
        NUL,
    ),
    "an open quote": (
        b'"Order no,Total\nA1,5\n',
        "malformed_quote",
        ": a quote in the header is not closed, or something stands behind it; fix the header.",
    ),
    "a name twice": (
        b"booking_id,Total,Total\nA1,5,5\n",
        "duplicate_header",
        ": the header has `Total` more than once; rename or take out one of each.",
    ),
}


@pytest.mark.parametrize(("content", "code", "words"), NO_CSV.values(), ids=NO_CSV)
def test_no_file_of_bookings_at_all(
    content: bytes, code: str, words: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    result = check(run_in_process, tmp_path, "file", content)
    assert (result.exit, only(result.json()["errors"])["code"]) == (65, code)
    said = unchanged(run_in_process, tmp_path, "file")
    assert said.stdout == ""
    assert only(said.stderr.splitlines()) == f"Error: file{'' if words[0] in ':,' else ' '}{words}"


def test_wrong_usage(run_in_process: CommandLine, tmp_path: Path) -> None:
    missing = unchanged(run_in_process, tmp_path, "nowhere.csv")
    assert (missing.exit, missing.stderr) == (
        66,
        "Error: nowhere.csv can't be read: No such file or directory. Check its name.\n",
    )
    write_bookings(tmp_path / "b.csv", booking("B1"))
    assert unchanged(run_in_process, tmp_path, "b.csv", "--source", "none").exit == 66  # no campaigns.yaml to look into
    (tmp_path / "campaigns.yaml").write_text("version: 1\n")
    assert unchanged(run_in_process, tmp_path, "b.csv", "--source", "none").exit == 2
    (tmp_path / "campaigns.yaml").write_text("version: 2\n")
    assert unchanged(run_in_process, tmp_path, "b.csv").exit == 78


# --- The list ---


def test_the_sources_are_listed_with_what_a_file_needs(run_in_process: CommandLine, tmp_path: Path) -> None:
    assert run_in_process("sources", "--json").ok().json()["counts"] == {"sources": 7}
    (tmp_path / "campaigns.yaml").write_text(
        "version: 1\nsources:\n  ours: {preset: shopify, columns: {email: Contact}}\n  stripe: {columns: {email: Mail}}\n"
    )
    answer = run_in_process("sources", "--json").ok().json()
    listed = {one["source"]: one for one in answer["sources"]}
    assert list(listed) == [
        "default", "shopify", "woocommerce", "stripe", "eventbrite", "pretix", "booking.com", "ours",
    ]  # fmt: skip
    assert [name for name, one in listed.items() if one["own"]] == ["stripe", "ours"]
    assert (listed["ours"]["preset"], listed["shopify"]["preset"]) == ("shopify", None)
    assert listed["ours"]["columns"]["email"] == ["Contact"]
    assert "Contact" in listed["ours"]["required"]
    assert listed["default"]["required"] == ["booking_id", "order_amount"]
    assert list(tmp_path.iterdir()) == [tmp_path / "campaigns.yaml"]


# --- What a script gets ---

ORDERS = b"booking_id,email,order_amount,currency\nB1,ana@example.org,5.00,EUR\nB2,jan@example.org,x,EUR\n"
# Text of Windows, which is no UTF-8.
GERMAN = "Buchungs-Nr.;Rechnungsbetrag (EUR);Bereits erstattet;Käufer\n7;1.250,00;20,00;Jörg\n".encode("cp1252")


def test_the_file_is_named_with_its_rows_and_its_digest(run_in_process: CommandLine, tmp_path: Path) -> None:
    for name, content in {"orders.csv": ORDERS, "orders.csv.gz": gzip.compress(ORDERS, mtime=0)}.items():
        (tmp_path / name).write_bytes(content)
        answer = run_in_process("sources", "check", name, "--json").ok().json()
        assert answer["files"] == [{"path": name, "rows": 2, "sha256": sha256(content).hexdigest()}]


def test_an_unknown_file_gets_a_source_to_start_from(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(GERMAN)
    answer = run_in_process("sources", "check", "orders.csv", "--encoding", "cp1252", "--json").json()
    assert answer["yaml"].splitlines() == [
        "sources:",
        "  my-source:",
        "    columns:",
        '      booking_id: "Buchungs-Nr."',
        '      order_amount: "Rechnungsbetrag (EUR)"',
        "    refunded: Bereits erstattet   # what was paid back already is taken off",
        "    constants: {currency: EUR}   # as the header says",
        "    encoding: cp1252",
        '    decimal: ","',
        '    thousands: "."',
        "    # no column looks like `email` or `customer_id`, and each booking needs one of them: name it under `columns`",
        '    # not read: "Käufer"',
    ]


def test_it_never_advises_to_do_what_has_just_been_done(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(GERMAN)
    (tmp_path / "stripe.csv").write_bytes(b"id,Amount,Amount Refunded,Currency,State,Mode\n")
    for name in ("orders.csv", "stripe.csv"):
        check = ("sources", "check", name, "--encoding", "cp1252")
        assert "sources check FILE" not in run_in_process(*check, "--json").stdout
        assert "sources check FILE" not in run_in_process(*check).stdout
        assert "sources check FILE" in run_in_process("load", name, "--encoding", "cp1252").stderr


def test_a_workbook_of_ones_own_way_with_a_preset_is_read_as_load_reads_it(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """A source that is called like a preset goes before it, also where the header alone shows which it is."""
    (tmp_path / "campaigns.yaml").write_text('version: 1\nsources:\n  stripe: {preset: stripe, decimal: ","}\n')
    header = ["id", "Amount", "Amount Refunded", "Currency", "Mode", "Status"]
    content = workbook([header, ["ch_1", 50.1, 0, "eur", "Live", "Paid"], ["ch_2", "1,5", None, "eur", "Live", "Paid"]])
    answer = check(run_in_process, tmp_path, "payments.xlsx", content).ok().json()
    assert (answer["source"], answer["counts"]["accepted"]) == ("stripe", 2)
    assert [one["order_amount"] for one in answer["bookings"]] == ["50.10", "1.50"]
    loaded = run_in_process("load", "payments.xlsx", "--json").ok().json()
    assert loaded["totals"]["EUR"]["total"] == 51_60
