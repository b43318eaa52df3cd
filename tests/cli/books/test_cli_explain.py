"""`refundctl explain`: how a booking's amount came about, line by line, with the names of the rules that made it."""

import os
import pwd
import socket
from pathlib import Path
from typing import Any

import pytest

from support.books import read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import LEDGER, Row, booking, column, files_in, only, write_bookings

NOW = "2020-05-01T12:00:00Z"
ME = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"

# The figures of a published test: an order of 46.00 keeps 10.00 and 10%, and gives 31.40 back.
FEES = [{"name": "service", "fixed": "10.00"}, {"name": "late", "when": {"channel": ["agency"]}, "percentage": "10"}]
BONUSES = [
    {"name": "gold", "when": {"tier": ["gold"]}, "percentage": "20", "at_most": "5.00"},
    {"name": "sorry", "fixed": "1.00"},
]
OFFERS = [{"when": {"country": ["US-ME"]}, "offer": "cash"}, {"when": {"tier": ["blocked"]}, "offer": "none"}]
POLICY = {"fees": FEES, "bonus_stacking": "sum", "bonuses": BONUSES, "offers": OFFERS}


def prepare(command_line: CommandLine, folder: Path, *rows: Row, **keys: Any) -> None:
    """The campaign made by run 1, and the bookings loaded by run 2."""
    (folder / "campaigns.yaml").write_text(small_campaigns(**{"refund": POLICY, **keys}))
    command_line("create", CAMPAIGN, now=NOW).ok()
    load(command_line, folder, *rows)


def load(command_line: CommandLine, folder: Path, *rows: Row) -> None:
    write_bookings(folder / "bookings.csv", *rows)
    command_line("load", "bookings.csv", now=NOW).ok()


def fund(command_line: CommandLine) -> None:
    """Cards, and then the money: two runs."""
    command_line("publish", CAMPAIGN, now=NOW).ok()
    command_line("topup", CAMPAIGN, now=NOW).ok()


def explained(command_line: CommandLine, booking_id: str, *argv: str) -> dict[str, Any]:
    found: dict[str, Any] = command_line("explain", booking_id, *argv, "--json", now=NOW).ok().json()["booking"]
    return found


def line_of(command_line: CommandLine, booking_id: str) -> dict[str, Any]:
    found: dict[str, Any] = only(explained(command_line, booking_id)["lines"])
    return found


def now_of(command_line: CommandLine, booking_id: str) -> dict[str, Any]:
    """What the booking's only line is to the only campaign."""
    found: dict[str, Any] = only(line_of(command_line, booking_id)["campaigns"])
    return found


def said_of(command_line: CommandLine, booking_id: str) -> list[str]:
    return [" ".join(line.split()) for line in command_line("explain", booking_id, now=NOW).ok().stdout.splitlines()]


# --- What was posted ---


def test_a_funded_line_by_its_rules(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00", channel="agency", tier="gold"))
    fund(run_in_process)
    run_in_process("export", "mail", CAMPAIGN, "-o", "mail.csv", now=NOW).ok()
    code = only(column(tmp_path / "mail.csv", "code"))
    assert explained(run_in_process, "B1") == {
        "booking_id": "B1",
        "customer_id": "C-B1",
        "currency": "EUR",
        "order_amount": 4_600,
        "lines": [
            {
                "refund_id": "B1",
                "currency": "EUR",
                "order_amount": 4_600,
                "refund_amount": 4_600,
                "cash_amount": 0,
                "bonus_amount": 0,
                "state": "funded",
                "withdrawn": False,
                "fundings": [
                    {
                        "campaign": CAMPAIGN,
                        "run_id": 4,
                        "at": NOW,
                        "by": ME,
                        "card_id": "c1",
                        "code": f"****{code[-4:]}",
                        "definition": {"number": 1, "run_id": 1},
                        "order_amount": 4_600,
                        "refundable": 4_600,
                        "settled_before": 0,
                        "owed_in_cash": 0,
                        "offer": "gift_card",
                        "offer_rule": None,
                        "cash": 0,
                        "fee": 1_460,
                        "fees": [
                            {"name": "service", "amount": 1_000, "terms": "EUR 10.00"},
                            {"name": "late", "amount": 460, "terms": "10% of the order"},
                        ],
                        "paid": 3_140,
                        "bonus_given_back": 0,
                        "bonuses": [
                            {"name": "gold", "amount": 500, "terms": "20%, at most EUR 5.00"},
                            {"name": "sorry", "amount": 100, "terms": "EUR 1.00"},
                        ],
                        "bonus": 600,
                        "total": 3_740,
                        "taken_back": [],
                    }
                ],
                "undone": [],
                "campaigns": [
                    {
                        "campaign": CAMPAIGN,
                        "state": "funded",
                        "why": None,
                        "card_id": "c1",
                        "code": f"****{code[-4:]}",
                        "definition": {"number": 1, "run_id": 1},
                        "would_give": None,
                    }
                ],
                "versions": [{"version": 1, "run_id": 2, "at": NOW, "by": ME, "changed": {}}],
            }
        ],
    }


def test_the_same_for_a_person(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00", cash_amount="6.00", bonus_amount="2.00", tier="gold"))
    fund(run_in_process)
    code = only(code for (code,) in read(tmp_path / LEDGER, "SELECT code FROM cards"))
    assert said_of(run_in_process, "B1") == [
        "Booking B1 of customer C-B1: order EUR 46.00, 1 refund line",
        "",
        "Refund B1: funded",
        f"Funded by {CAMPAIGN} in run 4, {NOW}, by {ME}, under definition 1, stored by run 1:",
        "order amount EUR 46.00",
        "refundable EUR 46.00",
        "owed in cash EUR 6.00 as the file says",
        "fee service EUR 10.00 (EUR 10.00)",
        "paid EUR 30.00",
        "adds up cash EUR 6.00 + fee EUR 10.00 + paid EUR 30.00 = EUR 46.00",
        "bonus given back EUR 2.00",
        "bonus gold EUR 5.00 (20%, at most EUR 5.00)",
        "bonus sorry EUR 1.00 (EUR 1.00)",
        "onto the card EUR 38.00",
        f"card c1, code ****{code[-4:]}",
        f"Now in {CAMPAIGN}: funded.",
        f"Loaded by run 2, {NOW}, by {ME}.",
    ]


def test_several_refund_lines_and_one_of_them(run_in_process: CommandLine, tmp_path: Path) -> None:
    """What the fee could not take from the first line it takes from the next."""
    prepare(
        run_in_process,
        tmp_path,
        booking("B1", "46.00", refund_id="one", refund_amount="4.00"),
        booking("B1", "46.00", refund_id="two", refund_amount="20.00"),
    )
    fund(run_in_process)
    one, two = (line["fundings"][0] for line in explained(run_in_process, "B1")["lines"])
    assert (one["refundable"], one["fee"], one["paid"], one["total"], one["card_id"]) == (400, 400, 0, 0, None)
    assert (two["refundable"], two["fee"], two["paid"], two["total"], two["card_id"]) == (
        2_000,
        600,
        1_400,
        1_500,
        "c1",
    )
    narrowed = explained(run_in_process, "B1", "--refund", "two")
    assert [line["refund_id"] for line in narrowed["lines"]] == ["two"]
    result = run_in_process("explain", "B1", "--refund", "three", "--json", now=NOW)
    assert result.exit == 4
    assert only(result.json()["errors"]) == {
        "code": "resource_not_found",
        "message": "B1 has no refund three (it has: one, two): name one of them.",
    }


def test_cash_by_an_offer_names_the_offer(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00", cash_amount="6.00", country="US-ME"))
    would = now_of(run_in_process, "B1")["would_give"]
    fund(run_in_process)
    funding = only(line_of(run_in_process, "B1")["fundings"])
    assert (funding["offer"], funding["offer_rule"], funding["card_id"]) == ("cash", 1, None)
    assert (funding["owed_in_cash"], funding["cash"], funding["fee"], funding["paid"]) == (600, 3_600, 1_000, 0)
    assert would == {name: funding[name] for name in would}
    assert "in cash instead EUR 30.00 by offer 1" in said_of(run_in_process, "B1")


def test_a_card_by_an_offer_names_it_too(run_in_process: CommandLine, tmp_path: Path) -> None:
    offers = [{"when": {"status": ["refunded"]}, "offer": "none"}, {"when": {"tier": ["gold"]}, "offer": "gift_card"}]
    prepare(run_in_process, tmp_path, booking("B1", "46.00", tier="gold"), refund={"offers": offers})
    fund(run_in_process)
    funding = only(line_of(run_in_process, "B1")["fundings"])
    assert (funding["offer"], funding["offer_rule"], funding["paid"]) == ("gift_card", 2, 4_600)


def test_what_was_posted_is_never_worked_out_anew(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Neither a changed definition nor a changed booking touches what stands in the books."""
    prepare(run_in_process, tmp_path, booking("B1", "46.00", tier="gold"), booking("B2", "50.00"))
    fund(run_in_process)
    before = line_of(run_in_process, "B1")["fundings"]
    prepare(run_in_process, tmp_path, booking("B1", "46.00", tier="none", status="flown"), refund={})
    line = line_of(run_in_process, "B1")
    assert line["fundings"] == before
    assert (line["state"], only(line["campaigns"])["why"]) == ("funded_not_eligible", "status is flown")
    assert [version["changed"] for version in line["versions"]] == [
        {},
        {"status": ["cancelled", "flown"], "tier": ["gold", "none"]},
    ]
    assert [version["run_id"] for version in line["versions"]] == [2, 6]


def test_under_which_definition(run_in_process: CommandLine, tmp_path: Path) -> None:
    """A card keeps the definition that it was published under; the next card gets the next one."""
    prepare(run_in_process, tmp_path, booking("B1", "46.00"))
    run_in_process("publish", CAMPAIGN, now=NOW).ok()
    prepare(run_in_process, tmp_path, booking("B2", "46.00"), refund={"fees": [{"name": "less", "fixed": "1.00"}]})
    assert [now_of(run_in_process, name)["definition"] for name in ("B1", "B2")] == [
        {"number": 1, "run_id": 1},
        {"number": 2, "run_id": 4},
    ]
    would = [now_of(run_in_process, name)["would_give"]["fee"] for name in ("B1", "B2")]
    fund(run_in_process)
    fundings = [only(line_of(run_in_process, name)["fundings"]) for name in ("B1", "B2")]
    assert [(funding["definition"]["number"], funding["fee"]) for funding in fundings] == [(1, 1_000), (2, 100)]
    assert would == [1_000, 100]
    assert [funding["fees"] for funding in fundings] == [
        [{"name": "service", "amount": 1_000, "terms": "EUR 10.00"}],
        [{"name": "less", "amount": 100, "terms": "EUR 1.00"}],
    ]


TERMS: tuple[tuple[str, Row, str], ...] = (
    ("fees", {"fixed": "5.00", "per_ticket": "2.00"}, "EUR 5.00 + EUR 2.00 per ticket"),
    ("fees", {"fixed": "5.00", "percentage": "7.50"}, "EUR 5.00 + 7.5% of the order"),
    ("fees", {"percentage": "10"}, "10% of the order"),
    ("bonuses", {"percentage": "20", "at_most": "1000.00"}, "20%, at most EUR 1000.00"),
    ("bonuses", {"fixed": "1.00", "percentage": "0.25", "total": "50.00"}, "EUR 1.00 + 0.25%, EUR 50.00 in all"),
)


@pytest.mark.parametrize(("kind", "keys", "terms"), TERMS, ids=[entry[2] for entry in TERMS])
def test_the_terms_of_a_rule(kind: str, keys: Row, terms: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    """Of an open line and of a funded one; later terms of the same name are not those that counted."""
    prepare(run_in_process, tmp_path, booking("B1", "46.00", tickets="2"), refund={kind: [{"name": "own", **keys}]})
    assert only(now_of(run_in_process, "B1")["would_give"][kind])["terms"] == terms
    fund(run_in_process)
    changed = small_campaigns(refund={kind: [{"name": "own", "fixed": "0.01"}]})
    (tmp_path / "campaigns.yaml").write_text(changed)
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    assert only(only(line_of(run_in_process, "B1")["fundings"])[kind])["terms"] == terms
    assert any(line.endswith(f"({terms})") for line in said_of(run_in_process, "B1"))


# --- What is the case now ---


def test_an_open_line_gets_what_it_is_told(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(
        run_in_process,
        tmp_path,
        booking("B1", "46.00", channel="agency", tier="gold", bonus_amount="3.00"),
        booking("B2", "8.00"),
        booking("B3", "46.00", country="US-ME"),
    )
    told = {name: now_of(run_in_process, name) for name in ("B1", "B2", "B3")}
    assert [entry["state"] for entry in told.values()] == ["open", "nothing_left", "cash_only"]
    assert [entry["card_id"] for entry in told.values()] == [None, None, None]
    assert [entry["would_give"]["total"] for entry in told.values()] == [4_040, 0, 0]
    assert f"card none yet: `refundctl publish {CAMPAIGN}` gives one" in said_of(run_in_process, "B1")
    run_in_process("publish", CAMPAIGN, now=NOW).ok()
    assert now_of(run_in_process, "B1")["card_id"] == "c1"
    run_in_process("topup", CAMPAIGN, now=NOW).ok()
    for name, entry in told.items():
        funding = only(line_of(run_in_process, name)["fundings"])
        assert {key: funding[key] for key in entry["would_give"]} == entry["would_give"]
    assert [line_of(run_in_process, name)["state"] for name in told] == ["funded", "nothing_left", "funded_in_cash"]


NOT_GIVEN: tuple[tuple[Row, dict[str, bool], str, str], ...] = (
    (booking("B1", status="flown"), {}, "not_eligible", "status is flown"),
    (booking("B1", status=""), {}, "not_eligible", "status is blank"),
    (booking("B1", currency="USD"), {}, "other_currency", "it is in USD, the campaign in EUR"),
    (booking("B1", tier="blocked"), {}, "offer_none", "offer 2 gives nothing"),
    (booking("B1", accepted="no"), {"requires_acceptance": True}, "not_accepted", "accepted is no"),
    (booking("B1"), {"requires_acceptance": True}, "not_accepted", "accepted is blank"),
)


@pytest.mark.parametrize(("row", "refund", "state", "why"), NOT_GIVEN, ids=[entry[3] for entry in NOT_GIVEN])
def test_why_nothing_is_given(
    row: Row, refund: dict[str, bool], state: str, why: str, run_in_process: CommandLine, tmp_path: Path
) -> None:
    prepare(run_in_process, tmp_path, row, refund={**POLICY, **refund})
    entry = now_of(run_in_process, "B1")
    assert (entry["state"], entry["why"], entry["would_give"]) == (state, why, None)
    fund(run_in_process)
    assert line_of(run_in_process, "B1")["fundings"] == []
    assert any(line.startswith(f"Now in {CAMPAIGN}: ") and why in line for line in said_of(run_in_process, "B1"))


@pytest.mark.parametrize("limit", ["per_card", "per_customer"])
def test_a_cap_stands_in_the_way(limit: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00"), refund={}, budget={limit: "45.99"})
    entry = now_of(run_in_process, "B1")
    assert (entry["state"], entry["would_give"]) == (limit, None)
    assert entry["why"] == CAPPED[limit].format("45.99")


CAPPED = {
    "per_card": "what its card has got and what is open would together pass the budget per card of EUR {}",
    "per_customer": "what its customer has got and what is open would together pass the budget per customer of EUR {}",
}


@pytest.mark.parametrize("limit", ["per_card", "per_customer"])
def test_a_cap_counts_the_customers_other_bookings(limit: str, run_in_process: CommandLine, tmp_path: Path) -> None:
    """Neither of two bookings fits, as a run finds too; the booking of another customer does."""
    keys = {"refund": {}, "card_per": "customer", "budget": {limit: "1500.00"}}
    rows = [booking(name, "1000.00", customer_id="C1", email="ana@example.org", name="Ana") for name in ("B1", "B2")]
    prepare(run_in_process, tmp_path, *rows, booking("B3", "1000.00"), **keys)
    told = {name: now_of(run_in_process, name) for name in ("B1", "B2", "B3")}
    assert [(entry["state"], entry["would_give"] is None) for entry in told.values()] == [
        (limit, True),
        (limit, True),
        ("open", False),
    ]
    why = CAPPED[limit].format("1500.00")
    assert told["B1"]["why"] == why
    assert f"Now in {CAMPAIGN}: left out, as {why}." in said_of(run_in_process, "B1")
    for command in ("publish", "topup"):
        assert run_in_process(command, CAMPAIGN, now=NOW).exit in {0, 3}
    assert [len(line_of(run_in_process, name)["fundings"]) for name in told] == [0, 0, 1]


def test_a_cap_counts_what_the_customer_has_got(run_in_process: CommandLine, tmp_path: Path) -> None:
    same = {"customer_id": "C1", "email": "ana@example.org", "name": "Ana"}
    prepare(run_in_process, tmp_path, booking("B1", **same), refund={}, budget={"per_customer": "150.00"})
    fund(run_in_process)
    load(run_in_process, tmp_path, booking("B2", **same))
    assert [now_of(run_in_process, name)["state"] for name in ("B1", "B2")] == ["funded", "per_customer"]


def test_a_card_per_booking_is_capped_by_its_own_booking(run_in_process: CommandLine, tmp_path: Path) -> None:
    rows = [booking(name, customer_id="C1", email="ana@example.org", name="Ana") for name in ("B1", "B2")]
    prepare(run_in_process, tmp_path, *rows, refund={}, budget={"per_card": "150.00"})
    assert [now_of(run_in_process, name)["would_give"]["paid"] for name in ("B1", "B2")] == [10_000, 10_000]


def test_a_bonus_gives_what_is_left_of_its_total(run_in_process: CommandLine, tmp_path: Path) -> None:
    bonuses = [{"name": "sorry", "fixed": "10.00", "total": "15.00"}]
    prepare(run_in_process, tmp_path, booking("B1"), refund={"bonuses": bonuses})
    fund(run_in_process)
    load(run_in_process, tmp_path, booking("B2"))
    assert now_of(run_in_process, "B2")["would_give"]["bonuses"] == [
        {"name": "sorry", "amount": 500, "terms": "EUR 10.00, EUR 15.00 in all"}
    ]


def test_a_bonus_with_a_total_goes_to_the_customers_earlier_booking_first(
    run_in_process: CommandLine, tmp_path: Path
) -> None:
    """Where a cap makes all of a customer's bookings count."""
    bonuses = [{"name": "sorry", "fixed": "10.00", "total": "15.00"}]
    rows = [booking(name, customer_id="C1", email="ana@example.org", name="Ana") for name in ("B1", "B2")]
    prepare(run_in_process, tmp_path, *rows, refund={"bonuses": bonuses}, budget={"per_customer": "500.00"})
    told = [now_of(run_in_process, name)["would_give"] for name in ("B1", "B2")]
    assert [would["bonus"] for would in told] == [1_000, 500]
    fund(run_in_process)
    fundings = [only(line_of(run_in_process, name)["fundings"]) for name in ("B1", "B2")]
    assert [{name: funding[name] for name in would} for funding, would in zip(fundings, told, strict=True)] == told


def test_a_paused_campaign_says_so(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00"))
    run_in_process("pause", CAMPAIGN, "--reason", "wrong fares", now=NOW).ok()
    entry = now_of(run_in_process, "B1")
    assert (entry["state"], entry["would_give"]["paid"]) == ("open", 3_600)
    assert entry["why"] == f"the campaign is paused since {NOW} by {ME} (wrong fares)"


def test_each_campaign_of_its_own(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    other = small_campaigns("goodwill", eligible={"status": ["flown"]}).partition("campaigns:\n")[2]
    campaigns.write_text(small_campaigns() + other)
    for name in (CAMPAIGN, "goodwill"):
        run_in_process("create", name, now=NOW).ok()
    load(run_in_process, tmp_path, booking("B1", "46.00"))
    assert [(entry["campaign"], entry["state"]) for entry in line_of(run_in_process, "B1")["campaigns"]] == [
        (CAMPAIGN, "open"),
        ("goodwill", "not_eligible"),
    ]
    fund(run_in_process)
    line = line_of(run_in_process, "B1")
    assert [(entry["campaign"], entry["state"]) for entry in line["campaigns"]] == [
        (CAMPAIGN, "funded"),
        ("goodwill", "funded_elsewhere"),
    ]
    assert (line["state"], only(line["fundings"])["campaign"]) == ("funded", CAMPAIGN)
    assert not any("goodwill" in line for line in said_of(run_in_process, "B1"))


def test_without_a_campaign(run_in_process: CommandLine, tmp_path: Path) -> None:
    load(run_in_process, tmp_path, booking("B1", "46.00"))
    line = line_of(run_in_process, "B1")
    assert (line["state"], line["fundings"], line["campaigns"]) == (None, [], [])
    assert "Refund B1: no campaign yet" in said_of(run_in_process, "B1")


# --- Taken back ---


def test_an_undone_line_and_a_reopened_one(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00", channel="agency", tier="gold", cash_amount="1.00"))
    fund(run_in_process)
    run_in_process("undo", "4", "--reason", "wrong fares", now=NOW).ok()
    line = line_of(run_in_process, "B1")
    assert only(only(line["fundings"])["taken_back"]) == {
        "run_id": 5,
        "at": NOW,
        "by": ME,
        "reason": "wrong fares",
        "paid": 3_040,
        "bonus": 600,
        "cash": 100,
        "fee": 1_460,
    }
    undone = {"undone_run": 4, "run_id": 5, "at": NOW, "by": ME, "reason": "wrong fares", "reopened": None}
    assert line["undone"] == [undone]
    entry = only(line["campaigns"])
    assert (line["state"], entry["state"], entry["would_give"]) == ("undone", "undone", None)
    assert entry["why"] == "run 4 was undone; `refundctl undo --reopen 4` lets it be funded again"

    run_in_process("undo", "--reopen", "4", now=NOW).ok()
    line = line_of(run_in_process, "B1")
    assert line["undone"] == [{**undone, "reopened": {"run_id": 6, "at": NOW, "by": ME}}]
    assert (line["state"], only(line["campaigns"])["would_give"]["paid"]) == ("open", 3_040)
    fund(run_in_process)
    first, second = line_of(run_in_process, "B1")["fundings"]
    assert [funding["paid"] for funding in (first, second)] == [3_040, 3_040]
    assert [len(funding["taken_back"]) for funding in (first, second)] == [1, 0]
    assert "It was reopened by run 6" in " ".join(said_of(run_in_process, "B1"))


def test_each_funding_with_the_amounts_of_its_time(run_in_process: CommandLine, tmp_path: Path) -> None:
    refund = {"fees": [{"name": "agency", "percentage": "10"}]}
    (tmp_path / "campaigns.yaml").write_text(small_campaigns(refund=refund))
    for name, amount in (("first", "100.00"), ("second", "40.00")):
        write_bookings(tmp_path / "bookings.csv", booking("B1", amount))
        run_in_process("run", CAMPAIGN, "bookings.csv", "--out", name, now=NOW).ok()
        if name == "first":
            run_in_process("undo", "1", now=NOW).ok()
            run_in_process("undo", "--reopen", "1", now=NOW).ok()
    names = ("order_amount", "refundable", "settled_before", "fee", "paid")
    fundings = line_of(run_in_process, "B1")["fundings"]
    assert [tuple(funding[name] for name in names) for funding in fundings] == [
        (10_000, 10_000, 0, 1_000, 9_000),
        (4_000, 4_000, 0, 400, 3_600),
    ]
    said = said_of(run_in_process, "B1")
    assert said[0] == "Booking B1 of customer C-B1: order EUR 40.00, 1 refund line"
    assert [line for line in said if line.startswith(("order amount", "refundable", "fee agency"))] == [
        "order amount EUR 100.00",
        "refundable EUR 100.00",
        "fee agency EUR 10.00 (10% of the order)",
        "order amount EUR 40.00",
        "refundable EUR 40.00",
        "fee agency EUR 4.00 (10% of the order)",
    ]


def test_a_whole_run_that_was_undone_is_named_by_its_own_number(run_in_process: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(small_campaigns())
    write_bookings(tmp_path / "bookings.csv", booking("B1", "46.00"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", now=NOW).ok()
    run_in_process("undo", "1", now=NOW).ok()
    line = line_of(run_in_process, "B1")
    assert [(undone["undone_run"], undone["reason"]) for undone in line["undone"]] == [(1, None)]
    assert only(line["campaigns"])["why"] == "run 1 was undone; `refundctl undo --reopen 1` lets it be funded again"
    assert (
        sum(only(only(line["fundings"])["taken_back"])[bucket] for bucket in ("paid", "bonus", "cash", "fee")) == 4_600
    )


# --- What is always so ---


def test_parts_add_up_to_what_is_refundable(run_in_process: CommandLine, tmp_path: Path) -> None:
    rows = [
        booking(
            f"B{number}",
            f"{number}.{number:02d}",
            cash_amount=f"{number // 3}.00",
            bonus_amount="1.00" if number % 4 == 0 else "",
            channel="agency" if number % 2 else "",
            tier=("gold", "blocked", "")[number % 3],
            country="US-ME" if number % 5 == 0 else "",
        )
        for number in range(1, 31)
    ]
    prepare(run_in_process, tmp_path, *rows)
    fund(run_in_process)
    funded = 0
    for row in rows:
        for funding in line_of(run_in_process, row["booking_id"])["fundings"]:
            funded += 1
            assert funding["cash"] + funding["fee"] + funding["paid"] == funding["refundable"]
            assert funding["settled_before"] == 0
            assert sum(share["amount"] for share in funding["fees"]) == funding["fee"]
            given = funding["bonus_given_back"] + sum(share["amount"] for share in funding["bonuses"])
            assert given == funding["bonus"] == funding["total"] - funding["paid"]
    assert funded == 22  # of ten that are blocked, cash is offered to two first


def test_it_shows_no_person_and_no_code(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Also where the customer's id is the e-mail address, as it is by default."""
    row = {**booking("B1", "46.00", phone="+48123456789"), "customer_id": ""}
    prepare(run_in_process, tmp_path, row)
    fund(run_in_process)
    code = only(code for (code,) in read(tmp_path / LEDGER, "SELECT code FROM cards"))
    load(run_in_process, tmp_path, {**row, "email": "New@example.org", "customer_id": "b1@example.org", "name": "New"})
    for argv in (("explain", "B1"), ("explain", "B1", "--json")):
        said = run_in_process(*argv, now=NOW).ok().stdout
        found = [word for word in ("example.org", "Guest", "New", "48123", code, code[:-4]) if word in said]
        assert found == []
    assert explained(run_in_process, "B1")["customer_id"] is None
    assert said_of(run_in_process, "B1")[0] == "Booking B1 of a customer: order EUR 46.00, 1 refund line"


def test_a_pooled_card_is_explained_as_any(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1", "46.00"), type="STATIC", vouchers_count=1)
    assert now_of(run_in_process, "B1")["card_id"] is None
    run_in_process("publish", CAMPAIGN, now=NOW).ok()
    assert now_of(run_in_process, "B1")["card_id"] == "c1"
    run_in_process("topup", CAMPAIGN, now=NOW).ok()
    assert only(line_of(run_in_process, "B1")["fundings"])["card_id"] == "c1"


def test_a_customers_card_for_several_bookings(run_in_process: CommandLine, tmp_path: Path) -> None:
    same = {"customer_id": "C1", "email": "ana@example.org", "name": "Ana"}
    prepare(run_in_process, tmp_path, booking("B1", "46.00", **same), card_per="customer")
    fund(run_in_process)
    load(run_in_process, tmp_path, booking("B2", "20.00", **same))
    assert now_of(run_in_process, "B2")["card_id"] == "c1"
    fund(run_in_process)
    assert [only(line_of(run_in_process, name)["fundings"])["card_id"] for name in ("B1", "B2")] == ["c1", "c1"]


def test_an_unknown_booking(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1"))
    result = run_in_process("explain", "B2", "--json", now=NOW)
    assert (result.exit, result.json()["status"]) == (4, "refused")
    assert only(result.json()["errors"]) == {
        "code": "resource_not_found",
        "message": "There is no booking B2 in refunds.db: check the number, or load the file that it stands in.",
    }


def test_without_a_ledger(run_in_process: CommandLine, tmp_path: Path) -> None:
    result = run_in_process("explain", "B1", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (66, "ledger_missing")
    assert files_in(tmp_path) == {}


def test_it_changes_nothing(run_in_process: CommandLine, tmp_path: Path) -> None:
    prepare(run_in_process, tmp_path, booking("B1"))
    before = files_in(tmp_path)
    explained(run_in_process, "B1")
    assert run_in_process("explain", "B1", "-q", now=NOW).ok().stdout == ""
    assert files_in(tmp_path) == before


def test_an_offer_by_what_a_customer_spends_leaves_out_what_an_undone_load_said(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    loyal = {"when": {"customer_total": {"min": "5000.00"}}, "offer": "gift_card"}
    campaigns.write_text(small_campaigns(refund={"offers": [loyal]}))
    write_bookings(tmp_path / "wrong.csv", booking("B0", "6000.00", customer_id="ana"))
    run_in_process("load", "wrong.csv").ok()
    run_in_process("undo", "1").ok()
    write_bookings(tmp_path / "bookings.csv", booking("B1", customer_id="ana"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    [line] = run_in_process("explain", "B1", "--json").ok().json()["booking"]["lines"]
    assert [funding["offer_rule"] for funding in line["fundings"]] == [None]


def test_the_card_of_a_booking_that_has_passed_on_is_the_first_customers(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", customer_id="ana"))
    run_in_process("load", "bookings.csv").ok()
    for command in ("create", "publish"):
        run_in_process(command, CAMPAIGN).ok()
    write_bookings(tmp_path / "bookings.csv", booking("B1", customer_id="bo"))
    run_in_process("load", "bookings.csv").ok()
    [line] = run_in_process("explain", "B1", "--json").ok().json()["booking"]["lines"]
    assert [standing["card_id"] for standing in line["campaigns"]] == [None]
    assert run_in_process("topup", CAMPAIGN, "--json").ok().json()["counts"]["funded"] == 0
