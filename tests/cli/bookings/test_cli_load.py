"""`refundctl load`: every row becomes loaded, updated, unchanged, filtered or rejected, and nothing else happens."""

import gzip
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import (
    LEDGER,
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

ANA = booking("R-1001", "12.50", customer_id="ana", email="ana@example.org", name="Ana Nowak")
JAN = booking("R-1002", "99.00", customer_id="jan", email="jan@example.org", name="Jan Kos")
EVA = booking("R-1003", "7.25", customer_id="eva", email="eva@example.org", name="Eva Ray")

HOTEL = """\
version: 1
sources:
  hotel:
    delimiter: ";"
    columns: {booking_id: Booking no, order_amount: Total, email: Guest e-mail, cancelled_at: Cancelled}
    constants: {currency: EUR, status: cancelled}
    decimal: ","
    thousands: "."
    date_format: "%d/%m/%Y"
    only: {is_canceled: ["1"]}
    null_values: ["", "NULL"]
    metadata: [hotel]
campaigns: {}
"""


# --- What becomes of rows ---


def test_new_rows_are_loaded_and_added_up_by_currency(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, JAN, booking("R-2001", "1500", currency="JPY"))
    answer = run_in_process("load", "bookings.csv", "--json").ok().json()
    assert answer["counts"] == counts(loaded=3)
    assert {currency: sums["total"] for currency, sums in answer["totals"].items()} == {"EUR": 11_150, "JPY": 1_500}
    assert (answer["status"], answer["run_id"], answer["campaign"]) == ("ok", 1, None)
    file = only(answer["files"])
    assert (file["path"], file["rows"]) == ("bookings.csv", 3)
    assert file["sha256"] == hashlib.sha256((tmp_path / "bookings.csv").read_bytes()).hexdigest()


def test_a_refund_amount_is_what_is_owed(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", {**ANA, "refund_amount": "10.00"}, {**JAN, "refund_amount": ""})
    answer = run_in_process("load", "bookings.csv", "--json").ok().json()
    assert answer["totals"]["EUR"]["total"] == 1_000 + 9_900


def test_all_five_fates_in_one_call_add_up(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(
        "version: 1\nsources:\n  default: {only: {kind: [refund]}}\ncampaigns: {}\n"
    )
    refund = {"kind": "refund"}
    write_bookings(tmp_path / "first.csv", ANA | refund, JAN | refund)
    run_in_process("load", "first.csv").ok()
    write_bookings(
        tmp_path / "second.csv",
        ANA | refund,
        JAN | refund | {"order_amount": "98.00"},
        EVA | refund,
        booking("R-1004") | {"kind": "sale"},
        booking("R-1005", "-1") | refund,
    )
    result = run_in_process("load", "second.csv", "--json")
    assert result.exit == 3
    answer = result.json()
    assert answer["status"] == "partial"
    assert answer["counts"] == counts(loaded=1, updated=1, unchanged=1, filtered=1, rejected=1)
    assert answer["rejected_by_code"] == {"amount_not_positive": 1}
    assert answer["totals"]["EUR"]["total"] == 725  # of what was loaded


def test_a_person_reads_the_same(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, JAN, booking("R-1005", "-1"))
    result = run_in_process("load", "bookings.csv")
    assert result.exit == 3
    assert result.stdout.splitlines() == [
        "Loaded 2 of 3 rows.",
        "  loaded    2",
        "  rejected  1 (1 amount not positive)",
        "  owed      EUR 111.50",
        "Fix the rejected rows in bookings.rejects.csv and load that file.",
    ]
    assert result.stderr == ""


# --- The same content again ---


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda text: text, id="as it was"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda text: text.replace(b"\n", b"\r"), id="CR"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="BOM"),
        pytest.param(lambda text: text.rstrip(b"\n"), id="no line end at the end"),
        pytest.param(lambda text: text.replace(b",", b";"), id="semicolons"),
        pytest.param(lambda text: text.replace(b",", b"\t"), id="tabs"),
        pytest.param(lambda text: text.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(
            lambda text: b"".join([text.splitlines(True)[0], *reversed(text.splitlines(True)[1:])]), id="re-sorted"
        ),
        pytest.param(lambda text: text + text.split(b"\n", 1)[1], id="each row twice"),
        pytest.param(lambda text: text.replace(b"12.50", b"12.5 ").replace(b"ana@", b" ana@"), id="spaces"),
    ],
)
def test_the_same_content_again_changes_nothing(
    again: Callable[[bytes], bytes], run_in_process: CommandLine, tmp_path: Path
) -> None:
    first = write_bookings(tmp_path / "bookings.csv", ANA, JAN, EVA)
    run_in_process("load", "bookings.csv").ok()
    (tmp_path / "Another name.txt").write_bytes(again(first.read_bytes()))
    before = files_in(tmp_path)
    answer = run_in_process("load", "Another name.txt", "--json").ok().json()
    rows = answer["counts"]["rows"]
    assert answer["counts"] == counts(unchanged=rows)
    assert rows in {3, 6}
    assert (answer["run_id"], answer["totals"]) == (None, {})
    assert files_in(tmp_path) == before


def test_the_order_of_rows_and_files_never_matters(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Also not where rows say different things of one person: the booking's id decides, not its place."""
    one = {**ANA, "name": "Ana N.", "phone": "+48 600 100 200"}
    two = {**JAN, "customer_id": "ana", "email": "ana@example.org", "name": "Ana Nowak"}
    for name, rows in (("a", [one, two, EVA]), ("b", [EVA, two, one])):
        write_bookings(tmp_path / f"{name}.csv", *rows)
        run_in_process("load", f"{name}.csv", "--ledger", f"{name}.db").ok()
        (tmp_path / "campaigns.yaml").write_text(small_campaigns())
        run_in_process("create", CAMPAIGN, "--ledger", f"{name}.db").ok()
        run_in_process("export", "bookings", CAMPAIGN, "-o", f"{name}.out.csv", "--ledger", f"{name}.db").ok()
    exports = [sorted((tmp_path / f"{name}.out.csv").read_text().splitlines()) for name in ("a", "b")]
    assert exports[0] == exports[1]
    assert set(column(tmp_path / "a.out.csv", "name")) == {"Ana Nowak", "Eva Ray"}


# --- Changed bookings ---


def test_a_changed_booking_is_updated_until_it_is_funded(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, JAN)
    run_in_process("load", "bookings.csv").ok()
    write_bookings(tmp_path / "bookings.csv", {**ANA, "order_amount": "13.00"}, JAN)
    assert run_in_process("load", "bookings.csv", "--json").ok().json()["counts"] == counts(updated=1, unchanged=1)
    for command in ("create", "publish", "topup"):
        run_in_process(command, CAMPAIGN).ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    assert column(tmp_path / "cards.csv", "balance") == ["13.00", "99.00"]


@pytest.mark.parametrize(
    "change",
    [
        {"order_amount": "13.00"},
        {"order_amount": "13.00", "refund_amount": "12.50"},
        {"currency": "USD"},
        {"customer_id": "someone-else"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_funded_booking_that_says_otherwise_is_a_conflict(
    change: dict[str, str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, JAN)
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    ledger = (tmp_path / LEDGER).read_bytes()
    write_bookings(tmp_path / "bookings.csv", {**ANA, **change}, JAN)
    result = run_in_process("load", "bookings.csv", "--json")
    assert result.exit == 3
    assert result.json()["counts"] == counts(unchanged=1, rejected=1)
    assert result.json()["rejected_by_code"] == {"booking_conflict": 1}
    assert column(tmp_path / "bookings.rejects.csv", "_code") == ["booking_conflict"]
    assert (tmp_path / LEDGER).read_bytes() == ledger


# --- Partial refunds, contradictions ---


def refund(refund_id: str, amount: str) -> dict[str, str]:
    return {**ANA, "order_amount": "100.00", "refund_id": refund_id, "refund_amount": amount}


def test_two_partial_refunds_of_the_same_amount_are_both_taken(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", refund("one", "30.00"), refund("two", "30.00"))
    answer = run_in_process("load", "bookings.csv", "--json").ok().json()
    assert (answer["counts"], answer["totals"]["EUR"]["total"]) == (counts(loaded=2), 6_000)
    answer = run_in_process("load", "bookings.csv", "--json").ok().json()
    assert answer["counts"] == counts(unchanged=2)


def test_refunds_that_exceed_the_order_together_are_rejected_all(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", refund("one", "60.00"), refund("two", "50.00"), JAN)
    result = run_in_process("load", "bookings.csv", "--json")
    assert result.exit == 3
    assert result.json()["counts"] == counts(loaded=1, rejected=2)
    assert result.json()["rejected_by_code"] == {"exceeds_order_amount": 2}


def test_a_later_refund_that_exceeds_the_order_is_rejected_alone(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", refund("one", "60.00"))
    run_in_process("load", "bookings.csv").ok()
    write_bookings(tmp_path / "bookings.csv", refund("one", "60.00"), refund("two", "50.00"))
    result = run_in_process("load", "bookings.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(unchanged=1, rejected=1))
    assert column(tmp_path / "bookings.rejects.csv", "refund_id") == ["two"]


def test_rows_that_contradict_each_other_are_rejected_all(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Wherever they stand: also in two files of one call."""
    write_bookings(tmp_path / "a.csv", ANA, JAN)
    write_bookings(tmp_path / "b.csv", {**ANA, "order_amount": "13.00"}, EVA)
    result = run_in_process("load", "a.csv", "b.csv", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=2, rejected=2))
    assert result.json()["rejected_by_code"] == {"contradiction": 2}
    for name in ("a", "b"):
        assert column(tmp_path / f"{name}.rejects.csv", "booking_id") == ["R-1001"]


def test_a_shared_email_never_merges_two_customers(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "email": ANA["email"]})
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    assert answer["counts"]["published"] == 2
    assert column(tmp_path / "out" / "mail.csv", "email") == ["ana@example.org"] * 2


def test_without_a_customer_id_the_email_in_lower_case_is_the_customer(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    anonymous = {"customer_id": "", "email": "Ana@Example.org"}
    write_bookings(tmp_path / "bookings.csv", ANA | anonymous, JAN | {"customer_id": "", "email": "ana@example.org"})
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert column(tmp_path / "out" / "mail.csv", "customer_id") == ["ana@example.org"]


# --- Rejects files ---


def test_the_rejects_file_has_the_original_columns_and_the_reason(run_in_process: CommandLine, tmp_path: Path) -> None:
    odd = {"Our own column": 'as it was, "quoted"'}
    write_bookings(tmp_path / "bookings.csv", ANA | odd, JAN | odd | {"order_amount": "1,50"})
    run_in_process("load", "bookings.csv")
    rejects = tmp_path / "bookings.rejects.csv"
    assert header_of(rejects) == [*ANA, "Our own column", "_line", "_field", "_code", "_reason"]
    row = only(rows_of(rejects))
    assert {name: row[name] for name in ANA} == JAN | {"order_amount": "1,50"}
    assert row["Our own column"] == 'as it was, "quoted"'
    assert (row["_line"], row["_field"], row["_code"]) == ("3", "order_amount", "malformed_amount")
    assert row["_reason"]


def test_mended_rejects_are_loaded_as_they_are(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "order_amount": "99,00"}, {**EVA, "email": "eva at home"})
    assert run_in_process("load", "bookings.csv").exit == 3
    rejects = tmp_path / "bookings.rejects.csv"
    rejects.write_text(rejects.read_text().replace('"99,00"', "99.00"), encoding="utf-8")
    result = run_in_process("load", rejects.name, "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    again = tmp_path / "bookings.rejects.rejects.csv"
    assert header_of(again) == [*ANA, "_line", "_field", "_code", "_reason"]
    again.write_text(again.read_text().replace("eva at home", "eva@example.org"), encoding="utf-8")
    assert run_in_process("load", again.name, "--json").ok().json()["counts"] == counts(loaded=1)
    write_bookings(tmp_path / "good.csv", ANA, JAN, EVA)
    assert run_in_process("load", "good.csv", "--json").ok().json()["counts"] == counts(unchanged=3)


def test_mended_rejects_may_be_loaded_in_place(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", {**ANA, "order_amount": "?"}, {**JAN, "order_amount": "?"})
    assert run_in_process("load", "bookings.csv", "--rejects", "r.csv").exit == 3
    rejects = tmp_path / "r.csv"
    rejects.write_text(rejects.read_text().replace("?", "5.00", 1), encoding="utf-8")
    assert run_in_process("load", "r.csv", "--rejects", "r.csv").exit == 3
    assert column(rejects, "booking_id") == ["R-1002"]


def test_no_rejects_no_file(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA)
    run_in_process("load", "bookings.csv", "--rejects", "r.csv").ok()
    assert sorted(files_in(tmp_path)) == ["bookings.csv", LEDGER]


def test_rejects_go_where_they_are_told_to_and_nowhere_else(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "fix").mkdir()
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "order_amount": "?"})
    answer = run_in_process("load", "bookings.csv", "--rejects", "fix/r.csv", "--json").json()
    assert [(file["path"], file["rows"]) for file in answer["files"]] == [("bookings.csv", 2), ("fix/r.csv", 1)]
    assert sorted(files_in(tmp_path)) == ["bookings.csv", "fix/r.csv", LEDGER]
    digest = hashlib.sha256((tmp_path / "fix" / "r.csv").read_bytes()).hexdigest()
    assert answer["files"][1]["sha256"] == digest


def test_a_foreign_file_is_never_overwritten_by_rejects(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "order_amount": "?"})
    (tmp_path / "bookings.rejects.csv").write_text("my notes\n")
    before = files_in(tmp_path)
    result = run_in_process("load", "bookings.csv")
    assert result.exit == 2
    assert "bookings.rejects.csv is there already" in result.stderr
    assert files_in(tmp_path) == before  # and nothing was loaded


def test_two_inputs_never_share_a_rejects_file(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "may.csv", {**ANA, "order_amount": "?"})
    write_bookings(tmp_path / "may.txt", {**JAN, "order_amount": "?"})
    before = files_in(tmp_path)
    result = run_in_process("load", "may.csv", "may.txt")
    assert result.exit == 2
    assert "would share the rejects file may.rejects.csv" in result.stderr
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["a.csv", "b.csv", "--rejects", "r.csv"], "--rejects names one file, but there are several inputs"),
        (["-"], "name it with --rejects FILE"),
        (["a.csv", "--rejects", "-"], "name it with --rejects FILE"),
        (["-", "-", "--rejects", "r.csv"], "only once"),
    ],
)
def test_unclear_places_for_rejects_are_wrong_usage(
    argv: list[str], message: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    for name in ("a.csv", "b.csv"):
        write_bookings(tmp_path / name, ANA)
    before = files_in(tmp_path)
    result = run_in_process("load", *argv, stdin=csv_text(ANA))
    assert (result.exit, result.stdout) == (2, "")
    assert message in result.stderr or "several inputs" in result.stderr
    assert files_in(tmp_path) == before


# --- Several files, stdin ---


def test_all_files_of_a_call_are_one_transaction(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "good.csv", ANA)
    (tmp_path / "bad.csv").write_text("booking_id,booking_id\n1,2\n")
    before = files_in(tmp_path)
    result = run_in_process("load", "good.csv", "bad.csv")
    assert result.exit == 65
    assert "bad.csv" in result.stderr
    assert files_in(tmp_path) == before


def test_several_files_are_counted_together_and_listed(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "a.csv", ANA, JAN)
    write_bookings(tmp_path / "b.csv", EVA, JAN)
    answer = run_in_process("load", "a.csv", "b.csv", "--json").ok().json()
    assert answer["counts"] == counts(loaded=3, unchanged=1)
    assert [(file["path"], file["rows"]) for file in answer["files"]] == [("a.csv", 2), ("b.csv", 2)]
    journal = run_in_process("runs", "--json").ok().json()["runs"]
    assert [file["path"] for file in only(journal)["files"]] == ["a.csv", "b.csv"]


def test_stdin_is_a_file_like_others(run_in_process: CommandLine, tmp_path: Path) -> None:
    text = csv_text(ANA, {**JAN, "order_amount": "?"})
    result = run_in_process("load", "-", "--rejects", "r.csv", "--json", stdin=text)
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    assert result.json()["files"][0]["path"] == "stdin"
    assert column(tmp_path / "r.csv", "booking_id") == ["R-1002"]


def test_a_pipe_is_read_as_a_file(cli: CommandLine, tmp_path: Path) -> None:
    """As with `load <(zcat bookings.csv.gz)`: what can't be read twice is read once into a private file."""
    assert cli("load", "/dev/stdin", stdin=csv_text(ANA, JAN)).ok().stdout.startswith("Loaded 2 of 2 rows.")


# --- Options ---


def test_strict_loads_nothing_where_a_row_is_rejected(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "order_amount": "?"})
    result = run_in_process("load", "bookings.csv", "--strict", "--json")
    assert result.exit == 65
    assert result.json()["status"] == "error"
    assert only(result.json()["errors"])["code"] == "rows_rejected"
    assert not (tmp_path / LEDGER).exists()
    assert column(tmp_path / "bookings.rejects.csv", "_line") == ["3"]
    write_bookings(tmp_path / "bookings.csv", ANA, JAN)
    run_in_process("load", "bookings.csv", "--strict").ok()


def test_control_totals_that_hold(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, JAN, EVA, booking("R-2001", "1500", currency="JPY"))
    expected = ["--expect-count", "4", "--expect-total", "EUR 118.75", "--expect-total", "JPY 1500"]
    run_in_process("load", "bookings.csv", *expected).ok()
    # Compared with what the files say, so they hold for the same file again.
    run_in_process("load", "bookings.csv", *expected).ok()


@pytest.mark.parametrize(
    "expectation",
    [
        ["--expect-count", "2"],
        ["--expect-count", "4"],
        ["--expect-total", "EUR 118.74"],
        ["--expect-total", "USD 118.75"],
        ["--expect-total", "EUR 118.75", "--expect-total", "USD 1.00"],
        ["--expect-count", "3", "--expect-total", "EUR 0.00"],
    ],
    ids=" ".join,
)
def test_control_totals_that_fail_refuse_and_are_kept_as_an_attempt(
    expectation: list[str], run_in_process: CommandLine, tmp_path: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, JAN, EVA)
    result = run_in_process("load", "bookings.csv", *expectation, "--json")
    assert result.exit == 4
    answer = result.json()
    assert (answer["status"], only(answer["errors"])["code"]) == ("refused", "control_total_mismatch")
    attempt = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert (attempt["run_id"], attempt["command"], attempt["status"]) == (None, "load", "refused")
    assert run_in_process("load", "bookings.csv", "--json").ok().json()["counts"] == counts(loaded=3)


def test_rejected_and_filtered_rows_are_not_in_the_control_totals(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "order_amount": "-99.00"})
    expected = ["--expect-count", "1", "--expect-total", "EUR 12.50"]
    assert run_in_process("load", "bookings.csv", *expected).exit == 3


@pytest.mark.parametrize(
    "option",
    [
        ["--expect-total", "118.75"],
        ["--expect-total", "EUR"],
        ["--expect-total", "EUR 1,50"],
        ["--expect-total", "EUR 1.505"],
        ["--expect-total", "JPY 1.5"],
        ["--expect-total", "EUX 1.50"],
        ["--expect-total", "EUR 1.50", "--expect-total", "EUR 1.50"],
        ["--expect-count", "three"],
        ["--expect-count", "-1"],
        ["--encoding", "klingon"],
        ["--source", "nowhere"],
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_wrong_usage(
    option: list[str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA)
    before = files_in(tmp_path)
    result = run_in_process("load", "bookings.csv", *option)
    assert (result.exit, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert files_in(tmp_path) == before


def test_a_source_says_how_a_file_is_read(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(HOTEL, encoding="utf-8")
    (tmp_path / "hotel.csv").write_text(
        "Booking no;Total;Guest e-mail;Cancelled;is_canceled;hotel\n"
        "H1;1.234,50;ana@example.org;30/04/2020;1;City\n"
        "H2;99,00;jan@example.org;01/05/2020;0;City\n"
        "H3;99,00;eva@example.org;NULL;1;Resort\n"
        "H4;99.00;eva@example.org;04/30/2020;1;Resort\n",
        encoding="utf-8",
    )
    result = run_in_process("load", "hotel.csv", "--source", "hotel", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=2, filtered=1, rejected=1))
    assert result.json()["totals"]["EUR"]["total"] == 123_450 + 9_900


def test_currency_may_be_glued_to_the_amount(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bookings.csv").write_text(
        "booking_id,email,order_amount\nB1,a@example.org,300 USD\nB2,b@example.org,12.50 EUR\n"
    )
    answer = run_in_process("load", "bookings.csv", "--json").ok().json()
    assert {currency: sums["total"] for currency, sums in answer["totals"].items()} == {"EUR": 1_250, "USD": 30_000}


def test_load_needs_no_campaigns_file(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA)
    run_in_process("load", "bookings.csv", "--source", "default").ok()
    result = run_in_process("load", "bookings.csv", "--source", "hotel")
    assert result.exit == 66
    assert "campaigns.yaml" in result.stderr


def test_encoding_is_never_guessed(run_in_process: CommandLine, tmp_path: Path) -> None:
    text = csv_text({**ANA, "name": "José García"})
    (tmp_path / "latin.csv").write_bytes(text.encode("latin-1"))
    before = files_in(tmp_path)
    refused = run_in_process("load", "latin.csv")
    assert (refused.exit, files_in(tmp_path)) == (65, before)
    run_in_process("load", "latin.csv", "--encoding", "latin-1").ok()
    (tmp_path / "campaigns.yaml").write_text(small_campaigns())
    run_in_process("create", CAMPAIGN).ok()
    exported = run_in_process("export", "bookings", CAMPAIGN, "-o", "-").ok().stdout
    assert column(exported, "name") == ["José García"]


def test_a_packed_file_is_the_same_file(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Its digest is that of the bytes as given; rejects go beside it, as plain CSV, and can be loaded once fixed."""
    bad = {**JAN, "order_amount": "?"}
    packed = gzip.compress(csv_text(ANA, bad).encode())
    (tmp_path / "bookings.csv.gz").write_bytes(packed)
    result = run_in_process("load", "bookings.csv.gz", "--json")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=1, rejected=1))
    read, rejects = result.json()["files"]
    assert (read["path"], read["sha256"]) == ("bookings.csv.gz", hashlib.sha256(packed).hexdigest())
    assert rejects["path"] == "bookings.rejects.csv"
    assert [row["order_amount"] for row in rows_of(tmp_path / "bookings.rejects.csv")] == ["?"]

    write_bookings(tmp_path / "plain.csv", ANA, bad)
    again = run_in_process("load", "plain.csv", "--json")
    assert again.json()["counts"] == counts(unchanged=1, rejected=1)


def test_an_archive_of_two_files_is_none(run_in_process: CommandLine, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bookings.zip", "w") as archive:
        archive.writestr("may.csv", csv_text(ANA))
        archive.writestr("june.csv", csv_text(JAN))
    before = files_in(tmp_path)
    result = run_in_process("load", "bookings.zip")
    assert (result.exit, result.stdout) == (65, "")
    assert "bookings.zip" in only(result.stderr.splitlines())
    assert files_in(tmp_path) == before


# --- The journal ---


def test_a_load_is_a_run_with_what_came_in_and_out(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", ANA, {**JAN, "order_amount": "?"})
    answer = run_in_process("load", "bookings.csv", "--json").json()
    run = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert run["run_id"] == answer["run_id"]
    assert (run["command"], run["status"]) == ("load", "partial")
    assert {name: run["counts"][name] for name in answer["counts"]} == answer["counts"]
    assert run["totals"] == answer["totals"]
    assert [file["path"] for file in run["files"]] == ["bookings.csv", "bookings.rejects.csv"]
    assert json.dumps(run["files"], sort_keys=True) == json.dumps(answer["files"], sort_keys=True)
