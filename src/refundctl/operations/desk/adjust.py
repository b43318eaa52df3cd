"""Correcting the balance of a card: upwards out of hand, within budget and approval, or downwards."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.buckets import Buckets, taken
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import adjusting as posting
from refundctl.operations.desk import refusals
from refundctl.operations.desk.amounts import amount_of, balance_by_bucket, money
from refundctl.operations.desk.deeds import moved
from refundctl.operations.desk.goodwill_limits import BONUS, PAID, Giving, in_bucket
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.refusals import refuse_frozen, state_in_words


@dataclass(frozen=True, slots=True)
class Adjust:
    """The deed of `card adjust`; texts as they were typed, but for the reason, which holds no code.

    `bucket` None means paid, and for what is taken then bonus. `together` is what a file's cards share: see Activate.
    """

    amount: str
    reason: str
    bucket: str | None = None
    together: Giving | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed."""
        return {
            "amount_minor": amount_of(self.amount, card.currency, signed=True),
            "bucket": self.bucket,
            "reason": self.reason,
        }

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed. Raises BudgetExceeded and ApprovalRequired too."""
        minor = amount_of(self.amount, card.currency, signed=True)
        amount = self._given(desk, card, minor) if minor > 0 else self._taken(card, -minor)
        posted = posting.post(
            desk.ledger.connection,
            "adjustments",
            card=card.number,
            campaign=card.campaign,
            amount=amount,
            reason=self.reason,
            run_id=desk.run_id,
        )
        warnings = self._warnings(desk, card) if minor > 0 else ()
        return moved(desk, _after(card, amount), "adjusted", "adjusted", amount, posted, warnings=warnings)

    def _given(self, desk: Desk, card: Card, minor: int) -> Buckets:
        _refuse_giving(desk, card)
        return in_bucket(minor, self.bucket or PAID)

    def _taken(self, card: Card, minor: int) -> Buckets:
        _refuse_taking(card)
        held = {PAID: Buckets(paid=card.balance.paid), BONUS: Buckets(bonus=card.balance.bonus)}
        available = card.balance if self.bucket is None else held[self.bucket]
        if minor > available.total:
            raise refusals.BalanceTooLow(_too_little(card, available, self.bucket, minor))
        took = taken(minor, available, bonus_first=False)
        return Buckets(-took.paid, -took.bonus)

    def _warnings(self, desk: Desk, card: Card) -> tuple[str, ...]:
        giving = self.together or Giving()
        giving.note(card)
        return () if self.together is not None else tuple(giving.close(desk))


def _too_little(card: Card, available: Buckets, bucket: str | None, minor: int) -> str:
    held = (
        balance_by_bucket(available, card.currency)
        if bucket is None
        else f"{money(available.total, card.currency)} {bucket}"
    )
    return f"Card {card.card_id} holds {held}: take off at most that, not {money(minor, card.currency)}."


def _after(card: Card, amount: Buckets) -> Card:
    """The card as it stands now, without reading it again."""
    return replace(card, balance=Buckets(card.balance.paid + amount.paid, card.balance.bonus + amount.bonus))


def _refuse_giving(desk: Desk, card: Card) -> None:
    """Raise NotActive, Disabled or CardExpired where nothing may come onto a card; one blocked for now may get it."""
    _refuse_ended(card)
    if card.state is CardState.DEACTIVATED:
        raise refusals.NotActive(
            f"Card {card.card_id} {state_in_words(card)}: `refundctl card issue` makes a new card."
        )
    if card.handed_out_by is None:
        raise refusals.NotActive(
            f"Card {card.card_id} {state_in_words(card, CardState.UNASSIGNED)}: `refundctl card activate` or "
            "`refundctl card assign` comes first."
        )
    # Also of one that is disabled, which its state tells before.
    if card.has_expired(desk.now):
        raise refusals.CardExpired(
            f"Card {card.card_id} expired on {card.expires_on}: extend it with `refundctl card extend` first, or make "
            "a new card with `refundctl card issue`."
        )


def _refuse_taking(card: Card) -> None:
    """What is left on a deactivated card may still be taken off it."""
    _refuse_ended(card)
    if card.state is CardState.UNASSIGNED:
        raise refusals.NotActive(f"Card {card.card_id} {state_in_words(card)}: there is nothing on it.")


def _refuse_ended(card: Card) -> None:
    refuse_frozen(card)
    if card.state is CardState.TRANSFERRED:
        raise refusals.NotActive(f"Card {card.card_id} {state_in_words(card)}: correct that card.")
    if card.state is CardState.CASHED_OUT:
        raise refusals.NotActive(
            f"Card {card.card_id} {state_in_words(card)}: `refundctl card issue` makes a new card."
        )


def bucket_named(text: str | None) -> str | None:
    """The bucket that was typed, None for none. Raises UsageError."""
    if text in {None, "", PAID, BONUS}:
        return text or None
    raise UsageError(f"--bucket takes {PAID} or {BONUS}: give one of them, or leave it out.", code="bucket_unknown")


def reason_needed(text: str | None) -> str:
    """A reason that holds no code, as it stands in the books. Raises UsageError where there is none."""
    if text is None:
        raise UsageError("--reason is blank: say why, for those who read the books later.", code="reason_missing")
    return text
