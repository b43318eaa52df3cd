"""What every command has in common: JSON, silence, dry runs, the environment, and where its output goes."""

import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, ThisProcess, plain_environment
from support.desks.bookings_desk import (
    ENVELOPE,
    LEDGER,
    booking,
    files_in,
    give_to_another,
    lay_out,
    only,
    write_bookings,
)

NOW = "2020-05-01T12:00:00Z"
ESCAPE = "\x1b"

# Every command, as it succeeds on the desk; those of the second dictionary change the ledger.
READ_ONLY = {
    "export cards": ["export", "cards", CAMPAIGN, "-o", "cards.csv"],
    "export transactions": ["export", "transactions", CAMPAIGN, "-o", "transactions.csv"],
    "export publications": ["export", "publications", CAMPAIGN, "-o", "publications.csv"],
    "export bookings": ["export", "bookings", CAMPAIGN, "-o", "b.csv"],
    "plan": ["plan", CAMPAIGN, "new.csv", "-o", "new.json"],
    "explain": ["explain", "B1"],
    "sources": ["sources"],
    "status": ["status"],
    "status CAMPAIGN": ["status", CAMPAIGN],
    "runs": ["runs"],
    "runs RUN_ID": ["runs", "1"],
    "verify": ["verify"],
    "backup": ["backup", "backup.db"],
}
WRITING = {
    "init": ["init", "--ledger", "new.db", "--campaigns", "new.yaml"],
    "load": ["load", "new.csv"],
    "load-customers": ["load-customers", "people.csv"],
    "create": ["create", "goodwill"],
    "create --codes": ["create", CAMPAIGN, "--codes", "codes.csv"],
    "publish": ["publish", CAMPAIGN],
    "topup": ["topup", CAMPAIGN],
    "run": ["run", CAMPAIGN, "new.csv", "--out", "new"],
    "approve": ["approve", "theirs.json"],
    "apply": ["apply", "plan.json", "--out", "planned"],
    "undo": ["undo", "4"],
    "pause": ["pause", CAMPAIGN],
    "export mail": ["export", "mail", CAMPAIGN, "-o", "mail.csv"],
}
if os.getuid() != 0:
    del WRITING["approve"]  # a plan is approved in another user's file, and only root can give one away
EVERY = READ_ONLY | WRITING
# Fields beyond those that every answer has.
MORE_FIELDS = {
    "load": {"rejected_by_code", "sources", "withdrawn"},
    "load-customers": {"rejected_by_code", "sources"},
    "publish": {"not_eligible", "warnings"},
    "topup": {"warnings"},
    "run": {"steps", "mail", "rejected_by_code", "sources", "withdrawn", "not_eligible", "warnings"},
    "plan": {"steps", "rejected_by_code", "sources", "withdrawn", "not_eligible", "plan"},
    "approve": {"plan"},
    "apply": {
        "steps",
        "mail",
        "rejected_by_code",
        "sources",
        "withdrawn",
        "not_eligible",
        "warnings",
        "plan",
        "applied_by",
    },
    "undo": {"undone", "spent", "kept", "closed"},
    "pause": {"pause"},
    "explain": {"booking"},
    "sources": {"sources"},
    "status": {"campaigns", "ledger"},
    "runs": {"runs"},
    "verify": {"findings", "seal"},
}


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, and copied for each test."""
    folder = tmp_path_factory.mktemp("desk")
    lay_out(ThisProcess(folder), folder)
    return folder


@pytest.fixture
def desk(laid_out: Path, run_in_process: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line on a desk with something to do for every command."""
    shutil.copytree(laid_out, tmp_path, dirs_exist_ok=True)
    if "approve" in WRITING:
        give_to_another(tmp_path / "theirs.json")
    return run_in_process


each_command = pytest.mark.parametrize("argv", EVERY.values(), ids=EVERY)
each_writing_command = pytest.mark.parametrize("argv", WRITING.values(), ids=WRITING)


# --- JSON ---


@each_command
def test_json_is_one_object_with_the_same_fields(argv: list[str], desk: CommandLine, tmp_path: Path) -> None:
    result = desk(*argv, "--json").ok()
    assert result.stderr == ""
    assert result.stdout.endswith("}\n")
    answer = result.json()
    assert set(answer) == {*ENVELOPE, *MORE_FIELDS.get(argv[0], set())}
    assert list(answer)[:9][:8] == list(ENVELOPE)[:8]
    assert (answer["schema_version"], answer["command"], answer["status"]) == (1, argv[0], "ok")
    assert answer["errors"] == []
    for file in answer["files"]:
        assert {"path", "rows", "sha256"} <= set(file)
        assert len(file["sha256"]) == 64
    changed = argv in WRITING.values()
    assert isinstance(answer["run_id"], int) == (changed or argv[:2] == ["runs", "1"])
    # Amounts are whole minor units under their currency.
    assert all(type(minor) is int for sums in answer["totals"].values() for minor in sums.values())
    assert set(answer["totals"]) <= {"EUR"}


@each_command
@pytest.mark.parametrize("place", ["behind", "before"])
def test_json_for_wrong_usage(argv: list[str], place: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    words = [argv[0], "--json", *argv[1:]] if place == "before" else [*argv, "--json"]
    result = run_in_process(*words, "--no-such-option")
    assert (result.exit, result.stderr) == (2, "")
    answer = result.json()
    assert set(answer) == set(ENVELOPE)
    assert (answer["command"], answer["status"], answer["run_id"]) == (argv[0], "error", None)
    error = only(answer["errors"])
    assert error["code"] == "usage"
    assert "--no-such-option" in error["message"]
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    "argv",
    [["--json"], ["--json", "status"], ["lod", "--json"], ["load", "--json"], ["publish", "--json"]],
    ids=" ".join,
)
def test_json_for_wrong_usage_without_a_right_command(argv: list[str], run_in_process: CommandLine) -> None:
    result = run_in_process(*argv)
    assert (result.exit, result.stderr) == (2, "")
    assert only(result.json()["errors"])["code"] == "usage"


def test_json_for_each_way_to_fail(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """The status is `refused` for 4, and `error` for what is no answer at all."""
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    (tmp_path / "empty.csv").touch()
    for argv, exit_code, status, code in (
        (["load", "bookings.csv", "--expect-count", "2"], 4, "refused", "control_total_mismatch"),
        (["load", "empty.csv"], 65, "error", "empty_file"),
        (["load", "nowhere.csv"], 66, "error", "input_missing"),
        (["load", "bookings.csv", "--ledger", "nowhere/r.db"], 74, "error", "write_failed"),
        (["create", CAMPAIGN, "--campaigns", "empty.csv"], 78, "error", "bad_campaigns"),
        (["publish", CAMPAIGN], 4, "refused", "resource_not_found"),
    ):
        result = run_in_process(*argv, "--json")
        answer = result.json()
        assert (result.exit, answer["status"], answer["errors"][0]["code"]) == (exit_code, status, code)
        assert set(answer) == set(ENVELOPE)
        assert (answer["command"], answer["run_id"], answer["counts"], answer["totals"]) == (argv[0], None, {}, {})
        assert answer["errors"][0]["message"]


def test_json_keeps_every_letter(run_in_process: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "Сборы — été.csv", booking("B1"))
    result = run_in_process("load", "Сборы — été.csv", "--json").ok()
    assert only(result.json()["files"])["path"] == "Сборы — été.csv"
    assert "été" in result.stdout


def test_json_in_another_encoding_is_escaped(cli: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "Сборы.csv", booking("B1"))
    result = cli("load", "Сборы.csv", "--json", env={"PYTHONIOENCODING": "ascii"}).ok()
    assert only(result.json()["files"])["path"] == "Сборы.csv"
    assert result.stdout.isascii()


# --- Silence ---


@each_command
@pytest.mark.parametrize("option", ["--quiet", "-q"])
def test_quiet_is_silent_on_success(argv: list[str], option: str, desk: CommandLine) -> None:
    result = desk(*argv, option).ok()
    assert (result.stdout, result.stderr) == ("", "")


def test_quiet_does_not_hide_what_a_person_must_mend(desk: CommandLine, tmp_path: Path) -> None:
    write_bookings(tmp_path / "new.csv", booking("B4"), booking("B5", "?"))
    result = desk("load", "new.csv", "--quiet")
    assert result.exit == 3
    assert "new.rejects.csv" in result.stdout
    assert desk("load", "nowhere.csv", "-q").stderr.startswith("Error: ")


@each_command
def test_nothing_but_the_result_is_on_stdout(argv: list[str], desk: CommandLine) -> None:
    """And where nothing is wrong, nothing is on stderr: there is no terminal to show progress on, nor colours."""
    result = desk(*argv, env={"TERM": "xterm-256color", "COLORTERM": "truecolor"}).ok()
    assert result.stdout
    assert ESCAPE not in result.stdout
    assert result.stderr == ""


# --- Dry runs ---


@each_writing_command
@pytest.mark.parametrize("option", ["-n", "--dry-run"])
def test_a_dry_run_keeps_nothing(argv: list[str], option: str, desk: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    dry = desk(*argv, option, "--json").ok().json()
    assert files_in(tmp_path) == before
    assert dry["run_id"] is None
    assert "Dry run: nothing was kept." in desk(*argv, option).ok().stdout
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("argv", [argv for name, argv in WRITING.items() if name != "export mail"], ids=" ".join)
def test_a_dry_run_shows_the_same_figures(argv: list[str], desk: CommandLine) -> None:
    dry = desk(*argv, "-n", "--json").ok().json()
    real = desk(*argv, "--json").ok().json()
    for name in ("status", "campaign", "counts", "totals"):
        assert dry[name] == real[name]
    assert dry.get("steps") == real.get("steps")


def test_a_dry_run_of_run_shows_what_would_be_mailed(desk: CommandLine) -> None:
    dry = desk(*WRITING["run"], "-n", "--json").ok().json()["mail"]
    real = desk(*WRITING["run"], "--json").ok().json()["mail"]
    assert (dry["rows"], dry["unreachable"], dry["totals"]) == (real["rows"], real["unreachable"], real["totals"])


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (["init"], 0),
        (["load", "bookings.csv"], 3),
        (["load-customers", "bookings.csv"], 0),
        (["create", CAMPAIGN], 0),
        (["create", CAMPAIGN, "--codes", "bookings.csv"], 65),
        (["run", CAMPAIGN, "bookings.csv", "--out", "out"], 3),
        (["publish", CAMPAIGN], 4),
        (["topup", CAMPAIGN], 4),
        (["export", "mail", CAMPAIGN, "-o", "m.csv"], 4),
        (["load", "bookings.csv", "--expect-count", "9"], 4),
        (["load", "bookings.csv", "--strict"], 65),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_dry_run_without_a_ledger_makes_none(
    argv: list[str], exit_code: int, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", "?"))
    before = files_in(tmp_path)
    assert run_in_process(*argv, "-n").exit == exit_code
    assert files_in(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bookings.csv", "campaigns.yaml"]


def test_a_refused_dry_run_is_no_attempt(desk: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    assert desk("load", "new.csv", "--expect-count", "9", "--dry-run").exit == 4
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("argv", [["status", "-n"], ["runs", "-n"], ["verify", "-n"], ["backup", "b.db", "-n"]])
def test_what_does_not_write_has_no_dry_run(argv: list[str], desk: CommandLine) -> None:
    assert desk(*argv).exit == 2


# --- The environment ---


def test_ledger_and_campaigns_by_environment_and_by_option(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.rename(tmp_path / "ours.yaml")
    env = {"REFUNDCTL_LEDGER": "env.db", "REFUNDCTL_CAMPAIGNS": "ours.yaml"}
    run_in_process("create", CAMPAIGN, env=env).ok()
    assert sorted(files_in(tmp_path)) == ["env.db", "ours.yaml"]
    run_in_process("create", CAMPAIGN, "--ledger", "option.db", "--campaigns", "ours.yaml").ok()
    run_in_process("create", CAMPAIGN, "--ledger", "both.db", env=env).ok()  # the option wins
    assert sorted(files_in(tmp_path)) == ["both.db", "env.db", "option.db", "ours.yaml"]
    standing = run_in_process("status", "--json", env=env).ok().json()["campaigns"]
    assert only(standing)["campaign"] == CAMPAIGN


def test_dash_is_no_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("init", "--ledger", "-")
    assert result.exit == 2
    assert "--ledger" in result.stderr
    assert files_in(tmp_path) == {}


def test_nothing_waits_for_an_answer(desk: CommandLine) -> None:
    """`--no-input` may stand anywhere; without a terminal nothing asks anyway."""
    for argv in EVERY.values():
        desk(*argv, "--no-input").ok()


# --- The clock ---


def test_a_rehearsal_says_so(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init", now=NOW).ok()
    answer = run_in_process("status", "--json", now=NOW).ok().json()
    assert answer["ledger"] == {"clock": "rehearsal"}
    assert "rehearsal" in run_in_process("status", now=NOW).ok().stdout
    run_in_process("init", "--ledger", "real.db").ok()
    answer = run_in_process("status", "--ledger", "real.db", "--json").ok().json()
    assert answer["ledger"] == {"clock": "system"}
    assert "rehearsal" not in run_in_process("status", "--ledger", "real.db").ok().stdout


WITH_THE_LEDGER = [argv for name, argv in EVERY.items() if name not in {"init", "sources"}]


@pytest.mark.parametrize("argv", [*WITH_THE_LEDGER, ["init"]], ids=" ".join)
def test_a_ledger_of_the_real_clock_refuses_another(argv: list[str], desk: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    result = desk(*argv, "--json", now=NOW)
    assert result.exit == 2
    assert only(result.json()["errors"])["code"] == "clock_refused"
    assert files_in(tmp_path) == before


def test_times_come_from_it_in_any_zone(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("init", now="2020-05-01T01:30:00+02:00").ok()
    assert only(run_in_process("runs", "--json", now=NOW).json()["runs"])["started_at"] == "2020-04-30T23:30:00Z"


@pytest.mark.parametrize(
    "now", ["yesterday", "2020-05-01", "2020-05-01T12:00:00", "12:00Z", "2020-02-30T12:00:00Z", "2020-05-01T25:00:00Z"]
)
def test_a_clock_that_is_no_rfc_3339_time(now: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("init", now=now)
    assert (result.exit, result.stdout) == (2, "")
    assert "REFUNDCTL_NOW" in only(result.stderr.splitlines())
    assert files_in(tmp_path) == {}


# --- Waiting for another process ---


def test_readers_do_not_wait_for_a_writer(desk: CommandLine, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for name, argv in READ_ONLY.items():
            assert desk(*argv, "--wait", "0").exit == 0, name


@pytest.mark.parametrize("wait", ["-1", "soon", ""])
def test_a_wait_that_makes_no_sense(wait: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("init", "--wait", wait)
    assert result.exit == 2
    assert "--wait" in result.stderr
    assert files_in(tmp_path) == {}


# --- Help, version, and what is mistyped ---


def test_version(run_in_process: CommandLine) -> None:
    from refundctl import __version__

    result = run_in_process("--version").ok()
    assert (result.stdout, result.stderr) == (f"refundctl {__version__}\n", "")


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", ["", *sorted({argv[0] for argv in EVERY.values()})])
def test_help(command: str, option: str, run_in_process: CommandLine) -> None:
    result = run_in_process(*([command] if command else []), option).ok()
    assert result.stdout.startswith(f"Usage: refundctl {command}".rstrip())
    assert result.stderr == ""


def test_without_a_command_the_help_is_shown(run_in_process: CommandLine) -> None:
    result = run_in_process()
    assert (result.exit, result.stdout) == (2, "")
    assert result.stderr == run_in_process("--help").ok().stdout


@pytest.mark.parametrize(
    ("argv", "suggestion"), [(["lod"], "load"), (["status", "--quite"], "--quiet"), (["topup", "--jsn"], "--json")]
)
def test_a_suggestion_for_what_is_mistyped(argv: list[str], suggestion: str, run_in_process: CommandLine) -> None:
    result = run_in_process(*argv)
    assert result.exit == 2
    assert suggestion in only(result.stderr.splitlines())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_had_for_the_usual_shells(shell: str, cli: CommandLine) -> None:
    env = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    result = cli("--show-completion", shell, env=env).ok()
    assert "refundctl" in result.stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("refundctl st", "status"), ("refundctl card rol", "rollback"), ("refundctl load --str", "--strict")],
)
def test_the_shell_completes_commands_and_options(typed: str, completed: str, run_in_process: CommandLine) -> None:
    words = typed.split()
    asked = {"_REFUNDCTL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    assert run_in_process(env=asked).ok().stdout.split() == [completed]


# --- Where output goes ---


def on_terminal(folder: Path, *argv: str, **env: str) -> tuple[int, str]:
    """The exit code of a command that has a terminal, and all that was shown there."""
    terminal, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "refundctl", *argv],
        cwd=folder,
        env={**plain_environment(folder, None, None), "TERM": "xterm-256color", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as shown_to:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(terminal), b""))
    os.close(terminal)
    return shown_to.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # nobody has the other end any more
        return b""


def test_a_terminal_sees_progress(desk: CommandLine, tmp_path: Path) -> None:
    code, shown = on_terminal(tmp_path, "load", "new.csv")
    assert code == 0
    assert f"{ESCAPE}[" in shown
    assert "Loaded 1 of 1 row" in shown


def test_no_color_is_heeded(desk: CommandLine, tmp_path: Path) -> None:
    """The cursor may still move, for the progress bar; nothing is coloured."""
    _, shown = on_terminal(tmp_path, "load", "new.csv", NO_COLOR="1")
    assert re.findall(r"\x1b\[[0-9;]*m", shown) in ([], ["\x1b[0m"])


def test_a_dumb_terminal_gets_plain_text(desk: CommandLine, tmp_path: Path) -> None:
    _, shown = on_terminal(tmp_path, "load", "new.csv", TERM="dumb")
    assert ESCAPE not in shown
    assert "Loaded 1 of 1 row" in shown


def test_quiet_shows_no_progress_either(desk: CommandLine, tmp_path: Path) -> None:
    assert on_terminal(tmp_path, "load", "new.csv", "--quiet") == (0, "")


def test_codes_are_not_shown_on_a_terminal(desk: CommandLine, tmp_path: Path) -> None:
    code, shown = on_terminal(tmp_path, "export", "cards", CAMPAIGN, "-o", "-")
    assert code == 2
    assert "RF-" not in shown
    code, shown = on_terminal(tmp_path, "backup", "-")
    assert (code, "SQLite" in shown) == (2, False)


def test_a_screen_that_lacks_letters_gets_others(cli: CommandLine, desk: CommandLine) -> None:
    result = cli("status", env={"PYTHONIOENCODING": "latin-1"}).ok()
    assert "##########...................." in result.stdout


def start(
    folder: Path, *argv: str, stdout: int | None = None, setup: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "refundctl", *argv],
        cwd=folder,
        env=plain_environment(folder, None, None),
        preexec_fn=setup,  # noqa: PLW1509 - one thread
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("argv", [["runs", "--json"], ["export", "cards", CAMPAIGN, "-o", "-"], ["--help"]])
def test_a_reader_that_has_gone_is_no_drama(argv: list[str], desk: CommandLine, tmp_path: Path) -> None:
    """`refundctl runs | head -1`"""
    reading, writing = os.pipe()
    os.close(reading)
    done = start(tmp_path, *argv, stdout=writing)
    os.close(writing)
    assert done.communicate(timeout=60)[1] == b""
    assert done.returncode == 74


@pytest.mark.parametrize(
    "argv", [["status"], ["status", "--json"], ["export", "cards", CAMPAIGN, "-o", "-"], ["--help"]]
)
def test_a_full_disk_behind_stdout(argv: list[str], desk: CommandLine, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = start(tmp_path, *argv, stdout=full.fileno())
        said = done.communicate(timeout=60)[1].decode()
    assert done.returncode == 74
    assert only(said.splitlines()).startswith("Error: ")
    assert "No space left" in said


def test_closed_streams_are_no_drama(desk: CommandLine, tmp_path: Path) -> None:
    """`refundctl load new.csv >&- 2>&- <&-`: the ledger must never be opened in the place of stdout."""
    done = start(tmp_path, "load", "new.csv", setup=lambda: os.closerange(0, 3))
    assert (done.communicate(timeout=60)[1], done.returncode) == (b"", 0)
    desk("verify").ok()


@pytest.mark.parametrize(
    "argv",
    [
        ["run", CAMPAIGN, "new.csv", "--out", ""],
        ["run", CAMPAIGN, "new.csv", "--out="],
        ["load", ""],
        ["load", "new.csv", "--ledger", ""],
        ["export", "mail", CAMPAIGN, "-o", ""],
        ["publish", ""],
    ],
    ids=" ".join,
)
def test_a_blank_where_a_name_belongs(argv: list[str], desk: CommandLine, tmp_path: Path) -> None:
    """As from `--out "$OUT"` where OUT is not set: it must not become the folder that one happens to be in."""
    before = files_in(tmp_path)
    result = desk(*argv)
    assert (result.exit, result.stdout) == (2, "")
    assert "nothing where a value belongs" in only(result.stderr.splitlines())
    assert files_in(tmp_path) == before


def test_names_that_are_no_text_are_wrong_usage(desk: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "new.csv").rename(tmp_path / os.fsdecode(b"new\xff.csv"))
    before = files_in(tmp_path)
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"refundctl", b"load", b"new\xff.csv", b"--json"],
        cwd=tmp_path,
        env=plain_environment(tmp_path, None, None),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (2, b"")
    assert only(json.loads(done.stdout)["errors"])["code"] == "usage"
    assert files_in(tmp_path) == before


def test_names_that_would_move_the_cursor_are_shown_harmless(run_in_process: CommandLine, tmp_path: Path) -> None:
    name = "new\x1b[31m\n.csv"
    write_bookings(tmp_path / name, booking("B1"), booking("B2", "?"))
    result = run_in_process("load", name)
    assert result.exit == 3
    shown = result.stdout + run_in_process("runs", "1").ok().stdout + run_in_process("load", f"{name}x").stderr
    assert ESCAPE not in shown
    assert "new�[31m�.csv" in shown
