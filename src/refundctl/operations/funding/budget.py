"""What a campaign may give in all, held inside the transaction that posts: refused whole, or warned of."""

from collections.abc import Iterator
from dataclasses import dataclass

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import amount_for_people
from refundctl.domain.campaigns.refund_policy import Percentage
from refundctl.ledger.file.connection import Ledger
from refundctl.ledger.funding import budgets
from refundctl.operations.campaigns.terms import Terms


class BudgetExceeded(Refused, code="budget_exceeded"):
    """A step would give more than the campaign's budget."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure of a budget and what is used of it: minor units, or cards."""

    name: str
    limit: int
    used: int
    currency: str | None

    @property
    def left(self) -> int:
        """What may still be given; never below zero, as a budget may be made smaller later."""
        return max(0, self.limit - self.used)

    @property
    def exceeded(self) -> bool:
        """Whether more is used than there is."""
        return self.used > self.limit

    def warns_at(self, percentage: Percentage) -> bool:
        """Whether this much of it is used."""
        return self.used * percentage.denominator >= self.limit * percentage.numerator

    def shown(self, figure: int) -> str:
        """A figure for people."""
        return (
            f"{figure:,} card{'' if figure == 1 else 's'}"
            if self.currency is None
            else amount_for_people(figure, self.currency)
        )


def limits(terms: Terms, used: budgets.Used) -> Iterator[Limit]:
    """The campaign's limits for all cards together."""
    budget, currency = terms.budget, terms.stored.currency
    for name, limit, figure, unit in (
        ("total", budget.total_minor, used.total_minor, currency),
        ("bonus", budget.bonus_minor, used.bonus_minor, currency),
        ("cards", budget.cards, used.cards, None),
    ):
        if limit is not None:
            yield Limit(name, limit, figure, unit)


def check_amounts(ledger: Ledger, terms: Terms) -> list[str]:
    """Hold what is posted against `total` and `bonus`; give warnings. Raises BudgetExceeded."""
    return _check(ledger, terms, {"total", "bonus"})


def check_cards(ledger: Ledger, terms: Terms) -> list[str]:
    """Hold the cards that are published against `cards`; give warnings. Raises BudgetExceeded."""
    return _check(ledger, terms, {"cards"})


def warnings_of(terms: Terms, used: budgets.Used) -> list[str]:
    """A sentence for each limit of which `warn_at` per cent are used."""
    return [_warning(terms, limit) for limit in limits(terms, used) if _warns(terms, limit)]


def _check(ledger: Ledger, terms: Terms, names: set[str]) -> list[str]:
    budget = terms.budget
    wanted = {"total": budget.total_minor, "bonus": budget.bonus_minor, "cards": budget.cards}
    if all(wanted[name] is None for name in names):
        return []
    used = budgets.used(ledger.connection, terms.stored.campaign_id)
    found = [limit for limit in limits(terms, used) if limit.name in names]
    for limit in found:
        if limit.exceeded:
            raise BudgetExceeded(
                f"{terms.stored.name} would come to {limit.shown(limit.used)} and its budget.{limit.name} is "
                f"{limit.shown(limit.limit)}: nothing was posted; take fewer bookings or cards, or raise the budget and store it "
                f"with `refundctl create {terms.stored.name}`.",
                limit=limit.limit,
                would_be=limit.used,
                budget=limit.name,
            )
    return [_warning(terms, limit) for limit in found if _warns(terms, limit)]


def _warns(terms: Terms, limit: Limit) -> bool:
    at = terms.budget.warn_at
    return at is not None and limit.warns_at(at)


def _warning(terms: Terms, limit: Limit) -> str:
    return (
        f"{terms.stored.name} has used {limit.shown(limit.used)} of its budget.{limit.name}, {limit.shown(limit.limit)}: "
        f"{limit.shown(limit.left)} left."
    )
