"""Which version of a line counts: the view and both fragments of SQL tell the same of every line."""

from pathlib import Path

from refundctl.ledger.bookings.line_versions import is_newest_version, newest_version
from support.books import LEDGER, read
from support.command_line import CommandLine

FILES = [
    "booking_id,refund_id,customer_id,order_amount,refund_amount,currency,status\n" + rows
    for rows in (
        "R1,,ana,90.00,90.00,EUR,confirmed\nR2,a,bo,50.00,10.00,EUR,confirmed\nR2,b,bo,50.00,20.00,EUR,confirmed\n",
        "R2,b,bo,50.00,25.00,EUR,confirmed\n",
        "R2,b,bo,50.00,30.00,EUR,cancelled\nR1,,ana,90.00,80.00,EUR,cancelled\n",
    )
]


def test_view_and_fragments_tell_the_same_version(run_in_process: CommandLine, tmp_path: Path) -> None:
    for content in FILES:
        (tmp_path / "some.csv").write_text(content, encoding="utf-8")
        run_in_process("load", "some.csv").ok()
    view = read(tmp_path / LEDGER, "SELECT line_version, booking_id, version, refund_amount_minor FROM refund_lines")
    assert sorted(row[1:] for row in view) == [("R1", 2, 80_00), ("R2", 1, 10_00), ("R2", 3, 30_00)]
    by_first = read(
        tmp_path / LEDGER, f"SELECT {newest_version('first')} FROM line_versions AS first WHERE version = 1"
    )
    by_any = read(tmp_path / LEDGER, f"SELECT id FROM line_versions AS one WHERE {is_newest_version('one')}")
    assert {row[:1] for row in view} == set(by_first) == set(by_any)
