"""Giving a redemption back: once, at most what it took, to the buckets it came from, where the money is now."""

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import Disabled, MoreThanTaken, NotActive, RedemptionUnknown, RolledBack
from refundctl.operations.desk.rollback import rollback, transaction_number
from refundctl.operations.desk.transfer import Transfer
from support.desks.clerk_desk import BONUS, ClerkDesk


def buy(desk: ClerkDesk, amount: str = "30") -> int:
    """On ana's card; gives the redemption's number."""
    return int(desk.do(Redeem(amount, "INV-1", "ana")).facts["redemption"]["id"])


def give_back(desk: ClerkDesk, transaction: int, amount: str | None = None, key: str | None = None) -> Answer:
    return rollback(desk.ledger, desk.journal("card rollback"), str(transaction), amount=amount, key=key)


@pytest.mark.parametrize(
    ("order", "bought", "amount", "given"),
    [
        ("bonus_first", "30", None, (26_00, 4_00)),
        ("bonus_first", "30", "26", (26_00, 0)),  # as if for 4.00 had been bought, all of it bonus
        ("bonus_first", "30", "28", (26_00, 2_00)),
        ("paid_first", "102", "1", (0, 1_00)),
        ("paid_first", "102", "3", (1_00, 2_00)),
    ],
)
def test_what_was_taken_last_comes_back_first(
    order: str, bought: str, amount: str | None, given: tuple[int, int]
) -> None:
    desk = ClerkDesk(refund={**BONUS["refund"], "redeem_order": order})
    answer = give_back(desk, buy(desk, bought), amount)
    assert (answer.facts["rollback"]["paid"], answer.facts["rollback"]["bonus"]) == given
    assert answer.totals == {"EUR": {"refunded": sum(given), "paid": given[0], "bonus": given[1]}}


def test_once_and_at_most_what_was_taken() -> None:
    desk = ClerkDesk()
    bought = buy(desk)
    desk.refuses_to(MoreThanTaken, "rollback_exceeds_redemption", lambda: give_back(desk, bought, "30.01"))
    give_back(desk, bought, "0.01")
    assert desk.balance() == (74_01, 0)
    # The other bucket's transaction is of the same redemption, and so is the one that gave it back.
    desk.refuses_to(RolledBack, "already_rolled_back", lambda: give_back(desk, bought))
    desk.refuses_to(RolledBack, "already_rolled_back", lambda: give_back(desk, bought + 1))
    desk.refuses_to(RolledBack, "already_rolled_back", lambda: give_back(desk, bought + 2))
    desk.refuses_to(RedemptionUnknown, "resource_not_found", lambda: give_back(desk, 1))


def test_a_retry_may_name_the_whole_amount_or_leave_it_out() -> None:
    desk = ClerkDesk()
    bought = buy(desk)
    give_back(desk, bought, key="k")
    assert give_back(desk, bought, "30", key="k").repeated
    assert desk.balance() == (100_00, 4_00)


def test_it_goes_onto_the_card_that_replaces_the_one_it_was_taken_from() -> None:
    desk = ClerkDesk()
    bought = buy(desk)
    desk.do(Transfer())
    desk.do(Transfer(), "c3")
    assert give_back(desk, bought).facts["rollback"]["card_id"] == "c4"
    assert [desk.balance(number) for number in (1, 3, 4)] == [(0, 0), (0, 0), (100_00, 4_00)]


def test_onto_a_card_that_expired_or_is_blocked_for_now_money_comes_back() -> None:
    desk = ClerkDesk(activity_duration_after_publishing="P365D")
    bought = buy(desk)
    desk.do(Disable())
    desk.at("2021-05-02T00:00:00Z")
    give_back(desk, bought)
    assert (desk.stands(), desk.balance()) == ("disabled", (100_00, 4_00))


def test_where_there_is_no_card_any_more_nothing_is_given_back() -> None:
    desk = ClerkDesk()
    bought = buy(desk)
    desk.do(Request("wants cash"))
    desk.refuses_to(Disabled, "voucher_disabled", lambda: give_back(desk, bought))
    desk = ClerkDesk()
    bought = buy(desk)
    desk.do(Transfer())
    desk.do(Deactivate(), "c3")
    message = desk.refuses_to(NotActive, "voucher_not_active", lambda: give_back(desk, bought))
    assert message.startswith("Card c3 was deactivated for good, so nothing can be given back to it")


def test_a_transaction_is_a_number_and_never_what_may_be_a_code() -> None:
    assert transaction_number("12345678901") == 12_345_678_901
    for typed in ("123456789012", "-1", "1.0", "c1", ""):
        with pytest.raises(UsageError, match=r"^A transaction is named by its number, such as 17: "):
            transaction_number(typed)
