"""`export redemptions`: what was bought with cards, by whom, when, and what came back of it."""

from pathlib import Path

import pytest

from support.command_line import CAMPAIGN
from support.desks.bookings_desk import booking
from support.desks.till import MAY_DAY, Till

HEADER = "id,campaign,card_id,customer_id,invoice,amount,paid,bonus,order_total,currency,rolled_back,created_at\n"
MONDAY = "2020-05-04T12:00:00Z"


def exported(till: Till, *options: str) -> str:
    return till.call("export", "redemptions", CAMPAIGN, "-o", "-", *options, now=MONDAY).ok().stdout


@pytest.fixture
def till(tmp_path: Path) -> Till:
    """c1 with 100.00 paid and 30.00 bonus, c2 with 50.00."""
    till = Till(tmp_path)
    till.say(redeemable_by="anyone", invoice="optional")
    till.fund(booking("B1", "100.00", bonus_amount="30.00", tier="gold"), booking("B2", "50.00", tier="basic"))
    return till


def test_a_campaign_without_redemptions_is_a_header_only(till: Till) -> None:
    assert exported(till) == HEADER


def test_each_redemption_is_a_row(till: Till) -> None:
    """The buyer where one was named, else the holder; what came back; when a till says it was, else when it was posted."""
    till.redeem("--order-total", "80", amount="45.50", customer="C-B2").ok()
    till.redeem(card="c2", amount="20", invoice=None, customer=None).ok()
    till.redeem(amount="10", invoice="-17", customer="nobody").ok()
    till.call("card", "rollback", "4", "--amount", "20").ok()
    till.now = MONDAY
    (till.folder / "till.csv").write_text(
        "card_id,amount,invoice,redeemed_at\nc2,5,T-1,2020-05-03T20:00:00+02:00\nc1,1.25,T-2,\n"
    )
    till.call("load-redemptions", "till.csv").ok()
    assert exported(till) == HEADER + (
        f"4,{CAMPAIGN},c1,C-B2,INV-1,45.50,15.50,30.00,80.00,EUR,20.00,{MAY_DAY}\n"
        f"6,{CAMPAIGN},c2,C-B2,,20.00,20.00,0.00,,EUR,0.00,{MAY_DAY}\n"
        f"7,{CAMPAIGN},c1,C-B1,-17,10.00,10.00,0.00,,EUR,0.00,{MAY_DAY}\n"
        f"10,{CAMPAIGN},c2,C-B2,T-1,5.00,5.00,0.00,,EUR,0.00,2020-05-03T18:00:00Z\n"
        f"11,{CAMPAIGN},c1,C-B1,T-2,1.25,0.00,1.25,,EUR,0.00,{MONDAY}\n"
    )


def test_only_those_of_cards_of_some_bookings(till: Till) -> None:
    till.redeem().ok()
    till.redeem(card="c2", amount="20").ok()
    row = f"5,{CAMPAIGN},c2,C-B1,INV-1,20.00,20.00,0.00,,EUR,0.00,{MAY_DAY}\n"
    assert exported(till, "--where", "tier=basic") == HEADER + row
    assert exported(till, "--where", "booking_id=B2") == HEADER + row
    assert exported(till, "--where", "tier=silver") == HEADER


def test_a_formula_is_shown_and_not_run(till: Till) -> None:
    till.redeem(invoice="=1+1").ok()
    assert f"4,{CAMPAIGN},c1,C-B1,'=1+1,10.00,0.00,10.00,,EUR,0.00,{MAY_DAY}\n" in exported(till)


@pytest.mark.parametrize(("currency", "amount", "back"), [("JPY", "1250", "250"), ("KWD", "1.250", "0.250")])
def test_amounts_have_their_currencys_decimals(tmp_path: Path, currency: str, amount: str, back: str) -> None:
    till = Till(tmp_path).open(paid=amount, currency=currency)
    till.redeem(amount=amount).ok()
    till.call("card", "rollback", "2", "--amount", back).ok()
    [_, row] = exported(till).splitlines()
    zero = "0" if currency == "JPY" else "0.000"
    assert row == f"2,{CAMPAIGN},c1,C-B1,INV-1,{amount},{amount},{zero},,{currency},{back},{MAY_DAY}"
