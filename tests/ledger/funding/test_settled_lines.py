"""What each line is given, and by which rule: in the order of the rules' entries, and only of rules that give anything."""

from refundctl.domain.campaigns.refund_policy import Policy
from refundctl.ledger.funding.settled_lines import BONUS_SLOT, FEE_SLOT, SettledTable
from support.desks.funding_desk import FundingDesk

REFUND = {
    "fees": [{"name": "late", "fixed": "1.00"}, {"name": "agency", "fixed": "2.00", "when": {"channel": ["agency"]}}],
    "bonuses": [{"name": "gold", "fixed": "9.00", "when": {"tier": ["gold"]}}, {"name": "thanks", "fixed": "0.50"}],
    "bonus_stacking": "sum",
}


def test_only_rules_that_give_any_line_anything_are_told_in_the_order_of_their_entries() -> None:
    desk = FundingDesk(refund=REFUND)
    desk.load("booking_id,order_amount,channel,tier\nB1,1000,agency,\nB2,1000,,\n")
    settled = desk.settled()
    entries = [(one.rule.name, one.slot) for one in settled.rules_giving("bonus", "fee")]
    assert entries == [("thanks", BONUS_SLOT + 1), ("late", FEE_SLOT), ("agency", FEE_SLOT + 1)]
    assert [one.rule.name for one in settled.rules_giving("bonus")] == ["thanks"]
    assert settled.rules_giving("cash") == []


def test_each_line_tells_its_shares_and_their_sums() -> None:
    desk = FundingDesk(refund=REFUND)
    desk.load("booking_id,order_amount,bonus_amount,channel,tier\nB1,1000,70,agency,gold\nB2,1000,0,,\n")
    first, second = desk.lines().values()
    assert first.shares == [
        ("bonus", "gold", 9_00),
        ("bonus", "thanks", 50),
        ("fee", "late", 1_00),
        ("fee", "agency", 2_00),
    ]
    assert (first.paid_minor, first.bonus_minor, first.cash_minor, first.fee_minor) == (7_00, 10_20, 0, 3_00)
    assert second.shares == [("bonus", "thanks", 50), ("fee", "late", 1_00)]
    assert (second.paid_minor, second.bonus_minor, second.fee_minor) == (9_00, 50, 1_00)


def test_what_a_bonus_gives_before_it_is_stacked_has_a_column_only_where_one_has_a_total() -> None:
    def columns(**gold: str) -> list[str]:
        bonuses = [{"name": "gold", "percentage": "1", **gold}, {"name": "thanks", "fixed": "1.00"}]
        return SettledTable(2, Policy.from_terms({"refund": {"bonuses": bonuses}}, "EUR")).columns

    plain = ["booking", "line", "offer", "paid", "cash", "back", "bonus_0", "bonus_1"]
    assert columns() == plain
    assert columns(total="50.00") == [*plain, "raw_0", "raw_1"]
