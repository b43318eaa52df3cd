"""A fee is due once for a booking: what one refund line could not give, the next one does, in the order of their ids."""

from refundctl.ledger.funding.fees_in_turn import find_turns
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings, reopen
from support.desks.funding_desk import FundingDesk

HEADER = "booking_id,refund_id,order_amount,refund_amount\n"
MONDAY = f"{HEADER}A1,A1-2,10000,2500\nA1,A1-1,10000,2000\nB1,B1-1,10000,1800\n"
TUESDAY = f"{HEADER}A1,A1-3,10000,5500\nB1,B1-2,10000,5000\n"
FEE = {"fees": [{"name": "service", "fixed": "30.00"}]}


def fees(desk: FundingDesk) -> dict[str, tuple[int, int]]:
    """What each line still to be funded would pay, and as a fee."""
    return {name: (line.paid_minor, line.fee_minor) for name, line in desk.lines().items()}


def test_what_was_taken_of_a_booking_in_another_file_counts() -> None:
    desk = FundingDesk(refund=FEE)
    desk.load(MONDAY)
    assert fees(desk) == {"A1/A1-1": (0, 20_00), "A1/A1-2": (15_00, 10_00), "B1/B1-1": (0, 18_00)}
    desk.publish()
    desk.top_up()
    desk.load(TUESDAY)
    found = fees(desk)
    assert (found["A1/A1-3"], found["B1/B1-2"]) == ((55_00, 0), (38_00, 12_00))


def test_what_several_lines_have_given_is_added_up_for_the_next() -> None:
    desk = FundingDesk(refund=FEE)
    desk.load(f"{HEADER}A1,A1-1,10000,1000\nA1,A1-2,10000,1200\nA1,A1-3,10000,5000\n")
    assert fees(desk) == {"A1/A1-1": (0, 10_00), "A1/A1-2": (0, 12_00), "A1/A1-3": (42_00, 8_00)}


def test_lines_take_their_turn_by_their_ids_and_only_this_campaigns_fees_count() -> None:
    desk = FundingDesk(refund=FEE)
    desk.fund(MONDAY)
    desk.settled()
    connection = desk.ledger.connection
    assert find_turns(connection, 1, "TRUE").highest == 2
    turns = desk.read("SELECT turn, refund_id FROM turns JOIN line_versions ON id = line ORDER BY turns.booking, turn")
    assert turns == [(1, "A1-1"), (2, "A1-2"), (1, "B1-1")]
    assert desk.read("SELECT rule, minor FROM fees_taken ORDER BY booking") == [("service", 30_00), ("service", 18_00)]
    find_turns(connection, 2, "TRUE")
    assert desk.read("SELECT * FROM fees_taken") == []
    assert find_turns(connection, 1, "FALSE").highest == 0


def test_a_fee_of_another_name_is_another_fee() -> None:
    desk = FundingDesk(refund=FEE)
    desk.fund(f"{HEADER}B1,B1-1,10000,1800\n")
    desk.say(refund={"fees": [{"name": "handling", "fixed": "30.00"}]})
    desk.load(TUESDAY)
    assert fees(desk)["B1/B1-2"] == (20_00, 30_00)


def test_what_an_undo_took_back_is_due_again() -> None:
    desk = FundingDesk(refund=FEE)
    desk.fund(f"{HEADER}A1,A1-1,10000,2000\n")
    [(funded,)] = desk.read("SELECT max(id) FROM runs")
    with desk.run() as run_id:
        note_undoings(desk.ledger.connection, [funded], None, run_id)
        take_back(desk.ledger.connection, funded, None, run_id)
    desk.load(f"{HEADER}A1,A1-2,10000,4000\n")
    assert fees(desk)["A1/A1-2"] == (10_00, 30_00)
    with desk.run() as run_id:
        reopen(desk.ledger.connection, [funded], run_id)
    assert fees(desk) == {"A1/A1-1": (0, 20_00), "A1/A1-2": (30_00, 10_00)}
