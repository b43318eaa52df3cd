"""A disk that becomes full: exit 74, nothing half-done, and the same command finishes when there is room again."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from books import BEFORE_RELEASE, LEDGER, everything, number
from command_line import CAMPAIGN
from crash_points import Ended, Job, run_job, run_jobs
from interrupted import RUN, STEPS, around_commits_and_files, half_written, what_is_left, write_inputs, writing_of

NOTHING_MORE = 1  # byte that a file may have
PAGE = 4096


def made(folder: Path, *commands: Sequence[str]) -> Path:
    write_inputs(folder)
    for ended in run_jobs([Job(str(folder), tuple(argv), now=BEFORE_RELEASE) for argv in commands]):
        assert ended.exit in {0, 3}, ended.said
    return folder


def copied(prepared: Path, folder: Path) -> Path:
    shutil.copytree(prepared, folder)
    return folder


def filled(folder: Path, argv: Sequence[str], at: int | str, bytes_max: int) -> tuple[Ended, Ended]:
    """The command, for which the disk is full from a step on, and the same one when there is room again."""
    full, again = run_jobs(
        [
            Job(str(folder), tuple(argv), at, BEFORE_RELEASE, bytes_max=bytes_max),
            Job(str(folder), tuple(argv), now=BEFORE_RELEASE),
        ]
    )
    return full, again


@pytest.mark.parametrize("argv", [RUN, *STEPS], ids=["run", *(step[0] for step in STEPS)])
def test_a_disk_that_becomes_full_at_any_moment_loses_nothing(tmp_path: Path, argv: Sequence[str]) -> None:
    before = () if argv == RUN else STEPS[: STEPS.index(tuple(argv))]
    prepared = made(tmp_path / "prepared", ("init",), *before)
    undisturbed = run_job(Job(str(copied(prepared, tmp_path / "whole" / "work")), tuple(argv), now=BEFORE_RELEASE))
    expected = what_is_left(tmp_path / "whole" / "work")

    exits = set()
    for point in around_commits_and_files(undisturbed.steps):
        folder = copied(prepared, tmp_path / str(point) / "work")
        full, again = filled(folder, argv, point, NOTHING_MORE)
        where = f"full before: {undisturbed.steps[point]}: {full.said}{again.said}"
        assert full.exit in {74, undisturbed.exit}, where
        assert again.exit == undisturbed.exit, where
        assert what_is_left(folder) == expected, where
        exits.add(full.exit)
    assert 74 in exits


def test_a_full_disk_is_told_in_one_line_and_nothing_is_kept(tmp_path: Path) -> None:
    prepared = made(tmp_path / "prepared", ("init",))
    before = everything(prepared / LEDGER)
    full = run_job(Job(str(prepared), RUN, 0, BEFORE_RELEASE, bytes_max=NOTHING_MORE))
    assert (full.exit, full.said.count("\n")) == (74, 1)
    assert full.said.startswith("Error: ")
    assert everything(prepared / LEDGER) == before
    assert half_written(prepared) == []


@pytest.mark.parametrize("pages_more", [0, 1, 2, 5])
def test_a_ledger_that_can_not_grow_keeps_what_it_had(tmp_path: Path, pages_more: int) -> None:
    """What is there can be overwritten, as on a real full disk; the batch needs more pages than there are."""
    prepared = made(tmp_path / "prepared", ("init",))
    rows = "".join(f"N{n},,n{n},n{n}@example.com,9.00,9.00,EUR,cancelled\n" for n in range(1_500))
    with (prepared / "bookings.csv").open("a", encoding="utf-8") as file:
        file.write(rows)
    before = everything(prepared / LEDGER)
    room = (prepared / LEDGER).stat().st_size + pages_more * PAGE
    full = run_job(Job(str(prepared), RUN, 0, BEFORE_RELEASE, bytes_max=room))
    assert full.exit == 74, full.said
    assert everything(prepared / LEDGER) == before
    assert not (prepared / "out" / "mail.csv").exists()

    again = run_job(Job(str(prepared), RUN, now=BEFORE_RELEASE))
    assert again.exit == 3
    assert number(prepared / LEDGER, "SELECT count(*) FROM transactions") == 1_504
    assert run_job(Job(str(prepared), ("verify",))).exit == 0


def test_a_mail_file_that_does_not_fit_is_not_there_and_its_batch_stays_open(tmp_path: Path) -> None:
    prepared = made(tmp_path / "prepared", ("init",))
    steps = run_job(Job(str(copied(prepared, tmp_path / "rehearsed")), RUN, now=BEFORE_RELEASE)).steps
    mail = writing_of(steps, "mail.csv")
    full = run_job(Job(str(prepared), RUN, mail, BEFORE_RELEASE, bytes_max=NOTHING_MORE))
    assert full.exit == 74
    assert "mail.csv can't be written" in full.said
    assert [path.name for path in sorted((prepared / "out").iterdir())] == ["rejects.csv"]
    assert number(prepared / LEDGER, "SELECT count(*) FROM batches") == 1
    assert number(prepared / LEDGER, "SELECT count(*) FROM deliveries") == 0

    again = run_job(Job(str(prepared), RUN, now=BEFORE_RELEASE))
    assert again.exit == 3
    assert number(prepared / LEDGER, "SELECT count(*) FROM deliveries") == 1
    assert number(prepared / LEDGER, "SELECT count(*) FROM transactions") == 4


def test_a_backup_that_does_not_fit_leaves_no_half_of_it(tmp_path: Path) -> None:
    prepared = made(tmp_path / "prepared", ("init",))
    full = run_job(Job(str(prepared), ("backup", "copy.db"), 0, bytes_max=3 * PAGE))
    assert full.exit == 74, full.said
    assert [path.name for path in prepared.iterdir() if "copy" in path.name] == []
    export = ("export", "cards", CAMPAIGN, "-o", "cards.csv")
    made(prepared, *STEPS[:4])
    steps = run_job(Job(str(copied(prepared, tmp_path / "rehearsed")), export)).steps
    assert run_job(Job(str(prepared), export, writing_of(steps, "cards.csv"), bytes_max=NOTHING_MORE)).exit == 74
    assert [path.name for path in prepared.iterdir() if "cards" in path.name] == []
