"""Who was erased stays erased, whatever is loaded again; the money stays."""

from refundctl.ledger.people import erasing
from support.desks.staging_desk import StagingDesk

BOOKING = (
    'booking_id,customer_id,order_amount,email,metadata\nB1,ana-nowak,100,ana@example.org,"{""seat"":""window"" }"\n'
)
PEOPLE = "customer_id,email\nana-nowak,ana@example.org\n"


def test_neither_bookings_nor_people_bring_a_person_back() -> None:
    desk = StagingDesk()
    desk.load(BOOKING)
    held = erasing.held(desk.ledger.connection, 1)
    assert (held.fields, held.metadata) == (2, 1)
    assert held.bytes_gone == {b"ana-nowak", b"ana@example.org"}
    desk.erase(1)
    assert desk.load(BOOKING).counts == (0, 0, 1)
    assert desk.load(BOOKING.replace("100", "90")).counts == (0, 1, 0)
    assert desk.load_people(PEOPLE).counts == (0, 0, 1)
    assert desk.read("SELECT count(*), max(email) FROM customers") == [(1, None)]
    assert desk.read("SELECT count(*) FROM line_metadata") == [(0,)]
    assert desk.read("SELECT sum(refund_amount_minor) FROM refund_lines") == [(90,)]


def test_what_somebody_else_has_too_is_not_looked_for_in_the_file() -> None:
    desk = StagingDesk()
    desk.load_people("customer_id,email\nana-nowak,family@example.org\njan-nowak,family@example.org\n")
    assert erasing.held(desk.ledger.connection, 1).bytes_gone == {b"ana-nowak"}
