"""What is told of a booking: amounts that add up, what changed from file to file, and nobody's address or code."""

from dataclasses import replace

from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.reading.booking_history import Booking, DefinitionSeen, LineCard, RunSeen, Version
from refundctl.operations.books.explained_booking import Amounts, ExplainedShare, Explanation, Line, LineStanding

RUN = RunSeen(2, "2020-05-01T12:00:00Z", "ann@desk")
FIRST = Version(
    line=1,
    key=1,
    number=1,
    refund_id="B1",
    customer=1,
    withdrawn=False,
    metadata_digest=b"one",
    run=RUN,
    values={
        "currency": "EUR",
        "order_amount": 100_00,
        "refund_amount": 100_00,
        "cash_amount": None,
        "bonus_amount": None,
        "status": "cancelled",
    },
)
# Of 100.00, 20.00 are owed in cash and 15.00 kept; 3.00 of bonus come back, and a rule gives 10.00.
AMOUNTS = Amounts(
    order_minor=100_00,
    refundable_minor=100_00,
    owed_in_cash_minor=20_00,
    cash_minor=20_00,
    fees=[ExplainedShare("agency", 10_00, None), ExplainedShare("late", 5_00, None)],
    paid_minor=40_00,
    given_back_minor=3_00,
    bonuses=[ExplainedShare("gold", 10_00, "20%")],
    offer="gift_card",
    offer_rule=None,
)


def standing(state: LineState) -> LineStanding:
    return LineStanding("refunds", state, None, None, DefinitionSeen(1, 1, {}), None)


def test_the_parts_are_all_that_is_refundable_and_the_bonus_is_on_top() -> None:
    found = AMOUNTS.as_json()
    assert found["refundable"] == found["settled_before"] + found["cash"] + found["fee"] + found["paid"]
    assert (found["settled_before"], found["fee"], found["bonus"], found["total"]) == (25_00, 15_00, 13_00, 53_00)


def test_a_line_is_what_it_is_most_to_any_campaign() -> None:
    states = (LineState.NOT_ELIGIBLE, LineState.FUNDED, LineState.UNDONE)
    line = Line([FIRST], [], [], [standing(state) for state in states])
    assert (line.state, line.as_json()["state"]) == (LineState.FUNDED, "funded")
    assert Line([FIRST], [], [], []).as_json()["state"] is None


def test_what_a_file_changed_is_told_but_of_persons_and_kept_columns_only_that_it_did() -> None:
    second = replace(FIRST, number=2, values={**FIRST.values, "status": "flown"}, customer=2)
    third = replace(second, number=3, metadata_digest=b"two", withdrawn=True)
    line = Line([FIRST, second, third], [], [], [])
    assert line.changes() == [
        {},
        {"status": ["cancelled", "flown"], "customer": []},
        {"withdrawn": [False, True], "metadata": []},
    ]
    assert line.as_json()["withdrawn"] is True
    assert [version["version"] for version in line.as_json()["versions"]] == [1, 2, 3]


def test_an_address_is_no_id_to_be_told_and_a_code_is_masked() -> None:
    line = Line([FIRST], [], [], [])
    told = [Explanation(Booking(1, "B1", given), [line]).customer_id for given in ("C-1", "ana@example.com", None)]
    assert told == ["C-1", None, None]
    card = LineCard(7, "RF-7KQ2-M9XD-4TWH-P3VN", 2)
    found = replace(standing(LineState.OPEN), card=card).as_json()
    assert (found["card_id"], found["code"], found["would_give"]) == ("c7", "****P3VN", None)
    assert standing(LineState.OPEN).as_json()["card_id"] is None
