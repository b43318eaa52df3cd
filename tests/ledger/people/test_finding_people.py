"""Customers are found by the ids that files give them, also once they were erased, and by where they are."""

import pytest

from refundctl.ledger.people.finding_people import customer_number, find_customers_in, pseudonym
from support.desks.staging_desk import StagingDesk


@pytest.fixture
def desk() -> StagingDesk:
    desk = StagingDesk()
    desk.load_people("customer_id,country\nana,DE\nbo,FR\ncy@example.org,\n")
    return desk


def test_a_customer_is_found_by_id_and_an_address_in_any_case(desk: StagingDesk) -> None:
    connection = desk.ledger.connection
    assert [customer_number(connection, name) for name in ("ana", "bo", " CY@example.org ")] == [1, 2, 3]
    assert [customer_number(connection, name) for name in ("ANA", "dee")] == [None, None]


def test_an_erased_customer_is_found_by_the_old_id_and_by_the_pseudonym(desk: StagingDesk) -> None:
    connection = desk.ledger.connection
    desk.erase(2)
    name = pseudonym(connection, "bo")
    assert desk.read("SELECT customer_id, country FROM customers WHERE id = 2") == [(name, None)]
    assert [customer_number(connection, one) for one in ("bo", name, "eve")] == [2, 2, None]


def test_customers_are_there_by_their_own_country_or_that_of_a_booking(desk: StagingDesk) -> None:
    desk.load("booking_id,customer_id,order_amount,country\nB1,bo,10,DE\nB2,dee,10,DE\nB3,eve,10,FR\n")
    desk.load("booking_id,customer_id,order_amount,country\nB2,dee,10,FR\n")
    there = find_customers_in(desk.ledger.connection, lambda country: country == "DE")
    found = [name for number, name in desk.read("SELECT id, customer_id FROM customers") if there.has(number)]
    assert sorted(found) == ["ana", "bo"]
