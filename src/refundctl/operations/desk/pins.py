"""A card's PIN: given, typed and compared, and let be tried again once wrong ones have locked it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from refundctl.domain.cards.pins import METHOD, SALT_BYTES, hashed, same
from refundctl.ledger.cards.finding_cards import card_number
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.cards.pins import StoredPin, pin_of, pin_set_by, post_pin
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk.card_events import post_event
from refundctl.ledger.journal.idempotency_keys import answer_under
from refundctl.operations.desk.deeds import WithReason, done, nothing
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.refusals import refuse_dead


class PinTyped:
    """A PIN as it was typed. It is hashed once for each salt, as that takes long: before the ledger is locked."""

    def __init__(self, pin: str) -> None:
        self._pin = pin
        self._hashes: dict[tuple[str, bytes], bytes] = {}

    def matches(self, stored: StoredPin) -> bool:
        """Whether it is the card's."""
        way = (stored.method, stored.salt)
        if way not in self._hashes:
            self._hashes[way] = hashed(self._pin, stored.salt, stored.method)
        return same(self._hashes[way], stored.digest)


def prepare_pin(ledger: Ledger, named: str, pin: PinTyped | None) -> None:
    """Hash a PIN for the card of this card_id or code, if there is one, without keeping anyone from writing."""
    if pin is None:
        return
    with ledger.reading():
        number = card_number(ledger.connection, named)
        stored = None if number is None else pin_of(ledger.connection, number)
    if stored is not None:
        pin.matches(stored)


@dataclass(frozen=True, slots=True)
class SetPin:
    """The deed of `card set-pin`: a PIN in the place of an earlier one, to be tried from the start.

    The hash is made before the ledger is locked, as it takes long. `key` is the idempotency key, if there is one.
    """

    pin: PinTyped
    salt: bytes
    digest: bytes
    key: str | None = None

    @classmethod
    def of(cls, pin: str, key: str | None = None) -> Self:
        """The deed for a PIN as parse_pin() gives it, under a salt of the operating system's randomness."""
        salt = os.urandom(SALT_BYTES)
        return cls(PinTyped(pin), salt, hashed(pin, salt), key)

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed: nothing of the PIN, but whether it is another than the one that was set under the same key."""
        earlier = None if self.key is None else answer_under(ledger.connection, self.key)
        stored = None if earlier is None else pin_set_by(ledger.connection, earlier.run_id)
        return {} if stored is None or self.pin.matches(stored) else {"pin": "another"}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        post_pin(desk.ledger.connection, card.number, METHOD, self.salt, self.digest, desk.run_id)
        return done(desk, card, "pins_set")


@dataclass(frozen=True, slots=True)
class Unlock(WithReason):
    """The deed of `card unlock`: wrong PINs are forgotten; where there were none, nothing."""

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        refuse_dead(card)
        if not card.wrong_pins:
            return nothing(card, "unlocked")
        post_event(desk.ledger.connection, card.number, "unlocked", self.reason, desk.run_id)
        return done(desk, card, "unlocked")
