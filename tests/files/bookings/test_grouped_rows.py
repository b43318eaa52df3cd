"""Files with a row per line item: rows of one booking are put together, and share their fate."""

import io
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings import grouped_rows, second_process
from refundctl.files.bookings.bookings_csv import BookingsFile
from refundctl.files.bookings.rejects_csv import write_rejects
from refundctl.files.tables import csv_rows, sorted_rows

ITEMS = Source(group_by="booking_id")
HEADER = "booking_id,email,order_amount,currency"


@dataclass(frozen=True, slots=True)
class Read:
    """What a whole file says: the bookings by their id, each with the lines it was made of."""

    lines: Mapping[str, Sequence[int]]
    values: Mapping[str, Mapping[str, Any]]
    rejected: Sequence[RejectedRow]
    filtered: int
    rows: int
    rejects_file: str

    def rejects(self) -> list[tuple[int, str, str]]:
        return sorted((row.line, row.field, row.code) for row in self.rejected)

    def amounts(self) -> dict[str, int]:
        return {booking: said["order_amount"] for booking, said in self.values.items()}


def read(content: str, source: Source = ITEMS) -> Read:
    file = BookingsFile(io.BytesIO(content.encode()), "items.csv", source)
    lines: dict[str, list[int]] = {}
    values: dict[str, dict[str, Any]] = {}
    rejected: list[RejectedRow] = []
    filtered = rows = 0
    for block in file.blocks():
        assert block.further_lines is not None
        columns = {name: column for name, column in block.columns.items() if column is not None}
        for row, first in enumerate(block.lines):
            booking = columns["booking_id"][row]
            assert booking not in lines
            lines[booking] = [first, *block.further_lines[row]]
            values[booking] = {name: column[row] for name, column in columns.items()}
        rejected += block.rejected
        filtered += block.filtered
        rows += block.rows
    out = io.StringIO()
    rejected.sort(key=lambda row: row.line)
    write_rejects(io.BytesIO(content.encode()), file, rejected, out)
    return Read(lines, values, rejected, filtered, rows, out.getvalue())


def test_an_order_with_three_items() -> None:
    found = read(
        "booking_id,email,order_amount,currency,tickets\n"
        "R-1,ana@example.org,10.00,EUR,2\n"
        "R-2,jan@example.org,1.50,EUR,1\n"
        "R-1,,2.50,,1\n"
        "R-1,,0.00,,\n"
    )
    assert (found.lines, found.rejected, found.filtered, found.rows) == ({"R-1": [2, 4, 5], "R-2": [3]}, [], 0, 4)
    assert found.values["R-1"] == {
        "booking_id": "R-1",
        "order_amount": 1250,
        "currency": "EUR",
        "refund_amount": 1250,
        "customer_id": "ana@example.org",
        "email": "ana@example.org",
        "tickets": 3,
    }
    assert found.values["R-2"]["order_amount"] == 150


def test_without_grouping_there_are_no_further_lines() -> None:
    file = BookingsFile(io.BytesIO(f"{HEADER}\nR-1,a@b.org,1.00,EUR\n".encode()), "items.csv", Source())
    assert [(list(block.lines), block.further_lines) for block in file.blocks()] == [([2], None)]


def test_a_file_without_rows() -> None:
    found = read(f"{HEADER}\n")
    assert (found.lines, found.rejected, found.rows) == ({}, [], 0)


def test_ids_are_the_same_whatever_is_around_them() -> None:
    found = read(f"{HEADER}\nÉ-1,a@b.org,1.00,EUR\n E\u0301-1 ,a@b.org,2.00,EUR\ne-1,a@b.org,4.00,EUR\n")
    assert found.amounts() == {"É-1": 300, "e-1": 400}


def test_a_prefix_goes_before_the_id_that_rows_are_grouped_by() -> None:
    source = Source(group_by="booking_id", id_prefix="shop1-")
    found = read(f"{HEADER}\n7,a@b.org,1.00,EUR\n7,,2.00,\n", source)
    assert found.amounts() == {"shop1-7": 300}


def test_names_and_metadata() -> None:
    source = Source(
        group_by="booking_id", columns={"name": ("First", "Last")}, metadata=("Item",), constants={"currency": "EUR"}
    )
    found = read(
        "booking_id,email,order_amount,First,Last,Item\n"
        "R-1,a@b.org,1.00,Ana,Nowak,Table\n"
        "R-1,,1.00,,,Chair\n"
        "R-2,a@b.org,1.00,Ana,Nowak,\n"
        "R-2,a@b.org,1.00,Jan,Nowak,Lamp\n",
        source,
    )
    assert [(said["name"], said["metadata"]) for said in found.values.values()] == [
        ("Ana Nowak", '{"Item":"Chair; Table"}'),
        (None, '{"Item":"Lamp"}'),
    ]


# --- A group shares its fate ---


def test_all_rows_of_a_booking_are_rejected_for_what_is_wrong_with_one() -> None:
    found = read(
        f"{HEADER}\nR-1,ana@example.org,10.00,EUR\nR-2,jan@example.org,1.00,EUR\nR-1,,-12.50,\nR-3,x,1.00,EUR\n"
    )
    assert found.amounts() == {"R-2": 100}
    reason = "order_amount is not above zero: the rows of the booking add up to -2.50; check them"
    together = "lines 2 and 4 are one booking, and stand or fall together"
    assert [row for row in found.rejected if row.line != 5] == [
        RejectedRow(2, "order_amount", "amount_not_positive", f"{reason}; {together}"),
        RejectedRow(4, "order_amount", "amount_not_positive", f"{reason}; {together}"),
    ]
    assert found.rejected[-1] == RejectedRow(
        5,
        "email",
        "malformed_email",
        "email is not an e-mail address that a mail tool would take; correct it or leave it blank",
    )


def test_rows_that_contradict_each_other() -> None:
    found = read(f"{HEADER}\nR-1,ana@example.org,1.00,EUR\nR-1,jan@example.org,1.00,EUR\nR-1,,1.00,USD\n")
    assert found.rejects() == [(line, "currency", "contradiction") for line in (2, 3, 4)]
    assert found.rejected[0].reason == (
        "currency is not the same in all rows of the booking; keep the right one; lines 2, 3 and 4 are one booking, and "
        "stand or fall together"
    )


def test_of_many_lines_a_reason_lists_the_first() -> None:
    found = read(f"{HEADER}\n" + "R-1,x,1.00,EUR\n" * 8)
    assert found.rejected[0].reason.endswith(
        "; lines 2, 3, 4, 5, 6 and 3 more are one booking, and stand or fall together"
    )


def test_rows_without_an_id_are_rejected_alone() -> None:
    found = read(f"{HEADER}\n,a@b.org,1.00,EUR\nR-1,a@b.org,1.00,EUR\n ,a@b.org,2.00,EUR\n")
    assert found.rejects() == [(2, "booking_id", "missing_value"), (4, "booking_id", "missing_value")]
    assert found.amounts() == {"R-1": 100}


def test_a_payment_card_is_found_in_any_row_and_never_shown() -> None:
    number = "4111111111111111"
    for row in (f"R-1,,{number},", f"R-1,{number},1.00,EUR", f'R-1,,"1.00",{number}'):
        found = read(f"{HEADER}\nR-1,a@b.org,1.00,EUR\n{row}\nR-2,a@b.org,1.00,EUR\n")
        assert [(line, code) for line, _, code in found.rejects()] == [
            (2, "payment_card_number"),
            (3, "payment_card_number"),
        ]
        assert not any(number in row.reason for row in found.rejected)
    found = read(f"{HEADER}\n{number},a@b.org,1.00,EUR\n{number},,1.00,\n")
    assert found.rejects() == [(line, "booking_id", "payment_card_number") for line in (2, 3)]


def test_an_id_in_too_many_rows_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped_rows, "GROUP_ROWS_MAX", 3)
    monkeypatch.setattr(grouped_rows, "ROWS_WANTED", 2)
    source = Source(group_by="booking_id", only={"status": ("refunded",)})
    rows = [
        "R-1,a@b.org,1.00,EUR,refunded",
        "R-1,,1.00,,",
        "R-1,,1.00,,paid",
        "R-1,,1.00,,",
        "R-2,a@b.org,1.00,EUR,refunded",
    ]
    found = read("\n".join([f"{HEADER},status", *rows]), source)
    assert (found.amounts(), found.filtered, found.rows) == ({"R-2": 100}, 1, 5)
    assert found.rejects() == [(line, "booking_id", "malformed_id") for line in (2, 3, 5)]


# --- Rows that can't be read ---


def test_partners_of_a_row_of_the_wrong_width_wait_for_it() -> None:
    found = read(f"{HEADER}\nR-1,a@b.org,1.00,EUR\nR-1,a@b.org,2.00\nR-2,a@b.org,1.00,EUR\nR-1,,4.00,\n")
    assert found.amounts() == {"R-2": 100}
    reason = "booking_id may be that of line 3, whose fields stand in wrong columns; fix that row, and load both"
    assert found.rejected == [
        RejectedRow(2, "booking_id", "wrong_field_count", reason),
        RejectedRow(
            3,
            "",
            "wrong_field_count",
            "the row has 3 fields, the header has 4; put each value under its header, and texts with delimiters in quotes",
        ),
        RejectedRow(5, "booking_id", "wrong_field_count", reason),
    ]


@pytest.mark.parametrize(
    ("row", "waiting"),
    [
        ("Nowak, Ana,R-1,1.00,EUR", ["R-1"]),
        ("R-1,1.00,EUR", ["R-1"]),
        ("Ana", []),
        ("", []),
        ("Ana,R-2,1,50,EUR", ["R-2"]),
        ('"Nowak\nAna,R-3,1.00,EUR",R-1,x', ["R-1", "R-3"]),
    ],
)
def test_the_id_of_a_broken_row_is_looked_for_where_it_may_have_come_to_stand(row: str, waiting: list[str]) -> None:
    """Else its booking would be loaded without it, with too small an amount."""
    good = "".join(f"Ana,{booking},1.00,EUR\n" for booking in ("R-1", "R-2", "R-3"))
    found = read(f"customer_id,booking_id,order_amount,currency\n{good}{row}\n")
    assert sorted({"R-1", "R-2", "R-3"} - set(found.lines)) == waiting


def test_the_bookings_of_swallowed_rows_wait_too() -> None:
    found = read(
        f"{HEADER},note\n"
        'R-1,a@b.org,1.00,EUR,"note\n'
        'R-2,a@b.org,2.00,EUR,""\n'
        'R-3,a@b.org,3.00,EUR,"\n'
        "R-2,a@b.org,4.00,EUR,\n"
        "R-4,a@b.org,5.00,EUR,\n"
    )
    assert (found.amounts(), found.rejects()) == (
        {"R-4": 500},
        [(2, "", "wrong_field_count"), (5, "booking_id", "wrong_field_count")],
    )


# --- Filters ---

REFUNDED = Source(group_by="booking_id", only={"status": ("refunded",)})


def test_continuation_rows_follow_the_row_that_says_the_status() -> None:
    found = read(
        f"{HEADER},status\n"
        "R-1,a@b.org,1.00,EUR,refunded\n"
        "R-1,,2.00,,\n"
        "R-2,a@b.org,4.00,EUR,paid\n"
        "R-2,,8.00,,\n"
        "R-3,a@b.org,16.00,EUR,\n",
        REFUNDED,
    )
    assert (found.amounts(), found.filtered, found.rejected) == ({"R-1": 300}, 3, [])


def test_attendees_of_one_order_are_filtered_one_by_one() -> None:
    found = read(
        f"{HEADER},status\n"
        "R-1,a@b.org,1.00,EUR,Refunded\n"
        "R-1,a@b.org,x,EUR,attending\n"
        "R-1,a@b.org,4.00,EUR,refunded \n",
        REFUNDED,
    )
    assert (found.amounts(), found.lines, found.filtered, found.rejected) == ({"R-1": 500}, {"R-1": [2, 4]}, 1, [])


def test_of_a_rejected_booking_filtered_rows_stay_filtered() -> None:
    found = read(f"{HEADER},status\nR-1,x,1.00,EUR,refunded\nR-1,a@b.org,1.00,EUR,paid\nR-1,,1.00,,\n", REFUNDED)
    assert (found.filtered, found.rejects()) == (1, [(2, "email", "malformed_email"), (4, "email", "malformed_email")])


def test_a_blank_status_stays_where_a_broken_row_may_say_it() -> None:
    """Fixed, that row may want them; filtered, they would never be loaded again."""
    found = read(f"{HEADER},status\nR-1,a@b.org,1.00,EUR,refunded,x\nR-1,,1.00,,\nR-1,,1.00,,paid\n", REFUNDED)
    assert (found.filtered, [line for line, _, _ in found.rejects()]) == (1, [2, 3])


# --- The rejects file, and back again ---


def test_a_mended_rejects_file_has_whole_bookings() -> None:
    content = (
        f"{HEADER}\n"
        "R-1,ana@example.org,1.00,EUR\n"
        "R-2,jan@example.org,2.00,EUR\n"
        "R-1,,4,00,\n"
        "R-3,x,8.00,EUR\n"
        "R-3,,16.00,\n"
    )
    first = read(content)
    assert first.amounts() == {"R-2": 200}
    assert first.rejects_file.splitlines()[1].startswith("R-1,ana@example.org,1.00,EUR,2,booking_id,wrong_field_count,")
    again = read(first.rejects_file)
    assert [(field, code) for _, field, code in again.rejects()] == [
        (field, code) for _, field, code in first.rejects()
    ]
    fixed = again.rejects_file.replace("R-1,,4,00,", "R-1,,4.00,,").replace("R-3,x,", "R-3,zoe@example.org,")
    found = read(fixed)
    assert (found.amounts(), found.rejected) == ({"R-1": 500, "R-3": 2400}, [])


# --- Rules ---

LINE = st.tuples(
    st.sampled_from(["R-1", "R-2", "R-3", " R-1", ""]),
    st.sampled_from(["a@b.org", "A@b.org", "", "x", "c@d.org"]),
    st.sampled_from(["1.00", "2.50", "0.00", "", "-1.00", "x", "3 EUR", "10"]),
    st.sampled_from(["EUR", "", "USD", "eur"]),
    st.sampled_from(["refunded", "paid", ""]),
)
# Mostly good lines, so that bookings of several rows come through too.
GOOD_LINE = st.tuples(
    st.sampled_from(["R-1", "R-2", "R-3"]),
    st.sampled_from(["a@b.org", ""]),
    st.integers(0, 10**6).map(lambda minor: f"{minor // 100}.{minor % 100:02d}"),
    st.sampled_from(["EUR", ""]),
    st.sampled_from(["refunded", "paid", "", ""]),
)
BROKEN = st.sampled_from([("R-1",), ("R-2", "a@b.org", "1.00", "EUR", "paid", "x"), ("x", "R-3", "y", "", "", "z")])
LINES = st.lists(GOOD_LINE | LINE | BROKEN, max_size=12) | st.lists(GOOD_LINE, max_size=12)


def content_of(lines: Sequence[tuple[str, ...]]) -> str:
    return "\n".join([f"{HEADER},status", *map(",".join, lines)]) + "\n"


def fates(found: Read, lines: Sequence[tuple[str, ...]]) -> Any:
    """What became of the rows, told without their lines: they stand in any order."""

    def rows(of_lines: Sequence[int]) -> list[tuple[str, ...]]:
        return sorted(lines[line - 2] for line in of_lines)

    accepted = {booking: (found.values[booking], rows(found.lines[booking])) for booking in found.lines}
    rejected = sorted((lines[row.line - 2], row.field, row.code) for row in found.rejected)
    return accepted, rejected, found.filtered


@given(LINES)
@example([("R-1", "a@b.org", "1.00", "EUR", "refunded"), ("R-1", "", "2.00", "", "")])
def test_every_row_is_accepted_filtered_or_rejected(lines: list[tuple[str, ...]]) -> None:
    found = read(content_of(lines), REFUNDED)
    accepted = list(itertools.chain(*found.lines.values()))
    rejected = [row.line for row in found.rejected]
    assert found.rows == len(lines) == len(accepted) + len(rejected) + found.filtered
    assert len({*accepted, *rejected}) == len(accepted) + len(rejected)
    assert {*accepted, *rejected} <= set(range(2, len(lines) + 2))


@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(lines: list[tuple[str, ...]], order: random.Random) -> None:
    shuffled = list(lines)
    order.shuffle(shuffled)
    assert fates(read(content_of(shuffled), REFUNDED), shuffled) == fates(read(content_of(lines), REFUNDED), lines)


@given(LINES, st.integers(1, 4), st.integers(1, 4), st.sampled_from([16, 1024]))
@settings(max_examples=60)
def test_how_much_is_in_memory_never_matters(
    lines: list[tuple[str, ...]], chunk_rows: int, rows_wanted: int, piece_bytes: int
) -> None:
    expected = read(content_of(lines), REFUNDED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_rows, "CHUNK_ROWS", chunk_rows)
        patch.setattr(grouped_rows, "ROWS_WANTED", rows_wanted)
        patch.setattr(csv_rows, "PIECE_BYTES", piece_bytes)
        assert read(content_of(lines), REFUNDED) == expected


@given(LINES)
@example([("R-1", "a@b.org", "2.50", "EUR", "refunded"), ("R-1", "a@b.org", "-1.00", "EUR", "refunded")])
@example([("R-1", "a@b.org", "1.00", "EUR", "refunded"), ("R-1", "a@b.org", "-1.00", "EUR", "refunded")])
def test_a_booking_is_what_its_rows_are_together(lines: list[tuple[str, ...]]) -> None:
    """Held against the plainest program that does the same."""
    found = read(content_of(lines), REFUNDED)
    bookings: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    broken = [fields for fields in lines if len(fields) != 5]
    for line, fields in enumerate(lines, start=2):
        if len(fields) == 5 and fields[0].strip():
            bookings.setdefault(fields[0].strip(), []).append((line, fields))
    expected = {}
    for booking, rows in bookings.items():
        wanted = wanted_rows(rows)
        unread = any(booking in fields[:2] for fields in broken)
        amount = None if unread or not wanted else amount_of([fields for _, fields in wanted])
        if amount is not None:
            expected[booking] = (amount, [line for line, _ in wanted])
    assert {
        booking: (found.values[booking]["order_amount"], found.lines[booking]) for booking in found.lines
    } == expected


def wanted_rows(rows: list[tuple[int, tuple[str, ...]]]) -> list[tuple[int, tuple[str, ...]]]:
    some_are = any(fields[4] == "refunded" for _, fields in rows)
    return [(line, fields) for line, fields in rows if fields[4] == "refunded" or (some_are and not fields[4])]


def amount_of(rows: list[tuple[str, ...]]) -> int | None:
    """Minor units; None where the booking can't be taken."""
    emails = {fields[1].lower() for fields in rows if fields[1]}
    currencies = {fields[3].upper() for fields in rows if fields[3]}
    amounts = [fields[2] for fields in rows if fields[2]]
    if amounts and not currencies and all(amount == "3 EUR" for amount in amounts):
        currencies = {"EUR"}
    if emails not in ({"a@b.org"}, {"c@d.org"}) or len(currencies) != 1 or "x" in amounts:
        return None
    if "3 EUR" in amounts and currencies != {"EUR"}:
        return None
    total = sum(round(float(amount.removesuffix(" EUR")) * 100) for amount in amounts)
    return total if total > 0 else None  # a discount is taken off, but nobody owes by being refunded


def test_the_second_process_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "WORTHWHILE_BYTES", 0)
    lines = [f"R-{number % 7000},a@b.org,{number % 90 + 1}.50,EUR" for number in range(20_000)]
    path = tmp_path / "items.csv"
    path.write_text("\n".join([HEADER, *lines, "R-1,x,1.00,EUR\n"]))
    with path.open("rb") as here, path.open("rb") as there:
        expected = list(BookingsFile(here, "items.csv", ITEMS).blocks())
        blocks = list(second_process.open_ahead(there, "items.csv", ITEMS, encoding=None).blocks())
    assert sum(block.rows for block in blocks) == 20_001
    assert len(blocks) == len(expected) > 2
    for block, other in zip(blocks, expected, strict=True):
        assert (list(block.lines), block.further_lines) == (list(other.lines), other.further_lines)
        assert (block.rejected, block.filtered) == (other.rejected, other.filtered)
        assert block.columns["order_amount"] == other.columns["order_amount"]
