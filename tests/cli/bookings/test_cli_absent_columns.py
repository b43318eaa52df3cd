"""A later file that lacks a column says nothing about it; a blank cell in a column that is there says blank."""

from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, booking, column, counts, files_in, only, rows_of, write_bookings

FULL = booking(
    "B1",
    "100.00",
    refund_amount="80.00",
    cash_amount="30.00",
    bonus_amount="5.00",
    tier="gold",
    channel="web",
    category="flight",
    country="PL",
    accepted="yes",
    tickets="2",
    booked_at="2020-03-01",
    cancelled_at="2020-04-01",
    marketing_consent="yes",
    phone="+48 600 100 200",
    locale="pl-PL",
)
# Each column about which a later file may say nothing, with another value than FULL has.
SILENT = {
    "status": "flown",
    "tier": "silver",
    "channel": "agency",
    "category": "hotel",
    "country": "DE",
    "accepted": "no",
    "tickets": "3",
    "booked_at": "2020-03-02",
    "cancelled_at": "2020-04-02",
    "cash_amount": "40.00",
    "bonus_amount": "6.00",
}
PERSON = ("email", "name", "phone", "locale", "marketing_consent")
each_silent = pytest.mark.parametrize("name", SILENT)


def without(row: dict[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in row.items() if name not in names}


def load(command_line: CommandLine, folder: Path, *rows: dict[str, str], name: str = "later.csv") -> dict[str, Any]:
    write_bookings(folder / name, *rows)
    answer: dict[str, Any] = command_line("load", name, "--json").json()
    return answer


def exported(command_line: CommandLine) -> list[dict[str, str]]:
    command_line("create", CAMPAIGN).ok()
    return rows_of(command_line("export", "bookings", CAMPAIGN, "-o", "-").ok().stdout)


@each_silent
def test_a_file_without_the_column_changes_nothing(
    name: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    load(run_in_process, tmp_path, FULL)
    before = files_in(tmp_path)[LEDGER]
    assert load(run_in_process, tmp_path, without(FULL, name))["counts"] == counts(unchanged=1)
    assert files_in(tmp_path)[LEDGER] == before


@each_silent
def test_a_blank_in_the_column_is_said(name: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    load(run_in_process, tmp_path, FULL)
    assert load(run_in_process, tmp_path, FULL | {name: ""})["counts"] == counts(updated=1)
    assert only(exported(run_in_process))[name] == ""


@each_silent
def test_what_a_file_does_say_is_taken_beside_it(
    name: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Of two columns that change, the file has one: that changes, the other one stays as it was."""
    load(run_in_process, tmp_path, FULL)
    other = "tier" if name != "tier" else "tickets"
    changed = FULL | {other: SILENT[other]}
    assert load(run_in_process, tmp_path, without(changed, name))["counts"] == counts(updated=1)
    row = only(exported(run_in_process))
    assert (row[name], row[other]) == (FULL[name], SILENT[other])
    # And the next file may speak of it again.
    assert load(run_in_process, tmp_path, changed | {name: SILENT[name]})["counts"] == counts(updated=1)
    assert only(exported(run_in_process))[name] == SILENT[name]


def test_silence_leaves_no_trace_in_the_ledger(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Not even the combination of values that its rows would have had by themselves."""
    load(run_in_process, tmp_path, FULL, FULL | {"booking_id": "B2"})
    silent = without(FULL, "tier")
    load(run_in_process, tmp_path, silent | {"channel": "agency"}, silent | {"booking_id": "B2"})
    assert read(tmp_path / LEDGER, "SELECT channel, tier FROM segments ORDER BY id") == [
        ("web", "gold"),
        ("agency", "gold"),
    ]


def test_a_file_with_the_barest_columns_changes_nothing(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    load(run_in_process, tmp_path, FULL)
    bare = without(FULL, *SILENT, *PERSON)
    assert load(run_in_process, tmp_path, bare)["counts"] == counts(unchanged=1)
    row = only(exported(run_in_process))
    assert {name: row[name] for name in (*SILENT, *PERSON)} == {name: FULL[name] for name in (*SILENT, *PERSON)}


def test_a_new_booking_has_nothing_to_keep(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    load(run_in_process, tmp_path, FULL)
    answer = load(run_in_process, tmp_path, without(FULL, *SILENT), without(FULL, *SILENT) | {"booking_id": "B2"})
    assert answer["counts"] == counts(loaded=1, unchanged=1)
    assert [(row["status"], row["tier"], row["cash_amount"]) for row in exported(run_in_process)] == [
        ("cancelled", "gold", "30.00"),
        ("", "", ""),
    ]


# --- Funded bookings ---


def test_a_funded_booking_stays_eligible_where_a_file_says_no_status(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", FULL)
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert load(run_in_process, tmp_path, without(FULL, "status"))["counts"] == counts(unchanged=1)
    assert load(run_in_process, tmp_path, without(FULL, "status") | {"tier": "silver"})["counts"] == counts(updated=1)
    run_in_process("verify").ok()
    assert load(run_in_process, tmp_path, FULL | {"status": ""})["counts"] == counts(updated=1)
    found = run_in_process("verify", "--json")
    assert (found.exit, only(found.json()["findings"])["code"]) == (5, "funded_not_eligible")


@pytest.mark.parametrize("name", ["cash_amount", "bonus_amount"])
def test_a_funded_amount_is_contradicted_by_a_blank_not_by_silence(
    name: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", FULL)
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert load(run_in_process, tmp_path, without(FULL, name))["counts"] == counts(unchanged=1)
    assert load(run_in_process, tmp_path, FULL | {name: ""})["rejected_by_code"] == {"booking_conflict": 1}
    assert load(run_in_process, tmp_path, without(FULL, name) | {"tier": ""})["counts"] == counts(updated=1)
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["funded"] == 0
    run_in_process("verify").ok()


@pytest.mark.parametrize(
    ("refund", "cash", "paid"),
    [("90.00", 3_000, 6_000), ("30.00", 3_000, 0), ("20.00", 2_000, 0)],
    ids=["more", "just the cash", "less than the cash"],
)
def test_a_changed_refund_keeps_what_of_it_is_owed_in_cash(
    refund: str, cash: int, paid: int, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Cash is a part of the refund, and never more than the whole."""
    load(run_in_process, tmp_path, FULL)
    changed = without(FULL, "cash_amount") | {"refund_amount": refund}
    assert load(run_in_process, tmp_path, changed)["counts"] == counts(updated=1)
    for command in ("create", "publish"):
        run_in_process(command, CAMPAIGN).ok()
    totals = run_in_process("topup", CAMPAIGN, "--json").ok().json()["totals"]["EUR"]
    assert (totals["paid"], totals["bonus"], totals["cash"]) == (paid, 500, cash)
    run_in_process("verify").ok()


# --- Several rows, several files ---


def test_each_booking_keeps_its_own(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    tiers = {"B1": "gold", "B2": "silver", "B3": "", "B4": "gold"}
    rows = [booking(name, status=status, tier=tiers[name]) for name, status in zip(tiers, "abab", strict=True)]
    load(run_in_process, tmp_path, *rows)
    changed = [without(row, "tier") | {"status": "cancelled"} for row in rows]
    assert load(run_in_process, tmp_path, *changed)["counts"] == counts(updated=4)
    assert {row["booking_id"]: row["tier"] for row in exported(run_in_process)} == tiers
    assert {row["status"] for row in exported(run_in_process)} == {"cancelled"}


@pytest.mark.parametrize("order", [("with.csv", "without.csv"), ("without.csv", "with.csv")], ids=" then ".join)
def test_each_file_of_a_call_is_silent_for_itself(
    order: tuple[str, str], run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    load(run_in_process, tmp_path, booking("B1", tier="gold"), booking("B2", tier="gold"))
    write_bookings(tmp_path / "with.csv", booking("B1", tier="", channel="web"))
    write_bookings(tmp_path / "without.csv", booking("B2", channel="web"))
    answer = run_in_process("load", *order, "--json").ok().json()
    assert answer["counts"] == counts(updated=2)
    assert [(row["tier"], row["channel"]) for row in exported(run_in_process)] == [("", "web"), ("gold", "web")]


def test_lines_of_one_booking_keep_their_own(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    one = booking("B1", "100.00", refund_id="one", refund_amount="30.00", cash_amount="10.00")
    two = one | {"refund_id": "two", "cash_amount": "30.00"}
    load(run_in_process, tmp_path, one, two)
    changed = [without(row, "cash_amount") | {"tier": "gold"} for row in (one, two)]
    assert load(run_in_process, tmp_path, *changed)["counts"] == counts(updated=2)
    assert [row["cash_amount"] for row in exported(run_in_process)] == ["10.00", "30.00"]


def test_a_constant_of_the_source_is_said(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """The file lacks the column, but its source gives the value."""
    sources = "sources:\n  default: {}\n  late: {constants: {status: late}}\n"
    campaigns.write_text(small_campaigns().replace("campaigns:", f"{sources}campaigns:", 1))
    load(run_in_process, tmp_path, booking("B1"))
    write_bookings(tmp_path / "later.csv", without(booking("B1"), "status"))
    answer = run_in_process("load", "later.csv", "--source", "late", "--json").ok().json()
    assert answer["counts"] == counts(updated=1)
    assert only(exported(run_in_process))["status"] == "late"


def test_a_run_sees_what_was_known(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Loaded with its status, run from a file that lacks it: the booking is eligible."""
    load(run_in_process, tmp_path, FULL)
    write_bookings(tmp_path / "bare.csv", without(FULL, *SILENT))
    answer = run_in_process("run", CAMPAIGN, "bare.csv", "--out", "out", "--json").ok().json()
    assert (answer["counts"]["unchanged"], answer["counts"]["funded"]) == (1, 1)
    assert column(tmp_path / "out" / "mail.csv", "balance") == ["55.00"]
