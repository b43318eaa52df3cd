"""Refund lines that their source leaves out now are withdrawn, and come back with the next row that is taken."""

from support.desks.staging_desk import StagingDesk

ROW = "booking_id,order_amount\nB1,100\n"
NO_ROWS = "booking_id,order_amount\n"
VERSIONS = "SELECT version, withdrawn FROM line_versions ORDER BY id"


def test_a_line_left_out_is_withdrawn_once_and_comes_back() -> None:
    desk = StagingDesk()
    desk.load(ROW)
    assert desk.load(NO_ROWS, left_out=[("B1", "")]).withdrawn == 1
    assert desk.load(NO_ROWS, left_out=[("B1", ""), ("B9", "")]).withdrawn == 0
    assert desk.load(ROW).counts == (0, 1, 0)
    assert desk.read(VERSIONS) == [(1, 0), (2, 1), (3, 0)]


def test_another_source_withdraws_nothing_nor_does_one_that_also_takes_the_line() -> None:
    desk = StagingDesk()
    desk.load(ROW)
    assert desk.load(NO_ROWS, source="shop", left_out=[("B1", "")]).withdrawn == 0
    assert desk.load(ROW, left_out=[("B1", "")]).withdrawn == 0
    assert desk.read(VERSIONS) == [(1, 0)]
