"""Whom and what somebody has named: a card by its id or code, a customer by the id that files give."""

import pytest

from refundctl.domain.cards.printed_codes import lookalike_key
from refundctl.ledger.cards import pool
from refundctl.operations.desk.named_cards import customer_named, find_card
from refundctl.operations.desk.refusals import CardUnknown, CustomerUnknown
from support.desks.clerk_desk import ClerkDesk

# The cards c3 to c5; the first two differ in a 0 and an O.
PRINTED = ["K7QD-0MXW-9RTB", "K7QD-OMXX-9RTB", "Z3FG-8VJY-5TKA"]


def with_printed_codes() -> ClerkDesk:
    desk = ClerkDesk()
    with desk.run() as run_id:
        pool.compare_printed(desk.ledger.connection, 1, list(enumerate(PRINTED, start=2)), lookalike_key)
        assert pool.import_printed(desk.ledger.connection, 1, run_id) == 3
    return desk


@pytest.mark.parametrize("named", ["c3", "C3", "K7QD-0MXW-9RTB", "k7qd 0mxw 9rtb", "K7QD0MXW9RTB"])
def test_a_card_is_named_by_its_id_or_its_code_however_it_is_typed(named: str) -> None:
    assert find_card(with_printed_codes().ledger, named).number == 3


def test_a_code_that_looks_like_one_is_not_taken_for_it() -> None:
    desk = with_printed_codes()
    with pytest.raises(CardUnknown, match="a card has one that looks like it, so check whether each 0 is an O"):
        find_card(desk.ledger, "K7QD-OMXW-9RTB")


def test_what_there_is_not_is_told_without_the_code_or_the_id() -> None:
    desk = with_printed_codes()
    with pytest.raises(CardUnknown) as unknown:
        find_card(desk.ledger, "RF-7KQ2-M9XD-4TWH-P3VN")
    assert unknown.value.message.startswith("There is no card with the code ****P3VN in refunds.db: check each")
    with pytest.raises(CardUnknown, match=r"There is no card c6 in refunds\.db"):
        find_card(desk.ledger, "c6")
    with pytest.raises(CustomerUnknown) as nobody:
        customer_named(desk.ledger, "eve@example.com")
    assert "eve" not in nobody.value.message


def test_who_was_erased_is_found_by_the_old_id() -> None:
    desk = ClerkDesk()
    desk.erase(2)
    assert [customer_named(desk.ledger, customer) for customer in ("ana", "ben")] == [1, 2]
