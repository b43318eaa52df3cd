"""The refund policy: what is kept back, what comes on top, and who gets a card, cash or nothing.

Read from the plain values of a stored definition, so that it needs no validation and no pydantic; campaign_rules has
checked them. All amounts are integers in minor units of the campaign's currency. What the rules come to the ledger
works out for all refund lines at once: ledger.funding.policy_as_sql; each percentage of an amount is rounded by itself
before parts are added: ledger.funding.rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from refundctl.domain.basics.money import minor_or_none
from refundctl.domain.basics.validity import Duration
from refundctl.domain.campaigns.conditions import Condition

GIFT_CARD, CASH, NONE = "gift_card", "cash", "none"
FIRST, BEST, SUM = "first", "best", "sum"

#: Decimals that a percentage may have, such as 7.1234.
PERCENTAGE_DECIMALS_MAX = 4


@dataclass(frozen=True, slots=True)
class Percentage:
    """Hundredths as a fraction of whole numbers: 7.5 is 75 / 1000."""

    numerator: int = 0
    denominator: int = 100

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `7.5` stands for; campaign definitions hold no other texts."""
        whole, _, fraction = text.partition(".")
        return cls(int(whole + fraction), 100 * 10 ** len(fraction))


@dataclass(frozen=True, slots=True)
class Rule:
    """A fee or a bonus; only a fee has `per_ticket_minor`, a bonus `at_most_minor` (of a refund) and `total_minor`."""

    name: str
    when: Condition
    fixed_minor: int = 0
    percentage: Percentage = Percentage()
    per_ticket_minor: int = 0
    at_most_minor: int | None = None
    total_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What the bookings that match get: GIFT_CARD, CASH or NONE."""

    when: Condition
    offer: str


@dataclass(frozen=True, slots=True)
class ValidityRule:
    """How long the cards of bookings that match are valid; `until_end_of` is `month`, `quarter`, `year` or None."""

    when: Condition
    duration: Duration
    until_end_of: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """All that a campaign says of amounts; `stacking` is FIRST, BEST or SUM."""

    fees: tuple[Rule, ...] = ()
    bonuses: tuple[Rule, ...] = ()
    stacking: str = BEST
    offers: tuple[Offer, ...] = ()
    requires_acceptance: bool = False
    validity: tuple[ValidityRule, ...] = ()

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], currency: str) -> Self:
        """The policy of a definition's plain values; one of an older version has none of these keys."""
        refund = terms.get("refund") or {}
        return cls(
            fees=tuple(_rule(rule, currency) for rule in refund.get("fees", ())),
            bonuses=tuple(_rule(rule, currency) for rule in refund.get("bonuses", ())),
            stacking=refund.get("bonus_stacking", BEST),
            offers=tuple(Offer(_condition(offer), offer["offer"]) for offer in refund.get("offers", ())),
            requires_acceptance=refund.get("requires_acceptance", False),
            validity=tuple(
                ValidityRule(_condition(rule), Duration.parse(rule["duration"]), rule.get("until_end_of"))
                for rule in terms.get("validity") or ()
            ),
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may give in all, net of undo; None where there is no limit. `warn_at` is a percentage."""

    total_minor: int | None = None
    bonus_minor: int | None = None
    cards: int | None = None
    per_card_minor: int | None = None
    per_customer_minor: int | None = None
    warn_at: Percentage | None = None

    @classmethod
    def from_terms(cls, terms: Mapping[str, Any], currency: str) -> Self:
        """The budget of a definition's plain values."""
        budget = terms.get("budget") or {}
        warn_at = budget.get("warn_at")
        return cls(
            total_minor=minor_or_none(budget.get("total"), currency),
            bonus_minor=minor_or_none(budget.get("bonus"), currency),
            cards=budget.get("cards"),
            per_card_minor=minor_or_none(budget.get("per_card"), currency),
            per_customer_minor=minor_or_none(budget.get("per_customer"), currency),
            warn_at=None if warn_at is None else Percentage.parse(warn_at),
        )


def approval_above_minor(terms: Mapping[str, Any], currency: str) -> int | None:
    """What a campaign's unapproved top-ups may come to together; None where none needs approval."""
    return minor_or_none((terms.get("approval") or {}).get("above"), currency)


def stacked(amounts_minor: Sequence[int], stacking: str) -> list[int]:
    """What each bonus rule gives once they are stacked, in the order of the rules; zero where a rule doesn't apply.

    FIRST is the first rule that gives anything, BEST the one that gives most (of equal ones the first), SUM all.
    """
    if stacking == SUM:
        return list(amounts_minor)
    given = next((at for at, minor in enumerate(amounts_minor) if minor), 0)
    if stacking == BEST:
        given = max(range(len(amounts_minor)), key=amounts_minor.__getitem__, default=0)
    return [minor if at == given else 0 for at, minor in enumerate(amounts_minor)]


def _rule(keys: Mapping[str, Any], currency: str) -> Rule:
    return Rule(
        name=keys["name"],
        when=_condition(keys),
        fixed_minor=minor_or_none(keys.get("fixed"), currency) or 0,
        percentage=Percentage.parse(keys.get("percentage") or "0"),
        per_ticket_minor=minor_or_none(keys.get("per_ticket"), currency) or 0,
        at_most_minor=minor_or_none(keys.get("at_most"), currency),
        total_minor=minor_or_none(keys.get("total"), currency),
    )


def _condition(keys: Mapping[str, Any]) -> Condition:
    return Condition.parse(keys.get("when") or {})
