"""Who has no e-mail address is funded, waits, and is mailed exactly once when there is one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import LEDGER, number, read, rows_of
from support.command_line import CAMPAIGN, CommandLine, ThisProcess, small_campaigns
from support.properties import FEW

HEADER = "booking_id,customer_id,email,order_amount,currency,status\n"
FILES = {
    "a.csv": "A1,ana,ana@example.com,10.00,EUR,cancelled\nA2,bo,,20.00,EUR,cancelled\n",
    "b.csv": "B1,bo,,30.00,EUR,cancelled\nB2,cy,,40.00,EUR,cancelled\nB3,dee,dee@example.com,50.00,EUR,cancelled\n",
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, campaigns: Path) -> None:
    """Of `a.csv`, bo has no address; of `b.csv`, bo and cy; the CRM's file has one of bo's."""
    assert campaigns.exists()
    for name, rows in FILES.items():
        (tmp_path / name).write_text(HEADER + rows, encoding="utf-8")
    (tmp_path / "people.csv").write_text("customer_id,email\nbo,bo@example.com\n", encoding="utf-8")


def mailed(path: Path) -> list[tuple[str, str]]:
    return [(row["booking_id"], row["balance"]) for row in rows_of(path)]


def waiting(command_line: CommandLine) -> tuple[int, int]:
    """Customers who can't be reached, and funded refunds that no mail tool was given."""
    [standing] = command_line("status", "--json").ok().json()["campaigns"]
    return standing["counts"]["unreachable"], standing["counts"]["not_handed_over"]


def test_an_address_that_comes_later_is_mailed_by_the_next_run_of_its_bookings(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run = ("run", CAMPAIGN, "a.csv", "--out")
    first = run_in_process(*run, "first", "--json").ok().json()
    assert (first["mail"]["rows"], first["mail"]["unreachable"]) == (1, 1)
    assert first["mail"]["totals"] == {"EUR": {"balance": 1_000, "unreachable": 2_000}}
    assert mailed(tmp_path / "first" / "mail.csv") == [("A1", "10.00")]
    assert waiting(run_in_process) == (1, 1)
    assert run_in_process(*run, "nothing", "--json").ok().json()["mail"] is None

    run_in_process("load-customers", "people.csv").ok()
    assert waiting(run_in_process) == (0, 1)
    second = run_in_process(*run, "second", "--json").ok().json()
    assert (second["counts"]["funded"], second["mail"]["rows"], second["mail"]["unreachable"]) == (0, 1, 0)
    assert second["mail"]["totals"] == {"EUR": {"balance": 2_000, "unreachable": 0}}
    assert [(row["email"], row["balance"]) for row in rows_of(tmp_path / "second" / "mail.csv")] == [
        ("bo@example.com", "20.00")
    ]
    assert waiting(run_in_process) == (0, 0)
    run_in_process("verify", "--against", "second/manifest.json").ok()

    assert run_in_process(*run, "third", "--json").ok().json()["mail"] is None
    assert run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv", "--json").ok().json()["run_id"] is None
    assert not (tmp_path / "third").exists()


def test_export_mail_hands_over_all_who_can_be_reached_by_now(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "b").ok()
    assert mailed(tmp_path / "b" / "mail.csv") == [("B3", "50.00")]
    run_in_process("load-customers", "people.csv").ok()
    answer = run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv", "--json").ok().json()
    assert mailed(tmp_path / "rest.csv") == [("A2", "20.00"), ("B1", "30.00")]
    assert answer["counts"] == {"rows": 2, "unreachable": 1}
    assert answer["totals"] == {"EUR": {"balance": 5_000, "unreachable": 4_000}}
    assert waiting(run_in_process) == (1, 1)
    assert run_in_process("export", "mail", CAMPAIGN, "-o", "none.csv", "--json").ok().json()["run_id"] is None
    run_in_process("verify").ok()


def test_an_address_may_come_with_another_booking(run_in_process: CommandLine, tmp_path: Path) -> None:
    """A file of bookings knows people, too: what waited goes with the run of its own file, or with `export mail`."""
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    (tmp_path / "c.csv").write_text(f"{HEADER}C1,bo,bo@example.com,60.00,EUR,cancelled\n", encoding="utf-8")
    run_in_process("run", CAMPAIGN, "c.csv", "--out", "c").ok()
    assert mailed(tmp_path / "c" / "mail.csv") == [("C1", "60.00")]
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("A2", "20.00")]
    run_in_process("verify").ok()


def test_a_customers_one_card_is_mailed_once_with_all_that_waited(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"), encoding="utf-8")
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    answer = run_in_process("run", CAMPAIGN, "b.csv", "--out", "b", "--json").ok().json()
    assert (answer["mail"]["rows"], answer["mail"]["unreachable"]) == (1, 2)
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("A2;B1", "50.00")]
    assert waiting(run_in_process) == (1, 1)


def test_all_leaves_out_who_has_no_address_and_they_go_on_waiting(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    answer = run_in_process("export", "mail", CAMPAIGN, "-o", "all.csv", "--all", "--json").ok().json()
    assert mailed(tmp_path / "all.csv") == [("A1", "10.00")]
    assert (answer["counts"], answer["totals"]) == (
        {"rows": 1, "unreachable": 1},
        {"EUR": {"balance": 1_000, "unreachable": 2_000}},
    )
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("A2", "20.00")]
    run_in_process("export", "mail", CAMPAIGN, "-o", "all2.csv", "--all").ok()
    assert mailed(tmp_path / "all2.csv") == [("A1", "10.00"), ("A2", "20.00")]
    assert run_in_process("export", "mail", CAMPAIGN, "-o", "none.csv", "--json").ok().json()["run_id"] is None


def test_all_hands_over_what_can_be_reached_by_now(run_in_process: CommandLine, tmp_path: Path) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "all.csv", "--all").ok()
    assert mailed(tmp_path / "all.csv") == [("A1", "10.00"), ("A2", "20.00")]
    assert waiting(run_in_process) == (0, 0)
    assert run_in_process("export", "mail", CAMPAIGN, "-o", "none.csv", "--json").ok().json()["run_id"] is None


def test_where_hands_over_a_part_of_those_who_waited(run_in_process: CommandLine, tmp_path: Path) -> None:
    header = HEADER.replace("status", "status,tier")
    rows = "G1,bo,,10.00,EUR,cancelled,gold\nG2,bo,,20.00,EUR,cancelled,silver\nG3,cy,,30.00,EUR,cancelled,gold\n"
    (tmp_path / "tiers.csv").write_text(header + rows, encoding="utf-8")
    run_in_process("run", CAMPAIGN, "tiers.csv", "--out", "out").ok()
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "gold.csv", "--where", "tier=gold").ok()
    assert mailed(tmp_path / "gold.csv") == [("G1", "10.00")]
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("G2", "20.00")]
    assert waiting(run_in_process) == (1, 1)


def test_a_dry_run_shows_who_could_be_reached_and_hands_over_nothing(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("load-customers", "people.csv").ok()
    dry = run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv", "-n", "--json").ok().json()
    assert dry["counts"] == {"rows": 1, "unreachable": 0}
    assert not (tmp_path / "rest.csv").exists()
    assert waiting(run_in_process) == (0, 1)


def test_bonus_and_paid_of_one_refund_wait_together(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(
        "booking_id,customer_id,email,order_amount,cash_amount,bonus_amount,currency,status\n"
        "D1,bo,,10.00,4.00,1.00,EUR,cancelled\nD2,dee,dee@example.com,10.00,4.00,1.00,EUR,cancelled\n",
        encoding="utf-8",
    )
    run_in_process("run", CAMPAIGN, "d.csv", "--out", "out").ok()
    assert mailed(tmp_path / "out" / "mail.csv") == [("D2", "7.00")]
    assert waiting(run_in_process) == (1, 1)
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("D1", "7.00")]
    assert waiting(run_in_process) == (0, 0)
    run_in_process("verify").ok()


def test_each_campaign_lets_its_own_customers_wait(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    other = small_campaigns("other", eligible={"status": ["late"]}).partition("campaigns:\n")[2]
    campaigns.write_text(small_campaigns() + other, encoding="utf-8")
    (tmp_path / "late.csv").write_text(
        f"{HEADER}L1,bo,,70.00,EUR,late\nL2,ana,ana@example.com,80.00,EUR,late\n", encoding="utf-8"
    )
    run_in_process("run", CAMPAIGN, "a.csv", "--out", "a").ok()
    run_in_process("run", "other", "late.csv", "--out", "late").ok()
    run_in_process("load-customers", "people.csv").ok()
    run_in_process("export", "mail", "other", "-o", "other.csv").ok()
    assert mailed(tmp_path / "other.csv") == [("L1", "70.00")]
    run_in_process("export", "mail", CAMPAIGN, "-o", "rest.csv").ok()
    assert mailed(tmp_path / "rest.csv") == [("A2", "20.00")]


# --- Whatever happens in whatever order ---

PEOPLE = ("ana", "bo", "cy", "dee")


@st.composite
def commands(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Runs of one file or both, single steps, addresses that arrive one by one, and hand-overs."""
    names = st.lists(st.sampled_from(["a.csv", "b.csv"]), min_size=1, max_size=2, unique=True)
    one = st.one_of(
        st.builds(lambda files: ("run", CAMPAIGN, *files, "--out"), names),
        st.builds(lambda files: ("load", *files), names),
        st.builds(lambda who: ("load-customers", f"{who}.csv"), st.sampled_from(PEOPLE[1:3])),
        st.sampled_from([("publish", CAMPAIGN), ("topup", CAMPAIGN)]),
        st.just(("export", "mail", CAMPAIGN, "-o")),
        st.just(("export", "mail", CAMPAIGN, "--all", "-o")),
    )
    return draw(st.lists(one, min_size=1, max_size=8))


@FEW
@given(commands(), st.sampled_from(["booking", "customer"]))
def test_each_credit_is_mailed_once_and_only_to_an_address(
    tmp_path_factory: pytest.TempPathFactory, commands: list[tuple[str, ...]], card_per: str
) -> None:
    folder = tmp_path_factory.mktemp("desk")
    desk = _Desk(folder, card_per)
    for place, argv in enumerate(commands):
        desk.do(argv, place)
    for who in PEOPLE[1:3]:
        desk.do(("load-customers", f"{who}.csv"), 97)
    desk.do(("export", "mail", CAMPAIGN, "-o"), 98)
    ledger = folder / LEDGER
    assert sorted(desk.handed) == sorted(booking for (booking,) in read(ledger, "SELECT booking_id FROM statement"))
    nothing = desk.cli("export", "mail", CAMPAIGN, "-o", "nothing.csv", "--json").ok().json()
    assert nothing["run_id"] is None
    assert number(ledger, "SELECT count(*) FROM batches") == number(ledger, "SELECT count(*) FROM deliveries")
    desk.cli("verify").ok()


class _Desk:
    """A folder in which commands are typed one after the other; `handed` are the bookings newly mailed so far."""

    def __init__(self, folder: Path, card_per: str) -> None:
        self.folder = folder
        self.cli = ThisProcess(folder)
        self.card_per = card_per
        self.handed: list[str] = []
        for name, rows in FILES.items():
            (folder / name).write_text(HEADER + rows, encoding="utf-8")
        for who in PEOPLE[1:3]:
            (folder / f"{who}.csv").write_text(f"customer_id,email\n{who},{who}@example.com\n", encoding="utf-8")
        (folder / "campaigns.yaml").write_text(small_campaigns(card_per=card_per), encoding="utf-8")
        self.cli("create", CAMPAIGN).ok()

    def do(self, argv: tuple[str, ...], place: int) -> None:
        at = {"run": [f"out{place}"], "export": [f"mail{place}.csv"]}.get(argv[0], [])
        before = dict(self._ranges())
        self.cli(*argv, *at).ok()
        for row in self._rows(at):
            assert row["email"].endswith("@example.com")
        new = [credit for credit in self._ranges() if credit[0] not in before]
        mailed = {booking for row in self._rows(at) for booking in row["booking_id"].split(";")}
        reserved = {booking for _, booking in new}
        assert reserved <= mailed, "reserved, and not in the file"
        assert reserved == mailed or "--all" in argv or self.card_per == "customer", "mailed again"
        self.handed += [booking for _, booking in new]

    def _ranges(self) -> list[tuple[Any, ...]]:
        """Each credit that is in a batch, with its booking."""
        return read(
            self.folder / LEDGER,
            """
            SELECT transactions.id, booking_id
            FROM batch_ranges
            JOIN transactions ON transactions.id BETWEEN first_transaction AND last_transaction
            JOIN refund_lines ON refund_lines.line = transactions.line
            """,
        )

    def _rows(self, at: list[str]) -> Iterator[dict[str, str]]:
        for name in at:
            path = self.folder / name
            path = path / "mail.csv" if path.is_dir() else path
            yield from rows_of(path) if path.is_file() else []
