"""All that is held on one person: their lines, cards, purchases, messages and runs, and nothing of anybody else's."""

from dataclasses import replace

from refundctl.domain.basics.errors import Refused
from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards.card_transactions import last_transaction
from refundctl.ledger.cash import cashouts
from refundctl.ledger.delivery import hand_overs
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.card_details import Step
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.desk.transferring import transfer
from refundctl.ledger.people import erasing
from refundctl.ledger.people.finding_people import customers_at
from refundctl.ledger.reading import whole_person
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk
from support.desks.funding_desk import FundingDesk
from support.desks.staging_desk import StagingDesk

ANA, BO, DEE = 1, 2, 3


def test_who_somebody_is_and_since_when_they_are_known(desk: FundedDesk) -> None:
    known = Step("2020-06-01T12:00:00Z", desk.step("load"))
    said_again = "INSERT INTO customer_versions (customer, digest, run_id) VALUES (?, zeroblob(32), ?)"
    desk.connection.execute(said_again, (ANA, desk.run_id))
    ana = whole_person.customer(desk.connection, ANA)
    assert (ana.customer_id, ana.email, ana.known_since) == ("ana", "ana@example.com", known)
    assert (ana.erased, ana.erased_by) == (None, None)
    assert customers_at(desk.connection, "ANA@example.COM") == [(ANA, "ana")]
    erasing.erase(desk.connection, ANA, desk.run_id)
    gone = whole_person.customer(desk.connection, ANA)
    assert (gone.email, gone.name, gone.customer_id[:7]) == (None, None, "erased-")
    assert (gone.erased, gone.erased_by) == (Step("2020-06-01T12:00:00Z", desk.run_id), "ann@desk")
    assert customers_at(desk.connection, "ana@example.com") == []


def test_a_line_is_whose_it_is_now_and_each_version_whose_it_was() -> None:
    desk = StagingDesk()
    desk.load('booking_id,customer_id,order_amount,metadata\nB1,ana,100,"{""seat"":""12A""}"\nB2,ana,50,\n')
    desk.load("booking_id,customer_id,order_amount\nB1,bo,90\n")
    connection = desk.ledger.connection
    [(number,)] = desk.read("SELECT id FROM customers WHERE customer_id = 'bo'")
    lines = {who: whole_person.lines_of(connection, who) for who in (ANA, number)}
    assert [line["booking_id"] for line in lines[ANA]] == ["B2"]
    [line] = lines[number]
    assert (line["booking_id"], line["refund_id"], line["order_amount"], line["version"]) == ("B1", "B1", 90, 2)
    assert line["withdrawn"] is False
    said = [
        (each["booking_id"], each["version"], each["metadata"]) for each in whole_person.versions_of(connection, ANA)
    ]
    assert said == [("B1", 1, {"seat": "12A"}), ("B2", 1, None)]
    assert [each["version"] for each in whole_person.versions_of(connection, number)] == [2]


def test_cards_are_told_that_somebody_holds_or_held_from_a_pool_too() -> None:
    desk = FundingDesk(type="STATIC", vouchers_count=1)
    desk.say(type="AUTO_UPDATE")
    desk.fund("booking_id,customer_id,order_amount\nB1,ana,100\nB2,bo,100\nB3,ana,100\n")
    connection = desk.ledger.connection
    with desk.run() as run_id:
        balance = Buckets(100)
        transfer(connection, card=1, successor=3, campaign=1, balance=balance, reason=None, run_id=run_id)
    assert [whole_person.cards_of(connection, who) for who in (1, 2, 9)] == [[1, 3], [2], []]


def test_what_lines_were_given_is_net_of_undo(desk: FundedDesk) -> None:
    given = {"campaign": "flight-refunds", "card_id": None, "paid": 0, "bonus": 0, "cash": 0, "fee": 0}
    assert whole_person.given_to(desk.connection, [2, 3]) == {
        2: [{**given, "card_id": "c2", "paid": 30_00, "cash": 20_00}],
        3: [{**given, "card_id": "c3", "paid": 30_00, "bonus": 5_00}],
    }
    assert whole_person.without_card(desk.connection, [1, 2, 3]) == [5]
    topup = desk.step("topup")
    note_undoings(desk.connection, [topup], None, desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    assert whole_person.given_to(desk.connection, [1, 2, 3]) == {1: [{**given, "card_id": "c1", "paid": 25_00}]}
    assert whole_person.without_card(desk.connection, [2]) == [5, 11]


def test_purchases_are_those_with_somebodys_cards_and_those_that_they_made_with_anothers(desk: FundedDesk) -> None:
    bought = NewRedemption(3, 1, Buckets(4_00, 5_00), ANA, "INV-9", 10_00)
    redeeming.redeem(desk.connection, bought, desk.run_id)
    redeeming.redeem(
        desk.connection, replace(bought, amount=Buckets(1_00), invoice="INV-10", customer=None), desk.run_id
    )
    past = redeeming.redemption_of(desk.connection, 7)
    assert past is not None
    redeeming.roll_back(desk.connection, past, Buckets(4_00, 1_00), card=3, reason=None, run_id=desk.run_id)
    names = ("id", "card_id", "customer_id", "amount", "given_back")

    def told(number: int, *cards: int) -> list[tuple[object, ...]]:
        found = whole_person.redemptions_by(desk.connection, number, cards)
        return [tuple(each[name] for name in names) for each in found]

    of_another = (7, "c3", "ana", 9_00, 5_00)
    assert told(ANA, 1) == [(6, "c1", "ana", 25_00, 0), of_another]
    assert told(DEE, 3) == [of_another, (9, "c3", None, 1_00, 0)]
    assert told(BO, 2) == []


def test_messages_are_the_hand_overs_with_a_credit_of_the_card_and_later_ones_for_everyone(desk: FundedDesk) -> None:
    def told(*cards: int) -> list[tuple[int, list[str], bool]]:
        found = whole_person.hand_overs_about(desk.connection, cards)
        return [(each["batch"], each["cards"], each["delivered_at"] is not None) for each in found]

    assert told(1, 2) == [(1, ["c1", "c2"], True)]
    assert told(3) == []
    last = last_transaction(desk.connection)
    found = hand_overs.find_new_credits(desk.connection, 1, "generic", fresh_after=last)
    hand_overs.reserve(found, directory="/out", file_name="all.csv", everyone=True, run_id=desk.run_id)
    assert told(2) == [(1, ["c2"], True), (2, ["c2"], False)]
    assert told(3) == []


def test_a_card_is_unmailed_as_long_as_a_credit_of_it_was_handed_to_nobody(desk: FundedDesk) -> None:
    assert whole_person.unmailed_cards(desk.connection, [1, 2, 3]) == [3]
    assert whole_person.unmailed_cards(desk.connection, [1, 2]) == []
    note_undoings(desk.connection, [desk.step("topup")], None, desk.run_id)
    assert whole_person.unmailed_cards(desk.connection, [3]) == []


def test_refusals_cash_outs_and_runs_are_those_about_the_person(desk: FundedDesk) -> None:
    desk.journal.post_attempt(Refused("No", "ask"), None, card=3)
    asked = desk.journal.begin(step="cashout request").run_id
    balance = Buckets(30_00, 5_00)
    cashouts.request(desk.connection, card=3, campaign=1, balance=balance, reason="why", run_id=asked)
    assert [each["card_id"] for each in whole_person.attempts_with(desk.connection, [2, 3])] == ["c3"]
    assert whole_person.attempts_with(desk.connection, [2]) == []
    assert [whole_person.cashouts_of(desk.connection, [card]) for card in (2, 3)] == [[], [7]]
    ran = {
        who: [run["command"] for run in whole_person.runs_about(desk.connection, who, [who])] for who in (ANA, BO, DEE)
    }
    assert ran == {
        ANA: ["load", "publish", "topup", "card redeem"],
        BO: ["load", "publish", "topup"],
        DEE: ["load", "publish", "topup", "cashout request"],
    }
