"""What must hold of loading whatever the files say: rows add up, once is enough, and order never matters."""

import csv
import io
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.books import BEFORE_RELEASE, LEDGER, everything, rows_of, said
from support.command_line import CommandResult, ThisProcess
from support.desks.empty_desks import empty_desks
from support.properties import FEW, MANY

COLUMNS = (
    "booking_id", "refund_id", "customer_id", "email", "name", "order_amount", "refund_amount", "currency", "status",
    "cancelled_at", "tickets", "marketing_consent", "cash_amount", "bonus_amount",
)  # fmt: skip
# About these a file that lacks the column says nothing, and no default takes their place.
SILENT = ("name", "status", "cancelled_at", "tickets", "marketing_consent", "cash_amount", "bonus_amount")
ENDS = ("loaded", "updated", "unchanged", "filtered", "rejected")
# Errors that only show beside other rows, or beside the ledger.
ACROSS_ROWS = {"contradiction", "exceeds_order_amount", "booking_conflict"}

Row = tuple[str, ...]


def row(
    booking_id: str = "B1",
    refund_id: str = "",
    customer_id: str = "ana",
    order_amount: str = "100.00",
    refund_amount: str = "",
    **others: str,
) -> Row:
    cells = {
        "booking_id": booking_id,
        "refund_id": refund_id,
        "customer_id": customer_id,
        "order_amount": order_amount,
        "refund_amount": refund_amount,
        "currency": "EUR",
        **others,
    }
    return tuple(cells.get(name, "") for name in COLUMNS)


good_rows = st.builds(
    row,
    booking_id=st.sampled_from(["B1", "B2", "B3", "B4"]),
    refund_id=st.sampled_from(["", "", "x", "y"]),
    customer_id=st.sampled_from(["ana", "ana", "bo", "", "Ana"]),
    order_amount=st.sampled_from(["100.00", "100", "100.0", "200.00"]),
    refund_amount=st.sampled_from(["", "30.00", "50", "100.00"]),
    currency=st.sampled_from(["EUR", "EUR", "EUR", "PLN", "JPY"]),
    email=st.sampled_from(["", "ana@example.com", "ANA@example.com", "bo@example.com", "ana@Example.com"]),
    name=st.sampled_from(["", "Ana", "Ana Nowak", "Müge"]),
    status=st.sampled_from(["cancelled", "cancelled", "Cancelled ", "confirmed", ""]),
    cancelled_at=st.sampled_from(["", "", "2020-04-01", "2020-04-01T10:00:00Z"]),
    tickets=st.sampled_from(["", "1", "2"]),
    marketing_consent=st.sampled_from(["", "yes", "no"]),
    cash_amount=st.sampled_from(["", "", "0", "10.00", "30", "100.00"]),
    bonus_amount=st.sampled_from(["", "", "0.00", "5.00"]),
)
# Cells that no column takes, and some that only a few do.
bad_cells = st.sampled_from(
    ["", "1,50", "１００", "1e3", "NaN", "-5", "0", "12.345", "EURO", "=1+1", "@home", "a\x07b", "2020-02-30", "x" * 400,
     "4111111111111111", "no address", "ana@example.com", "yes", "a;b", "\u202e", "a\nb", '"', "3"]
)  # fmt: skip


@st.composite
def any_rows(draw: st.DrawFn) -> Row:
    cells = list(draw(good_rows))
    for _ in range(draw(st.integers(0, 2))):
        cells[draw(st.integers(0, len(cells) - 1))] = draw(bad_cells)
    if draw(st.integers(0, 15)) == 0:
        cells = draw(st.sampled_from([cells[:-1], [*cells, "more"]]))
    return tuple(cells)


good_files = st.lists(good_rows, min_size=1, max_size=8)
any_files = st.lists(any_rows(), min_size=1, max_size=12)


def file_of(rows: Sequence[Row], *, line_end: str = "\n", columns: Sequence[str] = COLUMNS) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end).writerows([columns, *rows])
    return text.getvalue().encode()


def file_without(rows: Sequence[Row], absent: Collection[str]) -> bytes:
    kept = [place for place, name in enumerate(COLUMNS) if name not in absent]
    return file_of(
        [tuple(cells[place] for place in kept) for cells in rows], columns=[COLUMNS[place] for place in kept]
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with an empty ledger, at which files are loaded."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    def load(self, *contents: bytes, name: str = "bookings") -> CommandResult:
        names = [f"{name}{number}.csv" for number in range(len(contents))]
        for file, content in zip(names, contents, strict=True):
            (self.folder / file).write_bytes(content)
        return ThisProcess(self.folder)("load", *names, "--json", now=BEFORE_RELEASE)

    def rejected(self, name: str = "bookings0") -> list[dict[str, str]]:
        path = self.folder / f"{name}.rejects.csv"
        return rows_of(path) if path.exists() else []


NewDesk = Callable[[], AbstractContextManager[Desk]]


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    return empty_desks(tmp_path_factory.mktemp("empty"), Desk)


def counts_of(result: CommandResult) -> dict[str, int]:
    assert result.exit in {0, 3}, result.stdout
    counts: dict[str, int] = result.json()["counts"]
    return counts


# --- Rows add up ---


@FEW
@given(any_files)
def test_every_row_ends_in_exactly_one_way(new_desk: NewDesk, rows: list[Row]) -> None:
    with new_desk() as desk:
        result = desk.load(file_of(rows))
        counts = counts_of(result)
        assert counts["rows"] == len(rows) == sum(counts[name] for name in ENDS)
        assert set(counts) == {"rows", *ENDS}
        assert counts["rejected"] == len(desk.rejected()) == sum(result.json()["rejected_by_code"].values())
        assert result.exit == (3 if counts["rejected"] else 0)
        assert all(reject["_code"] and reject["_reason"] and int(reject["_line"]) > 1 for reject in desk.rejected())


@pytest.mark.slow
@MANY
@given(any_files, any_files)
def test_two_files_of_one_call_add_up_together(new_desk: NewDesk, first: list[Row], second: list[Row]) -> None:
    with new_desk() as desk:
        result = desk.load(file_of(first), file_of(second))
        counts = counts_of(result)
        assert counts["rows"] == len(first) + len(second) == sum(counts[name] for name in ENDS)
        assert [file["rows"] for file in result.json()["files"][:2]] == [len(first), len(second)]
        assert counts["rejected"] == len(desk.rejected("bookings0")) + len(desk.rejected("bookings1"))


@pytest.mark.slow
@MANY
@given(any_files)
def test_the_totals_are_of_what_was_loaded(new_desk: NewDesk, rows: list[Row]) -> None:
    with new_desk() as desk:
        totals = desk.load(file_of(rows)).json()["totals"]
        sums: dict[str, int] = {}
        for line in said(desk.ledger)["lines"]:
            sums[line[6]] = sums.get(line[6], 0) + line[5]
        assert {currency: total["total"] for currency, total in totals.items()} == sums


# --- Once is enough ---


@FEW
@given(any_files)
def test_the_same_file_again_changes_nothing(new_desk: NewDesk, rows: list[Row]) -> None:
    with new_desk() as desk:
        first = desk.load(file_of(rows))
        before = everything(desk.ledger)
        rejected = desk.rejected()
        again = desk.load(file_of(rows))
        assert again.exit == first.exit
        assert (again.json()["run_id"], again.json()["totals"]) == (None, {})
        counts = counts_of(again)
        assert (counts["loaded"], counts["updated"]) == (0, 0)
        assert counts["rejected"] == counts_of(first)["rejected"]
        assert desk.rejected() == rejected
        assert everything(desk.ledger) == before


@FEW
@given(good_files, st.sets(st.sampled_from(SILENT), min_size=1))
def test_a_file_that_lacks_columns_changes_nothing_of_what_is_known(
    new_desk: NewDesk, rows: list[Row], absent: set[str]
) -> None:
    with new_desk() as desk:
        desk.load(file_of(rows))
        rejected = {int(reject["_line"]) for reject in desk.rejected()}
        standing = [cells for line, cells in enumerate(rows, start=2) if line not in rejected]
        before = everything(desk.ledger)
        again = desk.load(file_without(standing, absent), name="silent")
        assert counts_of(again)["unchanged"] == len(standing)
        assert everything(desk.ledger) == before


WORN = {
    "under another name": file_of,
    "with CRLF": lambda rows: file_of(rows, line_end="\r\n"),
    "with CR": lambda rows: file_of(rows, line_end="\r"),
    "with a BOM": lambda rows: b"\xef\xbb\xbf" + file_of(rows),
    "backwards": lambda rows: file_of(rows[::-1]),
    "every row twice": lambda rows: file_of([*rows, *rows]),
    "without the last line end": lambda rows: file_of(rows).rstrip(b"\n"),
    "with blank lines": lambda rows: file_of(rows).replace(b"\n", b"\n\n"),
    "with semicolons": lambda rows: file_of(rows).replace(b",", b";"),
    "with capital headers": lambda rows: file_of(rows, columns=[name.upper() for name in COLUMNS]),
    "with its columns in another order": lambda rows: file_of([cells[::-1] for cells in rows], columns=COLUMNS[::-1]),
    "with a column more": lambda rows: file_of([(*cells, "note") for cells in rows], columns=[*COLUMNS, "note"]),
}


@pytest.mark.parametrize("wear", WORN.values(), ids=WORN)
def test_the_same_content_in_other_clothes_changes_nothing(
    new_desk: NewDesk, wear: Callable[[list[Row]], bytes]
) -> None:
    rows = [
        row("B1", "x", refund_amount="30.00", email="ana@example.com", name="Ana"),
        row("B1", "y", refund_amount="70.00", email="ana@example.com", name="Ana"),
        row("B2", customer_id="bo", name="Łukasz Öberg", status="cancelled", cancelled_at="2020-04-01"),
        row("B3", customer_id="cy", tickets="2", marketing_consent="yes"),
    ]
    with new_desk() as desk:
        assert counts_of(desk.load(file_of(rows)))["loaded"] == 4
        before = everything(desk.ledger)
        again = desk.load(wear(rows), name="worn")
        counts = counts_of(again)
        assert (again.exit, again.json()["run_id"]) == (0, None)
        assert counts["unchanged"] == counts["rows"] >= 4
        assert everything(desk.ledger) == before


# --- Order never matters ---


@pytest.mark.slow
@MANY
@given(any_files, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(new_desk: NewDesk, rows: list[Row], chance: random.Random) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    with new_desk() as desk, new_desk() as other:
        in_order, mixed = desk.load(file_of(rows)), other.load(file_of(shuffled))
        assert counts_of(mixed) == counts_of(in_order)
        assert mixed.json()["rejected_by_code"] == in_order.json()["rejected_by_code"]
        assert mixed.json()["totals"] == in_order.json()["totals"]
        assert said(other.ledger) == said(desk.ledger)
        assert sorted(map(_without_line, other.rejected())) == sorted(map(_without_line, desk.rejected()))


@FEW
@given(good_files, good_files, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters_on_top_of_what_is_known(
    new_desk: NewDesk, known: list[Row], rows: list[Row], chance: random.Random
) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    with new_desk() as desk, new_desk() as other:
        for one in (desk, other):
            one.load(file_of(known))
        in_order, mixed = desk.load(file_of(rows)), other.load(file_of(shuffled))
        assert counts_of(mixed) == counts_of(in_order)
        assert said(other.ledger) == said(desk.ledger)


@FEW
@given(good_files, good_files)
@example([row("B1", name="Ana")], [row("B2", name="Ana Nowak")])
def test_the_order_of_files_never_matters(new_desk: NewDesk, first: list[Row], second: list[Row]) -> None:
    with new_desk() as desk, new_desk() as other:
        in_order, mixed = desk.load(file_of(first), file_of(second)), other.load(file_of(second), file_of(first))
        assert counts_of(mixed) == counts_of(in_order)
        assert said(other.ledger)["lines"] == said(desk.ledger)["lines"]
        assert said(other.ledger)["customers"] == said(desk.ledger)["customers"]


@pytest.mark.slow
@MANY
@given(st.lists(good_rows, min_size=2, max_size=8), st.data())
def test_a_file_in_two_parts_comes_to_the_same_where_no_row_contradicts_another(
    new_desk: NewDesk, rows: list[Row], data: st.DataObject
) -> None:
    rows = [_person_of(cells) for cells in rows]
    cut = data.draw(st.integers(1, len(rows) - 1))
    with new_desk() as whole, new_desk() as parts:
        at_once = whole.load(file_of(rows))
        if ACROSS_ROWS & at_once.json()["rejected_by_code"].keys():
            return
        loaded = sum(counts_of(parts.load(file_of(part)))["loaded"] for part in (rows[:cut], rows[cut:]))
        assert loaded == counts_of(at_once)["loaded"]
        for what in ("lines", "customers"):
            assert said(parts.ledger)[what] == said(whole.ledger)[what]


def _person_of(cells: Row) -> Row:
    """The row with what a person's id says of them: people may be known better after two files than after one."""
    named = dict(zip(COLUMNS, cells, strict=True))
    customer = named["customer_id"] or "ana"
    person = {"customer_id": customer, "email": f"{customer.lower()}@example.com", "name": customer}
    return tuple({**named, **person, "marketing_consent": ""}.values())


def _without_line(reject: dict[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in reject.items() if name != "_line")
