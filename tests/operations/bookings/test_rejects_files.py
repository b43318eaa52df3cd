"""Where rejected rows go, and what is never written over."""

from pathlib import Path

import pytest

from refundctl.files.safe_write import FileExists
from refundctl.operations.bookings.rejects_files import refuse_foreign, rejects_beside


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("in/may.csv", "in/may.rejects.csv"),
        ("may.csv.gz", "may.rejects.csv"),
        ("may.xlsx", "may.rejects.csv"),
        ("MAY.TSV.ZIP", "MAY.rejects.csv"),
        ("bookings.2020-04", "bookings.2020-04.rejects.csv"),
    ],
)
def test_rejects_stand_beside_their_file_without_its_ending(name: str, beside: str) -> None:
    assert rejects_beside(name) == Path(beside)


def test_only_a_rejects_file_may_be_written_over(tmp_path: Path) -> None:
    path = tmp_path / "may.rejects.csv"
    refuse_foreign(path)
    path.write_text("booking_id,_line,_field,_reason\n")
    refuse_foreign(path)
    path.write_text("booking_id,order_amount\n")
    with pytest.raises(FileExists, match="is no rejects file"):
        refuse_foreign(path)
