"""What the desk refuses: each reason has a code, and words by which people read it in a list."""

import pytest

from refundctl.cli.shell.wording import in_words
from refundctl.domain.basics.errors import Refused, RowProblem
from refundctl.operations.desk import refusals

REASONS = [
    found
    for found in vars(refusals).values()
    if isinstance(found, type) and issubclass(found, Refused) and found.__module__ == refusals.__name__
]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.__name__)
def test_each_reason_has_words(reason: type[Refused]) -> None:
    assert reason.code != Refused.code
    assert reason is refusals.BulkRefused or in_words(reason.code) != reason.code.replace("_", " ")


def test_a_file_is_refused_with_each_of_its_rows() -> None:
    rows = [RowProblem(2, "voucher_expired", "Card c1 expired."), RowProblem(7, "usage", "What?")]
    refused, malformed = refusals.BulkRefused("cards.csv", rows), refusals.BulkMalformed("cards.csv", rows[:1])
    assert refused.message.startswith("cards.csv: 2 rows are refused, so nothing was done;")
    assert malformed.message.startswith("cards.csv: 1 row is wrong, so nothing was done;")
    assert (refused.exit_code, malformed.exit_code) == (4, 65)
    assert refused.listed()[1] == {"code": "usage", "message": "What?", "path": "cards.csv", "line": 7}
