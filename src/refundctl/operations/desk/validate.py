"""Whether a card could be redeemed now, and why not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.looking_at_cards import Look
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.redemption_refusals import refuse_redeeming


@dataclass(frozen=True, slots=True)
class Valid:
    """A card that can be redeemed, as it stands in JSON; `needs` is what `card redeem` will ask for besides."""

    facts: Mapping[str, Any]
    needs: Sequence[str]


def validate(seen: Look, intended: Redeem) -> Valid:
    """Raise what `card redeem` would refuse first, by what is known by now; also UsageError and OtherCurrency.

    What it will ask for besides is of `invoice`, `customer`, `order_total` and `pin`.
    """
    card, ledger = seen.card, seen.ledger
    bought = intended.purchase(ledger, card)
    seen.asked.update(asdict(bought))
    refuse_redeeming(ledger, card, bought, ledger.clock.now, check_pin=False, whole=False)
    rules = card.rules
    asked = {
        "invoice": rules.invoice_required and bought.invoice is None,
        "customer": rules.holder_only and bought.customer is None,
        "order_total": rules.minimum_order_minor is not None and bought.order_total_minor is None,
        "pin": card.pin is not None,
    }
    return Valid(card_facts(card), [name for name, needed in asked.items() if needed])
