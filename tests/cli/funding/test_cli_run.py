"""`refundctl run`: load, create, publish and top up in one transaction, then the files, each credit in exactly one."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN, CommandLine, plain_environment, small_campaigns
from support.desks.bookings_desk import (
    LEDGER,
    booking,
    column,
    counts,
    files_in,
    mode_of,
    only,
    rows_of,
    write_bookings,
)
from support.faults.interrupted import cut_off_run

FILES = ["mail.csv", "manifest.json", "summary.json"]


def run(command_line: CommandLine, *argv: str, files: str = "bookings.csv", out: str = "out") -> dict[str, Any]:
    return command_line("run", CAMPAIGN, files, "--out", out, "--json", *argv).ok().json()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- The whole of it ---


def test_one_command_turns_bookings_into_funded_cards(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "12.50"),
        booking("B2", "99.00", email=""),
        booking("B3", status="flown"),
    )
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok()
    answer = result.json()
    assert (answer["status"], answer["campaign"], answer["run_id"]) == ("ok", CAMPAIGN, 1)
    assert list(answer["steps"]) == ["load", "publish", "topup"]
    assert all(set(step) == {"counts", "totals"} for step in answer["steps"].values())
    assert answer["steps"]["load"]["counts"] == counts(loaded=3)
    assert answer["steps"]["load"]["totals"]["EUR"]["total"] == 21_150
    assert answer["steps"]["publish"]["counts"]["published"] == 2
    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {"not_eligible": 1}
    assert answer["steps"]["topup"]["counts"]["funded"] == 2
    assert answer["totals"]["EUR"]["total"] == answer["steps"]["topup"]["totals"]["EUR"]["total"] == 11_150
    assert answer["mail"]["rows"] == 1
    assert answer["mail"]["unreachable"] == 1

    mail = only(rows_of(tmp_path / "out" / "mail.csv"))
    assert (mail["email"], mail["balance"], mail["booking_id"]) == ("b1@example.org", "12.50", "B1")
    run_in_process("verify").ok()


def test_the_files_are_private_and_the_manifest_accounts_for_them(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B2", "?"))
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "new/out", "--json")
    assert result.exit == 3
    out = tmp_path / "new" / "out"
    assert names_in(out) == ["mail.csv", "manifest.json", "rejects.csv", "summary.json"]
    assert {mode_of(path) for path in out.iterdir()} == {"-rw-------"}
    assert mode_of(out) == "drwx------"
    assert mode_of(tmp_path / LEDGER) == "-rw-------"

    manifest = json.loads((out / "manifest.json").read_text())
    listed = {Path(file["path"]).name: file for file in manifest["files"]}
    assert sorted(listed) == ["mail.csv", "rejects.csv", "summary.json"]
    for name, file in listed.items():
        assert file["sha256"] == sha256(out / name)
    assert (listed["mail.csv"]["rows"], listed["rejects.csv"]["rows"]) == (1, 1)
    assert listed["mail.csv"]["totals"] == {"EUR": 1_250}

    # The seal holds against the ledger, and shows in the answer.
    assert manifest["seal"] == result.json()["mail"]["seal"]
    run_in_process("verify", "--against", "new/out/manifest.json").ok()


def test_manifest_names_its_files_so_that_the_folder_can_be_moved(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B2", "?"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {file["path"] for file in manifest["files"]} == {"mail.csv", "rejects.csv", "summary.json"}


def test_the_summary_says_what_was_done(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B2", status="flown"))
    answer = run(run_in_process)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["command"], summary["campaign"], summary["run_id"]) == ("run", CAMPAIGN, answer["run_id"])
    assert summary["steps"]["load"]["counts"] == counts(loaded=2)
    assert summary["steps"]["topup"]["totals"]["EUR"]["total"] == 1_250
    assert summary["mail"]["totals"]["EUR"]["balance"] == 1_250
    assert (tmp_path / "out" / "summary.json").read_text().count("RF-") == 0


def test_a_person_reads_the_same(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "1234.50"), booking("B2", status="flown"))
    lines = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok().stdout.splitlines()
    assert lines[0] == "flight-refunds: 1 refund on 1 new card, EUR 1,234.50"
    assert lines[-1].startswith("Seal: refundctl-seal ")
    assert f"Files in {tmp_path / 'out'}: mail.csv, summary.json, manifest.json" in lines


# --- Again ---


def test_again_changes_nothing_in_the_ledger_nor_in_the_folder(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    run(run_in_process)
    before = files_in(tmp_path)
    answer = run(run_in_process)
    assert (answer["run_id"], answer["mail"]) == (None, None)
    assert files_in(tmp_path) == before
    run(run_in_process, out="another")
    assert files_in(tmp_path) == before
    assert not (tmp_path / "another").exists()


def test_only_what_is_new_is_mailed(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "may.csv", booking("B1"))
    write_bookings(tmp_path / "june.csv", booking("B1"), booking("B2"))
    run(run_in_process, files="may.csv", out="may")
    answer = run(run_in_process, files="june.csv", out="june")
    assert answer["counts"]["funded"] == 1
    assert column(tmp_path / "may" / "mail.csv", "booking_id") == ["B1"]
    assert column(tmp_path / "june" / "mail.csv", "booking_id") == ["B2"]


def test_a_card_that_is_topped_up_again_is_mailed_with_its_whole_balance(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    write_bookings(tmp_path / "may.csv", booking("B1", "10.00", customer_id="ana"))
    write_bookings(tmp_path / "june.csv", booking("B2", "5.00", customer_id="ana"), booking("B3", customer_id="jan"))
    run(run_in_process, files="may.csv", out="may")
    run(run_in_process, files="june.csv", out="june")
    ana, jan = rows_of(tmp_path / "june" / "mail.csv")
    assert (ana["booking_id"], ana["balance"], jan["balance"]) == ("B1;B2", "15.00", "100.00")
    assert ana["code"] == only(column(tmp_path / "may" / "mail.csv", "code"))


def test_it_is_about_the_refund_lines_in_its_files(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """What was loaded before, and stands in none of the files, is left for another day."""
    write_bookings(tmp_path / "before.csv", booking("B1"))
    run_in_process("load", "before.csv").ok()
    write_bookings(tmp_path / "bookings.csv", booking("B2"))
    answer = run(run_in_process)
    assert answer["steps"]["publish"]["counts"]["eligible"] == 1
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B2"]
    run(run_in_process, files="before.csv", out="later")
    assert column(tmp_path / "later" / "mail.csv", "booking_id") == ["B1"]


def test_a_file_that_was_loaded_before_is_funded_by_run(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv").ok()
    answer = run(run_in_process)
    assert answer["steps"]["load"]["counts"] == counts(unchanged=1)
    assert answer["steps"]["topup"]["counts"]["funded"] == 1
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1"]


def test_what_is_in_the_way_is_never_overwritten_unasked(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mail.csv").write_text("somebody's mail\n")
    before = files_in(tmp_path)
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out")
    assert result.exit == 2
    assert "mail.csv" in result.stderr
    assert "--force" in result.stderr
    assert files_in(tmp_path) == before
    run(run_in_process, "--force")
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1"]


def test_the_files_of_the_hand_over_before_are_kept(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """One folder for every day will do: yesterday's files may not have been mailed yet."""
    out = tmp_path / "out"
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    first = run(run_in_process)["run_id"]
    earlier = {name: (out / name).read_bytes() for name in FILES}
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2"))
    run(run_in_process)
    assert column(out / "mail.csv", "booking_id") == ["B2"]
    for name, content in earlier.items():
        stem, _, suffix = name.partition(".")
        assert (out / f"{stem}-run{first}.{suffix}").read_bytes() == content
    assert len(names_in(out)) == 6
    run_in_process("verify", "--against", f"out/manifest-run{first}.json").ok()


def test_a_mail_file_that_was_changed_since_is_not_moved(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run(run_in_process)
    with (tmp_path / "out" / "mail.csv").open("a") as file:
        file.write("my,notes\n")
    write_bookings(tmp_path / "bookings.csv", booking("B2"))
    before = files_in(tmp_path)
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (2, "file_exists")
    assert files_in(tmp_path) == before


def test_a_run_with_nobody_to_mail_is_accounted_for(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", status="flown"))
    answer = run(run_in_process)
    assert (answer["counts"]["funded"], answer["mail"]["rows"]) == (0, 0)
    assert names_in(tmp_path / "out") == FILES
    assert rows_of(tmp_path / "out" / "mail.csv") == []
    before = files_in(tmp_path)
    run(run_in_process)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_written_through_a_symbolic_link(
    name: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "precious").write_text("keep me\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(tmp_path / "precious")
    before = files_in(tmp_path)
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--force")
    assert result.exit == 2
    assert "symbolic link" in result.stderr
    assert files_in(tmp_path) == before


# --- Rejects ---


def test_rejects_of_several_inputs_are_kept_apart(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    for folder in ("may", "june"):
        (tmp_path / folder).mkdir()
        write_bookings(tmp_path / folder / "bookings.csv", booking(f"{folder}-1"), booking(f"{folder}-2", "?"))
    files = ("may/bookings.csv", "june/bookings.csv")
    result = run_in_process("run", CAMPAIGN, *files, "--out", "out", "--json")
    assert result.exit == 3
    rejected = [path for path in (tmp_path / "out").iterdir() if "rejects" in path.name]
    assert sorted(only(column(path, "booking_id")) for path in rejected) == ["june-2", "may-2"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(manifest["files"]) == 4


def test_earlier_rejects_are_kept(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Somebody may be fixing them."""
    for name in ("B2", "B4", "B4"):
        write_bookings(tmp_path / "bookings.csv", booking(name, "?"))
        assert run_in_process("load", "bookings.csv").exit == 3
    assert column(tmp_path / "bookings.rejects.csv", "booking_id") == ["B4"]
    assert column(tmp_path / "bookings.rejects-1.csv", "booking_id") == ["B2"]
    assert not (tmp_path / "bookings.rejects-2.csv").exists()


def test_rejects_are_named_after_the_whole_name(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """`2020-04` and `2020-05` are no file types; `.csv`, `.tsv` and `.txt` are."""
    for name in ("bookings.2020-04", "bookings.2020-05", "march.csv"):
        write_bookings(tmp_path / name, booking(name, "?"))
        assert run_in_process("load", name).exit == 3
    for rejects in ("bookings.2020-04.rejects.csv", "bookings.2020-05.rejects.csv", "march.rejects.csv"):
        assert (tmp_path / rejects).exists()


def test_mended_rejects_of_a_run_are_run_again(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", "?"))
    assert run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").exit == 3
    rejects = tmp_path / "out" / "rejects.csv"
    rejects.write_text(rejects.read_text().replace("?", "7.00"))
    run(run_in_process, files="out/rejects.csv", out="fixed")
    assert column(tmp_path / "fixed" / "mail.csv", "balance") == ["7.00"]


def test_strict_funds_nothing_where_a_row_is_rejected(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", "?"))
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--strict")
    assert result.exit == 65
    assert not (tmp_path / LEDGER).exists()
    assert column(tmp_path / "out" / "rejects.csv", "booking_id") == ["B2"]
    assert names_in(tmp_path / "out") == ["rejects.csv"]


def test_control_totals_refuse_the_whole_run(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--expect-total", "EUR 1.00", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (4, "control_total_mismatch")
    assert not (tmp_path / "out").exists()
    attempt = only(run_in_process("runs", "--json").ok().json()["runs"])
    assert (attempt["command"], attempt["campaign"], attempt["status"]) == ("run", CAMPAIGN, "refused")
    run(run_in_process, "--expect-total", "EUR 100.00", "--expect-count", "1")


def test_stdin_may_be_an_input(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    text = write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", "?")).read_text()
    result = run_in_process("run", CAMPAIGN, "-", "--out", "out", stdin=text)
    assert result.exit == 3
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1"]
    assert column(tmp_path / "out" / "rejects.csv", "booking_id") == ["B2"]


# --- The definition ---


def test_a_changed_definition_is_refused_until_create_takes_it_in(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("create", CAMPAIGN).ok()
    campaigns.write_text(small_campaigns(activity_duration_after_publishing="P2Y"))
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    error = only(result.json()["errors"])
    assert (error["code"], f"refundctl create {CAMPAIGN}" in error["message"]) == ("definition_changed", True)
    assert not (tmp_path / "out").exists()
    assert [entry["status"] for entry in run_in_process("runs", "--json").json()["runs"]] == ["ok", "refused"]
    run_in_process("create", CAMPAIGN).ok()
    run(run_in_process)


def test_a_run_is_one_entry_of_the_journal_with_its_steps(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run(run_in_process)
    journal = run_in_process("runs", "--json").ok().json()["runs"]
    assert [(entry["run_id"], entry["parent_run_id"], entry["command"]) for entry in journal] == [
        (1, None, "run"),
        (2, 1, "load"),
        (3, 1, "create"),
        (4, 1, "publish"),
        (5, 1, "topup"),
        (6, 1, "handover"),
    ]


# --- Cut off, and finished ---


def cut_off(folder: Path) -> None:
    """A run of two bookings whose transaction is committed, and whose first file is about to be put in its place."""
    write_bookings(folder / "bookings.csv", booking("B1", "12.50"), booking("B2", "99.00"))
    cut_off_run(folder)
    assert not (folder / "out" / "mail.csv").exists()


def test_a_run_that_was_cut_off_is_finished_by_the_same_command(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    cut_off(tmp_path)
    standing = only(run_in_process("status", "--json").ok().json()["campaigns"])
    assert standing["counts"]["funded"] == 2
    assert standing["counts"]["not_handed_over"] == 2
    assert standing["open_batches"] == [str(tmp_path / "out")]
    answer = run(run_in_process)
    assert answer["mail"]["rows"] == 2
    assert [name for name in names_in(tmp_path / "out") if not name.endswith(".part")] == FILES
    assert column(tmp_path / "out" / "mail.csv", "balance") == ["12.50", "99.00"]
    standing = only(run_in_process("status", "--json").ok().json()["campaigns"])
    assert (standing["counts"]["not_handed_over"], standing["open_batches"]) == (0, [])
    before = files_in(tmp_path)
    run(run_in_process)
    assert files_in(tmp_path) == before
    run_in_process("verify", "--against", "out/manifest.json").ok()


def test_finishing_leaves_no_half_written_file_of_the_first_try(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """The process that was killed may have left a temporary file with codes in it."""
    cut_off(tmp_path)
    run(run_in_process)
    assert names_in(tmp_path / "out") == FILES


def test_another_place_is_refused_until_it_is_finished(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    cut_off(tmp_path)
    for argv in (
        ["run", CAMPAIGN, "bookings.csv", "--out", "elsewhere"],
        ["export", "mail", CAMPAIGN, "-o", "elsewhere.csv"],
        ["export", "mail", CAMPAIGN, "-o", "out/mail2.csv"],
    ):
        result = run_in_process(*argv, "--json")
        assert (result.exit, result.json()["status"]) == (4, "refused")
        error = only(result.json()["errors"])
        assert error["code"] == "batch_open"
        assert str(tmp_path / "out") in error["message"]
    assert not (tmp_path / "elsewhere").exists()
    assert [entry["status"] for entry in run_in_process("runs", "--json").json()["runs"]].count("refused") == 3
    run(run_in_process)
    write_bookings(tmp_path / "bookings.csv", booking("B3"))
    run(run_in_process, out="elsewhere")
    assert column(tmp_path / "elsewhere" / "mail.csv", "booking_id") == ["B3"]


def test_a_cut_off_run_is_finished_by_name_of_its_folder_not_by_its_spelling(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    cut_off(tmp_path)
    run(run_in_process, out=f"../{tmp_path.name}/./out/")
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1", "B2"]


def test_finishing_and_new_bookings_in_one_call(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """New bookings in the same call are a batch of their own: the first batch's files are kept, nothing is lost."""
    cut_off(tmp_path)
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B3", "5.00"))
    run(run_in_process)
    assert column(tmp_path / "out" / "mail-run1.csv", "booking_id") == ["B1", "B2"]
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B3"]


def test_files_that_cannot_be_written_are_written_once_they_can(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """A folder stands where a file belongs: refused before anything is funded."""
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "out" / "mail.csv").mkdir(parents=True)
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out")
    assert result.exit in {2, 74}
    assert "mail.csv" in result.stderr
    assert not (tmp_path / LEDGER).exists()
    (tmp_path / "out" / "mail.csv").rmdir()
    run(run_in_process)
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1"]


def test_a_folder_that_cannot_be_made_funds_nothing(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "out").write_text("a file where a folder should be\n")
    before = files_in(tmp_path)
    result = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out")
    assert result.exit in {2, 74}
    assert "out" in result.stderr
    assert files_in(tmp_path) == before


# The process stops at the moment when the first file is to be renamed to its name, until it is told to go on.
STOPPED_BEFORE_FIRST_FILE = """
import os, signal, sys
sys.dont_write_bytecode = True  # that would move a file too
from refundctl.cli.shell.main import main
stops = iter([signal.SIGSTOP])
placing = {"os.rename", "os.link"}
sys.addaudithook(lambda event, args: os.kill(os.getpid(), next(stops, 0)) if event in placing else None)
sys.exit(main(sys.argv[1:]))
"""


def test_a_slow_process_that_is_overtaken_while_it_hands_over(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """The second one finds the folder in use and gives up; the first, once it goes on, ends as if alone."""
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B2", "99.00"))
    slow = subprocess.Popen(
        [sys.executable, "-c", STOPPED_BEFORE_FIRST_FILE, "run", CAMPAIGN, "bookings.csv", "--out", "out"],
        cwd=tmp_path,
        env=plain_environment(tmp_path, None, None),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    os.waitid(os.P_PID, slow.pid, os.WSTOPPED)
    second = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--wait", "0.1")
    slow.send_signal(signal.SIGCONT)
    _, said = slow.communicate(timeout=60)
    assert (second.exit, slow.returncode) == (75, 0), said.decode()
    assert column(tmp_path / "out" / "mail.csv", "booking_id") == ["B1", "B2"]
    before = files_in(tmp_path)
    run(run_in_process)
    assert files_in(tmp_path) == before
    run_in_process("verify", "--against", "out/manifest.json").ok()


def test_two_at_once_fund_and_mail_everyone_once(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", *(booking(f"B{number}") for number in range(200)))
    argv = [sys.executable, "-m", "refundctl", "run", CAMPAIGN, "bookings.csv", "--out", "out"]
    both = [
        subprocess.Popen(argv, cwd=tmp_path, env=plain_environment(tmp_path, None, None), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(rows_of(tmp_path / "out" / "mail.csv")) == 200
    assert run(run_in_process)["steps"]["topup"]["counts"]["already_funded"] == 200
    run_in_process("verify").ok()
