"""What was found wrong at the desk once, case by case."""

from pathlib import Path

import pytest

from desk import booking
from till import HOLDER, Till


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
