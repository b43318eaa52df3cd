"""Files for finance: every row of a campaign or those of some bookings, whole and under their digest."""

import hashlib
from pathlib import Path

import pytest

from refundctl.domain.campaigns.conditions import Condition
from refundctl.operations.books.export import export
from refundctl.operations.campaigns.terms import CampaignUnknown
from refundctl.operations.desk.issue import Goodwill, issue
from refundctl.operations.desk.redeem import Redeem
from support.desks.bookings_desk import rows_of
from support.desks.clerk_desk import ClerkDesk

ROWS = "booking_id,customer_id,tier,order_amount\nB1,ana,gold,10000\nB2,ben,,5000\n"
GOLD = Condition.parse({"tier": ["gold"]})


def opened() -> ClerkDesk:
    """c1 and c2 hold 104.00 and 52.00, of which 30.00 and 1.00 are spent; another campaign has a card of its own."""
    desk = ClerkDesk(ROWS, activity_duration_after_publishing="P365D")
    desk.also("flights")
    issue(desk.ledger, desk.journal("card issue"), Goodwill("flights", "ana", "5", "sorry"))
    desk.do(Redeem("30", "INV-1", "ana"), "c1")
    desk.do(Redeem("1", "INV-2", "ben"), "c2")
    return desk


@pytest.mark.parametrize(
    ("kind", "rows", "gold"),
    [("cards", 2, 1), ("transactions", 7, 4), ("publications", 2, 1), ("redemptions", 2, 1), ("bookings", 2, 1)],
)
def test_each_kind_has_the_rows_of_its_campaign_or_of_the_bookings_that_are_meant(
    kind: str, rows: int, gold: int, tmp_path: Path
) -> None:
    desk = opened()
    for where, count in ((Condition(), rows), (GOLD, gold)):
        path = tmp_path / f"{count}.csv"
        file = export(desk.ledger, kind, "refunds", str(path), where)
        assert (file.rows, len(rows_of(path))) == (count, count)
        assert (file.path, file.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
        assert export(desk.ledger, kind, "refunds", None, where).rows == count  # only counted


def test_a_card_has_expired_by_the_day_of_its_campaign(tmp_path: Path) -> None:
    desk, path = opened(), tmp_path / "cards.csv"
    states = []
    for moment in ("2021-05-01T23:59:59Z", "2021-05-02T00:00:00Z"):
        desk.at(moment)
        export(desk.ledger, "cards", "refunds", str(path))
        states.append([(row["card_id"], row["state"], row["balance"]) for row in rows_of(path)])
    assert states == [
        [("c1", "active", "74.00"), ("c2", "active", "51.00")],
        [("c1", "expired", "74.00"), ("c2", "expired", "51.00")],
    ]


def test_a_campaign_without_rows_has_a_header_and_one_that_there_is_not_no_file(tmp_path: Path) -> None:
    desk, path = opened(), tmp_path / "redeemed.csv"
    assert export(desk.ledger, "redemptions", "flights", str(path)).rows == 0
    assert path.read_text(encoding="utf-8").startswith("id,campaign,card_id,customer_id,invoice,amount")
    with pytest.raises(CampaignUnknown):
        export(desk.ledger, "cards", "hotels", str(tmp_path / "none.csv"))
    assert [found.name for found in tmp_path.iterdir()] == ["redeemed.csv"]
