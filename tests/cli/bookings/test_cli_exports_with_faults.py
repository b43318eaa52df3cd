"""Exports that aren't quite what their source expects: which row or file is refused, and in what words."""

from pathlib import Path

import pytest

from support.books import LEDGER, everything, read
from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import booking, column, counts, files_in, only, rows_of, write_bookings
from support.repository import SAMPLE_DATA

HEADER = "booking_id,email,order_amount,currency\n"
LINES = "SELECT booking_id, order_amount_minor, refund_amount_minor, currency FROM refund_lines ORDER BY booking_id"


def sources(folder: Path, **written: str) -> None:
    lines = [f"  {name}: {keys}\n" for name, keys in written.items()]
    (folder / "campaigns.yaml").write_text(f"version: 1\nsources:\n{''.join(lines)}", encoding="utf-8")


def rejects(folder: Path) -> list[tuple[str, ...]]:
    """Line, field, code and reason of each."""
    return [
        (row["_line"], row["_field"], row["_code"], row["_reason"]) for row in rows_of(folder / "bookings.rejects.csv")
    ]


# --- A preset's file whose columns have changed ---

# What is renamed, the preset, what it was and what it is now, and how the sentence begins.
RENAMED = {
    "an amount": ("shopify", "Total", "Total Sales", "lacks `Total` for order_amount"),
    "what was paid back": ("shopify", "Refunded Amount", "Refunds", "lacks `Refunded Amount` for refunded"),
    "the status": ("stripe", "Status", "Payment State", "lacks `Status` for status"),
    "the id": ("eventbrite", "Order #", "Order number", "lacks `Order #` for booking_id"),
    "the day of payment": ("pretix", "Date of last payment", "Paid on", "lacks `Date of last payment`"),
    "the refunds": ("woocommerce", "refund_items", "refunds", "lacks `refund_items` for refunded"),
}


@pytest.mark.parametrize(("preset", "before", "now", "words"), RENAMED.values(), ids=RENAMED)
def test_a_column_of_a_preset_is_renamed(
    preset: str, before: str, now: str, words: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    header, _, rows = (SAMPLE_DATA / f"{preset}.csv").read_text(encoding="utf-8").partition("\n")
    names = [now if name == before else name for name in header.split(",")]
    assert now in names
    (tmp_path / "export.csv").write_text(f"{','.join(names)}\n{rows}", encoding="utf-8")
    files = files_in(tmp_path)
    for options in ((), ("--source", preset)):
        result = run_in_process("load", "export.csv", *options)
        assert (result.exit, result.stdout) == (65, "")
        sentence = only(result.stderr.splitlines())
        assert sentence.startswith(f"Error: export.csv {words}")
        assert f", which the preset {preset} looks for; its columns are `{names[0]}`, " in sentence
        assert "`refundctl sources check" in sentence
    assert files_in(tmp_path) == files


def test_a_renamed_column_is_named_in_three_lines_of_yaml(run_in_process: CommandLine, tmp_path: Path) -> None:
    text = (SAMPLE_DATA / "shopify.csv").read_text(encoding="utf-8")
    (tmp_path / "export.csv").write_text(text.replace("Refunded Amount", "Refunds", 1).replace("Total", "Sum", 1))
    sources(tmp_path, ours="{preset: shopify, columns: {order_amount: Sum}, refunded: Refunds}")
    answer = run_in_process("load", "export.csv", "--source", "ours", "--json").json()
    assert answer["counts"] == counts(loaded=7, filtered=4, rejected=1)
    assert {code: sums["total"] for code, sums in answer["totals"].items()} == {"EUR": 224_90, "USD": 39_99}


# --- Currencies ---


CONTRADICTS = (
    "currency is USD, but the source says EUR for all rows; correct the cell, or take `currency` out of the source's "
    "`constants`"
)
IN_DOLLARS = "order_amount is in USD, but the currency of its row is EUR; correct one of them"


def test_a_currency_that_contradicts_the_constant(run_in_process: CommandLine, tmp_path: Path) -> None:
    sources(tmp_path, euros="{constants: {currency: EUR}}")
    text = f"{HEADER}A1,a@example.com,5.00,EUR\nA2,a@example.com,6.00,USD\nA3,a@example.com,7.00,\nA4,a@example.com,8 USD,\n"
    (tmp_path / "bookings.csv").write_text(text)
    assert run_in_process("load", "bookings.csv", "--source", "euros").exit == 3
    assert rejects(tmp_path) == [
        ("3", "currency", "currency_mismatch", CONTRADICTS),
        ("5", "order_amount", "currency_mismatch", IN_DOLLARS),
    ]
    assert read(tmp_path / LEDGER, LINES) == [("A1", 500, 500, "EUR"), ("A3", 700, 700, "EUR")]


BROKEN_FIRST = (
    # A file may hold nothing but rows that can't be read, as a rejects file often does: they are rejected, not the file.
    ("A1,a@example.com\n", "wrong_field_count"),
    ("A1,a@example.com,5 EUR,more\n", "wrong_field_count"),
    ("4111 1111 1111 1111,a@example.com,5 EUR\n", "payment_card_number"),
)


@pytest.mark.parametrize("grouped", ["", ", group_by: booking_id"])
@pytest.mark.parametrize(("row", "code"), BROKEN_FIRST)
def test_a_currency_in_the_amount_is_not_missed_where_no_row_can_be_read(
    row: str, code: str, grouped: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    sources(tmp_path, shop=f"{{metadata: []{grouped}}}")
    (tmp_path / "bookings.csv").write_text(f"booking_id,email,order_amount\n{row}")
    for name in ("bookings.csv", "bookings.rejects.csv"):
        answer = run_in_process("load", name, "--source", "shop", "--json").json()
        assert (answer["counts"], answer["rejected_by_code"]) == (counts(rejected=1), {code: 1})


def test_a_reject_without_a_currency_stays_one(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Though in the rejects file nothing names one any more."""
    (tmp_path / "bookings.csv").write_text(
        "booking_id,email,order_amount\nA1,a@example.com,5 EUR\nA2,a@example.com,99\n"
    )
    found = [run_in_process("load", name, "--json").json() for name in ("bookings.csv", "bookings.rejects.csv")]
    assert [answer["counts"] for answer in found] == [counts(loaded=1, rejected=1), counts(rejected=1)]
    assert [answer["rejected_by_code"] for answer in found] == [{"missing_value": 1}] * 2


def test_a_file_that_nowhere_says_its_currency_is_refused_all_the_same(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    for rows in ("", "A1,a@example.com,5\n", "A1,a@example.com,5\nA2\n"):
        (tmp_path / "bookings.csv").write_text(f"booking_id,email,order_amount\n{rows}")
        result = run_in_process("load", "bookings.csv")
        assert result.exit == 65
        assert "has no column `currency`, and its amounts name none" in result.stderr


# --- Rows that are put together ---


def test_rows_of_a_booking_that_disagree(run_in_process: CommandLine, tmp_path: Path) -> None:
    sources(tmp_path, items="{group_by: booking_id}")
    (tmp_path / "bookings.csv").write_text(
        f"{HEADER}A1,a@example.com,5.00,EUR\nA1,a@example.com,5.00,USD\n"
        "A2,a@example.com,1.00,EUR\nA2,b@example.com,1.00,EUR\n"
        "A3,c@example.com,1.5,EUR\nA3,c@example.com,0.505,EUR\n"
        "A4,d@example.com,10,EUR\nA4,D@example.com,0.5,\nA4,,0.05,EUR\n"
    )
    assert run_in_process("load", "bookings.csv", "--source", "items").exit == 3
    differs = "is not the same in all rows of the booking; keep the right one"
    together = "are one booking, and stand or fall together"
    decimals = (
        "order_amount '2.005' has 3 decimals, EUR has 2 decimals; correct it, or in the source set `decimal: ','` and "
        "`thousands: '.'` if it means 2005.00"
    )
    assert rejects(tmp_path) == [
        ("2", "currency", "contradiction", f"currency {differs}; lines 2 and 3 {together}"),
        ("3", "currency", "contradiction", f"currency {differs}; lines 2 and 3 {together}"),
        ("4", "email", "contradiction", f"email {differs}; lines 4 and 5 {together}"),
        ("5", "email", "contradiction", f"email {differs}; lines 4 and 5 {together}"),
        *((line, "order_amount", "too_many_decimals", f"{decimals}; lines 6 and 7 {together}") for line in ("6", "7")),
    ]
    assert read(tmp_path / LEDGER, LINES) == [("A4", 10_55, 10_55, "EUR")]


def test_an_unmended_row_of_a_booking_keeps_the_others_back_however_often_it_is_loaded(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """The id stood in a cell that had no room under the header, and is only named in the reason."""
    sources(tmp_path, items="{group_by: booking_id}")
    (tmp_path / "bookings.csv").write_text(
        "email,order_amount,currency,booking_id\na@example.com,5.00,EUR,A1\na@example.com,1,50,EUR,A1\n"
    )
    name = "bookings.csv"
    for _ in range(3):
        answer = run_in_process("load", name, "--source", "items", "--json").json()
        assert answer["counts"] == counts(rejected=2)
        name = answer["files"][1]["path"]
    assert "left over: A1 (cells " in column(tmp_path / name, "_reason")[1]
    (tmp_path / name).write_text(
        (tmp_path / name).read_text().replace("a@example.com,1,50,EUR", "a@example.com,1.50,EUR,A1")
    )
    run_in_process("load", name, "--source", "items").ok()
    assert read(tmp_path / LEDGER, LINES) == [("A1", 6_50, 6_50, "EUR")]


# --- Blanks that are written as a text ---


@pytest.mark.parametrize("grouped", ["", ", group_by: booking_id"])
def test_a_null_value_is_the_blank_that_only_and_skip_ask_for(
    grouped: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    """Else an order that nobody has paid would be refunded."""
    header = "booking_id,email,order_amount,currency,paid_on,refused_on\n"
    (tmp_path / "bookings.csv").write_text(
        f"{header}A1,a@example.com,5.00,EUR,2020-03-01,NULL\nA2,a@example.com,6.00,EUR,NULL,NULL\n"
        "A3,a@example.com,7.00,EUR,,\nA4,a@example.com,8.00,EUR,2020-03-01,2020-03-02\nA5,a@example.com,9.00,EUR,x,\n"
    )
    nulls = 'null_values: ["NULL"]'
    sources(tmp_path, shop=f'{{skip: {{paid_on: [""]}}, only: {{refused_on: [""]}}, {nulls}{grouped}}}')
    answer = run_in_process("load", "bookings.csv", "--source", "shop", "--json").ok().json()
    assert answer["counts"] == counts(loaded=2, filtered=3)
    assert [line[0] for line in read(tmp_path / LEDGER, LINES)] == ["A1", "A5"]


# --- What was paid back before ---


def test_refunded_in_part_and_in_full(run_in_process: CommandLine, tmp_path: Path) -> None:
    sources(tmp_path, shop="{refunded: Paid back}")
    back = ["", "0.00", "4.99", "5.00", "6", "-1", "x", "1 USD", "0.001", "EUR 2"]
    rows = [booking(f"A{place}", "5.00", **{"Paid back": text}) for place, text in enumerate(back)]
    write_bookings(tmp_path / "bookings.csv", *rows)
    answer = run_in_process("load", "bookings.csv", "--source", "shop", "--json").json()
    assert answer["counts"] == counts(loaded=4, rejected=6)
    # 5.00 + 5.00 + 0.01 + 3.00
    assert answer["totals"]["EUR"] == {"total": 13_01, "order_amount": 20_00}
    found = [(column_, code) for _, column_, code, _ in rejects(tmp_path)]
    assert found == [
        ("refund_amount", "amount_not_positive"),
        ("refund_amount", "amount_not_positive"),
        ("refunded", "amount_not_positive"),
        ("refunded", "malformed_amount"),
        ("refunded", "currency_mismatch"),
        ("refunded", "too_many_decimals"),
    ]
    reasons = [reason for *_, reason in rejects(tmp_path)]
    assert reasons[0].startswith("refund_amount is zero, since the order has been refunded in full already")
    assert reasons[2] == "refunded '-1' is below zero; correct it, or leave it blank for nothing"


# --- Cash and bonus ---


def test_cash_above_the_refund_and_negative_amounts(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    header = "booking_id,email,order_amount,currency,status,refund_amount,cash_amount,bonus_amount\n"
    ends = [
        "5.00,,5.00,",
        "5.00,,5.01,",
        "5.00,2.00,3.00,",
        "5.00,,,-1",
        "5.00,,-1,",
        "5.00,,1.00,100",
        "5.00,3,0,0",
        "5.00,,,x",
    ]
    rows = [f"A{number_},a{number_}@example.com,{end}\n" for number_, end in enumerate(ends)]
    text = "".join(row.replace("5.00,", "5.00,EUR,cancelled,", 1) for row in rows)
    (tmp_path / "bookings.csv").write_text(header + text)
    result = run_in_process(
        "run", CAMPAIGN, "bookings.csv", "--out", "out", "--rejects", "bookings.rejects.csv", "--json"
    )
    assert (result.exit, result.json()["steps"]["load"]["counts"]) == (3, counts(loaded=3, rejected=5))
    above = "cash_amount is above what is refunded; correct one of them"
    below = "is below zero; correct it, or leave it blank for nothing"
    assert rejects(tmp_path) == [
        ("3", "cash_amount", "cash_exceeds_refund", above),
        ("4", "cash_amount", "cash_exceeds_refund", above),
        ("5", "bonus_amount", "amount_not_positive", f"bonus_amount '-1' {below}"),
        ("6", "cash_amount", "amount_not_positive", f"cash_amount '-1' {below}"),
        (
            "9",
            "bonus_amount",
            "malformed_amount",
            "bonus_amount 'x' is not an amount in EUR; write it like 12.50, digits only",
        ),
    ]
    # A0 is owed 5.00 in cash; A5 gets 4.00 and 1.00 in cash, with 100.00 of bonus; A6 gets 3.00.
    assert result.json()["totals"]["EUR"] == {"paid": 7_00, "bonus": 100_00, "fee": 0, "cash": 6_00, "total": 107_00}
    mail = {row["booking_id"]: row["balance"] for row in rows_of(tmp_path / "out" / "mail.csv")}
    assert mail == {"A5": "104.00", "A6": "3.00"}
    run_in_process("verify").ok()


# --- Two shops with the same numbers ---


def test_a_prefix_keeps_the_numbers_of_two_shops_apart(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    named = 'sources:\n  north: {id_prefix: "north-"}\n  south: {id_prefix: "south-"}\n'
    campaigns.write_text(campaigns.read_text().replace("version: 1\n", f"version: 1\n{named}"))
    write_bookings(tmp_path / "north.csv", booking("1001", "12.50", customer_id="7", email="ana@example.org"))
    write_bookings(tmp_path / "south.csv", booking("1001", "99.00", customer_id="7", email="bo@example.org"))
    for shop in ("north", "south"):
        run_in_process("run", CAMPAIGN, f"{shop}.csv", "--source", shop, "--out", shop).ok()
    mail = [only(rows_of(tmp_path / shop / "mail.csv")) for shop in ("north", "south")]
    assert [(row["booking_id"], row["customer_id"], row["balance"], row["email"]) for row in mail] == [
        ("north-1001", "north-7", "12.50", "ana@example.org"),
        ("south-1001", "south-7", "99.00", "bo@example.org"),
    ]
    assert mail[0]["code"] != mail[1]["code"]
    before = everything(tmp_path / LEDGER)
    again = run_in_process("run", CAMPAIGN, "north.csv", "--source", "north", "--out", "north", "--json").ok().json()
    assert (again["counts"]["unchanged"], again["run_id"]) == (1, None)
    assert everything(tmp_path / LEDGER) == before


def test_without_a_prefix_they_are_one_booking_that_contradicts_itself(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "north.csv", booking("1001", "12.50", customer_id="7"))
    write_bookings(tmp_path / "south.csv", booking("1001", "99.00", customer_id="8"))
    answer = run_in_process("load", "north.csv", "south.csv", "--json").json()
    assert (answer["counts"], answer["rejected_by_code"]) == (counts(rejected=2), {"contradiction": 2})
