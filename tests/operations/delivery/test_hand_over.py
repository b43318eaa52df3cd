"""Handing over: each credit is in exactly one batch, and nobody is mailed twice."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import LEDGER, everything, number, read, rows_of
from support.command_line import CAMPAIGN, CommandLine, ThisProcess, small_campaigns
from support.properties import FEW

HEADER = "booking_id,customer_id,email,order_amount,currency,status\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, campaigns: Path) -> None:
    """Three files of two bookings each: in `a.csv` and `b.csv`, ana has one each; nobody in `c.csv` has an address."""
    assert campaigns.exists()
    contents = {
        "a.csv": "A1,ana,ana@example.com,10.00,EUR,cancelled\nA2,bo,bo@example.com,20.00,EUR,cancelled\n",
        "b.csv": "B1,ana,ana@example.com,30.00,EUR,cancelled\nB2,cy,cy@example.com,40.00,EUR,cancelled\n",
        "c.csv": "C1,dee,,50.00,EUR,cancelled\nC2,eve,,60.00,EUR,cancelled\n",
    }
    for name, rows in contents.items():
        (tmp_path / name).write_text(HEADER + rows, encoding="utf-8")


def mailed(path: Path) -> list[tuple[str, str]]:
    return [(row["customer_id"], row["balance"]) for row in rows_of(path)]


def test_each_run_hands_over_what_it_has_funded(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "b").ok()
    assert mailed(tmp_path / "a" / "mail.csv") == [("ana", "10.00"), ("bo", "20.00")]
    assert mailed(tmp_path / "b" / "mail.csv") == [("ana", "30.00"), ("cy", "40.00")]


def test_a_run_again_leaves_its_folder_alone(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    before = {path.name: (path.stat().st_ino, path.read_bytes()) for path in (tmp_path / "a").iterdir()}
    books = everything(tmp_path / LEDGER)
    for folder in ("a", "other"):
        answer = run_in_process("run", CAMPAIGN, "a.csv", "--out", folder, "--json").ok().json()
        assert (answer["run_id"], answer["mail"]) == (None, None)
    assert {path.name: (path.stat().st_ino, path.read_bytes()) for path in (tmp_path / "a").iterdir()} == before
    assert not (tmp_path / "other").exists()
    assert everything(tmp_path / LEDGER) == books


def test_a_later_run_keeps_an_earlier_ones_files_under_other_names(run_in_process: CommandLine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_id = run_in_process("run", CAMPAIGN, "a.csv", "--out", "out", "--json").ok().json()["run_id"]
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "out").ok()
    assert mailed(out / "mail.csv") == [("ana", "30.00"), ("cy", "40.00")]
    for name, content in before.items():
        stem, _, suffix = name.partition(".")
        assert (out / f"{stem}-run{run_id}.{suffix}").read_bytes() == content
    assert len(list(out.iterdir())) == 2 * len(before)


@pytest.mark.parametrize("name", ["mail.csv", "summary.json", "manifest.json"])
def test_a_file_that_no_hand_over_has_written_is_left_alone(
    run_in_process: CommandLine, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine", encoding="utf-8")
    run_in_process("init").ok()
    books = everything(tmp_path / LEDGER)
    refused = run_in_process("run", CAMPAIGN, "a.csv", "--out", "out")
    assert refused.exit == 2
    assert f"{name} is there already" in refused.stderr
    assert (tmp_path / "out" / name).read_text(encoding="utf-8") == "mine"
    assert everything(tmp_path / LEDGER) == books, "nothing was funded"
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "out", "--force").ok()
    assert mailed(tmp_path / "out" / "mail.csv") == [("ana", "10.00"), ("bo", "20.00")]


def test_export_mail_hands_over_what_no_run_has(run_in_process: CommandLine, tmp_path: Path) -> None:
    for argv in (["load", "a.csv"], ["create", CAMPAIGN], ["publish", CAMPAIGN], ["topup", CAMPAIGN]):
        run_in_process(*argv).ok()
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "b").ok()
    assert mailed(tmp_path / "b" / "mail.csv") == [("ana", "30.00"), ("cy", "40.00")]
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("ana", "10.00"), ("bo", "20.00")]
    nothing = run_in_process("export", "mail", CAMPAIGN, "-o", "nothing.csv", "--json").ok().json()
    assert nothing["run_id"] is None
    assert not (tmp_path / "nothing.csv").exists()


def test_all_writes_everyone_and_changes_nothing_for_the_next_batch(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "all.csv", "--all").ok()
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "b").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "all2.csv", "--all").ok()
    assert mailed(tmp_path / "all.csv") == [("ana", "10.00"), ("bo", "20.00")]
    assert mailed(tmp_path / "b" / "mail.csv") == [("ana", "30.00"), ("cy", "40.00")]
    assert mailed(tmp_path / "all2.csv") == [("ana", "10.00"), ("bo", "20.00"), ("ana", "30.00"), ("cy", "40.00")]


def test_one_card_for_all_is_mailed_with_its_whole_balance(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"), encoding="utf-8")
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "b").ok()
    first, second = rows_of(tmp_path / "a" / "mail.csv"), rows_of(tmp_path / "b" / "mail.csv")
    assert (second[0]["customer_id"], second[0]["balance"], second[0]["booking_id"]) == ("ana", "40.00", "A1;B1")
    assert second[0]["code"] == first[0]["code"]


def test_who_has_no_address_is_funded_and_counted_as_unreachable(run_in_process: CommandLine, tmp_path: Path) -> None:
    answer = run_in_process("run", CAMPAIGN, "c.csv", "--out", "c", "--json").ok().json()
    assert answer["counts"]["funded"] == 2
    assert answer["mail"]["rows"] == 0
    assert answer["mail"]["unreachable"] == 2
    assert answer["mail"]["totals"] == {"EUR": {"balance": 0, "unreachable": 11_000}}
    assert rows_of(tmp_path / "c" / "mail.csv") == []
    [standing] = run_in_process("status", "--json").ok().json()["campaigns"]
    assert (standing["counts"]["unreachable"], standing["counts"]["not_handed_over"]) == (2, 2)


def test_the_manifest_is_true_and_comes_last(run_in_process: CommandLine, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("a", encoding="utf-8") as file:
        file.write("A3,eve,no address,1.00,EUR,cancelled\n")
    assert run_in_process("run", CAMPAIGN, "a.csv", "--out", "out").exit == 3
    out = tmp_path / "out"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert {Path(file["path"]).name for file in manifest["files"]} == {"mail.csv", "rejects.csv", "summary.json"}
    assert {path.name for path in out.iterdir()} == {"mail.csv", "rejects.csv", "summary.json", "manifest.json"}
    for file in manifest["files"]:
        assert file["sha256"] == sha256((out / Path(file["path"]).name).read_bytes()).hexdigest()
    said = {Path(file["path"]).name: file for file in manifest["files"]}
    assert (said["mail.csv"]["rows"], said["mail.csv"]["totals"]) == (2, {"EUR": 3_000})
    assert said["rejects.csv"]["rows"] == 1
    assert (out / "manifest.json").stat().st_mtime_ns >= max(path.stat().st_mtime_ns for path in out.iterdir())
    run_in_process("verify", "--against", out / "manifest.json").ok()


def test_rejects_are_written_also_where_no_row_can_be_taken(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(f"{HEADER}B1,ana,no address,1.00,EUR,cancelled\n", encoding="utf-8")
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    assert run_in_process("run", CAMPAIGN, "bad.csv", "--out", "out").exit == 3
    assert [row["_field"] for row in rows_of(tmp_path / "out" / "rejects.csv")] == ["email"]


def test_a_dry_run_keeps_nothing_and_reserves_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    answer = run_in_process("run", CAMPAIGN, "a.csv", "--out", "out", "-n", "--json").ok().json()
    assert (answer["dry_run"], answer["counts"]["funded"], answer["run_id"]) == (True, 2, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", "c.csv", "campaigns.yaml"]
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "out").ok()
    books = everything(tmp_path / LEDGER)
    for argv in (
        ["run", CAMPAIGN, "b.csv", "--out", "new"],
        ["load", "b.csv"],
        ["export", "mail", CAMPAIGN, "-o", "new.csv", "--all"],
        ["export", "cards", CAMPAIGN, "-o", "new.csv"],
    ):
        run_in_process(*argv, "--dry-run").ok()
    assert everything(tmp_path / LEDGER) == books
    assert not any(path.name.startswith("new") for path in tmp_path.iterdir())


# --- Whatever is handed over in whatever order ---


@st.composite
def commands(draw: st.DrawFn) -> list[tuple[str, ...]]:
    files = st.lists(st.sampled_from(["a.csv", "b.csv", "c.csv"]), min_size=1, max_size=2, unique=True)
    one = st.one_of(
        st.builds(lambda names: ("run", CAMPAIGN, *names, "--out"), files),
        st.builds(lambda names: ("load", *names), files),
        st.just(("publish", CAMPAIGN)),
        st.just(("topup", CAMPAIGN)),
        st.just(("export", "mail", CAMPAIGN, "-o")),
        st.just(("export", "mail", CAMPAIGN, "--all", "-o")),
    )
    return draw(st.lists(one, min_size=1, max_size=7))


@FEW
@given(commands(), st.sampled_from(["booking", "customer"]))
def test_each_credit_is_in_exactly_one_batch(
    tmp_path_factory: pytest.TempPathFactory, commands: list[tuple[str, ...]], card_per: str
) -> None:
    folder = tmp_path_factory.mktemp("desk")
    cli = ThisProcess(folder)
    (folder / "campaigns.yaml").write_text(small_campaigns(card_per=card_per), encoding="utf-8")
    rows = [
        "A1,ana,ana@example.com,10.00,EUR,cancelled\nA2,bo,bo@example.com,20.00,EUR,cancelled\n",
        "B1,ana,ana@example.com,30.00,EUR,cancelled\nB2,cy,cy@example.com,40.00,EUR,cancelled\n",
        "C1,bo,bo@example.com,50.00,EUR,cancelled\nC2,eve,eve@example.com,60.00,EUR,cancelled\n",
    ]
    for name, content in zip(("a.csv", "b.csv", "c.csv"), rows, strict=True):
        (folder / name).write_text(HEADER + content, encoding="utf-8")
    cli("create", CAMPAIGN).ok()
    handed: set[str] = set()
    for place, argv in enumerate([*commands, ("export", "mail", CAMPAIGN, "-o")]):
        at = [f"out{place}" if argv[0] == "run" else f"mail{place}.csv"] if argv[0] in {"run", "export"} else []
        cli(*argv, *at).ok()
        path = folder / at[0] / ("mail.csv" if argv[0] == "run" else "") if at else folder / "none"
        bookings = [one for row in rows_of(path) for one in row["booking_id"].split(";")] if path.is_file() else []
        if card_per == "booking" and "--all" not in argv:
            assert handed.isdisjoint(bookings), "mailed twice"
        assert len(bookings) == len(set(bookings))
        handed |= set(bookings)

    ledger = folder / LEDGER
    assert handed == {booking for (booking,) in read(ledger, "SELECT booking_id FROM statement")}
    assert number(ledger, "SELECT count(*) FROM batches") == number(ledger, "SELECT count(*) FROM deliveries")
    cli("verify").ok()
