"""All that the desk is told of a card: no code unless it is to be revealed, and how often something was refused."""

from refundctl.operations.desk.activate import Activate, Assign
from refundctl.operations.desk.disable import Disable
from refundctl.operations.desk.looking_at_cards import look
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import BalanceTooLow
from refundctl.operations.desk.show import Shown, show
from refundctl.operations.desk.transfer import Transfer
from support.desks.clerk_desk import ClerkDesk


def shown(desk: ClerkDesk, card: str = "c1", *, reveal: bool = False) -> Shown:
    return look(desk.ledger, desk.journal("card show"), card, lambda seen: show(seen, reveal=reveal))


def test_a_code_is_masked_unless_it_is_to_be_revealed() -> None:
    desk = ClerkDesk()
    code = desk.card().code
    assert shown(desk).facts["code"] == f"****{code[-4:]}"
    assert shown(desk, reveal=True).facts["code"] == code


def test_attempts_of_thirty_days_are_counted_and_the_last_is_told() -> None:
    desk = ClerkDesk()
    for moment, deed in (("2020-05-01T12:00:00Z", Redeem("104.01", "INV-1", "ana")), ("2020-05-02T12:00:00Z", None)):
        desk.at(moment)
        desk.refuses(BalanceTooLow, "gift_amount_exceeded", deed or Redeem("105", "INV-1", "ana"))
    desk.at("2020-05-31T12:00:00Z")
    assert shown(desk).facts["failed_attempts"] == {
        "count": 2,
        "days": 30,
        "last_code": "gift_amount_exceeded",
        "last_at": "2020-05-02T12:00:00Z",
    }
    desk.at("2020-05-31T12:00:01Z")
    assert shown(desk).facts["failed_attempts"]["count"] == 1
    assert shown(desk, "c2").facts["failed_attempts"] == {"count": 0, "days": 30, "last_code": None, "last_at": None}


def test_whether_anything_can_be_bought_now_whatever_it_is() -> None:
    desk = ClerkDesk()
    desk.set_pin("2580")
    assert (shown(desk).facts["redeemable"], shown(desk).refusal) == (True, None)
    desk.do(Disable())
    found = shown(desk)
    assert (found.facts["redeemable"], found.facts["refusal"]["code"]) == (False, "voucher_disabled")
    assert str(found.refusal) == found.facts["refusal"]["message"]
    assert desk.read("SELECT count(*) FROM attempts") == [(0,)]


def test_which_way_a_card_came_to_its_holder() -> None:
    desk = ClerkDesk(type="STATIC", vouchers_count=3)
    names = ("customer_id", "booking_ids", "published_at", "activated_at")
    desk.at("2020-05-02T12:00:00Z")
    desk.do(Activate(), "c3")
    assert [shown(desk, "c3").facts[name] for name in names] == [None, [], None, "2020-05-02T12:00:00Z"]
    desk.at("2020-05-03T12:00:00Z")
    desk.do(Assign("ben"), "c3")
    found = [shown(desk, "c3").facts[name] for name in names]
    assert found == ["ben", [], "2020-05-03T12:00:00Z", "2020-05-02T12:00:00Z"]
    assert [shown(desk).facts[name] for name in names] == ["ana", ["B1"], "2020-05-01T12:00:00Z", None]


def test_transactions_with_the_account_at_their_other_side_and_the_cards_before_and_after() -> None:
    desk = ClerkDesk()
    desk.do(Redeem("30", "INV-1", "ana"))
    desk.do(Transfer())
    names = ("bucket", "amount", "balance", "contra_account")
    assert [tuple(row[name] for name in names) for row in shown(desk).transactions] == [
        ("paid", 100_00, 100_00, "refunds_owed"),
        ("bonus", 4_00, 104_00, "bonuses_owed"),
        ("paid", -26_00, 78_00, "sales"),
        ("bonus", -4_00, 74_00, "sales"),
        ("paid", -74_00, 0, "transfers"),
    ]
    assert (shown(desk).facts["successor"], shown(desk, "c3").facts["replaces"]) == ("c3", ["c1"])
