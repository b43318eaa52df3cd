"""Who the customers of bookings are: the last of what rows say of one counts, in the order of the ids, and no blank does."""

import pytest

from support.desks.staging_desk import StagingDesk

PEOPLE = "SELECT customer_id, email, name FROM customers ORDER BY customer_id"
VERSIONS = "SELECT customer_id, count(*) FROM customer_versions JOIN customers ON customers.id = customer GROUP BY 1"
HEADER = "booking_id,customer_id,order_amount,email,name\n"


@pytest.fixture
def desk() -> StagingDesk:
    return StagingDesk()


def test_the_last_booking_id_counts_wherever_its_row_stands_and_a_blank_says_nothing(desk: StagingDesk) -> None:
    desk.load(f"{HEADER}B2,ana,10,new@example.org,\nB1,ana,10,old@example.org,Ana\nB3,ana,10,,\n")
    assert desk.read(PEOPLE) == [("ana", "new@example.org", "Ana")]
    assert desk.read("SELECT count(DISTINCT customer) FROM line_versions") == [(1,)]


def test_a_known_line_may_say_something_else_of_its_customer(desk: StagingDesk) -> None:
    desk.load(f"{HEADER}B1,ana,10,old@example.org,Ana\nB2,bo,10,bo@example.org,\n")
    desk.load(f"{HEADER}B1,ana,10,new@example.org,\nB2,bo,10,bo@example.org,\n")
    assert desk.read(PEOPLE) == [("ana", "new@example.org", "Ana"), ("bo", "bo@example.org", None)]
    assert desk.read(VERSIONS) == [("ana", 2), ("bo", 1)]
    assert desk.read("SELECT count(*) FROM line_versions") == [(2,)]


def test_a_new_booking_of_somebody_known_makes_no_second_customer(desk: StagingDesk) -> None:
    desk.load(f"{HEADER}B1,ana,10,ana@example.org,Ana\n")
    assert desk.load(f"{HEADER}B2,ana,10,,\nB3,bo,10,ana@example.org,\n").counts == (2, 0, 0)
    assert desk.read(PEOPLE) == [("ana", "ana@example.org", "Ana"), ("bo", "ana@example.org", None)]
    assert desk.read("SELECT booking, customer FROM line_versions ORDER BY id") == [(1, 1), (2, 1), (3, 3)]


def test_rows_that_are_set_aside_leave_nobody_behind_and_say_nothing(desk: StagingDesk) -> None:
    desk.load(f"{HEADER}B1,ana,10,ana@example.org,\n")
    done = desk.load(f"{HEADER}B2,bo,10,bo@example.org,\nB2,ana,10,other@example.org,\nB3,cy,10,,\nB4,ana,10,,Ana\n")
    assert [line for line, _, _ in done.rejects] == [2, 3]
    assert desk.read(PEOPLE) == [("ana", "ana@example.org", "Ana"), ("cy", None, None)]
