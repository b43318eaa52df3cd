"""What a plan binds: the digest of what each line is given, and what each rule gave."""

from refundctl.ledger.funding import plans
from refundctl.ledger.funding.plans import RuleShare
from support.desks.funding_desk import FundingDesk

HEADER = "booking_id,customer_id,order_amount\n"
ROWS = "B1,ana,100\nB2,ben,100\nB3,cat,100\n"


def digest(rows: str) -> str:
    return plans.lines_digest(FundingDesk().fund_considered(HEADER + rows))


def test_the_digest_is_of_what_lines_are_given_not_of_their_numbers() -> None:
    assert digest("".join(reversed(ROWS.splitlines(keepends=True)))) == digest(ROWS)
    assert digest(ROWS.replace("cat,100", "cat,101")) != digest(ROWS)
    assert digest(ROWS.replace("cat", "dan")) != digest(ROWS)


def test_what_each_rule_gave_and_kept() -> None:
    bonus = {"name": "gold", "when": {"tier": ["gold"]}, "percentage": "10"}
    fee = {"name": "late", "when": {"tier": ["late"]}, "percentage": "5"}
    desk = FundingDesk(refund={"bonuses": [bonus], "fees": [fee]})
    desk.fund("booking_id,order_amount,tier\nB1,100,gold\nB2,200,gold\nB3,100,late\nB4,100,\n")
    shares = [RuleShare("fee", "late", 1, 5), RuleShare("bonus", "gold", 2, 30)]
    assert plans.rule_shares(desk.ledger.connection, 0) == shares
    assert plans.rule_shares(desk.ledger.connection, desk.read("SELECT max(id) FROM transactions")[0][0]) == []
