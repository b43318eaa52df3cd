"""Rows about one person are put together, or all rejected where they contradict each other, in whichever order they stand."""

from itertools import permutations

import pytest

from refundctl.ledger.people.staged_people import StagedPeople, find_people
from support.desks.staging_desk import StagingDesk

ROWS = (("ana", "ana@example.org", None), ("bo", None, "Bo"), ("ana", None, "Ana"), ("ana", None, None))
FOUND = "SELECT customer_id, email, name, rows FROM found_people ORDER BY id"


def staged(*rows: tuple[str, str | None, str | None]) -> StagedPeople:
    """Each row in a file of its own, on line 2."""
    people = StagedPeople(StagingDesk().ledger.connection)
    for file, (customer, email, name) in enumerate(rows, start=1):
        people.add(file, [2], {"customer_id": [customer], "email": [email], "name": [name]})
    return people


@pytest.mark.parametrize("rows", [*permutations(ROWS)][::7])
def test_what_rows_say_of_one_person_is_put_together(rows: tuple[tuple[str, str | None, str | None], ...]) -> None:
    people = staged(*rows)
    assert find_people(people) == 2
    found = people.connection.execute(FOUND).fetchall()
    assert found == [("ana", "ana@example.org", "Ana", 3), ("bo", None, "Bo", 1)]
    assert people.count_rejects() == {}


def test_all_rows_about_somebody_of_whom_two_things_are_said_are_rejected_and_nobody_else() -> None:
    people = staged(
        ("ana", "a@example.org", "Ana"), ("bo", None, "Bo"), ("ana", "b@example.org", None), ("ana", None, None)
    )
    assert find_people(people) == 0
    assert people.connection.execute(FOUND).fetchall() == [("bo", None, "Bo", 1)]
    found = {
        file: [(reject.line, reject.field, reject.code) for reject in people.rejects_of(file)] for file in range(1, 5)
    }
    contradiction = [(2, "email", "contradiction")]
    assert found == {1: contradiction, 2: [], 3: contradiction, 4: contradiction}


def test_the_first_field_that_differs_is_named_and_letters_count_one_by_one() -> None:
    people = staged(("ana", "ana@example.org", "Ana"), ("ana", "Ana@example.org", "Anna"))
    find_people(people)
    [reject] = people.rejects_of(1)
    assert (reject.field, reject.reason) == (
        "email",
        "the rows about customer ana name more than one email; keep the right one",
    )


def test_an_id_that_is_an_address_stays_out_of_the_message() -> None:
    people = staged(("ana@example.org", None, "Ana"), ("ana@example.org", None, "Anna"))
    find_people(people)
    [reject] = people.rejects_of(2)
    assert reject.reason == "the rows about this customer name more than one name; keep the right one"
