"""Goodwill: a card without a booking, of bonus unless it is said otherwise, within every limit of the campaign."""

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.campaigns.pause import CampaignPaused
from refundctl.operations.campaigns.terms import CampaignOver, CampaignUnknown
from refundctl.operations.desk.issue import Goodwill, issue
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.refusals import CustomerUnknown, OtherCurrency, PoolEmpty
from refundctl.operations.funding.approval import ApprovalRequired
from refundctl.operations.funding.budget import BudgetExceeded
from support.desks.clerk_desk import ClerkDesk

A_YEAR = {"activity_duration_after_publishing": "P365D"}


def give(
    desk: ClerkDesk, amount: str, customer: str = "ana", bucket: str | None = None, campaign: str = "refunds"
) -> Answer:
    return issue(desk.ledger, desk.journal("card issue"), Goodwill(campaign, customer, amount, "sorry", bucket))


def test_it_is_bonus_unless_it_is_said_to_be_paid() -> None:
    desk = ClerkDesk(**A_YEAR)
    desk.at("2020-05-02T12:00:00Z")
    assert give(desk, "25").totals == {"EUR": {"issued": 25_00, "paid": 0, "bonus": 25_00}}
    assert give(desk, "0.01", "ben", "paid").totals == {"EUR": {"issued": 1, "paid": 1, "bonus": 0}}
    assert (desk.balance(3), desk.balance(4)) == ((0, 25_00), (1, 0))
    found = [(card.customer, card.booking, card.expires_on) for card in (desk.card(3), desk.card(4))]
    assert found == [(1, None, "2021-05-02"), (2, None, "2021-05-02")]


def test_a_card_of_the_pool_is_taken_as_long_as_there_is_one() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3)
    assert give(desk, "5").facts["card"]["card_id"] == "c3"
    desk.refuses_to(PoolEmpty, "no_voucher_suitable_for_publication", lambda: give(desk, "5"))


def test_where_cards_may_not_expire_this_one_does_not() -> None:
    desk = ClerkDesk(**A_YEAR, no_expiry_in=["US-ME"])
    desk.load_people("customer_id,country\ncy,US-ME\n")
    assert [give(desk, "5", customer).facts["card"]["expires_on"] for customer in ("ana", "cy")] == ["2021-05-01", None]


@pytest.mark.parametrize(
    ("budget", "fits", "too_much", "reached"),
    [
        ({"per_card": "120.00"}, "120", "120.01", 120_01),
        ({"per_customer": "120.00"}, "16", "16.01", 120_01),  # ana has got 104.00
        ({"bonus": "10.00"}, "4", "4.01", 10_01),
        ({"total": "160.00"}, "4", "4.01", 160_01),
    ],
)
def test_it_is_held_against_each_budget(budget: dict[str, str], fits: str, too_much: str, reached: int) -> None:
    desk = ClerkDesk(budget=budget)
    with pytest.raises(BudgetExceeded) as refused:
        give(desk, too_much)
    [name] = budget
    assert (refused.value.details["would_be"], refused.value.details["budget"]) == (reached, name)
    assert give(desk, fits).counts == {"issued": 1}


def test_what_is_not_given_at_all() -> None:
    desk = ClerkDesk(expiration_date="2020-05-01", approval={"above": "156.00"}, budget={"cards": 3})
    desk.refuses_to(CampaignUnknown, "resource_not_found", lambda: give(desk, "5", campaign="flights"))
    desk.refuses_to(CustomerUnknown, "resource_not_found", lambda: give(desk, "5", "eve"))
    desk.refuses_to(OtherCurrency, "currency_mismatch", lambda: give(desk, "USD 5"))
    desk.refuses_to(ApprovalRequired, "approval_required", lambda: give(desk, "0.01"))
    with pytest.raises(UsageError, match="is not above zero"):
        give(desk, "0")
    desk.at("2020-05-02T00:00:00Z")
    desk.refuses_to(CampaignOver, "voucher_expired", lambda: give(desk, "5"))
    desk.pause()
    desk.refuses_to(CampaignPaused, "campaign_paused", lambda: give(desk, "5"))


def test_the_last_card_of_the_budget_is_the_last() -> None:
    desk = ClerkDesk(budget={"cards": 3})
    give(desk, "5")
    desk.refuses_to(BudgetExceeded, "budget_exceeded", lambda: give(desk, "5"))


def test_a_code_that_was_typed_for_a_campaign_is_kept_masked() -> None:
    desk, code = ClerkDesk(), "RF-7KQ2-M9XD-4TWH-P3VN"
    message = desk.refuses_to(CampaignUnknown, "resource_not_found", lambda: give(desk, "5", campaign=code))
    [(campaign, arguments, kept)] = desk.read("SELECT campaign, arguments, message FROM attempts")
    assert campaign == "****P3VN"
    assert "7KQ2" not in f"{message}{arguments}{kept}"
