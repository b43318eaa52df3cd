"""Files for the bank: a debt is in one at a time, each is finished once, and what was rejected goes into the next."""

import sqlite3

import pytest

from refundctl.domain.basics.errors import Busy
from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cash import bank_files, cashouts
from refundctl.ledger.cash.bank_files import CashFile, CashOrder, DeliveredBankFile
from support.desks.funded_desk import FundedDesk

OWED = 5  # 20.00 of B2
NOW = "2020-06-01T12:00:00Z"


@pytest.fixture
def asked(desk: FundedDesk) -> int:
    """A second debt, of card 3."""
    balance = Buckets(30_00, 5_00)
    return cashouts.request(desk.connection, card=3, campaign=1, balance=balance, reason="why", run_id=desk.run_id)[0]


def reserve(desk: FundedDesk, *debts: int, path: str = "/may.xml") -> CashFile:
    return bank_files.reserve(desk.connection, path=path, format_="pain.001", debts=debts, run_id=desk.run_id, now=NOW)


def test_a_file_is_open_until_it_is_in_its_place_and_finished_once(desk: FundedDesk, asked: int) -> None:
    assert bank_files.open_file(desk.connection) is None
    file = reserve(desk, asked, OWED)
    assert file == CashFile(1, "/may.xml", "pain.001", desk.run_id, NOW)
    assert bank_files.open_file(desk.connection) == file
    assert bank_files.last_delivered(desk.connection, "/may.xml") is None
    bank_files.mark_delivered(desk.connection, file, [{"sha256": "aa"}], desk.run_id)
    assert bank_files.open_file(desk.connection) is None
    with pytest.raises(Busy, match="was finished by another process"):
        bank_files.mark_delivered(desk.connection, file, [{"sha256": "bb"}], desk.run_id)
    assert bank_files.last_delivered(desk.connection, "/may.xml") == DeliveredBankFile(desk.run_id, "aa")


def test_it_pays_its_debts_in_the_order_of_their_numbers(desk: FundedDesk, asked: int) -> None:
    file = reserve(desk, asked, OWED)
    assert [debt.debt_id for debt in bank_files.debts_in(desk.connection, file.number)] == [OWED, asked]
    assert bank_files.debts_ordered_in(desk.connection, file.number) == [OWED, asked]
    assert bank_files.debts_ordered_in(desk.connection, 2) == []


def test_a_debt_is_in_one_file_at_a_time(desk: FundedDesk) -> None:
    reserve(desk, OWED)
    with pytest.raises(sqlite3.IntegrityError, match="paid once"):
        reserve(desk, OWED, path="/june.xml")


def test_the_orders_of_a_debt_are_told_the_oldest_first_with_what_became_of_each(desk: FundedDesk, asked: int) -> None:
    first = reserve(desk, OWED)
    bank_files.mark_delivered(desk.connection, first, [], desk.run_id)
    bank_files.reject(desk.connection, 1, "AC04", desk.run_id)
    reserve(desk, asked, OWED, path="/june.xml")
    assert bank_files.orders_of(desk.connection, [OWED]) == {
        OWED: [
            CashOrder(1, OWED, 1, "/may.xml", rejected=True, delivered=True),
            CashOrder(2, OWED, 2, "/june.xml", rejected=False, delivered=False),
        ]
    }
    assert bank_files.orders_of(desk.connection, [asked])[asked][0].number == 3
    with pytest.raises(sqlite3.IntegrityError):
        bank_files.reject(desk.connection, 1, None, desk.run_id)


def test_of_several_files_in_one_place_the_last_counts(desk: FundedDesk, asked: int) -> None:
    for number, debt in enumerate((OWED, asked)):
        bank_files.mark_delivered(desk.connection, reserve(desk, debt), [{"sha256": str(number)}], desk.run_id)
    last = bank_files.last_delivered(desk.connection, "/may.xml")
    assert last is not None
    assert last.sha256 == "1"
    assert bank_files.last_delivered(desk.connection, "/june.xml") is None
