"""A ledger with rows in every table, made once and copied for each test that damages it."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from refundctl.files.campaigns.plan_file import read_plan
from refundctl.ledger.database.connection import Clock, closing_ledger, open_ledger
from refundctl.ledger.journal.run_journal import Journal, Operator, Outcome
from refundctl.operations.funding.approval import approve
from support.books import LEDGER, copy_to, make_full_books
from support.command_line import CommandLine, ThisProcess, small_campaigns
from support.desks.funded_desk import FundedDesk, at_funded_desk, make_funded_ledger
from support.desks.life_of_cards import make_an_autumn
from support.desks.spending import spend

SUMMER = "2020-07-01T12:00:00Z"
HOTEL = "hotel-refunds"

HEADER = "booking_id,customer_id,email,order_amount,cash_amount,currency,status,channel,tier\n"
# Swiss francs, by a policy: H1 gets a bonus, H2 pays two fees, H3 is owed cash too, of H4 fees take all.
FOURTH_FILE = HEADER + (
    "H1,ana,ana@example.com,100.00,,CHF,cancelled,web,gold\n"
    "H2,bo,bo@example.com,46.00,,CHF,cancelled,agency,\n"
    "H3,dee,dee@example.org,50.00,20.00,CHF,cancelled,web,\n"
    "H4,eve,eve@example.com,1.50,,CHF,cancelled,web,\n"
)
# Two more that are to be approved by another person.
LARGE_FILES = [
    HEADER + f"{booking_id},ana,ana@example.com,{amount},,CHF,cancelled,web,\n"
    for booking_id, amount in (("I1", "400.00"), ("I2", "350.00"))
]
POLICY = {
    "refund": {
        "fees": [
            {"name": "service", "fixed": "2.00"},
            {"name": "late", "when": {"channel": ["agency"]}, "percentage": "10"},
        ],
        "bonuses": [{"name": "gold", "when": {"tier": ["gold"]}, "percentage": "20", "at_most": "15.00"}],
    },
    "approval": {"above": "300.00"},
}


@pytest.fixture(scope="session")
def books_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    cli = ThisProcess(folder)
    make_full_books(cli, folder)
    make_a_summer(cli, folder)
    make_an_autumn(cli, folder)
    return folder / LEDGER


@pytest.fixture(scope="session")
def funded_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_funded_ledger(tmp_path_factory.mktemp("funded"))


@pytest.fixture
def desk(funded_made_once: Path) -> Iterator[FundedDesk]:
    """Three bookings, funded by one run, in memory; see there."""
    with at_funded_desk(funded_made_once) as opened:
        yield opened


@pytest.fixture
def books(books_made_once: Path, tmp_path: Path) -> Path:
    """`refunds.db` in `tmp_path`: books in order, with rows in every table."""
    return copy_to(books_made_once, tmp_path / LEDGER)


def make_a_summer(cli: CommandLine, folder: Path) -> None:
    """Go on with those books: a campaign with a policy, a run that is undone, reopened and done again, and two plans."""
    (folder / "campaigns.yaml").write_text(small_campaigns(HOTEL, currency="CHF", **POLICY), encoding="utf-8")
    (folder / "fourth.csv").write_text(FOURTH_FILE, encoding="utf-8")
    wrong = cli("run", HOTEL, "fourth.csv", "--out", "out/wrong", "--json", now=SUMMER).ok().json()["run_id"]
    first_card = _first_card(cli)
    spend(folder, first_card, 3_000)
    cli("undo", str(wrong), "--reason", "too early", now=SUMMER).ok()
    cli("undo", "--reopen", str(wrong), now=SUMMER).ok()
    cli("pause", HOTEL, "--reason", "who did that?", now=SUMMER).ok()
    cli("resume", HOTEL, now=SUMMER).ok()
    cli("run", HOTEL, "fourth.csv", "--out", "out/right", now=SUMMER).ok()
    for number, content in enumerate(LARGE_FILES):
        (folder / f"large-{number}.csv").write_text(content, encoding="utf-8")
        cli("plan", HOTEL, f"large-{number}.csv", "-o", f"{number}.plan", now=SUMMER).ok()
        approve_as_another_person(folder, f"{number}.plan")
        cli("apply", f"{number}.plan", "--out", f"out/large-{number}", now=SUMMER).ok()
    cli("export", "mail", HOTEL, "-o", "hotel.csv", "--all", now=SUMMER).ok()


def _first_card(cli: CommandLine) -> str:
    cards = cli("export", "cards", HOTEL, "-o", "-", now=SUMMER).ok().stdout.splitlines()
    return cards[1].partition(",")[0]


def approve_as_another_person(folder: Path, name: str) -> None:
    """`refundctl approve` by somebody else: the real user id counts, and a test has only one."""
    plan = read_plan((folder / name).read_bytes(), name)
    clock = Clock(datetime.fromisoformat(SUMMER).astimezone(UTC), rehearsal=True)
    another = Operator("bea", os.getuid() + 1, "office")
    with closing_ledger(open_ledger(folder / LEDGER, clock, wait_seconds=0)) as ledger, ledger.writing():
        journal = Journal(ledger, another, "approve", {"plan": name, "digest": plan.digest})
        run = journal.begin(campaign=plan.campaign)
        assert approve(ledger, plan, name, another, run.run_id) is None
        totals = {currency: asdict(sums) for currency, sums in plan.totals.items()}
        journal.finish(run, Outcome({"approved": 1}, totals))
