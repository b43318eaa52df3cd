"""Codes in words for people; JSON, exports and the journal keep the codes."""

_WORDS = {
    "cash_only": "owed in cash",
    "no_voucher_suitable_for_publication": "no card left",
    "not_published": "no card yet",
    "nothing_left": "nothing left after fees",
    "offer_none": "no offer",
    "per_card": "over the card's cap",
    "per_customer": "over the customer's cap",
    # Why a till's redemption is rejected; elsewhere a whole sentence is told.
    "customer_rules_violated": "another customer's card",
    "gift_amount_exceeded": "above the balance",
    "order_rules_violated": "order too small",
    "outside_validity_timeframe": "not valid then",
    "resource_not_found": "no such card",
    "voucher_disabled": "card disabled",
    "voucher_expired": "card expired",
    # Why something was refused with a card.
    "already_rolled_back": "given back before",
    "budget_exceeded": "over the budget",
    "currency_mismatch": "other currency",
    "idempotency_conflict": "key used before",
    "invoice_already_used": "invoice used before",
    "invoice_required": "no invoice number",
    "not_cancellable": "can't be cancelled",
    "pin_wrong": "wrong PIN",
    "quantity_exceeded": "redeemed too often",
    "rollback_exceeds_redemption": "more than was taken",
    "pin_required": "no PIN",
    "voucher_locked": "card locked",
    "voucher_not_active": "card not active",
}

# What was refused with a card or for a person may have been any deed, so these say no more than the code does.
_OF_ANY_DEED = {
    "customer_rules_violated": "only for its holder",
    "no_voucher_suitable_for_publication": "no suitable card",
    "resource_not_found": "not found",
    "voucher_disabled": "blocked",
    "voucher_expired": "expired",
}


def in_words(code: str) -> str:
    """A code, such as a state, a reason or a column, as people read it."""
    return _WORDS.get(code, code.replace("_", " "))


def refusal_in_words(code: str) -> str:
    """The code of what was refused, whatever was to be done."""
    return _OF_ANY_DEED.get(code, in_words(code))
