"""Which PIN of a card counts: the newest, of that card only; and the one that a run has set."""

from refundctl.ledger.cards.pins import StoredPin, pin_of, pin_set_by, post_pin
from support.desks.funded_desk import FundedDesk

FIRST, SECOND = (b"s" * 16, b"d" * 32), (b"t" * 16, b"e" * 32)


def test_the_newest_pin_of_a_card_counts_and_every_run_knows_its_own(desk: FundedDesk) -> None:
    later = desk.journal.begin().run_id
    assert pin_of(desk.connection, 1) is None
    post_pin(desk.connection, 1, "scrypt:1", *FIRST, desk.run_id)
    assert pin_of(desk.connection, 1) == StoredPin(1, "scrypt:1", *FIRST)
    post_pin(desk.connection, 1, "scrypt:2", *SECOND, later)
    assert pin_of(desk.connection, 1) == StoredPin(2, "scrypt:2", *SECOND)
    assert pin_of(desk.connection, 2) is None
    assert pin_set_by(desk.connection, desk.run_id) == StoredPin(1, "scrypt:1", *FIRST)
    assert pin_set_by(desk.connection, desk.step("topup")) is None
