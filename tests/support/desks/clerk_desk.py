"""A clerk over a ledger in memory: deeds are done to the cards of the campaign `refunds`, or refused by its rules."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from refundctl.domain.basics.errors import Refused
from refundctl.domain.campaigns.campaign import Campaign
from refundctl.domain.cards.pins import SALT_BYTES, hashed
from refundctl.ledger.cards import pins
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.cash import bank_files
from refundctl.ledger.cash.debts import DebtState, debts
from refundctl.ledger.database.connection import Clock
from refundctl.ledger.journal.run_journal import Journal, Operator
from refundctl.operations.campaigns import create, pause
from refundctl.operations.desk.deeds import CardDeed, on_card
from refundctl.operations.desk.kept_answers import Answer
from support.books import NO_FACTS
from support.desks.funding_desk import FundingDesk
from support.desks.staging_desk import StagingDesk

#: As PINs are hashed, but for the time that it takes.
QUICK, SALT = "scrypt:16:8:1", b"s" * SALT_BYTES
#: A 4 % bonus is easily told from what was paid.
BONUS = {"refund": {"bonuses": [{"name": "gold", "percentage": "4"}]}}
#: Of what ben is owed, 20.00 are owed in cash.
WITH_CASH = "booking_id,customer_id,order_amount,cash_amount\nB1,ana,10000,0\nB2,ben,5000,2000\n"
ROWS = "booking_id,customer_id,order_amount\nB1,ana,10000\nB2,ben,5000\n"
#: Ledgers as a desk finds them: many tests begin with the same.
_OPENED: dict[str, bytes] = {}


class ClerkDesk(FundingDesk):
    """Noon of 1 May 2020, a Friday, in UTC: ana's c1 holds 100.00 and a bonus of 4.00, ben's c2 50.00 and 2.00.

    `rows` are other bookings than these two; what a campaign's keys say goes before the bonus.
    """

    def __init__(self, rows: str = ROWS, /, **keys: object) -> None:
        opened = repr((rows, keys))
        if opened in _OPENED:
            StagingDesk.__init__(self)
            self.ledger.connection.deserialize(_OPENED[opened])
            return
        super().__init__(**{**BONUS, **keys})
        self.fund(rows)
        _OPENED[opened] = self.ledger.connection.serialize()

    def at(self, moment: str) -> None:
        """Go on at another moment, such as `2021-05-02T00:00:00Z`."""
        self.ledger = replace(self.ledger, clock=Clock(datetime.fromisoformat(moment), rehearsal=False))
        self._journal = replace(self._journal, ledger=self.ledger)

    def journal(self, command: str = "card", **arguments: object) -> Journal:
        return Journal(self.ledger, Operator("clerk", 7, "till"), command, arguments)

    def do(self, deed: CardDeed, card: str = "c1", *, key: str | None = None, keep: bool = True) -> Answer:
        return on_card(self.ledger, self.journal(type(deed).__name__), card, deed, key=key, keep=keep)

    def refuses(
        self, reason: type[Refused], code: str, deed: CardDeed, card: str = "c1", key: str | None = None
    ) -> str:
        """What is said where a deed is refused for just this reason; nothing but the attempt is kept of it."""
        return self.refuses_to(reason, code, lambda: self.do(deed, card, key=key))

    def refuses_to(self, reason: type[Refused], code: str, do: Callable[[], Any]) -> str:
        """The same of anything."""
        before = self._facts()
        with pytest.raises(Refused) as refused:
            do()
        assert (type(refused.value), refused.value.code) == (reason, code), refused.value.message
        assert self._facts() == before
        return refused.value.message

    def pause(self, reason: str = "") -> None:
        with self.run() as run_id:
            pause.switch(self.ledger, self.terms, "paused", reason or None, run_id)

    def also(self, name: str, **keys: object) -> None:
        """Another campaign, in euros too where nothing else is said."""
        campaign = Campaign.from_definition(name, json.dumps({"currency": "EUR", **keys}))
        with self.run() as run_id:
            create.create(self.ledger, campaign, run_id)

    def set_pin(self, pin: str, card: int = 1) -> None:
        """A PIN by a method that takes no time."""
        with self.run() as run_id:
            pins.post_pin(self.ledger.connection, card, QUICK, SALT, hashed(pin, SALT, QUICK), run_id)

    def debts(self) -> dict[int, str]:
        """What has become of everything that is owed in cash, by its number."""
        return {debt.debt_id: str(debt.state) for debt in debts(self.ledger.connection, None, list(DebtState))}

    def order(self, *owed: int, path: str = "/pay/may.csv", delivered: bool = True) -> bank_files.CashFile:
        """A file for the bank with these debts in it."""
        connection, now = self.ledger.connection, self.ledger.clock.stamp
        with self.run() as run_id:
            file = bank_files.reserve(connection, path=path, format_="csv", debts=owed, run_id=run_id, now=now)
            if delivered:
                bank_files.mark_delivered(connection, file, [], run_id)
        return file

    def card(self, number: int = 1) -> Card:
        """A card as it stands now."""
        return read_card(self.ledger.connection, number, self.ledger.clock.now)

    def balance(self, number: int = 1) -> tuple[int, int]:
        """Paid and bonus of a card."""
        found = self.card(number).balance
        return (found.paid, found.bonus)

    def stands(self, number: int = 1) -> str:
        """What a card is."""
        return str(self.card(number).state)

    def _facts(self) -> dict[str, list[tuple[Any, ...]]]:
        names = self.read("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name: self.read(f'SELECT * FROM "{name}"') for (name,) in names if name not in NO_FACTS}
