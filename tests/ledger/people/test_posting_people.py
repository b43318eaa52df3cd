"""What files of people write: new people, changed ones, and what bookings may still say of them."""

import pytest

from support.desks.staging_desk import StagingDesk

PEOPLE = "SELECT customer_id, email, name FROM customers ORDER BY customer_id"


@pytest.fixture
def desk() -> StagingDesk:
    return StagingDesk()


def test_a_blank_never_overwrites_what_is_known(desk: StagingDesk) -> None:
    assert desk.load_people("customer_id,email,name\nana,ana@example.org,Ana\n").counts == (1, 0, 0)
    assert desk.load_people("customer_id,email,name\nana,,Ana Nowak\n").counts == (0, 1, 0)
    assert desk.load_people("customer_id,email,name\nana,ana@example.org,\n").counts == (0, 0, 1)
    assert desk.read(PEOPLE) == [("ana", "ana@example.org", "Ana Nowak")]


def test_rows_about_one_person_are_merged_or_all_rejected(desk: StagingDesk) -> None:
    done = desk.load_people("customer_id,email,name\nana,ana@example.org,\nana,,Ana\nbo,,Bo\nbo,,Bob\n")
    assert done.rejects == [(4, "name", "contradiction"), (5, "name", "contradiction")]
    assert done.counts == (1, 0, 1)
    assert desk.read(PEOPLE) == [("ana", "ana@example.org", "Ana")]


def test_bookings_only_fill_in_what_a_file_of_people_has_left_blank(desk: StagingDesk) -> None:
    desk.load_people("customer_id,email,name\nana,ana@example.org,\n")
    desk.load("booking_id,customer_id,order_amount,email,name\nB1,ana,10,other@example.org,Ana\n")
    assert desk.read(PEOPLE) == [("ana", "ana@example.org", "Ana")]
