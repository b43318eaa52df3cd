"""What a campaign may give in all, held inside the transaction that posts: refused whole, or warned of."""

from collections.abc import Iterator
from dataclasses import dataclass

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import amount_for_people
from refundctl.domain.campaigns.refund_policy import Percentage
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding import budgets
from refundctl.operations.campaigns.terms import Terms


class BudgetExceeded(Refused, code="budget_exceeded"):
    """A step would give more than the campaign's budget."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure of a campaign's budget and what is used of it: minor units, or cards."""

    campaign: str
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

    def warns_at(self, percentage: Percentage | None) -> bool:
        """Whether this much of it is used."""
        return percentage is not None and self.used * percentage.denominator >= self.limit * percentage.numerator

    def shown(self, figure: int) -> str:
        """A figure for people."""
        return (
            f"{figure:,} card{'' if figure == 1 else 's'}"
            if self.currency is None
            else amount_for_people(figure, self.currency)
        )

    @property
    def what(self) -> str:
        """What a warning says, without its full stop."""
        return (
            f"{self.campaign} has used {self.shown(self.used)} of its budget.{self.name}, {self.shown(self.limit)}: "
            f"{self.shown(self.left)} left"
        )

    @property
    def warning(self) -> str:
        """A sentence for people."""
        return f"{self.what}."


def limits(terms: Terms, used: budgets.Used) -> Iterator[Limit]:
    """The campaign's limits for all cards together."""
    budget, currency = terms.budget, terms.stored.currency
    for name, limit, figure, unit in (
        ("total", budget.total_minor, used.total_minor, currency),
        ("bonus", budget.bonus_minor, used.bonus_minor, currency),
        ("cards", budget.cards, used.cards, None),
    ):
        if limit is not None:
            yield Limit(terms.stored.name, name, limit, figure, unit)


def check_amounts(ledger: Ledger, terms: Terms) -> list[Limit]:
    """Hold what is posted against `total` and `bonus`; give those that are nearly used up. Raises BudgetExceeded."""
    budget = terms.budget
    return _check(ledger, terms, {"total", "bonus"}, asked=(budget.total_minor, budget.bonus_minor) != (None, None))


def check_cards(ledger: Ledger, terms: Terms) -> list[Limit]:
    """Hold the cards that are published against `cards`; give it where it is nearly used up. Raises BudgetExceeded."""
    return _check(ledger, terms, {"cards"}, asked=terms.budget.cards is not None)


def warnings_of(terms: Terms, used: budgets.Used) -> list[str]:
    """A sentence for each limit of which `warn_at` per cent are used."""
    return [limit.warning for limit in limits(terms, used) if limit.warns_at(terms.budget.warn_at)]


def _check(ledger: Ledger, terms: Terms, names: set[str], *, asked: bool) -> list[Limit]:
    if not asked:
        return []
    used = budgets.used(ledger.connection, terms.stored.campaign_id)
    found = [limit for limit in limits(terms, used) if limit.name in names]
    for limit in found:
        if limit.exceeded:
            raise BudgetExceeded(
                f"{limit.campaign} would reach {limit.shown(limit.used)} and its budget.{limit.name} is "
                f"{limit.shown(limit.limit)}",
                "nothing was posted; take fewer bookings or cards, or raise the budget and store it with "
                f"`refundctl create {limit.campaign}`",
                limit=limit.limit,
                would_be=limit.used,
                budget=limit.name,
            )
    return [limit for limit in found if limit.warns_at(terms.budget.warn_at)]
