"""What `verify` says of people and kept columns: each is as it was sealed, and of who was erased only a pseudonym is left."""

import pytest

from support.desks.damaged_books import codes_found, damage
from support.desks.staging_desk import StagingDesk

ROWS = (
    "booking_id,customer_id,order_amount,email,name,metadata\n"
    'B1,ana-nowak,100,ana@example.org,Ana,"{""seat"":""12A""}"\nB2,bo-berg,100,bo@example.org,Bo,"{""seat"":""12B""}"\n'
)


@pytest.fixture
def desk() -> StagingDesk:
    """Ana, customer 1, and Bo, customer 2, each with a booking."""
    made = StagingDesk()
    made.load(ROWS)
    return made


@pytest.mark.parametrize(
    "done",
    [
        "UPDATE customers SET email = 'other@example.org' WHERE id = 1",
        "UPDATE customers SET name = NULL WHERE id = 1",
        "UPDATE customers SET customer_id = 'Ana-Nowak' WHERE id = 1",
        "UPDATE customers SET from_people_file = 1 WHERE id = 1",
        "UPDATE customers SET salt = zeroblob(16) WHERE id = 1",
        "UPDATE customers SET salt = NULL WHERE id = 1",
        "DELETE FROM customer_versions WHERE customer = 1",
    ],
)
def test_a_person_who_is_not_as_sealed_is_found_once(desk: StagingDesk, done: str) -> None:
    assert codes_found(desk.ledger.connection) == []
    damage(desk.ledger.connection, done)
    assert codes_found(desk.ledger.connection) == ["person_altered"]


def test_the_last_that_was_sealed_of_a_person_counts(desk: StagingDesk) -> None:
    desk.load_people("customer_id,name\nana-nowak,Ana Nowak\n")
    assert codes_found(desk.ledger.connection) == []
    damage(desk.ledger.connection, "UPDATE customers SET name = 'Ana', from_people_file = 0 WHERE id = 1")
    assert codes_found(desk.ledger.connection) == ["person_altered"]


@pytest.mark.parametrize(
    "done",
    [
        "UPDATE customers SET email = 'ana@example.org' WHERE id = 1",
        "UPDATE customers SET customer_id = 'ana-nowak' WHERE id = 1",
        "UPDATE customers SET customer_id = NULL WHERE id = 1",
        "UPDATE customers SET from_people_file = 1 WHERE id = 1",
        "UPDATE customers SET salt = zeroblob(16) WHERE id = 1",
    ],
)
def test_of_who_was_erased_nothing_is_left_but_a_pseudonym(desk: StagingDesk, done: str) -> None:
    desk.erase(1)
    assert codes_found(desk.ledger.connection) == []
    damage(desk.ledger.connection, done)
    assert codes_found(desk.ledger.connection) == ["person_altered"]


@pytest.mark.parametrize(
    "done",
    [
        """UPDATE line_metadata SET metadata = '{"seat":"1A"}' WHERE line_version = 2""",
        "UPDATE line_metadata SET salt = zeroblob(16) WHERE line_version = 2",
        "DELETE FROM line_metadata WHERE line_version = 2",
        "UPDATE line_versions SET metadata_digest = NULL WHERE id = 2",
    ],
)
def test_kept_columns_are_as_sealed_and_gone_only_with_their_person(desk: StagingDesk, done: str) -> None:
    desk.erase(1)
    damage(desk.ledger.connection, done)
    assert codes_found(desk.ledger.connection) == ["metadata_altered"]


def test_columns_that_a_later_version_carried_on_go_with_whoever_had_the_line_before() -> None:
    desk = StagingDesk()
    desk.load(ROWS)
    desk.load("booking_id,customer_id,order_amount\nB1,cy,100\n")
    desk.erase(1)
    assert desk.read("SELECT line_version FROM line_metadata") == [(2,)]
    assert codes_found(desk.ledger.connection) == []
