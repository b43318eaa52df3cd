"""Why a purchase is refused: each rule at its edge, and of several the first."""

from datetime import UTC, datetime

import pytest

from refundctl.domain.basics.errors import Refused
from refundctl.operations.campaigns.pause import CampaignPaused
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk import refusals
from refundctl.operations.desk.activate import Activate
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.pins import PinTyped
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.redemption_refusals import SOMEBODY_ELSE, Purchase, refuse_redeeming
from refundctl.operations.desk.rollback import rollback
from refundctl.operations.desk.transfer import Transfer
from support.desks.clerk_desk import ClerkDesk

ANA = 1


def why(
    desk: ClerkDesk,
    amount: int | None = 1_00,
    invoice: str | None = "INV-9",
    total: int | None = None,
    customer: int | None = ANA,
    *,
    card: int = 1,
    pin: PinTyped | None = None,
    whole: bool = True,
) -> str | None:
    """The code of what is refused first, None where nothing is."""
    bought = Purchase(amount, invoice, total, customer)
    try:
        refuse_redeeming(desk.ledger, desk.card(card), bought, desk.ledger.clock.now, pin=pin, whole=whole)
    except Refused as error:
        return error.code
    return None


def test_a_card_can_be_used_through_the_end_of_its_last_day() -> None:
    desk = ClerkDesk(activity_duration_after_publishing="P365D", timezone="Europe/Warsaw")
    desk.at("2021-05-01T21:59:59Z")
    assert why(desk) is None
    desk.at("2021-05-01T22:00:00Z")
    assert why(desk) == "voucher_expired"
    # What a till tells later is judged by the moment of the purchase.
    earlier = datetime(2021, 5, 1, 21, 59, 59, tzinfo=UTC)
    refuse_redeeming(desk.ledger, desk.card(), Purchase(1_00, "INV-9", None, ANA), earlier)


def test_a_card_can_be_used_from_the_first_day_on_and_at_the_hours_that_are_named() -> None:
    hours = {"daily": [{"start_time": "09:00", "expiration_time": "18:00"}]}
    desk = ClerkDesk(start_date="2020-05-02", validity_day_of_week=[6, 1], validity_hours=hours)
    found = {}
    for moment in ("01T12:00", "02T08:59", "02T09:00", "02T17:59", "02T18:00", "03T12:00", "04T12:00"):
        desk.at(f"2020-05-{moment}:00Z")
        found[moment] = why(desk)
    closed = "outside_validity_timeframe"
    assert list(found.values()) == ["voucher_not_active", closed, None, None, closed, closed, None]


def test_only_the_holder_unless_the_campaign_says_anyone() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3)
    assert [why(desk, customer=who) for who in (ANA, 2, SOMEBODY_ELSE, None)] == [None] + 3 * [
        "customer_rules_violated"
    ]
    desk.do(Activate(), "c3")
    for customer in (ANA, None):
        assert why(desk, card=3, customer=customer) == "customer_rules_violated"  # a bearer's
    desk = ClerkDesk(redeemable_by="anyone")
    assert [why(desk, customer=who) for who in (2, SOMEBODY_ELSE, None)] == [None, None, None]


def test_an_invoice_is_used_once_also_after_it_was_given_back_and_on_the_card_that_replaces_it() -> None:
    desk = ClerkDesk()
    bought = desk.do(Redeem("1", "INV-1", "ana")).facts["redemption"]["id"]
    rollback(desk.ledger, desk.journal(), str(bought))
    desk.do(Transfer())
    assert [why(desk, invoice=invoice, card=3) for invoice in ("INV-1", "INV-2", None)] == [
        "invoice_already_used",
        None,
        "invoice_required",
    ]
    assert why(desk, invoice="INV-1", card=2, customer=2) is None
    assert why(ClerkDesk(invoice="optional"), invoice=None) is None


def test_the_orders_total_is_large_enough_and_no_less_than_what_is_taken() -> None:
    desk = ClerkDesk(minimum_order="20.00")
    assert [why(desk, total=total) for total in (None, 19_99, 20_00)] == 2 * ["order_rules_violated"] + [None]
    assert [why(ClerkDesk(), 5_00, total=total) for total in (4_99, 5_00, None)] == ["order_rules_violated", None, None]


def test_no_more_than_the_card_holds_and_no_more_often_than_it_may_be() -> None:
    desk = ClerkDesk(voucher={"redemption": {"quantity": 2}})
    assert [why(desk, amount) for amount in (104_00, 104_01)] == [None, "gift_amount_exceeded"]
    first, second = (desk.do(Redeem("2", f"INV-{n}", "ana")).facts["redemption"]["id"] for n in (1, 2))
    assert why(desk) == "quantity_exceeded"
    rollback(desk.ledger, desk.journal(), str(first), amount="1.99")
    assert why(desk) == "quantity_exceeded"
    rollback(desk.ledger, desk.journal(), str(second))  # given back whole: it doesn't count
    assert why(desk) is None


def test_a_pin_is_asked_for_and_the_fifth_wrong_one_locks() -> None:
    desk = ClerkDesk()
    desk.set_pin("2580")
    wrong = PinTyped("1111")
    assert [why(desk, pin=pin) for pin in (None, wrong, PinTyped("2580"))] == ["pin_required", "pin_wrong", None]
    deed = Redeem("1", "INV-1", "ana", pin=wrong)
    said = [desk.refuses(refusals.PinWrong, "pin_wrong", deed).partition(": ")[2] for _ in range(5)]
    assert said[0] == "4 more and it is locked."
    assert said[3:] == ["1 more and it is locked.", "it is locked now; `refundctl card unlock` lets it be tried again."]
    assert why(desk, pin=PinTyped("2580")) == "voucher_locked"


@pytest.mark.parametrize(
    ("deed", "reason", "code"),
    [
        (Deactivate(), refusals.NotActive, "voucher_not_active"),
        (Transfer(), refusals.NotActive, "voucher_not_active"),
        (Request("cash"), refusals.Disabled, "voucher_disabled"),
        (Disable(), refusals.Disabled, "voucher_disabled"),
    ],
)
def test_a_card_that_cannot_be_used_is_refused_before_anything_else(
    deed: CardDeed, reason: type[Refused], code: str
) -> None:
    desk = ClerkDesk()
    desk.do(deed)
    desk.refuses(reason, code, Redeem("999", None, "ben"))
    desk.pause("wrong amounts")
    desk.refuses(CampaignPaused, "campaign_paused", Redeem("999", None, "ben"))


def test_what_is_not_known_yet_is_not_looked_at() -> None:
    desk = ClerkDesk(minimum_order="20.00")
    assert why(desk, None, None, None, None, whole=False) is None
    assert why(desk, None, None, None, None) == "customer_rules_violated"
    assert why(desk, 104_01, None, None, None, whole=False) == "gift_amount_exceeded"
    desk.do(Redeem("104", "INV-1", "ana", "200"))
    assert why(desk, None, None, None, None, whole=False) == "gift_amount_exceeded"
