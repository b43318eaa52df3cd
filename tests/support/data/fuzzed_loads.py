"""What must hold of every load, whatever the source and whatever the file: called by a short test and by a long one."""

import csv
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support.books import BEFORE_RELEASE, LEDGER, everything, read, said
from support.command_line import CommandResult, ThisProcess
from support.data.fuzzed_files import ENDS, SOURCE, Case, come_to, damaged_cells, decoded, records_of
from support.desks.empty_desks import empty_desks

#: How a load may end: done, with rejects, or with the file or the campaigns file refused as a whole.
REJECT_COLUMNS = {"_line", "_field", "_code", "_reason"}
TAKEN, REFUSED = {0, 3}, {65, 78}

LINES = """
    SELECT
        booking_id, refund_id, customer_id, order_amount_minor, refund_amount_minor, currency, cash_amount_minor,
        bonus_amount_minor, booked_at, tickets, lower(status), segments.country, metadata
    FROM refund_lines
    JOIN customers ON customers.id = refund_lines.customer
    JOIN segments ON segments.id = refund_lines.segment
    LEFT JOIN line_metadata ON line_metadata.line_version = refund_lines.line_version
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with an empty ledger and a campaigns file."""

    folder: Path

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    def load(self, name: str, *options: str) -> CommandResult:
        result = ThisProcess(self.folder)("load", name, "--source", SOURCE, "--json", *options, now=BEFORE_RELEASE)
        assert result.exit in TAKEN | REFUSED, result
        assert "Traceback" not in result.stderr
        assert "bug" not in result.stderr
        return result

    def take(self, name: str, *options: str) -> dict[str, Any]:
        """The answer where no file or source is wrong."""
        result = self.load(name, *options)
        assert result.exit in TAKEN, result
        return result.json()

    def is_sound(self) -> None:
        verified = ThisProcess(self.folder)("verify", "--quiet", now=BEFORE_RELEASE)
        assert (verified.exit, verified.stdout, verified.stderr) == (0, "", "")

    def rejects(self) -> list[list[str]]:
        """The rows of the rejects file, whose delimiter stands between its last columns."""
        path = self.folder / "bookings.rejects.csv"
        if not path.exists():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            delimiter = file.read().partition("_line")[2].removeprefix('"')[:1]
            file.seek(0)
            return list(csv.reader(file, delimiter=delimiter, strict=True))[1:]

    def knows(self) -> dict[str, Any]:
        """What the ledger says, metadata too, whatever numbers its rows have."""
        metadata = sorted(read(self.ledger, "SELECT metadata FROM line_metadata"))
        return {"lines": said(self.ledger)["lines"], "customers": said(self.ledger)["customers"], "metadata": metadata}


NewDesk = Callable[..., Any]


def desks(folder: Path) -> NewDesk:
    """`with new_desk(yaml, bookings=content) as desk:` a desk of its own, cheaply: its ledger is made once, in `folder`."""
    new_desk = empty_desks(folder, Desk)

    @contextmanager
    def desk(yaml: str, **files: bytes) -> Iterator[Desk]:
        with new_desk() as found:
            (found.folder / "campaigns.yaml").write_text(yaml, encoding="utf-8")
            for name, content in files.items():
                (found.folder / name).write_bytes(content)
            yield found

    return desk


# --- Files in which every cell is well written ---


def check_well_written(new_desk: NewDesk, case: Case, packing: str, chance: random.Random) -> None:
    """Counts, sums and lines are those of the model; the same again, packed or in another order, changes nothing."""
    expected, yaml = come_to(case), case.kind.yaml()
    with new_desk(yaml, bookings=case.raw()) as desk:
        answer = desk.take("bookings")
        assert answer["counts"] == expected.counts
        assert {currency: sums["total"] for currency, sums in answer["totals"].items()} == expected.totals
        assert sorted(lines_of(desk), key=repr) == sorted(expected.lines.values(), key=repr)
        check_rejects(desk, answer, case.text(), case.kind.delimiter)
        before, known = everything(desk.ledger), desk.knows()
        for again in ("as it is", "mixed", packing):
            mixed = chance.sample(range(len(case.rows)), len(case.rows))
            content = case.raw(mixed) if again == "mixed" else case.packed("plain" if again == "as it is" else again)
            (desk.folder / "again").write_bytes(content)
            counts = desk.take("again", "--rejects", "again.csv")["counts"]
            loaded = expected.counts["loaded"] + expected.counts["unchanged"]
            assert counts == {**expected.counts, "loaded": 0, "unchanged": loaded}, again
            assert everything(desk.ledger) == before
        desk.is_sound()
    with new_desk(yaml, bookings=case.packed(packing)) as other:
        assert other.take("bookings")["counts"] == expected.counts
        assert other.knows() == known


def lines_of(desk: Desk) -> list[tuple[Any, ...]]:
    return [(*line[:-1], _pairs(line[-1])) for line in read(desk.ledger, LINES)]


def _pairs(metadata: str | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(json.loads(metadata).items())) if metadata else ()


# --- Files in which anything may stand ---


def check_anything(new_desk: NewDesk, yaml: str, content: bytes, delimiter: str | None) -> None:
    """Every row ends in one way, once; a file or source that can't be taken changes nothing."""
    with new_desk(yaml, bookings=content) as desk:
        before = everything(desk.ledger)
        result = desk.load("bookings")
        if result.exit in REFUSED:
            assert everything(desk.ledger) == before
            assert desk.rejects() == []
            return
        answer = result.json()
        counts = answer["counts"]
        assert counts["rows"] == sum(counts[name] for name in ENDS)
        if delimiter is not None:
            check_rejects(desk, answer, decoded(content, "cp1252"), delimiter)
        check_once(desk, answer)
        desk.is_sound()


def check_survivors(new_desk: NewDesk, case: Case, chance: random.Random) -> None:
    """Rows of other bookings that can't be taken don't touch what well-written rows come to."""
    expected, at = come_to(case), 0
    for name, headers in case.kind.headers.items():
        if name == "booking_id":
            break
        at += len(headers)
    strangers = [[*cells[:at], f"X{number}", *cells[at + 1 :]] for number, cells in enumerate(case.cells)]
    both = replace(case, cells=[*case.cells, *damaged_cells(replace(case, cells=strangers), chance).cells])
    order = chance.sample(range(len(both.cells)), len(both.cells))
    with new_desk(case.kind.yaml(), bookings=both.raw(order)) as desk:
        answer = desk.take("bookings")
        check_rejects(desk, answer, both.text(order), case.kind.delimiter)
        assert set(expected.lines.values()) <= set(lines_of(desk))
        check_once(desk, answer)


def check_shared_fate(new_desk: NewDesk, case: Case, chance: random.Random) -> None:
    """A row that can't be read keeps back all of its booking, where rows are put together, and no other."""
    victim = chance.randrange(len(case.rows))
    booking_id = case.rows[victim]["booking_id"]
    cells = [[*row, "more"] if at == victim else row for at, row in enumerate(case.cells)]
    prefixed = f"{case.kind.keys.get('id_prefix') or ''}{booking_id}"
    with new_desk(case.kind.yaml(), bookings=replace(case, cells=cells).raw()) as desk:
        answer = desk.take("bookings")
        check_rejects(desk, answer, replace(case, cells=cells).text(), case.kind.delimiter)
        others = [line for line in come_to(case).lines.values() if line[0] != prefixed]
        assert sorted(lines_of(desk), key=repr) == sorted(others, key=repr)
        check_once(desk, answer)


def check_rejects(desk: Desk, answer: dict[str, Any], text: str, delimiter: str) -> None:
    """Rows add up, to as many as the file has; the rejects file has the rejected ones, as they stand in it."""
    counts = answer["counts"]
    (_, names), *rows = records_of(text, delimiter)
    own, records = [place for place, name in enumerate(names) if name.strip() not in REJECT_COLUMNS], dict(rows)
    assert counts["rows"] == len(records) == sum(counts[name] for name in ENDS)
    rejects = desk.rejects()
    assert counts["rejected"] == len(rejects)
    assert Counter(reject[-2] for reject in rejects) == answer["rejected_by_code"]
    lines = [int(reject[-4]) for reject in rejects]
    assert lines == sorted(set(lines))
    for reject in rejects:
        fields = records[int(reject[-4])]
        assert reject[:-4] == [fields[place] if place < len(fields) else "" for place in own]


def check_once(desk: Desk, answer: dict[str, Any]) -> None:
    """The same again changes nothing, and rejects that nobody has fixed are rejected again."""
    before, counts = everything(desk.ledger), answer["counts"]
    stands = counts["loaded"] + counts["updated"] + counts["unchanged"]
    (desk.folder / "again").write_bytes((desk.folder / "bookings").read_bytes())
    again = desk.take("again")["counts"]
    assert again == {**counts, "loaded": 0, "updated": 0, "unchanged": stands}
    if counts["rejected"]:
        for rejects in ("bookings.rejects.csv", "once.csv"):
            unmended = desk.take(rejects, "--rejects", "twice.csv" if rejects == "once.csv" else "once.csv")
            assert unmended["counts"]["rejected"] == counts["rejected"]
    assert everything(desk.ledger) == before
