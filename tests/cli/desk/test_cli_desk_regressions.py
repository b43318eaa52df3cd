"""What was found wrong at the desk once, case by case."""

from pathlib import Path

import pytest

from support.desks.bookings_desk import booking
from support.desks.cash_desk import CashDesk
from support.desks.till import HOLDER, Till


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def two_cards(till: Till, *uses: int, quantity: int = 3) -> None:
    """Cards 1 and 2 of one customer, which may each be redeemed `quantity` times and were, `uses` times."""
    till.say(voucher={"redemption": {"quantity": quantity}})
    till.fund(booking("B1"), booking("B2", "50.00", customer_id=HOLDER, email="b1@example.org"))
    for number, times in enumerate(uses, start=1):
        for use in range(times):
            till.redeem(card=f"c{number}", amount="1", invoice=f"INV-{number}-{use}").ok()


@pytest.mark.parametrize("uses", [(3, 0), (0, 3), (2, 1), (2, 2)])
def test_two_cards_are_not_put_together_if_neither_could_be_redeemed_then(till: Till, uses: tuple[int, int]) -> None:
    two_cards(till, *uses)

    told = till.attempted(
        "no_voucher_suitable_for_publication",
        lambda: till.call("card", "transfer", "c1", "--to", "c2", "--json"),
        on="c1",
    )
    assert told == (
        "Card c2 could not be redeemed then: flight-refunds lets a card be redeemed 3 times, and these two were redeemed as "
        "often together; leave --to out, so that a new card takes the balance."
    )
    till.call("card", "transfer", "c1").ok()


@pytest.mark.parametrize("uses", [(1, 1), (0, 2), (3, 3)])
def test_cards_are_put_together_if_that_takes_nothing_from_them(till: Till, uses: tuple[int, int]) -> None:
    two_cards(till, *uses)
    till.call("card", "transfer", "c1", "--to", "c2").ok()
    assert till.balance("c2") == {"paid": 15_000 - 100 * sum(uses)}


@pytest.mark.parametrize("by_number", ["paid", "rejected"])
@pytest.mark.parametrize("number_first", [True, False])
def test_a_payment_of_which_two_things_are_said_under_two_names_is_left_as_it_is(
    tmp_path: Path, by_number: str, *, number_first: bool
) -> None:
    """Whichever stands first: one of the two would have it paid once more."""
    desk = CashDesk.funded(tmp_path)
    desk.export()
    by_payment = "rejected" if by_number == "paid" else "paid"
    rows = [f"5,,{by_number}\n", f",{desk.payments()[5]},{by_payment}\n"]

    answer = desk.settle("id,end_to_end_id,status\n" + "".join(rows if number_first else rows[::-1]), exits=3)

    assert [error["code"] for error in answer["errors"]] == ["contradiction", "contradiction"]
    assert desk.states() == {4: "ordered", 5: "ordered"}


def test_the_number_of_a_debt_says_nothing_against_a_payment_that_was_rejected_before(tmp_path: Path) -> None:
    desk = CashDesk.funded(tmp_path)
    desk.export()
    first = desk.payments()[5]
    desk.settle(f"id,status\n{first},rejected\n")
    desk.export("again.xml")

    answer = desk.settle(f"id,status\n{first},rejected\n5,paid\n")

    assert (answer["counts"]["unchanged"], answer["counts"]["paid"]) == (1, 1)
    assert desk.states() == {4: "ordered", 5: "paid"}
