"""What lies on a card by bucket, paid and bonus: from which a purchase is taken, and to which it is given back."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Buckets:
    """An amount by where on a card it lies: minor units of `paid` and of `bonus`."""

    paid: int = 0
    bonus: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.paid + self.bonus

    def items(self) -> Sequence[tuple[str, int]]:
        """The buckets' names with their amounts, empty ones left out."""
        return [(name, minor) for name, minor in (("paid", self.paid), ("bonus", self.bonus)) if minor]


def taken(amount_minor: int, balance: Buckets, *, bonus_first: bool) -> Buckets:
    """What a purchase takes from each bucket of a card that holds enough."""
    if bonus_first:
        bonus = min(amount_minor, balance.bonus)
        return Buckets(amount_minor - bonus, bonus)
    paid = min(amount_minor, balance.paid)
    return Buckets(paid, amount_minor - paid)


def given_back(amount_minor: int, redeemed: Buckets, *, bonus_first: bool) -> Buckets:
    """What each bucket gets back of a redemption: what was taken last comes back first, as had less been bought."""
    left = taken(redeemed.total - amount_minor, redeemed, bonus_first=bonus_first)
    return Buckets(redeemed.paid - left.paid, redeemed.bonus - left.bonus)
