"""How amounts are rounded: each percentage of an amount half up, by itself, before anything is added to it.

Nothing else in a policy makes parts of a minor unit: fees, bonuses and their shares of a total are sums and limits of
whole ones. The rule is SQL, since the ledger works out all lines in one statement (see policy_as_sql).
"""

from refundctl.domain.campaigns.refund_policy import Percentage


def fee_of(minor: str, percentage: Percentage) -> str:
    """SQL for this much of `minor` (SQL for an amount of zero or more), half up, that a fee keeps."""
    return _half_up(minor, percentage)


def bonus_of(minor: str, percentage: Percentage) -> str:
    """SQL for this much of `minor` (SQL for an amount of zero or more), half up, that a bonus gives on top."""
    return _half_up(minor, percentage)


def _half_up(minor: str, percentage: Percentage) -> str:
    # In steps that no amount makes too large for SQLite's integers.
    n, d = percentage.numerator, percentage.denominator
    return f"(({minor}) / {d} * {n} + (({minor}) % {d} * {2 * n} + {d}) / {2 * d})"
