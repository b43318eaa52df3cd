"""Which card somebody means who types its id or its code, and which codes are easily taken for one another."""

import pytest

from refundctl.ledger.cards.finding_cards import card_number, is_a_code, lookalikes
from support.desks.funding_desk import FundingDesk


@pytest.fixture
def desk() -> FundingDesk:
    made = FundingDesk()
    with made.run() as run_id:
        for code in ("RF-10AB-C", "RF-1OAB-C", "RF-ILAB-C", "8888"):
            made.ledger.connection.execute(
                "INSERT INTO cards (campaign, code, run_id) VALUES (1, ?, ?)", (code, run_id)
            )
        made.ledger.connection.execute("INSERT INTO codes SELECT replace(code, '-', ''), id FROM cards")
    return made


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("c2", 2),
        ("C2", 2),
        ("c5", None),
        ("2", None),
        ("RF-10AB-C", 1),
        ("rf 10ab c", 1),
        ("rf1oab–c", 2),  # an en dash, as mail programs make one of two hyphens
        ("RF-10AB", None),
        ("8888", 4),
        ("c8888", None),
    ],
)
def test_a_card_is_named_by_its_id_or_by_its_code_however_that_is_written(
    desk: FundingDesk, typed: str, number: int | None
) -> None:
    assert card_number(desk.ledger.connection, typed) == number


@pytest.mark.parametrize(
    ("typed", "count"),
    [("rf-l0ab-c", 2), ("RF-1IAB-C", 1), ("RF-10AC-C", 0), ("BBBB", 0), ("8888", 1)],
)
def test_zero_is_taken_for_o_and_one_for_i_and_l(desk: FundingDesk, typed: str, count: int) -> None:
    assert lookalikes(desk.ledger.connection, typed) == count


@pytest.mark.parametrize(("signs", "found"), [(6, 1), (7, 0)])
def test_a_code_of_too_many_such_signs_is_not_looked_for(desk: FundingDesk, signs: int, found: int) -> None:
    """3 to the 6th are 729 variants, to the 7th 2,187: more than a thousand."""
    with desk.run():
        desk.ledger.connection.execute("INSERT INTO codes VALUES (?, 1)", ("1" * signs,))
    assert lookalikes(desk.ledger.connection, "L" * signs) == found


def test_a_code_that_is_typed_where_something_else_belongs_is_known(desk: FundingDesk) -> None:
    assert is_a_code(desk.ledger.connection, "rf 10ab-c")
    assert not is_a_code(desk.ledger.connection, "RF-10AB")
