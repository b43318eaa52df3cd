"""What must hold of loading people whatever the files say: rows add up, once is enough, and order never matters."""

import csv
import io
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import BEFORE_RELEASE, LEDGER, everything, rows_of, said
from support.command_line import CommandResult, ThisProcess
from support.desks.empty_desks import empty_desks
from support.properties import FEW, MANY

COLUMNS = ("customer_id", "email", "name", "phone", "locale", "marketing_consent", "country")
ENDS = ("loaded", "updated", "unchanged", "filtered", "rejected")

Row = tuple[str, ...]
Person = tuple[str | None, ...]


good_rows = st.tuples(
    st.sampled_from(["ana", "ana", "bo", "Ana", "ana@example.com"]),
    st.sampled_from(["", "", "ana@example.com", "ANA@example.com"]),
    st.sampled_from(["", "", "Ana", "Müge"]),
    st.sampled_from(["", "", "12", "34"]),
    st.sampled_from(["", "pl"]),
    st.sampled_from(["", "", "yes", "no"]),
    st.sampled_from(["", "", "PL", "US-ME"]),
)
# booking, customer, e-mail, name, phone
booked_rows = st.tuples(
    st.sampled_from(["B1", "B2", "B3", "B4"]),
    st.sampled_from(["ana", "ana", "bo"]),
    st.sampled_from(["", "ana@example.com", "old@example.com"]),
    st.sampled_from(["", "Ana", "Anne"]),
    st.sampled_from(["", "12", "34", "56"]),
)
booked_files = st.lists(booked_rows, min_size=1, max_size=4, unique_by=lambda row: row[0])
bad_cells = st.sampled_from(["", "=1+1", "a\x07b", "x" * 1001, "4111111111111111", "no address", "\u202e", '"', "a\nb"])


@st.composite
def any_rows(draw: st.DrawFn) -> Row:
    cells = list(draw(good_rows))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        cells[draw(st.integers(0, len(cells) - 1))] = draw(bad_cells)
    if draw(st.integers(0, 15)) == 0:
        cells = draw(st.sampled_from([cells[:-1], [*cells, "more"]]))
    return tuple(cells)


good_files = st.lists(good_rows, min_size=1, max_size=8)
any_files = st.lists(any_rows(), min_size=1, max_size=12)


def file_of(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with an empty ledger, at which files of people are loaded."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    def load(self, *files: Sequence[Row]) -> CommandResult:
        names = [f"crm{number}.csv" for number in range(len(files))]
        for name, rows in zip(names, files, strict=True):
            (self.folder / name).write_bytes(file_of(rows))
        return ThisProcess(self.folder)("load-customers", *names, "--json", now=BEFORE_RELEASE)

    def book(self, rows: Sequence[Row]) -> CommandResult:
        """Load a file of bookings."""
        header = "booking_id,customer_id,email,name,phone,order_amount,currency\n"
        text = header + "".join(",".join((*row, "10.00", "EUR")) + "\n" for row in rows)
        (self.folder / "bookings.csv").write_text(text, encoding="utf-8")
        return ThisProcess(self.folder)("load", "bookings.csv", "--json", now=BEFORE_RELEASE)

    def people(self) -> list[Any]:
        """Id, e-mail, name, phone, locale, consent and country of each customer."""
        return [row[:-1] for row in said(self.ledger)["customers"]]

    def rejected(self) -> list[dict[str, str]]:
        paths = sorted(self.folder.glob("crm*.rejects.csv"))
        return [row for path in paths for row in rows_of(path)]


NewDesk = Callable[[], AbstractContextManager[Desk]]


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    return empty_desks(tmp_path_factory.mktemp("empty"), Desk)


def counts_of(result: CommandResult) -> dict[str, int]:
    assert result.exit in {0, 3}, result.stdout
    counts: dict[str, int] = result.json()["counts"]
    return counts


def shuffled(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    mixed = list(rows)
    chance.shuffle(mixed)
    return mixed


@FEW
@given(any_files, any_files)
def test_every_row_ends_in_exactly_one_way(new_desk: NewDesk, first: list[Row], second: list[Row]) -> None:
    with new_desk() as desk:
        result = desk.load(first, second)
        counts = counts_of(result)
        assert counts["rows"] == len(first) + len(second) == sum(counts[name] for name in ENDS)
        assert counts["loaded"] == len(desk.people())
        assert counts["rejected"] == len(desk.rejected()) == sum(result.json()["rejected_by_code"].values())
        assert result.exit == (3 if counts["rejected"] else 0)
        assert ThisProcess(desk.folder)("verify", now=BEFORE_RELEASE).exit == 0


@pytest.mark.slow
@MANY
@given(any_files)
def test_the_same_file_again_changes_nothing(new_desk: NewDesk, rows: list[Row]) -> None:
    with new_desk() as desk:
        first = desk.load(rows)
        before, rejected = everything(desk.ledger), desk.rejected()
        again = desk.load(rows)
        counts = counts_of(again)
        assert (again.exit, again.json()["run_id"]) == (first.exit, None)
        assert counts["rejected"] + counts["unchanged"] == len(rows)
        assert desk.rejected() == rejected
        assert everything(desk.ledger) == before


@FEW
@given(good_files, any_files, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(
    new_desk: NewDesk, known: list[Row], rows: list[Row], chance: random.Random
) -> None:
    """Neither in an empty ledger nor on top of what is known; customers even get the same numbers."""
    with new_desk() as desk, new_desk() as other:
        for file in (known, rows):
            in_order, mixed = desk.load(file), other.load(shuffled(file, chance))
            assert counts_of(mixed) == counts_of(in_order)
            assert mixed.json()["rejected_by_code"] == in_order.json()["rejected_by_code"]
            assert numbered(other.ledger) == numbered(desk.ledger)
            assert sorted(map(_without_line, other.rejected())) == sorted(map(_without_line, desk.rejected()))


@pytest.mark.slow
@MANY
@given(good_files, good_files)
def test_the_order_of_files_never_matters(new_desk: NewDesk, first: list[Row], second: list[Row]) -> None:
    with new_desk() as desk, new_desk() as other:
        in_order, mixed = desk.load(first, second), other.load(second, first)
        assert counts_of(mixed) == counts_of(in_order)
        assert numbered(other.ledger) == numbered(desk.ledger)


@FEW
@given(st.lists(good_files, min_size=1, max_size=3))
def test_the_ledger_knows_what_a_model_in_plain_python_knows(new_desk: NewDesk, files: list[list[Row]]) -> None:
    known: dict[str, Person] = {}
    with new_desk() as desk:
        for rows in files:
            counts = counts_of(desk.load(rows))
            expected = _take(known, rows)
            assert {name: counts[name] for name in expected} == expected
            assert sorted(desk.people(), key=repr) == sorted(
                ((who, *person) for who, person in known.items()), key=repr
            )


@FEW
@given(booked_files, good_files, booked_files, st.randoms(use_true_random=False))
def test_bookings_only_fill_in_what_files_of_people_leave_blank(
    new_desk: NewDesk, before: list[Row], people: list[Row], after: list[Row], chance: random.Random
) -> None:
    """Whatever came first, and in whatever order the rows stand; loaded again, the bookings change nothing."""
    with new_desk() as desk, new_desk() as other:
        counts_of(desk.book(before))
        counts_of(other.book(shuffled(before, chance)))
        counts_of(desk.load(people))
        counts_of(other.load(shuffled(people, chance)))
        spoken_of = {row[0] for row in said(desk.ledger)["customers"] if row[-1]}
        known = {row[0]: row for row in desk.people()}
        in_order, mixed = desk.book(after), other.book(shuffled(after, chance))
        assert counts_of(mixed) == counts_of(in_order)
        assert said(other.ledger) == said(desk.ledger)
        for customer, *values in desk.people():
            if customer in spoken_of:
                kept = zip(known[customer][1:], values, strict=True)
                assert all(first in {None, now} for first, now in kept)
        counts = counts_of(desk.book(after))
        assert counts["unchanged"] + counts["rejected"] == len(after)
        assert ThisProcess(desk.folder)("verify", now=BEFORE_RELEASE).exit == 0


def _take(known: dict[str, Person], rows: Sequence[Row]) -> dict[str, int]:
    """The rule, said once more: what becomes of good rows, and what is known of people after it."""
    counts = {"loaded": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    for customer in {row[0] for row in rows}:
        about = [row[1:] for row in rows if row[0] == customer]
        values = [{cell for cell in cells if cell} for cells in zip(*about, strict=True)]
        if any(len(different) > 1 for different in values):
            counts["rejected"] += len(about)
            continue
        before = known.get(customer)
        now = tuple(max(said, default=None) for said in values)
        if before is not None:
            now = tuple(new or old for new, old in zip(now, before, strict=True))
        counts["loaded" if before is None else "unchanged" if now == before else "updated"] += 1
        counts["unchanged"] += len(about) - 1
        known[customer] = now
    return counts


def numbered(ledger: Path) -> list[Any]:
    """All customers with their numbers, but without the salt that is drawn for each."""
    return [row[:-1] for row in sorted(everything(ledger)["customers"])]


def _without_line(reject: dict[str, str]) -> tuple[str, ...]:
    return tuple(value for name, value in reject.items() if name != "_line")
