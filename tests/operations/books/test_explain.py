"""How a booking's amount came about: what was posted, by which rules as they were then, and what stops it now."""

import pytest

from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from refundctl.operations.books.explain import BookingUnknown, explain
from refundctl.operations.books.explained_booking import Line
from support.desks.funding_desk import FundingDesk

POLICY = {
    "fees": [{"name": "agency", "fixed": "5.00", "percentage": "10"}],
    "bonuses": [{"name": "gold", "when": {"tier": ["gold"]}, "percentage": "20", "at_most": "10.00"}],
}
HEADER = "booking_id,customer_id,tier,status,order_amount,cash_amount,bonus_amount\n"
GOLD = HEADER + "B1,ana,gold,cancelled,10000,2000,300\n"


def line_of(desk: FundingDesk, booking: str = "B1") -> Line:
    [line] = explain(desk.ledger, booking).lines
    return line


def why(desk: FundingDesk, booking: str = "B1") -> tuple[str, str | None]:
    """What a booking is to the first campaign, and what stands in its way."""
    found = line_of(desk, booking).standings[0]
    return (found.state.label, found.why)


def test_what_was_posted_is_told_by_the_rules_of_then() -> None:
    desk = FundingDesk(refund=POLICY)
    desk.fund(GOLD)
    desk.say(refund={"fees": [{"name": "agency", "fixed": "1.00"}]})
    [funding] = line_of(desk).fundings
    assert (funding.definition.number, funding.card.key if funding.card else None) == (1, 1)
    found = funding.amounts.as_json()
    # 5.00 and a tenth of the order are kept, 20.00 owed in cash: a fifth of the 65.00 left is more than 10.00.
    assert [found[name] for name in ("cash", "fee", "paid", "bonus_given_back", "bonus", "total")] == [
        20_00,
        15_00,
        65_00,
        3_00,
        13_00,
        78_00,
    ]
    assert (found["settled_before"], found["owed_in_cash"], found["offer"], found["offer_rule"]) == (
        0,
        20_00,
        "gift_card",
        None,
    )
    assert [share["terms"] for share in (*found["fees"], *found["bonuses"])] == [
        "EUR 5.00 + 10% of the order",
        "20%, at most EUR 10.00",
    ]


def test_what_the_next_top_up_would_give_is_what_it_gives() -> None:
    desk = FundingDesk(refund=POLICY)
    desk.load(GOLD)
    coming = line_of(desk).standings[0].amounts
    desk.publish()
    desk.top_up()
    [funding] = line_of(desk).fundings
    assert coming == funding.amounts
    assert (line_of(desk).standings[0].amounts, why(desk)) == (None, ("funded", None))


def test_an_offer_of_cash_is_told_by_its_number() -> None:
    offers = [{"when": {"tier": ["none"]}, "offer": "none"}, {"when": {"tier": ["gold"]}, "offer": "cash"}]
    desk = FundingDesk(refund={"offers": offers})
    desk.fund(GOLD + "B2,ben,none,cancelled,700,,\nB3,cy,,cancelled,700,,\n")
    [funding] = line_of(desk).fundings
    # Only the bonus that had been spent on the order is on a card.
    assert (funding.amounts.total_minor, funding.amounts.given_back_minor) == (3_00, 3_00)
    assert (funding.amounts.cash_minor, funding.amounts.owed_in_cash_minor) == (100_00, 20_00)
    assert (funding.amounts.offer, funding.amounts.offer_rule) == ("cash", 2)
    assert why(desk, "B2") == ("offer_none", "offer 1 gives nothing")
    [funding] = line_of(desk, "B3").fundings
    assert (funding.amounts.offer, funding.amounts.offer_rule) == ("gift_card", None)


def test_what_was_taken_back_is_told_with_its_reason_and_how_it_may_be_funded_again() -> None:
    desk = FundingDesk()
    desk.fund(GOLD)
    [(topup,)] = desk.read("SELECT DISTINCT run_id FROM transactions")
    with desk.run() as run_id:
        note_undoings(desk.ledger.connection, [topup], "wrong file", run_id)
        take_back(desk.ledger.connection, topup, None, run_id)
    line = line_of(desk)
    [taken] = line.fundings[0].taken_back
    assert (taken.run.run_id, taken.reason) == (run_id, "wrong file")
    assert taken.by_bucket == {"paid": 80_00, "bonus": 3_00, "cash": 20_00, "fee": 0}
    assert why(desk) == (
        "undone",
        f"run {topup} was undone; `refundctl undo --reopen {topup}` lets it be funded again",
    )


def test_what_stands_in_the_way_of_a_line_now() -> None:
    desk = FundingDesk(
        eligible={"status": ["cancelled"]}, refund={"requires_acceptance": True}, budget={"per_card": "50.00"}
    )
    desk.load(
        "booking_id,customer_id,status,accepted,currency,order_amount\nB1,ana,flown,yes,EUR,700\n"
        "B2,ana,cancelled,,EUR,700\nB3,ana,cancelled,yes,USD,700\nB4,ana,cancelled,yes,EUR,5001\n"
        "B5,ana,cancelled,yes,EUR,5000\nB6,ana,cancelled,no,EUR,700\n"
    )
    assert why(desk, "B1") == ("not_eligible", "status is flown")
    assert why(desk, "B2") == ("not_accepted", "accepted is blank")
    assert why(desk, "B6") == ("not_accepted", "accepted is no")
    assert why(desk, "B3") == ("other_currency", "it is in USD, the campaign in EUR")
    state, reason = why(desk, "B4")
    assert state == "per_card"
    assert str(reason).endswith("would together pass the budget per card of EUR 50.00")
    assert why(desk, "B5") == ("open", None)


def test_a_refund_line_by_its_id_and_what_there_is_not() -> None:
    desk = FundingDesk()
    desk.load("booking_id,refund_id,order_amount,refund_amount\nB1,r1,1000,400\nB1,r2,1000,600\n")
    found = [line.now.refund_id for refund in (None, "r2") for line in explain(desk.ledger, "B1", refund).lines]
    assert found == ["r1", "r2", "r2"]
    with pytest.raises(BookingUnknown, match=r"B1 has no refund r3 \(it has: r1, r2\)"):
        explain(desk.ledger, "B1", "r3")
    with pytest.raises(BookingUnknown, match="There is no booking B2"):
        explain(desk.ledger, "B2")
