"""What the desk refuses: a class for each reason, and the words and checks that several deeds share.

A new refusal at the desk begins here; `docs/exit-codes.md` lists the codes.
"""

from collections.abc import Mapping, Sequence

from refundctl.domain.basics.errors import BadInput, RefundctlError, Refused, RowProblem
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import Card
from refundctl.operations.campaigns.pause import CampaignPaused


class CardUnknown(Refused, code="resource_not_found"):
    """There is no such card."""


class CustomerUnknown(Refused, code="resource_not_found"):
    """There is no such customer."""


class OtherCurrency(Refused, code="currency_mismatch"):
    """The amount is in another currency than the card."""


class KeyConflict(Refused, code="idempotency_conflict"):
    """The idempotency key was used for something else."""


class NotActive(Refused, code="voucher_not_active"):
    """The card is dead, or not alive yet."""


class Disabled(Refused, code="voucher_disabled"):
    """The card is blocked."""


class CardExpired(Refused, code="voucher_expired"):
    """The card's last valid day is over."""


class Locked(Refused, code="voucher_locked"):
    """Too many wrong PINs were tried."""


class OutsideHours(Refused, code="outside_validity_timeframe"):
    """The campaign's cards are not valid at this hour, or on this day of the week."""


class WrongCustomer(Refused, code="customer_rules_violated"):
    """Somebody else than the card's holder, or nobody, was named."""


class CustomerMissing(WrongCustomer):
    """Nobody was named: a door gives the advice how."""


class PinRequired(Refused, code="pin_required"):
    """The card has a PIN, and none was given."""


class PinWrong(Refused, code="pin_wrong"):
    """The PIN is another."""


class InvoiceRequired(Refused, code="invoice_required"):
    """The campaign asks for an invoice number."""


class InvoiceUsed(Refused, code="invoice_already_used"):
    """The invoice number was used on this card before."""


class OrderRefused(Refused, code="order_rules_violated"):
    """The order's total is missing, too small, or less than what is to be taken."""


class OrderTotalMissing(OrderRefused):
    """No total was named: a door gives the advice how."""


class QuantityExceeded(Refused, code="quantity_exceeded"):
    """The card was redeemed as often as it may be."""


class BalanceTooLow(Refused, code="gift_amount_exceeded"):
    """The card holds less."""


class RedemptionUnknown(Refused, code="resource_not_found"):
    """There is no such transaction, or it is of no redemption."""


class RolledBack(Refused, code="already_rolled_back"):
    """The redemption was given back before."""


class MoreThanTaken(Refused, code="rollback_exceeds_redemption"):
    """More is to be given back than was taken."""


class Unsuitable(Refused, code="no_voucher_suitable_for_publication"):
    """The card named with --to can't take this balance."""


class PoolEmpty(Refused, code="no_voucher_suitable_for_publication"):
    """The campaign makes no cards, and none of its pool is left."""


# Of a file that names cards


class _RowsWrong(RefundctlError):
    """Some rows of a file can't be done, so nothing of it was."""

    they_are = "wrong"

    def __init__(self, path: str, problems: Sequence[RowProblem]) -> None:
        rows = "1 row is" if len(problems) == 1 else f"{len(problems):,} rows are"
        super().__init__(
            f"{path}: {rows} {self.they_are}, so nothing was done; fix or take out what is listed, and run the same "
            "command again."
        )
        self.path, self.problems = path, problems

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """Each row."""
        return [
            {"code": each.code, "message": each.message, "path": self.path, "line": each.line} for each in self.problems
        ]


class BulkRefused(Refused, _RowsWrong, code="rows_refused"):
    """Rules refuse some rows of a file."""

    they_are = "refused"


class BulkMalformed(BadInput, _RowsWrong, code="rows_malformed"):
    """Some rows of a file can't be read."""


# What several deeds refuse


def state_in_words(card: Card, state: CardState | None = None) -> str:
    """Why nothing can be done with a card, such as `is disabled`; `state` where not the first that holds is meant."""
    return {
        CardState.DEACTIVATED: "was deactivated for good",
        CardState.TRANSFERRED: f"is dead, as its balance has moved to card c{card.successor}",
        CardState.CASHED_OUT: "is dead, as its balance was paid out in cash",
        CardState.FROZEN: "is frozen, as its balance is to be paid out in cash",
        CardState.DISABLED: "is disabled",
        CardState.UNASSIGNED: "waits in the pool, neither activated nor given to a customer",
        CardState.EXPIRED: f"expired on {card.expires_on}",
        CardState.LOCKED: "is locked after too many wrong PINs",
    }.get(state or card.state, "can be used")


def refuse_paused(card: Card) -> None:
    """Raise CampaignPaused: nothing is handed out then."""
    if card.pause is not None:
        raise CampaignPaused(
            f"{card.campaign_name} is paused {card.pause}: no card is handed out until "
            f"`refundctl resume {card.campaign_name}`."
        )


def refuse_dead(card: Card) -> None:
    """Raise NotActive where nothing will ever be bought with the card again."""
    if card.state.is_dead:
        raise NotActive(f"Card {card.card_id} {state_in_words(card)}: take another one.")


def refuse_frozen(card: Card) -> None:
    """Raise Disabled where the balance is to be paid out in cash."""
    if card.state is CardState.FROZEN:
        raise Disabled(f"Card {card.card_id} {state_in_words(card)}: `refundctl cashout cancel` gives it back first.")


def refuse_blocked(card: Card) -> None:
    """Raise Disabled where a card is frozen, or disabled for now."""
    refuse_frozen(card)
    if card.state is CardState.DISABLED:
        raise Disabled(f"Card {card.card_id} is disabled: `refundctl card enable` comes first.")
