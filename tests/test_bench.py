"""The benchmark does what docs/speed.md says: it measures for real, and takes no wrong answer for a fast one."""

import csv
import hashlib
import json
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from contestants import (
    CAMPAIGN,
    CAMPAIGN_WITH_RULES,
    PLAN_FILE,
    Desk,
    Posted,
    WrongAnswer,
    floor_steps,
    left_out,
    refundctl_run,
)
from figures import growth, growth_text, measured_json, measured_text
from made_bookings import COLUMNS, Bookings, write_bookings
from measures import END_TO_END, MEASURES, STEPS, Bench, Measured, in_turn, topup_by_rules
from measuring import BenchError, Timing, time_program
from support.models.policy_model import PolicyModel
from support.pages.markdown_pages import page
from support.repository import ROOT

BENCH = ROOT / "bench" / "bench.py"
TIMEOUT_SECONDS = 120.0
FIGURES_OF_A_TURN = {
    "name",
    "wall_seconds",
    "bookings_per_second",
    "peak_process_bytes",
    "peak_tree_bytes",
    "timings",
}
needs_shell = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 shell is not installed")


def bench(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, BENCH, *words], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )


def names_of(measure: dict[str, Any]) -> list[str]:
    return [turn["name"] for turn in measure["turns"]]


def measured_by(tmp_path: Path, *words: str) -> tuple[dict[str, Any], str]:
    """The figures of 500 bookings, and what the bench said."""
    figures_file = tmp_path / "figures.json"
    done = bench("--bookings", "500", "--pairs", "1", *words, "--folder", tmp_path, "--json", figures_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
    return json.loads(figures_file.read_text(encoding="utf-8")), done.stdout


def assert_turns_were_measured(measure: dict[str, Any], title: str) -> None:
    assert (measure["measure"], measure["bookings"]) == (title, 500)
    for turn in measure["turns"]:
        assert set(turn) == FIGURES_OF_A_TURN
        assert turn["bookings_per_second"] == pytest.approx(500 / turn["wall_seconds"]["median"])
        [timing] = turn["timings"]
        assert timing["wall_seconds"] > 0
        assert timing["peak_process_bytes"] > 1 << 20


def test_a_measurement(tmp_path: Path) -> None:
    figures, said = measured_by(tmp_path)
    rivals = [name for name in ("floor", "pandas") if name not in figures["left_out"]]
    [whole_way] = figures["measures"]
    assert_turns_were_measured(whole_way, "end to end")
    assert names_of(whole_way) == ["refundctl", *rivals, "again"]
    assert pairs_of(whole_way) == [*(("refundctl", rival) for rival in rivals), ("again", "refundctl")]
    assert figures["growth"] == []
    assert figures["machine"]["cores"] >= 1
    assert "end to end: 500 bookings, 1 round\n" in said
    assert re.search(r"^A  refundctl run +\d+\.\d\d", said, re.MULTILINE)


@pytest.mark.slow
def test_a_measurement_step_by_step(tmp_path: Path) -> None:
    figures, _ = measured_by(tmp_path, "--steps")
    whole_way, steps = figures["measures"]
    assert_turns_were_measured(whole_way, "end to end")
    assert_turns_were_measured(steps, "step by step")
    assert [name for name in names_of(steps) if name in STEPS] == list(STEPS)
    floor = [f"floor {step}" for step in floor_steps() if "floor" not in figures["left_out"]]
    assert [name for name in names_of(steps) if name not in STEPS] == floor


def pairs_of(measure: dict[str, Any]) -> list[tuple[str, str]]:
    return [(ratio["of"], ratio["to"]) for ratio in measure["ratios"]]


@pytest.mark.slow
def test_only_some_measures(tmp_path: Path) -> None:
    figures_file = tmp_path / "figures.json"
    words = ("--only", "undo,plan", "--bookings", "200", "--pairs", "1", "--folder", tmp_path, "--json", figures_file)
    done = bench(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    plan, undo = json.loads(figures_file.read_text(encoding="utf-8"))["measures"]
    assert (plan["measure"], plan["bookings"]) == ("plan beside run", 200)
    assert (names_of(plan), pairs_of(plan)) == (["plan", "run"], [("plan", "run")])
    assert [ratio["wanted_at_most"] for ratio in plan["ratios"]] == [1.0]
    assert (undo["measure"], undo["bookings"]) == ("undo after run", 200)
    assert (names_of(undo), pairs_of(undo)) == (["run", "undo"], [("undo", "run")])
    assert [ratio["wanted_at_most"] for ratio in undo["ratios"]] == [None]
    assert "plan beside run: 200 bookings, 1 round\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_who_is_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert left_out(["floor", "pandas"]) == {"floor": "left out by --without", "pandas": "left out by --without"}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert left_out([]) == {"floor": "the sqlite3 shell is not installed"}


@needs_shell
def test_the_steps_of_the_floor_are_those_of_refundctl(tmp_path: Path) -> None:
    steps = floor_steps()
    assert list(steps) == ["load", "publish", "topup", "mail"]
    desk = Desk(tmp_path, write_bookings(tmp_path / "bookings.csv", 50))
    for sql in steps.values():
        assert "PRAGMA synchronous = EXTRA;" in sql
        desk.shell(sql)
    desk.check_mail("mail.csv")


def test_wrong_options() -> None:
    for words in (
        ["--bookings", "0"],
        ["--pairs", "many"],
        ["--growth", "--bookings", "5"],
        ["--json", "no/where.json"],
        ["--only", "policies"],
        ["--only", "plan", "--steps"],
    ):
        done = bench(*words)
        assert (done.returncode, done.stdout) == (2, ""), words


# --- The bookings ---


def test_the_same_number_of_bookings_is_the_same_file(tmp_path: Path) -> None:
    one, two = write_bookings(tmp_path / "1.csv", 500), write_bookings(tmp_path / "2.csv", 500)
    assert one.total_minor == two.total_minor == 37_082_740
    digests = {hashlib.sha256(made.path.read_bytes()).hexdigest() for made in (one, two)}
    assert len(digests) == 1


def test_made_bookings_come_to_what_is_said_of_them(tmp_path: Path) -> None:
    made = write_bookings(tmp_path / "bookings.csv", 500)
    with made.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len({row["booking_id"] for row in rows}) == made.rows == 500
    assert sum(int(row["order_amount"].replace(".", "")) for row in rows) == made.total_minor
    assert {(row["currency"], row["status"]) for row in rows} == {("EUR", "cancelled")}
    people = {(row["customer_id"], row["email"], row["name"], row["tier"], row["country"]) for row in rows}
    assert len({customer for customer, *_ in people}) == len(people) < 300


# --- The policy of ten rules ---


def campaigns() -> dict[str, dict[str, Any]]:
    """Those that are measured, with every value as text."""
    content = yaml.load((ROOT / "bench" / "campaigns.yaml").read_bytes(), yaml.BaseLoader)  # noqa: S506 - texts only
    return dict(content["campaigns"])


def test_the_two_campaigns_differ_by_ten_rules() -> None:
    without, by_rules = campaigns()[CAMPAIGN], campaigns()[CAMPAIGN_WITH_RULES]
    refund = by_rules.pop("refund")
    assert by_rules == without
    rules = [*refund["fees"], *refund["bonuses"], *refund["offers"]]
    assert [len(refund[kind]) for kind in ("fees", "bonuses", "offers")] == [3, 5, 2]
    assert all(rule["when"] for rule in rules)
    days = [rule["name"] for rule in rules if {"from", "to"} == set(rule["when"].get("cancelled_at", ()))]
    amounts = [rule["name"] for rule in refund["bonuses"] if "order_amount" in rule["when"]]
    assert (days, amounts) == (["change", "sorry"], ["gold", "silver", "big", "family"])
    assert [rule["name"] for rule in rules if "at_most" in rule] == ["gold", "big"]
    assert [rule["name"] for rule in rules if "total" in rule] == ["big"]


@pytest.mark.slow
def test_what_is_said_of_the_rules_is_what_they_do(tmp_path: Path) -> None:
    """The bench counts in the ledger what a model in plain Python comes to by itself."""
    made = write_bookings(tmp_path / "bookings.csv", 5_000)
    with made.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    model = PolicyModel(campaigns()[CAMPAIGN_WITH_RULES], decimals=2)
    model.load(rows)
    model.publish()
    settled = model.top_up().values()
    names = [name for one in settled for name in (*one.fees, *one.bonuses)]

    measured = topup_by_rules(Bench(tmp_path, 1, [], lambda _: None), made)
    assert measured.facts == {
        "bookings that rules touch": sum(1 for one in settled if one.fees or one.bonuses or one.cash),
        "of these, owed in cash": sum(1 for one in settled if one.cash),
        "fees and bonuses in effect": len(set(names)),
        "transactions, no rules": 5_000,
        "transactions, ten rules": 5_000 + len(names),
    }
    assert (len(set(names)), [*measured.rounds[0]]) == (8, ["no rules", "ten rules"])
    assert [path.name for path in tmp_path.iterdir()] == ["bookings.csv"]


@pytest.mark.slow
def test_rules_that_do_nothing_are_no_figure(tmp_path: Path) -> None:
    made = write_bookings(tmp_path / "bookings.csv", 1)
    with pytest.raises(WrongAnswer, match="no booking differs from one without"):
        topup_by_rules(Bench(tmp_path, 1, [], lambda _: None), made)


# --- Measuring ---


def test_who_goes_first_takes_turns() -> None:
    assert [in_turn(["plan", "run"], number) for number in (1, 2, 3)] == [
        ["plan", "run"],
        ["run", "plan"],
        ["plan", "run"],
    ]


@pytest.mark.parametrize(
    "mail",
    ["balance\n1.00\n", "balance\n1.00\n1.99\n", "balance\n1.00\n2.01\n0.00\n"],
    ids=["a line less", "a cent less", "a line more"],
)
def test_a_wrong_answer_is_no_figure(tmp_path: Path, mail: str) -> None:
    desk = Desk(tmp_path, Bookings(tmp_path / "bookings.csv", rows=2, total_minor=300))
    (tmp_path / "mail.csv").write_text("balance\n1.00\n2.00\n")
    desk.check_mail("mail.csv")
    (tmp_path / "mail.csv").write_text(mail)
    with pytest.raises(WrongAnswer, match=r"mail.csv has \d of 2 bookings, and \d\d\d of 300 cents"):
        desk.check_mail("mail.csv")


def test_a_ledger_that_has_funded_too_little_is_a_wrong_answer(tmp_path: Path) -> None:
    made = write_bookings(tmp_path / "bookings.csv", 20)
    desk = Desk(tmp_path, replace(made, rows=21))
    with pytest.raises(WrongAnswer, match=r"the status of the campaign has 20 of 21 bookings"):
        refundctl_run(desk)


def test_a_refund_that_stands_after_an_undo_is_a_wrong_answer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, write_bookings(tmp_path / "bookings.csv", 20))
    refundctl_run(desk)
    assert desk.posted() == Posted(transactions=20, touched=0, rules=0, in_cash=0)
    with pytest.raises(WrongAnswer, match=r"After the undo 20 refunds stand, 0 of 20 are undone"):
        desk.check_undone()


def test_a_plan_of_too_little_is_a_wrong_answer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Bookings(tmp_path / "bookings.csv", rows=2, total_minor=300))
    for funded, paid_minor in ((1, 300), (2, 299)):
        plan = {"counts": {"funded": funded}, "totals": {"EUR": {"paid": paid_minor}}}
        (tmp_path / PLAN_FILE).write_text(json.dumps(plan), encoding="utf-8")
        with pytest.raises(WrongAnswer, match=r"plan.json has \d of 2 bookings, and \d\d\d of 300 cents"):
            desk.check_plan(PLAN_FILE)


def test_memory_is_that_of_a_program_with_all_that_it_starts(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(b'x') * (50 << 20); time.sleep(0.4)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    timing = time_program([sys.executable, "-c", f"held = bytearray(b'x') * (30 << 20); {start}"], tmp_path, {})
    assert timing.wall_seconds > 0.4
    # The kernel counts a program from before it replaces its starter, which here may be larger itself.
    starter = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    assert 50 << 20 < timing.peak_process_bytes < max(80 << 20, starter + (1 << 20))
    if timing.peak_tree_bytes is not None:
        assert timing.peak_tree_bytes > 80 << 20


def test_a_program_that_fails_ends_the_measurement(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import sys; sys.exit('no room')"]
    with pytest.raises(BenchError, match=r"ended with 1\. It said: no room$"):
        time_program(program, tmp_path, {})


# --- What the rounds come to ---


def turn(seconds: float, mebibytes: int = 1) -> Timing:
    return Timing(seconds, seconds, 0.0, mebibytes << 20, mebibytes << 20)


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that gets slower between rounds changes the seconds, not the ratios."""
    rounds = [{"refundctl": turn(3.0 * slow), "floor": turn(1.0 * slow)} for slow in (1, 4, 2)]
    figures = measured_json(Measured(END_TO_END, 600, rounds, [("refundctl", "floor")]))
    assert figures["ratios"] == [
        {
            "of": "refundctl",
            "to": "floor",
            "wanted_at_most": None,
            "median": 3.0,
            "min": 3.0,
            "max": 3.0,
            "values": [3.0, 3.0, 3.0],
        }
    ]
    [refundctl, _] = figures["turns"]
    assert refundctl["wall_seconds"] == {"median": 6.0, "min": 3.0, "max": 12.0, "values": [3.0, 12.0, 6.0]}
    assert refundctl["bookings_per_second"] == 100.0


def test_what_is_wanted_stands_beside_the_ratio_and_facts_below() -> None:
    rounds = [{"run": turn(4.0), "plan": turn(seconds)} for seconds in (5.0, 3.0, 4.0)]
    pair = ("plan", "run")
    measured = Measured("plan beside run", 600, rounds, [pair], {pair: 1.0}, {"bookings that rules touch": 1_200})
    assert measured_text(measured).splitlines()[-4:] == [
        "ratio of seconds  median   min   max        wanted",
        "plan / run          1.00  0.75  1.25  at most 1.00",
        "",
        "bookings that rules touch  1,200",
    ]
    figures = measured_json(measured)
    assert figures["facts"] == {"bookings that rules touch": 1_200}
    assert [(ratio["wanted_at_most"], ratio["median"]) for ratio in figures["ratios"]] == [(1.0, 1.0)]


def test_growth_compares_with_the_size_before() -> None:
    sizes = [
        Measured(END_TO_END, 4_000_000, [{"refundctl": turn(60.0, 150)}], []),
        Measured(END_TO_END, 1_000_000, [{"refundctl": turn(10.0, 100)}], []),
    ]
    small, large = growth(sizes)
    assert (small.bookings, small.seconds_per_million, small.time_factor, small.memory_factor) == (
        1_000_000,
        10,
        None,
        None,
    )
    assert (large.bookings, large.seconds_per_million, large.time_factor, large.memory_factor) == (
        4_000_000,
        15,
        1.5,
        1.5,
    )
    assert growth_text([small, large]).splitlines()[2:] == [
        "bookings   seconds  s/million  x before  largest process  all processes  x before  A / B",
        "1,000,000    10.00      10.00                    100 MiB        100 MiB",
        "4,000,000    60.00      15.00      1.50          150 MiB        150 MiB      1.50",
    ]


# --- The page about it ---


def test_every_option_is_explained() -> None:
    options = set(re.findall(r"--[a-z]+", bench("--help").stdout)) - {"--help"}
    assert options == {"--bookings", "--pairs", "--growth", "--steps", "--only", "--folder", "--without", "--json"}
    speed = page("docs/speed.md")
    assert [option for option in sorted(options) if f"`{option}" not in speed] == []
    assert [name for name in MEASURES if f"`{name}`" not in speed] == []
