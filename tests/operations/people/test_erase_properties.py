"""What must hold of erased people whatever files say later: none of their values comes back, in whatever order."""

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import BEFORE_RELEASE, LEDGER, everything, read
from support.command_line import CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import csv_text
from support.desks.empty_desks import empty_desks
from support.properties import FEW, MANY

# Two are erased, by the ids "ana" and "zoe@example.org"; the values that rows give them are found by this word.
TRACE = "Tracey"
ERASED = ("ana", "zoe@example.org")
Row = dict[str, str]

bookings = st.fixed_dictionaries(
    {
        "booking_id": st.sampled_from(["B1", "B2", "B3", "B4", "B5", "B6"]),
        "whose": st.sampled_from(["ana", "ana", "zoe@example.org", "bo", "Ana"]),
        "name": st.sampled_from(["", "first", "second"]),
        "phone": st.sampled_from(["", "+48 600 000 001", "+48 600 000 002"]),
        "tier": st.sampled_from(["", "gold"]),
        "order_amount": st.sampled_from(["10.00", "10.00", "20.00"]),
        "guest": st.sampled_from(["", "one", "two"]),
    }
)
files = st.lists(bookings, min_size=1, max_size=6)
people = st.lists(
    st.fixed_dictionaries(
        {
            "whose": st.sampled_from(["ana", "zoe@example.org", "bo"]),
            "name": st.sampled_from(["", "first", "second"]),
            "country": st.sampled_from(["", "PL"]),
        }
    ),
    min_size=1,
    max_size=4,
)


def written(row: Row) -> Row:
    """A row of a file: what it says of an erased person can be told by the trace; zoe is known by her address alone."""
    whose = row["whose"]
    trace = TRACE if whose in ERASED else whose
    values = {name: value and f"{trace} {value}" for name, value in row.items() if name in ("name", "guest")}
    if "phone" in row:
        values["phone"] = row["phone"] if whose in ERASED else ""
    ids = {"customer_id": "", "email": "ZOE@example.org"} if "@" in whose else {"customer_id": whose, "email": ""}
    if whose == "ana":
        ids["email"] = f"{TRACE}@example.org"
    return {**{name: value for name, value in row.items() if name != "whose"}, **values, **ids}


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with an empty ledger, at which people are loaded, funded and erased."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    def call(self, *words: str) -> CommandResult:
        result = ThisProcess(self.folder)(*words, "--json", now=BEFORE_RELEASE)
        assert result.exit in {0, 3}, result.stdout
        return result

    def load(self, rows: Sequence[Row]) -> dict[str, Any]:
        cells = [{**written(row), "currency": "EUR", "status": "cancelled"} for row in rows]
        (self.folder / "bookings.csv").write_text(csv_text(*cells), encoding="utf-8")
        return self.call("load", "bookings.csv").json()

    def load_people(self, rows: Sequence[Row]) -> dict[str, Any]:
        (self.folder / "crm.csv").write_text(csv_text(*map(written, rows)), encoding="utf-8")
        return self.call("load-customers", "crm.csv").json()

    def erase(self) -> None:
        """Erase those of the two who are there."""
        for customer_id in ERASED:
            assert ThisProcess(self.folder)("customer", "erase", customer_id, now=BEFORE_RELEASE).exit in {0, 4}

    def fund(self) -> None:
        (self.folder / "campaigns.yaml").write_text(SOURCE + small_campaigns(), encoding="utf-8")
        for command in ("create", "publish", "topup"):
            self.call(command, "flight-refunds")

    def traces(self) -> list[bytes]:
        """What is left of the erased people in the bytes of the ledger."""
        content = self.ledger.read_bytes()
        return [trace for trace in (TRACE.encode(), b"zoe@", b"ZOE@", b"+48 600") if trace in content]

    def erased(self) -> list[Any]:
        return read(
            self.ledger, "SELECT customers.* FROM erasures JOIN customers ON customers.id = customer ORDER BY 1"
        )

    def verify(self) -> None:
        ThisProcess(self.folder)("verify", now=BEFORE_RELEASE).ok()


SOURCE = "sources:\n  default: {metadata: [guest]}\n"
NewDesk = Callable[[], AbstractContextManager[Desk]]
# So that both are there to be erased.
BOTH: list[Row] = [
    {"booking_id": f"A{at}", "whose": whose, "name": "first", "phone": "", "tier": "", "order_amount": "10.00", "guest": "one"}
    for at, whose in enumerate(ERASED)
]  # fmt: skip


@pytest.fixture(scope="module")
def new_desk(tmp_path_factory: pytest.TempPathFactory) -> NewDesk:
    def with_metadata(folder: Path) -> Desk:
        (folder / "campaigns.yaml").write_text(SOURCE + small_campaigns(), encoding="utf-8")
        return Desk(folder)

    return empty_desks(tmp_path_factory.mktemp("empty"), with_metadata)


@FEW
@given(files, files, st.booleans())
def test_no_file_of_bookings_brings_anything_back(
    new_desk: NewDesk, before: list[Row], after: list[Row], funded: bool
) -> None:
    with new_desk() as desk:
        desk.load([*BOTH, *before])
        if funded:
            desk.fund()
        desk.erase()
        assert (desk.traces(), len(desk.erased())) == ([], 2)
        rows = desk.erased()
        desk.load([*before, *after])
        desk.load(after)
        assert (desk.traces(), desk.erased()) == ([], rows)
        desk.verify()


@FEW
@given(people, people, files)
def test_no_file_of_people_does(new_desk: NewDesk, before: list[Row], after: list[Row], booked: list[Row]) -> None:
    with new_desk() as desk:
        desk.load(BOTH)
        desk.load_people(before)
        desk.erase()
        rows = desk.erased()
        desk.load_people(after)
        desk.load(booked)
        desk.load_people([*before, *after])
        assert (desk.traces(), desk.erased(), len(rows)) == ([], rows, 2)
        desk.verify()


@pytest.mark.slow
@MANY
@given(files, st.randoms(use_true_random=False))
def test_the_order_of_a_file_never_matters(new_desk: NewDesk, rows: list[Row], chance: random.Random) -> None:
    found = []
    for mixed in (rows, shuffled(rows, chance)):
        with new_desk() as desk:
            desk.load(BOTH)
            desk.erase()
            answer = desk.load(mixed)
            found.append((answer["counts"], answer["totals"], answer.get("erased"), standing(desk.ledger)))
            assert desk.traces() == []
    assert found[0] == found[1]


@pytest.mark.slow
@MANY
@given(files)
def test_what_was_known_is_unchanged(new_desk: NewDesk, rows: list[Row]) -> None:
    with new_desk() as desk:
        desk.load([*BOTH, *rows])
        desk.load([*BOTH, *rows])
        desk.erase()
        before = everything(desk.ledger)
        counts = desk.load([*BOTH, *rows])["counts"]
        assert counts["unchanged"] + counts["rejected"] == len(BOTH) + len(rows)
        assert everything(desk.ledger) == before


def shuffled(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    mixed = list(rows)
    chance.shuffle(mixed)
    return mixed


def standing(ledger: Path) -> list[Any]:
    """Each refund line with whether it is an erased person's: pseudonyms differ from ledger to ledger."""
    return read(
        ledger,
        """
        SELECT
            booking_id, refund_amount_minor, iif(customer_id GLOB 'erased-*', 'erased', customer_id), email, name, phone,
            tier, metadata
        FROM refund_lines
        JOIN customers ON customers.id = refund_lines.customer
        JOIN segments ON segments.id = refund_lines.segment
        LEFT JOIN line_metadata ON line_metadata.line_version = refund_lines.line_version
        ORDER BY 1, 2
        """,
    )
