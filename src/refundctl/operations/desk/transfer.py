"""A lost card: its whole balance moves to another one of the same holder, in one step, and the lost one is dead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import card_details, card_events, transferring
from refundctl.ledger.desk.publishing_one_card import Recipient, hand_out_card
from refundctl.operations.campaigns.terms import terms_of
from refundctl.operations.desk import refusals
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.issue import new_card
from refundctl.operations.desk.kept_answers import Answer, Desk
from refundctl.operations.desk.named_cards import find_card
from refundctl.operations.desk.refusals import refuse_frozen, state_in_words


@dataclass(frozen=True, slots=True)
class Transfer:
    """The deed of `card transfer`: `to` is the card_id or code of what takes the balance, None for a new card."""

    to: str | None = None
    reason: str | None = None

    def arguments(self, ledger: Ledger, card: Card) -> Mapping[str, Any]:
        """See CardDeed. Raises CardUnknown, and UsageError where `to` is the card itself."""
        target = None if self.to is None else find_card(ledger, self.to)
        if target is not None and target.number == card.number:
            raise UsageError(
                f"--to names {card.card_id}, the card itself: name another one, or leave --to out for a new card."
            )
        return {"to": None if target is None else target.card_id, "reason": self.reason}

    def do(self, desk: Desk, card: Card) -> Answer:
        """See CardDeed."""
        _refuse_moving(desk, card)
        if self.to is None:
            terms = terms_of(desk.ledger, card.campaign_name)
            successor = new_card(desk, terms, _recipient(card))
        else:
            successor = _take_over(desk, card, find_card(desk.ledger, self.to))
        posted = transferring.transfer(
            desk.ledger.connection,
            card=card.number,
            successor=successor,
            campaign=card.campaign,
            balance=card.balance,
            reason=self.reason,
            run_id=desk.run_id,
        )
        moved = card.balance
        return Answer(
            campaign=card.campaign_name,
            counts={"transferred": 1},
            totals={card.currency: {"moved": moved.total, "paid": moved.paid, "bonus": moved.bonus}},
            facts={
                "card": card_facts(desk.card(successor)),
                "from": card_facts(desk.card(card.number)),
                "transactions": card_details.transactions(desk.ledger.connection, posted),
            },
        )


def _recipient(card: Card) -> Recipient:
    """Who gets the successor: the holder, for the same booking and until the same day; of a bearer's card a bearer."""
    return Recipient(card.campaign, card.customer, card.booking, card.expires_on)


def _refuse_moving(desk: Desk, card: Card) -> None:
    """Raise NotActive, Disabled or CardExpired where nothing may be moved; a blocked or locked card may be lost too."""
    refuse_frozen(card)
    if card.state.is_dead:
        raise refusals.NotActive(f"Card {card.card_id} {state_in_words(card)}: there is nothing to move.")
    if card.handed_out_by is None:
        raise refusals.NotActive(
            f"Card {card.card_id} {state_in_words(card, CardState.UNASSIGNED)}: there is nothing to move."
        )
    # Also of one that is blocked, which its state tells before.
    if card.has_expired(desk.now):
        raise refusals.CardExpired(
            f"Card {card.card_id} expired on {card.expires_on}: extend it with `refundctl card extend` first, as long "
            "as its balance is not booked as expired."
        )


def _take_over(desk: Desk, card: Card, target: Card) -> int:
    """Make sure that `target` can take the balance, in the holder's hands and for as long; gives its number."""
    _refuse_target(desk, card, target)
    connection = desk.ledger.connection
    if target.handed_out_by is None:
        hand_out_card(connection, target.number, _recipient(card), desk.run_id)
        return target.number
    if target.customer != card.customer:
        raise refusals.WrongCustomer(_of_another(card, target))
    _refuse_used_up(card, target)
    if target.expires_on is not None:
        if card.expires_on is None:
            raise refusals.Unsuitable(
                f"Card {card.card_id} never expires, and {target.card_id} does on {target.expires_on}: leave --to out, "
                "so that a new card takes the balance."
            )
        if card.expires_on > target.expires_on:
            card_events.extend(connection, target.number, card.expires_on, desk.run_id)
    return target.number


def _refuse_used_up(card: Card, target: Card) -> None:
    """Raise Unsuitable where one can be redeemed now, and neither could then, as the redemptions of both count."""
    quantity, together = target.rules.quantity, card.redemptions + target.redemptions
    if quantity is not None and min(card.redemptions, target.redemptions) < quantity <= together:
        raise refusals.Unsuitable(
            f"Card {target.card_id} could not be redeemed then: {target.campaign_name} lets a card be redeemed "
            f"{'once' if quantity == 1 else f'{quantity} times'}, and these two were redeemed as often together; "
            "leave --to out, so that a new card takes the balance."
        )


def _of_another(card: Card, target: Card) -> str:
    if card.customer is None:
        return (
            f"Card {card.card_id} has no holder, and {target.card_id} has one: give it to them with "
            "`refundctl card assign` first, or name a card without a holder."
        )
    if target.customer is None:
        return (
            f"Card {target.card_id} has no holder, and {card.card_id} has one: give it to them with "
            "`refundctl card assign` first."
        )
    return f"Card {target.card_id} belongs to another customer than {card.card_id}: name a card of the same holder."


def _refuse_target(desk: Desk, card: Card, target: Card) -> None:
    """Raise Unsuitable, NotActive, Disabled or CardExpired where nothing may come onto a card."""
    if target.campaign != card.campaign:
        raise refusals.Unsuitable(
            f"Card {target.card_id} is of the campaign {target.campaign_name}, and {card.card_id} of "
            f"{card.campaign_name}: name a card of the same campaign."
        )
    if target.state.is_dead:
        raise refusals.NotActive(f"Card {target.card_id} {state_in_words(target)}: name another one with --to.")
    if target.state is CardState.FROZEN:
        raise refusals.Disabled(f"Card {target.card_id} {state_in_words(target)}: name another one with --to.")
    if target.state is CardState.DISABLED and target.handed_out_by is None:
        raise refusals.Disabled(f"Card {target.card_id} is disabled: `refundctl card enable` comes first.")
    if target.has_expired(desk.now):
        raise refusals.CardExpired(f"Card {target.card_id} expired on {target.expires_on}: name another one with --to.")
