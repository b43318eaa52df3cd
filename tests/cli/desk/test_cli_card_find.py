"""`refundctl card find`: the cards of a customer, a booking, an address, or in a state."""

from pathlib import Path
from typing import Any

import pytest

from support.command_line import CAMPAIGN, small_campaigns
from support.desks.bookings_desk import ENVELOPE, PRINTED, booking, csv_text
from support.desks.till import Till

EXPIRED = "2021-05-01T22:00:00Z"
CUSTOMERS = "vouchers"  # a campaign with a card for each customer


@pytest.fixture
def till(tmp_path: Path) -> Till:
    """Two campaigns: c1 to c4 for bookings, of which ANA has two; c5 and c6 for BEN and CAT, c7 waits in the pool."""
    till = Till(tmp_path)
    two = small_campaigns(CUSTOMERS, card_per="customer", eligible={"status": ["missed"]}, redeemable_by="anyone")
    (tmp_path / "campaigns.yaml").write_text(small_campaigns() + two.partition("campaigns:\n")[2], encoding="utf-8")
    rows = [
        booking("B1", customer_id="ANA", email="Ana@example.org", tier="gold"),
        booking("B2", customer_id="ANA", email="Ana@example.org", tier="silver"),
        booking("B3", customer_id="BEN", email="shared@example.org", tier="gold"),
        booking("B4", customer_id="CAT", email="shared@example.org", tier="silver"),
        booking("M1", "7.00", customer_id="BEN", email="shared@example.org", tier="silver", status="missed"),
        booking("M2", "8.00", customer_id="BEN", email="shared@example.org", tier="gold", status="missed"),
        booking("M3", "9.00", customer_id="CAT", email="shared@example.org", tier="silver", status="missed"),
    ]
    (tmp_path / "bookings.csv").write_text(csv_text(*rows), encoding="utf-8")
    (tmp_path / "codes.csv").write_text(csv_text({"code": PRINTED[0]}), encoding="utf-8")
    till.call("load", "bookings.csv").ok()
    for campaign in (CAMPAIGN, CUSTOMERS):
        for command in ("create", "publish", "topup"):
            till.call(command, campaign).ok()
    till.call("create", CUSTOMERS, "--codes", "codes.csv").ok()
    return till


def found(till: Till, *options: str, now: str | None = None) -> list[str]:
    """The card_ids that are found."""
    answer = till.call("card", "find", *options, "--json", now=now).ok().json()
    assert answer["counts"] == {"cards": len(answer["cards"])}
    return [card["card_id"] for card in answer["cards"]]


def test_a_card_as_a_script_sees_it(till: Till) -> None:
    answer = till.call("card", "find", "--booking", "M1", "--json").ok().json()
    assert list(answer) == [*ENVELOPE[:-1], "cards", "more", "errors"]
    assert (answer["command"], answer["status"], answer["more"]) == ("card find", "ok", False)
    assert answer["cards"] == [
        {
            "card_id": "c5",
            "code": f"****{till.code('c5')[-4:]}",
            "campaign": CUSTOMERS,
            "state": "active",
            "balance": 1_500,
            "paid": 1_500,
            "bonus": 0,
            "currency": "EUR",
            "expires_on": "2021-05-01",
            "redemption_count": 0,
            "has_pin": False,
            "successor": None,
            "customer_id": "BEN",
            "booking_ids": ["M1", "M2"],
        }
    ]


def test_cards_as_a_clerk_sees_them(till: Till) -> None:
    c3, c5 = (till.code(card)[-4:] for card in ("c3", "c5"))
    assert till.call("card", "find", "--customer", "BEN").ok().stdout == (
        "card  code      campaign        state   balance     last day    customer  booking\n"
        f"c3    ****{c3}  flight-refunds  active  EUR 100.00  2021-05-01  BEN       B3\n"
        f"c5    ****{c5}  vouchers        active  EUR 15.00   2021-05-01  BEN       M1, M2\n"
    )


@pytest.mark.parametrize(
    ("asked_for", "cards"),
    [
        (["--customer", "ANA"], ["c1", "c2"]),
        (["--customer", "BEN"], ["c3", "c5"]),
        (["--booking", "B2"], ["c2"]),
        (["--booking", "M2"], ["c5"]),
        (["--email", "ana@example.org"], ["c1", "c2"]),
        (["--email", "SHARED@EXAMPLE.ORG"], ["c3", "c4", "c5", "c6"]),
        (["--state", "unassigned"], ["c7"]),
        (["--state", "active"], ["c1", "c2", "c3", "c4", "c5", "c6"]),
        (["--campaign", CUSTOMERS], ["c5", "c6", "c7"]),
        (["--where", "tier=gold"], ["c1", "c3", "c5"]),
        (["--where", "tier=gold", "--where", "status=missed"], ["c5"]),
        (["--where", "order_amount=9.00"], ["c6"]),
        (["--where", "booking_id=b4"], ["c4", "c6"]),
        (["--where", "customer_id=cat"], ["c4", "c6"]),
    ],
)
def test_what_is_asked_for(till: Till, asked_for: list[str], cards: list[str]) -> None:
    assert found(till, *asked_for) == cards


@pytest.mark.parametrize(
    ("asked_for", "cards"),
    [
        (["--customer", "BEN", "--booking", "B3"], ["c3"]),
        (["--customer", "ANA", "--booking", "B3"], []),
        (["--email", "shared@example.org", "--customer", "CAT"], ["c4", "c6"]),
        (["--customer", "CAT", "--campaign", CUSTOMERS], ["c6"]),
        (["--customer", "BEN", "--state", "active", "--where", "tier=gold"], ["c3", "c5"]),
        (["--customer", "BEN", "--state", "unassigned"], []),
    ],
)
def test_all_that_is_asked_for_must_hold(till: Till, asked_for: list[str], cards: list[str]) -> None:
    assert found(till, *asked_for) == cards


@pytest.mark.parametrize(
    "asked_for",
    [["--customer", "nobody"], ["--booking", "B9"], ["--email", "no address"], ["--where", "tier=bronze"]],
)
def test_nothing_found_is_no_error(till: Till, asked_for: list[str]) -> None:
    before = till.facts()
    assert found(till, *asked_for) == []
    assert till.call("card", "find", *asked_for).ok().stdout == "No card is like that.\n"
    assert (till.facts(), till.attempts()) == (before, [])


def test_states_are_those_that_are_shown(till: Till) -> None:
    till.call("card", "disable", "c1").ok()
    till.call("card", "disable", "c2").ok()
    till.call("card", "enable", "c2").ok()
    till.call("card", "deactivate", "c3").ok()
    till.call("card", "activate", "c7").ok()
    assert found(till, "--state", "disabled") == ["c1"]
    assert found(till, "--state", "deactivated") == ["c3"]
    assert found(till, "--state", "active") == ["c2", "c4", "c5", "c6", "c7"]
    assert found(till, "--state", "unassigned") == []
    assert found(till, "--state", "expired") == []
    assert found(till, "--state", "expired", now=EXPIRED) == ["c2", "c4", "c5", "c6", "c7"]
    assert found(till, "--state", "disabled", "--customer", "ANA", now=EXPIRED) == ["c1"]


def test_a_locked_card(till: Till) -> None:
    (till.folder / "pin").write_text("1234\n")
    till.call("card", "set-pin", "c1", "--pin-file", "pin").ok()
    (till.folder / "wrong").write_text("4321\n")
    for _ in range(5):
        till.redeem("--pin-file", "wrong", customer="ANA")
    assert found(till, "--state", "locked") == ["c1"]


def test_a_state_is_judged_by_the_day_where_its_campaign_is(till: Till) -> None:
    far = small_campaigns("far", timezone="Pacific/Auckland", eligible={"status": ["flown"]})
    (till.folder / "campaigns.yaml").write_text(far, encoding="utf-8")
    (till.folder / "far.csv").write_text(csv_text(booking("F1", status="flown")), encoding="utf-8")
    till.call("run", "far", "far.csv", "--out", "far").ok()  # there it is already the 2nd of May
    assert found(till, "--booking", "F1", "--state", "active", now="2021-05-02T11:59:59Z") == ["c8"]
    assert found(till, "--booking", "F1", "--state", "expired", now="2021-05-02T12:00:00Z") == ["c8"]


def test_a_card_that_replaced_another_is_found_by_its_bookings(till: Till) -> None:
    till.call("card", "transfer", "c1").ok()
    till.call("card", "transfer", "c5").ok()
    assert found(till, "--booking", "B1") == ["c1", "c8"]
    assert found(till, "--booking", "M2") == ["c5", "c7"]  # which waited in the pool
    assert found(till, "--state", "transferred") == ["c1", "c5"]


def test_cards_with_cash_to_come(till: Till) -> None:
    till.call("cashout", "request", "c1", "--reason", "moved").ok()
    assert found(till, "--state", "frozen") == ["c1"]
    assert found(till, "--state", "cashed_out") == []


def test_no_more_than_wanted_are_listed(till: Till) -> None:
    answer = till.call("card", "find", "--state", "active", "--limit", "2", "--json").ok().json()
    assert ([card["card_id"] for card in answer["cards"]], answer["more"]) == (["c1", "c2"], True)
    said = till.call("card", "find", "--state", "active", "--limit", "2").ok().stdout
    assert said.endswith("These are the first 2 cards: --limit shows more.\n")
    answer = till.call("card", "find", "--customer", "ANA", "--limit", "2", "--json").ok().json()
    assert answer["more"] is False


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "nothing": ([], 2, "Say which cards: name --customer, --booking, --email, --state, --campaign or --where."),
    "a misspelt state": (["--state", "frozzen"], 2, "not `frozzen`; did you mean `frozen`?"),
    "no state": (["--state", "blue"], 2, "not `blue`: choose one."),
    "an unknown field": (["--where", "teir=gold"], 2, "did you mean `tier`?"),
    "an unknown campaign": (["--campaign", "nope"], 4, "There is no campaign nope"),
    "no cards": (["--customer", "ANA", "--limit", "0"], 2, "--limit"),
}


@pytest.mark.parametrize(("asked_for", "exit_code", "says"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_asked(till: Till, asked_for: list[str], exit_code: int, says: str) -> None:
    result = till.call("card", "find", *asked_for)
    assert result.exit == exit_code
    assert says in result.stderr


def test_no_code_is_shown(till: Till) -> None:
    every: list[Any] = [till.call("card", "find", "--state", "active", *more) for more in ([], ["--json"])]
    till.show_no_code(*every)


def test_a_limit_that_nobody_reaches_lists_all(till: Till) -> None:
    found = till.call("card", "find", "--customer", "ANA", "--limit", "9" * 20, "--json").ok().json()
    assert [card["card_id"] for card in found["cards"]] == ["c1", "c2"]
