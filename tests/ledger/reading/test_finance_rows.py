"""The rows for finance: every card, transaction, publication and redemption of a campaign, in order."""

from refundctl.ledger.reading import finance_rows
from support.desks.funded_desk import FundedDesk


def test_cards_with_state_balance_and_uses(desk: FundedDesk) -> None:
    rows = finance_rows.card_rows(desk.connection, 1, "2020-06-01")
    assert [(row[0], *row[2:6], row[8]) for row in rows] == [
        (1, "ana", "B1", "active", 75_00, 1),
        (2, "bo", "B2", "active", 30_00, 0),
        (3, "dee", "B3", "active", 35_00, 0),
    ]


def test_transactions_with_the_balance_after_each(desk: FundedDesk) -> None:
    rows = finance_rows.transaction_rows(desk.connection, 1)
    assert sorted((row[1] or 0, *row[3:7]) for row in rows) == [
        (0, "cash", 20_00, None, "B2"),
        (1, "paid", -25_00, 75_00, "B1"),
        (1, "paid", 100_00, 100_00, "B1"),
        (2, "paid", 30_00, 30_00, "B2"),
        (3, "bonus", 5_00, 35_00, "B3"),
        (3, "paid", 30_00, 30_00, "B3"),
    ]


def test_publications_and_redemptions(desk: FundedDesk) -> None:
    published = finance_rows.publication_rows(desk.connection, 1)
    assert [row[:3] for row in published] == [(1, "ana", "B1"), (2, "bo", "B2"), (3, "dee", "B3")]
    [redeemed] = finance_rows.redemption_rows(desk.connection, 1)
    assert (redeemed[1], redeemed[2], *redeemed[4:8]) == (1, "ana", 25_00, 0, None, 0)
