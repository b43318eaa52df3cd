"""The same batch by 64 processes at once, several times over."""

from collections import Counter
from pathlib import Path

import pytest

from support.books import LEDGER, minor, number, read, rows_of
from support.command_line import CAMPAIGN, CommandLine
from support.faults.at_once import all_at_once, bookings, error_code

pytestmark = pytest.mark.slow

ROWS = 2_000
PROCESSES = 64
TOTAL_MINOR = 100 * ROWS * (ROWS + 1) // 2


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize("same_folder", [True, False], ids=["one folder", "a folder each"])
def test_sixty_four_runs_of_one_file(
    cli: CommandLine, tmp_path: Path, campaigns: Path, attempt: int, same_folder: bool
) -> None:
    assert campaigns.exists()
    assert attempt in range(3)
    (tmp_path / "bookings.csv").write_text(bookings(ROWS), encoding="utf-8")
    results = all_at_once(
        tmp_path,
        [
            ["run", CAMPAIGN, "bookings.csv", "--out", "out0" if same_folder else f"out{n}", "--json", "--wait", "300"]
            for n in range(PROCESSES)
        ],
    )
    exits = Counter(result.exit for result in results)
    assert set(exits) <= {0, 75} | (set() if same_folder else {4}), exits
    assert {error_code(result) for result in results if result.exit == 4} <= {"batch_open"}
    ledger = tmp_path / LEDGER
    assert number(ledger, "SELECT count(*) FROM transactions") == ROWS
    assert number(ledger, "SELECT count(DISTINCT line) FROM transactions") == ROWS
    assert number(ledger, "SELECT sum(amount_minor) FROM transactions") == TOTAL_MINOR
    [mail] = tmp_path.glob("out*/mail.csv")
    assert Counter(row["code"] for row in rows_of(mail)) == Counter(
        code for (code,) in read(ledger, "SELECT code FROM cards")
    )
    assert sum(minor(row["balance"]) for row in rows_of(mail)) == TOTAL_MINOR
    cli("verify", "--against", mail.with_name("manifest.json")).ok()
