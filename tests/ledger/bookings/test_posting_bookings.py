"""What loads write: versions, customers, metadata; and what they leave as it was."""

import pytest

from support.desks.staging_desk import StagingDesk

VERSIONS = "SELECT version, refund_amount_minor, withdrawn FROM line_versions ORDER BY id"


@pytest.fixture
def desk() -> StagingDesk:
    return StagingDesk()


def test_each_change_is_a_version_of_its_own(desk: StagingDesk) -> None:
    for amount in (100, 90, 90, 100):
        desk.load(f"booking_id,order_amount\nB1,{amount}\n")
    assert desk.read(VERSIONS) == [(1, 100, 0), (2, 90, 0), (3, 100, 0)]


def test_columns_that_the_file_has_not_stay_as_they_are_known(desk: StagingDesk) -> None:
    desk.load("booking_id,order_amount,cash_amount,bonus_amount,tickets,status,channel\nB1,100,40,5,2,cancelled,web\n")
    assert desk.load("booking_id,order_amount,status\nB1,100,cancelled\n").counts == (0, 0, 1)
    assert desk.load("booking_id,order_amount,status\nB1,30,refunded\n").counts == (0, 1, 0)
    now = """
        SELECT refund_amount_minor, cash_amount_minor, bonus_amount_minor, tickets, status, channel
        FROM refund_lines JOIN segments ON segments.id = segment
    """
    assert desk.read(now) == [(30, 30, 5, 2, "refunded", "web")]


def test_metadata_is_kept_by_a_source_that_keeps_none(desk: StagingDesk) -> None:
    desk.load('booking_id,order_amount,metadata\nB1,100,"{""hotel"":""City""}"\n')
    desk.load("booking_id,order_amount\nB1,90\n")
    found = desk.read("SELECT metadata FROM refund_lines JOIN line_metadata USING (line_version)")
    assert found == [('{"hotel":"City"}',)]


def test_of_what_rows_say_of_a_person_the_last_by_booking_id_counts(desk: StagingDesk) -> None:
    rows = ["B2,ana,10,new@example.org,\n", "B1,ana,10,old@example.org,Ana\n"]
    desk.load("booking_id,customer_id,order_amount,email,name\n" + "".join(rows))
    assert desk.read("SELECT customer_id, email, name FROM customers") == [("ana", "new@example.org", "Ana")]
    assert desk.load("booking_id,customer_id,order_amount,email\nB1,ana,10,\n").counts == (0, 0, 1)
    assert desk.read("SELECT count(*) FROM customer_versions") == [(1,)]


def test_a_set_aside_row_leaves_no_customer_and_no_segment(desk: StagingDesk) -> None:
    desk.load(
        "booking_id,refund_id,customer_id,order_amount,refund_amount,status\nB1,a,eve,10,6,odd\nB1,b,eve,10,6,odd\n"
    )
    assert desk.read("SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM segments)") == [(0,)]
