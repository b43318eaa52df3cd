"""A till's rows are posted by what they say, wherever they stand; and since when a card could have been redeemed."""

from itertools import permutations

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.desk.staged_till_rows import (
    JudgedRedemption,
    StagedRedemptions,
    campaign_of,
    currency_and_timezone,
    made_at,
)
from refundctl.ledger.desk.transferring import transfer
from support.desks.damaged_books import damage
from support.desks.funded_desk import FundedDesk
from support.desks.funding_desk import FundingDesk

ROWS = {
    "early": ("T-9", "1.00", "2020-05-01T09:00:00Z", 100),
    "same invoice, less": ("T-1", "1.00", "2020-05-01T10:00:00Z", 100),
    "same invoice, more": ("T-1", "9.00", "2020-05-01T10:00:00Z", 900),
    "late": ("T-0", "1.00", "2020-05-01T11:00:00Z", 100),
}


def in_order(names: tuple[str, ...]) -> list[JudgedRedemption]:
    """The rows, staged from line 2 of a file in this order and judged as of card 1."""
    staged = StagedRedemptions(FundingDesk().ledger.connection)
    with staged.reading(1, "default"):
        invoices, amounts, moments, _ = zip(*(ROWS[name] for name in names), strict=True)
        columns = {"card_id": ["c1"] * len(names), "amount": amounts, "invoice": invoices, "redeemed_at": moments}
        staged.add(1, range(2, len(names) + 2), columns)
    for row, name in zip(list(staged.in_files()), names, strict=True):
        *_, moment, minor = ROWS[name]
        staged.judge(row, card=1, amount_minor=minor, order_total_minor=None, customer=None, moment=moment)
    return list(staged.in_order())


@pytest.mark.parametrize("names", [*permutations(ROWS)][::5])
def test_rows_go_by_moment_invoice_and_amount_in_whichever_order_they_stand(names: tuple[str, ...]) -> None:
    found = in_order(names)
    assert [names[row.line - 2] for row in found] == list(ROWS)
    assert {row.named_by for row in found} == {"card_id"}


def test_a_row_is_read_as_it_stands_and_one_that_was_not_judged_is_not_posted() -> None:
    staged = StagedRedemptions(FundingDesk().ledger.connection)
    staged.add(1, [7], {"code": ["A-1"], "amount": ["1.00"], "invoice": ["T-1"], "currency": ["EUR"]})
    staged.add(2, [2], {"card_id": ["c9"], "amount": ["x"], "invoice": ["T-2"]})
    first, second = staged.in_files()
    assert (first.file, first.line, first.code, first.card_id, first.currency) == (1, 7, "A-1", None, "EUR")
    assert (second.file, second.line, second.amount) == (2, 2, "x")
    staged.judge(first, card=4, amount_minor=100, order_total_minor=500, customer=0, moment="2020-05-01T12:00:00Z")
    assert list(staged.in_order()) == [JudgedRedemption(1, 7, 4, 100, 500, 0, "T-1", None, "code")]


def test_a_card_was_made_when_the_first_of_those_that_it_replaces_was(desk: FundedDesk) -> None:
    later = desk.journal.begin().run_id
    damage(
        desk.connection,
        f"UPDATE runs SET started_at = '2020-07-01T00:00:00Z' WHERE id = {later}",
        f"UPDATE cards SET run_id = {later} WHERE id IN (2, 3)",
    )
    assert [made_at(desk.connection, card) for card in (1, 2)] == ["2020-06-01T12:00:00Z", "2020-07-01T00:00:00Z"]
    for card, successor in ((1, 2), (2, 3)):
        transfer(
            desk.connection,
            card=card,
            successor=successor,
            campaign=1,
            balance=Buckets(),
            reason=None,
            run_id=desk.run_id,
        )
    assert [made_at(desk.connection, card) for card in (1, 2, 3)] == ["2020-06-01T12:00:00Z"] * 3


def test_the_newest_definition_says_in_which_time_zone_a_campaign_is() -> None:
    desk = FundingDesk(timezone="Europe/Warsaw")
    desk.say(timezone="Asia/Tokyo")
    assert currency_and_timezone(desk.ledger.connection, 1) == ("EUR", "Asia/Tokyo")
    desk.fund("booking_id,order_amount\nB1,100\n")
    assert campaign_of(desk.ledger.connection, 1) == 1
