"""PINs: one in the place of another, tried from the start; what is asked for under a key tells nothing of it."""

import pytest

from refundctl.domain.cards.pins import METHOD
from refundctl.ledger.journal.idempotency_keys import keep
from refundctl.operations.desk.disable import Deactivate
from refundctl.operations.desk.pins import PinTyped, SetPin, Unlock, prepare_pin
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import Locked, NotActive, PinWrong
from support.desks.clerk_desk import QUICK, SALT, ClerkDesk

RIGHT, WRONG = PinTyped("2580"), PinTyped("1111")


def buy(pin: PinTyped) -> Redeem:
    return Redeem("1", "INV-1", "ana", pin=pin)


def with_wrong_tries(count: int) -> ClerkDesk:
    desk = ClerkDesk()
    desk.set_pin("2580")
    for _ in range(count):
        desk.refuses(PinWrong, "pin_wrong", buy(WRONG))
    return desk


def test_five_wrong_ones_lock_a_card_until_it_is_unlocked_once() -> None:
    desk = with_wrong_tries(5)
    desk.refuses(Locked, "voucher_locked", buy(RIGHT))
    assert [desk.do(Unlock("showed her passport")).counts["unlocked"] for _ in range(2)] == [1, 0]
    assert desk.do(buy(RIGHT)).counts == {"redemptions": 1}


def test_a_right_one_forgets_the_wrong_ones_before_it_and_so_does_a_new_one() -> None:
    desk = with_wrong_tries(4)
    desk.do(buy(RIGHT))
    assert desk.card().wrong_pins == 0
    desk = with_wrong_tries(5)
    desk.set_pin("1111")
    assert (desk.stands(), desk.do(buy(WRONG)).counts) == ("active", {"redemptions": 1})


def test_a_wrong_one_counts_in_a_dry_run_too() -> None:
    desk = with_wrong_tries(4)
    with pytest.raises(PinWrong, match="it is locked now"):
        desk.do(buy(WRONG), keep=False)
    assert (desk.stands(), desk.card().wrong_pins) == ("locked", 5)


def test_what_is_kept_is_salt_and_hash_and_never_of_a_dead_card() -> None:
    desk, deed = ClerkDesk(), SetPin(RIGHT, SALT, b"h" * 32)
    assert desk.do(deed).counts == {"pins_set": 1}
    assert desk.read("SELECT card, method, salt, hash FROM pins") == [(1, METHOD, SALT, b"h" * 32)]
    assert "2580" not in str(desk.read("SELECT arguments FROM runs"))
    desk.do(Deactivate())
    for dead in (deed, Unlock()):
        desk.refuses(NotActive, "voucher_not_active", dead)


def test_a_retry_under_the_same_key_is_the_same_only_with_the_same_pin() -> None:
    desk = ClerkDesk()
    desk.set_pin("2580")
    connection, card = desk.ledger.connection, desk.card()
    [(run_id,)] = desk.read("SELECT run_id FROM pins")
    with desk.ledger.writing():
        keep(connection, "k", "0" * 64, "{}", run_id)
    asked = [
        SetPin(pin, b"n" * 16, b"h" * 32, key).arguments(desk.ledger, card)
        for pin, key in ((RIGHT, "k"), (WRONG, "k"), (WRONG, "other"), (WRONG, None))
    ]
    assert asked == [{}, {"pin": "another"}, {}, {}]


def test_a_pin_is_hashed_before_anything_is_locked_and_only_where_there_is_one_to_compare() -> None:
    desk, typed = ClerkDesk(), PinTyped("2580")
    desk.set_pin("2580")
    for named in ("c2", "c99"):
        prepare_pin(desk.ledger, named, typed)
    assert typed._hashes == {}
    prepare_pin(desk.ledger, desk.card().code, typed)
    [(way, kept)] = typed._hashes.items()
    assert way == (QUICK, SALT)
    prepare_pin(desk.ledger, "c1", typed)
    assert typed._hashes[way] is kept, "once, as it takes long"
