"""The total of a bonus rule is shared out among the lines that are to be funded, in the order of booking and refund ids."""

from refundctl.ledger.funding.bonus_limits import limit_totals
from support.desks.funding_desk import FundingDesk

ROWS = "booking_id,order_amount\nB3,1000\nB1,1000\nB2,1000\n"


def test_what_is_left_goes_to_the_first_ones() -> None:
    desk = FundingDesk(refund={"bonuses": [{"name": "gold", "percentage": "10", "total": "2.50"}]})
    found = desk.fund(ROWS)
    assert (found.paid_minor, found.bonus_minor) == (3000, 250)
    bonuses = """
        SELECT booking_id, amount_minor FROM transactions JOIN refund_lines USING (line)
        WHERE bucket = 'bonus' ORDER BY booking_id
    """
    assert desk.read(bonuses) == [("B1", 100), ("B2", 100), ("B3", 50)]


def test_lines_that_are_not_to_be_funded_take_nothing() -> None:
    desk = FundingDesk(refund={"bonuses": [{"name": "gold", "percentage": "10", "total": "1.50"}]})
    desk.load(ROWS)
    settled = desk.settled()
    limit_totals(settled, "considered.line <> :line", {"line": 2})  # that is B1
    assert {line.line: line.bonus_minor for line in settled.lines()} == {1: 50, 2: 100, 3: 100}


def test_a_rule_that_is_used_up_leaves_lines_to_the_next_one() -> None:
    bonuses = [{"name": "gold", "fixed": "2.00", "total": "3.00"}, {"name": "all", "fixed": "1.50"}]
    desk = FundingDesk(refund={"bonuses": bonuses, "bonus_stacking": "best"})
    desk.fund(ROWS)
    given = "SELECT reason, sum(amount_minor) FROM transactions WHERE bucket = 'bonus' GROUP BY 1 ORDER BY 1"
    assert desk.read(given) == [("all", 300), ("gold", 200)]


def test_what_was_given_before_counts() -> None:
    desk = FundingDesk(refund={"bonuses": [{"name": "gold", "percentage": "10", "total": "1.20"}]})
    assert desk.fund("booking_id,order_amount\nB1,1000\n").bonus_minor == 100
    assert desk.fund("booking_id,order_amount\nB0,1000\n").bonus_minor == 20
