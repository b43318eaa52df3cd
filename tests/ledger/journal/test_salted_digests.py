"""What is sealed of a person and of kept columns: a digest that any change shows in, and that nobody finds by guessing."""

import hashlib
import json

import pytest

from refundctl.ledger.journal.salted_digests import METADATA_TEXT, PERSON_TEXT, register_sha256
from support.desks.staging_desk import StagingDesk

PERSON = {
    "customer_id": "ana",
    "email": "ana@example.org",
    "name": "Ana",
    "phone": "+48 1",
    "locale": "pl",
    "marketing_consent": "yes",
    "country": "PL",
}


def digest(desk: StagingDesk) -> bytes:
    register_sha256(desk.ledger.connection)
    [(found,)] = desk.read(f"SELECT sha256({PERSON_TEXT}) FROM customers WHERE id = 1")
    return bytes(found)


@pytest.fixture
def desk() -> StagingDesk:
    made = StagingDesk()
    made.load_people(f"{','.join(PERSON)}\n{','.join(PERSON.values())}\n")
    return made


def test_it_is_the_sha_256_of_the_salt_and_all_that_is_known(desk: StagingDesk) -> None:
    [(salt, sealed)] = desk.read("SELECT salt, digest FROM customers JOIN customer_versions ON customer = customers.id")
    text = json.dumps([salt.hex().upper(), *PERSON.values(), 1], separators=(",", ":"))
    assert digest(desk) == sealed == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize("column", [*PERSON, "from_people_file", "salt"])
def test_any_change_shows(desk: StagingDesk, column: str) -> None:
    before = digest(desk)
    changed = {"from_people_file": "0", "salt": "zeroblob(16)", "marketing_consent": "'no'"}.get(column, "'other'")
    desk.ledger.connection.execute(f"UPDATE customers SET {column} = {changed}")
    assert digest(desk) != before


def test_two_lines_with_the_same_columns_have_other_digests() -> None:
    desk = StagingDesk()
    desk.load('booking_id,order_amount,metadata\nB1,1,"{""seat"":""12A""}"\nB2,1,"{""seat"":""12A""}"\n')
    register_sha256(desk.ledger.connection)
    text = METADATA_TEXT.format(salt="salt", metadata="metadata")
    joined = "line_versions JOIN line_metadata ON line_version = line_versions.id"
    rows = desk.read(f"SELECT metadata_digest, sha256({text}) FROM {joined}")
    assert [sealed == computed for sealed, computed in rows] == [True, True]
    assert len({sealed for sealed, _ in rows}) == 2
