"""What is common to all files that are loaded: they are numbered, read, counted, and told of while they are read."""

from pathlib import Path

from refundctl.operations.bookings.input_files import Input, plain, read_plainly
from refundctl.operations.desk.load_redemptions import stage
from support.desks.staging_desk import StagingDesk


def test_counts_and_progress_go_on_from_file_to_file(tmp_path: Path) -> None:
    contents = ("code,amount,invoice\nK7QD,5.00,1\nK7QD,,2\n", "code,amount,invoice\nK7QD,7.00,3\n")
    ledger = StagingDesk().ledger
    told: list[tuple[int, int]] = []
    inputs = []
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.csv").write_text(content, encoding="utf-8")
        inputs.append(Input(f"{number}.csv", (tmp_path / f"{number}.csv").open("rb")))
    with plain(inputs, read_plainly) as files:
        staged = stage(ledger, files, None, lambda read, rows: told.append((read, rows)))
    for given in inputs:
        given.stream.close()
    assert told[-1] == (sum(map(len, contents)), 3)
    assert [(file.number, file.read.rows, file.source_name) for file in staged.files] == [
        (1, 2, "default"),
        (2, 1, "default"),
    ]
    result = staged.result(loaded=1, updated=0, unchanged=1)
    assert result.counts == {"rows": 3, "loaded": 1, "updated": 0, "unchanged": 1, "filtered": 0, "rejected": 1}
    assert [(reject.line, reject.field) for reject in staged.rows.rejects_of(1)] == [(3, "amount")]
    assert list(staged.rows.rejects_of(2)) == []
