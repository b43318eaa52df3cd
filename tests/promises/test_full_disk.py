"""A disk that becomes full: exit 74, nothing half-done, and the same command finishes when there is room again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from support.books import LEDGER, everything, number
from support.command_line import CAMPAIGN
from support.faults.interrupted import (
    OTHER_BOOKINGS,
    RUN,
    STEPS,
    Place,
    around_commits_and_files,
    what_is_left,
    writing_of,
)

NOTHING_MORE = 1  # byte that a file may have
PAGE = 4096

CASES = {
    "run": ((("init",), RUN), RUN),
    "load": ((("init",),), STEPS[0]),
    "export mail": ((("init",), *STEPS[:4]), STEPS[4]),
}


@pytest.mark.parametrize(("before", "argv"), CASES.values(), ids=CASES)
def test_a_disk_that_becomes_full_at_any_moment_loses_nothing(
    tmp_path: Path, before: Sequence[Sequence[str]], argv: Sequence[str]
) -> None:
    place = Place.made(tmp_path, *before, **({"bookings": OTHER_BOOKINGS} if RUN in before else {}))
    undisturbed, expected = place.undisturbed(argv)
    exits = set()
    for point in around_commits_and_files(undisturbed.steps):
        place.restore()
        full, again = place.run(argv, point, NOTHING_MORE), place.run(argv)
        where = f"full before: {undisturbed.steps[point]}: {full.said}{again.said}"
        assert full.exit in {74, undisturbed.exit}, where
        assert again.exit == undisturbed.exit, where
        assert what_is_left(place.folder) == expected, where
        exits.add(full.exit)
    assert 74 in exits


def test_a_full_disk_is_told_in_one_line_and_nothing_is_kept(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    before = everything(place.folder / LEDGER)
    full = place.run(RUN, 0, NOTHING_MORE)
    assert (full.exit, full.said.count("\n")) == (74, 1)
    assert full.said.startswith("Error: ")
    assert everything(place.folder / LEDGER) == before
    assert not (place.folder / "out").exists() or list((place.folder / "out").iterdir()) == []


@pytest.mark.parametrize("pages_more", [0, 1, 2, 5])
def test_a_ledger_that_can_not_grow_keeps_what_it_had(tmp_path: Path, pages_more: int) -> None:
    """What is there can be overwritten, as on a real full disk; the batch needs more pages than there are."""
    place = Place.made(tmp_path, ("init",))
    ledger = place.folder / LEDGER
    rows = "".join(f"N{n},,n{n},n{n}@example.com,9.00,9.00,EUR,cancelled\n" for n in range(1_500))
    with (place.folder / "bookings.csv").open("a", encoding="utf-8") as file:
        file.write(rows)
    before = everything(ledger)
    full = place.run(RUN, 0, ledger.stat().st_size + pages_more * PAGE)
    assert full.exit == 74, full.said
    assert everything(ledger) == before
    assert not (place.folder / "out" / "mail.csv").exists()

    assert place.run(RUN).exit == 3
    assert number(ledger, "SELECT count(*) FROM transactions") == 1_504
    assert place.run(("verify",)).exit == 0


def test_a_mail_file_that_does_not_fit_is_not_there_and_its_batch_stays_open(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    undisturbed, expected = place.undisturbed(RUN)
    place.restore()
    full = place.run(RUN, writing_of(undisturbed.steps, "mail.csv"), NOTHING_MORE)
    assert full.exit == 74
    assert "mail.csv can't be written" in full.said
    assert [path.name for path in (place.folder / "out").iterdir()] == ["rejects.csv"]
    assert number(place.folder / LEDGER, "SELECT count(*) FROM batches") == 1
    assert number(place.folder / LEDGER, "SELECT count(*) FROM deliveries") == 0
    assert place.run(RUN).exit == 3
    assert what_is_left(place.folder) == expected


def test_a_backup_that_does_not_fit_leaves_no_half_of_it(tmp_path: Path) -> None:
    place = Place.made(tmp_path, ("init",))
    full = place.run(("backup", "copy.db"), 0, 3 * PAGE)
    assert full.exit == 74, full.said
    assert [path.name for path in place.folder.iterdir() if "copy" in path.name] == []


def test_an_export_that_does_not_fit_leaves_no_half_of_it(tmp_path: Path) -> None:
    place = Place.made(tmp_path, *STEPS[:4])
    export = ("export", "cards", CAMPAIGN, "-o", "cards.csv")
    undisturbed, _ = place.undisturbed(export)
    place.restore()
    assert place.run(export, writing_of(undisturbed.steps, "cards.csv"), NOTHING_MORE).exit == 74
    assert [path.name for path in place.folder.iterdir() if "cards" in path.name] == []
