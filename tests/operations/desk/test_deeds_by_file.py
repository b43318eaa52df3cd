"""A file of cards: all that it asks for is done in one run, or nothing of it; every row that can't be done is told."""

from collections.abc import Sequence

import pytest

from refundctl.domain.basics.errors import RowProblem
from refundctl.ledger.journal.run_journal import RunFile
from refundctl.operations.desk.deeds_by_file import NamedCard, on_cards
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.refusals import BulkMalformed, BulkRefused
from support.desks.clerk_desk import ClerkDesk


def by_file(desk: ClerkDesk, rows: Sequence[NamedCard], *malformed: RowProblem) -> Answer:
    file = RunFile("cards.csv", len(rows), "0" * 64)
    return on_cards(desk.ledger, desk.journal(), file, rows, malformed, key=None, keep=True, closing=None)


def test_all_of_a_file_is_one_run() -> None:
    desk = ClerkDesk()
    rows = [NamedCard(2, "c1", Disable("lost")), NamedCard(3, "c2", Disable())]
    runs = desk.read("SELECT count(*) FROM runs")[0][0]
    answer = by_file(desk, rows)
    assert (answer.counts, len(answer.facts["cards"])) == ({"rows": 2, "disabled": 2}, 2)
    assert desk.read("SELECT count(*) FROM runs") == [(runs + 1,)]
    assert [desk.stands(card) for card in (1, 2)] == ["disabled", "disabled"]


def test_one_row_that_is_refused_leaves_every_card_as_it_was() -> None:
    desk = ClerkDesk()
    desk.do(Deactivate(), "c2")
    rows = [NamedCard(2, "c1", Disable()), NamedCard(3, "c2", Disable()), NamedCard(4, "c9", Disable())]
    with pytest.raises(BulkRefused) as refused:
        by_file(desk, rows)
    assert [(row.line, row.code) for row in refused.value.problems] == [
        (3, "voucher_not_active"),
        (4, "resource_not_found"),
    ]
    assert desk.stands(1) == "active"


def test_a_card_that_is_named_twice_and_what_the_reader_left_out_are_told_first() -> None:
    desk = ClerkDesk()
    rows = [NamedCard(2, "c1", Disable()), NamedCard(4, "C1", Disable()), NamedCard(5, "c9", Disable())]
    with pytest.raises(BulkMalformed) as malformed:
        by_file(desk, rows, RowProblem(3, "blank", "No card is named."))
    assert [(row.line, row.code) for row in malformed.value.problems] == [
        (3, "blank"),
        (4, "card_twice"),
        (5, "resource_not_found"),
    ]
    assert desk.stands(1) == "active"
