"""A person: who is meant, all that is held on them, and what erasing them leaves out of reach."""

import json

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.operations.cash.cashout import Request
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.disable import Deactivate, Disable
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import BalanceTooLow, CustomerUnknown
from refundctl.operations.people.customer import ErasedCustomer, SeveralCustomers, View, erase, everything, find, view
from support.desks.clerk_desk import ClerkDesk

ROWS = """\
booking_id,customer_id,email,name,order_amount,cash_amount,accepted
B1,ana,ana@example.com,Ana Nowak,10000,,yes
B2,ana,ana@example.com,Ana Nowak,5000,2000,
B3,ben,both@example.com,Al,7000,,
B4,cy,both@example.com,Cy,7000,,
"""


def look_at(desk: ClerkDesk, named: str) -> View:
    with desk.ledger.reading():
        return view(desk.ledger, find(desk.ledger, named))


def erased(desk: ClerkDesk, named: str, reason: str | None = None) -> ErasedCustomer:
    with desk.ledger.writing() as writing:
        found = erase(desk.ledger, desk.journal("customer erase"), named, reason)
        writing.keep = found.run_id is not None
    return found


def test_who_is_meant_by_an_id_or_by_an_address_that_only_one_has() -> None:
    desk = ClerkDesk(ROWS)
    assert [find(desk.ledger, named).customer_id for named in (" ben ", "ana@EXAMPLE.com", "cy")] == [
        "ben",
        "ana",
        "cy",
    ]
    with pytest.raises(SeveralCustomers) as several:
        find(desk.ledger, "both@example.com")
    assert (list(several.value.customer_ids), several.value.code) == (["ben", "cy"], "resource_not_found")
    # What the journal keeps names nobody; what is listed on the screen does.
    assert "ben" not in several.value.message
    assert "(ben, cy)" in str(several.value.listed())
    with pytest.raises(CustomerUnknown):
        find(desk.ledger, "eve@example.com")


def test_all_that_is_held_is_in_one_view_and_nothing_of_anybody_else() -> None:
    desk = ClerkDesk(ROWS)
    bought = desk.do(Redeem("30", "INV-1", "ana"), "c1").facts["redemption"]["id"]
    desk.refuses(BalanceTooLow, "gift_amount_exceeded", Redeem("75", "INV-2", "ana"), "c1")
    asked = desk.do(Request("cash"), "c2").facts["cashout"]["id"]
    found = look_at(desk, "ana").as_json()
    assert [(card["card_id"], card["state"], card["balance"]) for card in found["cards"]] == [
        ("c1", "active", 74_00),
        ("c2", "frozen", 0),
    ]
    assert [booking["campaigns"] for booking in found["bookings"]] == 2 * [[{"campaign": "refunds", "state": "funded"}]]
    assert [(debt["source"], debt["amount"], debt["state"]) for debt in found["cash"]] == [
        ("cash_amount", 20_00, "open"),
        ("request", 30_00, "open"),
    ]
    ids = [row["id"] for row in found["transactions"]]
    assert ids == sorted(ids)
    assert {bought, asked} < {*ids}
    assert len(ids) == 9  # two top-ups of two and one in cash; two of the purchase, two of the request
    assert [(redeemed["id"], redeemed["invoice"]) for redeemed in found["redemptions"]] == [(bought, "INV-1")]
    assert [attempt["code"] for attempt in found["attempts"]] == ["gift_amount_exceeded"]
    assert found["consent"]["accepted"] == [{"booking_id": "B1", "refund_id": "B1", "accepted": "yes"}]
    assert look_at(desk, "ben").redemptions == []


def test_a_copy_for_the_person_has_every_version_and_the_moment_that_it_was_made() -> None:
    desk = ClerkDesk(ROWS)
    desk.load(ROWS.splitlines()[0] + "\nB1,ana,ana@example.com,Ana Nowak,10000,,no\n")
    desk.at("2020-05-09T12:00:00Z")
    with desk.ledger.reading():
        found = everything(desk.ledger, find(desk.ledger, "ana"))
    assert found["exported_at"] == "2020-05-09T12:00:00Z"
    assert [(version["booking_id"], version["accepted"]) for version in found["booking_versions"]] == [
        ("B1", "yes"),
        ("B2", None),
        ("B1", "no"),
    ]
    assert "B3" not in json.dumps(found)


@pytest.mark.parametrize(
    ("deed", "on_cards"),
    [(Disable(), 135_20), (Deactivate(), 31_20), (Request("cash"), 31_20)],
)
def test_what_can_still_be_spent_or_is_owed_is_told_before_nobody_can_be_written_to(
    deed: CardDeed, on_cards: int
) -> None:
    desk = ClerkDesk(ROWS)
    desk.do(deed, "c1")
    desk.load(ROWS.splitlines()[0] + "\nB9,ana,ana@example.com,Ana Nowak,900,,\n")
    left = erased(desk, "ana").left
    cash = 20_00 + (100_00 if isinstance(deed, Request) else 0)
    assert left.as_json() == {
        "on_cards": {"EUR": on_cards},
        "cash_owed": {"EUR": cash},
        "not_mailed": {"EUR": on_cards},
        "not_funded": 1,
    }


def test_what_is_with_the_bank_is_not_out_of_reach() -> None:
    desk = ClerkDesk(ROWS)
    [(debt,)] = desk.read("SELECT id FROM transactions WHERE bucket = 'cash'")
    desk.order(debt)
    assert (erased(desk, "ana").left.cash, erased(desk, "ben").left.cash) == ({}, {})


def test_a_person_is_erased_once_and_the_journal_keeps_their_number() -> None:
    desk = ClerkDesk(ROWS)
    found = erased(desk, "ana@example.com", "letter of 9 May")
    assert found.counts == {"erased": 1, "fields": 3, "metadata": 0}
    assert found.customer.customer_id.startswith("erased-")
    assert desk.read(f"SELECT arguments FROM runs WHERE id = {found.run_id}") == [
        ('{"customer":1,"reason":"letter of 9 May"}',)
    ]
    again = erased(desk, "ana")
    assert (again.run_id, again.counts["erased"], again.left.on_cards) == (None, 0, {})
    assert desk.balance(1) == (100_00, 4_00)


def test_a_reason_that_names_the_person_is_not_kept() -> None:
    desk = ClerkDesk(ROWS)
    for reason in ("as ANA NOWAK wrote", "mail from Ana@example.com", "for ana"):
        with pytest.raises(UsageError, match="names the person"):
            erased(desk, "ana", reason)
    assert erased(desk, "ben", "he called").run_id is not None  # `Al` stands in other words too
