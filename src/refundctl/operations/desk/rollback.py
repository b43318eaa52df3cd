"""Giving a redemption back, once, in whole or part: to the buckets it was taken from, where the money is now."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.buckets import given_back
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.cards.successors import last_successor
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import PastRedemption
from refundctl.ledger.journal.run_journal import Journal
from refundctl.operations.desk import refusals
from refundctl.operations.desk.amounts import amount_of, money
from refundctl.operations.desk.deeds import moved, on_card_found
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.refusals import state_in_words

# A longer number may be the code of a card, which must be written down nowhere.
_TRANSACTION = re.compile("[0-9]{1,11}")


def rollback(
    ledger: Ledger,
    journal: Journal,
    transaction: str,
    *,
    amount: str | None = None,
    reason: str | None = None,
    key: str | None = None,
    keep: bool = True,
) -> Answer:
    """Give back the redemption that this transaction is of, once per `key`; `amount` None is all of it.

    Raises UsageError, RedemptionUnknown, RolledBack, MoreThanTaken, OtherCurrency, KeyConflict, NotActive, Disabled.
    """
    number = transaction_number(transaction)
    return on_card_found(
        ledger,
        journal,
        partial(_card_of, ledger, number),
        _GiveBack(number, amount, reason),
        key=key,
        keep=keep,
        asked={"transaction": number},
    )


def transaction_number(text: str) -> int:
    """The number of a transaction as it was typed. Raises UsageError."""
    if not _TRANSACTION.fullmatch(text):
        raise UsageError(
            "A transaction is named by its number, such as 17: `refundctl card show` lists those of a card."
        )
    return int(text)


def _card_of(ledger: Ledger, number: int) -> Card:
    """The card that a redemption was taken from, by the number of one of its transactions."""
    found = redeeming.redemption_of(ledger.connection, number)
    if found is None:
        raise refusals.RedemptionUnknown(
            f"Transaction {number} is no redemption: `refundctl card show` lists the transactions of a card."
        )
    return read_card(ledger.connection, found.card, ledger.clock.now)


@dataclass(frozen=True, slots=True)
class _GiveBack:
    """The deed of `card rollback`; the card is the one that the redemption was taken from."""

    transaction: int
    amount: str | None
    reason: str | None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed: the whole amount where none was named, so that a retry may name it."""
        return {
            "transaction": self.transaction,
            "amount_minor": self._amount_minor(self._redemption(ledger), card),
            "reason": self.reason,
        }

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        redemption = self._redemption(desk.ledger)
        amount_minor = self._amount_minor(redemption, card)
        _refuse_again(redemption)
        _refuse_more(redemption, amount_minor, card)
        target = _where_money_goes(desk, card)
        amount = given_back(amount_minor, redemption.taken, bonus_first=card.rules.bonus_first)
        posted = redeeming.roll_back(
            desk.ledger.connection, redemption, amount, card=target.number, reason=self.reason, run_id=desk.run_id
        )
        rollback = {
            "redemption": redemption.number,
            "card_id": target.card_id,
            "amount": amount.total,
            "paid": amount.paid,
            "bonus": amount.bonus,
            "currency": target.currency,
        }
        return moved(desk, desk.card(target.number), "rollbacks", "refunded", amount, posted, rollback=rollback)

    def _redemption(self, ledger: Ledger) -> PastRedemption:
        found = redeeming.redemption_of(ledger.connection, self.transaction)
        if found is None:  # pragma: no cover - redemptions never go away
            raise LookupError(self.transaction)
        return found

    def _amount_minor(self, redemption: PastRedemption, card: Card) -> int:
        return redemption.taken.total if self.amount is None else amount_of(self.amount, card.currency)


def _refuse_again(redemption: PastRedemption) -> None:
    if redemption.rolled_back_by is not None:
        raise refusals.RolledBack(
            f"Redemption {redemption.number} was given back before, by run {redemption.rolled_back_by}: that is done "
            "once; `refundctl card adjust` corrects a balance."
        )


def _refuse_more(redemption: PastRedemption, amount_minor: int, card: Card) -> None:
    taken_minor = redemption.taken.total
    if amount_minor > taken_minor:
        raise refusals.MoreThanTaken(
            f"Redemption {redemption.number} took {money(taken_minor, card.currency)}: give back at most that, not "
            f"{money(amount_minor, card.currency)}."
        )


def _where_money_goes(desk: Desk, card: Card) -> Card:
    """The card itself, or the last one that its balance has moved to since.

    One that is disabled, locked or expired gets its money back. Raises Disabled where frozen, NotActive where dead.
    """
    number = last_successor(desk.ledger.connection, card.number)
    target = card if number == card.number else desk.card(number)
    if target.state is CardState.FROZEN:
        raise refusals.Disabled(
            f"Card {target.card_id} {state_in_words(target)}, so nothing can be given back to it: "
            "`refundctl cashout cancel` gives it back first."
        )
    if target.state.is_dead:
        raise refusals.NotActive(
            f"Card {target.card_id} {state_in_words(target)}, so nothing can be given back to it: give the amount "
            "back in another way, such as `refundctl card issue`."
        )
    return target
