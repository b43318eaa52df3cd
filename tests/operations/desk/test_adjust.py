"""Correcting a balance: to which bucket it goes and from which it comes, never below zero, within the budget."""

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.adjust import Adjust, bucket_named, reason_needed
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.goodwill_limits import Giving
from refundctl.operations.desk.refusals import BalanceTooLow, CardExpired, Disabled, NotActive
from refundctl.operations.desk.transfer import Transfer
from refundctl.operations.funding.budget import BudgetExceeded
from support.desks.clerk_desk import ClerkDesk


@pytest.mark.parametrize(
    ("amount", "bucket", "adjusted", "balance"),
    [
        ("15", None, (15_00, 0), (115_00, 4_00)),
        ("+0.01", "bonus", (0, 1), (100_00, 4_01)),
        ("-99.99", None, (-99_99, 0), (1, 4_00)),
        ("-102", None, (-100_00, -2_00), (0, 2_00)),  # paid first, whatever is spent first
        ("-104", None, (-100_00, -4_00), (0, 0)),
        ("-4", "bonus", (0, -4_00), (100_00, 0)),
    ],
)
def test_each_bucket_gets_its_part(
    amount: str, bucket: str | None, adjusted: tuple[int, int], balance: tuple[int, int]
) -> None:
    desk = ClerkDesk()
    answer = desk.do(Adjust(amount, "the till was wrong", bucket))
    paid, bonus = adjusted
    assert answer.totals == {"EUR": {"adjusted": paid + bonus, "paid": paid, "bonus": bonus}}
    assert desk.balance() == balance == (answer.facts["card"]["paid"], answer.facts["card"]["bonus"])


def test_no_more_is_taken_than_there_is() -> None:
    desk = ClerkDesk()
    assert desk.refuses(BalanceTooLow, "gift_amount_exceeded", Adjust("-104.01", "why")) == (
        "Card c1 holds EUR 104.00, of it EUR 4.00 bonus: take off at most that, not EUR 104.01."
    )
    for bucket, amount in (("bonus", "-4.01"), ("paid", "-100.01")):
        desk.refuses(BalanceTooLow, "gift_amount_exceeded", Adjust(amount, "why", bucket))


def test_from_a_card_that_is_blocked_for_good_money_is_taken_but_none_put_on_it() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3)
    desk.do(Deactivate(), "c1")
    desk.refuses(NotActive, "voucher_not_active", Adjust("1", "why"))
    desk.do(Adjust("-104", "taken back"))
    assert (desk.stands(1), desk.balance(1)) == ("deactivated", (0, 0))
    for amount in ("1", "-1"):
        desk.refuses(NotActive, "voucher_not_active", Adjust(amount, "why"), "c3")


def test_of_a_card_that_was_replaced_or_is_paid_out_nothing_is_corrected() -> None:
    desk = ClerkDesk()
    desk.do(Request("wants cash"), "c1")
    desk.do(Transfer(), "c2")
    for amount in ("1", "-1"):
        desk.refuses(Disabled, "voucher_disabled", Adjust(amount, "why"), "c1")
        message = desk.refuses(NotActive, "voucher_not_active", Adjust(amount, "why"), "c2")
        assert message == "Card c2 is dead, as its balance has moved to card c3: correct that card."


def test_an_expired_card_gets_nothing_also_while_it_is_disabled_and_may_be_emptied() -> None:
    desk = ClerkDesk(activity_duration_after_publishing="P365D")
    desk.do(Disable())
    desk.at("2021-05-01T23:59:59Z")
    desk.do(Adjust("1", "why"))
    desk.at("2021-05-02T00:00:00Z")
    desk.refuses(CardExpired, "voucher_expired", Adjust("1", "why"))
    desk.do(Adjust("-105", "why"))
    assert desk.balance() == (0, 0)


def test_what_comes_on_counts_in_the_budget_and_what_comes_off_makes_room() -> None:
    desk = ClerkDesk(budget={"total": "156.50"})
    desk.do(Adjust("0.50", "why"))
    desk.refuses(BudgetExceeded, "budget_exceeded", Adjust("0.01", "why"))
    desk.do(Adjust("-0.01", "why"))
    desk.do(Adjust("0.01", "why"))
    assert desk.balance() == (100_50, 4_00)
    # What a file's cards share is for the file to close.
    assert desk.do(Adjust("9", "why", None, Giving()), keep=False).counts == {"adjusted": 1}


def test_only_two_buckets_and_a_reason_that_says_something() -> None:
    assert [bucket_named(text) for text in (None, "", "paid", "bonus")] == [None, None, "paid", "bonus"]
    with pytest.raises(UsageError) as caught:
        bucket_named("cash")
    assert caught.value.code == "bucket_unknown"
    with pytest.raises(UsageError) as caught:
        reason_needed(None)
    assert caught.value.code == "reason_missing"
