"""What there is to tell of a card: its transactions with the balance after each, its holder and bookings, what was refused."""

from dataclasses import replace

import pytest

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.cash import cashouts
from refundctl.ledger.desk import card_details, redeeming
from refundctl.ledger.desk.card_details import FailedAttempts, Holder, Step
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.desk.transferring import transfer
from support.desks.funded_desk import NOON, FundedDesk
from support.desks.funding_desk import FundingDesk

BOUGHT = NewRedemption(3, 1, Buckets(4_00, 5_00), 3, "INV-9", None)


def card(desk: FundedDesk | FundingDesk, number: int) -> Card:
    return read_card(desk.ledger.connection, number, NOON)


def move(desk: FundedDesk, number: int, successor: int, balance: Buckets) -> None:
    run = desk.journal.begin().run_id
    transfer(desk.connection, card=number, successor=successor, campaign=1, balance=balance, reason="lost", run_id=run)


def test_each_transaction_tells_the_balance_after_it_and_what_it_is_for(desk: FundedDesk) -> None:
    redeeming.redeem(desk.connection, BOUGHT, desk.run_id)
    found = card_details.transactions_of(desk.connection, 3)
    names = ("id", "bucket", "amount", "balance", "booking_id", "source_id", "related_transaction_id")
    assert [tuple(row[name] for name in names) for row in found] == [
        (3, "paid", 30_00, 30_00, "B3", "B3", None),
        (4, "bonus", 5_00, 35_00, "B3", "B3", None),
        (7, "paid", -4_00, 31_00, "B3", "INV-9", None),
        (8, "bonus", -5_00, 26_00, "B3", "INV-9", 7),
    ]
    assert card_details.transactions(desk.connection, [8, 3]) == [found[0], found[3]]
    [cash] = card_details.transactions(desk.connection, [5])
    assert (cash["card_id"], cash["balance"], cash["booking_id"]) == (None, None, "B2")
    assert card_details.contra_accounts_of(desk.connection, 3) == ["refunds_owed", "bonuses_owed", "sales", "sales"]


def test_whose_it_is_and_since_when(desk: FundedDesk) -> None:
    found = card(desk, 1)
    assert card_details.holder_of(desk.connection, found) == Holder("ana", None, "ana@example.com")
    published = Step("2020-06-01T12:00:00Z", desk.step("publish"))
    assert card_details.publication_of(desk.connection, found) == published
    assert card_details.activation_of(desk.connection, found) is None


def test_a_card_of_the_pool_is_nobodys_until_it_is_published() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=1)
    connection = desk.ledger.connection
    assert card_details.holder_of(connection, card(desk, 1)) is None
    assert card_details.publication_of(connection, card(desk, 1)) is None
    desk.load("booking_id,order_amount\nB1,100\n")
    desk.publish()
    assert card_details.publication_of(connection, card(desk, 1)) == Step("2020-05-01T12:00:00Z", 3)


def test_a_customers_card_is_for_the_bookings_that_it_or_what_it_replaces_was_topped_up_for() -> None:
    desk = FundingDesk(card_per="customer")
    desk.fund("booking_id,customer_id,order_amount\nB2,ana,100\nB3,bo,100\n")
    desk.fund("booking_id,customer_id,order_amount\nB1,ana,100\n")
    connection = desk.ledger.connection
    assert [card_details.bookings_of(connection, card(desk, number)) for number in (1, 2)] == [["B2", "B1"], ["B3"]]
    with desk.run() as run_id:
        transfer(connection, card=1, successor=2, campaign=1, balance=Buckets(200), reason=None, run_id=run_id)
    assert card_details.bookings_of(connection, card(desk, 2)) == ["B2", "B3", "B1"]


def test_the_cash_out_of_a_card_is_the_one_that_was_not_cancelled(desk: FundedDesk) -> None:
    def request() -> int:
        balance, connection = Buckets(30_00, 5_00), desk.connection
        return cashouts.request(connection, card=3, campaign=1, balance=balance, reason="why", run_id=desk.run_id)[0]

    assert card_details.cashout_of(desk.connection, card(desk, 3)) is None
    first = request()
    assert card_details.cashout_of(desk.connection, card(desk, 3)) == first
    cashouts.cancel(desk.connection, first, None, desk.run_id)
    assert card_details.cashout_of(desk.connection, card(desk, 3)) is None
    assert request() == card_details.cashout_of(desk.connection, card(desk, 3))


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2020-06-01T12:00:00Z", FailedAttempts(2, "refused", "2020-06-01T12:00:00Z")),
        ("2020-06-01T12:00:01Z", FailedAttempts(0, None, None)),
    ],
)
def test_what_was_refused_with_a_card_counts_since_a_moment(
    desk: FundedDesk, since: str, found: FailedAttempts
) -> None:
    for number in (1, 2, 1):
        desk.journal.post_attempt(Refused("No", "ask"), None, card=number)
    assert card_details.failed_attempts(desk.connection, card(desk, 1), since) == found


@pytest.mark.parametrize(
    ("code", "bought", "is_open"),
    [
        ("gift_amount_exceeded", {"invoice": "T-1"}, False),
        ("gift_amount_exceeded", {"invoice": "T-2"}, True),
        ("gift_amount_exceeded", {"invoice": "T-1", "card": 2, "customer": 2}, True),
        ("invoice_already_used", {"invoice": "T-1"}, False),
    ],
)
def test_an_overdraft_is_open_until_a_purchase_with_its_invoice_settles_it(
    desk: FundedDesk, code: str, bought: dict[str, object], is_open: bool
) -> None:
    redeeming.post_refused(desk.connection, 3, "T-1", 99_00, code, desk.run_id)
    [refused] = card_details.refused_redemptions_open(desk.connection)
    assert (refused["card_id"], refused["amount"], refused["code"]) == ("c3", 99_00, code)
    assert card_details.refused_redemptions_open(desk.connection, card=3, campaign=1) == [refused]
    assert card_details.refused_redemptions_open(desk.connection, card=1) == []
    assert card_details.refused_redemptions_open(desk.connection, campaign=2) == []
    purchase = replace(BOUGHT, amount=Buckets(1_00), **bought)  # type: ignore[arg-type]
    redeeming.redeem(desk.connection, purchase, desk.journal.begin().run_id)
    assert card_details.refused_redemptions_open(desk.connection) == ([refused] if is_open else [])


@pytest.mark.parametrize(("code", "is_open"), [("gift_amount_exceeded", False), ("invoice_already_used", True)])
def test_a_purchase_of_the_same_load_settles_all_but_what_its_own_invoice_made(
    desk: FundedDesk, code: str, is_open: bool
) -> None:
    redeeming.redeem(desk.connection, replace(BOUGHT, invoice="T-1"), desk.run_id)
    redeeming.post_refused(desk.connection, 3, "T-1", 99_00, code, desk.run_id)
    assert bool(card_details.refused_redemptions_open(desk.connection)) is is_open


def test_a_later_purchase_on_the_card_that_has_its_money_settles_it_too(desk: FundedDesk) -> None:
    redeeming.post_refused(desk.connection, 3, "T-1", 99_00, "gift_amount_exceeded", desk.run_id)
    move(desk, 3, 2, Buckets(30_00, 5_00))
    purchase = replace(BOUGHT, card=2, customer=2, invoice="T-1")
    redeeming.redeem(desk.connection, purchase, desk.journal.begin().run_id)
    assert card_details.refused_redemptions_open(desk.connection) == []
